//! Addresses: what of one belongs into a field, what hides in one, and whether one can be called at all.

use super::characters::{is_blank, is_invisible};
use super::repair::{Found, Removed};
use super::text::{
    all, any, blank, digit, ends, first, has, head, index, last, position, starts, tail,
};
use super::vocabulary::meaning;
use super::{FieldShape, Kind, decode};

/// The longest host name (RFC 1035 §2.3.4, as text).
const MAX_HOST: usize = 253;
/// The longest label of one (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// How long `http://` or `https://` is at the start of `text`; 0 when it does not begin so.
#[inline(never)]
fn http(text: &str) -> usize {
    if starts(text, "https://") {
        8
    } else if starts(text, "http://") {
        7
    } else {
        0
    }
}

/// How much of `rest`, an address without its scheme, is the authority.
#[inline(never)]
fn authority(rest: &str) -> &str {
    head(rest, position(rest, |b| matches!(b, b'/' | b'?' | b'#' | b'\\')))
}

/// How much of an authority is user information, with the `@` (RFC 3986 §3.2.1).
#[inline(never)]
fn userinfo(authority: &str) -> usize {
    authority.bytes().rev().position(|b| b == b'@').map_or(0, |from_end| authority.len() - from_end)
}

/// One step of repairing an address field, or a free text that has something drawn before or after it.
pub(super) fn step<'a>(found: &mut Found, shape: &FieldShape<'_>, text: &'a str) -> &'a str {
    let mut less = without_affixes(shape, text);
    if shape.kind == Kind::Url {
        let scheme = http(less);
        let authority = authority(tail(less, scheme));
        let user = userinfo(authority);
        if scheme > 0 && user > 0 {
            // `https://user:password@host`: both are offered to their own fields.
            let at = index(authority, b':');
            if at < user {
                found.half(head(authority, at), tail(head(authority, user - 1), at + 1));
            }
            found.replace(Removed::Address, head(less, scheme), tail(less, scheme + user));
            return text;
        }
        if scheme > 0 && draws_scheme(shape) {
            less = tail(less, scheme);
        }
        if starts(less, "//") {
            less = tail(less, 2);
        }
    } else if shape.kind != Kind::Plain {
        less = host(shape, less, text.len());
    }
    if less.is_empty() || less.len() == text.len() {
        text
    } else {
        found.less(Removed::Address, less)
    }
}

/// The text without what is drawn before and after the field. Only what is visibly a boundary goes: a prefix
/// `https://` does, a prefix `a` would bite into `acme`.
fn without_affixes<'a>(shape: &FieldShape<'_>, text: &'a str) -> &'a str {
    let (prefix, suffix) = (shape.prefix.unwrap_or_default(), shape.suffix.unwrap_or_default());
    let mut less = text;
    if !last(prefix).is_ascii_alphanumeric() && starts(less, prefix) && less.len() > prefix.len() {
        less = tail(less, prefix.len());
    }
    if !first(suffix).is_ascii_alphanumeric() {
        less = without_suffix(less, suffix);
    }
    less
}

fn without_suffix<'a>(text: &'a str, suffix: &str) -> &'a str {
    if ends(text, suffix) && text.len() > suffix.len() {
        head(text, text.len() - suffix.len())
    } else {
        text
    }
}

/// The part of the suffix that belongs to the host: `.acme.com` of `.acme.com/api`.
fn host_suffix<'a>(shape: &FieldShape<'a>) -> &'a str {
    authority(shape.suffix.unwrap_or_default())
}

/// The host name of an address, or the part of it that the field asks for. `pasted` is how much was pasted.
fn host<'a>(shape: &FieldShape<'_>, text: &'a str, pasted: usize) -> &'a str {
    // `https://`, `HTTP:/`, `ftp://`, `//`
    let colon = index(text, b':');
    let scheme =
        starts(tail(text, colon), ":/") && all(head(text, colon), |b| b.is_ascii_alphabetic());
    let rest = tail(text, if scheme { colon + 1 } else { 0 });
    let rest = tail(rest, position(rest, |b| !matches!(b, b'/' | b'\\')));
    let authority = authority(rest);
    let mut host = tail(authority, userinfo(authority));
    let port = index(host, b':');
    if shape.kind == Kind::Hostname {
        host = without_suffix(without_suffix(host, ":443"), ":");
    } else if all(tail(host, port + 1), digit) {
        host = head(host, port);
    }
    host = without_suffix(without_suffix(host, "."), host_suffix(shape));
    if shape.kind == Kind::Subdomain && host_suffix(shape).is_empty() && host.len() < pasted {
        host = head(host, index(host, b'.'));
    }
    host
}

