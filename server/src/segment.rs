//! The variable part of a path, percent-decoded. No route of this server has two of them.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::{error::ApiError, issue::Issue};

/// The decoded segment, or the rest of a path.
pub struct Segment(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Segment {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::uri(Issue::custom(vec![], "This address is not valid UTF-8 when decoded"))
        })?;
        Ok(Self(text))
    }
}
