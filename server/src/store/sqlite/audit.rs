//! The audit log and its chain.

use std::collections::HashMap;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{
    Connection as Db, OptionalExtension, params, params_from_iter, types::Value as SqlValue,
};

use super::{audited::write_event, engine::SqliteStore};
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
impl AuditLog for SqliteStore {
    async fn record(&self, audit: AuditEvent) -> Result<()> {
        self.write(move |db| write_event(db, &audit)).await
    }

    async fn record_all(&self, chain: AuditChain, audit: Vec<AuditEvent>) -> Result<()> {
        self.write(move |db| audit_all(db, &chain, &audit)).await
    }

    async fn audit_events(
        &self,
        environment: &str,
        filter: AuditFilter,
    ) -> Result<Vec<StoredAuditEvent>> {
        let environment = environment.to_owned();
        self.read(move |db| audit_events(db, &environment, &filter)).await
    }

    async fn audit_chain(
        &self,
        environment: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<StoredAuditEvent>> {
        let environment = environment.to_owned();
        self.read(move |db| audit_chain(db, &environment, after, limit)).await
    }

    async fn link_audit_events(&self, chain: AuditChain, limit: u32) -> Result<u32> {
        self.write(move |db| link_audit_events(db, &chain, limit)).await
    }

    async fn audited_environments(&self) -> Result<Vec<String>> {
        self.read(audited_environments).await
    }

    async fn audit_start(&self, environment: &str) -> Result<Option<AuditStart>> {
        let environment = environment.to_owned();
        self.read(move |db| audit_start(db, &environment)).await
    }

    async fn remove_old_audit_events(
        &self,
        environment: &str,
        chain: AuditChain,
        before: Timestamp,
        limit: u32,
    ) -> Result<Removable> {
        let environment = environment.to_owned();
        self.write(move |db| remove_old_audit_events(db, &environment, &chain, before, limit)).await
    }
}

const AUDIT_EVENT: &str =
    "select id, at, actor, action, object, request_id, link, mac, address from audit_events";

fn audit_events(db: &Db, environment: &str, filter: &AuditFilter) -> Result<Vec<StoredAuditEvent>> {
    let (sql, values) = audit_query(environment, filter);
    audit_events_of(db.prepare_cached(&sql)?.query(params_from_iter(values))?)
}

fn audit_query(environment: &str, filter: &AuditFilter) -> (String, Vec<SqlValue>) {
    let mut sql = format!("{AUDIT_EVENT} where environment = ?");
    let mut values: Vec<SqlValue> = vec![environment.to_owned().into()];
    if let Some(before) = filter.before {
        sql.push_str(" and id < ?");
        values.push(before.into());
    }
    if let Some(kind) = &filter.kind {
        sql.push_str(" and instr(action, ?) = 1");
        values.push(format!("{kind}.").into());
    }
    if let Some(actor) = &filter.actor {
        sql.push_str(" and (actor = ? or instr(actor, ?) = 1)");
        values.extend([actor.clone().into(), format!("{actor}:").into()]);
    }
    if let Some(object) = &filter.object {
        sql.push_str(" and object = ?");
        values.push(object.clone().into());
    }
    if filter.finds_changes_only() {
        sql.push_str(&format!(" and {IS_CHANGE}"));
    }
    if let Some(search) = &filter.search {
        sql.push_str(" and instr(lower(substr(object, instr(object, ':') + 1)), ?) > 0");
        values.push(search.to_ascii_lowercase().into());
    }
    sql.push_str(" order by id desc limit ?");
    values.push(i64::from(filter.limit).into());
    (sql, values)
}

fn audit_chain(
    db: &Db,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredAuditEvent>> {
    let mut statement = db.prepare_cached(&format!(
        "{AUDIT_EVENT} where environment = ?1 and link > ?2 order by link limit ?3"
    ))?;
    audit_events_of(statement.query(params![environment, after, limit])?)
}

fn link_audit_events(db: &Db, chain: &AuditChain, limit: u32) -> Result<u32> {
    let sql = "select id, at, actor, action, object, request_id, link, mac, address, environment
         from audit_events where link is null order by id limit ?1";
    let mut unlinked = Vec::new();
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query([limit])?;
    while let Some(row) = rows.next()? {
        unlinked.push((audit_event_of(row)?, row.get::<_, String>(9)?));
    }
    let mut heads: HashMap<String, Head> = HashMap::new();
    let count = u32::try_from(unlinked.len()).unwrap_or(u32::MAX);
    for (event, environment) in unlinked {
        let head = match heads.remove(&environment) {
            Some(head) => head,
            None => chain_head(db, &environment)?,
        };
        let link = head.link + 1;
        let code = chain.code(&head.code, link, &environment, &event);
        db.prepare_cached("update audit_events set link = ?2, mac = ?3 where id = ?1")?
            .execute(params![event.id, link, code])?;
        heads.insert(environment, Head { link, code });
    }
    Ok(count)
}

fn audit_all(db: &Db, chain: &AuditChain, events: &[AuditEvent]) -> Result<()> {
    link_audit_events(db, chain, u32::MAX)?;
    // Only this thread writes, so the numbers after the last one are ours.
    let mut id: i64 = db
        .prepare_cached("select seq from sqlite_sequence where name = 'audit_events'")?
        .query_row([], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let mut heads: HashMap<&str, Head> = HashMap::new();
    let mut insert = db.prepare_cached(
        "insert into audit_events (id, at, environment, actor, action, object, request_id, address, link, mac)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for event in events {
        let environment = event.environment.as_str();
        let head = match heads.remove(environment) {
            Some(head) => head,
            None => chain_head(db, environment)?,
        };
        id += 1;
        let link = head.link + 1;
        let stored = StoredAuditEvent::of(id, event);
        let code = chain.code(&head.code, link, environment, &stored);
        insert.execute(params![
            id,
            millis(stored.at),
            environment,
            stored.actor,
            stored.action,
            stored.object,
            stored.request_id,
            stored.address,
            link,
            code
        ])?;
        heads.insert(environment, Head { link, code });
    }
    Ok(())
}

/// The newest event in the chain of an environment, or the last one that was removed.
fn chain_head(db: &Db, environment: &str) -> Result<Head> {
    let newest = db
        .prepare_cached(
            "select link, mac from audit_events where environment = ?1 and link is not null
             order by link desc limit 1",
        )?
        .query_row([environment], |row| Ok(Head { link: row.get(0)?, code: row.get(1)? }))
        .optional()?;
    Ok(match newest {
        Some(head) => head,
        None => audit_start(db, environment)?.map(|start| start.head).unwrap_or_default(),
    })
}

fn audited_environments(db: &Db) -> Result<Vec<String>> {
    // From each name to the next by the index: the log is long, and the names are few.
    let sql = "with recursive names (name) as (
             select min(environment) from audit_events
             union all
             select (select min(environment) from audit_events where environment > name)
             from names where name is not null
         ) select name from names where name is not null";
    let mut statement = db.prepare_cached(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}

fn audit_start(db: &Db, environment: &str) -> Result<Option<AuditStart>> {
    Ok(db
        .prepare_cached("select link, mac, seal from audit_starts where environment = ?1")?
        .query_row([environment], |row| {
            Ok(AuditStart {
                head: Head { link: row.get(0)?, code: row.get(1)? },
                seal: row.get(2)?,
            })
        })
        .optional()?)
}

fn remove_old_audit_events(
    db: &Db,
    environment: &str,
    chain: &AuditChain,
    before: Timestamp,
    limit: u32,
) -> Result<Removable> {
    let start = audit_start(db, environment)?;
    let after = start.as_ref().map_or(0, |start| start.head.link);
    let oldest = audit_chain(db, environment, after, limit)?;
    let removable = chain.removable(environment, start, &oldest, before);
    if let Some(AuditStart { head, seal }) = &removable.start {
        db.prepare_cached("delete from audit_events where environment = ?1 and link <= ?2")?
            .execute(params![environment, head.link])?;
        db.prepare_cached(
            "insert into audit_starts (environment, link, mac, seal) values (?1, ?2, ?3, ?4)
             on conflict (environment) do update set link = excluded.link, mac = excluded.mac, seal = excluded.seal",
        )?
        .execute(params![environment, head.link, head.code, seal])?;
    }
    Ok(removable)
}

fn audit_events_of(mut rows: rusqlite::Rows<'_>) -> Result<Vec<StoredAuditEvent>> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(audit_event_of(row)?);
    }
    Ok(found)
}

fn audit_event_of(row: &rusqlite::Row<'_>) -> Result<StoredAuditEvent> {
    let chained = match (row.get(6)?, row.get(7)?) {
        (Some(link), Some(code)) => Some((link, code)),
        _ => None,
    };
    Ok(StoredAuditEvent {
        id: row.get(0)?,
        at: moment(row.get(1)?)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        object: row.get(4)?,
        request_id: row.get(5)?,
        address: row.get(8)?,
        chained,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::migrations, *};

    #[test]
    fn a_list_of_changes_passes_no_read_by() {
        let mut db = Db::open_in_memory().unwrap();
        migrations::run(&mut db, std::path::Path::new("memory")).unwrap();
        let none = AuditFilter { limit: 50, ..AuditFilter::default() };
        let changes = AuditFilter { changes_only: true, ..none.clone() };
        let text = |text: &str| Some(text.to_owned());
        for (filter, index) in [
            (none.clone(), "audit_events_by_environment "),
            (
                AuditFilter { kind: text("connection"), ..none.clone() },
                "audit_events_by_environment ",
            ),
            (AuditFilter { kind: text("secret_key"), ..none.clone() }, "audit_events_changes "),
            (AuditFilter { object: text("a"), ..none }, "audit_events_by_object "),
            (AuditFilter { before: Some(9), ..changes.clone() }, "audit_events_changes "),
            (
                AuditFilter { object: text("a"), ..changes.clone() },
                "audit_events_changes_by_object ",
            ),
            (changes, "audit_events_changes "),
        ] {
            let (sql, values) = audit_query("dev", &filter);
            let mut plan = db.prepare(&format!("explain query plan {sql}")).unwrap();
            let steps: Vec<String> = plan
                .query_map(params_from_iter(values), |row| row.get(3))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            assert_eq!(steps.len(), 1, "in order without sorting: {filter:?}: {steps:?}");
            assert!(steps[0].contains(&format!("INDEX {index}")), "{filter:?}: {steps:?}");
        }
    }
}
