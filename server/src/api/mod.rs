//! The HTTP interface: one module a resource, one file an endpoint where it has rules of its own.
//! `routes` is the whole list; what is not in it does not exist.

pub mod audit_events;
pub mod connect;
pub mod connections;
pub mod credentials;
pub(crate) mod end_user;
pub mod environment;
pub mod environments;
pub mod health;
pub mod integrations;
pub mod providers;
pub mod proxy;
pub mod secret_keys;
pub mod webhooks;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::Value;

use crate::error::JSON;

/// A JSON answer.
pub fn json(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, JSON)], body.to_string()).into_response()
}

/// A JSON answer with status 200.
pub fn ok(body: &Value) -> Response {
    json(StatusCode::OK, body)
}
