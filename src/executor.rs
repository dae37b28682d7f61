//! Runs the futures of calls.
//!
//! `wasm_bindgen_futures::spawn_local` does the same for any number of tasks, finds the global object in four
//! ways and takes half a kilobyte (Brotli) more. Here are a handful of tasks at most, so whatever wakes one has
//! all of them polled, which the contract of `Future` allows.

use crate::callback::Callback;
use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = queueMicrotask)]
    fn queue_microtask(callback: &js_sys::Function);
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
    static QUEUED: Cell<bool> = const { Cell::new(false) };
    static POLL: Callback = Callback::new(|_| poll());
}

/// Runs `task` to its end, beginning in a microtask: after what the caller does now, before the next event.
pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    TASKS.with_borrow_mut(|tasks| tasks.push(Box::pin(task)));
    queue();
}

/// In a microtask, and not at once: a listener that wakes its own call must not be dropped by it while it runs.
fn queue() {
    if !QUEUED.replace(true) {
        POLL.with(|poll| queue_microtask(poll.function()));
    }
}

fn poll() {
    QUEUED.set(false);
    let waker = Waker::from(Arc::new(Queue));
    for mut task in TASKS.take() {
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            TASKS.with_borrow_mut(|tasks| tasks.push(task));
        }
    }
}

struct Queue;

impl Wake for Queue {
    fn wake(self: Arc<Self>) {
        queue();
    }
}
