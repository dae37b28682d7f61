//! Asking a provider whether a credential works.
//!
//! The answer is one of few classes, each with another next step for the person who typed the
//! credential. What the provider wrote, and which address its name has, stay here: passed on, they
//! would make the check a way to look into the server's network.
//!
//! | Class | From |
//! |---|---|
//! | refused | 401; 400, 422 and other 4xx that say the credential is not one; 404 where the credential is part of the path; a redirect to a sign-in page; an answer that lacks what the template expects; a 2xx where the template expects others |
//! | forbidden | 403, 402, 451: the credential was recognised |
//! | address | where a user's value decides the host: no such name, no connection, a certificate of another name, an address that is not public, a redirect (unknown sub-domains are often sent to a sales page), 404, a page where JSON was expected; and 404 where a user's value is part of the path |
//! | unavailable | 429, 408, 5xx, timeouts, broken connections; with a fixed host also everything that would be "address", and 404, 405, 415 …: the template is wrong, not the credential |
//!
//! A template's `refused` and `recognised` come before the table: what is in the one is refused, what is in
//! the other is the vendor's answer to a credential that it knows, and counts.
//!
//! Redirects are never followed: a credential goes to the host that was checked and no other.

use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Response, StatusCode};
use keyslot_egress::{Egress, EgressError, Limits, ResponseBody};
use serde_json::Value;
use tokio::time::timeout;

use crate::base_url::AddressError;
use crate::credential::{ConnectionConfig, Credential};
use crate::provider::{Check, Provider, Recognised};
use crate::request::{Call, Endpoint, Payload, RequestError, Target, build_request};
use crate::text::{Text, Values};

/// The longest that a person waits, over all endpoints.
const TOTAL: Duration = Duration::from_secs(10);
/// The longest name of an account that is kept.
const MAX_ACCOUNT: usize = 200;

/// What a provider says about a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// It works.
    Verified {
        /// The name of the account, where the template knows how to find it.
        account: Option<String>,
    },
    /// The provider has no request that would tell.
    NoCheck,
    /// It was not shown to work.
    Failed {
        /// Why, as far as it decides what to do next.
        reason: Reason,
        /// The provider's status, when there was an answer.
        provider_status: Option<u16>,
    },
}

/// Why a credential was not shown to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The provider does not accept the credential.
    Refused,
    /// The provider knows the credential but does not allow it this.
    Forbidden,
    /// The address that was typed is not one of the provider's.
    Address,
    /// The provider could not be asked, or did not say.
    Unavailable,
}

