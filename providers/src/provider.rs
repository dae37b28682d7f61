//! One provider's template, read and checked.

use std::str::FromStr;

use http::{HeaderName, Method};
use indexmap::IndexMap;
use keyslot_egress::Cleartext;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base_url::BaseUrl;
use crate::credential::AuthMode;
use crate::field::{Definition, Field, OneOrMany, Scalar};
use crate::integration::IntegrationConfig;
use crate::link;
use crate::status::{concerns_no_credential, overlap, proves_nothing, statuses};
use crate::text::Text;

/// A provider: what to ask for, and how to use it.
#[derive(Clone)]
pub struct Provider {
    /// Its key in the catalogue.
    pub name: String,
    /// Its name for people.
    pub display_name: String,
    /// How it takes its credential.
    pub auth_mode: AuthMode,
    /// The template as `GET /providers/{provider}` sends it, `name` first, in the file's order.
    /// What is for the catalogue's own checks (`samples`, `sources`) is not in it.
    pub template: Value,
    /// The fields of the credential that the template describes.
    pub credentials: Vec<Field>,
    /// The fields beside the credential, in the file's order.
    pub connection_config: Vec<Field>,
    /// The settings of an integration of this provider.
    pub integration_config: Vec<Field>,
    /// Where its API is; nothing when only an integration or a caller can say so.
    pub base_url: Option<BaseUrl>,
    /// Headers of every request.
    pub(crate) headers: Vec<(HeaderName, Text)>,
    /// Query parameters of every request.
    pub(crate) query: Vec<(String, Text)>,
    /// What is merged into the body of every request that has one.
    pub(crate) body: Option<BodyTemplate>,
    /// When a proxied request is worth repeating.
    pub retry: Retry,
    /// The request that tells whether a credential works.
    pub check: Option<Check>,
    /// JSON pointers (RFC 6901) into the check's answer, to the name of the account; the first that
    /// finds something counts.
    pub identity: Vec<String>,
    /// Synthetic values for tests of the catalogue: field, then `valid` and `invalid` ones.
    pub samples: IndexMap<String, Samples>,
}

/// Synthetic values of one field.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Samples {
    /// Values that the field's pattern and key shapes must take.
    #[serde(default)]
    pub valid: Vec<String>,
    /// Values that they must not take.
    #[serde(default)]
    pub invalid: Vec<String>,
}

/// The request that tells whether a credential works.
#[derive(Debug, Clone)]
pub struct Check {
    /// Paths, tried in order until one answers 2xx.
    pub endpoints: Vec<Text>,
    /// GET, or POST where an API has nothing else.
    pub method: Method,
    /// Another host for the check.
    pub base_url: Option<BaseUrl>,
    /// Headers that go over the template's own.
    pub(crate) headers: Vec<(HeaderName, Text)>,
    /// The body of a POST.
    pub(crate) data: Option<BodyTemplate>,
    /// The statuses of an answer that counts; any 2xx when empty.
    pub statuses: Vec<std::ops::RangeInclusive<u16>>,
    /// The statuses that say that the credential is not one, over the usual table: some APIs answer
    /// 403 or 404 to a wrong key. Never one that counts.
    pub refused: Vec<std::ops::RangeInclusive<u16>>,
    /// An answer that says that the credential is known, though not allowed this request; it counts as one
    /// to a good credential.
    pub recognised: Option<Recognised>,
    /// What a 2xx answer must hold to count, for APIs that answer 200 to everything: JSON pointer
    /// and value, `null` for "must not be there".
    pub(crate) expect: Vec<(String, Value)>,
}

/// The answer that a vendor gives to a credential that it knows and does not allow a request.
#[derive(Debug, Clone)]
pub struct Recognised {
    /// Its status.
    pub statuses: Vec<std::ops::RangeInclusive<u16>>,
    /// What its JSON must hold: pointer, and the values of which one is there. Empty where the status says
    /// it all.
    pub(crate) expect: Vec<(String, Vec<Value>)>,
}

/// When a proxied request is worth repeating, and when.
#[derive(Debug, Clone, Default)]
pub struct Retry {
    /// Statuses that are worth another try; when empty, 429 and 500 and up.
    pub statuses: Vec<std::ops::RangeInclusive<u16>>,
    /// Headers that give a number of seconds to wait.
    pub after: Vec<HeaderName>,
    /// Headers that give the time of the next try, in seconds or milliseconds since 1970 or as a
    /// date.
    pub at: Vec<HeaderName>,
    /// A header that is `0` when the quota is used up.
    pub remaining: Option<HeaderName>,
}

