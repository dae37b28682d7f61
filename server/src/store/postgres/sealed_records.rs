//! Every ciphertext, for the rotation of master keys.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use tokio_postgres::types::ToSql;

use super::{
    engine::PostgresStore,
    sql::{all, execute},
    transaction::transaction,
};
use crate::{
    store::{
        error::Result,
        sealed_records::{SealedOwner, SealedRecord, SealedRecords},
    },
    vault::Sealed,
};

#[async_trait]
impl SealedRecords for PostgresStore {
    async fn sealed_under_other_keys(
        &self,
        key_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRecord>> {
        sealed_under_other_keys(&self.client().await?, key_id, after, limit).await
    }

    async fn replace_sealed(&self, records: Vec<(SealedRecord, Sealed)>) -> Result<u64> {
        transaction!(self, |db| replace_sealed(db, &records))
    }
}

pub(super) async fn sealed_under_other_keys(
    db: &impl GenericClient,
    key_id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<SealedRecord>> {
    let mut found = Vec::new();
    if after == 0 {
        let sql = "select name, key_id, sealed from server_secrets where key_id <> $1";
        for row in all(db, sql, &[&key_id]).await? {
            found.push(SealedRecord {
                owner: SealedOwner::Server { name: row.try_get(0)? },
                sealed: Sealed { key_id: row.try_get(1)?, blob: row.try_get(2)? },
            });
        }
        let sql = "select id, environment, key_id, presets from connect_sessions
             where key_id <> $1 and presets is not null";
        for row in all(db, sql, &[&key_id]).await? {
            found.push(SealedRecord {
                owner: SealedOwner::Session { id: row.try_get(0)?, environment: row.try_get(1)? },
                sealed: Sealed { key_id: row.try_get(2)?, blob: row.try_get(3)? },
            });
        }
    }
    let sql = "select c.id, c.environment, i.unique_key, c.connection_id, c.key_id, c.sealed
         from connections c join integrations i on i.id = c.integration_id
         where c.id > $2 and c.key_id <> $1 order by c.id limit $3";
    for row in all(db, sql, &[&key_id, &after, &i64::from(limit)]).await? {
        found.push(SealedRecord {
            owner: SealedOwner::Connection {
                id: row.try_get(0)?,
                environment: row.try_get(1)?,
                integration: row.try_get(2)?,
                connection: row.try_get(3)?,
            },
            sealed: Sealed { key_id: row.try_get(4)?, blob: row.try_get(5)? },
        });
    }
    Ok(found)
}

async fn replace_sealed(db: &Transaction<'_>, records: &[(SealedRecord, Sealed)]) -> Result<u64> {
    let mut replaced = 0;
    for (old, new) in records {
        // Only what still is what was read: a credential replaced meanwhile is newer, and sealed under
        // the current key already.
        let sealed: [&(dyn ToSql + Sync); 3] = [&new.key_id, &new.blob, &old.sealed.blob];
        let [key_id, blob, was] = sealed;
        replaced += match &old.owner {
            SealedOwner::Connection { id, .. } => {
                let sql =
                    "update connections set key_id = $2, sealed = $3 where id = $1 and sealed = $4";
                execute(db, sql, &[id, key_id, blob, was]).await?
            }
            SealedOwner::Session { id, .. } => {
                let sql = "update connect_sessions set key_id = $2, presets = $3 where id = $1 and presets = $4";
                execute(db, sql, &[id, key_id, blob, was]).await?
            }
            SealedOwner::Server { name } => {
                let sql = "update server_secrets set key_id = $2, sealed = $3 where name = $1 and sealed = $4";
                execute(db, sql, &[name, key_id, blob, was]).await?
            }
        };
    }
    Ok(replaced)
}
