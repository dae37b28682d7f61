//! Sending what is in the outbox, through the egress guard, until a receiver says 2xx. Each webhook is
//! leased to one server while it is sent, so several servers may share an outbox; a server that dies
//! loses its leases and nothing else. At least once, in no promised order: receivers know an event by
//! `webhook-id` and its time by `webhook-timestamp`.
//!
//! A receiver that does not take an event is tried again for one day, with growing pauses. After that,
//! or when it answers 410 Gone, the event stays in the list as failed, to be sent again by hand.

use std::{future::Future, time::Duration};

use http::{HeaderValue, Method, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use keyslot_egress::{Body, EgressError, Limits};
use tokio::{task::JoinSet, time};

use super::{address, signature};
use crate::{
    environment_key::{EnvironmentKeys, Purpose},
    error::ApiError,
    model::{Webhook, WebhookStatus},
    state::{AppState, Server},
    store::{Settlement, StoreError},
};

/// How long a server has a webhook in hand; longer than sending can take ([`Limits::WEBHOOK`]).
const LEASE: SignedDuration = SignedDuration::from_secs(60);
/// How many are sent at a time.
const CONCURRENCY: usize = 32;
/// How long to wait before looking again, when nothing says that there is something new.
const IDLE: Duration = Duration::from_secs(1);
/// How long those in flight may take after the signal to stop; the others keep their lease and are
/// sent by the next server.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a receiver is tried.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);
/// The first pause; it doubles.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// The longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// Sends what is due, until `stop` resolves.
pub async fn run(state: AppState, stop: impl Future<Output = ()>) {
    let mut flying = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let room = CONCURRENCY - flying.len();
        if room > 0 {
            match claim(&state, room).await {
                Ok(due) => {
                    for webhook in due {
                        let state = state.clone();
                        flying.spawn(async move { deliver(&state, webhook).await });
                    }
                }
                Err(error) => tracing::warn!(%error, "the outbox cannot be read"),
            }
        }
        tokio::select! {
            () = &mut stop => break,
            _ = flying.join_next(), if !flying.is_empty() => {}
            () = state.outbox.notified(), if flying.len() < CONCURRENCY => {}
            () = time::sleep(IDLE) => {}
        }
    }
    let _ = time::timeout(DRAIN, async { while flying.join_next().await.is_some() {} }).await;
}

/// Takes up to `limit` of what is due.
///
/// # Errors
/// What the store says.
pub async fn claim(server: &Server, limit: usize) -> Result<Vec<Webhook>, StoreError> {
    let now = server.clock.now();
    server.store.claim_webhooks(now, now + LEASE, u32::try_from(limit).unwrap_or(u32::MAX)).await
}

/// Sends one, and writes down what came of it.
pub async fn deliver(server: &Server, webhook: Webhook) {
    let result = send(server, &webhook).await;
    let at = server.clock.now();
    let settlement = settle(&webhook, result, at);
    server.metrics.delivered(settlement.status.word());
    let (id, attempts) = (webhook.id.as_str(), webhook.attempts);
    match settlement.status {
        WebhookStatus::Delivered => tracing::info!(webhook = id, attempts, "webhook delivered"),
        WebhookStatus::Pending | WebhookStatus::Failed => tracing::warn!(
            webhook = id,
            attempts,
            status = settlement.answer,
            error = settlement.error,
            final_ = settlement.status == WebhookStatus::Failed,
            "webhook not delivered"
        ),
    }
    if let Err(error) = server.store.settle_webhook(settlement).await {
        // Its lease ends, and it is sent once more.
        tracing::warn!(webhook = id, %error, "what came of a webhook is not written down");
    }
}

async fn send(server: &Server, webhook: &Webhook) -> Result<StatusCode, String> {
    let keys = EnvironmentKeys::of(server, &webhook.environment, Purpose::WebhookSigning);
    let keys = keys.await.map_err(|error| {
        if let ApiError::Internal(cause) = &error {
            tracing::error!(environment = %webhook.environment, %cause, "no signing key");
        }
        "the signing key could not be read".to_owned()
    })?;
    let address = address(&webhook.url).ok_or("the address cannot be requested")?;
    let mut request = Request::new(Body::full(webhook.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = address;
    let headers = request.headers_mut();
    headers.extend(signature::headers(&keys, webhook, server.clock.now()));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        header::USER_AGENT,
        HeaderValue::from_static(concat!("keyslot/", env!("CARGO_PKG_VERSION"))),
    );
    let answer =
        server.egress.send(request, Limits::WEBHOOK).await.map_err(|error| reason(&error))?;
    let status = answer.status();
    // Read to its end, so that the connection can serve the next one. What it says is of no interest.
    let _ = answer.into_body().collect().await;
    Ok(status)
}

/// Why it did not arrive, for the list: which address a name has inside the operator's network is not
/// told.
fn reason(error: &EgressError) -> String {
    match error {
        EgressError::Denied { .. } => {
            "the address is not public; an operator can open it with --allow-net".to_owned()
        }
        error => error.to_string(),
    }
}

fn settle(webhook: &Webhook, result: Result<StatusCode, String>, at: Timestamp) -> Settlement {
    let next = at + pause(webhook.attempts);
    let (answer, error) = match result {
        Ok(status) => (Some(status.as_u16()), None),
        Err(error) => (None, Some(error)),
    };
    let status = match answer {
        Some(200..=299) => WebhookStatus::Delivered,
        Some(410) => WebhookStatus::Failed,
        _ if next > webhook.since + PATIENCE => WebhookStatus::Failed,
        _ => WebhookStatus::Pending,
    };
    Settlement {
        id: webhook.id.clone(),
        attempts: webhook.attempts,
        status,
        next_at: (status == WebhookStatus::Pending).then_some(next),
        at,
        answer,
        error,
    }
}

/// The pause after the given number of tries: doubling, and up to a quarter shorter at random, so that
/// what failed together does not come back together.
fn pause(attempts: u32) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(20);
    let full = FIRST_PAUSE.checked_mul(1 << doublings).unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE);
    let mut random = [0_u8; 1];
    // Without randomness the pause is the full one.
    let _ = aws_lc_rs::rand::fill(&mut random);
    full - full * i32::from(random[0]) / (4 * 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_are_at_most_a_quarter_shorter() {
        for (attempts, seconds) in [(1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (9999, 3600)] {
            let full = SignedDuration::from_secs(seconds);
            for _ in 0..50 {
                let pause = pause(attempts);
                assert!(pause <= full && pause >= full * 3 / 4, "{attempts}: {pause}");
            }
        }
    }
}
