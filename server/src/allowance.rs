//! How much of what is limited somebody has left: the generic cell rate algorithm, a bucket that holds a
//! quota and regains one after the other at an even pace. All that is kept of a bucket is one moment, the
//! one at which it will be full again; so it takes one row, no clean-up to be right, and one comparison.

use jiff::Timestamp;

const MINUTE: i64 = 60_000_000_000;

/// How much a bucket holds and how fast it regains it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    capacity: u32,
    /// Nanoseconds until one more is regained.
    interval: i64,
}

/// The moment at which a bucket is full again, in nanoseconds since 1970; in the past when it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FullAt(i64);

/// What was taken out of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// So many; none when the bucket is empty.
    pub granted: u32,
    /// When it is full again after that.
    pub full_at: FullAt,
}

impl FullAt {
    /// A bucket that is full from this moment on.
    pub fn at(now: Timestamp) -> Self {
        Self(i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX))
    }

    /// As the store keeps it.
    pub fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// As the store keeps it.
    pub fn nanoseconds(self) -> i64 {
        self.0
    }
}

impl Quota {
    /// So many a minute, all of them at once if need be. `0` is taken as 1.
    pub fn per_minute(many: u32) -> Self {
        Self::within(many, 1)
    }

    /// So many within so many minutes. `0` is taken as 1.
    pub fn within(many: u32, minutes: u32) -> Self {
        let capacity = many.max(1);
        Self { capacity, interval: MINUTE * i64::from(minutes.max(1)) / i64::from(capacity) }
    }

    /// How much a full bucket holds.
    pub fn capacity(self) -> u32 {
        self.capacity
    }

    /// A bucket that holds the `part`th part and regains it as much slower.
    pub(crate) fn part(self, part: u32) -> Option<Self> {
        let capacity = self.capacity / part;
        (capacity > 0).then_some(Self { capacity, interval: self.interval * i64::from(part) })
    }

    /// How much is left.
    pub fn left(self, full_at: Option<FullAt>, now: Timestamp) -> u32 {
        let now = FullAt::at(now).0;
        let missing = full_at.map_or(0, |FullAt(at)| (at - now).max(0));
        let room = self.interval * i64::from(self.capacity) - missing;
        u32::try_from((room / self.interval).max(0)).unwrap_or(self.capacity).min(self.capacity)
    }

    /// Takes up to `wanted`.
    pub fn take(self, full_at: Option<FullAt>, wanted: u32, now: Timestamp) -> Taken {
        let granted = self.left(full_at, now).min(wanted);
        let from = full_at.map_or(i64::MIN, |FullAt(at)| at).max(FullAt::at(now).0);
        Taken { granted, full_at: FullAt(from + self.interval * i64::from(granted)) }
    }

    /// How much later a bucket is full again for one that is taken, in nanoseconds.
    pub(crate) fn interval(self) -> i64 {
        self.interval
    }

    /// The latest moment at which a bucket that still has one is full again.
    pub(crate) fn last(self, now: Timestamp) -> FullAt {
        FullAt(FullAt::at(now).0 + self.interval * (i64::from(self.capacity) - 1))
    }

    /// When a bucket were full again if so many of what was taken were put back.
    pub(crate) fn unused(self, full_at: FullAt, many: u32) -> FullAt {
        FullAt(full_at.0 - self.interval * i64::from(many))
    }

    /// How many nanoseconds it takes until there are `wanted`; 0 when there are.
    pub(crate) fn wait(self, full_at: FullAt, wanted: u32, now: Timestamp) -> i64 {
        let wanted = i64::from(wanted.min(self.capacity));
        let missing = full_at.0 - FullAt::at(now).0;
        (missing - self.interval * (i64::from(self.capacity) - wanted)).max(0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    #[test]
    fn a_full_bucket_gives_what_it_holds_and_regains_it_one_by_one() {
        let quota = Quota::per_minute(6);
        let taken = quota.take(None, 4, start());
        assert_eq!(taken.granted, 4);
        let rest = quota.take(Some(taken.full_at), 4, start());
        assert_eq!(rest.granted, 2, "as much as there is");
        assert_eq!(quota.take(Some(rest.full_at), 1, start()).granted, 0);
        assert_eq!(quota.wait(rest.full_at, 1, start()), 10_000_000_000);
        let later = start() + SignedDuration::from_secs(10);
        assert_eq!(quota.wait(rest.full_at, 1, later), 0);
        assert_eq!(quota.take(Some(rest.full_at), 6, later).granted, 1);
        assert_eq!(quota.left(Some(rest.full_at), start() + SignedDuration::from_mins(1)), 6);
        assert_eq!(quota.left(Some(rest.full_at), start() + SignedDuration::from_hours(9)), 6);
    }

    proptest! {
        /// Whatever is asked for and when: over any time, no more is granted than the bucket holds and
        /// what it regains meanwhile; and nothing is withheld that it has.
        #[test]
        fn never_more_than_the_quota_and_never_less(
            many in 1_u32..100_000,
            minutes in 1_u32..100,
            steps in proptest::collection::vec((0_i64..20_000, 0_u32..5_000), 1..60),
        ) {
            let quota = Quota::within(many, minutes);
            let (mut now, mut full_at, mut granted) = (start(), None, 0_i64);
            for (pause, wanted) in steps {
                now += SignedDuration::from_millis(pause);
                let left = quota.left(full_at, now);
                let taken = quota.take(full_at, wanted, now);
                prop_assert_eq!(taken.granted, left.min(wanted));
                granted += i64::from(taken.granted);
                full_at = Some(taken.full_at);
                let elapsed = i64::try_from(now.duration_since(start()).as_nanos()).unwrap();
                prop_assert!(granted <= i64::from(many) + elapsed / quota.interval + 1);
            }
        }
    }
}
