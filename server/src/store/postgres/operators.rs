//! The SQL of sessions of the dashboard, and of what is shown once.

use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;

use super::{
    super::{ShownOnce, values::millis},
    Result,
    queries::{execute, first},
};

pub(super) async fn begin_session(
    db: &Transaction<'_>,
    session: &str,
    ends_at: Timestamp,
) -> Result<()> {
    let sql = "insert into operator_sessions (session, ends_at) values ($1, $2)";
    execute(db, sql, &[&session, &millis(ends_at)]).await.map(drop)
}

pub(super) async fn has_session(
    db: &impl GenericClient,
    session: &str,
    now: Timestamp,
) -> Result<bool> {
    let sql = "select 1 from operator_sessions where session = $1 and ends_at > $2";
    Ok(first(db, sql, &[&session, &millis(now)]).await?.is_some())
}

pub(super) async fn end_session(db: &Transaction<'_>, session: &str) -> Result<bool> {
    execute(db, "delete from shown_once where session = $1", &[&session]).await?;
    let sql = "delete from operator_sessions where session = $1";
    Ok(execute(db, sql, &[&session]).await? > 0)
}

pub(super) async fn put_shown_once(db: &Transaction<'_>, new: &ShownOnce) -> Result<()> {
    let sql = "insert into shown_once (id, session, sealed, ends_at) values ($1, $2, $3, $4)";
    execute(db, sql, &[&new.id, &new.session, &new.sealed, &millis(new.ends_at)]).await.map(drop)
}

pub(super) async fn take_shown_once(
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

pub(super) async fn purge(db: &Transaction<'_>, now: Timestamp) -> Result<()> {
    for sql in [
        "delete from operator_sessions where ends_at <= $1",
        "delete from shown_once where ends_at <= $1",
    ] {
        execute(db, sql, &[&millis(now)]).await?;
    }
    Ok(())
}
