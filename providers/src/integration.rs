//! The settings of one integration, for the generic providers whose API only the integration knows.
//!
//! A provider is generic when its template declares `integration_config` settings. On the wire and in
//! the store they are one flat JSON object, as other servers of this API have it; here they are
//! [`IntegrationConfig`]. What is judged where:
//!
//! | Step | Judges |
//! |---|---|
//! | [`IntegrationConfig::from_json`] | each setting by itself: its type, its length, its form |
//! | [`Provider::configured`](crate::Provider::configured) | whether this provider has such settings, and whether they make a usable template together |
//! | [`Provider::accept`](crate::Provider::accept) | that, and whether the address may be reached from here |

use std::fmt;
use std::ops::RangeInclusive;

use http::HeaderName;
use indexmap::IndexMap;
use keyslot_egress::Cleartext;
use serde_json::{Map, Value};

use crate::base_url::BaseUrl;
use crate::issue::Issue;
use crate::pattern::Pattern;
use crate::status::{proves_nothing, statuses, written};
use crate::text::Text;

/// The longest text of a setting, in characters; the wire's own limit.
const MAX_TEXT: usize = 8192;
/// The longest label, in characters.
const MAX_LABEL: usize = 255;
/// How many inputs, and how many headers, an integration may add.
const MAX_ENTRIES: usize = 20;
/// The largest `fields`, written as JSON, in bytes: `MAX_ENTRIES` of them with long descriptions.
const MAX_FIELDS: usize = 32 * 1024;
/// How many statuses or ranges of them may be expected.
const MAX_STATUSES: usize = 20;

/// Headers that say how a message travels (RFC 9110 §7.6.1, RFC 9112 §6) or to whom: they are the
/// client's own, and no setting may write them.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-authorization",
];

/// What a definition of an added input may say; the vocabulary of `connection_config`.
const DEFINITION: [&str; 14] = [
    "type",
    "title",
    "description",
    "example",
    "pattern",
    "format",
    "enum",
    "optional",
    "default_value",
    "hidden",
    "secret",
    "prefix",
    "suffix",
    "order",
];

/// The settings of one integration. All of them are optional, and none is the default.
///
/// | Field | Name on the wire |
/// |---|---|
/// | `base_url` | `baseUrl` |
/// | `key_placement` | `keyPlacement`: `header` or `query` |
/// | `key_name` | `keyName` |
/// | `value_template` | `valueTemplate` |
/// | `key_label`, `username_label`, `password_label` | `keyLabel`, `usernameLabel`, `passwordLabel` |
/// | `headers` | `headers`: a JSON object of texts, or the text of one |
/// | `fields` | `fields`: a JSON object, or the text of one |
/// | `verification` | `verificationPath`, `verificationMethod`, `verificationStatuses`, `verificationBody` |
#[derive(Clone, Default, PartialEq)]
pub struct IntegrationConfig {
    /// Where the API is, without a slash at its end; may hold `${connectionConfig.…}` of an added input,
    /// under the host lock. At most 8192 characters, as every text here that says nothing else.
    pub base_url: Option<String>,
    /// Where the key goes; a header when nothing is said.
    pub key_placement: Option<KeyPlacement>,
    /// The name of the header or the query parameter. Without it the template's own placement stays.
    pub key_name: Option<String>,
    /// The value, with `${apiKey}` in it: `Token ${apiKey}` puts a prefix before the key. The key alone
    /// when nothing is said.
    pub value_template: Option<String>,
    /// What the form calls the key. At most 255 characters, as the other labels.
    pub key_label: Option<String>,
    /// What the form calls the user name.
    pub username_label: Option<String>,
    /// What the form calls the password.
    pub password_label: Option<String>,
    /// More headers of every request, at most 20: name, then a value that may hold placeholders.
    pub headers: IndexMap<String, String>,
    /// More inputs of the form, at most 20: name, then a definition as in `connection_config`.
    pub fields: IndexMap<String, Map<String, Value>>,
    /// The request that tells whether a credential works.
    pub verification: Option<VerificationRequest>,
}

/// Where a key goes in each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlacement {
    /// Into a header.
    Header,
    /// Into a parameter of the query.
    Query,
}

/// The request that tells whether a credential works, as an integration describes it.
#[derive(Clone, PartialEq)]
pub struct VerificationRequest {
    /// A path below the base URL, perhaps with a query; begins with `/` and may hold placeholders.
    pub path: String,
    /// GET, or POST where an API has nothing else.
    pub method: VerificationMethod,
    /// The statuses that a good credential gets, at most 20 ranges of 100–599; any 2xx when empty.
    /// Never 401, 403, 407, 408, 429 or 5xx: those say that a credential did not work, or nothing.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// The JSON body of a POST.
    pub body: Option<Value>,
}

