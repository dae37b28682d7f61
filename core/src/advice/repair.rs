//! Taking away what was copied along with a value.
//!
//! The rule that everything here keeps: a well-formed value comes out as it went in. What is removed
//! stands *around* the value; inside it only line breaks (of a key that was wrapped) and invisible
//! characters go.

use alloc::string::String;
use zeroize::Zeroizing;

use super::characters::{is_invisible, plain};
use super::entry::{Form, entry, scheme, unquoted, without_mark};
use super::text::{
    any, blank, ends, first, has, head, index, last, position, quote, same, starts, tail, trim,
    trim_start,
};
use super::vocabulary::meaning;
use super::{FieldShape, Kind, address, decode, pieces};

/// Longer pastes are left alone, blanks apart: no credential comes in so much text.
const MAX_PASTE: usize = 16 * 1024;

/// What was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// Spaces, tabs and line breaks before and after the value.
    Blanks,
    /// Characters that show as nothing, such as U+200B or U+FEFF.
    Invisible,
    /// Quotation marks.
    Quotes,
    /// A comma, semicolon or colon at the end.
    Trailing,
    /// The rest of a command, such as curl.
    Curl,
    /// Lines, or members of a JSON object, beside the one that holds the value.
    OtherLines,
    /// The JSON around the value.
    Json,
    /// What stands before a colon: `Authorization:`, `api_key:`, `Secret key:`.
    HeaderName,
    /// `KEY=`, `export KEY=`.
    VariableName,
    /// `Bearer`, `Basic`, `Token`.
    Scheme,
    /// The base64 around the value.
    Encoding,
    /// The rest of an address, or its percent-encoding.
    Address,
    /// Line breaks inside a key.
    LineBreaks,
}

/// All there is, in the order in which it is told.
const ALL: [Removed; 13] = [
    Removed::Blanks,
    Removed::Invisible,
    Removed::Quotes,
    Removed::Trailing,
    Removed::Curl,
    Removed::OtherLines,
    Removed::Json,
    Removed::HeaderName,
    Removed::VariableName,
    Removed::Scheme,
    Removed::Encoding,
    Removed::Address,
    Removed::LineBreaks,
];

/// A set of what was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removals(u16);

impl Removals {
    /// Whether nothing was taken away.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `what` was taken away.
    #[must_use]
    pub const fn contains(self, what: Removed) -> bool {
        self.0 & (1 << what as u16) != 0
    }

    /// What was taken away, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Removed> {
        ALL.into_iter().filter(move |what| self.contains(*what))
    }
}

/// A user name and a password that were found in one paste. No `Debug`: it holds the secret.
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
    /// What was taken away.
    pub removed: Removals,
    /// The names among it, as they were written: `Authorization Bearer`, `STRIPE_KEY`. Only names that cannot
    /// be secret, because they are made of words that this module knows; often empty.
    pub words: String,
    /// Both halves, when the text held a user name and a password. Always to be offered, never applied
    /// unasked: it fills a second field.
    pub split: Option<Split>,
    /// Whether `https://` was put before an address that had no scheme.
    pub added_scheme: bool,
    /// Whether to ask before [`value`](Self::value) replaces what was pasted: true for passwords, where a
    /// blank or a quote may be meant.
    pub offer: bool,
}

impl Repair {
    /// Whether there is anything to apply, to say or to offer.
    #[must_use]
    pub const fn found_something(&self) -> bool {
        !self.removed.is_empty() || self.split.is_some() || self.added_scheme
    }
}

