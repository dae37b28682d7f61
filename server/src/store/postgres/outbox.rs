//! Webhooks to be delivered, and those that were.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};

use super::{
    audited::audited,
    engine::PostgresStore,
    environments::environment_settings,
    sql::{all, execute, first},
    transaction::transaction,
};
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
impl Outbox for PostgresStore {
    async fn claim_webhooks(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>> {
        transaction!(self, |db| claim(db, now, leased_until, limit))
    }

    async fn settle_webhook(&self, settlement: Settlement) -> Result<()> {
        transaction!(self, |db| settle(db, &settlement))
    }

    async fn webhooks(&self, environment: &str, filter: WebhookFilter) -> Result<Vec<Webhook>> {
        list(&self.client().await?, environment, &filter).await
    }

    async fn replay_webhook(
        &self,
        environment: &str,
        id: &str,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<bool> {
        audited!(self, audit, |db| replay(db, environment, id, at))
    }

    async fn outbox_depth(&self) -> Result<u64> {
        depth(&self.client().await?).await
    }

    async fn purge_webhooks(&self, before: Timestamp) -> Result<u64> {
        transaction!(self, |db| purge(db, before))
    }
}

const WEBHOOK: &str = "id, environment, operation, integration, connection_id, slot, url, body, created_at, status, \
                       since, attempts, next_at, last_at, last_status, last_error";

/// Writes the webhooks by which a change of a connection is announced.
pub(super) async fn announce(
    db: &Transaction<'_>,
    settings: &EnvironmentSettings,
    connection: &Connection,
    operation: Operation,
    at: Timestamp,
) -> Result<()> {
    for webhook in announcements(settings, connection, operation, at) {
        let sql = "insert into webhooks (id, environment, operation, integration, connection_id, slot, url, body,
                 created_at, status, since, attempts, next_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        execute(
            db,
            sql,
            &[
                &webhook.id,
                &webhook.environment,
                &webhook.operation.word(),
                &webhook.integration,
                &webhook.connection_id,
                &webhook.slot.word(),
                &webhook.url,
                &webhook.body,
                &millis(webhook.created_at),
                &webhook.status.word(),
                &millis(webhook.since),
                &count(webhook.attempts),
                &webhook.next_at.map(millis),
            ],
        )
        .await?;
    }
    Ok(())
}

async fn claim(
    db: &Transaction<'_>,
    now: Timestamp,
    leased_until: Timestamp,
    limit: u32,
) -> Result<Vec<Webhook>> {
    // What another server is taking in this moment is passed over, not waited for.
    let sql = format!(
        "with due as (
             select id as due_id from webhooks
             where next_at <= $1 and (leased_until is null or leased_until <= $1)
             order by next_at limit $3 for update skip locked)
         update webhooks set leased_until = $2, attempts = attempts + 1
         from due where id = due_id returning {WEBHOOK}"
    );
    let rows = all(db, &sql, &[&millis(now), &millis(leased_until), &i64::from(limit)]).await?;
    rows.iter().map(webhook_of).collect()
}

async fn settle(db: &Transaction<'_>, settlement: &Settlement) -> Result<()> {
    let sql = "update webhooks set status = $3, next_at = $4, leased_until = null, last_at = $5, last_status = $6,
             last_error = $7
         where id = $1 and (attempts = $2 or $3 = 'delivered')";
    execute(
        db,
        sql,
        &[
            &settlement.id,
            &count(settlement.attempts),
            &settlement.status.word(),
            &settlement.next_at.map(millis),
            &millis(settlement.at),
            &settlement.answer.map(i32::from),
            &settlement.error,
        ],
    )
    .await
    .map(drop)
}

async fn list(
    db: &impl GenericClient,
    environment: &str,
    filter: &WebhookFilter,
) -> Result<Vec<Webhook>> {
    let mut sql = format!("select {WEBHOOK} from webhooks where environment = $1");
    let status = filter.status.map(WebhookStatus::word);
    let operation = filter.operation.map(Operation::word);
    let search = filter.search.as_ref().map(|text| text.to_ascii_lowercase());
    let limit = i64::from(filter.limit);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&environment];
    if let Some(id) = &filter.id {
        values.push(id);
        sql.push_str(&format!(" and id = ${}", values.len()));
    }
    if let Some(status) = &status {
        values.push(status);
        sql.push_str(&format!(" and status = ${}", values.len()));
    }
    if let Some(operation) = &operation {
        values.push(operation);
        sql.push_str(&format!(" and operation = ${}", values.len()));
    }
    if let Some(search) = &search {
        values.push(search);
        sql.push_str(&format!(
            " and strpos(lower((integration || '/' || connection_id) collate \"C\"), ${}) > 0",
            values.len()
        ));
    }
    if let Some(before) = &filter.before {
        values.push(before);
        sql.push_str(&format!(" and id < ${}", values.len()));
    }
    values.push(&limit);
    sql.push_str(&format!(" order by id desc limit ${}", values.len()));
    all(db, &sql, &values).await?.iter().map(webhook_of).collect()
}

