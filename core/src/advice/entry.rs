//! One named value: `KEY=value`, `export KEY="value"`, `"key": "value",`, `X-Api-Key: value`, `API key: value`.

use super::Kind;
use super::characters::{after, has_blank, is_blank, trim};
use super::vocabulary::{Meaning, meaning};
use super::wrapping::{bare, scheme};

/// How name and value were joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `name=value`, and what shells and programming languages make of it.
    Assigned,
    /// `name: value`
    Colon,
    /// `"name": "value"`
    Json,
}

/// A name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    /// The name, without quotes.
    pub(super) name: &'a str,
    /// The value, with its quotes and what follows it on the line.
    pub(super) value: &'a str,
    /// How they were joined.
    pub(super) form: Form,
    /// Whether something beside the name says that this is an assignment: `export`, quotes, blanks around `=`.
    explicit: bool,
}

/// What may stand before the name, each followed by the name itself.
const LEADS: [&str; 15] = [
    "export ", "setenv ", "setx ", "set ", "env ", "const ", "let ", "var ", "--env ", "-e ",
    "-gx ", "-x ", "- ", "$env:", "$",
];

/// Reads one line. `None` when it has no name and value.
fn parse(line: &str) -> Option<Entry<'_>> {
    let mut text = trim(line);
    let mut lead = false;
    while let Some(rest) = LEADS.iter().find_map(|lead| after(text, lead)) {
        (text, lead) = (rest.trim_start_matches(is_blank), true);
    }

    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let (name, rest) = text.strip_prefix(quote)?.split_once(quote)?;
        let rest = rest.trim_start_matches(is_blank);
        let (value, form) = match rest.strip_prefix(':') {
            Some(value) => (value, Form::Json),
            None => (rest.strip_prefix("=>").or_else(|| rest.strip_prefix('='))?, Form::Assigned),
        };
        return Entry { name, value, form, explicit: true }.checked();
    }

    // `setenv NAME value` and `setx NAME value` part name and value by a blank alone.
    let at = text.find(|c| matches!(c, '=' | ':' | '\u{ff1a}') || (lead && is_blank(c)))?;
    let (name, rest) = text.split_at_checked(at)?;
    let mut rest = rest.chars();
    let separator = rest.next()?;
    let rest = rest.as_str();
    if is_blank(separator) {
        let value = rest.trim_start_matches(is_blank);
        let value = value.strip_prefix([':', '=']).unwrap_or(value);
        return Entry { name, value, form: Form::Assigned, explicit: true }.checked();
    }
    let (value, form) = match (separator, rest.chars().next()?) {
        // Base64's padding, a comparison, an address, a path of Rust or C++, an IPv6 address.
        ('=', '=') | (':', ':' | '/') => return None,
        ('=', '>') | (':', '=') => (rest.get(1..)?, Form::Assigned),
        ('=', _) => (rest, Form::Assigned),
        _ => (rest, Form::Colon),
    };
    let explicit = lead
        || separator == '\u{ff1a}'
        || name.ends_with(is_blank)
        || value.starts_with(|c| is_blank(c) || matches!(c, '"' | '\'' | '`'));
    Entry { name, value, form, explicit }.checked()
}

impl<'a> Entry<'a> {
    fn checked(self) -> Option<Self> {
        let (name, value) = (trim(self.name), without_comment(trim(self.value)));
        // Nothing but `=` after the name is the end of a base64 string, not a value.
        (!name.is_empty() && !value.trim_end_matches('=').is_empty()).then_some(Self {
            name,
            value,
            ..self
        })
    }

    /// What the name says.
    pub(super) fn meaning(&self) -> Meaning {
        meaning(self.name)
    }

    /// Whether the name may be shown: it cannot be the secret itself.
    pub(super) fn name_is_harmless(&self) -> bool {
        let said = self.meaning();
        is_upper_snake(self.name) || said.is_certain() || (said.is_known() && is_label(self.name))
    }

    /// Whether the name may be the key and the value a remark about it: `sk_fake_key_AbCd: production`.
    fn may_be_turned_around(&self, value: &str) -> bool {
        !self.meaning().is_certain()
            && !is_upper_snake(self.name)
            && value.len() < self.name.len().min(16)
    }
}

/// Reads one line as a named value that belongs into a field of `kind`; `None` when the line may as well be
/// the value itself.
pub(super) fn entry(kind: Kind, line: &str) -> Option<Entry<'_>> {
    let entry = parse(line)?;
    let value = bare(entry.value);
    // A value is one word, a quoted text, or `Bearer` and one word; anything else is prose or a program.
    let quoted = value.len() < entry.value.trim_end_matches([',', ';']).len();
    let one_value = !value.contains('"')
        && (quoted || !has_blank(value) || scheme(value).is_some_and(|(_, key)| !has_blank(key)));
    if !one_value {
        return None;
    }
    let meaning = entry.meaning();
    let known = if kind == Kind::Username { meaning.is_known() } else { meaning.secret };
    let accepted = match entry.form {
        Form::Json => !has_blank(entry.name),
        // `AccountKey=…;EndpointSuffix=…` and `key=…&sig=…` are credentials as a whole.
        Form::Assigned => {
            is_identifier(entry.name)
                && (quoted || !value.contains(['&', ';']))
                && (entry.explicit || known || is_upper_snake(entry.name))
        }
        Form::Colon if entry.explicit => {
            known || (kind == Kind::Key && is_title(entry.name) && value.len() >= 8)
        }
        // `token:value` without a blank; a user name's `admin:secret` is a pair, not a name and its value.
        Form::Colon => {
            kind != Kind::Username && meaning.secret && meaning.is_certain() && value.len() >= 8
        }
    };
    (accepted && !(kind == Kind::Key && entry.may_be_turned_around(value))).then_some(entry)
}

/// Whether `name` can be the name of a variable, a header or a setting.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Whether `name` is written like an environment variable: `ACME_PROD`.
fn is_upper_snake(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.contains('_')
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether `name` is a word or two before a colon, as in `Stripe: …`, and not itself a key.
fn is_title(name: &str) -> bool {
    is_label(name) && !name.contains(['-', '_'])
}

/// Whether `name` can be the label of a field on a vendor's page, in any language: words, no digits.
pub(super) fn is_label(name: &str) -> bool {
    name.len() <= 48
        && name.chars().all(|c| {
            c.is_ascii_alphabetic()
                || is_blank(c)
                || matches!(c, '-' | '_' | '(' | ')' | '*')
                || !c.is_ascii()
        })
}

/// `value` without ` # a comment` or ` // a comment` after it.
fn without_comment(value: &str) -> &str {
    let comment = value.match_indices(['#', '/']).find(|&(at, mark)| {
        let tail = value.get(at..).unwrap_or_default();
        (mark == "#" || tail.starts_with("//"))
            && value.get(..at).is_some_and(|head| head.ends_with(is_blank))
    });
    comment.and_then(|(at, _)| value.get(..at)).map_or(value, trim)
}
