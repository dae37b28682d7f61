//! Connect sessions.

use async_trait::async_trait;
use deadpool_postgres::Transaction;
use jiff::Timestamp;

use super::{
    audited::audited, engine::PostgresStore, look_ups::SessionByHash, sql::execute,
    transaction::transaction,
};
use crate::{
    model::{AuditEvent, ConnectSession, NewSession},
    store::{
        error::Result,
        sessions::Sessions,
        values::{json, millis},
    },
    token::TokenHash,
};

#[async_trait]
impl Sessions for PostgresStore {
    async fn create_session(&self, new: NewSession, audit: AuditEvent) -> Result<()> {
        audited!(self, audit, |db| create_session(db, &new))
    }

    async fn session(&self, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>> {
        self.sessions.ask(SessionByHash(hash, now)).await
    }

    async fn delete_session(&self, hash: TokenHash, audit: AuditEvent) -> Result<bool> {
        audited!(self, audit, |db| delete_session(db, hash))
    }

    async fn purge_sessions(&self, now: Timestamp) -> Result<u64> {
        transaction!(self, |db| purge_sessions(db, now))
    }
}

async fn create_session(db: &Transaction<'_>, new: &NewSession) -> Result<()> {
    let session = &new.session;
    let sql =
        "insert into connect_sessions (id, environment, hash, terms, key_id, presets, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)";
    execute(
        db,
        sql,
        &[
            &session.id,
            &session.environment,
            &new.hash.as_bytes(),
            &json(&session.terms)?,
            &session.presets.as_ref().map(|presets| &presets.key_id),
            &session.presets.as_ref().map(|presets| &presets.blob),
            &millis(session.expires_at),
        ],
    )
    .await
    .map(drop)
}

async fn delete_session(db: &Transaction<'_>, hash: TokenHash) -> Result<bool> {
    let sql = "delete from connect_sessions where hash = $1";
    Ok(execute(db, sql, &[&hash.as_bytes()]).await? > 0)
}

async fn purge_sessions(db: &Transaction<'_>, now: Timestamp) -> Result<u64> {
    // Several servers do this at a time, and one that is being written with is left for the next time.
    let sql = "delete from connect_sessions where id in
         (select id from connect_sessions where expires_at <= $1 for update skip locked)";
    execute(db, sql, &[&millis(now)]).await
}
