//! A paste, wherever in the dialog it lands.

use crate::dom::{Dom, document};
use crate::input::{Input, Ui};
use crate::inputs::Inputs;
use crate::listener::Listener;
use keyslot_core::advice;
use keyslot_core::form::{Form, Value};
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Dom, js_name = DataTransfer)]
    type Clipboard;
    #[wasm_bindgen(method, catch, js_name = getData)]
    fn text(this: &Clipboard, kind: &str) -> Result<String, JsValue>;
}

/// The most bytes that are put into a box here: its `maxlength`, which only holds for the browser's own paste.
const LENGTH_MAX: usize = 16_384;

/// Heard on the window, so that a page's own paste handlers do not come first. The decision is made here,
/// because only now can the browser's paste be prevented; one that needs no repair is left to the browser, with
/// its undo history. One that no text field takes goes to the first secret that is empty or all selected.
pub(super) fn listener(
    form: &Rc<Form>,
    host: &Dom,
    boxes: Vec<(usize, Dom)>,
    inputs: &Inputs,
) -> Listener {
    let (form, host, inputs) = (form.clone(), host.clone(), inputs.clone());
    Listener::new(&crate::dom::window(), "paste", true, move |event| {
        // With the focus on a button, or on nothing, some browsers name the body as the target.
        let active = document().get("activeElement");
        if active != **host && active != document().get("body") {
            return;
        }
        event.stop();
        let target = event.path().get(0);
        let own = boxes.iter().find(|(_, input)| target == ***input);
        let free = |(index, input): &&(usize, Dom)| {
            form.fields.get(*index).is_some_and(|field| field.secret) && is_whole(input)
        };
        let Some((index, input)) = own.or_else(|| boxes.iter().find(free)) else { return };
        // Pasting into the middle of something is editing: the whole is judged on submit.
        if !is_whole(input) || input.has_attribute("readonly") {
            return;
        }
        let Some(data) = event.object("clipboardData") else { return };
        let Ok(text) = data.unchecked_into::<Clipboard>().text("text") else { return };
        let text: Value = text.into();
        let Some(field) = form.fields.get(*index) else { return };
        let repair = advice::repair(&field.shape(), &text);
        let left_alone = own.is_some() && !event.get("defaultPrevented").is_truthy();
        let ours =
            if left_alone { repair.applies() } else { (1..=LENGTH_MAX).contains(&text.len()) };
        if ours {
            event.prevent_default();
            inputs.send(Input::Ui(Ui::Pasted(*index, text, repair)));
        }
    })
}

/// Whether a paste replaces all that is in the box.
fn is_whole(input: &Dom) -> bool {
    let number = |name: &str| input.get(name).as_f64().unwrap_or_default();
    let length = input.get("value").unchecked_into::<js_sys::JsString>().length();
    number("selectionStart") == 0.0 && number("selectionEnd") >= f64::from(length)
}
