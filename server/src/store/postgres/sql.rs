//! Prepared statements, asked in one line.

use deadpool_postgres::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use crate::store::error::Result;

pub(super) type Values<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(super) async fn all(
    db: &impl GenericClient,
    sql: &str,
    values: Values<'_>,
) -> Result<Vec<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query(&statement, values).await?)
}

pub(super) async fn first(
    db: &impl GenericClient,
    sql: &str,
    values: Values<'_>,
) -> Result<Option<Row>> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_opt(&statement, values).await?)
}

pub(super) async fn one(db: &impl GenericClient, sql: &str, values: Values<'_>) -> Result<Row> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.query_one(&statement, values).await?)
}

/// Tells how many rows it changed.
pub(super) async fn execute(db: &impl GenericClient, sql: &str, values: Values<'_>) -> Result<u64> {
    let statement = db.prepare_cached(sql).await?;
    Ok(db.execute(&statement, values).await?)
}

pub(super) type OwnedValues = Vec<Box<dyn ToSql + Sync + Send>>;

/// Asks without keeping the statement: there are too many forms of a filter.
pub(super) async fn once(
    db: &impl GenericClient,
    sql: &str,
    values: &OwnedValues,
) -> Result<Vec<Row>> {
    let values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| value.as_ref() as &(dyn ToSql + Sync)).collect();
    Ok(db.query(sql, &values).await?)
}
