//! `POST /connect/telemetry`: hosted pages of the original report here what their users click. This
//! server accepts the beacon, so that those pages work, and keeps nothing of it.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use http_body_util::BodyExt;

/// Reads and forgets a beacon of up to 64 KiB; a longer one is not read to its end.
pub async fn telemetry(body: Body) -> Response {
    let _ = http_body_util::Limited::new(body, crate::body::CREDENTIAL_LIMIT).collect().await;
    StatusCode::NO_CONTENT.into_response()
}
