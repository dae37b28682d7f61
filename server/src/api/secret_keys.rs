//! `/secret-keys`: the keys with which backends call this server. A key is shown once, when it is made.

use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{json as answer, ok};
use crate::{
    access::Key,
    body::JsonBody,
    clock::on_the_wire,
    error::ApiError,
    fields::{Fields, SHORT, read},
    issue::{Issue, at},
    model::{NewSecretKey, Object, Role, SecretKey, SecretKeyRecord},
    query::Query,
    segment::Segment,
    state::AppState,
    token::{self, PlainToken},
};

/// The id of the key in `KEYSLOT_SECRET_KEY`.
pub const OPERATOR: &str = "operator";
/// How long a rotated key works on when nothing is said: a day.
pub const GRACE_DEFAULT: u64 = 24 * 60 * 60;
/// The longest: 30 days.
pub const GRACE_MAX: u64 = 30 * 24 * 60 * 60;

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
    let (new, token) = generate(&state, key.environment(), name, role)?;
    let now = state.clock.now();
    let audit = key.audit("secret_key.created", format!("secret_key:{}", new.key.id), now);
    let record = SecretKeyRecord {
        key: new.key.clone(),
        created_at: now,
        last_used_at: None,
        expires_at: None,
    };
    state.store.put_secret_key(new, audit).await?;
    Ok(answer(StatusCode::CREATED, &json!({ "data": with_token(&record, &token) })))
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
    must_be_ours(&id)?;
    let now = state.clock.now();
    let ends_at = now + SignedDuration::from_secs(i64::try_from(grace).unwrap_or(i64::MAX));
    let (new, token) = generate(&state, key.environment(), String::new(), Role::Full)?;
    let audit = key.audit("secret_key.rotated", format!("secret_key:{id}"), now);
    let rotated =
        state.store.rotate_secret_key(key.environment(), &id, new, ends_at, audit).await?;
    let record = rotated.ok_or_else(unknown)?;
    Ok(answer(StatusCode::CREATED, &json!({ "data": with_token(&record, &token) })))
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
    must_be_ours(&id)?;
    let audit = key.audit("secret_key.revoked", format!("secret_key:{id}"), state.clock.now());
    if !state.store.remove_secret_key(key.environment(), &id, audit).await? {
        return Err(unknown());
    }
    Ok(ok(&json!({ "success": true })))
}

/// A new key, and the one chance to show it.
///
/// # Errors
/// When the operating system gives no random bytes.
pub(crate) fn generate(
    state: &AppState,
    environment: &str,
    name: String,
    role: Role,
) -> Result<(NewSecretKey, PlainToken), ApiError> {
    let token = token::new_secret_key().map_err(ApiError::internal)?;
    let key = SecretKey {
        id: uuid::Uuid::now_v7().to_string(),
        environment: environment.to_owned(),
        name,
        role,
    };
    Ok((NewSecretKey { key, hash: state.hasher.hash(token.expose()) }, token))
}

/// The key of `KEYSLOT_SECRET_KEY` is made again at every start: what would be done to it here would
/// not last.
fn must_be_ours(id: &str) -> Result<(), ApiError> {
    if id == OPERATOR {
        return Err(ApiError::uri(Issue::custom(
            at(["secretKeyId"]),
            "This key comes from KEYSLOT_SECRET_KEY; change or remove it there and start the server again",
        )));
    }
    Ok(())
}

fn unknown() -> ApiError {
    ApiError::NotFound("There is no such secret key.".into())
}

pub(crate) fn with_token(record: &SecretKeyRecord, token: &PlainToken) -> Object {
    let mut view = view(record);
    // EXPOSE: whoever asked for the key gets it, this once.
    view.insert("secret_key".into(), token.expose().into());
    view
}

fn view(record: &SecretKeyRecord) -> Object {
    let mut view = Object::new();
    view.insert("id".into(), record.key.id.as_str().into());
    view.insert("name".into(), record.key.name.as_str().into());
    view.insert("scope".into(), record.key.role.word().into());
    view.insert("created_at".into(), on_the_wire(record.created_at).into());
    view.insert("last_used_at".into(), json!(record.last_used_at.map(on_the_wire)));
    view.insert("expires_at".into(), json!(record.expires_at.map(on_the_wire)));
    view
}