async fn replay(db: &Transaction<'_>, environment: &str, id: &str, at: Timestamp) -> Result<bool> {
    let sql =
        format!("select {WEBHOOK} from webhooks where environment = $1 and id = $2 for update");
    let Some(row) = first(db, &sql, &[&environment, &id]).await? else { return Ok(false) };
    let webhook = webhook_of(&row)?;
    let EnvironmentSettings { webhook_url, webhook_url_secondary, .. } =
        environment_settings(db, environment).await?;
    let url = match webhook.slot {
        Slot::Primary => webhook_url,
        Slot::Secondary => webhook_url_secondary,
        Slot::Connection => None,
    };
    let sql = "update webhooks set status = $2, since = $3, attempts = 0, next_at = $3, leased_until = null, url = $4
         where id = $1";
    let pending = WebhookStatus::Pending.word();
    execute(db, sql, &[&id, &pending, &millis(at), &url.unwrap_or(webhook.url)]).await?;
    Ok(true)
}

async fn depth(db: &impl GenericClient) -> Result<u64> {
    let row = first(db, "select count(*) from webhooks where next_at is not null", &[]).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get(0))?;
    Ok(count.unsigned_abs())
}

async fn purge(db: &Transaction<'_>, before: Timestamp) -> Result<u64> {
    let sql = "delete from webhooks where id in
         (select id from webhooks where next_at is null and created_at < $1 for update skip locked)";
    execute(db, sql, &[&millis(before)]).await
}

/// Tries are few: one day of them.
fn count(attempts: u32) -> i32 {
    i32::try_from(attempts).unwrap_or(i32::MAX)
}

fn webhook_of(row: &Row) -> Result<Webhook> {
    let optional = |index: usize| -> Result<Option<Timestamp>> {
        row.try_get::<_, Option<i64>>(index)?.map(moment).transpose()
    };
    Ok(Webhook {
        id: row.try_get(0)?,
        environment: row.try_get(1)?,
        operation: Operation::of(row.try_get(2)?)
            .ok_or(StoreError::Corrupt("webhooks.operation"))?,
        integration: row.try_get(3)?,
        connection_id: row.try_get(4)?,
        slot: Slot::of(row.try_get(5)?).ok_or(StoreError::Corrupt("webhooks.slot"))?,
        url: row.try_get(6)?,
        body: row.try_get(7)?,
        created_at: moment(row.try_get(8)?)?,
        status: WebhookStatus::of(row.try_get(9)?).ok_or(StoreError::Corrupt("webhooks.status"))?,
        since: moment(row.try_get(10)?)?,
        attempts: u32::try_from(row.try_get::<_, i32>(11)?).unwrap_or(0),
        next_at: optional(12)?,
        last_at: optional(13)?,
        last_status: row
            .try_get::<_, Option<i32>>(14)?
            .and_then(|status| u16::try_from(status).ok()),
        last_error: row.try_get(15)?,
    })
}
