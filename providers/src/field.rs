//! One input of a form, as a template describes it.
//!
//! Source of the vocabulary: the provider format that Keyslot shares (`catalog/README.md`).

use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::pattern::Pattern;

/// One input of a form.
#[derive(Clone)]
pub struct Field {
    /// Its name: the key under `credentials`, `connection_config` or `integration_config`.
    pub name: String,
    /// Its label.
    pub title: Option<String>,
    /// What the value looks like; advice, except where the value builds the address.
    pub pattern: Option<Pattern>,
    /// What a value may look like, as the template shows it.
    pub example: Option<String>,
    /// A known shape that the value must have.
    pub format: Option<Format>,
    /// The only values that are allowed, when there are any.
    pub choices: Vec<String>,
    /// Whether the value may be left out.
    pub optional: bool,
    /// The value when none is given.
    pub default_value: Option<String>,
    /// Whether the form leaves it out and sends the default.
    pub hidden: bool,
    /// Whether the server fills it; nobody types it.
    pub automated: bool,
    /// Whether the value is a secret.
    pub secret: bool,
    /// Shown after the input and not part of the value, as `.freshdesk.com`.
    pub suffix: Option<String>,
}

impl Field {
    /// Says whether a user must give a value.
    #[must_use]
    pub fn is_required(&self) -> bool {
        !(self.optional || self.hidden || self.automated || self.default_value.is_some())
    }

    /// The pattern where it may refuse a value. One that does not match the template's own example is
    /// wrong, so it may not.
    pub(crate) fn binding_pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref().filter(|pattern| {
            self.example.as_ref().is_none_or(|example| {
                pattern.matches(example) != Some(false)
                    || pattern.matches(&example.to_ascii_lowercase()) != Some(false)
            })
        })
    }

    /// The label, or the name where there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        self.title.as_deref().filter(|title| !title.is_empty()).unwrap_or(&self.name)
    }
}

/// A shape that a value must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A host name: letters, digits, dots and hyphens, no scheme and no port.
    Hostname,
    /// A whole URL.
    Uri,
    /// A UUID (RFC 9562).
    Uuid,
    /// An e-mail address.
    Email,
}

impl Format {
    /// Says whether the value has the shape.
    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::Hostname => {
                !value.is_empty()
                    && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
            }
            Self::Uri => Url::parse(value).is_ok(),
            Self::Uuid => Uuid::from_str(value).is_ok() && value.len() == 36,
            // What is allowed before the `@` is the mail server's business (RFC 5321 §2.3.11).
            Self::Email => value.rsplit_once('@').is_some_and(|(local, domain)| {
                !local.is_empty()
                    && domain.contains('.')
                    && !domain.starts_with('.')
                    && !domain.ends_with('.')
                    && !value.chars().any(char::is_whitespace)
            }),
        }
    }

    /// The shape in words, for messages: "Enter …".
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::Hostname => "a host name like example.com, without https:// and without a path",
            Self::Uri => "a full address like https://example.com",
            Self::Uuid => "an id like 123e4567-e89b-12d3-a456-426614174000",
            Self::Email => "an e-mail address",
        }
    }
}

/// A field as it is written in a template.
#[derive(Deserialize)]
pub(crate) struct Definition {
    /// Only `string` exists.
    #[serde(rename = "type", default = "string_type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) title: Option<Scalar>,
    #[serde(default)]
    pub(crate) pattern: Option<String>,
    #[serde(default)]
    pub(crate) example: Option<Scalar>,
    #[serde(default)]
    pub(crate) format: Option<Format>,
    #[serde(default, rename = "enum")]
    pub(crate) choices: Vec<Scalar>,
    #[serde(default)]
    pub(crate) optional: bool,
    #[serde(default)]
    pub(crate) default_value: Option<Scalar>,
    #[serde(default)]
    pub(crate) hidden: bool,
    #[serde(default)]
    pub(crate) automated: bool,
    #[serde(default)]
    pub(crate) secret: bool,
    #[serde(default)]
    pub(crate) suffix: Option<Scalar>,
}

fn string_type() -> String {
    "string".to_owned()
}

impl Definition {
    pub(crate) fn named(self, name: String) -> Field {
        Field {
            name,
            title: self.title.map(|scalar| scalar.0),
            pattern: self.pattern.map(Pattern::new),
            example: self.example.map(|scalar| scalar.0),
            format: self.format,
            choices: self.choices.into_iter().map(|scalar| scalar.0).collect(),
            optional: self.optional,
            default_value: self.default_value.map(|scalar| scalar.0),
            hidden: self.hidden,
            automated: self.automated,
            secret: self.secret,
            suffix: self.suffix.map(|scalar| scalar.0),
        }
    }
}

/// A string that may be written without quotes, so that YAML reads it as a number or a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar(pub(crate) String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;
        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// One string, or a list of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(Scalar),
    Many(Vec<Scalar>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(scalar) => vec![scalar.0],
            Self::Many(scalars) => scalars.into_iter().map(|scalar| scalar.0).collect(),
        }
    }
}
