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
mod outcome;
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

use self::error::Result;
pub use self::{
    audit::{AuditFilter, AuditLog, StoredAuditEvent},
    checks::{CheckRecord, Checked, Checks},
    connections::{
        ConnectionChange, ConnectionFilter, Connections, Found, HealthCounts, MetadataMode, Write,
        Writer, Written,
    },
    environments::{EnvironmentOutcome, Environments, SettingsOutcome},
    error::StoreError,
    integrations::{Created, IntegrationUpdate, Integrations},
    operators::{Operators, ShownOnce},
    outbox::{Outbox, Settlement, WebhookFilter},
    providers::{Deletion, Providers},
    rate_limits::RateLimits,
    sealed_records::{SealedOwner, SealedRecord, SealedRecords},
    secret_keys::SecretKeys,
    server_secrets::ServerSecrets,
    sessions::Sessions,
};
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
