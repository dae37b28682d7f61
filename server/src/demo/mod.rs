//! What `--dev` adds for a first look: a demo API, and the part that a customer's own backend would play for
//! the demo page. None of it exists without `--dev`; [`crate::cli::demo`] makes the integrations.

pub mod api;

use axum::{extract::State, response::Response};
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    api::{connect, connections, end_user::Whose, json as answer, ok},
    body::JsonBody,
    contents::masked,
    error::ApiError,
    fields::{Fields, SHORT},
    ids::{ConnectionId, IntegrationKey},
    model::{AuditEvent, DEVELOPMENT, EndUser, Target},
    query::Query,
    state::AppState,
    store::ConnectionFilter,
};

/// The environment that everything here is in.
pub(crate) const ENVIRONMENT: &str = DEVELOPMENT;
/// The id of the secret key that is made at every start.
pub const KEY_ID: &str = "development";
/// The demo page's only user.
const USER: &str = "demo-user";

/// Integrations that are there after the first start: key, provider, name.
pub(crate) const INTEGRATIONS: [(&str, &str, &str); 6] = [
    ("demo", "keyslot-demo", "Demo API"),
    ("demo-basic", "keyslot-demo-basic", "Demo Basic API"),
    ("openai", "openai", "OpenAI"),
    ("freshdesk", "freshdesk", "Freshdesk"),
    ("stripe", "stripe-api-key", "Stripe"),
    ("datadog", "datadog", "Datadog"),
];

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
