//! The chain that makes tampering with the audit log visible. Each event of an environment has a place
//! in it and a code (HMAC-SHA-256) over its content and the code of the one before, under a key that the
//! vault keeps: whoever can write to the database but does not have the master key cannot change, remove
//! or reorder events without breaking it.
//!
//! What it cannot show: that the newest events were cut off, or what was done to an event before it was
//! put into the chain, which happens within a second or two; so neither that a false one was added at
//! the end.
//!
//! Where old events are removed ([`crate::audit_retention`]), what stays begins behind an [`AuditStart`]:
//! the place and the code of the last one that was removed, sealed under the same key. Whoever does not
//! have that key can remove events, but not say that the server did.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use serde::Serialize;

use crate::store::{Store, StoreError, StoredAuditEvent};

/// The code before the first event.
pub const START: [u8; 32] = [0; 32];
/// How many events are read at a time.
const PAGE: u32 = 1000;
/// What stands where the code of an event has its place, so that a seal is never the code of an event.
const SEAL: i64 = -1;

/// A place in a chain, and the code of the event there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The place; 0 before the first event.
    pub link: i64,
    /// The code; [`START`] before the first event.
    pub code: Vec<u8>,
}

impl Default for Head {
    fn default() -> Self {
        Self { link: 0, code: START.to_vec() }
    }
}

/// Behind what the events of an environment begin that are still kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditStart {
    /// The last event that was removed because of its age.
    pub head: Head,
    /// What only a server can have made of it.
    pub seal: Vec<u8>,
}

/// Which of the oldest events of an environment may be removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removable {
    /// So many.
    pub events: u64,
    /// Behind what the others begin then; `None` when none may be.
    pub start: Option<AuditStart>,
    /// The number of an event that is old enough and does not fit into the chain. It and all after it
    /// stay: removing it would remove the proof that somebody was at the log.
    pub broken_at: Option<i64>,
}

/// Makes the codes.
#[derive(Clone)]
pub struct AuditChain(hmac::Key);

impl AuditChain {
    /// A chain under `secret`, which the vault keeps.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The code of `event` at place `link`, after the event with the code `previous`. Each part is
    /// preceded by its length, so that no two events give the same bytes.
    pub fn code(
        &self,
        previous: &[u8],
        link: i64,
        environment: &str,
        event: &StoredAuditEvent,
    ) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        let at = event.at.as_millisecond();
        for number in [link, event.id, at] {
            context.update(&number.to_be_bytes());
        }
        let texts = [
            environment,
            event.actor.as_str(),
            event.action.as_str(),
            event.object.as_str(),
            event.request_id.as_str(),
        ];
        for part in [previous].into_iter().chain(texts.map(str::as_bytes)) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        // Older events have none, and keep the codes that they have.
        if let Some(address) = &event.address {
            context.update(&(address.len() as u64).to_be_bytes());
            context.update(address.as_bytes());
        }
        context.sign().as_ref().to_vec()
    }

    /// The event after `head`, if `event` is that.
    fn next(&self, head: &Head, environment: &str, event: &StoredAuditEvent) -> Option<Head> {
        let link = head.link + 1;
        let code = self.code(&head.code, link, environment, event);
        let fits = matches!(&event.chained, Some((place, mac)) if *place == link && *mac == code);
        fits.then_some(Head { link, code })
    }

    /// Behind what the kept events of `environment` begin. A start that no server has sealed counts for
    /// nothing, so that the first event after it does not fit.
    fn begin(&self, environment: &str, start: Option<AuditStart>) -> Head {
        start
            .filter(|start| start.seal == self.seal(environment, &start.head))
            .map(|start| start.head)
            .unwrap_or_default()
    }

    fn seal(&self, environment: &str, head: &Head) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for number in [SEAL, head.link] {
            context.update(&number.to_be_bytes());
        }
        for part in [environment.as_bytes(), &head.code] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    /// Which of `events`, the oldest that are kept, are from before `before` and what they were when they
    /// were written.
    pub fn removable(
        &self,
        environment: &str,
        start: Option<AuditStart>,
        events: &[StoredAuditEvent],
        before: Timestamp,
    ) -> Removable {
        let mut head = self.begin(environment, start);
        let mut removable = Removable::default();
        for event in events.iter().take_while(|event| event.at < before) {
            let Some(next) = self.next(&head, environment, event) else {
                removable.broken_at = Some(event.id);
                break;
            };
            head = next;
            removable.events += 1;
        }
        if removable.events > 0 {
            let seal = self.seal(environment, &head);
            removable.start = Some(AuditStart { head, seal });
        }
        removable
    }

    /// Walks along all events of an environment that are kept.
    ///
    /// # Errors
    /// What the store says.
    pub async fn check(
        &self,
        store: &dyn Store,
        environment: &str,
    ) -> Result<ChainReport, StoreError> {
        let begin = async || {
            let start = store.audit_start(environment).await?;
            Ok::<_, StoreError>(self.begin(environment, start))
        };
        let mut head = begin().await?;
        let mut report = ChainReport { removed: head.link, ..ChainReport::default() };
        'pages: loop {
            let page = store.audit_chain(environment, head.link, PAGE).await?;
            for event in &page {
                if let Some(next) = self.next(&head, environment, event) {
                    head = next;
                    report.checked += 1;
                    continue;
                }
                // A server may have removed what comes between since the start was read.
                let now = begin().await?;
                if now.link > head.link {
                    report = ChainReport { removed: now.link, ..ChainReport::default() };
                    head = now;
                    continue 'pages;
                }
                report.broken_at = Some(event.id);
                return Ok(report);
            }
            if page.len() < PAGE as usize {
                return Ok(report);
            }
        }
    }
}

/// What a walk along the chain has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// So many events are as they were written.
    pub checked: i64,
    /// So many before them were removed because of their age.
    pub removed: i64,
    /// The number of the first event that is not, or before which one is missing.
    pub broken_at: Option<i64>,
}
