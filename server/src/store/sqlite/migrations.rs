//! The schema of the file, forward only: each migration runs once, in order, in one transaction with
//! the note that it ran. A file of a newer server or of another program is refused, never touched.

use std::path::Path;

use rusqlite::{Connection as Db, TransactionBehavior};

use crate::store::error::{Result, StoreError};

/// "KSlt": marks the file as ours (<https://www.sqlite.org/pragma.html#pragma_application_id>).
const APPLICATION_ID: i32 = 0x4b53_6c74;

const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_init.sql"),
    include_str!("../../../migrations/sqlite/0002_webhooks_and_health.sql"),
    include_str!("../../../migrations/sqlite/0003_keys_and_audit_chain.sql"),
    include_str!("../../../migrations/sqlite/0004_own_providers.sql"),
    include_str!("../../../migrations/sqlite/0005_key_prefixes_and_lists.sql"),
    include_str!("../../../migrations/sqlite/0006_allowances_and_addresses.sql"),
    include_str!("../../../migrations/sqlite/0007_audit_retention.sql"),
    include_str!("../../../migrations/sqlite/0008_operator_sessions.sql"),
    include_str!("../../../migrations/sqlite/0009_unchecked_and_forwarding.sql"),
];

/// Refuses a file that is not exactly of this version.
pub(super) fn must_be_current(db: &Db, path: &Path) -> Result<()> {
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(StoreError::Refused(format!(
            "{} is a database of another program",
            path.display()
        )));
    }
    if usize::try_from(version) != Ok(MIGRATIONS.len()) {
        return Err(StoreError::Refused(format!(
            "{} has schema {version}, and this program copies schema {}; serve it once with this server, which brings it up to date, or use the server that wrote it",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    Ok(())
}

pub(super) fn run(db: &mut Db, path: &Path) -> Result<()> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let application: i32 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 =
        transaction.query_row("select count(*) from sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(StoreError::Refused(format!(
            "{} is a database of another program",
            path.display()
        )));
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(StoreError::Refused(format!(
            "{} has schema {version}, and this server knows schemas up to {}; use the newer server that wrote it",
            path.display(),
            MIGRATIONS.len()
        )));
    }
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration)?;
    }
    if done < MIGRATIONS.len() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(
            None,
            "user_version",
            i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
        )?;
        tracing::info!(from = done, to = MIGRATIONS.len(), "the schema was brought up to date");
    }
    transaction.commit()?;
    Ok(())
}
