//! Asking providers again whether stored credentials still work, and writing down what they say:
//! once a day for credentials that are in use, when a proxied request was refused, and when a backend
//! asks.
//!
//! What the answer means for a connection:
//!
//! | Answer | Health |
//! |---|---|
//! | accepted | `healthy` |
//! | refused, lacks permission, or its address answers as something else | `needs_attention`, with the reason |
//! | could not be asked, or its name was not found (which our own network may be to blame for) | stays |
//! | the provider has no check | what proxied requests show: 401 is refused, 2xx is accepted |
//!
//! A change is announced by webhook, written in the same transaction.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use keyslot_providers::{Provider, Reason, Verification, verify};
use tokio::{sync::Notify, task::JoinSet, time};

use crate::{
    api::credentials::provider_of,
    contents::Contents,
    error::ApiError,
    model::{AuditEvent, Connection},
    state::{AppState, Server},
    store::{CheckRecord, Checked, Found, StoreError},
};

/// How many providers are asked at a time.
const CONCURRENCY: usize = 8;
/// How often to look for checks that are due.
const IDLE: Duration = Duration::from_secs(30);
/// For how long one server has a check in hand.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// A credential is in use when it was made or read within this time.
const IN_USE: SignedDuration = SignedDuration::from_hours(30 * 24);
/// When to ask again who could not be asked.
const SOON: SignedDuration = SignedDuration::from_hours(1);
/// What proxied requests show is looked into at most this often for one connection.
const AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// When a connection that was made or checked at `at` is checked next: after a day, give or take two
/// hours, so that what was imported together is not checked together.
pub fn next_check(at: Timestamp, connection: i64) -> Timestamp {
    const SPREAD: i64 = 4 * 60 * 60;
    // Fibonacci hashing: neighbours end up far from each other.
    let scattered = connection.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed()) >> 32;
    at + SignedDuration::from_secs(22 * 60 * 60 + scattered.rem_euclid(SPREAD))
}

/// Proxied requests that say something about a credential, until they are looked into. In memory only:
/// what is lost with a process is found by the daily check.
#[derive(Default)]
pub struct Observations {
    waiting: Mutex<HashMap<i64, Observation>>,
    new: Notify,
}

/// What a proxied request shows.
#[derive(Clone)]
struct Observation {
    environment: String,
    integration: String,
    connection: String,
    status: StatusCode,
    /// Whether the status speaks of the stored credential: not when the backend replaced it or the host.
    conclusive: bool,
}

impl Observations {
    /// The most connections that wait; further ones are left to the daily check.
    const MAX: usize = 10_000;

    /// Notes the status of a proxied request, where it makes a check worth while.
    pub fn note(&self, connection: &Connection, status: StatusCode, conclusive: bool) {
        let summary = &connection.summary;
        let refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        let recovered = status.is_success() && summary.health_reason.is_some();
        if !refused && !recovered {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < Self::MAX {
            waiting.insert(
                summary.id,
                Observation {
                    environment: summary.environment.clone(),
                    integration: summary.integration.clone(),
                    connection: summary.connection_id.to_string(),
                    status,
                    conclusive,
                },
            );
            self.new.notify_one();
        }
    }

    fn take(&self, limit: usize) -> Vec<Observation> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let ids: Vec<i64> = waiting.keys().copied().take(limit).collect();
        ids.iter().filter_map(|id| waiting.remove(id)).collect()
    }
}

/// What a check has found, and the connection as it is now.
pub struct Outcome {
    /// What the provider said.
    pub verification: Verification,
    /// The connection; `None` when it was deleted or its credential replaced in the meantime.
    pub connection: Option<Box<Connection>>,
}

/// Checks what is due and what was observed, until `stop` resolves.
pub async fn run(state: AppState, stop: impl Future<Output = ()>) {
    let mut asking = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        match work(&state, CONCURRENCY - asking.len()).await {
            Ok(work) => {
                for job in work {
                    let state = state.clone();
                    asking.spawn(async move { job.run(&state).await });
                }
            }
            Err(error) => tracing::warn!(%error, "the checks that are due cannot be read"),
        }
        tokio::select! {
            () = &mut stop => break,
            _ = asking.join_next(), if !asking.is_empty() => {}
            () = state.observations.new.notified(), if asking.len() < CONCURRENCY => {}
            () = time::sleep(IDLE) => {}
        }
    }
    // What is under way is dropped; it is asked again when its lease ends.
}

/// Does all that is to be done now, one after the other; tells how many connections were looked at.
///
/// # Errors
/// What the store says.
pub async fn run_once(state: &Server) -> Result<usize, StoreError> {
    let jobs = work(state, usize::from(u16::MAX)).await?;
    let count = jobs.len();
    for job in jobs {
        job.run(state).await;
    }
    Ok(count)
}

enum Job {
    Due(Box<Connection>),
    Observed(Observation),
}

