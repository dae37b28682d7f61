//! A function handed to the browser: what listeners, timers and observers call.
//!
//! One kind for all of them, because each kind of closure is code of its own in the module and its glue.

use crate::dom::Dom;
use crate::trap;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

/// Callable by the browser until it is dropped.
pub(crate) struct Callback(Closure<dyn FnMut(Dom)>);

impl Callback {
    /// Wraps `called`, which gets the event, where there is one.
    pub(crate) fn new(called: impl FnMut(Dom) + 'static) -> Callback {
        Callback::boxed(Box::new(called))
    }

    fn boxed(mut called: Box<dyn FnMut(Dom)>) -> Callback {
        Callback(Closure::new(move |event| trap::inside(|| called(event))))
    }

    /// What the browser is given.
    pub(crate) fn function(&self) -> &js_sys::Function {
        self.0.as_ref().unchecked_ref()
    }
}