impl Reason {
    /// The reason's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Forbidden => "forbidden",
            Self::Address => "address",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Asks the provider whether a credential works: its endpoints in turn until one answers 2xx, 10 s
/// in all. `provider` has the integration's settings applied ([`Provider::configured`]).
///
/// Returns what it says; a failure of any kind is a [`Verification::Failed`]. The log gets the
/// provider's name, the status and the cause, never a value.
pub async fn verify(
    egress: &Egress,
    provider: &Provider,
    credential: &Credential,
    config: &ConnectionConfig,
) -> Verification {
    let Some(check) = &provider.check else {
        return Verification::NoCheck;
    };
    let target = Target { provider, credential, config, policy: egress.policy() };
    let result = match timeout(TOTAL, run(egress, target, check)).await {
        Ok(result) => result,
        Err(_) => failed(Reason::Unavailable, None),
    };
    if let Verification::Failed { reason, provider_status } = &result {
        tracing::info!(
            provider = provider.name,
            reason = reason.as_str(),
            provider_status,
            "credential not verified"
        );
    }
    result
}

const fn failed(reason: Reason, provider_status: Option<u16>) -> Verification {
    Verification::Failed { reason, provider_status }
}

async fn run(egress: &Egress, target: Target<'_>, check: &Check) -> Verification {
    let mut failures = Vec::new();
    for endpoint in &check.endpoints {
        match ask(egress, target, check, endpoint).await {
            // What an endpoint needs was not given, as it was optional: this one cannot tell.
            Verification::NoCheck => {}
            Verification::Failed { reason, provider_status } => {
                failures.push((reason, provider_status));
            }
            verified @ Verification::Verified { .. } => return verified,
        }
    }
    // Endpoints differ in which kinds of key they take. One that could not be asked might have
    // said yes; one that forbids has recognised the key.
    let weight = |reason: Reason| match reason {
        Reason::Unavailable => 3,
        Reason::Forbidden => 2,
        Reason::Refused => 1,
        Reason::Address => 0,
    };
    failures
        .into_iter()
        .max_by_key(|&(reason, _)| weight(reason))
        .map_or(Verification::NoCheck, |(reason, status)| failed(reason, status))
}

async fn ask(egress: &Egress, target: Target<'_>, check: &Check, endpoint: &Text) -> Verification {
    let provider = target.provider;
    let values = Values::new(target.credential, target.config, &provider.connection_config);
    let base =
        match check.base_url.as_ref().map(|base| base.fill(&values, target.policy)).transpose() {
            Ok(base) => base,
            Err(error) => return cannot_build(provider, &RequestError::Address(error)),
        };
    let mut headers = HeaderMap::new();
    for (name, text) in &check.headers {
        if let Ok(value) = text.render(&values)
            && let Ok(value) = value.parse()
        {
            headers.insert(name, value);
        }
    }
    let payload = match check.data.as_ref().and_then(|data| data.fill(&values)) {
        Some(Value::String(text)) => Payload::Bytes(Bytes::from(text)),
        Some(json) => Payload::Json(json),
        None => Payload::Empty,
    };
    let call = Call {
        method: check.method.clone(),
        endpoint: Endpoint::Template(endpoint),
        base,
        headers,
        payload,
    };
    let prepared = match build_request(target, call) {
        Ok(prepared) => prepared,
        Err(error) => return cannot_build(provider, &error),
    };
    let place = Place {
        host_from_config: prepared.host_from_config,
        path_from_config: endpoint.mentions_config() || base_path_from_config(provider),
        path_from_credential: endpoint.mentions_credential()
            || provider
                .base_url
                .as_ref()
                .is_some_and(crate::base_url::BaseUrl::mentions_credential),
    };
    let host = prepared.request.uri().host().unwrap_or_default().to_owned();
    let limits = Limits { cleartext: prepared.cleartext, ..Limits::VERIFICATION };
    let answer = match egress.send(prepared.request, limits).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::info!(provider = provider.name, %error, "the check got no answer");
            return failed(no_answer(&error, place), None);
        }
    };
    judge(answer, provider, check, place, &host).await
}

fn base_path_from_config(provider: &Provider) -> bool {
    provider
        .base_url
        .as_ref()
        .is_some_and(|base| base.config_names().len() > base.host_fields().len())
}

fn cannot_build(provider: &Provider, error: &RequestError) -> Verification {
    tracing::info!(provider = provider.name, %error, "the check could not be built");
    match error {
        RequestError::Address(AddressError::Missing(_)) => Verification::NoCheck,
        RequestError::Address(_) => failed(Reason::Address, None),
        // No credential with such characters can be sent, so none can be right.
        RequestError::Header(_) | RequestError::WrongMode => failed(Reason::Refused, None),
        RequestError::NoBaseUrl => Verification::NoCheck,
        RequestError::Body(_) => failed(Reason::Unavailable, None),
    }
}

/// Which parts of the URL came from where.
#[derive(Debug, Clone, Copy)]
struct Place {
    host_from_config: bool,
    path_from_config: bool,
    path_from_credential: bool,
}

/// What a request without an answer says.
fn no_answer(error: &EgressError, place: Place) -> Reason {
    use keyslot_egress::{Phase, TlsFault};
    let wrong_address = match error {
        EgressError::Denied { .. }
        | EgressError::Cleartext
        | EgressError::Dns
        | EgressError::Connect(_)
        | EgressError::BadUrl(_)
        | EgressError::Tls(TlsFault::WrongName | TlsFault::Other)
        | EgressError::Timeout(Phase::Resolve | Phase::Connect) => true,
        EgressError::Tls(TlsFault::Untrusted)
        | EgressError::Timeout(_)
        | EgressError::TooLarge { .. }
        | EgressError::Protocol(_) => false,
    };
    if wrong_address && place.host_from_config { Reason::Address } else { Reason::Unavailable }
}

