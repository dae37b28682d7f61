//! The settings of one integration, for the generic providers whose API only the integration knows.
//!
//! A provider is generic when its template declares `integration_config` settings. What the
//! settings mean:
//!
//! | Setting | Meaning |
//! |---|---|
//! | `baseUrl` | where the API is; may hold `${connectionConfig.…}` |
//! | `keyPlacement` | `header` (default) or `query` |
//! | `keyName` | the header's or parameter's name; without it the template's own placement stays |
//! | `valueTemplate` | the value, with `${apiKey}` in it; `${apiKey}` alone by default |
//! | `keyLabel` | what the form calls the key |
//! | `verificationPath` | a path that answers 2xx to a good credential, by GET |
//! | `headers` | more headers of every request: a JSON object of texts |
//! | `fields` | more inputs of the form: a JSON object in the form of `connection_config` |
//!
//! The result of applying them is an ordinary [`Provider`], so that the form, the check and the
//! proxy need to know nothing about it.

use std::borrow::Cow;

use http::HeaderName;
use keyslot_egress::Cleartext;
use serde_json::{Map, Value, json};

use crate::credential::AuthMode;
use crate::params::Issue;
use crate::provider::{Provider, Unusable};
use crate::text::Text;

/// The largest value of a setting, in bytes.
const MAX_VALUE: usize = 8192;
/// How many inputs an integration may add.
const MAX_FIELDS: usize = 20;

/// The settings of one integration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IntegrationConfig(Map<String, Value>);

impl IntegrationConfig {
    /// Takes settings as they are stored; [`Provider::configured`] judges them.
    #[must_use]
    pub fn from_json(settings: &Map<String, Value>) -> Self {
        Self(settings.clone())
    }

    /// The settings, for storing them.
    #[must_use]
    pub fn as_json(&self) -> &Map<String, Value> {
        &self.0
    }

    /// What the form calls the key, for `credentials_label`.
    #[must_use]
    pub fn key_label(&self) -> Option<&str> {
        self.text("keyLabel")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A setting that is a JSON object, or the text of one.
    fn object(&self, name: &str) -> Result<Option<Map<String, Value>>, Issue> {
        let issue = || issue(name, "invalid_type", "This must be a JSON object.");
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object.clone())),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| issue()),
            Some(_) => Err(issue()),
        }
    }
}

fn issue(name: &str, code: &'static str, message: impl Into<String>) -> Issue {
    Issue {
        path: vec!["integration_config".to_owned(), name.to_owned()],
        code,
        message: message.into(),
    }
}

impl Provider {
    /// Says whether integrations of this provider have settings.
    #[must_use]
    pub fn is_configurable(&self) -> bool {
        !self.integration_config.is_empty()
    }

