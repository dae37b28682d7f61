//! What can be done with secret keys, for the REST API, the dashboard and the command line alike: making
//! one, putting another in its place, ending it. A key is shown once, when it is made.

use jiff::{SignedDuration, Timestamp};

use crate::{
    model::{AuditEvent, NewSecretKey, Role, SecretKey, SecretKeyRecord},
    store::{Store, StoreError},
    token::{self, NoRandomness, PlainToken, TokenHasher},
};

/// The id of the key in `KEYSLOT_SECRET_KEY`.
pub const OPERATOR: &str = "operator";
/// Seconds that a rotated key works on when nothing is said: a day.
pub const GRACE_DEFAULT: u64 = 24 * 60 * 60;
/// The most seconds: 30 days.
pub const GRACE_MAX: u64 = 30 * 24 * 60 * 60;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum SecretKeyError {
    /// The key of `KEYSLOT_SECRET_KEY` is made again at every start: what would be done to it here would
    /// not last.
    #[error(
        "This key comes from KEYSLOT_SECRET_KEY; change or remove it there and start the server again"
    )]
    FromEnvironment,
    /// There is no such key, or it has ended.
    #[error("There is no such secret key.")]
    Unknown,
    /// No key could be made.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A key that was just made, and the one chance to show it.
pub struct Made {
    /// What is kept of it.
    pub record: SecretKeyRecord,
    /// The key itself.
    pub token: PlainToken,
}

/// Where and by whom something is done to keys.
pub struct Desk<'a> {
    /// The storage.
    pub store: &'a dyn Store,
    /// Makes the hashes under which keys are found.
    pub hasher: &'a TokenHasher,
    /// The environment whose keys these are.
    pub environment: &'a str,
    /// The audit event of an action on an object.
    pub audit: &'a (dyn Fn(&'static str, String) -> AuditEvent + Sync),
}

impl Desk<'_> {
    /// Makes a key; `name` has 1 to 255 characters.
    ///
    /// # Errors
    /// No randomness, or what the store says.
    pub async fn create(&self, name: &str, role: Role) -> Result<Made, SecretKeyError> {
        let (new, token) = self.generate(name, role)?;
        let audit = (self.audit)("secret_key.created", object(&new.key.id));
        let key = new.key.clone();
        let record =
            SecretKeyRecord { key, created_at: audit.at, last_used_at: None, expires_at: None };
        self.store.put_secret_key(new, audit).await?;
        Ok(Made { record, token })
    }

    /// Makes a key of the name and the role of the key `id`, which works on for `grace` seconds.
    ///
    /// # Errors
    /// Any [`SecretKeyError`].
    pub async fn rotate(&self, id: &str, grace: u64) -> Result<Made, SecretKeyError> {
        must_be_ours(id)?;
        let (new, token) = self.generate("", Role::Full)?;
        let audit = (self.audit)("secret_key.rotated", object(id));
        let ends_at = end_of_grace(audit.at, grace);
        let rotated = self.store.rotate_secret_key(self.environment, id, new, ends_at, audit);
        let record = rotated.await?.ok_or(SecretKeyError::Unknown)?;
        Ok(Made { record, token })
    }

    /// Ends the key `id` on every server from this moment on.
    ///
    /// # Errors
    /// Any [`SecretKeyError`].
    pub async fn revoke(&self, id: &str) -> Result<(), SecretKeyError> {
        must_be_ours(id)?;
        let audit = (self.audit)("secret_key.revoked", object(id));
        let found = self.store.remove_secret_key(self.environment, id, audit).await?;
        if found { Ok(()) } else { Err(SecretKeyError::Unknown) }
    }

    /// A key that nobody knows yet, and what the store is given of it.
    ///
    /// # Errors
    /// No randomness.
    pub fn generate(
        &self,
        name: &str,
        role: Role,
    ) -> Result<(NewSecretKey, PlainToken), NoRandomness> {
        let token = token::new_secret_key()?;
        let key = SecretKey {
            id: uuid::Uuid::now_v7().to_string(),
            environment: self.environment.to_owned(),
            name: name.to_owned(),
            role,
            prefix: token::shown_prefix(token.expose()),
        };
        Ok((NewSecretKey { key, hash: self.hasher.hash(token.expose()) }, token))
    }
}

fn must_be_ours(id: &str) -> Result<(), SecretKeyError> {
    if id == OPERATOR { Err(SecretKeyError::FromEnvironment) } else { Ok(()) }
}

fn object(id: &str) -> String {
    format!("secret_key:{id}")
}

fn end_of_grace(now: Timestamp, grace: u64) -> Timestamp {
    now + SignedDuration::from_secs(i64::try_from(grace.min(GRACE_MAX)).unwrap_or(0))
}
