//! `GET /integrations/{uniqueKey}[?include=webhook][&include=credentials]`.

use axum::{extract::State, response::Response};
use serde_json::{Value, json};

use super::{unknown, view};
use crate::{
    access::Key,
    api::ok,
    error::ApiError,
    ids::IntegrationKey,
    issue::{Issue, at},
    query::Query,
    segment::Segment,
    state::AppState,
};

const INCLUDES: [&str; 2] = ["webhook", "credentials"];

/// One integration. API-key and Basic integrations have neither webhook address nor credentials of
/// their own, so both are null when asked for.
///
/// # Errors
/// 404 `not_found`.
pub async fn get(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["include"], &[])?;
    if query.all("include").any(|include| !INCLUDES.contains(&include)) {
        return Err(ApiError::query(Issue::not_one_of(at(["include"]), &INCLUDES)));
    }
    let name = IntegrationKey::parse(&name, at(["uniqueKey"])).map_err(ApiError::uri)?;
    let integration = state
        .store
        .integration(key.environment(), name.as_str())
        .await?
        .ok_or_else(|| unknown(name.as_str()))?;
    let mut data = view(&state, &integration);
    if let Value::Object(data) = &mut data {
        if !integration.config.is_empty() {
            data.insert("integration_config".into(), Value::Object(integration.config.clone()));
        }
        for include in query.all("include") {
            data.insert(
                if include == "webhook" { "webhook_url" } else { "credentials" }.into(),
                Value::Null,
            );
        }
    }
    Ok(ok(&json!({ "data": data })))
}
