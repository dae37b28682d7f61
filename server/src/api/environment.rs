//! `/environment`: what the environment of a secret key has been set to, and the keys that it shares with
//! its backend.

use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::SignedDuration;
use keyslot_egress::{Cleartext, EgressError};
use serde_json::{Value, json};

use super::{json as answer, ok};
use crate::{
    access::Key,
    appearance,
    body::JsonBody,
    clock::on_the_wire,
    environment_key::{EnvironmentKeys, GRACE, Purpose},
    error::ApiError,
    fields::{Fields, Length, SHORT},
    issue::Issue,
    model::{Environment, EnvironmentSettings, Object},
    origin::Origin,
    query::Query,
    state::{AppState, Server},
    store::SettingsOutcome,
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
/// announcements; `product_name`, `accent` (`#rrggbb`), `logo_url`, `dialog_title`, `dialog_submit`,
/// `connect_intro` and `allowed_origins` are about the connect page;
/// `public_key_enabled` accepts the environment's public key from old pages and switches `hmac_enabled` on
/// with it unless that is given as false; `hmac_enabled` asks those pages for proof that the backend knows
/// the connection id, without which they may name none.
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
    loop {
        let Environment { name, settings: seen } = own(&state, &key).await?;
        let settings = changed(&state, seen.clone(), body.clone()).await?;
        let object = format!("environment:{name}");
        let audit = key.audit("environment.updated", object, state.clock.now());
        let put = state.store.put_environment_settings(&name, seen, settings.clone(), audit);
        match put.await? {
            SettingsOutcome::Stored => return Ok(ok(&view(&Environment { name, settings }))),
            // By somebody else meanwhile: what is not in this body stays what they made it.
            SettingsOutcome::Changed => {}
            SettingsOutcome::Unknown => return Err(missing()),
        }
    }
}

/// The settings with the changes of a body.
async fn changed(
    state: &Server,
    mut settings: EnvironmentSettings,
    body: Option<Value>,
) -> Result<EnvironmentSettings, ApiError> {
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
            && let Some(objection) = objection(state, url).await
        {
            let path = fields.path_of(field);
            fields.refuse(Issue::custom(path, objection));
        }
    }
    for (field, switch) in [
        ("on_auth_creation", &mut settings.on_auth_creation),
        ("on_auth_refresh_error", &mut settings.on_auth_refresh_error),
    ] {
        if let Some(on) = fields.optional_bool(field) {
            *switch = on;
        }
    }
    let public_keys = fields.optional_bool("public_key_enabled");
    settings.switch_public_keys(public_keys, fields.optional_bool("hmac_enabled"));
    appearance(&mut fields, &mut settings);
    fields.finish()?;
    Ok(settings)
}

/// Reads what the connect page shows and who may frame it.
fn appearance(fields: &mut Fields, settings: &mut EnvironmentSettings) {
    let any = Length { min: 0, max: appearance::NAME_MAX };
    if let Some(name) = fields.nullable_string("product_name", any) {
        settings.product_name = name.filter(|name| !name.is_empty());
    }
    if let Some(given) = fields.nullable_string("accent", any) {
        settings.accent = given.as_deref().and_then(appearance::accent);
        if given.is_some_and(|text| !text.is_empty()) && settings.accent.is_none() {
            fields.refuse(Issue::pattern(fields.path_of("accent"), "^#[0-9a-fA-F]{6}$"));
        }
    }
    if let Some(given) =
        fields.nullable_string("logo_url", Length { min: 0, max: appearance::LOGO_MAX })
    {
        settings.logo_url = given.as_deref().and_then(appearance::logo);
        if given.is_some_and(|text| !text.is_empty()) && settings.logo_url.is_none() {
            let message = "Expected an https address, such as https://cdn.example.com/logo.svg";
            fields.refuse(Issue::custom(fields.path_of("logo_url"), message));
        }
    }
    for (field, max, text) in [
        ("dialog_title", appearance::LABEL_MAX, &mut settings.dialog_title),
        ("dialog_submit", appearance::LABEL_MAX, &mut settings.dialog_submit),
        ("connect_intro", appearance::INTRO_MAX, &mut settings.connect_intro),
    ] {
        let Some(given) = fields.nullable_string(field, Length { min: 0, max }) else { continue };
        let given = given.filter(|text| !text.is_empty());
        *text = given.as_deref().and_then(|text| appearance::line(text, max));
        if given.is_some() && text.is_none() {
            let message = "Expected one line of text without control characters";
            fields.refuse(Issue::custom(fields.path_of(field), message));
        }
    }
    if let Some(given) = fields.optional_list("allowed_origins", SHORT) {
        let known: Vec<String> = given
            .iter()
            .filter_map(|text| Origin::parse(text))
            .map(|one| one.to_string())
            .collect();
        let bad = given.iter().find(|text| Origin::parse(text).is_none());
        let message = match bad {
            Some(text) => Some(Origin::objection(text)),
            None if known.len() > appearance::ORIGINS_MAX => {
                Some(format!("Name at most {} origins.", appearance::ORIGINS_MAX))
            }
            None => None,
        };
        if let Some(message) = message {
            fields.refuse(Issue::custom(fields.path_of("allowed_origins"), message));
        }
        settings.allowed_origins = known;
    }
}

