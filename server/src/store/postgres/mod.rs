//! The store in a PostgreSQL database (14 or newer), which several servers may share. It commits what
//! arrives together in one flush by itself, so there is no writer of ours; each method is a transaction
//! on a connection of a pool.
//!
//! Why `tokio-postgres` and not `sqlx`: the SQLite driver of the latter cannot be in one dependency
//! graph with `rusqlite`, and nothing else of it would be used.

mod checks;
pub mod copy;
mod gathered;
mod migrations;
mod operators;
mod pool;
mod queries;
mod webhooks;

use std::{path::Path, time::Instant};

use async_trait::async_trait;
use deadpool_postgres::{Client, Pool};
use jiff::Timestamp;
use tokio_postgres::error::SqlState;

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
    token::TokenHash,
    vault::Sealed,
};

use gathered::Gathered;
use queries::{ConnectionByName, KeyByHash, SessionByHash};

type Result<T> = std::result::Result<T, StoreError>;

/// How often a transaction is tried that the database undid because of another one.
const ATTEMPTS: u32 = 5;

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    pool: Pool,
    commit_times: CommitTimes,
    keys: Gathered<KeyByHash>,
    sessions: Gathered<SessionByHash>,
    connections: Gathered<ConnectionByName>,
}

impl PostgresStore {
    /// Connects to the database at `url` (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`) and brings its
    /// schema up to date.
    ///
    /// The connection is encrypted and the certificate checked, unless the database is on this machine
    /// or the URL says `sslmode=disable`. `authority` is a PEM file of the certificates that the
    /// database's may come from, instead of the public ones.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when the URL cannot be read, the database cannot be reached, is older
    /// than 14 or not in UTF-8, or its schema belongs to a newer server. The text holds nothing of the
    /// URL but host names.
    pub async fn open(url: &str, authority: Option<&Path>) -> Result<Self> {
        let pool = pool::connect(url, authority).await?;
        migrations::run(&mut pool.get().await?).await?;
        Ok(Self {
            commit_times: CommitTimes::default(),
            keys: Gathered::new(pool.clone()),
            sessions: Gathered::new(pool.clone()),
            connections: Gathered::new(pool.clone()),
            pool,
        })
    }

    async fn client(&self) -> Result<Client> {
        Ok(self.pool.get().await?)
    }
}

/// Runs the future that `$work` makes of a transaction, and commits; once more from the start when the
/// database undid it because of another transaction. A macro, because a closure cannot yet say that the
/// future it returns may move between threads.
macro_rules! transaction {
    ($store:expr, |$db:ident| $work:expr) => {{
        let mut attempt = 1;
        loop {
            let outcome: Result<_> = async {
                let mut client = $store.client().await?;
                let started = Instant::now();
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
                Err(error) if attempt < ATTEMPTS && was_undone(&error) => attempt += 1,
                outcome => break outcome,
            }
        }
    }};
}

/// Whether the database undid a transaction that would succeed by itself: a deadlock, which it ended, or
/// a conflict (<https://www.postgresql.org/docs/14/mvcc-serialization-failure-handling.html>).
fn was_undone(error: &StoreError) -> bool {
    let StoreError::Engine(error) = error else { return false };
    let code = error.downcast_ref::<pool::Failure>().and_then(|failure| failure.0.code());
    code.is_some_and(|code| {
        [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code)
    })
}

#[async_trait]
impl Store for PostgresStore {
    async fn ping(&self) -> Result<()> {
        self.client().await?.simple_query("select 1").await?;
        Ok(())
    }

    fn commit_times(&self) -> CommitTimes {
        self.commit_times.clone()
    }

    async fn close(&self) {
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
        self.pool.close();
        // Connections in use go when their transaction ends.
        let idle = async {
            while self.pool.status().size > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, idle).await.is_err() {
            tracing::warn!("transactions were still running when the store was closed");
        }
    }

    async fn ensure_environments(&self, names: &[&str], at: Timestamp) -> Result<()> {
        transaction!(self, |db| queries::ensure_environments(db, names, at))
    }

    async fn environments(&self) -> Result<Vec<Environment>> {
        queries::environments(&self.client().await?).await
    }

