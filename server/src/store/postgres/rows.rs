//! How rows become objects of the domain.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::{
    ids::ConnectionId,
    model::{
        ConnectSession, Connection, ConnectionSummary, Health, Role, SecretKey, SecretKeyRecord,
        Verdict, Verified,
    },
    store::{
        error::{Result, StoreError},
        values::{auth_mode, document, moment},
    },
    vault::Sealed,
};

pub(super) const SECRET_KEY: &str =
    "id, environment, name, role, created_at, last_used_at, expires_at, prefix";

pub(super) fn secret_key_of(row: &Row) -> Result<SecretKeyRecord> {
    let optional = |index: usize| -> Result<Option<Timestamp>> {
        row.try_get::<_, Option<i64>>(index)?.map(moment).transpose()
    };
    Ok(SecretKeyRecord {
        key: SecretKey {
            id: row.try_get(0)?,
            environment: row.try_get(1)?,
            name: row.try_get(2)?,
            role: Role::of(row.try_get(3)?).ok_or(StoreError::Corrupt("secret_keys.role"))?,
            prefix: row.try_get(7)?,
        },
        created_at: moment(row.try_get(4)?)?,
        last_used_at: optional(5)?,
        expires_at: optional(6)?,
    })
}

pub(super) const SESSION: &str = "select id, environment, terms, key_id, presets, expires_at from connect_sessions \
                       where hash = $1 and expires_at > $2";

pub(super) fn session_of(row: &Row) -> Result<ConnectSession> {
    let presets = match (row.try_get(3)?, row.try_get(4)?) {
        (Some(key_id), Some(blob)) => Some(Sealed { key_id, blob }),
        _ => None,
    };
    Ok(ConnectSession {
        id: row.try_get(0)?,
        environment: row.try_get(1)?,
        terms: document(row.try_get(2)?, "connect_sessions.terms")?,
        presets,
        expires_at: moment(row.try_get(5)?)?,
    })
}

pub(super) const CONNECTION: &str = "c.id, c.environment, c.connection_id, i.unique_key, i.provider, c.end_user, c.tags, \
                          c.metadata, c.webhook_url_override, c.verified, c.account, c.health, c.health_since, \
                          c.health_reason, c.checked_at, c.created_at, c.updated_at, c.last_fetched_at, \
                          c.unchecked";

/// Reads `{CONNECTION}, c.auth_mode, c.key_id, c.sealed`.
pub(super) fn connection_of(row: &Row) -> Result<Connection> {
    Ok(Connection {
        summary: summary_of(row)?,
        auth_mode: auth_mode(row.try_get(19)?)?,
        sealed: Sealed { key_id: row.try_get(20)?, blob: row.try_get(21)? },
    })
}

pub(super) fn summary_of(row: &Row) -> Result<ConnectionSummary> {
    Ok(ConnectionSummary {
        id: row.try_get(0)?,
        environment: row.try_get(1)?,
        connection_id: ConnectionId::stored(row.try_get(2)?),
        integration: row.try_get(3)?,
        provider: row.try_get(4)?,
        end_user: row
            .try_get::<_, Option<&str>>(5)?
            .map(|text| document(text, "connections.end_user"))
            .transpose()?,
        tags: document(row.try_get(6)?, "connections.tags")?,
        metadata: document(row.try_get(7)?, "connections.metadata")?,
        webhook_url_override: row.try_get(8)?,
        verified: Verified {
            verdict: Verdict::stored(row.try_get(9)?, row.try_get(18)?),
            account: row.try_get(10)?,
        },
        health: Health::of(row.try_get(11)?),
        health_since: moment(row.try_get(12)?)?,
        health_reason: row.try_get(13)?,
        checked_at: row.try_get::<_, Option<i64>>(14)?.map(moment).transpose()?,
        created_at: moment(row.try_get(15)?)?,
        updated_at: moment(row.try_get(16)?)?,
        last_fetched_at: row.try_get::<_, Option<i64>>(17)?.map(moment).transpose()?,
    })
}
