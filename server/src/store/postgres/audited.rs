//! A change and its audit event in one transaction.

use deadpool_postgres::Transaction;

use super::sql::execute;
use crate::{
    model::AuditEvent,
    store::{error::Result, values::millis},
};

/// A `transaction!` that does `$work`, and writes the event that tells of it when it has changed something.
macro_rules! audited {
    ($store:expr, $audit:expr, |$db:ident| $work:expr) => {
        $crate::store::postgres::transaction::transaction!($store, |$db| async {
            let outcome = $work.await?;
            if $crate::store::outcome::Outcome::has_changed(&outcome) {
                $crate::store::postgres::audited::write_event($db, &$audit).await?;
            }
            Ok::<_, $crate::store::error::StoreError>(outcome)
        })
    };
}

pub(super) use audited;

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
