//! A provider with the settings of one integration applied.
//!
//! The result is an ordinary [`Provider`], so that the form, the check, the proxy, the host lock and the
//! egress guard need to know nothing about settings.

use std::sync::Arc;

use keyslot_egress::{Cleartext, Policy};
use serde_json::{Map, Value, json};

use crate::base_url::Base;
use crate::credential::AuthMode;
use crate::field::Field;
use crate::integration::{IntegrationConfig, KeyPlacement, issue};
use crate::issue::Issue;
use crate::provider::{Provider, Unusable};
use crate::status::written;
use crate::text::Text;

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
    /// One [`Issue`] for each setting that this provider does not have or that makes no usable template.
    pub fn configured(
        self: &Arc<Self>,
        config: &IntegrationConfig,
    ) -> Result<Arc<Self>, Vec<Issue>> {
        let issues = self.setting_issues(config);
        if !issues.is_empty() {
            return Err(issues);
        }
        let Value::Object(mut entry) = self.template.clone() else {
            return Ok(Arc::clone(self));
        };
        if *config == IntegrationConfig::default() {
            return Ok(Arc::clone(self));
        }
        self.apply(config, &mut entry);
        // An integration comes over the API, so its plain HTTP goes no further than opened ranges.
        let (provider, _) = Self::read(&self.name, &entry, Cleartext::OpenedOnly)
            .map_err(|unusable| vec![translate(&unusable)])?;
        let issues = provider.unknown_names(config);
        if issues.is_empty() { Ok(Arc::new(provider)) } else { Err(issues) }
    }

    /// As [`Provider::configured`], for settings that are about to be stored: an address without
    /// placeholders must also be one that `policy` lets requests reach. (What its name resolves to is
    /// judged at every connection.)
    ///
    /// # Errors
    /// Those of [`Provider::configured`], and `baseUrl` when it may not be reached.
    pub fn accept(
        self: &Arc<Self>,
        config: &IntegrationConfig,
        policy: &Policy,
    ) -> Result<Arc<Self>, Vec<Issue>> {
        let provider = self.configured(config)?;
        if let Some(base_url) = config.base_url.as_deref().filter(|url| !url.contains("${"))
            && let Err(problem) = Base::fixed(base_url, policy)
        {
            let message =
                format!("{problem} Addresses of your own network are opened with --allow-net.");
            return Err(vec![issue(&["baseUrl"], "invalid_format", message)]);
        }
        Ok(provider)
    }

    /// A provider whose base URL an integration sets has also what goes with one.
    fn has_setting(&self, name: &str) -> bool {
        let declared = |name: &str| self.integration_config.iter().any(|field| field.name == name);
        declared(name)
            || (declared("baseUrl")
                && (matches!(name, "fields" | "headers") || name.starts_with("verification")))
    }

    fn setting_issues(&self, config: &IntegrationConfig) -> Vec<Issue> {
        let json = config.to_json();
        let mut issues = Vec::new();
        for name in json.keys().filter(|name| !self.has_setting(name)) {
            let message = format!("{} has no such setting.", self.display_name);
            issues.push(issue(&[name], "unrecognized_keys", message));
        }
        for field in &self.integration_config {
            let found = json.get(&field.name);
            if let Some(problem) = declared_problem(field, found) {
                issues.push(problem);
            }
        }
        if config.verification.is_some() {
            if config.base_url.is_none() && self.base_url.is_none() {
                let message = "This is missing: verificationPath stands below it.";
                issues.push(issue(&["baseUrl"], "invalid_type", message));
            }
            let placed = self.headers.iter().any(|(_, text)| text.mentions_credential())
                || self.query.iter().any(|(_, text)| text.mentions_credential());
            if self.auth_mode == AuthMode::ApiKey && config.key_name.is_none() && !placed {
                let message =
                    "This is missing: without it the verification would be made without the key.";
                issues.push(issue(&["keyName"], "invalid_type", message));
            }
        }
        if config.key_name.is_none() {
            for name in ["keyPlacement", "valueTemplate"] {
                let said = json.get(name).is_some_and(|value| {
                    !self.integration_config.iter().any(|field| {
                        field.name == name && field.default_value.as_deref() == value.as_str()
                    })
                });
                if said {
                    let message = format!("This is missing: without it {name} has no effect.");
                    issues.push(issue(&["keyName"], "invalid_type", message));
                }
            }
        }
        issues
    }

    fn apply(&self, config: &IntegrationConfig, entry: &mut Map<String, Value>) {
        if let Some(base_url) = &config.base_url {
            edit(entry, "proxy", |proxy| {
                proxy.insert("base_url".to_owned(), base_url.as_str().into());
            });
        }
        if self.auth_mode == AuthMode::ApiKey {
            place_key(config, entry);
        }
        if !config.headers.is_empty() {
            edit(entry, "proxy", |proxy| {
                edit(proxy, "headers", |own| {
                    let more = config.headers.iter();
                    own.extend(more.map(|(name, value)| (name.clone(), value.as_str().into())));
                });
            });
        }
        if !config.fields.is_empty() {
            edit(entry, "connection_config", |own| {
                let more = config.fields.iter();
                own.extend(more.map(|(name, field)| (name.clone(), field.clone().into())));
            });
        }
        for (name, label) in config.labels() {
            edit(entry, "credentials", |fields| {
                edit(fields, name, |field| {
                    field.insert("title".to_owned(), label.into());
                    // It describes what the label no longer says.
                    field.shift_remove("description");
                });
            });
        }
        if let Some(check) = &config.verification {
            let mut request = json!({ "method": check.method.as_str(), "endpoints": [check.path] });
            if let Value::Object(request) = &mut request {
                let statuses: Vec<String> = check.statuses.iter().map(written).collect();
                if !statuses.is_empty() {
                    request.insert("statuses".to_owned(), statuses.into());
                }
                if let Some(body) = &check.body {
                    request.insert("data".to_owned(), body.clone());
                }
            }
            edit(entry, "proxy", |proxy| {
                proxy.insert("verification".to_owned(), request);
            });
        }
    }

    /// A placeholder without an input would never have a value.
    fn unknown_names(&self, config: &IntegrationConfig) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut note = |path: &[&str], names: Vec<&str>| {
            for name in names {
                if !self.connection_config.iter().any(|field| field.name == name) {
                    let message = format!(
                        "${{connectionConfig.{name}}} has no input. Add `{name}` to fields."
                    );
                    issues.push(issue(path, "invalid_value", message));
                }
            }
        };
        if let (Some(_), Some(base)) = (&config.base_url, &self.base_url) {
            note(&["baseUrl"], base.config_names());
        }
        if let (Some(_), Some(check)) = (&config.verification, &self.check) {
            for endpoint in &check.endpoints {
                note(&["verificationPath"], endpoint.config_names());
            }
        }
        if let Some(Ok(text)) = config.value_template.as_deref().map(Text::parse) {
            note(&["valueTemplate"], text.config_names());
        }
        for (name, text) in &self.headers {
            if config.headers.contains_key(name.as_str()) {
                note(&["headers", name.as_str()], text.config_names());
            }
        }
        issues
    }
}

