//! `/environments`: making more of them. A secret key opens one environment, and renames or deletes none
//! but that one; names are no secret, so it may list all.

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use super::{json as answer, ok, secret_keys::with_token};
use crate::{
    access::Key,
    body::JsonBody,
    environments::{self, is_name, is_permanent},
    error::ApiError,
    fields::{Fields, SHORT, read},
    issue::{Issue, at},
    model::{Role, SecretKeyRecord},
    query::Query,
    secret_keys::{Desk, Made},
    segment::Segment,
    state::AppState,
    store::EnvironmentOutcome,
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
    let now = state.clock.now();
    let by = |action, object| {
        let mut audit = key.audit(action, object, now);
        audit.environment.clone_from(&name);
        audit
    };
    let desk =
        Desk { store: state.store.as_ref(), hasher: &state.hasher, environment: &name, audit: &by };
    let (new, token) = desk.generate("First key", Role::Full).map_err(ApiError::internal)?;
    let audit = by("environment.created", format!("environment:{name}"));
    let record = SecretKeyRecord {
        key: new.key.clone(),
        created_at: now,
        last_used_at: None,
        expires_at: None,
    };
    if !state.store.create_environment(&name, Some(new), audit).await? {
        return Err(taken());
    }
    let shown = json!({ "name": name, "secret_key": with_token(&Made { record, token }) });
    Ok(answer(StatusCode::CREATED, &json!({ "data": shown })))
}

/// `PATCH /environments/{environment}` `{ name }`: another name for the environment of the secret key,
/// while it has no integrations. Its keys go along; connect sessions and sent webhooks do not, and its
/// audit events stay under the old name.
///
/// # Errors
/// 400 `invalid_body`: the name, or one that is taken; `invalid_uri_params`: integrations, or an
/// environment that stays; 403 `forbidden`: another environment than the key's.
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
    let mut audit =
        key.audit("environment.renamed", format!("environment:{to}"), state.clock.now());
    audit.environment.clone_from(&to);
    let outcome = environments::rename(state.store.as_ref(), &state.vault, &from, &to, audit);
    outcome_of(outcome.await.map_err(ApiError::internal)?)?;
    Ok(ok(&json!({ "data": { "name": to } })))
}

/// `DELETE /environments/{environment}`: ends the environment of the secret key, and with it that key and
/// all others, while it has no integrations.
///
/// # Errors
/// 400 `invalid_uri_params`: integrations, or an environment that stays; 403 `forbidden`: another
/// environment than the key's.
pub async fn delete(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    must_be_own(&key, &name)?;
    let audit = key.audit("environment.deleted", format!("environment:{name}"), state.clock.now());
    outcome_of(state.store.delete_environment(&name, audit).await?)?;
    Ok(ok(&json!({ "success": true })))
}

fn name_of(body: Option<Value>) -> Result<String, ApiError> {
    let mut fields = Fields::of_body(body)?;
    let name = fields.string("name", SHORT);
    if name.as_deref().is_some_and(|name| !is_name(name)) {
        fields.refuse(Issue::pattern(at(["name"]), environments::NAME));
    }
    fields.finish()?;
    read(name)
}

fn must_be_own(key: &Key, name: &str) -> Result<(), ApiError> {
    if key.environment() != name {
        return Err(ApiError::OtherEnvironment);
    }
    if is_permanent(name) {
        let message = "This environment comes with the server and stays";
        return Err(ApiError::uri(Issue::custom(at(["environment"]), message)));
    }
    Ok(())
}

fn outcome_of(outcome: EnvironmentOutcome) -> Result<(), ApiError> {
    match outcome {
        EnvironmentOutcome::Done => Ok(()),
        // Between the look at the key and here.
        EnvironmentOutcome::Unknown => Err(ApiError::UnknownAccount),
        EnvironmentOutcome::NameTaken => Err(taken()),
        EnvironmentOutcome::InUse => {
            let message = "This environment has integrations; delete them first";
            Err(ApiError::uri(Issue::custom(at(["environment"]), message)))
        }
    }
}

fn taken() -> ApiError {
    ApiError::body(Issue::custom(at(["name"]), "There is an environment of this name already"))
}
