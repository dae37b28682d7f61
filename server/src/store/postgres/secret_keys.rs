//! Secret keys of backends.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::{
    audited::audited,
    engine::PostgresStore,
    look_ups::KeyByHash,
    rows::{SECRET_KEY, secret_key_of},
    sql::{all, execute, first},
    transaction::transaction,
};
use crate::{
    model::{AuditEvent, NewSecretKey, SecretKey, SecretKeyRecord},
    store::{error::Result, secret_keys::SecretKeys, values::millis},
    token::TokenHash,
};

#[async_trait]
impl SecretKeys for PostgresStore {
    async fn put_secret_key(&self, new: NewSecretKey, audit: AuditEvent) -> Result<()> {
        audited!(self, audit, |db| put_secret_key(db, &new, audit.at))
    }

    async fn remove_secret_key(
        &self,
        environment: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        audited!(self, audit, |db| remove_secret_key(db, environment, id))
    }

    async fn secret_key(&self, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>> {
        self.keys.ask(KeyByHash(hash, now)).await
    }

    async fn secret_keys(&self, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>> {
        secret_keys(&self.client().await?, environment, now).await
    }

    async fn rotate_secret_key(
        &self,
        environment: &str,
        id: &str,
        new: NewSecretKey,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Option<SecretKeyRecord>> {
        audited!(self, audit, |db| rotate_secret_key(db, environment, id, &new, ends_at, audit.at))
    }

    async fn note_used(&self, used: Vec<(String, Timestamp)>) -> Result<()> {
        transaction!(self, |db| note_used(db, &used))
    }

    async fn purge_secret_keys(&self, now: Timestamp) -> Result<u64> {
        transaction!(self, |db| purge_secret_keys(db, now))
    }
}

pub(super) async fn put_secret_key(
    db: &Transaction<'_>,
    new: &NewSecretKey,
    at: Timestamp,
) -> Result<()> {
    let sql = "insert into secret_keys (id, environment, name, role, hash, created_at, prefix)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set environment = excluded.environment, name = excluded.name,
             role = excluded.role, hash = excluded.hash, prefix = excluded.prefix";
    let key = &new.key;
    let hash = new.hash.as_bytes();
    let role = key.role.word();
    let values: [&(dyn ToSql + Sync); 7] =
        [&key.id, &key.environment, &key.name, &role, &hash, &millis(at), &key.prefix];
    execute(db, sql, &values).await.map(drop)
}

async fn remove_secret_key(db: &Transaction<'_>, environment: &str, id: &str) -> Result<bool> {
    let sql = "delete from secret_keys where environment = $1 and id = $2";
    Ok(execute(db, sql, &[&environment, &id]).await? > 0)
}

async fn secret_keys(
    db: &impl GenericClient,
    environment: &str,
    now: Timestamp,
) -> Result<Vec<SecretKeyRecord>> {
    let sql = format!(
        "select {SECRET_KEY} from secret_keys where environment = $1 and (expires_at is null or expires_at > $2)
         order by created_at, id collate \"C\""
    );
    all(db, &sql, &[&environment, &millis(now)]).await?.iter().map(secret_key_of).collect()
}

async fn rotate_secret_key(
    db: &Transaction<'_>,
    environment: &str,
    id: &str,
    new: &NewSecretKey,
    ends_at: Timestamp,
    at: Timestamp,
) -> Result<Option<SecretKeyRecord>> {
    let sql = format!(
        "select {SECRET_KEY} from secret_keys where environment = $1 and id = $2 and (expires_at is null or expires_at > $3) for update"
    );
    let Some(row) = first(db, &sql, &[&environment, &id, &millis(at)]).await? else {
        return Ok(None);
    };
    let old = secret_key_of(&row)?.key;
    let key = SecretKey { name: old.name, role: old.role, ..new.key.clone() };
    put_secret_key(db, &NewSecretKey { key: key.clone(), hash: new.hash }, at).await?;
    let sql = "update secret_keys set expires_at = least(expires_at, $2) where id = $1";
    execute(db, sql, &[&id, &millis(ends_at)]).await?;
    Ok(Some(SecretKeyRecord { key, created_at: at, last_used_at: None, expires_at: None }))
}

async fn note_used(db: &Transaction<'_>, used: &[(String, Timestamp)]) -> Result<()> {
    let (ids, moments): (Vec<&str>, Vec<i64>) =
        used.iter().map(|(id, at)| (id.as_str(), millis(*at))).unzip();
    // Several servers do this at a time: the rows are taken in one order.
    let sql = "update secret_keys k set last_used_at = noted.at
         from (select k.id, n.at from secret_keys k
               join unnest($1::text[], $2::bigint[]) as n (id, at) on n.id = k.id
               where coalesce(k.last_used_at, 0) < n.at order by k.id for update of k) noted
         where k.id = noted.id";
    execute(db, sql, &[&ids, &moments]).await.map(drop)
}

async fn purge_secret_keys(db: &Transaction<'_>, now: Timestamp) -> Result<u64> {
    let sql = "delete from secret_keys where id in
         (select id from secret_keys where expires_at <= $1 for update skip locked)";
    execute(db, sql, &[&millis(now)]).await
}
