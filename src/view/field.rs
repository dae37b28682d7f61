//! One input on screen: label, help, box, and what is said about its value.

use super::Ui;
use super::speech;
use crate::dom::{Dom, element};
use crate::listener::Listener;
use crate::options::{Options, Words};
use crate::session::{Input, Inputs};
use keyslot_core::advice::{self, FieldShape, Kind, Refusal, Repair};
use keyslot_core::dialog::Event;
use keyslot_core::form::{Checked, Fault, Field, Form, Value};
use keyslot_core::words::Word;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// The browser's own engine: the patterns are written for it, and it costs no bytes.
    #[wasm_bindgen(js_name = RegExp)]
    type Pattern;
    #[wasm_bindgen(constructor, catch, js_class = "RegExp")]
    fn new(pattern: &str) -> Result<Pattern, JsValue>;
    #[wasm_bindgen(method)]
    fn test(this: &Pattern, text: &str) -> bool;

    #[wasm_bindgen(extends = Dom, js_name = DataTransfer)]
    type Clipboard;
    #[wasm_bindgen(method, catch, js_name = getData)]
    fn text(this: &Clipboard, kind: &str) -> Result<String, JsValue>;
}

/// A pattern is an advice; over this length it is not worth a second of somebody's time.
const PATTERN_INPUT_MAX: usize = 8 * 1024;

