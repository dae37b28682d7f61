//! Keys of an environment that server and backend both know: the one that webhooks are signed with, and
//! the one by which a backend vouches for a connection id. Random, kept sealed among the secrets of the
//! server, shown once when they are made. For a day after a new one was made, the one before counts as well, so
//! that a backend can be given the new one without a gap.

use aws_lc_rs::{digest, rand};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
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

    /// The action of making a new one, in the audit log.
    pub fn renewed(self) -> &'static str {
        match self {
            Self::WebhookSigning => "environment.signing_key_renewed",
            Self::ConnectionHmac => "environment.hmac_key_renewed",
        }
    }

    /// The action of ending those before the newest, in the audit log.
    pub fn ended(self) -> &'static str {
        match self {
            Self::WebhookSigning => "environment.signing_key_ended",
            Self::ConnectionHmac => "environment.hmac_key_ended",
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

/// How long a key counts after a new one was made, unless somebody says otherwise.
pub const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// The most keys that count beside the newest.
const BEFORE_MAX: usize = 2;
/// What is written behind a key that the server made for itself: nobody has ever seen it.
const UNSEEN: &str = "unseen";

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

    /// The key itself.
    pub fn expose(&self) -> &str {
        // EXPOSE: such a key is of use only to who signs or verifies with it.
        self.0.expose_secret()
    }
}

/// A key that counts until it ends, because a newer one was made.
struct Former {
    key: EnvironmentKey,
    ends_at: Timestamp,
}

/// The keys of an environment for one purpose: the newest, and those before it that still count.
///
/// Sealed as one text, so that a change is whole: the newest key in the first line, then a line `unseen`, or
/// for each older key, newest first, the second at which it ends, a colon and the key.
pub struct EnvironmentKeys {
    current: EnvironmentKey,
    unseen: bool,
    former: Vec<Former>,
}

impl EnvironmentKeys {
    /// Keys that are already known, the newest first; the others never end.
    #[cfg(test)]
    pub fn known(current: &str, former: &[&str]) -> Self {
        let former = former
            .iter()
            .map(|text| Former { key: EnvironmentKey::known(text), ends_at: Timestamp::MAX });
        Self { current: EnvironmentKey::known(current), unseen: false, former: former.collect() }
    }

    /// The keys of an environment; made when there is none yet.
    ///
    /// # Errors
    /// What store and vault say.
    pub async fn of(
        server: &Server,
        environment: &str,
        purpose: Purpose,
    ) -> Result<Self, ApiError> {
        Ok(Self::stored(server, &purpose.name(environment), purpose).await?.0)
    }

    /// With the record that they were read from.
    async fn stored(
        server: &Server,
        name: &str,
        purpose: Purpose,
    ) -> Result<(Self, Sealed), ApiError> {
        let candidate = Self::unseen(purpose)?.seal(&server.vault, name)?;
        let sealed = server.store.server_secret(name, candidate).await?;
        let text = server.vault.open(binding(name), &sealed.blob)?;
        let keys = Self::read(&text, server.clock.now()).ok_or_else(|| {
            ApiError::internal("a key of an environment is not what this server writes")
        })?;
        Ok((keys, sealed))
    }

    /// Makes a new key for an environment. Those that counted until now count for `grace` more, at most. `seen` is
    /// the version that a form was shown with.
    ///
    /// # Errors
    /// 409 `key_changed` when the keys are not those of `seen`; 409 `previous_keys_in_use` when as many count beside
    /// the newest as may, unless they are to end. What store and vault say.
    pub async fn renew(
        server: &Server,
        environment: &str,
        purpose: Purpose,
        grace: SignedDuration,
        seen: Option<&str>,
        audit: AuditEvent,
    ) -> Result<Self, ApiError> {
        let name = purpose.name(environment);
        loop {
            let (old, stored) = Self::stored(server, &name, purpose).await?;
            if seen.is_some_and(|seen| seen != old.version()) {
                return Err(ApiError::KeyChanged);
            }
            if old.former.len() >= BEFORE_MAX && !grace.is_zero() {
                return Err(ApiError::PreviousKeysInUse);
            }
            let new = old.renewed(EnvironmentKey::random(purpose)?, server.clock.now() + grace);
            let new = if grace.is_zero() { new.without_former() } else { new };
            let sealed = new.seal(&server.vault, &name)?;
            if server.store.replace_server_secret(&name, stored, sealed, audit.clone()).await? {
                return Ok(new);
            }
        }
    }

    /// Ends the keys before the newest; tells whether there were any.
    ///
    /// # Errors
    /// What store and vault say.
    pub async fn end_former(
        server: &Server,
        environment: &str,
        purpose: Purpose,
        audit: AuditEvent,
    ) -> Result<bool, ApiError> {
        let name = purpose.name(environment);
        loop {
            let (old, seen) = Self::stored(server, &name, purpose).await?;
            if old.former.is_empty() {
                return Ok(false);
            }
            let sealed = old.without_former().seal(&server.vault, &name)?;
            if server.store.replace_server_secret(&name, seen, sealed, audit.clone()).await? {
                return Ok(true);
            }
        }
    }

