//! Every ciphertext, for the rotation of master keys.

use async_trait::async_trait;
use rusqlite::{Connection as Db, params};

use super::engine::SqliteStore;
use crate::{
    store::{
        error::Result,
        sealed_records::{SealedOwner, SealedRecord, SealedRecords},
    },
    vault::Sealed,
};

#[async_trait]
impl SealedRecords for SqliteStore {
    async fn sealed_under_other_keys(
        &self,
        key_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRecord>> {
        let key_id = key_id.to_owned();
        self.read(move |db| sealed_under_other_keys(db, &key_id, after, limit)).await
    }

    async fn replace_sealed(&self, records: Vec<(SealedRecord, Sealed)>) -> Result<u64> {
        self.write(move |db| replace_sealed(db, &records)).await
    }
}

pub(super) fn sealed_under_other_keys(
    db: &Db,
    key_id: &str,
    after: i64,
    limit: u32,
) -> Result<Vec<SealedRecord>> {
    let mut found = Vec::new();
    if after == 0 {
        let mut server = db
            .prepare_cached("select name, key_id, sealed from server_secrets where key_id <> ?1")?;
        let rows = server.query_map([key_id], |row| {
            Ok(SealedRecord {
                owner: SealedOwner::Server { name: row.get(0)? },
                sealed: Sealed { key_id: row.get(1)?, blob: row.get(2)? },
            })
        })?;
        for row in rows {
            found.push(row?);
        }
        let mut sessions = db.prepare_cached(
            "select id, environment, key_id, presets from connect_sessions where key_id <> ?1 and presets is not null",
        )?;
        let rows = sessions.query_map([key_id], |row| {
            Ok(SealedRecord {
                owner: SealedOwner::Session { id: row.get(0)?, environment: row.get(1)? },
                sealed: Sealed { key_id: row.get(2)?, blob: row.get(3)? },
            })
        })?;
        for row in rows {
            found.push(row?);
        }
    }
    let mut connections = db.prepare_cached(
        "select c.id, c.environment, i.unique_key, c.connection_id, c.key_id, c.sealed
         from connections c join integrations i on i.id = c.integration_id
         where c.id > ?2 and c.key_id <> ?1 order by c.id limit ?3",
    )?;
    let rows = connections.query_map(params![key_id, after, limit], |row| {
        Ok(SealedRecord {
            owner: SealedOwner::Connection {
                id: row.get(0)?,
                environment: row.get(1)?,
                integration: row.get(2)?,
                connection: row.get(3)?,
            },
            sealed: Sealed { key_id: row.get(4)?, blob: row.get(5)? },
        })
    })?;
    for row in rows {
        found.push(row?);
    }
    Ok(found)
}

fn replace_sealed(db: &Db, records: &[(SealedRecord, Sealed)]) -> Result<u64> {
    let mut replaced = 0;
    for (old, new) in records {
        // Only what still is what was read: a credential replaced meanwhile is newer, and sealed under
        // the current key already.
        replaced += match &old.owner {
            SealedOwner::Connection { id, .. } => db
                .prepare_cached("update connections set key_id = ?2, sealed = ?3 where id = ?1 and sealed = ?4")?
                .execute(params![id, new.key_id, new.blob, old.sealed.blob])?,
            SealedOwner::Session { id, .. } => db
                .prepare_cached("update connect_sessions set key_id = ?2, presets = ?3 where id = ?1 and presets = ?4")?
                .execute(params![id, new.key_id, new.blob, old.sealed.blob])?,
            SealedOwner::Server { name } => db
                .prepare_cached("update server_secrets set key_id = ?2, sealed = ?3 where name = ?1 and sealed = ?4")?
                .execute(params![name, new.key_id, new.blob, old.sealed.blob])?,
        } as u64;
    }
    Ok(replaced)
}
