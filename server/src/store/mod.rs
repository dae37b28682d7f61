//! What the server asks of its storage. Each method is one transaction with a meaning in the domain;
//! nothing of an engine (a connection, a `begin`, a row) leaks out. There is one implementation per
//! engine, written by hand, and one conformance suite (`tests/it/store.rs`) that all of them pass.
//!
//! The contract:
//! - A method that changes something returns only after the change is on disk.
//! - Look-ups return `Option`: whether absence is an error is for the caller to say.
//! - Objects of another environment are absent, exactly as unknown ones are.
//! - An audit event is written in the same transaction as the change it tells of, or not at all.

mod audit;
mod checks;
mod connections;
mod environments;
mod error;
mod integrations;
mod operators;
mod outbox;
pub mod postgres;
mod providers;
mod rate_limits;
mod sealed_records;
mod secret_keys;
mod server_secrets;
mod sessions;
pub mod sqlite;
pub mod tables;
mod values;

use async_trait::async_trait;

pub use self::audit::{AuditFilter, AuditLog, StoredAuditEvent};
pub use self::checks::{CheckRecord, Checked, Checks};
pub use self::connections::{
    ConnectionChange, ConnectionFilter, Connections, Found, HealthCounts, MetadataMode, Write,
    Writer, Written,
};
pub use self::environments::{EnvironmentOutcome, Environments, SettingsOutcome};
use self::error::Result;
pub use self::error::StoreError;
pub use self::integrations::{Created, IntegrationUpdate, Integrations};
pub use self::operators::{Operators, ShownOnce};
pub use self::outbox::{Outbox, Settlement, WebhookFilter};
pub use self::providers::{Deletion, Providers};
pub use self::rate_limits::RateLimits;
pub use self::sealed_records::{SealedOwner, SealedRecord, SealedRecords};
pub use self::secret_keys::SecretKeys;
pub use self::server_secrets::ServerSecrets;
pub use self::sessions::Sessions;
use crate::metrics::CommitTimes;

/// The storage of one server, or of several that share one database: what it does with each kind of
/// object, and with itself.
#[async_trait]
pub trait Store:
    AuditLog
    + Checks
    + Connections
    + Environments
    + Integrations
    + Operators
    + Outbox
    + Providers
    + RateLimits
    + SealedRecords
    + SecretKeys
    + ServerSecrets
    + Sessions
{
    /// Answers when the storage can be read.
    async fn ping(&self) -> Result<()>;
    /// How long its transactions take.
    fn commit_times(&self) -> CommitTimes;
    /// Finishes what is queued, tidies up and lets go of the files. Calls after it are refused.
    async fn close(&self);
}
