//! The dialog on screen: built once, drawn from the state, taken down on drop.
//!
//! A native modal `<dialog>` in an open shadow root: the browser makes the page inert, keeps the Tab
//! order and returns the focus. The shadow root keeps styles apart; it is no security boundary, and
//! nothing here pretends so.
//!
//! | part | what it is |
//! | --- | --- |
//! | `dialog` | the dialog itself |
//! | `panel` | its padding |
//! | `header`, `logo`, `title`, `close` | the first row |
//! | `field`, `label`, `optional`, `help`, `box`, `affix`, `input`, `toggle` | one field |
//! | `note`, `fault`, `inline` | what is said about its value, and the button in it |
//! | `where` | how to find the key |
//! | `error`, `alert`, `cause`, `reference` | what went wrong |
//! | `submit`, `unchecked` | the buttons below |
//! | `success`, `tick`, `done` | the confirmation |
//!
//! Custom properties: `www/theming.html`. Both tables are API.

mod field;
mod paste;
mod speech;
mod style;

use crate::callback::Callback;
use crate::dom::{Dom, Parts, Plain, document, element, object, window};
use crate::draft;
use crate::input::{Input, Signal, Ui};
use crate::inputs::Inputs;
use crate::listener::Listener;
use crate::options::Options;

use crate::transport::Loaded;
use field::FieldView;
use keyslot_core::dialog::{Connection, Event, Phase};
use keyslot_core::failure::Cause;
use keyslot_core::form::{Form, Value};
use keyslot_core::json::Json;
use keyslot_core::text::joined;
use keyslot_core::wire::{Issue, Verification};
use keyslot_core::words::Word;
use std::rc::Rc;
use style::ScrollLock;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = MutationObserver)]
    type Observer;
    #[wasm_bindgen(constructor, js_class = "MutationObserver")]
    fn new(changed: &js_sys::Function) -> Observer;
    #[wasm_bindgen(method)]
    fn observe(this: &Observer, target: &Dom, options: &JsValue);
    #[wasm_bindgen(method)]
    fn disconnect(this: &Observer);

    #[wasm_bindgen(js_namespace = Intl, js_name = RelativeTimeFormat)]
    type RelativeTime;
    #[wasm_bindgen(constructor, catch, js_namespace = Intl, js_class = "RelativeTimeFormat")]
    fn new(locale: &str) -> Result<RelativeTime, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn format(this: &RelativeTime, number: f64, unit: &str) -> Result<String, JsValue>;

    #[wasm_bindgen(extends = Dom, js_name = Clipboard)]
    type Clipboard;
    #[wasm_bindgen(method, js_name = writeText)]
    fn write(this: &Clipboard, text: &str);
}

/// What the page does not hear of when it happens inside the dialog. A focus trap of the page's would
/// eat clicks and Tab, its scroll lock the wheel, its layers would close, its shortcuts fire. They listen
/// on the document, mostly while capturing: so these are kept on the window, which comes before. Pages that
/// forbid pasting, copying or the context menu prevent the last of them. `paste` is kept in [`paste`].
const KEPT: [&str; 15] = [
    "keydown",
    "keypress",
    "keyup",
    "pointerdown",
    "mousedown",
    "touchstart",
    "touchmove",
    "wheel",
    "focusin",
    "click",
    "touchend",
    "beforeinput",
    "copy",
    "cut",
    "contextmenu",
];

/// The mounted dialog.
pub(crate) struct View {
    options: Rc<Options>,
    inputs: Inputs,
    host: Dom,
    root: Dom,
    parts: Parts,
    /// What is drawn.
    pub(crate) form: Option<Rc<Form>>,
    fields: Vec<FieldView>,
    /// Nobody has typed yet.
    pristine: bool,
    allow_unverified: bool,
    /// What "Copy" copies.
    pub(crate) reference: String,
    /// In how many seconds the server will listen again, as it said it.
    pub(crate) retry_after: String,
    /// What the server said of the values as they are now.
    verdict: Option<Cause>,
    opener: Option<Dom>,
    listeners: Vec<Listener>,
    observer: Option<(Observer, Callback)>,
    lock: Option<ScrollLock>,
}

