//! One `auth()` call, start to finish.
//!
//! Everything that the call opens is a local of [`run`]: the view, its listeners, the request in
//! flight, the claim. Every way out, `?` included, closes all of it. Listeners report [`Input`]s;
//! only this loop acts on them.

use crate::claim::Claim;
use crate::dom::{is_online, object};
use crate::draft;
use crate::flow::Flow;
use crate::input::{Input, Signal, Ui};
use crate::inputs::{InFlight, Inputs, Request};
use crate::listener::Listener;
use crate::options::Options;
use crate::outgoing::{Member, outgoing};
use crate::preload;
use crate::read::Js;
use crate::rejection::Rejection;
use crate::timer::Timer;
use crate::transport::{Server, TroubleKind};
use crate::view::View;
use js_sys::Function;
use keyslot_core::dialog::{Connection, Dialog, Event, Next, Outcome};
use keyslot_core::error::AuthErrorCode;
use keyslot_core::form::{Form, Value};
use keyslot_core::json::Json;
use keyslot_core::text::joined;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};

/// How long the confirmation stays. Long enough to read, short enough not to be in the way; the
/// promise has settled before.
const CONFIRMATION_MS: f64 = 1_800.0;

/// How long the answer is waited for after the dialog was left. What the vendor has not said by then is not
/// stored: the server drops a request whose sender is gone.
const ANSWER_MS: f64 = 3_000.0;

/// The arguments of a call, checked.
pub(crate) struct Call {
    pub(crate) integration: String,
    pub(crate) connection: Option<String>,
    pub(crate) options: Rc<Options>,
}

impl Call {
    fn connection(&self) -> Option<&str> {
        self.connection.as_deref()
    }
}

/// What a call is for.
pub(crate) enum Task {
    /// Ask somebody for the credential.
    Dialog(Claim, Inputs),
    /// Connect with these credentials.
    Headless(JsValue),
    /// Fetch the form for a dialog that will follow.
    Preload,
}

/// The two ends of the promise. Rejects with `unknown_error` if it is dropped unsettled.
pub(crate) struct Settle {
    pub(crate) resolve: Function,
    pub(crate) reject: Function,
    pub(crate) done: bool,
}

impl Settle {
    /// With `{ connectionId, providerConfigKey, verification?: { status, account? } }`.
    fn connected(&mut self, connection: &Connection) {
        let result = outgoing(&[
            Member("connectionId", &connection.connection_id),
            Member("providerConfigKey", &connection.provider_config_key),
        ]);
        if let Some(verification) = &connection.verification {
            let mut members = vec![Member("status", &verification.status)];
            if let Some(name) = &verification.account {
                members.push(Member("account", name));
            }
            let checked = object(&[("verification", outgoing(&members).into())]);
            js_sys::Object::assign(&result, checked.unchecked_ref());
        }
        self.resolve(&result);
    }

    fn resolve(&mut self, value: &JsValue) {
        self.done = true;
        let _ = self.resolve.call1(&JsValue::UNDEFINED, value);
    }

    fn reject(&mut self, rejection: Rejection) {
        if !self.done {
            self.done = true;
            let _ = self.reject.call1(&JsValue::UNDEFINED, &rejection.into_js());
        }
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        self.reject(AuthErrorCode::UnknownError.into());
    }
}

/// Does what the call is for, and settles its promise.
pub(crate) async fn run(call: Call, task: Task, mut settle: Settle) {
    match task {
        Task::Dialog(claim, inputs) => dialog(call, claim, inputs, settle).await,
        Task::Headless(credentials) => match headless(call, Js(credentials)).await {
            Ok(connection) => settle.connected(&connection),
            Err(rejection) => settle.reject(rejection),
        },
        Task::Preload => {
            preload::fetch(call.integration, call.options).await;
            settle.resolve(&JsValue::UNDEFINED);
        }
    }
}

/// Runs the dialog until it is gone.
async fn dialog(call: Call, claim: Claim, inputs: Inputs, settle: Settle) {
    let Some(mut session) = Session::open(call, claim, inputs.clone(), settle) else { return };
    loop {
        let input = inputs.next(&mut session.in_flight).await;
        if let Some(outcome) = session.take(input) {
            return session.finish(outcome);
        }
    }
}

/// An open dialog and all that belongs to it.
struct Session {
    call: Call,
    inputs: Inputs,
    view: View,
    server: Rc<Server>,
    dialog: Dialog,
    in_flight: InFlight,
    /// The form as it was last read.
    answers: Vec<Value>,
    keep_draft: bool,
    _signal: Option<Listener>,
    timer: Option<Timer>,
    claim: Claim,
    ending: Ending,
}

