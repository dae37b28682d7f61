//! What `--dev` adds for a first look: two providers whose API is this very server, integrations to
//! connect, and the part that a customer's own backend would play for the demo page. None of it exists
//! without `--dev`.

pub mod api;

use std::path::Path;

use axum::{extract::State, response::Response};
use http::StatusCode;
use keyslot_providers::Catalogue;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::{
    api::{connect, connections, end_user::Whose, json as answer, ok},
    body::JsonBody,
    cli::Refusal,
    contents::masked,
    error::ApiError,
    fields::{Fields, SHORT},
    ids::{ConnectionId, IntegrationKey},
    model::{AuditEvent, DEVELOPMENT, EndUser, NewIntegration, Target},
    private_file,
    query::Query,
    serve::{event_in, put_secret_key},
    state::{AppState, Server},
    store::ConnectionFilter,
    token,
};

/// The environment that everything here is in.
const ENVIRONMENT: &str = DEVELOPMENT;
/// The id of the secret key that is made at every start.
pub const KEY_ID: &str = "development";
/// The demo page's only user.
const USER: &str = "demo-user";

/// Integrations that are there after the first start: key, provider, name.
const INTEGRATIONS: [(&str, &str, &str); 6] = [
    ("demo", "keyslot-demo", "Demo API"),
    ("demo-basic", "keyslot-demo-basic", "Demo Basic API"),
    ("openai", "openai", "OpenAI"),
    ("freshdesk", "freshdesk", "Freshdesk"),
    ("stripe", "stripe-api-key", "Stripe"),
    ("datadog", "datadog", "Datadog"),
];

/// Adds the providers whose API is the server at `origin`.
///
/// # Errors
/// When the catalogue refuses them, which is a fault of this file.
pub fn add_providers(catalogue: &mut Catalogue, origin: &str) -> Result<(), Refusal> {
    let yaml = include_str!("providers.yaml").replace("http://demo.invalid", origin);
    let report = catalogue
        .extend_from_yaml(&yaml)
        .map_err(|error| Refusal::because("demo providers", error))?;
    match report.skipped.first() {
        Some(skipped) => Err(Refusal::because(&skipped.name, &skipped.reason)),
        None => Ok(()),
    }
}

/// Makes the secret key and the integrations, unless they are there.
///
/// # Errors
/// When a file or the store fails.
pub async fn prepare(server: &Server, data_dir: &Path) -> Result<(), Refusal> {
    let path = data_dir.join("secret.key");
    let file = path.display().to_string();
    if !path.exists() {
        let made = token::new_secret_key().map_err(|_| Refusal("no random bytes".into()))?;
        // EXPOSE: the developer needs it; the file is for its owner only.
        private_file::create(&path, made.expose().as_bytes())
            .map_err(|e| Refusal::because(&file, e))?;
    }
    let text = std::fs::read_to_string(&path).map_err(|error| Refusal::because(&file, error))?;
    let secret = SecretString::from(text.trim());
    put_secret_key(server, ENVIRONMENT, KEY_ID, "made by --dev", &secret).await?;
    for (key, provider, name) in INTEGRATIONS {
        if server.catalogues.shared().get(provider).is_none() {
            continue;
        }
        let unique_key =
            IntegrationKey::parse(key, vec![]).map_err(|_| Refusal(format!("bad key {key}")))?;
        let new = NewIntegration {
            environment: ENVIRONMENT.to_owned(),
            unique_key,
            provider: provider.to_owned(),
            display_name: Some(name.to_owned()),
            config: serde_json::Map::new(),
            forward_webhooks: false,
            own_provider: false,
        };
        let audit = event_in(server, ENVIRONMENT, "integration.created", key);
        let made = server.store.create_integration(new, audit);
        made.await.map_err(|error| Refusal::because("demo integrations", error))?;
    }
    banner(&file);
    Ok(())
}

/// Where to find what was made. The key itself is shown by the file only: a log is kept for longer than
/// anybody thinks.
#[expect(clippy::print_stderr, reason = "for the developer who just typed --dev")]
fn banner(file: &str) {
    eprintln!("keyslot-server --dev: for a first look on this machine only.");
    eprintln!("  secret key of environment dev: in the file {file}");
}

