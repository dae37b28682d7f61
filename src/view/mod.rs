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
//! | `error`, `cause`, `reference` | what went wrong |
//! | `submit`, `unchecked` | the buttons below |
//! | `success`, `tick`, `done` | the confirmation |
//!
//! Custom properties: `www/theming.html`. Both tables are API.

mod field;
mod speech;
mod style;

use crate::dom::{Dom, document, element, object, tree, window};
use crate::draft;
use crate::listener::Listener;
use crate::options::Options;
use crate::session::{Input, Inputs};
use crate::transport::Loaded;
use field::FieldView;
use keyslot_core::advice::Repair;
use keyslot_core::dialog::{Event, Phase};
use keyslot_core::failure::{Cause, Failure};
use keyslot_core::form::{Form, Value};
use keyslot_core::json::Json;
use keyslot_core::wire::{Issue, Verification};
use keyslot_core::words::Word;
use style::ScrollLock;
use wasm_bindgen::closure::Closure;
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

    #[wasm_bindgen(extends = Dom, js_name = Clipboard)]
    type Clipboard;
    #[wasm_bindgen(method, js_name = writeText)]
    fn write(this: &Clipboard, text: &str);
}

/// What happens to one field or button, with no bearing on the state of the call.
pub(crate) enum Ui {
    /// A paste was repaired: what it was, what it became.
    Pasted(usize, Value, Repair),
    /// A paste could be repaired or split, if the person wants it.
    Offered(usize, Repair),
    /// Undo was pressed.
    Undo(usize),
    /// The offer was taken.
    Accept(usize),
    /// The field was left, or filled in one go.
    Left(usize),
    /// The person typed.
    Edited(usize),
    /// Show or Hide was pressed.
    Toggle(usize),
    /// The backdrop was clicked.
    Outside,
    /// The primary button was pressed, or Enter.
    Primary,
    /// "Copy" beside the reference was pressed.
    Copy,
}

/// The mounted dialog.
pub(crate) struct View<'a> {
    options: &'a Options,
    inputs: &'a Inputs,
    host: Dom,
    root: Dom,
    dialog: Dom,
    logo: Dom,
    title: Dom,
    form: Dom,
    skeleton: Dom,
    rows: Dom,
    error: Dom,
    status: Dom,
    submit: Dom,
    unchecked: Dom,
    success: Dom,
    fields: Vec<FieldView>,
    /// Nobody has typed yet.
    pristine: bool,
    allow_unverified: bool,
    /// What "Copy" copies.
    reference: Option<String>,
    primary: Primary,
    opener: Option<Dom>,
    listeners: Vec<Listener>,
    error_listeners: Vec<Listener>,
    observer: Option<(Observer, Closure<dyn FnMut()>)>,
    _lock: Option<ScrollLock>,
}

/// The tree of the dialog; see [`tree`]. The order is that of the destructuring in [`View::mount`].
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
3div.skeleton|aria-hidden=true
4div.
4div.
3div.rows
3button.submit|type=submit
3button.unchecked|type=button|hidden
2div.success|hidden";

/// What the primary button does now.
#[derive(Clone, Copy)]
enum Primary {
    Submit,
    Retry,
    Close,
}

impl<'a> View<'a> {
    /// Puts the shell on screen and the focus into it.
    ///
    /// # Errors
    /// The browser's exception where `<dialog>`, shadow roots or constructable sheets are missing.
    pub(crate) fn mount(options: &'a Options, inputs: &'a Inputs) -> Result<View<'a>, JsValue> {
        let words = &options.words;
        let host = element("div", "").with("data-keyslot", "");
        let root = host.attach_shadow(&object(&[("mode", "open".into())]))?;
        style::adopt(&root, &options.theme.mode)?;
        style::paint(&host, &options.theme);

        // Both live regions are there before they speak, or screen readers would not hear them.
        let mut parts = tree(SHELL).into_iter();
        let mut part = || parts.next().unwrap_or_else(document); // SHELL names each of them
        let (dialog, _panel, _header) = (part(), part(), part());
        let (logo, title, close, status, form, error) =
            (part(), part(), part(), part(), part(), part());
        let (skeleton, _, _, rows, submit, unchecked, success) =
            (part(), part(), part(), part(), part(), part(), part());
        dialog.set("lang", &words.locale);
        dialog.set("dir", if words.is_rtl() { "rtl" } else { "ltr" });
        title.say(words.get(Word::TitlePlain));
        close.say("×");
        close.set("aria-label", words.get(Word::Close));
        submit.say(words.get(Word::Submit));
        unchecked.say(words.get(Word::SaveUnchecked));
        root.append(&dialog);

