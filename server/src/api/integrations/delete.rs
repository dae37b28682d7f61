//! `DELETE /integrations/{uniqueKey}`: deletes an integration and its connections.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::unknown;
use crate::{
    access::Key, api::ok, error::ApiError, ids::IntegrationKey, issue::at, query::Query,
    segment::Segment, state::AppState,
};

/// Deletes an integration and all connections of it.
///
/// # Errors
/// 404 `not_found`.
pub async fn delete(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let name = IntegrationKey::parse(&name, at(["uniqueKey"])).map_err(ApiError::uri)?;
    let audit = key.audit("integration.deleted", format!("integration:{name}"), state.clock.now());
    if state.store.delete_integration(key.environment(), name.as_str(), audit).await? {
        Ok(ok(&json!({ "success": true })))
    } else {
        Err(unknown(name.as_str()))
    }
}
