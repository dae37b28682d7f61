//! The origin of a site as settings name it and a Content-Security-Policy can hold it.

use std::fmt;

use url::{Host, Url};

/// Scheme (http or https), host and port. The host is made of `a-z`, `0-9`, `.` and `-` only: a URL may hold
/// `;` or `,` in its host (<https://url.spec.whatwg.org/#forbidden-host-code-points>), where a policy has its
/// separators. IPv6 addresses are left out, because a policy cannot name them
/// (<https://www.w3.org/TR/CSP3/#grammardef-host-part>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The origin that a text consists of; `None` when it is none or says more.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        let bare = matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        Self::of(&url).filter(|_| bare)
    }

    /// What is said of a text that is none.
    pub fn objection(text: &str) -> String {
        format!(
            "\"{text}\" is not an origin. Use scheme, host and optional port, e.g. https://app.example.com."
        )
    }

    /// The origin of an address; `None` when a policy could not name it.
    pub fn of(url: &Url) -> Option<Self> {
        let host = match url.host()? {
            Host::Domain(name) if is_plain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Domain(_) | Host::Ipv6(_) => return None,
        };
        if !matches!(url.scheme(), "https" | "http") {
            return None;
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Some(Self(format!("{}://{host}{port}", url.scheme())))
    }
}

fn is_plain(host: &str) -> bool {
    !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_only() {
        for (text, expected) in [
            ("https://app.example.com", Some("https://app.example.com")),
            (" HTTPS://App.Example.com:443/ ", Some("https://app.example.com")),
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("https://b\u{fc}cher.example", Some("https://xn--bcher-kva.example")),
            ("http://10.0.0.1:8080", Some("http://10.0.0.1:8080")),
            ("https://app.example.com/path", None),
            ("https://user@app.example.com", None),
            ("https://app.example.com?x", None),
            ("javascript:alert(1)", None),
            ("app.example.com", None),
            ("*", None),
            ("https://*.example.com", None),
            ("https://a.example; script-src *", None),
            ("https://a;sandbox", None),
            ("https://a,b", None),
            ("https://a'b", None),
            ("https://a_b.example", None),
            ("http://[::1]:8080", None),
        ] {
            let origin = Origin::parse(text).map(|origin| origin.to_string());
            assert_eq!(origin.as_deref(), expected, "{text}");
        }
    }
}
