//! Judging what was typed besides the credential.
//!
//! Patterns of most fields advise and the provider's own answer decides; here a value is refused
//! only for what makes it useless or dangerous: a required value that is missing, one that is not
//! among the choices, one that has not the declared format, and one that cannot be the part of the
//! address that it builds (there its pattern is held, too, if the template's own example matches it).

use keyslot_egress::Policy;

use crate::credential::ConnectionConfig;
use crate::field::{Field, Format};
use crate::issue::Issue;
use crate::provider::Provider;

/// The longest value, in characters.
const MAX_VALUE: usize = 4096;
/// The longest name, and the most values, of a connection.
const MAX_NAME: usize = 255;
const MAX_VALUES: usize = 100;

fn issue(name: &str, code: &'static str, message: impl Into<String>) -> Issue {
    Issue { path: vec!["params".to_owned(), name.to_owned()], code, message: message.into() }
}

/// Judges the values for a provider whose API is on the public internet.
///
/// # Errors
/// One [`Issue`] for each value that cannot be used.
pub fn validate_params(provider: &Provider, config: &ConnectionConfig) -> Result<(), Vec<Issue>> {
    validate_params_under(provider, config, &Policy::default())
}

/// As [`validate_params`], where the operator opened addresses of their own network: names without
/// a domain and `http://` are then possible.
///
/// # Errors
/// One [`Issue`] for each value that cannot be used.
pub fn validate_params_under(
    provider: &Provider,
    config: &ConnectionConfig,
    policy: &Policy,
) -> Result<(), Vec<Issue>> {
    let mut issues = Vec::new();
    if config.iter().count() > MAX_VALUES {
        issues.push(Issue {
            path: vec!["params".to_owned()],
            code: "too_big",
            message: format!("Send at most {MAX_VALUES} values."),
        });
    }
    for (name, value) in config.iter() {
        if name.chars().count() > MAX_NAME {
            let short: String = name.chars().take(32).collect();
            issues.push(issue(&short, "too_big", "The name of this value is too long."));
        } else if value.chars().count() > MAX_VALUE {
            issues.push(issue(name, "too_big", format!("Use at most {MAX_VALUE} characters.")));
        } else if value.chars().any(char::is_control) {
            issues.push(issue(
                name,
                "invalid_format",
                "This holds line breaks or other control characters. Remove them.",
            ));
        }
    }
    host_lock(provider, config, policy, &mut issues);
    let address_fields = provider.address_fields();
    for field in &provider.connection_config {
        if !has_issue(&issues, &field.name)
            && let Some(issue) = field_issue(
                field,
                config.get(&field.name),
                address_fields.contains(&field.name.as_str()),
            )
        {
            issues.push(issue);
        }
    }
    needed_by_address(provider, config, &mut issues);
    if issues.is_empty() { Ok(()) } else { Err(issues) }
}

fn has_issue(issues: &[Issue], name: &str) -> bool {
    issues.iter().any(|issue| issue.path.get(1).is_some_and(|path| path == name))
}

fn host_lock(
    provider: &Provider,
    config: &ConnectionConfig,
    policy: &Policy,
    issues: &mut Vec<Issue>,
) {
    let check = provider.check.as_ref().and_then(|check| check.base_url.as_ref());
    for base in provider.base_url.iter().chain(check) {
        for (name, problem) in base.problems(config, &provider.connection_config, policy) {
            if !has_issue(issues, &name) {
                issues.push(issue(&name, "invalid_format", problem));
            }
        }
    }
}

fn field_issue(field: &Field, value: Option<&str>, builds_address: bool) -> Option<Issue> {
    if field.automated {
        return None;
    }
    let label = field.label();
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        // A defaulted field may be emptied, and an absent one gets its default.
        if !field.is_required() {
            return None;
        }
        let code = if value.is_some() { "too_small" } else { "invalid_type" };
        return Some(issue(&field.name, code, format!("{label} is missing.")));
    };
    if field.hidden {
        return None;
    }
    if !field.choices.is_empty() {
        return (!field.choices.iter().any(|choice| choice == value)).then(|| {
            let choices = field.choices.join(", ");
            issue(&field.name, "invalid_value", format!("{label} is one of: {choices}."))
        });
    }
    // A host name that builds the address may have a port; the host lock has judged it.
    if let Some(format) = field.format
        && !(builds_address && format == Format::Hostname)
        && !format.accepts(value)
    {
        return Some(issue(&field.name, "invalid_format", format!("Enter {}.", format.expected())));
    }
    // Host names know no case, so neither does the pattern of a part of one.
    let lower = value.to_ascii_lowercase();
    let refused = builds_address
        && field.binding_pattern().is_some_and(|pattern| {
            pattern.matches(value) == Some(false) && pattern.matches(&lower) == Some(false)
        });
    refused.then(|| issue(&field.name, "invalid_format", format!("{label} does not look right.")))
}

/// A value that the address needs is required whatever its definition says, if it has one at all.
fn needed_by_address(provider: &Provider, config: &ConnectionConfig, issues: &mut Vec<Issue>) {
    let missing = provider
        .base_url
        .as_ref()
        .and_then(|base| base.missing(config, &provider.connection_config));
    if let Some(name) = missing
        && !has_issue(issues, &name)
    {
        let label = provider
            .connection_config
            .iter()
            .find(|field| field.name == name)
            .map_or(name.as_str(), Field::label);
        let message = format!("{label} is missing.");
        issues.push(issue(&name, "invalid_type", message));
    }
}