/// `POST /demo/session` `{ integration, connection_id?, end_user?, organization?, tags? }`: what a
/// customer's backend would do with `POST /connect/sessions`. Without an end user it is the demo's own.
///
/// # Errors
/// 400 `invalid_body`; 404 for an unknown integration.
pub async fn session(
    State(state): State<AppState>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(body)?;
    let integration = fields.string("integration", SHORT);
    let connection = fields.optional_string("connection_id", SHORT);
    let mut whose = Whose::read(&mut fields);
    fields.finish()?;
    let integration =
        IntegrationKey::parse(&integration.unwrap_or_default(), vec!["integration".into()])
            .map_err(ApiError::body)?;
    if state.store.integration(ENVIRONMENT, integration.as_str()).await?.is_none() {
        return Err(ApiError::NotFound("There is no such demo integration.".into()));
    }
    let target = match connection {
        None => Target::Unbound,
        Some(id) => {
            let id =
                ConnectionId::parse(&id, vec!["connection_id".into()]).map_err(ApiError::body)?;
            Target::Bound(id.to_string())
        }
    };
    whose.end_user.get_or_insert_with(|| EndUser {
        id: USER.to_owned(),
        email: None,
        display_name: Some("Demo user".to_owned()),
        tags: None,
        organization: None,
    });
    let terms = connect::Terms::of(whose);
    let session = terms.into_session(target, Some(vec![integration.to_string()]), false);
    let minted = connect::mint(&state, ENVIRONMENT, session, |object, at| AuditEvent {
        at,
        environment: ENVIRONMENT.to_owned(),
        actor: "demo".to_owned(),
        action: "connect_session.created",
        object,
        request_id: String::new(),
        address: None,
    })
    .await?;
    // EXPOSE: handing out the token is what minting is for.
    Ok(answer(StatusCode::CREATED, &json!({ "token": minted.token.expose() })))
}

/// `GET /demo/connections?connection_id=`: those of one id, as in `GET /connections`. The page asks once
/// what is connected, and reads a credential only when somebody wants to see it.
///
/// # Errors
/// 400 `invalid_query_params`.
pub async fn connections_of(
    State(state): State<AppState>,
    query: Query,
) -> Result<Response, ApiError> {
    query.only(&["connection_id"], &[])?;
    let filter = ConnectionFilter {
        connection_id: Some(query.required("connection_id")?.to_owned()),
        integrations: Some(INTEGRATIONS.map(|(key, ..)| key.to_owned()).to_vec()),
        limit: 100,
        ..ConnectionFilter::default()
    };
    let found = state.store.connections(ENVIRONMENT, filter).await?;
    let connections: Vec<Value> = found.iter().map(connections::summary_view).collect();
    Ok(ok(&json!({ "connections": connections })))
}

/// `GET /demo/connection?integration=&connection_id=`: the answer of `GET /connections/{id}` with the
/// credential masked.
///
/// # Errors
/// Those of `GET /connections/{id}`.
pub async fn connection(State(state): State<AppState>, query: Query) -> Result<Response, ApiError> {
    query.only(&["integration", "connection_id"], &[])?;
    let named =
        connections::Named::of(query.required("connection_id")?, query.required("integration")?)?;
    let mut connection = connections::read(&state, ENVIRONMENT, &named).await?;
    for part in ["apiKey", "username", "password"] {
        if let Some(Value::String(secret)) = connection.pointer_mut(&format!("/credentials/{part}"))
        {
            *secret = masked(secret);
        }
    }
    Ok(ok(&connection))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_page_says_is_checked_with_the_vendor_is() {
        let mut catalogue = Catalogue::embedded();
        add_providers(&mut catalogue, "http://127.0.0.1:1").unwrap();
        for (_, provider, _) in INTEGRATIONS {
            assert!(catalogue.get(provider).unwrap().check.is_some(), "{provider}");
        }
    }
}
