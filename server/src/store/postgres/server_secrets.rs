//! The server's own secrets, sealed.

use async_trait::async_trait;
use deadpool_postgres::Transaction;

use super::{
    audited::audited,
    engine::PostgresStore,
    sql::{execute, one},
    transaction::transaction,
};
use crate::{
    model::AuditEvent,
    store::{error::Result, server_secrets::ServerSecrets},
    vault::Sealed,
};

#[async_trait]
impl ServerSecrets for PostgresStore {
    async fn replace_server_secret(
        &self,
        name: &str,
        seen: Sealed,
        sealed: Sealed,
        audit: AuditEvent,
    ) -> Result<bool> {
        audited!(self, audit, |db| replace_server_secret(db, name, &seen, &sealed))
    }

    async fn server_secret(&self, name: &str, candidate: Sealed) -> Result<Sealed> {
        transaction!(self, |db| server_secret(db, name, &candidate))
    }
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

async fn replace_server_secret(
    db: &Transaction<'_>,
    name: &str,
    seen: &Sealed,
    sealed: &Sealed,
) -> Result<bool> {
    let sql = "update server_secrets set key_id = $2, sealed = $3 where name = $1 and sealed = $4";
    let changed = execute(db, sql, &[&name, &sealed.key_id, &sealed.blob, &seen.blob]).await?;
    Ok(changed > 0)
}

async fn server_secret(db: &Transaction<'_>, name: &str, candidate: &Sealed) -> Result<Sealed> {
    let sql = "insert into server_secrets (name, key_id, sealed) values ($1, $2, $3) on conflict do nothing";
    execute(db, sql, &[&name, &candidate.key_id, &candidate.blob]).await?;
    let sql = "select key_id, sealed from server_secrets where name = $1";
    let row = one(db, sql, &[&name]).await?;
    Ok(Sealed { key_id: row.try_get(0)?, blob: row.try_get(1)? })
}
