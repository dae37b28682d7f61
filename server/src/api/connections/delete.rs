//! `DELETE /connections/{connectionId}?provider_config_key=`.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{Named, existing};
use crate::{
    access::Key, api::ok, error::ApiError, query::Query, segment::Segment, state::AppState,
};

/// Deletes a connection and its credential.
///
/// # Errors
/// 400 `unknown_provider_config`, `unknown_connection`.
pub async fn delete(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["provider_config_key"], &[])?;
    let named = Named::read(&id, &query)?;
    let audit = key.audit("connection.deleted", named.object(), state.clock.now());
    let found = state
        .store
        .delete_connection(key.environment(), named.integration.as_str(), named.id.as_str(), audit)
        .await?;
    existing(found, &named.integration, ApiError::NothingToDelete)?;
    Ok(ok(&json!({ "success": true })))
}
