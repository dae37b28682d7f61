//! Sessions of the dashboard, and what is shown once.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{model::AuditEvent, store::error::Result};

/// What an operator made a moment ago, to be shown once by the page that follows.
#[derive(Clone, Debug)]
pub struct ShownOnce {
    /// By which it is asked for; no secret.
    pub id: String,
    /// The session of the operator who made it: nobody else gets it.
    pub session: String,
    /// What it is, sealed.
    pub sealed: Vec<u8>,
    /// Until when it can be asked for.
    pub ends_at: Timestamp,
}

/// Who is signed in to the dashboard, and what is shown to them once.
#[async_trait]
pub trait Operators: Send + Sync + 'static {
    /// Begins a session of an operator.
    async fn begin_operator_session(
        &self,
        session: &str,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<()>;
    /// Whether this session of an operator was begun and has not ended by `now`.
    async fn has_operator_session(&self, session: &str, now: Timestamp) -> Result<bool>;
    /// Ends a session of an operator, and forgets what it was still to be shown; tells whether there was one.
    async fn end_operator_session(&self, session: &str, audit: AuditEvent) -> Result<bool>;
    /// Keeps what an operator will be shown once.
    async fn put_shown_once(&self, new: ShownOnce) -> Result<()>;
    /// Takes away what this session is shown under this id, unless it has ended by `now`; of several that ask
    /// at once, one gets it.
    async fn take_shown_once(
        &self,
        id: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>>;
    /// Removes sessions of operators, and what they were to be shown, that ended before `now`.
    async fn purge_operator_sessions(&self, now: Timestamp) -> Result<()>;
}
