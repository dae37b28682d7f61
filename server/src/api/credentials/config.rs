//! The connection configuration that a credential is stored with, put together from three sources: what
//! the replaced connection had, what the request gives, and what the session presets.
//!
//! A secret goes only where its source sends it. When the address differs from the one that the same
//! source names, the secret is not used and the request is refused: otherwise whoever holds a session could
//! have it sent to a server of their own.

use std::collections::BTreeMap;

use keyslot_providers::Provider;
use serde_json::Value;

use super::{Intake, Origin};
use crate::{
    api::connect::Presets,
    contents::Contents,
    error::{ApiError, Place},
    ids::ConnectionId,
    issue::{Issue, at},
    model::Object,
    state::Server,
    store::Found,
};

/// What the replaced connection had, over it what the request gives, over it what the session presets. A
/// backend's own object is taken whole.
///
/// # Errors
/// 400 `invalid_body`: a secret would go to another address than the one it is for.
pub(super) async fn config(
    server: &Server,
    environment: &str,
    intake: &Intake,
    origin: &Origin<'_>,
    provider: &Provider,
    replaced: Option<&ConnectionId>,
) -> Result<Object, ApiError> {
    let key = intake.integration.as_str();
    if let (Origin::Backend { .. }, Some(config)) = (origin, &intake.config) {
        return Ok(config.clone());
    }
    let mut kept = Object::new();
    if let Some(id) = replaced
        && let Found::Found(connection) =
            server.store.connection(environment, key, id.as_str()).await?
    {
        match Contents::open(server, environment, key, id.as_str(), &connection.sealed) {
            Ok(contents) => kept = contents.config,
            // What cannot be opened is being replaced; that heals it.
            Err(error) => tracing::warn!(%error, "the replaced connection did not open"),
        }
    }
    let mut presets = Object::new();
    if let Origin::Session(session) = origin {
        for (field, value) in Presets::open(server, &session.session)?.of(key) {
            presets.insert(field.to_owned(), value.into());
        }
    }
    let given = intake.config.clone().unwrap_or_default();
    merged(provider, kept, &given, &presets)
        .map_err(|issues| ApiError::Invalid(Place::Body, issues))
}

fn merged(
    provider: &Provider,
    kept: Object,
    given: &Object,
    presets: &Object,
) -> Result<Object, Vec<Issue>> {
    let mut config = kept.clone();
    config.extend(given.clone());
    config.extend(presets.clone());

    let mut issues = Vec::new();
    if presets.iter().any(|(name, value)| is_secret(provider, name) && !is_blank(value))
        && let Some(field) = moved(provider, &config, presets)
    {
        let label = label(provider, field);
        issues.push(Issue::custom(
            at(["params", field]),
            format!(
                "The application presets a secret for this session. {label} decides where it is sent, so the application must preset it too."
            ),
        ));
    }
    if moved(provider, &config, &kept).is_some() {
        let brought = |name: &String| given.contains_key(name) || presets.contains_key(name);
        for (name, value) in kept.iter().filter(|(name, _)| !brought(name)) {
            if !is_declared(provider, name) {
                // Nobody says that it is no secret, and no form asks for it.
                config.shift_remove(name);
            } else if is_secret(provider, name) && !is_blank(value) {
                let label = label(provider, name);
                issues.push(Issue::custom(
                    at(["params", name]),
                    format!("{label} was stored for another address. Enter it again."),
                ));
            }
        }
    }
    if issues.is_empty() { Ok(config) } else { Err(issues) }
}

/// The first field of the address that is not what `source` says.
fn moved<'a>(provider: &'a Provider, config: &Object, source: &Object) -> Option<&'a str> {
    provider.address_fields().into_iter().find(|field| {
        let (now, then) = (value(provider, config, field), value(provider, source, field));
        // Host names know no case.
        !now.eq_ignore_ascii_case(then)
    })
}

/// The value of a field as requests use it: as given, even empty, else the template's default.
fn value<'a>(provider: &'a Provider, config: &'a Object, name: &str) -> &'a str {
    match config.get(name) {
        Some(given) => given.as_str().unwrap_or_default(),
        None => {
            let field = provider.connection_config.iter().find(|field| field.name == name);
            field.and_then(|field| field.default_value.as_deref()).unwrap_or_default()
        }
    }
}

/// The first field of the address, by name, that `presets` leave to the end user although one of them is a
/// secret. A session with such presets could connect nothing.
pub(crate) fn address_left_open<'a>(
    provider: &'a Provider,
    presets: &BTreeMap<String, String>,
) -> Option<&'a str> {
    let secret = presets.iter().any(|(name, value)| is_secret(provider, name) && !value.is_empty());
    let open = |name: &&str| {
        let defaulted = provider
            .connection_config
            .iter()
            .any(|field| field.name == *name && field.default_value.is_some());
        !presets.contains_key(*name) && !defaulted
    };
    provider.address_fields().into_iter().find(open).filter(|_| secret)
}

fn is_declared(provider: &Provider, name: &str) -> bool {
    provider.connection_config.iter().any(|field| field.name == name)
}

/// Whether the value of a field is to be kept from others. Of one that the template does not declare, nobody
/// says that it is no secret.
pub(crate) fn is_secret(provider: &Provider, name: &str) -> bool {
    provider.connection_config.iter().find(|field| field.name == name).is_none_or(|f| f.secret)
}

fn is_blank(value: &Value) -> bool {
    value.as_str() == Some("")
}

fn label<'a>(provider: &'a Provider, name: &'a str) -> &'a str {
    provider.connection_config.iter().find(|field| field.name == name).map_or(name, |f| f.label())
}
