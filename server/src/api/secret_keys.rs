//! `/secret-keys`: the keys with which backends call this server. A key is shown once, when it is made.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::{json as answer, ok};
use crate::{
    access::Key,
    body::JsonBody,
    clock::on_the_wire,
    error::ApiError,
    fields::{Fields, SHORT, read},
    issue::{Issue, at},
    model::{AuditEvent, Object, Role, SecretKeyRecord},
    query::Query,
    secret_keys::{Desk, GRACE_DEFAULT, GRACE_MAX, Made, SecretKeyError},
    segment::Segment,
    state::{AppState, Server},
};

/// `GET /secret-keys`: all of the environment, oldest first, without the keys themselves.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn list(
    State(state): State<AppState>,
    key: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let keys = state.store.secret_keys(key.environment(), state.clock.now()).await?;
    let views: Vec<Value> = keys.iter().map(|key| Value::Object(view(key))).collect();
    Ok(ok(&json!({ "data": views })))
}

/// `POST /secret-keys` `{ name, scope? }`: a new one; `scope` is `full`, `read_only` or `sessions_only`.
/// The answer (201) holds it as `secret_key`, and nothing else ever will.
///
/// # Errors
/// 400 `invalid_body`.
pub async fn create(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    let name = fields.string("name", SHORT);
    let scope = fields.optional_string("scope", SHORT);
    let role = scope.as_deref().map_or(Some(Role::Full), Role::of);
    if role.is_none() {
        let path = fields.path_of("scope");
        fields.refuse(Issue::not_one_of(path, &Role::ALL.map(Role::word)));
    }
    fields.finish()?;
    let (name, role) = (read(name)?, read(role)?);
    let audit = audit_by(&state, &key);
    let made = desk(&state, &key, &audit).create(&name, role).await.map_err(refusal)?;
    Ok(answer(StatusCode::CREATED, &json!({ "data": with_token(&made) })))
}

/// `POST /secret-keys/{secretKeyId}/rotate` `{ grace_period_seconds? }`: a new key of the same name and
/// scope, while the old one works on for the grace period (a day; 0 to 30 days). The answer (201) is that
/// of a new key.
///
/// # Errors
/// 400 `invalid_body`, or `invalid_uri_params` for the key of the server's own environment; 404 `not_found`.
pub async fn rotate(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let grace = match body {
        None => GRACE_DEFAULT,
        Some(body) => {
            let mut fields = Fields::of_body(Some(body))?;
            let grace = fields.optional_number("grace_period_seconds", 0..=GRACE_MAX);
            fields.finish()?;
            grace.unwrap_or(GRACE_DEFAULT)
        }
    };
    let audit = audit_by(&state, &key);
    let made = desk(&state, &key, &audit).rotate(&id, grace).await.map_err(refusal)?;
    Ok(answer(StatusCode::CREATED, &json!({ "data": with_token(&made) })))
}

/// `DELETE /secret-keys/{secretKeyId}`: it opens nothing any more, from this moment on every server.
///
/// # Errors
/// 400 `invalid_uri_params` for the key of the server's own environment; 404 `not_found`.
pub async fn revoke(
    State(state): State<AppState>,
    key: Key,
    Segment(id): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let audit = audit_by(&state, &key);
    desk(&state, &key, &audit).revoke(&id).await.map_err(refusal)?;
    Ok(ok(&json!({ "success": true })))
}

fn audit_by<'a>(
    state: &'a AppState,
    key: &'a Key,
) -> impl Fn(&'static str, String) -> AuditEvent + Sync + 'a {
    |action, object| key.audit(action, object, state.clock.now())
}

fn desk<'a>(
    state: &'a Server,
    key: &'a Key,
    audit: &'a (dyn Fn(&'static str, String) -> AuditEvent + Sync),
) -> Desk<'a> {
    Desk {
        store: state.store.as_ref(),
        hasher: &state.hasher,
        environment: key.environment(),
        audit,
    }
}

fn refusal(error: SecretKeyError) -> ApiError {
    match error {
        SecretKeyError::FromEnvironment => {
            ApiError::uri(Issue::custom(at(["secretKeyId"]), error.to_string()))
        }
        SecretKeyError::Unknown => ApiError::NotFound(error.to_string()),
        SecretKeyError::NoRandomness(error) => ApiError::internal(error),
        SecretKeyError::Store(error) => error.into(),
    }
}

pub(crate) fn with_token(made: &Made) -> Object {
    let mut view = view(&made.record);
    // EXPOSE: whoever asked for the key gets it, this once.
    view.insert("secret_key".into(), made.token.expose().into());
    view
}

fn view(record: &SecretKeyRecord) -> Object {
    let mut view = Object::new();
    view.insert("id".into(), record.key.id.as_str().into());
    view.insert("name".into(), record.key.name.as_str().into());
    view.insert("scope".into(), record.key.role.word().into());
    view.insert("prefix".into(), record.key.prefix.as_str().into());
    view.insert("created_at".into(), on_the_wire(record.created_at).into());
    view.insert("last_used_at".into(), json!(record.last_used_at.map(on_the_wire)));
    view.insert("expires_at".into(), json!(record.expires_at.map(on_the_wire)));
    view
}
