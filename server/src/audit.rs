//! Writing down that somebody was given a secret, or had one used: such a read changes nothing, so there is
//! no transaction in which its audit event could be, as there is for every change.
//!
//! Waiting for the disk would make a read as slow as a write. So, unless the operator asks for
//! [`AuditMode::Strict`], events wait in memory for `GATHERING` and are written many at a time. What is
//! lost then, if the process is killed, are the events of that time. When more wait than `WAITING_MAX`,
//! reads wait; when the store does not take them for `PATIENCE`, they are counted as lost
//! (`keyslot_audit_events_lost`) and logged. Every read is an event of its own: which of several was the
//! one that mattered is for the reader of the log to say.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time};

use crate::{error::ApiError, model::AuditEvent, state::Server, store::StoreError};

/// For how long events are gathered.
const GATHERING: Duration = Duration::from_millis(50);
/// The most events that wait; about 10 MB.
const WAITING_MAX: usize = 32_768;
/// The most events of one transaction: other writes wait for it.
const AT_ONCE: usize = 512;
/// For how long a read waits for room.
const PATIENCE: Duration = Duration::from_secs(5);

/// When a secret may be handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum AuditMode {
    /// At once; that it was is on disk a moment later.
    #[default]
    Batched,
    /// Once it is on disk that it is; never, when that cannot be written.
    Strict,
}

/// The reads that are to be written down.
pub struct Reads {
    mode: AuditMode,
    waiting: Mutex<VecDeque<AuditEvent>>,
    /// Tells that there is something to write.
    some: Notify,
    /// Tells that there is room.
    room: Notify,
    /// Held by whoever writes, so that events stay in their order.
    turn: tokio::sync::Mutex<()>,
}

impl Reads {
    /// None yet.
    pub fn new(mode: AuditMode) -> Self {
        Self {
            mode,
            waiting: Mutex::default(),
            some: Notify::new(),
            room: Notify::new(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Puts an event in line; gives it back when there is no room.
    fn queue(&self, event: AuditEvent) -> Option<AuditEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            return Some(event);
        }
        waiting.push_back(event);
        if waiting.len() == 1 {
            self.some.notify_one();
        }
        None
    }

    fn take(&self) -> Vec<AuditEvent> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let many = waiting.len().min(AT_ONCE);
        waiting.drain(..many).collect()
    }
}

impl Server {
    /// Notes that somebody is about to be given a secret.
    ///
    /// # Errors
    /// 503 `service_unavailable` when it cannot be written down, in strict mode.
    pub async fn note_read(&self, event: AuditEvent) -> Result<(), ApiError> {
        if self.reads.mode == AuditMode::Strict {
            return self.store.record(event).await.map_err(|error| {
                tracing::error!(%error, "a secret is not handed out, because that cannot be recorded");
                ApiError::Unavailable
            });
        }
        let mut event = event;
        let deadline = time::Instant::now() + PATIENCE;
        loop {
            // Before looking, so that none is missed.
            let room = self.reads.room.notified();
            match self.reads.queue(event) {
                None => return Ok(()),
                Some(back) => event = back,
            }
            if time::timeout_at(deadline, room).await.is_err() {
                self.lost(1, &StoreError::Busy);
                return Ok(());
            }
        }
    }

    /// Notes that a sealed record did not open. Nothing was handed out, so nothing waits for it.
    pub(crate) fn note_unreadable(&self, environment: &str, object: String) {
        let event = AuditEvent {
            at: self.clock.now(),
            environment: environment.to_owned(),
            actor: "server".to_owned(),
            action: "connection.unreadable",
            object,
            request_id: String::new(),
            address: None,
        };
        if self.reads.queue(event).is_some() {
            self.lost(1, &StoreError::Busy);
        }
    }

    /// Writes the reads that are waiting.
    pub async fn write_reads(&self) {
        let _turn = self.reads.turn.lock().await;
        loop {
            let events = self.reads.take();
            if events.is_empty() {
                return;
            }
            self.reads.room.notify_waiters();
            let many = u64::try_from(events.len()).unwrap_or(u64::MAX);
            let deadline = time::Instant::now() + PATIENCE;
            loop {
                match self.store.record_all(self.audit_chain.clone(), events.clone()).await {
                    Ok(()) => break,
                    Err(error) if time::Instant::now() >= deadline => {
                        self.lost(many, &error);
                        break;
                    }
                    Err(_) => time::sleep(Duration::from_millis(200)).await,
                }
            }
        }
    }

    fn lost(&self, many: u64, error: &StoreError) {
        self.metrics.audit_lost(many);
        tracing::error!(%error, many, "that secrets were read is not written down");
    }
}

/// Writes reads down as they come.
pub async fn run(state: crate::state::AppState) {
    loop {
        state.reads.some.notified().await;
        time::sleep(GATHERING).await;
        state.write_reads().await;
    }
}
