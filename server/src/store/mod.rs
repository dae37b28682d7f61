//! What the server asks of its storage. Each method is one transaction with a meaning in the domain;
//! nothing of an engine (a connection, a `begin`, a row) leaks out. There is one implementation per
//! engine, written by hand, and one conformance suite (`tests/it/store.rs`) that all of them pass.
//!
//! The contract:
//! - A method that changes something returns only after the change is on disk.
//! - Look-ups return `Option`: whether absence is an error is for the caller to say.
//! - Objects of another environment are absent, exactly as unknown ones are.
//! - An audit event is written in the same transaction as the change it tells of, or not at all.

pub mod postgres;
pub mod sqlite;
pub mod tables;
mod values;

use async_trait::async_trait;
use jiff::Timestamp;
use keyslot_providers::{AuthMode, Reason};

use crate::{
    allowance::{Quota, Taken},
    audit_chain::{AuditChain, AuditStart, Removable},
    ids::{ConnectionId, IntegrationKey},
    metrics::CommitTimes,
    model::{
        AuditEvent, ConnectSession, Connection, ConnectionSummary, EndUser, Environment,
        EnvironmentSettings, Health, Integration, IntegrationChange, NewIntegration, NewSecretKey,
        NewSession, Object, Operation, OwnProvider, Owner, SecretKey, SecretKeyRecord, Tags,
        Verified, Webhook, WebhookStatus,
    },
    ownership::Situation,
    token::TokenHash,
    vault::Sealed,
};

/// Why the store could not do its work. Never holds a value that a user typed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is overloaded or closing; the same call may succeed in a moment.
    #[error("the store is busy or closing")]
    Busy,
    /// The file belongs to a newer server, to something else, or to another running server.
    #[error("{0}")]
    Refused(String),
    /// What was given cannot be kept by this engine, and nothing was changed.
    #[error("{0} cannot be stored")]
    Unstorable(&'static str),
    /// What was read does not fit what was written.
    #[error("the store holds something unreadable in {0}")]
    Corrupt(&'static str),
    /// The engine failed.
    #[error("the store failed: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The outcome of deleting something that others may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Deleted,
    /// There was none of that name.
    Unknown,
    /// Something needs it, and it is still there.
    InUse,
}

/// The outcome of making something that must be unique.
#[derive(Clone, Debug, PartialEq)]
pub enum Created<T> {
    /// It was made.
    New(T),
    /// There is one of that name already.
    Exists,
    /// What it needs, a provider of the environment's own, is not there any more.
    NoProvider,
}

/// The outcome of renaming or deleting an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentOutcome {
    /// It was.
    Done,
    /// There is none of that name.
    Unknown,
    /// The new name belongs to another.
    NameTaken,
    /// It has integrations.
    InUse,
}

/// The outcome of replacing the settings of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsOutcome {
    /// They were.
    Stored,
    /// They are no longer what was seen, and stay.
    Changed,
    /// There is no environment of that name.
    Unknown,
}

/// The outcome of changing an integration.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a return value that is taken apart at once")]
pub enum IntegrationUpdate {
    /// It was changed.
    Changed(Integration),
    /// No such integration.
    Unknown,
    /// Its name or its settings are no longer what was seen.
    NotAsSeen,
    /// The new key belongs to another integration.
    KeyTaken,
    /// The key cannot change while there are connections: they are sealed to it.
    HasConnections,
}

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

/// What came of sending a webhook.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which.
    pub id: String,
    /// The number of this try. What a server says whose lease has ended counts only when it is that
    /// the webhook was delivered.
    pub attempts: u32,
    /// What has become of it.
    pub status: WebhookStatus,
    /// When to try again, if at all.
    pub next_at: Option<Timestamp>,
    /// When it was tried.
    pub at: Timestamp,
    /// The status of the receiver's answer.
    pub answer: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

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

