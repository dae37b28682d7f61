//! Taking in a credential: checking it against the provider and storing it. The one path for what a
//! browser posts with a session token and for what a backend imports.

mod api_key;
mod basic;
mod config;
mod public_key;

pub use api_key::post as post_api_key;
pub use basic::post as post_basic;
pub(crate) use config::{address_left_open, is_secret};

use std::sync::Arc;

use axum::response::Response;
use keyslot_providers::{
    ConnectionConfig, Credential, IntegrationConfig, Provider, Reason, Verification,
    validate_params_under,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::{
    access::{Browser, Key, PublicKey, Session},
    api::{connections::object, end_user::Whose, ok},
    contents::Contents,
    error::{ApiError, Place},
    fields::{Fields, Length},
    ids::{ConnectionId, IntegrationKey},
    issue::{Issue, at},
    model::{AuditEvent, Connection, Integration, Object, Verdict, Verified},
    ownership::{self, Decision},
    query::Query,
    recheck,
    state::Server,
    store::{Write, Writer, Written},
};

/// The most characters of an API key.
pub(crate) const API_KEY_MAX: usize = 4096;
/// The most characters of a user name and of a password.
pub(crate) const BASIC_MAX: usize = 4096;
/// How often a write may find that its session has moved on before it gives up. Each time means that
/// another request with the same token came first.
const MOVES_MAX: usize = 8;

/// A credential on its way in.
pub(crate) struct Intake {
    pub(crate) integration: IntegrationKey,
    /// The connection id that the request names.
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) credential: Credential,
    /// The connection configuration that the request gives.
    pub(crate) config: Option<Object>,
    /// Whether to store it when the provider cannot be asked.
    pub(crate) store_unverified: bool,
}

/// Who brings it.
#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack of one request")]
pub(crate) enum Origin<'a> {
    Session(&'a Session),
    /// Someone who knows a public key, and the proof they bring.
    PublicKey(&'a PublicKey, Option<String>),
    Backend {
        key: &'a Key,
        whose: Whose,
        metadata: Option<Object>,
        webhook_url_override: Option<Option<String>>,
    },
}

impl Origin<'_> {
    fn environment(&self) -> &str {
        match self {
            Self::Session(session) => &session.session.environment,
            Self::PublicKey(public, _) => &public.environment.name,
            Self::Backend { key, .. } => key.environment(),
        }
    }

    /// Browsers and backends know this by different codes.
    fn unknown_integration(&self, key: &IntegrationKey) -> ApiError {
        match self {
            Self::Session(_) | Self::PublicKey(..) => {
                ApiError::UnknownProviderConfig(key.to_string())
            }
            Self::Backend { .. } => ApiError::NotFound("Integration does not exist".into()),
        }
    }

    fn wrong_mode(&self, provider: &Provider, credential: &Credential) -> ApiError {
        let (expected, called) = (provider.auth_mode.as_str(), credential.auth_mode().as_str());
        match self {
            Self::Session(_) | Self::PublicKey(..) => {
                ApiError::InvalidAuthMode { expected, called }
            }
            Self::Backend { .. } => ApiError::InvalidBody(format!(
                "Provider {} uses {expected} and does not support {called} auth",
                provider.name
            )),
        }
    }

    fn audit(&self, object: String, at: jiff::Timestamp) -> AuditEvent {
        // The store puts "created" or "replaced" in its place: only its transaction knows which.
        const ACTION: &str = "connection.stored";
        match self {
            Self::Session(session) => session.audit(ACTION, object, at),
            Self::PublicKey(public, _) => public.audit(ACTION, object, at),
            Self::Backend { key, .. } => key.audit(ACTION, object, at),
        }
    }
}

/// What was stored.
pub(crate) struct Stored {
    pub(crate) connection: Box<Connection>,
    pub(crate) contents: Contents,
}

