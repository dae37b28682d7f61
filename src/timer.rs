//! A timeout that is cleared when it is dropped.

use crate::callback::Callback;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

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
    _callback: Callback,
}

impl Timer {
    /// Calls `fired` after `milliseconds`.
    pub(crate) fn new(milliseconds: f64, mut fired: impl FnMut() + 'static) -> Timer {
        let callback = Callback::new(move |_| fired());
        Timer { id: set_timeout(callback.function(), milliseconds), _callback: callback }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.id);
    }
}
