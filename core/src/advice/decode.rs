//! Base64 and percent-encoding, for the pairs that hide in `Basic …` and in `https://user:password@host`.
//!
//! Both read printable ASCII only: what people put there is a user name and a token. Anything else gives an empty
//! text.

use alloc::string::String;
use zeroize::Zeroizing;

use super::found::room;

/// The text that `encoded` stands for in base64 (RFC 4648 §4 or §5, padding optional).
pub(super) fn base64(encoded: &str) -> Zeroizing<String> {
    let mut text = room(encoded.len());
    let (mut bits, mut held) = (0_u32, 0_u8);
    for byte in encoded.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => return room(0),
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            if !push(&mut text, (bits >> held) as u8) {
                return room(0);
            }
        }
    }
    text
}

/// `encoded` with `%41` and its like replaced (RFC 3986 §2.1); a `%` without two hexadecimal digits stays.
pub(super) fn percent(encoded: &str) -> Zeroizing<String> {
    let mut text = room(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [byte, more @ ..] = rest {
        rest = more;
        let mut byte = *byte;
        if let (b'%', [high, low, after @ ..]) = (byte, more)
            && let (Some(high), Some(low)) =
                (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            byte = (high * 16 + low) as u8;
            rest = after;
        }
        if !push(&mut text, byte) {
            return room(0);
        }
    }
    text
}

fn push(text: &mut String, byte: u8) -> bool {
    let printable = matches!(byte, b' '..=b'~');
    if printable {
        text.push(char::from(byte));
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding_and_in_both_alphabets() {
        // Test vectors of RFC 4648 §10, and the two characters in which the alphabets differ.
        for (encoded, decoded) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmFy", "foobar"),
            ("fn5+fn4/", "~~~~~?"),
            ("fn5-fn4_", "~~~~~?"),
        ] {
            assert!(*base64(encoded) == *decoded, "{encoded}");
        }
    }

    #[test]
    fn what_is_no_base64_or_no_printable_text_gives_nothing() {
        for encoded in ["a b", "ab.cd", "AAEC", "//79", "w7_Dvw"] {
            assert!(base64(encoded).is_empty(), "{encoded}");
        }
    }

    #[test]
    fn percent_signs_are_decoded_where_they_encode_something() {
        for (encoded, decoded) in
            [("jane%40acme.example", "jane@acme.example"), ("100%", "100%"), ("%zz%4", "%zz%4")]
        {
            assert!(*percent(encoded) == *decoded, "{encoded}");
        }
        assert!(percent("%ff").is_empty() && percent("a%0ab").is_empty());
    }
}
