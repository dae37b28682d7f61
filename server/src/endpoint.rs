//! What is known of one route.

use axum::routing::MethodRouter;
use http::Method;

use crate::{access::Access, body::DEFAULT_LIMIT, patient_body::Waiting, state::AppState};

/// One endpoint.
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, with variable segments in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The most bytes of a body that it reads.
    pub body_limit: usize,
    /// Whether requests are counted that anybody may make.
    pub counted: bool,
    /// For which bodies a request may be waited.
    pub waiting: Waiting,
    /// What answers.
    pub handler: MethodRouter<AppState>,
}

impl Endpoint {
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        access: Access,
        handler: MethodRouter<AppState>,
    ) -> Self {
        let (body_limit, waiting) = (DEFAULT_LIMIT, Waiting::ForAll);
        Self { method, path, access, body_limit, counted: true, waiting, handler }
    }

    pub(crate) fn limited(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }

    /// Not counted: what watches the server must not be turned away, files cost next to nothing, and the
    /// demo API is a vendor's.
    pub(crate) fn uncounted(self) -> Self {
        Self { counted: false, ..self }
    }

    /// Its body is passed on while it arrives.
    pub(crate) fn streaming(self) -> Self {
        Self { waiting: Waiting::ForMore, ..self }
    }
}
