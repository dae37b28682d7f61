//! An event listener that is removed when it is dropped.
//!
//! Handlers report and return; nothing is awaited, removed or borrowed inside them, so a listener
//! never drops itself while it runs.

use crate::dom::Dom;
use crate::trap;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Removes itself from its target on drop.
#[must_use = "a dropped listener hears nothing"]
pub(crate) struct Listener {
    target: Dom,
    kind: &'static str,
    capture: bool,
    closure: Closure<dyn FnMut(Dom)>,
}

impl Listener {
    /// Listens on `target` for `kind`; in the capture phase, before the page can stop the event.
    pub(crate) fn new(
        target: &Dom,
        kind: &'static str,
        capture: bool,
        heard: impl FnMut(Dom) + 'static,
    ) -> Listener {
        Listener::boxed(target, kind, capture, Box::new(heard))
    }

    fn boxed(
        target: &Dom,
        kind: &'static str,
        capture: bool,
        mut heard: Box<dyn FnMut(Dom)>,
    ) -> Listener {
        let closure = Closure::<dyn FnMut(Dom)>::new(move |event| trap::inside(|| heard(event)));
        target.add_listener(kind, closure.as_ref().unchecked_ref(), capture);
        Listener { target: target.clone(), kind, capture, closure }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let heard = self.closure.as_ref().unchecked_ref();
        self.target.remove_listener(self.kind, heard, self.capture);
    }
}
