//! The browser's objects, as far as the widget touches them: one duck-typed handle with the few
//! members that are needed.
//!
//! `web-sys` has a type for each interface and an error path for each call; here the calls that
//! cannot fail (an element by a constant name, an attribute by a constant name) have none, which
//! more than halves the code of the view. What can fail says so in its type. Should one of the
//! others throw all the same, on a page that has replaced it, the exception leaves through
//! [`crate::trap::inside`] and is treated like a trap.
//!
//! Text enters the page through `textContent` alone and styles through adopted sheets: no Trusted
//! Types policy and no `unsafe-inline` is needed.

use js_sys::{Array, Function, Object};
use keyslot_core::text::cut;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    /// An element, a document, a window, an event, a style sheet: whatever has the member.
    #[wasm_bindgen(extends = Object)]
    #[derive(Clone, PartialEq)]
    pub(crate) type Dom;

    /// `globalThis` by way of a function of its own: a static would be a cell of its own.
    #[wasm_bindgen(js_namespace = globalThis, js_name = valueOf)]
    pub(crate) fn window() -> Dom;
    #[wasm_bindgen(js_namespace = document, js_name = createElement)]
    fn create_element(name: &str) -> Dom;
    #[wasm_bindgen(method, js_name = setAttribute)]
    fn set_attribute(this: &Dom, name: &str, value: &str);
    #[wasm_bindgen(method, js_name = removeAttribute)]
    fn remove_attribute(this: &Dom, name: &str);
    #[wasm_bindgen(method, js_name = hasAttribute)]
    pub(crate) fn has_attribute(this: &Dom, name: &str) -> bool;
    #[wasm_bindgen(method, setter, js_name = textContent)]
    fn set_text_content(this: &Dom, text: &str);
    #[wasm_bindgen(method, js_name = appendChild)]
    pub(crate) fn append(this: &Dom, child: &Dom);
    #[wasm_bindgen(method)]
    pub(crate) fn remove(this: &Dom);
    #[wasm_bindgen(method, getter, js_name = isConnected)]
    pub(crate) fn is_connected(this: &Dom) -> bool;

    #[wasm_bindgen(method, catch, js_name = attachShadow)]
    pub(crate) fn attach_shadow(this: &Dom, init: &JsValue) -> Result<Dom, JsValue>;
    #[wasm_bindgen(method, catch, js_name = showModal)]
    pub(crate) fn show_modal(this: &Dom) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Dom);
    #[wasm_bindgen(method)]
    pub(crate) fn focus(this: &Dom);
    #[wasm_bindgen(method)]
    pub(crate) fn select(this: &Dom);
    #[wasm_bindgen(method, getter)]
    pub(crate) fn value(this: &Dom) -> String;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_value(this: &Dom, value: &str);

    #[wasm_bindgen(method, js_name = addEventListener)]
    pub(crate) fn add_listener(this: &Dom, kind: &str, heard: &Function, capture: bool);
    #[wasm_bindgen(method, js_name = removeEventListener)]
    pub(crate) fn remove_listener(this: &Dom, kind: &str, heard: &Function, capture: bool);
    #[wasm_bindgen(method, js_name = preventDefault)]
    pub(crate) fn prevent_default(this: &Dom);
    #[wasm_bindgen(method, js_name = stopImmediatePropagation)]
    pub(crate) fn stop(this: &Dom);

    #[wasm_bindgen(method, js_name = composedPath)]
    pub(crate) fn path(this: &Dom) -> Array;
    #[wasm_bindgen(method, js_name = dispatchEvent)]
    pub(crate) fn dispatch(this: &Dom, event: &Dom);

    /// A plain event: it neither bubbles nor leaves its tree, and activates nothing.
    #[wasm_bindgen(extends = Dom, js_name = Event)]
    pub(crate) type Plain;
    #[wasm_bindgen(constructor, js_class = "Event")]
    pub(crate) fn new(kind: &str) -> Plain;

    #[wasm_bindgen(method, js_name = setProperty)]
    pub(crate) fn set_property(this: &Dom, name: &str, value: &str);
    #[wasm_bindgen(method, getter, js_name = adoptedStyleSheets)]
    pub(crate) fn sheets(this: &Dom) -> Array;
    #[wasm_bindgen(method, setter, js_name = adoptedStyleSheets)]
    pub(crate) fn set_sheets(this: &Dom, sheets: &Array);

    /// A member that is read once or twice; not worth a binding of its own.
    #[wasm_bindgen(js_namespace = Reflect, js_name = get)]
    fn member(object: &Dom, name: &str) -> JsValue;
}

