//! One named value: `KEY=value`, `export KEY="value"`, `"key": "value",`, `X-Api-Key: value`, `API key: value`.

use super::Kind;
use super::vocabulary::{Meaning, meaning};
use crate::text::{BLANK, DIGIT, LETTER, Part, QUOTE, SPACE, Text, UPPER, WIDE, WORD, class, set};

/// How a name and its value are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `name=value`, and what shells and programming languages make of it.
    Assigned,
    /// `name: value`
    Colon,
    /// `"name": "value"`
    Json,
}

/// A name and its value.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The name, without quotes.
    pub(super) name: Part,
    /// The value, with its quotes and its comma or semicolon.
    pub(super) value: Part,
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
pub(super) fn entry(text: &Text<'_>, kind: Kind, line: Part) -> Option<Entry> {
    let mut line = text.trim(line);
    let mut explicit = false;
    loop {
        let lead = text.starts(line, LEADS);
        if lead == 0 {
            break;
        }
        line = text.trim(line.skip(lead));
        explicit = true;
    }

    // The name, up to its closing quote, or to what parts it from the value. After `setx` that is a blank.
    let quoted = text.opens(line, QUOTE);
    let mut name = line;
    let mut end = set!("=:");
    if quoted {
        name = line.skip(1);
        end = class(text.first(line));
    } else if explicit {
        end |= BLANK;
    }
    name = text.until(name, end);
    let mut rest = text.trim(line.after(name).skip(usize::from(quoted)));
    // No key holds a character outside ASCII, so what ends in one is a word: `密钥:…`.
    explicit |= !quoted && text.closes(name, SPACE | WIDE);
    if !quoted {
        name = text.trim(name);
    }

    let form = if text.first(rest) != b':' || text.starts(rest, ":=") > 0 {
        Form::Assigned
    } else if quoted {
        Form::Json
    } else {
        Form::Colon
    };
    let sign = text.starts(rest, "=>|:=|=|:");
    // Base64's padding, a path of Rust, an address. And only a lead makes two words a name and its value.
    if name.is_empty() || text.starts(rest, "==|::|:/") > 0 || (sign == 0 && (quoted || !explicit))
    {
        return None;
    }
    rest = rest.skip(sign);
    explicit |= text.opens(rest, BLANK | QUOTE);
    let value = without_comment(text, text.trim(rest));

    let bare = bare(text, value);
    let whole = bare.len() < value.len() && text.opens(value, QUOTE);
    // A value is one word, a quoted text, or `Bearer` and one word; anything else is prose or a program.
    // Nothing but `=` is the end of a base64 string.
    if text.all_of(bare, set!("="))
        || text.any(bare, set!("\""))
        || !(whole || !text.any(bare, BLANK) || !scheme(text, bare).is_empty())
    {
        return None;
    }

    let said = meaning(text, name);
    let upper_snake = is_upper_snake(text, name);
    let known = said.secret() || (said.person() && kind == Kind::Username);
    let accepted = match form {
        // `AccountKey=…;EndpointSuffix=…` and `key=…&sig=…` are credentials as a whole.
        Form::Assigned => {
            text.all_of(name, LETTER | DIGIT | set!("_-."))
                && (whole || !text.any(bare, set!("&;")))
                && (explicit || known || upper_snake)
        }
        Form::Json => !text.any(name, BLANK),
        // `Stripe: …`, `密钥： …`
        Form::Colon if explicit => {
            known
                || (kind == Kind::Key
                    && bare.len() >= 8
                    && is_label(text, name)
                    && !text.any(name, set!("-_")))
        }
        // `token:value` without a blank; a user name's `admin:secret` is a pair, not a name and its value, and
        // `secret-token:…` is the value: a URI of RFC 8959, as Mercury's tokens are.
        Form::Colon => {
            kind != Kind::Username
                && said.secret()
                && said.only_known_words()
                && bare.len() >= 8
                && !text.is(name, "secret-token")
        }
    };
    // `sk_fake_key_AbCd: production` is a key and a remark about it.
    let turned_around =
        kind == Kind::Key && !said.is_certain() && !upper_snake && bare.len() < name.len().min(16);
    (accepted && !turned_around).then_some(Entry { name, value, form, meaning: said })
}

