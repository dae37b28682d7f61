//! What a user may type into a field that stands in the host of a base URL. See [`crate::base_url`] for
//! which place asks for what.
//!
//! The lock holds the host and not the shape: a value may have a port and a path where the template puts
//! nothing after it, but no character that could move the host (`@`, `\`, `#`, `?`, `%`, `//`).

use std::net::SocketAddr;

use keyslot_egress::Policy;
use url::{Host, Url};

use crate::base_url::{has_dot_segment, scheme};
use crate::field::{Field, Format};

/// What follows the host in a value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End<'a> {
    /// The port, unless it is that of HTTPS.
    pub(crate) port: Option<u16>,
    /// The path, with a slash before and none after it; or empty.
    pub(crate) path: &'a str,
}

/// Takes a part of a host that `domain` follows.
pub(crate) fn labels<'a>(
    value: &'a str,
    field: Option<&Field>,
    domain: &str,
) -> Result<&'a str, String> {
    choice(value, field)?;
    if is_label(value) {
        return Ok(value);
    }
    let dots_allowed = field.is_none_or(|field| {
        let lower = value.to_ascii_lowercase();
        !field.choices.is_empty()
            || field.format == Some(Format::Hostname)
            || match field.binding_pattern() {
                Some(pattern) => {
                    pattern.matches(value) == Some(true) || pattern.matches(&lower) == Some(true)
                }
                // A whole name was pasted where its beginning was asked for.
                None => lower != domain && !lower.ends_with(&format!(".{domain}")),
            }
    });
    if dots_allowed && value.len() <= 190 && value.split('.').all(is_label) {
        return Ok(value);
    }
    let suffix =
        field.and_then(|field| field.suffix.as_deref()).filter(|suffix| !suffix.is_empty());
    Err(match suffix {
        Some(suffix) => {
            format!("Enter only the part before {suffix}: letters, digits and hyphens.")
        }
        None => "Enter only that part of the address: letters, digits and hyphens.".to_owned(),
    })
}

/// Takes a host name.
pub(crate) fn name<'a>(value: &'a str, field: Option<&Field>) -> Result<&'a str, String> {
    choice(value, field)?;
    if is_name(value) { Ok(value) } else { Err(expected(Format::Hostname)) }
}

/// Takes a host name, and what else the value holds where nothing of the template's follows it. A scheme
/// may stand before the host where the value begins it (`first`) and the template does not say otherwise.
pub(crate) fn end<'a>(
    value: &'a str,
    field: Option<&Field>,
    first: bool,
) -> Result<(&'a str, End<'a>), String> {
    choice(value, field)?;
    let plain_host = field
        .is_some_and(|field| field.choices.is_empty() && field.format == Some(Format::Hostname));
    let problem = || match plain_host {
        true => expected(Format::Hostname),
        false => {
            "Enter an address like example.com, perhaps with a port and a path, without @, ?, \
                  #, % and \\."
                .to_owned()
        }
    };
    let rest = match value.split_once("://") {
        Some((scheme, rest)) if first && !plain_host && scheme.eq_ignore_ascii_case("https") => {
            rest
        }
        _ => value,
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(h, p)| (h, Some(p)));
    let port = match port {
        None => None,
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            match port.parse::<u16>() {
                Ok(number @ 1..) => Some(number),
                _ => return Err("Enter a port from 1 to 65535.".to_owned()),
            }
        }
        Some(_) => return Err(problem()),
    };
    let path = path.trim_end_matches('/');
    if !is_name(host) || (plain_host && rest.contains('/')) || !is_plain_path(path) {
        return Err(problem());
    }
    Ok((host, End { port: port.filter(|&port| port != 443), path }))
}

