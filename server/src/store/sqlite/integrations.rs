//! Integrations.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, Row, params};

use super::{engine::SqliteStore, providers::own_provider_is_there};
use crate::{
    ids::IntegrationKey,
    model::{AuditEvent, Integration, IntegrationChange, NewIntegration},
    store::{
        error::{Result, StoreError},
        integrations::{Created, IntegrationUpdate, Integrations},
        values::{document, json, millis, moment},
    },
};

#[async_trait]
impl Integrations for SqliteStore {
    async fn create_integration(
        &self,
        new: NewIntegration,
        audit: AuditEvent,
    ) -> Result<Created<Integration>> {
        let at = audit.at;
        self.write_audited(audit, move |db| create_integration(db, &new, at)).await
    }

    async fn integrations(&self, environment: &str) -> Result<Vec<Integration>> {
        let environment = environment.to_owned();
        self.read(move |db| integrations(db, &environment)).await
    }

    async fn integration(&self, environment: &str, key: &str) -> Result<Option<Integration>> {
        let (environment, key) = (environment.to_owned(), key.to_owned());
        self.read(move |db| integration(db, &environment, &key)).await
    }

    async fn update_integration(
        &self,
        environment: &str,
        key: &str,
        change: IntegrationChange,
        audit: AuditEvent,
    ) -> Result<IntegrationUpdate> {
        let (environment, key) = (environment.to_owned(), key.to_owned());
        let at = audit.at;
        self.write_audited(audit, move |db| update_integration(db, &environment, &key, &change, at))
            .await
    }

    async fn delete_integration(
        &self,
        environment: &str,
        key: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        let (environment, key) = (environment.to_owned(), key.to_owned());
        self.write_audited(audit, move |db| delete_integration(db, &environment, &key)).await
    }
}

const INTEGRATION: &str = "select id, environment, unique_key, provider, display_name, config, \
                           created_at, updated_at, forward_webhooks from integrations";

fn create_integration(
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

fn integrations(db: &Db, environment: &str) -> Result<Vec<Integration>> {
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

fn update_integration(
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

fn delete_integration(db: &Db, environment: &str, key: &str) -> Result<bool> {
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
