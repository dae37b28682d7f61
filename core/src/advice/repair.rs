//! Taking away what was copied along with a value.
//!
//! The rule that everything here keeps: a well-formed value comes out as it went in. What is removed
//! stands *around* the value; inside it only line breaks (of a key that was wrapped) and invisible
//! characters go.

use alloc::string::String;
use zeroize::Zeroizing;

use super::characters::{is_invisible, plain};
use super::entry::{Form, entry, scheme, unquoted, without_mark};
use super::text::{BLANK, LINE, MAX, Part, QUOTE, Text, set};
use super::vocabulary::meaning;
use super::{FieldShape, Kind, address, decode, pieces};

/// Longer pastes are left alone, blanks apart, and those over 64 KiB altogether: no credential comes in so much
/// text.
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
        let now = Text(&text);
        let mut rest = now.all();
        loop {
            let less = found.step(shape, &now, rest);
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
        let value = if found.removed.is_empty() { pasted } else { now.str(rest) };
        let added_scheme = address::lacks_scheme(shape, &Text(value));
        if kind == Kind::Username && found.split.is_none() {
            found.offer_split(&Text(value));
        }
        return Repair {
            value: joined(if added_scheme { "https://" } else { "" }, value),
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
/// Its steps take a part of the text and return what is left of it: the same when there was nothing to do.
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
    pub(super) const fn less(&mut self, what: Removed, left: Part) -> Part {
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
    /// what is invisible: inside it, it joins letters and emoji. So does what is too long to be looked at.
    fn readable(&mut self, pasted: &str) -> Zeroizing<String> {
        let mut text = joined("", pasted);
        if pasted.len() <= MAX {
            text.clear();
            for c in pasted.chars() {
                if self.kind != Kind::Plain && is_invisible(c) {
                    self.note(Removed::Invisible);
                } else {
                    text.push(plain(self.kind, c));
                }
            }
        }
        text
    }

    fn step(&mut self, shape: &FieldShape<'_>, text: &Text<'_>, part: Part) -> Part {
        let kind = self.kind;
        let trimmed = text.trim(part);
        if trimmed.len() < part.len() && !(trimmed.is_empty() && kind == Kind::Password) {
            return self.less(Removed::Blanks, trimmed);
        }
        // A PEM file is a value of its own, line breaks and all.
        if trimmed.is_empty() || part.len() > MAX_PASTE || text.starts(part, "-----BEGIN ") > 0 {
            return part;
        }
        // `<…>` around an e-mail address or a URL is punctuation (RFC 3986, appendix C). Around a key it says
        // "put yours here" and has to stay, to be recognised.
        let bracketed = kind.is_structural() || kind == Kind::Username;
        let inner = unquoted(text, part, bracketed);
        if !inner.is_empty() {
            return self.less(Removed::Quotes, inner);
        }
        if kind == Kind::Plain {
            let visible = text.strip(part, is_invisible);
            if visible.len() < part.len() {
                return self.less(Removed::Invisible, visible);
            }
            return address::step(self, shape, text, part);
        }
        // A password may end in a comma, unless all of it is quoted.
        let rest = without_mark(text, part);
        if rest.len() < part.len()
            && !rest.is_empty()
            && (kind != Kind::Password || !unquoted(text, rest, false).is_empty())
        {
            return self.less(Removed::Trailing, rest);
        }
        if kind.is_structural() {
            address::step(self, shape, text, part)
        } else {
            self.credential(text, part)
        }
    }

    fn credential(&mut self, text: &Text<'_>, part: Part) -> Part {
        let piece = pieces::pick(self, text, part);
        if !piece.is_empty() {
            return piece;
        }
        if self.kind != Kind::Password {
            // A quote that was copied along at one end.
            let one = usize::from(text.opens(part, QUOTE));
            let rest = part.skip(one).cut(usize::from(one == 0 && text.closes(part, QUOTE)));
            if rest.len() < part.len() && !rest.is_empty() && !text.any(rest, QUOTE) {
                return self.less(Removed::Quotes, rest);
            }
        }
        if let Some(entry) = entry(text, self.kind, part) {
            if entry.name_is_harmless(text) {
                self.say(text.str(entry.name));
            }
            let what = match entry.form {
                Form::Assigned => Removed::VariableName,
                Form::Json => Removed::Json,
                Form::Colon => Removed::HeaderName,
            };
            return self.less(what, entry.value);
        }
        let value = scheme(text, part);
        if !value.is_empty() {
            let words = text.trim(part.before(value));
            let less = self.scheme(text, words, part, value);
            if less.len() < part.len() {
                self.say(text.str(words));
                return self.less(Removed::Scheme, less);
            }
        }
        address::credential(self, text, part);
        if self.other.is_some() {
            return part;
        }
        match self.kind {
            Kind::Key => self.wrapped(text, part),
            Kind::Username => {
                let rest = part.skip(text.starts(part, "mailto:"));
                if rest.len() < part.len() && !rest.is_empty() {
                    return self.less(Removed::Address, rest);
                }
                // A user name ends before the first colon (RFC 7617 §2).
                let rest = part.cut(text.ends(part, ":"));
                if rest.len() < part.len() && !rest.is_empty() {
                    return self.less(Removed::Trailing, rest);
                }
                part
            }
            _ => part,
        }
    }

    /// The value after `Bearer` and its like; after `Basic`, what it encodes.
    fn scheme(&mut self, text: &Text<'_>, words: Part, part: Part, value: Part) -> Part {
        if text.ends(words, "basic") > 0
            && let Some(pair) = decode::base64(text.str(value))
        {
            let pair = Text(&pair);
            let all = pair.all();
            let user = pair.until(all, set!(":"));
            let half = self.half(&pair, user, all.after(user).skip(1));
            if user.len() < all.len() && !half.is_empty() {
                self.replace(Removed::Encoding, "", pair.str(half));
                return Part::NONE;
            }
        }
        // Blanks and words may be part of a password.
        if self.kind == Kind::Key { value } else { part }
    }

    /// The half of a pair that belongs into this field, nothing when that is not certain. Notes both for a split.
    #[inline(never)]
    pub(super) fn half(&mut self, text: &Text<'_>, username: Part, password: Part) -> Part {
        if self.kind == Kind::Key {
            // An API key goes alone: the other half is empty, a filler, or a word such as `api` or `token`.
            return if password.is_empty() || text.is(password, "x") {
                username
            } else if text.any(username, set!("@")) || meaning(text, username).only_known_words() {
                password
            } else {
                Part::NONE
            };
        }
        if self.split.is_none() && !username.is_empty() && !password.is_empty() {
            let (username, password) = (text.str(username), text.str(password));
            self.split =
                Some(Split { username: joined("", username), password: joined("", password) });
        }
        if self.kind == Kind::Password { password } else { username }
    }

    /// `user:password` in the field of the user name: offered in two halves, the text itself stays.
    fn offer_split(&mut self, text: &Text<'_>) {
        let all = text.all();
        let username = text.until(all, set!(":"));
        let password = all.after(username).skip(1);
        if text.starts(password, "//") == 0 && !text.any(username, BLANK) {
            self.half(text, username, password);
        }
    }

    /// A key that was wrapped: its lines joined, when every blank in it belongs to a line break.
    fn wrapped(&mut self, text: &Text<'_>, part: Part) -> Part {
        let mut key = joined("", text.str(part));
        key.clear();
        let mut rest = part;
        while !rest.is_empty() {
            let line = text.until(rest, BLANK);
            let between = text.run(rest.after(line), BLANK);
            // More than one value, or words.
            if (!between.is_empty() && !text.any(between, LINE))
                || text.any(line, set!("@"))
                || entry(text, self.kind, line).is_some()
            {
                return part;
            }
            key.push_str(text.str(line));
            rest = rest.after(between);
        }
        if key.len() < part.len() {
            self.note(Removed::LineBreaks);
            self.other = Some(key);
        }
        part
    }
}
