//! The things that the server keeps, as the domain sees them: integrations, connect sessions,
//! connections, secret keys and audit events. No SQL and no HTTP.

use std::{collections::BTreeMap, net::IpAddr};

use jiff::Timestamp;
use keyslot_providers::AuthMode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    ids::{ConnectionId, IntegrationKey},
    token::TokenHash,
    vault::Sealed,
};

/// The environments that every server has from its first start.
pub const FIRST_ENVIRONMENTS: [&str; 2] = [DEVELOPMENT, PRODUCTION];
/// The environment for trying things out.
pub const DEVELOPMENT: &str = "dev";
/// The environment of the product itself.
pub const PRODUCTION: &str = "prod";

/// An environment and what it has been set to.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// What it has been set to.
    pub settings: EnvironmentSettings,
}

/// What an environment has been set to; kept as one document, so that more can be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EnvironmentSettings {
    /// Where webhooks go.
    pub webhook_url: Option<String>,
    /// Where they go as well.
    pub webhook_url_secondary: Option<String>,
    /// Whether a new connection is announced.
    pub on_auth_creation: bool,
    /// Whether it is announced that a connection needs attention, or no longer does.
    pub on_auth_refresh_error: bool,
    /// The key that old pages send instead of a session token: a UUID, and no secret.
    pub public_key: Option<String>,
    /// Whether it is accepted.
    pub public_key_enabled: bool,
    /// Whether a backend must vouch for the connection id that comes with it.
    pub hmac_enabled: bool,
    /// The product that end users are asked to connect their keys to.
    pub product_name: Option<String>,
    /// Its colour, `#rrggbb`.
    pub accent: Option<String>,
    /// The address of its logo, which the dialog and the connect page show.
    pub logo_url: Option<String>,
    /// The title of the dialog; `{provider}` in it is the name of the API.
    pub dialog_title: Option<String>,
    /// What the dialog's button says.
    pub dialog_submit: Option<String>,
    /// What the connect page says before the dialog is opened.
    pub connect_intro: Option<String>,
    /// The sites that may show the connect page in a frame.
    pub allowed_origins: Vec<String>,
}

impl EnvironmentSettings {
    /// Switches public keys on or off, and the HMAC that they need. Switched on without a word about HMAC,
    /// it is asked for: without it, whoever has seen the page can store connections.
    pub fn switch_public_keys(&mut self, on: Option<bool>, hmac: Option<bool>) {
        let on = on.unwrap_or(self.public_key_enabled);
        let switched_on = on && !self.public_key_enabled;
        self.public_key_enabled = on;
        self.hmac_enabled = hmac.unwrap_or(self.hmac_enabled || switched_on);
        if on {
            self.public_key.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
        }
    }
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self {
            webhook_url: None,
            webhook_url_secondary: None,
            on_auth_creation: true,
            on_auth_refresh_error: true,
            public_key: None,
            public_key_enabled: false,
            hmac_enabled: false,
            product_name: None,
            accent: None,
            logo_url: None,
            dialog_title: None,
            dialog_submit: None,
            connect_intro: None,
            allowed_origins: Vec::new(),
        }
    }
}

/// Labels of a session or a connection.
pub type Tags = BTreeMap<String, String>;

/// A JSON object.
pub type Object = Map<String, Value>;

/// An API that an environment has enabled.
#[derive(Clone, Debug, PartialEq)]
pub struct Integration {
    /// The store's own number.
    pub id: i64,
    /// The environment it belongs to.
    pub environment: String,
    /// The key by which clients name it.
    pub unique_key: IntegrationKey,
    /// The provider in the catalogue.
    pub provider: String,
    /// A name for people; the provider's when there is none.
    pub display_name: Option<String>,
    /// Settings of the generic providers: base URL, placement of the key and so on.
    pub config: Object,
    /// What a client of another server set; nothing follows from it.
    pub forward_webhooks: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A provider that an environment has of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnProvider {
    /// Its name; it takes the place of one of the catalogue that has the same.
    pub name: String,
    /// Its template, as it is read with the catalogue.
    pub template: Object,
    /// When it was last stored.
    pub updated_at: Timestamp,
}

/// An integration that is about to be made.
#[derive(Clone, Debug)]
pub struct NewIntegration {
    /// See [`Integration`].
    pub environment: String,
    /// See [`Integration`].
    pub unique_key: IntegrationKey,
    /// See [`Integration`].
    pub provider: String,
    /// See [`Integration`].
    pub display_name: Option<String>,
    /// See [`Integration`].
    pub config: Object,
    /// See [`Integration`].
    pub forward_webhooks: bool,
    /// Whether its provider is one of the environment's own, which could be deleted meanwhile.
    pub own_provider: bool,
}

/// What is to change about an integration; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct IntegrationChange {
    /// Another key; refused while there are connections.
    pub unique_key: Option<IntegrationKey>,
    /// Another name; `Some(None)` goes back to the provider's.
    pub display_name: Option<Option<String>>,
    /// The settings, whole.
    pub config: Option<Object>,
    /// See [`Integration`].
    pub forward_webhooks: Option<bool>,
    /// Only while name and settings are these.
    pub seen: Option<(Option<String>, Object)>,
}

