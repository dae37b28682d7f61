//! Notices when a WebAssembly trap has left a call unfinished.
//!
//! A trap (a panic compiled to `unreachable`, an overflowing stack, memory that cannot grow) throws
//! a `RuntimeError` out of whatever entered the module, and the promise that the page awaits would
//! stay pending for ever. Every entry of ours is wrapped in [`inside`]; after a trap the mark stays
//! set. `js/index.js` sees the `RuntimeError` in `window`'s `error` event, asks [`trapped`], and
//! rejects what is pending. No panic hook, no formatting: it costs a few bytes and sees every trap.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f`; if it traps, [`trapped`] says so from then on.
pub(crate) fn inside<T>(f: impl FnOnce() -> T) -> T {
    DEPTH.set(DEPTH.get() + 1);
    let result = f();
    DEPTH.set(DEPTH.get().saturating_sub(1));
    result
}

/// Whether an entry into the module never returned. Meaningful only between entries, which is where
/// JavaScript asks.
pub(crate) fn trapped() -> bool {
    DEPTH.get() > 0
}

/// Polls a future through [`inside`].
pub(crate) struct Watched<F>(Pin<Box<F>>);

impl<F: Future> Watched<F> {
    /// Watches `future`.
    pub(crate) fn new(future: F) -> Self {
        Watched(Box::pin(future))
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        inside(|| self.0.as_mut().poll(cx))
    }
}