impl Stored {
    /// The answer to a browser.
    fn answer(&self) -> Response {
        let summary = &self.connection.summary;
        let mut verification = json!({ "status": summary.verified.verdict.word() });
        if let (Some(account), Value::Object(verification)) =
            (&summary.verified.account, &mut verification)
        {
            verification.insert("account".into(), account.as_str().into());
        }
        ok(&json!({
            "connectionId": summary.connection_id.as_str(),
            "providerConfigKey": summary.integration.as_str(),
            "verification": verification,
        }))
    }
}

/// The fields that both credential routes read beside the credential itself, from body and query.
struct Beside {
    connection: Option<ConnectionId>,
    config: Object,
    store_unverified: bool,
    hmac: Option<String>,
}

impl Beside {
    /// Reads `params`, `connection_id` and `store_unverified`; in the query only the first two, as
    /// existing clients send them. Where both say something, the body wins.
    fn read(fields: &mut Fields, query: &Query) -> Result<Self, ApiError> {
        const ANY: Length = Length { min: 0, max: usize::MAX };
        let params = query.object("params").map_err(ApiError::query)?;
        let mut config: Object =
            params.into_iter().map(|(name, value)| (name, value.into())).collect();
        for (name, value) in fields.optional_strings("params", ANY).unwrap_or_default() {
            config.insert(name, value.into());
        }
        // A setting of the session, not of a connection; existing servers drop it here too.
        config.shift_remove("webhook_url");

        let store_unverified = fields.optional_bool("store_unverified").unwrap_or(false);
        let connection = match fields.optional_string("connection_id", ANY) {
            Some(text) => match ConnectionId::parse(&text, at(["connection_id"])) {
                Ok(id) => Some(id),
                Err(issue) => {
                    fields.refuse(issue);
                    None
                }
            },
            None => query
                .first("connection_id")
                .map(|text| {
                    ConnectionId::parse(text, at(["connection_id"])).map_err(ApiError::query)
                })
                .transpose()?,
        };
        let hmac = query.first("hmac").map(str::to_owned);
        Ok(Self { connection, config, store_unverified, hmac })
    }

    /// Who brings the credential.
    fn origin<'a>(&mut self, browser: &'a Browser) -> Origin<'a> {
        match browser {
            Browser::Session(session) => Origin::Session(session),
            Browser::PublicKey(public) => Origin::PublicKey(public, self.hmac.take()),
        }
    }

    fn intake(self, integration: &str, credential: Credential) -> Result<Intake, ApiError> {
        Ok(Intake {
            integration: IntegrationKey::parse(integration, at(["providerConfigKey"]))
                .map_err(ApiError::uri)?,
            connection: self.connection,
            credential,
            config: Some(self.config),
            store_unverified: self.store_unverified,
        })
    }
}

