//! The catalogue, as clients read it, and the providers that an environment adds to it.

mod own;

pub use own::{add, delete, put};

use axum::{extract::State, response::Response};
use keyslot_providers::Provider;
use serde_json::{Map, Value, json};

use super::ok;
use crate::{
    access::Caller,
    api::credentials::provider_of,
    error::ApiError,
    issue::{Issue, at},
    model::{Integration, Object},
    query::Query,
    segment::Segment,
    state::{AppState, Server},
};

/// `GET /providers[?search=][&own=true]`: all providers, or those whose name holds the text in any case, or
/// those that are the environment's own.
///
/// # Errors
/// 400 `invalid_query_params` for other query keys.
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["search", "own"], &[])?;
    let search = query.first("search").unwrap_or_default().to_lowercase();
    let only_own = match query.first("own") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(ApiError::query(Issue::not_one_of(at(["own"]), &["true", "false"])));
        }
    };
    let found: Vec<Value> = state
        .catalogues
        .of(caller.environment())
        .iter()
        .filter(|provider| {
            provider.name.to_lowercase().contains(&search)
                || provider.display_name.to_lowercase().contains(&search)
        })
        .filter(|provider| {
            !only_own || state.catalogues.is_own(caller.environment(), &provider.name)
        })
        .map(|provider| shown(&state, &caller, provider))
        .collect();
    Ok(ok(&json!({ "data": found })))
}

/// `GET /providers/{provider}[?integration=]`: one provider with its whole template; with an integration,
/// the template that its settings make of it.
///
/// A generic provider has nothing to fill in before an integration says so. Clients that were written for
/// other servers do not name the integration: for a browser it is then the only one of this provider that
/// it may see. What a browser gets of an integration is the form, without where and how requests are made.
///
/// # Errors
/// 404 `not_found` for an unknown provider, and for an integration that does not exist, is of another
/// provider or is not for this session.
pub async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Segment(name): Segment,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["integration"], &[])?;
    let catalogue = state.catalogues.of(caller.environment());
    let provider = catalogue.get(&name).ok_or_else(|| unknown(&name))?;
    let named = query.first("integration");
    let browser = !matches!(caller, Caller::Key(_));
    let found = if named.is_some() || (browser && provider.is_configurable()) {
        integration(&state, &caller, &name, named).await?
    } else {
        None
    };
    let Some(integration) = found else {
        return Ok(ok(&json!({ "data": shown(&state, &caller, provider) })));
    };
    let configured = provider_of(&state, &integration)?;
    let template = if browser { configured.form_template() } else { configured.template.clone() };
    Ok(ok(&json!({ "data": view(&state, &configured, template) })))
}

/// The integration of this provider that was named, or the only one that the caller may see.
async fn integration(
    server: &Server,
    caller: &Caller,
    provider: &str,
    named: Option<&str>,
) -> Result<Option<Integration>, ApiError> {
    let all = server.store.integrations(caller.environment()).await?;
    let mut found = all.into_iter().filter(|one| {
        one.provider == provider
            && caller.may_see(one.unique_key.as_str())
            && named.is_none_or(|named| one.unique_key.as_str() == named)
    });
    let first = found.next();
    match named {
        Some(named) if first.is_none() => Err(ApiError::NotFound(format!(
            "There is no integration \"{named}\" of provider {provider}"
        ))),
        None if found.next().is_some() => Ok(None),
        _ => Ok(first),
    }
}

/// `GET /providers.json`: the templates of the catalogue by name, for tools; needs no credential, and so
/// has no environment's own ones.
pub async fn index(State(state): State<AppState>) -> Response {
    let all: Map<String, Value> = state
        .catalogues
        .shared()
        .iter()
        .map(|provider| (provider.name.clone(), provider.template.clone()))
        .collect();
    ok(&Value::Object(all))
}

fn unknown(name: &str) -> ApiError {
    ApiError::NotFound(format!("Unknown provider {name}"))
}

/// A provider as this caller reads it. The catalogue is public; where and how requests of an environment's
/// own provider are made is not a browser's business.
fn shown(server: &Server, caller: &Caller, provider: &Provider) -> Value {
    let own = server.catalogues.is_own(caller.environment(), &provider.name);
    let template = match caller {
        Caller::Session(..) | Caller::PublicKey(_) if own => provider.form_template(),
        _ => provider.template.clone(),
    };
    let mut view = view(server, provider, template);
    if let (true, Value::Object(view)) = (own, &mut view) {
        view.insert("own".into(), true.into());
    }
    view
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