async fn judge(
    answer: Response<ResponseBody>,
    provider: &Provider,
    check: &Check,
    place: Place,
    host: &str,
) -> Verification {
    let status = answer.status();
    let code = Some(status.as_u16());
    let accepted = if check.statuses.is_empty() {
        status.is_success()
    } else {
        check.statuses.iter().any(|range| range.contains(&status.as_u16()))
    };
    if check.refused.iter().any(|range| range.contains(&status.as_u16())) {
        return failed(Reason::Refused, code);
    }
    if let Some(known) = &check.recognised
        && known.statuses.iter().any(|range| range.contains(&status.as_u16()))
    {
        return match is_recognised(answer, known).await {
            true => Verification::Verified { account: None },
            false => failed(refused(status, place), code),
        };
    }
    if !accepted && status.is_redirection() {
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        return failed(redirected(location, host, place), code);
    }
    if !accepted {
        // A 2xx that is none of the expected ones is the answer to a credential that does not work.
        let reason = if status.is_success() { Reason::Refused } else { refused(status, place) };
        return failed(reason, code);
    }
    let expects_json = !check.expect.is_empty() || !provider.identity.is_empty();
    if !expects_json {
        return Verification::Verified { account: None };
    }
    let json: Option<Value> = match answer.into_body().collect().await {
        Ok(bytes) => serde_json::from_slice(&bytes).ok(),
        // Too much to read for a name; the status has said what matters.
        Err(EgressError::TooLarge { .. }) if check.expect.is_empty() => {
            return Verification::Verified { account: None };
        }
        Err(_) => return failed(Reason::Unavailable, code),
    };
    let Some(json) = json else {
        // A web page: somebody else's server, or a sign-in page that answers 200.
        let reason = if place.host_from_config { Reason::Address } else { Reason::Unavailable };
        return failed(reason, code);
    };
    for (pointer, expected) in &check.expect {
        if json.pointer(pointer).unwrap_or(&Value::Null) != expected {
            return failed(Reason::Refused, code);
        }
    }
    Verification::Verified { account: account(&json, &provider.identity) }
}

/// Whether an answer of one of the statuses is the one to a credential that is known.
async fn is_recognised(answer: Response<ResponseBody>, known: &Recognised) -> bool {
    if known.expect.is_empty() {
        return true;
    }
    let Ok(bytes) = answer.into_body().collect().await else { return false };
    let json: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    known
        .expect
        .iter()
        .all(|(pointer, values)| json.pointer(pointer).is_some_and(|found| values.contains(found)))
}

/// What a status that is no success says.
fn refused(status: StatusCode, place: Place) -> Reason {
    match status.as_u16() {
        401 => Reason::Refused,
        402 | 403 | 451 => Reason::Forbidden,
        404 | 410 if place.path_from_credential => Reason::Refused,
        404 | 410 if place.host_from_config || place.path_from_config => Reason::Address,
        // Our template asks for something that is not there; the credential is not to blame.
        404 | 405 | 406 | 407 | 410 | 411 | 413 | 414 | 415 | 417 | 426 | 431 => {
            Reason::Unavailable
        }
        408 | 425 | 429 => Reason::Unavailable,
        400..=499 => Reason::Refused,
        _ => Reason::Unavailable,
    }
}

/// What a redirect says: to a sign-in page of the same host, that the credential did not sign in;
/// anywhere else, that this is not where the API lives.
fn redirected(location: Option<&str>, host: &str, place: Place) -> Reason {
    let location = location.unwrap_or_default();
    let (same_host, path) = match location.split_once("://") {
        Some((_, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let name = authority.split(':').next().unwrap_or_default();
            (name.eq_ignore_ascii_case(host), path)
        }
        None => (!location.starts_with("//"), location),
    };
    let path = path.to_ascii_lowercase();
    let sign_in = ["login", "log-in", "log_in", "signin", "sign-in", "sign_in", "sso", "auth"]
        .iter()
        .any(|word| path.split(['/', '?', '.', '#']).any(|part| part.starts_with(word)));
    if same_host && sign_in {
        Reason::Refused
    } else if place.host_from_config {
        Reason::Address
    } else {
        Reason::Unavailable
    }
}

/// Finds the account's name in the check's answer.
fn account(json: &Value, pointers: &[String]) -> Option<String> {
    pointers.iter().find_map(|pointer| {
        let text = match json.pointer(pointer)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let text: String = text.chars().filter(|c| !c.is_control()).take(MAX_ACCOUNT).collect();
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    })
}
