//! One input on screen: label, help, box, and what is said about its value.

use super::Ui;
use super::dom::{control, on, set, show, tag};
use super::speech;
use crate::listener::Listener;
use crate::options::{Options, Words};
use crate::session::{Input, Inputs};
use keyslot_core::advice::{self, FieldShape, Kind, Refusal, Repair};
use keyslot_core::dialog::Event;
use keyslot_core::form::{Checked, Fault, Field, Form, Value};
use keyslot_core::words::Word;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{ClipboardEvent, Element, HtmlElement};

#[wasm_bindgen]
extern "C" {
    /// The browser's own engine: the patterns are written for it, and it costs no bytes.
    #[wasm_bindgen(js_name = RegExp)]
    type Pattern;
    #[wasm_bindgen(constructor, catch, js_class = "RegExp")]
    fn new(pattern: &str) -> Result<Pattern, JsValue>;
    #[wasm_bindgen(method)]
    fn test(this: &Pattern, text: &str) -> bool;
}

/// A pattern is an advice; over this length it is not worth a second of somebody's time.
const PATTERN_INPUT_MAX: usize = 8 * 1024;

/// One field on screen. Hidden fields have none.
pub(super) struct FieldView {
    /// Where the field stands in [`Form::fields`].
    pub(super) index: usize,
    /// The whole row.
    pub(super) row: Element,
    input: Element,
    frame: Element,
    note: Element,
    fault: Element,
    toggle: Option<Element>,
    /// The value before the repair that is shown, for Undo.
    before: Option<Value>,
    /// What an accepted offer would put here.
    offered: Option<Repair>,
    /// The person undid a repair: leave this value alone.
    untouched: bool,
    listeners: Vec<Listener>,
    /// The note's own button.
    note_button: Option<Listener>,
}

impl FieldView {
    /// Builds the row.
    pub(super) fn new(
        index: usize,
        field: &Field,
        options: &Options,
        inputs: &Inputs,
    ) -> Result<FieldView, JsValue> {
        let words = &options.words;
        let id = |part: &str| [part, "-", &field.name].concat();
        let (input_id, help_id, note_id, fault_id) = (id("input"), id("help"), id("note"), id("fault"));
        let title = title(field, words);

        let mut label = tag("label", "label")?.attr("for", &input_id)?.text(title);
        if field.optional {
            let text = [" (", words.get(Word::Optional), ")"].concat();
            label = label.child(&tag("span", "optional")?.text(&text).done())?;
        }
        let label = label.done();
        let help = tag("p", "help")?.attr("id", &help_id)?.attr("lang", "en")?.text(&field.description);
        let help = help.done();
        let note = tag("p", "note")?.attr("id", &note_id)?.done();
        let fault = tag("p", "fault")?.attr("id", &fault_id)?.done();
        show(&help, !field.description.is_empty());
        show(&note, false);
        show(&fault, false);

        let is_choice = !field.choices.is_empty();
        let described = [help_id, " ".into(), note_id, " ".into(), fault_id].concat();
        let mut input = tag(if is_choice { "select" } else { "input" }, "input")?
            .attr("id", &input_id)?
            .attr("name", &field.name)?
            .attr("aria-describedby", &described)?;
        if !field.optional {
            input = input.attr("aria-required", "true")?;
        }
        if is_choice {
            if field.optional || field.initial.is_empty() {
                let empty = tag("option", "")?.attr("value", "")?.text(words.get(Word::Choose)).done();
                input = input.child(&empty)?;
            }
            for choice in &field.choices {
                input = input.child(&tag("option", "")?.attr("value", choice)?.text(choice).done())?;
            }
        } else {
            input = input
                .attr("type", if field.secret { "password" } else { "text" })?
                .attr("placeholder", &field.example)?
                .attr("autocapitalize", "none")?
                .attr("autocorrect", "off")?
                .attr("spellcheck", "false")?
                .attr("dir", "ltr")?
                .attr_if("inputmode", matches!(field.kind, Kind::Url).then_some("url"))?;
            input = guard(input, field, options.password_managers)?;
        }
        let input = input.done();
        if field.secret || !matches!(field.kind, Kind::Plain | Kind::Username) {
            set(&input, "class", Some("input code"));
        }
        control(&input).set_value(&field.initial);

        let mut frame = tag("div", "box")?;
        if let Some(prefix) = &field.prefix {
            frame = frame.child(&tag("span", "affix")?.text(prefix).done())?;
        }
        frame = frame.child(&input)?;
        if let Some(suffix) = &field.suffix {
            frame = frame.child(&tag("span", "affix")?.text(suffix).done())?;
        }
        let mut listeners = Vec::new();
        let mut toggle = None;
        if field.secret && !is_choice {
            let button = tag("button", "toggle")?
                .attr("type", "button")?
                .attr("aria-controls", &input_id)?
                .text(words.get(Word::Show))
                .done();
            set(&button, "aria-label", Some(&words.fill(Word::ShowField, &[("field", title)])));
            let report = inputs.clone();
            listeners.push(on(&button, "click", move |_| report.send(Input::Ui(Ui::Toggle(index))))?);
            frame = frame.child(&button)?;
            toggle = Some(button);
        }
        let frame = frame.done();

        let report = inputs.clone();
        listeners.push(on(&input, "input", move |_| report.send(Input::Ui(Ui::Edited(index))))?);
        let report = inputs.clone();
        listeners.push(on(&input, "change", move |_| report.send(Input::Ui(Ui::Left(index))))?);
        if !is_choice {
            listeners.push(paste_listener(index, field, &input, inputs)?);
        }

        let row = tag("div", "field")?
            .child(&label)?
            .child(&help)?
            .child(&frame)?
            .child(&fault)?
            .child(&note)?
            .done();
        Ok(FieldView {
            index,
            row,
            input,
            frame,
            note,
            fault,
            toggle,
            before: None,
            offered: None,
            untouched: false,
            listeners,
            note_button: None,
        })
    }

