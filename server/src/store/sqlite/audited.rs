//! A change and its audit event in one transaction.

use rusqlite::{Connection as Db, params};

use crate::{
    model::AuditEvent,
    store::{error::Result, values::millis},
};

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
