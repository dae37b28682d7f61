//! The SQL, one function an operation. Those that change something run inside a transaction that the
//! caller owns and may run again from the start; isolation is read committed, so each takes the row
//! locks that its decision rests on. Locks are taken in one order everywhere: integration, session,
//! connections by number.

use std::collections::HashMap;

use deadpool_postgres::{Client, GenericClient, Transaction};
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};

use super::super::tables::secrets_of;
use super::{
    super::{
        AuditFilter, ConnectionChange, ConnectionFilter, Created, Deletion, EnvironmentOutcome,
        Found, HealthCounts, IS_CHANGE, IntegrationUpdate, MetadataMode, SealedOwner, SealedRecord,
        SettingsOutcome, StoredAuditEvent, Write, Writer, Written,
        values::{auth_mode, document, health_after, json, millis, moment},
    },
    Result, StoreError,
    gathered::LookUp,
    webhooks,
};
use crate::{
    allowance::{FullAt, Quota, Taken},
    audit_chain::{AuditChain, AuditStart, Head, Removable},
    ids::{ConnectionId, IntegrationKey},
    model::{
        AuditEvent, ConnectSession, Connection, ConnectionSummary, EndUser, Environment,
        EnvironmentSettings, Health, Integration, IntegrationChange, NewIntegration, NewSecretKey,
        NewSession, Object, Operation, OwnProvider, Owner, Role, SecretKey, SecretKeyRecord, Tags,
        Verdict, Verified,
    },
    ownership::{self, Decision, Situation},
    recheck::next_check,
    token::TokenHash,
    vault::Sealed,
};

pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(super) async fn all(
    db: &impl GenericClient,
    sql: &str,
    values: Values<'_>,
) -> Result<Vec<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, values).await?)
}

pub(super) async fn first(
    db: &impl GenericClient,
    sql: &str,
    values: Values<'_>,
) -> Result<Option<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, values).await?)
}

async fn one(db: &impl GenericClient, sql: &str, values: Values<'_>) -> Result<Row> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_one(&statement, values).await?)
}

/// Tells how many rows it changed.
pub(super) async fn execute(db: &impl GenericClient, sql: &str, values: Values<'_>) -> Result<u64> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, values).await?)
}

// --- environments, server secrets, secret keys, audit ---

pub(super) async fn ensure_environments(
    db: &Transaction<'_>,
    names: &[&str],
    at: Timestamp,
) -> Result<()> {
    let sql = "insert into environments (name, created_at) select unnest($1::text[]), $2 on conflict do nothing";
    execute(db, sql, &[&names, &millis(at)]).await.map(drop)
}

/// The version of its catalogue begins with the time: had there been an environment of this name before,
/// servers may remember a version of that one, and this is greater.
pub(super) async fn create_environment(
    db: &Transaction<'_>,
    name: &str,
    key: Option<&NewSecretKey>,
    at: Timestamp,
) -> Result<bool> {
    let sql = "insert into environments (name, created_at, catalogue_version) values ($1, $2, $2)
         on conflict do nothing";
    if execute(db, sql, &[&name, &millis(at)]).await? == 0 {
        return Ok(false);
    }
    if let Some(key) = key {
        put_secret_key(db, key, at).await?;
    }
    Ok(true)
}

/// What speaks against touching an environment, if anything does. Its row is locked, so that no
/// integration can be made meanwhile: that takes a share of the same lock (a foreign key).
async fn untouchable(db: &Transaction<'_>, name: &str) -> Result<Option<EnvironmentOutcome>> {
    let sql = "select name from environments where name = $1 for update";
    if first(db, sql, &[&name]).await?.is_none() {
        return Ok(Some(EnvironmentOutcome::Unknown));
    }
    let sql = "select exists (select 1 from integrations where environment = $1)";
    let in_use: bool = one(db, sql, &[&name]).await?.try_get(0)?;
    Ok(in_use.then_some(EnvironmentOutcome::InUse))
}

pub(super) async fn rename_environment(
    db: &Transaction<'_>,
    from: &str,
    to: &str,
    secrets: &[(String, Sealed)],
    at: Timestamp,
) -> Result<EnvironmentOutcome> {
    if let Some(outcome) = untouchable(db, from).await? {
        return Ok(outcome);
    }
    let sql = "insert into environments (name, created_at, settings, catalogue_version)
         select $2, created_at, settings, $3 from environments where name = $1 on conflict do nothing";
    if execute(db, sql, &[&from, &to, &millis(at)]).await? == 0 {
        return Ok(EnvironmentOutcome::NameTaken);
    }
    for sql in [
        "update secret_keys set environment = $2 where environment = $1",
        "update own_providers set environment = $2 where environment = $1",
    ] {
        execute(db, sql, &[&from, &to]).await?;
    }
    remove_environment(db, from).await?;
    for (name, sealed) in secrets {
        put_server_secret(db, name, sealed).await?;
    }
    Ok(EnvironmentOutcome::Done)
}

pub(super) async fn delete_environment(
    db: &Transaction<'_>,
    name: &str,
) -> Result<EnvironmentOutcome> {
    if let Some(outcome) = untouchable(db, name).await? {
        return Ok(outcome);
    }
    remove_environment(db, name).await?;
    Ok(EnvironmentOutcome::Done)
}

async fn remove_environment(db: &Transaction<'_>, name: &str) -> Result<()> {
    for sql in [
        "delete from secret_keys where environment = $1",
        "delete from connect_sessions where environment = $1",
        "delete from webhooks where environment = $1",
        "delete from own_providers where environment = $1",
        "delete from environments where name = $1",
    ] {
        execute(db, sql, &[&name]).await?;
    }
    let secrets = secrets_of(name);
    execute(db, "delete from server_secrets where name = any($1)", &[&secrets.as_slice()]).await?;
    Ok(())
}

pub(super) async fn environments(db: &impl GenericClient) -> Result<Vec<Environment>> {
    let sql = "select name, settings from environments order by name collate \"C\"";
    all(db, sql, &[])
        .await?
        .iter()
        .map(|row| {
            let settings = document(row.try_get(1)?, "environments.settings")?;
            Ok(Environment { name: row.try_get(0)?, settings })
        })
        .collect()
}

pub(super) async fn environment_settings(
    db: &impl GenericClient,
    name: &str,
) -> Result<EnvironmentSettings> {
    let row = one(db, "select settings from environments where name = $1", &[&name]).await?;
    document(row.try_get(0)?, "environments.settings")
}

pub(super) async fn put_environment_settings(
    db: &Transaction<'_>,
    name: &str,
    seen: &EnvironmentSettings,
    settings: &EnvironmentSettings,
) -> Result<SettingsOutcome> {
    let sql = "select settings from environments where name = $1 for update";
    let Some(row) = first(db, sql, &[&name]).await? else { return Ok(SettingsOutcome::Unknown) };
    if document::<EnvironmentSettings>(row.try_get(0)?, "environments.settings")? != *seen {
        return Ok(SettingsOutcome::Changed);
    }
    let sql = "update environments set settings = $2 where name = $1";
    execute(db, sql, &[&name, &json(settings)?]).await?;
    Ok(SettingsOutcome::Stored)
}

