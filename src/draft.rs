//! What was typed, kept for when the dialog is opened again.
//!
//! In the module's memory only: never in the DOM, a storage or an event. What is not secret lives as
//! long as the page; a secret for five minutes. All of it is wiped after success and on `pagehide`.

use crate::dom::window;
use crate::listener::Listener;
use crate::timer::Timer;
use keyslot_core::form::Value;
use std::cell::RefCell;

const SECRET_LIFE_MS: f64 = 5.0 * 60.0 * 1000.0;

struct Entry {
    integration: String,
    field: String,
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

/// Keeps one value, in place of an earlier one of the same field.
pub(crate) fn keep(integration: &str, field: &str, secret: bool, value: Value) {
    DRAFTS.with_borrow_mut(|drafts| {
        drafts.entries.retain(|e| e.integration != integration || e.field != field);
        if value.is_empty() {
            return;
        }
        drafts.entries.push(Entry {
            integration: integration.to_owned(),
            field: field.to_owned(),
            secret,
            value,
        });
        if drafts.page_hide.is_none() {
            drafts.page_hide = Some(Listener::new(&window(), "pagehide", false, |_| forget_all()));
        }
        if secret {
            // The newest secret restarts the clock for all of them: simple, and never too long for it.
            drafts.expiry = Some(Timer::new(SECRET_LIFE_MS, forget_secrets));
        }
    });
}

/// Takes the value that was kept for a field.
pub(crate) fn recall(integration: &str, field: &str) -> Option<Value> {
    DRAFTS.with_borrow(|drafts| {
        let mut kept = drafts.entries.iter();
        kept.find(|e| e.integration == integration && e.field == field).map(|e| e.value.clone())
    })
}

/// Wipes what was kept for an integration: it is connected.
pub(crate) fn forget(integration: &str) {
    DRAFTS.with_borrow_mut(|drafts| drafts.entries.retain(|e| e.integration != integration));
}

/// Wipes everything: the page is going away.
pub(crate) fn forget_all() {
    DRAFTS.with_borrow_mut(|drafts| {
        drafts.entries.clear();
        drafts.expiry = None;
    });
}

fn forget_secrets() {
    // The timer's own closure is running: keep `expiry`, it is replaced or dropped later.
    DRAFTS.with_borrow_mut(|drafts| drafts.entries.retain(|e| !e.secret));
}
