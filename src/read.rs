//! Reading JavaScript values.
//!
//! Incoming documents are read through [`Json`], member by member: the same code as in `core`'s
//! tests, one instance in the module. A serde `Deserializer` over JavaScript values was built and
//! measured: it costs twelve kilobytes more here, and `serde_wasm_bindgen::from_value` seventeen
//! (figures in ARCHITECTURE.md). What goes out uses serde.

use keyslot_core::json::{Json, texts};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = Reflect, js_name = get)]
    fn member(object: &JsValue, name: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_namespace = Object, js_name = hasOwn)]
    fn has_own(object: &JsValue, name: &str) -> Result<bool, JsValue>;
    #[wasm_bindgen(js_namespace = Object)]
    fn create(prototype: &JsValue) -> JsValue;
    /// Takes anything as a source, and nothing from what has no members.
    #[wasm_bindgen(js_namespace = Object)]
    fn assign(target: &JsValue, base: &JsValue, over: &JsValue) -> JsValue;
}

/// Reads one property of the browser's objects, wherever it is defined. `undefined` for what is no object.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    member(object, name).unwrap_or(JsValue::UNDEFINED)
}

/// Reads one member of what a caller or a server gave: the object's own, since a script of the page may have
/// put a `host` or `credentials` on `Object.prototype`.
pub(crate) fn own(object: &JsValue, name: &str) -> JsValue {
    if has_own(object, name) == Ok(true) { get(object, name) } else { JsValue::UNDEFINED }
}

/// The own members of both, `over` winning, in an object without a prototype: nobody who reads it, the browser
/// included, finds what was put on `Object.prototype`.
pub(crate) fn merged(base: &JsValue, over: &JsValue) -> JsValue {
    assign(&create(&JsValue::NULL), base, over)
}

/// The browser's value, as `core` reads it: own members only.
pub(crate) struct Js(pub(crate) JsValue);

impl Json for Js {
    fn get(&self, name: &str) -> Self {
        Js(own(&self.0, name))
    }

    fn as_text(&self) -> Option<String> {
        self.0.as_string()
    }

    fn as_number(&self) -> Option<i32> {
        self.0.as_f64().map(|number| number as i32) // saturates; NaN becomes 0
    }

    fn is_truthy(&self) -> bool {
        self.0.is_truthy()
    }

    fn names(&self) -> Vec<String> {
        if !self.0.is_object() {
            return Vec::new();
        }
        let object: &js_sys::Object = self.0.unchecked_ref();
        texts(&Js(js_sys::Object::keys(object).into()))
    }

    fn items(&self) -> Vec<Self> {
        let mut items = Vec::new();
        if let Some(list) = self.0.dyn_ref::<js_sys::Array>() {
            for at in 0..list.length() {
                items.push(Js(list.get(at)));
            }
        }
        items
    }
}