pub(super) async fn put_server_secret(
    db: &Transaction<'_>,
    name: &str,
    sealed: &Sealed,
) -> Result<()> {
    let sql = "insert into server_secrets (name, key_id, sealed) values ($1, $2, $3)
         on conflict (name) do update set key_id = excluded.key_id, sealed = excluded.sealed";
    execute(db, sql, &[&name, &sealed.key_id, &sealed.blob]).await.map(drop)
}

pub(super) async fn replace_server_secret(
    db: &Transaction<'_>,
    name: &str,
    seen: &Sealed,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "update server_secrets set key_id = $2, sealed = $3 where name = $1 and sealed = $4";
    let changed = execute(db, sql, &[&name, &sealed.key_id, &sealed.blob, &seen.blob]).await?;
    Ok(changed > 0)
}

pub(super) async fn server_secret(
    db: &Transaction<'_>,
    name: &str,
    candidate: &Sealed,
) -> Result<Sealed> {
    let sql = "insert into server_secrets (name, key_id, sealed) values ($1, $2, $3) on conflict do nothing";
    execute(db, sql, &[&name, &candidate.key_id, &candidate.blob]).await?;
    let sql = "select key_id, sealed from server_secrets where name = $1";
    let row = one(db, sql, &[&name]).await?;
    Ok(Sealed { key_id: row.try_get(0)?, blob: row.try_get(1)? })
}

pub(super) async fn put_secret_key(
    db: &Transaction<'_>,
    new: &NewSecretKey,
    at: Timestamp,
) -> Result<()> {
    let sql = "insert into secret_keys (id, environment, name, role, hash, created_at, prefix)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (id) do update set environment = excluded.environment, name = excluded.name,
             role = excluded.role, hash = excluded.hash, prefix = excluded.prefix";
    let key = &new.key;
    let hash = new.hash.as_bytes();
    let role = key.role.word();
    let values: [&(dyn ToSql + Sync); 7] =
        [&key.id, &key.environment, &key.name, &role, &hash, &millis(at), &key.prefix];
    execute(db, sql, &values).await.map(drop)
}

pub(super) async fn remove_secret_key(
    db: &Transaction<'_>,
    environment: &str,
    id: &str,
) -> Result<bool> {
    let sql = "delete from secret_keys where environment = $1 and id = $2";
    Ok(execute(db, sql, &[&environment, &id]).await? > 0)
}

const SECRET_KEY: &str =
    "id, environment, name, role, created_at, last_used_at, expires_at, prefix";

// Several look-ups in one query: for each row of what is asked, one look into an index. That is what
// `offset 0` asks for. Without it the planner may join tables as it sees fit, and its estimates of what
// is asked are guesses: it then reads all connections of an integration to find sixteen. The values are
// in a `select` of their own, so that how many there are is unknown when it plans: a plan for exactly so
// many always looks better than one for any number, and it would plan anew each time, which takes longer
// than the query.

/// A secret key by its hash, and the moment at which it must not have ended.
#[derive(Clone)]
pub(super) struct KeyByHash(pub(super) TokenHash, pub(super) Timestamp);

impl LookUp for KeyByHash {
    type Answer = Option<SecretKey>;

    async fn answer(db: &Client, asked: &[Self]) -> Result<Vec<Self::Answer>> {
        let sql = format!(
            "select k.*, place from unnest((select $1::bytea[]), (select $2::bigint[]))
                 with ordinality as a (asked, now, place),
             lateral (select {SECRET_KEY} from secret_keys
                 where hash = asked and (expires_at is null or expires_at > now) offset 0) k"
        );
        let (hashes, moments): (Vec<&[u8]>, Vec<i64>) =
            asked.iter().map(|Self(hash, now)| (hash.as_bytes(), millis(*now))).unzip();
        let rows = all(db, &sql, &[&hashes, &moments]).await?;
        in_order(asked.len(), &rows, 8, |row| secret_key_of(row).map(|record| record.key))
    }
}

/// What was found for each of `many` questions; the column `place` says for which a row is, from 1.
fn in_order<T>(
    many: usize,
    rows: &[Row],
    place: usize,
    of: impl Fn(&Row) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    let mut found: Vec<Option<T>> = std::iter::repeat_with(|| None).take(many).collect();
    for row in rows {
        let number = usize::try_from(row.try_get::<_, i64>(place)?).unwrap_or(0);
        if let Some(answer) = number.checked_sub(1).and_then(|index| found.get_mut(index)) {
            *answer = Some(of(row)?);
        }
    }
    Ok(found)
}

pub(super) async fn secret_keys(
    db: &impl GenericClient,
    environment: &str,
    now: Timestamp,
) -> Result<Vec<SecretKeyRecord>> {
    let sql = format!(
        "select {SECRET_KEY} from secret_keys where environment = $1 and (expires_at is null or expires_at > $2)
         order by created_at, id collate \"C\""
    );
    all(db, &sql, &[&environment, &millis(now)]).await?.iter().map(secret_key_of).collect()
}

pub(super) async fn rotate_secret_key(
    db: &Transaction<'_>,
    environment: &str,
    id: &str,
    new: &NewSecretKey,
    ends_at: Timestamp,
    at: Timestamp,
) -> Result<Option<SecretKeyRecord>> {
    let sql = format!(
        "select {SECRET_KEY} from secret_keys where environment = $1 and id = $2 and (expires_at is null or expires_at > $3) for update"
    );
    let Some(row) = first(db, &sql, &[&environment, &id, &millis(at)]).await? else {
        return Ok(None);
    };
    let old = secret_key_of(&row)?.key;
    let key = SecretKey { name: old.name, role: old.role, ..new.key.clone() };
    put_secret_key(db, &NewSecretKey { key: key.clone(), hash: new.hash }, at).await?;
    let sql = "update secret_keys set expires_at = least(expires_at, $2) where id = $1";
    execute(db, sql, &[&id, &millis(ends_at)]).await?;
    Ok(Some(SecretKeyRecord { key, created_at: at, last_used_at: None, expires_at: None }))
}

pub(super) async fn note_used(db: &Transaction<'_>, used: &[(String, Timestamp)]) -> Result<()> {
    let (ids, moments): (Vec<&str>, Vec<i64>) =
        used.iter().map(|(id, at)| (id.as_str(), millis(*at))).unzip();
    // Several servers do this at a time: the rows are taken in one order.
    let sql = "update secret_keys k set last_used_at = noted.at
         from (select k.id, n.at from secret_keys k
               join unnest($1::text[], $2::bigint[]) as n (id, at) on n.id = k.id
               where coalesce(k.last_used_at, 0) < n.at order by k.id for update of k) noted
         where k.id = noted.id";
    execute(db, sql, &[&ids, &moments]).await.map(drop)
}

