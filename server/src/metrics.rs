//! `GET /metrics`: how the server does, as numbers, in the text format of OpenMetrics, which Prometheus
//! reads. Labels hold words out of lists of ours only: matched routes, classes of status, outcomes; never
//! a path, an id or a value. What is counted is counted in this process, and adding up several is the
//! reader's.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Method, header};
use keyslot_providers::Verification;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{error::ApiError, state::AppState};

/// Upper bounds of the classes of answer times, in seconds: from a read out of the cache to a slow vendor.
const ANSWERS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];
/// The same of commits: from memory to a disk that is about to fail.
const COMMITS: [f64; 11] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 10.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: Arc<str>,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// How long transactions take that change something, until they are on disk. Cloning shares it.
#[derive(Clone)]
pub struct CommitTimes(Histogram);

impl Default for CommitTimes {
    fn default() -> Self {
        Self(Histogram::new(COMMITS))
    }
}

impl CommitTimes {
    /// One took this long.
    pub fn note(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

/// How often an address had more connections than its share. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Crowded(Family<Outcome, Counter>);

impl Crowded {
    /// A connection was taken that has little time.
    pub(crate) fn hurried(&self) {
        self.0.get_or_create(&Outcome { outcome: "hurried" }).inc();
    }

    /// A connection was closed at once.
    pub(crate) fn closed(&self) {
        self.0.get_or_create(&Outcome { outcome: "closed" }).inc();
    }
}

/// The numbers of one server.
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    took: Family<Route, Histogram, fn() -> Histogram>,
    limited: Counter,
    crowded: Crowded,
    checks: Family<Outcome, Counter>,
    webhooks: Family<Outcome, Counter>,
    audit_lost: Counter,
    outbox: Gauge,
    memory: Gauge,
}

impl Metrics {
    /// All of them at zero, beside those of the store.
    pub fn new(commits: CommitTimes) -> Self {
        let mut registry = Registry::default();
        let answered = Family::default();
        registry.register(
            "keyslot_requests",
            "Requests that were answered, by method, matched route and class of status",
            answered.clone(),
        );
        let took: Family<Route, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::new(ANSWERS));
        registry.register_with_unit(
            "keyslot_request_duration",
            "Time until the head of an answer was there",
            Unit::Seconds,
            took.clone(),
        );
        let limited = Counter::default();
        registry.register(
            "keyslot_requests_limited",
            "Requests that were refused because somebody asked for too much",
            limited.clone(),
        );
        let crowded = Crowded::default();
        registry.register(
            "keyslot_connections_crowded",
            "Connections from an address that had too many, by what came of them",
            crowded.0.clone(),
        );
        let checks = Family::default();
        registry.register(
            "keyslot_checks",
            "Credentials that were checked with their provider, by what came of it",
            checks.clone(),
        );
        let webhooks = Family::default();
        registry.register(
            "keyslot_webhook_deliveries",
            "Tries to deliver a webhook, by what came of it",
            webhooks.clone(),
        );
        let audit_lost = Counter::default();
        registry.register(
            "keyslot_audit_events_lost",
            "Reads of which no audit event could be written",
            audit_lost.clone(),
        );
        registry.register_with_unit(
            "keyslot_store_commit_duration",
            "Time that a transaction took until it was on disk",
            Unit::Seconds,
            commits.0,
        );
        let outbox = Gauge::default();
        registry.register(
            "keyslot_outbox_depth",
            "Webhooks that are still to be delivered, of all servers on this database",
            outbox.clone(),
        );
        let memory = Gauge::default();
        registry.register_with_unit(
            "process_resident_memory",
            "Memory of this process that is in RAM",
            Unit::Bytes,
            memory.clone(),
        );
        let started: Gauge<f64, AtomicU64> = Gauge::default();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        started.set(now.as_secs_f64());
        registry.register_with_unit(
            "process_start_time",
            "When this process started, since 1970",
            Unit::Seconds,
            started,
        );
        Self {
            registry,
            answered,
            took,
            limited,
            crowded,
            checks,
            webhooks,
            audit_lost,
            outbox,
            memory,
        }
    }

    /// Where it is counted when an address has too many connections.
    pub fn crowded(&self) -> Crowded {
        self.crowded.clone()
    }

    /// A request to this route was answered.
    pub(crate) fn answered(&self, method: &Method, route: Arc<str>, status: u16, took: Duration) {
        let method = word(method);
        self.took
            .get_or_create(&Route { method, route: Arc::clone(&route) })
            .observe(took.as_secs_f64());
        self.answered.get_or_create(&Answered { method, route, status: class(status) }).inc();
        if status == 429 {
            self.limited.inc();
        }
    }

    /// A credential was checked.
    pub(crate) fn checked(&self, verification: &Verification) {
        let outcome = match verification {
            Verification::Verified { .. } => "verified",
            Verification::NoCheck => "no_check",
            Verification::Failed { reason, .. } => reason.as_str(),
        };
        self.checks.get_or_create(&Outcome { outcome }).inc();
    }

    /// It was tried to deliver a webhook.
    pub(crate) fn delivered(&self, outcome: &'static str) {
        self.webhooks.get_or_create(&Outcome { outcome }).inc();
    }

    /// So many audit events could not be written.
    pub(crate) fn audit_lost(&self, many: u64) {
        self.audit_lost.inc_by(many);
    }
}

/// A method, as a label: anybody can make one up.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class(status: u16) -> &'static str {
    match status {
        ..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500.. => "5xx",
    }
}

/// The memory of this process that is in RAM, in bytes; where the system does not say so, nothing.
fn resident() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = text.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * i64::try_from(rustix::param::page_size()).ok()?)
}

/// `GET /metrics`
///
/// # Errors
/// 503 when the store cannot be read.
pub async fn show(State(state): State<AppState>) -> Result<Response, ApiError> {
    let metrics = &state.metrics;
    let depth = state.store.outbox_depth().await?;
    metrics.outbox.set(i64::try_from(depth).unwrap_or(i64::MAX));
    if let Some(bytes) = resident() {
        metrics.memory.set(bytes);
    }
    let mut text = String::new();
    encode(&mut text, &metrics.registry).map_err(ApiError::internal)?;
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
