//! `/audit-events`: who did what in an environment, and whether the log is what was written.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::ok;
use crate::{
    access::Key,
    clock::on_the_wire,
    error::ApiError,
    query::Query,
    state::AppState,
    store::{AuditFilter, StoredAuditEvent},
};

const LIMIT_MAX: u64 = 1000;
const LIMIT_DEFAULT: u64 = 100;

/// `GET /audit-events[?limit=][&before=][&kind=][&actor=][&object=][&changes_only=]`: the newest first.
/// `next` is what `before` must be for the page after this one, or null. With `changes_only`, nothing that
/// was only read or used.
///
/// # Errors
/// 400 `invalid_query_params`.
pub async fn list(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["limit", "before", "kind", "actor", "object", "changes_only"], &[])?;
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let before = query.number("before", 1..=i64::MAX as u64)?;
    let before = before.map(|id| i64::try_from(id).unwrap_or(i64::MAX));
    // What this server has handed out a moment ago as well.
    state.write_reads().await;
    let filter = AuditFilter {
        before,
        limit,
        kind: query.text("kind")?,
        actor: query.text("actor")?,
        changes_only: query.flag("changes_only")?.unwrap_or(false),
        object: query.first("object").map(str::to_owned),
        search: None,
    };
    let events = state.store.audit_events(key.environment(), filter).await?;
    let more = events.len() == limit as usize;
    let next = events.last().filter(|_| more).map(|event| event.id);
    let views: Vec<Value> = events.iter().map(view).collect();
    Ok(ok(&json!({ "data": views, "next": next })))
}

/// `GET /audit-events/check`: walks along all events that are kept. `intact` is false when an event was
/// changed, removed or moved, and `broken_at` then is the first that does not fit; `removed` is how many
/// this server, or another on its database, has removed because of their age.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn check(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    // What was written in the last moments is taken in first.
    state.write_reads().await;
    state.link_audit().await?;
    let report = state.audit_chain.check(state.store.as_ref(), key.environment()).await?;
    Ok(ok(&json!({ "data": {
        "intact": report.broken_at.is_none(),
        "checked": report.checked,
        "removed": report.removed,
        "broken_at": report.broken_at,
    } })))
}

fn view(event: &StoredAuditEvent) -> Value {
    json!({
        "id": event.id,
        "at": on_the_wire(event.at),
        "actor": event.actor,
        "action": event.action,
        "object": event.object,
        "request_id": event.request_id,
        "address": event.address,
    })
}