/// The tree of the dialog; see [`Parts`]. Both live regions are there before they speak, or screen
/// readers would not hear them. The constants are the lines.
const SHELL: &str = "\
0dialog.dialog|aria-labelledby=title
1div.panel
2div.header
3span.logo|aria-hidden=true
3h2.title|id=title|tabindex=-1|autofocus
3button.close|type=button
2p.spoken|role=status
2form.form|novalidate|method=dialog
3div.error|role=alert
4div.alert|hidden
5p.cause
5p.
5p.reference
6span.
6button.inline|type=button
3div.skeleton|aria-hidden=true
4div.
4div.
3div.rows
3button.submit|type=submit
3button.unchecked|type=button|hidden
2div.success|hidden
3span.tick|aria-hidden=true
3p.cause
3p.
3button.done|type=button";
const DIALOG: usize = 0;
const LOGO: usize = 3;
const TITLE: usize = 4;
const CLOSE: usize = 5;
const STATUS: usize = 6;
const FORM: usize = 7;
const ALERT: usize = 9;
const CAUSE: usize = 10;
const NEXT: usize = 11;
const REFERENCE: usize = 12;
const REFERENCE_TEXT: usize = 13;
const COPY: usize = 14;
const SKELETON: usize = 15;
const ROWS: usize = 18;
const SUBMIT: usize = 19;
const UNCHECKED: usize = 20;
const SUCCESS: usize = 21;
const TICK: usize = 22;
const CONNECTED: usize = 23;
const DETAIL: usize = 24;
const DONE: usize = 25;

/// What never changes on them.
const WORDS: &[(usize, Word)] = &[
    (TITLE, Word::TitlePlain),
    (SUBMIT, Word::Submit),
    (UNCHECKED, Word::SaveUnchecked),
    (DONE, Word::Done),
];

/// Who reports what. `cancel` is Android's back gesture, `close` whatever else closes a dialog. The button is
/// heard for itself, since a form in a frame without `allow-forms` submits nothing; Enter in a field presses it.
const REPORTS: &[(usize, &str, Signal)] = &[
    (CLOSE, "click", Signal::Dismissed),
    (FORM, "submit", Signal::Primary),
    (SUBMIT, "click", Signal::Primary),
    (UNCHECKED, "click", Signal::Unchecked),
    (COPY, "click", Signal::Copy),
    (DONE, "click", Signal::Dismissed),
    (DIALOG, "cancel", Signal::Dismissed),
    (DIALOG, "close", Signal::Dismissed),
];

/// How to find the key; see [`Parts`].
const WHERE: &str = "\
0{tag}.where
1summary.
1ol.|lang=en
1a.|target=_blank|rel=noopener noreferrer";

impl View {
    /// Puts the shell on screen and the focus into it.
    ///
    /// # Errors
    /// The browser's exception where `<dialog>`, shadow roots or constructable sheets are missing.
    pub(crate) fn mount(options: &Rc<Options>, inputs: &Inputs) -> Result<View, JsValue> {
        let words = &options.words;
        let host = element("div", "");
        host.set("data-keyslot", "");
        let root = host.attach_shadow(&object(&[("mode", "open".into())]))?;
        style::adopt(&root, &options.mode())?;

        let parts = Parts::new(SHELL);
        let dialog = parts.at(DIALOG);
        dialog.set("lang", &words.locale);
        dialog.set("dir", if words.is_rtl() { "rtl" } else { "ltr" });
        for (part, word) in WORDS {
            parts.at(*part).say(words.get(*word));
        }
        parts.at(CLOSE).say("×");
        parts.at(CLOSE).set("aria-label", words.get(Word::Close));
        parts.at(TICK).say("✓");
        root.append(dialog);

        let mut view = View {
            options: options.clone(),
            inputs: inputs.clone(),
            host,
            root,
            parts,
            form: None,
            fields: Vec::new(),
            pristine: true,
            allow_unverified: false,
            reference: String::new(),
            retry_after: String::new(),
            verdict: None,
            opener: document().object("activeElement"),
            listeners: Vec::new(),
            observer: None,
            lock: ScrollLock::new(),
        };
        view.open()?;
        Ok(view)
    }

