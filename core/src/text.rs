//! Looking at text byte by byte.
//!
//! The standard library's searching is generic: every pattern is compiled anew. These few functions are
//! compiled once, and they hand on a piece of text as one number, because WebAssembly returns numbers and
//! nothing else: a `&str` goes through memory. All positions are where an ASCII character stands or ends, so
//! they never fall inside another character; if one did, the result would be empty, not a panic.

use crate::advice::characters::is_blank;

/// The most bytes of a [`Text`].
pub(crate) const MAX: usize = u16::MAX as usize;

/// A set of kinds of bytes.
pub(crate) type Set = u32;

pub(crate) const LINE: Set = 1;
pub(crate) const SPACE: Set = 1 << 1;
/// Blanks of ASCII. Control characters that are none were taken out before.
pub(crate) const BLANK: Set = LINE | SPACE;
pub(crate) const DIGIT: Set = 1 << 2;
pub(crate) const UPPER: Set = 1 << 3;
pub(crate) const LOWER: Set = 1 << 4;
pub(crate) const LETTER: Set = UPPER | LOWER;
/// The letters among the hexadecimal digits, which are letters as well.
pub(crate) const HEX: Set = 1 << 5;
/// A part of a character outside ASCII.
pub(crate) const WIDE: Set = 1 << 6;
/// What words are made of.
pub(crate) const WORD: Set = LETTER | DIGIT | WIDE;
pub(crate) const QUOTE: Set = marks("\"'`");
/// These have a bit each; all other punctuation has none.
const MARKS: &str = "\"'`:=/\\?#&;-_.@()<,{}[]+|";

/// The kinds that a byte belongs to.
pub(crate) const fn class(b: u8) -> Set {
    match b {
        b'\n' => LINE,
        ..=b' ' => SPACE,
        b'0'..=b'9' => DIGIT,
        b'A'..=b'F' => UPPER | HEX,
        b'G'..=b'Z' => UPPER,
        b'a'..=b'f' => LOWER | HEX,
        b'g'..=b'z' => LOWER,
        0x80.. => WIDE,
        _ => {
            let mut bit = WIDE;
            let mut marks = MARKS.as_bytes();
            while let [mark, more @ ..] = marks {
                bit <<= 1;
                if *mark == b {
                    return bit;
                }
                marks = more;
            }
            0
        }
    }
}

/// The bits of some marks, as a constant.
macro_rules! set {
    ($marks:literal) => {
        const { $crate::text::marks($marks) }
    };
}
pub(crate) use set;

pub(crate) const fn marks(marks: &str) -> Set {
    let mut set = 0;
    let mut marks = marks.as_bytes();
    while let [mark, more @ ..] = marks {
        set |= class(*mark);
        marks = more;
    }
    set
}

/// A piece of a [`Text`]: where it starts, and in the lower half where it ends.
#[derive(Clone, Copy)]
pub(crate) struct Part(u32);

impl Part {
    /// No piece at all.
    pub(crate) const NONE: Self = Self(0);

    const fn new(start: usize, end: usize) -> Self {
        Self((start as u32) << 16 | end as u32)
    }

    const fn start(self) -> usize {
        (self.0 >> 16) as usize
    }

    const fn end(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    /// How many bytes it has.
    #[inline(never)]
    pub(crate) const fn len(self) -> usize {
        self.end() - self.start()
    }

    #[inline(never)]
    pub(crate) const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Without its first `count` bytes, or what there is of them.
    #[inline(never)]
    pub(crate) const fn skip(self, count: usize) -> Self {
        if count < self.len() { Self(self.0 + ((count as u32) << 16)) } else { self.after(self) }
    }

    /// Without its last `count` bytes, or what there is of them.
    #[inline(never)]
    pub(crate) const fn cut(self, count: usize) -> Self {
        if count < self.len() { Self(self.0 - count as u32) } else { self.before(self) }
    }

    /// What of this follows on `head`.
    #[inline(never)]
    pub(crate) const fn after(self, head: Self) -> Self {
        Self(head.0 << 16 | self.0 & 0xffff)
    }

    /// What of this comes before `tail`.
    #[inline(never)]
    pub(crate) const fn before(self, tail: Self) -> Self {
        Self(self.0 & 0xffff_0000 | tail.0 >> 16)
    }

    /// What of this begins where `other` begins.
    #[inline(never)]
    pub(crate) const fn at(self, other: Self) -> Self {
        Self(other.0 & 0xffff_0000 | self.0 & 0xffff)
    }

    /// Without its first and its last byte.
    pub(crate) const fn inner(self) -> Self {
        self.skip(1).cut(1)
    }
}

/// Where a word of a list is to stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// A text of at most [`MAX`] bytes; of a longer one nothing is seen.
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl<'a> Text<'a> {
    /// All of it.
    pub(crate) fn all(&self) -> Part {
        Part::new(0, if self.0.len() > MAX { 0 } else { self.0.len() })
    }

    #[inline(never)]
    pub(crate) fn str(&self, part: Part) -> &'a str {
        self.0.get(part.start()..part.end()).unwrap_or_default()
    }

