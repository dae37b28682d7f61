//! The pool of connections, and the look-ups that share it.

use std::path::Path;

use async_trait::async_trait;
use deadpool_postgres::{Client, Pool};

use super::{
    gathered::Gathered,
    look_ups::{ConnectionByName, KeyByHash, SessionByHash},
    migrations, pool,
};
use crate::{
    metrics::CommitTimes,
    store::{Store, error::Result},
};

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    pub(super) commit_times: CommitTimes,
    pub(super) keys: Gathered<KeyByHash>,
    pub(super) sessions: Gathered<SessionByHash>,
    pub(super) connections: Gathered<ConnectionByName>,
}

impl PostgresStore {
    /// Connects to the database at `url` (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`) and brings its
    /// schema up to date.
    ///
    /// The connection is encrypted and the certificate checked, unless the database is on this machine
    /// or the URL says `sslmode=disable`. `authority` is a PEM file of the certificates that the
    /// database's may come from, instead of the public ones.
    ///
    /// # Errors
    /// [`crate::store::StoreError::Refused`] when the URL cannot be read, the database cannot be reached, is older
    /// than 14 or not in UTF-8, or its schema belongs to a newer server. The text holds nothing of the
    /// URL but host names.
    pub async fn open(url: &str, authority: Option<&Path>) -> Result<Self> {
        let pool = pool::connect(url, authority).await?;
        migrations::run(&mut pool.get().await?).await?;
        Ok(Self {
            commit_times: CommitTimes::default(),
            keys: Gathered::new(pool.clone()),
            sessions: Gathered::new(pool.clone()),
            connections: Gathered::new(pool.clone()),
            pool,
        })
    }

    pub(super) async fn client(&self) -> Result<Client> {
        Ok(self.pool.get().await?)
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<()> {
        self.client().await?.simple_query("select 1").await?;
        Ok(())
    }

    fn commit_times(&self) -> CommitTimes {
        self.commit_times.clone()
    }

    async fn close(&self) {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
        self.pool.close();
        // Connections in use go when their transaction ends.
        let idle = async {
            while self.pool.status().size > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, idle).await.is_err() {
            tracing::warn!("transactions were still running when the store was closed");
        }
    }
}
