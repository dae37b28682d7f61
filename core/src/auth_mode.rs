//! What kind of credential a provider takes.

/// What kind of credential a provider takes. Other modes exist on the wire and are not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    /// One key: `API_KEY`.
    ApiKey,
    /// A user name and a password, either of which may be hidden: `BASIC`.
    Basic,
}

impl AuthMode {
    /// Reads `auth_mode`.
    #[must_use]
    pub fn from_wire(word: &str) -> Option<AuthMode> {
        match word {
            "API_KEY" => Some(Self::ApiKey),
            "BASIC" => Some(Self::Basic),
            _ => None,
        }
    }

    /// The last part of the route that takes the credential: `/api-auth/<this>/:key`.
    #[must_use]
    pub const fn route(self) -> &'static str {
        match self {
            Self::ApiKey => "api-key",
            Self::Basic => "basic",
        }
    }
}
