//! The bearer tokens that this server hands out: secret keys for backends and connect session tokens
//! for browsers. A token is 256 random bits, shown once as a [`PlainToken`] and kept only as a
//! [`TokenHash`]: two types, so that a plain token cannot be stored by mistake.
//!
//! The hash is HMAC-SHA-256 under a pepper that the vault keeps, not a password hash: there is nothing
//! to slow down about guessing 256 random bits (OWASP ASVS 5.0, 6.5.2 draws the line at 112).

use aws_lc_rs::{digest, hmac, rand};
use secrecy::{ExposeSecret, SecretString};

/// What every connect session token starts with; existing clients check it.
pub const SESSION_PREFIX: &str = "nango_connect_session_";
/// What every secret key made by this server starts with, so that leaked ones can be recognised.
pub const SECRET_KEY_PREFIX: &str = "ksk_";
/// What a `KEYSLOT_SECRET_KEY` of environment `dev` starts with. No key made by this server does: `_` is
/// not in base 62.
pub const DEV_SECRET_KEY_PREFIX: &str = "ksk_dev_";
/// The fewest characters of a secret key that the operator chose (`KEYSLOT_SECRET_KEY`).
pub const SECRET_KEY_MIN: usize = 32;
/// The most characters of any token; longer ones are not hashed.
pub const TOKEN_MAX: usize = 255;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 43 characters out of 62 carry 256 bits.
const BODY: usize = 43;
const CHECKSUM: usize = 6;

/// A token in the clear. It has no `Debug` of its value, and is wiped from memory when dropped.
pub struct PlainToken(SecretString);

impl PlainToken {
    /// The token itself, to be shown once to whoever asked for it.
    pub fn expose(&self) -> &str {
        // EXPOSE: the one door to a token that was just made.
        self.0.expose_secret()
    }
}

/// The randomness of the operating system failed.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

/// A new secret key: `ksk_`, 43 characters of base 62 (256 bits) and a checksum of 6.
pub fn new_secret_key() -> Result<PlainToken, NoRandomness> {
    let mut key = String::with_capacity(SECRET_KEY_PREFIX.len() + BODY + CHECKSUM);
    key.push_str(SECRET_KEY_PREFIX);
    let body = random_base62(BODY)?;
    key.push_str(&body);
    key.push_str(&checksum(&body));
    Ok(PlainToken(key.into()))
}

/// A new connect session token: `nango_connect_session_` and 64 lower-case hexadecimal digits.
pub fn new_session_token() -> Result<PlainToken, NoRandomness> {
    let mut bytes = [0_u8; 32];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    let mut token = String::with_capacity(SESSION_PREFIX.len() + 64);
    token.push_str(SESSION_PREFIX);
    for byte in bytes {
        token.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        token.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    Ok(PlainToken(token.into()))
}

/// Whether `text` is built like a connect session token.
pub fn is_session_token(text: &str) -> bool {
    text.strip_prefix(SESSION_PREFIX).is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

/// Whether `text` can be a secret key: one of ours with a right checksum, or one that the operator
/// chose (32 to 255 printable characters).
pub fn is_secret_key(text: &str) -> bool {
    if text.starts_with(SESSION_PREFIX) {
        return false;
    }
    match text.strip_prefix(SECRET_KEY_PREFIX) {
        Some(rest)
            if rest.len() == BODY + CHECKSUM
                && rest.is_ascii()
                && !text.starts_with(DEV_SECRET_KEY_PREFIX) =>
        {
            let (body, sum) = rest.split_at(BODY);
            checksum(body) == sum
        }
        _ => {
            (SECRET_KEY_MIN..=TOKEN_MAX).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_graphic())
        }
    }
}

/// The start of a secret key, by which people tell keys apart: `ksk_` and 4 of its 43 random characters.
/// Empty for a key that the operator chose, whose start may be a good part of it.
pub fn shown_prefix(key: &str) -> String {
    const SHOWN: usize = SECRET_KEY_PREFIX.len() + 4;
    let ours = key.len() == SECRET_KEY_PREFIX.len() + BODY + CHECKSUM
        && key.starts_with(SECRET_KEY_PREFIX)
        && is_secret_key(key);
    key.get(..SHOWN).filter(|_| ours).unwrap_or_default().to_owned()
}

/// What is kept of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

/// Shows nothing of the hash: it is as good as the token for whoever has the pepper.
impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl TokenHash {
    /// The bytes, as the store keeps them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// A hash out of the bytes that a test or a store has.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Makes hashes of tokens under this server's pepper.
pub struct TokenHasher(hmac::Key);

impl TokenHasher {
    /// A hasher under `pepper`, which the vault keeps.
    pub fn new(pepper: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, pepper))
    }

    /// The hash of a token.
    pub fn hash(&self, token: &str) -> TokenHash {
        let tag = hmac::sign(&self.0, token.as_bytes());
        let mut hash = [0; 32];
        for (to, from) in hash.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        TokenHash(hash)
    }
}

