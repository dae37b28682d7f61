//! What was typed, kept for when the dialog is opened again.
//!
//! In the module's memory only: never in the DOM, a storage or an event. What is not secret lives as
//! long as the page; a secret for five minutes. All of it is wiped after success and on `pagehide`.

use crate::dom::window;
use crate::listener::Listener;
use crate::timer::Timer;
use keyslot_core::form::Value;
use keyslot_core::text::joined;
use std::cell::RefCell;

const SECRET_LIFE_MS: f64 = 5.0 * 60.0 * 1000.0;

struct Entry {
    key: String,
    secret: bool,
    value: Value,
}

#[derive(Default)]
struct Drafts {
    entries: Vec<Entry>,
    expiry: Option<Timer>,
    /// A page in the back/forward cache keeps its memory: wipe before it goes there.
    page_hide: Option<Listener>,
}

thread_local! {
    static DRAFTS: RefCell<Drafts> = RefCell::default();
}

/// The key of a field; of what the server said of all of them, without a field. All of an integration begin
/// with its id and a line break.
pub(crate) fn key(integration: &str, field: &str) -> String {
    joined(&[integration, "\n", field, "\n"])
}

/// Keeps one value, in place of an earlier one of the same field.
pub(crate) fn keep(key: String, secret: bool, value: Value) {
    DRAFTS.with_borrow_mut(|drafts| {
        match drafts.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.value = value,
            None => drafts.entries.push(Entry { key, secret, value }),
        }
        if drafts.page_hide.is_none() {
            let hidden = Listener::new(&window(), "pagehide", false, |_| wipe("", true));
            drafts.page_hide = Some(hidden);
        }
        // The newest secret restarts the clock for all of them: simple, and never too long for it.
        // The timer's own closure is running when it fires, so it is replaced here, not there.
        if secret {
            drafts.expiry = Some(Timer::new(SECRET_LIFE_MS, || wipe("", false)));
        }
    });
}

/// The value that was kept for a field; empty when there is none.
pub(crate) fn recall(key: &str) -> Value {
    DRAFTS.with_borrow(|drafts| {
        let kept = drafts.entries.iter().find(|entry| entry.key == key);
        kept.map(|entry| entry.value.clone()).unwrap_or_default()
    })
}

/// Wipes the values whose keys begin so: all of them, or the secrets.
pub(crate) fn wipe(beginning: &str, all: bool) {
    DRAFTS.with_borrow_mut(|drafts| {
        for entry in &mut drafts.entries {
            if (all || entry.secret) && entry.key.starts_with(beginning) {
                entry.value = Value::default();
            }
        }
    });
}
