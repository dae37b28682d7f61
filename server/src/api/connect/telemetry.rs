//! `POST /connect/telemetry`: hosted pages of the original report here what their users click. This
//! server accepts the beacon, so that those pages work, and keeps nothing of it.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use crate::{body, error::ApiError};

/// Reads and forgets a beacon.
///
/// # Errors
/// Those of the body.
pub async fn telemetry(request: Request) -> Result<Response, ApiError> {
    body::read(request).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
