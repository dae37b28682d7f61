//! Sessions of the dashboard, and what is shown once.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;

use super::{
    audited::audited,
    engine::PostgresStore,
    sql::{execute, first},
    transaction::transaction,
};
use crate::{
    model::AuditEvent,
    store::{
        error::Result,
        operators::{Operators, ShownOnce},
        values::millis,
    },
};

#[async_trait]
impl Operators for PostgresStore {
    async fn begin_operator_session(
        &self,
        session: &str,
        ends_at: Timestamp,
        audit: AuditEvent,
    ) -> Result<()> {
        audited!(self, audit, |db| begin_session(db, session, ends_at))
    }

    async fn has_operator_session(&self, session: &str, now: Timestamp) -> Result<bool> {
        has_session(&self.client().await?, session, now).await
    }

    async fn end_operator_session(&self, session: &str, audit: AuditEvent) -> Result<bool> {
        audited!(self, audit, |db| end_session(db, session))
    }

    async fn put_shown_once(&self, new: ShownOnce) -> Result<()> {
        transaction!(self, |db| put_shown_once(db, &new))
    }

    async fn take_shown_once(
        &self,
        id: &str,
        session: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<u8>>> {
        transaction!(self, |db| take_shown_once(db, id, session, now))
    }

    async fn purge_operator_sessions(&self, now: Timestamp) -> Result<()> {
        transaction!(self, |db| purge(db, now))
    }
}

async fn begin_session(db: &Transaction<'_>, session: &str, ends_at: Timestamp) -> Result<()> {
    let sql = "insert into operator_sessions (session, ends_at) values ($1, $2)";
    execute(db, sql, &[&session, &millis(ends_at)]).await.map(drop)
}

async fn has_session(db: &impl GenericClient, session: &str, now: Timestamp) -> Result<bool> {
    let sql = "select 1 from operator_sessions where session = $1 and ends_at > $2";
    Ok(first(db, sql, &[&session, &millis(now)]).await?.is_some())
}

async fn end_session(db: &Transaction<'_>, session: &str) -> Result<bool> {
    execute(db, "delete from shown_once where session = $1", &[&session]).await?;
    let sql = "delete from operator_sessions where session = $1";
    Ok(execute(db, sql, &[&session]).await? > 0)
}

async fn put_shown_once(db: &Transaction<'_>, new: &ShownOnce) -> Result<()> {
    let sql = "insert into shown_once (id, session, sealed, ends_at) values ($1, $2, $3, $4)";
    execute(db, sql, &[&new.id, &new.session, &new.sealed, &millis(new.ends_at)]).await.map(drop)
}

async fn take_shown_once(
    db: &Transaction<'_>,
    id: &str,
    session: &str,
    now: Timestamp,
) -> Result<Option<Vec<u8>>> {
    let sql =
        "delete from shown_once where id = $1 and session = $2 and ends_at > $3 returning sealed";
    let row = first(db, sql, &[&id, &session, &millis(now)]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

async fn purge(db: &Transaction<'_>, now: Timestamp) -> Result<()> {
    for sql in [
        "delete from operator_sessions where ends_at <= $1",
        "delete from shown_once where ends_at <= $1",
    ] {
        execute(db, sql, &[&millis(now)]).await?;
    }
    Ok(())
}
