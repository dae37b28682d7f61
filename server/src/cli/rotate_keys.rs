//! `keyslot-server rotate-keys`.

use super::{config::Settings, error::StartupError, open};
use crate::rotation;

/// Puts every record under the first key of the ring.
///
/// # Errors
/// A sentence that says why it cannot be done, or how many records did not open.
#[expect(clippy::print_stderr, reason = "progress of a long command")]
pub(super) async fn run(settings: &Settings) -> Result<(), StartupError> {
    let vault = open::vault(settings)?;
    let store = open::store(settings).await?;
    let done = rotation::rotate(store.as_ref(), &vault, |so_far| {
        eprintln!("renewed {}, failed {}", so_far.renewed, so_far.failed);
    })
    .await?;
    store.close().await;
    if done.failed > 0 {
        return Err(StartupError(format!(
            "{} records did not open and are what they were; keep the older keys",
            done.failed
        )));
    }
    eprintln!("every record is under key {}; the others may be removed", vault.current());
    Ok(())
}
