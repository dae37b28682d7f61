//! The PostgreSQL that tests use: a cluster whose URL is in `KEYSLOT_TEST_POSTGRES`, which
//! `scripts/postgres.mjs` starts. Without it, tests that need one say so and do nothing.

use std::{io::Write, sync::Once};

use tokio_postgres::NoTls;

/// The variable with the URL of a database in which schemas may be made.
const VARIABLE: &str = "KEYSLOT_TEST_POSTGRES";

/// The URL of the database, if there is one.
pub(crate) fn url() -> Option<String> {
    static SAID: Once = Once::new();
    let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        SAID.call_once(|| {
            // Past the test runner, which keeps back what passing tests print.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: the tests on PostgreSQL, because {VARIABLE} is not set; `npm test` starts a cluster and sets it"
            );
        });
    }
    url
}

/// A schema of its own for one test.
pub(crate) struct Schema {
    name: String,
    url: String,
    database: String,
}

impl Schema {
    /// A new schema, if there is a database.
    pub(crate) async fn new() -> Option<Self> {
        let database = url()?;
        let name = format!("test_{}", uuid::Uuid::new_v4().simple());
        let mark = if database.contains('?') { '&' } else { '?' };
        let url = format!("{database}{mark}options=-csearch_path%3D{name}");
        let schema = Self { url, database, name };
        schema.run(&format!("create schema {}", schema.name)).await;
        Some(schema)
    }

    /// The URL of the database in which this schema is the only one that is seen.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements in it.
    pub(crate) async fn run(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    }

    /// Drops it; one of a test that failed goes with the cluster.
    pub(crate) async fn remove(self) {
        let drop = format!("set client_min_messages = warning; drop schema {} cascade", self.name);
        let whole = Self { url: self.database.clone(), ..self };
        whole.run(&drop).await;
    }
}
