//! The SQL of sessions of the dashboard, and of what is shown once.

use jiff::Timestamp;
use rusqlite::{Connection as Db, OptionalExtension, params};

use super::{
    super::{ShownOnce, values::millis},
    Result,
};

pub(super) fn begin_session(db: &Db, session: &str, ends_at: Timestamp) -> Result<()> {
    db.prepare_cached("insert into operator_sessions (session, ends_at) values (?1, ?2)")?
        .execute(params![session, millis(ends_at)])?;
    Ok(())
}

pub(super) fn has_session(db: &Db, session: &str, now: Timestamp) -> Result<bool> {
    Ok(db
        .prepare_cached("select 1 from operator_sessions where session = ?1 and ends_at > ?2")?
        .exists(params![session, millis(now)])?)
}

pub(super) fn end_session(db: &Db, session: &str) -> Result<bool> {
    db.prepare_cached("delete from shown_once where session = ?1")?.execute([session])?;
    let sql = "delete from operator_sessions where session = ?1";
    Ok(db.prepare_cached(sql)?.execute([session])? > 0)
}

pub(super) fn put_shown_once(db: &Db, new: &ShownOnce) -> Result<()> {
    db.prepare_cached(
        "insert into shown_once (id, session, sealed, ends_at) values (?1, ?2, ?3, ?4)",
    )?
    .execute(params![new.id, new.session, new.sealed, millis(new.ends_at)])?;
    Ok(())
}

pub(super) fn take_shown_once(
    db: &Db,
    id: &str,
    session: &str,
    now: Timestamp,
) -> Result<Option<Vec<u8>>> {
    Ok(db
        .prepare_cached(
            "delete from shown_once where id = ?1 and session = ?2 and ends_at > ?3 returning sealed",
        )?
        .query_row(params![id, session, millis(now)], |row| row.get(0))
        .optional()?)
}

pub(super) fn purge(db: &Db, now: Timestamp) -> Result<()> {
    for sql in [
        "delete from operator_sessions where ends_at <= ?1",
        "delete from shown_once where ends_at <= ?1",
    ] {
        db.prepare_cached(sql)?.execute([millis(now)])?;
    }
    Ok(())
}
