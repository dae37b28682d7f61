//! Sealing and opening what users typed. Envelope encryption: every record has a random data key of
//! its own, used once; the data key is wrapped by a master key. Both layers are AES-256-GCM (NIST SP
//! 800-38D) and bound to the row they belong to, so that a ciphertext moved to another row, environment
//! or purpose does not open.
//!
//! A sealed record is one blob:
//!
//! ```text
//! version (1) | length of key id (1) | key id | nonce (12) | wrapped data key (32 + 16) | nonce (12) | ciphertext and tag
//! ```
//!
//! A master key wraps at most 2^32 data keys under random nonces (SP 800-38D §8.3); rotating it starts
//! a new count. Whoever can write to the database can still delete a row or put back an old version of
//! it; that is not something encryption can prevent.

use std::collections::HashMap;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey},
    rand,
};
use zeroize::Zeroizing;

use crate::keyring::{KEY_BYTES, KEY_ID_MAX, KeyId, KeyRing};

const VERSION: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
const WRAPPED: usize = KEY_BYTES + TAG;

/// Which row a sealed record belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// What kind of record: `connection`, `session`, `server`.
    pub purpose: &'a str,
    /// The environment.
    pub environment: &'a str,
    /// The integration, or nothing.
    pub integration: &'a str,
    /// The connection, the session, or the name of the secret.
    pub record: &'a str,
}

impl Binding<'_> {
    /// The associated data of one layer. Each part is preceded by its length, so that no two bindings
    /// give the same bytes.
    fn associated_data(&self, layer: &str) -> Vec<u8> {
        let parts =
            ["keyslot", layer, self.purpose, self.environment, self.integration, self.record];
        let mut data =
            Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum::<usize>() + 1);
        data.push(VERSION);
        for part in parts {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// A sealed record and the master key that its data key is wrapped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The master key.
    pub key_id: String,
    /// The whole record.
    pub blob: Vec<u8>,
}

/// Why a record does not open. Says nothing about its content.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VaultError {
    /// The blob is not built like a sealed record of a version that this server reads.
    #[error("the sealed record is damaged or of an unknown version")]
    Malformed,
    /// The master key is not in the key ring.
    #[error("the sealed record needs the encryption key \"{0}\", which this server was not given")]
    UnknownKey(KeyId),
    /// Changed, moved from another row, or sealed under another key of the same name.
    #[error(
        "the sealed record does not open: it was changed, moved from another row, or sealed under another key"
    )]
    Rejected,
    /// The cryptographic library refused, for example for want of random bytes.
    #[error("the cryptographic library refused")]
    Library,
}

/// The master keys, ready for use.
pub struct Vault {
    current: KeyId,
    keys: HashMap<String, RandomizedNonceKey>,
}

impl Vault {
    /// A vault that seals under the first key of the ring and opens under all.
    pub fn new(ring: &KeyRing) -> Result<Self, VaultError> {
        let first = ring.0.first().ok_or(VaultError::Library)?;
        let mut keys = HashMap::with_capacity(ring.0.len());
        for key in &ring.0 {
            keys.insert(key.id.as_str().to_owned(), cipher(&key.bytes)?);
        }
        Ok(Self { current: first.id.clone(), keys })
    }

    /// The key that seals.
    pub fn current(&self) -> &KeyId {
        &self.current
    }

    /// Seals `plaintext` for the row `binding`.
    pub fn seal(&self, binding: Binding<'_>, plaintext: &[u8]) -> Result<Sealed, VaultError> {
        let mut data_key = Zeroizing::new([0_u8; KEY_BYTES]);
        rand::fill(data_key.as_mut()).map_err(|_| VaultError::Library)?;

        let mut blob = self.wrap(binding, &data_key)?;
        let mut body = Vec::with_capacity(plaintext.len() + TAG);
        body.extend_from_slice(plaintext);
        let nonce = cipher(&data_key)?
            .seal_in_place_append_tag(Aad::from(binding.associated_data("record")), &mut body)
            .map_err(|_| VaultError::Library)?;
        blob.extend_from_slice(nonce.as_ref());
        blob.extend_from_slice(&body);
        Ok(Sealed { key_id: self.current.to_string(), blob })
    }

    /// Opens a record of the row `binding`.
    pub fn open(
        &self,
        binding: Binding<'_>,
        blob: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let parts = Parts::of(blob)?;
        let data_key = self.unwrap(binding, &parts)?;
        let nonce =
            Nonce::try_assume_unique_for_key(parts.nonce).map_err(|_| VaultError::Malformed)?;
        let mut body = Zeroizing::new(parts.body.to_vec());
        let length = cipher(&data_key)?
            .open_in_place(nonce, Aad::from(binding.associated_data("record")), &mut body)
            .map_err(|_| VaultError::Rejected)?
            .len();
        body.truncate(length);
        Ok(body)
    }

