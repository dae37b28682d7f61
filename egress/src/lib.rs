//! The only door out of the server: every check of a credential, every proxied request and every
//! webhook leaves through [`Egress`].
//!
//! Those requests go to addresses that other people chose (a sub-domain typed into a form, a base
//! URL in a catalogue file, a webhook target), so this crate decides *where a connection may go*,
//! at the one place where that can be decided: when the socket is opened, on the address that is
//! then connected to. A name is resolved once and the answer is what is checked, so neither an odd
//! spelling of an address (`0x7f.1`, `[::ffff:7f00:1]`), nor a name that resolves to a private
//! address, nor one that changes its answer between two look-ups gets past it.
//!
//! It also bounds what a request may cost: time to connect, to the first byte, in silence and in
//! total, and the size of the answer. Bodies stream both ways; nothing is collected here.
//!
//! What it is not: it knows no providers, no credentials and no retries, follows no redirects,
//! keeps no cookies, decompresses nothing, and reads no proxy settings from the environment.

mod address;
mod body;
mod connect;
mod error;
mod limits;
mod policy;
mod send;

pub use address::{Special, is_metadata, special};
pub use body::{Body, ResponseBody};
pub use connect::{Resolve, Resolving, SystemResolver};
pub use error::{EgressError, Phase, TlsFault};
pub use limits::{Cleartext, ConnectLimits, Limits};
pub use policy::Policy;
pub use send::{Builder, Egress};

pub use ipnet;
pub use rustls::pki_types::CertificateDer;
