//! The server's own secrets, sealed.

use async_trait::async_trait;
use rusqlite::{Connection as Db, params};

use super::engine::SqliteStore;
use crate::{
    model::AuditEvent,
    store::{error::Result, server_secrets::ServerSecrets},
    vault::Sealed,
};

#[async_trait]
impl ServerSecrets for SqliteStore {
    async fn replace_server_secret(
        &self,
        name: &str,
        seen: Sealed,
        sealed: Sealed,
        audit: AuditEvent,
    ) -> Result<bool> {
        let name = name.to_owned();
        self.write_audited(audit, move |db| replace_server_secret(db, &name, &seen, &sealed)).await
    }

    async fn server_secret(&self, name: &str, candidate: Sealed) -> Result<Sealed> {
        let name = name.to_owned();
        self.write(move |db| server_secret(db, &name, &candidate)).await
    }
}

pub(super) fn put_server_secret(db: &Db, name: &str, sealed: &Sealed) -> Result<()> {
    db.prepare_cached(
        "insert into server_secrets (name, key_id, sealed) values (?1, ?2, ?3)
         on conflict (name) do update set key_id = excluded.key_id, sealed = excluded.sealed",
    )?
    .execute(params![name, sealed.key_id, sealed.blob])?;
    Ok(())
}

fn replace_server_secret(db: &Db, name: &str, seen: &Sealed, sealed: &Sealed) -> Result<bool> {
    let sql = "update server_secrets set key_id = ?2, sealed = ?3 where name = ?1 and sealed = ?4";
    let changed =
        db.prepare_cached(sql)?.execute(params![name, sealed.key_id, sealed.blob, seen.blob])?;
    Ok(changed > 0)
}

fn server_secret(db: &Db, name: &str, candidate: &Sealed) -> Result<Sealed> {
    db.prepare_cached("insert into server_secrets (name, key_id, sealed) values (?1, ?2, ?3) on conflict do nothing")?
        .execute(params![name, candidate.key_id, candidate.blob])?;
    Ok(db
        .prepare_cached("select key_id, sealed from server_secrets where name = ?1")?
        .query_row([name], |row| Ok(Sealed { key_id: row.get(0)?, blob: row.get(1)? }))?)
}