/// JSON with template texts in its leaves.
#[derive(Debug, Clone)]
pub(crate) enum BodyTemplate {
    Text(Text),
    Plain(Value),
    Object(Vec<(String, BodyTemplate)>),
    List(Vec<BodyTemplate>),
}

/// Why an entry of a catalogue cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Unusable {
    /// Where, as `proxy.headers.authorization`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

impl Unusable {
    pub(crate) fn new(field: impl Into<String>, reason: impl ToString) -> Self {
        Self { field: field.into(), reason: reason.to_string() }
    }
}

#[derive(Deserialize)]
struct Template {
    display_name: Scalar,
    #[serde(default)]
    credentials: Option<IndexMap<String, Definition>>,
    #[serde(default)]
    connection_config: Option<IndexMap<String, Definition>>,
    #[serde(default)]
    integration_config: Option<IndexMap<String, Definition>>,
    #[serde(default)]
    proxy: Option<ProxyTemplate>,
    #[serde(default)]
    identity: Option<OneOrMany>,
    #[serde(default)]
    key_shapes: Option<Vec<KeyShape>>,
    #[serde(default, rename = "where")]
    steps: Option<Vec<Scalar>>,
    #[serde(default)]
    samples: Option<IndexMap<String, Samples>>,
    #[serde(default)]
    credentials_verification_script: Option<Scalar>,
}

/// Only the form; what a shape means is the widget's business.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read to check the form; the JSON goes to the browser as it is")]
struct KeyShape {
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    prefix: Option<String>,
    kind: String,
    #[serde(default)]
    min: Option<u32>,
    #[serde(default)]
    max: Option<u32>,
    #[serde(default)]
    alphabet: Option<String>,
    #[serde(default)]
    checksum: Option<String>,
    #[serde(default)]
    wrong: bool,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Deserialize)]
struct ProxyTemplate {
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    headers: Option<IndexMap<String, Scalar>>,
    #[serde(default)]
    query: Option<IndexMap<String, Scalar>>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    retry: Option<RetryTemplate>,
    #[serde(default)]
    verification: Option<CheckTemplate>,
}

#[derive(Deserialize)]
struct RetryTemplate {
    #[serde(default)]
    error_code: Option<OneOrMany>,
    #[serde(default)]
    after: Option<OneOrMany>,
    #[serde(default)]
    at: Option<OneOrMany>,
    #[serde(default)]
    remaining: Option<OneOrMany>,
}

#[derive(Deserialize)]
struct CheckTemplate {
    #[serde(default)]
    endpoints: Option<OneOrMany>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: Option<IndexMap<String, Scalar>>,
    #[serde(default)]
    base_url_override: Option<String>,
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    statuses: Option<OneOrMany>,
    #[serde(default)]
    refused: Option<OneOrMany>,
    #[serde(default)]
    recognised: Option<RecognisedTemplate>,
    #[serde(default)]
    expect: Option<IndexMap<String, Value>>,
}

#[derive(Deserialize)]
struct RecognisedTemplate {
    statuses: OneOrMany,
    #[serde(default)]
    expect: Option<IndexMap<String, Value>>,
}

impl Provider {
    /// Reads one entry of a catalogue, and returns it with remarks about what it leaves out. `http`
    /// says how far plain HTTP may go where the entry asks for it.
    pub(crate) fn read(
        name: &str,
        entry: &Map<String, Value>,
        http: Cleartext,
    ) -> Result<(Self, Vec<String>), Unusable> {
        let valid_name = !name.is_empty()
            && name.len() <= 255
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !valid_name {
            return Err(Unusable::new("name", "use only letters, digits, - and _, at most 255"));
        }
        let auth_mode = auth_mode(entry)?;
        let mut notes = Vec::new();
        let template: Template = read_json(Value::Object(entry.clone()))?;

        let credentials = fields("credentials", template.credentials, &mut notes)?;
        let connection_config =
            fields("connection_config", template.connection_config, &mut notes)?;
        let mut integration_config =
            fields("integration_config", template.integration_config, &mut notes)?;
        integration_config.retain(|field| {
            let known = IntegrationConfig::SETTINGS.contains(&field.name.as_str());
            if !known {
                notes.push(format!(
                    "integration_config.{} is not a setting that is used",
                    field.name
                ));
            }
            known
        });
        if let Some(script) = template.credentials_verification_script {
            notes.push(format!("credentials_verification_script `{}` is not run", script.0));
        }
        if template.steps.is_some_and(|steps| steps.iter().any(|step| step.0.trim().is_empty())) {
            return Err(Unusable::new("where", "a step is empty"));
        }
        for shape in template.key_shapes.iter().flatten() {
            if shape.kind.is_empty() {
                return Err(Unusable::new("key_shapes", "a shape has no kind"));
            }
        }

        let mut public = public_template(name, entry);
        for key in link::unusable(entry) {
            notes.push(format!("{key} is not an http or https address and is not shown"));
            if let Value::Object(public) = &mut public {
                public.shift_remove(key);
            }
        }

        let mut provider = Self {
            name: name.to_owned(),
            display_name: template.display_name.0,
            auth_mode,
            template: public,
            credentials,
            connection_config,
            integration_config,
            base_url: None,
            headers: Vec::new(),
            query: Vec::new(),
            body: None,
            retry: Retry::default(),
            check: None,
            identity: pointers("identity", template.identity)?,
            samples: template.samples.unwrap_or_default(),
        };
        if let Some(proxy) = template.proxy {
            provider.read_proxy(proxy, http)?;
        }
        provider.check_automated()?;
        Ok((provider, notes))
    }