/// Takes away from `pasted` what does not belong into the field.
///
/// For use on paste and on submit, never while somebody types. Applying it to its own result changes
/// nothing more. When nothing was found, `value` is `pasted`.
#[must_use]
pub fn repair(shape: &FieldShape<'_>, pasted: &str) -> Repair {
    let kind = shape.kind;
    let mut found =
        Found { kind, removed: Removals(0), words: String::new(), split: None, other: None };
    let mut text = found.readable(pasted);
    loop {
        // Everything that can be done by looking at less of the text is; only decoding and joining lines
        // need a new one, and then the looking starts again.
        let mut rest: &str = &text;
        loop {
            let less = found.step(shape, rest);
            if less.len() == rest.len() || found.other.is_some() {
                break;
            }
            rest = less;
        }
        if let Some(other) = found.other.take() {
            text = other;
            continue;
        }
        // What was made readable is for looking at; a value that needs no repair stays as it was.
        let rest = if found.removed.is_empty() { pasted } else { rest };
        let added_scheme = address::lacks_scheme(shape, rest);
        if kind == Kind::Username && found.split.is_none() {
            found.offer_split(rest);
        }
        return Repair {
            value: joined(if added_scheme { "https://" } else { "" }, rest),
            removed: found.removed,
            words: found.words,
            split: found.split,
            added_scheme,
            offer: kind == Kind::Password && !found.removed.is_empty(),
        };
    }
}

/// Two texts as one, in a buffer of the right size, so that no copy of a secret is left behind by growing.
#[inline(never)]
pub(super) fn joined(one: &str, two: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(one.len() + two.len()));
    text.push_str(one);
    text.push_str(two);
    text
}

/// What a repair has found so far.
///
/// Its steps take the text and return what is left of it: the same text when there was nothing to do.
pub(super) struct Found {
    pub(super) kind: Kind,
    removed: Removals,
    words: String,
    split: Option<Split>,
    /// A new text, shorter than the one before, when a part of that one would not do.
    other: Option<Zeroizing<String>>,
}

impl Found {
    /// Notes a removal.
    pub(super) const fn note(&mut self, what: Removed) {
        self.removed.0 |= 1 << what as u16;
    }