/// Takes a whole address. `https://` is put before one without a scheme, where the template's pattern
/// takes such a one or the template says nothing about its form.
///
/// Returns it without a slash at its end.
pub(crate) fn whole(value: &str, field: Option<&Field>, policy: &Policy) -> Result<String, String> {
    choice(value, field)?;
    let optional = field.is_some_and(|field| match field.binding_pattern() {
        Some(pattern) => pattern.matches(value) == Some(true),
        None => field.format != Some(Format::Uri),
    });
    if optional && !value.contains("://") {
        return address(&format!("https://{value}"), policy);
    }
    address(value, policy)
}

/// Judges a base URL that replaces the template's: from a form, an integration or a caller.
///
/// Returns it without a slash at its end.
pub(crate) fn address(value: &str, policy: &Policy) -> Result<String, String> {
    let expected = || expected(Format::Uri);
    let (cleartext, rest) = match value.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (false, rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (true, rest),
        _ => return Err(expected()),
    };
    if cleartext && policy.is_public_only() {
        return Err("Enter an address that begins with https://.".to_owned());
    }
    if rest.contains(['@', '?', '#', '\\']) {
        return Err("Enter the address without a user name, without ? and without #.".to_owned());
    }
    if rest.starts_with('/') || rest.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(expected());
    }
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if has_dot_segment(path) {
        return Err(expected());
    }
    let url = Url::parse(value).map_err(|_| expected())?;
    if !url.username().is_empty() || url.password().is_some() || url.port() == Some(0) {
        return Err(expected());
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(expected)?;
    if let Some(Host::Ipv4(address)) = url.host() {
        // `0x7f.1` is an address to a URL parser and a riddle to a person.
        let written = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        if written != address.to_string() {
            return Err(expected());
        }
    }
    reachable(&url, policy)?;
    let mut text = format!("{}{host}", scheme(cleartext));
    if let Some(port) = url.port() {
        text = format!("{text}:{port}");
    }
    text.push_str(url.path().trim_end_matches('/'));
    Ok(text)
}

/// Judges the host of a URL that a user decided: a name with a domain, or an address that may be
/// reached. What a name resolves to is judged when it is connected to.
pub(crate) fn reachable(url: &Url, policy: &Policy) -> Result<(), String> {
    let refuse = || {
        Err("This address is not on the public internet. Enter the address that you use from \
             anywhere."
            .to_owned())
    };
    match url.host() {
        Some(Host::Domain(name)) => {
            let local = !name.trim_end_matches('.').contains('.')
                || name.trim_end_matches('.').ends_with(".localhost");
            if local && policy.is_public_only() { refuse() } else { Ok(()) }
        }
        Some(Host::Ipv4(address)) => {
            let socket =
                SocketAddr::new(address.into(), url.port_or_known_default().unwrap_or(443));
            if policy.check(socket).is_ok() { Ok(()) } else { refuse() }
        }
        Some(Host::Ipv6(address)) => {
            let socket =
                SocketAddr::new(address.into(), url.port_or_known_default().unwrap_or(443));
            if policy.check(socket).is_ok() { Ok(()) } else { refuse() }
        }
        None => Err(expected(Format::Uri)),
    }
}

/// A template that lists the hosts it knows means those and no others.
fn choice(value: &str, field: Option<&Field>) -> Result<(), String> {
    match field.map(|field| &field.choices) {
        Some(choices) if !choices.is_empty() && !choices.iter().any(|choice| choice == value) => {
            Err(format!("Use one of: {}.", choices.join(", ")))
        }
        _ => Ok(()),
    }
}

fn expected(format: Format) -> String {
    format!("Enter {}.", format.expected())
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn is_name(value: &str) -> bool {
    value.len() <= 253 && value.split('.').all(is_label)
}

/// Whether a path is made of what needs no encoding (RFC 3986 §2.3, and `,` `:` `;` `=` `+` `$` `!` `~`),
/// without an empty segment, `.` or `..`.
fn is_plain_path(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"/-._~,:;=+$!".contains(&b);
    path.bytes().all(allowed) && !path.contains("//") && !has_dot_segment(path)
}
