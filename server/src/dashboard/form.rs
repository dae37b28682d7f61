//! What a form of the dashboard posts: URL-encoded fields, and the token that proves that the form is
//! ours. A handler that takes a [`Form`] cannot be reached without that token.

use axum::extract::{FromRequest, Request};
use http::header;

use super::operator::Operator;
use crate::{body, error::ApiError, query::Query};

/// The field that carries the token.
pub const CSRF: &str = "csrf";

/// The fields of a form.
pub struct Form(Query);

impl Form {
    /// The value of a field without blanks around it; empty when it is missing.
    pub fn text(&self, name: &str) -> &str {
        self.0.first(name).unwrap_or_default().trim()
    }

    /// Whether the form has such a field.
    pub fn has(&self, name: &str) -> bool {
        self.0.first(name).is_some()
    }

    /// The same, when there is any text.
    pub fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The value of a field as it was typed; empty when it is missing.
    pub fn verbatim(&self, name: &str) -> &str {
        self.0.first(name).unwrap_or_default()
    }

    /// Reads the fields without asking for the token.
    ///
    /// # Errors
    /// Those of the body.
    pub(super) async fn unguarded(request: Request) -> Result<Self, ApiError> {
        let urlencoded = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let bytes = body::read(request).await?;
        if !urlencoded {
            return Err(ApiError::BadRequest(
                "This address takes what a form of the dashboard sends.",
            ));
        }
        Ok(Self(Query::of_form(&bytes)))
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let operator = request.extensions().get::<Operator>().cloned().ok_or_else(|| {
            ApiError::internal("the route does not declare that it is for operators")
        })?;
        let form = Self::unguarded(request).await?;
        if operator.sent(form.verbatim(CSRF)) { Ok(form) } else { Err(ApiError::StaleForm) }
    }
}
