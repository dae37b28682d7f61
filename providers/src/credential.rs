//! What a user gave: the credential and the values beside it.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How a provider takes its credential. Other modes of the format exist; Keyslot has none of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuthMode {
    /// One key, placed where the template says.
    #[serde(rename = "API_KEY")]
    ApiKey,
    /// A user name and a password, sent as RFC 7617 Basic.
    #[serde(rename = "BASIC")]
    Basic,
}

impl AuthMode {
    /// The mode's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "API_KEY",
            Self::Basic => "BASIC",
        }
    }
}

impl fmt::Display for AuthMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A credential, as the user gave it.
#[derive(Clone)]
pub enum Credential {
    /// For [`AuthMode::ApiKey`].
    ApiKey {
        /// The key.
        api_key: SecretString,
    },
    /// For [`AuthMode::Basic`]; either part may be empty, some providers want it so.
    Basic {
        /// The user name; with many providers the secret itself.
        username: SecretString,
        /// The password.
        password: SecretString,
    },
}

impl Credential {
    /// Makes a credential of one key.
    #[must_use]
    pub fn api_key(api_key: impl Into<String>) -> Self {
        Self::ApiKey { api_key: api_key.into().into() }
    }

    /// Makes a credential of a user name and a password.
    #[must_use]
    pub fn basic(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Basic { username: username.into().into(), password: password.into().into() }
    }

    /// The mode that this credential is for.
    #[must_use]
    pub const fn auth_mode(&self) -> AuthMode {
        match self {
            Self::ApiKey { .. } => AuthMode::ApiKey,
            Self::Basic { .. } => AuthMode::Basic,
        }
    }
}

/// Names the mode, never the values.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credential").field(&self.auth_mode()).finish()
    }
}

/// The values of a connection beside its credential (`params` on the wire): sub-domain, region,
/// and with some providers a second secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectionConfig(BTreeMap<String, String>);

impl ConnectionConfig {
    /// Takes the string values of a JSON object; anything that is not a string is left out, as
    /// on the wire.
    #[must_use]
    pub fn from_json(object: &Map<String, Value>) -> Self {
        object
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect()
    }

    /// The value of a field, if it was given at all; it may be empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a value, and returns the one it replaces.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(name.into(), value.into())
    }

    /// All names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for ConnectionConfig {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Names the fields, never the values.
impl fmt::Debug for ConnectionConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConnectionConfig").field(&self.0.keys()).finish()
    }
}
