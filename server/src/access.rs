//! Who may call what. Every route declares an [`Access`]; the check runs before the handler, and the
//! handler takes the proof of it ([`Key`], [`Session`], [`Caller`]) as an argument, so a handler that
//! needs one cannot be reached without it.

use aws_lc_rs::constant_time;
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, Uri, header, request::Parts};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use url::{Host, Url};

use crate::{
    body::BodyLimit,
    client_address::ClientAddress,
    dashboard,
    envelope::RequestId,
    error::ApiError,
    limits::{self, Standing},
    model::{AuditEvent, ConnectSession, Environment, Role, SecretKey},
    patient_body::{self, Waiting},
    query::Query,
    state::AppState,
    token::{self, TokenHash},
};

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A secret key with this permission.
    SecretKey(Permission),
    /// A connect session token in the `Authorization` header.
    Session,
    /// Either of the two.
    SessionOrKey(Permission),
    /// A connect session token in the `Authorization` header or, for existing clients, the query; or a
    /// public key in the query, where the environment accepts it.
    Intake,
    /// A page of this server itself, with the development conveniences on.
    DevPage,
    /// The token for the metrics or, where none is set, a program on this machine.
    Metrics,
    /// Somebody who has signed in to the dashboard.
    Operator,
}

/// What a secret key must be good for; named by the scopes that existing clients know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Reading the catalogue.
    ReadProviders,
    /// Reading integrations.
    ReadIntegrations,
    /// Making, changing and deleting integrations.
    WriteIntegrations,
    /// Listing connections.
    ListConnections,
    /// Reading a connection with its credential.
    ReadCredentials,
    /// Importing, changing and deleting connections.
    WriteConnections,
    /// Making connect sessions.
    WriteSessions,
    /// Calling providers with stored credentials.
    Proxy,
    /// Reading the settings of the environment and what its webhooks have come to.
    ReadSettings,
    /// Changing the settings of the environment and sending webhooks again.
    WriteSettings,
    /// Reading the audit log.
    ReadAudit,
    /// Listing, making, rotating and revoking secret keys.
    ManageKeys,
    /// Listing and making environments, and renaming and deleting the key's own.
    ManageEnvironments,
}

impl Permission {
    /// The scope by which clients know it.
    pub fn scope(self) -> &'static str {
        match self {
            Self::ReadProviders => "environment:integrations:list",
            Self::ReadIntegrations => "environment:integrations:read",
            Self::WriteIntegrations => "environment:integrations:update",
            Self::ListConnections => "environment:connections:list",
            Self::ReadCredentials => "environment:connections:read_credentials",
            Self::WriteConnections => "environment:connections:update",
            Self::WriteSessions => "environment:connect_sessions:write",
            Self::Proxy => "environment:proxy",
            Self::ReadSettings => "environment:settings:read",
            Self::WriteSettings => "environment:settings:update",
            Self::ReadAudit => "environment:audit:read",
            Self::ManageKeys => "environment:secret_keys:update",
            Self::ManageEnvironments => "environments:update",
        }
    }

    /// Whether a role includes it.
    pub fn granted_to(self, role: Role) -> bool {
        match role {
            Role::Full => true,
            Role::ReadOnly => match self {
                Self::ReadProviders
                | Self::ReadIntegrations
                | Self::ListConnections
                | Self::ReadCredentials
                | Self::ReadSettings
                | Self::ReadAudit => true,
                Self::WriteIntegrations
                | Self::WriteConnections
                | Self::WriteSessions
                | Self::Proxy
                | Self::WriteSettings
                | Self::ManageKeys
                | Self::ManageEnvironments => false,
            },
            Role::SessionsOnly => self == Self::WriteSessions,
        }
    }
}

/// Who calls.
#[derive(Clone)]
pub enum Caller {
    /// A backend.
    Key(SecretKey),
    /// A browser.
    Session(Box<ConnectSession>, TokenHash),
    /// A browser with nothing but the public key of this environment.
    PublicKey(Box<Environment>),
}

impl Caller {
    /// The environment they may see.
    pub fn environment(&self) -> &str {
        match self {
            Self::Key(key) => &key.environment,
            Self::Session(session, _) => &session.environment,
            Self::PublicKey(environment) => &environment.name,
        }
    }

    /// Whether an integration of that environment is theirs to see: a session's may be limited.
    pub fn may_see(&self, integration: &str) -> bool {
        match self {
            Self::Key(_) | Self::PublicKey(_) => true,
            Self::Session(session, _) => session.terms.allows(integration),
        }
    }
}

/// A backend with a secret key that has the route's permission.
pub struct Key {
    /// The key.
    pub key: SecretKey,
    request: RequestId,
    address: Option<ClientAddress>,
}