/// The method of a [`VerificationRequest`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VerificationMethod {
    /// GET.
    #[default]
    Get,
    /// POST.
    Post,
}

impl KeyPlacement {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Query => "query",
        }
    }
}

impl VerificationMethod {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// Names the settings, never their values: a header of an integration may be a secret.
impl fmt::Debug for IntegrationConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.to_json().keys().cloned().collect();
        f.debug_tuple("IntegrationConfig").field(&names).finish()
    }
}

impl fmt::Debug for VerificationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationRequest")
            .field("method", &self.method)
            .field("statuses", &self.statuses)
            .finish_non_exhaustive()
    }
}

impl IntegrationConfig {
    /// The names of all settings on the wire.
    pub const SETTINGS: [&'static str; 13] = [
        "baseUrl",
        "keyPlacement",
        "keyName",
        "valueTemplate",
        "keyLabel",
        "usernameLabel",
        "passwordLabel",
        "headers",
        "fields",
        "verificationPath",
        "verificationMethod",
        "verificationStatuses",
        "verificationBody",
    ];

    /// Reads settings from the wire, a form or the store. What is `null` or an empty text is not set.
    ///
    /// Structured settings (`headers`, `fields`, `verificationStatuses`, `verificationBody`) are taken as
    /// JSON or as its text, since other clients of this API can send texts only.
    ///
    /// # Errors
    /// One [`Issue`] for each setting that does not exist or cannot be used, with the path
    /// `integration_config`, its name and, within `fields` and `headers`, the name of the entry.
    pub fn from_json(settings: &Map<String, Value>) -> Result<Self, Vec<Issue>> {
        let mut reader = Reader { settings, issues: Vec::new() };
        for name in settings.keys() {
            if !Self::SETTINGS.contains(&name.as_str()) {
                reader.refuse(&[name], "unrecognized_keys", "There is no such setting.");
            }
        }
        let config = Self {
            base_url: reader.base_url(),
            key_placement: reader.choice(
                "keyPlacement",
                &[("header", KeyPlacement::Header), ("query", KeyPlacement::Query)],
            ),
            key_name: reader.text("keyName", MAX_TEXT),
            value_template: reader.value_template(),
            key_label: reader.text("keyLabel", MAX_LABEL),
            username_label: reader.text("usernameLabel", MAX_LABEL),
            password_label: reader.text("passwordLabel", MAX_LABEL),
            headers: reader.headers(),
            fields: reader.fields(),
            verification: reader.verification(),
        };
        reader.key_name(&config);
        if reader.issues.is_empty() { Ok(config) } else { Err(reader.issues) }
    }

    /// The settings as they are stored and sent: only those that are set, structured ones as JSON.
    /// [`IntegrationConfig::from_json`] reads the same settings from it.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let mut json = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                json.insert(name.to_owned(), value);
            }
        };
        let text = |text: &Option<String>| text.clone().map(Value::from);
        put("baseUrl", text(&self.base_url));
        put("keyPlacement", self.key_placement.map(|placement| placement.as_str().into()));
        put("keyName", text(&self.key_name));
        put("valueTemplate", text(&self.value_template));
        put("keyLabel", text(&self.key_label));
        put("usernameLabel", text(&self.username_label));
        put("passwordLabel", text(&self.password_label));
        let filled =
            |object: Map<String, Value>| (!object.is_empty()).then_some(Value::Object(object));
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        put("headers", filled(headers.collect()));
        let fields = self.fields.iter().map(|(name, field)| (name.clone(), field.clone().into()));
        put("fields", filled(fields.collect()));
        if let Some(check) = &self.verification {
            put("verificationPath", Some(check.path.clone().into()));
            put("verificationMethod", Some(check.method.as_str().into()));
            let statuses: Vec<String> = check.statuses.iter().map(written).collect();
            put("verificationStatuses", (!statuses.is_empty()).then(|| statuses.join(", ").into()));
            put("verificationBody", check.body.clone());
        }
        json
    }

    /// What the form calls the parts of the credential, by their names on the wire; for
    /// `credentials_label`.
    #[must_use]
    pub fn labels(&self) -> Vec<(&'static str, &str)> {
        [
            ("apiKey", &self.key_label),
            ("username", &self.username_label),
            ("password", &self.password_label),
        ]
        .into_iter()
        .filter_map(|(name, label)| Some((name, label.as_deref()?)))
        .collect()
    }
}

pub(crate) fn issue(path: &[&str], code: &'static str, message: impl Into<String>) -> Issue {
    let mut whole = vec!["integration_config".to_owned()];
    whole.extend(path.iter().map(|part| (*part).to_owned()));
    Issue { path: whole, code, message: message.into() }
}

