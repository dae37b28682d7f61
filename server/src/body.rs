//! Reading a JSON request body: bounded in size (in time by [`crate::patient_body`]), and refused with a typed
//! error that the client gets to read. Content is never logged; the text of a parse error names a position, not a
//! value.

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use indexmap::IndexMap;
use serde_json::Value;

use crate::{error::ApiError, issue::Issue, patient_body::TooSlow};

/// The most bytes of a body on the routes that take credentials.
pub const CREDENTIAL_LIMIT: usize = 64 * 1024;
/// The most bytes of a body elsewhere.
pub const DEFAULT_LIMIT: usize = 1024 * 1024;
/// The most bytes of a file of providers: several times what the whole catalogue has.
pub const FILE_LIMIT: usize = 4 * 1024 * 1024;
/// How much of a body that is too large is still read and thrown away: a server that hangs up while
/// the client is sending makes the client see a reset connection instead of the answer.
const DRAIN_LIMIT: usize = 32 * 1024 * 1024;

/// The limit of the route that was matched; put into the request's extensions by the router.
#[derive(Clone, Copy)]
pub struct BodyLimit(pub usize);

/// A JSON body; `None` when the request has none (or does not say that it is JSON).
pub struct JsonBody(pub Option<Value>);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let typed = is_json(request.headers())?;
        let bytes = read(request).await?;
        if !typed || bytes.is_empty() {
            return Ok(Self(None));
        }
        serde_json::from_slice(&bytes)
            .map(|value| Self(Some(value)))
            .map_err(|error| ApiError::InvalidJson(error.to_string()))
    }
}

/// A map, as YAML (RFC 9512) or JSON: a provider's template, or a file of them.
pub struct TemplateBody(pub IndexMap<String, Value>);

impl<S: Send + Sync> FromRequest<S> for TemplateBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let yaml = match kind.as_str() {
            "application/json" => false,
            "application/yaml" | "application/x-yaml" | "text/yaml" => true,
            _ => return Err(ApiError::InvalidTemplateType),
        };
        let bytes = read(request).await?;
        if yaml {
            let text = std::str::from_utf8(&bytes)
                .map_err(|_| ApiError::InvalidBody("The body is not UTF-8".into()))?;
            return keyslot_providers::parse(text)
                .map(Self)
                .map_err(|error| ApiError::InvalidBody(error.to_string()));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(object)) => Ok(Self(object.into_iter().collect())),
            Ok(other) => Err(ApiError::body(Issue::invalid_type(vec![], "object", Some(&other)))),
            Err(error) => Err(ApiError::InvalidJson(error.to_string())),
        }
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

/// The whole body, of at most as many bytes as the route has.
///
/// # Errors
/// 413 `payload_too_large`, 408 `request_timeout`, 400 when it ends early.
pub(crate) async fn read(request: Request) -> Result<Bytes, ApiError> {
    let (head, mut body) = request.into_parts();
    let limit = head.extensions.get().map_or(DEFAULT_LIMIT, |BodyLimit(limit)| *limit);
    let announced = head
        .headers
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
        let frame = frame.map_err(|error| match TooSlow::is(error) {
            true => ApiError::RequestTimeout,
            false => ApiError::BadRequest("The request body ended early."),
        })?;
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
