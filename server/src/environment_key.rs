//! Keys of an environment that server and backend both know: the one that webhooks are signed with, and
//! the one by which a backend vouches for a connection id. Random, kept sealed among the secrets of the
//! server, shown once when they are made.

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    error::ApiError,
    model::AuditEvent,
    state::{PepperError, Server},
    store::Store,
    vault::{Binding, Sealed, Vault, VaultError},
};

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Signing webhooks.
    WebhookSigning,
    /// Vouching for a connection id (`hmac`).
    ConnectionHmac,
}

impl Purpose {
    /// What keys of this purpose start with; the first is that of <https://www.standardwebhooks.com>.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::WebhookSigning => "whsec_",
            Self::ConnectionHmac => "hmac_",
        }
    }

    /// The name by which the store knows the key of an environment.
    pub(crate) fn name(self, environment: &str) -> String {
        let kind = match self {
            Self::WebhookSigning => "webhook_signing_key",
            Self::ConnectionHmac => "hmac_key",
        };
        format!("{kind}:{environment}")
    }
}

/// A key: its prefix and the base 64 of 32 random bytes.
pub struct EnvironmentKey(SecretString);

impl EnvironmentKey {
    /// A key that is already known.
    #[cfg(test)]
    pub fn known(text: &str) -> Self {
        Self(text.to_owned().into())
    }

    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random(purpose: Purpose) -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| VaultError::Library)?;
        Ok(Self(format!("{}{}", purpose.prefix(), STANDARD.encode(bytes.as_ref())).into()))
    }

    /// The key of an environment; made when there is none yet.
    ///
    /// # Errors
    /// What store and vault say.
    pub async fn of(
        server: &Server,
        environment: &str,
        purpose: Purpose,
    ) -> Result<Self, ApiError> {
        let name = purpose.name(environment);
        let candidate = Self::random(purpose)?.seal(server, &name)?;
        let sealed = server.store.server_secret(&name, candidate).await?;
        let text = server.vault.open(binding(&name), &sealed.blob)?;
        let text = String::from_utf8(text.to_vec()).map_err(|_| {
            ApiError::internal("a key of an environment is not what this server writes")
        })?;
        Ok(Self(text.into()))
    }

    /// Makes a new key for an environment, in the place of the one that may be there.
    ///
    /// # Errors
    /// What store and vault say.
    pub async fn renew(
        server: &Server,
        environment: &str,
        purpose: Purpose,
        audit: AuditEvent,
    ) -> Result<Self, ApiError> {
        let name = purpose.name(environment);
        let new = Self::random(purpose)?;
        server.store.put_server_secret(&name, new.seal(server, &name)?, audit).await?;
        Ok(new)
    }

    /// The key of environment `from`, made when there is none yet, sealed for `to`; with its name there.
    ///
    /// # Errors
    /// What store and vault say.
    pub(crate) async fn renamed(
        store: &dyn Store,
        vault: &Vault,
        purpose: Purpose,
        from: &str,
        to: &str,
    ) -> Result<(String, Sealed), PepperError> {
        let (old, new) = (purpose.name(from), purpose.name(to));
        let candidate = vault.seal(binding(&old), Self::random(purpose)?.expose().as_bytes())?;
        let sealed = store.server_secret(&old, candidate).await?;
        let text = vault.open(binding(&old), &sealed.blob)?;
        Ok((new.clone(), vault.seal(binding(&new), &text)?))
    }

    /// The key itself.
    pub fn expose(&self) -> &str {
        // EXPOSE: such a key is of use only to who signs or verifies with it.
        self.0.expose_secret()
    }

    fn seal(&self, server: &Server, name: &str) -> Result<Sealed, VaultError> {
        server.vault.seal(binding(name), self.expose().as_bytes())
    }
}

fn binding(name: &str) -> Binding<'_> {
    Binding { purpose: "server", environment: "", integration: "", record: name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_new_key_is_another_and_says_what_it_is_for() {
        for purpose in [Purpose::WebhookSigning, Purpose::ConnectionHmac] {
            let make = || EnvironmentKey::random(purpose).unwrap();
            let (one, two) = (make(), make());
            assert_ne!(one.expose(), two.expose());
            assert!(one.expose().starts_with(purpose.prefix()));
            assert_eq!(one.expose().len(), purpose.prefix().len() + 44);
        }
        assert_ne!(Purpose::WebhookSigning.name("dev"), Purpose::ConnectionHmac.name("dev"));
    }
}
