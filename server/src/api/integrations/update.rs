//! `PATCH /integrations/{uniqueKey}`: changes what is given, keeps the rest.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{accept_config, refuse_oauth_settings, unknown, view};
use crate::{
    access::Key,
    api::ok,
    body::JsonBody,
    error::{ApiError, Place},
    fields::{Fields, SHORT},
    ids::IntegrationKey,
    issue::at,
    model::IntegrationChange,
    query::Query,
    segment::Segment,
    state::AppState,
    store::IntegrationUpdate,
};

/// Changes an integration.
///
/// # Errors
/// 404 `not_found`; 400 `invalid_body`: the schema, a key that is taken, another key while there are
/// connections, settings that the provider does not have.
pub async fn update(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    let unique_key = fields.optional_string("unique_key", SHORT);
    let display_name = fields.nullable_string("display_name", SHORT);
    let forward_webhooks = fields.optional_bool("forward_webhooks");
    let config = fields.optional_object("integration_config");
    refuse_oauth_settings(&mut fields);
    fields.finish()?;
    let unique_key = unique_key
        .map(|text| IntegrationKey::parse(&text, at(["unique_key"])).map_err(ApiError::body))
        .transpose()?;

    let name = IntegrationKey::parse(&name, at(["uniqueKey"])).map_err(ApiError::uri)?;
    let config = match config {
        Some(config) => {
            let integration = state
                .store
                .integration(key.environment(), name.as_str())
                .await?
                .ok_or_else(|| unknown(name.as_str()))?;
            let catalogue = state.catalogues.of(key.environment());
            let provider = catalogue
                .get(&integration.provider)
                .ok_or_else(|| ApiError::UnknownProviderTemplate(integration.provider.clone()))?;
            let config = accept_config(&state, provider, &config)
                .map_err(|issues| ApiError::Invalid(Place::Body, issues))?;
            Some(config)
        }
        None => None,
    };

    let audit = key.audit("integration.updated", format!("integration:{name}"), state.clock.now());
    let change =
        IntegrationChange { unique_key, display_name, config, forward_webhooks, seen: None };
    match state.store.update_integration(key.environment(), name.as_str(), change, audit).await? {
        IntegrationUpdate::Changed(integration) => Ok(ok(&json!({ "data": view(&state, &integration) }))),
        IntegrationUpdate::Unknown => Err(unknown(name.as_str())),
        // Only of a change that says what was seen.
        IntegrationUpdate::NotAsSeen => Err(ApiError::internal("a change was refused that names nothing seen")),
        IntegrationUpdate::KeyTaken => Err(ApiError::InvalidBody("This unique_key belongs to another integration".into())),
        IntegrationUpdate::HasConnections => Err(ApiError::InvalidBody(
            "The unique_key cannot change while there are connections; delete them first, or make a new integration"
                .into(),
        )),
    }
}