    fn read_proxy(&mut self, proxy: ProxyTemplate, http: Cleartext) -> Result<(), Unusable> {
        self.base_url = proxy
            .base_url
            .filter(|url| !url.is_empty())
            .map(|url| BaseUrl::parse(&url, http))
            .transpose()
            .map_err(|error| Unusable::new("proxy.base_url", error))?;
        self.headers = headers("proxy.headers", proxy.headers)?;
        self.query = proxy
            .query
            .into_iter()
            .flatten()
            .map(|(key, value)| {
                let text = Text::parse(&value.0)
                    .map_err(|error| Unusable::new(format!("proxy.query.{key}"), error))?;
                Ok((key, text))
            })
            .collect::<Result<_, Unusable>>()?;
        self.body = proxy.body.map(|body| BodyTemplate::parse("proxy.body", body)).transpose()?;
        if let Some(retry) = proxy.retry {
            self.retry = retry.read()?;
        }
        if let Some(check) = proxy.verification {
            self.check = check.read(http)?;
        }
        Ok(())
    }

    /// A field that the server would have to fill by a script never gets a value here, so nothing
    /// may depend on it.
    fn check_automated(&self) -> Result<(), Unusable> {
        let names = self.base_url.iter().flat_map(BaseUrl::config_names);
        for name in names {
            let automated = self.connection_config.iter().any(|field| {
                field.name == name && field.automated && field.default_value.is_none()
            });
            if automated {
                return Err(Unusable::new(
                    format!("connection_config.{name}"),
                    "the base URL needs it, but it is filled by a script that does not exist here",
                ));
            }
        }
        Ok(())
    }

    /// The template as a form needs it: without what only the server uses.
    #[must_use]
    pub fn form_template(&self) -> Value {
        let mut template = self.template.clone();
        if let Value::Object(object) = &mut template {
            for key in ["proxy", "integration_config", "identity"] {
                object.shift_remove(key);
            }
            object.retain(|key, _| !key.ends_with("_script"));
        }
        template
    }

    /// The fields whose values build the address, by name.
    #[must_use]
    pub fn address_fields(&self) -> Vec<&str> {
        let mut names = self.base_url.as_ref().map(BaseUrl::host_fields).unwrap_or_default();
        if let Some(base) = self.check.as_ref().and_then(|check| check.base_url.as_ref()) {
            for name in base.host_fields() {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    }
}

/// The keys that are for the catalogue's own checks.
const OWN: [&str; 3] = ["alias", "samples", "sources"];

fn public_template(name: &str, entry: &Map<String, Value>) -> Value {
    let mut template = Map::with_capacity(entry.len() + 1);
    template.insert("name".to_owned(), Value::from(name));
    for (key, value) in entry {
        if key != "name" && !OWN.contains(&key.as_str()) {
            template.insert(key.clone(), value.clone());
        }
    }
    quote(template.get_mut("display_name"));
    for section in ["credentials", "connection_config", "integration_config"] {
        let Some(Value::Object(fields)) = template.get_mut(section) else { continue };
        for definition in fields.values_mut() {
            for key in ["title", "description", "example", "default_value", "prefix", "suffix"] {
                quote(definition.get_mut(key));
            }
            let choices = definition.get_mut("enum").and_then(Value::as_array_mut);
            choices.into_iter().flatten().for_each(|choice| quote(Some(choice)));
        }
    }
    Value::Object(template)
}

/// Texts may be written without quotes, and YAML then reads a number or a boolean; clients get a text.
fn quote(value: Option<&mut Value>) {
    if let Some(value) = value
        && (value.is_number() || value.is_boolean())
    {
        *value = Value::String(value.to_string());
    }
}

fn auth_mode(entry: &Map<String, Value>) -> Result<AuthMode, Unusable> {
    match entry.get("auth_mode") {
        Some(Value::String(mode)) if mode == "API_KEY" => Ok(AuthMode::ApiKey),
        Some(Value::String(mode)) if mode == "BASIC" => Ok(AuthMode::Basic),
        Some(Value::String(mode)) => Err(Unusable::new(
            "auth_mode",
            format!("{mode} is not supported; Keyslot has API_KEY and BASIC"),
        )),
        Some(_) => Err(Unusable::new("auth_mode", "expected API_KEY or BASIC")),
        None => Err(Unusable::new("auth_mode", "it is missing; expected API_KEY or BASIC")),
    }
}

fn read_json<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, Unusable> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        Unusable::new(if path == "." { "template" } else { &path }, error.inner())
    })
}

