//! Advice about what a person pasted: repair it, recognise it, refuse it only when it cannot work.
//!
//! Three pure functions, called by the dialog on paste and on submit, never while somebody types:
//!
//! - [`repair()`] takes away what came along with the value (blanks, quotes, `Bearer `, `KEY=`, a whole
//!   curl line or address) and says what it took;
//! - [`recognise()`] says what the value looks like when it does not look right: another kind of key,
//!   another vendor's key, a damaged one. It is a notice; the provider's live answer decides;
//! - [`refuse()`] stops only what no provider could ever accept.
//!
//! This module is *not* about words: every finding is a value that the strings layer puts into a
//! language. Nor does it check a template's `pattern`: there is no regular expression engine here,
//! because this code is compiled to WebAssembly, where every byte is fetched by somebody.
//!
//! Nothing here may panic: a trap in the widget is a promise that never settles.
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used
)]

mod address;
pub(crate) mod characters;
mod checksum;
mod decode;
mod entry;
mod found;
mod key_shape;
mod pieces;
mod recognise;
mod refuse;
mod repair;
mod vendors;
mod vocabulary;

pub use found::{Removals, Removed, Split};
pub use key_shape::KeyShape;
pub use recognise::{Notice, recognise};
pub use refuse::{MAX_LENGTH, Refusal, refuse};
pub use repair::{Repair, repair};

/// What a field is for; decides which repairs apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An API key or token: one run of visible characters that travels in a header.
    Key,
    /// A password. Anything may be part of it, so a repair is only ever offered.
    Password,
    /// A user name: Basic auth's first half, so it holds no colon (RFC 7617 §2).
    Username,
    /// A part of a host name whose rest is known ([`FieldShape::suffix`]): `acme` of `acme.freshdesk.com`.
    Subdomain,
    /// A host name, perhaps with a port.
    Hostname,
    /// An `http` or `https` address.
    Url,
    /// Anything else: account ids, region names, free text.
    Plain,
}

impl Kind {
    /// Whether the field helps to build the address that the provider is called at.
    #[must_use]
    pub const fn is_structural(self) -> bool {
        matches!(self, Self::Subdomain | Self::Hostname | Self::Url)
    }
}

/// What [`repair()`], [`recognise()`] and [`refuse()`] need to know about a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldShape<'a> {
    /// The field's key in the provider's template, such as `apiKey` or `subdomain`.
    pub name: &'a str,
    /// What the field is for.
    pub kind: Kind,
    /// What is drawn before the input and is not part of the value: `https://`; may be empty.
    pub prefix: &'a str,
    /// What is drawn after the input and is not part of the value: `.freshdesk.com`; may be empty.
    pub suffix: &'a str,
}
