//! Addresses: what of one belongs into a field, what hides in one, and whether one can be called at all.

use alloc::string::String;
use zeroize::Zeroizing;

use super::characters::{after, before, is_blank, is_invisible};
use super::repair::{Found, Removed, Step};
use super::vocabulary::meaning;
use super::{FieldShape, Kind, decode};

/// The longest host name (RFC 1035 §2.3.4, as text).
const MAX_HOST: usize = 253;
/// The longest label of one (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// What follows `http://` or `https://`.
fn after_http(text: &str) -> Option<&str> {
    after(text, "https://").or_else(|| after(text, "http://"))
}

/// An address without its scheme, in parts.
struct Parts<'a> {
    userinfo: Option<&'a str>,
    host: &'a str,
    /// What follows the host, from the `/`, `?` or `#` on.
    tail: &'a str,
}

fn parts(rest: &str) -> Parts<'_> {
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((userinfo, host)) => Parts { userinfo: Some(userinfo), host, tail },
        None => Parts { userinfo: None, host: authority, tail },
    }
}

/// One step of repairing an address field.
pub(super) fn step<'a>(
    found: &mut Found,
    shape: &FieldShape<'_>,
    text: &'a str,
) -> Option<Step<'a>> {
    let mut less = without_affixes(shape, text);
    if shape.kind == Kind::Url {
        if let Some(scheme) = shape.prefix.filter(|prefix| prefix.contains("://"))
            && let Some(rest) = after_http(less)
            && !scheme.is_empty()
        {
            less = rest;
        }
        if let Some(userinfo) = after_http(less).and_then(|rest| parts(rest).userinfo) {
            return without_userinfo(found, less, userinfo);
        }
        if let Some(rest) = less.strip_prefix("//") {
            less = rest;
        }
    } else {
        less = host(shape, less, text.len());
    }
    if less.is_empty() || less.len() == text.len() {
        return None;
    }
    found.less(Removed::Address, less)
}

/// The text without what is drawn before and after the field. Only what is visibly a boundary goes: a prefix
/// `https://` does, a prefix `a` would bite into `acme`.
pub(super) fn without_affixes<'a>(shape: &FieldShape<'_>, text: &'a str) -> &'a str {
    let mut less = text;
    if let Some(prefix) =
        shape.prefix.filter(|prefix| !prefix.ends_with(|c: char| c.is_ascii_alphanumeric()))
    {
        less = after(less, prefix).filter(|rest| !rest.is_empty()).unwrap_or(less);
    }
    if let Some(suffix) =
        shape.suffix.filter(|suffix| !suffix.starts_with(|c: char| c.is_ascii_alphanumeric()))
    {
        less = before(less, suffix).filter(|rest| !rest.is_empty()).unwrap_or(less);
    }
    less
}

/// The host name of an address, or the part of it that the field asks for. `pasted` is how much was pasted.
fn host<'a>(shape: &FieldShape<'_>, text: &'a str, pasted: usize) -> &'a str {
    // `https://`, `HTTP:/`, `ftp://`, `//`
    let after_scheme = text
        .split_once(':')
        .filter(|(scheme, rest)| {
            scheme.bytes().all(|b| b.is_ascii_alphabetic()) && rest.starts_with('/')
        })
        .map_or(text, |(_, rest)| rest)
        .trim_start_matches(['/', '\\']);
    let Parts { mut host, .. } = parts(after_scheme);
    if shape.kind == Kind::Subdomain {
        host = host
            .split_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(host, _)| host);
    } else {
        host = host.strip_suffix(":443").or_else(|| host.strip_suffix(':')).unwrap_or(host);
    }
    host = host.strip_suffix('.').unwrap_or(host);
    // The host part of a suffix such as `.acme.com/api`.
    if let Some(suffix) = shape.suffix.and_then(|suffix| suffix.split('/').next()) {
        host = before(host, suffix).filter(|rest| !rest.is_empty()).unwrap_or(host);
    } else if shape.kind == Kind::Subdomain && host.len() < pasted {
        host = host.split('.').next().unwrap_or(host);
    }
    host
}

