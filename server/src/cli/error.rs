//! How a command fails.

use crate::store::StoreError;

/// Why the server did not start or a command did not finish; a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartupError(pub String);

impl StartupError {
    /// An error that says `what` failed and why.
    pub fn because(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

impl From<StoreError> for StartupError {
    fn from(error: StoreError) -> Self {
        Self::because("database", error)
    }
}
