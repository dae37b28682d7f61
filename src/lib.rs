//! Keyslot's connect widget: one call, one promise.
//!
//! `auth(integrationId, connectionId?, options?)` opens a dialog, helps the person paste the right
//! key, posts it to a Keyslot or Nango server and settles. What can be decided without a browser is
//! decided in `keyslot-core`; here is what needs one.
//!
//! ```text
//! core  <-  transport, view  <-  session  <-  bindings  <-  js/index.js
//! ```
//!
//! `view` and `transport` do not know each other; only `session` sees both.

#![cfg(target_arch = "wasm32")]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unreachable
)]

mod bindings;
mod callback;
mod claim;
mod dom;
mod draft;
mod executor;
mod flow;
mod input;
mod inputs;
mod listener;
mod options;
mod outgoing;
mod preload;
mod read;
mod rejection;
mod session;
mod timer;
mod transport;
mod trap;
mod view;

pub use bindings::*;

#[cfg(not(debug_assertions))]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());
