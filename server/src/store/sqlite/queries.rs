//! The SQL, one function an operation, run inside a transaction that the caller owns.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{
    Connection as Db, OptionalExtension, Row, params, params_from_iter, types::Value as SqlValue,
};

use super::super::tables::secrets_of;
use super::{
    super::{
        AuditFilter, ConnectionChange, ConnectionFilter, Created, Deletion, EnvironmentOutcome,
        Found, HealthCounts, IS_CHANGE, IntegrationUpdate, MetadataMode, SealedOwner, SealedRecord,
        SettingsOutcome, StoredAuditEvent, Write, Writer, Written,
        values::{auth_mode, document, health_after, json, millis, moment},
    },
    Result, StoreError, webhooks,
};
use crate::{
    allowance::{FullAt, Quota, Taken},
    audit_chain::{AuditChain, AuditStart, Head, Removable},
    ids::{ConnectionId, IntegrationKey},
    model::{
        AuditEvent, ConnectSession, Connection, ConnectionSummary, Environment,
        EnvironmentSettings, Health, Integration, IntegrationChange, NewIntegration, NewSecretKey,
        NewSession, Object, Operation, OwnProvider, Owner, Role, SecretKey, SecretKeyRecord, Tags,
        Verdict, Verified,
    },
    ownership::{self, Decision, Situation},
    recheck::next_check,
    token::TokenHash,
    vault::Sealed,
};

// --- environments, server secrets, secret keys, audit ---

pub(super) fn ensure_environments(db: &Db, names: &[String], at: Timestamp) -> Result<()> {
    let mut insert = db.prepare_cached(
        "insert into environments (name, created_at) values (?1, ?2) on conflict do nothing",
    )?;
    for name in names {
        insert.execute(params![name, millis(at)])?;
    }
    Ok(())
}

/// The version of its catalogue begins with the time: had there been an environment of this name before,
/// servers may remember a version of that one, and this is greater.
pub(super) fn create_environment(
    db: &Db,
    name: &str,
    key: Option<&NewSecretKey>,
    at: Timestamp,
) -> Result<bool> {
    let made = db
        .prepare_cached(
            "insert into environments (name, created_at, catalogue_version) values (?1, ?2, ?2)
             on conflict do nothing",
        )?
        .execute(params![name, millis(at)])?;
    if made == 0 {
        return Ok(false);
    }
    if let Some(key) = key {
        put_secret_key(db, key, at)?;
    }
    Ok(true)
}

fn has_integrations(db: &Db, environment: &str) -> Result<bool> {
    let sql = "select exists (select 1 from integrations where environment = ?1)";
    Ok(db.prepare_cached(sql)?.query_row([environment], |row| row.get(0))?)
}

fn is_environment(db: &Db, name: &str) -> Result<bool> {
    let sql = "select exists (select 1 from environments where name = ?1)";
    Ok(db.prepare_cached(sql)?.query_row([name], |row| row.get(0))?)
}

pub(super) fn rename_environment(
    db: &Db,
    from: &str,
    to: &str,
    secrets: &[(String, Sealed)],
    at: Timestamp,
) -> Result<EnvironmentOutcome> {
    if !is_environment(db, from)? {
        return Ok(EnvironmentOutcome::Unknown);
    }
    if has_integrations(db, from)? {
        return Ok(EnvironmentOutcome::InUse);
    }
    if is_environment(db, to)? {
        return Ok(EnvironmentOutcome::NameTaken);
    }
    db.prepare_cached(
        "insert into environments (name, created_at, settings, catalogue_version)
         select ?2, created_at, settings, ?3 from environments where name = ?1",
    )?
    .execute(params![from, to, millis(at)])?;
    for sql in [
        "update secret_keys set environment = ?2 where environment = ?1",
        "update own_providers set environment = ?2 where environment = ?1",
    ] {
        db.prepare_cached(sql)?.execute([from, to])?;
    }
    remove_environment(db, from)?;
    for (name, sealed) in secrets {
        put_server_secret(db, name, sealed)?;
    }
    Ok(EnvironmentOutcome::Done)
}

pub(super) fn delete_environment(db: &Db, name: &str) -> Result<EnvironmentOutcome> {
    if !is_environment(db, name)? {
        return Ok(EnvironmentOutcome::Unknown);
    }
    if has_integrations(db, name)? {
        return Ok(EnvironmentOutcome::InUse);
    }
    remove_environment(db, name)?;
    Ok(EnvironmentOutcome::Done)
}

fn remove_environment(db: &Db, name: &str) -> Result<()> {
    for sql in [
        "delete from secret_keys where environment = ?1",
        "delete from connect_sessions where environment = ?1",
        "delete from webhooks where environment = ?1",
        "delete from own_providers where environment = ?1",
        "delete from environments where name = ?1",
    ] {
        db.prepare_cached(sql)?.execute([name])?;
    }
    for secret in secrets_of(name) {
        db.prepare_cached("delete from server_secrets where name = ?1")?.execute([secret])?;
    }
    Ok(())
}

pub(super) fn environments(db: &Db) -> Result<Vec<Environment>> {
    let mut statement =
        db.prepare_cached("select name, settings from environments order by name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (name, settings) = row?;
        Ok(Environment { name, settings: document(&settings, "environments.settings")? })
    })
    .collect()
}

