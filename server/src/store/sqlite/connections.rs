//! Connections and their credentials.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{
    Connection as Db, OptionalExtension, params, params_from_iter, types::Value as SqlValue,
};

use super::{
    audited::write_event,
    engine::SqliteStore,
    integrations::{self, integration},
    outbox::announce,
    rows::{CONNECTION, connection_of, summary_of},
    sessions::session,
};
use crate::{
    ids::ConnectionId,
    model::{AuditEvent, Connection, ConnectionSummary, Object, Operation, Owner, Tags, Verdict},
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
impl Connections for SqliteStore {
    async fn situation(
        &self,
        environment: &str,
        integration: &str,
        session: TokenHash,
        named: Option<&ConnectionId>,
    ) -> Result<Option<Situation>> {
        let (environment, integration, named) =
            (environment.to_owned(), integration.to_owned(), named.cloned());
        self.read(move |db| {
            let Some(integration) = integrations::integration(db, &environment, &integration)?
            else {
                return Ok(None);
            };
            situation(db, integration.id, session, named.as_ref()).map(Some)
        })
        .await
    }

    async fn write_connection(&self, write: Write, audit: AuditEvent) -> Result<Written> {
        self.write(move |db| write_connection(db, &write, audit)).await
    }

    async fn connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
    ) -> Result<Found<Box<Connection>>> {
        let (environment, integration, id) =
            (environment.to_owned(), integration.to_owned(), id.to_owned());
        self.read(move |db| connection(db, &environment, &integration, &id)).await
    }

    async fn connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<Vec<ConnectionSummary>> {
        let environment = environment.to_owned();
        self.read(move |db| connections(db, &environment, &filter)).await
    }

    async fn count_connections(
        &self,
        environment: &str,
        filter: ConnectionFilter,
    ) -> Result<HealthCounts> {
        let environment = environment.to_owned();
        self.read(move |db| count_connections(db, &environment, &filter)).await
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
        let (environment, integration, id) =
            (environment.to_owned(), integration.to_owned(), id.to_owned());
        self.write_audited(audit, move |db| {
            with_connection(db, &environment, &integration, &id, |row| {
                update_connection(db, row, &change, at)
            })
        })
        .await
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
        let (environment, integration) = (environment.to_owned(), integration.to_owned());
        self.write_audited(audit, move |db| {
            let mut rows = Vec::with_capacity(ids.len());
            for id in &ids {
                // All are looked up before one is changed, so that an unknown one changes nothing.
                match with_connection(db, &environment, &integration, id.as_str(), Ok)? {
                    Found::Found(row) => rows.push(row),
                    Found::UnknownIntegration => return Ok(Found::UnknownIntegration),
                    Found::UnknownConnection => return Ok(Found::UnknownConnection),
                }
            }
            for row in rows {
                write_metadata(db, row, &metadata, mode, at)?;
            }
            Ok(Found::Found(()))
        })
        .await
    }

    async fn delete_connection(
        &self,
        environment: &str,
        integration: &str,
        id: &str,
        audit: AuditEvent,
    ) -> Result<Found<()>> {
        let (environment, integration, id) =
            (environment.to_owned(), integration.to_owned(), id.to_owned());
        self.write_audited(audit, move |db| {
            with_connection(db, &environment, &integration, &id, |row| delete_connection(db, row))
        })
        .await
    }

    async fn note_fetched(&self, fetched: Vec<(i64, Timestamp)>) -> Result<()> {
        self.write(move |db| note_fetched(db, &fetched)).await
    }
}

fn situation(
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

fn write_connection(db: &Db, write: &Write, mut event: AuditEvent) -> Result<Written> {
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
    write_event(db, &event)?;

    match connection(db, &write.environment, write.integration.as_str(), write.connection.as_str())?
    {
        Found::Found(connection) if connection.summary.id == id => {
            let operation =
                if existing.is_some() { Operation::Override } else { Operation::Creation };
            announce(db, &connection, operation, write.at)?;
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

fn connection(
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

fn connections(
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

fn count_connections(
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

/// Runs `work` with the row of a connection.
fn with_connection<T>(
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

fn update_connection(db: &Db, id: i64, change: &ConnectionChange, at: Timestamp) -> Result<()> {
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

fn write_metadata(
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

fn delete_connection(db: &Db, id: i64) -> Result<()> {
    db.prepare_cached("delete from connections where id = ?1")?.execute([id])?;
    Ok(())
}

fn note_fetched(db: &Db, fetched: &[(i64, Timestamp)]) -> Result<()> {
    let mut update = db.prepare_cached(
        "update connections set last_fetched_at = ?2 where id = ?1 and coalesce(last_fetched_at, 0) < ?2",
    )?;
    for (id, at) in fetched {
        update.execute(params![id, millis(*at)])?;
    }
    Ok(())
}

fn owner_of(
    end_user: Option<String>,
    organization: Option<String>,
) -> rusqlite::Result<Option<Owner>> {
    Ok(end_user.map(|end_user| Owner { end_user, organization }))
}
