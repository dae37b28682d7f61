//! The Keyslot backend: it hands out connect sessions, takes in credentials that end users type, checks
//! them with the provider, keeps them sealed, and gives them to backends that hold a secret key.
//!
//! [`app`] is the whole HTTP interface as a service, so that tests need no port; [`listener`] serves it
//! on one. `store`, `vault` and `token` know nothing of HTTP; `api` knows nothing of SQL.

pub mod access;
mod admission;
pub mod allowance;
pub mod api;
pub mod appearance;
pub mod audit;
pub mod audit_chain;
pub mod audit_retention;
pub mod body;
pub mod catalogues;
pub mod cli;
pub mod client_address;
pub mod clock;
pub mod compressed;
pub mod connect_frame;
pub mod connect_page;
pub mod content_policy;
pub mod contents;
pub mod dashboard;
pub mod database;
pub mod demo;
pub mod drain;
pub mod endpoint;
pub mod envelope;
pub mod environment_key;
pub mod environments;
pub mod error;
pub mod fields;
pub mod hardening;
pub mod ids;
pub mod issue;
pub mod keyring;
pub mod limits;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod model;
pub mod openapi;
pub mod origin;
pub mod ownership;
pub mod pages;
pub mod patient_body;
pub mod popup_socket;
pub mod private_file;
pub mod query;
pub mod recheck;
pub mod rotation;
pub mod routes;
pub mod secret_keys;
pub mod segment;
pub mod state;
pub mod store;
mod strict_lines;
pub mod token;
pub mod traces;
pub mod transfer;
pub mod vault;
pub mod webhooks;

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
};
use http::{Method, Uri};
use tower::util::MapRequest;
use tower_http::{
    catch_panic::CatchPanicLayer, sensitive_headers::SetSensitiveRequestHeadersLayer,
};

use crate::{error::ApiError, state::AppState};

/// The whole HTTP interface, at the root and, when the public URL has a path, under that path too:
/// whether a proxy in front strips it or not, it works.
pub fn app(state: AppState) -> Router {
    let at_root = routes::router(&state)
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), envelope::wrap))
        .layer(SetSensitiveRequestHeadersLayer::new([
            http::header::AUTHORIZATION,
            http::header::COOKIE,
        ]))
        .with_state(state.clone());
    if state.base_path().is_empty() {
        return at_root;
    }
    // As it is first, so that a base path like /connect takes nothing away from /connect/session.
    at_root.clone().fallback_service(MapRequest::new(at_root, move |request| {
        without_base(state.base_path(), request)
    }))
}

/// The request with the base path taken off its address, if it is there.
fn without_base(base: &str, mut request: Request) -> Request {
    let uri = request.uri();
    let rest = uri.path().strip_prefix(base);
    let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('/')) else {
        return request;
    };
    let rest = if rest.is_empty() { "/" } else { rest };
    let target = match uri.query() {
        Some(query) => format!("{rest}?{query}"),
        None => rest.to_owned(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.parse().ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    request
}

async fn nowhere(State(state): State<AppState>, request: Request) -> Response {
    if request.uri().path().starts_with(dashboard::PREFIX) {
        return dashboard::nowhere(&state, request).await;
    }
    ApiError::NotFound("There is nothing at this address.".into()).into_response()
}

async fn wrong_method(method: Method) -> ApiError {
    ApiError::MethodNotAllowed(method)
}

/// The message of a panic may hold anything, so none of it is kept; the panic hook has noted where.
fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    ApiError::internal("a request handler panicked").into_response()
}
