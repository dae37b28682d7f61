//! Environments and their settings.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, OptionalExtension, params};

use super::{engine::SqliteStore, secret_keys::put_secret_key, server_secrets::put_server_secret};
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
impl Environments for SqliteStore {
    async fn ensure_environments(&self, names: &[&str], at: Timestamp) -> Result<()> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.write(move |db| ensure_environments(db, &names, at)).await
    }

    async fn environments(&self) -> Result<Vec<Environment>> {
        self.read(environments).await
    }

    async fn create_environment(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<bool> {
        let name = name.to_owned();
        let at = audit.at;
        self.write_audited(audit, move |db| create_environment(db, &name, key.as_ref(), at)).await
    }

    async fn rename_environment(
        &self,
        from: &str,
        to: &str,
        secrets: Vec<(String, Sealed)>,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        let (from, to) = (from.to_owned(), to.to_owned());
        let at = audit.at;
        self.write_audited(audit, move |db| rename_environment(db, &from, &to, &secrets, at)).await
    }

    async fn delete_environment(
        &self,
        name: &str,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome> {
        let name = name.to_owned();
        self.write_audited(audit, move |db| delete_environment(db, &name)).await
    }

    async fn put_environment_settings(
        &self,
        name: &str,
        seen: EnvironmentSettings,
        settings: EnvironmentSettings,
        audit: AuditEvent,
    ) -> Result<SettingsOutcome> {
        let name = name.to_owned();
        self.write_audited(audit, move |db| put_environment_settings(db, &name, &seen, &settings))
            .await
    }
}

fn ensure_environments(db: &Db, names: &[String], at: Timestamp) -> Result<()> {
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
fn create_environment(
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

fn rename_environment(
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

fn delete_environment(db: &Db, name: &str) -> Result<EnvironmentOutcome> {
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

fn environments(db: &Db) -> Result<Vec<Environment>> {
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

fn put_environment_settings(
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
