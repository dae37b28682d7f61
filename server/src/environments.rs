//! What can be done with environments, for the REST API, the dashboard and the command line alike: making
//! one, renaming it, ending it. An environment that is renamed or deleted has no integrations: what is stored
//! under them is sealed to its name. `dev` and `prod` are permanent.

use crate::{
    environment_key::{EnvironmentKeys, Purpose},
    model::{AuditEvent, FIRST_ENVIRONMENTS, NewSecretKey, Role},
    secret_keys::{Made, generate},
    state::PepperError,
    store::{EnvironmentOutcome, Store, StoreError},
    token::{NoRandomness, TokenHasher},
    vault::{Vault, VaultError},
};

/// What a name looks like: it stands in addresses.
pub const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// Whether `name` is as [`NAME`] says.
pub fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 64
        && name.bytes().next().is_some_and(allowed)
        && name.bytes().all(|byte| allowed(byte) || byte == b'_' || byte == b'-')
}

/// Whether it is there from the first start and stays.
pub fn is_permanent(name: &str) -> bool {
    FIRST_ENVIRONMENTS.contains(&name)
}

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// It is no name.
    #[error("expected up to 64 of a-z, 0-9, - and _, the first one a letter or digit")]
    NotAName,
    /// Another one has the name.
    #[error("There is an environment of this name already")]
    NameTaken,
    /// It is of the first start.
    #[error("This environment comes with the server and stays")]
    Permanent,
    /// Something is sealed to its name.
    #[error("This environment has integrations; delete them first, with their connections")]
    InUse,
    /// There is none of that name, or no longer.
    #[error("There is no such environment")]
    Unknown,
    /// No key could be made for it.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Its keys could not be sealed to its new name.
    #[error(transparent)]
    Vault(VaultError),
    /// What the store says.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PepperError> for EnvironmentError {
    fn from(error: PepperError) -> Self {
        match error {
            PepperError::Store(error) => Self::Store(error),
            PepperError::Vault(error) => Self::Vault(error),
        }
    }
}

/// Where and by whom something is done to environments.
pub struct Registry<'a> {
    /// The storage.
    pub store: &'a dyn Store,
    /// What seals the keys of an environment.
    pub vault: &'a Vault,
    /// The audit event of an action on the environment of a name.
    pub audit: &'a (dyn Fn(&'static str, &str) -> AuditEvent + Sync),
}

impl Registry<'_> {
    /// Makes one that no secret key opens.
    ///
    /// # Errors
    /// A name that is none or is taken, or what the store says.
    pub async fn create(&self, name: &str) -> Result<(), EnvironmentError> {
        self.add(name, None, (self.audit)("environment.created", name)).await
    }

    /// Makes one, and its first secret key, with every permission.
    ///
    /// # Errors
    /// A name that is none or is taken, no randomness, or what the store says.
    pub async fn create_with_key(
        &self,
        name: &str,
        hasher: &TokenHasher,
    ) -> Result<Made, EnvironmentError> {
        let audit = (self.audit)("environment.created", name);
        let (new, token) = generate(hasher, name, "First key", Role::Full)?;
        let made = Made::at(audit.at, &new, token);
        self.add(name, Some(new), audit).await?;
        Ok(made)
    }

    async fn add(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<(), EnvironmentError> {
        must_be_a_name(name)?;
        let made = self.store.create_environment(name, key, audit).await?;
        if made { Ok(()) } else { Err(EnvironmentError::NameTaken) }
    }

    /// Renames one. Its settings and secret keys go along, and those that it shares with backends, sealed
    /// anew; its connect sessions and webhooks go, and its audit events stay under the old name.
    ///
    /// # Errors
    /// Any [`EnvironmentError`] but that of randomness.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), EnvironmentError> {
        must_not_be_permanent(from)?;
        must_be_a_name(to)?;
        // Asked for first: what follows makes keys for whatever it is given.
        let all = self.store.environments().await?;
        if !all.iter().any(|known| known.name == from) {
            return Err(EnvironmentError::Unknown);
        }
        let mut secrets = Vec::new();
        for purpose in [Purpose::WebhookSigning, Purpose::ConnectionHmac] {
            let renamed = EnvironmentKeys::renamed(self.store, self.vault, purpose, from, to);
            secrets.push(renamed.await?);
        }
        let audit = (self.audit)("environment.renamed", to);
        done(self.store.rename_environment(from, to, secrets, audit).await?)
    }

    /// Deletes one, and with it everything but its audit events.
    ///
    /// # Errors
    /// That it stays, is in use or unknown, or what the store says.
    pub async fn delete(&self, name: &str) -> Result<(), EnvironmentError> {
        must_not_be_permanent(name)?;
        let audit = (self.audit)("environment.deleted", name);
        done(self.store.delete_environment(name, audit).await?)
    }
}

fn done(outcome: EnvironmentOutcome) -> Result<(), EnvironmentError> {
    match outcome {
        EnvironmentOutcome::Done => Ok(()),
        EnvironmentOutcome::Unknown => Err(EnvironmentError::Unknown),
        EnvironmentOutcome::NameTaken => Err(EnvironmentError::NameTaken),
        EnvironmentOutcome::InUse => Err(EnvironmentError::InUse),
    }
}

fn must_be_a_name(name: &str) -> Result<(), EnvironmentError> {
    if is_name(name) { Ok(()) } else { Err(EnvironmentError::NotAName) }
}

fn must_not_be_permanent(name: &str) -> Result<(), EnvironmentError> {
    if is_permanent(name) { Err(EnvironmentError::Permanent) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_can_stand_in_an_address() {
        for name in ["dev", "branch-42", "0", "a_b", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "_a", "A", "a b", "a/b", "..", "é", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
