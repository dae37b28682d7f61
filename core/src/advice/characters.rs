//! Which characters are blank or invisible, and what stands for what.
//!
//! Hand-written ranges instead of `char`'s own tables: those cost kilobytes in WebAssembly. The tests
//! hold them against the standard library.

use super::Kind;

/// Whether `c` shows as empty space: Unicode's `White_Space`, and the braille blank, which looks like it.
///
/// Source: <https://www.unicode.org/Public/UCD/latest/ucd/PropList.txt> (`White_Space`).
pub(crate) const fn is_blank(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}'
        | '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{2800}' | '\u{3000}')
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

/// The ASCII character that `c` stands for around a value: a space for every blank, a line feed for what ends
/// a line, a straight quote for every quotation mark, a colon for the full-width one. Other characters stand for themselves. Nothing here is
/// longer than what it replaces.
pub(super) const fn plain(kind: Kind, c: char) -> char {
    match c {
        // Inside a password or a free text everything may be meant.
        _ if matches!(kind, Kind::Password | Kind::Plain) => c,
        // UAX #14, the classes BK, CR, LF and NL.
        '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        _ if is_blank(c) => ' ',
        '：' => ':',
        // O’Brien is a name.
        _ if matches!(kind, Kind::Username) => c,
        '‘' | '’' | '‚' | '‹' | '›' => '\'',
        '“' | '”' | '„' | '«' | '»' | '「' | '」' | '＂' => '"',
        _ => c,
    }
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
    fn what_stands_for_a_character_is_not_longer_and_stands_for_itself() {
        for kind in [Kind::Key, Kind::Username, Kind::Password] {
            for c in char::MIN..=char::MAX {
                let plain_c = plain(kind, c);
                assert!(
                    plain_c.len_utf8() <= c.len_utf8() && plain(kind, plain_c) == plain_c,
                    "{c:?}"
                );
                assert!(plain_c == c || !c.is_ascii_graphic(), "{c:?}");
            }
        }
    }

    #[test]
    fn a_blank_stays_a_blank_and_everything_else_becomes_none() {
        for c in char::MIN..=char::MAX {
            assert_eq!(is_blank(c), is_blank(plain(Kind::Key, c)), "{c:?}");
        }
    }
}
