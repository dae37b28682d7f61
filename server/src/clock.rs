//! The time, as a parameter: nothing else in the server asks the operating system what time it is,
//! so a test can hold it still or let a session expire without waiting.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};

/// Tells the time, to the millisecond (what the store keeps and the wire shows).
pub trait Clock: Send + Sync + 'static {
    /// The current moment, truncated to whole milliseconds.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        truncate(Timestamp::now())
    }
}

/// A clock that stands still until it is moved; for tests.
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock standing at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(Mutex::new(truncate(at)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn truncate(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// How a moment is written on the wire: `2026-08-21T18:43:31.000Z`.
pub fn on_the_wire(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_shows_milliseconds_and_a_z() {
        let at = Timestamp::from_millisecond(1_787_337_811_000).unwrap();
        assert_eq!(on_the_wire(at), "2026-08-21T18:43:31.000Z");
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH);
        clock.advance(SignedDuration::from_secs(60));
        assert_eq!(clock.now().as_second(), 60);
    }
}
