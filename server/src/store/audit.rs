//! The audit log and its chain.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    audit_chain::{AuditChain, AuditStart, Removable},
    model::AuditEvent,
    store::error::Result,
};

/// An audit event as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAuditEvent {
    /// Its number; later events have greater ones.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To which object.
    pub object: String,
    /// In which request.
    pub request_id: String,
    /// From which address.
    pub address: Option<String>,
    /// Its place in the chain of its environment and its code, once it has them.
    pub chained: Option<(i64, Vec<u8>)>,
}

impl StoredAuditEvent {
    /// What an event is stored as under the number `id`, before it is in its chain.
    pub(crate) fn of(id: i64, event: &AuditEvent) -> Self {
        Self {
            id,
            at: event.at,
            actor: event.actor.clone(),
            action: event.action.to_owned(),
            object: event.object.clone(),
            request_id: event.request_id.clone(),
            address: event.address.map(|address| address.to_string()),
            chained: None,
        }
    }
}

/// Which audit events to list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Only those before the one with this number.
    pub before: Option<i64>,
    /// Only what was done to this kind of thing: `connection`, `secret_key` and so on.
    pub kind: Option<String>,
    /// Only by this actor (`secret_key:<id>`), or by this kind of actor (`secret_key`).
    pub actor: Option<String>,
    /// Only what changed something: nothing that was read or used.
    pub changes_only: bool,
    /// Only to exactly this object.
    pub object: Option<String>,
    /// Only to objects with this in their name, capital letters or not.
    pub search: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// What SQL says of an event that tells of a change: all but those of a secret that was read or used. Both
/// engines have indexes of such events, made by the same words in their migrations, and take them only for
/// a query with these words.
pub(crate) const IS_CHANGE: &str = "action not in ('connection.read', 'connection.revealed', \
    'connection.used', 'connection.verified')";

impl AuditFilter {
    /// Whether everything that it finds is a change. Secrets are those of connections, so whatever was done
    /// to anything else is.
    pub(crate) fn finds_changes_only(&self) -> bool {
        self.changes_only || self.kind.as_deref().is_some_and(|kind| kind != "connection")
    }
}

/// Audit events, their chains and where these begin.
#[async_trait]
pub trait AuditLog: Send + Sync + 'static {
    /// Writes down what somebody was shown: a read has no change in whose transaction it could be.
    async fn record(&self, audit: AuditEvent) -> Result<()>;
    /// The same for several, in this order; all or none. They are put into their chains at once, behind
    /// what is not in one yet: many are cheaper so.
    async fn record_all(&self, chain: AuditChain, audit: Vec<AuditEvent>) -> Result<()>;
    /// Audit events of an environment, newest first.
    async fn audit_events(
        &self,
        environment: &str,
        filter: AuditFilter,
    ) -> Result<Vec<StoredAuditEvent>>;
    /// Audit events of an environment in the order of their chain, after the place `after`.
    async fn audit_chain(
        &self,
        environment: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAuditEvent>>;
    /// Puts up to `limit` events that are not in their chain yet into it, oldest first; tells how many.
    async fn link_audit_events(&self, chain: AuditChain, limit: u32) -> Result<u32>;
    /// The environments that there are audit events of, by name; also those that are gone.
    async fn audited_environments(&self) -> Result<Vec<String>>;
    /// Behind what the audit events of an environment begin; `None` when none was ever removed.
    async fn audit_start(&self, environment: &str) -> Result<Option<AuditStart>>;
    /// Removes up to `limit` audit events of an environment from before `before`, oldest first, and notes
    /// behind what the others begin; only what is in its chain, and fits.
    async fn remove_old_audit_events(
        &self,
        environment: &str,
        chain: AuditChain,
        before: Timestamp,
        limit: u32,
    ) -> Result<Removable>;
}
