//! Base URLs of templates, and the host lock.
//!
//! A base URL may hold what a user typed: `https://${connectionConfig.subdomain}.example.com`.
//! Inserted raw, `evil.test/` or `x@evil.test#` would send the credential to somebody else. So a
//! base URL is taken apart when the template is loaded, and each placeholder may only fill the
//! part that it stands in:
//!
//! | Where it stands | What it may be |
//! |---|---|
//! | inside a host, with a domain after it | DNS labels; one only where the field has a pattern that says so |
//! | at the end of a host, or the whole host | a host name; with nothing of the template's after it, perhaps a port, and a path unless the format is `hostname` |
//! | the whole URL | `https://`, a host name, perhaps a port and a path; nothing else |
//! | in the path | anything, percent-encoded; never a `.` or `..` segment |
//!
//! What a value in a host may be is in `host_value`. A field's choices, pattern and format narrow it
//! further (`params`). The filled URL is then parsed again (WHATWG) and must have exactly the host that was put
//! together here. Whether that host's *address* may be reached is decided by `keyslot-egress`.
//!
//! Sources: RFC 3986 §3.2 and §3.3, RFC 1123 §2.1, <https://url.spec.whatwg.org/#host-parsing>.

use keyslot_egress::{Cleartext, Policy};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

use crate::credential::ConnectionConfig;
use crate::field::Field;
use crate::host_value::{self, End};
use crate::text::{Expr, Missing, Piece, Text, TextError, Values, config_value};

/// What may not stand in a path segment (RFC 3986 §3.3), `%` included: a value is never already
/// encoded.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What may not stand in a value of a query.
const QUERY: &AsciiSet = &SEGMENT.add(b'&').add(b'+').add(b'=').add(b'\'').add(b';');

/// A base URL of a template.
#[derive(Debug, Clone)]
pub struct BaseUrl {
    alternatives: Vec<Alternative>,
}

#[derive(Debug, Clone)]
struct Alternative {
    authority: Authority,
    path: Vec<Piece>,
}

#[derive(Debug, Clone)]
enum Authority {
    /// One field holds scheme, host and port.
    Whole(Expr),
    /// `cleartext` is set where the scheme is `http`, and says how far that may go.
    Parts { cleartext: Option<Cleartext>, host: Vec<Piece>, port: Vec<Piece> },
}

/// A base URL, filled.
#[derive(Debug, Clone)]
pub struct Base {
    /// Without a slash at its end.
    pub(crate) text: String,
    pub(crate) cleartext: Cleartext,
    /// Whether what a user typed decides the host.
    pub(crate) host_from_config: bool,
}

/// Why a base URL of a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BaseUrlError {
    #[error(transparent)]
    Text(#[from] TextError),
    #[error(
        "it must begin with https://, http:// or one ${{connectionConfig.…}} that holds the whole address"
    )]
    Scheme,
    #[error("its host is empty")]
    NoHost,
    #[error("only ${{connectionConfig.…}} may be part of the host")]
    HostPlaceholder,
    #[error("a user name, a query or a fragment may not be part of it")]
    Extra,
    #[error("it is not a URL")]
    NotAUrl,
}

/// Why a base URL cannot be filled with these values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A field that the address needs has no value.
    #[error("{0} is missing")]
    Missing(String),
    /// A field's value cannot be that part of an address.
    #[error("{field}: {problem}")]
    Field {
        /// The field.
        field: String,
        /// What was expected; a sentence for the person who typed it.
        problem: String,
    },
    /// The filled text is not the URL that it should be.
    #[error("the address that results is not the one that the template declares")]
    Escaped,
}

impl BaseUrl {
    /// Takes a base URL of a template apart. `http` says how far plain HTTP may go where the text
    /// asks for it: templates are the operator's word, what comes over the API is not.
    pub(crate) fn parse(source: &str, http: Cleartext) -> Result<Self, BaseUrlError> {
        let text = Text::parse(source)?;
        let alternatives = text
            .alternatives()
            .iter()
            .map(|pieces| Alternative::parse(pieces, http))
            .collect::<Result<_, _>>()?;
        Ok(Self { alternatives })
    }