/// Checks a credential with its provider and stores it.
///
/// # Errors
/// In the order in which they are looked for: 403 `unverified_not_allowed`; with a public key 400
/// `missing_hmac`, `invalid_hmac`, 403 `connection_id_not_allowed`; 404 `unknown_provider_config` (a
/// backend: `not_found`), `unknown_provider_template`; 400 `invalid_auth_mode` (a backend: `invalid_body`),
/// `integration_not_allowed`; 403 `connection_id_not_allowed`, 400 `invalid_connection`; 400
/// `invalid_body`; 429 `too_many_request`; 400 `connection_test_failed`.
pub(crate) async fn store(
    server: &Server,
    intake: Intake,
    origin: Origin<'_>,
) -> Result<Stored, ApiError> {
    let environment = origin.environment().to_owned();
    let unverified_allowed = match &origin {
        Origin::Session(session) => session.session.terms.allow_unverified,
        Origin::PublicKey(..) => false,
        Origin::Backend { .. } => true,
    };
    if intake.store_unverified && !unverified_allowed {
        return Err(ApiError::UnverifiedNotAllowed);
    }
    if let Origin::PublicKey(public, hmac) = &origin {
        public_key::admit(server, public, &intake, hmac.as_deref()).await?;
    }
    let key = &intake.integration;
    let integration = server
        .store
        .integration(&environment, key.as_str())
        .await?
        .ok_or_else(|| origin.unknown_integration(key))?;
    let provider = provider_of(server, &integration)?;
    if provider.auth_mode != intake.credential.auth_mode() {
        return Err(origin.wrong_mode(&provider, &intake.credential));
    }
    if let Origin::Session(session) = &origin
        && !session.session.terms.allows(key.as_str())
    {
        return Err(ApiError::IntegrationNotAllowed(key.to_string()));
    }

    let (id, replaces) = connection_id(server, &environment, &intake, &origin).await?;
    let replaced = replaces.then_some(&id);
    let config =
        config::config(server, &environment, &intake, &origin, &provider, replaced).await?;
    let contents = Contents { credential: intake.credential, config };
    let verified = checked(server, &provider, &contents, intake.store_unverified, &origin).await?;

    let now = server.clock.now();
    let mut write = Write {
        sealed: contents.seal(server, &environment, key, &id)?,
        environment,
        integration: key.clone(),
        connection: id,
        writer: Writer::Backend,
        auth_mode: provider.auth_mode,
        verified,
        end_user: None,
        owner: None,
        tags: None,
        metadata: None,
        webhook_url_override: None,
        at: now,
    };
    match &origin {
        Origin::Session(session) => {
            let terms = &session.session.terms;
            write.writer = Writer::Session { hash: session.hash, requested: intake.connection };
            write.end_user = terms.end_user.clone();
            write.owner = terms.owner();
            write.tags = terms.tags.clone();
            write.webhook_url_override = terms.webhook_url_override.clone().map(Some);
        }
        Origin::PublicKey(..) => {}
        Origin::Backend { whose, metadata, webhook_url_override, .. } => {
            write.end_user = whose.end_user.clone();
            write.owner = whose.owner();
            write.tags = whose.tags.clone();
            write.metadata = metadata.clone();
            write.webhook_url_override = webhook_url_override.clone();
        }
    }
    for _ in 0..MOVES_MAX {
        let audit = origin.audit(object(&write.integration, &write.connection), now);
        match server.store.write_connection(write.clone(), audit).await? {
            Written::Stored { connection, .. } => {
                server.outbox.notify_one();
                return Ok(Stored { connection, contents });
            }
            Written::Moved(id) => write = write.moved_to(id, &contents, server)?,
            Written::Denied => return Err(ApiError::ConnectionIdNotAllowed),
            Written::Gone => return Err(ApiError::InvalidConnection),
            Written::SessionEnded => return Err(ApiError::UnknownConnectSessionToken),
            Written::UnknownIntegration => {
                return Err(origin.unknown_integration(&write.integration));
            }
        }
    }
    Err(ApiError::Unavailable)
}

/// Whether a credential of an integration is checked with its provider before it is stored.
pub(crate) fn checks(server: &Server, integration: &Integration) -> bool {
    provider_of(server, integration).is_ok_and(|provider| provider.check.is_some())
}

/// The provider of an integration, with the integration's settings applied.
///
/// # Errors
/// 404 `unknown_provider_template`; 500 when settings that were accepted can no longer be used.
pub(crate) fn provider_of(
    server: &Server,
    integration: &Integration,
) -> Result<Arc<Provider>, ApiError> {
    let catalogue = server.catalogues.of(&integration.environment);
    let provider = catalogue
        .get(&integration.provider)
        .ok_or_else(|| ApiError::UnknownProviderTemplate(integration.provider.clone()))?;
    let settings = IntegrationConfig::from_json(&integration.config);
    settings.and_then(|settings| provider.configured(&settings)).map_err(|issues| {
        let fields: Vec<String> = issues.iter().map(|issue| issue.path.join(".")).collect();
        ApiError::internal(format!(
            "the settings of integration {} no longer fit its provider: {}",
            integration.unique_key,
            fields.join(", ")
        ))
    })
}

