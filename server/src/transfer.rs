//! Everything from one database to another: `backup` into a file, `restore` from one, `migrate` from one
//! engine to the other. A backup is a database in one SQLite file, whatever the server runs on. The copy
//! is there whole or not at all, and before it is, its rows are counted and a sample of what is sealed is
//! opened with the keys of this process: a backup that nobody can open is none.

use std::path::{Path, PathBuf};

use tokio::{sync::mpsc, task::JoinError};

use crate::{
    database::Database,
    rotation,
    store::{
        SealedRecord, StoreError, postgres, sqlite,
        tables::{Counts, Observer, Piece},
    },
    vault::Vault,
};

/// How many pieces are read ahead.
const AHEAD: usize = 4;

/// Whether a server may be using the source while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It may: the copy is what was there at one moment.
    InUse,
    /// It must not: what it would write later would be lost. SQLite can tell, PostgreSQL cannot.
    AtRest,
}

/// What a copy came to.
#[derive(Debug)]
pub struct Copied {
    /// How many rows each table has.
    pub rows: Counts,
    /// How many sealed records were opened.
    pub opened: u64,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// One of its two sides panicked.
    #[error("cannot copy: {0}")]
    Task(#[from] JoinError),
    /// One of the stores failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Copies everything. `authority` is for both, as `--database-ca`; `progress` is told how many rows of how
/// many of a table are written.
///
/// # Errors
/// Why there is no copy.
pub async fn copy(
    from: Database,
    to: Database,
    authority: Option<&Path>,
    source: Source,
    vault: Vault,
    progress: impl FnMut(&'static str, u64, u64) + Send + 'static,
) -> Result<Copied, TransferError> {
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    let mut observer = Watcher { vault, opened: 0, progress };
    let authority = authority.map(Path::to_owned);

    let reading = tokio::spawn(read(from, authority.clone(), source, sender));
    let (counts, observer) = match to {
        Database::Sqlite(path) => {
            let writing = tokio::task::spawn_blocking(move || {
                let counts = sqlite::copy::import(&path, &mut receiver, &mut observer);
                (counts, observer)
            });
            writing.await?
        }
        Database::Postgres(url) => {
            let counts =
                postgres::copy::import(&url, authority.as_deref(), &mut receiver, &mut observer)
                    .await;
            // The reader must not wait for somebody who has stopped.
            drop(receiver);
            (counts, observer)
        }
    };
    match (reading.await?, counts) {
        (Ok(()), Ok(rows)) => Ok(Copied { rows, opened: observer.opened }),
        // The reader ends as busy when the writer stops, and the writer as cut short when the reader does.
        (Ok(()) | Err(StoreError::Busy), Err(error)) | (Err(error), _) => Err(error.into()),
    }
}

async fn read(
    from: Database,
    authority: Option<PathBuf>,
    source: Source,
    sender: mpsc::Sender<Piece>,
) -> Result<(), StoreError> {
    match from {
        Database::Sqlite(path) => tokio::task::spawn_blocking(move || {
            sqlite::copy::export(&path, source == Source::AtRest, &sender)
        })
        .await
        .map_err(|error| StoreError::Engine(Box::new(error)))?,
        Database::Postgres(url) => {
            postgres::copy::export(&url, authority.as_deref(), &sender).await
        }
    }
}

/// Passes on how far it is, and opens what is sealed.
struct Watcher<P> {
    vault: Vault,
    opened: u64,
    progress: P,
}

impl<P: FnMut(&'static str, u64, u64) + Send> Observer for Watcher<P> {
    fn progress(&mut self, table: &'static str, done: u64, total: u64) {
        (self.progress)(table, done, total);
    }

    fn check(&mut self, record: &SealedRecord) -> Result<(), StoreError> {
        let opened = self.vault.open(rotation::binding(&record.owner), &record.sealed.blob);
        opened.map_err(|error| {
            StoreError::Refused(format!(
                "{}: {error}; nothing is kept",
                rotation::name(&record.owner)
            ))
        })?;
        self.opened += 1;
        Ok(())
    }
}
