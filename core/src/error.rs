//! Why `auth()` rejects: the codes, and nothing else.
//!
//! A code is API and never changes its meaning; the message beside it is for people and may.
//! What the person with the key can mend is no error: it stays in the dialog ([`crate::failure`]).

use crate::table::{Table, table};
use crate::text::Text;

/// Makes the enum, its wire words, their sentences and the TypeScript union from one list, so that they cannot
/// drift.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident => $word:literal $message:literal,)*) => {
        /// The reason of a rejected `auth()`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum AuthErrorCode { $($(#[doc = $doc])* $name,)* }

        impl AuthErrorCode {
            /// Every code, in the order of the documentation.
            pub const ALL: &'static [AuthErrorCode] = &[$(AuthErrorCode::$name,)*];
        }

        const CODES: Table = table! { $($word $message)* };

        /// `AuthErrorCode` as a TypeScript union; `js/index.d.ts` is checked against it.
        pub const TYPESCRIPT_UNION: &str = concat!("never" $(, " | \"", $word, "\"")*);
    };
}

codes! {
    /// The person closed the dialog, or the page removed it.
    WindowClosed => "window_closed"
        "The dialog was closed before a connection was made.",
    /// The caller's `AbortSignal` fired.
    Aborted => "aborted"
        "The call was aborted by its signal.",
    /// Another `auth()` with other arguments is open.
    AlreadyOpen => "already_open"
        "Another connect dialog is open. Await its promise or call close() first.",
    /// An argument or option of the call is not usable; the message names it.
    InvalidArgument => "invalid_argument"
        "An argument of the call is not usable.",
    /// `host` is not an absolute http(s) address.
    InvalidHostUrl => "invalid_host_url"
        "`host` must be an absolute http(s) URL, such as https://connect.example.com.",
    /// Neither a session nor a public key was given.
    MissingAuthToken => "missing_auth_token"
        "No session: pass `session` (a connect session token, or a function that returns one).",
    /// `reconnect()` needs a connect session token.
    MissingConnectSessionToken => "missing_connect_session_token"
        "reconnect() needs `session`: a token from POST /connect/sessions/reconnect.",
    /// A headless call lacks a credential, or a part of one.
    MissingCredentials => "missing_credentials"
        "`credentials` lacks a value that the integration needs.",
    /// The session token has expired or was never valid, and could not be renewed.
    ConnectSessionExpired => "connect_session_expired"
        "The connect session has expired. Mint a new one, or pass `session` as a function.",
    /// The server knows no such integration.
    UnknownIntegration => "unknown_integration"
        "The server knows no integration of this id. Check the id and the environment.",
    /// The session does not allow this integration.
    IntegrationNotAllowed => "integration_not_allowed"
        "The connect session does not allow this integration (allowed_integrations).",
    /// The session may not create or replace this connection id.
    ConnectionIdNotAllowed => "connection_id_not_allowed"
        "The connect session may not create or replace this connection id.",
    /// A public key, and no `hmac` where the server asks for one.
    MissingHmac => "missing_hmac"
        "The server asks for `hmac` beside `publicKey`.",
    /// `hmac` does not belong to this integration and connection id.
    InvalidHmac => "invalid_hmac"
        "`hmac` does not fit this integration and connection id.",
    /// The integration authorises by something else than an API key or Basic auth.
    InvalidAuthMode => "invalid_auth_mode"
        "The integration authorises by something else than an API key or Basic auth.",
    /// The server refuses this connection for good.
    ConnectionValidationFailed => "connection_validation_failed"
        "The server refuses this connection.",
    /// A limit of the server's plan is reached.
    ResourceCapped => "resource_capped"
        "The server's connection limit is reached.",
    /// Headless only: the provider did not accept the credential; `reason` says in which way.
    ConnectionTestFailed => "connection_test_failed"
        "The provider did not accept the credential.",
    /// Headless only: the server could not be reached, or did not answer in time.
    NetworkError => "network_error"
        "The server could not be reached or did not answer in time.",
    /// The browser cannot run the widget; the message names the cause and the fix.
    NotSupported => "not_supported"
        "This browser or page cannot run the widget.",
    /// Anything else, with `cause` where there is one.
    UnknownError => "unknown_error"
        "Something unexpected went wrong.",
}

