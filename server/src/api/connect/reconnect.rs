//! `POST /connect/sessions/reconnect`: a session that replaces the credential of one connection.

use axum::{extract::State, response::Response};

use super::create::{Terms, mint};
use crate::{
    access::Key,
    body::JsonBody,
    error::ApiError,
    fields::{Fields, SHORT, read},
    model::Target,
    query::Query,
    state::AppState,
    store::Found,
};

/// Makes a session for an existing connection. What is not given (tags, end user) stays as it is.
///
/// # Errors
/// 400 `invalid_body`: the schema, or a connection that does not exist.
pub async fn reconnect(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    let connection = fields.string("connection_id", SHORT);
    let integration = fields.string("integration_id", SHORT);
    let mut terms = Terms::read(&mut fields);
    terms.check_integrations(&mut fields, &state, key.environment(), None).await?;
    fields.finish()?;
    let (connection, integration) = (read(connection)?, read(integration)?);

    if !matches!(
        state.store.connection(key.environment(), &integration, &connection).await?,
        Found::Found(_)
    ) {
        return Err(ApiError::InvalidBody("ConnectionID or IntegrationId does not exists".into()));
    }
    let target = Target::Reconnect { integration: integration.clone(), connection };
    let session = terms.into_session(target, Some(vec![integration]), false);
    let minted = mint(&state, key.environment(), session, |object, at| {
        key.audit("connect_session.created", object, at)
    })
    .await?;
    Ok(minted.answer(&state))
}
