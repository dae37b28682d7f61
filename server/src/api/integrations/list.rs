//! `GET /integrations`: all integrations; with a session token, those it may be used for.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::view;
use crate::{access::Caller, api::ok, error::ApiError, query::Query, state::AppState};

/// Lists integrations, oldest first.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let integrations = state.store.integrations(caller.environment()).await?;
    let visible: Vec<Value> = integrations
        .iter()
        .filter(|integration| caller.may_see(integration.unique_key.as_str()))
        .map(|integration| view(&state, integration))
        .collect();
    Ok(ok(&json!({ "data": visible })))
}