    /// What is in the box.
    pub(super) fn value(&self) -> Value {
        control(&self.input).value().into()
    }

    /// Puts a value in the box.
    pub(super) fn set_value(&self, value: &str) {
        control(&self.input).set_value(value);
    }

    /// Focuses the box; after a fault, with everything selected, so that a paste replaces it.
    pub(super) fn focus(&self, select: bool) {
        let _ = self.input.unchecked_ref::<HtmlElement>().focus();
        if select && self.input.has_attribute("type") {
            control(&self.input).select();
        }
    }

    /// While a request is under way the value stays readable and the focus stays put, which
    /// `disabled` would not allow.
    pub(super) fn set_busy(&self, busy: bool) {
        set(&self.input, "readonly", busy.then_some(""));
    }

    /// Marks the box as wrong, or not.
    pub(super) fn mark(&self, wrong: bool) {
        set(&self.input, "aria-invalid", wrong.then_some("true"));
        set(&self.frame, "data-invalid", wrong.then_some(""));
    }

    /// Whether the box is marked as wrong.
    pub(super) fn is_faulty(&self) -> bool {
        self.input.has_attribute("aria-invalid")
    }

    /// Shows why the value cannot be sent, or nothing.
    pub(super) fn show_fault(&self, text: Option<&str>) {
        self.fault.set_text_content(text);
        show(&self.fault, text.is_some());
        self.mark(text.is_some());
    }

    /// Empties the box and forgets what was kept for Undo.
    pub(super) fn wipe(&mut self) {
        self.set_value("");
        self.before = None;
        self.offered = None;
    }

    /// The person typed: what was said about the old value no longer holds.
    pub(super) fn edited(&mut self) {
        self.show_fault(None);
        self.untouched = false;
        self.before = None;
        self.offered = None;
        self.note(None, None);
    }

    /// Shows or masks a secret.
    pub(super) fn toggle(&self, field: &Field, words: &Words) {
        let Some(button) = &self.toggle else { return };
        let shown = self.input.get_attribute("type").as_deref() == Some("text");
        set(&self.input, "type", Some(if shown { "password" } else { "text" }));
        let (text, label) = if shown {
            (Word::Show, Word::ShowField)
        } else {
            (Word::Hide, Word::HideField)
        };
        button.set_text_content(Some(words.get(text)));
        let label = words.fill(label, &[("field", title(field, words))]);
        set(button, "aria-label", Some(&label));
    }

