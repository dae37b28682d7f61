//! The server's own secrets, sealed.

use async_trait::async_trait;

use crate::{model::AuditEvent, store::error::Result, vault::Sealed};

/// Secrets of the server itself, by name.
#[async_trait]
pub trait ServerSecrets: Send + Sync + 'static {
    /// The sealed secret of this name; `candidate` is stored and returned when there is none yet.
    async fn server_secret(&self, name: &str, candidate: Sealed) -> Result<Sealed>;
    /// Stores a sealed secret in the place of the one of this name while that is `seen`; tells whether it was.
    async fn replace_server_secret(
        &self,
        name: &str,
        seen: Sealed,
        sealed: Sealed,
        audit: AuditEvent,
    ) -> Result<bool>;
}
