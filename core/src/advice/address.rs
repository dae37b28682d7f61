//! Addresses: what of one belongs into a field, what hides in one, and whether one can be called at all.

use super::characters::{is_blank, is_invisible};
use super::found::{Found, Removed};
use super::vocabulary::meaning;
use super::{FieldShape, Kind, decode};
use crate::text::{BLANK, DIGIT, HEX, LETTER, Part, Set, Text, WORD, set};

/// The longest host name (RFC 1035 §2.3.4, as text).
const MAX_HOST: usize = 253;
/// The longest label of one (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// How long `http://` or `https://` is at the start; 0 when it does not begin so.
#[inline(never)]
fn http(text: &Text<'_>, part: Part) -> usize {
    text.starts(part, "https://|http://")
}

/// The authority at the start of an address without its scheme.
#[inline(never)]
fn authority(text: &Text<'_>, rest: Part) -> Part {
    text.until(rest, set!("/?#\\"))
}

/// The host, and perhaps the port, of an authority: what follows the last `@` (RFC 3986 §3.2.1).
#[inline(never)]
fn host_of(text: &Text<'_>, authority: Part) -> Part {
    let mut host = authority;
    loop {
        let user = text.until(host, set!("@"));
        if user.len() == host.len() {
            return host;
        }
        host = host.after(user).skip(1);
    }
}

/// `user:password` of an authority whose host is `host`; nothing when it has no password.
fn pair_of(text: &Text<'_>, authority: Part, host: Part) -> Part {
    let pair = authority.before(host).cut(1);
    if text.any(pair, set!(":")) { pair } else { Part::NONE }
}

/// One step of repairing an address field, or a free text that has something drawn before or after it.
pub(super) fn step(found: &mut Found, shape: &FieldShape<'_>, text: &Text<'_>) -> bool {
    let part = found.part;
    let mut less = without_affixes(shape, text, part);
    if shape.kind == Kind::Url {
        let scheme = http(text, less);
        let rest = less.skip(scheme);
        let authority = authority(text, rest);
        let host = host_of(text, authority);
        if scheme > 0 && host.len() < authority.len() {
            // `https://user:password@host`: both are offered to their own fields.
            let pair = pair_of(text, authority, host);
            if !pair.is_empty() {
                let user = text.until(pair, set!(":"));
                found.half(text, user, pair.after(user).skip(1));
            }
            let scheme = text.str(less.before(rest));
            return found.replace(Removed::Address, scheme, text.str(less.at(host)));
        }
        if draws_scheme(shape) {
            less = rest;
        }
        less = less.skip(text.starts(less, "//"));
    } else if shape.kind != Kind::Plain {
        less = host_in(shape, text, less, part.len());
    }
    found.take(Removed::Address, less)
}

/// The text without what is drawn before and after the field. Only what is visibly a boundary goes: a prefix
/// `https://` does, a prefix `a` would bite into `acme`.
fn without_affixes(shape: &FieldShape<'_>, text: &Text<'_>, part: Part) -> Part {
    let (prefix, suffix) = (shape.prefix, shape.suffix);
    let mut less = part;
    let drawn = text.starts(less, prefix);
    if drawn < less.len() && !Text(prefix).closes(Text(prefix).all(), LETTER | DIGIT) {
        less = less.skip(drawn);
    }
    if !Text(suffix).opens(Text(suffix).all(), LETTER | DIGIT) {
        less = without_suffix(text, less, suffix);
    }
    less
}

#[inline(never)]
fn without_suffix(text: &Text<'_>, part: Part, suffix: &str) -> Part {
    let drawn = text.ends(part, suffix);
    if drawn < part.len() { part.cut(drawn) } else { part }
}

/// The part of the suffix that belongs to the host: `.acme.com` of `.acme.com/api`.
#[inline(never)]
fn host_suffix<'a>(shape: &FieldShape<'a>) -> &'a str {
    let suffix = Text(shape.suffix);
    suffix.str(authority(&suffix, suffix.all()))
}

/// The host name of an address, or the part of it that the field asks for. `pasted` is how much was pasted.
fn host_in(shape: &FieldShape<'_>, text: &Text<'_>, part: Part, pasted: usize) -> Part {
    // `https://`, `HTTP:/`, `ftp://`, `//`
    let scheme = text.run(part, LETTER);
    let mut rest = part;
    if text.starts(part.after(scheme), ":/") > 0 {
        rest = part.after(scheme).skip(1);
    }
    rest = rest.after(text.run(rest, set!("/\\")));
    let mut host = host_of(text, authority(text, rest));
    if shape.kind == Kind::Hostname {
        host = without_suffix(text, without_suffix(text, host, ":443"), ":");
    } else {
        let name = text.until(host, set!(":"));
        if text.all_of(host.after(name).skip(1), DIGIT) {
            host = name;
        }
    }
    let suffix = host_suffix(shape);
    host = without_suffix(text, without_suffix(text, host, "."), suffix);
    if shape.kind == Kind::Subdomain && suffix.is_empty() && host.len() < pasted {
        host = text.until(host, set!("."));
    }
    host
}

