//! Signing webhooks, in three ways at once, so that a receiver can use the one it has:
//!
//! | Header | Value |
//! |---|---|
//! | `X-Nango-Hmac-Sha256` | hexadecimal HMAC-SHA-256 of the body under the signing key as it is written |
//! | `X-Nango-Signature` | hexadecimal SHA-256 of signing key and body, one after the other; for old receivers only |
//! | `webhook-id`, `webhook-timestamp`, `webhook-signature` | <https://www.standardwebhooks.com>: covers id and time too, so that a receiver can refuse what is repeated |

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::environment_key::{EnvironmentKey, Purpose};

/// The headers of the webhook `id`, sent at `at`.
pub fn headers(key: &EnvironmentKey, id: &str, at: Timestamp, body: &str) -> HeaderMap {
    let written = key.expose();
    let encoded = written.strip_prefix(Purpose::WebhookSigning.prefix()).unwrap_or(written);
    let bytes = Zeroizing::new(STANDARD.decode(encoded).unwrap_or_default());
    let seconds = at.as_second().to_string();
    let standard = mac(&bytes, &[id, ".", &seconds, ".", body]);
    let mut joined = digest::Context::new(&digest::SHA256);
    joined.update(written.as_bytes());
    joined.update(body.as_bytes());
    let values = [
        ("x-nango-hmac-sha256", hex(mac(written.as_bytes(), &[body]).as_ref())),
        ("x-nango-signature", hex(joined.finish().as_ref())),
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
        let key = EnvironmentKey::known("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let headers = headers(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_other_two_are_over_the_key_as_it_is_written() {
        let key = EnvironmentKey::known("whsec_a2V5");
        let headers = headers(&key, "id", Timestamp::UNIX_EPOCH, "{}");
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
}