/// Judges a setting by what the template says of it.
fn declared_problem(field: &Field, found: Option<&Value>) -> Option<Issue> {
    let path = [field.name.as_str()];
    let Some(found) = found else {
        return field
            .is_required()
            .then(|| issue(&path, "invalid_type", format!("{} is missing.", field.label())));
    };
    let text = found.as_str()?;
    if !field.choices.is_empty() && !field.choices.iter().any(|choice| choice == text) {
        let message = format!("Use one of: {}.", field.choices.join(", "));
        return Some(issue(&path, "invalid_value", message));
    }
    let refused = field.pattern.as_ref().is_some_and(|it| it.matches(text) == Some(false));
    refused
        .then(|| issue(&path, "invalid_format", format!("{} does not look right.", field.label())))
}

/// Puts the key where the integration says, and takes it from where the template has it.
fn place_key(config: &IntegrationConfig, entry: &mut Map<String, Value>) {
    let Some(name) = &config.key_name else { return };
    let template = config.value_template.as_deref().unwrap_or("${apiKey}");
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
        let (place, name) = match config.key_placement {
            Some(KeyPlacement::Query) => ("query", name.clone()),
            Some(KeyPlacement::Header) | None => ("headers", name.to_ascii_lowercase()),
        };
        edit(proxy, place, |values| {
            values.insert(name, template.into());
        });
    });
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
    let reason = || format!("This cannot be used: {}.", unusable.reason);
    if place.starts_with("proxy.base_url") {
        issue(&["baseUrl"], "invalid_format", reason())
    } else if place.starts_with("proxy.verification.data") {
        issue(&["verificationBody"], "invalid_format", reason())
    } else if place.starts_with("proxy.verification") {
        issue(&["verificationPath"], "invalid_format", reason())
    } else if let Some(rest) = place.strip_prefix("connection_config.") {
        let (name, part) = rest.split_once('.').unwrap_or((rest, ""));
        let message =
            if part.is_empty() { reason() } else { format!("{part}: {}.", unusable.reason) };
        issue(&["fields", name], "invalid_format", message)
    } else if place.starts_with("proxy.query") {
        issue(&["valueTemplate"], "invalid_format", reason())
    } else {
        issue(&["headers"], "invalid_format", unusable.to_string())
    }
}
