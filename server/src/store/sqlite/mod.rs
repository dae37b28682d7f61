//! The store in one SQLite file. One thread writes, committing whatever is queued as one transaction;
//! a few threads read beside it. Nothing here blocks an asynchronous task.
//!
//! Settings, and why: write-ahead log with `synchronous=FULL`, because an acknowledged write must
//! survive a power loss (<https://www.sqlite.org/pragma.html#pragma_synchronous>); SQLite 3.51.3 or
//! newer, because older ones can corrupt a write-ahead log that has several connections
//! (<https://www.sqlite.org/wal.html>, "WAL-reset bug"); no memory mapping; the file is private from
//! the moment it exists; a lock file keeps a second server away.

mod checks;
pub mod copy;
mod migrations;
mod operators;
mod queries;
mod readers;
mod webhooks;
mod writer;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, OpenFlags};

pub use self::writer::BATCH as WRITES_PER_COMMIT;
use self::{readers::Readers, writer::Writer};
use super::{
    AuditFilter, CheckRecord, ConnectionChange, ConnectionFilter, Created, Deletion,
    EnvironmentOutcome, Found, HealthCounts, IntegrationUpdate, MetadataMode, SealedRecord,
    SettingsOutcome, Settlement, ShownOnce, Store, StoreError, StoredAuditEvent, WebhookFilter,
    Write, Written,
};
use crate::{
    allowance::{Quota, Taken},
    audit_chain::{AuditChain, AuditStart, Removable},
    ids::ConnectionId,
    metrics::CommitTimes,
    model::{
        AuditEvent, ConnectSession, Connection, ConnectionSummary, Environment,
        EnvironmentSettings, Integration, IntegrationChange, NewIntegration, NewSecretKey,
        NewSession, Object, OwnProvider, SecretKey, SecretKeyRecord, Webhook,
    },
    ownership::Situation,
    private_file,
    token::TokenHash,
    vault::Sealed,
};

/// The oldest SQLite that is safe here: 3.51.3.
const OLDEST_SQLITE: i32 = 3_051_003;

type Result<T> = std::result::Result<T, StoreError>;

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
        Self::open_committing(path, WRITES_PER_COMMIT)
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
        webhooks::end_leases(&db)?;
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

    async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.readers.run(work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        self.writer.run(work).await
    }
}