    /// The keys of environment `from`, made when there are none yet, sealed for `to`; with their name there.
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
        let sealed = store.server_secret(&old, Self::unseen(purpose)?.seal(vault, &old)?).await?;
        let text = vault.open(binding(&old), &sealed.blob)?;
        Ok((new.clone(), vault.seal(binding(&new), &text)?))
    }

    /// What tells whether the newest is still the one that a form was shown with.
    pub fn version(&self) -> String {
        let digest = digest::digest(&digest::SHA256, self.current.expose().as_bytes());
        digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The newest.
    pub fn current(&self) -> &EnvironmentKey {
        &self.current
    }

    /// All that count, the newest first.
    pub fn all(&self) -> impl Iterator<Item = &EnvironmentKey> {
        std::iter::once(&self.current).chain(self.former.iter().map(|former| &former.key))
    }

    /// When the last of those before the newest ends.
    pub fn former_until(&self) -> Option<Timestamp> {
        self.former.iter().map(|former| former.ends_at).max()
    }

    fn unseen(purpose: Purpose) -> Result<Self, VaultError> {
        let current = EnvironmentKey::random(purpose)?;
        Ok(Self { current, unseen: true, former: Vec::new() })
    }

    /// With a newer key. One that nobody has seen does not count any more.
    fn renewed(self, new: EnvironmentKey, ends_at: Timestamp) -> Self {
        let mut former = self.former;
        if !self.unseen {
            former.insert(0, Former { key: self.current, ends_at });
        }
        for one in &mut former {
            one.ends_at = one.ends_at.min(ends_at);
        }
        Self { current: new, unseen: false, former }
    }

    fn without_former(self) -> Self {
        Self { former: Vec::new(), ..self }
    }

    /// `None` when the text is not one that this server writes.
    fn read(text: &[u8], now: Timestamp) -> Option<Self> {
        let mut lines = std::str::from_utf8(text).ok()?.lines();
        let current = EnvironmentKey(lines.next()?.to_owned().into());
        let (mut unseen, mut former) = (false, Vec::new());
        for line in lines {
            if line == UNSEEN {
                unseen = true;
                continue;
            }
            let (ends_at, key) = line.split_once(':')?;
            let ends_at = Timestamp::from_second(ends_at.parse().ok()?).ok()?;
            if ends_at > now {
                former.push(Former { key: EnvironmentKey(key.to_owned().into()), ends_at });
            }
        }
        Some(Self { current, unseen, former })
    }

    fn written(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str(self.current.expose());
        if self.unseen {
            text.push('\n');
            text.push_str(UNSEEN);
        }
        for former in &self.former {
            text.push_str(&format!("\n{}:", former.ends_at.as_second()));
            text.push_str(former.key.expose());
        }
        text
    }

    fn seal(&self, vault: &Vault, name: &str) -> Result<Sealed, VaultError> {
        vault.seal(binding(name), self.written().as_bytes())
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
    #[test]
    fn older_keys_count_until_they_end_and_one_that_nobody_has_seen_does_not() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let again = |keys: &EnvironmentKeys, second| {
            EnvironmentKeys::read(keys.written().as_bytes(), at(second)).unwrap()
        };
        let texts = |keys: &EnvironmentKeys| -> Vec<String> {
            keys.all().map(|key| key.expose().to_owned()).collect()
        };
        let known = EnvironmentKey::known;
        let first = EnvironmentKeys::unseen(Purpose::WebhookSigning).unwrap();
        let first = again(&first, 0).renewed(known("whsec_one"), at(100));
        assert_eq!(texts(&first), ["whsec_one"]);
        let second = again(&first, 0).renewed(known("whsec_two"), at(100));
        assert_eq!(texts(&again(&second, 99)), ["whsec_two", "whsec_one"]);
        assert_eq!(texts(&again(&second, 100)), ["whsec_two"]);
        let third = again(&second, 50).renewed(known("whsec_three"), at(150));
        assert_eq!(texts(&again(&third, 99)), ["whsec_three", "whsec_two", "whsec_one"]);
        assert_eq!(again(&third, 99).former_until(), Some(at(150)));
        assert_eq!(texts(&again(&third, 100)), ["whsec_three", "whsec_two"]);
        let fourth = again(&third, 60).renewed(known("whsec_four"), at(160));
        let all = ["whsec_four", "whsec_three", "whsec_two", "whsec_one"];
        assert_eq!(texts(&fourth), all, "none is dropped");
        assert_ne!(fourth.version(), again(&third, 60).version());
        let sooner = again(&third, 60).renewed(known("whsec_four"), at(70));
        assert_eq!(sooner.former_until(), Some(at(70)), "none counts longer than was asked for");
        assert_eq!(texts(&fourth.without_former()), ["whsec_four"]);
        let before_this_release = EnvironmentKeys::read(b"whsec_old", at(0)).unwrap();
        assert!(!before_this_release.unseen);
    }
}
