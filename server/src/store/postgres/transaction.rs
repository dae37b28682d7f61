//! A transaction, tried again when the database undid it.

use tokio_postgres::error::SqlState;

use super::pool;
use crate::store::error::StoreError;

/// How often a transaction is tried that the database undid because of another one.
pub(super) const ATTEMPTS: u32 = 5;

/// Runs the future that `$work` makes of a transaction, and commits; once more from the start when the
/// database undid it because of another transaction. A macro, because a closure cannot yet say that the
/// future it returns may move between threads.
macro_rules! transaction {
    ($store:expr, |$db:ident| $work:expr) => {{
        let mut attempt = 1;
        loop {
            let outcome: $crate::store::error::Result<_> = async {
                let mut client = $store.client().await?;
                let started = std::time::Instant::now();
                let transaction = client.transaction().await?;
                let value = {
                    let $db = &transaction;
                    $work.await?
                };
                transaction.commit().await?;
                $store.commit_times.note(started.elapsed());
                Ok(value)
            }
            .await;
            match outcome {
                Err(error)
                    if attempt < $crate::store::postgres::transaction::ATTEMPTS
                        && $crate::store::postgres::transaction::was_undone(&error) =>
                {
                    attempt += 1;
                }
                outcome => break outcome,
            }
        }
    }};
}

pub(super) use transaction;

/// Whether the database undid a transaction that would succeed by itself: a deadlock, which it ended, or
/// a conflict (<https://www.postgresql.org/docs/14/mvcc-serialization-failure-handling.html>).
pub(super) fn was_undone(error: &StoreError) -> bool {
    let StoreError::Engine(error) = error else { return false };
    let code = error.downcast_ref::<pool::Failure>().and_then(|failure| failure.0.code());
    code.is_some_and(|code| {
        [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code)
    })
}