    /// Attaches the host, makes the dialog modal, listens, and stands guard against the page.
    fn open(&mut self) -> Result<(), JsValue> {
        let body = document().object("body").ok_or(JsValue::UNDEFINED)?;
        body.append(&self.host);
        style::paint(&self.host, self.parts.at(LOGO), &self.options);
        for kind in KEPT {
            let (inputs, host) = (self.inputs.clone(), JsValue::from(self.host.clone()));
            let dialog = self.parts.at(DIALOG).clone();
            self.listeners.push(Listener::new(&window(), kind, true, move |event| {
                let escape = kind == "keydown"
                    && event.get("key") == "Escape"
                    && !event.get("isComposing").is_truthy();
                if escape {
                    event.prevent_default();
                    inputs.send(Input::Ui(Ui::Did(Signal::Dismissed)));
                }
                let inside = event.get("target") == host;
                if escape || inside {
                    event.stop();
                }
                if inside && kind == "click" {
                    let clicked: Dom = event.path().get(0).unchecked_into();
                    if clicked == dialog {
                        inputs.send(Input::Ui(Ui::Did(Signal::Outside)));
                    }
                    // The browser still acts on it (submits, follows, unfolds); our listeners need another.
                    clicked.dispatch(&Plain::new(kind));
                }
            }));
        }
        self.parts.at(DIALOG).show_modal()?; // with the focus already

        for (part, kind, signal) in REPORTS {
            self.listeners.push(report(&self.inputs, self.parts.at(*part), kind, *signal));
        }
        self.listeners.push(report(&self.inputs, &window(), "online", Signal::Online));
        self.listeners.push(report(&self.inputs, &window(), "pagehide", Signal::Leaving));
        self.observe(&body);
        Ok(())
    }

    /// Undoes what a page's own modal code does to strangers (`inert`, `aria-hidden`), and notices
    /// when the page throws the dialog out.
    fn observe(&mut self, body: &Dom) {
        let (host, inputs) = (self.host.clone(), self.inputs.clone());
        let callback = Callback::new(move |_| {
            for name in &["inert", "aria-hidden", "hidden"] {
                if host.has_attribute(name) {
                    host.toggle(name, None);
                }
            }
            if !host.is_connected() {
                inputs.send(Input::Dialog(Event::Dismissed));
            }
        });
        let observer = Observer::new(callback.function());
        observer.observe(&self.host, &object(&[("attributes", true.into())]));
        let children = object(&[("childList", true.into())]);
        observer.observe(body, &children);
        if let Some(page) = document().object("documentElement") {
            observer.observe(&page, &children); // a page may replace its whole body
        }
        self.observer = Some((observer, callback));
    }

