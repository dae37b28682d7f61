//! An event listener that is removed when it is dropped.
//!
//! Handlers report and return; nothing is awaited, removed or borrowed inside them, so a listener
//! never drops itself while it runs.

use crate::callback::Callback;
use crate::dom::Dom;

/// Removes itself from its target on drop.
#[must_use = "a dropped listener hears nothing"]
pub(crate) struct Listener {
    target: Dom,
    kind: &'static str,
    capture: bool,
    callback: Callback,
}

impl Listener {
    /// Listens on `target` for `kind`; in the capture phase, before the page can stop the event.
    pub(crate) fn new(
        target: &Dom,
        kind: &'static str,
        capture: bool,
        heard: impl FnMut(Dom) + 'static,
    ) -> Listener {
        let callback = Callback::new(heard);
        target.add_listener(kind, callback.function(), capture);
        Listener { target: target.clone(), kind, capture, callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.target.remove_listener(self.kind, self.callback.function(), self.capture);
    }
}
