//! Which characters are blank, invisible or break a line.
//!
//! Hand-written ranges instead of `char`'s own tables: those cost kilobytes in WebAssembly. The tests
//! hold them against the standard library.

/// Whether `c` shows as empty space: Unicode's `White_Space`, and the braille blank, which looks like it.
///
/// Source: <https://www.unicode.org/Public/UCD/latest/ucd/PropList.txt> (`White_Space`).
pub(super) const fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
        | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{2800}' | '\u{3000}')
}

/// Whether `c` ends a line. Source: UAX #14, the classes `BK`, `CR`, `LF` and `NL`.
pub(super) const fn is_line_break(c: char) -> bool {
    matches!(c, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether `c` takes no place on the screen: control characters, zero-width characters, the byte order
/// mark, bidirectional marks, soft hyphens, variation selectors, tags. None is ever part of a credential;
/// web pages, chat programs and PDF files put them into what is copied.
///
/// Source: `Default_Ignorable_Code_Point` of
/// <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>, general category `Cc` without
/// the blanks, and the interlinear and object marks U+FFF9..U+FFFC.
pub(super) const fn is_invisible(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The text without its outer blanks.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Whether `text` holds a blank.
pub(super) fn has_blank(text: &str) -> bool {
    text.contains(is_blank)
}

/// `text` after `prefix`, compared without regard to ASCII case.
pub(super) fn after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// `text` before `suffix`, compared without regard to ASCII case.
pub(super) fn before<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_white_space_character_of_unicode_is_blank_and_nothing_else_but_the_braille_blank() {
        for c in char::MIN..=char::MAX {
            assert_eq!(is_blank(c), c.is_whitespace() || c == '\u{2800}', "{c:?}");
        }
    }

    #[test]
    fn every_control_character_is_blank_or_invisible() {
        for c in (char::MIN..=char::MAX).filter(|c| c.is_control()) {
            assert_ne!(is_blank(c), is_invisible(c), "{c:?}");
        }
    }

    #[test]
    fn no_letter_digit_or_printable_ascii_character_is_invisible() {
        // Hangul fillers are letters to Unicode (`Lo`), and show as nothing: the only exception.
        let fillers = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
        for c in (char::MIN..=char::MAX).filter(|c| c.is_alphanumeric() || c.is_ascii_graphic()) {
            assert!(!is_invisible(c) || fillers.contains(&c), "{c:?}");
        }
    }

    #[test]
    fn every_line_break_is_a_blank() {
        for c in (char::MIN..=char::MAX).filter(|&c| is_line_break(c)) {
            assert!(is_blank(c), "{c:?}");
        }
    }

    #[test]
    fn prefixes_and_suffixes_are_compared_without_case_and_never_inside_a_character() {
        assert_eq!(after("HTTPS://acme", "https://"), Some("acme"));
        assert_eq!(after("é", "e"), None);
        assert_eq!(before("acme.FRESHDESK.com", ".freshdesk.com"), Some("acme"));
        assert_eq!(before("é", "x"), None);
        assert_eq!(before("a", "abc"), None);
    }
}
