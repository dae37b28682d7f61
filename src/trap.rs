//! Notices when a WebAssembly trap has left a call unfinished.
//!
//! A trap (a panic compiled to `unreachable`, an overflowing stack, memory that cannot grow) throws
//! a `RuntimeError` out of whatever entered the module, and the promise that the page awaits would
//! stay pending for ever. Every entry of ours is wrapped in [`inside`]; after a trap the mark stays
//! set. `js/index.js` sees the `RuntimeError` in `window`'s `error` event, asks [`trapped`], and
//! rejects what is pending. No panic hook, no formatting: it costs a few bytes and sees every trap.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Entries that have not returned. Plain memory: the module has one thread.
static DEPTH: AtomicU32 = AtomicU32::new(0);

/// Runs `f`; if it traps, [`trapped`] says so from then on.
pub(crate) fn inside<T>(f: impl FnOnce() -> T) -> T {
    DEPTH.fetch_add(1, Relaxed);
    let result = f();
    DEPTH.fetch_sub(1, Relaxed);
    result
}

/// Whether an entry into the module never returned. Meaningful only between entries, which is where
/// JavaScript asks.
pub(crate) fn trapped() -> bool {
    DEPTH.load(Relaxed) > 0
}
