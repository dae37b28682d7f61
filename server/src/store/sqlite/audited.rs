//! A change and its audit event in one transaction.

use rusqlite::{Connection as Db, params};

use super::engine::SqliteStore;
use crate::{
    model::AuditEvent,
    store::{error::Result, outcome::Outcome, values::millis},
};

impl SqliteStore {
    /// Does `work`, and writes the event that tells of it when it has changed something.
    pub(super) async fn write_audited<T, F>(&self, audit: AuditEvent, work: F) -> Result<T>
    where
        T: Outcome + Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.write(move |db| {
            let outcome = work(db)?;
            if outcome.has_changed() {
                write_event(db, &audit)?;
            }
            Ok(outcome)
        })
        .await
    }
}

pub(super) fn write_event(db: &Db, event: &AuditEvent) -> Result<()> {
    db.prepare_cached(
        "insert into audit_events (at, environment, actor, action, object, request_id, address)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        millis(event.at),
        event.environment,
        event.actor,
        event.action,
        event.object,
        event.request_id,
        event.address.map(|address| address.to_string()),
    ])?;
    Ok(())
}
