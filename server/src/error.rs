//! Every way in which a request can be answered with something other than success: one variant a
//! cause, with its HTTP status, its machine-readable code and its sentence for people. Codes are API;
//! sentences are not. Causes inside the server are masked here and logged once, by
//! [`crate::envelope`].

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyslot_egress::EgressError;
use keyslot_providers::{ProxyError, Reason, RequestError};
use serde_json::{Map, Value, json};

use crate::{issue::Issue, limits::Standing, store::StoreError, vault::VaultError};

/// Which part of a request does not fit its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The JSON body.
    Body,
    /// The query string.
    Query,
    /// A segment of the path.
    Uri,
    /// A header.
    Headers,
}

/// A request that cannot be answered with success. No variant holds a credential or a token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ApiError {
    /// A part of the request does not fit its schema; the issues say where and how.
    #[error("{}", invalid_sentence(*.0, .1))]
    Invalid(Place, Vec<Issue>),
    /// The body names something that does not exist or does not fit together.
    #[error("{0}")]
    InvalidBody(String),
    /// The body is not JSON.
    #[error("The request body is not valid JSON: {0}")]
    InvalidJson(String),
    /// The body is announced as something other than JSON.
    #[error("Content-Type header must be application/json")]
    InvalidContentType,
    /// A template that is announced as something else than YAML or JSON.
    #[error("The Content-Type header must be application/yaml or application/json.")]
    InvalidTemplateType,
    /// The body is larger than this route reads.
    #[error("The request body is larger than the {0} bytes that this address accepts.")]
    PayloadTooLarge(usize),
    /// The body did not arrive in time.
    #[error("The request body did not arrive in time.")]
    RequestTimeout,
    /// The request is not framed as HTTP/1.1 asks, for example with two Host headers.
    #[error("{0}")]
    BadRequest(&'static str),

    /// No `Authorization` header on a route that needs one.
    #[error("Authentication failed. The request is missing the Authorization header.")]
    MissingAuthHeader,
    /// An `Authorization` header without a token in it.
    #[error(
        "Authentication failed. The Authorization header is malformed; expected \"Bearer <token>\"."
    )]
    MalformedAuthHeader,
    /// What was sent cannot be a secret key.
    #[error("Authentication failed. What was sent is not a secret key of this server (ksk_…).")]
    InvalidSecretKeyFormat,
    /// A secret key that this server does not know, or that was revoked.
    #[error("Authentication failed. The provided secret key does not match any account.")]
    UnknownAccount,
    /// What was sent cannot be a connect session token.
    #[error(
        "Authentication failed. What was sent is not a connect session token (nango_connect_session_…)."
    )]
    InvalidConnectSessionTokenFormat,
    /// A session token that is unknown, expired or deleted; the three are not told apart.
    #[error(
        "Authentication failed. The provided connect session token does not match any account: it is unknown, expired or deleted. Ask your backend for a new one."
    )]
    UnknownConnectSessionToken,
    /// The credential routes were called without any token.
    #[error("Authentication failed. The request is missing a connect session token.")]
    MissingPublicKey,
    /// What was sent cannot be a public key.
    #[error("Authentication failed. What was sent is not a public key (a UUID).")]
    InvalidPublicKey,
    /// A public key, where the environment does not accept it.
    #[error(
        "Public key authentication is deprecated. Please use connect session authentication instead."
    )]
    DeprecatedAuthentication,
    /// The environment asks for a proof that the backend knows the connection id.
    #[error("Missing param 'hmac'.")]
    MissingHmac,
    /// The proof is not one for this integration and connection id.
    #[error(
        "Invalid HMAC signature. Expected the hexadecimal HMAC-SHA-256 of \"<integration>:<connection id>\" under the environment's HMAC key."
    )]
    InvalidHmac,
    /// A proof over this integration and connection id could also be one over another pair.
    #[error(
        "With HMAC, the {0} must not contain a colon: \"<integration>:<connection id>\" could then mean another pair. Use another ID or a connect session."
    )]
    AmbiguousHmac(&'static str),
    /// Somebody else has made a new key since the form was shown.
    #[error(
        "Nothing was made: there is a newer key than when you opened this page. Load it again."
    )]
    KeyChanged,
    /// As many keys count beside the newest as may.
    #[error(
        "Nothing was made: two previous keys are still accepted. End them first, or make the new key without an overlap (grace_period_seconds: 0)."
    )]
    PreviousKeysInUse,
    /// The secret key may not do this.
    #[error("This secret key has insufficient scope. Required: {0}")]
    InsufficientScope(&'static str),
    /// The secret key is of another environment than the one to be changed.
    #[error("This secret key is of another environment, and changes none but its own.")]
    OtherEnvironment,
    /// The request comes from a page of another site.
    #[error("This address answers only to pages of this server.")]
    CrossOrigin,
    /// The request names a host that is not this one, on a server for development.
    #[error(
        "The Host header names another host. With --dev, what needs no token answers to localhost and to the host of --public-url only."
    )]
    ForeignHost,

    /// The token of a scraper is not the one that is set.
    #[error("Authentication failed. This is not the token of --metrics-token-file.")]
    InvalidMetricsToken,
    /// The metrics are asked for from elsewhere, and no token is set.
    #[error(
        "Without a token the metrics are for programs on this machine only. An operator can set one with --metrics-token-file."
    )]
    MetricsClosed,

    /// Nobody is signed in to the dashboard here.
    #[error(
        "You are not signed in, or your session has ended. Sign in in another tab, then repeat this."
    )]
    NotSignedIn,
    /// A form without the token of the session it is posted in.
    #[error("This form is from another session. Load its page again, then repeat this.")]
    StaleForm,

    /// This session may not write the connection id that the request names. One answer for every id, so
    /// that nobody finds out which ones exist.
    #[error(
        "This connect session may not use this connection id. Mint the session with connection_id, or with connection_ids for several. Otherwise use the end_user's id, if no one else owns that connection, or omit the id and the server generates one."
    )]
    ConnectionIdNotAllowed,
    /// A public key without HMAC names a connection id.
    #[error(
        "A public key without HMAC may not name a connection id: anybody could replace any connection. Switch HMAC on for this environment, use a connect session, or leave the id out: the server then makes one."
    )]
    ConnectionIdNotVouchedFor,
    /// The session does not allow storing what could not be checked.
    #[error("This connect session does not allow storing a credential that was not checked.")]
    UnverifiedNotAllowed,
    /// No such integration in this environment.
    #[error("There is no integration \"{0}\".")]
    UnknownProviderConfig(String),
    /// The same, on the routes of single connections that name the integration in the query; the wire
    /// answers it there with 400, not 404.
    #[error("There is no integration \"{0}\".")]
    NoIntegrationOfQuery(String),
    /// The integration's provider is not in the catalogue of this server.
    #[error("The provider \"{0}\" of this integration is not in this server's catalogue.")]
    UnknownProviderTemplate(String),
    /// The integration authenticates in another way than the address that was called.
    #[error("This integration uses {expected}, not {called}.")]
    InvalidAuthMode {
        /// The integration's own mode.
        expected: &'static str,
        /// The mode of the address that was called.
        called: &'static str,
    },
    /// The session is limited to other integrations.
    #[error("This connect session is not allowed to use the integration \"{0}\".")]
    IntegrationNotAllowed(String),
    /// The connection that a reconnect session was made for is gone.
    #[error("The connection that this session was made for no longer exists.")]
    InvalidConnection,
    /// The provider did not accept the credential, or could not be asked.
    #[error("{}", test_failed_sentence(*.reason))]
    ConnectionTestFailed {
        /// Which of the four classes.
        reason: Reason,
        /// The provider's status, when it answered.
        provider_status: Option<u16>,
    },

    /// A proxied request names a connection that does not exist; code and status are the wire's.
    #[error("Failed to get connection")]
    ConnectionNotFetched,
    /// A proxied request has no answer of the provider.
    #[error("{}", proxy_sentence(.0))]
    Proxy(Arc<ProxyError>),

    /// Nothing at this address, or no such object.
    #[error("{0}")]
    NotFound(String),
    /// A provider of the environment's own that integrations need.
    #[error(
        "The integration \"{0}\" uses this provider. Delete it first, or change the provider so that it still fits."
    )]
    ProviderInUse(String),
    /// An environment that cannot be renamed or deleted as it is.
    #[error("{0}")]
    EnvironmentStays(String),
    /// No such connection.
    #[error("There is no connection with this id for this integration.")]
    UnknownConnection,
    /// The connection to delete does not exist; the wire answers this with 400, not 404.
    #[error("There is no connection with this id for this integration.")]
    NothingToDelete,
    /// The address exists, but not for this method.
    #[error("This address does not answer to {0} requests.")]
    MethodNotAllowed(http::Method),
    /// This caller has used up what it may ask for.
    #[error("Too many requests. Please try again in {retry_after} seconds.")]
    TooManyRequests {
        /// After so many seconds.
        retry_after: u64,
        /// Where the caller stands, when it is requests that are counted.
        standing: Option<Standing>,
    },
    /// The server cannot do it now.
    #[error("The server cannot answer just now. Please try again in a moment.")]
    Unavailable,
    /// The server had a problem of its own; the cause goes to the log.
    #[error(
        "The server had a problem of its own. The request id helps whoever runs it to find the cause."
    )]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl ApiError {
    /// Masks `cause`, which will be logged once.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(Arc::from(cause.into()))
    }

    /// A query string that must be empty is not, or has an issue.
    pub fn query(issue: Issue) -> Self {
        Self::Invalid(Place::Query, vec![issue])
    }

    /// The body has one issue.
    pub fn body(issue: Issue) -> Self {
        Self::Invalid(Place::Body, vec![issue])
    }

    /// A path segment has one issue.
    pub fn uri(issue: Issue) -> Self {
        Self::Invalid(Place::Uri, vec![issue])
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(..)
            | Self::InvalidBody(_)
            | Self::InvalidJson(_)
            | Self::NothingToDelete
            | Self::NoIntegrationOfQuery(_)
            | Self::ConnectionNotFetched
            | Self::MissingHmac
            | Self::InvalidHmac
            | Self::AmbiguousHmac(_)
            | Self::BadRequest(_)
            | Self::InvalidAuthMode { .. }
            | Self::IntegrationNotAllowed(_)
            | Self::InvalidConnection
            | Self::ConnectionTestFailed { .. } => StatusCode::BAD_REQUEST,
            Self::MissingAuthHeader
            | Self::MalformedAuthHeader
            | Self::InvalidSecretKeyFormat
            | Self::UnknownAccount
            | Self::InvalidConnectSessionTokenFormat
            | Self::UnknownConnectSessionToken
            | Self::MissingPublicKey
            | Self::InvalidPublicKey
            | Self::DeprecatedAuthentication
            | Self::InvalidMetricsToken
            | Self::NotSignedIn => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope(_)
            | Self::CrossOrigin
            | Self::MetricsClosed
            | Self::OtherEnvironment
            | Self::StaleForm
            | Self::ConnectionIdNotAllowed
            | Self::ConnectionIdNotVouchedFor
            | Self::UnverifiedNotAllowed => StatusCode::FORBIDDEN,
            Self::UnknownProviderConfig(_)
            | Self::UnknownProviderTemplate(_)
            | Self::NotFound(_)
            | Self::UnknownConnection => StatusCode::NOT_FOUND,
            Self::ProviderInUse(_)
            | Self::EnvironmentStays(_)
            | Self::KeyChanged
            | Self::PreviousKeysInUse => StatusCode::CONFLICT,
            Self::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::PayloadTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidContentType | Self::InvalidTemplateType => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Proxy(error) => proxy_class(error).0,
            Self::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The machine-readable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(Place::Body, _) | Self::InvalidBody(_) => "invalid_body",
            Self::Invalid(Place::Query, _) => "invalid_query_params",
            Self::Invalid(Place::Uri, _) => "invalid_uri_params",
            Self::Invalid(Place::Headers, _) | Self::BadRequest(_) => "invalid_headers",
            Self::InvalidJson(_) => "invalid_json",
            Self::InvalidContentType | Self::InvalidTemplateType => "invalid_content_type",
            Self::PayloadTooLarge(_) => "payload_too_large",
            Self::RequestTimeout => "request_timeout",
            Self::MissingAuthHeader => "missing_auth_header",
            Self::MalformedAuthHeader => "malformed_auth_header",
            Self::InvalidSecretKeyFormat => "invalid_secret_key_format",
            Self::UnknownAccount => "unknown_account",
            Self::InvalidConnectSessionTokenFormat => "invalid_connect_session_token_format",
            Self::UnknownConnectSessionToken => "unknown_connect_session_token",
            Self::MissingPublicKey => "missing_public_key",
            Self::InvalidPublicKey => "invalid_public_key",
            Self::MissingHmac => "missing_hmac",
            Self::InvalidHmac | Self::AmbiguousHmac(_) => "invalid_hmac",
            Self::DeprecatedAuthentication => "deprecated_authentication",
            Self::InvalidMetricsToken => "invalid_metrics_token",
            Self::InsufficientScope(_)
            | Self::CrossOrigin
            | Self::MetricsClosed
            | Self::OtherEnvironment => "forbidden",
            Self::NotSignedIn => "not_signed_in",
            Self::StaleForm => "stale_form",
            Self::ForeignHost => "misdirected_request",
            Self::ConnectionIdNotAllowed | Self::ConnectionIdNotVouchedFor => {
                "connection_id_not_allowed"
            }
            Self::UnverifiedNotAllowed => "unverified_not_allowed",
            Self::UnknownProviderConfig(_) | Self::NoIntegrationOfQuery(_) => {
                "unknown_provider_config"
            }
            Self::UnknownProviderTemplate(_) => "unknown_provider_template",
            Self::InvalidAuthMode { .. } => "invalid_auth_mode",
            Self::IntegrationNotAllowed(_) => "integration_not_allowed",
            Self::InvalidConnection => "invalid_connection",
            Self::ConnectionTestFailed { .. } => "connection_test_failed",
            Self::NotFound(_) => "not_found",
            Self::KeyChanged => "key_changed",
            Self::PreviousKeysInUse => "previous_keys_in_use",
            Self::ProviderInUse(_) => "provider_in_use",
            Self::EnvironmentStays(_) => "environment_stays",
            Self::UnknownConnection | Self::NothingToDelete => "unknown_connection",
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::Proxy(error) => proxy_class(error).1,
            // The wire's word, in the singular.
            Self::TooManyRequests { .. } => "too_many_request",
            Self::Unavailable => "service_unavailable",
            Self::ConnectionNotFetched | Self::Internal(_) => "server_error",
        }
    }

    /// The answer's body: `{"error": {"code", "message", …}}`, with the request id when there is one.
    pub fn document(&self, request_id: Option<&str>) -> Value {
        let mut error = Map::new();
        error.insert("code".into(), self.code().into());
        error.insert("message".into(), self.to_string().into());
        match self {
            Self::Invalid(_, issues) => {
                error.insert("errors".into(), json!(issues));
            }
            Self::ConnectionTestFailed { reason, provider_status } => {
                error.insert("reason".into(), reason.as_str().into());
                if let Some(status) = provider_status {
                    error.insert("provider_status".into(), (*status).into());
                }
            }
            _ => {}
        }
        if let Some(id) = request_id {
            error.insert("request_id".into(), id.into());
        }
        json!({ "error": error })
    }

    /// The complete answer. The error itself travels in the extensions, so that the outermost layer
    /// can add the request id and log the cause.
    fn answer(self) -> Response {
        let body = self.document(None).to_string();
        let mut response = (self.status(), [(header::CONTENT_TYPE, JSON)], body).into_response();
        let headers = response.headers_mut();
        match &self {
            Self::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::TooManyRequests { retry_after, standing } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after));
                if let Some(standing) = standing {
                    standing.tell(headers);
                }
            }
            _ => {}
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The content type of every JSON answer.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.answer()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::Unavailable,
            // The one text that PostgreSQL cannot keep.
            StoreError::Unstorable(_) => {
                Self::BadRequest("A value holds the character U+0000, which cannot be stored.")
            }
            other => Self::internal(other),
        }
    }
}