/// The page's document.
pub(crate) fn document() -> Dom {
    window().get("document").unchecked_into()
}

/// What `navigator.onLine` says. `false` is certain, `true` is a guess.
pub(crate) fn is_online() -> bool {
    window().object("navigator").is_none_or(|navigator| navigator.get("onLine").is_truthy())
}

/// A plain object of what is not undefined.
pub(crate) fn object(members: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in members {
        if !value.is_undefined() {
            // Setting a property of a fresh object cannot fail.
            let _ = js_sys::Reflect::set(&object, &JsValue::from_str(name), value);
        }
    }
    object
}

/// A tree of elements made from a description, which costs a tenth of the code that the same calls would.
///
/// A line is `depth tag.class|name=value|…`; the class is the element's `::part()` name as well. The
/// elements are known by the place of their line.
pub(crate) struct Parts(Vec<Dom>);

impl Parts {
    /// Builds the tree.
    pub(crate) fn new(lines: &str) -> Parts {
        let mut made: Vec<Dom> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut lines = cut(lines, b'\n');
        while !lines.0.is_empty() {
            let (head, mut words) = cut(lines.0, b'|');
            let (name, class) = cut(head, b'.');
            // The depth is a digit.
            let (depth, name) = name.split_at_checked(1).unwrap_or_default();
            let new = element(name, class);
            while !words.is_empty() {
                let (word, more) = cut(words, b'|');
                let (name, value) = cut(word, b'=');
                new.set(name, value);
                words = more;
            }
            lines = cut(lines.1, b'\n');
            open.truncate(usize::from(depth.bytes().next().unwrap_or(b'0') - b'0'));
            if let Some(parent) = open.last().and_then(|at| made.get(*at)) {
                parent.append(&new);
            }
            open.push(made.len());
            made.push(new);
        }
        Parts(made)
    }

    /// The element of a line.
    #[expect(clippy::indexing_slicing, reason = "lines are constants beside the description")]
    pub(crate) fn at(&self, line: usize) -> &Dom {
        &self.0[line]
    }
}

/// Makes an element. `part` is its class, and its `::part()` name for the integrator.
pub(crate) fn element(name: &str, part: &str) -> Dom {
    let element = create_element(name);
    if !part.is_empty() {
        element.set("class", part);
        element.set("part", part);
    }
    element
}

impl Dom {
    /// Sets an attribute.
    pub(crate) fn set(&self, name: &str, value: &str) {
        self.set_attribute(name, value);
    }

    /// Sets or removes an attribute.
    pub(crate) fn toggle(&self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.set_attribute(name, value),
            None => self.remove_attribute(name),
        }
    }

    /// Shows or hides an element.
    pub(crate) fn show(&self, visible: bool) {
        self.toggle("hidden", (!visible).then_some(""));
    }

    /// Replaces the children by a text.
    pub(crate) fn say(&self, text: &str) {
        self.set_text_content(text);
    }

    /// Reads a member.
    pub(crate) fn get(&self, name: &str) -> JsValue {
        member(self, name)
    }

    /// Reads a member that is one of the browser's objects, if it is there.
    pub(crate) fn object(&self, name: &str) -> Option<Dom> {
        let value = self.get(name);
        value.is_object().then(|| value.unchecked_into())
    }
}
