//! How often a password may be tried from one address. Kept in memory: it slows guessing down, and a
//! restart forgives nothing that matters.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};

/// Failures in a [`WINDOW`] after which further attempts are not looked at.
const MOST: usize = 5;
/// How long a failure counts.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);
/// Addresses that are remembered; beyond that, the oldest are forgotten.
const ADDRESSES: usize = 10_000;

/// The failed attempts of late. Clients whose address is unknown share one entry.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<Option<IpAddr>, Vec<Timestamp>>>);

impl Attempts {
    /// Counts an attempt as failed until [`Attempts::forget`], so that many at once are not more than
    /// one after the other.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn begin(&self, who: Option<IpAddr>, now: Timestamp) -> Result<(), SignedDuration> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES {
            all.retain(|_, failed| {
                failed.last().is_some_and(|at| now.duration_since(*at) < WINDOW)
            });
        }
        if all.len() >= ADDRESSES {
            all.clear();
        }
        let failed = all.entry(who).or_default();
        failed.retain(|at| now.duration_since(*at) < WINDOW);
        match failed.first() {
            Some(oldest) if failed.len() >= MOST => Err(WINDOW - now.duration_since(*oldest)),
            _ => {
                failed.push(now);
                Ok(())
            }
        }
    }

    /// The attempt succeeded: what was before does not count.
    pub fn forget(&self, who: Option<IpAddr>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&who);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));

    #[test]
    fn after_five_failures_an_address_waits_and_others_do_not() {
        let attempts = Attempts::default();
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        for second in 0..5 {
            attempts.begin(HERE, start + SignedDuration::from_secs(second)).unwrap();
        }
        let later = start + SignedDuration::from_secs(10);
        assert_eq!(attempts.begin(HERE, later), Err(SignedDuration::from_secs(290)));
        assert_eq!(attempts.begin(None, later), Ok(()));
        assert_eq!(attempts.begin(HERE, start + WINDOW), Ok(()), "the first one is forgotten");
    }

    #[test]
    fn success_forgives() {
        let attempts = Attempts::default();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        for _ in 0..50 {
            attempts.begin(HERE, now).unwrap();
            attempts.forget(HERE);
        }
    }
}
