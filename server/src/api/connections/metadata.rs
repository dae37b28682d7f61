//! `POST /connections/metadata` replaces, `PATCH /connections/metadata` merges: a backend's own notes
//! about one or several connections.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    access::Key,
    api::json,
    body::JsonBody,
    error::ApiError,
    fields::{Fields, SHORT, read},
    ids::{ConnectionId, IntegrationKey},
    issue::{Issue, at},
    model::Object,
    query::Query,
    state::{AppState, Server},
    store::{Found, MetadataMode},
};

/// Replaces the metadata of the named connections, all or none.
///
/// # Errors
/// 404 `unknown_connection`, for an integration that does not exist too; 400 `invalid_body`.
pub async fn replace(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let echo = by_body(&state, &key, body, MetadataMode::Replace).await?;
    Ok(json(StatusCode::CREATED, &echo))
}

/// Merges into the metadata of the named connections, all or none; one level deep.
///
/// # Errors
/// As [`replace`].
pub async fn merge(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let echo = by_body(&state, &key, body, MetadataMode::Merge).await?;
    Ok(json(StatusCode::OK, &echo))
}

async fn by_body(
    state: &Server,
    key: &Key,
    body: Option<Value>,
    mode: MetadataMode,
) -> Result<Value, ApiError> {
    let one = matches!(&body, Some(Value::Object(body)) if body.get("connection_id").is_some_and(Value::is_string));
    let mut fields = Fields::of_body(body)?;
    let ids = if one {
        fields.string("connection_id", SHORT).map(|id| vec![id])
    } else {
        fields.optional_list("connection_id", SHORT)
    };
    let integration = fields.string("provider_config_key", SHORT);
    let metadata = fields.object("metadata");
    if ids.is_none() {
        let path = fields.path_of("connection_id");
        fields.refuse(Issue::union(path));
    }
    fields.finish()?;
    let (ids, integration, metadata) = (read(ids)?, read(integration)?, read(metadata)?);

    write(state, key, &integration, &ids, metadata.clone(), mode).await?;
    let echoed = if one { json!(ids.first()) } else { json!(ids) };
    Ok(json!({ "connection_id": echoed, "provider_config_key": integration, "metadata": metadata }))
}

pub(super) async fn write(
    state: &Server,
    key: &Key,
    integration: &str,
    ids: &[String],
    metadata: Object,
    mode: MetadataMode,
) -> Result<(), ApiError> {
    let integration =
        IntegrationKey::parse(integration, at(["provider_config_key"])).map_err(ApiError::body)?;
    let ids = ids
        .iter()
        .map(|id| ConnectionId::parse(id, at(["connection_id"])).map_err(ApiError::body))
        .collect::<Result<Vec<_>, _>>()?;
    let now = state.clock.now();
    let object = match ids.as_slice() {
        [one] => super::object(&integration, one),
        several => format!("integration:{integration} ({} connections)", several.len()),
    };
    let audit = key.audit("connection.metadata_updated", object, now);
    let found = state
        .store
        .write_metadata(key.environment(), integration.as_str(), ids, metadata, mode, now, audit)
        .await?;
    match found {
        Found::Found(()) => Ok(()),
        Found::UnknownIntegration | Found::UnknownConnection => Err(ApiError::UnknownConnection),
    }
}