    async fn create_environment(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<bool> {
        transaction!(self, |db| async {
            let created = queries::create_environment(db, name, key.as_ref(), audit.at).await?;
            if created {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(created)
        })
    }

    async fn rename_environment(
        &self,
        from: &str,
        to: &str,
        secrets: Vec<(String, Sealed)>,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        transaction!(self, |db| async {
            let outcome = queries::rename_environment(db, from, to, &secrets, audit.at).await?;
            if outcome == EnvironmentOutcome::Done {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(outcome)
        })
    }

    async fn delete_environment(
        &self,
        name: &str,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        transaction!(self, |db| async {
            let outcome = queries::delete_environment(db, name).await?;
            if outcome == EnvironmentOutcome::Done {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(outcome)
        })
    }

    async fn put_environment_settings(
        &self,
        name: &str,
        seen: EnvironmentSettings,
        settings: EnvironmentSettings,
        audit: AuditEvent,
    ) -> Result<SettingsOutcome> {
        transaction!(self, |db| async {
            let outcome = queries::put_environment_settings(db, name, &seen, &settings).await?;
            if outcome == SettingsOutcome::Stored {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(outcome)
        })
    }

    async fn replace_server_secret(
        &self,
        name: &str,
        seen: Sealed,
        sealed: Sealed,
        audit: AuditEvent,
    ) -> Result<bool> {
        transaction!(self, |db| async {
            let replaced = queries::replace_server_secret(db, name, &seen, &sealed).await?;
            if replaced {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(replaced)
        })
    }

    async fn begin_operator_session(
        &self,
        session: &str,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<()> {
        transaction!(self, |db| async {
            operators::begin_session(db, session, ends_at).await?;
            queries::audit(db, &audit).await
        })
    }

    async fn has_operator_session(&self, session: &str, now: Timestamp) -> Result<bool> {
        operators::has_session(&self.client().await?, session, now).await
    }

    async fn end_operator_session(&self, session: &str, audit: AuditEvent) -> Result<bool> {
        transaction!(self, |db| async {
            let ended = operators::end_session(db, session).await?;
            if ended {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(ended)
        })
    }

    async fn put_shown_once(&self, new: ShownOnce) -> Result<()> {
        transaction!(self, |db| operators::put_shown_once(db, &new))
    }

    async fn take_shown_once(
        &self,
        id: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>> {
        transaction!(self, |db| operators::take_shown_once(db, id, session, now))
    }

    async fn purge_operator_sessions(&self, now: Timestamp) -> Result<()> {
        transaction!(self, |db| operators::purge(db, now))
    }

    async fn server_secret(&self, name: &str, candidate: Sealed) -> Result<Sealed> {
        transaction!(self, |db| queries::server_secret(db, name, &candidate))
    }

    async fn put_secret_key(&self, new: NewSecretKey, audit: AuditEvent) -> Result<()> {
        transaction!(self, |db| async {
            queries::put_secret_key(db, &new, audit.at).await?;
            queries::audit(db, &audit).await
        })
    }

    async fn remove_secret_key(
        &self,
        environment: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        transaction!(self, |db| async {
            let removed = queries::remove_secret_key(db, environment, id).await?;
            if removed {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(removed)
        })
    }

    async fn secret_key(&self, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>> {
        self.keys.ask(KeyByHash(hash, now)).await
    }

    async fn secret_keys(&self, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>> {
        queries::secret_keys(&self.client().await?, environment, now).await
    }

    async fn rotate_secret_key(
        &self,
        environment: &str,
        id: &str,
        new: NewSecretKey,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Option<SecretKeyRecord>> {
        transaction!(self, |db| async {
            let rotated =
                queries::rotate_secret_key(db, environment, id, &new, ends_at, audit.at).await?;
            if rotated.is_some() {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(rotated)
        })
    }

    async fn note_used(&self, used: Vec<(String, Timestamp)>) -> Result<()> {
        transaction!(self, |db| queries::note_used(db, &used))
    }

    async fn purge_secret_keys(&self, now: Timestamp) -> Result<u64> {
        transaction!(self, |db| queries::purge_secret_keys(db, now))
    }

    async fn catalogue_versions(&self) -> Result<Vec<(String, i64)>> {
        queries::catalogue_versions(&self.client().await?).await
    }

    async fn own_providers(&self, environment: &str) -> Result<Vec<OwnProvider>> {
        queries::own_providers(&self.client().await?, environment).await
    }

    async fn put_own_providers(
        &self,
        environment: &str,
        providers: Vec<(OwnProvider, AuditEvent)>,
    ) -> Result<()> {
        transaction!(self, |db| async {
            // First, so that two of them wait for each other here and nowhere else.
            queries::count_up_catalogue(db, environment).await?;
            for (provider, audit) in &providers {
                queries::put_own_provider(db, environment, provider).await?;
                queries::audit(db, audit).await?;
            }
            Ok::<_, StoreError>(())
        })
    }

    async fn delete_own_provider(
        &self,
        environment: &str,
        name: &str,
        even_if_used: bool,
        audit: AuditEvent,
    ) -> Result<Deletion> {
        transaction!(self, |db| async {
            queries::count_up_catalogue(db, environment).await?;
            let deletion =
                queries::delete_own_provider(db, environment, name, even_if_used).await?;
            if deletion == Deletion::Deleted {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(deletion)
        })
    }

    async fn create_integration(
        &self,
        new: NewIntegration,
        audit: AuditEvent,
    ) -> Result<Created<Integration>> {
        transaction!(self, |db| async {
            let created = queries::create_integration(db, &new, audit.at).await?;
            if matches!(created, Created::New(_)) {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(created)
        })
    }

    async fn integrations(&self, environment: &str) -> Result<Vec<Integration>> {
        queries::integrations(&self.client().await?, environment).await
    }

    async fn integration(&self, environment: &str, key: &str) -> Result<Option<Integration>> {
        queries::integration(&self.client().await?, environment, key).await
    }

    async fn update_integration(
        &self,
        environment: &str,
        key: &str,
        change: IntegrationChange,
        audit: AuditEvent,
    ) -> Result<IntegrationUpdate> {
        transaction!(self, |db| async {
            let update =
                queries::update_integration(db, environment, key, &change, audit.at).await?;
            if matches!(update, IntegrationUpdate::Changed(_)) {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(update)
        })
    }

    async fn delete_integration(
        &self,
        environment: &str,
        key: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        transaction!(self, |db| async {
            let deleted = queries::delete_integration(db, environment, key).await?;
            if deleted {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(deleted)
        })
    }

    async fn create_session(&self, new: NewSession, audit: AuditEvent) -> Result<()> {
        transaction!(self, |db| async {
            queries::create_session(db, &new).await?;
            queries::audit(db, &audit).await
        })
    }

    async fn session(&self, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>> {
        self.sessions.ask(SessionByHash(hash, now)).await
    }

    async fn delete_session(&self, hash: TokenHash, audit: AuditEvent) -> Result<bool> {
        transaction!(self, |db| async {
            let deleted = queries::delete_session(db, hash).await?;
            if deleted {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(deleted)
        })
    }

    async fn purge_sessions(&self, now: Timestamp) -> Result<u64> {
        transaction!(self, |db| queries::purge_sessions(db, now))
    }

    async fn situation(
        &self,
        environment: &str,
        integration: &str,
        session: TokenHash,
        named: Option<&ConnectionId>,
    ) -> Result<Option<Situation>> {
        let db = self.client().await?;
        queries::situation(&db, environment, integration, session, named).await
    }

    async fn write_connection(&self, write: Write, audit: AuditEvent) -> Result<Written> {
        transaction!(self, |db| queries::write_connection(db, &write, &audit))
    }

    async fn connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
    ) -> Result<Found<Box<Connection>>> {
        let question = ConnectionByName {
            environment: environment.to_owned(),
            integration: integration.to_owned(),
            id: id.to_owned(),
        };
        self.connections.ask(question).await
    }

    async fn connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<Vec<ConnectionSummary>> {
        queries::connections(&self.client().await?, environment, &filter).await
    }

    async fn count_connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<HealthCounts> {
        queries::count_connections(&self.client().await?, environment, &filter).await
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
        transaction!(self, |db| async {
            let row = match queries::locked(db, environment, integration, id).await? {
                Found::Found(row) => row,
                Found::UnknownIntegration => return Ok(Found::UnknownIntegration),
                Found::UnknownConnection => return Ok(Found::UnknownConnection),
            };
            queries::update_connection(db, row, &change, at).await?;
            queries::audit(db, &audit).await?;
            Ok::<_, StoreError>(Found::Found(()))
        })
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
        transaction!(self, |db| async {
            let found =
                queries::write_metadata(db, environment, integration, &ids, &metadata, mode, at)
                    .await?;
            if matches!(found, Found::Found(())) {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(found)
        })
    }

    async fn delete_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        transaction!(self, |db| async {
            let row = match queries::locked(db, environment, integration, id).await? {
                Found::Found(row) => row,
                Found::UnknownIntegration => return Ok(Found::UnknownIntegration),
                Found::UnknownConnection => return Ok(Found::UnknownConnection),
            };
            queries::delete_connection(db, row).await?;
            queries::audit(db, &audit).await?;
            Ok::<_, StoreError>(Found::Found(()))
        })
    }

    async fn claim_checks(
        &self,
        now: Timestamp,
        used_since: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>> {
        transaction!(self, |db| checks::claim(db, now, used_since, leased_until, limit))
    }

    async fn record_check(
        &self,
        record: CheckRecord,
        audit: AuditEvent,
    ) -> Result<Option<Box<Connection>>> {
        transaction!(self, |db| checks::record(db, &record, &audit))
            .map(|found| found.map(Box::new))
    }

    async fn note_fetched(&self, fetched: Vec<(i64, Timestamp)>) -> Result<()> {
        transaction!(self, |db| queries::note_fetched(db, &fetched))
    }

    async fn claim_webhooks(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>> {
        transaction!(self, |db| webhooks::claim(db, now, leased_until, limit))
    }

    async fn settle_webhook(&self, settlement: Settlement) -> Result<()> {
        transaction!(self, |db| webhooks::settle(db, &settlement))
    }

    async fn webhooks(&self, environment: &str, filter: WebhookFilter) -> Result<Vec<Webhook>> {
        webhooks::list(&self.client().await?, environment, &filter).await
    }

    async fn replay_webhook(
        &self,
        environment: &str,
        id: &str,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<bool> {
        transaction!(self, |db| async {
            let found = webhooks::replay(db, environment, id, at).await?;
            if found {
                queries::audit(db, &audit).await?;
            }
            Ok::<_, StoreError>(found)
        })
    }

    async fn outbox_depth(&self) -> Result<u64> {
        webhooks::depth(&self.client().await?).await
    }

    async fn purge_webhooks(&self, before: Timestamp) -> Result<u64> {
        transaction!(self, |db| webhooks::purge(db, before))
    }

    async fn sealed_under_other_keys(
        &self,
        key_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRecord>> {
        queries::sealed_under_other_keys(&self.client().await?, key_id, after, limit).await
    }

    async fn replace_sealed(&self, records: Vec<(SealedRecord, Sealed)>) -> Result<u64> {
        transaction!(self, |db| queries::replace_sealed(db, &records))
    }

    async fn take_allowance(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Taken> {
        transaction!(self, |db| queries::take_allowance(db, bucket, quota, wanted, now))
    }

    async fn take_one_of_each(
        &self,
        buckets: &[(String, Quota)],
        now: Timestamp,
    ) -> Result<Vec<Taken>> {
        queries::take_one_of_each(&self.client().await?, buckets, now).await
    }

    async fn put_back(&self, buckets: &[(String, Quota)]) -> Result<()> {
        queries::put_back(&self.client().await?, buckets).await
    }

    async fn forget_allowance(&self, bucket: &str) -> Result<()> {
        queries::forget_allowance(&self.client().await?, bucket).await
    }

    async fn purge_allowances(&self, now: Timestamp) -> Result<u64> {
        queries::purge_allowances(&self.client().await?, now).await
    }

    async fn record(&self, audit: AuditEvent) -> Result<()> {
        transaction!(self, |db| queries::audit(db, &audit))
    }

    async fn record_all(&self, chain: AuditChain, audit: Vec<AuditEvent>) -> Result<()> {
        transaction!(self, |db| queries::audit_all(db, &chain, &audit))
    }

    async fn audit_events(
        &self,
        environment: &str,
        filter: AuditFilter,
    ) -> Result<Vec<StoredAuditEvent>> {
        queries::audit_events(&self.client().await?, environment, &filter).await
    }

    async fn audit_chain(
        &self,
        environment: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAuditEvent>> {
        queries::audit_chain(&self.client().await?, environment, after, limit).await
    }

    async fn link_audit_events(&self, chain: AuditChain, limit: u32) -> Result<u32> {
        transaction!(self, |db| queries::link_audit_events(db, &chain, limit))
    }

    async fn audited_environments(&self) -> Result<Vec<String>> {
        queries::audited_environments(&self.client().await?).await
    }

    async fn audit_start(&self, environment: &str) -> Result<Option<AuditStart>> {
        queries::audit_start(&self.client().await?, environment).await
    }

    async fn remove_old_audit_events(
        &self,
        environment: &str,
        chain: AuditChain,
        before: Timestamp,
        limit: u32,
    ) -> Result<Removable> {
        transaction!(self, |db| queries::remove_old_audit_events(
            db,
            environment,
            &chain,
            before,
            limit
        ))
    }
}
