//! Integrations.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    audited::audited,
    engine::PostgresStore,
    sql::{all, execute, first, one},
};
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
impl Integrations for PostgresStore {
    async fn create_integration(
        &self,
        new: NewIntegration,
        audit: AuditEvent,
    ) -> Result<Created<Integration>> {
        audited!(self, audit, |db| create_integration(db, &new, audit.at))
    }

    async fn integrations(&self, environment: &str) -> Result<Vec<Integration>> {
        integrations(&self.client().await?, environment).await
    }

    async fn integration(&self, environment: &str, key: &str) -> Result<Option<Integration>> {
        integration(&self.client().await?, environment, key).await
    }

    async fn update_integration(
        &self,
        environment: &str,
        key: &str,
        change: IntegrationChange,
        audit: AuditEvent,
    ) -> Result<IntegrationUpdate> {
        audited!(self, audit, |db| update_integration(db, environment, key, &change, audit.at))
    }

    async fn delete_integration(
        &self,
        environment: &str,
        key: &str,
        audit: AuditEvent,
    ) -> Result<bool> {
        audited!(self, audit, |db| delete_integration(db, environment, key))
    }
}

const INTEGRATION: &str = "select id, environment, unique_key, provider, display_name, config, \
                           created_at, updated_at, forward_webhooks from integrations";

async fn create_integration(
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

async fn integrations(db: &impl GenericClient, environment: &str) -> Result<Vec<Integration>> {
    let sql = format!("{INTEGRATION} where environment = $1 order by id");
    all(db, &sql, &[&environment]).await?.iter().map(integration_of).collect()
}

async fn integration(
    db: &impl GenericClient,
    environment: &str,
    key: &str,
) -> Result<Option<Integration>> {
    let sql = format!("{INTEGRATION} where environment = $1 and unique_key = $2");
    first(db, &sql, &[&environment, &key]).await?.as_ref().map(integration_of).transpose()
}

async fn update_integration(
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

async fn delete_integration(db: &Transaction<'_>, environment: &str, key: &str) -> Result<bool> {
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
