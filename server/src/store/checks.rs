//! Checking stored credentials again.

use async_trait::async_trait;
use jiff::Timestamp;
use keyslot_providers::Reason;

use crate::{
    model::{AuditEvent, Connection},
    store::error::Result,
    vault::Sealed,
};

/// What a check of a stored credential has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The provider accepts it.
    Healthy {
        /// The account that the provider named; `None` keeps what was.
        account: Option<String>,
    },
    /// The provider does not.
    NeedsAttention(Reason),
    /// Nothing that changes anything.
    Unchanged,
}

/// The result of a check, to be written down.
#[derive(Clone, Debug)]
pub struct CheckRecord {
    /// The store's own number of the connection.
    pub connection: i64,
    /// The credential that was checked. When the connection has another one by now, the result says
    /// nothing about it.
    pub sealed: Sealed,
    /// What was found.
    pub checked: Checked,
    /// When.
    pub at: Timestamp,
    /// When to check again.
    pub next_check_at: Timestamp,
}

/// Checks of stored credentials: which are due, and what was found.
#[async_trait]
pub trait Checks: Send + Sync + 'static {
    /// Takes up to `limit` connections whose check is due and that were made or read since `used_since`,
    /// until `leased_until`. What is due and not in use is put off for a day.
    async fn claim_checks(
        &self,
        now: Timestamp,
        used_since: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>>;
    /// Writes down what a check has found. A connection that comes to need attention, or no longer does,
    /// is announced by webhook, and leaves its audit event. Returns the connection as it is now; `None`
    /// when it is gone or has another credential.
    async fn record_check(
        &self,
        record: CheckRecord,
        audit: AuditEvent,
    ) -> Result<Option<Box<Connection>>>;
}