/// `https://user:password@host` without the user and the password, which are offered to their own fields.
fn without_userinfo<'a>(found: &mut Found, text: &str, userinfo: &str) -> Option<Step<'a>> {
    let (head, rest) = text.split_once("//")?;
    let rest = rest.get(userinfo.len() + 1..)?;
    let mut less = Zeroizing::new(String::with_capacity(text.len()));
    less.push_str(head);
    less.push_str("//");
    less.push_str(rest);
    if let Some((username, password)) = userinfo.split_once(':') {
        found.half(username, password);
    }
    found.note(Removed::Address);
    Some(Step::Other(less))
}

/// `https://`, when a URL field that does not draw a scheme itself got a host and no scheme.
pub(super) fn missing_scheme(shape: &FieldShape<'_>, text: &str) -> Option<&'static str> {
    let lacks = shape.kind == Kind::Url
        && !shape.prefix.is_some_and(|prefix| prefix.contains("://"))
        && !text.contains("://")
        && text.contains(['.', ':'])
        && can_be_called(text);
    lacks.then_some("https://")
}

/// A credential in an address: `https://user:password@host`, `https://host/?api_key=…`.
pub(super) fn credential<'a>(found: &mut Found, text: &'a str) -> Option<Step<'a>> {
    let rest = after_http(text).filter(|rest| !rest.contains(is_blank))?;
    let pair = parts(rest).userinfo.and_then(|userinfo| userinfo.split_once(':'));
    let value = match pair {
        Some((username, password)) => {
            // Decoded before they are looked at: `jane%40acme.example` is an e-mail address.
            let (username, password) = (decode::percent(username)?, decode::percent(password)?);
            found.half(&username, &password).map(|half| Zeroizing::new(String::from(half)))
        }
        None => None,
    };
    let value = value.or_else(|| {
        query_value(text).filter(|_| found.kind == Kind::Key).and_then(decode::percent)
    })?;
    found.note(Removed::Address);
    Some(Step::Other(value))
}

/// The value of the one parameter in an address's query that names a secret: `?api_key=…`.
pub(super) fn query_value(address: &str) -> Option<&str> {
    let (_, query) = parts(after_http(address)?).tail.split_once('?')?;
    let query = query.split('#').next()?;
    query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let said = meaning(name);
        (said.secret && said.is_certain() && !value.is_empty()).then_some(value)
    })
}

/// Whether the field's value can be a part of an address that a request is sent to.
pub(super) fn is_possible(shape: &FieldShape<'_>, value: &str) -> bool {
    match shape.kind {
        Kind::Subdomain => {
            let suffix =
                shape.suffix.and_then(|suffix| suffix.split('/').next()).unwrap_or_default();
            are_labels(value) && value.len() + suffix.len() <= MAX_HOST
        }
        Kind::Hostname => is_host(value),
        Kind::Url => {
            let drawn = shape.prefix.is_some_and(|prefix| prefix.contains("://"));
            after_http(value).or(drawn.then_some(value)).is_some_and(can_be_called)
        }
        _ => true,
    }
}

/// Whether what follows `https://` names a host and holds nothing that a URL cannot.
fn can_be_called(rest: &str) -> bool {
    let parts = parts(rest);
    let allowed =
        |c: char| !is_blank(c) && !is_invisible(c) && !matches!(c, '"' | '<' | '>' | '\\');
    parts.userinfo.is_none() && is_host(parts.host) && parts.tail.chars().all(allowed)
}

/// Whether `text` is a host, perhaps with a port: a name, an IPv4 address, an IPv6 address in brackets.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    if !port.is_none_or(|port| {
        port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    }) {
        return false;
    }
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|inner| {
            inner.contains(':')
                && inner.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        });
    }
    if host.len() > MAX_HOST || !are_labels(host) {
        return false;
    }
    // A name that ends in a number is an IPv4 address or nothing (WHATWG URL, "ends in a number checker").
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    !host.rsplit('.').next().is_some_and(is_number)
        || (host.split('.').count() == 4
            && host.split('.').all(|label| is_number(label) && label.parse::<u8>().is_ok()))
}

/// Whether `text` is made of labels as they occur in host names in use, underscores and all. Letters outside
/// ASCII are an internationalised name's; whether they are the right ones is for the server to say.
fn are_labels(text: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_')
            || (!c.is_ascii() && !is_blank(c) && !is_invisible(c))
    };
    text.split('.')
        .all(|label| !label.is_empty() && label.len() <= MAX_LABEL && label.chars().all(allowed))
}