/// Takes settings out of a JSON object and notes what is wrong with them.
struct Reader<'a> {
    settings: &'a Map<String, Value>,
    issues: Vec<Issue>,
}

impl Reader<'_> {
    fn refuse(&mut self, path: &[&str], code: &'static str, message: impl Into<String>) {
        self.issues.push(issue(path, code, message));
    }

    fn text(&mut self, name: &str, max: usize) -> Option<String> {
        match self.settings.get(name)? {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) if text.chars().count() > max => {
                self.refuse(&[name], "too_big", format!("Use at most {max} characters."));
                None
            }
            Value::String(text) if text.chars().any(char::is_control) => {
                self.refuse(
                    &[name],
                    "invalid_format",
                    "This holds line breaks or other control characters. Remove them.",
                );
                None
            }
            Value::String(text) => Some(text.trim().to_owned()),
            _ => {
                self.refuse(&[name], "invalid_type", "This must be a text.");
                None
            }
        }
    }

    fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name, MAX_TEXT)?;
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text));
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.refuse(&[name], "invalid_value", format!("Use one of: {}.", words.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// A value that is JSON, or the text of it.
    fn json(&mut self, name: &str) -> Option<Value> {
        match self.settings.get(name)? {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) if text.len() > MAX_FIELDS => {
                self.refuse(&[name], "too_big", format!("Use at most {MAX_FIELDS} bytes."));
                None
            }
            Value::String(text) => match serde_json::from_str(text) {
                Ok(value) => Some(value),
                Err(error) => {
                    // The error says where; its own words for what is there could repeat a secret.
                    let (line, column) = (error.line(), error.column());
                    let message =
                        format!("This is not JSON: look at line {line}, column {column}.");
                    self.refuse(&[name], "invalid_format", message);
                    None
                }
            },
            value => Some(value.clone()),
        }
    }

    fn object(&mut self, name: &str) -> Map<String, Value> {
        match self.json(name) {
            None => Map::new(),
            Some(Value::Object(object)) if object.len() > MAX_ENTRIES => {
                self.refuse(&[name], "too_big", format!("Use at most {MAX_ENTRIES} entries."));
                Map::new()
            }
            Some(Value::Object(object)) => object,
            Some(_) => {
                self.refuse(&[name], "invalid_type", "This must be a JSON object.");
                Map::new()
            }
        }
    }

    fn base_url(&mut self) -> Option<String> {
        let base_url = self.text("baseUrl", MAX_TEXT)?;
        // Whatever a provider makes of it: an integration's plain HTTP goes no further than opened ranges.
        if let Err(error) = BaseUrl::parse(&base_url, Cleartext::OpenedOnly) {
            self.refuse(&["baseUrl"], "invalid_format", format!("This cannot be used: {error}."));
        }
        Some(base_url)
    }

    fn value_template(&mut self) -> Option<String> {
        let template = self.text("valueTemplate", MAX_TEXT)?;
        match Text::parse(&template) {
            Ok(text) if text.mentions_credential() => {}
            Ok(_) => {
                self.refuse(&["valueTemplate"], "invalid_format", "This must contain ${apiKey}.");
            }
            Err(error) => self.refuse(
                &["valueTemplate"],
                "invalid_format",
                format!("This cannot be used: {error}."),
            ),
        }
        Some(template)
    }

    fn key_name(&mut self, config: &IntegrationConfig) {
        let Some(name) = &config.key_name else { return };
        let in_header = config.key_placement != Some(KeyPlacement::Query);
        if in_header && let Some(problem) = header_problem(name) {
            self.refuse(&["keyName"], "invalid_format", problem);
        }
    }

    fn headers(&mut self) -> IndexMap<String, String> {
        let mut headers = IndexMap::new();
        for (name, value) in self.object("headers") {
            let path = ["headers", name.as_str()];
            if let Some(problem) = header_problem(&name) {
                self.refuse(&path, "invalid_format", problem);
            }
            match value {
                Value::String(text) if text.chars().count() > MAX_TEXT => {
                    self.refuse(&path, "too_big", format!("Use at most {MAX_TEXT} characters."));
                }
                Value::String(text) if !text.is_ascii() || text.chars().any(char::is_control) => {
                    let message = "A header carries printable ASCII characters only.";
                    self.refuse(&path, "invalid_format", message);
                }
                Value::String(text) => {
                    if let Err(error) = Text::parse(&text) {
                        let message = format!("This cannot be used: {error}.");
                        self.refuse(&path, "invalid_format", message);
                    }
                    headers.insert(name.to_ascii_lowercase(), text);
                }
                _ => self.refuse(&path, "invalid_type", "The value of a header must be a text."),
            }
        }
        headers
    }

    fn fields(&mut self) -> IndexMap<String, Map<String, Value>> {
        let object = self.object("fields");
        if Value::Object(object.clone()).to_string().len() > MAX_FIELDS {
            self.refuse(&["fields"], "too_big", format!("Use at most {MAX_FIELDS} bytes."));
            return IndexMap::new();
        }
        let mut fields = IndexMap::new();
        for (name, definition) in object {
            let path = ["fields", name.as_str()];
            if !is_field_name(&name) {
                let message =
                    "Begin its name with a letter, then letters, digits and _, at most 64.";
                self.refuse(&path, "invalid_format", message);
            }
            let Value::Object(definition) = definition else {
                let message = "Describe the input by a JSON object, as {\"title\": \"Team\"}.";
                self.refuse(&path, "invalid_type", message);
                continue;
            };
            if let Some(key) = definition.keys().find(|key| !DEFINITION.contains(&key.as_str())) {
                let message = format!("It has no `{key}`; it may have {}.", DEFINITION.join(", "));
                self.refuse(&path, "unrecognized_keys", message);
            }
            // In a catalogue such a pattern is left to the browser; here somebody is there to mend it.
            let pattern = definition.get("pattern").and_then(Value::as_str);
            if let Some(Err(problem)) = pattern.map(|text| Pattern::new(text).check()) {
                let message = format!("pattern: it is not a regular expression: {problem}.");
                self.refuse(&path, "invalid_format", message);
            }
            fields.insert(name, definition);
        }
        fields
    }

    fn verification(&mut self) -> Option<VerificationRequest> {
        let path = self.text("verificationPath", MAX_TEXT);
        let method = self.choice(
            "verificationMethod",
            &[("GET", VerificationMethod::Get), ("POST", VerificationMethod::Post)],
        );
        let statuses = self.statuses();
        let body = self.json("verificationBody");
        let method = method.unwrap_or_default();
        if body.is_some() && method == VerificationMethod::Get {
            let message =
                "Only a POST has a body. Set verificationMethod to POST, or leave this out.";
            self.refuse(&["verificationBody"], "custom", message);
        }
        let Some(path) = path else {
            // A method by itself changes nothing and is not kept; forms with a choice send it.
            if body.is_some() || !statuses.is_empty() {
                let message = "This is missing: say what is asked, as /v1/me.";
                self.refuse(&["verificationPath"], "invalid_type", message);
            }
            return None;
        };
        let shown = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"#\\".contains(&byte));
        if !path.starts_with('/') || path.starts_with("//") || !shown {
            let message = "Begin with one /, as /v1/me?fields=id, and use no blanks, # or \\.";
            self.refuse(&["verificationPath"], "invalid_format", message);
        }
        Some(VerificationRequest { path, method, statuses, body })
    }

    /// `"200, 204, 3xx"`, or a JSON list of such.
    fn statuses(&mut self) -> Vec<RangeInclusive<u16>> {
        const NAME: &str = "verificationStatuses";
        let parts: Vec<String> = match self.settings.get(NAME) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => text
                .split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect(),
            Some(Value::Number(status)) => vec![status.to_string()],
            Some(Value::Array(list)) => list
                .iter()
                .map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned))
                .collect(),
            Some(_) => {
                self.refuse(&[NAME], "invalid_type", "This must be a text like 200, 204.");
                return Vec::new();
            }
        };
        if parts.len() > MAX_STATUSES {
            self.refuse(&[NAME], "too_big", format!("Use at most {MAX_STATUSES} entries."));
            return Vec::new();
        }
        let mut ranges = Vec::with_capacity(parts.len());
        for part in parts {
            match statuses(&part) {
                Some(range) if proves_nothing(&range) => {
                    let message = "401, 403, 407, 408, 429 and 5xx say that a credential did not work, \
                                   or nothing about it. Leave them out.";
                    self.refuse(&[NAME], "invalid_value", message);
                }
                Some(range) => ranges.push(range),
                None => {
                    let message =
                        "Use statuses like 200, 2xx or 200-204, with commas between them.";
                    self.refuse(&[NAME], "invalid_format", message);
                }
            }
        }
        ranges
    }
}

fn header_problem(name: &str) -> Option<String> {
    if name.parse::<HeaderName>().is_err() {
        Some("This is not a header name. Use letters, digits and -, as X-Api-Key.".to_owned())
    } else if FRAMING.contains(&name.to_ascii_lowercase().as_str()) {
        Some(format!("{name} is set by the server itself. Use another header."))
    } else {
        None
    }
}

fn is_field_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
