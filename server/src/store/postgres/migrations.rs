//! The schema of the database, forward only: each migration runs once, in order, in one transaction
//! with the note that it ran. Servers that start at the same time wait for each other. A schema of a
//! newer server is refused, never touched.

use deadpool_postgres::Client;

use crate::store::error::{Result, StoreError};

/// Two servers that start at once must not migrate at once. The number is ours, and arbitrary
/// (<https://www.postgresql.org/docs/14/explicit-locking.html#ADVISORY-LOCKS>).
const LOCK: i64 = 0x4b53_6c74;

const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/postgres/0001_init.sql"),
    include_str!("../../../migrations/postgres/0002_webhooks_and_health.sql"),
    include_str!("../../../migrations/postgres/0003_keys_and_audit_chain.sql"),
    include_str!("../../../migrations/postgres/0004_own_providers.sql"),
    include_str!("../../../migrations/postgres/0005_key_prefixes_and_lists.sql"),
    include_str!("../../../migrations/postgres/0006_allowances_and_addresses.sql"),
    include_str!("../../../migrations/postgres/0007_audit_retention.sql"),
    include_str!("../../../migrations/postgres/0008_operator_sessions.sql"),
    include_str!("../../../migrations/postgres/0009_unchecked_and_forwarding.sql"),
];

/// Refuses a database that is not exactly of this version.
pub(super) async fn must_be_current(client: &Client) -> Result<()> {
    let sql = "select to_regclass('keyslot_schema') is not null";
    let version: i64 = if client.query_one(sql, &[]).await?.try_get(0)? {
        client
            .query_one("select coalesce(max(version), 0) from keyslot_schema", &[])
            .await?
            .try_get(0)?
    } else {
        0
    };
    if usize::try_from(version) != Ok(MIGRATIONS.len()) {
        return Err(StoreError::Refused(format!(
            "the database has schema {version}, and this program copies schema {}; serve it once with this server, which brings it up to date, or use the server that wrote it",
            MIGRATIONS.len()
        )));
    }
    Ok(())
}

pub(super) async fn run(client: &mut Client) -> Result<()> {
    let transaction = client.transaction().await?;
    // Another server may be at a long migration.
    transaction
        .batch_execute("set local lock_timeout = 0; set local statement_timeout = 0")
        .await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction
        .batch_execute("create table if not exists keyslot_schema (version bigint not null)")
        .await?;
    let version: Option<i64> = transaction
        .query_opt("select version from keyslot_schema", &[])
        .await?
        .map(|row| row.try_get(0))
        .transpose()?;
    let done = usize::try_from(version.unwrap_or(0)).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Refused(format!(
            "the database has schema {done}, and this server knows schemas up to {}; use the newer server that wrote it",
            MIGRATIONS.len()
        )));
    }
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.batch_execute(migration).await?;
    }
    if done < MIGRATIONS.len() {
        let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        let note = if done == 0 {
            "insert into keyslot_schema (version) values ($1)"
        } else {
            "update keyslot_schema set version = $1"
        };
        transaction.execute(note, &[&version]).await?;
        tracing::info!(from = done, to = MIGRATIONS.len(), "the schema was brought up to date");
    }
    transaction.commit().await?;
    Ok(())
}