    /// The fields whose values decide the host, in the template's order.
    #[must_use]
    pub fn host_fields(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for alternative in &self.alternatives {
            match &alternative.authority {
                Authority::Whole(expr) => expr.config_names(&mut names),
                Authority::Parts { host, port, .. } => {
                    for piece in host.iter().chain(port) {
                        if let Piece::Value(expr) = piece {
                            expr.config_names(&mut names);
                        }
                    }
                }
            }
        }
        let mut seen = Vec::new();
        names.retain(|name| {
            !seen.contains(name) && {
                seen.push(*name);
                true
            }
        });
        names
    }

    /// All fields that the base URL names.
    pub(crate) fn config_names(&self) -> Vec<&str> {
        let mut names = self.host_fields();
        for piece in self.alternatives.iter().flat_map(|alternative| &alternative.path) {
            if let Piece::Value(expr) = piece {
                expr.config_names(&mut names);
            }
        }
        names
    }

    /// Says whether a path placeholder holds the credential.
    pub(crate) fn mentions_credential(&self) -> bool {
        self.alternatives
            .iter()
            .flat_map(|alternative| &alternative.path)
            .any(|piece| matches!(piece, Piece::Value(expr) if expr.mentions_credential()))
    }

    /// Says whether every alternative is plain text.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.config_names().is_empty() && !self.mentions_credential()
    }

    /// Fills the base URL: the first alternative that has all its values.
    pub(crate) fn fill(&self, values: &Values<'_>, policy: &Policy) -> Result<Base, AddressError> {
        let mut result = Err(AddressError::Escaped);
        for alternative in &self.alternatives {
            result = alternative.fill(values, policy);
            if !matches!(result, Err(AddressError::Missing(_))) {
                break;
            }
        }
        result
    }

    /// The first field without which the base URL cannot be filled, if there is one.
    pub(crate) fn missing(&self, config: &ConnectionConfig, fields: &[Field]) -> Option<String> {
        let mut missing = None;
        for alternative in &self.alternatives {
            let mut names = alternative.host_names();
            for piece in &alternative.path {
                if let Piece::Value(expr @ Expr::Config(_)) = piece {
                    expr.config_names(&mut names);
                }
            }
            // Choices with a literal at their end always have a value.
            let optional = alternative.has_choices();
            missing = names
                .into_iter()
                .find(|name| !optional && config_value(config, fields, name).is_none())
                .map(str::to_owned);
            if missing.is_none() {
                break;
            }
        }
        missing
    }

    /// Judges the values that decide the host, and gives every problem that there is with them.
    pub(crate) fn problems(
        &self,
        config: &ConnectionConfig,
        fields: &[Field],
        policy: &Policy,
    ) -> Vec<(String, String)> {
        // The alternative that will be used is the first one whose fields are all there.
        let has = |alternative: &Alternative| {
            alternative.host_names().iter().all(|name| config_value(config, fields, name).is_some())
        };
        let Some(alternative) = self.alternatives.iter().find(|a| has(a)) else {
            return Vec::new();
        };
        match alternative.host(config, fields, policy) {
            Err(AddressError::Field { field, problem }) => vec![(field, problem)],
            Err(AddressError::Escaped) => alternative
                .host_names()
                .into_iter()
                .map(|name| (name.to_owned(), "This does not make a valid address.".to_owned()))
                .collect(),
            Err(AddressError::Missing(_)) | Ok(_) => Vec::new(),
        }
    }
}

/// Scheme, host and port, put together and parsed again.
struct Origin {
    /// `https://host:port`, and for a whole address its path; no slash at the end.
    text: String,
    cleartext: Cleartext,
}

impl Alternative {
    fn parse(pieces: &[Piece], http: Cleartext) -> Result<Self, BaseUrlError> {
        let mut pieces = pieces.to_vec();
        let (authority, path) = match pieces.first_mut() {
            Some(Piece::Literal(text)) => {
                let (cleartext, rest) = if let Some(rest) = text.strip_prefix("https://") {
                    (None, rest.to_owned())
                } else if let Some(rest) = text.strip_prefix("http://") {
                    (Some(http), rest.to_owned())
                } else {
                    return Err(BaseUrlError::Scheme);
                };
                *text = rest;
                let (authority, path) = split(pieces, '/');
                let (host, port) = split(authority, ':');
                // `split` leaves the separator with the second half.
                let port = without_first(port, ':');
                (Authority::Parts { cleartext, host, port }, path)
            }
            Some(Piece::Value(expr @ (Expr::Config(_) | Expr::FirstOf(_)))) => {
                let expr = expr.clone();
                let path = pieces.split_off(1);
                (Authority::Whole(expr), path)
            }
            _ => return Err(BaseUrlError::Scheme),
        };
        let path = without_last_slash(path);
        let alternative = Self { authority, path };
        alternative.check()?;
        Ok(alternative)
    }

