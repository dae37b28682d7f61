//! One input on screen: label, help, box, and what is said about its value.

use super::{report, speech};
use crate::dom::{Dom, Parts, element};
use crate::input::{Input, Signal, Ui};
use crate::inputs::Inputs;
use crate::listener::Listener;
use crate::options::{Options, Words};
use keyslot_core::advice::{self, Kind, Refusal, Repair, Split};
use keyslot_core::form::{Checked, Fault, Field, Form, Value};
use keyslot_core::text::joined;
use keyslot_core::words::{Word, fill};
use std::rc::Rc;
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

    #[wasm_bindgen(js_name = encodeURIComponent)]
    fn encode(text: &str) -> String;
}

/// A pattern is an advice; over this length it is not worth a second of somebody's time.
const PATTERN_INPUT_MAX: usize = 8 * 1024;

/// The tree of a row; see [`Parts`]. The constants are the lines.
///
/// `maxlength` is four times what is ever sent, so a paste with words around the key fits and a longer
/// one is still refused in words: a browser takes half a minute over megabytes in a masked field.
const ROW: &str = "\
0div.field
1label.label|for=input-{id}
2span.
2span.optional
1p.help|id=help-{id}|lang=en
1div.box
2span.affix
2{tag}.{class}|id=input-{id}|aria-describedby=help-{id} note-{id} fault-{id}{guard}
2span.affix
2button.toggle|type=button|aria-controls=input-{id}
1p.fault|id=fault-{id}
1p.note|id=note-{id}
2span.
2button.inline|type=button";
const TITLE: usize = 2;
const OPTIONAL: usize = 3;
const HELP: usize = 4;
const BOX: usize = 5;
const PREFIX: usize = 6;
const INPUT: usize = 7;
const SUFFIX: usize = 8;
const TOGGLE: usize = 9;
const FAULT: usize = 10;
const NOTE: usize = 11;
const NOTE_TEXT: usize = 12;
const NOTE_BUTTON: usize = 13;

/// What keeps browsers and session replay in their place.
const GUARD: &str = "|maxlength=16384|autocapitalize=none|autocorrect=off|spellcheck=false|dir=ltr\
|data-sentry-mask|data-private=true|data-clarity-mask=true|autocomplete=";
/// Managers offer to save an API key as a login, which it is not: the opt-outs of the four common ones.
const NO_LOGIN: &str = "off|data-1p-ignore|data-lpignore=true|data-bwignore|data-form-type=other";

/// One field on screen. Hidden fields have none.
pub(super) struct FieldView {
    form: Rc<Form>,
    /// Where the field stands in [`Form::fields`].
    pub(super) index: usize,
    parts: Parts,
    /// A secret in clear.
    shown: bool,
    /// Marked as wrong.
    pub(super) wrong: bool,
    /// The value before the repair that is shown, for Undo.
    before: Option<Value>,
    /// What an accepted offer would put here.
    offered: Option<Repair>,
    /// The person undid a repair: leave this value alone.
    untouched: bool,
    _listeners: Vec<Listener>,
}