fn fields(
    section: &str,
    definitions: Option<IndexMap<String, Definition>>,
    notes: &mut Vec<String>,
) -> Result<Vec<Field>, Unusable> {
    definitions
        .into_iter()
        .flatten()
        .map(|(name, definition)| {
            if definition.kind != "string" {
                return Err(Unusable::new(
                    format!("{section}.{name}.type"),
                    format!("`{}` is not supported; the only type is string", definition.kind),
                ));
            }
            let field = definition.named(name);
            // A pattern advises. One that only browsers can run is still good advice there.
            if let Some(pattern) = &field.pattern
                && let Err(reason) = pattern.check()
            {
                notes.push(format!(
                    "{section}.{}.pattern is left to the browser, the server cannot run it: {reason}",
                    field.name
                ));
            }
            Ok(field)
        })
        .collect()
}

fn headers(
    section: &str,
    entries: Option<IndexMap<String, Scalar>>,
) -> Result<Vec<(HeaderName, Text)>, Unusable> {
    entries
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let place = format!("{section}.{name}");
            let text = Text::parse(&value.0).map_err(|error| Unusable::new(&place, error))?;
            Ok((header_name(&place, &name)?, text))
        })
        .collect()
}

fn header_name(place: &str, name: &str) -> Result<HeaderName, Unusable> {
    HeaderName::from_str(name).map_err(|_| Unusable::new(place, "this is not a header name"))
}

fn pointers(place: &str, pointers: Option<OneOrMany>) -> Result<Vec<String>, Unusable> {
    let pointers = pointers.map(OneOrMany::into_vec).unwrap_or_default();
    match pointers.iter().find(|pointer| !pointer.starts_with('/')) {
        Some(pointer) => Err(Unusable::new(
            place,
            format!("`{pointer}` is not a JSON pointer; it begins with /, as /data/name"),
        )),
        None => Ok(pointers),
    }
}

impl BodyTemplate {
    pub(crate) fn parse(place: &str, value: Value) -> Result<Self, Unusable> {
        Ok(match value {
            Value::String(text) => {
                Self::Text(Text::parse(&text).map_err(|error| Unusable::new(place, error))?)
            }
            Value::Object(object) => Self::Object(
                object
                    .into_iter()
                    .map(|(key, value)| {
                        let parsed = Self::parse(&format!("{place}.{key}"), value)?;
                        Ok((key, parsed))
                    })
                    .collect::<Result<_, Unusable>>()?,
            ),
            Value::Array(items) => Self::List(
                items
                    .into_iter()
                    .enumerate()
                    .map(|(index, value)| Self::parse(&format!("{place}.{index}"), value))
                    .collect::<Result<_, _>>()?,
            ),
            other => Self::Plain(other),
        })
    }
}

impl RetryTemplate {
    fn read(self) -> Result<Retry, Unusable> {
        let names = |place: &str, names: Option<OneOrMany>| {
            names
                .map(OneOrMany::into_vec)
                .unwrap_or_default()
                .iter()
                .map(|name| header_name(place, name))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Retry {
            statuses: status_ranges("proxy.retry.error_code", self.error_code, |_| Ok(()))?,
            after: names("proxy.retry.after", self.after)?,
            at: names("proxy.retry.at", self.at)?,
            remaining: names("proxy.retry.remaining", self.remaining)?.into_iter().next(),
        })
    }
}