pub(super) async fn purge_secret_keys(db: &Transaction<'_>, now: Timestamp) -> Result<u64> {
    let sql = "delete from secret_keys where id in
         (select id from secret_keys where expires_at <= $1 for update skip locked)";
    execute(db, sql, &[&millis(now)]).await
}

fn secret_key_of(row: &Row) -> Result<SecretKeyRecord> {
    let optional = |index: usize| -> Result<Option<Timestamp>> {
        row.try_get::<_, Option<i64>>(index)?.map(moment).transpose()
    };
    Ok(SecretKeyRecord {
        key: SecretKey {
            id: row.try_get(0)?,
            environment: row.try_get(1)?,
            name: row.try_get(2)?,
            role: Role::of(row.try_get(3)?).ok_or(StoreError::Corrupt("secret_keys.role"))?,
            prefix: row.try_get(7)?,
        },
        created_at: moment(row.try_get(4)?)?,
        last_used_at: optional(5)?,
        expires_at: optional(6)?,
    })
}

pub(super) async fn audit(db: &Transaction<'_>, event: &AuditEvent) -> Result<()> {
    let sql =
        "insert into audit_events (at, environment, actor, action, object, request_id, address)
         values ($1, $2, $3, $4, $5, $6, $7)";
    execute(
        db,
        sql,
        &[
            &millis(event.at),
            &event.environment,
            &event.actor,
            &event.action,
            &event.object,
            &event.request_id,
            &event.address.map(|address| address.to_string()),
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn audit_all(
    db: &Transaction<'_>,
    chain: &AuditChain,
    events: &[AuditEvent],
) -> Result<()> {
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

pub(super) async fn audited_environments(db: &impl GenericClient) -> Result<Vec<String>> {
    // From each name to the next by the index: the log is long, and the names are few.
    let sql = "with recursive names (name) as (
             select min(environment) from audit_events
             union all
             select (select min(environment) from audit_events where environment > name)
             from names where name is not null
         ) select name from names where name is not null";
    all(db, sql, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

pub(super) async fn audit_start(
    db: &impl GenericClient,
    environment: &str,
) -> Result<Option<AuditStart>> {
    let sql = "select link, mac, seal from audit_starts where environment = $1";
    Ok(match first(db, sql, &[&environment]).await? {
        None => None,
        Some(row) => Some(AuditStart {
            head: Head { link: row.try_get(0)?, code: row.try_get(1)? },
            seal: row.try_get(2)?,
        }),
    })
}

pub(super) async fn remove_old_audit_events(
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

pub(super) async fn audit_events(
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

pub(super) async fn audit_chain(
    db: &impl GenericClient,
    environment: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<StoredAuditEvent>> {
    let sql = format!("{AUDIT_EVENT} where environment = $1 and link > $2 order by link limit $3");
    let rows = all(db, &sql, &[&environment, &after, &i64::from(limit)]).await?;
    rows.iter().map(audit_event_of).collect()
}

pub(super) async fn link_audit_events(
    db: &Transaction<'_>,
    chain: &AuditChain,
    limit: u32,
) -> Result<u32> {
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

// --- allowances ---

pub(super) async fn take_allowance(
    db: &Transaction<'_>,
    bucket: &str,
    quota: Quota,
    wanted: u32,
    now: Timestamp,
) -> Result<Taken> {
    // The update changes nothing and locks the row, so that servers take one after the other.
    let sql = "insert into allowances (bucket, full_at) values ($1, $2)
         on conflict (bucket) do update set full_at = allowances.full_at returning full_at";
    let row = one(db, sql, &[&bucket, &FullAt::at(now).nanoseconds()]).await?;
    let full_at = FullAt::from_nanoseconds(row.try_get(0)?);
    let taken = quota.take(Some(full_at), wanted, now);
    if taken.granted > 0 {
        let sql = "update allowances set full_at = $2 where bucket = $1";
        execute(db, sql, &[&bucket, &taken.full_at.nanoseconds()]).await?;
    }
    Ok(taken)
}

/// Each bucket in a statement of its own: one that decides and takes while it holds the row, so that
/// servers that ask at once take one after the other, and that holds no row while it waits for another.
/// Everybody at one address shares a row; the table is unlogged, so none waits for the disk while he has it.
pub(super) async fn take_one_of_each(
    db: &impl GenericClient,
    buckets: &[(String, Quota)],
    now: Timestamp,
) -> Result<Vec<Taken>> {
    let sql = "insert into allowances as a (bucket, full_at) values ($1, $2::bigint + $3::bigint)
         on conflict (bucket) do update set full_at = greatest(a.full_at, $2) + $3
             where greatest(a.full_at, $2) <= $4
         returning full_at";
    let mut all = Vec::new();
    for (bucket, quota) in buckets {
        let (at, last) = (FullAt::at(now).nanoseconds(), quota.last(now).nanoseconds());
        let row = first(db, sql, &[bucket, &at, &quota.interval(), &last]).await?;
        if let Some(row) = row {
            let full_at = FullAt::from_nanoseconds(row.try_get(0)?);
            all.push(Taken { granted: 1, full_at });
            continue;
        }
        put_back(db, buckets.get(..all.len()).unwrap_or_default()).await?;
        let sql = "select full_at from allowances where bucket = $1";
        let full_at = match first(db, sql, &[bucket]).await? {
            Some(row) => FullAt::from_nanoseconds(row.try_get(0)?),
            // Somebody has emptied it meanwhile.
            None => FullAt::at(now),
        };
        all.push(Taken { granted: 0, full_at });
        break;
    }
    Ok(all)
}

pub(super) async fn put_back(db: &impl GenericClient, buckets: &[(String, Quota)]) -> Result<()> {
    let sql = "update allowances set full_at = full_at - $2::bigint where bucket = $1";
    for (bucket, quota) in buckets {
        execute(db, sql, &[bucket, &quota.interval()]).await?;
    }
    Ok(())
}

pub(super) async fn forget_allowance(db: &impl GenericClient, bucket: &str) -> Result<()> {
    execute(db, "delete from allowances where bucket = $1", &[&bucket]).await.map(drop)
}

pub(super) async fn purge_allowances(db: &impl GenericClient, now: Timestamp) -> Result<u64> {
    let sql = "delete from allowances where full_at <= $1";
    execute(db, sql, &[&FullAt::at(now).nanoseconds()]).await
}

// --- own providers ---

pub(super) async fn catalogue_versions(db: &impl GenericClient) -> Result<Vec<(String, i64)>> {
    let sql = "select name, catalogue_version from environments order by name collate \"C\"";
    all(db, sql, &[]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

pub(super) async fn count_up_catalogue(db: &Transaction<'_>, environment: &str) -> Result<()> {
    let sql = "update environments set catalogue_version = catalogue_version + 1 where name = $1";
    execute(db, sql, &[&environment]).await.map(drop)
}

pub(super) async fn own_providers(
    db: &impl GenericClient,
    environment: &str,
) -> Result<Vec<OwnProvider>> {
    let sql = "select name, template, updated_at from own_providers where environment = $1
         order by name collate \"C\"";
    all(db, sql, &[&environment])
        .await?
        .iter()
        .map(|row| {
            Ok(OwnProvider {
                name: row.try_get(0)?,
                template: document(row.try_get(1)?, "own_providers.template")?,
                updated_at: moment(row.try_get(2)?)?,
            })
        })
        .collect()
}

pub(super) async fn put_own_provider(
    db: &Transaction<'_>,
    environment: &str,
    provider: &OwnProvider,
) -> Result<()> {
    let sql = "insert into own_providers (environment, name, template, updated_at) values ($1, $2, $3, $4)
         on conflict (environment, name) do update set template = excluded.template,
             updated_at = excluded.updated_at";
    let template = json(&provider.template)?;
    let at = millis(provider.updated_at);
    execute(db, sql, &[&environment, &provider.name, &template, &at]).await.map(drop)
}

pub(super) async fn delete_own_provider(
    db: &Transaction<'_>,
    environment: &str,
    name: &str,
    even_if_used: bool,
) -> Result<Deletion> {
    // Whoever makes an integration of it holds the row too, so none appears while it goes.
    let sql = "select 1 from own_providers where environment = $1 and name = $2 for update";
    if first(db, sql, &[&environment, &name]).await?.is_none() {
        return Ok(Deletion::Unknown);
    }
    let sql = "select exists (select 1 from integrations where environment = $1 and provider = $2)";
    if !even_if_used && one(db, sql, &[&environment, &name]).await?.try_get(0)? {
        return Ok(Deletion::InUse);
    }
    let sql = "delete from own_providers where environment = $1 and name = $2";
    execute(db, sql, &[&environment, &name]).await?;
    Ok(Deletion::Deleted)
}

// --- integrations ---

const INTEGRATION: &str = "select id, environment, unique_key, provider, display_name, config, \
                           created_at, updated_at, forward_webhooks from integrations";

pub(super) async fn create_integration(
    db: &Transaction<'_>,
    new: &NewIntegration,
    at: Timestamp,
) -> Result<Created<Integration>> {
    if new.own_provider {
        let sql = "select 1 from own_providers where environment = $1 and name = $2 for key share";
        if first(db, sql, &[&new.environment, &new.provider]).await?.is_none() {
            return Ok(Created::NoProvider);
        }
    }
    let sql = "insert into integrations (environment, unique_key, provider, display_name, config, created_at,
             updated_at, forward_webhooks)
         values ($1, $2, $3, $4, $5, $6, $6, $7) on conflict (environment, unique_key) do nothing returning id";
    let inserted = first(
        db,
        sql,
        &[
            &new.environment,
            &new.unique_key.as_str(),
            &new.provider,
            &new.display_name,
            &json(&new.config)?,
            &millis(at),
            &new.forward_webhooks,
        ],
    )
    .await?;
    let Some(row) = inserted else { return Ok(Created::Exists) };
    Ok(Created::New(Integration {
        id: row.try_get(0)?,
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

pub(super) async fn integrations(
    db: &impl GenericClient,
    environment: &str,
) -> Result<Vec<Integration>> {
    let sql = format!("{INTEGRATION} where environment = $1 order by id");
    all(db, &sql, &[&environment]).await?.iter().map(integration_of).collect()
}

pub(super) async fn integration(
    db: &impl GenericClient,
    environment: &str,
    key: &str,
) -> Result<Option<Integration>> {
    let sql = format!("{INTEGRATION} where environment = $1 and unique_key = $2");
    first(db, &sql, &[&environment, &key]).await?.as_ref().map(integration_of).transpose()
}

pub(super) async fn update_integration(
    db: &Transaction<'_>,
    environment: &str,
    key: &str,
    change: &IntegrationChange,
    at: Timestamp,
) -> Result<IntegrationUpdate> {
    // Whoever writes a connection holds the row too, so none appears while the key changes.
    let sql = format!("{INTEGRATION} where environment = $1 and unique_key = $2 for update");
    let Some(row) = first(db, &sql, &[&environment, &key]).await? else {
        return Ok(IntegrationUpdate::Unknown);
    };
    let mut current = integration_of(&row)?;
    if change
        .seen
        .as_ref()
        .is_some_and(|(name, config)| *name != current.display_name || *config != current.config)
    {
        return Ok(IntegrationUpdate::NotAsSeen);
    }
    if let Some(new_key) = change.unique_key.as_ref().filter(|new| **new != current.unique_key) {
        let sql = "select exists (select 1 from connections where integration_id = $1)";
        if one(db, sql, &[&current.id]).await?.try_get(0)? {
            return Ok(IntegrationUpdate::HasConnections);
        }
        let sql = "select 1 from integrations where environment = $1 and unique_key = $2";
        if first(db, sql, &[&environment, &new_key.as_str()]).await?.is_some() {
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
    let sql = "update integrations set unique_key = $2, display_name = $3, config = $4,
             updated_at = $5, forward_webhooks = $6 where id = $1";
    execute(
        db,
        sql,
        &[
            &current.id,
            &current.unique_key.as_str(),
            &current.display_name,
            &json(&current.config)?,
            &millis(at),
            &current.forward_webhooks,
        ],
    )
    .await?;
    Ok(IntegrationUpdate::Changed(current))
}

pub(super) async fn delete_integration(
    db: &Transaction<'_>,
    environment: &str,
    key: &str,
) -> Result<bool> {
    let sql = "delete from integrations where environment = $1 and unique_key = $2";
    Ok(execute(db, sql, &[&environment, &key]).await? > 0)
}

fn integration_of(row: &Row) -> Result<Integration> {
    Ok(Integration {
        id: row.try_get(0)?,
        environment: row.try_get(1)?,
        unique_key: IntegrationKey::parse(row.try_get(2)?, vec![])
            .map_err(|_| StoreError::Corrupt("integrations.unique_key"))?,
        provider: row.try_get(3)?,
        display_name: row.try_get(4)?,
        config: document(row.try_get(5)?, "integrations.config")?,
        forward_webhooks: row.try_get(8)?,
        created_at: moment(row.try_get(6)?)?,
        updated_at: moment(row.try_get(7)?)?,
    })
}

// --- connect sessions ---

pub(super) async fn create_session(db: &Transaction<'_>, new: &NewSession) -> Result<()> {
    let session = &new.session;
    let sql =
        "insert into connect_sessions (id, environment, hash, terms, key_id, presets, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)";
    execute(
        db,
        sql,
        &[
            &session.id,
            &session.environment,
            &new.hash.as_bytes(),
            &json(&session.terms)?,
            &session.presets.as_ref().map(|presets| &presets.key_id),
            &session.presets.as_ref().map(|presets| &presets.blob),
            &millis(session.expires_at),
        ],
    )
    .await
    .map(drop)
}

const SESSION: &str = "select id, environment, terms, key_id, presets, expires_at from connect_sessions \
                       where hash = $1 and expires_at > $2";

/// A session by its hash, and the moment at which it must not have ended.
#[derive(Clone)]
pub(super) struct SessionByHash(pub(super) TokenHash, pub(super) Timestamp);

impl LookUp for SessionByHash {
    type Answer = Option<ConnectSession>;

    async fn answer(db: &Client, asked: &[Self]) -> Result<Vec<Self::Answer>> {
        let sql = "select s.*, place from unnest((select $1::bytea[]), (select $2::bigint[]))
                 with ordinality as a (asked, now, place),
             lateral (select id, environment, terms, key_id, presets, expires_at from connect_sessions
                 where hash = asked and expires_at > now offset 0) s";
        let (hashes, moments): (Vec<&[u8]>, Vec<i64>) =
            asked.iter().map(|Self(hash, now)| (hash.as_bytes(), millis(*now))).unzip();
        let rows = all(db, sql, &[&hashes, &moments]).await?;
        in_order(asked.len(), &rows, 6, session_of)
    }
}

fn session_of(row: &Row) -> Result<ConnectSession> {
    let presets = match (row.try_get(3)?, row.try_get(4)?) {
        (Some(key_id), Some(blob)) => Some(Sealed { key_id, blob }),
        _ => None,
    };
    Ok(ConnectSession {
        id: row.try_get(0)?,
        environment: row.try_get(1)?,
        terms: document(row.try_get(2)?, "connect_sessions.terms")?,
        presets,
        expires_at: moment(row.try_get(5)?)?,
    })
}

pub(super) async fn delete_session(db: &Transaction<'_>, hash: TokenHash) -> Result<bool> {
    let sql = "delete from connect_sessions where hash = $1";
    Ok(execute(db, sql, &[&hash.as_bytes()]).await? > 0)
}

pub(super) async fn purge_sessions(db: &Transaction<'_>, now: Timestamp) -> Result<u64> {
    // Several servers do this at a time, and one that is being written with is left for the next time.
    let sql = "delete from connect_sessions where id in
         (select id from connect_sessions where expires_at <= $1 for update skip locked)";
    execute(db, sql, &[&millis(now)]).await
}

// --- connections ---

/// `None` when there is no such integration. All of it is asked for at once and answered in this order.
pub(super) async fn situation(
    db: &impl GenericClient,
    environment: &str,
    integration: &str,
    session: TokenHash,
    named: Option<&ConnectionId>,
) -> Result<Option<Situation>> {
    let id = async {
        let sql = "select id from integrations where environment = $1 and unique_key = $2";
        first(db, sql, &[&environment, &integration]).await
    };
    let named = async {
        let Some(id) = named else { return Ok(None) };
        let sql = "select c.owner_end_user, c.owner_organization from integrations i
             join connections c on c.integration_id = i.id and c.connection_id = $3
             where i.environment = $1 and i.unique_key = $2";
        let row = first(db, sql, &[&environment, &integration, &id.as_str()]).await?;
        row.as_ref().map(owner_of).transpose()
    };
    let made = async {
        let sql = "select m.connection_id from session_connections m
             join connect_sessions s on s.id = m.session join integrations i on i.id = m.integration_id
             where s.hash = $1 and i.environment = $2 and i.unique_key = $3 order by m.connection_id";
        all(db, sql, &[&session.as_bytes(), &environment, &integration]).await
    };
    let (id, named, made) = tokio::try_join!(id, named, made)?;
    if id.is_none() {
        return Ok(None);
    }
    let made = made.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<_>>()?;
    Ok(Some(Situation { named, made }))
}

fn owner_of(row: &Row) -> Result<Option<Owner>> {
    let (end_user, organization): (Option<String>, Option<String>) =
        (row.try_get(0)?, row.try_get(1)?);
    Ok(end_user.map(|end_user| Owner { end_user, organization }))
}

pub(super) async fn write_connection(
    db: &Transaction<'_>,
    write: &Write,
    event: &AuditEvent,
) -> Result<Written> {
    // Statements that do not need each other's answers go out together: they are carried out in this
    // order all the same, and the time is that of one.
    let (environment, key) = (write.environment.as_str(), write.integration.as_str());
    let integration = async {
        // Held to the end, so that the integration is neither deleted nor renamed meanwhile.
        let sql =
            "select id from integrations where environment = $1 and unique_key = $2 for key share";
        first(db, sql, &[&environment, &key]).await
    };
    let session = async {
        let Writer::Session { hash, .. } = &write.writer else { return Ok(None) };
        // One session writes one connection at a time: what it has made decides what it may make.
        let sql = format!("{SESSION} for update");
        let row = first(db, &sql, &[&hash.as_bytes(), &millis(write.at)]).await?;
        row.as_ref().map(session_of).transpose()
    };
    let (integration, session) = tokio::try_join!(integration, session)?;
    let Some(integration) = integration else { return Ok(Written::UnknownIntegration) };
    let integration_id: i64 = integration.try_get(0)?;
    if session.is_none() && matches!(write.writer, Writer::Session { .. }) {
        return Ok(Written::SessionEnded);
    }

    let (created, connection) = loop {
        let existing = async {
            let sql = "select id from connections where integration_id = $1 and connection_id = $2 for update";
            first(db, sql, &[&integration_id, &write.connection.as_str()]).await
        };
        let decision = async {
            let (Some(session), Writer::Session { hash, requested }) = (&session, &write.writer)
            else {
                return Ok(None);
            };
            let named = ownership::named(&session.terms, requested.as_ref());
            let situation = situation(db, environment, key, *hash, named.as_ref())
                .await?
                .ok_or(StoreError::Corrupt("integrations"))?;
            Ok(Some(ownership::decide(&session.terms, requested.as_ref(), &situation)))
        };
        let (existing, decision) = tokio::try_join!(existing, decision)?;
        match decision {
            None => {}
            Some(Decision::Use(id)) if id == write.connection => {}
            Some(Decision::Use(id)) => return Ok(Written::Moved(id)),
            // A fresh id was drawn by the caller; that it is unused is what fresh means.
            Some(Decision::Fresh) => {}
            Some(Decision::Denied) => return Ok(Written::Denied),
            Some(Decision::Gone) => return Ok(Written::Gone),
        }
        match existing {
            Some(row) => break (false, replace(db, row.try_get(0)?, write).await?),
            None => {
                // When somebody else has made one of this id by now, the rules are asked about that one.
                if let Some(connection) = insert(db, integration_id, write).await? {
                    break (true, connection);
                }
            }
        }
    };

    let made = async {
        let Some(session) = &session else { return Ok(0) };
        let sql = "insert into session_connections (session, integration_id, connection_id) values ($1, $2, $3)
             on conflict do nothing";
        execute(db, sql, &[&session.id, &integration_id, &write.connection.as_str()]).await
    };
    let action = if created { "connection.created" } else { "connection.replaced" };
    let event = AuditEvent { action, ..event.clone() };
    let settings = environment_settings(db, environment);
    let (_, (), settings) = tokio::try_join!(made, audit(db, &event), settings)?;
    let operation = if created { Operation::Creation } else { Operation::Override };
    webhooks::announce(db, &settings, &connection, operation, write.at).await?;
    Ok(Written::Stored { created, connection: Box::new(connection) })
}

/// The new connection, or nothing when there is one of this id.
async fn insert(
    db: &Transaction<'_>,
    integration_id: i64,
    write: &Write,
) -> Result<Option<Connection>> {
    let tags = write.tags.clone().unwrap_or_default();
    let sql = format!(
        "with c as (
             insert into connections (environment, integration_id, connection_id, auth_mode, key_id, sealed,
                 metadata, tags, end_user, end_user_name, end_user_email, owner_end_user, owner_organization,
                 webhook_url_override, verified, account, health, health_since, created_at, updated_at, checked_at,
                 next_check_at, unchecked)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18, $18, $19, $20,
                 $21)
             on conflict (integration_id, connection_id) do nothing returning *)
         select {CONNECTION}, c.auth_mode, c.key_id, c.sealed from c join integrations i on i.id = c.integration_id"
    );
    let row = first(
        db,
        &sql,
        &[
            &write.environment,
            &integration_id,
            &write.connection.as_str(),
            &write.auth_mode.as_str(),
            &write.sealed.key_id,
            &write.sealed.blob,
            &json(&write.metadata.clone().unwrap_or_default())?,
            &json(&tags)?,
            &write.end_user.as_ref().map(json).transpose()?,
            &write.end_user.as_ref().and_then(|user| user.display_name.as_ref()),
            &write.end_user.as_ref().and_then(|user| user.email.as_ref()),
            &write.owner.as_ref().map(|owner| &owner.end_user),
            &write.owner.as_ref().and_then(|owner| owner.organization.as_ref()),
            &write.webhook_url_override.as_ref().and_then(Option::as_ref),
            &(write.verified.verdict == Verdict::Verified),
            &write.verified.account,
            &health_after(&write.verified).word(),
            &millis(write.at),
            &(write.verified.verdict == Verdict::Verified).then(|| millis(write.at)),
            // The number is not known yet; the moment scatters as well.
            &millis(next_check(write.at, millis(write.at))),
            &(write.verified.verdict == Verdict::Unchecked),
        ],
    )
    .await?;
    let Some(row) = row else { return Ok(None) };
    let connection = connection_of(&row)?;
    index_tags(db, connection.summary.id, &tags).await?;
    Ok(Some(connection))
}

/// One statement for all of it: each would leave a version of the row, and an entry in every index.
async fn replace(db: &Transaction<'_>, id: i64, write: &Write) -> Result<Connection> {
    let change = ConnectionChange {
        end_user: write.end_user.clone(),
        owner: write.owner.clone(),
        tags: write.tags.clone(),
        webhook_url_override: write.webhook_url_override.clone(),
    };
    let sql = format!(
        "update connections c set {CHANGE}, auth_mode = $11, key_id = $12, sealed = $13, verified = $14,
             account = $15, health = $16, health_since = $2, health_reason = null, checked_at = $17,
             next_check_at = $18, metadata = coalesce($19, metadata), unchecked = $20
         from integrations i where c.id = $1 and i.id = c.integration_id
         returning {CONNECTION}, c.auth_mode, c.key_id, c.sealed"
    );
    let changed = Changed::of(id, &change, write.at)?;
    let values = changed.values();
    let more: [&(dyn ToSql + Sync); 10] = [
        &write.auth_mode.as_str(),
        &write.sealed.key_id,
        &write.sealed.blob,
        &(write.verified.verdict == Verdict::Verified),
        &write.verified.account,
        &health_after(&write.verified).word(),
        &(write.verified.verdict == Verdict::Verified).then(|| millis(write.at)),
        &millis(next_check(write.at, id)),
        &write.metadata.as_ref().map(json).transpose()?,
        &(write.verified.verdict == Verdict::Unchecked),
    ];
    let row = one(db, &sql, &[values.as_slice(), more.as_slice()].concat()).await?;
    replace_tags(db, id, &change).await?;
    connection_of(&row)
}

async fn index_tags(db: &Transaction<'_>, id: i64, tags: &Tags) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let (keys, values): (Vec<&String>, Vec<&String>) = tags.iter().unzip();
    let sql = "insert into connection_tags (connection, key, value)
         select $1, key, value from unnest($2::text[], $3::text[]) as label (key, value)";
    execute(db, sql, &[&id, &keys, &values]).await.map(drop)
}

pub(super) const CONNECTION: &str = "c.id, c.environment, c.connection_id, i.unique_key, i.provider, c.end_user, c.tags, \
                          c.metadata, c.webhook_url_override, c.verified, c.account, c.health, c.health_since, \
                          c.health_reason, c.checked_at, c.created_at, c.updated_at, c.last_fetched_at, \
                          c.unchecked";

/// A connection by its names.
#[derive(Clone)]
pub(super) struct ConnectionByName {
    pub(super) environment: String,
    pub(super) integration: String,
    pub(super) id: String,
}

impl LookUp for ConnectionByName {
    type Answer = Found<Box<Connection>>;

    async fn answer(db: &Client, asked: &[Self]) -> Result<Vec<Self::Answer>> {
        let sql = format!(
            "select {CONNECTION}, c.auth_mode, c.key_id, c.sealed, place
             from unnest((select $1::text[]), (select $2::text[]), (select $3::text[]))
                 with ordinality as a (environment, integration, id, place)
             cross join lateral (select * from integrations i
                 where i.environment = a.environment and i.unique_key = a.integration offset 0) i
             left join lateral (select * from connections c
                 where c.integration_id = i.id and c.connection_id = a.id offset 0) c on true"
        );
        let texts = |part: fn(&Self) -> &str| asked.iter().map(part).collect::<Vec<&str>>();
        let rows = all(
            db,
            &sql,
            &[
                &texts(|asked| &asked.environment),
                &texts(|asked| &asked.integration),
                &texts(|asked| &asked.id),
            ],
        )
        .await?;
        let found = in_order(asked.len(), &rows, 22, found_connection)?;
        Ok(found.into_iter().map(|found| found.unwrap_or(Found::UnknownIntegration)).collect())
    }
}

/// A row of an integration that exists, with a connection or none.
fn found_connection(row: &Row) -> Result<Found<Box<Connection>>> {
    if row.try_get::<_, Option<i64>>(0)?.is_none() {
        return Ok(Found::UnknownConnection);
    }
    Ok(Found::Found(Box::new(connection_of(row)?)))
}

/// Reads `{CONNECTION}, c.auth_mode, c.key_id, c.sealed`.
pub(super) fn connection_of(row: &Row) -> Result<Connection> {
    Ok(Connection {
        summary: summary_of(row)?,
        auth_mode: auth_mode(row.try_get(19)?)?,
        sealed: Sealed { key_id: row.try_get(20)?, blob: row.try_get(21)? },
    })
}

pub(super) async fn connections(
    db: &impl GenericClient,
    environment: &str,
    filter: &ConnectionFilter,
) -> Result<Vec<ConnectionSummary>> {
    let (conditions, mut values) = conditions(environment, filter);
    values.push(Box::new(i64::from(filter.limit)));
    values.push(Box::new(i64::try_from(filter.offset).unwrap_or(i64::MAX)));
    let at = values.len();
    let sql = format!(
        "select {CONNECTION} from connections c join integrations i on i.id = c.integration_id
         where {conditions} order by c.id desc limit ${} offset ${at}",
        at - 1
    );
    once(db, &sql, &values).await?.iter().map(summary_of).collect()
}

pub(super) async fn count_connections(
    db: &impl GenericClient,
    environment: &str,
    filter: &ConnectionFilter,
) -> Result<HealthCounts> {
    let (conditions, values) = conditions(environment, filter);
    let sql = format!(
        "select c.health, count(*) from connections c where {conditions} group by c.health"
    );
    let mut counts = HealthCounts::default();
    for row in once(db, &sql, &values).await? {
        counts.count(row.try_get(0)?, row.try_get(1)?);
    }
    Ok(counts)
}

type OwnedValues = Vec<Box<dyn ToSql + Sync + Send>>;

/// Asks without keeping the statement: there are too many forms of a filter.
async fn once(db: &impl GenericClient, sql: &str, values: &OwnedValues) -> Result<Vec<Row>> {
    let values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| value.as_ref() as &(dyn ToSql + Sync)).collect();
    Ok(db.query(sql, &values).await?)
}

/// What a filter asks of `connections c`, and its values. Only the conditions that are asked for, so that
/// the planner sees which index serves them.
fn conditions(environment: &str, filter: &ConnectionFilter) -> (String, OwnedValues) {
    let mut sql = "c.environment = $1".to_owned();
    let mut values: OwnedValues = vec![Box::new(environment.to_owned())];
    let exact = [
        ("c.connection_id", &filter.connection_id),
        ("c.owner_end_user", &filter.end_user_id),
        ("c.owner_organization", &filter.organization_id),
    ];
    for (column, wanted) in exact {
        if let Some(wanted) = wanted {
            values.push(Box::new(wanted.clone()));
            sql.push_str(&format!(" and {column} = ${}", values.len()));
        }
    }
    if let Some(search) = &filter.search {
        // strpos, not like: what is searched for may hold % and _. ASCII letters only, as in SQLite.
        values.push(Box::new(search.to_ascii_lowercase()));
        let at = values.len();
        sql.push_str(&format!(
            " and (strpos(lower(c.connection_id collate \"C\"), ${at}) > 0
               or strpos(lower(coalesce(c.end_user_name, '') collate \"C\"), ${at}) > 0
               or strpos(lower(coalesce(c.end_user_email, '') collate \"C\"), ${at}) > 0)"
        ));
    }
    if let Some(integrations) = &filter.integrations {
        values.push(Box::new(integrations.clone()));
        sql.push_str(&format!(
            " and c.integration_id in (select id from integrations where environment = $1 and unique_key = any(${}))",
            values.len()
        ));
    }
    if let Some(health) = filter.health {
        values.push(Box::new(health.word()));
        sql.push_str(&format!(" and c.health = ${}", values.len()));
    }
    for (key, value) in &filter.tags {
        values.push(Box::new(key.clone()));
        values.push(Box::new(value.clone()));
        let at = values.len();
        sql.push_str(&format!(
            " and exists (select 1 from connection_tags t where t.connection = c.id and t.key = ${} and t.value = ${at})",
            at - 1
        ));
    }
    (sql, values)
}

fn summary_of(row: &Row) -> Result<ConnectionSummary> {
    Ok(ConnectionSummary {
        id: row.try_get(0)?,
        environment: row.try_get(1)?,
        connection_id: ConnectionId::stored(row.try_get(2)?),
        integration: row.try_get(3)?,
        provider: row.try_get(4)?,
        end_user: row
            .try_get::<_, Option<&str>>(5)?
            .map(|text| document(text, "connections.end_user"))
            .transpose()?,
        tags: document(row.try_get(6)?, "connections.tags")?,
        metadata: document(row.try_get(7)?, "connections.metadata")?,
        webhook_url_override: row.try_get(8)?,
        verified: Verified {
            verdict: Verdict::stored(row.try_get(9)?, row.try_get(18)?),
            account: row.try_get(10)?,
        },
        health: Health::of(row.try_get(11)?),
        health_since: moment(row.try_get(12)?)?,
        health_reason: row.try_get(13)?,
        checked_at: row.try_get::<_, Option<i64>>(14)?.map(moment).transpose()?,
        created_at: moment(row.try_get(15)?)?,
        updated_at: moment(row.try_get(16)?)?,
        last_fetched_at: row.try_get::<_, Option<i64>>(17)?.map(moment).transpose()?,
    })
}

/// The row of a connection, held to the end of the transaction.
pub(super) async fn locked(
    db: &Transaction<'_>,
    environment: &str,
    integration: &str,
    id: &str,
) -> Result<Found<i64>> {
    let sql =
        "select id from integrations where environment = $1 and unique_key = $2 for key share";
    let Some(row) = first(db, sql, &[&environment, &integration]).await? else {
        return Ok(Found::UnknownIntegration);
    };
    let integration_id: i64 = row.try_get(0)?;
    let sql =
        "select id from connections where integration_id = $1 and connection_id = $2 for update";
    match first(db, sql, &[&integration_id, &id]).await? {
        Some(row) => Ok(Found::Found(row.try_get(0)?)),
        None => Ok(Found::UnknownConnection),
    }
}

/// What a [`ConnectionChange`] sets, by the values of [`Changed::values`].
const CHANGE: &str = "updated_at = $2,
     end_user = coalesce($3, end_user),
     end_user_name = case when $3::text is null then end_user_name else $4 end,
     end_user_email = case when $3::text is null then end_user_email else $5 end,
     owner_end_user = coalesce($6, owner_end_user),
     owner_organization = case when $6::text is null then owner_organization else $7 end,
     tags = coalesce($8, tags),
     webhook_url_override = case when $9 then $10 else webhook_url_override end";

/// The values of a [`CHANGE`], in the order of their numbers.
struct Changed<'a> {
    id: i64,
    at: i64,
    user: Option<String>,
    name: Option<&'a str>,
    email: Option<&'a str>,
    owner: Option<&'a str>,
    organization: Option<&'a str>,
    tags: Option<String>,
    redirected: bool,
    url: Option<&'a str>,
}

impl<'a> Changed<'a> {
    fn of(id: i64, change: &'a ConnectionChange, at: Timestamp) -> Result<Self> {
        let user: Option<&EndUser> = change.end_user.as_ref();
        let owner = change.owner.as_ref();
        Ok(Self {
            id,
            at: millis(at),
            user: user.map(json).transpose()?,
            name: user.and_then(|user| user.display_name.as_deref()),
            email: user.and_then(|user| user.email.as_deref()),
            owner: owner.map(|owner| owner.end_user.as_str()),
            organization: owner.and_then(|owner| owner.organization.as_deref()),
            tags: change.tags.as_ref().map(json).transpose()?,
            redirected: change.webhook_url_override.is_some(),
            url: change.webhook_url_override.as_ref().and_then(Option::as_deref),
        })
    }

    fn values(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.id,
            &self.at,
            &self.user,
            &self.name,
            &self.email,
            &self.owner,
            &self.organization,
            &self.tags,
            &self.redirected,
            &self.url,
        ]
    }
}

pub(super) async fn update_connection(
    db: &Transaction<'_>,
    id: i64,
    change: &ConnectionChange,
    at: Timestamp,
) -> Result<()> {
    let sql = format!("update connections set {CHANGE} where id = $1");
    execute(db, &sql, &Changed::of(id, change, at)?.values()).await?;
    replace_tags(db, id, change).await
}

async fn replace_tags(db: &Transaction<'_>, id: i64, change: &ConnectionChange) -> Result<()> {
    if let Some(tags) = &change.tags {
        execute(db, "delete from connection_tags where connection = $1", &[&id]).await?;
        index_tags(db, id, tags).await?;
    }
    Ok(())
}

pub(super) async fn write_metadata(
    db: &Transaction<'_>,
    environment: &str,
    integration: &str,
    ids: &[ConnectionId],
    metadata: &Object,
    mode: MetadataMode,
    at: Timestamp,
) -> Result<Found<()>> {
    let sql =
        "select id from integrations where environment = $1 and unique_key = $2 for key share";
    let Some(row) = first(db, sql, &[&environment, &integration]).await? else {
        return Ok(Found::UnknownIntegration);
    };
    let integration_id: i64 = row.try_get(0)?;
    let mut names: Vec<&str> = ids.iter().map(ConnectionId::as_str).collect();
    names.sort_unstable();
    names.dedup();
    // In the order of their numbers, so that two of these at a time do not wait for each other.
    let sql =
        "select id, metadata from connections where integration_id = $1 and connection_id = any($2)
         order by id for update";
    let rows = all(db, sql, &[&integration_id, &names]).await?;
    if rows.len() < names.len() {
        return Ok(Found::UnknownConnection);
    }
    for row in rows {
        let whole = match mode {
            MetadataMode::Replace => metadata.clone(),
            MetadataMode::Merge => {
                let mut merged: Object = document(row.try_get(1)?, "connections.metadata")?;
                merged.extend(metadata.clone());
                merged
            }
        };
        let sql = "update connections set metadata = $2, updated_at = $3 where id = $1";
        execute(db, sql, &[&row.try_get::<_, i64>(0)?, &json(&whole)?, &millis(at)]).await?;
    }
    Ok(Found::Found(()))
}

pub(super) async fn delete_connection(db: &Transaction<'_>, id: i64) -> Result<()> {
    execute(db, "delete from connections where id = $1", &[&id]).await.map(drop)
}

pub(super) async fn note_fetched(db: &Transaction<'_>, fetched: &[(i64, Timestamp)]) -> Result<()> {
    let (ids, moments): (Vec<i64>, Vec<i64>) =
        fetched.iter().map(|(id, at)| (*id, millis(*at))).unzip();
    // Several servers do this at a time: the rows are taken in one order.
    let sql = "update connections c set last_fetched_at = noted.at
         from (select c.id, n.at from connections c
               join unnest($1::bigint[], $2::bigint[]) as n (id, at) on n.id = c.id
               where coalesce(c.last_fetched_at, 0) < n.at order by c.id for update of c) noted
         where c.id = noted.id";
    execute(db, sql, &[&ids, &moments]).await.map(drop)
}

// --- rotation of master keys ---

pub(super) async fn sealed_under_other_keys(
    db: &impl GenericClient,
    key_id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<SealedRecord>> {
    let mut found = Vec::new();
    if after == 0 {
        let sql = "select name, key_id, sealed from server_secrets where key_id <> $1";
        for row in all(db, sql, &[&key_id]).await? {
            found.push(SealedRecord {
                owner: SealedOwner::Server { name: row.try_get(0)? },
                sealed: Sealed { key_id: row.try_get(1)?, blob: row.try_get(2)? },
            });
        }
        let sql = "select id, environment, key_id, presets from connect_sessions
             where key_id <> $1 and presets is not null";
        for row in all(db, sql, &[&key_id]).await? {
            found.push(SealedRecord {
                owner: SealedOwner::Session { id: row.try_get(0)?, environment: row.try_get(1)? },
                sealed: Sealed { key_id: row.try_get(2)?, blob: row.try_get(3)? },
            });
        }
    }
    let sql = "select c.id, c.environment, i.unique_key, c.connection_id, c.key_id, c.sealed
         from connections c join integrations i on i.id = c.integration_id
         where c.id > $2 and c.key_id <> $1 order by c.id limit $3";
    for row in all(db, sql, &[&key_id, &after, &i64::from(limit)]).await? {
        found.push(SealedRecord {
            owner: SealedOwner::Connection {
                id: row.try_get(0)?,
                environment: row.try_get(1)?,
                integration: row.try_get(2)?,
                connection: row.try_get(3)?,
            },
            sealed: Sealed { key_id: row.try_get(4)?, blob: row.try_get(5)? },
        });
    }
    Ok(found)
}

pub(super) async fn replace_sealed(
    db: &Transaction<'_>,
    records: &[(SealedRecord, Sealed)],
) -> Result<u64> {
    let mut replaced = 0;
    for (old, new) in records {
        // Only what still is what was read: a credential replaced meanwhile is newer, and sealed under
        // the current key already.
        let sealed: [&(dyn ToSql + Sync); 3] = [&new.key_id, &new.blob, &old.sealed.blob];
        let [key_id, blob, was] = sealed;
        replaced += match &old.owner {
            SealedOwner::Connection { id, .. } => {
                let sql =
                    "update connections set key_id = $2, sealed = $3 where id = $1 and sealed = $4";
                execute(db, sql, &[id, key_id, blob, was]).await?
            }
            SealedOwner::Session { id, .. } => {
                let sql = "update connect_sessions set key_id = $2, presets = $3 where id = $1 and presets = $4";
                execute(db, sql, &[id, key_id, blob, was]).await?
            }
            SealedOwner::Server { name } => {
                let sql = "update server_secrets set key_id = $2, sealed = $3 where name = $1 and sealed = $4";
                execute(db, sql, &[name, key_id, blob, was]).await?
            }
        };
    }
    Ok(replaced)
}
