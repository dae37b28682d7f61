//! Taking away what was copied along with a value.
//!
//! The rule that everything here keeps: a well-formed value comes out as it went in. What is removed
//! stands *around* the value; inside it only line breaks (of a key that was wrapped) and invisible
//! characters go.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::discriminant;
use zeroize::Zeroizing;

use super::characters::{is_blank, is_invisible, is_line_break, trim};
use super::entry::{Form, entry};
use super::wrapping::{half_unquoted, scheme, unquoted, without_trailing_mark};
use super::{FieldShape, Kind, address, command, decode, lines};

/// Longer pastes are left alone, blanks apart: no credential comes in so much text.
const MAX_PASTE: usize = 16 * 1024;

/// What was taken away. Carries the removed words where they cannot be secret (the name of a variable, a
/// header or a scheme, made of words that this module knows); otherwise the name is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// Spaces, tabs and line breaks before and after the value.
    Blanks,
    /// Characters that show as nothing, such as U+200B or U+FEFF.
    Invisible,
    /// Line breaks inside a key.
    LineBreaks,
    /// Quotation marks.
    Quotes,
    /// `Bearer`, `Basic`, `Token`.
    Scheme(String),
    /// `Authorization:`, `X-Api-Key:`.
    HeaderName(String),
    /// `KEY=`, `export KEY=`, `key:`.
    VariableName(String),
    /// The words of a page before the value: `Secret key:`.
    Label(String),
    /// Lines beside the one that holds the value.
    OtherLines,
    /// The JSON around the value.
    Json,
    /// The rest of a command, such as curl.
    Curl,
    /// The rest of an address.
    Address,
    /// The base64 or percent-encoding of the value, which was decoded.
    Encoding,
    /// A comma, semicolon or colon at the end.
    Trailing,
}

/// A user name and a password that were found in one paste.
pub struct Split {
    /// What belongs into the user name's field.
    pub username: Zeroizing<String>,
    /// What belongs into the password's field.
    pub password: Zeroizing<String>,
}

/// What became of a pasted text. No `Debug`: it holds the secret.
pub struct Repair {
    /// The value for this field.
    pub value: Zeroizing<String>,
    /// What was taken away, each kind once, in the order in which it was found. Empty when nothing was.
    pub removed: Vec<Removed>,
    /// Both halves, when the text held a user name and a password. Always to be offered, never applied
    /// unasked: it fills a second field.
    pub split: Option<Split>,
    /// `https://`, when it was put before an address that had no scheme.
    pub added: Option<&'static str>,
    /// Whether to ask before [`value`](Self::value) replaces what was pasted: true for passwords, where a
    /// blank or a quote may be meant.
    pub offer: bool,
}

impl Repair {
    /// Whether there is anything to apply, to say or to offer.
    #[must_use]
    pub const fn found_something(&self) -> bool {
        !self.removed.is_empty() || self.split.is_some() || self.added.is_some()
    }
}

/// Takes away from `pasted` what does not belong into the field.
///
/// For use on paste and on submit, never while somebody types. Applying it to its own result changes
/// nothing more. When nothing is left, or nothing was found, `value` is `pasted`.
#[must_use]
pub fn repair(shape: &FieldShape<'_>, pasted: &str) -> Repair {
    let mut found = Found { kind: shape.kind, removed: Vec::new(), split: None };
    let mut text = found.visible(pasted);
    loop {
        // Everything that can be done by looking at less of the text is; only decoding and joining lines
        // need a new one, and then the looking starts again.
        let mut rest: &str = &text;
        let rewritten = loop {
            match found.step(shape, rest) {
                Some(Step::Less(less)) => rest = less,
                Some(Step::Other(other)) => break Some(other),
                None => break None,
            }
        };
        if let Some(other) = rewritten {
            text = other;
            continue;
        }
        let added = address::missing_scheme(shape, rest);
        let mut value =
            Zeroizing::new(String::with_capacity(added.map_or(0, str::len) + rest.len()));
        value.push_str(added.unwrap_or_default());
        value.push_str(rest);
        found.offer_split(rest);
        let Found { removed, split, .. } = found;
        return Repair {
            offer: shape.kind == Kind::Password && !removed.is_empty(),
            value,
            removed,
            split,
            added,
        };
    }
}