fn status_range(place: &str, code: &str) -> Result<std::ops::RangeInclusive<u16>, Unusable> {
    statuses(code).ok_or_else(|| {
        Unusable::new(place, format!("`{code}` is not a status; expected 429, 5xx or 500-502"))
    })
}

/// Reads a list of statuses; `check` says what one of them must not be.
fn status_ranges(
    place: &str,
    codes: Option<OneOrMany>,
    check: impl Fn(&std::ops::RangeInclusive<u16>) -> Result<(), &'static str>,
) -> Result<Vec<std::ops::RangeInclusive<u16>>, Unusable> {
    codes
        .map(OneOrMany::into_vec)
        .unwrap_or_default()
        .iter()
        .map(|code| {
            let range = status_range(place, code)?;
            check(&range).map_err(|why| Unusable::new(place, format!("`{code}` {why}")))?;
            Ok(range)
        })
        .collect()
}

impl RecognisedTemplate {
    fn read(
        self,
        place: &str,
        refused: &[std::ops::RangeInclusive<u16>],
    ) -> Result<Recognised, Unusable> {
        let expect: Vec<(String, Vec<Value>)> = self
            .expect
            .into_iter()
            .flatten()
            .map(|(pointer, value)| match value {
                Value::Array(values) => (pointer, values),
                value => (pointer, vec![value]),
            })
            .collect();
        let names = expect.iter().map(|(pointer, _)| Scalar(pointer.clone())).collect();
        pointers(&format!("{place}.expect"), Some(OneOrMany::Many(names)))?;
        let by_status = expect.is_empty();
        let statuses = status_ranges(&format!("{place}.statuses"), Some(self.statuses), |range| {
            if !(400..=499).contains(range.start()) || *range.end() > 499 {
                Err("is not a status from 400 to 499")
            } else if concerns_no_credential(range) {
                Err("does not say that a credential is known")
            } else if by_status && [400, 401, 404].iter().any(|status| range.contains(status)) {
                Err("says by itself nothing about a credential; add `expect`")
            } else if refused.iter().any(|other| overlap(range, other)) {
                Err("is also among those that say that a credential is wrong")
            } else {
                Ok(())
            }
        })?;
        Ok(Recognised { statuses, expect })
    }
}

impl CheckTemplate {
    fn read(self, http: Cleartext) -> Result<Option<Check>, Unusable> {
        let place = "proxy.verification";
        let endpoints = self
            .endpoints
            .map(OneOrMany::into_vec)
            .unwrap_or_default()
            .iter()
            .map(|endpoint| {
                Text::parse(endpoint)
                    .map_err(|error| Unusable::new(format!("{place}.endpoints"), error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Ok(None);
        }
        let method = match self.method.as_deref().map(str::to_ascii_uppercase).as_deref() {
            None | Some("GET") => Method::GET,
            Some("POST") => Method::POST,
            Some(_) => {
                return Err(Unusable::new(format!("{place}.method"), "expected GET or POST"));
            }
        };
        let accepted = status_ranges(&format!("{place}.statuses"), self.statuses, |range| {
            if proves_nothing(range) { Err("does not say that a credential works") } else { Ok(()) }
        })?;
        let any_success = [200..=299];
        let counts = if accepted.is_empty() { &any_success[..] } else { &accepted };
        let refused = status_ranges(&format!("{place}.refused"), self.refused, |range| {
            if concerns_no_credential(range) {
                Err("does not say that a credential is wrong")
            } else if counts.iter().any(|other| overlap(range, other)) {
                Err("also counts as the answer to a good credential")
            } else {
                Ok(())
            }
        })?;
        let recognised =
            self.recognised.map(|known| known.read(&format!("{place}.recognised"), &refused));
        let expect = self.expect.unwrap_or_default();
        pointers(
            &format!("{place}.expect"),
            Some(OneOrMany::Many(expect.keys().cloned().map(Scalar).collect())),
        )?;
        Ok(Some(Check {
            endpoints,
            method,
            base_url: self
                .base_url_override
                .filter(|url| !url.is_empty())
                .map(|url| BaseUrl::parse(&url, http))
                .transpose()
                .map_err(|error| Unusable::new(format!("{place}.base_url_override"), error))?,
            headers: headers(&format!("{place}.headers"), self.headers)?,
            data: self
                .data
                .map(|data| BodyTemplate::parse(&format!("{place}.data"), data))
                .transpose()?,
            statuses: accepted,
            refused,
            recognised: recognised.transpose()?,
            expect: expect.into_iter().collect(),
        }))
    }
}
