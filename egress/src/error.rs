//! Why a request did not get its answer.

use std::error::Error as StdError;
use std::io;
use std::net::IpAddr;

use crate::address::Special;

/// Why a request did not get its answer. No variant holds a URL, a header or a body: a URL may
/// contain a key (some APIs want it in the path), so the text of these errors may be logged. The
/// denied address is for the operator's log, not for an answer to a browser.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EgressError {
    /// The address is not one that requests may reach. Nothing was connected.
    #[error(
        "the address {address} is not public ({block}); an operator can open it with --allow-net"
    )]
    Denied {
        /// The address that was refused.
        address: IpAddr,
        /// The block that it is in.
        block: Special,
    },
    /// Plain HTTP to an address that was not opened for it. Nothing was sent.
    #[error("plain http is not allowed to this address; use https")]
    Cleartext,
    /// The name has no address.
    #[error("the host name could not be resolved")]
    Dns,
    /// No address of the host took the connection.
    #[error("the connection could not be opened ({0})")]
    Connect(io::ErrorKind),
    /// The TLS handshake failed.
    #[error("the TLS handshake failed ({0})")]
    Tls(TlsFault),
    /// A limit of time was reached.
    #[error("timed out while {0}")]
    Timeout(Phase),
    /// The answer is larger than the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The URL cannot be requested.
    #[error("the URL cannot be requested: {0}")]
    BadUrl(&'static str),
    /// The connection broke, or what arrived is not HTTP.
    #[error("the exchange failed: {0}")]
    Protocol(&'static str),
}

/// What was being waited for when the time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Phase {
    /// The name look-up.
    #[error("resolving the name")]
    Resolve,
    /// The TCP handshake.
    #[error("connecting")]
    Connect,
    /// The TLS handshake.
    #[error("agreeing on TLS")]
    Tls,
    /// The head of the answer.
    #[error("waiting for the answer")]
    FirstByte,
    /// The next piece of the answer's body.
    #[error("waiting for more of the answer")]
    Idle,
    /// The whole exchange.
    #[error("reading the answer")]
    Total,
}

/// Why TLS failed, as far as it tells a wrong address from a broken server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsFault {
    /// The certificate is for another name: usually a mistyped address.
    #[error("the certificate is for another name")]
    WrongName,
    /// The certificate is not trusted, or is out of date.
    #[error("the certificate is not trusted")]
    Untrusted,
    /// Anything else.
    #[error("the other side does not speak TLS as expected")]
    Other,
}

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

impl EgressError {
    /// Finds out what a failure of the TLS handshake was.
    pub(crate) fn from_tls(error: &(dyn StdError + 'static)) -> Self {
        Self::Tls(tls_fault(error))
    }

    /// Finds out what a failure of the HTTP client was.
    pub(crate) fn from_client(error: &(dyn StdError + 'static)) -> Self {
        if let Some(ours) = find::<Self>(error) {
            return ours.clone();
        }
        if let Some(hyper) = find::<hyper::Error>(error) {
            return Self::Protocol(if hyper.is_parse() {
                "the answer is not HTTP, or its head is too large"
            } else if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() {
                "the connection closed before the answer was complete"
            } else if hyper.is_user() {
                "the request could not be sent"
            } else {
                "the connection broke"
            });
        }
        Self::Protocol("the connection broke")
    }
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // `io::Error::source` skips the error that it wraps.
        if let Some(found) = error
            .downcast_ref::<io::Error>()
            .and_then(|error| error.get_ref())
            .and_then(|inner| find(inner))
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn tls_fault(error: &(dyn StdError + 'static)) -> TlsFault {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    match find::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(
            NotValidForName | NotValidForNameContext { .. },
        )) => TlsFault::WrongName,
        Some(rustls::Error::InvalidCertificate(_)) => TlsFault::Untrusted,
        _ => TlsFault::Other,
    }
}
