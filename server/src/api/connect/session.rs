//! `GET /connect/session` and `DELETE /connect/session`: the session as the browser sees it, and its end.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::presets::Presets;
use crate::{
    access::Session,
    api::{credentials::provider_of, end_user, integrations, ok, providers},
    appearance,
    error::ApiError,
    model::{EnvironmentSettings, Integration, Object, Target},
    query::Query,
    state::{AppState, Server},
};

/// What this server can do beyond what every server of this API can; the widget asks for it.
const CAPABILITIES: [&str; 4] = ["bearer", "params", "connection_id", "verification"];
/// A session limited to at most so many integrations gets their forms with it.
const FORMS_MAX: usize = 10;

/// Shows the session: who it is for, what it is limited to, and the forms of those integrations.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn show(
    State(state): State<AppState>,
    session: Session,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let terms = &session.session.terms;
    let mut data = Object::new();
    data.insert("endUser".into(), end_user::view(terms.end_user.as_ref()));
    let environments = state.store.environments().await?;
    let environment = environments.into_iter().find(|one| one.name == session.session.environment);
    let settings = environment.map(|one| one.settings).unwrap_or_default();
    data.insert("connectUISettings".into(), appearance::view(&settings));

    let integrations = match &terms.allowed_integrations {
        Some(allowed) => {
            data.insert("allowed_integrations".into(), json!(allowed));
            allowed_integrations(&state, &session.session.environment, allowed).await?
        }
        None => Vec::new(),
    };
    if session.session.presets.is_some() {
        // The presets may name integrations beyond the allowed ones, so their providers are looked up.
        let all = state.store.integrations(&session.session.environment).await?;
        let provider_of = |key: &str| {
            let integration =
                all.iter().find(|integration| integration.unique_key.as_str() == key)?;
            provider_of(&state, integration).ok()
        };
        if let Some(presets) = Presets::open(&state, &session.session)?.view(provider_of) {
            data.insert("integrations_config_defaults".into(), presets);
        }
    }
    if !terms.docs_connect.is_empty() {
        let overrides: Map<String, Value> = terms
            .docs_connect
            .iter()
            .map(|(integration, docs)| (integration.clone(), json!({ "docs_connect": docs })))
            .collect();
        data.insert("overrides".into(), Value::Object(overrides));
    }
    if matches!(terms.target, Target::Reconnect { .. }) {
        data.insert("isReconnecting".into(), true.into());
    }
    data.insert("websocketsPath".into(), "/".into());

    let mut own = own(terms.allow_unverified);
    if let Value::Object(own) = &mut own {
        match &terms.target {
            Target::Bound(id) | Target::Free(id) => {
                drop(own.insert("connection_id".into(), id.as_str().into()))
            }
            Target::AnyOf(ids) => drop(own.insert("connection_ids".into(), json!(ids))),
            Target::Unbound | Target::Reconnect { .. } => {}
        }
    }
    data.insert("keyslot".into(), own);
    if terms.allowed_integrations.as_ref().is_some_and(|allowed| allowed.len() <= FORMS_MAX) {
        data.insert("forms".into(), Value::Object(forms(&state, &integrations)));
    }
    Ok(ok(&json!({ "data": data })))
}

/// What a session for `integration` alone would be told: for a preview of its dialog.
pub(crate) fn session_of_preview(
    server: &Server,
    settings: &EnvironmentSettings,
    integration: &Integration,
) -> Value {
    json!({ "data": {
        "connectUISettings": appearance::view(settings),
        "allowed_integrations": [integration.unique_key.as_str()],
        "keyslot": own(false),
        "forms": forms(server, std::slice::from_ref(integration)),
    } })
}

/// What only this server says.
fn own(allow_unverified: bool) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "capabilities": CAPABILITIES,
        "allow_unverified": allow_unverified,
    })
}

/// Ends the session; its token is unknown from then on.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn end(
    State(state): State<AppState>,
    session: Session,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let object = format!("connect_session:{}", session.session.id);
    let audit = session.audit("connect_session.ended", object, state.clock.now());
    state.store.delete_session(session.hash, audit).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn allowed_integrations(
    server: &Server,
    environment: &str,
    allowed: &[String],
) -> Result<Vec<Integration>, ApiError> {
    let mut integrations = Vec::with_capacity(allowed.len().min(FORMS_MAX));
    // Of a longer list no form is sent, so nothing is looked up.
    for key in allowed.iter().filter(|_| allowed.len() <= FORMS_MAX) {
        integrations.extend(server.store.integration(environment, key).await?);
    }
    Ok(integrations)
}

/// For each integration, itself and what its form is made of: one round trip for the widget instead of
/// three. Without the provider's `proxy` section, which no form needs.
fn forms(server: &Server, integrations: &[Integration]) -> Map<String, Value> {
    integrations
        .iter()
        .filter_map(|integration| {
            // An integration whose provider is gone from the catalogue has no form.
            let provider = provider_of(server, integration).ok()?;
            let form = json!({
                "integration": integrations::view(server, integration),
                "provider": providers::view(server, &provider, provider.form_template()),
            });
            Some((integration.unique_key.to_string(), form))
        })
        .collect()
}
