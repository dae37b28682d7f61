//! The answers of the server that the widget keeps: Nango's shapes, Keyslot's additions optional.

use crate::json::Json;

/// What the check of a credential said; Keyslot only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// `verified`; `unverified`: the provider was asked and could not answer; `unchecked`: it has no check, and
    /// nobody was asked.
    pub status: String,
    /// The account's name, when the provider told it.
    pub account: Option<String>,
}

impl Verification {
    /// Reads `verification` of the answer to a post; `None` from a stock server.
    #[must_use]
    pub fn read(answer: &impl Json) -> Option<Verification> {
        let verification = answer.get("verification");
        let status = verification.optional("status")?;
        Some(Verification { status, account: verification.optional("account") })
    }
}

/// One validation issue of the error envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// For people, in English.
    pub message: String,
    /// The value is longer than the server takes.
    pub too_long: bool,
    /// The field: the last part of `["params", "subdomain"]` or `["apiKey"]`.
    pub field: String,
}

impl Issue {
    /// Reads `error.errors`.
    #[must_use]
    pub fn read(error: &impl Json) -> Vec<Issue> {
        let mut issues = Vec::new();
        for one in error.get("errors").items() {
            issues.push(Issue {
                message: one.text("message"),
                too_long: one.text("code") == "too_big",
                field: one.texts("path").pop().unwrap_or_default(),
            });
        }
        issues
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_verification_is_read_and_a_stock_answer_has_none() {
        let answer = json!({"verification": {"status": "verified", "account": "Acme"}});
        let read = Verification::read(&answer).unwrap();
        assert_eq!((read.status.as_str(), read.account.as_deref()), ("verified", Some("Acme")));
        assert_eq!(Verification::read(&json!({"connectionId": "c"})), None);
    }

    #[test]
    fn an_issue_names_the_last_part_of_its_path() {
        let error = json!({"errors": [{"code": "too_big", "message": "m", "path": ["params", "subdomain"]}]});
        let issue = Issue { message: "m".into(), too_long: true, field: "subdomain".into() };
        assert_eq!(Issue::read(&error), [issue]);
    }
}
