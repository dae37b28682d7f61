//! Secret keys of backends.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    model::{AuditEvent, NewSecretKey, SecretKey, SecretKeyRecord},
    store::error::Result,
    token::TokenHash,
};

/// Secret keys: found by their hash, rotated, removed.
#[async_trait]
pub trait SecretKeys: Send + Sync + 'static {
    /// Stores a secret key. One of the same id is replaced, so that the key from the operator's
    /// environment can change between starts.
    async fn put_secret_key(&self, new: NewSecretKey, audit: AuditEvent) -> Result<()>;
    /// Removes the secret key of this id; tells whether there was one.
    async fn remove_secret_key(
        &self,
        environment: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<bool>;
    /// The secret key with this hash, if it has not ended by `now`.
    async fn secret_key(&self, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>>;
    /// The secret keys of an environment that have not ended by `now`, oldest first.
    async fn secret_keys(&self, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>>;
    /// Stores `new` with the name and role of the secret key `id`, which ends at `ends_at`; what it was
    /// to end at before, if that is earlier. `None` when there is no such key, or it has ended.
    async fn rotate_secret_key(
        &self,
        environment: &str,
        id: &str,
        new: NewSecretKey,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Option<SecretKeyRecord>>;
    /// Notes when secret keys were last used.
    async fn note_used(&self, used: Vec<(String, Timestamp)>) -> Result<()>;
    /// Removes secret keys that ended before `now`; tells how many.
    async fn purge_secret_keys(&self, now: Timestamp) -> Result<u64>;
}
