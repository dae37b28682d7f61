//! Checking stored credentials again.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::{SignedDuration, Timestamp};

use super::{
    audited::write_event,
    engine::PostgresStore,
    environments::environment_settings,
    outbox::announce,
    rows::{CONNECTION, connection_of},
    sql::{all, execute, first},
    transaction::transaction,
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
impl Checks for PostgresStore {
    async fn claim_checks(
        &self,
        now: Timestamp,
        used_since: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Connection>> {
        transaction!(self, |db| claim(db, now, used_since, leased_until, limit))
    }

    async fn record_check(
        &self,
        record: CheckRecord,
        audit: AuditEvent,
    ) -> Result<Option<Box<Connection>>> {
        transaction!(self, |db| record_result(db, &record, &audit)).map(|found| found.map(Box::new))
    }
}

async fn claim(
    db: &Transaction<'_>,
    now: Timestamp,
    used_since: Timestamp,
    leased_until: Timestamp,
    limit: u32,
) -> Result<Vec<Connection>> {
    let tomorrow = now + SignedDuration::from_hours(24);
    // What another server is taking in this moment is passed over, not waited for.
    let sql = "update connections set next_check_at = $3 where id in (
             select id from connections
             where next_check_at <= $1 and coalesce(last_fetched_at, created_at) < $2
             order by id for update skip locked)";
    execute(db, sql, &[&millis(now), &millis(used_since), &millis(tomorrow)]).await?;
    let sql = "update connections set next_check_at = $2 where id in (
             select id from connections where next_check_at <= $1 order by next_check_at limit $3
             for update skip locked)
         returning id";
    let rows = all(db, sql, &[&millis(now), &millis(leased_until), &i64::from(limit)]).await?;
    let ids = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<i64>>>()?;
    let sql = format!(
        "select {CONNECTION}, c.auth_mode, c.key_id, c.sealed from connections c
         join integrations i on i.id = c.integration_id where c.id = any($1) order by c.id"
    );
    all(db, &sql, &[&ids]).await?.iter().map(connection_of).collect()
}

async fn record_result(
    db: &Transaction<'_>,
    record: &CheckRecord,
    event: &AuditEvent,
) -> Result<Option<Connection>> {
    let sql = "select 1 from connections where id = $1 for update";
    first(db, sql, &[&record.connection]).await?;
    let before = match one(db, record.connection).await? {
        Some(connection) if connection.sealed == record.sealed => connection.summary,
        _ => return Ok(None),
    };
    let sql = "update connections set checked_at = $2, next_check_at = $3 where id = $1";
    execute(db, sql, &[&before.id, &millis(record.at), &millis(record.next_check_at)]).await?;
    let (health, reason) = match &record.checked {
        Checked::Unchanged => return one(db, before.id).await,
        Checked::Healthy { account } => {
            let sql = "update connections set verified = true, account = coalesce($2, account) where id = $1";
            execute(db, sql, &[&before.id, account]).await?;
            (Health::Healthy, None)
        }
        Checked::NeedsAttention(reason) => (Health::NeedsAttention, Some(reason.as_str())),
    };
    let since = if health == before.health { before.health_since } else { record.at };
    let sql =
        "update connections set health = $2, health_since = $3, health_reason = $4 where id = $1";
    execute(db, sql, &[&before.id, &health.word(), &millis(since), &reason]).await?;
    let after = one(db, before.id).await?;
    if let Some(connection) = &after
        && health != before.health
    {
        write_event(db, event).await?;
        // That a credential works is no news where nobody was told otherwise.
        if health == Health::NeedsAttention || before.health == Health::NeedsAttention {
            let settings = environment_settings(db, &connection.summary.environment).await?;
            announce(db, &settings, connection, Operation::Refresh, record.at).await?;
        }
    }
    Ok(after)
}

async fn one(db: &impl GenericClient, id: i64) -> Result<Option<Connection>> {
    let sql = format!(
        "select {CONNECTION}, c.auth_mode, c.key_id, c.sealed from connections c
         join integrations i on i.id = c.integration_id where c.id = $1"
    );
    first(db, &sql, &[&id]).await?.as_ref().map(connection_of).transpose()
}
