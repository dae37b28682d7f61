//! `/environments`: making more of them. A secret key opens one environment, and renames or deletes none
//! but that one; names are no secret, so it may list all. What is done is [`crate::environments`].

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::{json as answer, ok, secret_keys::with_token};
use crate::{
    access::Key,
    body::JsonBody,
    environments::{self, EnvironmentError, Registry},
    error::ApiError,
    fields::{Fields, SHORT, read},
    issue::{Issue, at},
    model::AuditEvent,
    query::Query,
    segment::Segment,
    state::{AppState, Server},
};

/// `GET /environments`: the names of all.
///
/// # Errors
/// 400 `invalid_query_params` for any query.
pub async fn list(
    State(state): State<AppState>,
    _: Key,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let all = state.store.environments().await?;
    let views: Vec<Value> = all.iter().map(|each| json!({ "name": each.name })).collect();
    Ok(ok(&json!({ "data": views })))
}

/// `POST /environments` `{ name }`: a new one, and its first secret key, with every permission. The answer
/// (201) holds the key, and nothing else ever will.
///
/// # Errors
/// 400 `invalid_body`, also when there is one of that name.
pub async fn create(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let name = name_of(body)?;
    let audit = audit_by(&state, &key);
    let first =
        registry(&state, &audit).create_with_key(&name, &state.hasher).await.map_err(refusal)?;
    let shown = json!({ "name": name, "secret_key": with_token(&first) });
    Ok(answer(StatusCode::CREATED, &json!({ "data": shown })))
}

/// `PATCH /environments/{environment}` `{ name }`: another name for the environment of the secret key,
/// while it has no integrations. Its keys go along; connect sessions and sent webhooks do not, and its
/// audit events stay under the old name.
///
/// # Errors
/// 400 `invalid_body`: the name, or one that is taken; 403 `forbidden`: another environment than the
/// key's; 409 `environment_stays`: it has integrations, or is one of the first two.
pub async fn rename(
    State(state): State<AppState>,
    key: Key,
    Segment(from): Segment,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    must_be_own(&key, &from)?;
    let to = name_of(body)?;
    let audit = audit_by(&state, &key);
    registry(&state, &audit).rename(&from, &to).await.map_err(refusal)?;
    Ok(ok(&json!({ "data": { "name": to } })))
}

/// `DELETE /environments/{environment}`: ends the environment of the secret key, and with it that key and
/// all others, while it has no integrations.
///
/// # Errors
/// 403 `forbidden`: another environment than the key's; 409 `environment_stays`: it has integrations, or
/// is one of the first two.
pub async fn delete(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    must_be_own(&key, &name)?;
    let audit = audit_by(&state, &key);
    registry(&state, &audit).delete(&name).await.map_err(refusal)?;
    Ok(ok(&json!({ "success": true })))
}

fn name_of(body: Option<Value>) -> Result<String, ApiError> {
    let mut fields = Fields::of_body(body)?;
    let name = fields.string("name", SHORT);
    fields.finish()?;
    read(name)
}

fn must_be_own(key: &Key, name: &str) -> Result<(), ApiError> {
    if key.environment() == name { Ok(()) } else { Err(ApiError::OtherEnvironment) }
}

fn audit_by<'a>(
    state: &'a AppState,
    key: &'a Key,
) -> impl Fn(&'static str, &str) -> AuditEvent + Sync + 'a {
    |action, name| {
        let event = key.audit(action, format!("environment:{name}"), state.clock.now());
        AuditEvent { environment: name.to_owned(), ..event }
    }
}

fn registry<'a>(
    state: &'a Server,
    audit: &'a (dyn Fn(&'static str, &str) -> AuditEvent + Sync),
) -> Registry<'a> {
    Registry { store: state.store.as_ref(), vault: &state.vault, audit }
}

fn refusal(error: EnvironmentError) -> ApiError {
    match error {
        EnvironmentError::NotAName => {
            ApiError::body(Issue::pattern(at(["name"]), environments::NAME))
        }
        EnvironmentError::NameTaken => {
            ApiError::body(Issue::custom(at(["name"]), error.to_string()))
        }
        EnvironmentError::Permanent | EnvironmentError::InUse => {
            ApiError::EnvironmentStays(format!("{error}."))
        }
        // Between the look at the key and here.
        EnvironmentError::Unknown => ApiError::UnknownAccount,
        EnvironmentError::NoRandomness(error) => ApiError::internal(error),
        EnvironmentError::Vault(error) => error.into(),
        EnvironmentError::Store(error) => error.into(),
    }
}
