//! The master keys that the vault works under, as the operator gives them: `id:base64` of 32 bytes, the
//! first one seals, all of them open. Nothing here is stored by the server; losing the keys is losing
//! the credentials.

use std::{fmt, path::Path};

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The length of a master key: AES-256.
pub const KEY_BYTES: usize = 32;
/// The most characters of a key id; one byte counts them in every sealed record.
pub const KEY_ID_MAX: usize = 32;

/// The name of a master key: 1 to 32 of `[A-Za-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Parses a key id.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=KEY_ID_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One master key.
pub struct MasterKey {
    pub(crate) id: KeyId,
    pub(crate) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

/// The master keys, the one that seals first.
pub struct KeyRing(pub(crate) Vec<MasterKey>);

/// Why a text is not a key ring. Never holds any part of a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// There is no key at all.
    #[error(
        "no encryption key: expected id:base64[,id:base64…], for example k1:{}",
        "<base64 of 32 random bytes>"
    )]
    Empty,
    /// An entry that is not `id:base64`.
    #[error("encryption key {0}: expected id:base64, where id is 1 to 32 of [A-Za-z0-9_-]")]
    NoId(usize),
    /// An entry whose value is not 32 bytes of base64.
    #[error(
        "encryption key {0} (\"{1}\"): expected base64 of exactly 32 bytes; make one with: openssl rand -base64 32"
    )]
    NotAKey(usize, KeyId),
    /// Two entries with the same id.
    #[error("encryption key {0}: the id \"{1}\" is used twice")]
    Twice(usize, KeyId),
    /// The file could not be read or written.
    #[error("encryption key file {path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The randomness of the operating system failed.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
}

impl KeyRing {
    /// Parses `id:base64[,id:base64…]`; entries may also stand on lines of their own, and lines that
    /// start with `#` are comments.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        let entries = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let number = index + 1;
            let (id, value) = entry.split_once(':').ok_or(KeyRingError::NoId(number))?;
            let id = KeyId::parse(id).ok_or(KeyRingError::NoId(number))?;
            let mut bytes = Zeroizing::new([0; KEY_BYTES]);
            let decoded = Zeroizing::new(STANDARD.decode(value).unwrap_or_default());
            if decoded.len() != KEY_BYTES {
                return Err(KeyRingError::NotAKey(number, id));
            }
            bytes.copy_from_slice(&decoded);
            if keys.iter().any(|key| key.id == id) {
                return Err(KeyRingError::Twice(number, id));
            }
            keys.push(MasterKey { id, bytes });
        }
        if keys.is_empty() { Err(KeyRingError::Empty) } else { Ok(Self(keys)) }
    }

    /// Reads a key ring from a file, and warns when others than its owner may read it.
    pub fn from_file(path: &Path) -> Result<Self, KeyRingError> {
        let failed = |source| KeyRingError::File { path: path.display().to_string(), source };
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(failed)?);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
            if mode & 0o077 != 0 {
                tracing::warn!(
                    file = %path.display(),
                    "the encryption key file is readable by others than its owner; chmod 600 it"
                );
            }
        }
        Self::parse(&text)
    }

    /// Reads the key ring of `path`, or makes one with a single random key there (mode 0600).
    /// The second value tells whether it was made.
    pub fn from_file_or_new(path: &Path) -> Result<(Self, bool), KeyRingError> {
        if path.exists() {
            return Ok((Self::from_file(path)?, false));
        }
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES]);
        rand::fill(bytes.as_mut()).map_err(|_| KeyRingError::NoRandomness)?;
        let text = Zeroizing::new(format!("k1:{}\n", STANDARD.encode(bytes.as_ref())));
        crate::private_file::create(path, text.as_bytes())
            .map_err(|source| KeyRingError::File { path: path.display().to_string(), source })?;
        Ok((Self::parse(&text)?, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    #[test]
    fn keys_come_in_order_separated_by_commas_or_lines() {
        let ring =
            KeyRing::parse(&format!("# two keys\nnew:{KEY}, old:{KEY}\nolder:{KEY}\n")).unwrap();
        let ids: Vec<&str> = ring.0.iter().map(|key| key.id.as_str()).collect();
        assert_eq!(ids, ["new", "old", "older"]);
    }

    #[test]
    fn what_is_not_a_key_ring_is_named_without_being_shown() {
        let long = "x".repeat(33);
        for (text, starts) in [
            (String::new(), "no encryption key"),
            ("# only a comment".to_owned(), "no encryption key"),
            (KEY.to_owned(), "encryption key 1: expected id:base64"),
            (format!("k 1:{KEY}"), "encryption key 1: expected id:base64"),
            (format!("{long}:{KEY}"), "encryption key 1: expected id:base64"),
            (
                format!("a:{KEY},b:c2hvcnQ="),
                "encryption key 2 (\"b\"): expected base64 of exactly 32 bytes",
            ),
            ("a:!!!".to_owned(), "encryption key 1 (\"a\"): expected base64"),
            (format!("a:{KEY},a:{KEY}"), "encryption key 2: the id \"a\" is used twice"),
        ] {
            let Err(error) = KeyRing::parse(&text) else { panic!("{text:?} was accepted") };
            let message = error.to_string();
            assert!(message.starts_with(starts), "{message}");
            assert!(!message.contains(KEY) && !message.contains("c2hvcnQ"), "{message}");
        }
    }

    #[test]
    fn a_made_key_file_is_private_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("encryption-key");
        let (first, made) = KeyRing::from_file_or_new(&path).unwrap();
        assert!(made);
        let (second, made) = KeyRing::from_file_or_new(&path).unwrap();
        assert!(!made);
        assert_eq!(first.0[0].bytes, second.0[0].bytes);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