        let report = |target: &Dom, kind: &'static str, input: fn() -> Input| {
            let inputs = inputs.clone();
            Listener::new(target, kind, move |event| {
                event.prevent_default();
                inputs.send(input());
            })
        };
        let dismissed = || Input::Dialog(Event::Dismissed);
        let listeners = vec![
            report(&close, "click", dismissed),
            report(&form, "submit", || Input::Ui(Ui::Primary)),
            report(&unchecked, "click", || Input::Dialog(Event::PressedUnchecked)),
            // `cancel`: Android's back gesture. `close`: whatever else closes a dialog.
            report(&dialog, "cancel", dismissed),
            report(&dialog, "close", dismissed),
            report(&window(), "online", || Input::Dialog(Event::Online)),
            report(&window(), "pagehide", || Input::Leaving),
        ];
        let mut view = View {
            options,
            inputs,
            host,
            root,
            dialog,
            logo,
            title,
            form,
            skeleton,
            rows,
            error,
            status,
            submit,
            unchecked,
            success,
            fields: Vec::new(),
            pristine: true,
            allow_unverified: false,
            reference: None,
            primary: Primary::Submit,
            opener: document().object("activeElement"),
            listeners,
            error_listeners: Vec::new(),
            observer: None,
            _lock: ScrollLock::new(),
        };
        view.open()?;
        Ok(view)
    }

    /// Attaches the host and makes the dialog modal, then stands guard against the page.
    fn open(&mut self) -> Result<(), JsValue> {
        let body = document().object("body").ok_or(JsValue::UNDEFINED)?;
        body.append(&self.host);
        self.dialog.show_modal()?;

        let (escaped, outside) = (self.inputs.clone(), self.inputs.clone());
        let own: JsValue = self.dialog.clone().into();
        // Capture on the window: a page with its own focus trap or shortcuts would eat the key.
        self.listeners.push(Listener::capture(&window(), "keydown", move |event| {
            let is_escape = event.get("key").as_string().as_deref() == Some("Escape");
            if is_escape && !event.get("isComposing").is_truthy() {
                event.prevent_default();
                event.stop();
                escaped.send(Input::Dialog(Event::Dismissed));
            }
        }));
        self.listeners.push(Listener::new(&self.dialog, "click", move |event| {
            if event.get("target") == own {
                outside.send(Input::Ui(Ui::Outside));
            }
        }));
        // Typing must not trigger the page's shortcuts: from outside, the target is a plain div.
        for kind in ["keydown", "keypress", "keyup"] {
            self.listeners.push(Listener::new(&self.host, kind, |event| event.stop()));
        }
        self.observe(&body);
        Ok(())
    }

    /// Undoes what a page's own modal code does to strangers (`inert`, `aria-hidden`), and notices
    /// when the page throws the dialog out.
    fn observe(&mut self, body: &Dom) {
        let (host, inputs) = (self.host.clone(), self.inputs.clone());
        let closure = Closure::<dyn FnMut()>::new(move || {
            crate::trap::inside(|| {
                for name in ["inert", "aria-hidden", "hidden"] {
                    if host.has_attribute(name) {
                        host.toggle(name, None);
                    }
                }
                if !host.is_connected() {
                    inputs.send(Input::Dialog(Event::Gone));
                }
            });
        });
        let observer = Observer::new(closure.as_ref().unchecked_ref());
        observer.observe(&self.host, &object(&[("attributes", true.into())]));
        let children = object(&[("childList", true.into())]);
        observer.observe(body, &children);
        if let Some(page) = document().object("documentElement") {
            observer.observe(&page, &children); // a page may replace its whole body
        }
        self.observer = Some((observer, closure));
    }

    /// Replaces the skeleton by the form, with drafts filled in.
    ///
    /// # Errors
    /// As [`View::mount`].
    pub(crate) fn show_form(&mut self, loaded: &Loaded, options: &Options) -> Result<(), JsValue> {
        let (form, words) = (&loaded.form, &options.words);
        let settings = loaded.session.get("connectUISettings");
        if options.theme.mode.is_empty() {
            style::adopt(&self.root, &settings.text("defaultTheme"))?;
        }
        if options.theme.accent.is_empty() && settings.get("branded").is_truthy() {
            let colour = |name: &str| settings.get("theme").get(name).text("primary");
            style::accent_of(&self.host, &colour("light"), &colour("dark"));
        }
        self.allow_unverified = loaded.session.get("keyslot").get("allow_unverified").is_truthy();
        self.title.say(&words.fill(Word::Title, &[("provider", &form.provider_name)]));
        self.show_logo(form);

        self.fields.clear();
        self.rows.say("");
        let mut guided = false;
        for (index, field) in form.fields.iter().enumerate() {
            if field.hidden {
                continue;
            }
            let view = FieldView::new(index, field, options, self.inputs);
            if options.keep_draft
                && let Some(value) = draft::recall(&form.integration, &field.name)
            {
                view.set_value(&value);
            }
            self.rows.append(&view.row);
            if !field.guide.is_empty() {
                let row = element("div", "where");
                link(&row, &field.guide, words.get(Word::Where));
                self.rows.append(&row);
            } else if field.credential && !guided {
                guided = true;
                self.show_guide(form);
            }
            self.fields.push(view);
        }
        if form.is_empty() {
            self.rows.append(&element("p", "help").text(words.get(Word::NothingToFill)));
        }
        Ok(())
    }

    /// "Where do I find this?": the steps in place when the catalogue has some, else the guide.
    fn show_guide(&self, form: &Form) {
        let words = &self.options.words;
        let guide = form.guide.as_str();
        if form.steps.is_empty() {
            let row = element("div", "where");
            link(&row, guide, words.get(Word::Where));
            return self.rows.append(&row);
        }
        let list = element("ol", "").with("lang", "en");
        for step in &form.steps {
            list.append(&element("li", "").text(step));
        }
        let details = element("details", "where")
            .child(&element("summary", "").text(words.get(Word::Where)))
            .child(&list);
        link(&details, guide, &words.fill(Word::Guide, &[("provider", &form.provider_name)]));
        self.rows.append(&details);
    }

    /// The first letter, and over it the integrator's logo or, if asked for, the provider's. Not by
    /// default: a page whose policy has no `img-src` for the server would report a violation.
    fn show_logo(&mut self, form: &Form) {
        let mut letter = form.provider_name.clone();
        letter.truncate(letter.chars().next().map_or(0, char::len_utf8));
        self.logo.say(&letter);
        let own = self.options.theme.logo.as_str();
        let url = if own == "provider" { &form.logo } else { own };
        if !url.is_empty() {
            self.logo.append(&element("img", "").with("alt", "").with("src", url));
        }
    }

    /// Draws the phase. Sets properties only; the tree is built elsewhere.
    pub(crate) fn render(&mut self, phase: &Phase, form: Option<&Form>) {
        let words = &self.options.words;
        let provider = form.map_or("", |form| form.provider_name.as_str());
        let busy = matches!(phase, Phase::Submitting | Phase::Loading { failure: None });
        let failure = phase.failure();

        self.skeleton.show(matches!(phase, Phase::Loading { .. }));
        self.dialog.toggle("aria-busy", busy.then_some("true"));
        self.submit.toggle("aria-disabled", busy.then_some("true"));
        for field in &self.fields {
            field.set_busy(busy);
        }
        let (word, primary) = match phase {
            Phase::Loading { failure: Some(_) } => (Word::Retry, Primary::Retry),
            Phase::Editing { failure: Some(failure) } if failure.cause.may_pass() => {
                (Word::Retry, Primary::Submit)
            }
            Phase::Submitting => (Word::Submitting, Primary::Submit),
            Phase::Ended { .. } => (Word::Close, Primary::Close),
            Phase::Loading { failure: None }
            | Phase::Editing { .. }
            | Phase::Waiting
            | Phase::Connected { .. } => (Word::Submit, Primary::Submit),
        };
        let label = words.fill(word, &[("provider", provider)]);
        self.submit.say(&label);
        self.primary = primary;
        self.status.say(match phase {
            Phase::Loading { failure: None } => words.get(Word::Loading),
            Phase::Submitting => &label,
            _ => "",
        });
        let unchecked = self.allow_unverified
            && matches!(phase, Phase::Editing { failure: Some(f) } if f.cause.is_unchecked());
        self.unchecked.show(unchecked);
        // The alert speaks when its text changes: the same failure twice must change it too.
        self.error.say("");
        self.error_listeners.clear();
        if let Some(failure) = &failure {
            self.show_failure(failure, provider);
        }
        match phase {
            Phase::Editing { failure: None } => self.focus_first(),
            Phase::Editing { failure: Some(failure) } => self.focus_after(failure, form),
            Phase::Connected { verification } => self.show_success(verification.as_ref(), provider),
            _ => {}
        }
    }

    fn show_failure(&mut self, failure: &Failure, provider: &str) {
        let words = &self.options.words;
        let (what, next) = speech::failure(failure.cause);
        let say = |word: Word| words.fill(word, &[("provider", provider)]);
        let alert = element("div", "")
            .child(&element("p", "cause").text(&say(what)))
            .child(&element("p", "").text(&say(next)));
        self.reference.clone_from(&failure.request_id);
        if let Some(id) = &failure.request_id {
            let text = [&words.fill(Word::Reference, &[("id", id)]), " "].concat();
            let copy =
                element("button", "inline").with("type", "button").text(words.get(Word::Copy));
            let inputs = self.inputs.clone();
            self.error_listeners
                .push(Listener::new(&copy, "click", move |_| inputs.send(Input::Ui(Ui::Copy))));
            alert.append(&element("p", "reference").text(&text).child(&copy));
        }
        self.error.append(&alert);
    }

    fn show_success(&mut self, verification: Option<&Verification>, provider: &str) {
        let words = &self.options.words;
        self.wipe();
        let title = words.fill(Word::Connected, &[("provider", provider)]);
        let account = verification.and_then(|v| v.account.as_deref());
        let detail = match (account, verification) {
            (Some(account), _) => words.fill(Word::ConnectedAccount, &[("account", account)]),
            (None, Some(verification)) if verification.status == "unverified" => {
                words.fill(Word::ConnectedUnchecked, &[("provider", provider)])
            }
            _ => String::new(),
        };
        let done = element("button", "done").with("type", "button").text(words.get(Word::Done));
        let inputs = self.inputs.clone();
        self.listeners.push(Listener::new(&done, "click", move |_| {
            inputs.send(Input::Dialog(Event::Dismissed));
        }));
        self.success.append(&element("span", "tick").with("aria-hidden", "true").text("✓"));
        self.success.append(&element("p", "cause").text(&title));
        self.success.append(&element("p", "").text(&detail));
        self.success.append(&done);
        self.success.show(true);
        self.form.show(false);
        self.status.say(&[&title, ". ", &detail].concat());
        done.focus();
    }

    /// The first wrong field, else the first empty one, else the button. Somebody who is typing is
    /// left where they are.
    fn focus_first(&self) {
        let wrong = self.fields.iter().find(|field| field.is_faulty());
        let active = self.root.object("activeElement");
        let typing = active.is_some_and(|active| active.has_attribute("name"));
        if typing && wrong.is_none() {
            return;
        }
        match wrong.or_else(|| self.fields.iter().find(|field| field.value().is_empty())) {
            Some(field) => field.focus(false),
            None => self.submit.focus(),
        }
    }

    /// After a failure the focus is in the field that is to blame, else in the credential: pasting
    /// another one and pressing Enter is all that is left to do. The text stays.
    fn focus_after(&mut self, failure: &Failure, form: Option<&Form>) {
        let refused = matches!(failure.cause, Cause::Refused | Cause::Forbidden);
        let wrong = refused || failure.cause == Cause::Address;
        let spec = |view: &FieldView| form.and_then(|form| form.fields.get(view.index));
        let blamed = self.fields.iter().position(|view| match failure.cause {
            Cause::Address => spec(view).is_some_and(|field| field.kind.is_structural()),
            Cause::Invalid => view.is_faulty(),
            _ => false,
        });
        let credential =
            || self.fields.iter().position(|view| spec(view).is_some_and(|field| field.credential));
        let at = blamed.or_else(credential);
        match at.and_then(|at| self.fields.get_mut(at)) {
            Some(view) => {
                if wrong {
                    view.mark(true);
                }
                view.focus(wrong);
            }
            None => self.submit.focus(),
        }
    }

    /// Reads and checks the form. `None`: something stands against sending it; the fields say what
    /// and the first of them has the focus.
    pub(crate) fn check(&mut self, form: &Form) -> Option<Vec<Value>> {
        let words = &self.options.words;
        let mut answers: Vec<Value> =
            form.fields.iter().map(|field| field.initial.clone().into()).collect();
        let mut complete = true;
        for view in &mut self.fields {
            let Some(field) = form.fields.get(view.index) else {
                continue;
            };
            match view.check(field, form, words, self.inputs) {
                Some(value) => {
                    if let Some(answer) = answers.get_mut(view.index) {
                        *answer = value;
                    }
                }
                None => complete = false,
            }
        }
        complete.then_some(answers)
    }

    /// Shows what the server found wrong, at the field it names.
    pub(crate) fn show_issues(&mut self, issues: &[Issue], form: Option<&Form>) {
        let Some(form) = form else { return };
        for issue in issues {
            let named = issue.field.as_str();
            let at = self
                .fields
                .iter_mut()
                .find(|view| form.fields.get(view.index).is_some_and(|field| field.name == named));
            if let Some(view) = at {
                view.show_fault(Some(&issue.message));
            }
        }
    }

    /// Acts on what has no bearing on the state; returns the event of what has.
    pub(crate) fn ui(&mut self, ui: Ui, form: Option<&Form>) -> Option<Event<Vec<Value>>> {
        let (words, inputs) = (&self.options.words, self.inputs);
        let at = match &ui {
            Ui::Primary => {
                return Some(match self.primary {
                    Primary::Submit => Event::Pressed,
                    Primary::Retry => Event::Retry,
                    Primary::Close => Event::Dismissed,
                });
            }
            Ui::Outside => return self.pristine.then_some(Event::Dismissed),
            Ui::Copy => {
                // Absent outside secure contexts; the reference can still be selected by hand.
                let clipboard = window().object("navigator").and_then(|n| n.object("clipboard"));
                if let (Some(id), Some(clipboard)) = (&self.reference, clipboard) {
                    clipboard.unchecked_into::<Clipboard>().write(id);
                    self.status.say(words.get(Word::Copied));
                }
                return None;
            }
            Ui::Pasted(at, ..)
            | Ui::Offered(at, _)
            | Ui::Undo(at)
            | Ui::Accept(at)
            | Ui::Left(at)
            | Ui::Edited(at)
            | Ui::Toggle(at) => *at,
        };
        let form = form?;
        let field = form.fields.get(at)?;
        let view = self.fields.iter_mut().find(|view| view.index == at)?;
        match ui {
            Ui::Pasted(_, before, repair) => {
                self.pristine = false;
                view.show_fault(None);
                self.status.say(&speech::repaired(&repair, words));
                view.repaired(before, repair, words, inputs);
            }
            Ui::Offered(_, repair) => view.offer(repair, words, inputs),
            Ui::Undo(_) => view.undo(),
            Ui::Accept(_) => {
                let repair = view.accept()?;
                match repair.split {
                    None => view.set_value(&repair.value),
                    Some(split) => {
                        for view in &self.fields {
                            match form.fields.get(view.index).map(|field| field.name.as_str()) {
                                Some("username") => view.set_value(&split.username),
                                Some("password") => view.set_value(&split.password),
                                _ => {}
                            }
                        }
                    }
                }
                self.focus_first();
            }
            Ui::Left(_) => view.advise(field, form, words),
            Ui::Edited(_) => {
                self.pristine = false;
                view.edited();
                return Some(Event::Edited);
            }
            Ui::Toggle(_) => view.toggle(field, words),
            Ui::Outside | Ui::Primary | Ui::Copy => {}
        }
        None
    }

    /// Keeps what was typed for the next time this integration is opened.
    pub(crate) fn keep_draft(&self, form: &Form) {
        for view in &self.fields {
            if let Some(field) = form.fields.get(view.index) {
                draft::keep(&form.integration, &field.name, field.secret, view.value());
            }
        }
    }

    /// Empties every box.
    pub(crate) fn wipe(&mut self) {
        for field in &mut self.fields {
            field.wipe();
        }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        self.wipe();
        self.listeners.clear();
        self.error_listeners.clear();
        if let Some((observer, _)) = &self.observer {
            observer.disconnect();
        }
        self.dialog.close(); // the browser gives the focus back
        self.host.remove();
        let gone = self.opener.as_ref().is_none_or(|opener| !opener.is_connected());
        if gone && self.options.return_focus.is_object() {
            self.options.return_focus.unchecked_ref::<Dom>().focus();
        }
    }
}

/// A link out of the page. Addresses come from a server: only http(s) becomes a link.
fn link(parent: &Dom, url: &str, text: &str) {
    if url.starts_with("https://") || url.starts_with("http://") {
        let link = element("a", "")
            .with("href", url)
            .with("target", "_blank")
            .with("rel", "noopener noreferrer")
            .text(text);
        parent.append(&link);
    }
}
