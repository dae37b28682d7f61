//! Looking at text byte by byte.
//!
//! The standard library's searching is generic: every pattern is compiled anew, and together they made three
//! quarters of this module's WebAssembly. These few functions are compiled once. All positions are where an
//! ASCII character stands or ends, so they never fall inside another character; if one did, the result would
//! be empty, not a panic.

use super::characters::is_blank;

/// A question about one byte of text.
pub(super) type Test = fn(u8) -> bool;

/// Whether the byte is an ASCII blank. Control characters that are none were taken out before.
pub(super) const fn blank(b: u8) -> bool {
    b <= b' '
}

pub(super) const fn digit(b: u8) -> bool {
    b.is_ascii_digit()
}

/// Whether the byte belongs to a word: a letter or digit of ASCII, or part of any other character.
pub(super) const fn in_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || !b.is_ascii()
}

pub(super) const fn quote(b: u8) -> bool {
    matches!(b, b'"' | b'\'' | b'`')
}

/// Where the first byte that passes stands; the length when none does.
#[inline(never)]
pub(super) fn position(text: &str, test: Test) -> usize {
    text.bytes().position(test).unwrap_or(text.len())
}

/// Where `wanted` stands first; the length when it does not.
#[inline(never)]
pub(super) fn index(text: &str, wanted: u8) -> usize {
    text.bytes().position(|b| b == wanted).unwrap_or(text.len())
}

/// Whether a byte passes.
pub(super) fn any(text: &str, test: Test) -> bool {
    position(text, test) < text.len()
}

/// Whether `wanted` occurs.
pub(super) fn has(text: &str, wanted: u8) -> bool {
    index(text, wanted) < text.len()
}

/// Whether all bytes pass.
#[inline(never)]
pub(super) fn all(text: &str, test: Test) -> bool {
    text.bytes().all(test)
}

/// The first byte, 0 when there is none.
pub(super) fn first(text: &str) -> u8 {
    text.as_bytes().first().copied().unwrap_or_default()
}

/// The last byte, 0 when there is none.
pub(super) fn last(text: &str) -> u8 {
    text.as_bytes().last().copied().unwrap_or_default()
}

/// The text before the byte `at`.
#[inline(never)]
pub(super) fn head(text: &str, at: usize) -> &str {
    text.get(..at).unwrap_or_default()
}

/// The text from the byte `at` on.
#[inline(never)]
pub(super) fn tail(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

/// The text without its first and its last byte.
pub(super) fn inner(text: &str) -> &str {
    tail(head(text, text.len().saturating_sub(1)), 1)
}

/// The text without its outer blanks, those outside ASCII included.
#[inline(never)]
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// The text without the blanks at its start, those outside ASCII excluded.
pub(super) fn trim_start(text: &str) -> &str {
    tail(text, position(text, |b| !blank(b)))
}

/// Whether the two are equal but for the case of ASCII letters.
#[inline(never)]
pub(super) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether `text` begins with `prefix`, the case of ASCII letters aside.
#[inline(never)]
pub(super) fn starts(text: &str, prefix: &str) -> bool {
    text.len() >= prefix.len() && same(head(text, prefix.len()), prefix)
}

/// Whether `text` ends with `suffix`, the case of ASCII letters aside.
#[inline(never)]
pub(super) fn ends(text: &str, suffix: &str) -> bool {
    text.len() >= suffix.len() && same(tail(text, text.len() - suffix.len()), suffix)
}

/// The item of a list, parted by `|`, that passes.
#[inline(never)]
pub(super) fn find<'a>(list: &'a str, passes: &dyn Fn(&str) -> bool) -> Option<&'a str> {
    let mut rest = list;
    while !rest.is_empty() {
        let end = index(rest, b'|');
        let item = head(rest, end);
        if passes(item) {
            return Some(item);
        }
        rest = tail(rest, end + 1);
    }
    None
}

/// Whether `word` is an item of the list, the case of ASCII letters aside.
pub(super) fn listed(list: &str, word: &str) -> bool {
    find(list, &|item| same(item, word)).is_some()
}

/// Whether `text` holds an item of the list, the case of ASCII letters aside.
pub(super) fn holds(list: &str, text: &str) -> bool {
    find(list, &|item| (0..text.len()).any(|at| starts(tail(text, at), item))).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_suffixes_are_compared_without_case_and_never_inside_a_character() {
        assert!(starts("HTTPS://acme", "https://"));
        assert!(!starts("é", "e"));
        assert!(!starts("a", "abc"));
        assert!(ends("acme.FRESHDESK.com", ".freshdesk.com"));
        assert!(!ends("é", "x"));
        assert!(!ends("a", "abc"));
    }

    #[test]
    fn a_position_inside_a_character_gives_nothing() {
        assert_eq!((head("é", 1), tail("é", 1), inner("é")), ("", "", ""));
        assert_eq!((head("ab", 9), tail("ab", 9)), ("", ""));
    }

    #[test]
    fn lists_are_searched_item_by_item() {
        assert!(listed("one|two", "TWO") && !listed("one|two", "on") && !listed("", ""));
        assert!(
            holds("your-|-here", "put-it-HERE") && !holds("your-", "yours") && !holds("your-", "é")
        );
    }
}