    fn check(&self) -> Result<(), BaseUrlError> {
        match (&self.authority, self.path.first()) {
            (Authority::Whole(_), None) => {}
            (_, Some(Piece::Literal(text))) if text.starts_with('/') => {}
            (Authority::Parts { .. }, None) => {}
            _ => return Err(BaseUrlError::Scheme),
        }
        let literal = |pieces: &[Piece], forbidden: &[char]| {
            pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Literal(text) if text.contains(forbidden)))
        };
        if literal(&self.path, &['?', '#', '\\']) {
            return Err(BaseUrlError::Extra);
        }
        let Authority::Parts { cleartext, host, port } = &self.authority else {
            return Ok(());
        };
        if literal(host, &['@', '?', '#', '\\']) || literal(port, &['@', '?', '#', '\\', ':']) {
            return Err(BaseUrlError::Extra);
        }
        if host.is_empty() {
            return Err(BaseUrlError::NoHost);
        }
        for piece in host.iter().chain(port) {
            if let Piece::Value(expr) = piece
                && !is_config(expr)
            {
                return Err(BaseUrlError::HostPlaceholder);
            }
        }
        // With harmless values in its places, the template must already be a URL.
        let sample = |pieces: &[Piece], value: &str| -> String {
            pieces
                .iter()
                .map(|piece| if let Piece::Literal(text) = piece { text } else { value })
                .collect()
        };
        let mut probe = format!("{}{}", scheme(cleartext.is_some()), sample(host, "a"));
        if !port.is_empty() {
            probe = format!("{probe}:{}", sample(port, "1"));
        }
        let url = Url::parse(&probe).map_err(|_| BaseUrlError::NotAUrl)?;
        if url.host_str().is_none() || !url.username().is_empty() {
            return Err(BaseUrlError::NotAUrl);
        }
        Ok(())
    }

    fn has_choices(&self) -> bool {
        match &self.authority {
            Authority::Whole(expr) => matches!(expr, Expr::FirstOf(_)),
            Authority::Parts { host, port, .. } => {
                host.iter().chain(port).any(|piece| matches!(piece, Piece::Value(Expr::FirstOf(_))))
            }
        }
    }

    fn host_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        match &self.authority {
            Authority::Whole(expr) => expr.config_names(&mut names),
            Authority::Parts { host, port, .. } => {
                for piece in host.iter().chain(port) {
                    if let Piece::Value(expr) = piece {
                        expr.config_names(&mut names);
                    }
                }
            }
        }
        names
    }

    fn fill(&self, values: &Values<'_>, policy: &Policy) -> Result<Base, AddressError> {
        let origin = self.host(values.config, values.fields, policy)?;
        let mut text = origin.text;
        text.push_str(&fill_path(&self.path, values)?);
        Ok(Base {
            text,
            cleartext: origin.cleartext,
            host_from_config: !self.host_names().is_empty(),
        })
    }

    fn host(
        &self,
        config: &ConnectionConfig,
        fields: &[Field],
        policy: &Policy,
    ) -> Result<Origin, AddressError> {
        match &self.authority {
            Authority::Whole(expr) => {
                let (name, value) = config_choice(expr, config, fields)?;
                let field = fields.iter().find(|field| field.name == name);
                // Even where ranges are opened, plain HTTP goes no further than those.
                host_value::whole(value, field, policy)
                    .map(|text| Origin { text, cleartext: Cleartext::OpenedOnly })
                    .map_err(|problem| of_field(name, problem))
            }
            Authority::Parts { cleartext, host, port } => {
                let mut expected = String::new();
                let mut end = End::default();
                for (index, piece) in host.iter().enumerate() {
                    match piece {
                        Piece::Literal(text) => expected.push_str(text),
                        Piece::Value(expr) => {
                            let (name, value) = config_choice(expr, config, fields)?;
                            let field = fields.iter().find(|field| field.name == name);
                            let after = host.get(index + 1..).unwrap_or_default();
                            let part = match own_domain(after) {
                                Some(domain) => host_value::labels(value, field, domain),
                                None if after.is_empty() && port.is_empty() => {
                                    host_value::end(value, field, index == 0).map(|found| {
                                        end = found.1;
                                        found.0
                                    })
                                }
                                None => host_value::name(value, field),
                            };
                            expected.push_str(part.map_err(|problem| of_field(name, problem))?);
                        }
                    }
                }
                expected.make_ascii_lowercase();
                let mut text = format!("{}{expected}", scheme(cleartext.is_some()));
                if let Some(port) = end.port {
                    text = format!("{text}:{port}");
                }
                if !port.is_empty() {
                    text.push(':');
                }
                for piece in port {
                    match piece {
                        Piece::Literal(digits) => text.push_str(digits),
                        Piece::Value(expr) => {
                            let (name, value) = config_choice(expr, config, fields)?;
                            if !matches!(value.parse::<u16>(), Ok(1..)) {
                                let problem = "Enter a port, a number from 1 to 65535.";
                                return Err(of_field(name, problem.to_owned()));
                            }
                            text.push_str(value);
                        }
                    }
                }
                let url = Url::parse(&text).map_err(|_| AddressError::Escaped)?;
                if url.host_str() != Some(expected.as_str()) || !url.username().is_empty() {
                    return Err(AddressError::Escaped);
                }
                let mut names = Vec::new();
                for piece in host {
                    if let Piece::Value(expr) = piece {
                        expr.config_names(&mut names);
                    }
                }
                if let Some(name) = names.last() {
                    host_value::reachable(&url, policy).map_err(|p| of_field(name, p))?;
                }
                text.push_str(end.path);
                Ok(Origin { text, cleartext: cleartext.unwrap_or_default() })
            }
        }
    }
}

