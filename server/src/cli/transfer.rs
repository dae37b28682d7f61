//! `keyslot-server backup`, `restore` and `migrate`.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    config::{Settings, named},
    error::StartupError,
};
use crate::{
    database::Database,
    store::tables::TABLES,
    transfer::{self, Copied, Source},
    vault::Vault,
};

/// How often progress is told.
const TELLING: Duration = Duration::from_secs(1);

/// Write everything into one file, while servers may be running. It is a database of its own, complete
/// and checked or not there at all, and needs the same encryption keys.
#[derive(Args)]
pub(super) struct Backup {
    /// The file to make; there must be none of this name.
    file: PathBuf,
}

/// Fill an empty database with everything from a file that `backup` made.
#[derive(Args)]
pub(super) struct Restore {
    /// The file.
    file: PathBuf,
}

/// Move everything from one database to another, empty one. Stop the servers first.
#[derive(Args)]
pub(super) struct Migrate {
    /// Where everything is: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Where it shall be.
    #[arg(long, value_name = "URL")]
    to: String,
}

pub(super) async fn backup(options: Backup, settings: &Settings) -> Result<(), StartupError> {
    copy(settings.database()?, Database::Sqlite(options.file), Source::InUse, settings).await
}

pub(super) async fn restore(options: Restore, settings: &Settings) -> Result<(), StartupError> {
    copy(Database::Sqlite(options.file), settings.database()?, Source::InUse, settings).await
}

pub(super) async fn migrate(options: &Migrate, settings: &Settings) -> Result<(), StartupError> {
    let (from, to) = (named("--from", &options.from)?, named("--to", &options.to)?);
    copy(from, to, Source::AtRest, settings).await
}

async fn copy(
    from: Database,
    to: Database,
    source: Source,
    settings: &Settings,
) -> Result<(), StartupError> {
    let vault = Vault::new(&settings.key_ring()?)
        .map_err(|error| StartupError::because("encryption keys", error))?;
    let authority = settings.database_ca.as_deref();
    let copied = transfer::copy(from, to, authority, source, vault, progress()).await;
    summary(&copied.map_err(|error| StartupError(error.to_string()))?);
    Ok(())
}

/// Tells how far a table is, at most once a second.
#[expect(clippy::print_stderr, reason = "progress of a long command")]
fn progress() -> impl FnMut(&'static str, u64, u64) + Send {
    let mut told = Instant::now();
    move |table, done, total| {
        if told.elapsed() >= TELLING && done < total {
            eprintln!("{table}: {done} of {total}");
            told = Instant::now();
        }
    }
}

#[expect(clippy::print_stderr, reason = "the outcome of a long command")]
fn summary(copied: &Copied) {
    for (table, count) in TABLES.iter().zip(&copied.rows) {
        if *count > 0 {
            eprintln!("{}: {count}", table.name);
        }
    }
    eprintln!("complete: the rows were counted, and {} sealed records were opened", copied.opened);
}
