//! A timeout that is cleared when it is dropped.

use crate::trap;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, milliseconds: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// Fires once, unless dropped before.
#[must_use = "a dropped timer never fires"]
pub(crate) struct Timer {
    id: JsValue,
    _closure: Closure<dyn FnMut()>,
}

impl Timer {
    /// Calls `fired` after `milliseconds`.
    pub(crate) fn new(milliseconds: f64, fired: impl FnMut() + 'static) -> Timer {
        let mut fired: Box<dyn FnMut()> = Box::new(fired);
        let closure = Closure::<dyn FnMut()>::new(move || trap::inside(&mut fired));
        let id = set_timeout(closure.as_ref().unchecked_ref(), milliseconds);
        Timer { id, _closure: closure }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.id);
    }
}
