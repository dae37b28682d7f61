//! How rows become objects of the domain.

use jiff::Timestamp;
use rusqlite::Row;

use crate::{
    ids::ConnectionId,
    model::{
        Connection, ConnectionSummary, Health, Role, SecretKey, SecretKeyRecord, Verdict, Verified,
    },
    store::{
        error::{Result, StoreError},
        values::{auth_mode, document, moment},
    },
    vault::Sealed,
};

pub(super) const SECRET_KEY: &str = "select id, environment, name, role, created_at, last_used_at, expires_at, prefix from secret_keys";

pub(super) fn secret_key_of(row: &Row<'_>) -> Result<SecretKeyRecord> {
    let optional = |index: usize| -> Result<Option<Timestamp>> {
        row.get::<_, Option<i64>>(index)?.map(moment).transpose()
    };
    Ok(SecretKeyRecord {
        key: SecretKey {
            id: row.get(0)?,
            environment: row.get(1)?,
            name: row.get(2)?,
            role: Role::of(&row.get::<_, String>(3)?)
                .ok_or(StoreError::Corrupt("secret_keys.role"))?,
            prefix: row.get(7)?,
        },
        created_at: moment(row.get(4)?)?,
        last_used_at: optional(5)?,
        expires_at: optional(6)?,
    })
}

pub(super) const CONNECTION: &str = "c.id, c.environment, c.connection_id, i.unique_key, i.provider, c.end_user, c.tags, \
                          c.metadata, c.webhook_url_override, c.verified, c.account, c.health, c.health_since, \
                          c.health_reason, c.checked_at, c.created_at, c.updated_at, c.last_fetched_at, \
                          c.unchecked";

/// Reads `{CONNECTION}, c.auth_mode, c.key_id, c.sealed`.
pub(super) fn connection_of(row: &Row<'_>) -> Result<Connection> {
    let mode: String = row.get(19)?;
    Ok(Connection {
        summary: summary_of(row)?,
        auth_mode: auth_mode(&mode)?,
        sealed: Sealed { key_id: row.get(20)?, blob: row.get(21)? },
    })
}

pub(super) fn summary_of(row: &Row<'_>) -> Result<ConnectionSummary> {
    Ok(ConnectionSummary {
        id: row.get(0)?,
        environment: row.get(1)?,
        connection_id: ConnectionId::stored(row.get(2)?),
        integration: row.get(3)?,
        provider: row.get(4)?,
        end_user: row
            .get::<_, Option<String>>(5)?
            .map(|text| document(&text, "connections.end_user"))
            .transpose()?,
        tags: document(&row.get::<_, String>(6)?, "connections.tags")?,
        metadata: document(&row.get::<_, String>(7)?, "connections.metadata")?,
        webhook_url_override: row.get(8)?,
        verified: Verified {
            verdict: Verdict::stored(row.get(9)?, row.get(18)?),
            account: row.get(10)?,
        },
        health: Health::of(&row.get::<_, String>(11)?),
        health_since: moment(row.get(12)?)?,
        health_reason: row.get(13)?,
        checked_at: row.get::<_, Option<i64>>(14)?.map(moment).transpose()?,
        created_at: moment(row.get(15)?)?,
        updated_at: moment(row.get(16)?)?,
        last_fetched_at: row.get::<_, Option<i64>>(17)?.map(moment).transpose()?,
    })
}
