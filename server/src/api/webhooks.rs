//! `/webhooks`: what was sent to an environment's addresses, what is on its way, what failed; and
//! sending it once more.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::ok;
use crate::{
    access::Key,
    clock::on_the_wire,
    error::ApiError,
    issue::{Issue, at},
    model::{Object, Webhook, WebhookStatus},
    query::Query,
    segment::Segment,
    state::AppState,
    store::WebhookFilter,
};

const LIMIT_MAX: u64 = 200;
const LIMIT_DEFAULT: u64 = 50;

/// `GET /webhooks[?status=][&limit=][&before=]`: the newest first, without their bodies. `before` is the
/// id of the last one of the page before.
///
/// # Errors
/// 400 `invalid_query_params`.
pub async fn list(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["status", "limit", "before"], &[])?;
    let status = match query.first("status") {
        None => None,
        Some(word) => Some(WebhookStatus::of(word).ok_or_else(|| {
            let words = WebhookStatus::ALL.map(WebhookStatus::word);
            ApiError::query(Issue::not_one_of(at(["status"]), &words))
        })?),
    };
    let limit = query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let filter = WebhookFilter {
        status,
        before: query.text("before")?,
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
        ..WebhookFilter::default()
    };
    let webhooks = state.store.webhooks(key.environment(), filter).await?;
    let views: Vec<Value> = webhooks.iter().map(|webhook| Value::Object(view(webhook))).collect();
    Ok(ok(&json!({ "data": views })))
}

/// `GET /webhooks/{webhookId}`: one, with its body.
///
/// # Errors
/// 404 `not_found`.
pub async fn get(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let filter = WebhookFilter { id: Some(id), limit: 1, ..WebhookFilter::default() };
    let webhook = state.store.webhooks(key.environment(), filter).await?.pop();
    let webhook = webhook.ok_or_else(unknown)?;
    let mut view = view(&webhook);
    let body = serde_json::from_str(&webhook.body).map_err(ApiError::internal)?;
    view.insert("body".into(), body);
    Ok(ok(&json!({ "data": view })))
}

/// `POST /webhooks/{webhookId}/replay`: sends it once more, under the same id, and tries for a day again.
///
/// # Errors
/// 404 `not_found`.
pub async fn replay(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let now = state.clock.now();
    let audit = key.audit("webhook.replayed", format!("webhook:{id}"), now);
    if !state.store.replay_webhook(key.environment(), &id, now, audit).await? {
        return Err(unknown());
    }
    state.outbox.notify_one();
    Ok(ok(&json!({ "success": true })))
}

fn unknown() -> ApiError {
    ApiError::NotFound("There is no such webhook.".into())
}

fn view(webhook: &Webhook) -> Object {
    let mut view = Object::new();
    view.insert("id".into(), webhook.id.as_str().into());
    view.insert("operation".into(), webhook.operation.word().into());
    view.insert("provider_config_key".into(), webhook.integration.as_str().into());
    view.insert("connection_id".into(), webhook.connection_id.as_str().into());
    view.insert("url".into(), webhook.url.as_str().into());
    view.insert("status".into(), webhook.status.word().into());
    view.insert("attempts".into(), webhook.attempts.into());
    view.insert("created_at".into(), on_the_wire(webhook.created_at).into());
    view.insert("next_attempt_at".into(), json!(webhook.next_at.map(on_the_wire)));
    view.insert("last_attempt_at".into(), json!(webhook.last_at.map(on_the_wire)));
    view.insert("last_status".into(), json!(webhook.last_status));
    view.insert("last_error".into(), json!(webhook.last_error));
    view
}
