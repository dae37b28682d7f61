//! What is wrong with one value that somebody gave, in the form of the wire's `errors`.

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Where: `["params", "subdomain"]`.
    pub path: Vec<String>,
    /// A code of the wire's list (`invalid_type`, `too_small`, `too_big`, `invalid_value`,
    /// `invalid_format`, `unrecognized_keys`).
    pub code: &'static str,
    /// A sentence for the person who typed the value; it never repeats the value.
    pub message: String,
}