/// Which webhooks to list.
#[derive(Clone, Debug, Default)]
pub struct WebhookFilter {
    /// Exactly this one.
    pub id: Option<String>,
    /// What has become of it.
    pub status: Option<WebhookStatus>,
    /// What it tells of.
    pub operation: Option<Operation>,
    /// Part of `integration/connection`, capital letters or not.
    pub search: Option<String>,
    /// Only those older than the one of this id.
    pub before: Option<String>,
    /// At most so many.
    pub limit: u32,
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
const IS_CHANGE: &str = "action not in ('connection.read', 'connection.revealed', \
    'connection.used', 'connection.verified')";

impl AuditFilter {
    /// Whether everything that it finds is a change. Secrets are those of connections, so whatever was done
    /// to anything else is.
    fn finds_changes_only(&self) -> bool {
        self.changes_only || self.kind.as_deref().is_some_and(|kind| kind != "connection")
    }
}

/// Whose ciphertext a sealed record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedOwner {
    /// A connection.
    Connection {
        /// The store's own number.
        id: i64,
        /// The environment.
        environment: String,
        /// The integration's key.
        integration: String,
        /// The connection's id.
        connection: String,
    },
    /// The presets of a connect session.
    Session {
        /// The session's id.
        id: String,
        /// The environment.
        environment: String,
    },
    /// A secret of the server.
    Server {
        /// Its name.
        name: String,
    },
}

/// A sealed record and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Whose.
    pub owner: SealedOwner,
    /// The record.
    pub sealed: Sealed,
}

type Result<T> = std::result::Result<T, StoreError>;

