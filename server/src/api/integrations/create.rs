//! `POST /integrations`: enables an API.

use axum::{extract::State, response::Response};
use serde_json::json;

use super::{accept_config, refuse_oauth_settings, view};
use crate::{
    access::Key,
    api::ok,
    body::JsonBody,
    error::{ApiError, Place},
    fields::{Fields, SHORT, read},
    ids::IntegrationKey,
    issue::{Issue, at},
    model::NewIntegration,
    query::Query,
    state::AppState,
    store::Created,
};

/// Makes an integration.
///
/// # Errors
/// 400 `invalid_body`: the schema, an unknown provider (path `provider`), a key that is taken (path
/// `uniqueKey`), settings that the provider does not have.
pub async fn create(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    let provider = fields.string("provider", SHORT);
    let unique_key = fields.string("unique_key", SHORT);
    let display_name = fields.optional_string("display_name", SHORT);
    let forward_webhooks = fields.optional_bool("forward_webhooks").unwrap_or(false);
    let config = fields.optional_object("integration_config");
    refuse_oauth_settings(&mut fields);
    fields.finish()?;
    let unique_key =
        IntegrationKey::parse(&read(unique_key)?, at(["unique_key"])).map_err(ApiError::body)?;

    let catalogue = state.catalogues.of(key.environment());
    let provider = catalogue.get(&read(provider)?).ok_or_else(invalid_provider)?;
    let config = accept_config(&state, provider, &config.unwrap_or_default())
        .map_err(|issues| ApiError::Invalid(Place::Body, issues))?;

    let audit =
        key.audit("integration.created", format!("integration:{unique_key}"), state.clock.now());
    let new = NewIntegration {
        environment: key.environment().to_owned(),
        unique_key,
        provider: provider.name.clone(),
        display_name,
        config,
        forward_webhooks,
        own_provider: state.catalogues.is_own(key.environment(), &provider.name),
    };
    match state.store.create_integration(new, audit).await? {
        Created::New(integration) => Ok(ok(&json!({ "data": view(&state, &integration) }))),
        // It was deleted in this moment.
        Created::NoProvider => Err(invalid_provider()),
        Created::Exists => Err(ApiError::body(Issue {
            code: "invalid_string".into(),
            message: "Unique key already exists".into(),
            path: at(["uniqueKey"]),
        })),
    }
}

fn invalid_provider() -> ApiError {
    ApiError::body(Issue {
        code: "invalid_string".into(),
        message: "Invalid provider".into(),
        path: at(["provider"]),
    })
}
