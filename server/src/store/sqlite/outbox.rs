//! Webhooks to be delivered, and those that were.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, Row, params, params_from_iter, types::Value as SqlValue};

use super::{engine::SqliteStore, environments::environment_settings};
use crate::{
    model::{AuditEvent, Connection, EnvironmentSettings, Operation, Slot, Webhook, WebhookStatus},
    store::{
        error::{Result, StoreError},
        outbox::{Outbox, Settlement, WebhookFilter},
        values::{millis, moment},
    },
    webhooks::announcements,
};

#[async_trait]
impl Outbox for SqliteStore {
    async fn claim_webhooks(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>> {
        self.write(move |db| claim(db, now, leased_until, limit)).await
    }

    async fn settle_webhook(&self, settlement: Settlement) -> Result<()> {
        self.write(move |db| settle(db, &settlement)).await
    }

    async fn webhooks(&self, environment: &str, filter: WebhookFilter) -> Result<Vec<Webhook>> {
        let environment = environment.to_owned();
        self.read(move |db| list(db, &environment, &filter)).await
    }

    async fn replay_webhook(
        &self,
        environment: &str,
        id: &str,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<bool> {
        let (environment, id) = (environment.to_owned(), id.to_owned());
        self.write_audited(audit, move |db| replay(db, &environment, &id, at)).await
    }

    async fn outbox_depth(&self) -> Result<u64> {
        self.read(depth).await
    }

    async fn purge_webhooks(&self, before: Timestamp) -> Result<u64> {
        self.write(move |db| purge(db, before)).await
    }
}

const WEBHOOK: &str = "id, environment, operation, integration, connection_id, slot, url, body, created_at, status, \
                       since, attempts, next_at, last_at, last_status, last_error";

/// Writes the webhooks by which a change of a connection is announced.
pub(super) fn announce(
    db: &Db,
    connection: &Connection,
    operation: Operation,
    at: Timestamp,
) -> Result<()> {
    let settings = environment_settings(db, &connection.summary.environment)?;
    for webhook in announcements(&settings, connection, operation, at) {
        db.prepare_cached(
            "insert into webhooks (id, environment, operation, integration, connection_id, slot, url, body,
                 created_at, status, since, attempts, next_at)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            webhook.id,
            webhook.environment,
            webhook.operation.word(),
            webhook.integration,
            webhook.connection_id,
            webhook.slot.word(),
            webhook.url,
            webhook.body,
            millis(webhook.created_at),
            webhook.status.word(),
            millis(webhook.since),
            webhook.attempts,
            webhook.next_at.map(millis)
        ])?;
    }
    Ok(())
}

fn claim(db: &Db, now: Timestamp, leased_until: Timestamp, limit: u32) -> Result<Vec<Webhook>> {
    let mut statement = db.prepare_cached(&format!(
        "update webhooks set leased_until = ?2, attempts = attempts + 1 where id in (
             select id from webhooks
             where next_at <= ?1 and (leased_until is null or leased_until <= ?1)
             order by next_at limit ?3)
         returning {WEBHOOK}"
    ))?;
    collect(statement.query(params![millis(now), millis(leased_until), limit])?)
}

fn settle(db: &Db, settlement: &Settlement) -> Result<()> {
    db.prepare_cached(
        "update webhooks set status = ?3, next_at = ?4, leased_until = null, last_at = ?5, last_status = ?6,
             last_error = ?7
         where id = ?1 and (attempts = ?2 or ?3 = 'delivered')",
    )?
    .execute(params![
        settlement.id,
        settlement.attempts,
        settlement.status.word(),
        settlement.next_at.map(millis),
        millis(settlement.at),
        settlement.answer,
        settlement.error
    ])?;
    Ok(())
}

fn list(db: &Db, environment: &str, filter: &WebhookFilter) -> Result<Vec<Webhook>> {
    let mut sql = format!("select {WEBHOOK} from webhooks where environment = ?");
    let mut values: Vec<SqlValue> = vec![environment.to_owned().into()];
    let conditions = [
        ("id = ?", filter.id.clone()),
        ("status = ?", filter.status.map(|status| status.word().to_owned())),
        ("operation = ?", filter.operation.map(|operation| operation.word().to_owned())),
        (
            "instr(lower(integration || '/' || connection_id), ?) > 0",
            filter.search.as_ref().map(|text| text.to_ascii_lowercase()),
        ),
        ("id < ?", filter.before.clone()),
    ];
    for (condition, value) in conditions {
        if let Some(value) = value {
            sql.push_str(&format!(" and {condition}"));
            values.push(value.into());
        }
    }
    sql.push_str(" order by id desc limit ?");
    values.push(i64::from(filter.limit).into());
    collect(db.prepare_cached(&sql)?.query(params_from_iter(values))?)
}

fn replay(db: &Db, environment: &str, id: &str, at: Timestamp) -> Result<bool> {
    let filter = WebhookFilter { id: Some(id.to_owned()), limit: 1, ..WebhookFilter::default() };
    let Some(webhook) = list(db, environment, &filter)?.pop() else { return Ok(false) };
    let EnvironmentSettings { webhook_url, webhook_url_secondary, .. } =
        environment_settings(db, environment)?;
    let url = match webhook.slot {
        Slot::Primary => webhook_url,
        Slot::Secondary => webhook_url_secondary,
        Slot::Connection => None,
    };
    db.prepare_cached(
        "update webhooks set status = ?2, since = ?3, attempts = 0, next_at = ?3, leased_until = null, url = ?4
         where id = ?1",
    )?
    .execute(params![
        id,
        WebhookStatus::Pending.word(),
        millis(at),
        url.unwrap_or(webhook.url)
    ])?;
    Ok(true)
}

fn depth(db: &Db) -> Result<u64> {
    let count: i64 = db
        .prepare_cached("select count(*) from webhooks where next_at is not null")?
        .query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

fn purge(db: &Db, before: Timestamp) -> Result<u64> {
    Ok(db
        .prepare_cached("delete from webhooks where next_at is null and created_at < ?1")?
        .execute([millis(before)])? as u64)
}

fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Vec<Webhook>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(webhook_of(row)?);
    }
    Ok(found)
}

fn webhook_of(row: &Row<'_>) -> Result<Webhook> {
    let word = |index: usize| row.get::<_, String>(index);
    let optional = |index: usize| -> Result<Option<Timestamp>> {
        row.get::<_, Option<i64>>(index)?.map(moment).transpose()
    };
    Ok(Webhook {
        id: row.get(0)?,
        environment: row.get(1)?,
        operation: Operation::of(&word(2)?).ok_or(StoreError::Corrupt("webhooks.operation"))?,
        integration: row.get(3)?,
        connection_id: row.get(4)?,
        slot: Slot::of(&word(5)?).ok_or(StoreError::Corrupt("webhooks.slot"))?,
        url: row.get(6)?,
        body: row.get(7)?,
        created_at: moment(row.get(8)?)?,
        status: WebhookStatus::of(&word(9)?).ok_or(StoreError::Corrupt("webhooks.status"))?,
        since: moment(row.get(10)?)?,
        attempts: row.get(11)?,
        next_at: optional(12)?,
        last_at: optional(13)?,
        last_status: row.get(14)?,
        last_error: row.get(15)?,
    })
}