    #[inline]
    fn bytes(&self, part: Part) -> &'a [u8] {
        self.0.as_bytes().get(part.start()..part.end()).unwrap_or_default()
    }

    /// The first byte, 0 when there is none.
    #[inline(never)]
    pub(crate) fn first(&self, part: Part) -> u8 {
        self.bytes(part).first().copied().unwrap_or_default()
    }

    /// The last byte, 0 when there is none.
    #[inline(never)]
    pub(crate) fn last(&self, part: Part) -> u8 {
        self.bytes(part).last().copied().unwrap_or_default()
    }

    /// Whether the first byte, or the lack of one, is of `set`.
    pub(crate) fn opens(&self, part: Part, set: Set) -> bool {
        class(self.first(part)) & set != 0
    }

    /// Whether the last byte, or the lack of one, is of `set`.
    pub(crate) fn closes(&self, part: Part, set: Set) -> bool {
        class(self.last(part)) & set != 0
    }

    /// The bytes at the start of which each is of `set`, or of which none is.
    #[inline(never)]
    fn scan(&self, part: Part, set: Set, wanted: bool) -> Part {
        let mut at = part.start();
        for b in self.bytes(part) {
            if (class(*b) & set != 0) != wanted {
                break;
            }
            at += 1;
        }
        Part::new(part.start(), at)
    }

    /// The bytes before the first one of `set`; all when there is none.
    pub(crate) fn until(&self, part: Part, set: Set) -> Part {
        self.scan(part, set, false)
    }

    /// The bytes of `set` at the start.
    pub(crate) fn run(&self, part: Part, set: Set) -> Part {
        self.scan(part, set, true)
    }

    /// Whether a byte is of `set`.
    pub(crate) fn any(&self, part: Part, set: Set) -> bool {
        self.until(part, set).len() < part.len()
    }

    /// Whether all bytes are of `set`.
    pub(crate) fn all_of(&self, part: Part, set: Set) -> bool {
        self.run(part, set).len() == part.len()
    }

    /// Without the outer characters that pass.
    #[inline(never)]
    pub(crate) fn strip(&self, part: Part, passes: fn(char) -> bool) -> Part {
        let (mut start, mut end, mut at) = (part.end(), part.start(), part.start());
        for c in self.str(part).chars() {
            let next = at + c.len_utf8();
            if !passes(c) {
                if start > at {
                    start = at;
                }
                end = next;
                // Seldom is there anything to be looked for at the other end.
                if self.last(part) > b' ' && self.last(part).is_ascii() {
                    end = part.end();
                    break;
                }
            }
            at = next;
        }
        if end > start { Part::new(start, end) } else { part.before(part) }
    }

    /// Without the outer blanks, those outside ASCII included.
    #[inline(never)]
    pub(crate) fn trim(&self, part: Part) -> Part {
        self.strip(part, is_blank)
    }

    /// How long the first word of the list is that stands in `part` at that place, the case of ASCII letters
    /// aside; 0 when none does. Words are parted by `|`.
    #[inline(never)]
    fn word(&self, part: Part, list: &str, place: Place) -> usize {
        let text = self.bytes(part);
        for word in list.as_bytes().split(|b| *b == b'|') {
            let Some(spare) = text.len().checked_sub(word.len()) else { continue };
            let mut at = if place == Place::End || place == Place::Whole { spare } else { 0 };
            let last = if place == Place::Start || place == Place::Whole { 0 } else { spare };
            while at <= last {
                if text.get(at..at + word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word))
                {
                    return word.len();
                }
                at += 1;
            }
        }
        0
    }

    /// Whether all of it is a word of the list.
    pub(crate) fn is(&self, part: Part, list: &str) -> bool {
        self.word(part, list, Place::Whole) > 0
    }

    /// How long the word of the list is that it starts with.
    pub(crate) fn starts(&self, part: Part, list: &str) -> usize {
        self.word(part, list, Place::Start)
    }

    /// How long the word of the list is that it ends with.
    pub(crate) fn ends(&self, part: Part, list: &str) -> usize {
        self.word(part, list, Place::End)
    }

    /// Whether it holds a word of the list.
    pub(crate) fn holds(&self, part: Part, list: &str) -> bool {
        self.word(part, list, Place::Anywhere) > 0
    }
}