impl Key {
    /// The environment it opens.
    pub fn environment(&self) -> &str {
        &self.key.environment
    }

    /// The audit event of what this key does.
    pub fn audit(&self, action: &'static str, object: String, at: Timestamp) -> AuditEvent {
        AuditEvent {
            at,
            environment: self.key.environment.clone(),
            actor: format!("secret_key:{}", self.key.id),
            action,
            object,
            request_id: self.request.to_string(),
            address: self.address.map(|ClientAddress(address)| address),
        }
    }
}

/// A browser with a connect session.
pub struct Session {
    /// The session.
    pub session: ConnectSession,
    /// The hash of its token.
    pub hash: TokenHash,
    request: RequestId,
    address: Option<ClientAddress>,
}

impl Session {
    /// Who answers for the credentials that it brings.
    pub fn callers(&self) -> Vec<limits::Caller> {
        vec![limits::Caller::Session(self.session.id.clone()), limits::Caller::at(self.address)]
    }

    /// The audit event of what this session does.
    pub fn audit(&self, action: &'static str, object: String, at: Timestamp) -> AuditEvent {
        AuditEvent {
            at,
            environment: self.session.environment.clone(),
            actor: format!("connect_session:{}", self.session.id),
            action,
            object,
            request_id: self.request.to_string(),
            address: self.address.map(|ClientAddress(address)| address),
        }
    }
}

/// A browser that brings a credential.
pub enum Browser {
    /// With a connect session.
    Session(Session),
    /// With a public key.
    PublicKey(PublicKey),
}

/// A browser with the public key of an environment. Anybody may know it, so it proves nothing.
pub struct PublicKey {
    /// The environment.
    pub environment: Environment,
    request: RequestId,
    address: Option<ClientAddress>,
}

impl PublicKey {
    /// Who answers for the credentials that it brings.
    pub fn callers(&self) -> Vec<limits::Caller> {
        vec![limits::Caller::at(self.address)]
    }

    /// The audit event of what it was used for.
    pub fn audit(&self, action: &'static str, object: String, at: Timestamp) -> AuditEvent {
        AuditEvent {
            at,
            environment: self.environment.name.clone(),
            actor: "public_key".to_owned(),
            action,
            object,
            request_id: self.request.to_string(),
            address: self.address.map(|ClientAddress(address)| address),
        }
    }
}

/// What the layer of one route goes by.
#[derive(Clone)]
pub struct Guard {
    /// The server.
    pub state: AppState,
    /// What the route asks of its caller.
    pub access: Access,
    /// The size of its body.
    pub limit: BodyLimit,
    /// Whether requests are counted that anybody may make.
    pub counted: bool,
    /// How long its body is waited for.
    pub waiting: Waiting,
}

/// The layer of one route: checks its [`Access`], counts the request, and bounds the body in size and time.
pub async fn check(
    State(Guard { state, access, limit, counted, waiting }): State<Guard>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let from = ClientAddress::of(request.extensions());
    let address = limits::Caller::at(from);
    let admitted = admit(&state, access, request.headers(), request.uri(), from).await;
    let caller = match admitted {
        Ok(caller) => caller,
        Err(error) => {
            // Whoever guesses gets to hear so many times that it was wrong.
            if error.status().is_client_error() {
                count(&state, address, limits::UNKNOWN_COST).await?;
            }
            return Err(error);
        }
    };
    let standing = match &caller {
        Some(Caller::Key(key)) => {
            count(&state, limits::Caller::SecretKey(key.id.clone()), 1).await?
        }
        Some(Caller::Session(session, _)) => {
            count(&state, limits::Caller::Session(session.id.clone()), 1).await?
        }
        Some(Caller::PublicKey(_)) => count(&state, address, 1).await?,
        None if counted => count(&state, address, 1).await?,
        None => None,
    };
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    request.extensions_mut().insert(limit);
    let request = patient_body::bounded(request, waiting);
    let mut response = match access {
        Access::Operator => dashboard::enter(&state, request, next).await,
        _ => next.run(request).await,
    };
    if let Some(standing) = standing {
        standing.tell(response.headers_mut());
    }
    Ok(response)
}

async fn count(
    state: &AppState,
    caller: limits::Caller,
    cost: u32,
) -> Result<Option<Standing>, ApiError> {
    state.limits.request(state.store.as_ref(), caller, cost, state.clock.now()).await
}

