//! The requests under `/connection` whose shape differs from their successors under `/connections`.
//! Kept for clients that still send them.

use axum::{extract::State, response::Response};
use http::{HeaderMap, StatusCode};
use keyslot_providers::Credential;
use serde_json::{Value, json};

use super::metadata::write;
use crate::{
    access::Key,
    api::{
        credentials::{self, API_KEY_MAX, BASIC_MAX, Intake, Origin},
        end_user::Whose,
        json,
    },
    body::JsonBody,
    error::{ApiError, Place},
    fields::{Fields, Length, SHORT, read},
    ids::{ConnectionId, IntegrationKey},
    issue::{Issue, at},
    model::Object,
    query::Query,
    segment::Segment,
    state::{AppState, Server},
    store::MetadataMode,
};

/// `POST /connection`: an import with flat fields (`api_key`, or `username` and `password`). Unlike the
/// original, this checks the credential before storing it, and the echo leaves the credential out.
///
/// # Errors
/// As [`super::import()`].
pub async fn import(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    let integration = fields.string("provider_config_key", SHORT);
    let connection = fields.optional_string("connection_id", SHORT);
    let credential = if fields.has("api_key") {
        fields.string("api_key", Length { min: 1, max: API_KEY_MAX }).map(Credential::api_key)
    } else {
        let username = fields.string("username", Length { min: 0, max: BASIC_MAX });
        let password = fields.string("password", Length { min: 0, max: BASIC_MAX });
        username.zip(password).map(|(username, password)| Credential::basic(username, password))
    };
    let config = fields.optional_object("connection_config");
    let metadata = fields.optional_object("metadata");
    fields.finish()?;

    let integration = IntegrationKey::parse(&read(integration)?, at(["provider_config_key"]))
        .map_err(ApiError::body)?;
    let connection = match connection {
        Some(id) => Some(ConnectionId::parse(&id, at(["connection_id"])).map_err(ApiError::body)?),
        None => None,
    };
    let mut echo = json!({ "provider_config_key": integration.as_str() });
    let intake = Intake {
        integration,
        connection,
        credential: read(credential)?,
        config: config.clone(),
        store_unverified: false,
    };
    let origin = Origin::Backend {
        key: &key,
        whose: Whose::default(),
        metadata: metadata.clone(),
        webhook_url_override: None,
    };
    let stored = credentials::store(&state, intake, origin).await?;
    if let Value::Object(echo) = &mut echo {
        echo.insert(
            "connection_id".into(),
            stored.connection.summary.connection_id.as_str().into(),
        );
        if let Some(metadata) = metadata {
            echo.insert("metadata".into(), Value::Object(metadata));
        }
        if let Some(config) = config {
            echo.insert("connection_config".into(), Value::Object(config));
        }
    }
    Ok(json(StatusCode::CREATED, &echo))
}

/// `POST /connection/{id}/metadata`: the whole body takes the place of the metadata.
///
/// # Errors
/// As [`super::replace_metadata`].
pub async fn set_metadata(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let echo = by_path(&state, &key, id, &query, &headers, body, MetadataMode::Replace).await?;
    Ok(json(StatusCode::CREATED, &Value::Object(echo)))
}

/// `PATCH /connection/{id}/metadata`: the whole body is merged into the metadata.
///
/// # Errors
/// As [`super::merge_metadata`].
pub async fn merge_metadata(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let echo = by_path(&state, &key, id, &query, &headers, body, MetadataMode::Merge).await?;
    Ok(json(StatusCode::OK, &Value::Object(echo)))
}

async fn by_path(
    state: &Server,
    key: &Key,
    id: String,
    query: &Query,
    headers: &HeaderMap,
    body: Option<Value>,
    mode: MetadataMode,
) -> Result<Object, ApiError> {
    query.only(&["provider_config_key"], &[])?;
    let header = headers.get("provider-config-key").and_then(|value| value.to_str().ok());
    let integration = query.first("provider_config_key").or(header).ok_or_else(|| {
        ApiError::Invalid(
            Place::Query,
            vec![Issue::invalid_type(at(["provider_config_key"]), "string", None)],
        )
    })?;
    let Some(Value::Object(metadata)) = body else {
        return Err(ApiError::body(Issue::invalid_type(vec![], "object", body.as_ref())));
    };
    write(state, key, integration, &[id], metadata.clone(), mode).await?;
    Ok(metadata)
}
