//! Making a request to a provider: address, placement of the credential, body. The check of a
//! credential and every proxied request are made here, so that a check means something.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use keyslot_egress::{Body, Cleartext, Policy};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use url::Url;

use crate::base_url::{AddressError, Base, fill_path};
use crate::credential::{ConnectionConfig, Credential};
use crate::provider::{BodyTemplate, Provider};
use crate::text::{Missing, Text, Values};

/// Who is asked, and with what.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The provider, with the integration's settings applied ([`Provider::configured`]).
    pub provider: &'a Provider,
    /// The credential.
    pub credential: &'a Credential,
    /// The values beside it.
    pub config: &'a ConnectionConfig,
    /// Which addresses may be reached: it decides about the form of addresses that a user typed,
    /// and `keyslot-egress` about what they resolve to.
    pub policy: &'a Policy,
}

impl Target<'_> {
    /// The provider's base URL, filled.
    pub(crate) fn base(&self) -> Result<Base, RequestError> {
        let values = Values::new(self.credential, self.config, &self.provider.connection_config);
        let base = self.provider.base_url.as_ref().ok_or(RequestError::NoBaseUrl)?;
        Ok(base.fill(&values, self.policy)?)
    }
}

/// What is asked.
pub struct Call<'a> {
    /// The method.
    pub method: Method,
    /// The path below the base URL, perhaps with a query.
    pub endpoint: Endpoint<'a>,
    /// Another base URL than the provider's.
    pub base: Option<Base>,
    /// Headers that go over the template's, except a `user-agent` that the template sets.
    pub headers: HeaderMap,
    /// The body.
    pub payload: Payload,
}

/// A path below the base URL, perhaps with a query.
#[derive(Clone, Copy)]
pub enum Endpoint<'a> {
    /// From a template; placeholders are filled and percent-encoded.
    Template(&'a Text),
    /// From a caller; already encoded, and not filled.
    Literal(&'a str),
}

/// The body of a request.
pub enum Payload {
    /// None; a template may still add one.
    Empty,
    /// JSON.
    Json(Value),
    /// Bytes of the type that the headers name.
    Bytes(Bytes),
    /// A stream of the type that the headers name. What a template would add to it is not added:
    /// read it first where [`Provider::rewrites_body`] says so.
    Stream(Body),
}

/// A request that is ready to be sent, with what `keyslot-egress` must know about it.
pub struct Prepared {
    /// The request.
    pub request: Request<Body>,
    /// How far plain HTTP may go, if it is plain HTTP.
    pub cleartext: Cleartext,
    /// Whether what a user typed decides the host.
    pub host_from_config: bool,
}

/// Why a request cannot be made. No variant holds a value that a user typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Nothing says where the API is.
    #[error("the provider has no base URL; set one on the integration or override it")]
    NoBaseUrl,
    /// The provider takes another kind of credential.
    #[error("the credential is of another kind than the provider's")]
    WrongMode,
    /// The address cannot be built.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A value cannot travel in this header.
    #[error("the value of the header {0} holds characters that a header cannot carry")]
    Header(String),
    /// The body is not of the type that it says, and something must be added to it.
    #[error("the body is not the {0} that its content type says")]
    Body(&'static str),
}

impl Provider {
    /// Says whether requests of this method get something added to their body.
    #[must_use]
    pub fn rewrites_body(&self, method: &Method) -> bool {
        self.body.is_some() && has_body(method)
    }
}

fn has_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method)
}