impl Entry {
    /// Whether the name may be shown: it cannot be the secret itself.
    pub(super) fn name_is_harmless(&self, text: &Text<'_>) -> bool {
        is_upper_snake(text, self.name)
            || self.meaning.is_certain()
            || (self.meaning.is_known() && is_label(text, self.name))
    }
}

/// Whether `name` is written like an environment variable: `ACME_PROD`.
#[inline(never)]
fn is_upper_snake(text: &Text<'_>, name: Part) -> bool {
    text.opens(name, UPPER)
        && text.any(name, set!("_"))
        && text.all_of(name, UPPER | DIGIT | set!("_"))
}

/// Whether `name` can be the label of a field on a vendor's page, in any language: words, no digits.
#[inline(never)]
fn is_label(text: &Text<'_>, name: Part) -> bool {
    name.len() <= 48 && text.all_of(name, WORD & !DIGIT | SPACE | set!("-_()"))
}

/// `value` without ` # a comment` or ` // a comment` after it.
fn without_comment(text: &Text<'_>, value: Part) -> Part {
    let mut rest = value;
    if text.opens(value, QUOTE) {
        // Inside quotes nothing is one.
        rest = value.after(text.until(value.skip(1), class(text.first(value))));
    }
    while !rest.is_empty() {
        if text.starts(rest, " #| // ") > 0 {
            return text.trim(value.before(rest));
        }
        rest = rest.after(text.until(rest.skip(1), BLANK));
    }
    value
}

/// The text inside quotes of one kind, or inside `<…>` where that is punctuation; else nothing.
#[inline(never)]
pub(super) fn unquoted(text: &Text<'_>, part: Part, bracketed: bool) -> Part {
    let open = text.first(part);
    let close = if bracketed && open == b'<' { b'>' } else { open };
    let inner = part.inner();
    // `"a" "b"` begins and ends with a quote and is not one quoted text; three backticks are three pairs.
    let nested = text.first(inner) == open && text.last(inner) == close;
    let matching = (text.opens(part, QUOTE) || close != open) && text.last(part) == close;
    if matching && (nested || !text.any(inner, class(open))) { inner } else { Part::NONE }
}

/// The text without a comma or semicolon at its end.
pub(super) fn without_mark(text: &Text<'_>, part: Part) -> Part {
    part.cut(usize::from(text.closes(part, set!(",;"))))
}

/// A value as it stands in a list or a program, without its quotes and punctuation: `"value",`.
#[inline(never)]
pub(super) fn bare(text: &Text<'_>, part: Part) -> Part {
    let part = text.trim(without_mark(text, part));
    let inner = unquoted(text, part, false);
    if inner.is_empty() { part } else { inner }
}

/// The value in `Bearer abc`, `Token abc`, `DeepL-Auth-Key abc` or `API key abc`; nothing when these are not words
/// before a value.
#[inline(never)]
pub(super) fn scheme(text: &Text<'_>, part: Part) -> Part {
    let mut value = part;
    loop {
        let word = text.until(value, BLANK);
        if word.len() == value.len() {
            break;
        }
        value = value.after(word).skip(1);
    }
    let words = text.trim(part.before(value));
    let said = meaning(text, words);
    // `Bearer abc` is certain; a foreign word needs a value that is more than a word of a sentence.
    let enough =
        if said.only_known_words() { 1 } else { 8 + 8 * usize::from(text.any(words, BLANK)) };
    // "secret key" are two names and no value.
    let is_name = is_label(text, value) && meaning(text, value).is_certain();
    let fits = said.secret() && is_label(text, words) && value.len() >= enough && !is_name;
    if fits { value } else { Part::NONE }
}

/// Words on the buttons beside a key, which a selection takes along.
pub(super) const BUTTONS: &str =
    "copy|copied|copied!|show|hide|reveal|edit|delete|regenerate|revoke";
