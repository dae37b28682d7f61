//! `POST /connections/{connectionId}/verify?provider_config_key=`: asks the provider now.

use axum::{extract::State, response::Response};
use keyslot_providers::Verification;
use serde_json::json;

use super::{Named, existing, health_view, not_found};
use crate::{
    access::Key,
    api::ok,
    error::ApiError,
    model::{Object, Verdict},
    query::Query,
    recheck,
    segment::Segment,
    state::AppState,
};

/// Whether a stored credential works: `verified`, `unchecked` (the provider has no check), or `failed`
/// with the reason and the provider's status; and the health that follows from it.
///
/// # Errors
/// 400 `unknown_provider_config`, `invalid_query_params`, `invalid_uri_params`; 404 `not_found`,
/// `unknown_provider_template`.
pub async fn verify(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["provider_config_key"], &[])?;
    let named = Named::read(&id, &query)?;
    let found = state
        .store
        .connection(key.environment(), named.integration.as_str(), named.id.as_str())
        .await?;
    let connection = existing(found, &named.integration, not_found())?;
    // Who asks is who the audit log names, should the health change.
    let who = key.audit("connection.verified", named.object(), state.clock.now());
    state.note_read(who.clone()).await?;
    let outcome = recheck::check(&state, &connection, Some(&who)).await?;
    let now = outcome.connection.ok_or_else(not_found)?;

    let mut view = Object::new();
    match &outcome.verification {
        Verification::Verified { account } => {
            view.insert("status".into(), "verified".into());
            if let Some(account) = account {
                view.insert("account".into(), account.as_str().into());
            }
        }
        Verification::NoCheck => {
            view.insert("status".into(), Verdict::Unchecked.word().into());
        }
        Verification::Failed { reason, provider_status } => {
            view.insert("status".into(), "failed".into());
            view.insert("reason".into(), reason.as_str().into());
            view.insert("provider_status".into(), json!(provider_status));
        }
    }
    view.insert("health".into(), health_view(&now.summary));
    Ok(ok(&serde_json::Value::Object(view)))
}
