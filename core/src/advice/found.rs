//! What a repair has found so far: the state that its steps hand on, and what is said of it afterwards.

use alloc::string::String;
use zeroize::Zeroizing;

use super::Kind;
use super::vocabulary::meaning;
use crate::text::{Part, Text, set};

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

/// An empty text with room for so many bytes, because growing would leave copies of a secret behind.
#[inline(never)]
pub(super) fn room(bytes: usize) -> Zeroizing<String> {
    Zeroizing::new(String::with_capacity(bytes))
}

/// Two texts as one.
#[inline(never)]
pub(super) fn joined(one: &str, two: &str) -> Zeroizing<String> {
    let mut text = room(one.len() + two.len());
    text.push_str(one);
    text.push_str(two);
    text
}

/// What a repair has found so far.
pub(super) struct Found {
    pub(super) kind: Kind,
    /// What is left of the text.
    pub(super) part: Part,
    pub(super) removed: Removals,
    pub(super) words: String,
    pub(super) split: Option<Split>,
    /// A new text, shorter than the one before, when a part of that one would not do; else empty.
    pub(super) other: Zeroizing<String>,
}

impl Found {
    /// Notes a removal.
    #[inline(never)]
    pub(super) const fn note(&mut self, what: Removed) {
        self.removed.0 |= 1 << what as u16;
    }

    /// Goes on with `left`, if that is something, and less than there was.
    #[inline(never)]
    pub(super) const fn take(&mut self, what: Removed, left: Part) -> bool {
        let less = !left.is_empty() && left.len() < self.part.len();
        if less {
            self.note(what);
            self.part = left;
        }
        less
    }

    /// Goes on with another text.
    #[inline(never)]
    pub(super) fn replace(&mut self, what: Removed, one: &str, two: &str) -> bool {
        self.note(what);
        self.other = joined(one, two);
        true
    }

    /// Notes names that may be shown (see [`Repair::words`](super::Repair::words)).
    #[inline(never)]
    pub(super) fn say(&mut self, words: &str) {
        if !self.words.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(words);
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
}
