//! A change and its audit event in one transaction.

use deadpool_postgres::Transaction;

use super::sql::execute;
use crate::{
    model::AuditEvent,
    store::{error::Result, values::millis},
};

pub(super) async fn write_event(db: &Transaction<'_>, event: &AuditEvent) -> Result<()> {
    let sql =
        "insert into audit_events (at, environment, actor, action, object, request_id, address)
         values ($1, $2, $3, $4, $5, $6, $7)";
    execute(
        db,
        sql,
        &[
            &millis(event.at),
            &event.environment,
            &event.actor,
            &event.action,
            &event.object,
            &event.request_id,
            &event.address.map(|address| address.to_string()),
        ],
    )
    .await
    .map(drop)
}
