//! One named value: `KEY=value`, `export KEY="value"`, `"key": "value",`, `X-Api-Key: value`, `API key: value`.

use super::Kind;
use super::text::find;
use super::text::{
    all, any, blank, first, has, head, in_word, index, inner, last, listed, position, quote,
    starts, tail, trim, trim_start,
};
use super::vocabulary::{Meaning, meaning};

/// How a name and its value are joined.
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
    /// The value, with its quotes and its comma or semicolon.
    pub(super) value: &'a str,
    /// How they were joined.
    pub(super) form: Form,
    /// What the name says.
    pub(super) meaning: Meaning,
}

/// What may stand before the name.
const LEADS: &str =
    "export |setenv |setx |set |env |const |let |var |--env |-e |-gx |-x |- |$env:|$";

/// Reads one line as a named value that belongs into a field of `kind`; `None` when the line may as well be
/// the value itself.
#[inline(never)]
pub(super) fn entry(kind: Kind, line: &str) -> Option<Entry<'_>> {
    let mut text = trim(line);
    let mut explicit = false;
    while let Some(lead) = find(LEADS, &|lead| starts(text, lead)) {
        text = trim_start(tail(text, lead.len()));
        explicit = true;
    }

    // The name, up to its closing quote, or to what parts it from the value. After `setx` that is a blank.
    let quoted = quote(first(text));
    let (name, mut rest) = if quoted {
        let end = 1 + index(tail(text, 1), first(text));
        (inner(head(text, end + 1)), trim_start(tail(text, end + 1)))
    } else {
        let separator = |b| matches!(b, b'=' | b':');
        let end = position(
            text,
            if explicit { |b| blank(b) || matches!(b, b'=' | b':') } else { separator },
        );
        // No key holds a character outside ASCII, so what ends in one is a word: `密钥:…`.
        explicit |= last(head(text, end)) == b' ' || !last(head(text, end)).is_ascii();
        (trim(head(text, end)), trim_start(tail(text, end)))
    };

    let form = if first(rest) != b':' || starts(rest, ":=") {
        Form::Assigned
    } else if quoted {
        Form::Json
    } else {
        Form::Colon
    };
    // Base64's padding, a path of Rust, an address.
    if name.is_empty() || starts(rest, "==") || starts(rest, "::") || starts(rest, ":/") {
        return None;
    }
    let length = match first(rest) {
        b'=' | b':' => 1 + usize::from(starts(rest, "=>") || starts(rest, ":=")),
        // Only a lead makes two words a name and its value.
        _ if explicit && !quoted => 0,
        _ => return None,
    };
    rest = tail(rest, length);
    explicit |= blank(first(rest)) || quote(first(rest));
    let value = without_comment(trim(rest));

    let bare = bare(value);
    let whole = bare.len() < value.len() && quote(first(value));
    // A value is one word, a quoted text, or `Bearer` and one word; anything else is prose or a program.
    // Nothing but `=` is the end of a base64 string.
    if all(bare, |b| b == b'=')
        || has(bare, b'"')
        || !(whole || !any(bare, blank) || scheme(bare) > 0)
    {
        return None;
    }

    let said = meaning(name);
    let certain = said.is_certain() || is_upper_snake(name);
    let known = said.secret || (said.person && kind == Kind::Username);
    let accepted = match form {
        // `AccountKey=…;EndpointSuffix=…` and `key=…&sig=…` are credentials as a whole.
        Form::Assigned => {
            all(name, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
                && (whole || !any(bare, |b| matches!(b, b'&' | b';')))
                && (explicit || known || is_upper_snake(name))
        }
        Form::Json => !any(name, blank),
        // `Stripe: …`, `密钥： …`
        Form::Colon if explicit => {
            known
                || (kind == Kind::Key
                    && bare.len() >= 8
                    && is_label(name)
                    && !any(name, |b| matches!(b, b'-' | b'_')))
        }
        // `token:value` without a blank; a user name's `admin:secret` is a pair, not a name and its value.
        Form::Colon => {
            kind != Kind::Username && said.secret && said.only_known_words && bare.len() >= 8
        }
    };
    // `sk_fake_key_AbCd: production` is a key and a remark about it.
    let turned_around = kind == Kind::Key && !certain && bare.len() < name.len().min(16);
    (accepted && !turned_around).then_some(Entry { name, value, form, meaning: said })
}