    /// Replaces the skeleton by the form, with drafts filled in. Returns what the server said of them.
    ///
    /// # Errors
    /// As [`View::mount`].
    pub(crate) fn show_form(&mut self, loaded: &Loaded) -> Result<Option<Cause>, JsValue> {
        let (form, options) = (&loaded.form, self.options.clone());
        self.form = Some(form.clone());
        let settings = loaded.session.get("connectUISettings");
        if options.mode().is_empty() {
            style::adopt(&self.root, &settings.text("defaultTheme"))?;
        }
        if settings.get("branded").is_truthy() && !options.theme("accent").is_truthy() {
            let colour = |name: &str| settings.get("theme").get(name).text("primary");
            style::accent_of(&self.host, self.parts.at(LOGO), &colour("light"), &colour("dark"));
        }
        self.allow_unverified = loaded.session.get("keyslot").get("allow_unverified").is_truthy();
        self.parts.at(TITLE).say(&self.say(Word::Title));
        self.show_logo(form);

        let rows = self.parts.at(ROWS);
        rows.say("");
        self.fields.clear();
        let mut boxes = Vec::new();
        // Under the last of them, so that Tab goes from the user name to the password.
        let guided = form.fields.iter().rposition(|field| field.credential && !field.hidden);
        for (index, field) in form.fields.iter().enumerate() {
            if field.hidden {
                continue;
            }
            let view = FieldView::new(index, field, form, &options, &self.inputs);
            let kept = draft::recall(&draft::key(&form.integration, &field.name));
            if options.keep_draft() && !kept.is_empty() {
                view.set_value(&kept);
            }
            rows.append(view.row());
            if field.choices.is_empty() {
                boxes.push((index, view.input().clone()));
            }
            if !field.guide().is_empty() {
                self.show_guide(field.guide(), &[]);
            } else if guided == Some(index) {
                self.show_guide(&form.guide, &form.steps);
            }
            self.fields.push(view);
        }
        if form.is_empty() {
            let nothing = element("p", "help");
            nothing.say(options.words.get(Word::NothingToFill));
            rows.append(&nothing);
        }
        self.listeners.push(paste::listener(form, &self.host, boxes, &self.inputs));
        let kept = draft::recall(&draft::key(&form.integration, ""));
        let known = options.keep_draft() && !kept.is_empty();
        Ok(known.then(|| Cause::from_reason(&kept)))
    }

    /// "Where do I find this?": the steps in place when the catalogue has some, and the vendor's page.
    /// Addresses come from a server: only http(s) becomes a link.
    fn show_guide(&self, url: &str, steps: &[String]) {
        let words = &self.options.words;
        let plain = steps.is_empty();
        let tag = if plain { "div" } else { "details" };
        let parts = Parts::new(&keyslot_core::words::fill(WHERE, &[("tag", tag)]));
        let (summary, list, link) = (parts.at(1), parts.at(2), parts.at(3));
        summary.say(words.get(Word::Where));
        for step in steps {
            let item = element("li", "");
            item.say(step);
            list.append(&item);
        }
        summary.show(!plain);
        list.show(!plain);
        link.set("href", url);
        link.say(&self.say(if plain { Word::Where } else { Word::Guide }));
        let is_link = url.starts_with("https://") || url.starts_with("http://");
        if !is_link {
            link.remove();
        }
        if is_link || !plain {
            self.parts.at(ROWS).append(parts.at(0));
        }
    }

    /// The first letter, and over it the integrator's logo or, if asked for, the provider's. Not by
    /// default: a page whose policy has no `img-src` for the server would report a violation.
    fn show_logo(&self, form: &Form) {
        let logo = self.parts.at(LOGO);
        let mut letter = form.provider_name.clone();
        // Of UTF-8, the bytes that go on with a character are 0b10…… (RFC 3629 §3).
        letter.truncate(1 + letter.bytes().skip(1).take_while(|byte| byte >> 6 == 2).count());
        logo.say(&letter);
        let own = self.options.theme("logo").as_text().unwrap_or_default();
        let url = if own == "provider" { &form.logo } else { &own };
        if !url.is_empty() {
            let image = element("img", "");
            image.set("alt", "");
            image.set("src", url);
            logo.append(&image);
        }
    }