impl From<ProxyError> for ApiError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(Arc::new(error))
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        Self::internal(error)
    }
}

/// Status and code of a proxied request without an answer. That of the provider is a gateway's (502,
/// 504), where the original says 500: the fault is not ours.
fn proxy_class(error: &ProxyError) -> (StatusCode, &'static str) {
    match error {
        ProxyError::BaseUrl(_) => (StatusCode::BAD_REQUEST, "base_url_override_not_allowed"),
        ProxyError::Request(RequestError::NoBaseUrl) => {
            (StatusCode::BAD_REQUEST, "unsupported_provider")
        }
        ProxyError::Request(RequestError::WrongMode) => {
            (StatusCode::BAD_REQUEST, "unsupported_auth")
        }
        ProxyError::Request(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
        ProxyError::Method => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        ProxyError::BodyTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
        ProxyError::Body => (StatusCode::BAD_REQUEST, "invalid_body"),
        ProxyError::Egress(
            EgressError::Denied { .. } | EgressError::Cleartext | EgressError::BadUrl(_),
        ) => (StatusCode::BAD_REQUEST, "address_not_allowed"),
        ProxyError::Egress(EgressError::Timeout(_)) => {
            (StatusCode::GATEWAY_TIMEOUT, "provider_timeout")
        }
        ProxyError::Egress(_) => (StatusCode::BAD_GATEWAY, "provider_unreachable"),
    }
}

/// What a backend is told. Which address a name has inside the operator's network is for the log.
fn proxy_sentence(error: &ProxyError) -> String {
    match error {
        ProxyError::Egress(EgressError::Denied { .. }) => {
            "The provider was not called: its address is not public. An operator can open it with --allow-net.".into()
        }
        ProxyError::Egress(error) => format!("The provider gave no answer: {error}."),
        error => format!("The provider was not called: {error}."),
    }
}

fn invalid_sentence(place: Place, issues: &[Issue]) -> String {
    let place = match place {
        Place::Body => "The request body",
        Place::Query => "The query string",
        Place::Uri => "The address",
        Place::Headers => "A header",
    };
    let mut sentence = format!("{place} is not valid");
    for (index, issue) in issues.iter().take(3).enumerate() {
        sentence.push_str(if index == 0 { ": " } else { "; " });
        if !issue.path.is_empty() {
            sentence.push_str(&issue.path.join("."));
            sentence.push_str(": ");
        }
        sentence.push_str(&issue.message);
    }
    sentence
}

fn test_failed_sentence(reason: Reason) -> &'static str {
    match reason {
        Reason::Refused => {
            "The provider did not accept this credential. Please check it and try again."
        }
        Reason::Forbidden => {
            "The provider knows this credential, but it lacks a permission that is needed."
        }
        Reason::Address => {
            "The provider was not found at this address. Please check the address and try again."
        }
        Reason::Unavailable => {
            "The provider could not be asked just now, so the credential was not checked or stored. Please try again later."
        }
    }
}
