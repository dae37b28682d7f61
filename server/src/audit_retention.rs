//! Removing audit events that are older than the operator wants to keep (`--audit-keep`): oldest first and a
//! few at a time, so that nobody waits for it, and only while they are what was written. What is left begins
//! behind an [`AuditStart`](crate::audit_chain::AuditStart) and is checked from there on. Without the
//! option, events are kept for ever and nothing here runs.

use std::time::Duration;

use jiff::SignedDuration;
use tokio::time;

use crate::{
    state::{AppState, Server},
    store::StoreError,
};

/// How often it is looked whether something is old enough.
const EVERY: Duration = Duration::from_secs(3600);
/// How many events are removed in one transaction: other writes wait for it.
const AT_ONCE: u32 = 500;
/// For how long others have the store to themselves between two of those.
const PAUSE: Duration = Duration::from_millis(50);

/// Removes what is older than `keep`, of every environment, also of those that are gone; tells how many.
///
/// # Errors
/// What the store says; what was removed until then is.
pub async fn remove_old(server: &Server, keep: SignedDuration) -> Result<u64, StoreError> {
    let before = server.clock.now() - keep;
    let mut removed = 0;
    for environment in server.store.audited_environments().await? {
        loop {
            let chain = server.audit_chain.clone();
            let gone =
                server.store.remove_old_audit_events(&environment, chain, before, AT_ONCE).await?;
            removed += gone.events;
            if let Some(event) = gone.broken_at {
                tracing::error!(
                    %environment,
                    event,
                    "this audit event is not what was written; neither it nor any after it is removed, however old"
                );
            }
            if gone.events < u64::from(AT_ONCE) {
                break;
            }
            time::sleep(PAUSE).await;
        }
    }
    Ok(removed)
}

/// Does that every hour.
pub async fn run(state: AppState, keep: SignedDuration) {
    let mut tick = time::interval(EVERY);
    loop {
        tick.tick().await;
        match remove_old(&state, keep).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "old audit events were removed"),
            Err(error) => tracing::warn!(%error, "old audit events are not all removed"),
        }
    }
}
