//! A provider's template as the browser gets it: which fields a form has and what they are for.
//!
//! The vocabulary is that of the Nango wire (`title`, `pattern`, `prefix`, …) with Keyslot's
//! additions (`where`, `key_shapes`). The server keeps more (`proxy`, `sources`); see the
//! `keyslot-providers` crate.

use crate::advice::KeyShape;
use serde::Deserialize as DeriveDeserialize;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// A JSON object in its own order. The order of fields on screen depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map<T>(pub Vec<(String, T)>);

impl<T> Default for Map<T> {
    fn default() -> Self {
        Map(Vec::new())
    }
}

impl<T> Map<T> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&T> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Map<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Map<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Map(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}

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

/// `GET /providers/:p`, as far as a form needs it.
#[derive(DeriveDeserialize, Debug, Clone, Default)]
#[serde(default)]
pub struct Template {
    /// The provider's name for people.
    pub display_name: String,
    /// See [`AuthMode::from_wire`].
    pub auth_mode: String,
    /// The guide for the person with the key.
    pub docs_connect: String,
    /// Address of a logo.
    pub logo_url: String,
    /// Overrides of the generic credential fields.
    pub credentials: Map<FieldSpec>,
    /// Further fields, sent as `params`.
    pub connection_config: Map<FieldSpec>,
    /// Keyslot only: how to find the key, step by step.
    #[serde(rename = "where")]
    pub steps: Vec<String>,
    /// Keyslot only: what keys of this provider look like.
    pub key_shapes: Vec<KeyShape>,
}

/// One field definition.
#[derive(DeriveDeserialize, Debug, Clone, Default)]
#[serde(default)]
pub struct FieldSpec {
    /// Label.
    pub title: String,
    /// Help under the label.
    pub description: String,
    /// Placeholder.
    pub example: String,
    /// JavaScript regular expression; advises, never refuses.
    pub pattern: String,
    /// `hostname`, `uri`, `uuid` or `email`.
    pub format: String,
    /// The only values there are.
    #[serde(rename = "enum")]
    pub choices: Vec<String>,
    /// May stay empty.
    pub optional: bool,
    /// Initial value.
    pub default_value: Option<String>,
    /// In the form with its default, but not on screen.
    pub hidden: bool,
    /// Filled by the server: no input, nothing sent.
    pub automated: bool,
    /// Masked.
    pub secret: bool,
    /// Drawn before the value, never part of it.
    pub prefix: Option<String>,
    /// Drawn after the value, never part of it.
    pub suffix: Option<String>,
    /// Connection config only: rank before the credentials.
    pub order: i32,
    /// `#slug`, appended to the guide's address.
    pub doc_section: String,
}
