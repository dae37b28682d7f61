//! Checking stored credentials again.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection as Db, params};

use super::{
    audited::write_event,
    engine::SqliteStore,
    outbox::announce,
    rows::{CONNECTION, connection_of},
};
use crate::{
    model::{AuditEvent, Connection, Health, Operation},
    store::{
        checks::{CheckRecord, Checked, Checks},
        error::Result,
        values::millis,
    },
};

#[async_trait]
impl Checks for SqliteStore {
    async fn claim_checks(
        &self,
        now: Timestamp,
        used_since: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>> {
        self.write(move |db| claim(db, now, used_since, leased_until, limit)).await
    }

    async fn record_check(
        &self,
        record: CheckRecord,
        audit: AuditEvent,
    ) -> Result<Option<Box<Connection>>> {
        self.write(move |db| record_result(db, &record, &audit))
            .await
            .map(|found| found.map(Box::new))
    }
}

fn claim(
    db: &Db,
    now: Timestamp,
    used_since: Timestamp,
    leased_until: Timestamp,
    limit: u32,
) -> Result<Vec<Connection>> {
    let tomorrow = now + SignedDuration::from_hours(24);
    db.prepare_cached(
        "update connections set next_check_at = ?3
         where next_check_at <= ?1 and coalesce(last_fetched_at, created_at) < ?2",
    )?
    .execute(params![millis(now), millis(used_since), millis(tomorrow)])?;
    let ids = db
        .prepare_cached(
            "update connections set next_check_at = ?2 where id in (
                 select id from connections where next_check_at <= ?1 order by next_check_at limit ?3)
             returning id",
        )?
        .query_map(params![millis(now), millis(leased_until), limit], |row| row.get::<_, i64>(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    ids.into_iter().filter_map(|id| one(db, id).transpose()).collect()
}

fn record_result(db: &Db, record: &CheckRecord, event: &AuditEvent) -> Result<Option<Connection>> {
    let before = match one(db, record.connection)? {
        Some(connection) if connection.sealed == record.sealed => connection.summary,
        _ => return Ok(None),
    };
    db.prepare_cached("update connections set checked_at = ?2, next_check_at = ?3 where id = ?1")?
        .execute(params![before.id, millis(record.at), millis(record.next_check_at)])?;
    let (health, reason) = match &record.checked {
        Checked::Unchanged => return one(db, before.id),
        Checked::Healthy { account } => {
            db.prepare_cached(
                "update connections set verified = 1, account = coalesce(?2, account) where id = ?1",
            )?
            .execute(params![before.id, account])?;
            (Health::Healthy, None)
        }
        Checked::NeedsAttention(reason) => (Health::NeedsAttention, Some(reason.as_str())),
    };
    let since = if health == before.health { before.health_since } else { record.at };
    db.prepare_cached(
        "update connections set health = ?2, health_since = ?3, health_reason = ?4 where id = ?1",
    )?
    .execute(params![before.id, health.word(), millis(since), reason])?;
    let after = one(db, before.id)?;
    if let Some(connection) = &after
        && health != before.health
    {
        write_event(db, event)?;
        // That a credential works is no news where nobody was told otherwise.
        if health == Health::NeedsAttention || before.health == Health::NeedsAttention {
            announce(db, connection, Operation::Refresh, record.at)?;
        }
    }
    Ok(after)
}

fn one(db: &Db, id: i64) -> Result<Option<Connection>> {
    let mut statement = db.prepare_cached(&format!(
        "select {CONNECTION}, c.auth_mode, c.key_id, c.sealed from connections c
         join integrations i on i.id = c.integration_id where c.id = ?1"
    ))?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(connection_of).transpose()
}