/// What is told to the caller, and by what.
struct Ending {
    flow: Flow,
    settle: Settle,
    /// What the server stored.
    stored: Option<Connection>,
    /// Why the call cannot work.
    rejection: Option<Rejection>,
}

impl Session {
    /// Puts the dialog on screen and asks for the form.
    fn open(call: Call, claim: Claim, inputs: Inputs, mut settle: Settle) -> Option<Session> {
        let options = &call.options;
        let flow = Flow::new(options.get("onEvent"), &call.integration);
        let (server, preloaded) = match preload::take(&call.integration, options) {
            Some((server, loaded)) => (server, Some(loaded)),
            None => (Rc::new(Server::new(options)), None),
        };
        let in_flight = match preloaded {
            Some(loaded) => {
                inputs.send(Input::Loaded(loaded));
                None
            }
            // On its way before anything is drawn: the first drawing takes as long as a near server's answer.
            None => inputs.begin(load(&server, &call.integration)),
        };
        let view = match View::mount(options, &inputs) {
            Ok(view) => view,
            Err(cause) => {
                let rejection = Rejection::from(AuthErrorCode::NotSupported);
                settle.reject(rejection.with(&[("cause", cause)]));
                return None;
            }
        };
        let signal = options.get("signal");
        let signal = signal.is_object().then(|| {
            let inputs = inputs.clone();
            Listener::new(signal.unchecked_ref(), "abort", false, move |_| {
                inputs.send(Input::Dialog(Event::Aborted));
            })
        });
        flow.report("open", None);

        let mut session = Session {
            keep_draft: options.keep_draft(),
            call,
            inputs,
            view,
            server,
            dialog: Dialog::default(),
            in_flight,
            answers: Vec::new(),
            _signal: signal,
            timer: None,
            claim,
            ending: Ending { flow, settle, stored: None, rejection: None },
        };
        session.render(false);
        Some(session)
    }

    /// Acts on one input. Returns how the call ended, if it did; nothing, if it had ended before.
    fn take(&mut self, input: Input) -> Option<Option<Outcome>> {
        let event = match input {
            Input::Dialog(event) => event,
            Input::Ui(Ui::Did(Signal::Leaving)) => {
                self.keep_draft = false;
                self.view.wipe();
                draft::wipe("", true);
                Event::Gone
            }
            Input::Ui(ui) => self.view.ui(ui)?,
            Input::Loaded(loaded) if !self.server.admits(&loaded, self.call.connection()) => {
                self.cannot(id_made_there())
            }
            Input::Loaded(loaded) => match self.view.show_form(&loaded) {
                Ok(verdict) => {
                    self.ending.flow.report("form_shown", None);
                    Event::Loaded { verdict }
                }
                Err(cause) => {
                    let rejection = Rejection::from(AuthErrorCode::UnknownError);
                    self.cannot(rejection.with(&[("cause", cause)]))
                }
            },
            Input::Stored(connection) => {
                self.ending.stored = Some(connection);
                self.keep_draft = false;
                draft::wipe(&joined(&[&self.call.integration, "\n"]), true);
                Event::Stored
            }
            Input::Failed(trouble) => match trouble.kind {
                TroubleKind::Ending(_) => self.cannot(trouble.rejection()),
                TroubleKind::Failure(cause) => {
                    self.view.show_issues(&trouble.issues());
                    self.view.reference = trouble.answer.request_id;
                    self.view.retry_after = trouble.answer.retry_after;
                    Event::Failed(cause)
                }
            },
        };
        let mut next = self.dialog.on(event);
        if let Next::Check { unchecked } = next {
            next = self.dialog.on(match self.view.check() {
                Some(answers) => {
                    self.answers = answers;
                    Event::Checked { online: is_online(), unchecked }
                }
                None => Event::Faulty,
            });
        }
        match next {
            Next::Nothing | Next::Check { .. } => {}
            Next::Render => {
                self.render(matches!(event, Event::Failed(_)));
            }
            Next::Load => {
                self.in_flight = Some(load(&self.server, &self.call.integration));
                self.render(false);
            }
            Next::Post { unchecked } => {
                self.post(unchecked);
                self.ending.flow.report("submitted", None);
                self.render(false);
            }
            Next::Settle(outcome) => {
                self.ending.settle(outcome);
                self.claim.settled();
                self.render(false);
                if let Some(connection) = &self.ending.stored {
                    self.view.show_success(connection);
                    self.wait(CONFIRMATION_MS);
                }
            }
            Next::Hide => {
                self.put_away();
                // Another dialog may come; the same call still gets the same promise (`js/calls.js`).
                self.claim.settled();
                self.wait(ANSWER_MS);
            }
            Next::Finish(outcome) => return Some(outcome),
        }
        None
    }

