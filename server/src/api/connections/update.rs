//! `PATCH /connections/{connectionId}?provider_config_key=`: changes whose a connection is, its labels
//! and where its webhooks go. Credentials are replaced by reconnecting or importing.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{Named, existing, not_found};
use crate::{
    access::Key,
    api::{connect, end_user::Whose, ok},
    body::JsonBody,
    error::ApiError,
    fields::Fields,
    query::Query,
    segment::Segment,
    state::AppState,
    store::ConnectionChange,
};

/// Changes what is given; labels are replaced as a whole.
///
/// # Errors
/// 400 `unknown_provider_config`, `invalid_body`; 404 `not_found`.
pub async fn update(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&["provider_config_key"], &[])?;
    let mut fields = Fields::of_body(body)?;
    let whose = Whose::read(&mut fields);
    let webhook_url_override = connect::webhook_url(&mut fields);
    fields.finish()?;
    let named = Named::read(&id, &query)?;

    let at = state.clock.now();
    let owner = whose.owner();
    let change = ConnectionChange {
        owner,
        end_user: whose.end_user,
        tags: whose.tags,
        webhook_url_override,
    };
    let audit = key.audit("connection.updated", named.object(), at);
    let found = state
        .store
        .update_connection(
            key.environment(),
            named.integration.as_str(),
            named.id.as_str(),
            change,
            at,
            audit,
        )
        .await?;
    existing(found, &named.integration, not_found())?;
    Ok(ok(&json!({ "success": true })))
}