fn connect(path: &Path) -> Result<Db> {
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

fn lock(path: &Path) -> Result<File> {
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

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Refused(format!("{}: {error}", path.display()))
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

    async fn ensure_environments(&self, names: &[&str], at: Timestamp) -> Result<()> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.write(move |db| queries::ensure_environments(db, &names, at)).await
    }

    async fn environments(&self) -> Result<Vec<Environment>> {
        self.read(queries::environments).await
    }

    async fn create_environment(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |db| {
            let created = queries::create_environment(db, &name, key.as_ref(), audit.at)?;
            if created {
                queries::audit(db, &audit)?;
            }
            Ok(created)
        })
        .await
    }

    async fn rename_environment(
        &self,
        from: &str,
        to: &str,
        secrets: Vec<(String, Sealed)>,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.write(move |db| {
            let outcome = queries::rename_environment(db, &from, &to, &secrets, audit.at)?;
            if outcome == EnvironmentOutcome::Done {
                queries::audit(db, &audit)?;
            }
            Ok(outcome)
        })
        .await
    }

    async fn delete_environment(
        &self,
        name: &str,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        let name = name.to_owned();
        self.write(move |db| {
            let outcome = queries::delete_environment(db, &name)?;
            if outcome == EnvironmentOutcome::Done {
                queries::audit(db, &audit)?;
            }
            Ok(outcome)
        })
        .await
    }

    async fn put_environment_settings(
        &self,
        name: &str,
        seen: EnvironmentSettings,
        settings: EnvironmentSettings,
        audit: AuditEvent,
    ) -> Result<SettingsOutcome> {
        let name = name.to_owned();
        self.write(move |db| {
            let outcome = queries::put_environment_settings(db, &name, &seen, &settings)?;
            if outcome == SettingsOutcome::Stored {
                queries::audit(db, &audit)?;
            }
            Ok(outcome)
        })
        .await
    }

    async fn replace_server_secret(
        &self,
        name: &str,
        seen: Sealed,
        sealed: Sealed,
        audit: AuditEvent,
    ) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |db| {
            let replaced = queries::replace_server_secret(db, &name, &seen, &sealed)?;
            if replaced {
                queries::audit(db, &audit)?;
            }
            Ok(replaced)
        })
        .await
    }

    async fn begin_operator_session(
        &self,
        session: &str,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<()> {
        let session = session.to_owned();
        self.write(move |db| {
            operators::begin_session(db, &session, ends_at)?;
            queries::audit(db, &audit)
        })
        .await
    }

    async fn has_operator_session(&self, session: &str, now: Timestamp) -> Result<bool> {
        let session = session.to_owned();
        self.read(move |db| operators::has_session(db, &session, now)).await
    }

    async fn end_operator_session(&self, session: &str, audit: AuditEvent) -> Result<bool> {
        let session = session.to_owned();
        self.write(move |db| {
            let ended = operators::end_session(db, &session)?;
            if ended {
                queries::audit(db, &audit)?;
            }
            Ok(ended)
        })
        .await
    }

    async fn put_shown_once(&self, new: ShownOnce) -> Result<()> {
        self.write(move |db| operators::put_shown_once(db, &new)).await
    }

    async fn take_shown_once(
        &self,
        id: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>> {
        let (id, session) = (id.to_owned(), session.to_owned());
        self.write(move |db| operators::take_shown_once(db, &id, &session, now)).await
    }

    async fn purge_operator_sessions(&self, now: Timestamp) -> Result<()> {
        self.write(move |db| operators::purge(db, now)).await
    }

    async fn server_secret(&self, name: &str, candidate: Sealed) -> Result<Sealed> {
        let name = name.to_owned();
        self.write(move |db| queries::server_secret(db, &name, &candidate)).await
    }

    async fn put_secret_key(&self, new: NewSecretKey, audit: AuditEvent) -> Result<()> {
        self.write(move |db| {
            queries::put_secret_key(db, &new, audit.at)?;
            queries::audit(db, &audit)
        })
        .await
    }

    async fn remove_secret_key(
        &self,
        environment: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        let (environment, id) = (environment.to_owned(), id.to_owned());
        self.write(move |db| {
            let removed = queries::remove_secret_key(db, &environment, &id)?;
            if removed {
                queries::audit(db, &audit)?;
            }
            Ok(removed)
        })
        .await
    }

    async fn secret_key(&self, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>> {
        self.read(move |db| queries::secret_key(db, hash, now)).await
    }

    async fn secret_keys(&self, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::secret_keys(db, &environment, now)).await
    }

    async fn rotate_secret_key(
        &self,
        environment: &str,
        id: &str,
        new: NewSecretKey,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Option<SecretKeyRecord>> {
        let (environment, id) = (environment.to_owned(), id.to_owned());
        self.write(move |db| {
            let rotated =
                queries::rotate_secret_key(db, &environment, &id, &new, ends_at, audit.at)?;
            if rotated.is_some() {
                queries::audit(db, &audit)?;
            }
            Ok(rotated)
        })
        .await
    }

    async fn note_used(&self, used: Vec<(String, Timestamp)>) -> Result<()> {
        self.write(move |db| queries::note_used(db, &used)).await
    }

    async fn purge_secret_keys(&self, now: Timestamp) -> Result<u64> {
        self.write(move |db| queries::purge_secret_keys(db, now)).await
    }

    async fn catalogue_versions(&self) -> Result<Vec<(String, i64)>> {
        self.read(queries::catalogue_versions).await
    }

    async fn own_providers(&self, environment: &str) -> Result<Vec<OwnProvider>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::own_providers(db, &environment)).await
    }

    async fn put_own_providers(
        &self,
        environment: &str,
        providers: Vec<(OwnProvider, AuditEvent)>,
    ) -> Result<()> {
        let environment = environment.to_owned();
        self.write(move |db| {
            queries::count_up_catalogue(db, &environment)?;
            for (provider, audit) in &providers {
                queries::put_own_provider(db, &environment, provider)?;
                queries::audit(db, audit)?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_own_provider(
        &self,
        environment: &str,
        name: &str,
        even_if_used: bool,
        audit: AuditEvent,
    ) -> Result<Deletion> {
        let (environment, name) = (environment.to_owned(), name.to_owned());
        self.write(move |db| {
            let deletion = queries::delete_own_provider(db, &environment, &name, even_if_used)?;
            if deletion == Deletion::Deleted {
                queries::count_up_catalogue(db, &environment)?;
                queries::audit(db, &audit)?;
            }
            Ok(deletion)
        })
        .await
    }

    async fn create_integration(
        &self,
        new: NewIntegration,
        audit: AuditEvent,
    ) -> Result<Created<Integration>> {
        self.write(move |db| {
            let created = queries::create_integration(db, &new, audit.at)?;
            if matches!(created, Created::New(_)) {
                queries::audit(db, &audit)?;
            }
            Ok(created)
        })
        .await
    }

    async fn integrations(&self, environment: &str) -> Result<Vec<Integration>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::integrations(db, &environment)).await
    }

    async fn integration(&self, environment: &str, key: &str) -> Result<Option<Integration>> {
        let (environment, key) = (environment.to_owned(), key.to_owned());
        self.read(move |db| queries::integration(db, &environment, &key)).await
    }

    async fn update_integration(
        &self,
        environment: &str,
        key: &str,
        change: IntegrationChange,
        audit: AuditEvent,
    ) -> Result<IntegrationUpdate> {
        let (environment, key) = (environment.to_owned(), key.to_owned());
        self.write(move |db| {
            let update = queries::update_integration(db, &environment, &key, &change, audit.at)?;
            if matches!(update, IntegrationUpdate::Changed(_)) {
                queries::audit(db, &audit)?;
            }
            Ok(update)
        })
        .await
    }

    async fn delete_integration(
        &self,
        environment: &str,
        key: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        let (environment, key) = (environment.to_owned(), key.to_owned());
        self.write(move |db| {
            let deleted = queries::delete_integration(db, &environment, &key)?;
            if deleted {
                queries::audit(db, &audit)?;
            }
            Ok(deleted)
        })
        .await
    }

    async fn create_session(&self, new: NewSession, audit: AuditEvent) -> Result<()> {
        self.write(move |db| {
            queries::create_session(db, &new)?;
            queries::audit(db, &audit)
        })
        .await
    }

    async fn session(&self, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>> {
        self.read(move |db| queries::session(db, hash, now)).await
    }

    async fn delete_session(&self, hash: TokenHash, audit: AuditEvent) -> Result<bool> {
        self.write(move |db| {
            let deleted = queries::delete_session(db, hash)?;
            if deleted {
                queries::audit(db, &audit)?;
            }
            Ok(deleted)
        })
        .await
    }

    async fn purge_sessions(&self, now: Timestamp) -> Result<u64> {
        self.write(move |db| queries::purge_sessions(db, now)).await
    }

    async fn situation(
        &self,
        environment: &str,
        integration: &str,
        session: TokenHash,
        named: Option<&ConnectionId>,
    ) -> Result<Option<Situation>> {
        let (environment, integration, named) =
            (environment.to_owned(), integration.to_owned(), named.cloned());
        self.read(move |db| {
            let Some(integration) = queries::integration(db, &environment, &integration)? else {
                return Ok(None);
            };
            queries::situation(db, integration.id, session, named.as_ref()).map(Some)
        })
        .await
    }

    async fn write_connection(&self, write: Write, audit: AuditEvent) -> Result<Written> {
        self.write(move |db| queries::write_connection(db, &write, audit)).await
    }

    async fn connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
    ) -> Result<Found<Box<Connection>>> {
        let (environment, integration, id) =
            (environment.to_owned(), integration.to_owned(), id.to_owned());
        self.read(move |db| queries::connection(db, &environment, &integration, &id)).await
    }

    async fn connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<Vec<ConnectionSummary>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::connections(db, &environment, &filter)).await
    }

    async fn count_connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<HealthCounts> {
        let environment = environment.to_owned();
        self.read(move |db| queries::count_connections(db, &environment, &filter)).await
    }

    async fn update_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        change: ConnectionChange,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        let (environment, integration, id) =
            (environment.to_owned(), integration.to_owned(), id.to_owned());
        self.write(move |db| {
            queries::with_connection(db, &environment, &integration, &id, |row| {
                queries::update_connection(db, row, &change, at)?;
                queries::audit(db, &audit)
            })
        })
        .await
    }

    async fn write_metadata(
        &self,
        environment: &str,
        integration: &str,
        ids: Vec<ConnectionId>,
        metadata: Object,
        mode: MetadataMode,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        let (environment, integration) = (environment.to_owned(), integration.to_owned());
        self.write(move |db| {
            let mut rows = Vec::with_capacity(ids.len());
            for id in &ids {
                // All are looked up before one is changed, so that an unknown one changes nothing.
                match queries::with_connection(db, &environment, &integration, id.as_str(), Ok)? {
                    Found::Found(row) => rows.push(row),
                    Found::UnknownIntegration => return Ok(Found::UnknownIntegration),
                    Found::UnknownConnection => return Ok(Found::UnknownConnection),
                }
            }
            for row in rows {
                queries::write_metadata(db, row, &metadata, mode, at)?;
            }
            queries::audit(db, &audit)?;
            Ok(Found::Found(()))
        })
        .await
    }

    async fn delete_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        let (environment, integration, id) =
            (environment.to_owned(), integration.to_owned(), id.to_owned());
        self.write(move |db| {
            queries::with_connection(db, &environment, &integration, &id, |row| {
                queries::delete_connection(db, row)?;
                queries::audit(db, &audit)
            })
        })
        .await
    }

    async fn claim_checks(
        &self,
        now: Timestamp,
        used_since: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>> {
        self.write(move |db| checks::claim(db, now, used_since, leased_until, limit)).await
    }

    async fn record_check(
        &self,
        record: CheckRecord,
        audit: AuditEvent,
    ) -> Result<Option<Box<Connection>>> {
        self.write(move |db| checks::record(db, &record, &audit))
            .await
            .map(|found| found.map(Box::new))
    }

    async fn note_fetched(&self, fetched: Vec<(i64, Timestamp)>) -> Result<()> {
        self.write(move |db| queries::note_fetched(db, &fetched)).await
    }

    async fn claim_webhooks(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>> {
        self.write(move |db| webhooks::claim(db, now, leased_until, limit)).await
    }

    async fn settle_webhook(&self, settlement: Settlement) -> Result<()> {
        self.write(move |db| webhooks::settle(db, &settlement)).await
    }

    async fn webhooks(&self, environment: &str, filter: WebhookFilter) -> Result<Vec<Webhook>> {
        let environment = environment.to_owned();
        self.read(move |db| webhooks::list(db, &environment, &filter)).await
    }

    async fn replay_webhook(
        &self,
        environment: &str,
        id: &str,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<bool> {
        let (environment, id) = (environment.to_owned(), id.to_owned());
        self.write(move |db| {
            let found = webhooks::replay(db, &environment, &id, at)?;
            if found {
                queries::audit(db, &audit)?;
            }
            Ok(found)
        })
        .await
    }

    async fn outbox_depth(&self) -> Result<u64> {
        self.read(webhooks::depth).await
    }

    async fn purge_webhooks(&self, before: Timestamp) -> Result<u64> {
        self.write(move |db| webhooks::purge(db, before)).await
    }

    async fn sealed_under_other_keys(
        &self,
        key_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRecord>> {
        let key_id = key_id.to_owned();
        self.read(move |db| queries::sealed_under_other_keys(db, &key_id, after, limit)).await
    }

    async fn replace_sealed(&self, records: Vec<(SealedRecord, Sealed)>) -> Result<u64> {
        self.write(move |db| queries::replace_sealed(db, &records)).await
    }

    async fn take_allowance(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Taken> {
        let bucket = bucket.to_owned();
        self.write(move |db| queries::take_allowance(db, &bucket, quota, wanted, now)).await
    }

    async fn take_one_of_each(
        &self,
        buckets: &[(String, Quota)],
        now: Timestamp,
    ) -> Result<Vec<Taken>> {
        let buckets = buckets.to_vec();
        self.write(move |db| queries::take_one_of_each(db, &buckets, now)).await
    }

    async fn put_back(&self, buckets: &[(String, Quota)]) -> Result<()> {
        let buckets = buckets.to_vec();
        self.write(move |db| queries::put_back(db, &buckets)).await
    }

    async fn forget_allowance(&self, bucket: &str) -> Result<()> {
        let bucket = bucket.to_owned();
        self.write(move |db| queries::forget_allowance(db, &bucket)).await
    }

    async fn purge_allowances(&self, now: Timestamp) -> Result<u64> {
        self.write(move |db| queries::purge_allowances(db, now)).await
    }

    async fn record(&self, audit: AuditEvent) -> Result<()> {
        self.write(move |db| queries::audit(db, &audit)).await
    }

    async fn record_all(&self, chain: AuditChain, audit: Vec<AuditEvent>) -> Result<()> {
        self.write(move |db| queries::audit_all(db, &chain, &audit)).await
    }

    async fn audit_events(
        &self,
        environment: &str,
        filter: AuditFilter,
    ) -> Result<Vec<StoredAuditEvent>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::audit_events(db, &environment, &filter)).await
    }

    async fn audit_chain(
        &self,
        environment: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAuditEvent>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::audit_chain(db, &environment, after, limit)).await
    }

    async fn link_audit_events(&self, chain: AuditChain, limit: u32) -> Result<u32> {
        self.write(move |db| queries::link_audit_events(db, &chain, limit)).await
    }

    async fn audited_environments(&self) -> Result<Vec<String>> {
        self.read(queries::audited_environments).await
    }

    async fn audit_start(&self, environment: &str) -> Result<Option<AuditStart>> {
        let environment = environment.to_owned();
        self.read(move |db| queries::audit_start(db, &environment)).await
    }

    async fn remove_old_audit_events(
        &self,
        environment: &str,
        chain: AuditChain,
        before: Timestamp,
        limit: u32,
    ) -> Result<Removable> {
        let environment = environment.to_owned();
        self.write(move |db| {
            queries::remove_old_audit_events(db, &environment, &chain, before, limit)
        })
        .await
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
