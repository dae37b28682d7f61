//! Reading a JSON request body: bounded in size and in time, and refused with a typed error that the
//! client gets to read. Content is never logged; the text of a parse error names a position, not a
//! value.

use std::time::Duration;

use axum::{
    body::Body,
    extract::{FromRequest, Request},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::error::ApiError;

/// The most bytes of a body on the routes that take credentials.
pub const CREDENTIAL_LIMIT: usize = 64 * 1024;
/// The most bytes of a body elsewhere.
pub const DEFAULT_LIMIT: usize = 1024 * 1024;
/// How much of a body that is too large is still read and thrown away: a server that hangs up while
/// the client is sending makes the client see a reset connection instead of the answer.
const DRAIN_LIMIT: usize = 32 * 1024 * 1024;
/// How long a client may take to send its body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The limit of the route that was matched; put into the request's extensions by the router.
#[derive(Clone, Copy)]
pub struct BodyLimit(pub usize);

/// A JSON body; `None` when the request has none (or does not say that it is JSON).
pub struct JsonBody(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let limit = request.extensions().get().map_or(DEFAULT_LIMIT, |BodyLimit(limit)| *limit);
        let typed = is_json(request.headers())?;
        let bytes = read(request, limit).await?;
        if !typed || bytes.is_empty() {
            return Ok(Self(None));
        }
        serde_json::from_slice(&bytes)
            .map(|value| Self(Some(value)))
            .map_err(|error| ApiError::InvalidJson(error.to_string()))
    }
}

/// Whether the body is announced as JSON.
///
/// # Errors
/// `invalid_content_type` when it is announced as something else.
fn is_json(headers: &HeaderMap) -> Result<bool, ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(false) };
    let value = value.to_str().unwrap_or_default().trim_start().to_ascii_lowercase();
    if value.starts_with("application/json") { Ok(true) } else { Err(ApiError::InvalidContentType) }
}

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// 413 `payload_too_large`, 408 `request_timeout`, 400 when it ends early.
pub(crate) async fn read(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let (head, body) = request.into_parts();
    tokio::time::timeout(PATIENCE, collect(&head.headers, body, limit))
        .await
        .unwrap_or(Err(ApiError::RequestTimeout))
}

async fn collect(headers: &HeaderMap, mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok())
        .unwrap_or(0);
    if announced > DRAIN_LIMIT {
        return Err(ApiError::PayloadTooLarge(limit));
    }
    let mut kept = BytesMut::with_capacity(announced.min(limit));
    let mut seen = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::BadRequest("The request body ended early."))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen <= limit {
            kept.extend_from_slice(&data);
        } else if seen > DRAIN_LIMIT {
            break;
        }
    }
    if seen > limit { Err(ApiError::PayloadTooLarge(limit)) } else { Ok(kept.freeze()) }
}
