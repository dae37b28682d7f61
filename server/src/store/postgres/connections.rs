//! Connections and their credentials.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};

use super::{
    audited::{audited, write_event},
    engine::PostgresStore,
    environments::environment_settings,
    look_ups::ConnectionByName,
    outbox::announce,
    rows::{CONNECTION, SESSION, connection_of, session_of, summary_of},
    sql::{OwnedValues, all, execute, first, once, one},
    transaction::transaction,
};
use crate::{
    ids::ConnectionId,
    model::{
        AuditEvent, Connection, ConnectionSummary, EndUser, Object, Operation, Owner, Tags, Verdict,
    },
    ownership::{self, Decision, Situation},
    recheck::next_check,
    store::{
        connections::{
            ConnectionChange, ConnectionFilter, Connections, Found, HealthCounts, MetadataMode,
            Write, Writer, Written,
        },
        error::{Result, StoreError},
        values::{document, health_after, json, millis},
    },
    token::TokenHash,
};

#[async_trait]
impl Connections for PostgresStore {
    async fn situation(
        &self,
        environment: &str,
        integration: &str,
        session: TokenHash,
        named: Option<&ConnectionId>,
    ) -> Result<Option<Situation>> {
        let db = self.client().await?;
        situation(&db, environment, integration, session, named).await
    }

    async fn write_connection(&self, write: Write, audit: AuditEvent) -> Result<Written> {
        transaction!(self, |db| write_connection(db, &write, &audit))
    }

    async fn connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
    ) -> Result<Found<Box<Connection>>> {
        let question = ConnectionByName {
            environment: environment.to_owned(),
            integration: integration.to_owned(),
            id: id.to_owned(),
        };
        self.connections.ask(question).await
    }

    async fn connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<Vec<ConnectionSummary>> {
        connections(&self.client().await?, environment, &filter).await
    }

    async fn count_connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<HealthCounts> {
        count_connections(&self.client().await?, environment, &filter).await
    }

    async fn update_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        change: ConnectionChange,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        audited!(self, audit, |db| async {
            let row = match locked(db, environment, integration, id).await? {
                Found::Found(row) => row,
                Found::UnknownIntegration => return Ok(Found::UnknownIntegration),
                Found::UnknownConnection => return Ok(Found::UnknownConnection),
            };
            update_connection(db, row, &change, at).await?;
            Ok::<_, StoreError>(Found::Found(()))
        })
    }

    async fn write_metadata(
        &self,
        environment: &str,
        integration: &str,
        ids: Vec<ConnectionId>,
        metadata: Object,
        mode: MetadataMode,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        audited!(self, audit, |db| write_metadata(
            db,
            environment,
            integration,
            &ids,
            &metadata,
            mode,
            at
        ))
    }

    async fn delete_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        audited!(self, audit, |db| async {
            let row = match locked(db, environment, integration, id).await? {
                Found::Found(row) => row,
                Found::UnknownIntegration => return Ok(Found::UnknownIntegration),
                Found::UnknownConnection => return Ok(Found::UnknownConnection),
            };
            delete_connection(db, row).await?;
            Ok::<_, StoreError>(Found::Found(()))
        })
    }

    async fn note_fetched(&self, fetched: Vec<(i64, Timestamp)>) -> Result<()> {
        transaction!(self, |db| note_fetched(db, &fetched))
    }
}

/// `None` when there is no such integration. All of it is asked for at once and answered in this order.
async fn situation(
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

async fn write_connection(
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
    let (_, (), settings) = tokio::try_join!(made, write_event(db, &event), settings)?;
    let operation = if created { Operation::Creation } else { Operation::Override };
    announce(db, &settings, &connection, operation, write.at).await?;
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

async fn connections(
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

async fn count_connections(
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

/// The row of a connection, held to the end of the transaction.
async fn locked(
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

async fn update_connection(
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

async fn write_metadata(
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

async fn delete_connection(db: &Transaction<'_>, id: i64) -> Result<()> {
    execute(db, "delete from connections where id = $1", &[&id]).await.map(drop)
}

async fn note_fetched(db: &Transaction<'_>, fetched: &[(i64, Timestamp)]) -> Result<()> {
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