/// The id to write, and whether a connection of that id may exist already.
async fn connection_id(
    server: &Server,
    environment: &str,
    intake: &Intake,
    origin: &Origin<'_>,
) -> Result<(ConnectionId, bool), ApiError> {
    let requested = intake.connection.as_ref();
    let Origin::Session(session) = origin else {
        return Ok(match requested {
            Some(id) => (id.clone(), true),
            None => (ConnectionId::random(), false),
        });
    };
    let terms = &session.session.terms;
    let key = intake.integration.as_str();
    let named = ownership::named(terms, requested);
    let situation = server
        .store
        .situation(environment, key, session.hash, named.as_ref())
        .await?
        .ok_or_else(|| ApiError::UnknownProviderConfig(key.to_owned()))?;
    match ownership::decide(terms, requested, &situation) {
        Decision::Use(id) => Ok((id, true)),
        Decision::Fresh => Ok((ConnectionId::random(), false)),
        Decision::Denied => Err(ApiError::ConnectionIdNotAllowed),
        Decision::Gone => Err(ApiError::InvalidConnection),
    }
}

/// What [`test()`] says, unless too many credentials from there were wrong: otherwise somebody could find
/// out here which of many stolen ones are still good. Backends are trusted with that.
async fn checked(
    server: &Server,
    provider: &Provider,
    contents: &Contents,
    store_unverified: bool,
    origin: &Origin<'_>,
) -> Result<Verified, ApiError> {
    let callers = match origin {
        Origin::Session(session) => session.callers(),
        Origin::PublicKey(public, _) => public.callers(),
        Origin::Backend { .. } => Vec::new(),
    };
    if provider.check.is_none() {
        // Nothing is found out about it.
        return test(server, provider, contents, store_unverified).await;
    }
    let store = server.store.as_ref();
    let check = server.limits.check(store, callers, server.clock.now()).await?;
    let outcome = test(server, provider, contents, store_unverified).await;
    let wrong = matches!(
        &outcome,
        Err(ApiError::ConnectionTestFailed { reason, .. }) if *reason != Reason::Unavailable
    );
    if !wrong && let Err(error) = check.not_wrong(store).await {
        tracing::warn!(%error, "a credential stays counted as wrong that is not");
    }
    outcome
}

/// Everything that can be found wrong before storing: the form of the values, then what the provider
/// itself says.
async fn test(
    server: &Server,
    provider: &Provider,
    contents: &Contents,
    store_unverified: bool,
) -> Result<Verified, ApiError> {
    let config: ConnectionConfig = contents.connection_config();
    let mut issues = untransportable(&contents.credential);
    if let Err(found) = validate_params_under(provider, &config, server.egress.policy()) {
        issues.extend(found.into_iter().map(Issue::from));
    }
    if !issues.is_empty() {
        return Err(ApiError::Invalid(Place::Body, issues));
    }
    match recheck::ask(server, provider, contents).await {
        Verification::Verified { account } => Ok(Verified { verdict: Verdict::Verified, account }),
        Verification::NoCheck => Ok(Verified { verdict: Verdict::Unchecked, account: None }),
        Verification::Failed { reason: Reason::Unavailable, .. } if store_unverified => {
            Ok(Verified { verdict: Verdict::Unverified, account: None })
        }
        Verification::Failed { reason, provider_status } => {
            Err(ApiError::ConnectionTestFailed { reason, provider_status })
        }
    }
}

/// Control characters cannot be part of any credential that travels in a header (RFC 9110 §5.5, RFC
/// 7617 §2); they come from pasting too much.
fn untransportable(credential: &Credential) -> Vec<Issue> {
    // EXPOSE: to look for characters that cannot be sent; nothing of the value leaves this function.
    let broken = |secret: &SecretString| secret.expose_secret().chars().any(char::is_control);
    let fields: Vec<(&str, &SecretString)> = match credential {
        Credential::ApiKey { api_key } => vec![("apiKey", api_key)],
        Credential::Basic { username, password } => {
            vec![("username", username), ("password", password)]
        }
    };
    fields
        .into_iter()
        .filter(|(_, secret)| broken(secret))
        .map(|(field, _)| Issue {
            code: "invalid_format".into(),
            message: "This holds line breaks or other control characters. Remove them.".into(),
            path: at([field]),
        })
        .collect()
}