/// Who calls, where the route asks for somebody. Operators are let in by their own layer.
async fn admit(
    state: &AppState,
    access: Access,
    headers: &HeaderMap,
    uri: &Uri,
    address: Option<ClientAddress>,
) -> Result<Option<Caller>, ApiError> {
    let caller = match access {
        Access::Operator => return Ok(None),
        Access::Public => None,
        Access::Metrics => {
            metrics(state, headers, address)?;
            None
        }
        Access::DevPage => {
            same_origin(headers)?;
            None
        }
        Access::SecretKey(permission) => {
            Some(secret_key(state, bearer(headers)?, permission).await?)
        }
        Access::Session => Some(session(state, bearer(headers)?).await?),
        Access::SessionOrKey(permission) => {
            let token = bearer(headers)?;
            Some(if token.starts_with(token::SESSION_PREFIX) {
                session(state, token).await?
            } else {
                secret_key(state, token, permission).await?
            })
        }
        Access::Intake => Some(match intake(headers, uri)? {
            Intake::Token(token) => session(state, &token).await?,
            Intake::PublicKey(key) => public_key(state, &key).await?,
        }),
    };
    if caller.is_none() && state.dev {
        own_host(&state.public_url, headers)?;
    }
    Ok(caller)
}

/// Lets a scraper in. Without a token, the address is all there is to go by; so nothing may hint at a
/// proxy on this machine that passes on what strangers ask: neither a header that proxies write nor
/// another host's name.
fn metrics(
    state: &AppState,
    headers: &HeaderMap,
    address: Option<ClientAddress>,
) -> Result<(), ApiError> {
    const PROXIES: [&str; 5] =
        ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    if let Some(token) = &state.metrics_token {
        let given = bearer(headers)?;
        // EXPOSE: to be compared, in constant time.
        let right = constant_time::verify_slices_are_equal(
            token.expose_secret().as_bytes(),
            given.as_bytes(),
        );
        return right.map_err(|_| ApiError::InvalidMetricsToken);
    }
    let here = address.is_some_and(|ClientAddress(address)| address.is_loopback());
    let named = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| Url::parse(&format!("http://{host}")).ok());
    let by_own_name = named.as_ref().and_then(Url::host).is_some_and(|host| is_loopback(&host));
    if here && by_own_name && !PROXIES.iter().any(|name| headers.contains_key(*name)) {
        Ok(())
    } else {
        Err(ApiError::MetricsClosed)
    }
}

/// The token of an `Authorization` header. Lenient as existing servers are: the word `Bearer` may be
/// missing.
fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(header::AUTHORIZATION).ok_or(ApiError::MissingAuthHeader)?;
    let value = value.to_str().map_err(|_| ApiError::MalformedAuthHeader)?.trim();
    let token = match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        None if value.eq_ignore_ascii_case("bearer") => "",
        _ => value,
    };
    if token.is_empty() { Err(ApiError::MalformedAuthHeader) } else { Ok(token) }
}

/// What a credential route is called with.
enum Intake {
    Token(String),
    PublicKey(String),
}

/// Header first, then the query; a session token before a public key.
fn intake(headers: &HeaderMap, uri: &Uri) -> Result<Intake, ApiError> {
    if headers.contains_key(header::AUTHORIZATION) {
        return bearer(headers).map(|token| Intake::Token(token.to_owned()));
    }
    let query = Query::parse(uri.query().unwrap_or_default());
    let mut tokens = query.all("connect_session_token");
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => Ok(Intake::Token(token.to_owned())),
        (Some(_), Some(_)) => Err(ApiError::InvalidConnectSessionTokenFormat),
        (None, _) => match query.first("public_key") {
            Some(key) => Ok(Intake::PublicKey(key.to_owned())),
            None => Err(ApiError::MissingPublicKey),
        },
    }
}

async fn public_key(state: &AppState, key: &str) -> Result<Caller, ApiError> {
    let environments = state.store.environments().await?;
    if !environments.iter().any(|environment| environment.settings.public_key_enabled) {
        return Err(ApiError::DeprecatedAuthentication);
    }
    if uuid::Uuid::try_parse(key).is_err() {
        return Err(ApiError::InvalidPublicKey);
    }
    let found = environments
        .into_iter()
        .find(|environment| environment.settings.public_key.as_deref() == Some(key));
    match found {
        Some(environment) if environment.settings.public_key_enabled => {
            Ok(Caller::PublicKey(Box::new(environment)))
        }
        Some(_) => Err(ApiError::DeprecatedAuthentication),
        None => Err(ApiError::UnknownAccount),
    }
}

async fn secret_key(
    state: &AppState,
    token: &str,
    permission: Permission,
) -> Result<Caller, ApiError> {
    if !token::is_secret_key(token) {
        return Err(ApiError::InvalidSecretKeyFormat);
    }
    let now = state.clock.now();
    let key = state
        .store
        .secret_key(state.hasher.hash(token), now)
        .await?
        .ok_or(ApiError::UnknownAccount)?;
    state.used.note(key.id.clone(), now);
    if !permission.granted_to(key.role) {
        return Err(ApiError::InsufficientScope(permission.scope()));
    }
    Ok(Caller::Key(key))
}

