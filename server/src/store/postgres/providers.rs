//! An environment's own providers, and the version of its catalogue.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};

use super::{
    audited::{audited, write_event},
    engine::PostgresStore,
    sql::{all, execute, first, one},
    transaction::transaction,
};
use crate::{
    model::{AuditEvent, OwnProvider},
    store::{
        error::{Result, StoreError},
        providers::{Deletion, Providers},
        values::{document, json, millis, moment},
    },
};

#[async_trait]
impl Providers for PostgresStore {
    async fn catalogue_versions(&self) -> Result<Vec<(String, i64)>> {
        catalogue_versions(&self.client().await?).await
    }

    async fn own_providers(&self, environment: &str) -> Result<Vec<OwnProvider>> {
        own_providers(&self.client().await?, environment).await
    }

    async fn put_own_providers(
        &self,
        environment: &str,
        providers: Vec<(OwnProvider, AuditEvent)>,
    ) -> Result<()> {
        transaction!(self, |db| async {
            // First, so that two of them wait for each other here and nowhere else.
            count_up_catalogue(db, environment).await?;
            for (provider, audit) in &providers {
                put_own_provider(db, environment, provider).await?;
                write_event(db, audit).await?;
            }
            Ok::<_, StoreError>(())
        })
    }

    async fn delete_own_provider(
        &self,
        environment: &str,
        name: &str,
        even_if_used: bool,
        audit: AuditEvent,
    ) -> Result<Deletion> {
        audited!(self, audit, |db| delete_own_provider(db, environment, name, even_if_used))
    }
}

async fn catalogue_versions(db: &impl GenericClient) -> Result<Vec<(String, i64)>> {
    let sql = "select name, catalogue_version from environments order by name collate \"C\"";
    all(db, sql, &[]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

async fn count_up_catalogue(db: &Transaction<'_>, environment: &str) -> Result<()> {
    let sql = "update environments set catalogue_version = catalogue_version + 1 where name = $1";
    execute(db, sql, &[&environment]).await.map(drop)
}

async fn own_providers(db: &impl GenericClient, environment: &str) -> Result<Vec<OwnProvider>> {
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

async fn put_own_provider(
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

async fn delete_own_provider(
    db: &Transaction<'_>,
    environment: &str,
    name: &str,
    even_if_used: bool,
) -> Result<Deletion> {
    // The environment first, as when providers are put, so that two of these wait for each other here
    // and nowhere else.
    let sql = "select 1 from environments where name = $1 for no key update";
    first(db, sql, &[&environment]).await?;
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
    count_up_catalogue(db, environment).await?;
    Ok(Deletion::Deleted)
}