    /// Draws the phase. Sets properties only; the tree is built elsewhere.
    pub(crate) fn render(&mut self, phase: Phase) {
        let busy = matches!(phase, Phase::Submitting | Phase::Loading { failure: None });
        let failure = phase.failure();
        self.verdict = failure;
        let word = match phase {
            Phase::Submitting => Word::Submitting,
            Phase::Ended { .. } => Word::Close,
            Phase::Loading { failure: Some(_) } => Word::Retry,
            Phase::Editing { failure: Some(failure) } if failure.may_pass() => Word::Retry,
            _ => Word::Submit,
        };
        let label = self.say(word);
        let speech = match phase {
            Phase::Loading { failure: None } => self.options.words.get(Word::Loading),
            Phase::Submitting => &label,
            _ => "",
        };
        let unchecked = self.allow_unverified
            && matches!(phase, Phase::Editing { failure: Some(cause) } if cause.is_unchecked());

        self.parts.at(SKELETON).show(matches!(phase, Phase::Loading { .. }));
        self.parts.at(DIALOG).toggle("aria-busy", busy.then_some("true"));
        self.parts.at(SUBMIT).toggle("aria-disabled", busy.then_some("true"));
        self.parts.at(SUBMIT).say(&label);
        self.parts.at(STATUS).say(speech);
        self.parts.at(UNCHECKED).show(unchecked);
        for field in &self.fields {
            // Nor does a paste put anything into the form behind the confirmation.
            field.set_busy(busy || matches!(phase, Phase::Connected));
        }
        self.parts.at(ALERT).show(failure.is_some());
        if let Some(cause) = failure {
            self.show_failure(cause);
        }
        match phase {
            Phase::Editing { failure: None } => self.focus_first(),
            Phase::Editing { failure: Some(cause) } => self.focus_after(cause),
            _ => {}
        }
    }

    /// One text, with the provider's name in it.
    fn say(&self, word: Word) -> String {
        let provider = self.form.as_ref().map_or("", |form| form.provider_name.as_str());
        self.options.words.fill(word, &[("provider", provider)])
    }

    fn show_failure(&self, cause: Cause) {
        let (what, next) = speech::failure(cause);
        self.parts.at(CAUSE).say(&self.say(what));
        let when = if matches!(cause, Cause::Limited) { self.when() } else { None };
        self.parts.at(NEXT).say(&match when {
            Some(when) => self.options.words.fill(Word::LimitedUntil, &[("when", &when)]),
            None => self.say(next),
        });
        // What a key looks like is beside the point of a verdict that is not about it.
        if !matches!(cause, Cause::Refused | Cause::Invalid) {
            for view in &self.fields {
                view.unadvise();
            }
        }
        self.parts.at(REFERENCE).show(!self.reference.is_empty());
        let text = self.options.words.fill(Word::Reference, &[("id", &self.reference)]);
        self.parts.at(REFERENCE_TEXT).say(&text);
        self.parts.at(COPY).say(self.options.words.get(Word::Copy));
    }

    /// When the server will listen again: "in 89 seconds", in the dialog's language.
    fn when(&self) -> Option<String> {
        let seconds = JsValue::from_str(&self.retry_after).unchecked_into_f64();
        let (number, unit) =
            if seconds > 90.0 { ((seconds / 60.0).ceil(), "minute") } else { (seconds, "second") };
        // A date (RFC 9110 §10.2.3) is no number.
        if number > 0.0 {
            RelativeTime::new(&self.options.words.locale).ok()?.format(number, unit).ok()
        } else {
            None
        }
    }

    /// The confirmation, with the account when the check told its name. Its mark is green only when there was a
    /// check.
    pub(crate) fn show_success(&mut self, connection: &Connection) {
        self.wipe();
        let title = self.say(Word::Connected);
        let detail = match &connection.verification {
            Some(Verification { account: Some(account), .. }) => {
                self.options.words.fill(Word::ConnectedAccount, &[("account", account)])
            }
            Some(Verification { status, .. }) if status == "unverified" => {
                self.say(Word::ConnectedUnchecked)
            }
            Some(Verification { status, .. }) if status == "unchecked" => {
                self.say(Word::ConnectedNoCheck)
            }
            _ => String::new(),
        };
        let checked = connection.verification.as_ref().is_none_or(|of| of.status == "verified");
        self.parts.at(TICK).toggle("data-unchecked", (!checked).then_some(""));
        self.parts.at(CONNECTED).say(&title);
        self.parts.at(DETAIL).say(&detail);
        self.parts.at(SUCCESS).show(true);
        self.parts.at(FORM).show(false);
        self.parts.at(STATUS).say(&joined(&[&title, ". ", &detail]));
        self.parts.at(DONE).focus();
    }