async fn session(state: &AppState, token: &str) -> Result<Caller, ApiError> {
    if !token::is_session_token(token) {
        return Err(ApiError::InvalidConnectSessionTokenFormat);
    }
    let hash = state.hasher.hash(token);
    let session = state
        .store
        .session(hash, state.clock.now())
        .await?
        .ok_or(ApiError::UnknownConnectSessionToken)?;
    Ok(Caller::Session(Box::new(session), hash))
}

/// Refuses requests that a page of another site makes. Browsers say so themselves: `Sec-Fetch-Site`,
/// and on older ones an `Origin` that is not ours.
pub(crate) fn same_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return if site == "same-origin" || site == "none" {
            Ok(())
        } else {
            Err(ApiError::CrossOrigin)
        };
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let from =
        origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    if from.is_some() && from == host { Ok(()) } else { Err(ApiError::CrossOrigin) }
}

/// Refuses a `Host` that is neither loopback nor that of the public URL: a page of another site whose
/// name was made to resolve to 127.0.0.1 (DNS rebinding) is same-origin for its browser, and the name is
/// all that gives it away. Tokens are not known to such a page, so only what needs none is guarded.
pub(crate) fn own_host(public_url: &Url, headers: &HeaderMap) -> Result<(), ApiError> {
    let named = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| Url::parse(&format!("http://{host}")).ok());
    let named = named.as_ref().and_then(Url::host);
    let own = named.as_ref().is_some_and(is_loopback);
    if own || (named.is_some() && named == public_url.host()) {
        Ok(())
    } else {
        Err(ApiError::ForeignHost)
    }
}

/// Whether the host of a URL is this machine.
pub(crate) fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| ApiError::internal("the route does not declare who may call it"))
    }
}

impl<S: Sync> FromRequestParts<S> for Key {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Key(key) => Ok(Self {
                key,
                request: RequestId::of(&parts.extensions),
                address: ClientAddress::of(&parts.extensions),
            }),
            Caller::Session(..) | Caller::PublicKey(_) => Err(ApiError::InvalidSecretKeyFormat),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Browser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, state).await?;
        let request = RequestId::of(&parts.extensions);
        let address = ClientAddress::of(&parts.extensions);
        match caller {
            Caller::Session(session, hash) => {
                Ok(Self::Session(Session { session: *session, hash, request, address }))
            }
            Caller::PublicKey(environment) => {
                Ok(Self::PublicKey(PublicKey { environment: *environment, request, address }))
            }
            Caller::Key(_) => Err(ApiError::InvalidConnectSessionTokenFormat),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Browser::from_request_parts(parts, state).await? {
            Browser::Session(session) => Ok(session),
            Browser::PublicKey(_) => Err(ApiError::InvalidConnectSessionTokenFormat),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        [(http::HeaderName::from_static(name), HeaderValue::from_static(value))]
            .into_iter()
            .collect()
    }

    #[test]
    fn the_word_bearer_may_be_missing_or_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "abc", "Bearer  abc "] {
            assert_eq!(bearer(&with("authorization", value)).unwrap(), "abc", "{value}");
        }
        assert!(matches!(bearer(&HeaderMap::new()), Err(ApiError::MissingAuthHeader)));
        for value in ["", "Bearer", "Bearer "] {
            assert!(
                matches!(bearer(&with("authorization", value)), Err(ApiError::MalformedAuthHeader)),
                "{value}"
            );
        }
    }

    #[test]
    fn only_names_of_this_machine_and_the_public_one_open_what_has_no_password() {
        let public = Url::parse("https://keys.example").unwrap();
        for host in
            ["localhost:3003", "127.0.0.1:3003", "[::1]:3003", "a.localhost", "keys.example"]
        {
            assert!(own_host(&public, &with("host", host)).is_ok(), "{host}");
        }
        for host in ["rebound.example:3003", "127.0.0.1.nip.example", "", "localhost.evil.example"]
        {
            assert!(own_host(&public, &with("host", host)).is_err(), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_site_is_told_from_our_own() {
        let own = |site: &'static str| with("sec-fetch-site", site);
        assert!(same_origin(&own("same-origin")).is_ok());
        assert!(same_origin(&own("none")).is_ok());
        assert!(same_origin(&own("cross-site")).is_err());
        assert!(same_origin(&own("same-site")).is_err());
        assert!(same_origin(&HeaderMap::new()).is_ok(), "not a browser");

        let mut headers = with("host", "127.0.0.1:3003");
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://127.0.0.1:3003"));
        assert!(same_origin(&headers).is_ok());
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(same_origin(&headers).is_err());
        headers.insert(header::ORIGIN, HeaderValue::from_static("null"));
        assert!(same_origin(&headers).is_err());
    }
}
