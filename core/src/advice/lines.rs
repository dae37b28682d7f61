//! Several lines, or a JSON object, of which one holds the value: a piece of a `.env` file, the headers of a
//! request, a label and a key copied from a page.

use super::Kind;
use super::characters::{has_blank, is_line_break, trim};
use super::entry::{Entry, entry};
use super::repair::{Found, Removed, Step};
use super::vocabulary::meaning;
use super::wrapping::bare;

/// Words on the buttons beside a key, which a selection takes along.
const BUTTONS: &str = "copy copied copied! show hide reveal edit delete regenerate revoke";

/// Looks for the one line that holds the value. Several candidates are no answer: then the text stays.
pub(super) fn step<'a>(found: &mut Found, text: &'a str) -> Option<Step<'a>> {
    let object = text.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
    if object.is_none() && !text.contains(is_line_break) {
        return None;
    }

    let (mut secret, mut person, mut any) = (One::None, One::None, One::None);
    let mut count = 0_usize;
    let mut records = Records { rest: object.unwrap_or(text), json: object.is_some() };
    let mut words = [""; 2];
    while let Some(record) = records.next() {
        let record = trim(record);
        if record.is_empty() {
            continue;
        }
        if let Some(word) = words.get_mut(count) {
            *word = record;
        }
        count += 1;
        if let Some(entry) = entry(Kind::Username, record).or_else(|| entry(found.kind, record)) {
            let meaning = entry.meaning();
            any.add(record, entry);
            if meaning.secret {
                secret.add(record, entry);
            } else if meaning.person {
                person.add(record, entry);
            }
        }
    }

    let chosen = match found.kind {
        Kind::Username => person.only().or_else(|| secret.only()),
        _ => secret.only(),
    };
    if let (One::Found(_, username), One::Found(_, password)) = (&person, &secret)
        && found.kind != Kind::Key
    {
        found.half(bare(username.value), bare(password.value));
    }
    if let Some(record) = chosen.or_else(|| object.and_then(|_| any.only())) {
        if count > 1 {
            found.note(Removed::OtherLines);
        }
        return found
            .less(if object.is_some() { Removed::Json } else { Removed::OtherLines }, record);
    }

    let [first, second] = words;
    if count != 2 || object.is_some() || found.kind == Kind::Password {
        return None;
    }
    // A label, or a button, and the value on the line beside it.
    if meaning(first).is_certain() && !has_blank(second) {
        return found.less(Removed::OtherLines, second);
    }
    if BUTTONS.split(' ').any(|button| button.eq_ignore_ascii_case(second)) {
        return found.less(Removed::OtherLines, first);
    }
    if found.kind == Kind::Username && !has_blank(first) && !has_blank(second) {
        found.half(first, second);
        return found.less(Removed::OtherLines, first);
    }
    None
}

/// None, one, or more than one line of a kind.
enum One<'a> {
    None,
    Found(&'a str, Entry<'a>),
    Several,
}

impl<'a> One<'a> {
    fn add(&mut self, record: &'a str, entry: Entry<'a>) {
        *self = if matches!(self, Self::None) { Self::Found(record, entry) } else { Self::Several };
    }

    const fn only(&self) -> Option<&'a str> {
        if let Self::Found(record, _) = *self { Some(record) } else { None }
    }
}

/// Parts a text at its line breaks, and a JSON object also at its punctuation outside of quotes.
struct Records<'a> {
    rest: &'a str,
    json: bool,
}

impl<'a> Records<'a> {
    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let end = self.rest.find(|c| {
            quoted ^= self.json && c == '"';
            is_line_break(c) || (self.json && !quoted && matches!(c, ',' | '{' | '}' | '[' | ']'))
        });
        let (record, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        let mut rest = rest.chars();
        rest.next();
        self.rest = rest.as_str();
        Some(record)
    }
}