    /// The first wrong field, else the first empty one, else the button. Somebody who is typing is
    /// left where they are.
    fn focus_first(&self) {
        let wrong = self.fields.iter().find(|field| field.wrong);
        let active = self.root.object("activeElement");
        let typing = active.is_some_and(|active| active.has_attribute("name"));
        if typing && wrong.is_none() {
            return;
        }
        match wrong.or_else(|| self.fields.iter().find(|field| field.value().is_empty())) {
            Some(field) => field.focus(field.wrong),
            None => self.parts.at(SUBMIT).focus(),
        }
    }

    /// After a failure the focus is in the field that is to blame, else in the credential: pasting
    /// another one and pressing Enter is all that is left to do. The text stays.
    fn focus_after(&mut self, cause: Cause) {
        let mut blamed = None;
        for (at, view) in self.fields.iter().enumerate().rev() {
            let Some(field) = view.field() else { continue };
            let (better, worse) = match cause {
                Cause::Address => (field.kind.is_structural(), blamed.is_none()),
                Cause::Invalid => (view.wrong, blamed.is_none()),
                _ => (field.credential, false),
            };
            if better || (worse && field.credential) {
                blamed = Some(at);
            }
        }
        let wrong = matches!(cause, Cause::Refused | Cause::Forbidden | Cause::Address);
        match blamed.and_then(|at| self.fields.get_mut(at)) {
            Some(view) => {
                if wrong {
                    view.mark(true);
                }
                view.focus(wrong);
            }
            None => self.parts.at(SUBMIT).focus(),
        }
    }

    /// Reads and checks the form. `None`: something stands against sending it; the fields say what
    /// and the first of them has the focus.
    pub(crate) fn check(&mut self) -> Option<Vec<Value>> {
        let form = self.form.as_ref()?;
        let mut answers: Vec<Value> =
            form.fields.iter().map(|field| field.initial.clone().into()).collect();
        let mut complete = true;
        for view in &mut self.fields {
            match (view.check(&self.options.words), answers.get_mut(view.index)) {
                (Some(value), Some(answer)) => *answer = value,
                _ => complete = false,
            }
        }
        complete.then_some(answers)
    }

    /// Shows what the server found wrong, at the field it names.
    pub(crate) fn show_issues(&mut self, issues: &[Issue]) {
        for issue in issues {
            for view in &mut self.fields {
                if view.field().is_some_and(|field| field.name == issue.field) {
                    // A server's words for it are a validator's, and a stock one takes fewer characters than we do.
                    view.show_fault(if issue.too_long {
                        self.options.words.get(Word::NoticeLong)
                    } else {
                        &issue.message
                    });
                }
            }
        }
    }