fn random_base62(length: usize) -> Result<String, NoRandomness> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0_u8; 64];
    while text.len() < length {
        rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        for byte in bytes {
            // 248 is the last multiple of 62 below 256: above it, some characters would be likelier.
            if byte < 248 && text.len() < length {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    Ok(text)
}

/// Six characters that follow from the body, so that a mistyped key is told without a look-up and a
/// scanner of leaked keys has few false alarms. Not a secret.
fn checksum(body: &str) -> String {
    let digest = digest::digest(&digest::SHA256, body.as_bytes());
    digest
        .as_ref()
        .iter()
        .take(CHECKSUM)
        .map(|byte| char::from(BASE62[usize::from(byte % 62)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_key_is_recognised_and_a_mistyped_one_is_not() {
        let key = new_secret_key().unwrap();
        let key = key.expose();
        assert_eq!(key.len(), 4 + 43 + 6);
        assert!(is_secret_key(key));
        let swapped = if key.as_bytes()[10] == b'x' { "y" } else { "x" };
        let mistyped = format!("{}{swapped}{}", &key[..10], &key[11..]);
        assert!(!is_secret_key(&mistyped));
    }

    #[test]
    fn the_start_of_a_key_is_shown_only_when_this_server_made_it() {
        let key = new_secret_key().unwrap();
        assert_eq!(shown_prefix(key.expose()), key.expose()[..8]);
        for chosen in ["k".repeat(40), format!("ksk_{}", "k".repeat(49)), "ksk_short".to_owned()] {
            assert_eq!(shown_prefix(&chosen), "");
        }
    }

    #[test]
    fn a_key_of_the_operator_needs_32_characters() {
        assert!(is_secret_key(&"k".repeat(32)));
        assert!(!is_secret_key(&"k".repeat(31)));
        assert!(!is_secret_key(&"k".repeat(256)));
        assert!(!is_secret_key(&format!("{} ", "k".repeat(40))));
        assert!(
            is_secret_key("1b4f5a9a-1111-4222-8333-944444444444"),
            "the UUIDs that other servers use"
        );
    }

    #[test]
    fn a_session_token_has_the_documented_form_and_is_not_a_secret_key() {
        let token = new_session_token().unwrap();
        let token = token.expose();
        assert!(is_session_token(token));
        assert!(!is_secret_key(token));
        assert!(!is_session_token(&token.to_uppercase()));
        assert!(!is_session_token(&token[..token.len() - 1]));
        assert!(!is_session_token(&format!("{token}0")));
    }

    #[test]
    fn a_hash_depends_on_the_token_and_on_the_pepper() {
        let one = TokenHasher::new(b"one");
        assert!(one.hash("a") == one.hash("a"));
        assert!(one.hash("a") != one.hash("b"));
        assert!(one.hash("a") != TokenHasher::new(b"two").hash("a"));
    }

    #[test]
    fn tokens_do_not_repeat() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..500 {
            assert!(seen.insert(new_secret_key().unwrap().expose().to_owned()));
            assert!(seen.insert(new_session_token().unwrap().expose().to_owned()));
        }
    }
}
