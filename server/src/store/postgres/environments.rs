//! Environments and their settings.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;

use super::{
    audited::audited,
    engine::PostgresStore,
    secret_keys::put_secret_key,
    server_secrets::put_server_secret,
    sql::{all, execute, first, one},
    transaction::transaction,
};
use crate::{
    model::{AuditEvent, Environment, EnvironmentSettings, NewSecretKey},
    store::{
        environments::{EnvironmentOutcome, Environments, SettingsOutcome},
        error::Result,
        tables::secrets_of,
        values::{document, json, millis},
    },
    vault::Sealed,
};

#[async_trait]
impl Environments for PostgresStore {
    async fn ensure_environments(&self, names: &[&str], at: Timestamp) -> Result<()> {
        transaction!(self, |db| ensure_environments(db, names, at))
    }

    async fn environments(&self) -> Result<Vec<Environment>> {
        environments(&self.client().await?).await
    }

    async fn create_environment(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<bool> {
        audited!(self, audit, |db| create_environment(db, name, key.as_ref(), audit.at))
    }

    async fn rename_environment(
        &self,
        from: &str,
        to: &str,
        secrets: Vec<(String, Sealed)>,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        audited!(self, audit, |db| rename_environment(db, from, to, &secrets, audit.at))
    }

    async fn delete_environment(
        &self,
        name: &str,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        audited!(self, audit, |db| delete_environment(db, name))
    }

    async fn put_environment_settings(
        &self,
        name: &str,
        seen: EnvironmentSettings,
        settings: EnvironmentSettings,
        audit: AuditEvent,
    ) -> Result<SettingsOutcome> {
        audited!(self, audit, |db| put_environment_settings(db, name, &seen, &settings))
    }
}

async fn ensure_environments(db: &Transaction<'_>, names: &[&str], at: Timestamp) -> Result<()> {
    let sql = "insert into environments (name, created_at) select unnest($1::text[]), $2 on conflict do nothing";
    execute(db, sql, &[&names, &millis(at)]).await.map(drop)
}

/// The version of its catalogue begins with the time: had there been an environment of this name before,
/// servers may remember a version of that one, and this is greater.
async fn create_environment(
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

async fn rename_environment(
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

async fn delete_environment(db: &Transaction<'_>, name: &str) -> Result<EnvironmentOutcome> {
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

async fn environments(db: &impl GenericClient) -> Result<Vec<Environment>> {
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

async fn put_environment_settings(
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
