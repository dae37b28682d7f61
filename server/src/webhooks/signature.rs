//! Signing webhooks, in three ways at once, so that a receiver can use the one it has:
//!
//! | Header | Value |
//! |---|---|
//! | `X-Nango-Hmac-Sha256` | hexadecimal HMAC-SHA-256 of the body under the signing key as it is written |
//! | `X-Nango-Signature` | hexadecimal SHA-256 of signing key and body, one after the other; for old receivers only |
//! | `webhook-id`, `webhook-timestamp`, `webhook-signature` | <https://www.standardwebhooks.com>: covers id and time too, so that a receiver can refuse what is repeated |

use aws_lc_rs::{digest, hmac, rand};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    error::ApiError,
    state::Server,
    vault::{Binding, Sealed, VaultError},
};

/// What every signing key starts with.
pub const PREFIX: &str = "whsec_";

/// The key of one environment: [`PREFIX`] and the base 64 of 32 random bytes.
pub struct SigningKey(SecretString);

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, VaultError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        rand::fill(bytes.as_mut()).map_err(|_| VaultError::Library)?;
        Ok(Self(format!("{PREFIX}{}", STANDARD.encode(bytes.as_ref())).into()))
    }

    /// The key itself, to be shown to whoever verifies.
    pub fn expose(&self) -> &str {
        // EXPOSE: a signing key is of use only to who verifies with it.
        self.0.expose_secret()
    }

    /// The key of an environment; made when there is none yet.
    ///
    /// # Errors
    /// What store and vault say.
    pub async fn of(server: &Server, environment: &str) -> Result<Self, ApiError> {
        let name = name(environment);
        let candidate = Self::random()?.seal(server, environment)?;
        let sealed = server.store.server_secret(&name, candidate).await?;
        let text = server.vault.open(binding(&name), &sealed.blob)?;
        let text = String::from_utf8(text.to_vec())
            .map_err(|_| ApiError::internal("a signing key is not what this server writes"))?;
        Ok(Self(text.into()))
    }

    /// The sealed form, to be stored under [`name`].
    ///
    /// # Errors
    /// When the vault refuses.
    pub fn seal(&self, server: &Server, environment: &str) -> Result<Sealed, VaultError> {
        server.vault.seal(binding(&name(environment)), self.expose().as_bytes())
    }

    /// The headers of a webhook.
    pub fn headers(&self, id: &str, at: Timestamp, body: &str) -> HeaderMap {
        let written = self.expose();
        let bytes = STANDARD.decode(written.strip_prefix(PREFIX).unwrap_or(written));
        let bytes = Zeroizing::new(bytes.unwrap_or_default());
        let seconds = at.as_second().to_string();
        let standard = mac(&bytes, &[id, ".", &seconds, ".", body]);
        let joined = digest::digest(&digest::SHA256, format!("{written}{body}").as_bytes());
        let values = [
            ("x-nango-hmac-sha256", hex(mac(written.as_bytes(), &[body]).as_ref())),
            ("x-nango-signature", hex(joined.as_ref())),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", seconds),
            ("webhook-signature", format!("v1,{}", STANDARD.encode(standard.as_ref()))),
        ];
        values
            .into_iter()
            .filter_map(|(name, value)| {
                Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
            })
            .collect()
    }
}

/// The name of an environment's key among the secrets of the server.
pub fn name(environment: &str) -> String {
    format!("webhook_signing_key:{environment}")
}

fn binding(name: &str) -> Binding<'_> {
    Binding { purpose: "server", environment: "", integration: "", record: name }
}

fn mac(key: &[u8], parts: &[&str]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part.as_bytes());
    }
    context.sign()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_signature_is_that_of_the_published_example() {
        // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        let key = SigningKey(format!("{PREFIX}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").into());
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = key.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_other_two_are_over_the_key_as_it_is_written() {
        let key = SigningKey("whsec_a2V5".to_owned().into());
        let headers = key.headers("id", Timestamp::UNIX_EPOCH, "{}");
        // printf '{}' | openssl dgst -sha256 -hmac whsec_a2V5; printf 'whsec_a2V5{}' | sha256sum
        assert_eq!(
            headers["x-nango-hmac-sha256"],
            "b322ddb216f118324c00588d2fa093b7a53144fedd5862b5743490013baacef1"
        );
        assert_eq!(
            headers["x-nango-signature"],
            "d455caafdec20f2c4a2e58c34187f6fff9fcaf10819599e97ea96994ab18a8e2"
        );
        assert_eq!(headers["webhook-timestamp"], "0");
    }

    #[test]
    fn each_new_key_is_another() {
        let (one, two) = (SigningKey::random().unwrap(), SigningKey::random().unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(one.expose().len(), PREFIX.len() + 44);
    }
}
