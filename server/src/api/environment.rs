//! `/environment`: what the environment of a secret key has been set to, and the keys that it shares with
//! its backend.

use axum::{extract::State, response::Response};
use http::StatusCode;
use keyslot_egress::{Cleartext, EgressError};
use serde_json::{Value, json};

use super::{json as answer, ok};
use crate::{
    access::Key,
    body::JsonBody,
    environment_key::{EnvironmentKey, Purpose},
    error::ApiError,
    fields::{Fields, Length},
    issue::Issue,
    model::{Environment, EnvironmentSettings},
    query::Query,
    state::{AppState, Server},
    webhooks,
};

/// `GET /environment`: name and settings.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn show(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    Ok(ok(&view(&own(&state, &key).await?)))
}

/// `PATCH /environment`: changes what is given. `webhook_url` and `webhook_url_secondary` are URLs, null
/// or an empty string to take them away; `on_auth_creation` and `on_auth_refresh_error` switch
/// announcements; `public_key_enabled` accepts the environment's public key from old pages, and
/// `hmac_enabled` asks them for proof that the backend knows the connection id.
///
/// # Errors
/// 400 `invalid_body`: the schema, or an address to which webhooks may not go.
pub async fn update(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let Environment { name, mut settings } = own(&state, &key).await?;
    let mut fields = Fields::of_body(body)?;
    for (field, address) in [
        ("webhook_url", &mut settings.webhook_url),
        ("webhook_url_secondary", &mut settings.webhook_url_secondary),
    ] {
        let Some(given) = fields.nullable_string(field, Length { min: 0, max: 2048 }) else {
            continue;
        };
        *address = given.filter(|url| !url.is_empty());
        if let Some(url) = address
            && let Some(objection) = objection(&state, url).await
        {
            let path = fields.path_of(field);
            fields.refuse(Issue::custom(path, objection));
        }
    }
    for (field, switch) in [
        ("on_auth_creation", &mut settings.on_auth_creation),
        ("on_auth_refresh_error", &mut settings.on_auth_refresh_error),
        ("public_key_enabled", &mut settings.public_key_enabled),
        ("hmac_enabled", &mut settings.hmac_enabled),
    ] {
        if let Some(on) = fields.optional_bool(field) {
            *switch = on;
        }
    }
    fields.finish()?;
    if settings.public_key_enabled {
        settings.public_key.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
    }
    let audit = key.audit("environment.updated", format!("environment:{name}"), state.clock.now());
    if !state.store.put_environment_settings(&name, settings.clone(), audit).await? {
        return Err(missing());
    }
    Ok(ok(&view(&Environment { name, settings })))
}

/// `POST /environment/webhook-signing-key`: makes a new signing key and shows it this once. Everything
/// that is sent from now on is signed with it.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn renew_signing_key(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let action = "environment.signing_key_renewed";
    let now = state.clock.now();
    let new = EnvironmentKey::renew(&state, &key, Purpose::WebhookSigning, action, now).await?;
    Ok(answer(StatusCode::CREATED, &json!({ "data": { "signing_key": new.expose() } })))
}

/// `POST /environment/hmac-key`: makes a new key for vouching for connection ids and shows it this once.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn renew_hmac_key(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let action = "environment.hmac_key_renewed";
    let now = state.clock.now();
    let new = EnvironmentKey::renew(&state, &key, Purpose::ConnectionHmac, action, now).await?;
    Ok(answer(StatusCode::CREATED, &json!({ "data": { "hmac_key": new.expose() } })))
}

async fn own(server: &Server, key: &Key) -> Result<Environment, ApiError> {
    let all = server.store.environments().await?;
    all.into_iter().find(|environment| environment.name == key.environment()).ok_or_else(missing)
}

fn missing() -> ApiError {
    ApiError::internal("the environment of a secret key does not exist")
}

fn view(environment: &Environment) -> Value {
    let EnvironmentSettings {
        webhook_url,
        webhook_url_secondary,
        on_auth_creation,
        on_auth_refresh_error,
        public_key,
        public_key_enabled,
        hmac_enabled,
    } = &environment.settings;
    json!({ "data": {
        "name": environment.name,
        "webhook_url": webhook_url,
        "webhook_url_secondary": webhook_url_secondary,
        "on_auth_creation": on_auth_creation,
        "on_auth_refresh_error": on_auth_refresh_error,
        "public_key": public_key,
        "public_key_enabled": public_key_enabled,
        "hmac_enabled": hmac_enabled,
    }})
}

/// What speaks against an address, as far as it can be told now: where a name leads is judged again
/// whenever something is sent.
async fn objection(server: &Server, url: &str) -> Option<&'static str> {
    let Some(uri) = webhooks::address(url) else { return Some("Invalid URL") };
    match server.egress.check(&uri, Cleartext::OpenedOnly).await {
        Err(EgressError::BadUrl(_)) => Some("Invalid URL"),
        Err(EgressError::Denied { .. }) => {
            Some("This address is not public. An operator can open it with --allow-net")
        }
        Err(EgressError::Cleartext) => Some("Use https: plain http is for opened addresses only"),
        // A name that does not resolve now may do so later.
        _ => None,
    }
}