/// Whose connection it is, as the integrator's backend said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndUser {
    /// The backend's own id of this person.
    pub id: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their name.
    pub display_name: Option<String>,
    /// Labels.
    pub tags: Option<Tags>,
    /// The company they belong to.
    pub organization: Option<Organization>,
}

/// The company of an [`EndUser`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// The backend's own id of it.
    pub id: String,
    /// Its name.
    pub display_name: Option<String>,
}

/// Who owns a connection, for the question whether a session may replace it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The end user's id.
    pub end_user: String,
    /// The organization's id.
    pub organization: Option<String>,
}

/// Which connections a session may write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The one whose id is that of the end user, and new ones under ids that the server makes.
    Unbound,
    /// Exactly this id.
    Bound(String),
    /// Exactly this id, unless its connection belongs to somebody else by then.
    Free(String),
    /// Each of these ids, of which there is at least one. The first is used when a request names none.
    AnyOf(Vec<String>),
    /// This connection, which must still exist.
    Reconnect {
        /// The integration.
        integration: String,
        /// The connection.
        connection: String,
    },
}

impl Target {
    /// The ids that it names; none when it is unbound.
    pub fn ids(&self) -> &[String] {
        match self {
            Self::Unbound => &[],
            Self::Bound(id) | Self::Free(id) | Self::Reconnect { connection: id, .. } => {
                std::slice::from_ref(id)
            }
            Self::AnyOf(ids) => ids,
        }
    }
}

/// The part of a connect session that is kept as one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionTerms {
    /// Which connections it may write.
    pub target: Target,
    /// The integrations it is limited to; `None` is all.
    pub allowed_integrations: Option<Vec<String>>,
    /// Whether it may make several connections for one integration.
    pub multiple: bool,
    /// Whether the end user may store what could not be checked.
    pub allow_unverified: bool,
    /// Whose session it is.
    pub end_user: Option<EndUser>,
    /// Labels for the connections it makes; `None` leaves those of a replaced one alone.
    pub tags: Option<Tags>,
    /// Links to the integrator's own guides, by integration.
    pub docs_connect: BTreeMap<String, String>,
    /// Where webhooks about its connections go instead of the environment's address.
    pub webhook_url_override: Option<String>,
}

impl SessionTerms {
    /// Whose connections it may replace.
    pub fn owner(&self) -> Option<Owner> {
        let tag = |name: &str| self.tags.as_ref().and_then(|tags| tags.get(name)).cloned();
        match &self.end_user {
            Some(user) => Some(Owner {
                end_user: user.id.clone(),
                organization: user
                    .organization
                    .as_ref()
                    .map(|organization| organization.id.clone()),
            }),
            None => tag("end_user_id")
                .map(|end_user| Owner { end_user, organization: tag("organization_id") }),
        }
    }

    /// Whether it may be used for `integration`.
    pub fn allows(&self, integration: &str) -> bool {
        self.allowed_integrations
            .as_ref()
            .is_none_or(|allowed| allowed.iter().any(|key| key == integration))
    }
}

/// A connect session: what a browser may do for half an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectSession {
    /// Its public id, for the audit log; the token is not kept.
    pub id: String,
    /// The environment it belongs to.
    pub environment: String,
    /// What it may do.
    pub terms: SessionTerms,
    /// Preset values of connection configuration by integration, sealed: they may be secrets.
    pub presets: Option<Sealed>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A connect session that is about to be made.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The hash of its token.
    pub hash: TokenHash,
    /// The session.
    pub session: ConnectSession,
}

/// What was found out about a credential before it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What came of asking the provider.
    pub verdict: Verdict,
    /// The account that the provider named.
    pub account: Option<String>,
}

/// What came of asking a provider about a credential that was then stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider accepted it.
    Verified,
    /// The provider was asked and did not say; the end user stored it all the same.
    Unverified,
    /// Nobody was asked: the provider offers no check.
    Unchecked,
}

impl Verdict {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unverified => "unverified",
            Self::Unchecked => "unchecked",
        }
    }

    /// The verdict that two columns of the store mean.
    pub fn stored(verified: bool, unchecked: bool) -> Self {
        match (verified, unchecked) {
            (true, _) => Self::Verified,
            (false, true) => Self::Unchecked,
            (false, false) => Self::Unverified,
        }
    }
}

/// Whether a connection still works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// The provider accepted the credential when it was last asked.
    Healthy,
    /// The provider refused it.
    NeedsAttention,
    /// Never asked.
    Unknown,
}

impl Health {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::NeedsAttention, Self::Unknown];

    /// The word on the wire and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::NeedsAttention => "needs_attention",
            Self::Unknown => "unknown",
        }
    }

    /// The state that a word means; what is not known is unknown.
    pub fn of(word: &str) -> Self {
        match word {
            "healthy" => Self::Healthy,
            "needs_attention" => Self::NeedsAttention,
            _ => Self::Unknown,
        }
    }
}

