//! One thing wrong with one input, in the words that clients of this API already match on: the issue
//! codes and messages of zod 4 (<https://zod.dev/error-customization>), as `nango-wire` clients see
//! them. Not for failures that are about the whole request; those are [`crate::error::ApiError`].

use serde::Serialize;
use serde_json::Value;

/// One thing wrong with one input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Issue {
    /// The zod issue code, such as `invalid_type`, or `custom`.
    pub code: String,
    /// What was expected.
    pub message: String,
    /// Where: names of keys, array indexes as text.
    pub path: Vec<String>,
}

impl Issue {
    fn new(code: &str, message: String, path: Vec<String>) -> Self {
        Self { code: code.to_owned(), message, path }
    }

    /// A value of the wrong type, or none (`received` is `None`).
    pub fn invalid_type(path: Vec<String>, expected: &str, received: Option<&Value>) -> Self {
        let received = type_name(received);
        Self::new(
            "invalid_type",
            format!("Invalid input: expected {expected}, received {received}"),
            path,
        )
    }

    /// A string with fewer characters than allowed.
    pub fn too_short(path: Vec<String>, min: usize) -> Self {
        Self::new(
            "too_small",
            format!("Too small: expected string to have >={min} characters"),
            path,
        )
    }

    /// A string with more characters than allowed.
    pub fn too_long(path: Vec<String>, max: usize) -> Self {
        Self::new("too_big", format!("Too big: expected string to have <={max} characters"), path)
    }

    /// A number below the least allowed.
    pub fn too_small(path: Vec<String>, min: u64) -> Self {
        Self::new("too_small", format!("Too small: expected number to be >={min}"), path)
    }

    /// A number above the greatest allowed.
    pub fn too_big(path: Vec<String>, max: u64) -> Self {
        Self::new("too_big", format!("Too big: expected number to be <={max}"), path)
    }

    /// A string that does not have the documented form.
    pub fn pattern(path: Vec<String>, pattern: &str) -> Self {
        Self::new("invalid_format", format!("Invalid string: must match pattern /{pattern}/"), path)
    }

    /// A string that is not of a named format (`email address`, `URL`).
    pub fn format(path: Vec<String>, what: &str) -> Self {
        Self::new("invalid_format", format!("Invalid {what}"), path)
    }

    /// A word outside a fixed list.
    pub fn not_one_of(path: Vec<String>, allowed: &[&str]) -> Self {
        let list = allowed.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join("|");
        Self::new("invalid_value", format!("Invalid option: expected one of {list}"), path)
    }

    /// Keys that the schema does not have.
    pub fn unrecognized(path: Vec<String>, keys: &[String]) -> Self {
        let plural = if keys.len() == 1 { "" } else { "s" };
        let keys = keys.iter().map(|key| format!("\"{key}\"")).collect::<Vec<_>>().join(", ");
        Self::new("unrecognized_keys", format!("Unrecognized key{plural}: {keys}"), path)
    }

    /// None of the alternatives of a union fits.
    pub fn union(path: Vec<String>) -> Self {
        Self::new("invalid_union", "Invalid input".to_owned(), path)
    }

    /// A rule that no schema word covers.
    pub fn custom(path: Vec<String>, message: impl Into<String>) -> Self {
        Self::new("custom", message.into(), path)
    }
}

impl From<keyslot_providers::Issue> for Issue {
    fn from(issue: keyslot_providers::Issue) -> Self {
        Self { code: issue.code.to_owned(), message: issue.message, path: issue.path }
    }
}

/// A path of one or more literal keys.
pub fn at<const N: usize>(keys: [&str; N]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn issues_read_as_zod_4_writes_them() {
        let missing = Issue::invalid_type(at(["apiKey"]), "string", None);
        assert_eq!(missing.message, "Invalid input: expected string, received undefined");
        let wrong = Issue::invalid_type(at(["params"]), "object", Some(&json!("x")));
        assert_eq!(wrong.message, "Invalid input: expected object, received string");
        assert_eq!(
            Issue::too_short(at(["apiKey"]), 1).message,
            "Too small: expected string to have >=1 characters"
        );
        assert_eq!(
            Issue::unrecognized(vec![], &["foo".into()]).message,
            "Unrecognized key: \"foo\""
        );
        assert_eq!(
            Issue::unrecognized(vec![], &["a".into(), "b".into()]).message,
            "Unrecognized keys: \"a\", \"b\""
        );
    }
}