/// Fills a path: literals stay, values are percent-encoded.
pub(crate) fn fill_path(pieces: &[Piece], values: &Values<'_>) -> Result<String, AddressError> {
    let mut out = String::new();
    let mut query = false;
    for piece in pieces {
        match piece {
            Piece::Literal(text) => {
                query |= text.contains('?');
                out.push_str(text);
            }
            Piece::Value(expr) => {
                let value =
                    expr.value(values).map_err(|Missing(name)| AddressError::Missing(name))?;
                if value.chars().any(char::is_control) {
                    let mut names = Vec::new();
                    expr.config_names(&mut names);
                    return Err(AddressError::Field {
                        field: (*names.first().unwrap_or(&"credentials")).to_owned(),
                        problem: "This holds characters that cannot be part of an address."
                            .to_owned(),
                    });
                }
                let set = if query { QUERY } else { SEGMENT };
                out.extend(utf8_percent_encode(&value, set));
            }
        }
    }
    let path = out.split_once('?').map_or(out.as_str(), |(path, _)| path);
    if has_dot_segment(path) {
        return Err(AddressError::Escaped);
    }
    Ok(out)
}

/// Says whether a path has a `.` or `..` segment in any spelling that a URL parser knows.
pub(crate) fn has_dot_segment(path: &str) -> bool {
    path.split(['/', '\\']).any(|segment| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    })
}

/// Splits at the first `separator` that stands in a literal; it stays with the second half.
fn split(pieces: Vec<Piece>, separator: char) -> (Vec<Piece>, Vec<Piece>) {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for piece in pieces {
        if !after.is_empty() {
            after.push(piece);
            continue;
        }
        match piece {
            Piece::Literal(text) => match text.find(separator) {
                Some(at) => {
                    let (left, right) = text.split_at(at);
                    if !left.is_empty() {
                        before.push(Piece::Literal(left.to_owned()));
                    }
                    after.push(Piece::Literal(right.to_owned()));
                }
                None if text.is_empty() => {}
                None => before.push(Piece::Literal(text)),
            },
            value @ Piece::Value(_) => before.push(value),
        }
    }
    (before, after)
}