    fn wait(&mut self, milliseconds: f64) {
        let inputs = self.inputs.clone();
        self.timer =
            Some(Timer::new(milliseconds, move || inputs.send(Input::Dialog(Event::TimeUp))));
    }

    /// Takes the dialog off the screen and keeps what was typed, once.
    fn put_away(&mut self) {
        if std::mem::take(&mut self.keep_draft) {
            self.view.keep_draft();
        }
        self.view.take_down();
    }

    /// Remembers why the call cannot work.
    fn cannot(&mut self, rejection: Rejection) -> Event {
        let code = rejection.code;
        self.ending.rejection = Some(rejection);
        Event::Cannot(code)
    }

    fn render(&mut self, failed: bool) {
        let phase = self.dialog.phase();
        self.view.render(phase);
        if failed && let Some(cause) = phase.failure() {
            self.ending.flow.report("rejected", Some(Member("reason", cause.as_str())));
        }
    }

    fn post(&mut self, unchecked: bool) {
        let Some(form) = self.view.form.clone() else { return };
        let (server, connection) = (self.server.clone(), self.call.connection.clone());
        let answers = std::mem::take(&mut self.answers);
        self.in_flight = Some(Box::pin(async move {
            let posted = server.post(&form, &answers, connection.as_deref(), unchecked).await;
            posted.map_or_else(Input::Failed, Input::Stored)
        }));
    }

    /// Takes the dialog down. The page is as it was before the promise settles.
    fn finish(mut self, outcome: Option<Outcome>) {
        self.put_away();
        let Session { claim, mut ending, .. } = self;
        drop(claim);
        if let Some(outcome) = outcome {
            ending.settle(outcome);
        }
        ending.flow.report("closed", None);
    }
}

impl Ending {
    fn settle(&mut self, outcome: Outcome) {
        match (&self.stored, outcome) {
            (Some(connection), Ok(())) => {
                self.settle.connected(connection);
                let id = Member("connectionId", &connection.connection_id);
                self.flow.report("connected", Some(id));
            }
            (_, outcome) => {
                let code = outcome.err().unwrap_or(AuthErrorCode::UnknownError);
                let known = self.rejection.take().filter(|known| known.code == code);
                self.settle.reject(known.unwrap_or_else(|| code.into()));
            }
        }
    }
}

/// Asks for the form.
fn load(server: &Rc<Server>, integration: &str) -> Request {
    let (server, integration) = (server.clone(), integration.to_owned());
    Box::pin(
        async move { server.load(&integration).await.map_or_else(Input::Failed, Input::Loaded) },
    )
}

/// The caller wants an id of its own, and the server is one that makes them.
fn id_made_there() -> Rejection {
    let message = "A Nango server makes the ids itself: leave out `connectionId`, and mint the session with `tags`.";
    Rejection::new(AuthErrorCode::ConnectionIdNotAllowed, message)
}

/// A call with `credentials`: the same checks and errors, no dialog.
async fn headless(call: Call, credentials: Js) -> Result<Connection, Rejection> {
    let Call { integration, connection, options } = call;
    let server = Server::new(&options);
    let form = if options.session().is_none() {
        // A public key may not read the template: the shape of the credential tells the route.
        let key = credentials.get("apiKey").is_truthy();
        let template = object(&[("auth_mode", if key { "API_KEY" } else { "BASIC" }.into())]);
        let integration = object(&[("unique_key", integration.as_str().into())]);
        let (template, integration) = (Js(template.into()), Js(integration.into()));
        Form::build(&template, &integration, &Js(JsValue::UNDEFINED), &options.params)?.into()
    } else {
        let loaded = server.load(&integration).await.map_err(|trouble| trouble.rejection())?;
        if !server.admits(&loaded, connection.as_deref()) {
            return Err(id_made_there());
        }
        loaded.form
    };
    let mut answers = Vec::with_capacity(form.fields.len());
    for field in &form.fields {
        let given = if field.credential { credentials.optional(&field.name) } else { None };
        let value = Value::from(given.unwrap_or_else(|| field.initial.clone()));
        let checked = form.check(field, &value, false);
        if checked.fault.is_some() {
            let object = if field.credential { "credentials" } else { "params" };
            let message = ["`", object, ".", &field.name, "` is missing or cannot be used."];
            return Err(Rejection::new(AuthErrorCode::MissingCredentials, &joined(&message)));
        }
        answers.push(match checked.repair {
            Some(repair) => repair.value,
            None => value,
        });
    }
    server
        .post(&form, &answers, connection.as_deref(), false)
        .await
        .map_err(|trouble| trouble.rejection())
}
