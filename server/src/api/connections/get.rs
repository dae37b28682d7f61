//! `GET /connections/{connectionId}?provider_config_key=`: a backend reads a credential.

use axum::{extract::State, response::Response};
use serde_json::Value;

use super::{Named, existing, not_found, view};
use crate::{
    access::Key,
    api::ok,
    contents::Contents,
    error::ApiError,
    query::Query,
    segment::Segment,
    state::{AppState, Server},
};

/// The credential of a connection. The three refresh options of existing clients are accepted; for API
/// keys and Basic credentials there is nothing to refresh.
///
/// # Errors
/// 400 `unknown_provider_config`, `invalid_query_params`, `invalid_uri_params`; 404 `not_found`; 503 when
/// it cannot be recorded and must be.
pub async fn get(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    const REFRESH: [&str; 3] = ["force_refresh", "refresh_token", "refresh_github_app_jwt_token"];
    query.only(&[&["provider_config_key"], REFRESH.as_slice()].concat(), &[])?;
    for option in REFRESH {
        query.flag(option)?;
    }
    let named = Named::read(&id, &query)?;
    let view = read(&state, key.environment(), &named).await?;
    state.note_read(key.audit("connection.read", named.object(), state.clock.now())).await?;
    Ok(ok(&view))
}

/// Reads and opens a connection, and notes that it was read.
pub(crate) async fn read(
    server: &Server,
    environment: &str,
    named: &Named,
) -> Result<Value, ApiError> {
    let found =
        server.store.connection(environment, named.integration.as_str(), named.id.as_str()).await?;
    let connection = existing(found, &named.integration, not_found())?;
    let contents = Contents::open(
        server,
        environment,
        named.integration.as_str(),
        named.id.as_str(),
        &connection.sealed,
    )?;
    let now = server.clock.now();
    server.fetched.note(connection.summary.id, now);
    Ok(view(&connection, &contents, Some(now)))
}
