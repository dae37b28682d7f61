//! An event listener that is removed when it is dropped.
//!
//! Handlers report and return; nothing is awaited, removed or borrowed inside them, so a listener
//! never drops itself while it runs.

use crate::trap;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AddEventListenerOptions, Event, EventTarget};

/// Removes itself from its target on drop.
#[must_use = "a dropped listener hears nothing"]
pub(crate) struct Listener {
    target: EventTarget,
    kind: &'static str,
    capture: bool,
    closure: Closure<dyn FnMut(Event)>,
}

impl Listener {
    /// Listens on `target`, never passively, so that `preventDefault` works.
    pub(crate) fn new(
        target: &EventTarget,
        kind: &'static str,
        heard: impl FnMut(Event) + 'static,
    ) -> Result<Listener, JsValue> {
        Listener::phase(target, kind, false, heard)
    }

    /// The same in the capture phase: heard before the page can stop the event.
    pub(crate) fn capture(
        target: &EventTarget,
        kind: &'static str,
        heard: impl FnMut(Event) + 'static,
    ) -> Result<Listener, JsValue> {
        Listener::phase(target, kind, true, heard)
    }

    fn phase(
        target: &EventTarget,
        kind: &'static str,
        capture: bool,
        mut heard: impl FnMut(Event) + 'static,
    ) -> Result<Listener, JsValue> {
        let closure =
            Closure::<dyn FnMut(Event)>::new(move |event| trap::inside(|| heard(event)));
        let options = AddEventListenerOptions::new();
        options.set_capture(capture);
        options.set_passive(false);
        target.add_event_listener_with_callback_and_add_event_listener_options(
            kind,
            closure.as_ref().unchecked_ref(),
            &options,
        )?;
        Ok(Listener { target: target.clone(), kind, capture, closure })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Fails only for a target that is no event target, and then `new` has failed already.
        let _ = self.target.remove_event_listener_with_callback_and_bool(
            self.kind,
            self.closure.as_ref().unchecked_ref(),
            self.capture,
        );
    }
}