    /// The same record with its data key wrapped by the current master key; the content is not opened.
    pub fn rewrap(&self, binding: Binding<'_>, blob: &[u8]) -> Result<Sealed, VaultError> {
        let parts = Parts::of(blob)?;
        let data_key = self.unwrap(binding, &parts)?;
        let mut renewed = self.wrap(binding, &data_key)?;
        renewed.extend_from_slice(parts.nonce);
        renewed.extend_from_slice(parts.body);
        Ok(Sealed { key_id: self.current.to_string(), blob: renewed })
    }

    /// The head of a blob: everything up to and including the wrapped data key.
    fn wrap(
        &self,
        binding: Binding<'_>,
        data_key: &[u8; KEY_BYTES],
    ) -> Result<Vec<u8>, VaultError> {
        let id = self.current.as_str();
        let master = self.keys.get(id).ok_or(VaultError::Library)?;
        let mut wrapped = Vec::with_capacity(WRAPPED);
        wrapped.extend_from_slice(data_key);
        let nonce = master
            .seal_in_place_append_tag(Aad::from(binding.associated_data("data key")), &mut wrapped)
            .map_err(|_| VaultError::Library)?;

        let mut head = Vec::with_capacity(2 + id.len() + NONCE + WRAPPED);
        head.push(VERSION);
        head.push(u8::try_from(id.len()).map_err(|_| VaultError::Library)?);
        head.extend_from_slice(id.as_bytes());
        head.extend_from_slice(nonce.as_ref());
        head.extend_from_slice(&wrapped);
        Ok(head)
    }

    fn unwrap(
        &self,
        binding: Binding<'_>,
        parts: &Parts<'_>,
    ) -> Result<Zeroizing<[u8; KEY_BYTES]>, VaultError> {
        let master = self
            .keys
            .get(parts.key_id.as_str())
            .ok_or_else(|| VaultError::UnknownKey(parts.key_id.clone()))?;
        let nonce = Nonce::try_assume_unique_for_key(parts.wrap_nonce)
            .map_err(|_| VaultError::Malformed)?;
        let mut wrapped = Zeroizing::new(parts.wrapped.to_vec());
        let opened = master
            .open_in_place(nonce, Aad::from(binding.associated_data("data key")), &mut wrapped)
            .map_err(|_| VaultError::Rejected)?;
        let mut data_key = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(VaultError::Malformed);
        }
        data_key.copy_from_slice(opened);
        Ok(data_key)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut ids: Vec<&String> = self.keys.keys().collect();
        ids.sort();
        f.debug_struct("Vault")
            .field("current", &self.current.as_str())
            .field("keys", &ids)
            .finish()
    }
}

/// A blob taken apart.
struct Parts<'a> {
    key_id: KeyId,
    wrap_nonce: &'a [u8],
    wrapped: &'a [u8],
    nonce: &'a [u8],
    body: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(blob: &'a [u8]) -> Result<Self, VaultError> {
        let (version, rest) = take(blob, 1)?;
        let (length, rest) = take(rest, 1)?;
        if version != [VERSION] {
            return Err(VaultError::Malformed);
        }
        let length = length.first().copied().map_or(0, usize::from);
        if length > KEY_ID_MAX {
            return Err(VaultError::Malformed);
        }
        let (id, rest) = take(rest, length)?;
        let key_id =
            std::str::from_utf8(id).ok().and_then(KeyId::parse).ok_or(VaultError::Malformed)?;
        let (wrap_nonce, rest) = take(rest, NONCE)?;
        let (wrapped, rest) = take(rest, WRAPPED)?;
        let (nonce, body) = take(rest, NONCE)?;
        if body.len() < TAG {
            return Err(VaultError::Malformed);
        }
        Ok(Self { key_id, wrap_nonce, wrapped, nonce, body })
    }
}

fn take(bytes: &[u8], count: usize) -> Result<(&[u8], &[u8]), VaultError> {
    bytes.split_at_checked(count).ok_or(VaultError::Malformed)
}