impl Entry<'_> {
    /// Whether the name may be shown: it cannot be the secret itself.
    pub(super) fn name_is_harmless(&self) -> bool {
        is_upper_snake(self.name)
            || self.meaning.is_certain()
            || (self.meaning.is_known() && is_label(self.name))
    }
}

/// Whether `name` is written like an environment variable: `ACME_PROD`.
fn is_upper_snake(name: &str) -> bool {
    first(name).is_ascii_uppercase()
        && has(name, b'_')
        && all(name, |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether `name` can be the label of a field on a vendor's page, in any language: words, no digits.
fn is_label(name: &str) -> bool {
    name.len() <= 48
        && all(name, |b| {
            !b.is_ascii_digit() && (in_word(b) || matches!(b, b' ' | b'-' | b'_' | b'(' | b')'))
        })
}

/// `value` without ` # a comment` or ` // a comment` after it.
fn without_comment(value: &str) -> &str {
    // Inside quotes nothing is one.
    let mut at = if quote(first(value)) { 1 + index(tail(value, 1), first(value)) } else { 0 };
    while at < value.len() {
        let rest = tail(value, at);
        if starts(rest, " #") || starts(rest, " // ") {
            return trim(head(value, at));
        }
        at += 1 + position(tail(rest, 1), blank);
    }
    value
}

/// The text inside quotes of one kind, or inside `<…>` where that is punctuation.
#[inline(never)]
pub(super) fn unquoted(text: &str, bracketed: bool) -> Option<&str> {
    let open = first(text);
    let close = if bracketed && open == b'<' { b'>' } else { open };
    let inner = inner(text);
    // `"a" "b"` begins and ends with a quote and is not one quoted text; three backticks are three pairs.
    let nested = first(inner) == open && last(inner) == close;
    let matching = (quote(open) || close != open) && last(text) == close;
    (matching && !inner.is_empty() && (nested || !has(inner, open))).then_some(inner)
}

/// The text without a comma or semicolon at its end.
pub(super) fn without_mark(text: &str) -> &str {
    head(text, text.len() - usize::from(matches!(last(text), b',' | b';')))
}

/// A value as it stands in a list or a program, without its quotes and punctuation: `"value",`.
#[inline(never)]
pub(super) fn bare(text: &str) -> &str {
    let text = trim(without_mark(text));
    unquoted(text, false).unwrap_or(text)
}

/// Where the value begins in `Bearer abc`, `Token abc`, `DeepL-Auth-Key abc` or `API key abc`; 0 when these are
/// not words before a value.
#[inline(never)]
pub(super) fn scheme(text: &str) -> usize {
    let at = text.len() - text.bytes().rev().position(blank).unwrap_or(text.len());
    let (words, value) = (trim(head(text, at)), tail(text, at));
    let said = meaning(words);
    // `Bearer abc` is certain; a foreign word needs a value that is more than a word of a sentence.
    let enough = if said.only_known_words { 1 } else { 8 + 8 * usize::from(any(words, blank)) };
    // "secret key" are two names and no value.
    let is_name = is_label(value) && meaning(value).is_certain();
    if said.secret && is_label(words) && value.len() >= enough && !is_name { at } else { 0 }
}

/// Words on the buttons beside a key, which a selection takes along.
const BUTTONS: &str = "copy|copied|copied!|show|hide|reveal|edit|delete|regenerate|revoke";

/// Whether `line` is the word on a button.
pub(super) fn is_button(line: &str) -> bool {
    listed(BUTTONS, line)
}