/// One step of a repair.
pub(super) enum Step<'a> {
    /// A part of the text.
    Less(&'a str),
    /// Another text, shorter than the one before.
    Other(Zeroizing<String>),
}

/// What a repair has found so far.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) removed: Vec<Removed>,
    pub(super) split: Option<Split>,
}

impl Found {
    /// Notes a removal, once for each kind.
    pub(super) fn note(&mut self, what: Removed) {
        if !self.removed.iter().any(|noted| discriminant(noted) == discriminant(&what)) {
            self.removed.push(what);
        }
    }

    /// Notes a removal and goes on with what is left.
    pub(super) fn less<'a>(&mut self, what: Removed, left: &'a str) -> Option<Step<'a>> {
        self.note(what);
        Some(Step::Less(left))
    }

    /// The text without invisible characters. Free text keeps them: inside it they join letters and emoji.
    fn visible(&mut self, pasted: &str) -> Zeroizing<String> {
        let stays = |c| self.kind == Kind::Plain || !is_invisible(c);
        // With room for all of it, so that nothing is copied about and left behind.
        let mut text = Zeroizing::new(String::with_capacity(pasted.len()));
        text.extend(pasted.chars().filter(|&c| stays(c)));
        if text.len() < pasted.len() {
            self.note(Removed::Invisible);
        }
        text
    }

    fn step<'a>(&mut self, shape: &FieldShape<'_>, text: &'a str) -> Option<Step<'a>> {
        let trimmed = trim(text);
        if trimmed.len() < text.len() && !(trimmed.is_empty() && self.kind == Kind::Password) {
            return self.less(Removed::Blanks, trimmed);
        }
        // A PEM file is a value of its own, line breaks and all.
        if trimmed.is_empty() || text.len() > MAX_PASTE || text.starts_with("-----BEGIN ") {
            return None;
        }
        if let Some(inner) =
            unquoted(text).or_else(|| self.kind.is_bracketed().then(|| unbracketed(text)).flatten())
        {
            return self.less(Removed::Quotes, inner);
        }
        match self.kind {
            Kind::Key | Kind::Username | Kind::Password => self.credential(text),
            Kind::Subdomain | Kind::Hostname | Kind::Url => {
                if let Some(rest) = without_trailing_mark(text) {
                    return self.less(Removed::Trailing, rest);
                }
                address::step(self, shape, text)
            }
            Kind::Plain => {
                let visible = text.trim_matches(is_invisible);
                if visible.len() < text.len() {
                    return self.less(Removed::Invisible, visible);
                }
                let less = address::without_affixes(shape, text);
                (less.len() < text.len()).then(|| self.less(Removed::Address, less)).flatten()
            }
        }
    }

    fn credential<'a>(&mut self, text: &'a str) -> Option<Step<'a>> {
        if let Some(step) = command::step(self, text).or_else(|| lines::step(self, text)) {
            return Some(step);
        }
        // A password may end in a comma or a quote, unless all of it is quoted.
        let certain = |rest: &&str| self.kind != Kind::Password || unquoted(rest).is_some();
        if let Some(rest) = without_trailing_mark(text).filter(certain) {
            return self.less(Removed::Trailing, rest);
        }
        if let Some(rest) = half_unquoted(text).filter(|_| self.kind != Kind::Password) {
            return self.less(Removed::Quotes, rest);
        }
        if let Some(entry) = entry(self.kind, text) {
            let name = String::from(if entry.name_is_harmless() { entry.name } else { "" });
            let what = match entry.form {
                Form::Json => Removed::Json,
                Form::Assigned => Removed::VariableName(name),
                Form::Colon
                    if entry.name.contains('-')
                        || entry.name.eq_ignore_ascii_case("authorization") =>
                {
                    Removed::HeaderName(name)
                }
                Form::Colon
                    if entry.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') =>
                {
                    Removed::VariableName(name)
                }
                Form::Colon => Removed::Label(name),
            };
            return self.less(what, entry.value);
        }
        if let Some(step) = self.scheme(text).or_else(|| address::credential(self, text)) {
            return Some(step);
        }
        match self.kind {
            Kind::Key => self.joined(text),
            Kind::Username => self.username(text),
            _ => None,
        }
    }

    /// `Bearer abc` and its like; `Basic` with what it encodes.
    fn scheme<'a>(&mut self, text: &'a str) -> Option<Step<'a>> {
        let (words, value) = scheme(text)?;
        let last_word = words.rsplit(is_blank).next()?;
        let decoded =
            last_word.eq_ignore_ascii_case("basic").then(|| decode::base64(value)).flatten();
        let half = decoded.as_ref().and_then(|pair| {
            let (username, password) = pair.split_once(':')?;
            self.half(username, password)
        });
        if let Some(half) = half {
            let half = Zeroizing::new(String::from(half));
            self.note(Removed::Scheme(String::from(words)));
            self.note(Removed::Encoding);
            return Some(Step::Other(half));
        }
        // Blanks and words may be part of a password.
        (self.kind == Kind::Key)
            .then(|| self.less(Removed::Scheme(String::from(words)), value))
            .flatten()
    }

    /// The half of a pair that belongs into this field, if that is certain. Notes both for a split.
    pub(super) fn half<'a>(&mut self, username: &'a str, password: &'a str) -> Option<&'a str> {
        let half = match self.kind {
            // An API key goes alone: the other half is empty, a filler, or a word such as `api` or `token`.
            Kind::Key if password.is_empty() || password.eq_ignore_ascii_case("x") => username,
            Kind::Key => {
                let said = super::vocabulary::meaning(username);
                let alone = username.contains('@') || said.only_known_words;
                if alone { password } else { "" }
            }
            Kind::Password => password,
            _ => username,
        };
        if half.is_empty() {
            return None;
        }
        if self.kind != Kind::Key {
            self.note_split(username, password);
        }
        Some(half)
    }

    fn note_split(&mut self, username: &str, password: &str) {
        if self.split.is_none() && !username.is_empty() && !password.is_empty() {
            self.split = Some(Split {
                username: Zeroizing::new(String::from(username)),
                password: Zeroizing::new(String::from(password)),
            });
        }
    }

    /// A user name ends before the first colon (RFC 7617 §2).
    fn username<'a>(&mut self, text: &'a str) -> Option<Step<'a>> {
        if let Some(rest) = after_mailto(text) {
            return self.less(Removed::Address, rest);
        }
        if let Some(rest) = text.strip_suffix(':').filter(|rest| !rest.is_empty()) {
            return self.less(Removed::Trailing, rest);
        }
        None
    }

    /// `user:password` in the field of the user name: offered in two halves, the text itself stays.
    fn offer_split(&mut self, text: &str) {
        if self.kind != Kind::Username {
            return;
        }
        if let Some((username, password)) = text.split_once(':')
            && !password.starts_with("//")
            && !username.contains(is_blank)
        {
            self.note_split(username, password);
        }
    }

    /// A key that was wrapped: its lines joined, when every blank in it belongs to a line break.
    fn joined<'a>(&mut self, text: &'a str) -> Option<Step<'a>> {
        let mut broken = true;
        let mut between = false;
        for c in text.chars() {
            if is_blank(c) {
                broken = (between && broken) || is_line_break(c);
                between = true;
            } else if between && !broken {
                return None;
            } else {
                between = false;
            }
        }
        if !text.contains(is_line_break)
            || text
                .split(is_line_break)
                .any(|line| entry(self.kind, line).is_some() || line.contains('@'))
        {
            return None;
        }
        let mut joined = Zeroizing::new(String::with_capacity(text.len()));
        joined.extend(text.chars().filter(|&c| !is_blank(c)));
        self.note(Removed::LineBreaks);
        Some(Step::Other(joined))
    }
}

impl Kind {
    /// Whether `<…>` around the value is punctuation: around an e-mail address or a URL (RFC 3986, appendix C).
    /// Around a key it says "put yours here" and has to stay, to be recognised.
    const fn is_bracketed(self) -> bool {
        self.is_structural() || matches!(self, Self::Username)
    }
}

fn unbracketed(text: &str) -> Option<&str> {
    text.strip_prefix('<')?
        .strip_suffix('>')
        .filter(|inner| !inner.is_empty() && !inner.contains(['<', '>']))
}

fn after_mailto(text: &str) -> Option<&str> {
    super::characters::after(text, "mailto:").filter(|rest| !rest.is_empty())
}
