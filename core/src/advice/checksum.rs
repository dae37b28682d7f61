//! Checksums that vendors put into their keys so that a damaged one can be told without asking them.

use super::KeyShape;

/// GitHub's tail: the last six characters of a token are the CRC-32 of the characters between the prefix
/// and them, in base 62 with the digits first.
///
/// Source: <https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>; npm's tokens
/// use the same: <https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/>.
const GITHUB_CRC32: &str = "github-crc32";

/// How many base-62 digits the CRC takes.
const DIGITS: usize = 6;

/// Whether `body`, what follows the prefix, carries the checksum that `shape` asks for. Unknown kinds of
/// checksum pass: a newer template must not make an older widget complain.
pub(super) fn is_right(shape: &KeyShape, body: &str) -> bool {
    if shape.checksum != GITHUB_CRC32 {
        return true;
    }
    let Some((random, tail)) =
        body.len().checked_sub(DIGITS).and_then(|at| body.split_at_checked(at))
    else {
        return false;
    };
    let mut rest = crc32(random.as_bytes());
    tail.bytes().rev().all(|claimed| {
        let digit = (rest % 62) as u8;
        rest /= 62;
        let first = match digit {
            0..10 => b'0',
            10..36 => b'A' - 10,
            _ => b'a' - 36,
        };
        claimed == first + digit
    })
}

/// CRC-32 (ISO-HDLC, the one of zip and Ethernet), bit by bit: a key is short, a table is a kilobyte.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(checksum: &str) -> KeyShape {
        KeyShape { checksum: checksum.into(), ..KeyShape::default() }
    }

    #[test]
    fn crc32_gives_the_check_value_of_the_catalogue() {
        // <https://reveng.sourceforge.io/crc-catalogue/17plus.htm#crc.cat.crc-32-iso-hdlc>
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn the_token_in_githubs_documentation_carries_a_right_checksum() {
        // Put together here, so that no file holds a whole token: GitHub's own published sample.
        let body = ["zQWBuTSOoRi4A9spHcVY", "5ncnsDkxkJ", "0mLq17"].concat();
        assert!(is_right(&shape("github-crc32"), &body));
        assert!(!is_right(&shape("github-crc32"), &body.replace("zQ", "Qz")));
    }

    #[test]
    fn a_body_too_short_or_outside_the_alphabet_has_no_right_checksum() {
        for body in ["", "abc", "aaaaaaaaaa-12345", "ääääää"] {
            assert!(!is_right(&shape("github-crc32"), body), "{body}");
        }
    }

    #[test]
    fn an_unknown_checksum_passes() {
        assert!(is_right(&shape("sha3-tail"), "anything"));
        assert!(is_right(&KeyShape::default(), "anything"));
    }
}