/// Whether the field draws `https://` or the like itself.
fn draws_scheme(shape: &FieldShape<'_>) -> bool {
    has(shape.prefix.unwrap_or_default(), b':')
}

/// Whether a URL field that does not draw a scheme got a host without one.
pub(super) fn lacks_scheme(shape: &FieldShape<'_>, text: &str) -> bool {
    shape.kind == Kind::Url
        && !draws_scheme(shape)
        && any(text, |b| matches!(b, b'.' | b':'))
        && can_be_called(text)
}

/// Goes on with a credential in an address, if there is one: `https://user:password@host`, `…/?api_key=…`.
pub(super) fn credential(found: &mut Found, text: &str) -> bool {
    let scheme = http(text);
    if scheme == 0 || any(text, blank) {
        return false;
    }
    let authority = authority(tail(text, scheme));
    let user = userinfo(authority);
    let at = index(authority, b':');
    let value = query_value(text);
    let (one, two) = if at < user {
        (head(authority, at), tail(head(authority, user - 1), at + 1))
    } else {
        ("", value)
    };
    // Decoded before they are looked at: `jane%40acme.example` is an e-mail address.
    let (Some(one), Some(two)) = (decode::percent(one), decode::percent(two)) else { return false };
    let half = if at < user {
        found.half(&one, &two)
    } else if found.kind == Kind::Key {
        &two
    } else {
        ""
    };
    if !half.is_empty() {
        found.replace(Removed::Address, "", half);
    }
    !half.is_empty()
}

/// The value of the first parameter in an address's query that names a secret: `?api_key=…`; else empty.
#[inline(never)]
pub(super) fn query_value(text: &str) -> &str {
    if http(text) == 0 {
        return "";
    }
    let mut rest = tail(text, index(text, b'?'));
    while !rest.is_empty() {
        // From the `?` or `&` on.
        rest = tail(rest, 1);
        let parameter = head(rest, position(rest, |b| matches!(b, b'&' | b'#')));
        let name = index(parameter, b'=');
        let said = meaning(head(parameter, name));
        if said.secret && said.only_known_words && name + 1 < parameter.len() {
            return tail(parameter, name + 1);
        }
        rest = tail(rest, parameter.len());
    }
    ""
}

/// Whether the field's value can be a part of an address that a request is sent to.
pub(super) fn is_possible(shape: &FieldShape<'_>, value: &str) -> bool {
    match shape.kind {
        Kind::Subdomain => are_labels(value) && value.len() + host_suffix(shape).len() <= MAX_HOST,
        Kind::Hostname => is_host(value),
        Kind::Url => {
            (http(value) > 0 || draws_scheme(shape)) && can_be_called(tail(value, http(value)))
        }
        _ => true,
    }
}

/// Whether what follows `https://` names a host and holds nothing that a URL cannot.
fn can_be_called(rest: &str) -> bool {
    let allowed =
        |c: char| !is_blank(c) && !is_invisible(c) && !matches!(c, '"' | '<' | '>' | '\\');
    is_host(authority(rest)) && rest.chars().all(allowed)
}

/// Whether `text` is a host, perhaps with a port: a name, an IPv4 address, an IPv6 address in brackets. Whether
/// the numbers of an address are right is for the server to say.
fn is_host(text: &str) -> bool {
    let end = if first(text) == b'[' { index(text, b']') + 1 } else { index(text, b':') };
    let (host, port) = (head(text, end), tail(text, end));
    let bracketed = all(host, |b| b.is_ascii_hexdigit() || matches!(b, b'[' | b':' | b'.' | b']'));
    let host_is_right = if first(text) == b'[' {
        host.len() > 3 && bracketed
    } else {
        host.len() <= MAX_HOST && are_labels(host)
    };
    host_is_right
        && (port.is_empty()
            || (first(port) == b':' && (2..=6).contains(&port.len()) && all(tail(port, 1), digit)))
}

/// Whether `text` is made of labels as they occur in host names in use, underscores and all. Letters outside
/// ASCII are an internationalised name's; whether they are the right ones is for the server to say.
#[inline(never)]
fn are_labels(text: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_' | '.')
            || (!c.is_ascii() && !is_blank(c) && !is_invisible(c))
    };
    let mut rest = text;
    loop {
        let label = index(rest, b'.');
        if label == 0 || label > MAX_LABEL {
            return false;
        }
        if label == rest.len() {
            return text.chars().all(allowed);
        }
        rest = tail(rest, label + 1);
    }
}