    /// A paste was repaired: show the result, say what was removed, offer to undo.
    pub(super) fn repaired(&mut self, before: Value, repair: Repair, words: &Words, inputs: &Inputs) {
        self.set_value(&repair.value);
        self.before = Some(before);
        let text = speech::repaired(&repair, words);
        let index = self.index;
        self.show_note(&text, words.get(Word::Undo), Ui::Undo(index), inputs);
    }

    /// A password could be repaired, or one paste holds two values: offer it.
    pub(super) fn offer(&mut self, repair: Repair, words: &Words, inputs: &Inputs) {
        let (text, button) = if repair.split.is_some() {
            (words.get(Word::OfferSplit).to_owned(), Word::OfferSplitDo)
        } else {
            let what = speech::parts(&repair.removed, words);
            (words.fill(Word::OfferRepair, &[("what", &what)]), Word::OfferRepairDo)
        };
        self.offered = Some(repair);
        let index = self.index;
        self.show_note(&text, words.get(button), Ui::Accept(index), inputs);
    }

    /// Takes the repair back and leaves the value alone from now on.
    pub(super) fn undo(&mut self) {
        if let Some(before) = self.before.take() {
            self.set_value(&before);
            self.untouched = true;
            self.note(None, None);
            self.focus(false);
        }
    }

    /// The offer, if there is one, taken.
    pub(super) fn accept(&mut self) -> Option<Repair> {
        self.note(None, None);
        self.offered.take()
    }

    /// Says what the value looks like, unless something more useful is said already.
    pub(super) fn advise(&mut self, field: &Field, form: &Form, words: &Words) {
        if self.before.is_some() || self.offered.is_some() {
            return;
        }
        let value = self.value();
        let text = if value.is_empty() { None } else { notice(field, form, &value, words) };
        self.note(text.as_deref(), None);
    }

    /// Checks the value as it is about to be sent; shows the repair or the fault.
    ///
    /// `None`: it may not be sent.
    pub(super) fn check(
        &mut self,
        field: &Field,
        form: &Form,
        words: &Words,
        inputs: &Inputs,
    ) -> Option<Value> {
        let value = self.value();
        let Checked { repair, fault } = form.check(field, &value, self.untouched);
        let sent = match repair {
            None => value,
            Some(repair) => {
                let sent: Value = repair.value.clone();
                self.repaired(value, repair, words, inputs);
                sent
            }
        };
        self.show_fault(fault.map(|fault| fault_text(fault, words)));
        if fault.is_none() {
            self.advise(field, form, words);
        }
        fault.is_none().then_some(sent)
    }

    fn show_note(&mut self, text: &str, button: &str, does: Ui, inputs: &Inputs) {
        let Ok(element) = tag("button", "inline").and_then(|t| t.attr("type", "button")) else {
            return;
        };
        let element = element.text(button).done();
        let (report, does) = (inputs.clone(), std::cell::Cell::new(Some(does)));
        let listener = on(&element, "click", move |_| {
            if let Some(does) = does.take() {
                report.send(Input::Ui(does));
            }
        });
        self.note(Some(text), listener.ok());
        let _ = self.note.append_child(tag("span", "").map(|t| t.text(" ").done()).as_ref().unwrap_or(&element));
        let _ = self.note.append_child(&element);
    }

    fn note(&mut self, text: Option<&str>, button: Option<Listener>) {
        self.note.set_text_content(text);
        show(&self.note, text.is_some());
        self.note_button = button;
    }
}

impl Drop for FieldView {
    fn drop(&mut self) {
        self.wipe();
        self.listeners.clear();
    }
}

/// The label: the template's, or the generic word.
pub(super) fn title<'a>(field: &'a Field, words: &'a Words) -> &'a str {
    if !field.title.is_empty() {
        return &field.title;
    }
    match field.name.as_str() {
        "apiKey" => words.get(Word::ApiKey),
        "username" => words.get(Word::Username),
        "password" => words.get(Word::Password),
        other => other,
    }
}