fn without_first(mut pieces: Vec<Piece>, c: char) -> Vec<Piece> {
    if let Some(Piece::Literal(text)) = pieces.first_mut()
        && let Some(rest) = text.strip_prefix(c)
    {
        *text = rest.to_owned();
    }
    pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
    pieces
}

fn without_last_slash(mut pieces: Vec<Piece>) -> Vec<Piece> {
    if let Some(Piece::Literal(text)) = pieces.last_mut()
        && let Some(rest) = text.strip_suffix('/')
    {
        *text = rest.to_owned();
    }
    pieces.retain(|piece| !matches!(piece, Piece::Literal(text) if text.is_empty()));
    pieces
}

pub(crate) const fn scheme(cleartext: bool) -> &'static str {
    if cleartext { "http://" } else { "https://" }
}

/// Whether an expression is a config field, perhaps with a literal to fall back on.
fn is_config(expr: &Expr) -> bool {
    match expr {
        Expr::Config(_) => true,
        Expr::FirstOf(choices) => {
            choices.iter().all(|choice| matches!(choice, Expr::Config(_) | Expr::Literal(_)))
        }
        _ => false,
    }
}

/// The value of an expression of config fields, with the name of the field that it came from.
fn config_choice<'a>(
    expr: &'a Expr,
    config: &'a ConnectionConfig,
    fields: &'a [Field],
) -> Result<(&'a str, &'a str), AddressError> {
    match expr {
        Expr::Config(name) => config_value(config, fields, name)
            .map(|value| (name.as_str(), value))
            .ok_or_else(|| AddressError::Missing(name.clone())),
        Expr::Literal(text) => Ok(("base_url", text)),
        Expr::FirstOf(choices) => {
            let mut result = Err(AddressError::Escaped);
            for choice in choices {
                result = config_choice(choice, config, fields);
                if result.is_ok() {
                    break;
                }
            }
            result
        }
        _ => Err(AddressError::Escaped),
    }
}

/// The domain of the template's own that what follows a placeholder in a host ends in (`example.com` of
/// `.example.com`); with one, the value cannot choose the domain.
fn own_domain(after: &[Piece]) -> Option<&str> {
    let Some(Piece::Literal(last)) = after.last() else {
        return None;
    };
    // What stands before the first dot may be glued to a value; what stands after it is not.
    last.split_once('.').map(|(_, own)| own).filter(|own| own.contains('.'))
}

fn of_field(name: &str, problem: String) -> AddressError {
    AddressError::Field { field: name.to_owned(), problem }
}

impl Base {
    /// Takes a base URL that replaces the template's one: an integration's or a caller's.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn fixed(value: &str, policy: &Policy) -> Result<Self, String> {
        // Even where ranges are opened, plain HTTP goes no further than those.
        let cleartext = Cleartext::OpenedOnly;
        host_value::address(value, policy).map(|text| Self {
            text,
            cleartext,
            host_from_config: false,
        })
    }

    /// Joins an endpoint (path, perhaps with a query) that is already encoded, and parses the
    /// result: same scheme, host and port, and a path below the base's.
    pub(crate) fn join(&self, endpoint: &str) -> Result<Url, AddressError> {
        let base = Url::parse(&self.text).map_err(|_| AddressError::Escaped)?;
        let endpoint = endpoint.trim_start_matches('/');
        let (path, _) = endpoint.split_once('?').unwrap_or((endpoint, ""));
        if has_dot_segment(path) || endpoint.contains(|c: char| c == '#' || c.is_control()) {
            return Err(AddressError::Escaped);
        }
        let joined = match endpoint.is_empty() || endpoint.starts_with('?') {
            true => format!("{}{endpoint}", self.text),
            false => format!("{}/{endpoint}", self.text),
        };
        let url = Url::parse(&joined).map_err(|_| AddressError::Escaped)?;
        let same = url.scheme() == base.scheme()
            && url.host_str() == base.host_str()
            && url.port() == base.port()
            && url.username().is_empty()
            && url.password().is_none()
            && url
                .path()
                .strip_prefix(base.path().trim_end_matches('/'))
                .is_some_and(|below| below.is_empty() || below.starts_with('/'));
        if same { Ok(url) } else { Err(AddressError::Escaped) }
    }
}