pub(super) fn environment_settings(db: &Db, name: &str) -> Result<EnvironmentSettings> {
    let settings: String = db
        .prepare_cached("select settings from environments where name = ?1")?
        .query_row([name], |row| row.get(0))?;
    document(&settings, "environments.settings")
}

pub(super) fn put_environment_settings(
    db: &Db,
    name: &str,
    seen: &EnvironmentSettings,
    settings: &EnvironmentSettings,
) -> Result<SettingsOutcome> {
    let current: Option<String> = db
        .prepare_cached("select settings from environments where name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let Some(current) = current else { return Ok(SettingsOutcome::Unknown) };
    if document::<EnvironmentSettings>(&current, "environments.settings")? != *seen {
        return Ok(SettingsOutcome::Changed);
    }
    db.prepare_cached("update environments set settings = ?2 where name = ?1")?
        .execute(params![name, json(settings)?])?;
    Ok(SettingsOutcome::Stored)
}

pub(super) fn put_server_secret(db: &Db, name: &str, sealed: &Sealed) -> Result<()> {
    db.prepare_cached(
        "insert into server_secrets (name, key_id, sealed) values (?1, ?2, ?3)
         on conflict (name) do update set key_id = excluded.key_id, sealed = excluded.sealed",
    )?
    .execute(params![name, sealed.key_id, sealed.blob])?;
    Ok(())
}

pub(super) fn replace_server_secret(
    db: &Db,
    name: &str,
    seen: &Sealed,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "update server_secrets set key_id = ?2, sealed = ?3 where name = ?1 and sealed = ?4";
    let changed =
        db.prepare_cached(sql)?.execute(params![name, sealed.key_id, sealed.blob, seen.blob])?;
    Ok(changed > 0)
}

pub(super) fn server_secret(db: &Db, name: &str, candidate: &Sealed) -> Result<Sealed> {
    db.prepare_cached("insert into server_secrets (name, key_id, sealed) values (?1, ?2, ?3) on conflict do nothing")?
        .execute(params![name, candidate.key_id, candidate.blob])?;
    Ok(db
        .prepare_cached("select key_id, sealed from server_secrets where name = ?1")?
        .query_row([name], |row| Ok(Sealed { key_id: row.get(0)?, blob: row.get(1)? }))?)
}

pub(super) fn put_secret_key(db: &Db, new: &NewSecretKey, at: Timestamp) -> Result<()> {
    db.prepare_cached(
        "insert into secret_keys (id, environment, name, role, hash, created_at, prefix)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         on conflict (id) do update set environment = excluded.environment, name = excluded.name,
             role = excluded.role, hash = excluded.hash, prefix = excluded.prefix",
    )?
    .execute(params![
        new.key.id,
        new.key.environment,
        new.key.name,
        new.key.role.word(),
        new.hash.as_bytes(),
        millis(at),
        new.key.prefix
    ])?;
    Ok(())
}

pub(super) fn remove_secret_key(db: &Db, environment: &str, id: &str) -> Result<bool> {
    let removed = db
        .prepare_cached("delete from secret_keys where environment = ?1 and id = ?2")?
        .execute(params![environment, id])?;
    Ok(removed > 0)
}

const SECRET_KEY: &str = "select id, environment, name, role, created_at, last_used_at, expires_at, prefix from secret_keys";

pub(super) fn secret_key(db: &Db, hash: TokenHash, now: Timestamp) -> Result<Option<SecretKey>> {
    let mut statement = db.prepare_cached(&format!(
        "{SECRET_KEY} where hash = ?1 and (expires_at is null or expires_at > ?2)"
    ))?;
    let mut rows = statement.query(params![hash.as_bytes(), millis(now)])?;
    Ok(rows.next()?.map(secret_key_of).transpose()?.map(|record| record.key))
}

pub(super) fn secret_keys(
    db: &Db,
    environment: &str,
    now: Timestamp,
) -> Result<Vec<SecretKeyRecord>> {
    let mut statement = db.prepare_cached(&format!(
        "{SECRET_KEY} where environment = ?1 and (expires_at is null or expires_at > ?2) order by created_at, id"
    ))?;
    let mut rows = statement.query(params![environment, millis(now)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(secret_key_of(row)?);
    }
    Ok(found)
}

pub(super) fn rotate_secret_key(
    db: &Db,
    environment: &str,
    id: &str,
    new: &NewSecretKey,
    ends_at: Timestamp,
    at: Timestamp,
) -> Result<Option<SecretKeyRecord>> {
    let old = secret_keys(db, environment, at)?.into_iter().find(|record| record.key.id == id);
    let Some(SecretKeyRecord { key: old, .. }) = old else { return Ok(None) };
    let key = SecretKey { name: old.name, role: old.role, ..new.key.clone() };
    put_secret_key(db, &NewSecretKey { key: key.clone(), hash: new.hash }, at)?;
    db.prepare_cached(
        "update secret_keys set expires_at = min(coalesce(expires_at, ?2), ?2) where id = ?1",
    )?
    .execute(params![id, millis(ends_at)])?;
    Ok(Some(SecretKeyRecord { key, created_at: at, last_used_at: None, expires_at: None }))
}

pub(super) fn note_used(db: &Db, used: &[(String, Timestamp)]) -> Result<()> {
    let mut update = db.prepare_cached(
        "update secret_keys set last_used_at = ?2 where id = ?1 and coalesce(last_used_at, 0) < ?2",
    )?;
    for (id, at) in used {
        update.execute(params![id, millis(*at)])?;
    }
    Ok(())
}

pub(super) fn purge_secret_keys(db: &Db, now: Timestamp) -> Result<u64> {
    Ok(db
        .prepare_cached("delete from secret_keys where expires_at <= ?1")?
        .execute([millis(now)])? as u64)
}

fn secret_key_of(row: &Row<'_>) -> Result<SecretKeyRecord> {
    let optional = |index: usize| -> Result<Option<Timestamp>> {
        row.get::<_, Option<i64>>(index)?.map(moment).transpose()
    };
    Ok(SecretKeyRecord {
        key: SecretKey {
            id: row.get(0)?,
            environment: row.get(1)?,
            name: row.get(2)?,
            role: Role::of(&row.get::<_, String>(3)?)
                .ok_or(StoreError::Corrupt("secret_keys.role"))?,
            prefix: row.get(7)?,
        },
        created_at: moment(row.get(4)?)?,
        last_used_at: optional(5)?,
        expires_at: optional(6)?,
    })
}

pub(super) fn audit(db: &Db, event: &AuditEvent) -> Result<()> {
    db.prepare_cached(
        "insert into audit_events (at, environment, actor, action, object, request_id, address)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        millis(event.at),
        event.environment,
        event.actor,
        event.action,
        event.object,
        event.request_id,
        event.address.map(|address| address.to_string()),
    ])?;
    Ok(())
}

const AUDIT_EVENT: &str =
    "select id, at, actor, action, object, request_id, link, mac, address from audit_events";

pub(super) fn audit_events(
    db: &Db,
    environment: &str,
    filter: &AuditFilter,
) -> Result<Vec<StoredAuditEvent>> {
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

pub(super) fn audit_chain(
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

pub(super) fn link_audit_events(db: &Db, chain: &AuditChain, limit: u32) -> Result<u32> {
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

pub(super) fn audit_all(db: &Db, chain: &AuditChain, events: &[AuditEvent]) -> Result<()> {
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

pub(super) fn audited_environments(db: &Db) -> Result<Vec<String>> {
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

pub(super) fn audit_start(db: &Db, environment: &str) -> Result<Option<AuditStart>> {
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

pub(super) fn remove_old_audit_events(
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

// --- allowances ---

pub(super) fn take_allowance(
    db: &Db,
    bucket: &str,
    quota: Quota,
    wanted: u32,
    now: Timestamp,
) -> Result<Taken> {
    let taken = quota.take(allowance(db, bucket)?, wanted, now);
    if taken.granted > 0 {
        put_allowance(db, bucket, taken.full_at)?;
    }
    Ok(taken)
}

pub(super) fn take_one_of_each(
    db: &Db,
    buckets: &[(String, Quota)],
    now: Timestamp,
) -> Result<Vec<Taken>> {
    let all = buckets
        .iter()
        .map(|(bucket, quota)| Ok(quota.take(allowance(db, bucket)?, 1, now)))
        .collect::<Result<Vec<Taken>>>()?;
    if all.iter().all(|taken| taken.granted == 1) {
        for ((bucket, _), taken) in buckets.iter().zip(&all) {
            put_allowance(db, bucket, taken.full_at)?;
        }
    }
    Ok(all)
}

pub(super) fn put_back(db: &Db, buckets: &[(String, Quota)]) -> Result<()> {
    for (bucket, quota) in buckets {
        // One that is not there is full.
        if let Some(full_at) = allowance(db, bucket)? {
            put_allowance(db, bucket, quota.unused(full_at, 1))?;
        }
    }
    Ok(())
}

fn put_allowance(db: &Db, bucket: &str, full_at: FullAt) -> Result<()> {
    db.prepare_cached("insert or replace into allowances (bucket, full_at) values (?1, ?2)")?
        .execute(params![bucket, full_at.nanoseconds()])?;
    Ok(())
}

fn allowance(db: &Db, bucket: &str) -> Result<Option<FullAt>> {
    let full_at = db
        .prepare_cached("select full_at from allowances where bucket = ?1")?
        .query_row([bucket], |row| row.get(0))
        .optional()?;
    Ok(full_at.map(FullAt::from_nanoseconds))
}

pub(super) fn forget_allowance(db: &Db, bucket: &str) -> Result<()> {
    db.prepare_cached("delete from allowances where bucket = ?1")?.execute([bucket])?;
    Ok(())
}

pub(super) fn purge_allowances(db: &Db, now: Timestamp) -> Result<u64> {
    let removed = db
        .prepare_cached("delete from allowances where full_at <= ?1")?
        .execute([FullAt::at(now).nanoseconds()])?;
    Ok(removed as u64)
}

// --- own providers ---

pub(super) fn catalogue_versions(db: &Db) -> Result<Vec<(String, i64)>> {
    let mut statement =
        db.prepare_cached("select name, catalogue_version from environments order by name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

pub(super) fn count_up_catalogue(db: &Db, environment: &str) -> Result<()> {
    db.prepare_cached(
        "update environments set catalogue_version = catalogue_version + 1 where name = ?1",
    )?
    .execute([environment])?;
    Ok(())
}

pub(super) fn own_providers(db: &Db, environment: &str) -> Result<Vec<OwnProvider>> {
    let mut statement = db.prepare_cached(
        "select name, template, updated_at from own_providers where environment = ?1 order by name",
    )?;
    let mut rows = statement.query([environment])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(OwnProvider {
            name: row.get(0)?,
            template: document(&row.get::<_, String>(1)?, "own_providers.template")?,
            updated_at: moment(row.get(2)?)?,
        });
    }
    Ok(found)
}

pub(super) fn put_own_provider(db: &Db, environment: &str, provider: &OwnProvider) -> Result<()> {
    db.prepare_cached(
        "insert into own_providers (environment, name, template, updated_at) values (?1, ?2, ?3, ?4)
         on conflict (environment, name) do update set template = excluded.template,
             updated_at = excluded.updated_at",
    )?
    .execute(params![
        environment,
        provider.name,
        json(&provider.template)?,
        millis(provider.updated_at)
    ])?;
    Ok(())
}

pub(super) fn delete_own_provider(
    db: &Db,
    environment: &str,
    name: &str,
    even_if_used: bool,
) -> Result<Deletion> {
    let used: bool = db
        .prepare_cached(
            "select exists (select 1 from integrations where environment = ?1 and provider = ?2)",
        )?
        .query_row([environment, name], |row| row.get(0))?;
    if !own_provider_is_there(db, environment, name)? {
        return Ok(Deletion::Unknown);
    }
    if used && !even_if_used {
        return Ok(Deletion::InUse);
    }
    db.prepare_cached("delete from own_providers where environment = ?1 and name = ?2")?
        .execute([environment, name])?;
    Ok(Deletion::Deleted)
}

fn own_provider_is_there(db: &Db, environment: &str, name: &str) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "select exists (select 1 from own_providers where environment = ?1 and name = ?2)",
        )?
        .query_row([environment, name], |row| row.get(0))?)
}

// --- integrations ---

const INTEGRATION: &str = "select id, environment, unique_key, provider, display_name, config, \
                           created_at, updated_at, forward_webhooks from integrations";

pub(super) fn create_integration(
    db: &Db,
    new: &NewIntegration,
    at: Timestamp,
) -> Result<Created<Integration>> {
    if new.own_provider && !own_provider_is_there(db, &new.environment, &new.provider)? {
        return Ok(Created::NoProvider);
    }
    let inserted = db
        .prepare_cached(
            "insert into integrations (environment, unique_key, provider, display_name, config, created_at,
                 updated_at, forward_webhooks)
             values (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7) on conflict (environment, unique_key) do nothing",
        )?
        .execute(params![
            new.environment,
            new.unique_key.as_str(),
            new.provider,
            new.display_name,
            json(&new.config)?,
            millis(at),
            new.forward_webhooks
        ])?;
    if inserted == 0 {
        return Ok(Created::Exists);
    }
    Ok(Created::New(Integration {
        id: db.last_insert_rowid(),
        environment: new.environment.clone(),
        unique_key: new.unique_key.clone(),
        provider: new.provider.clone(),
        display_name: new.display_name.clone(),
        config: new.config.clone(),
        forward_webhooks: new.forward_webhooks,
        created_at: at,
        updated_at: at,
    }))
}

pub(super) fn integrations(db: &Db, environment: &str) -> Result<Vec<Integration>> {
    let mut statement =
        db.prepare_cached(&format!("{INTEGRATION} where environment = ?1 order by id"))?;
    let mut rows = statement.query([environment])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(integration_of(row)?);
    }
    Ok(found)
}

pub(super) fn integration(db: &Db, environment: &str, key: &str) -> Result<Option<Integration>> {
    let mut statement =
        db.prepare_cached(&format!("{INTEGRATION} where environment = ?1 and unique_key = ?2"))?;
    let mut rows = statement.query([environment, key])?;
    rows.next()?.map(integration_of).transpose()
}

pub(super) fn update_integration(
    db: &Db,
    environment: &str,
    key: &str,
    change: &IntegrationChange,
    at: Timestamp,
) -> Result<IntegrationUpdate> {
    let Some(mut current) = integration(db, environment, key)? else {
        return Ok(IntegrationUpdate::Unknown);
    };
    if change
        .seen
        .as_ref()
        .is_some_and(|(name, config)| *name != current.display_name || *config != current.config)
    {
        return Ok(IntegrationUpdate::NotAsSeen);
    }
    if let Some(new_key) = change.unique_key.as_ref().filter(|new| **new != current.unique_key) {
        let connections: bool = db
            .prepare_cached("select exists (select 1 from connections where integration_id = ?1)")?
            .query_row([current.id], |row| row.get(0))?;
        if connections {
            return Ok(IntegrationUpdate::HasConnections);
        }
        if integration(db, environment, new_key.as_str())?.is_some() {
            return Ok(IntegrationUpdate::KeyTaken);
        }
        current.unique_key = new_key.clone();
    }
    if let Some(name) = &change.display_name {
        current.display_name.clone_from(name);
    }
    if let Some(config) = &change.config {
        current.config.clone_from(config);
    }
    current.forward_webhooks = change.forward_webhooks.unwrap_or(current.forward_webhooks);
    current.updated_at = at;
    db.prepare_cached(
        "update integrations set unique_key = ?2, display_name = ?3, config = ?4,
             updated_at = ?5, forward_webhooks = ?6 where id = ?1",
    )?
    .execute(params![
        current.id,
        current.unique_key.as_str(),
        current.display_name,
        json(&current.config)?,
        millis(at),
        current.forward_webhooks
    ])?;
    Ok(IntegrationUpdate::Changed(current))
}

pub(super) fn delete_integration(db: &Db, environment: &str, key: &str) -> Result<bool> {
    let deleted = db
        .prepare_cached("delete from integrations where environment = ?1 and unique_key = ?2")?
        .execute([environment, key])?;
    Ok(deleted > 0)
}

fn integration_of(row: &Row<'_>) -> Result<Integration> {
    let key: String = row.get(2)?;
    Ok(Integration {
        id: row.get(0)?,
        environment: row.get(1)?,
        unique_key: IntegrationKey::parse(&key, vec![])
            .map_err(|_| StoreError::Corrupt("integrations.unique_key"))?,
        provider: row.get(3)?,
        display_name: row.get(4)?,
        config: document(&row.get::<_, String>(5)?, "integrations.config")?,
        forward_webhooks: row.get(8)?,
        created_at: moment(row.get(6)?)?,
        updated_at: moment(row.get(7)?)?,
    })
}

// --- connect sessions ---

pub(super) fn create_session(db: &Db, new: &NewSession) -> Result<()> {
    let session = &new.session;
    db.prepare_cached(
        "insert into connect_sessions (id, environment, hash, terms, key_id, presets, expires_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        session.id,
        session.environment,
        new.hash.as_bytes(),
        json(&session.terms)?,
        session.presets.as_ref().map(|presets| &presets.key_id),
        session.presets.as_ref().map(|presets| &presets.blob),
        millis(session.expires_at)
    ])?;
    Ok(())
}

pub(super) fn session(db: &Db, hash: TokenHash, now: Timestamp) -> Result<Option<ConnectSession>> {
    let mut statement = db.prepare_cached(
        "select id, environment, terms, key_id, presets, expires_at from connect_sessions
         where hash = ?1 and expires_at > ?2",
    )?;
    let mut rows = statement.query(params![hash.as_bytes(), millis(now)])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let presets = match (row.get::<_, Option<String>>(3)?, row.get::<_, Option<Vec<u8>>>(4)?) {
        (Some(key_id), Some(blob)) => Some(Sealed { key_id, blob }),
        _ => None,
    };
    Ok(Some(ConnectSession {
        id: row.get(0)?,
        environment: row.get(1)?,
        terms: document(&row.get::<_, String>(2)?, "connect_sessions.terms")?,
        presets,
        expires_at: moment(row.get(5)?)?,
    }))
}

pub(super) fn delete_session(db: &Db, hash: TokenHash) -> Result<bool> {
    Ok(db
        .prepare_cached("delete from connect_sessions where hash = ?1")?
        .execute([hash.as_bytes()])?
        > 0)
}

pub(super) fn purge_sessions(db: &Db, now: Timestamp) -> Result<u64> {
    Ok(db
        .prepare_cached("delete from connect_sessions where expires_at <= ?1")?
        .execute([millis(now)])? as u64)
}

// --- connections ---

pub(super) fn situation(
    db: &Db,
    integration_id: i64,
    session: TokenHash,
    named: Option<&ConnectionId>,
) -> Result<Situation> {
    let named = match named {
        Some(id) => db
            .prepare_cached(
                "select owner_end_user, owner_organization from connections
                 where integration_id = ?1 and connection_id = ?2",
            )?
            .query_row(params![integration_id, id.as_str()], |row| {
                owner_of(row.get(0)?, row.get(1)?)
            })
            .optional()?,
        None => None,
    };
    let mut statement = db.prepare_cached(
        "select m.connection_id from session_connections m join connect_sessions s on s.id = m.session
         where s.hash = ?1 and m.integration_id = ?2",
    )?;
    let made = statement
        .query_map(params![session.as_bytes(), integration_id], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<String>>>()?;
    Ok(Situation { named, made })
}

pub(super) fn write_connection(db: &Db, write: &Write, mut event: AuditEvent) -> Result<Written> {
    let Some(integration) = integration(db, &write.environment, write.integration.as_str())? else {
        return Ok(Written::UnknownIntegration);
    };
    let session_id = match &write.writer {
        Writer::Backend => None,
        Writer::Session { hash, requested } => {
            let Some(session) = session(db, *hash, write.at)? else {
                return Ok(Written::SessionEnded);
            };
            let named = ownership::named(&session.terms, requested.as_ref());
            let situation = situation(db, integration.id, *hash, named.as_ref())?;
            match ownership::decide(&session.terms, requested.as_ref(), &situation) {
                Decision::Use(id) if id == write.connection => {}
                Decision::Use(id) => return Ok(Written::Moved(id)),
                // A fresh id was drawn by the caller; that it is unused is what fresh means.
                Decision::Fresh => {}
                Decision::Denied => return Ok(Written::Denied),
                Decision::Gone => return Ok(Written::Gone),
            }
            Some(session.id)
        }
    };
    let existing: Option<i64> = db
        .prepare_cached(
            "select id from connections where integration_id = ?1 and connection_id = ?2",
        )?
        .query_row(params![integration.id, write.connection.as_str()], |row| row.get(0))
        .optional()?;

    let id = match existing {
        Some(id) => {
            replace(db, id, write)?;
            id
        }
        None => insert(db, integration.id, write)?,
    };
    if let Some(session) = session_id {
        db.prepare_cached(
            "insert into session_connections (session, integration_id, connection_id) values (?1, ?2, ?3)
             on conflict do nothing",
        )?
        .execute(params![session, integration.id, write.connection.as_str()])?;
    }
    event.action = if existing.is_some() { "connection.replaced" } else { "connection.created" };
    audit(db, &event)?;

    match connection(db, &write.environment, write.integration.as_str(), write.connection.as_str())?
    {
        Found::Found(connection) if connection.summary.id == id => {
            let operation =
                if existing.is_some() { Operation::Override } else { Operation::Creation };
            webhooks::announce(db, &connection, operation, write.at)?;
            Ok(Written::Stored { created: existing.is_none(), connection })
        }
        _ => Err(StoreError::Corrupt("connections")),
    }
}

fn insert(db: &Db, integration_id: i64, write: &Write) -> Result<i64> {
    let tags = write.tags.clone().unwrap_or_default();
    db.prepare_cached(
        "insert into connections (environment, integration_id, connection_id, auth_mode, key_id, sealed, metadata,
             tags, end_user, owner_end_user, owner_organization, webhook_url_override, verified, account, health,
             health_since, created_at, updated_at, checked_at, next_check_at, unchecked)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?16, ?16, ?17, ?18, ?19)",
    )?
    .execute(params![
        write.environment,
        integration_id,
        write.connection.as_str(),
        write.auth_mode.as_str(),
        write.sealed.key_id,
        write.sealed.blob,
        json(&write.metadata.clone().unwrap_or_default())?,
        json(&tags)?,
        write.end_user.as_ref().map(json).transpose()?,
        write.owner.as_ref().map(|owner| &owner.end_user),
        write.owner.as_ref().and_then(|owner| owner.organization.as_ref()),
        write.webhook_url_override.as_ref().and_then(Option::as_ref),
        write.verified.verdict == Verdict::Verified,
        write.verified.account,
        health_after(&write.verified).word(),
        millis(write.at),
        (write.verified.verdict == Verdict::Verified).then(|| millis(write.at)),
        // The number is not known yet; the moment scatters as well.
        millis(next_check(write.at, millis(write.at))),
        write.verified.verdict == Verdict::Unchecked
    ])?;
    let id = db.last_insert_rowid();
    index_tags(db, id, &tags)?;
    Ok(id)
}

fn replace(db: &Db, id: i64, write: &Write) -> Result<()> {
    db.prepare_cached(
        "update connections set auth_mode = ?2, key_id = ?3, sealed = ?4, verified = ?5, account = ?6, health = ?7,
             health_since = ?8, health_reason = null, checked_at = ?9, next_check_at = ?10, updated_at = ?8,
             unchecked = ?11
         where id = ?1",
    )?
    .execute(params![
        id,
        write.auth_mode.as_str(),
        write.sealed.key_id,
        write.sealed.blob,
        write.verified.verdict == Verdict::Verified,
        write.verified.account,
        health_after(&write.verified).word(),
        millis(write.at),
        (write.verified.verdict == Verdict::Verified).then(|| millis(write.at)),
        millis(next_check(write.at, id)),
        write.verified.verdict == Verdict::Unchecked
    ])?;
    if let Some(metadata) = &write.metadata {
        write_metadata(db, id, metadata, MetadataMode::Replace, write.at)?;
    }
    let change = ConnectionChange {
        end_user: write.end_user.clone(),
        owner: write.owner.clone(),
        tags: write.tags.clone(),
        webhook_url_override: write.webhook_url_override.clone(),
    };
    update_connection(db, id, &change, write.at)
}

fn index_tags(db: &Db, id: i64, tags: &Tags) -> Result<()> {
    let mut insert = db.prepare_cached(
        "insert into connection_tags (connection, key, value) values (?1, ?2, ?3)",
    )?;
    for (key, value) in tags {
        insert.execute(params![id, key, value])?;
    }
    Ok(())
}

pub(super) const CONNECTION: &str = "c.id, c.environment, c.connection_id, i.unique_key, i.provider, c.end_user, c.tags, \
                          c.metadata, c.webhook_url_override, c.verified, c.account, c.health, c.health_since, \
                          c.health_reason, c.checked_at, c.created_at, c.updated_at, c.last_fetched_at, \
                          c.unchecked";

pub(super) fn connection(
    db: &Db,
    environment: &str,
    integration: &str,
    id: &str,
) -> Result<Found<Box<Connection>>> {
    let mut statement = db.prepare_cached(&format!(
        "select {CONNECTION}, c.auth_mode, c.key_id, c.sealed from integrations i
         left join connections c on c.integration_id = i.id and c.connection_id = ?3
         where i.environment = ?1 and i.unique_key = ?2"
    ))?;
    let mut rows = statement.query([environment, integration, id])?;
    let Some(row) = rows.next()? else { return Ok(Found::UnknownIntegration) };
    if row.get::<_, Option<i64>>(0)?.is_none() {
        return Ok(Found::UnknownConnection);
    }
    Ok(Found::Found(Box::new(connection_of(row)?)))
}

/// Reads `{CONNECTION}, c.auth_mode, c.key_id, c.sealed`.
pub(super) fn connection_of(row: &Row<'_>) -> Result<Connection> {
    let mode: String = row.get(19)?;
    Ok(Connection {
        summary: summary_of(row)?,
        auth_mode: auth_mode(&mode)?,
        sealed: Sealed { key_id: row.get(20)?, blob: row.get(21)? },
    })
}

pub(super) fn connections(
    db: &Db,
    environment: &str,
    filter: &ConnectionFilter,
) -> Result<Vec<ConnectionSummary>> {
    let (conditions, mut values) = conditions(environment, filter);
    let sql = format!(
        "select {CONNECTION} from connections c join integrations i on i.id = c.integration_id
         where {conditions} order by c.id desc limit ? offset ?"
    );
    values.push(i64::from(filter.limit).into());
    values.push(i64::try_from(filter.offset).unwrap_or(i64::MAX).into());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(summary_of(row)?);
    }
    Ok(found)
}

pub(super) fn count_connections(
    db: &Db,
    environment: &str,
    filter: &ConnectionFilter,
) -> Result<HealthCounts> {
    let (conditions, values) = conditions(environment, filter);
    let sql = format!(
        "select c.health, count(*) from connections c where {conditions} group by c.health"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut counts = HealthCounts::default();
    while let Some(row) = rows.next()? {
        counts.count(&row.get::<_, String>(0)?, row.get(1)?);
    }
    Ok(counts)
}

/// What a filter asks of `connections c`, and the values in the order of their marks.
fn conditions(environment: &str, filter: &ConnectionFilter) -> (String, Vec<SqlValue>) {
    let mut sql = "c.environment = ?".to_owned();
    let mut values: Vec<SqlValue> = vec![environment.to_owned().into()];
    let exact = [
        ("c.connection_id", &filter.connection_id),
        ("c.owner_end_user", &filter.end_user_id),
        ("c.owner_organization", &filter.organization_id),
    ];
    for (column, wanted) in exact {
        if let Some(wanted) = wanted {
            sql.push_str(&format!(" and {column} = ?"));
            values.push(wanted.clone().into());
        }
    }
    if let Some(search) = &filter.search {
        // instr, not like: what is searched for may hold % and _.
        sql.push_str(
            " and (instr(lower(c.connection_id), ?) > 0
               or instr(lower(coalesce(c.end_user ->> '$.display_name', '')), ?) > 0
               or instr(lower(coalesce(c.end_user ->> '$.email', '')), ?) > 0)",
        );
        // SQLite's lower() knows ASCII only, so the other side must not know more.
        values.extend(std::iter::repeat_n(SqlValue::from(search.to_ascii_lowercase()), 3));
    }
    if let Some(integrations) = &filter.integrations {
        let marks = vec!["?"; integrations.len()].join(", ");
        sql.push_str(&format!(
            " and c.integration_id in (select id from integrations where environment = ? and unique_key in ({marks}))"
        ));
        values.push(environment.to_owned().into());
        values.extend(integrations.iter().cloned().map(SqlValue::from));
    }
    if let Some(health) = filter.health {
        sql.push_str(" and c.health = ?");
        values.push(health.word().to_owned().into());
    }
    for (key, value) in &filter.tags {
        sql.push_str(" and exists (select 1 from connection_tags t where t.connection = c.id and t.key = ? and t.value = ?)");
        values.extend([key.clone().into(), value.clone().into()]);
    }
    (sql, values)
}

fn summary_of(row: &Row<'_>) -> Result<ConnectionSummary> {
    Ok(ConnectionSummary {
        id: row.get(0)?,
        environment: row.get(1)?,
        connection_id: ConnectionId::stored(row.get(2)?),
        integration: row.get(3)?,
        provider: row.get(4)?,
        end_user: row
            .get::<_, Option<String>>(5)?
            .map(|text| document(&text, "connections.end_user"))
            .transpose()?,
        tags: document(&row.get::<_, String>(6)?, "connections.tags")?,
        metadata: document(&row.get::<_, String>(7)?, "connections.metadata")?,
        webhook_url_override: row.get(8)?,
        verified: Verified {
            verdict: Verdict::stored(row.get(9)?, row.get(18)?),
            account: row.get(10)?,
        },
        health: Health::of(&row.get::<_, String>(11)?),
        health_since: moment(row.get(12)?)?,
        health_reason: row.get(13)?,
        checked_at: row.get::<_, Option<i64>>(14)?.map(moment).transpose()?,
        created_at: moment(row.get(15)?)?,
        updated_at: moment(row.get(16)?)?,
        last_fetched_at: row.get::<_, Option<i64>>(17)?.map(moment).transpose()?,
    })
}

/// Runs `work` with the row of a connection.
pub(super) fn with_connection<T>(
    db: &Db,
    environment: &str,
    integration: &str,
    id: &str,
    work: impl FnOnce(i64) -> Result<T>,
) -> Result<Found<T>> {
    let row: Option<Option<i64>> = db
        .prepare_cached(
            "select c.id from integrations i
             left join connections c on c.integration_id = i.id and c.connection_id = ?3
             where i.environment = ?1 and i.unique_key = ?2",
        )?
        .query_row([environment, integration, id], |row| row.get(0))
        .optional()?;
    match row {
        None => Ok(Found::UnknownIntegration),
        Some(None) => Ok(Found::UnknownConnection),
        Some(Some(row)) => work(row).map(Found::Found),
    }
}

pub(super) fn update_connection(
    db: &Db,
    id: i64,
    change: &ConnectionChange,
    at: Timestamp,
) -> Result<()> {
    if let Some(end_user) = &change.end_user {
        db.prepare_cached("update connections set end_user = ?2 where id = ?1")?
            .execute(params![id, json(end_user)?])?;
    }
    if let Some(owner) = &change.owner {
        db.prepare_cached(
            "update connections set owner_end_user = ?2, owner_organization = ?3 where id = ?1",
        )?
        .execute(params![id, owner.end_user, owner.organization])?;
    }
    if let Some(tags) = &change.tags {
        db.prepare_cached("update connections set tags = ?2 where id = ?1")?
            .execute(params![id, json(tags)?])?;
        db.prepare_cached("delete from connection_tags where connection = ?1")?.execute([id])?;
        index_tags(db, id, tags)?;
    }
    if let Some(url) = &change.webhook_url_override {
        db.prepare_cached("update connections set webhook_url_override = ?2 where id = ?1")?
            .execute(params![id, url])?;
    }
    db.prepare_cached("update connections set updated_at = ?2 where id = ?1")?
        .execute(params![id, millis(at)])?;
    Ok(())
}

pub(super) fn write_metadata(
    db: &Db,
    id: i64,
    metadata: &Object,
    mode: MetadataMode,
    at: Timestamp,
) -> Result<()> {
    let whole = match mode {
        MetadataMode::Replace => metadata.clone(),
        MetadataMode::Merge => {
            let stored: String = db
                .prepare_cached("select metadata from connections where id = ?1")?
                .query_row([id], |row| row.get(0))?;
            let mut merged: Object = document(&stored, "connections.metadata")?;
            merged.extend(metadata.clone());
            merged
        }
    };
    db.prepare_cached("update connections set metadata = ?2, updated_at = ?3 where id = ?1")?
        .execute(params![id, json(&whole)?, millis(at)])?;
    Ok(())
}

pub(super) fn delete_connection(db: &Db, id: i64) -> Result<()> {
    db.prepare_cached("delete from connections where id = ?1")?.execute([id])?;
    Ok(())
}

pub(super) fn note_fetched(db: &Db, fetched: &[(i64, Timestamp)]) -> Result<()> {
    let mut update = db.prepare_cached(
        "update connections set last_fetched_at = ?2 where id = ?1 and coalesce(last_fetched_at, 0) < ?2",
    )?;
    for (id, at) in fetched {
        update.execute(params![id, millis(*at)])?;
    }
    Ok(())
}

// --- rotation of master keys ---

pub(super) fn sealed_under_other_keys(
    db: &Db,
    key_id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<SealedRecord>> {
    let mut found = Vec::new();
    if after == 0 {
        let mut server = db
            .prepare_cached("select name, key_id, sealed from server_secrets where key_id <> ?1")?;
        let rows = server.query_map([key_id], |row| {
            Ok(SealedRecord {
                owner: SealedOwner::Server { name: row.get(0)? },
                sealed: Sealed { key_id: row.get(1)?, blob: row.get(2)? },
            })
        })?;
        for row in rows {
            found.push(row?);
        }
        let mut sessions = db.prepare_cached(
            "select id, environment, key_id, presets from connect_sessions where key_id <> ?1 and presets is not null",
        )?;
        let rows = sessions.query_map([key_id], |row| {
            Ok(SealedRecord {
                owner: SealedOwner::Session { id: row.get(0)?, environment: row.get(1)? },
                sealed: Sealed { key_id: row.get(2)?, blob: row.get(3)? },
            })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    let mut connections = db.prepare_cached(
        "select c.id, c.environment, i.unique_key, c.connection_id, c.key_id, c.sealed
         from connections c join integrations i on i.id = c.integration_id
         where c.id > ?2 and c.key_id <> ?1 order by c.id limit ?3",
    )?;
    let rows = connections.query_map(params![key_id, after, limit], |row| {
        Ok(SealedRecord {
            owner: SealedOwner::Connection {
                id: row.get(0)?,
                environment: row.get(1)?,
                integration: row.get(2)?,
                connection: row.get(3)?,
            },
            sealed: Sealed { key_id: row.get(4)?, blob: row.get(5)? },
        })
    })?;
    for row in rows {
        found.push(row?);
    }
    Ok(found)
}

pub(super) fn replace_sealed(db: &Db, records: &[(SealedRecord, Sealed)]) -> Result<u64> {
    let mut replaced = 0;
    for (old, new) in records {
        // Only what still is what was read: a credential replaced meanwhile is newer, and sealed under
        // the current key already.
        replaced += match &old.owner {
            SealedOwner::Connection { id, .. } => db
                .prepare_cached("update connections set key_id = ?2, sealed = ?3 where id = ?1 and sealed = ?4")?
                .execute(params![id, new.key_id, new.blob, old.sealed.blob])?,
            SealedOwner::Session { id, .. } => db
                .prepare_cached("update connect_sessions set key_id = ?2, presets = ?3 where id = ?1 and presets = ?4")?
                .execute(params![id, new.key_id, new.blob, old.sealed.blob])?,
            SealedOwner::Server { name } => db
                .prepare_cached("update server_secrets set key_id = ?2, sealed = ?3 where name = ?1 and sealed = ?4")?
                .execute(params![name, new.key_id, new.blob, old.sealed.blob])?,
        } as u64;
    }
    Ok(replaced)
}

fn owner_of(
    end_user: Option<String>,
    organization: Option<String>,
) -> rusqlite::Result<Option<Owner>> {
    Ok(end_user.map(|end_user| Owner { end_user, organization }))
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
