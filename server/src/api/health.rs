//! `GET /health`: the process answers. `GET /ready`: it can do its work.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::ok;
use crate::{error::ApiError, state::AppState};

/// Answers as soon as the process does; nothing else is looked at.
pub async fn health() -> Response {
    ok(&json!({ "result": "ok" }))
}

/// Answers when the store can be read.
///
/// # Errors
/// 503 `service_unavailable` when it cannot.
pub async fn ready(State(state): State<AppState>) -> Result<Response, ApiError> {
    state.store.ping().await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        ApiError::Unavailable
    })?;
    Ok(ok(&json!({ "result": "ok" })))
}
