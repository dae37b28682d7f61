//! Everything from one database to another: `backup` into a file, `restore` from one, `migrate` from one
//! engine to the other. A backup is a database in one SQLite file, whatever the server runs on. The copy
//! is there whole or not at all, and before it is, its rows are counted and a sample of what is sealed is
//! opened with the keys of this process: a backup that nobody can open is none.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use crate::{
    cli::{Database, Refusal},
    rotation,
    store::{
        SealedRecord, StoreError, postgres, sqlite,
        tables::{Counts, Observer, Piece, TABLES},
    },
    vault::Vault,
};

/// How many pieces are read ahead.
const AHEAD: usize = 4;
/// How often progress is told.
const TELLING: Duration = Duration::from_secs(1);

/// Whether a server may be using the source while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It may: the copy is what was there at one moment.
    InUse,
    /// It must not: what it would write later would be lost. SQLite can tell, PostgreSQL cannot.
    AtRest,
}

/// Copies everything. `authority` is for both, as `--database-ca`.
///
/// # Errors
/// A sentence that says why there is no copy.
pub async fn copy(
    from: Database,
    to: Database,
    authority: Option<&Path>,
    source: Source,
    vault: Vault,
) -> Result<(), Refusal> {
    let (sender, mut receiver) = mpsc::channel(AHEAD);
    let mut observer = Watcher { vault, opened: 0, told: Instant::now() };
    let authority = authority.map(Path::to_owned);

    let reading = tokio::spawn(read(from, authority.clone(), source, sender));
    let (counts, observer) = match to {
        Database::Sqlite(path) => {
            let writing = tokio::task::spawn_blocking(move || {
                let counts = sqlite::copy::import(&path, &mut receiver, &mut observer);
                (counts, observer)
            });
            writing.await.map_err(|error| Refusal::because("cannot copy", error))?
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
    let read = reading.await.map_err(|error| Refusal::because("cannot copy", error))?;
    match (read, counts) {
        (Ok(()), Ok(counts)) => {
            summary(&counts, observer.opened);
            Ok(())
        }
        // The reader ends as busy when the writer stops, and the writer as cut short when the reader does.
        (Ok(()) | Err(StoreError::Busy), Err(error)) => Err(Refusal(error.to_string())),
        (Err(error), _) => Err(Refusal(error.to_string())),
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

/// Tells how far it is, and opens what is sealed.
struct Watcher {
    vault: Vault,
    opened: u64,
    told: Instant,
}

impl Observer for Watcher {
    #[expect(clippy::print_stderr, reason = "progress of a long command")]
    fn progress(&mut self, table: &'static str, done: u64, total: u64) {
        if self.told.elapsed() >= TELLING && done < total {
            eprintln!("{table}: {done} of {total}");
            self.told = Instant::now();
        }
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

#[expect(clippy::print_stderr, reason = "the outcome of a long command")]
fn summary(counts: &Counts, opened: u64) {
    for (table, count) in TABLES.iter().zip(counts) {
        if *count > 0 {
            eprintln!("{}: {count}", table.name);
        }
    }
    eprintln!("complete: the rows were counted, and {opened} sealed records were opened");
}
