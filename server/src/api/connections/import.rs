//! `POST /connections`: a backend stores a credential that it already has.

use axum::{extract::State, response::Response};
use http::StatusCode;
use keyslot_providers::Credential;

use super::view;
use crate::{
    access::Key,
    api::{
        connect::webhook_url,
        credentials::{self, API_KEY_MAX, BASIC_MAX, Intake, Origin},
        end_user::Whose,
        json,
    },
    body::JsonBody,
    error::ApiError,
    fields::{Fields, Length, SHORT, read},
    ids::{ConnectionId, IntegrationKey},
    issue::{Issue, at},
    query::Query,
    state::AppState,
};

/// Checks a credential and stores it; replaces the connection of the same id.
///
/// # Errors
/// 400 `invalid_body` (a credential of another kind than the provider's, too), `connection_test_failed`;
/// 404 `not_found`: no such integration.
pub async fn import(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    let integration = fields.string("provider_config_key", SHORT);
    let connection_id = fields.optional_string("connection_id", SHORT);
    if !fields.has("credentials") {
        let path = fields.path_of("credentials");
        fields.refuse(Issue::invalid_type(path, "object", None));
    }
    let credential = fields.optional_fields("credentials", credential);
    let config = fields.optional_object("connection_config");
    let metadata = fields.optional_object("metadata");
    let webhook_url_override = webhook_url(&mut fields);
    let whose = Whose::read(&mut fields);
    fields.finish()?;

    let intake = Intake {
        integration: IntegrationKey::parse(&read(integration)?, at(["provider_config_key"]))
            .map_err(ApiError::body)?,
        connection: connection_id
            .map(|id| ConnectionId::parse(&id, at(["connection_id"])).map_err(ApiError::body))
            .transpose()?,
        credential: read(credential)?,
        config,
        store_unverified: false,
    };
    let origin = Origin::Backend { key: &key, whose, metadata, webhook_url_override };
    let stored = credentials::store(&state, intake, origin).await?;
    Ok(json(StatusCode::CREATED, &view(&stored.connection, &stored.contents, None)))
}

/// Reads `credentials`, a union told apart by `type`.
fn credential(fields: &mut Fields) -> Option<Credential> {
    let kind = fields.string("type", SHORT)?;
    match kind.as_str() {
        "API_KEY" => {
            fields.string("apiKey", Length { min: 1, max: API_KEY_MAX }).map(Credential::api_key)
        }
        "BASIC" => {
            let username = fields.string("username", Length { min: 0, max: BASIC_MAX });
            let password = fields.string("password", Length { min: 0, max: BASIC_MAX });
            Some(Credential::basic(username?, password?))
        }
        _ => {
            let path = fields.path_of("type");
            fields.refuse(Issue::not_one_of(path, &["API_KEY", "BASIC"]));
            None
        }
    }
}
