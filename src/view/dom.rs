//! The only place that creates elements.
//!
//! Text enters the page through `textContent` alone and styles through adopted sheets: nothing here
//! needs a Trusted Types policy or `unsafe-inline`.

use crate::listener::Listener;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, Event, HtmlInputElement};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = document)]
    static DOCUMENT: Document;
}

/// The page's document.
pub(super) fn document() -> Document {
    DOCUMENT.with(Clone::clone)
}

/// An element under construction.
pub(super) struct Tag(Element);

/// Starts an element. `part` is its class, and its `::part()` name for the integrator.
pub(super) fn tag(name: &str, part: &str) -> Result<Tag, JsValue> {
    let element = document().create_element(name)?;
    if !part.is_empty() {
        element.set_attribute("class", part)?;
        element.set_attribute("part", part)?;
    }
    Ok(Tag(element))
}

impl Tag {
    /// Sets an attribute.
    pub(super) fn attr(self, name: &str, value: &str) -> Result<Tag, JsValue> {
        self.0.set_attribute(name, value)?;
        Ok(self)
    }

    /// Sets an attribute when there is a value.
    pub(super) fn attr_if(self, name: &str, value: Option<&str>) -> Result<Tag, JsValue> {
        match value {
            Some(value) => self.attr(name, value),
            None => Ok(self),
        }
    }

    /// Sets the text.
    pub(super) fn text(self, text: &str) -> Tag {
        self.0.set_text_content(Some(text));
        self
    }

    /// Appends a child.
    pub(super) fn child(self, child: &Element) -> Result<Tag, JsValue> {
        self.0.append_child(child)?;
        Ok(self)
    }

    /// The element.
    pub(super) fn done(self) -> Element {
        self.0
    }
}

/// Listens on an element; what the handler wants to happen it reports.
pub(super) fn on(
    element: &Element,
    kind: &'static str,
    heard: impl FnMut(Event) + 'static,
) -> Result<Listener, JsValue> {
    Listener::new(element, kind, heard)
}

/// `<input>` and `<select>` alike: both have `value`, and bindings are duck-typed.
pub(super) fn control(element: &Element) -> &HtmlInputElement {
    element.unchecked_ref()
}

/// Shows or hides an element.
pub(super) fn show(element: &Element, visible: bool) {
    set(element, "hidden", (!visible).then_some(""));
}

/// Sets or removes an attribute. Cannot fail for the constant names used here.
pub(super) fn set(element: &Element, name: &str, value: Option<&str>) {
    let _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
}
