//! The providers of an environment's own: stored, replaced and deleted, one by one or a file at a time.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use indexmap::IndexMap;
use keyslot_providers::{Adopted, IntegrationConfig, Provider, Skipped, Unusable};
use serde_json::{Value, json};

use super::{shown, unknown};
use crate::{
    access::{Caller, Key},
    api::ok,
    body::TemplateBody,
    catalogues::OWN_MAX,
    error::{ApiError, Place},
    issue::Issue,
    model::{Integration, Object, OwnProvider},
    query::Query,
    segment::Segment,
    state::{AppState, Server},
    store::Deletion,
};

/// `PUT /providers/{provider}`: stores a provider of the environment's own. The body is its template, or a
/// file with this one entry, as YAML or JSON.
///
/// # Errors
/// 400 `invalid_body` with the place in the template that cannot be used; 409 `provider_in_use` when an
/// integration of it would no longer work.
pub async fn put(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
    TemplateBody(body): TemplateBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut entries = IndexMap::new();
    match body.get(&name) {
        Some(entry) if body.len() == 1 => entries.insert(name.clone(), entry.clone()),
        _ => entries.insert(name.clone(), Value::Object(body.into_iter().collect())),
    };
    let catalogue = state.catalogues.of(key.environment());
    let (mut adopted, skipped) =
        catalogue.adopt(&entries, state.catalogues.shared(), state.egress.policy());
    if let Some(skipped) = skipped.into_iter().next() {
        return Err(ApiError::body(issue(vec![], &skipped.reason)));
    }
    let Some(one) = adopted.pop() else { return Err(ApiError::internal("nothing was adopted")) };
    let integrations = state.store.integrations(key.environment()).await?;
    if let Some(integration) = misfit(&state, &integrations, &one.provider) {
        return Err(ApiError::ProviderInUse(integration));
    }
    let (notes, name) = (one.notes.clone(), one.provider.name.clone());
    let replaced = store(&state, &key, vec![one]).await?.pop().unwrap_or(false);
    let catalogue = state.catalogues.of(key.environment());
    let provider = catalogue.get(&name).ok_or_else(|| unknown(&name))?;
    let data = shown(&state, &Caller::Key(key.key), provider);
    Ok(ok(&json!({ "data": data, "replaced": replaced, "notes": notes })))
}

/// `POST /providers`: stores every entry of a file that can be used, and says of the others why not.
///
/// # Errors
/// 400 `invalid_body` when the file cannot be read, or no entry of it can be used.
pub async fn add(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    TemplateBody(entries): TemplateBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    if entries.is_empty() {
        let issue = Issue::custom(vec![], "Send a map from names of providers to their templates");
        return Err(ApiError::body(issue));
    }
    let catalogue = state.catalogues.of(key.environment());
    let (mut adopted, mut skipped) =
        catalogue.adopt(&entries, state.catalogues.shared(), state.egress.policy());
    let integrations = state.store.integrations(key.environment()).await?;
    adopted.retain(|one| match misfit(&state, &integrations, &one.provider) {
        None => true,
        Some(integration) => {
            skipped.push(Skipped {
                name: one.provider.name.clone(),
                reason: Unusable {
                    field: "template".into(),
                    reason: format!("the integration {integration} would no longer fit it"),
                },
            });
            false
        }
    });
    if adopted.is_empty() {
        let issues = skipped.iter().map(|one| issue(vec![one.name.clone()], &one.reason)).collect();
        return Err(ApiError::Invalid(Place::Body, issues));
    }
    let said: Vec<(String, Vec<String>)> =
        adopted.iter().map(|one| (one.provider.name.clone(), one.notes.clone())).collect();
    let replaced = store(&state, &key, adopted).await?;
    let loaded: Vec<Value> = said
        .into_iter()
        .zip(replaced)
        .map(|((name, notes), replaced)| {
            json!({ "name": name, "replaced": replaced, "notes": notes })
        })
        .collect();
    let skipped: Vec<Value> = skipped
        .into_iter()
        .map(|one| {
            json!({ "name": one.name, "field": one.reason.field, "reason": one.reason.reason })
        })
        .collect();
    Ok(ok(&json!({ "data": { "loaded": loaded, "skipped": skipped } })))
}

