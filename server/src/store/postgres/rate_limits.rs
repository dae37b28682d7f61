//! Rate limits that several servers share.

use async_trait::async_trait;
use deadpool_postgres::{GenericClient, Transaction};
use jiff::Timestamp;

use super::{
    engine::PostgresStore,
    sql::{execute, first, one},
    transaction::transaction,
};
use crate::{
    allowance::{FullAt, Quota, Taken},
    store::{error::Result, rate_limits::RateLimits},
};

#[async_trait]
impl RateLimits for PostgresStore {
    async fn take_allowance(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Taken> {
        transaction!(self, |db| take_allowance(db, bucket, quota, wanted, now))
    }

    async fn take_one_of_each(
        &self,
        buckets: &[(String, Quota)],
        now: Timestamp,
    ) -> Result<Vec<Taken>> {
        take_one_of_each(&self.client().await?, buckets, now).await
    }

    async fn put_back(&self, buckets: &[(String, Quota)]) -> Result<()> {
        put_back(&self.client().await?, buckets).await
    }

    async fn forget_allowance(&self, bucket: &str) -> Result<()> {
        forget_allowance(&self.client().await?, bucket).await
    }

    async fn purge_allowances(&self, now: Timestamp) -> Result<u64> {
        purge_allowances(&self.client().await?, now).await
    }
}

async fn take_allowance(
    db: &Transaction<'_>,
    bucket: &str,
    quota: Quota,
    wanted: u32,
    now: Timestamp,
) -> Result<Taken> {
    // The update changes nothing and locks the row, so that servers take one after the other.
    let sql = "insert into allowances (bucket, full_at) values ($1, $2)
         on conflict (bucket) do update set full_at = allowances.full_at returning full_at";
    let row = one(db, sql, &[&bucket, &FullAt::at(now).nanoseconds()]).await?;
    let full_at = FullAt::from_nanoseconds(row.try_get(0)?);
    let taken = quota.take(Some(full_at), wanted, now);
    if taken.granted > 0 {
        let sql = "update allowances set full_at = $2 where bucket = $1";
        execute(db, sql, &[&bucket, &taken.full_at.nanoseconds()]).await?;
    }
    Ok(taken)
}

/// Each bucket in a statement of its own: one that decides and takes while it holds the row, so that
/// servers that ask at once take one after the other, and that holds no row while it waits for another.
/// Everybody at one address shares a row; the table is unlogged, so none waits for the disk while he has it.
async fn take_one_of_each(
    db: &impl GenericClient,
    buckets: &[(String, Quota)],
    now: Timestamp,
) -> Result<Vec<Taken>> {
    let sql = "insert into allowances as a (bucket, full_at) values ($1, $2::bigint + $3::bigint)
         on conflict (bucket) do update set full_at = greatest(a.full_at, $2) + $3
             where greatest(a.full_at, $2) <= $4
         returning full_at";
    let mut all = Vec::new();
    for (bucket, quota) in buckets {
        let (at, last) = (FullAt::at(now).nanoseconds(), quota.last(now).nanoseconds());
        let row = first(db, sql, &[bucket, &at, &quota.interval(), &last]).await?;
        if let Some(row) = row {
            let full_at = FullAt::from_nanoseconds(row.try_get(0)?);
            all.push(Taken { granted: 1, full_at });
            continue;
        }
        put_back(db, buckets.get(..all.len()).unwrap_or_default()).await?;
        let sql = "select full_at from allowances where bucket = $1";
        let full_at = match first(db, sql, &[bucket]).await? {
            Some(row) => FullAt::from_nanoseconds(row.try_get(0)?),
            // Somebody has emptied it meanwhile.
            None => FullAt::at(now),
        };
        all.push(Taken { granted: 0, full_at });
        break;
    }
    Ok(all)
}

async fn put_back(db: &impl GenericClient, buckets: &[(String, Quota)]) -> Result<()> {
    let sql = "update allowances set full_at = full_at - $2::bigint where bucket = $1";
    for (bucket, quota) in buckets {
        execute(db, sql, &[bucket, &quota.interval()]).await?;
    }
    Ok(())
}

async fn forget_allowance(db: &impl GenericClient, bucket: &str) -> Result<()> {
    execute(db, "delete from allowances where bucket = $1", &[&bucket]).await.map(drop)
}

async fn purge_allowances(db: &impl GenericClient, now: Timestamp) -> Result<u64> {
    let sql = "delete from allowances where full_at <= $1";
    execute(db, sql, &[&FullAt::at(now).nanoseconds()]).await
}