/// `autocomplete`, and the opt-outs of the four common managers. They offer to save an API key as a
/// login, which it is not; a user name and a password are one, unless the name is a key in disguise.
/// The last attribute keeps session replay tools out of the field.
fn guard(input: super::dom::Tag, field: &Field, allowed: bool) -> Result<super::dom::Tag, JsValue> {
    let login = matches!(field.kind, Kind::Username | Kind::Password) && field.credential;
    let complete = match field.kind {
        Kind::Username if login => "username",
        Kind::Password if login => "current-password",
        _ => "off",
    };
    let mut input = input.attr("autocomplete", complete)?;
    if !login && !allowed {
        for (name, value) in [
            ("data-1p-ignore", ""),
            ("data-lpignore", "true"),
            ("data-bwignore", ""),
            ("data-form-type", "other"),
        ] {
            input = input.attr(name, value)?;
        }
    }
    for (name, value) in
        [("data-sentry-mask", ""), ("data-private", "true"), ("data-clarity-mask", "true")]
    {
        input = input.attr(name, value)?;
    }
    Ok(input)
}

/// Repairs on paste. The decision is made here, because only now can the browser's own paste be
/// prevented; a paste that needs no repair is left to the browser, with its undo history.
fn paste_listener(
    index: usize,
    field: &Field,
    input: &Element,
    inputs: &Inputs,
) -> Result<Listener, JsValue> {
    let (name, kind) = (field.name.clone(), field.kind);
    let (prefix, suffix) = (field.prefix.clone(), field.suffix.clone());
    let report = inputs.clone();
    let target = input.clone();
    on(input, "paste", move |event| {
        let Some(data) = event.unchecked_ref::<ClipboardEvent>().clipboard_data() else { return };
        let Ok(text) = data.get_data("text") else { return };
        let text: Value = text.into();
        let value: Value = control(&target).value().into();
        let selected = control(&target).selection_end().ok().flatten().unwrap_or(0)
            - control(&target).selection_start().ok().flatten().unwrap_or(0);
        // Pasting into the middle of something is editing: the pieces are judged on submit.
        if !value.is_empty() && selected as usize != value.encode_utf16().count() {
            return;
        }
        let shape = FieldShape {
            name: &name,
            kind,
            prefix: prefix.as_deref(),
            suffix: suffix.as_deref(),
        };
        let repair = advice::repair(&shape, &text);
        if repair.split.is_some() || (repair.offer && !repair.removed.is_empty()) {
            report.send(Input::Ui(Ui::Offered(index, repair)));
        } else if repair.found_something() {
            event.prevent_default();
            report.send(Input::Dialog(Event::Edited));
            report.send(Input::Ui(Ui::Pasted(index, text, repair)));
        } else {
            report.send(Input::Ui(Ui::Left(index)));
        }
    })
}

fn fault_text(fault: Fault, words: &Words) -> &str {
    words.get(match fault {
        Fault::Refused(Refusal::Empty) => Word::FaultEmpty,
        Fault::Refused(Refusal::HeaderUnsafe(_)) => Word::FaultHeader,
        Fault::Refused(Refusal::TooLong) => Word::FaultLong,
        Fault::Refused(Refusal::NotAHost) => Word::FaultHost,
        Fault::NotAChoice => Word::FaultChoice,
    })
}

/// What the value looks like, in words: the advice engine's notice first, then the pattern.
fn notice(field: &Field, form: &Form, value: &str, words: &Words) -> Option<String> {
    let own = form.key_shapes.as_slice();
    let provider = form.provider_name.as_str();
    if let Some(notice) = advice::recognise(&field.shape(), value, own, provider) {
        return Some(speech::notice(&notice, provider, words));
    }
    let pattern = field.pattern.as_deref()?;
    if value.len() > PATTERN_INPUT_MAX || Pattern::new(pattern).ok()?.test(value) {
        return None;
    }
    Some(if field.example.is_empty() {
        words.get(Word::NoticePatternPlain).to_owned()
    } else {
        words.fill(Word::NoticePattern, &[("example", &field.example)])
    })
}

