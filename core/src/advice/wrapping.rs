//! What is wrapped around one value: blanks, quotes, punctuation, the name of an auth scheme.

use super::characters::{has_blank, is_blank, trim};
use super::entry::is_label;
use super::vocabulary::meaning;

/// Quotation marks that belong together, as word processors and chat programs of several languages set them.
const QUOTES: [(char, char); 15] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('”', '”'),
    ('„', '“'),
    ('„', '”'),
    ('‘', '’'),
    ('’', '’'),
    ('‚', '‘'),
    ('«', '»'),
    ('»', '«'),
    ('‹', '›'),
    ('「', '」'),
    ('＂', '＂'),
];

/// The text inside matching quotation marks.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|&(open, close)| {
        let inner = text.strip_prefix(open)?.strip_suffix(close)?;
        // `"a" "b"` begins and ends with a quote and is not one quoted text.
        let core = inner.trim_matches([open, close]);
        (!core.is_empty() && !core.contains([open, close])).then_some(inner)
    })
}

/// The text without a single quotation mark that was copied along at one end.
pub(super) fn half_unquoted(text: &str) -> Option<&str> {
    let is_quote = |c: char| QUOTES.iter().any(|&(open, close)| c == open || c == close);
    let core = text.trim_matches(is_quote);
    (core.len() < text.len() && !core.is_empty() && !core.contains(is_quote)).then_some(core)
}

/// The text without a comma or semicolon at its end.
pub(super) fn without_trailing_mark(text: &str) -> Option<&str> {
    text.strip_suffix([',', ';']).filter(|rest| !rest.is_empty())
}

/// A value as it stands in a list or a program, without its quotes and punctuation: `"value",`.
pub(super) fn bare(text: &str) -> &str {
    let text = trim(text.trim_end_matches([',', ';']));
    unquoted(text).unwrap_or(text)
}

/// Parts `Bearer abc`, `Token abc`, `DeepL-Auth-Key abc` or `API key abc` into the words and the value.
pub(super) fn scheme(text: &str) -> Option<(&str, &str)> {
    let at = text.rfind(is_blank)?;
    let (head, tail) = text.split_at_checked(at)?;
    let (head, tail) = (trim(head), trim(tail));
    let said = meaning(head);
    // `Bearer abc` is certain; a foreign word needs a value that is more than a word of a sentence.
    let enough = if said.only_known_words { 1 } else { 8 + 8 * usize::from(has_blank(head)) };
    // "secret key" are two names and no value.
    let is_name = is_label(tail) && meaning(tail).is_certain();
    (said.secret && is_label(head) && tail.len() >= enough && !is_name).then_some((head, tail))
}