/// What is shown of a connection without opening it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionSummary {
    /// The store's own number, which clients see.
    pub id: i64,
    /// The environment.
    pub environment: String,
    /// The id by which clients name it.
    pub connection_id: ConnectionId,
    /// The integration's key.
    pub integration: String,
    /// The integration's provider.
    pub provider: String,
    /// Whose it is.
    pub end_user: Option<EndUser>,
    /// Labels.
    pub tags: Tags,
    /// The backend's own notes.
    pub metadata: Object,
    /// Where webhooks about it go instead of the environment's address.
    pub webhook_url_override: Option<String>,
    /// What was found out when it was stored.
    pub verified: Verified,
    /// Whether it still works.
    pub health: Health,
    /// Since when.
    pub health_since: Timestamp,
    /// Why it needs attention: `refused`, `forbidden` or `address`.
    pub health_reason: Option<String>,
    /// When the provider was last asked.
    pub checked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When its credential was last read.
    pub last_fetched_at: Option<Timestamp>,
}

/// A connection with its sealed credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    /// What is shown of it.
    pub summary: ConnectionSummary,
    /// How its credential is used.
    pub auth_mode: AuthMode,
    /// Credential and connection configuration.
    pub sealed: Sealed,
}

/// What a webhook tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A new connection.
    Creation,
    /// A connection whose credential was replaced.
    Override,
    /// A connection whose health changed.
    Refresh,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Creation, Self::Override, Self::Refresh];

    /// The word on the wire and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::Override => "override",
            Self::Refresh => "refresh",
        }
    }

    /// The operation that a word means.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.word() == word)
    }
}

/// Which of the addresses a webhook goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The environment's first.
    Primary,
    /// The environment's second.
    Secondary,
    /// The connection's own.
    Connection,
}

impl Slot {
    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Connection => "connection",
        }
    }

    /// The slot that a word means.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Primary, Self::Secondary, Self::Connection].into_iter().find(|s| s.word() == word)
    }
}

/// What has become of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookStatus {
    /// It is to be sent.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Failed,
}

impl WebhookStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The word on the wire and in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// The status that a word means.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }
}

/// One event on its way to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id, which the receiver sees: a UUID of version 7.
    pub id: String,
    /// The environment.
    pub environment: String,
    /// What it tells of.
    pub operation: Operation,
    /// The integration's key.
    pub integration: String,
    /// The connection's id.
    pub connection_id: String,
    /// Which of the addresses.
    pub slot: Slot,
    /// The address.
    pub url: String,
    /// What is sent: JSON.
    pub body: String,
    /// When what it tells of happened.
    pub created_at: Timestamp,
    /// What has become of it.
    pub status: WebhookStatus,
    /// When the tries began.
    pub since: Timestamp,
    /// How often it was tried since then.
    pub attempts: u32,
    /// When it is due.
    pub next_at: Option<Timestamp>,
    /// When it was last tried.
    pub last_at: Option<Timestamp>,
    /// What the receiver then answered.
    pub last_status: Option<u16>,
    /// Why it then got no answer.
    pub last_error: Option<String>,
}

/// What a secret key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Everything in its environment.
    Full,
    /// Read everything, credentials included.
    ReadOnly,
    /// Make connect sessions, nothing else.
    SessionsOnly,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Full, Self::ReadOnly, Self::SessionsOnly];

    /// The word in the store.
    pub fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::ReadOnly => "read_only",
            Self::SessionsOnly => "sessions_only",
        }
    }

    /// The role that a word means.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }
}

/// A secret key, without the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretKey {
    /// Its public id.
    pub id: String,
    /// The environment it opens.
    pub environment: String,
    /// A name for people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How the key starts ([`crate::token::shown_prefix`]); empty when that is not to be shown, or was
    /// not kept.
    pub prefix: String,
}

/// A secret key and what is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretKeyRecord {
    /// The key.
    pub key: SecretKey,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to a few seconds.
    pub last_used_at: Option<Timestamp>,
    /// When it ends, because another one has taken its place.
    pub expires_at: Option<Timestamp>,
}

/// A secret key that is about to be made.
#[derive(Clone, Debug)]
pub struct NewSecretKey {
    /// The key.
    pub key: SecretKey,
    /// The hash of the token.
    pub hash: TokenHash,
}

/// One line of the audit log: who did what to which object. Never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// In which environment.
    pub environment: String,
    /// Who: `secret_key:<id>`, `connect_session:<id>`, `operator` or `server`.
    pub actor: String,
    /// What: `connection.created` and so on.
    pub action: &'static str,
    /// To which object: `connection:<integration>/<id>` and so on.
    pub object: String,
    /// The request it happened in.
    pub request_id: String,
    /// The address that the request came from, when it came from one.
    pub address: Option<IpAddr>,
}