fn cipher(key: &[u8; KEY_BYTES]) -> Result<RandomizedNonceKey, VaultError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Library)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    const B: &str = "b:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

    fn vault(keys: &str) -> Vault {
        Vault::new(&KeyRing::parse(keys).unwrap()).unwrap()
    }

    const ROW: Binding<'static> = Binding {
        purpose: "connection",
        environment: "dev",
        integration: "openai",
        record: "user-1",
    };

    #[test]
    fn what_was_sealed_opens() {
        let vault = vault(A);
        for text in ["", "x", "sk-secret", &"long ".repeat(2_000)] {
            let sealed = vault.seal(ROW, text.as_bytes()).unwrap();
            assert_eq!(sealed.key_id, "a");
            assert_eq!(vault.open(ROW, &sealed.blob).unwrap().as_slice(), text.as_bytes());
        }
    }

    #[test]
    fn sealing_twice_never_gives_the_same_bytes_and_never_the_plaintext() {
        let vault = vault(A);
        let one = vault.seal(ROW, b"the-same-plaintext").unwrap();
        let two = vault.seal(ROW, b"the-same-plaintext").unwrap();
        assert_ne!(one.blob, two.blob);
        let tail = |sealed: &Sealed| sealed.blob[sealed.blob.len() - 18 - TAG..].to_vec();
        assert_ne!(tail(&one), tail(&two), "another data key and nonce each time");
        assert!(!one.blob.windows(9).any(|window| window == b"plaintext"));
    }

    #[test]
    fn a_record_moved_to_another_row_does_not_open() {
        let vault = vault(A);
        let sealed = vault.seal(ROW, b"secret").unwrap();
        for elsewhere in [
            Binding { purpose: "session", ..ROW },
            Binding { environment: "prod", ..ROW },
            Binding { integration: "stripe", ..ROW },
            Binding { record: "user-2", ..ROW },
            // The same letters with the borders moved: the lengths in the associated data tell.
            Binding { integration: "openaiuser-1", record: "", ..ROW },
            Binding { integration: "opena", record: "iuser-1", ..ROW },
            Binding { environment: "de", integration: "vopenai", ..ROW },
        ] {
            assert_eq!(
                vault.open(elsewhere, &sealed.blob).unwrap_err(),
                VaultError::Rejected,
                "{elsewhere:?}"
            );
            assert!(vault.rewrap(elsewhere, &sealed.blob).is_err());
        }
    }

    #[test]
    fn a_data_key_wrapped_for_one_row_does_not_open_the_body_of_another() {
        let vault = vault(A);
        let one = vault.seal(ROW, b"one").unwrap().blob;
        let two = vault.seal(ROW, b"two").unwrap().blob;
        let head = 2 + 1 + NONCE + WRAPPED;
        let spliced = [&one[..head], &two[head..]].concat();
        assert_eq!(vault.open(ROW, &spliced).unwrap_err(), VaultError::Rejected);
    }

    #[test]
    fn every_truncation_is_a_typed_error() {
        let vault = vault(A);
        let blob = vault.seal(ROW, b"secret").unwrap().blob;
        for length in 0..blob.len() {
            assert!(vault.open(ROW, &blob[..length]).is_err(), "{length} bytes");
        }
        let mut longer = blob;
        longer.push(0);
        assert_eq!(vault.open(ROW, &longer).unwrap_err(), VaultError::Rejected);
    }

    #[test]
    fn every_flipped_bit_is_a_typed_error() {
        let vault = vault(A);
        let blob = vault.seal(ROW, b"secret").unwrap().blob;
        for index in 0..blob.len() {
            for bit in 0..8 {
                let mut changed = blob.clone();
                changed[index] ^= 1 << bit;
                assert!(vault.open(ROW, &changed).is_err(), "bit {bit} of byte {index}");
            }
        }
    }

    #[test]
    fn a_key_ring_opens_what_older_keys_sealed_and_seals_under_the_first() {
        let old = vault(A).seal(ROW, b"secret").unwrap();
        let both = vault(&format!("{B},{A}"));
        assert_eq!(both.open(ROW, &old.blob).unwrap().as_slice(), b"secret");
        assert_eq!(both.seal(ROW, b"x").unwrap().key_id, "b");

        let renewed = both.rewrap(ROW, &old.blob).unwrap();
        assert_eq!(renewed.key_id, "b");
        let only_new = vault(B);
        assert_eq!(only_new.open(ROW, &renewed.blob).unwrap().as_slice(), b"secret");
        assert_eq!(
            only_new.open(ROW, &old.blob).unwrap_err(),
            VaultError::UnknownKey(KeyId::parse("a").unwrap())
        );
    }

    #[test]
    fn another_key_of_the_same_name_does_not_open() {
        let sealed = vault(A).seal(ROW, b"secret").unwrap();
        let impostor = vault(&B.replace("b:", "a:"));
        assert_eq!(impostor.open(ROW, &sealed.blob).unwrap_err(), VaultError::Rejected);
    }

    #[test]
    fn debug_names_the_keys_and_shows_none() {
        let text = format!("{:?}", vault(&format!("{A},{B}")));
        assert_eq!(text, r#"Vault { current: "a", keys: ["a", "b"] }"#);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic_or_open(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(vault(A).open(ROW, &bytes).is_err());
        }
    }
}
