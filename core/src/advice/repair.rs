//! Taking away what was copied along with a value.
//!
//! The rule that everything here keeps: a well-formed value comes out as it went in. What is removed
//! stands *around* the value; inside it only line breaks (of a key that was wrapped) and invisible
//! characters go.

use alloc::string::String;
use core::mem::take;
use zeroize::Zeroizing;

use super::characters::{is_invisible, plain};
use super::entry::{Form, entry, scheme, unquoted, without_mark};
use super::found::{Found, Removals, Removed, Split, joined, room};
use super::{FieldShape, Kind, address, decode, pieces};
use crate::text::{BLANK, LINE, MAX, Part, QUOTE, Text, set};

/// Longer pastes are left alone, blanks apart, and those over 64 KiB altogether: no credential comes in so much
/// text.
const MAX_PASTE: usize = 16 * 1024;

/// The quotation marks of word processors, in whichever order a language has them: “…”, „…“, ”…”, »…«.
const CURLY: &str = "“|”|„|«|»|‘|’|‚|‹|›|「|」";

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

    /// Whether [`value`](Self::value) replaces what was pasted without asking.
    #[must_use]
    pub const fn applies(&self) -> bool {
        self.found_something() && !self.offer && self.split.is_none()
    }
}

/// Takes away from `pasted` what does not belong into the field.
///
/// For use on paste and on submit, never while somebody types. Applying it to its own result changes
/// nothing more. When nothing was found, `value` is `pasted`.
#[must_use]
pub fn repair(shape: &FieldShape<'_>, pasted: &str) -> Repair {
    let kind = shape.kind;
    let mut found = Found {
        kind,
        part: Part::NONE,
        removed: Removals::default(),
        words: String::new(),
        split: None,
        other: Zeroizing::default(),
    };
    let mut text = found.readable(pasted);
    loop {
        // Everything that can be done by looking at less of the text is; only decoding and joining lines
        // need a new one, and then the looking starts again.
        let now = Text(&text);
        found.part = now.all();
        while found.step(shape, &now) && found.other.is_empty() {}
        if !found.other.is_empty() {
            text = take(&mut found.other);
            continue;
        }
        // What was made readable is for looking at; a value that needs no repair stays as it was.
        let value = if found.removed.is_empty() { pasted } else { now.str(found.part) };
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

/// The steps of a repair say whether there was something to do.
impl Found {
    /// The text without invisible characters, and with plain blanks and quotes (see [`plain`]). Free text keeps
    /// what is invisible: inside it, it joins letters and emoji. So does what is too long to be looked at.
    fn readable(&mut self, pasted: &str) -> Zeroizing<String> {
        let mut text = room(pasted.len());
        for c in pasted.chars() {
            if self.kind != Kind::Plain && pasted.len() <= MAX && is_invisible(c) {
                self.note(Removed::Invisible);
            } else {
                text.push(plain(self.kind, c));
            }
        }
        text
    }

    fn step(&mut self, shape: &FieldShape<'_>, text: &Text<'_>) -> bool {
        let kind = self.kind;
        let trimmed = text.trim(self.part);
        if trimmed.is_empty() {
            // A password may be made of blanks.
            if kind != Kind::Password && !self.part.is_empty() {
                self.note(Removed::Blanks);
                self.part = trimmed;
            }
            return false;
        }
        if self.take(Removed::Blanks, trimmed) {
            return true;
        }
        let part = self.part;
        // A PEM file is a value of its own, line breaks and all.
        if part.len() > MAX_PASTE || text.starts(part, "-----BEGIN ") > 0 {
            return false;
        }
        // `<…>` around an e-mail address or a URL is punctuation (RFC 3986, appendix C). Around a key it says
        // "put yours here" and has to stay, to be recognised.
        let bracketed = kind.is_structural() || kind == Kind::Username;
        if self.take(Removed::Quotes, unquoted(text, part, bracketed)) {
            return true;
        }
        // In a user name and a password they were left as they are: inside, they may be meant.
        let (before, after) = (text.starts(part, CURLY), text.ends(part, CURLY));
        if before > 0 && after > 0 && self.take(Removed::Quotes, part.skip(before).cut(after)) {
            return true;
        }
        if kind == Kind::Plain {
            return self.take(Removed::Invisible, text.strip(part, is_invisible))
                || address::step(self, shape, text);
        }
        // A password may end in a comma, unless all of it is quoted.
        let rest = without_mark(text, part);
        if (kind != Kind::Password || !unquoted(text, rest, false).is_empty())
            && self.take(Removed::Trailing, rest)
        {
            return true;
        }
        if kind.is_structural() {
            address::step(self, shape, text)
        } else {
            pieces::pick(self, text)
                || self.lone_quote(text)
                || self.entry(text)
                || self.scheme(text)
                || address::credential(self, text)
                || self.rest(text)
        }
    }

    /// A quote that was copied along at one end.
    fn lone_quote(&mut self, text: &Text<'_>) -> bool {
        let mut rest = self.part.skip(usize::from(text.opens(self.part, QUOTE)));
        if rest.len() == self.part.len() {
            rest = rest.cut(usize::from(text.closes(rest, QUOTE)));
        }
        self.kind != Kind::Password && !text.any(rest, QUOTE) && self.take(Removed::Quotes, rest)
    }

    /// The name before a value.
    fn entry(&mut self, text: &Text<'_>) -> bool {
        let Some(entry) = entry(text, self.kind, self.part) else { return false };
        if entry.name_is_harmless(text) {
            self.say(text.str(entry.name));
        }
        let what = match entry.form {
            Form::Assigned => Removed::VariableName,
            Form::Json => Removed::Json,
            Form::Colon => Removed::HeaderName,
        };
        self.take(what, entry.value)
    }

    /// `Bearer` and its like before a value; after `Basic`, what it encodes.
    fn scheme(&mut self, text: &Text<'_>) -> bool {
        let value = scheme(text, self.part);
        let words = text.trim(self.part.before(value));
        let mut found = false;
        if text.ends(words, "basic") > 0 {
            let pair = decode::base64(text.str(value));
            let pair = Text(&pair);
            let all = pair.all();
            let user = pair.until(all, set!(":"));
            let half = self.half(&pair, user, all.after(user).skip(1));
            found = user.len() < all.len()
                && !half.is_empty()
                && self.replace(Removed::Encoding, "", pair.str(half));
        }
        // Blanks and words may be part of a password.
        found = found || (self.kind == Kind::Key && self.take(Removed::Scheme, value));
        if found {
            self.note(Removed::Scheme);
            self.say(text.str(words));
        }
        found
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

    /// What only one kind of field can have: a key that was wrapped, the scheme of an e-mail's link, the colon that
    /// ends a user name (RFC 7617 §2).
    fn rest(&mut self, text: &Text<'_>) -> bool {
        let part = self.part;
        match self.kind {
            Kind::Key => self.wrapped(text),
            Kind::Username => {
                self.take(Removed::Address, part.skip(text.starts(part, "mailto:")))
                    || self.take(Removed::Trailing, part.cut(text.ends(part, ":")))
            }
            _ => false,
        }
    }

    /// A key that was wrapped: its lines joined, when every blank in it belongs to a line break.
    fn wrapped(&mut self, text: &Text<'_>) -> bool {
        let mut key = room(self.part.len());
        let mut rest = self.part;
        while !rest.is_empty() {
            let line = text.until(rest, BLANK);
            let between = text.run(rest.after(line), BLANK);
            // More than one value, or words.
            if (!between.is_empty() && !text.any(between, LINE))
                || text.any(line, set!("@"))
                || entry(text, self.kind, line).is_some()
            {
                return false;
            }
            key.push_str(text.str(line));
            rest = rest.after(between);
        }
        key.len() < self.part.len() && self.replace(Removed::LineBreaks, "", &key)
    }
}