/// `DELETE /providers/{provider}`: deletes a provider of the environment's own. One of the catalogue that
/// has the same name takes its place.
///
/// # Errors
/// 404 `not_found` when the environment has no such provider of its own; 409 `provider_in_use`.
pub async fn delete(
    State(state): State<AppState>,
    key: Key,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let integrations = state.store.integrations(key.environment()).await?;
    let user = integrations.iter().find(|one| one.provider == name);
    let behind = state.catalogues.shared().get(&name);
    if let (Some(behind), Some(_)) = (behind, user)
        && let Some(integration) = misfit(&state, &integrations, behind)
    {
        return Err(ApiError::ProviderInUse(integration));
    }
    let audit = key.audit("provider.deleted", format!("provider:{name}"), state.clock.now());
    let deletion =
        state.store.delete_own_provider(key.environment(), &name, behind.is_some(), audit).await?;
    match deletion {
        Deletion::Unknown => Err(unknown(&name)),
        Deletion::InUse => Err(ApiError::ProviderInUse(
            user.map_or_else(String::new, |one| one.unique_key.to_string()),
        )),
        Deletion::Deleted => {
            see(&state).await;
            Ok(ok(&json!({ "success": true })))
        }
    }
}

/// Stores what was adopted; tells of each whether it took the place of one of the environment's own.
async fn store(server: &Server, key: &Key, adopted: Vec<Adopted>) -> Result<Vec<bool>, ApiError> {
    let (environment, now) = (key.environment(), server.clock.now());
    let replaced: Vec<bool> = adopted
        .iter()
        .map(|one| server.catalogues.is_own(environment, &one.provider.name))
        .collect();
    // Two at once may go over it by what one of them adds; the limit is there for the memory of servers.
    let new = replaced.iter().filter(|replaced| !**replaced).count();
    if server.catalogues.own_count(environment) + new > OWN_MAX {
        let message = format!("An environment has at most {OWN_MAX} providers of its own");
        return Err(ApiError::body(Issue::custom(vec![], message)));
    }
    let providers = adopted
        .into_iter()
        .map(|one| {
            let name = one.provider.name.clone();
            let audit = key.audit("provider.stored", format!("provider:{name}"), now);
            (OwnProvider { name, template: Object::from_iter(one.entry), updated_at: now }, audit)
        })
        .collect();
    server.store.put_own_providers(environment, providers).await?;
    see(server).await;
    Ok(replaced)
}

/// Brings this server's copy up to date at once. When that fails, it happens within a second.
async fn see(server: &Server) {
    if let Err(error) = server.catalogues.refresh(server.store.as_ref()).await {
        tracing::warn!(%error, "a change of the providers is stored and not seen here yet");
    }
}

/// The first integration that would not work with this provider: its connections authenticate in another
/// way, or its settings do not fit.
fn misfit(
    server: &Server,
    integrations: &[Integration],
    provider: &Arc<Provider>,
) -> Option<String> {
    integrations
        .iter()
        .filter(|integration| integration.provider == provider.name)
        .find(|integration| {
            let catalogue = server.catalogues.of(&integration.environment);
            let before = catalogue.get(&provider.name).map(|before| before.auth_mode);
            let settings = IntegrationConfig::from_json(&integration.config);
            before.is_some_and(|before| before != provider.auth_mode)
                || settings.and_then(|settings| provider.configured(&settings)).is_err()
        })
        .map(|integration| integration.unique_key.to_string())
}

/// What cannot be used, with the place in the template as path.
fn issue(mut path: Vec<String>, unusable: &Unusable) -> Issue {
    path.extend(unusable.field.split('.').map(str::to_owned));
    let message = format!("{}: {}", unusable.field, unusable.reason);
    Issue::custom(if unusable.field == "template" { vec![] } else { path }, message)
}