impl AuthErrorCode {
    /// The word that JavaScript sees in `error.code` and `error.type`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        CODES.name(self as usize)
    }

    /// A sentence for the developer who reads the rejection. Never shown to the person with the key.
    #[must_use]
    pub fn message(self) -> &'static str {
        CODES.text(self as usize)
    }

    /// The code for a word of the server's error envelope, when it is one of ours.
    #[must_use]
    pub fn from_wire(word: &str) -> Option<AuthErrorCode> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }

    /// The code for a server's answer that ends the call, by the server's own word.
    ///
    /// Words are those of the Nango wire (`unknown_provider_config`, …) and Keyslot's additions.
    /// `None`: the answer is not an ending, the dialog shows it instead.
    #[must_use]
    pub fn ending(word: &str) -> Option<AuthErrorCode> {
        let word = Text(word);
        let is = |list| word.is(word.all(), list);
        if is("unknown_provider_config|unknown_provider_template") {
            Some(Self::UnknownIntegration)
        } else if is("invalid_connection") {
            Some(Self::ConnectionValidationFailed)
        } else if is(SESSION_ENDED) {
            Some(Self::ConnectSessionExpired)
        } else {
            // The server's own words, from `IntegrationNotAllowed` to `ResourceCapped`.
            let own = Self::IntegrationNotAllowed as usize..=Self::ResourceCapped as usize;
            Self::ALL.get(own)?.iter().copied().find(|code| code.as_str() == word.0)
        }
    }
}

/// What the server says when it does not take the session, or the public key, any more.
const SESSION_ENDED: &str = "unknown_connect_session_token|invalid_connect_session_token_format|unknown_account|\
    invalid_public_key|missing_public_key|deprecated_authentication|missing_auth_header";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_word_and_reads_back() {
        for (at, code) in AuthErrorCode::ALL.iter().enumerate() {
            assert_eq!(AuthErrorCode::from_wire(code.as_str()), Some(*code));
            assert!(code.message().ends_with('.'), "{}", code.as_str());
            for other in &AuthErrorCode::ALL[at + 1..] {
                assert_ne!(code.as_str(), other.as_str());
            }
        }
    }

    #[test]
    fn the_typescript_union_names_every_code() {
        for code in AuthErrorCode::ALL {
            assert!(TYPESCRIPT_UNION.contains(&format!("\"{}\"", code.as_str())));
        }
    }

    #[test]
    fn an_unknown_word_of_the_server_is_no_ending() {
        assert_eq!(AuthErrorCode::ending("connection_test_failed"), None);
        assert_eq!(AuthErrorCode::ending("unknown_error"), None);
        assert_eq!(AuthErrorCode::ending("connect_session_expired"), None);
    }

    #[test]
    fn each_word_of_the_server_that_ends_a_call_has_its_code() {
        for (word, code) in [
            ("unknown_provider_template", AuthErrorCode::UnknownIntegration),
            ("integration_not_allowed", AuthErrorCode::IntegrationNotAllowed),
            ("connection_id_not_allowed", AuthErrorCode::ConnectionIdNotAllowed),
            ("invalid_auth_mode", AuthErrorCode::InvalidAuthMode),
            ("invalid_connection", AuthErrorCode::ConnectionValidationFailed),
            ("connection_validation_failed", AuthErrorCode::ConnectionValidationFailed),
            ("resource_capped", AuthErrorCode::ResourceCapped),
            ("missing_hmac", AuthErrorCode::MissingHmac),
            ("invalid_hmac", AuthErrorCode::InvalidHmac),
            ("missing_public_key", AuthErrorCode::ConnectSessionExpired),
        ] {
            assert_eq!(AuthErrorCode::ending(word), Some(code), "{word}");
        }
    }
}
