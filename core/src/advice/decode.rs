//! Base64 and percent-encoding, for the pairs that hide in `Basic …` and in `https://user:password@host`.

use alloc::string::String;
use alloc::vec::Vec;
use zeroize::Zeroizing;

use super::characters::is_invisible;

/// The text that `encoded` stands for in base64 (RFC 4648 §4 or §5, padding optional), when it is text.
pub(super) fn base64(encoded: &str) -> Option<Zeroizing<String>> {
    // Enough room from the start: growing would leave copies of the secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let (mut bits, mut held) = (0_u32, 0_u8);
    for byte in encoded.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    text(&bytes)
}

/// `encoded` with `%41` and its like replaced (RFC 3986 §2.1); a `%` without two hexadecimal digits stays.
pub(super) fn percent(encoded: &str) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        rest = tail;
        bytes.push(*first);
        if let (b'%', [high, low, tail @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            bytes.pop();
            bytes.push((high * 16 + low) as u8);
            rest = tail;
        }
    }
    text(&bytes)
}

fn text(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let text = core::str::from_utf8(bytes).ok()?;
    (!text.contains(is_invisible)).then(|| Zeroizing::new(String::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding_and_in_both_alphabets() {
        // Test vectors of RFC 4648 §10.
        for (encoded, decoded) in [
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("Zm9vYmFy", "foobar"),
            ("w7_Dvw", "ÿÿ"),
        ] {
            assert!(base64(encoded).is_some_and(|text| *text == *decoded), "{encoded}");
        }
    }

    #[test]
    fn what_is_no_base64_or_no_text_is_none() {
        for encoded in ["a b", "ab.cd", "AAEC", "//79"] {
            assert!(base64(encoded).is_none(), "{encoded}");
        }
    }

    #[test]
    fn percent_signs_are_decoded_where_they_encode_something() {
        for (encoded, decoded) in [
            ("jane%40acme.example", "jane@acme.example"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%C3%A9", "é"),
        ] {
            assert!(percent(encoded).is_some_and(|text| *text == *decoded), "{encoded}");
        }
        assert!(percent("%ff").is_none());
    }
}