impl FieldView {
    /// Builds the row.
    pub(super) fn new(
        index: usize,
        field: &Field,
        form: &Rc<Form>,
        options: &Options,
        inputs: &Inputs,
    ) -> FieldView {
        let words = &options.words;
        let is_choice = !field.choices.is_empty();
        let code = field.secret || !matches!(field.kind, Kind::Plain | Kind::Username);
        // A user name and a password are a login, unless the name is a key in disguise.
        let complete = match field.kind {
            Kind::Username if field.credential => "username",
            Kind::Password if field.credential => "current-password",
            _ if options.text("passwordManagers") == "allow" => "off",
            _ => NO_LOGIN,
        };
        let kind = if field.secret { "|type=password" } else { "|type=text" };
        let guard = joined(&[kind, GUARD, complete]);
        let parts = Parts::new(&fill(
            ROW,
            &[
                // A name comes from a server; encoded, it cannot be taken for a part of the table.
                ("id", &encode(&field.name)),
                ("tag", if is_choice { "select" } else { "input" }),
                ("class", if code { "input code" } else { "input" }),
                ("guard", if is_choice { "" } else { &guard }),
            ],
        ));
        parts.at(TITLE).say(title(field, words));
        if !field.title().is_empty() {
            parts.at(TITLE).set("lang", "en"); // the template's, as the help
        }
        parts.at(HELP).say(field.description());
        parts.at(HELP).show(!field.description().is_empty());
        for (at, text) in &[(PREFIX, field.prefix()), (SUFFIX, field.suffix())] {
            if text.is_empty() {
                parts.at(*at).remove();
            } else {
                parts.at(*at).say(text);
            }
        }
        let input = parts.at(INPUT);
        input.set("name", &field.name);
        if field.optional {
            parts.at(OPTIONAL).say(&joined(&[" (", words.get(Word::Optional), ")"]));
        } else {
            input.set("aria-required", "true");
        }
        if is_choice {
            if field.optional || field.initial.is_empty() {
                choice(input, "", words.get(Word::Choose));
            }
            for value in &field.choices {
                choice(input, value, value);
            }
        } else {
            input.set("placeholder", field.example());
        }
        input.set_value(&field.initial);
        parts.at(TOGGLE).show(field.secret && !is_choice);

        let typed = inputs.clone();
        let listeners = vec![
            Listener::new(input, "input", false, move |event| {
                typed.send(Input::Ui(Ui::Did(Signal::Edited(index))));
                // Only now, with the text in the box: what is said earlier, this very event takes back.
                if event.get("inputType").as_string().as_deref() == Some("insertFromPaste") {
                    typed.send(Input::Ui(Ui::Did(Signal::Inserted(index))));
                }
            }),
            report(inputs, input, "change", Signal::Left(index)),
            report(inputs, parts.at(TOGGLE), "click", Signal::Toggle(index)),
            report(inputs, parts.at(NOTE_BUTTON), "click", Signal::Note(index)),
        ];
        let mut view = FieldView {
            form: form.clone(),
            index,
            parts,
            shown: true,
            wrong: false,
            before: None,
            offered: None,
            untouched: false,
            _listeners: listeners,
        };
        view.toggle(words);
        view.show_fault("");
        view.note("", "");
        view
    }

    /// The whole row.
    pub(super) fn row(&self) -> &Dom {
        self.parts.at(0)
    }

    /// What the form says about it.
    pub(super) fn field(&self) -> Option<&Field> {
        self.form.fields.get(self.index)
    }

    /// The box.
    pub(super) fn input(&self) -> &Dom {
        self.parts.at(INPUT)
    }

    /// What is in the box.
    pub(super) fn value(&self) -> Value {
        self.parts.at(INPUT).value().into()
    }

    /// Puts a value in the box.
    pub(super) fn set_value(&self, value: &str) {
        self.parts.at(INPUT).set_value(value);
    }

    /// Focuses the box; after a fault, with everything selected, so that a paste replaces it.
    pub(super) fn focus(&self, select: bool) {
        let input = self.parts.at(INPUT);
        input.focus();
        if select && input.has_attribute("type") {
            input.select(); // a `<select>` has no such method
        }
    }

    /// While a request is under way the value stays readable and the focus stays put, which
    /// `disabled` would not allow.
    pub(super) fn set_busy(&self, busy: bool) {
        self.parts.at(INPUT).toggle("readonly", busy.then_some(""));
    }

    /// Marks the box as wrong, or not.
    pub(super) fn mark(&mut self, wrong: bool) {
        self.wrong = wrong;
        self.parts.at(INPUT).toggle("aria-invalid", wrong.then_some("true"));
        self.parts.at(BOX).toggle("data-invalid", wrong.then_some(""));
    }

    /// Shows why the value cannot be sent, or nothing.
    pub(super) fn show_fault(&mut self, text: &str) {
        self.parts.at(FAULT).say(text);
        self.parts.at(FAULT).show(!text.is_empty());
        self.mark(!text.is_empty());
    }

    /// Empties the box and forgets what was kept for Undo.
    pub(super) fn wipe(&mut self) {
        self.set_value("");
        self.before = None;
        self.offered = None;
    }

    /// The person typed: what was said about the old value no longer holds.
    pub(super) fn edited(&mut self) {
        self.show_fault("");
        self.untouched = false;
        self.before = None;
        self.offered = None;
        self.note("", "");
    }

    /// Shows or masks a secret.
    pub(super) fn toggle(&mut self, words: &Words) {
        self.shown = !self.shown;
        let Some(field) = self.field().filter(|field| field.secret) else { return };
        let (kind, text, label) = if self.shown {
            ("text", Word::Hide, Word::HideField)
        } else {
            ("password", Word::Show, Word::ShowField)
        };
        let button = self.parts.at(TOGGLE);
        self.parts.at(INPUT).set("type", kind);
        button.say(words.get(text));
        button.set("aria-label", &words.fill(label, &[("field", title(field, words))]));
    }

