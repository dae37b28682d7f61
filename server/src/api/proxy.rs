//! `ANY /proxy/{path}`: a backend calls a provider's API with the credential of a connection, without
//! seeing it. The work is `keyslot_providers::proxy`; here is who may ask, for which connection, and how
//! the provider's answer goes back: its status, its safe headers, its body as it arrives.

use axum::{body::Body, extract::Request, extract::State, response::Response};
use http::{HeaderMap, HeaderValue, header};
use keyslot_egress::Body as Outgoing;
use keyslot_providers::{ProxyLimits, ProxyOptions, ProxyRequest, Target, proxy};

use super::{connections::Named, credentials::provider_of};
use crate::{
    access::Key,
    contents::Contents,
    error::{ApiError, Place},
    ids::{ConnectionId, IntegrationKey},
    issue::{Issue, at},
    state::AppState,
    store::Found,
};

/// Where the provider's path begins in the address that was called.
const PREFIX: &str = "/proxy/";

/// Calls the provider: the connection is named by the headers `Provider-Config-Key` and `Connection-Id`,
/// the rest of the path and the query are the provider's. See [`keyslot_providers::proxy()`] for the other
/// headers.
///
/// # Errors
/// In the order in which they are looked for: 400 `invalid_headers`; 404 `unknown_provider_config`; 400
/// `server_error` for a connection that does not exist (the wire's word); 404
/// `unknown_provider_template`; then those of the call itself, [`ApiError::Proxy`].
pub async fn call(
    State(state): State<AppState>,
    key: Key,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let (named, options) = read(&head.headers)?;
    let environment = key.environment();
    let integration = state
        .store
        .integration(environment, named.integration.as_str())
        .await?
        .ok_or_else(|| ApiError::UnknownProviderConfig(named.integration.to_string()))?;
    let found =
        state.store.connection(environment, named.integration.as_str(), named.id.as_str()).await?;
    let Found::Found(connection) = found else { return Err(ApiError::ConnectionNotFetched) };
    let provider = provider_of(&state, &integration)?;
    let contents = Contents::open(
        &state,
        environment,
        named.integration.as_str(),
        named.id.as_str(),
        &connection.sealed,
    )?;
    state.note_read(key.audit("connection.used", named.object(), state.clock.now())).await?;
    state.fetched.note(connection.summary.id, state.clock.now());

    let target = Target {
        provider: &provider,
        credential: &contents.credential,
        config: &contents.connection_config(),
        policy: state.egress.policy(),
    };
    let address = head.uri.path_and_query().map_or("", |address| address.as_str());
    let request = ProxyRequest {
        method: head.method,
        endpoint: address.strip_prefix(PREFIX).unwrap_or_default().to_owned(),
        headers: head.headers,
        body: Outgoing::stream(body),
    };
    let conclusive = options.base_url_override.is_none()
        && !request.headers.contains_key("nango-proxy-authorization");
    let answer = proxy(&state.egress, target, request, &options, &ProxyLimits::default()).await?;
    state.observations.note(&connection, answer.status(), conclusive);
    let mut answer = answer.map(Body::new);
    // Whatever the provider allows: no cache on the way may keep what a credential has fetched.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

/// Which connection, and how the call is to be made.
fn read(headers: &HeaderMap) -> Result<(Named, ProxyOptions), ApiError> {
    let text = |name: &'static str| match headers.get(name).map(HeaderValue::to_str) {
        Some(Ok(text)) => Ok(text),
        Some(Err(_)) => Err(Issue::format(at([name]), "header value")),
        None => Err(Issue::invalid_type(at([name]), "string", None)),
    };
    let integration = text("provider-config-key")
        .and_then(|text| IntegrationKey::parse(text, at(["provider-config-key"])));
    let id =
        text("connection-id").and_then(|text| ConnectionId::parse(text, at(["connection-id"])));
    let options = ProxyOptions::from_headers(headers)
        .map_err(|issues| issues.into_iter().map(Issue::from).collect::<Vec<_>>());
    match (integration, id, options) {
        (Ok(integration), Ok(id), Ok(options)) => Ok((Named { id, integration }, options)),
        (integration, id, options) => {
            let mut issues: Vec<Issue> = integration.err().into_iter().chain(id.err()).collect();
            issues.extend(options.err().unwrap_or_default());
            Err(ApiError::Invalid(Place::Headers, issues))
        }
    }
}
