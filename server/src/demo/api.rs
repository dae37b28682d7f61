//! A small API to connect to, with documented keys: one that works, one that lacks permission, one
//! behind which the API is down. Everything else is refused, as a real vendor would.

use axum::response::Response;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use crate::api::json as answer;

/// The keys that the demo page shows, by what they are for.
pub mod keys {
    /// Accepted, for the account "Acme Ltd".
    pub const WORKS: &str = "demo_live_4cK7pQ2mX9";
    /// Known, but may not read the account: 403.
    pub const LIMITED: &str = "demo_limited_8hT3wZ5rN1";
    /// The API answers 503.
    pub const DOWN: &str = "demo_down_6vB1yL4sK0";
    /// User name of the Basic API.
    pub const USERNAME: &str = "ada@acme.example";
    /// Its password.
    pub const PASSWORD: &str = "correct-horse";
}

/// `GET /demo-api/v1/me` with `Authorization: Bearer KEY`.
pub async fn me(headers: HeaderMap) -> Response {
    match credential(&headers, "Bearer ") {
        Some(keys::WORKS) => account(),
        Some(keys::LIMITED) => refusal(StatusCode::FORBIDDEN, "This key may not read the account."),
        Some(keys::DOWN) => refusal(StatusCode::SERVICE_UNAVAILABLE, "Down for maintenance."),
        _ => refusal(StatusCode::UNAUTHORIZED, "Unknown key."),
    }
}

/// `GET /demo-api/v1/basic/me` with Basic credentials (RFC 7617).
pub async fn basic_me(headers: HeaderMap) -> Response {
    let expected = STANDARD.encode(format!("{}:{}", keys::USERNAME, keys::PASSWORD));
    if credential(&headers, "Basic ") == Some(&expected) {
        account()
    } else {
        refusal(StatusCode::UNAUTHORIZED, "Unknown user name or password.")
    }
}

fn credential<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix(scheme)
}

fn account() -> Response {
    answer(StatusCode::OK, &json!({ "account": { "id": "acct_1", "name": "Acme Ltd" } }))
}

fn refusal(status: StatusCode, message: &str) -> Response {
    answer(status, &json!({ "error": message }))
}
