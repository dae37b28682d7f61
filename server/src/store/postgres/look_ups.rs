//! The look-ups of each request, which share queries.

use deadpool_postgres::Client;
use jiff::Timestamp;
use tokio_postgres::Row;

use super::{
    gathered::LookUp,
    rows::{CONNECTION, SECRET_KEY, connection_of, secret_key_of, session_of},
    sql::all,
};
use crate::{
    model::{ConnectSession, Connection, SecretKey},
    store::{connections::Found, error::Result, values::millis},
    token::TokenHash,
};

// Several look-ups in one query: for each row of what is asked, one look into an index. That is what
// `offset 0` asks for. Without it the planner may join tables as it sees fit, and its estimates of what
// is asked are guesses: it then reads all connections of an integration to find sixteen. The values are
// in a `select` of their own, so that how many there are is unknown when it plans: a plan for exactly so
// many always looks better than one for any number, and it would plan anew each time, which takes longer
// than the query.

/// A secret key by its hash, and the moment at which it must not have ended.
#[derive(Clone)]
pub(super) struct KeyByHash(pub(super) TokenHash, pub(super) Timestamp);

impl LookUp for KeyByHash {
    type Answer = Option<SecretKey>;

    async fn answer(db: &Client, asked: &[Self]) -> Result<Vec<Self::Answer>> {
        let sql = format!(
            "select k.*, place from unnest((select $1::bytea[]), (select $2::bigint[]))
                 with ordinality as a (asked, now, place),
             lateral (select {SECRET_KEY} from secret_keys
                 where hash = asked and (expires_at is null or expires_at > now) offset 0) k"
        );
        let (hashes, moments): (Vec<&[u8]>, Vec<i64>) =
            asked.iter().map(|Self(hash, now)| (hash.as_bytes(), millis(*now))).unzip();
        let rows = all(db, &sql, &[&hashes, &moments]).await?;
        in_order(asked.len(), &rows, 8, |row| secret_key_of(row).map(|record| record.key))
    }
}

/// What was found for each of `many` questions; the column `place` says for which a row is, from 1.
pub(super) fn in_order<T>(
    many: usize,
    rows: &[Row],
    place: usize,
    of: impl Fn(&Row) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    let mut found: Vec<Option<T>> = std::iter::repeat_with(|| None).take(many).collect();
    for row in rows {
        let number = usize::try_from(row.try_get::<_, i64>(place)?).unwrap_or(0);
        if let Some(answer) = number.checked_sub(1).and_then(|index| found.get_mut(index)) {
            *answer = Some(of(row)?);
        }
    }
    Ok(found)
}

/// A session by its hash, and the moment at which it must not have ended.
#[derive(Clone)]
pub(super) struct SessionByHash(pub(super) TokenHash, pub(super) Timestamp);

impl LookUp for SessionByHash {
    type Answer = Option<ConnectSession>;

    async fn answer(db: &Client, asked: &[Self]) -> Result<Vec<Self::Answer>> {
        let sql = "select s.*, place from unnest((select $1::bytea[]), (select $2::bigint[]))
                 with ordinality as a (asked, now, place),
             lateral (select id, environment, terms, key_id, presets, expires_at from connect_sessions
                 where hash = asked and expires_at > now offset 0) s";
        let (hashes, moments): (Vec<&[u8]>, Vec<i64>) =
            asked.iter().map(|Self(hash, now)| (hash.as_bytes(), millis(*now))).unzip();
        let rows = all(db, sql, &[&hashes, &moments]).await?;
        in_order(asked.len(), &rows, 6, session_of)
    }
}

/// A connection by its names.
#[derive(Clone)]
pub(super) struct ConnectionByName {
    pub(super) environment: String,
    pub(super) integration: String,
    pub(super) id: String,
}

impl LookUp for ConnectionByName {
    type Answer = Found<Box<Connection>>;

    async fn answer(db: &Client, asked: &[Self]) -> Result<Vec<Self::Answer>> {
        let sql = format!(
            "select {CONNECTION}, c.auth_mode, c.key_id, c.sealed, place
             from unnest((select $1::text[]), (select $2::text[]), (select $3::text[]))
                 with ordinality as a (environment, integration, id, place)
             cross join lateral (select * from integrations i
                 where i.environment = a.environment and i.unique_key = a.integration offset 0) i
             left join lateral (select * from connections c
                 where c.integration_id = i.id and c.connection_id = a.id offset 0) c on true"
        );
        let texts = |part: fn(&Self) -> &str| asked.iter().map(part).collect::<Vec<&str>>();
        let rows = all(
            db,
            &sql,
            &[
                &texts(|asked| &asked.environment),
                &texts(|asked| &asked.integration),
                &texts(|asked| &asked.id),
            ],
        )
        .await?;
        let found = in_order(asked.len(), &rows, 22, found_connection)?;
        Ok(found.into_iter().map(|found| found.unwrap_or(Found::UnknownIntegration)).collect())
    }
}

/// A row of an integration that exists, with a connection or none.
pub(super) fn found_connection(row: &Row) -> Result<Found<Box<Connection>>> {
    if row.try_get::<_, Option<i64>>(0)?.is_none() {
        return Ok(Found::UnknownConnection);
    }
    Ok(Found::Found(Box::new(connection_of(row)?)))
}
