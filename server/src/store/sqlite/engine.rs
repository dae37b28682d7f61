//! The file, the thread that writes and those that read.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use rusqlite::{Connection as Db, OpenFlags};

use super::{
    migrations,
    readers::Readers,
    writer::{BATCH, Writer},
};
use crate::{
    metrics::CommitTimes,
    private_file,
    store::{
        Store,
        error::{Result, StoreError},
    },
};

/// The oldest SQLite that is safe here: 3.51.3.
const OLDEST_SQLITE: i32 = 3_051_003;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::Busy
            }
            _ => Self::Engine(Box::new(error)),
        }
    }
}

/// A store in one SQLite file.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    commit_times: CommitTimes,
    /// Held, not read: the lock goes with the handle.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, or makes it, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when another server has it open, when it belongs to another program or
    /// a newer server, or when the linked SQLite is too old.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_committing(path, BATCH)
    }

    /// [`Self::open`], with at most so many writes in one commit; 1 is a disk flush for each.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_committing(path: &Path, writes: u16) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SQLITE {
            return Err(StoreError::Refused(format!(
                "SQLite {} is linked, 3.51.3 or newer is needed",
                rusqlite::version()
            )));
        }
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            private_file::directory(directory).map_err(|error| file_error(directory, &error))?;
        }
        let lock = lock(path)?;
        private_file::ensure(path).map_err(|error| file_error(path, &error))?;

        let mut db = connect(path)?;
        migrations::run(&mut db, path)?;
        // The lock says that no other server is there, so whatever is in somebody's hand is in that of
        // one that died.
        end_leases(&db)?;
        let commit_times = CommitTimes::default();
        let writer = Writer::start(db, commit_times.clone(), writes)?;
        let count =
            std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 4);
        let readers = Readers::start(count, || {
            let db = connect(path)?;
            db.pragma_update(None, "query_only", true)?;
            Ok(db)
        })?;
        Ok(Self { writer, readers, commit_times, _lock: lock })
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.readers.run(work).await
    }

    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.writer.run(work).await
    }
}

pub(super) fn connect(path: &Path) -> Result<Db> {
    let db = Db::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    // First, so that the journal mode below waits for a lock instead of failing.
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Refused(format!(
            "{}: this file system does not support SQLite's write-ahead log (journal mode is {mode})",
            path.display()
        )));
    }
    // synchronous, foreign_keys and the rest are not kept in the file: each connection sets them.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "secure_delete", true)?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "mmap_size", 0)?;
    db.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

pub(super) fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    private_file::ensure(&name).map_err(|error| file_error(&name, &error))?;
    let file =
        File::options().write(true).open(&name).map_err(|error| file_error(&name, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::Refused(format!(
            "{} is in use by another keyslot-server; stop that one first, or give this one another --data-dir",
            path.display()
        ))),
        Err(std::fs::TryLockError::Error(error)) => Err(file_error(&name, &error)),
    }
}

pub(super) fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Refused(format!("{}: {error}", path.display()))
}

fn end_leases(db: &Db) -> Result<()> {
    db.execute("update webhooks set leased_until = null where leased_until is not null", [])?;
    Ok(())
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<()> {
        self.read(|db| Ok(db.query_row("select 1", [], |_| Ok(()))?)).await
    }

    fn commit_times(&self) -> CommitTimes {
        self.commit_times.clone()
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_connection_has_the_settings_that_durability_and_secrecy_rest_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        private_file::ensure(&path).unwrap();
        let db = connect(&path).unwrap();
        let setting = |name: &str| -> String {
            db.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
                .map(|value| match value {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                })
                .unwrap()
        };
        for (name, expected) in [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("secure_delete", "1"),
            ("trusted_schema", "0"),
            ("mmap_size", "0"),
        ] {
            assert_eq!(setting(name), expected, "{name}");
        }
        assert!(rusqlite::version_number() >= OLDEST_SQLITE);
    }
}