    /// Applies an integration's settings, and returns the provider that results; without settings
    /// it is this one.
    ///
    /// # Errors
    /// One [`Issue`] for each setting that cannot be used.
    pub fn configured(&self, config: &IntegrationConfig) -> Result<Cow<'_, Self>, Vec<Issue>> {
        if config.0.is_empty() {
            return Ok(Cow::Borrowed(self));
        }
        let mut issues = self.setting_issues(config);
        if !issues.is_empty() {
            return Err(issues);
        }
        let Value::Object(mut entry) = self.template.clone() else {
            return Ok(Cow::Borrowed(self));
        };
        self.apply(config, &mut entry, &mut issues);
        if !issues.is_empty() {
            return Err(issues);
        }
        // An integration comes over the API, so its plain HTTP goes no further than opened ranges.
        Self::read(&self.name, &entry, Cleartext::OpenedOnly)
            .map(|(provider, _)| Cow::Owned(provider))
            .map_err(|unusable| vec![translate(&unusable)])
    }

    fn knows_setting(&self, name: &str) -> bool {
        let declared = |name: &str| self.integration_config.iter().any(|field| field.name == name);
        declared(name)
            || (matches!(name, "fields" | "headers" | "verificationPath") && declared("baseUrl"))
    }

    fn setting_issues(&self, config: &IntegrationConfig) -> Vec<Issue> {
        let mut issues = Vec::new();
        for (name, value) in &config.0 {
            if !self.knows_setting(name) {
                issues.push(issue(name, "unrecognized_keys", "This provider has no such setting."));
                continue;
            }
            let structured = matches!(name.as_str(), "fields" | "headers");
            match value {
                Value::Null => {}
                Value::Object(_) if structured => {}
                Value::String(text) if text.len() > MAX_VALUE => {
                    issues.push(issue(
                        name,
                        "too_big",
                        format!("Use at most {MAX_VALUE} characters."),
                    ));
                }
                Value::String(_) => {}
                _ => issues.push(issue(name, "invalid_type", "This must be a text.")),
            }
        }
        for field in &self.integration_config {
            let value = config.text(&field.name);
            match value {
                None if field.is_required() => issues.push(issue(
                    &field.name,
                    "invalid_type",
                    format!("{} is missing.", field.label()),
                )),
                Some(value)
                    if !field.choices.is_empty()
                        && !field.choices.iter().any(|choice| choice == value) =>
                {
                    issues.push(issue(
                        &field.name,
                        "invalid_value",
                        format!("Use one of: {}.", field.choices.join(", ")),
                    ));
                }
                _ => {}
            }
        }
        issues
    }

    fn apply(
        &self,
        config: &IntegrationConfig,
        entry: &mut Map<String, Value>,
        issues: &mut Vec<Issue>,
    ) {
        if let Some(base_url) = config.text("baseUrl") {
            edit(entry, "proxy", |proxy| {
                proxy.insert("base_url".to_owned(), base_url.into());
            });
        }
        if self.auth_mode == AuthMode::ApiKey {
            place_key(config, entry, issues);
        }
        match config.object("headers") {
            Ok(Some(headers)) => {
                edit(entry, "proxy", |proxy| edit(proxy, "headers", |own| own.extend(headers)));
            }
            Ok(None) => {}
            Err(issue) => issues.push(issue),
        }
        match config.object("fields") {
            Ok(Some(fields)) if fields.len() > MAX_FIELDS => {
                issues.push(issue("fields", "too_big", format!("Use at most {MAX_FIELDS} fields.")))
            }
            Ok(Some(fields)) => {
                if let Some(name) = fields.keys().find(|name| !is_field_name(name)) {
                    issues.push(issue(
                        "fields",
                        "invalid_format",
                        format!("`{name}` is not a field name; use letters, digits and _."),
                    ));
                }
                edit(entry, "connection_config", |own| own.extend(fields));
            }
            Ok(None) => {}
            Err(issue) => issues.push(issue),
        }
        if let Some(path) = config.text("verificationPath") {
            if path.starts_with('/') && !path.starts_with("//") {
                edit(entry, "proxy", |proxy| {
                    let check = json!({ "method": "GET", "endpoints": [path] });
                    proxy.insert("verification".to_owned(), check);
                });
            } else {
                issues.push(issue(
                    "verificationPath",
                    "invalid_format",
                    "Begin with /, as /v1/me.",
                ));
            }
        }
    }
}

/// Puts the key where the integration says, and takes it from where the template has it.
fn place_key(config: &IntegrationConfig, entry: &mut Map<String, Value>, issues: &mut Vec<Issue>) {
    let template = config.text("valueTemplate").unwrap_or("${apiKey}");
    if !template.contains("${apiKey}") {
        issues.push(issue("valueTemplate", "invalid_format", "This must contain ${apiKey}."));
        return;
    }
    let Some(name) = config.text("keyName") else {
        return;
    };
    let place = match config.text("keyPlacement").unwrap_or("header") {
        "header" if name.parse::<HeaderName>().is_err() => {
            issues.push(issue("keyName", "invalid_format", "This is not a header name."));
            return;
        }
        "header" => "headers",
        "query" => "query",
        _ => {
            issues.push(issue("keyPlacement", "invalid_value", "Use header or query."));
            return;
        }
    };
    let holds_key = |value: &Value| {
        value
            .as_str()
            .and_then(|text| Text::parse(text).ok())
            .is_some_and(|text| text.mentions_credential())
    };
    edit(entry, "proxy", |proxy| {
        for place in ["headers", "query"] {
            if let Some(Value::Object(values)) = proxy.get_mut(place) {
                values.retain(|_, value| !holds_key(value));
            }
        }
        edit(proxy, place, |values| {
            let name = if place == "headers" { name.to_ascii_lowercase() } else { name.to_owned() };
            values.insert(name, template.into());
        });
    });
}

fn is_field_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Changes the object under a key, which is made when it is not there.
fn edit(object: &mut Map<String, Value>, key: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    // Replacing a value keeps its place in the order of the file.
    let mut section = match object.insert(key.to_owned(), Value::Null) {
        Some(Value::Object(section)) => section,
        _ => Map::new(),
    };
    change(&mut section);
    object.insert(key.to_owned(), Value::Object(section));
}

/// Says which setting made the template unusable.
fn translate(unusable: &Unusable) -> Issue {
    let place = unusable.field.as_str();
    let name = if place.starts_with("proxy.base_url") {
        "baseUrl"
    } else if place.starts_with("proxy.verification") {
        "verificationPath"
    } else if place.starts_with("connection_config") {
        "fields"
    } else if place.starts_with("proxy.query") {
        "valueTemplate"
    } else {
        "headers"
    };
    issue(name, "invalid_format", unusable.to_string())
}
