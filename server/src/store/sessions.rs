//! Connect sessions.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    model::{AuditEvent, ConnectSession, NewSession},
    store::error::Result,
    token::TokenHash,
};

/// Connect sessions: found by their hash until they end.
#[async_trait]
pub trait Sessions: Send + Sync + 'static {
    /// Stores a connect session.
    async fn create_session(&self, new: NewSession, audit: AuditEvent) -> Result<()>;
    /// The session with this hash, if it has not ended by `now`.
    async fn session(&self, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>>;
    /// Ends a session; tells whether there was one.
    async fn delete_session(&self, hash: TokenHash, audit: AuditEvent) -> Result<bool>;
    /// Removes sessions that ended before `now`; tells how many.
    async fn purge_sessions(&self, now: Timestamp) -> Result<u64>;
}