/// What stands before a mark of ASCII, and after it; all and nothing where there is none.
#[must_use]
#[inline(never)]
pub fn cut(text: &str, mark: u8) -> (&str, &str) {
    let at = text.bytes().position(|byte| byte == mark).unwrap_or(text.len());
    (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())
}

/// One text of several. As `concat`, which is generic and twice the size.
#[must_use]
#[inline(never)]
pub fn joined(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        text.push_str(part);
    }
    text
}

/// Appends a byte as two hexadecimal digits.
#[inline(never)]
pub(crate) fn push_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 15] {
        text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_byte_has_a_bit_of_its_own() {
        let kinds = [LINE, SPACE, DIGIT, UPPER, LOWER, HEX, WIDE];
        assert!(MARKS.len() + kinds.len() <= 32);
        for (at, mark) in MARKS.bytes().enumerate() {
            assert_eq!(class(mark), 1 << (at + kinds.len()), "{mark}");
        }
        assert_eq!((class(b'*'), class(b'b'), class(b'G')), (0, LOWER | HEX, UPPER));
    }

    #[test]
    fn prefixes_and_suffixes_are_compared_without_case_and_never_inside_a_character() {
        let text = Text("HTTPS://acme.FRESHDESK.com");
        assert_eq!(text.starts(text.all(), "http://|https://"), 8);
        assert_eq!(text.ends(text.all(), ".freshdesk.com"), 14);
        let e = Text("é");
        assert_eq!((e.starts(e.all(), "e|éé"), e.ends(e.all(), "x|éé")), (0, 0));
    }

    #[test]
    fn a_position_inside_a_character_gives_nothing() {
        let e = Text("é");
        for part in [e.all().skip(1), e.all().cut(1), e.all().inner()] {
            assert_eq!(e.str(part), "");
        }
    }

    #[test]
    fn no_more_is_taken_away_than_there_is() {
        let text = Text("ab");
        let all = text.all();
        assert_eq!((text.str(all.skip(9)), text.str(all.cut(9))), ("", ""));
        assert_eq!((text.str(all.skip(1)), text.str(all.cut(1))), ("b", "a"));
        assert_eq!((text.first(Part::NONE), text.last(Part::NONE)), (0, 0));
    }

    #[test]
    fn of_a_longer_text_nothing_is_seen() {
        let long = "a".repeat(MAX + 1);
        assert!(Text(&long).all().is_empty());
    }

    #[test]
    fn lists_are_searched_item_by_item() {
        let is = |list, text| Text(text).is(Text(text).all(), list);
        let holds = |list, text| Text(text).holds(Text(text).all(), list);
        assert!(is("one|two", "TWO") && !is("one|two", "on") && !is("", ""));
        assert!(
            holds("your-|-here", "put-it-HERE") && !holds("your-", "yours") && !holds("your-", "é")
        );
    }

    #[test]
    fn blanks_of_all_scripts_are_stripped() {
        for text in ["\u{a0} a\u{3000}b \n", "a\u{3000}b\u{a0}", " a\u{3000}b"] {
            assert_eq!(Text(text).str(Text(text).trim(Text(text).all())), "a\u{3000}b");
        }
        assert!(Text(" \u{a0} ").trim(Text(" \u{a0} ").all()).is_empty());
        assert!(Text("").trim(Part::NONE).is_empty());
    }
}
