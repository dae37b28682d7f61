//! The identifiers that clients choose, parsed once at the edge: integration keys and connection ids.
//! Their alphabets and lengths are those that existing clients rely on.

use std::fmt;

use crate::issue::Issue;

/// The most characters that an identifier may have.
pub const MAX_ID: usize = 255;

/// The key of an integration (`unique_key`, `provider_config_key`): `[a-zA-Z0-9~:.@ _-]`, 1 to 255.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntegrationKey(String);

/// The id of a connection: letters, digits and ``,.;:=+~[]|@${}"'\/_ -``, 1 to 255.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(String);

const INTEGRATION_SPECIAL: &str = "~:.@_-";
const CONNECTION_SPECIAL: &str = r#",.;:=+~[]|@${}"'\/_-"#;

impl IntegrationKey {
    /// Parses `text`; `path` is where it stood, for the issue when it is not one.
    pub fn parse(text: &str, path: Vec<String>) -> Result<Self, Issue> {
        check(text, path, INTEGRATION_SPECIAL).map(|()| Self(text.to_owned()))
    }
}

impl ConnectionId {
    /// Parses `text`; `path` is where it stood, for the issue when it is not one.
    pub fn parse(text: &str, path: Vec<String>) -> Result<Self, Issue> {
        check(text, path, CONNECTION_SPECIAL).map(|()| Self(text.to_owned()))
    }

    /// A new id that nobody has: a random UUID.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string())
    }

    /// An id that is known to be one because it comes from the store.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

fn check(text: &str, path: Vec<String>, special: &str) -> Result<(), Issue> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == ' ' || special.contains(c);
    if text.is_empty() || !text.chars().all(fits) {
        let message = format!(
            "An ID has 1 to {MAX_ID} characters: letters a to z, A to Z, digits, spaces and {special}"
        );
        return Err(Issue { message, ..Issue::format(path, "ID") });
    }
    if text.len() > MAX_ID {
        return Err(Issue::too_long(path, MAX_ID));
    }
    Ok(())
}

macro_rules! text {
    ($($type:ident),*) => {$(
        impl $type {
            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text!(IntegrationKey, ConnectionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_255_characters_pass_and_256_do_not() {
        assert!(ConnectionId::parse(&"a".repeat(255), vec![]).is_ok());
        let issue = ConnectionId::parse(&"a".repeat(256), vec![]).unwrap_err();
        assert_eq!(issue.code, "too_big");
        assert_eq!(IntegrationKey::parse(&"a".repeat(256), vec![]).unwrap_err().code, "too_big");
    }

    #[test]
    fn ids_keep_to_their_alphabet() {
        assert!(ConnectionId::parse(r#"a,.;:=+~[]|@${}"'\/_ -9"#, vec![]).is_ok());
        assert!(IntegrationKey::parse("openai prod:1.0@~_-", vec![]).is_ok());
        let said = ConnectionId::parse("user#1", vec![]).unwrap_err().message;
        assert!(said.contains("letters a to z") && !said.contains('^'), "{said}");
        for bad in ["", "é", "a<b", "a\0b", "a\nb", "a?b"] {
            assert_eq!(
                ConnectionId::parse(bad, vec![]).unwrap_err().code,
                "invalid_format",
                "{bad:?}"
            );
            assert_eq!(
                IntegrationKey::parse(bad, vec![]).unwrap_err().code,
                "invalid_format",
                "{bad:?}"
            );
        }
        assert!(IntegrationKey::parse("a/b", vec![]).is_err());
    }
}
