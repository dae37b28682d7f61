//! The chain that makes tampering with the audit log visible. Each event of an environment has a place
//! in it and a code (HMAC-SHA-256) over its content and the code of the one before, under a key that the
//! vault keeps: whoever can write to the database but does not have the master key cannot change, remove
//! or reorder events without breaking it.
//!
//! What it cannot show: that the newest events were cut off, or what was done to an event before it was
//! put into the chain, which happens within a second or two; so neither that a false one was added at
//! the end.

use aws_lc_rs::hmac;
use serde::Serialize;

use crate::store::{Store, StoreError, StoredAuditEvent};

/// The code before the first event.
pub const START: [u8; 32] = [0; 32];
/// How many events are read at a time.
const PAGE: u32 = 1000;

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

    /// Walks the whole chain of an environment.
    ///
    /// # Errors
    /// What the store says.
    pub async fn check(
        &self,
        store: &dyn Store,
        environment: &str,
    ) -> Result<ChainReport, StoreError> {
        let mut report = ChainReport { checked: 0, broken_at: None };
        let mut previous = START.to_vec();
        loop {
            let page = store.audit_chain(environment, report.checked, PAGE).await?;
            let last = page.len() < PAGE as usize;
            for event in page {
                let link = report.checked + 1;
                let code = self.code(&previous, link, environment, &event);
                let fits =
                    matches!(&event.chained, Some((place, mac)) if *place == link && *mac == code);
                if !fits {
                    report.broken_at = Some(event.id);
                    return Ok(report);
                }
                report.checked = link;
                previous = code;
            }
            if last {
                return Ok(report);
            }
        }
    }
}

/// What a walk along the chain has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// So many events are as they were written.
    pub checked: i64,
    /// The number of the first event that is not, or before which one is missing.
    pub broken_at: Option<i64>,
}