async fn work(server: &Server, room: usize) -> Result<Vec<Job>, StoreError> {
    let mut jobs: Vec<Job> =
        server.observations.take(room).into_iter().map(Job::Observed).collect();
    let room = u32::try_from(room - jobs.len()).unwrap_or(u32::MAX);
    if room > 0 {
        let now = server.clock.now();
        let due = server.store.claim_checks(now, now - IN_USE, now + LEASE, room).await?;
        jobs.extend(due.into_iter().map(|connection| Job::Due(Box::new(connection))));
    }
    Ok(jobs)
}

impl Job {
    async fn run(self, server: &Server) {
        let done = match &self {
            Self::Due(connection) => check(server, connection, None).await.map(drop),
            Self::Observed(observation) => look_into(server, observation).await,
        };
        if let Err(error) = done {
            let cause = match &error {
                ApiError::Internal(cause) => cause.to_string(),
                other => other.to_string(),
            };
            tracing::warn!(cause, "a stored credential was not checked");
        }
    }
}

async fn look_into(server: &Server, observation: &Observation) -> Result<(), ApiError> {
    let Observation { environment, integration, connection, status, conclusive } = observation;
    let found = server.store.connection(environment, integration, connection).await?;
    let Found::Found(connection) = found else { return Ok(()) };
    let now = server.clock.now();
    if connection.summary.checked_at.is_some_and(|at| now < at + AT_MOST_EVERY) {
        return Ok(());
    }
    let outcome = check(server, &connection, None).await?;
    if outcome.verification == Verification::NoCheck && *conclusive {
        let checked = match *status {
            StatusCode::UNAUTHORIZED => Checked::NeedsAttention(Reason::Refused),
            status if status.is_success() => Checked::Healthy { account: None },
            _ => return Ok(()),
        };
        record(server, &connection, checked, None, None).await?;
    }
    Ok(())
}

/// Asks the provider of a connection, and writes down what it says. `who` asked, if not the server itself:
/// the event of theirs, from which that of a change is made.
///
/// # Errors
/// 404 `unknown_provider_template`; 500 when the connection does not open, or the store fails.
pub async fn check(
    server: &Server,
    connection: &Connection,
    who: Option<&AuditEvent>,
) -> Result<Outcome, ApiError> {
    let summary = &connection.summary;
    let integration = server
        .store
        .integration(&summary.environment, &summary.integration)
        .await?
        .ok_or_else(|| ApiError::NoIntegrationOfQuery(summary.integration.clone()))?;
    let contents = Contents::open(
        server,
        &summary.environment,
        &summary.integration,
        summary.connection_id.as_str(),
        &connection.sealed,
    )?;
    let provider = provider_of(server, &integration)?;
    let verification = ask(server, &provider, &contents).await;
    let (checked, next) = match &verification {
        Verification::Verified { account } => (Checked::Healthy { account: account.clone() }, None),
        Verification::NoCheck => (Checked::Unchanged, None),
        Verification::Failed { reason: Reason::Unavailable, .. }
        | Verification::Failed { reason: Reason::Address, provider_status: None } => {
            (Checked::Unchanged, Some(server.clock.now() + SOON))
        }
        Verification::Failed { reason, .. } => (Checked::NeedsAttention(*reason), None),
    };
    let connection = record(server, connection, checked, next, who).await?;
    Ok(Outcome { verification, connection })
}

/// Asks a provider, with an integration's settings applied, about a credential.
pub async fn ask(server: &Server, provider: &Provider, contents: &Contents) -> Verification {
    let config = contents.connection_config();
    let verification = verify(&server.egress, provider, &contents.credential, &config).await;
    server.metrics.checked(&verification);
    verification
}

async fn record(
    server: &Server,
    connection: &Connection,
    checked: Checked,
    next: Option<Timestamp>,
    who: Option<&AuditEvent>,
) -> Result<Option<Box<Connection>>, ApiError> {
    let summary = &connection.summary;
    let at = server.clock.now();
    let audit = AuditEvent {
        at,
        environment: summary.environment.clone(),
        actor: who.map_or_else(|| "server".to_owned(), |who| who.actor.clone()),
        action: "connection.health_changed",
        object: format!("connection:{}/{}", summary.integration, summary.connection_id),
        request_id: who.map(|who| who.request_id.clone()).unwrap_or_default(),
        address: who.and_then(|who| who.address),
    };
    let record = CheckRecord {
        connection: summary.id,
        sealed: connection.sealed.clone(),
        checked,
        at,
        next_check_at: next.unwrap_or_else(|| next_check(at, summary.id)),
    };
    let stored = server.store.record_check(record, audit).await?;
    server.outbox.notify_one();
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_a_day_apart_and_spread_over_four_hours() {
        let at = Timestamp::from_second(1_790_000_000).unwrap();
        let mut hours = [0; 4];
        for connection in 0..1000 {
            let seconds = (next_check(at, connection).as_second()) - at.as_second();
            assert!((22 * 3600..26 * 3600).contains(&seconds), "{seconds}");
            hours[usize::try_from(seconds / 3600 - 22).unwrap()] += 1;
        }
        assert!(hours.iter().all(|count| (150..350).contains(count)), "{hours:?}");
    }
}