    /// Notes a removal and returns what is left.
    #[inline(never)]
    pub(super) const fn less<'a>(&mut self, what: Removed, left: &'a str) -> &'a str {
        self.note(what);
        left
    }

    /// Goes on with another text.
    #[inline(never)]
    pub(super) fn replace(&mut self, what: Removed, one: &str, two: &str) {
        self.note(what);
        self.other = Some(joined(one, two));
    }

    #[inline(never)]
    fn say(&mut self, words: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(words);
    }

    /// The text without invisible characters, and with plain blanks and quotes (see [`plain`]). Free text keeps
    /// what is invisible: inside it, it joins letters and emoji.
    fn readable(&mut self, pasted: &str) -> Zeroizing<String> {
        let mut text = joined("", pasted);
        text.clear();
        for c in pasted.chars() {
            if self.kind != Kind::Plain && is_invisible(c) {
                self.note(Removed::Invisible);
            } else {
                text.push(plain(self.kind, c));
            }
        }
        text
    }

    fn step<'a>(&mut self, shape: &FieldShape<'_>, text: &'a str) -> &'a str {
        let trimmed = trim(text);
        if trimmed.len() < text.len() && !(trimmed.is_empty() && self.kind == Kind::Password) {
            return self.less(Removed::Blanks, trimmed);
        }
        // A PEM file is a value of its own, line breaks and all.
        if trimmed.is_empty() || text.len() > MAX_PASTE || starts(text, "-----BEGIN ") {
            return text;
        }
        // `<…>` around an e-mail address or a URL is punctuation (RFC 3986, appendix C). Around a key it says
        // "put yours here" and has to stay, to be recognised.
        let bracketed = self.kind.is_structural() || self.kind == Kind::Username;
        if let Some(inner) = unquoted(text, bracketed) {
            return self.less(Removed::Quotes, inner);
        }
        if self.kind == Kind::Plain {
            let visible = text.trim_matches(is_invisible);
            if visible.len() < text.len() {
                return self.less(Removed::Invisible, visible);
            }
            return address::step(self, shape, text);
        }
        // A password may end in a comma, unless all of it is quoted.
        let rest = without_mark(text);
        if rest.len() < text.len()
            && !rest.is_empty()
            && (self.kind != Kind::Password || unquoted(rest, false).is_some())
        {
            return self.less(Removed::Trailing, rest);
        }
        if self.kind.is_structural() {
            address::step(self, shape, text)
        } else {
            self.credential(text)
        }
    }

    fn credential<'a>(&mut self, text: &'a str) -> &'a str {
        let piece = pieces::pick(self, text);
        if !piece.is_empty() {
            return piece;
        }
        if self.kind != Kind::Password {
            // A quote that was copied along at one end.
            let one = usize::from(quote(first(text)));
            let rest = if one > 0 {
                tail(text, 1)
            } else {
                head(text, text.len() - usize::from(quote(last(text))))
            };
            if rest.len() < text.len() && !rest.is_empty() && !any(rest, quote) {
                return self.less(Removed::Quotes, rest);
            }
        }
        if let Some(entry) = entry(self.kind, text) {
            if entry.name_is_harmless() {
                self.say(entry.name);
            }
            let what = match entry.form {
                Form::Assigned => Removed::VariableName,
                Form::Json => Removed::Json,
                Form::Colon => Removed::HeaderName,
            };
            return self.less(what, entry.value);
        }
        let at = scheme(text);
        if at > 0 {
            let words = trim(head(text, at));
            let less = self.scheme(words, text, tail(text, at));
            if less.len() < text.len() {
                self.say(words);
                return self.less(Removed::Scheme, less);
            }
        }
        if address::credential(self, text) {
            return text;
        }
        match self.kind {
            Kind::Key => self.wrapped(text),
            Kind::Username if starts(text, "mailto:") && text.len() > 7 => {
                self.less(Removed::Address, tail(text, 7))
            }
            // A user name ends before the first colon (RFC 7617 §2).
            Kind::Username if last(text) == b':' && text.len() > 1 => {
                self.less(Removed::Trailing, head(text, text.len() - 1))
            }
            _ => text,
        }
    }

    /// The value after `Bearer` and its like; after `Basic`, what it encodes.
    fn scheme<'a>(&mut self, words: &str, text: &'a str, value: &'a str) -> &'a str {
        if ends(words, "basic")
            && let Some(pair) = decode::base64(value)
        {
            let at = index(&pair, b':');
            let half = self.half(head(&pair, at), tail(&pair, at + 1));
            if at < pair.len() && !half.is_empty() {
                self.replace(Removed::Encoding, "", half);
                return "";
            }
        }
        // Blanks and words may be part of a password.
        if self.kind == Kind::Key { value } else { text }
    }

    /// The half of a pair that belongs into this field, empty when that is not certain. Notes both for a split.
    #[inline(never)]
    pub(super) fn half<'a>(&mut self, username: &'a str, password: &'a str) -> &'a str {
        if self.kind == Kind::Key {
            // An API key goes alone: the other half is empty, a filler, or a word such as `api` or `token`.
            return if password.is_empty() || same(password, "x") {
                username
            } else if has(username, b'@') || meaning(username).only_known_words {
                password
            } else {
                ""
            };
        }
        if self.split.is_none() && !username.is_empty() && !password.is_empty() {
            self.split =
                Some(Split { username: joined("", username), password: joined("", password) });
        }
        if self.kind == Kind::Password { password } else { username }
    }

    /// `user:password` in the field of the user name: offered in two halves, the text itself stays.
    fn offer_split(&mut self, text: &str) {
        let at = index(text, b':');
        let (username, password) = (head(text, at), tail(text, at + 1));
        if !starts(password, "//") && !any(username, blank) {
            self.half(username, password);
        }
    }

    /// A key that was wrapped: its lines joined, when every blank in it belongs to a line break.
    fn wrapped<'a>(&mut self, text: &'a str) -> &'a str {
        let mut key = joined("", text);
        key.clear();
        let mut rest = text;
        while !rest.is_empty() {
            let end = position(rest, blank);
            let line = head(rest, end);
            let after = tail(rest, end);
            let next = trim_start(after);
            let between = head(after, after.len() - next.len());
            // More than one value, or words.
            if (!between.is_empty() && !has(between, b'\n'))
                || has(line, b'@')
                || entry(self.kind, line).is_some()
            {
                return text;
            }
            key.push_str(line);
            rest = next;
        }
        if key.len() < text.len() {
            self.note(Removed::LineBreaks);
            self.other = Some(key);
        }
        text
    }
}