/// One field on screen. Hidden fields have none.
pub(super) struct FieldView {
    /// Where the field stands in [`Form::fields`].
    pub(super) index: usize,
    /// The whole row.
    pub(super) row: Dom,
    input: Dom,
    frame: Dom,
    note: Dom,
    fault: Dom,
    toggle: Option<Dom>,
    /// A secret in clear.
    shown: bool,
    /// Marked as wrong.
    wrong: bool,
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
    ) -> FieldView {
        let words = &options.words;
        let id = |part: &str| [part, &field.name].concat();
        let (input_id, help_id, note_id, fault_id) =
            (id("input-"), id("help-"), id("note-"), id("fault-"));
        let title = title(field, words);

        let label = element("label", "label").with("for", &input_id).text(title);
        if field.optional {
            let text = [" (", words.get(Word::Optional), ")"].concat();
            label.append(&element("span", "optional").text(&text));
        }
        let help =
            element("p", "help").with("id", &help_id).with("lang", "en").text(&field.description);
        let note = element("p", "note").with("id", &note_id);
        let fault = element("p", "fault").with("id", &fault_id);
        help.show(!field.description.is_empty());
        note.show(false);
        fault.show(false);

        let is_choice = !field.choices.is_empty();
        let described = [&help_id, " ", &note_id, " ", &fault_id].concat();
        let input = element(if is_choice { "select" } else { "input" }, "input")
            .with("id", &input_id)
            .with("name", &field.name)
            .with("aria-describedby", &described);
        if !field.optional {
            input.set("aria-required", "true");
        }
        if is_choice {
            if field.optional || field.initial.is_empty() {
                input
                    .append(&element("option", "").with("value", "").text(words.get(Word::Choose)));
            }
            for choice in &field.choices {
                input.append(&element("option", "").with("value", choice).text(choice));
            }
        } else {
            input.set("type", if field.secret { "password" } else { "text" });
            input.set("placeholder", &field.example);
            for (name, value) in guard(field, options.password_managers) {
                input.set(name, value);
            }
        }
        if field.secret || !matches!(field.kind, Kind::Plain | Kind::Username) {
            input.set("class", "input code");
        }
        input.set_value(&field.initial);

        let frame = element("div", "box");
        let affix = |text: &Option<String>| {
            if let Some(text) = text {
                frame.append(&element("span", "affix").text(text));
            }
        };
        affix(&field.prefix);
        frame.append(&input);
        affix(&field.suffix);
        let report = |kind: &'static str, target: &Dom, ui: fn(usize) -> Ui| {
            let inputs = inputs.clone();
            Listener::new(target, kind, move |_| inputs.send(Input::Ui(ui(index))))
        };
        let mut listeners =
            vec![report("input", &input, Ui::Edited), report("change", &input, Ui::Left)];
        let mut toggle = None;
        if !is_choice {
            listeners.push(paste_listener(index, field, &input, inputs));
            if field.secret {
                let button = element("button", "toggle")
                    .with("type", "button")
                    .with("aria-controls", &input_id)
                    .with("aria-label", &words.fill(Word::ShowField, &[("field", title)]))
                    .text(words.get(Word::Show));
                listeners.push(report("click", &button, Ui::Toggle));
                frame.append(&button);
                toggle = Some(button);
            }
        }

        let row = element("div", "field");
        for part in [&label, &help, &frame, &fault, &note] {
            row.append(part);
        }
        FieldView {
            index,
            row,
            input,
            frame,
            note,
            fault,
            toggle,
            shown: false,
            wrong: false,
            before: None,
            offered: None,
            untouched: false,
            listeners,
            note_button: None,
        }
    }

    /// What is in the box.
    pub(super) fn value(&self) -> Value {
        self.input.value().into()
    }

    /// Puts a value in the box.
    pub(super) fn set_value(&self, value: &str) {
        self.input.set_value(value);
    }

    /// Focuses the box; after a fault, with everything selected, so that a paste replaces it.
    pub(super) fn focus(&self, select: bool) {
        self.input.focus();
        if select && self.input.has_attribute("type") {
            self.input.select(); // a `<select>` has no such method
        }
    }

    /// While a request is under way the value stays readable and the focus stays put, which
    /// `disabled` would not allow.
    pub(super) fn set_busy(&self, busy: bool) {
        self.input.toggle("readonly", busy.then_some(""));
    }

    /// Marks the box as wrong, or not.
    pub(super) fn mark(&mut self, wrong: bool) {
        self.wrong = wrong;
        self.input.toggle("aria-invalid", wrong.then_some("true"));
        self.frame.toggle("data-invalid", wrong.then_some(""));
    }

    /// Whether the box is marked as wrong.
    pub(super) fn is_faulty(&self) -> bool {
        self.wrong
    }

    /// Shows why the value cannot be sent, or nothing.
    pub(super) fn show_fault(&mut self, text: Option<&str>) {
        self.fault.say(text.unwrap_or_default());
        self.fault.show(text.is_some());
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
    pub(super) fn toggle(&mut self, field: &Field, words: &Words) {
        let Some(button) = &self.toggle else { return };
        self.shown = !self.shown;
        let (kind, text, label) = if self.shown {
            ("text", Word::Hide, Word::HideField)
        } else {
            ("password", Word::Show, Word::ShowField)
        };
        self.input.set("type", kind);
        button.say(words.get(text));
        button.set("aria-label", &words.fill(label, &[("field", title(field, words))]));
    }

    /// A paste was repaired: show the result, say what was removed, offer to undo.
    pub(super) fn repaired(
        &mut self,
        before: Value,
        repair: Repair,
        words: &Words,
        inputs: &Inputs,
    ) {
        self.set_value(&repair.value);
        self.before = Some(before);
        let text = speech::repaired(&repair, words);
        self.show_note(&text, words.get(Word::Undo), Ui::Undo, inputs);
    }

    /// A password could be repaired, or one paste holds two values: offer it.
    pub(super) fn offer(&mut self, repair: Repair, words: &Words, inputs: &Inputs) {
        let (text, button) = if repair.split.is_some() {
            (words.get(Word::OfferSplit).to_owned(), Word::OfferSplitDo)
        } else {
            let what = speech::parts(&repair, words);
            (words.fill(Word::OfferRepair, &[("what", &what)]), Word::OfferRepairDo)
        };
        self.offered = Some(repair);
        self.show_note(&text, words.get(button), Ui::Accept, inputs);
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

    fn show_note(&mut self, text: &str, button: &str, does: fn(usize) -> Ui, inputs: &Inputs) {
        let button = element("button", "inline").with("type", "button").text(button);
        let (inputs, index) = (inputs.clone(), self.index);
        let listener =
            Listener::new(&button, "click", move |_| inputs.send(Input::Ui(does(index))));
        self.note(Some(&[text, " "].concat()), Some(listener));
        self.note.append(&button);
    }

    fn note(&mut self, text: Option<&str>, button: Option<Listener>) {
        self.note.say(text.unwrap_or_default());
        self.note.show(text.is_some());
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

/// The attributes that keep browsers, password managers and session replay in their place.
///
/// Managers offer to save an API key as a login, which it is not: the opt-outs of the four common
/// ones. A user name and a password are a login, unless the name is a key in disguise.
fn guard(field: &Field, allowed: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    let login = field.credential && matches!(field.kind, Kind::Username | Kind::Password);
    let complete = match field.kind {
        Kind::Username if login => "username",
        Kind::Password if login => "current-password",
        _ => "off",
    };
    let managers = [
        ("data-1p-ignore", ""),
        ("data-lpignore", "true"),
        ("data-bwignore", ""),
        ("data-form-type", "other"),
    ];
    let open = if login || allowed { managers.len() } else { 0 };
    [
        ("autocomplete", complete),
        // Four times what is ever sent, so a paste with words around the key fits and a longer one is
        // still refused in words. A browser takes half a minute over megabytes in a masked field.
        ("maxlength", "16384"),
        ("autocapitalize", "none"),
        ("autocorrect", "off"),
        ("spellcheck", "false"),
        ("dir", "ltr"),
        ("data-sentry-mask", ""),
        ("data-private", "true"),
        ("data-clarity-mask", "true"),
    ]
    .into_iter()
    .chain(managers.into_iter().skip(open))
}

/// Repairs on paste. The decision is made here, because only now can the browser's own paste be
/// prevented; a paste that needs no repair is left to the browser, with its undo history.
fn paste_listener(index: usize, field: &Field, input: &Dom, inputs: &Inputs) -> Listener {
    let (name, kind) = (field.name.clone(), field.kind);
    let (prefix, suffix) = (field.prefix.clone(), field.suffix.clone());
    let (report, target) = (inputs.clone(), input.clone());
    Listener::new(input, "paste", move |event| {
        let Some(data) = event.object("clipboardData") else { return };
        let Ok(text) = wasm_bindgen::JsCast::unchecked_ref::<Clipboard>(&data).text("text") else {
            return;
        };
        let text: Value = text.into();
        // Pasting into the middle of something is editing: the whole is judged on submit.
        let position = |name: &str| target.get(name).as_f64().unwrap_or_default() as usize;
        let value: Value = target.value().into();
        if position("selectionStart") > 0 || position("selectionEnd") < value.encode_utf16().count()
        {
            return;
        }
        let shape =
            FieldShape { name: &name, kind, prefix: prefix.as_deref(), suffix: suffix.as_deref() };
        let repair = advice::repair(&shape, &text);
        if repair.offer || repair.split.is_some() {
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
    if field.pattern.is_empty()
        || value.len() > PATTERN_INPUT_MAX
        || Pattern::new(&field.pattern).ok()?.test(value)
    {
        return None;
    }
    Some(if field.example.is_empty() {
        words.get(Word::NoticePatternPlain).to_owned()
    } else {
        words.fill(Word::NoticePattern, &[("example", &field.example)])
    })
}
