//! Sessions of the dashboard, and what is shown once.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, OptionalExtension, params};

use super::engine::SqliteStore;
use crate::{
    model::AuditEvent,
    store::{
        error::Result,
        operators::{Operators, ShownOnce},
        values::millis,
    },
};

#[async_trait]
impl Operators for SqliteStore {
    async fn begin_operator_session(
        &self,
        session: &str,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<()> {
        let session = session.to_owned();
        self.write_audited(audit, move |db| begin_session(db, &session, ends_at)).await
    }

    async fn has_operator_session(&self, session: &str, now: Timestamp) -> Result<bool> {
        let session = session.to_owned();
        self.read(move |db| has_session(db, &session, now)).await
    }

    async fn end_operator_session(&self, session: &str, audit: AuditEvent) -> Result<bool> {
        let session = session.to_owned();
        self.write_audited(audit, move |db| end_session(db, &session)).await
    }

    async fn put_shown_once(&self, new: ShownOnce) -> Result<()> {
        self.write(move |db| put_shown_once(db, &new)).await
    }

    async fn take_shown_once(
        &self,
        id: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>> {
        let (id, session) = (id.to_owned(), session.to_owned());
        self.write(move |db| take_shown_once(db, &id, &session, now)).await
    }

    async fn purge_operator_sessions(&self, now: Timestamp) -> Result<()> {
        self.write(move |db| purge(db, now)).await
    }
}

fn begin_session(db: &Db, session: &str, ends_at: Timestamp) -> Result<()> {
    db.prepare_cached("insert into operator_sessions (session, ends_at) values (?1, ?2)")?
        .execute(params![session, millis(ends_at)])?;
    Ok(())
}

fn has_session(db: &Db, session: &str, now: Timestamp) -> Result<bool> {
    Ok(db
        .prepare_cached("select 1 from operator_sessions where session = ?1 and ends_at > ?2")?
        .exists(params![session, millis(now)])?)
}

fn end_session(db: &Db, session: &str) -> Result<bool> {
    db.prepare_cached("delete from shown_once where session = ?1")?.execute([session])?;
    let sql = "delete from operator_sessions where session = ?1";
    Ok(db.prepare_cached(sql)?.execute([session])? > 0)
}

fn put_shown_once(db: &Db, new: &ShownOnce) -> Result<()> {
    db.prepare_cached(
        "insert into shown_once (id, session, sealed, ends_at) values (?1, ?2, ?3, ?4)",
    )?
    .execute(params![new.id, new.session, new.sealed, millis(new.ends_at)])?;
    Ok(())
}

fn take_shown_once(db: &Db, id: &str, session: &str, now: Timestamp) -> Result<Option<Vec<u8>>> {
    Ok(db
        .prepare_cached(
            "delete from shown_once where id = ?1 and session = ?2 and ends_at > ?3 returning sealed",
        )?
        .query_row(params![id, session, millis(now)], |row| row.get(0))
        .optional()?)
}

fn purge(db: &Db, now: Timestamp) -> Result<()> {
    for sql in [
        "delete from operator_sessions where ends_at <= ?1",
        "delete from shown_once where ends_at <= ?1",
    ] {
        db.prepare_cached(sql)?.execute([millis(now)])?;
    }
    Ok(())
}
