//! Rate limits that several servers share.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection as Db, OptionalExtension, params};

use super::engine::SqliteStore;
use crate::{
    allowance::{FullAt, Quota, Taken},
    store::{error::Result, rate_limits::RateLimits},
};

#[async_trait]
impl RateLimits for SqliteStore {
    async fn take_allowance(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Taken> {
        let bucket = bucket.to_owned();
        self.write(move |db| take_allowance(db, &bucket, quota, wanted, now)).await
    }

    async fn take_one_of_each(
        &self,
        buckets: &[(String, Quota)],
        now: Timestamp,
    ) -> Result<Vec<Taken>> {
        let buckets = buckets.to_vec();
        self.write(move |db| take_one_of_each(db, &buckets, now)).await
    }

    async fn put_back(&self, buckets: &[(String, Quota)]) -> Result<()> {
        let buckets = buckets.to_vec();
        self.write(move |db| put_back(db, &buckets)).await
    }

    async fn forget_allowance(&self, bucket: &str) -> Result<()> {
        let bucket = bucket.to_owned();
        self.write(move |db| forget_allowance(db, &bucket)).await
    }

    async fn purge_allowances(&self, now: Timestamp) -> Result<u64> {
        self.write(move |db| purge_allowances(db, now)).await
    }
}

fn take_allowance(
    db: &Db,
    bucket: &str,
    quota: Quota,
    wanted: u32,
    now: Timestamp,
) -> Result<Taken> {
    let taken = quota.take(allowance(db, bucket)?, wanted, now);
    if taken.granted > 0 {
        put_allowance(db, bucket, taken.full_at)?;
    }
    Ok(taken)
}

fn take_one_of_each(db: &Db, buckets: &[(String, Quota)], now: Timestamp) -> Result<Vec<Taken>> {
    let all = buckets
        .iter()
        .map(|(bucket, quota)| Ok(quota.take(allowance(db, bucket)?, 1, now)))
        .collect::<Result<Vec<Taken>>>()?;
    if all.iter().all(|taken| taken.granted == 1) {
        for ((bucket, _), taken) in buckets.iter().zip(&all) {
            put_allowance(db, bucket, taken.full_at)?;
        }
    }
    Ok(all)
}

fn put_back(db: &Db, buckets: &[(String, Quota)]) -> Result<()> {
    for (bucket, quota) in buckets {
        // One that is not there is full.
        if let Some(full_at) = allowance(db, bucket)? {
            put_allowance(db, bucket, quota.unused(full_at, 1))?;
        }
    }
    Ok(())
}

fn put_allowance(db: &Db, bucket: &str, full_at: FullAt) -> Result<()> {
    db.prepare_cached("insert or replace into allowances (bucket, full_at) values (?1, ?2)")?
        .execute(params![bucket, full_at.nanoseconds()])?;
    Ok(())
}

fn allowance(db: &Db, bucket: &str) -> Result<Option<FullAt>> {
    let full_at = db
        .prepare_cached("select full_at from allowances where bucket = ?1")?
        .query_row([bucket], |row| row.get(0))
        .optional()?;
    Ok(full_at.map(FullAt::from_nanoseconds))
}

fn forget_allowance(db: &Db, bucket: &str) -> Result<()> {
    db.prepare_cached("delete from allowances where bucket = ?1")?.execute([bucket])?;
    Ok(())
}

fn purge_allowances(db: &Db, now: Timestamp) -> Result<u64> {
    let removed = db
        .prepare_cached("delete from allowances where full_at <= ?1")?
        .execute([FullAt::at(now).nanoseconds()])?;
    Ok(removed as u64)
}