/// Makes a request to a provider.
///
/// # Errors
/// See [`RequestError`]; nothing was sent.
pub fn build_request(target: Target<'_>, call: Call<'_>) -> Result<Prepared, RequestError> {
    let Target { provider, credential, config, policy } = target;
    if credential.auth_mode() != provider.auth_mode {
        return Err(RequestError::WrongMode);
    }
    let values = Values::new(credential, config, &provider.connection_config);
    let base = match (call.base, &provider.base_url) {
        (Some(base), _) => base,
        (None, Some(base)) => base.fill(&values, policy)?,
        (None, None) => return Err(RequestError::NoBaseUrl),
    };
    let url = match call.endpoint {
        Endpoint::Literal(endpoint) => base.join(endpoint)?,
        Endpoint::Template(text) => base.join(&fill_endpoint(text, &values)?)?,
    };
    let url = with_query(url, provider, &values);
    let mut headers = own_headers(provider, &values)?;
    let fixed_agent = headers.contains_key(USER_AGENT);
    // A caller's header takes the place of the template's, with all its values.
    for name in call.headers.keys() {
        headers.remove(name);
    }
    for (name, value) in &call.headers {
        headers.append(name, value.clone());
    }
    if fixed_agent && call.headers.contains_key(USER_AGENT) {
        headers.remove(USER_AGENT);
        headers.extend(
            own_headers(provider, &values)?.remove(USER_AGENT).map(|agent| (USER_AGENT, agent)),
        );
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(concat!("Keyslot/", env!("CARGO_PKG_VERSION"))));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json, */*;q=0.5"));

    let body = body(provider, &call.method, call.payload, &mut headers, &values)?;
    let mut request = Request::new(body);
    *request.method_mut() = call.method;
    // A URL that was parsed and joined is one that HTTP can carry, but for rare characters.
    *request.uri_mut() =
        url.as_str().parse().map_err(|_| RequestError::Address(AddressError::Escaped))?;
    *request.headers_mut() = headers;
    Ok(Prepared { request, cleartext: base.cleartext, host_from_config: base.host_from_config })
}

fn fill_endpoint(text: &Text, values: &Values<'_>) -> Result<String, AddressError> {
    let mut result = Ok(String::new());
    for pieces in text.alternatives() {
        result = fill_path(pieces, values);
        if !matches!(result, Err(AddressError::Missing(_))) {
            break;
        }
    }
    result
}

/// Sets the template's query parameters, over a caller's of the same name.
fn with_query(mut url: Url, provider: &Provider, values: &Values<'_>) -> Url {
    let own: Vec<_> = provider
        .query
        .iter()
        .filter_map(|(name, text)| {
            text.render(values).ok().filter(|value| !value.is_empty()).map(|value| (name, value))
        })
        .collect();
    if own.is_empty() {
        return url;
    }
    let kept: Vec<&str> = url
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| {
            let name = url::form_urlencoded::parse(pair.as_bytes()).next();
            name.is_some_and(|(name, _)| !own.iter().any(|(own, _)| **own == name))
        })
        .collect();
    let kept = kept.join("&");
    url.set_query((!kept.is_empty()).then_some(&kept));
    url.query_pairs_mut().extend_pairs(own);
    url
}

/// The headers that the provider's template and mode set.
fn own_headers(provider: &Provider, values: &Values<'_>) -> Result<HeaderMap, RequestError> {
    let mut headers = HeaderMap::new();
    if let Credential::Basic { username, password } = values.credential {
        // EXPOSE: RFC 7617 §2, the header that carries the credential.
        let pair = format!("{}:{}", username.expose_secret(), password.expose_secret());
        let value = format!("Basic {}", STANDARD.encode(pair));
        headers.insert(AUTHORIZATION, header_value("authorization", &value, true)?);
    }
    for (name, text) in &provider.headers {
        match text.render(values) {
            // A header whose value comes from an optional field is left out with it.
            Err(Missing(_)) => {}
            Ok(value) if value.is_empty() && text.mentions_config() => {}
            Ok(value) => {
                let secret = text.mentions_credential() || text.mentions_config();
                headers.insert(name, header_value(name.as_str(), &value, secret)?);
            }
        }
    }
    Ok(headers)
}

fn header_value(name: &str, value: &str, secret: bool) -> Result<HeaderValue, RequestError> {
    // Beyond ASCII no two servers agree on what the bytes mean (RFC 9110 §5.5).
    let mut value = Some(value)
        .filter(|value| value.is_ascii())
        .and_then(|value| HeaderValue::from_str(value).ok())
        .ok_or_else(|| RequestError::Header(name.to_owned()))?;
    value.set_sensitive(secret);
    Ok(value)
}

fn body(
    provider: &Provider,
    method: &Method,
    payload: Payload,
    headers: &mut HeaderMap,
    values: &Values<'_>,
) -> Result<Body, RequestError> {
    let added = provider.body.as_ref().filter(|_| has_body(method)).and_then(|template| {
        match template.fill(values) {
            Some(Value::Object(object)) if !object.is_empty() => Some(object),
            _ => None,
        }
    });
    let json = |value: Value, headers: &mut HeaderMap| {
        headers.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Body::full(value.to_string())
    };
    match (payload, added) {
        (Payload::Stream(body), _) => Ok(body),
        (Payload::Empty, None) => Ok(Body::empty()),
        (Payload::Json(value), None) => Ok(json(value, headers)),
        (Payload::Bytes(bytes), None) => Ok(Body::full(bytes)),
        (Payload::Empty, Some(added)) => Ok(json(Value::Object(added), headers)),
        (Payload::Json(mut value), Some(added)) => {
            merge(&mut value, added);
            Ok(json(value, headers))
        }
        (Payload::Bytes(bytes), Some(added)) => {
            let kind = headers
                .get(CONTENT_TYPE)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("application/json")
                .to_ascii_lowercase();
            if kind.starts_with("application/x-www-form-urlencoded") {
                Ok(Body::full(merge_form(&bytes, &added)))
            } else if kind.contains("json") {
                let mut value = match bytes.is_empty() {
                    true => Value::Object(Map::new()),
                    false => {
                        serde_json::from_slice(&bytes).map_err(|_| RequestError::Body("JSON"))?
                    }
                };
                merge(&mut value, added);
                Ok(json(value, headers))
            } else {
                Ok(Body::full(bytes))
            }
        }
    }
}

/// Puts what the template adds over what the caller sent.
fn merge(value: &mut Value, added: Map<String, Value>) {
    let Value::Object(object) = value else { return };
    for (key, added) in added {
        match (object.get_mut(&key), added) {
            (Some(mine @ Value::Object(_)), Value::Object(added)) => merge(mine, added),
            (_, added) => {
                object.insert(key, added);
            }
        }
    }
}

fn merge_form(bytes: &[u8], added: &Map<String, Value>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(bytes) {
        if !added.contains_key(name.as_ref()) {
            form.append_pair(&name, &value);
        }
    }
    for (name, value) in added {
        match value {
            Value::String(text) => form.append_pair(name, text),
            other => form.append_pair(name, &other.to_string()),
        };
    }
    form.finish()
}

impl BodyTemplate {
    /// Fills the template; leaves without a value, and objects that are empty for want of them, are left
    /// out. What the template has empty stays: `{"match_all": {}}` says something.
    pub(crate) fn fill(&self, values: &Values<'_>) -> Option<Value> {
        match self {
            Self::Plain(value) => Some(value.clone()),
            Self::Text(text) => text.render(values).ok().map(Value::String),
            Self::Object(entries) => {
                let object: Map<_, _> = entries
                    .iter()
                    .filter_map(|(key, value)| Some((key.clone(), value.fill(values)?)))
                    .collect();
                (!object.is_empty() || entries.is_empty()).then_some(Value::Object(object))
            }
            Self::List(items) => {
                Some(Value::Array(items.iter().filter_map(|item| item.fill(values)).collect()))
            }
        }
    }
}
