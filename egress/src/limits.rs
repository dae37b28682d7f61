//! What a request may cost, in time and bytes.

use std::time::Duration;

/// Whether a request may go over plain HTTP. Credentials travel in these requests, so the default
/// is no further than the operator's own network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cleartext {
    /// `http://` only to addresses that the operator opened ([`Policy::allow`](crate::Policy::allow)).
    #[default]
    OpenedOnly,
    /// `http://` anywhere: for templates that declare it themselves.
    Anywhere,
}

/// Limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From sending to the head of the answer; a request body that is still being uploaded starts
    /// this time anew with every piece that is taken.
    pub first_byte: Duration,
    /// Longest silence inside the answer's body.
    pub idle: Duration,
    /// From sending to the last byte of the answer.
    pub total: Duration,
    /// Largest body of an answer, in bytes as they arrive (nothing is decompressed).
    pub max_response: u64,
    /// Whether plain HTTP is allowed.
    pub cleartext: Cleartext,
}

impl Limits {
    /// For checking a credential while someone waits: 10 s in all, 256 KiB.
    pub const VERIFICATION: Self = Self {
        first_byte: Duration::from_secs(10),
        idle: Duration::from_secs(10),
        total: Duration::from_secs(10),
        max_response: 256 * 1024,
        cleartext: Cleartext::OpenedOnly,
    };

    /// For proxied requests. Long, because answers of language models take minutes; the caller's
    /// own time-out is usually shorter.
    pub const PROXY: Self = Self {
        first_byte: Duration::from_secs(120),
        idle: Duration::from_secs(120),
        total: Duration::from_secs(900),
        max_response: u64::MAX,
        cleartext: Cleartext::OpenedOnly,
    };

    /// For webhooks: the receiver has 20 s to say that it has the event, and little to say.
    pub const WEBHOOK: Self = Self {
        first_byte: Duration::from_secs(20),
        idle: Duration::from_secs(20),
        total: Duration::from_secs(20),
        max_response: 64 * 1024,
        cleartext: Cleartext::OpenedOnly,
    };
}

/// Limits of opening a connection, the same for all requests (connections are shared).
#[derive(Debug, Clone, Copy)]
pub struct ConnectLimits {
    /// Looking up the name.
    pub resolve: Duration,
    /// The TCP handshake, over all addresses of the name.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
}

impl Default for ConnectLimits {
    fn default() -> Self {
        Self {
            resolve: Duration::from_secs(3),
            connect: Duration::from_secs(3),
            tls: Duration::from_secs(5),
        }
    }
}
