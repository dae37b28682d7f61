//! Signing webhooks, in three ways at once, so that a receiver can use the one it has:
//!
//! | Header | Value |
//! |---|---|
//! | `X-Nango-Hmac-Sha256` | hexadecimal HMAC-SHA-256 of the body under the signing key as it is written |
//! | `X-Nango-Signature` | hexadecimal SHA-256 of signing key and body, one after the other; for old receivers only |
//! | `webhook-id`, `webhook-timestamp`, `webhook-signature` | <https://www.standardwebhooks.com>: covers id and time too, so that a receiver can refuse what is repeated |
//!
//! While a key from before counts beside a new one, `webhook-signature` holds a signature by each, as its
//! specification says. The first two hold one value, and stock receivers compare all of it: there the tries of a
//! webhook take turns, so that a receiver with either key refuses one try at most and takes the next.

use aws_lc_rs::{digest, hmac};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    environment_key::{EnvironmentKey, EnvironmentKeys, Purpose},
    model::Webhook,
};

/// The headers of this try of a webhook, sent at `at`.
pub fn headers(keys: &EnvironmentKeys, webhook: &Webhook, at: Timestamp) -> HeaderMap {
    let body = webhook.body.as_str();
    let seconds = at.as_second().to_string();
    let standard: Vec<String> =
        keys.all().map(|key| standard(key, &[&webhook.id, ".", &seconds, ".", body])).collect();
    let written = of_try(keys, webhook.attempts).expose();
    let mut joined = digest::Context::new(&digest::SHA256);
    joined.update(written.as_bytes());
    joined.update(body.as_bytes());
    let values = [
        ("x-nango-hmac-sha256", hex(mac(written.as_bytes(), &[body]).as_ref())),
        ("x-nango-signature", hex(joined.finish().as_ref())),
        ("webhook-id", webhook.id.clone()),
        ("webhook-timestamp", seconds),
        ("webhook-signature", standard.join(" ")),
    ];
    values
        .into_iter()
        .filter_map(|(name, value)| {
            Some((HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?))
        })
        .collect()
}

/// The key of the headers that hold one signature: at the first try the oldest, which receivers have had
/// longest; at each further try the next one, and after the newest the oldest again.
fn of_try(keys: &EnvironmentKeys, attempts: u32) -> &EnvironmentKey {
    let newest_first: Vec<&EnvironmentKey> = keys.all().collect();
    let count = newest_first.len();
    let turn = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0) % count.max(1);
    newest_first.get(count.saturating_sub(turn + 1)).copied().unwrap_or(keys.current())
}

fn standard(key: &EnvironmentKey, parts: &[&str]) -> String {
    let written = key.expose();
    let encoded = written.strip_prefix(Purpose::WebhookSigning.prefix()).unwrap_or(written);
    let bytes = Zeroizing::new(STANDARD.decode(encoded).unwrap_or_default());
    format!("v1,{}", STANDARD.encode(mac(&bytes, parts).as_ref()))
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
    use crate::model::{Operation, Slot, WebhookStatus};

    fn webhook(id: &str, body: &str, attempts: u32) -> Webhook {
        Webhook {
            id: id.into(),
            environment: "dev".into(),
            operation: Operation::Creation,
            integration: "a".into(),
            connection_id: "b".into(),
            slot: Slot::Primary,
            url: "https://receiver.example".into(),
            body: body.into(),
            created_at: Timestamp::UNIX_EPOCH,
            status: WebhookStatus::Pending,
            since: Timestamp::UNIX_EPOCH,
            attempts,
            next_at: None,
            last_at: None,
            last_status: None,
            last_error: None,
        }
    }

    /// printf '{}' | openssl dgst -sha256 -hmac whsec_a2V5
    const BY_KEY: &str = "b322ddb216f118324c00588d2fa093b7a53144fedd5862b5743490013baacef1";

    #[test]
    fn the_standard_signature_is_that_of_the_published_example() {
        // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
        let keys = EnvironmentKeys::known("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &[]);
        let at = Timestamp::from_second(1_614_265_330).unwrap();
        let webhook = webhook("msg_p5jXN8AQM9LWM0D4loKWxJek", r#"{"test": 2432232314}"#, 1);
        let headers = headers(&keys, &webhook, at);
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_other_two_are_over_the_key_as_it_is_written() {
        let keys = EnvironmentKeys::known("whsec_a2V5", &[]);
        let headers = headers(&keys, &webhook("id", "{}", 1), Timestamp::UNIX_EPOCH);
        assert_eq!(headers["x-nango-hmac-sha256"], BY_KEY);
        // printf 'whsec_a2V5{}' | sha256sum
        assert_eq!(
            headers["x-nango-signature"],
            "d455caafdec20f2c4a2e58c34187f6fff9fcaf10819599e97ea96994ab18a8e2"
        );
        assert_eq!(headers["webhook-timestamp"], "0");
    }

    #[test]
    fn while_two_keys_count_one_header_has_both_and_the_tries_take_turns_in_the_others() {
        let keys = EnvironmentKeys::known("whsec_bmV3", &["whsec_a2V5"]);
        let of = |keys: &EnvironmentKeys, attempts| {
            headers(keys, &webhook("id", "{}", attempts), Timestamp::UNIX_EPOCH)
        };
        let alone = |text| of(&EnvironmentKeys::known(text, &[]), 1);
        let (new, old) = (alone("whsec_bmV3"), alone("whsec_a2V5"));
        for (attempts, expected) in [(1, &old), (2, &new), (3, &old), (4, &new)] {
            let sent = of(&keys, attempts);
            assert_eq!(sent["x-nango-hmac-sha256"], expected["x-nango-hmac-sha256"], "{attempts}");
            assert_eq!(sent["x-nango-signature"], expected["x-nango-signature"], "{attempts}");
            let text =
                |headers: &HeaderMap| headers["webhook-signature"].to_str().unwrap().to_owned();
            assert_eq!(text(&sent), format!("{} {}", text(&new), text(&old)));
        }
        assert_eq!(old["x-nango-hmac-sha256"], BY_KEY);
    }
}