    /// A paste was repaired: shows the result, says what was removed, offers to undo.
    pub(super) fn repaired(&mut self, before: Value, repair: Repair, words: &Words) {
        self.show_fault("");
        self.set_value(&repair.value);
        self.before = Some(before);
        self.note(&speech::repaired(&repair, words), words.get(Word::Undo));
    }

    /// A paste is in the box as it was: offers what could be done with it, else says what it looks like.
    pub(super) fn inserted(&mut self, words: &Words) {
        let Some(field) = self.field() else { return };
        let repair = advice::repair(&field.shape(), &self.value());
        if repair.offer || repair.split.is_some() {
            self.offer(repair, words)
        } else {
            self.advise(words)
        }
    }

    /// A password could be repaired, or one paste holds two values: offer it.
    fn offer(&mut self, repair: Repair, words: &Words) {
        let what = speech::parts(&repair, words);
        let (text, button) = if repair.split.is_some() {
            (Word::OfferSplit, Word::OfferSplitDo)
        } else {
            (Word::OfferRepair, Word::OfferRepairDo)
        };
        self.note(&words.fill(text, &[("what", &what)]), words.get(button));
        self.offered = Some(repair);
    }

    /// The note's button: takes a repair back and leaves the value alone from now on, or accepts what
    /// is offered. Returns a split for the caller, who has the other field.
    pub(super) fn note_pressed(&mut self) -> Option<Split> {
        self.note("", "");
        if let Some(before) = self.before.take() {
            self.set_value(&before);
            self.untouched = true;
            self.focus(false);
            return None;
        }
        let offered = self.offered.take()?;
        if offered.split.is_none() {
            self.set_value(&offered.value);
        }
        offered.split
    }

    /// What the note says.
    pub(super) fn said(&self) -> JsValue {
        self.parts.at(NOTE_TEXT).get("textContent")
    }

    /// Says what the value looks like, unless something more useful is said already.
    pub(super) fn advise(&mut self, words: &Words) {
        if self.before.is_some() || self.offered.is_some() {
            return;
        }
        let text = self.field().and_then(|field| notice(field, &self.form, &self.value(), words));
        self.note(&text.unwrap_or_default(), "");
    }

    /// Says no more what the value looks like; what was done to it, and can be undone, stays.
    pub(super) fn unadvise(&self) {
        if self.before.is_none() && self.offered.is_none() {
            self.note("", "");
        }
    }

    /// Checks the value as it is about to be sent; shows the repair or the fault.
    ///
    /// `None`: it may not be sent.
    pub(super) fn check(&mut self, words: &Words) -> Option<Value> {
        let mut value = self.value();
        let Checked { repair, fault } = self.form.check(self.field()?, &value, self.untouched);
        if let Some(repair) = repair {
            let repaired = repair.value.clone();
            self.repaired(value, repair, words);
            value = repaired;
        }
        self.show_fault(fault.map_or("", |fault| fault_text(fault, words)));
        if fault.is_some() {
            return None;
        }
        self.advise(words);
        Some(value)
    }

    fn note(&self, text: &str, button: &str) {
        self.parts.at(NOTE_TEXT).say(text);
        self.parts.at(NOTE_BUTTON).say(button);
        self.parts.at(NOTE_BUTTON).show(!button.is_empty());
        self.parts.at(NOTE).show(!text.is_empty());
    }
}

impl Drop for FieldView {
    fn drop(&mut self) {
        self.wipe();
    }
}

fn choice(select: &Dom, value: &str, text: &str) {
    let option = element("option", "");
    option.set("value", value);
    option.say(text);
    select.append(&option);
}

/// The label: the template's, or the generic word.
fn title<'a>(field: &'a Field, words: &'a Words) -> &'a str {
    if !field.title().is_empty() {
        return field.title();
    }
    match field.name.as_str() {
        "apiKey" => words.get(Word::ApiKey),
        "username" => words.get(Word::Username),
        "password" => words.get(Word::Password),
        other => other,
    }
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
    if value.is_empty() {
        return None;
    }
    let provider = form.provider_name.as_str();
    if let Some(notice) = advice::recognise(&field.shape(), value, &form.key_shapes, provider) {
        return Some(speech::notice(&notice, provider, words));
    }
    if field.pattern().is_empty()
        || value.len() > PATTERN_INPUT_MAX
        || Pattern::new(field.pattern()).ok()?.test(value)
    {
        return None;
    }
    let word =
        if field.example().is_empty() { Word::NoticePatternPlain } else { Word::NoticePattern };
    Some(words.fill(word, &[("example", field.example())]))
}
