//! An environment's own providers, and the version of its catalogue.

use async_trait::async_trait;
use rusqlite::{Connection as Db, params};

use super::{audited::write_event, engine::SqliteStore};
use crate::{
    model::{AuditEvent, OwnProvider},
    store::{
        error::Result,
        providers::{Deletion, Providers},
        values::{document, json, millis, moment},
    },
};

#[async_trait]
impl Providers for SqliteStore {
    async fn catalogue_versions(&self) -> Result<Vec<(String, i64)>> {
        self.read(catalogue_versions).await
    }

    async fn own_providers(&self, environment: &str) -> Result<Vec<OwnProvider>> {
        let environment = environment.to_owned();
        self.read(move |db| own_providers(db, &environment)).await
    }

    async fn put_own_providers(
        &self,
        environment: &str,
        providers: Vec<(OwnProvider, AuditEvent)>,
    ) -> Result<()> {
        let environment = environment.to_owned();
        self.write(move |db| {
            count_up_catalogue(db, &environment)?;
            for (provider, audit) in &providers {
                put_own_provider(db, &environment, provider)?;
                write_event(db, audit)?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_own_provider(
        &self,
        environment: &str,
        name: &str,
        even_if_used: bool,
        audit: AuditEvent,
    ) -> Result<Deletion> {
        let (environment, name) = (environment.to_owned(), name.to_owned());
        self.write_audited(audit, move |db| {
            delete_own_provider(db, &environment, &name, even_if_used)
        })
        .await
    }
}

fn catalogue_versions(db: &Db) -> Result<Vec<(String, i64)>> {
    let mut statement =
        db.prepare_cached("select name, catalogue_version from environments order by name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.map(|row| Ok(row?)).collect()
}

fn count_up_catalogue(db: &Db, environment: &str) -> Result<()> {
    db.prepare_cached(
        "update environments set catalogue_version = catalogue_version + 1 where name = ?1",
    )?
    .execute([environment])?;
    Ok(())
}

fn own_providers(db: &Db, environment: &str) -> Result<Vec<OwnProvider>> {
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

fn put_own_provider(db: &Db, environment: &str, provider: &OwnProvider) -> Result<()> {
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

fn delete_own_provider(
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
    count_up_catalogue(db, environment)?;
    Ok(Deletion::Deleted)
}

pub(super) fn own_provider_is_there(db: &Db, environment: &str, name: &str) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "select exists (select 1 from own_providers where environment = ?1 and name = ?2)",
        )?
        .query_row([environment, name], |row| row.get(0))?)
}