/// `POST /environment/webhook-signing-key`: `{ grace_period_seconds? }` makes a new signing key and shows it
/// this once. For the grace period (a day, which is also the most) the one before counts as well: webhooks are
/// signed with both.
///
/// # Errors
/// 400 `invalid_body`, `invalid_query_params` for any query; 409 `previous_keys_in_use` while two count beside it.
pub async fn renew_signing_key(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    renew(&state, &key, Purpose::WebhookSigning, "signing_key", body).await
}

/// `POST /environment/hmac-key`: `{ grace_period_seconds? }` makes a new key for vouching for connection ids and shows
/// it this once. For the grace period (a day, which is also the most) what was made with the one before is accepted.
///
/// # Errors
/// 400 `invalid_body`, `invalid_query_params` for any query; 409 `previous_keys_in_use` while two count beside it.
pub async fn renew_hmac_key(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    renew(&state, &key, Purpose::ConnectionHmac, "hmac_key", body).await
}

async fn renew(
    state: &Server,
    key: &Key,
    purpose: Purpose,
    field: &'static str,
    body: Option<Value>,
) -> Result<Response, ApiError> {
    let mut grace = GRACE;
    if body.is_some() {
        let mut fields = Fields::of_body(body)?;
        let given = fields.optional_number("grace_period_seconds", 0..=86_400);
        fields.finish()?;
        if let Some(seconds) = given.and_then(|seconds| i64::try_from(seconds).ok()) {
            grace = SignedDuration::from_secs(seconds);
        }
    }
    let name = key.environment();
    let object = format!("environment:{name}");
    let audit = key.audit(purpose.renewed(), object, state.clock.now());
    let keys = EnvironmentKeys::renew(state, name, purpose, grace, None, audit).await?;
    let mut data = Object::new();
    // EXPOSE: whoever asked for the key gets it, this once.
    data.insert(field.into(), keys.current().expose().into());
    data.insert("previous_key_ends_at".into(), json!(keys.former_until().map(on_the_wire)));
    Ok(answer(StatusCode::CREATED, &json!({ "data": data })))
}

/// `DELETE /environment/webhook-signing-key/previous`: from now on only the newest signing key counts.
///
/// # Errors
/// 404 `not_found` when no older one counts.
pub async fn end_signing_key(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    end(&state, &key, Purpose::WebhookSigning).await
}

/// `DELETE /environment/hmac-key/previous`: from now on only the newest HMAC key counts.
///
/// # Errors
/// 404 `not_found` when no older one counts.
pub async fn end_hmac_key(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    end(&state, &key, Purpose::ConnectionHmac).await
}

async fn end(state: &Server, key: &Key, purpose: Purpose) -> Result<Response, ApiError> {
    let name = key.environment();
    let audit = key.audit(purpose.ended(), format!("environment:{name}"), state.clock.now());
    if EnvironmentKeys::end_former(state, name, purpose, audit).await? {
        Ok(ok(&json!({ "success": true })))
    } else {
        Err(ApiError::NotFound("There is no previous key to end.".into()))
    }
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
        product_name,
        accent,
        logo_url,
        dialog_title,
        dialog_submit,
        connect_intro,
        allowed_origins,
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
        "product_name": product_name,
        "accent": accent,
        "logo_url": logo_url,
        "dialog_title": dialog_title,
        "dialog_submit": dialog_submit,
        "connect_intro": connect_intro,
        "allowed_origins": allowed_origins,
    }})
}

/// What speaks against an address, as far as it can be told now: where a name leads is judged again
/// whenever something is sent.
pub(crate) async fn objection(server: &Server, url: &str) -> Option<&'static str> {
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
