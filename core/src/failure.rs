//! What went wrong in a way that the person with the key can do something about.
//!
//! A failure is shown inside the dialog and never rejects the promise: the text stays, the next
//! step is named, and trying again costs one key press. Six classes (`refused`, `forbidden`,
//! `address`, `unavailable`, ours, cannot be checked), the fifth of them split by what to do next.

/// One failed attempt, by cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The provider says no: wrong, revoked, other environment.
    Refused,
    /// The provider knows the key, but it may not do what the check does.
    Forbidden,
    /// Nothing that speaks the provider's API answers at the address built from the form.
    Address,
    /// The provider is busy, limited or down. The key may be fine.
    Unavailable,
    /// The server found something wrong with the values of the form.
    Invalid,
    /// The browser is offline. What was typed waits.
    Offline,
    /// The request did not reach our server, or its answer did not reach us.
    Network,
    /// Our server did not answer in time.
    Timeout,
    /// Our server answered something that it should not.
    Server,
    /// Too many attempts; wait.
    Limited,
    /// The session has ended and could not be renewed. Closing is the only way on.
    Expired,
}

impl Cause {
    /// The word of the wire and of the `rejected` event.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Forbidden => "forbidden",
            Self::Address => "address",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Offline => "offline",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Server => "server",
            Self::Limited => "rate_limited",
            Self::Expired => "session_expired",
        }
    }

    /// Reads `error.reason` of a `connection_test_failed`. A stock Nango server sends none: the
    /// answer then can only be taken as a refusal.
    #[must_use]
    pub fn from_reason(reason: &str) -> Cause {
        match reason {
            "forbidden" => Self::Forbidden,
            "address" => Self::Address,
            "unavailable" => Self::Unavailable,
            _ => Self::Refused,
        }
    }

    /// Whether the same values may pass a moment later.
    #[must_use]
    pub const fn may_pass(self) -> bool {
        matches!(
            self,
            Self::Unavailable
                | Self::Offline
                | Self::Network
                | Self::Timeout
                | Self::Server
                | Self::Limited
        )
    }

    /// Whether it is about the very values that were sent: sent again, they would meet it again.
    #[must_use]
    pub const fn is_verdict(self) -> bool {
        matches!(self, Self::Refused | Self::Forbidden | Self::Address)
    }

    /// Whether "save without checking" makes sense: the provider could not be asked.
    #[must_use]
    pub const fn is_unchecked(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_the_words_of_the_wire() {
        assert_eq!(Cause::Refused.as_str(), "refused");
        assert_eq!(Cause::Invalid.as_str(), "invalid");
        assert_eq!(Cause::Limited.as_str(), "rate_limited");
        assert_eq!(Cause::Expired.as_str(), "session_expired");
    }

    #[test]
    fn a_reason_that_nobody_knows_is_a_refusal() {
        assert_eq!(Cause::from_reason("address"), Cause::Address);
        assert_eq!(Cause::from_reason("unavailable"), Cause::Unavailable);
        assert_eq!(Cause::from_reason("offline"), Cause::Refused);
        assert_eq!(Cause::from_reason(""), Cause::Refused);
    }
}
