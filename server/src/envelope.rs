//! The outermost layer: what every answer has, whatever made it. A request id; cross-origin headers, on
//! errors too, so that a browser can read why it was refused; safe defaults for caching and content
//! sniffing; and one log line, which names the matched route and never a path, a query or a body.

use std::{fmt, sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{Extensions, HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::{
    client_address::ClientAddress,
    dashboard,
    error::{ApiError, JSON},
    listener::Peer,
    state::AppState,
    traces::Answered,
};

/// What is said instead of a route where none matches.
const NOWHERE: &str = "(none)";

/// The header that carries the request id, both ways.
pub const REQUEST_ID: &str = "x-request-id";

const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Origin, X-Requested-With, X-Request-Id, Nango-Activity-Log-Id, \
     Nango-Is-Dry-Run, Nango-Is-Sync, Provider-Config-Key, Connection-Id, Sentry-Trace, Baggage",
);
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Etag, Content-Type, Content-Length, Retry-After, X-Request-Id, X-Nango-Signature, \
     X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset",
);
const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET,HEAD,PUT,PATCH,POST,DELETE");

/// The id of a request: the client's own when it sent a sane one, else a new one.
#[derive(Clone)]
pub struct RequestId(Arc<str>);

impl RequestId {
    fn of_request(headers: &HeaderMap) -> Self {
        let sane = |text: &&str| {
            (8..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane);
        Self(given.map_or_else(|| uuid::Uuid::now_v7().to_string().into(), Into::into))
    }

    /// The id that [`wrap`] put there.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self("".into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The layer.
pub async fn wrap(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let begun = state.traces.begin(request.headers());
    let id = RequestId::of_request(request.headers());
    let method = request.method().clone();
    let route: Option<Arc<str>> =
        request.extensions().get::<MatchedPath>().map(|path| path.as_str().into());
    let telemetry = route.as_deref().is_some_and(|route| route.ends_with("/connect/telemetry"));
    let origin = request.headers().get(header::ORIGIN).filter(|_| telemetry).cloned();
    let private = dashboard::is_of(&state, request.uri());
    request.extensions_mut().insert(id.clone());
    if let Some(peer) = request.extensions().get::<Peer>().copied() {
        let address = ClientAddress::find(state.limits.trusted_proxies(), peer, request.headers());
        request.extensions_mut().insert(address);
    }

    let mut response = if let Some(error) = bad_framing(&request) {
        error.into_response()
    } else if method == Method::OPTIONS {
        preflight()
    } else {
        next.run(request).await
    };

    let error = response.extensions_mut().remove::<ApiError>();
    // A page of the dashboard says it in its own way.
    if let Some(error) = &error
        && response.headers().get(header::CONTENT_TYPE) == Some(&JSON)
    {
        let body = error.document(Some(&id.0)).to_string();
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        *response.body_mut() = body.into();
    }
    headers(response.headers_mut(), &id);
    // What is on the dashboard is for its own pages only, whatever their readers are signed in to.
    if !private {
        cross_origin(response.headers_mut(), origin.as_ref());
    }
    let matched = route.clone().unwrap_or_else(|| NOWHERE.into());
    state.metrics.answered(&method, matched, response.status().as_u16(), started.elapsed());
    let answered = Answered {
        method: &method,
        route: route.as_deref().unwrap_or(NOWHERE),
        status: response.status(),
        request_id: &id.0,
        code: error.as_ref().map(ApiError::code),
    };
    state.traces.end(begun, &answered);
    log(&method, route.as_deref(), response.status(), started, &id, error.as_ref());
    response
}

/// What the HTTP library lets pass and a proxy before us may read differently: no `Host`, several of
/// them, or a request line that names another host (RFC 9112 §3.2).
fn bad_framing(request: &Request) -> Option<ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some(ApiError::BadRequest("A request must have exactly one Host header."));
    };
    let authority = request.uri().authority()?;
    (host != authority.as_str()).then_some(ApiError::BadRequest(
        "The request line and the Host header name different hosts.",
    ))
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}

fn headers(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        // A provider's answer keeps the id that the provider can find it by.
        headers.entry(REQUEST_ID).or_insert(id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let defaults = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in defaults {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Lets pages of any origin read the answer; a token is needed for everything that matters.
fn cross_origin(headers: &mut HeaderMap, telemetry_origin: Option<&HeaderValue>) {
    match telemetry_origin {
        // A beacon is sent with cookies in mode "include", which "*" does not allow (Fetch standard, "CORS
        // check"). The original's dialog may be hosted anywhere, so any origin is answered; nothing that is
        // sent there is kept, and no cookie is looked at.
        Some(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers
                .insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        None => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
}

fn log(
    method: &Method,
    route: Option<&str>,
    status: StatusCode,
    started: Instant,
    id: &RequestId,
    error: Option<&ApiError>,
) {
    let route = route.unwrap_or(NOWHERE);
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, request_id, code) = (status.as_u16(), &id.0, error.map(ApiError::code));
    match error {
        Some(ApiError::Internal(cause)) => {
            let cause = causes(cause.as_ref());
            tracing::error!(%method, route, status, duration_ms, %request_id, code, cause, "request failed");
        }
        Some(ApiError::Proxy(cause)) => {
            // It may name an address, and never holds a value of the caller or the credential.
            tracing::info!(%method, route, status, duration_ms, %request_id, code, %cause, "request");
        }
        _ => tracing::info!(%method, route, status, duration_ms, %request_id, code, "request"),
    }
}

/// An error and what caused it, down to the root.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
