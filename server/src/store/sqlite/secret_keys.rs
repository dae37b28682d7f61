//! Secret keys of backends.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, params};

use super::{
    engine::SqliteStore,
    rows::{SECRET_KEY, secret_key_of},
};
use crate::{
    model::{AuditEvent, NewSecretKey, SecretKey, SecretKeyRecord},
    store::{error::Result, secret_keys::SecretKeys, values::millis},
    token::TokenHash,
};

#[async_trait]
impl SecretKeys for SqliteStore {
    async fn put_secret_key(&self, new: NewSecretKey, audit: AuditEvent) -> Result<()> {
        let at = audit.at;
        self.write_audited(audit, move |db| put_secret_key(db, &new, at)).await
    }

    async fn remove_secret_key(
        &self,
        environment: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        let (environment, id) = (environment.to_owned(), id.to_owned());
        self.write_audited(audit, move |db| remove_secret_key(db, &environment, &id)).await
    }

    async fn secret_key(&self, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>> {
        self.read(move |db| secret_key(db, hash, now)).await
    }

    async fn secret_keys(&self, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>> {
        let environment = environment.to_owned();
        self.read(move |db| secret_keys(db, &environment, now)).await
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
        let at = audit.at;
        self.write_audited(audit, move |db| {
            rotate_secret_key(db, &environment, &id, &new, ends_at, at)
        })
        .await
    }

    async fn note_used(&self, used: Vec<(String, Timestamp)>) -> Result<()> {
        self.write(move |db| note_used(db, &used)).await
    }

    async fn purge_secret_keys(&self, now: Timestamp) -> Result<u64> {
        self.write(move |db| purge_secret_keys(db, now)).await
    }
}

pub(super) fn put_secret_key(db: &Db, new: &NewSecretKey, at: Timestamp) -> Result<()> {
    db.prepare_cached(
        "insert into secret_keys (id, environment, name, role, hash, created_at, prefix)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         on conflict (id) do update set environment = excluded.environment, name = excluded.name,
             role = excluded.role, hash = excluded.hash, prefix = excluded.prefix",
    )?
    .execute(params![
        new.key.id,
        new.key.environment,
        new.key.name,
        new.key.role.word(),
        new.hash.as_bytes(),
        millis(at),
        new.key.prefix
    ])?;
    Ok(())
}

fn remove_secret_key(db: &Db, environment: &str, id: &str) -> Result<bool> {
    let removed = db
        .prepare_cached("delete from secret_keys where environment = ?1 and id = ?2")?
        .execute(params![environment, id])?;
    Ok(removed > 0)
}

fn secret_key(db: &Db, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>> {
    let mut statement = db.prepare_cached(&format!(
        "{SECRET_KEY} where hash = ?1 and (expires_at is null or expires_at > ?2)"
    ))?;
    let mut rows = statement.query(params![hash.as_bytes(), millis(now)])?;
    Ok(rows.next()?.map(secret_key_of).transpose()?.map(|record| record.key))
}

fn secret_keys(db: &Db, environment: &str, now: Timestamp) -> Result<Vec<SecretKeyRecord>> {
    let mut statement = db.prepare_cached(&format!(
        "{SECRET_KEY} where environment = ?1 and (expires_at is null or expires_at > ?2) order by created_at, id"
    ))?;
    let mut rows = statement.query(params![environment, millis(now)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(secret_key_of(row)?);
    }
    Ok(found)
}

fn rotate_secret_key(
    db: &Db,
    environment: &str,
    id: &str,
    new: &NewSecretKey,
    ends_at: Timestamp,
    at: Timestamp,
) -> Result<Option<SecretKeyRecord>> {
    let old = secret_keys(db, environment, at)?.into_iter().find(|record| record.key.id == id);
    let Some(SecretKeyRecord { key: old, .. }) = old else { return Ok(None) };
    let key = SecretKey { name: old.name, role: old.role, ..new.key.clone() };
    put_secret_key(db, &NewSecretKey { key: key.clone(), hash: new.hash }, at)?;
    db.prepare_cached(
        "update secret_keys set expires_at = min(coalesce(expires_at, ?2), ?2) where id = ?1",
    )?
    .execute(params![id, millis(ends_at)])?;
    Ok(Some(SecretKeyRecord { key, created_at: at, last_used_at: None, expires_at: None }))
}

fn note_used(db: &Db, used: &[(String, Timestamp)]) -> Result<()> {
    let mut update = db.prepare_cached(
        "update secret_keys set last_used_at = ?2 where id = ?1 and coalesce(last_used_at, 0) < ?2",
    )?;
    for (id, at) in used {
        update.execute(params![id, millis(*at)])?;
    }
    Ok(())
}

fn purge_secret_keys(db: &Db, now: Timestamp) -> Result<u64> {
    Ok(db
        .prepare_cached("delete from secret_keys where expires_at <= ?1")?
        .execute([millis(now)])? as u64)
}