/// Whether the field draws `https://` or the like itself.
fn draws_scheme(shape: &FieldShape<'_>) -> bool {
    let prefix = Text(shape.prefix);
    prefix.any(prefix.all(), set!(":"))
}

/// Whether a URL field that does not draw a scheme got a host without one.
pub(super) fn lacks_scheme(shape: &FieldShape<'_>, text: &Text<'_>) -> bool {
    shape.kind == Kind::Url
        && !draws_scheme(shape)
        && text.any(text.all(), set!(".:"))
        && can_be_called(text, text.all())
}

/// Goes on with a credential in an address, if there is one: `https://user:password@host`, `…/?api_key=…`.
pub(super) fn credential(found: &mut Found, text: &Text<'_>) -> bool {
    let part = found.part;
    let scheme = http(text, part);
    if scheme == 0 || text.any(part, BLANK) {
        return false;
    }
    let authority = authority(text, part.skip(scheme));
    let pair = pair_of(text, authority, host_of(text, authority));
    let hidden = if pair.is_empty() { query_value(text, part) } else { pair };
    // Decoded before it is looked at: `jane%40acme.example` is an e-mail address.
    let decoded = decode::percent(text.str(hidden));
    let decoded = Text(&decoded);
    let mut half = decoded.all();
    if !pair.is_empty() {
        let user = decoded.until(half, set!(":"));
        half = found.half(&decoded, user, half.after(user).skip(1));
    } else if found.kind != Kind::Key {
        return false;
    }
    !half.is_empty() && found.replace(Removed::Address, "", decoded.str(half))
}

/// The value of the first parameter in an address's query that names a secret: `?api_key=…`; else nothing.
#[inline(never)]
pub(super) fn query_value(text: &Text<'_>, part: Part) -> Part {
    let mut rest = part.after(text.until(part, set!("?")));
    while !rest.is_empty() && http(text, part) > 0 {
        // From the `?` or `&` on.
        rest = rest.skip(1);
        let parameter = text.until(rest, set!("&#"));
        let name = text.until(parameter, set!("="));
        let value = parameter.after(name).skip(1);
        let said = meaning(text, name);
        if said.secret() && said.only_known_words() && !value.is_empty() {
            return value;
        }
        rest = rest.after(parameter);
    }
    Part::NONE
}

/// Whether the field's value can be a part of an address that a request is sent to.
pub(super) fn is_possible(shape: &FieldShape<'_>, value: &str) -> bool {
    let text = &Text(value);
    let all = text.all();
    match shape.kind {
        Kind::Subdomain => {
            are_labels(text, all) && all.len() + host_suffix(shape).len() <= MAX_HOST
        }
        Kind::Hostname => is_host(text, all),
        Kind::Url => {
            let scheme = http(text, all);
            (scheme > 0 || draws_scheme(shape)) && can_be_called(text, all.skip(scheme))
        }
        _ => true,
    }
}

/// Whether what follows `https://` names a host and holds nothing that a URL cannot.
fn can_be_called(text: &Text<'_>, rest: Part) -> bool {
    is_host(text, authority(text, rest))
        && !text.holds(rest, "\"|<|>|\\")
        && is_visible(text.str(rest))
}

/// Whether `part` is a host, perhaps with a port: a name, an IPv4 address, an IPv6 address in brackets. Whether
/// the numbers of an address are right is for the server to say.
fn is_host(text: &Text<'_>, part: Part) -> bool {
    let bracketed = text.first(part) == b'[';
    let host = text.until(part, if bracketed { set!("]") } else { set!(":") });
    let mut port = part.after(host);
    let right = if bracketed {
        let closed = !port.is_empty();
        port = port.skip(1);
        closed && host.len() > 2 && text.all_of(host, DIGIT | HEX | set!("[:."))
    } else {
        host.len() <= MAX_HOST && are_labels(text, host)
    };
    let number = port.skip(1);
    right
        && (port.is_empty()
            || (text.first(port) == b':'
                && (1..=5).contains(&number.len())
                && text.all_of(number, DIGIT)))
}

/// What a label may be made of, and what parts two. Letters outside ASCII are an internationalised name's;
/// whether they are the right ones is for the server to say.
const LABELS: Set = WORD | set!("-_.");

/// Whether `part` is made of labels as they occur in host names in use, underscores and all.
#[inline(never)]
fn are_labels(text: &Text<'_>, part: Part) -> bool {
    let mut rest = part;
    loop {
        let label = text.until(rest, set!("."));
        if label.is_empty() || label.len() > MAX_LABEL {
            return false;
        }
        if label.len() == rest.len() {
            return text.all_of(part, LABELS) && is_visible(text.str(part));
        }
        rest = rest.after(label).skip(1);
    }
}

/// Whether all characters take place on the screen.
#[inline(never)]
fn is_visible(text: &str) -> bool {
    text.chars().all(|c| !is_blank(c) && !is_invisible(c))
}
