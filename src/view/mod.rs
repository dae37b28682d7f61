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

mod dom;
mod field;
mod speech;
mod style;

use crate::draft;
use crate::listener::Listener;
use crate::options::Options;
use crate::read::get;
use crate::session::{Input, Inputs};
use crate::transport::Loaded;
use dom::{document, on, set, show, tag};
use field::FieldView;
use keyslot_core::advice::Repair;
use keyslot_core::dialog::{Event, Phase};
use keyslot_core::failure::Failure;
use keyslot_core::form::{Form, Value};
use keyslot_core::wire::Issue;
use keyslot_core::words::Word;
use style::ScrollLock;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Element, HtmlDialogElement, HtmlElement, KeyboardEvent, MutationObserver, MutationObserverInit,
    ShadowRoot, ShadowRootInit, ShadowRootMode,
};

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
    host: Element,
    root: ShadowRoot,
    dialog: HtmlDialogElement,
    logo: Element,
    title: Element,
    form: Element,
    skeleton: Element,
    rows: Element,
    error: Element,
    status: Element,
    submit: Element,
    unchecked: Element,
    success: Element,
    fields: Vec<FieldView>,
    /// The form's values as they were when nobody had typed yet.
    pristine: bool,
    allow_unverified: bool,
    /// The failure whose reference can be copied.
    reference: Option<String>,
    primary: Primary,
    opener: Option<Element>,
    listeners: Vec<Listener>,
    error_listeners: Vec<Listener>,
    observer: Option<(MutationObserver, Closure<dyn FnMut()>)>,
    _lock: Option<ScrollLock>,
}

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
        let host = tag("div", "")?.attr("data-keyslot", "")?.done();
        let init = ShadowRootInit::new(ShadowRootMode::Open);
        let root = host.attach_shadow(&init)?;
        style::adopt(&root, style::mode(&options.theme, None))?;
        style::paint(&host, &options.theme, None);

        let logo = tag("span", "logo")?.attr("aria-hidden", "true")?.done();
        let title = tag("h2", "title")?
            .attr("id", "title")?
            .attr("tabindex", "-1")?
            .attr("autofocus", "")?
            .text(words.get(Word::TitlePlain))
            .done();
        let close = tag("button", "close")?
            .attr("type", "button")?
            .attr("aria-label", words.get(Word::Close))?
            .text("×")
            .done();
        let header = tag("div", "header")?.child(&logo)?.child(&title)?.child(&close)?.done();
        // Both regions are there before they speak, or screen readers would not hear them.
        let status = tag("p", "spoken")?.attr("role", "status")?.done();
        let error = tag("div", "error")?.attr("role", "alert")?.done();
        let skeleton = tag("div", "skeleton")?
            .attr("aria-hidden", "true")?
            .child(&tag("div", "")?.done())?
            .child(&tag("div", "")?.done())?
            .done();
        let rows = tag("div", "")?.done();
        let submit =
            tag("button", "submit")?.attr("type", "submit")?.text(words.get(Word::Submit)).done();
        let unchecked = tag("button", "unchecked")?
            .attr("type", "button")?
            .text(words.get(Word::SaveUnchecked))
            .done();
        show(&unchecked, false);
        let form = tag("form", "")?
            .attr("novalidate", "")?
            .attr("method", "dialog")?
            .child(&error)?
            .child(&skeleton)?
            .child(&rows)?
            .child(&submit)?
            .child(&unchecked)?
            .done();
        let success = tag("div", "success")?.done();
        show(&success, false);
        let panel = tag("div", "panel")?
            .child(&header)?
            .child(&status)?
            .child(&form)?
            .child(&success)?
            .done();
        let dialog = tag("dialog", "dialog")?
            .attr("aria-labelledby", "title")?
            .attr("lang", &words.locale)?
            .attr("dir", if words.is_rtl() { "rtl" } else { "ltr" })?
            .child(&panel)?
            .done();
        root.append_child(&dialog)?;

        let mut listeners = Vec::new();
        let mut report = |element: &Element, kind: &'static str, input: fn() -> Input| {
            let inputs = inputs.clone();
            on(element, kind, move |event| {
                event.prevent_default();
                inputs.send(input());
            })
            .map(|listener| listeners.push(listener))
        };
        let dismissed = || Input::Dialog(Event::Dismissed);
        report(&close, "click", dismissed)?;
        report(&form, "submit", || Input::Ui(Ui::Primary))?;
        report(&unchecked, "click", || Input::Dialog(Event::PressedUnchecked))?;
        // `cancel`: Android's back gesture. `close`: whatever else closes a dialog, twice included.
        report(&dialog, "cancel", dismissed)?;
        report(&dialog, "close", dismissed)?;

        let opener = document().active_element();
        let mut view = View {
            options,
            inputs,
            host,
            root,
            dialog: dialog.unchecked_into(),
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
            opener,
            listeners,
            error_listeners: Vec::new(),
            observer: None,
            _lock: ScrollLock::new().ok(),
        };
        view.open()?;
        Ok(view)
    }

    /// Attaches the host and makes the dialog modal, then stands guard against the page.
    fn open(&mut self) -> Result<(), JsValue> {
        let body = document().body().ok_or(JsValue::UNDEFINED)?;
        body.append_child(&self.host)?;
        self.dialog.show_modal()?;

        let window = web_sys::window().ok_or(JsValue::UNDEFINED)?;
        let (inputs, page) = (self.inputs.clone(), self.inputs.clone());
        let leaving = self.inputs.clone();
        let backdrop = self.inputs.clone();
        let own: JsValue = self.dialog.clone().into();
        self.listeners.extend([
            // Capture on the window: a page with its own focus trap or shortcuts would eat the key.
            Listener::capture(&window, "keydown", move |event| {
                let key: &KeyboardEvent = event.unchecked_ref();
                if key.key() == "Escape" && !key.is_composing() {
                    event.prevent_default();
                    event.stop_immediate_propagation();
                    inputs.send(Input::Dialog(Event::Dismissed));
                }
            })?,
            Listener::new(&window, "online", move |_| page.send(Input::Dialog(Event::Online)))?,
            Listener::new(&window, "pagehide", move |_| leaving.send(Input::Leaving))?,
            on(&self.dialog, "click", move |event| {
                if event.target().is_some_and(|target| JsValue::from(target) == own) {
                    backdrop.send(Input::Ui(Ui::Outside));
                }
            })?,
        ]);
        // Typing must not trigger the page's shortcuts: seen from outside, the target is a plain div.
        for kind in ["keydown", "keypress", "keyup"] {
            self.listeners.push(on(&self.host, kind, |event| event.stop_propagation())?);
        }
        self.observe()
    }

    /// Undoes what a page's own modal code does to strangers (`inert`, `aria-hidden`), and notices
    /// when the page throws the dialog out.
    fn observe(&mut self) -> Result<(), JsValue> {
        let (host, inputs) = (self.host.clone(), self.inputs.clone());
        let closure = Closure::<dyn FnMut()>::new(move || {
            crate::trap::inside(|| {
                for name in ["inert", "aria-hidden", "hidden"] {
                    if host.has_attribute(name) {
                        set(&host, name, None);
                    }
                }
                if !host.is_connected() {
                    inputs.send(Input::Dialog(Event::Gone));
                }
            });
        });
        let observer = MutationObserver::new(closure.as_ref().unchecked_ref())?;
        let options = MutationObserverInit::new();
        options.set_attributes(true);
        observer.observe_with_options(&self.host, &options)?;
        let options = MutationObserverInit::new();
        options.set_child_list(true);
        for parent in [self.host.parent_element(), document().document_element()] {
            if let Some(parent) = parent {
                observer.observe_with_options(&parent, &options)?;
            }
        }
        self.observer = Some((observer, closure));
        Ok(())
    }

    /// Replaces the skeleton by the form, with drafts filled in.
    pub(crate) fn show_form(&mut self, loaded: &Loaded, options: &Options) -> Result<(), JsValue> {
        let (form, words) = (&loaded.form, &options.words);
        let settings = loaded.settings.as_ref();
        style::adopt(&self.root, style::mode(&options.theme, settings))?;
        style::paint(&self.host, &options.theme, settings);
        self.allow_unverified = loaded.allow_unverified;
        self.title
            .set_text_content(Some(&words.fill(Word::Title, &[("provider", &form.provider_name)])));
        self.show_logo(form)?;

        self.fields.clear();
        self.rows.set_text_content(None);
        let mut guided = form.steps.is_empty() && form.guide.is_none();
        for (index, field) in form.fields.iter().enumerate() {
            if field.hidden {
                continue;
            }
            let view = FieldView::new(index, field, options, self.inputs)?;
            if options.keep_draft
                && let Some(value) = draft::recall(&form.integration, &field.name)
            {
                view.set_value(&value);
            }
            self.rows.append_child(&view.row)?;
            if let Some(guide) = &field.guide {
                let link = self.link(guide, words.get(Word::Where))?;
                self.rows.append_child(&tag("div", "where")?.child(&link)?.done())?;
            } else if field.credential && !guided {
                guided = true;
                let guide = self.guide(form)?;
                self.rows.append_child(&guide)?;
            }
            self.fields.push(view);
        }
        if form.is_empty() {
            let text = tag("p", "help")?.text(words.get(Word::NothingToFill)).done();
            self.rows.append_child(&text)?;
        }
        Ok(())
    }

    /// "Where do I find this?": the steps in place when the catalogue has some, else the guide.
    fn guide(&self, form: &Form) -> Result<Element, JsValue> {
        let words = &self.options.words;
        let link = match &form.guide {
            Some(guide) if form.steps.is_empty() => Some(self.link(guide, words.get(Word::Where))?),
            Some(guide) => {
                let text = words.fill(Word::Guide, &[("provider", &form.provider_name)]);
                Some(self.link(guide, &text)?)
            }
            None => None,
        };
        if form.steps.is_empty() {
            let mut row = tag("div", "where")?;
            if let Some(link) = &link {
                row = row.child(link)?;
            }
            return Ok(row.done());
        }
        let mut list = tag("ol", "")?.attr("lang", "en")?;
        for step in &form.steps {
            list = list.child(&tag("li", "")?.text(step).done())?;
        }
        let mut details = tag("details", "where")?
            .child(&tag("summary", "")?.text(words.get(Word::Where)).done())?
            .child(&list.done())?;
        if let Some(link) = &link {
            details = details.child(link)?;
        }
        Ok(details.done())
    }

    /// A link out of the page. Addresses come from a server: only http(s) becomes a link.
    fn link(&self, url: &str, text: &str) -> Result<Element, JsValue> {
        if !(url.starts_with("https://") || url.starts_with("http://")) {
            return Ok(tag("span", "")?.done());
        }
        Ok(tag("a", "")?
            .attr("href", url)?
            .attr("target", "_blank")?
            .attr("rel", "noopener noreferrer")?
            .text(text)
            .done())
    }

    /// The first letter, and the logo over it once it has loaded: a page whose policy forbids the
    /// image, or a server without one, leaves the letter.
    fn show_logo(&mut self, form: &Form) -> Result<(), JsValue> {
        let letter = form.provider_name.chars().next().map(String::from);
        self.logo.set_text_content(letter.as_deref());
        let own = self.options.theme.logo.as_deref();
        let Some(url) = own.or(form.logo.as_deref()) else { return Ok(()) };
        let image = tag("img", "")?.attr("alt", "")?.done();
        show(&image, false);
        let shown = image.clone();
        self.listeners.push(on(&image, "load", move |_| show(&shown, true))?);
        set(&image, "src", Some(url));
        self.logo.append_child(&image)?;
        Ok(())
    }

    /// Draws the phase. Sets properties only; the tree is built elsewhere.
    pub(crate) fn render(&mut self, phase: &Phase, form: Option<&Form>) {
        let words = &self.options.words;
        let provider = form.map_or("", |form| form.provider_name.as_str());
        let say = |word: Word| words.fill(word, &[("provider", provider)]);
        let busy = matches!(phase, Phase::Submitting | Phase::Loading { failure: None });
        let failure = phase.failure();

        show(&self.skeleton, matches!(phase, Phase::Loading { .. }));
        set(&self.dialog, "aria-busy", busy.then_some("true"));
        set(&self.submit, "aria-disabled", busy.then_some("true"));
        for field in &self.fields {
            field.set_busy(busy);
        }
        let (label, primary) = match phase {
            Phase::Loading { failure: None } => (words.get(Word::Submit).to_owned(), Primary::Submit),
            Phase::Loading { failure: Some(_) } => {
                (words.get(Word::Retry).to_owned(), Primary::Retry)
            }
            Phase::Editing { failure: Some(failure) } if failure.cause.may_pass() => {
                (words.get(Word::Retry).to_owned(), Primary::Submit)
            }
            Phase::Submitting => (say(Word::Submitting), Primary::Submit),
            Phase::Ended { .. } => (words.get(Word::Close).to_owned(), Primary::Close),
            Phase::Editing { .. } | Phase::Waiting | Phase::Connected { .. } => {
                (words.get(Word::Submit).to_owned(), Primary::Submit)
            }
        };
        self.submit.set_text_content(Some(&label));
        self.primary = primary;
        self.status.set_text_content(Some(&match phase {
            Phase::Loading { failure: None } => words.get(Word::Loading).to_owned(),
            Phase::Submitting => label,
            _ => String::new(),
        }));
        let unchecked = self.allow_unverified
            && matches!(phase, Phase::Editing { failure: Some(f) } if f.cause.is_unchecked());
        show(&self.unchecked, unchecked);
        // The alert speaks when its text changes: the same failure twice must change it too.
        self.error.set_text_content(None);
        self.error_listeners.clear();
        if let Some(failure) = &failure {
            let _ = self.show_failure(failure, provider);
        }
        match phase {
            Phase::Editing { failure: None } => self.focus_first(),
            Phase::Editing { failure: Some(failure) } => self.focus_after(failure, form),
            Phase::Connected { .. } => {
                let _ = self.show_success(phase, provider);
            }
            _ => {}
        }
    }

    fn show_failure(&mut self, failure: &Failure, provider: &str) -> Result<(), JsValue> {
        let words = &self.options.words;
        let (what, next) = speech::failure(failure.cause);
        let say = |word: Word| words.fill(word, &[("provider", provider)]);
        let mut alert = tag("div", "")?
            .child(&tag("p", "cause")?.text(&say(what)).done())?
            .child(&tag("p", "")?.text(&say(next)).done())?;
        self.reference.clone_from(&failure.request_id);
        if let Some(id) = &failure.request_id {
            let text = [words.fill(Word::Reference, &[("id", id)]).as_str(), " "].concat();
            let copy = tag("button", "inline")?
                .attr("type", "button")?
                .text(words.get(Word::Copy))
                .done();
            let inputs = self.inputs.clone();
            self.error_listeners
                .push(on(&copy, "click", move |_| inputs.send(Input::Ui(Ui::Copy)))?);
            alert = alert.child(&tag("p", "reference")?.text(&text).child(&copy)?.done())?;
        }
        self.error.append_child(&alert.done())?;
        Ok(())
    }

    fn show_success(&mut self, phase: &Phase, provider: &str) -> Result<(), JsValue> {
        let Phase::Connected { verification } = phase else { return Ok(()) };
        let words = &self.options.words;
        self.wipe();
        let title = words.fill(Word::Connected, &[("provider", provider)]);
        let account = verification.as_ref().and_then(|v| v.account.as_deref());
        let unverified = verification.as_ref().is_some_and(|v| v.status == "unverified");
        let detail = match account {
            Some(account) => Some(words.fill(Word::ConnectedAccount, &[("account", account)])),
            None if unverified => {
                Some(words.fill(Word::ConnectedUnchecked, &[("provider", provider)]))
            }
            None => None,
        };
        let done = tag("button", "done")?.attr("type", "button")?.text(words.get(Word::Done)).done();
        let inputs = self.inputs.clone();
        self.listeners
            .push(on(&done, "click", move |_| inputs.send(Input::Dialog(Event::Dismissed)))?);
        let tick = tag("span", "tick")?.attr("aria-hidden", "true")?.text("✓").done();
        self.success.append_child(&tick)?;
        self.success.append_child(&tag("p", "cause")?.text(&title).done())?;
        if let Some(detail) = &detail {
            self.success.append_child(&tag("p", "")?.text(detail).done())?;
        }
        self.success.append_child(&done)?;
        show(&self.success, true);
        show(&self.form, false);
        let spoken = [title.as_str(), ". ", detail.as_deref().unwrap_or_default()].concat();
        self.status.set_text_content(Some(&spoken));
        let _ = done.unchecked_ref::<HtmlElement>().focus();
        Ok(())
    }

    /// The first wrong field, else the first empty one, else the button. Somebody who is typing is
    /// left where they are.
    fn focus_first(&self) {
        let wrong = self.fields.iter().find(|field| field.is_faulty());
        let typing = self.root.active_element().is_some_and(|active| active.has_attribute("name"));
        if typing && wrong.is_none() {
            return;
        }
        match wrong.or_else(|| self.fields.iter().find(|field| field.value().is_empty())) {
            Some(field) => field.focus(false),
            None => {
                let _ = self.submit.unchecked_ref::<HtmlElement>().focus();
            }
        }
    }

    /// After a failure the focus goes where the next step is: the field that is to blame, else the
    /// button. The text stays.
    fn focus_after(&self, failure: &Failure, form: Option<&Form>) {
        use keyslot_core::failure::Cause;
        let blamed = self.fields.iter().find(|view| {
            let field = form.and_then(|form| form.fields.get(view.index));
            field.is_some_and(|field| match failure.cause {
                Cause::Refused | Cause::Forbidden => field.credential,
                Cause::Address => field.kind.is_structural(),
                _ => false,
            })
        });
        match blamed {
            Some(field) => {
                field.mark(true);
                field.focus(true);
            }
            None if failure.cause.may_pass() => {
                let _ = self.submit.unchecked_ref::<HtmlElement>().focus();
            }
            None => self.focus_first(),
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
            let Some(field) = form.fields.get(view.index) else { continue };
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
            let named = issue.path.last().map_or("", String::as_str);
            let at = self.fields.iter().find(|view| {
                form.fields.get(view.index).is_some_and(|field| field.name == named)
            });
            if let Some(view) = at {
                view.show_fault(Some(&issue.message));
            }
        }
    }

    /// Acts on what has no bearing on the state; returns the event of what has.
    pub(crate) fn ui(&mut self, ui: Ui, form: Option<&Form>) -> Option<Event<Vec<Value>>> {
        let (words, inputs) = (&self.options.words, self.inputs);
        match ui {
            Ui::Primary => {
                return Some(match self.primary {
                    Primary::Submit => Event::Pressed,
                    Primary::Retry => Event::Retry,
                    Primary::Close => Event::Dismissed,
                });
            }
            Ui::Outside => return self.pristine.then_some(Event::Dismissed),
            Ui::Copy => {
                if let (Some(id), Some(window)) = (&self.reference, web_sys::window()) {
                    // Absent outside secure contexts; the reference can still be selected by hand.
                    let clipboard = get(&window.navigator(), "clipboard");
                    if !clipboard.is_undefined() {
                        let _ = window.navigator().clipboard().write_text(id);
                        self.status.set_text_content(Some(words.get(Word::Copied)));
                    }
                }
                return None;
            }
            _ => {}
        }
        let form = form?;
        let at = match &ui {
            Ui::Pasted(at, ..)
            | Ui::Offered(at, _)
            | Ui::Undo(at)
            | Ui::Accept(at)
            | Ui::Left(at)
            | Ui::Edited(at)
            | Ui::Toggle(at) => *at,
            Ui::Outside | Ui::Primary | Ui::Copy => return None,
        };
        let field = form.fields.get(at)?;
        let view = self.fields.iter_mut().find(|view| view.index == at)?;
        match ui {
            Ui::Pasted(_, before, repair) => {
                self.pristine = false;
                view.show_fault(None);
                let said = speech::repaired(&repair, words);
                view.repaired(before, repair, words, inputs);
                self.status.set_text_content(Some(&said));
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
        if gone && let Some(fallback) = self.options.return_focus.dyn_ref::<HtmlElement>() {
            let _ = fallback.focus();
        }
    }
}
