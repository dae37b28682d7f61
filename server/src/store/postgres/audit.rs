//! The audit log and its chain.

use std::collections::HashMap;

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    audited::write_event,
    engine::PostgresStore,
    sql::{OwnedValues, all, execute, first, once},
    transaction::transaction,
};
use crate::{
    audit_chain::{AuditChain, AuditStart, Head, Removable},
    model::AuditEvent,
    store::{
        audit::{AuditFilter, AuditLog, IS_CHANGE, StoredAuditEvent},
        error::Result,
        values::{millis, moment},
    },
};

#[async_trait]
impl AuditLog for PostgresStore {
    async fn record(&self, audit: AuditEvent) -> Result<()> {
        transaction!(self, |db| write_event(db, &audit))
    }

    async fn record_all(&self, chain: AuditChain, audit: Vec<AuditEvent>) -> Result<()> {
        transaction!(self, |db| audit_all(db, &chain, &audit))
    }

    async fn audit_events(
        &self,
        environment: &str,
        filter: AuditFilter,
    ) -> Result<Vec<StoredAuditEvent>> {
        audit_events(&self.client().await?, environment, &filter).await
    }

    async fn audit_chain(
        &self,
        environment: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAuditEvent>> {
        audit_chain(&self.client().await?, environment, after, limit).await
    }

    async fn link_audit_events(&self, chain: AuditChain, limit: u32) -> Result<u32> {
        transaction!(self, |db| link_audit_events(db, &chain, limit))
    }

    async fn audited_environments(&self) -> Result<Vec<String>> {
        audited_environments(&self.client().await?).await
    }

    async fn audit_start(&self, environment: &str) -> Result<Option<AuditStart>> {
        audit_start(&self.client().await?, environment).await
    }

    async fn remove_old_audit_events(
        &self,
        environment: &str,
        chain: AuditChain,
        before: Timestamp,
        limit: u32,
    ) -> Result<Removable> {
        transaction!(self, |db| remove_old_audit_events(db, environment, &chain, before, limit))
    }
}

async fn audit_all(db: &Transaction<'_>, chain: &AuditChain, events: &[AuditEvent]) -> Result<()> {
    link_audit_events(db, chain, u32::MAX).await?;
    let count = i64::try_from(events.len()).unwrap_or(i64::MAX);
    let sql = "select nextval(pg_get_serial_sequence('audit_events', 'id')) from generate_series(1, $1::bigint)";
    let numbers = all(db, sql, &[&count]).await?;
    let mut heads: HashMap<&str, Head> = HashMap::new();
    let (mut ids, mut links, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    for (event, row) in events.iter().zip(&numbers) {
        let environment = event.environment.as_str();
        let head = match heads.remove(environment) {
            Some(head) => head,
            None => chain_head(db, environment).await?,
        };
        let id = row.try_get(0)?;
        let link = head.link + 1;
        let code = chain.code(&head.code, link, environment, &StoredAuditEvent::of(id, event));
        ids.push(id);
        links.push(link);
        codes.push(code.clone());
        heads.insert(environment, Head { link, code });
    }
    let sql = "insert into audit_events (id, at, environment, actor, action, object, request_id, address, link, mac)
         overriding system value
         select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
             $8::text[], $9::bigint[], $10::bytea[])";
    let at: Vec<i64> = events.iter().map(|event| millis(event.at)).collect();
    let texts = |part: fn(&AuditEvent) -> &str| events.iter().map(part).collect::<Vec<&str>>();
    let addresses: Vec<Option<String>> =
        events.iter().map(|event| event.address.map(|address| address.to_string())).collect();
    execute(
        db,
        sql,
        &[
            &ids,
            &at,
            &texts(|event| &event.environment),
            &texts(|event| &event.actor),
            &texts(|event| event.action),
            &texts(|event| &event.object),
            &texts(|event| &event.request_id),
            &addresses,
            &links,
            &codes,
        ],
    )
    .await
    .map(drop)
}

/// The newest event in the chain of an environment, or the last one that was removed.
async fn chain_head(db: &Transaction<'_>, environment: &str) -> Result<Head> {
    let sql = "select link, mac from audit_events where environment = $1 and link is not null
         order by link desc limit 1";
    Ok(match first(db, sql, &[&environment]).await? {
        Some(row) => Head { link: row.try_get(0)?, code: row.try_get(1)? },
        None => audit_start(db, environment).await?.map(|start| start.head).unwrap_or_default(),
    })
}

async fn audited_environments(db: &impl GenericClient) -> Result<Vec<String>> {
    // From each name to the next by the index: the log is long, and the names are few.
    let sql = "with recursive names (name) as (
             select min(environment) from audit_events
             union all
             select (select min(environment) from audit_events where environment > name)
             from names where name is not null
         ) select name from names where name is not null";
    all(db, sql, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn audit_start(db: &impl GenericClient, environment: &str) -> Result<Option<AuditStart>> {
    let sql = "select link, mac, seal from audit_starts where environment = $1";
    Ok(match first(db, sql, &[&environment]).await? {
        None => None,
        Some(row) => Some(AuditStart {
            head: Head { link: row.try_get(0)?, code: row.try_get(1)? },
            seal: row.try_get(2)?,
        }),
    })
}

async fn remove_old_audit_events(
    db: &Transaction<'_>,
    environment: &str,
    chain: &AuditChain,
    before: Timestamp,
    limit: u32,
) -> Result<Removable> {
    // Not while another server removes the same, or looks for the head of a chain that becomes empty.
    execute(db, "select pg_advisory_xact_lock($1)", &[&CHAINING]).await?;
    let start = audit_start(db, environment).await?;
    let after = start.as_ref().map_or(0, |start| start.head.link);
    let oldest = audit_chain(db, environment, after, limit).await?;
    let removable = chain.removable(environment, start, &oldest, before);
    if let Some(AuditStart { head, seal }) = &removable.start {
        let sql = "delete from audit_events where environment = $1 and link <= $2";
        execute(db, sql, &[&environment, &head.link]).await?;
        let sql = "insert into audit_starts (environment, link, mac, seal) values ($1, $2, $3, $4)
             on conflict (environment) do update set link = excluded.link, mac = excluded.mac, seal = excluded.seal";
        execute(db, sql, &[&environment, &head.link, &head.code, seal]).await?;
    }
    Ok(removable)
}

const AUDIT_EVENT: &str =
    "select id, at, actor, action, object, request_id, link, mac, address from audit_events";

/// Only one server at a time puts events into their chains. The number is ours, and arbitrary.
const CHAINING: i64 = 0x4b53_6c75;

async fn audit_events(
    db: &impl GenericClient,
    environment: &str,
    filter: &AuditFilter,
) -> Result<Vec<StoredAuditEvent>> {
    let mut sql = format!("{AUDIT_EVENT} where environment = $1");
    let mut values: OwnedValues = vec![Box::new(environment.to_owned())];
    if let Some(before) = filter.before {
        values.push(Box::new(before));
        sql.push_str(&format!(" and id < ${}", values.len()));
    }
    if let Some(kind) = &filter.kind {
        values.push(Box::new(format!("{kind}.")));
        sql.push_str(&format!(" and starts_with(action, ${})", values.len()));
    }
    if let Some(actor) = &filter.actor {
        values.push(Box::new(actor.clone()));
        values.push(Box::new(format!("{actor}:")));
        let at = values.len();
        sql.push_str(&format!(" and (actor = ${} or starts_with(actor, ${at}))", at - 1));
    }
    if let Some(object) = &filter.object {
        values.push(Box::new(object.clone()));
        sql.push_str(&format!(" and object = ${}", values.len()));
    }
    if filter.finds_changes_only() {
        sql.push_str(&format!(" and {IS_CHANGE}"));
    }
    if let Some(search) = &filter.search {
        values.push(Box::new(search.to_ascii_lowercase()));
        sql.push_str(&format!(
            " and strpos(lower(substr(object, strpos(object, ':') + 1) collate \"C\"), ${}) > 0",
            values.len()
        ));
    }
    values.push(Box::new(i64::from(filter.limit)));
    sql.push_str(&format!(" order by id desc limit ${}", values.len()));
    once(db, &sql, &values).await?.iter().map(audit_event_of).collect()
}

async fn audit_chain(
    db: &impl GenericClient,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredAuditEvent>> {
    let sql = format!("{AUDIT_EVENT} where environment = $1 and link > $2 order by link limit $3");
    let rows = all(db, &sql, &[&environment, &after, &i64::from(limit)]).await?;
    rows.iter().map(audit_event_of).collect()
}

async fn link_audit_events(db: &Transaction<'_>, chain: &AuditChain, limit: u32) -> Result<u32> {
    execute(db, "select pg_advisory_xact_lock($1)", &[&CHAINING]).await?;
    let sql = format!(
        "select e.*, o.environment from ({AUDIT_EVENT} where link is null order by id limit $1) e
         join audit_events o on o.id = e.id order by e.id"
    );
    let rows = all(db, &sql, &[&i64::from(limit)]).await?;
    let mut heads: HashMap<String, Head> = HashMap::new();
    let (mut ids, mut links, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let (event, environment) = (audit_event_of(row)?, row.try_get::<_, String>(9)?);
        let head = match heads.remove(&environment) {
            Some(head) => head,
            None => chain_head(db, &environment).await?,
        };
        let link = head.link + 1;
        let code = chain.code(&head.code, link, &environment, &event);
        ids.push(event.id);
        links.push(link);
        codes.push(code.clone());
        heads.insert(environment, Head { link, code });
    }
    let sql = "update audit_events e set link = n.link, mac = n.mac
         from unnest($1::bigint[], $2::bigint[], $3::bytea[]) as n (id, link, mac) where e.id = n.id";
    execute(db, sql, &[&ids, &links, &codes]).await?;
    Ok(u32::try_from(rows.len()).unwrap_or(u32::MAX))
}

fn audit_event_of(row: &Row) -> Result<StoredAuditEvent> {
    let chained = match (row.try_get(6)?, row.try_get(7)?) {
        (Some(link), Some(code)) => Some((link, code)),
        _ => None,
    };
    Ok(StoredAuditEvent {
        id: row.try_get(0)?,
        at: moment(row.try_get(1)?)?,
        actor: row.try_get(2)?,
        action: row.try_get(3)?,
        object: row.try_get(4)?,
        request_id: row.try_get(5)?,
        address: row.try_get(8)?,
        chained,
    })
}