    /// Acts on what has no bearing on the state; returns the event of what has.
    pub(crate) fn ui(&mut self, ui: Ui) -> Option<Event> {
        let words = &self.options.words;
        let (Ui::Pasted(at, ..)
        | Ui::Did(
            Signal::Note(at)
            | Signal::Left(at)
            | Signal::Inserted(at)
            | Signal::Edited(at)
            | Signal::Toggle(at),
        )) = ui
        else {
            return self.button(ui);
        };
        let view = self.fields.iter_mut().find(|view| view.index == at)?;
        match ui {
            Ui::Pasted(_, before, repair) => {
                self.pristine = false;
                self.verdict = None;
                view.edited();
                if repair.applies() {
                    view.repaired(before, repair, words);
                } else {
                    view.set_value(&before);
                    view.inserted(words);
                }
                view.focus(false);
                self.parts.at(STATUS).say(&view.said().as_string().unwrap_or_default());
                return Some(Event::Edited);
            }
            Ui::Did(Signal::Inserted(_) | Signal::Left(_)) => {
                match ui {
                    Ui::Did(Signal::Inserted(_)) => view.inserted(words),
                    _ => view.advise(words),
                }
                // Once: what was said about a paste is not said again when the field is left.
                let (status, said) = (self.parts.at(STATUS), view.said());
                if status.get("textContent") != said {
                    status.say(&said.as_string().unwrap_or_default());
                }
            }
            Ui::Did(Signal::Toggle(_)) => view.toggle(words),
            Ui::Did(Signal::Edited(_)) => {
                self.pristine = false;
                self.verdict = None;
                view.edited();
                return Some(Event::Edited);
            }
            Ui::Did(_) => {
                self.verdict = None;
                if let Some(split) = view.note_pressed() {
                    for view in &self.fields {
                        match view.field().map(|field| field.name.as_str()) {
                            Some("username") => view.set_value(&split.username),
                            Some("password") => view.set_value(&split.password),
                            _ => {}
                        }
                    }
                }
                self.focus_first();
            }
        }
        None
    }

    fn button(&mut self, ui: Ui) -> Option<Event> {
        match ui {
            Ui::Did(Signal::Primary) => Some(Event::Pressed),
            Ui::Did(Signal::Unchecked) => Some(Event::PressedUnchecked),
            Ui::Did(Signal::Online) => Some(Event::Online),
            Ui::Did(Signal::Dismissed) => Some(Event::Dismissed),
            Ui::Did(Signal::Outside) if self.pristine => Some(Event::Dismissed),
            Ui::Did(Signal::Copy) => {
                // Absent outside secure contexts; the reference can still be selected by hand.
                let navigator = window().object("navigator")?;
                navigator.object("clipboard")?.unchecked_into::<Clipboard>().write(&self.reference);
                for at in [COPY, STATUS] {
                    self.parts.at(at).say(self.options.words.get(Word::Copied));
                }
                None
            }
            _ => None,
        }
    }

    /// Keeps what was typed for the next time this integration is opened, and what the server said of it.
    pub(crate) fn keep_draft(&self) {
        let Some(form) = &self.form else { return };
        for view in &self.fields {
            if let Some(field) = view.field() {
                let key = draft::key(&form.integration, &field.name);
                draft::keep(key, field.secret, view.value());
            }
        }
        let verdict = self.verdict.filter(|cause| cause.is_verdict());
        // As long as the secret that it is about.
        let said = verdict.map_or("", Cause::as_str).to_owned();
        draft::keep(draft::key(&form.integration, ""), true, said.into());
    }

    /// Empties every box.
    pub(crate) fn wipe(&mut self) {
        for field in &mut self.fields {
            field.wipe();
        }
    }
}

impl View {
    /// Takes the dialog off the page, which is as it was before; once.
    pub(crate) fn take_down(&mut self) {
        if self.listeners.is_empty() {
            return;
        }
        self.listeners.clear();
        if let Some((observer, _)) = self.observer.take() {
            observer.disconnect();
        }
        self.wipe();
        self.lock = None;
        self.parts.at(DIALOG).close(); // the browser gives the focus back
        self.host.remove();
        let gone = self.opener.as_ref().is_none_or(|opener| !opener.is_connected());
        let fallback = self.options.get("returnFocus");
        if gone && fallback.is_object() {
            fallback.unchecked_ref::<Dom>().focus();
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.take_down();
    }
}

/// Reports a signal; the browser's own reaction (sending the form, closing the dialog) is not wanted. A form
/// that was sent by its button says nothing: the button has.
fn report(inputs: &Inputs, target: &Dom, kind: &'static str, signal: Signal) -> Listener {
    let inputs = inputs.clone();
    Listener::new(target, kind, false, move |event| {
        event.prevent_default();
        if !event.get("submitter").is_object() {
            inputs.send(Input::Ui(Ui::Did(signal)));
        }
    })
}
