//! Connections and their credentials.

use async_trait::async_trait;
use jiff::Timestamp;
use keyslot_providers::AuthMode;

use crate::{
    ids::{ConnectionId, IntegrationKey},
    model::{
        AuditEvent, Connection, ConnectionSummary, EndUser, Health, Object, Owner, Tags, Verified,
    },
    ownership::Situation,
    store::{error::Result, outcome::Outcome},
    token::TokenHash,
    vault::Sealed,
};

/// The outcome of looking for a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// Here it is.
    Found(T),
    /// No such integration.
    UnknownIntegration,
    /// The integration exists, the connection does not.
    UnknownConnection,
}

impl Outcome for Found<()> {
    fn has_changed(&self) -> bool {
        matches!(self, Self::Found(()))
    }
}

/// On whose behalf a connection is written.
#[derive(Clone, Debug)]
pub enum Writer {
    /// A backend with a secret key: any id.
    Backend,
    /// A connect session, which must still be alive and whose rules are asked again.
    Session {
        /// The hash of its token.
        hash: TokenHash,
        /// The id that the request named.
        requested: Option<ConnectionId>,
    },
}

/// A connection to be made, or to replace the one of the same id.
#[derive(Clone, Debug)]
pub struct Write {
    /// The environment.
    pub environment: String,
    /// The integration.
    pub integration: IntegrationKey,
    /// The id that `sealed` is bound to.
    pub connection: ConnectionId,
    /// On whose behalf.
    pub writer: Writer,
    /// How the credential is used.
    pub auth_mode: AuthMode,
    /// Credential and connection configuration.
    pub sealed: Sealed,
    /// What was found out about it.
    pub verified: Verified,
    /// Whose it is; `None` keeps what was.
    pub end_user: Option<EndUser>,
    /// Who may replace it; `None` keeps what was.
    pub owner: Option<Owner>,
    /// Labels; `None` keeps what was.
    pub tags: Option<Tags>,
    /// Notes; `None` keeps what was.
    pub metadata: Option<Object>,
    /// Where webhooks go; `None` keeps what was.
    pub webhook_url_override: Option<Option<String>>,
    /// Now.
    pub at: Timestamp,
}

/// The outcome of writing a connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// It is stored; `created` tells a new one from a replaced one.
    Stored {
        /// Whether there was none of that id.
        created: bool,
        /// What is stored.
        connection: Box<Connection>,
    },
    /// The session must write another id by now; seal for it and try again.
    Moved(ConnectionId),
    /// The session may not write the id that the request names.
    Denied,
    /// The connection that the reconnect session was made for is gone.
    Gone,
    /// The session ended in the meantime.
    SessionEnded,
    /// The integration was deleted in the meantime.
    UnknownIntegration,
}

/// Which connections to list.
#[derive(Clone, Debug, Default)]
pub struct ConnectionFilter {
    /// Exactly this id.
    pub connection_id: Option<String>,
    /// Part of the id, or of the end user's name or e-mail address.
    pub search: Option<String>,
    /// Exactly this end user.
    pub end_user_id: Option<String>,
    /// Exactly this organization.
    pub organization_id: Option<String>,
    /// One of these integrations.
    pub integrations: Option<Vec<String>>,
    /// In this state.
    pub health: Option<Health>,
    /// All of these labels.
    pub tags: Tags,
    /// At most so many.
    pub limit: u32,
    /// After skipping so many.
    pub offset: u64,
}

/// How many connections there are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HealthCounts {
    /// [`Health::Healthy`].
    pub healthy: u64,
    /// [`Health::NeedsAttention`].
    pub needs_attention: u64,
    /// [`Health::Unknown`].
    pub unknown: u64,
}

impl HealthCounts {
    /// How many in this state.
    pub fn of(&self, health: Health) -> u64 {
        match health {
            Health::Healthy => self.healthy,
            Health::NeedsAttention => self.needs_attention,
            Health::Unknown => self.unknown,
        }
    }

    /// How many in all.
    pub fn total(&self) -> u64 {
        Health::ALL.iter().map(|health| self.of(*health)).sum()
    }

    /// From a state's word in the store and its number, as they were counted.
    pub(crate) fn count(&mut self, word: &str, number: i64) {
        let number = u64::try_from(number).unwrap_or(0);
        match Health::of(word) {
            Health::Healthy => self.healthy += number,
            Health::NeedsAttention => self.needs_attention += number,
            Health::Unknown => self.unknown += number,
        }
    }
}

/// What is to change about a connection; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    /// Whose it is.
    pub end_user: Option<EndUser>,
    /// Who may replace it.
    pub owner: Option<Owner>,
    /// Labels, whole.
    pub tags: Option<Tags>,
    /// Where webhooks go; `Some(None)` goes back to the environment's address.
    pub webhook_url_override: Option<Option<String>>,
}

/// How metadata is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetadataMode {
    /// The new object takes the place of the old one.
    Replace,
    /// Keys of the new object overwrite those of the old one.
    Merge,
}

/// Connections: written with their credential, read, changed, deleted.
#[async_trait]
#[expect(clippy::too_many_arguments, reason = "each says one thing that changes")]
pub trait Connections: Send + Sync + 'static {
    /// What is known about the connections of an integration when a session wants to write one:
    /// the owner of `named`, and what the session has made. `None` when the integration is unknown.
    async fn situation(
        &self,
        environment: &str,
        integration: &str,
        session: TokenHash,
        named: Option<&ConnectionId>,
    ) -> Result<Option<Situation>>;
    /// Makes or replaces a connection, and announces it by webhook
    /// ([`crate::webhooks::announcements`]).
    async fn write_connection(&self, write: Write, audit: AuditEvent) -> Result<Written>;
    /// One connection.
    async fn connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
    ) -> Result<Found<Box<Connection>>>;
    /// Connections of an environment, newest first.
    async fn connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<Vec<ConnectionSummary>>;
    /// How many connections a filter finds in each state; `limit` and `offset` count for nothing.
    async fn count_connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<HealthCounts>;
    /// Changes what is known about a connection; not its credential.
    async fn update_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        change: ConnectionChange,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Found<()>>;
    /// Writes metadata of several connections, all or none.
    async fn write_metadata(
        &self,
        environment: &str,
        integration: &str,
        ids: Vec<ConnectionId>,
        metadata: Object,
        mode: MetadataMode,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Found<()>>;
    /// Deletes a connection.
    async fn delete_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<Found<()>>;
    /// Notes when connections were last read.
    async fn note_fetched(&self, fetched: Vec<(i64, Timestamp)>) -> Result<()>;
}
