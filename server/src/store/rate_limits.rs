//! Rate limits that several servers share.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    allowance::{Quota, Taken},
    store::error::Result,
};

/// Buckets of requests that servers share.
#[async_trait]
pub trait RateLimits: Send + Sync + 'static {
    /// Takes up to `wanted` of what is left in this bucket, all of it or as much as there is.
    async fn take_allowance(
        &self,
        bucket: &str,
        quota: Quota,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Taken>;
    /// Takes one out of each of these buckets if every one of them has one left; else none is taken, and
    /// at least one of what is returned has granted nothing.
    async fn take_one_of_each(
        &self,
        buckets: &[(String, Quota)],
        now: Timestamp,
    ) -> Result<Vec<Taken>>;
    /// Puts back one into each of these buckets.
    async fn put_back(&self, buckets: &[(String, Quota)]) -> Result<()>;
    /// Makes a bucket full again.
    async fn forget_allowance(&self, bucket: &str) -> Result<()>;
    /// Removes the buckets that are full again; tells how many.
    async fn purge_allowances(&self, now: Timestamp) -> Result<u64>;
}
