//! Connect sessions.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, params};

use super::engine::SqliteStore;
use crate::{
    model::{AuditEvent, ConnectSession, NewSession},
    store::{
        error::Result,
        sessions::Sessions,
        values::{document, json, millis, moment},
    },
    token::TokenHash,
    vault::Sealed,
};

#[async_trait]
impl Sessions for SqliteStore {
    async fn create_session(&self, new: NewSession, audit: AuditEvent) -> Result<()> {
        self.write_audited(audit, move |db| create_session(db, &new)).await
    }

    async fn session(&self, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>> {
        self.read(move |db| session(db, hash, now)).await
    }

    async fn delete_session(&self, hash: TokenHash, audit: AuditEvent) -> Result<bool> {
        self.write_audited(audit, move |db| delete_session(db, hash)).await
    }

    async fn purge_sessions(&self, now: Timestamp) -> Result<u64> {
        self.write(move |db| purge_sessions(db, now)).await
    }
}

fn create_session(db: &Db, new: &NewSession) -> Result<()> {
    let session = &new.session;
    db.prepare_cached(
        "insert into connect_sessions (id, environment, hash, terms, key_id, presets, expires_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        session.id,
        session.environment,
        new.hash.as_bytes(),
        json(&session.terms)?,
        session.presets.as_ref().map(|presets| &presets.key_id),
        session.presets.as_ref().map(|presets| &presets.blob),
        millis(session.expires_at)
    ])?;
    Ok(())
}

pub(super) fn session(db: &Db, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>> {
    let mut statement = db.prepare_cached(
        "select id, environment, terms, key_id, presets, expires_at from connect_sessions
         where hash = ?1 and expires_at > ?2",
    )?;
    let mut rows = statement.query(params![hash.as_bytes(), millis(now)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let presets = match (row.get::<_, Option<String>>(3)?, row.get::<_, Option<Vec<u8>>>(4)?) {
        (Some(key_id), Some(blob)) => Some(Sealed { key_id, blob }),
        _ => None,
    };
    Ok(Some(ConnectSession {
        id: row.get(0)?,
        environment: row.get(1)?,
        terms: document(&row.get::<_, String>(2)?, "connect_sessions.terms")?,
        presets,
        expires_at: moment(row.get(5)?)?,
    }))
}

fn delete_session(db: &Db, hash: TokenHash) -> Result<bool> {
    Ok(db
        .prepare_cached("delete from connect_sessions where hash = ?1")?
        .execute([hash.as_bytes()])?
        > 0)
}

fn purge_sessions(db: &Db, now: Timestamp) -> Result<u64> {
    Ok(db
        .prepare_cached("delete from connect_sessions where expires_at <= ?1")?
        .execute([millis(now)])? as u64)
}
