//! The catalogue, as clients read it.

use axum::{extract::State, response::Response};
use keyslot_providers::Provider;
use serde_json::{Map, Value, json};

use super::ok;
use crate::{
    access::Caller,
    error::ApiError,
    model::Object,
    query::Query,
    segment::Segment,
    state::{AppState, Server},
};

/// `GET /providers[?search=]`: all providers, or those whose name holds the text in any case.
///
/// # Errors
/// 400 `invalid_query_params` for other query keys.
pub async fn list(
    State(state): State<AppState>,
    _: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["search"], &[])?;
    let search = query.first("search").unwrap_or_default().to_lowercase();
    let found: Vec<Value> = state
        .catalogue
        .iter()
        .filter(|provider| {
            provider.name.to_lowercase().contains(&search)
                || provider.display_name.to_lowercase().contains(&search)
        })
        .map(|provider| view(&state, provider, provider.template.clone()))
        .collect();
    Ok(ok(&json!({ "data": found })))
}

/// `GET /providers/{provider}`: one provider with its whole template.
///
/// # Errors
/// 404 `not_found`.
pub async fn get(
    State(state): State<AppState>,
    _: Caller,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let provider = state
        .catalogue
        .get(&name)
        .ok_or_else(|| ApiError::NotFound(format!("Unknown provider {name}")))?;
    Ok(ok(&json!({ "data": view(&state, provider, provider.template.clone()) })))
}

/// `GET /providers.json`: all templates by name, for tools; needs no credential.
pub async fn index(State(state): State<AppState>) -> Response {
    let all: Map<String, Value> = state
        .catalogue
        .iter()
        .map(|provider| (provider.name.clone(), provider.template.clone()))
        .collect();
    ok(&Value::Object(all))
}

/// A template with the two things that are not in it.
pub fn view(server: &Server, provider: &Provider, template: Value) -> Value {
    let mut object = Object::new();
    object.insert("name".into(), provider.name.clone().into());
    object.insert("logo_url".into(), logo_url(server, &provider.name).into());
    if let Value::Object(template) = template {
        object.extend(template);
    }
    Value::Object(object)
}

/// Where the logo of a provider is.
pub fn logo_url(server: &Server, provider: &str) -> String {
    format!("{}/images/template-logos/{provider}.svg", server.public_base())
}