/// The storage of one server, or of several that share one database.
#[async_trait]
#[expect(clippy::too_many_arguments, reason = "each says one thing that changes")]
pub trait Store: Send + Sync + 'static {
    /// Answers when the storage can be read.
    async fn ping(&self) -> Result<()>;
    /// How long its transactions take.
    fn commit_times(&self) -> CommitTimes;
    /// Finishes what is queued, tidies up and lets go of the files. Calls after it are refused.
    async fn close(&self);

    /// Makes sure that these environments exist.
    async fn ensure_environments(&self, names: &[&str], at: Timestamp) -> Result<()>;
    /// All environments, by name.
    async fn environments(&self) -> Result<Vec<Environment>>;
    /// Makes an environment, and its first secret key when one is given; tells whether there was none of
    /// that name.
    async fn create_environment(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<bool>;
    /// Renames an environment without integrations, and stores these sealed secrets. Its settings and
    /// secret keys go along; its connect sessions and webhooks go.
    async fn rename_environment(
        &self,
        from: &str,
        to: &str,
        secrets: Vec<(String, Sealed)>,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome>;
    /// Deletes an environment without integrations and all that belongs to it but its audit events.
    async fn delete_environment(&self, name: &str, audit: AuditEvent)
    -> Result<EnvironmentOutcome>;
    /// Replaces the settings of an environment while they are `seen`: who changes them has read them before,
    /// and of two at once the second must not undo what the first did.
    async fn put_environment_settings(
        &self,
        name: &str,
        seen: EnvironmentSettings,
        settings: EnvironmentSettings,
        audit: AuditEvent,
    ) -> Result<SettingsOutcome>;
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

    /// Stores a secret key. One of the same id is replaced, so that the key from the operator's
    /// environment can change between starts.
    async fn put_secret_key(&self, new: NewSecretKey, audit: AuditEvent) -> Result<()>;
    /// Removes the secret key of this id; tells whether there was one.
    async fn remove_secret_key(
        &self,
        environment: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<bool>;
    /// The secret key with this hash, if it has not ended by `now`.
    async fn secret_key(&self, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>>;
    /// The secret keys of an environment that have not ended by `now`, oldest first.
    async fn secret_keys(&self, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>>;
    /// Stores `new` with the name and role of the secret key `id`, which ends at `ends_at`; what it was
    /// to end at before, if that is earlier. `None` when there is no such key, or it has ended.
    async fn rotate_secret_key(
        &self,
        environment: &str,
        id: &str,
        new: NewSecretKey,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Option<SecretKeyRecord>>;
    /// Notes when secret keys were last used.
    async fn note_used(&self, used: Vec<(String, Timestamp)>) -> Result<()>;
    /// Removes secret keys that ended before `now`; tells how many.
    async fn purge_secret_keys(&self, now: Timestamp) -> Result<u64>;

    /// For each environment, the number that changes of its own providers count up.
    async fn catalogue_versions(&self) -> Result<Vec<(String, i64)>>;
    /// The environment's own providers, by name.
    async fn own_providers(&self, environment: &str) -> Result<Vec<OwnProvider>>;
    /// Stores providers of the environment's own, each with the event that tells of it, in the place of
    /// those that have their names.
    async fn put_own_providers(
        &self,
        environment: &str,
        providers: Vec<(OwnProvider, AuditEvent)>,
    ) -> Result<()>;
    /// Deletes a provider of the environment's own, unless it is in use; `even_if_used` when another one
    /// of that name takes its place.
    async fn delete_own_provider(
        &self,
        environment: &str,
        name: &str,
        even_if_used: bool,
        audit: AuditEvent,
    ) -> Result<Deletion>;

    /// Makes an integration.
    async fn create_integration(
        &self,
        new: NewIntegration,
        audit: AuditEvent,
    ) -> Result<Created<Integration>>;
    /// All integrations of an environment, oldest first.
    async fn integrations(&self, environment: &str) -> Result<Vec<Integration>>;
    /// One integration.
    async fn integration(&self, environment: &str, key: &str) -> Result<Option<Integration>>;
    /// Changes an integration.
    async fn update_integration(
        &self,
        environment: &str,
        key: &str,
        change: IntegrationChange,
        audit: AuditEvent,
    ) -> Result<IntegrationUpdate>;
    /// Deletes an integration and all its connections; tells whether there was one.
    async fn delete_integration(
        &self,
        environment: &str,
        key: &str,
        audit: AuditEvent,
    ) -> Result<bool>;

    /// Stores a connect session.
    async fn create_session(&self, new: NewSession, audit: AuditEvent) -> Result<()>;
    /// The session with this hash, if it has not ended by `now`.
    async fn session(&self, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>>;
    /// Ends a session; tells whether there was one.
    async fn delete_session(&self, hash: TokenHash, audit: AuditEvent) -> Result<bool>;
    /// Removes sessions that ended before `now`; tells how many.
    async fn purge_sessions(&self, now: Timestamp) -> Result<u64>;

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
    /// Notes when connections were last read.
    async fn note_fetched(&self, fetched: Vec<(i64, Timestamp)>) -> Result<()>;

    /// Takes up to `limit` webhooks that are due and in nobody's hand, the longest due first, until
    /// `leased_until`; counts the try.
    async fn claim_webhooks(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>>;
    /// Writes down what came of sending a webhook, and lets go of it.
    async fn settle_webhook(&self, settlement: Settlement) -> Result<()>;
    /// Webhooks of an environment, newest first.
    async fn webhooks(&self, environment: &str, filter: WebhookFilter) -> Result<Vec<Webhook>>;
    /// Makes a webhook due now, to the address that the environment has by now; tells whether there is
    /// one of that id.
    async fn replay_webhook(
        &self,
        environment: &str,
        id: &str,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<bool>;
    /// How many webhooks are still to be delivered.
    async fn outbox_depth(&self) -> Result<u64>;
    /// Removes webhooks older than `before` with which there is nothing more to do; tells how many.
    async fn purge_webhooks(&self, before: Timestamp) -> Result<u64>;

    /// Sealed records that are not under `key_id`: up to `limit` connections whose number is greater
    /// than `after`, in order, and before them, when `after` is 0, all of everything else.
    async fn sealed_under_other_keys(
        &self,
        key_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRecord>>;
    /// Replaces sealed records that still are what they were; tells how many.
    async fn replace_sealed(&self, records: Vec<(SealedRecord, Sealed)>) -> Result<u64>;

    /// Takes up to `wanted` of what is left in this bucket, all of it or as much as there is.
    async fn take_allowance(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Taken>;
    /// Takes one out of each of these buckets if every one of them has one left; else none is taken, and
    /// at least one of what is returned has granted nothing.
    async fn take_one_of_each(
        &self,
        buckets: &[(String, Quota)],
        now: Timestamp,
    ) -> Result<Vec<Taken>>;
    /// Puts back one into each of these buckets.
    async fn put_back(&self, buckets: &[(String, Quota)]) -> Result<()>;
    /// Makes a bucket full again.
    async fn forget_allowance(&self, bucket: &str) -> Result<()>;
    /// Removes the buckets that are full again; tells how many.
    async fn purge_allowances(&self, now: Timestamp) -> Result<u64>;

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

impl StoredAuditEvent {
    /// What an event is stored as under the number `id`, before it is in its chain.
    fn of(id: i64, event: &AuditEvent) -> Self {
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
