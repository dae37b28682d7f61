//! What goes out to JavaScript: results and events.

use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Object, js_name = fromEntries)]
    fn from_entries(entries: &JsValue) -> JsValue;
}

/// A member of an object: its name and its text. As a pair, because serde-wasm-bindgen keeps a hash map
/// of the names of struct fields, which is a kilobyte.
#[derive(Serialize)]
pub(crate) struct Member<'a>(pub(crate) &'a str, pub(crate) &'a str);

/// An object of texts.
pub(crate) fn outgoing(members: &[Member<'_>]) -> js_sys::Object {
    // Pairs of strings always convert.
    let pairs = serde_wasm_bindgen::to_value(members).unwrap_or_default();
    from_entries(&pairs).unchecked_into()
}
