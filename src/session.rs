//! One `auth()` call, start to finish.
//!
//! Everything that the call opens is a local of [`run`]: the view, its listeners, the request in
//! flight, the claim. Every way out, `?` included, closes all of it. Listeners report [`Input`]s;
//! only this loop acts on them.

use crate::claim::Claim;
use crate::dom::{is_online, object};
use crate::draft;
use crate::flow::Flow;
use crate::inputs::{InFlight, Inputs};
use crate::listener::Listener;
use crate::options::Options;
use crate::outgoing::{Member, outgoing};
use crate::preload;
use crate::read::Js;
use crate::rejection::Rejection;
use crate::timer::Timer;
use crate::transport::{Loaded, Server, Trouble};
use crate::view::{Signal, Ui, View};
use js_sys::Function;
use keyslot_core::dialog::{Connection, Dialog, Event, Next, Outcome, Phase};
use keyslot_core::error::AuthErrorCode;
use keyslot_core::failure::Cause;
use keyslot_core::form::{Form, Value};
use keyslot_core::json::Json;
use std::rc::Rc;
use wasm_bindgen::{JsCast, JsValue};

/// How long the confirmation stays. Long enough to read, short enough not to be in the way; the
/// promise has settled before.
const CONFIRMATION_MS: f64 = 1_800.0;

/// What the loop reacts to.
pub(crate) enum Input {
    /// Something the state machine knows.
    Dialog(Event<Vec<Value>>),
    /// What a person did.
    Ui(Ui),
    /// The form arrived, or not.
    Loaded(Result<Box<Loaded>, Trouble>),
    /// The post was answered, or not.
    Posted(Result<Connection, Trouble>),
}

/// The arguments of a call, checked.
pub(crate) struct Call {
    pub(crate) integration: String,
    pub(crate) connection: Option<String>,
    pub(crate) options: Options,
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
            members.extend(verification.account.as_deref().map(|name| Member("account", name)));
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
            preload::fetch(call).await;
            settle.resolve(&JsValue::UNDEFINED);
        }
    }
}

/// Runs the dialog until it is gone.
async fn dialog(call: Call, claim: Claim, inputs: Inputs, mut settle: Settle) {
    let Call { integration, connection, options } = call;
    let options = Rc::new(options);
    let flow = Flow::new(options.get("onEvent"), &integration);
    let mut view = match View::mount(&options, &inputs) {
        Ok(view) => view,
        Err(cause) => {
            let rejection = Rejection::from(AuthErrorCode::NotSupported);
            return settle.reject(rejection.with(&[("cause", cause)]));
        }
    };
    let signal = options.get("signal");
    let _signal = signal.is_object().then(|| {
        let inputs = inputs.clone();
        Listener::new(signal.unchecked_ref(), "abort", false, move |_| {
            inputs.send(Input::Dialog(Event::Aborted));
        })
    });
    flow.report("open", None);

    let (server, preloaded) = match preload::take(&integration, &options) {
        Some((server, loaded)) => (server, Some(loaded)),
        None => (Rc::new(Server::new(&options)), None),
    };
    let mut dialog = Dialog::default();
    let mut rejection: Option<Rejection> = None;
    let mut keep_draft = options.keep_draft();
    let mut _confirmation: Option<Timer> = None;
    let mut in_flight: InFlight = None;
    match preloaded {
        Some(loaded) => inputs.send(Input::Loaded(Ok(loaded))),
        None => in_flight = load(&server, &integration),
    }
    view.render(dialog.phase());

    loop {
        let event = match inputs.next(&mut in_flight).await {
            Input::Dialog(event) => event,
            Input::Ui(Ui::Did(Signal::Leaving)) => {
                keep_draft = false;
                view.wipe();
                draft::forget_all();
                Event::Gone
            }
            Input::Ui(ui) => match view.ui(ui) {
                Some(event) => event,
                None => continue,
            },
            Input::Loaded(Ok(loaded)) => {
                if let Err(cause) = view.show_form(&loaded) {
                    let code = AuthErrorCode::UnknownError;
                    rejection = Some(Rejection::from(code).with(&[("cause", cause)]));
                    Event::Cannot(code)
                } else {
                    flow.report("form_shown", None);
                    Event::Loaded
                }
            }
            Input::Loaded(Err(Trouble::Failure(failure, _))) => Event::LoadFailed(failure),
            Input::Posted(Ok(connection)) => Event::Stored(connection),
            Input::Posted(Err(Trouble::Failure(failure, issues))) => {
                view.show_issues(&issues);
                Event::Failed(failure)
            }
            Input::Loaded(Err(Trouble::Ending(ending)))
            | Input::Posted(Err(Trouble::Ending(ending))) => {
                let code = ending.code;
                rejection = Some(ending);
                Event::Cannot(code)
            }
        };
        let failed = matches!(event, Event::Failed(_) | Event::LoadFailed(_));

        let mut next = dialog.on(event);
        if let Next::Check { unchecked } = next {
            next = dialog.on(match view.check() {
                Some(answers) => Event::Checked { answers, online: is_online(), unchecked },
                None => Event::Faulty,
            });
        }
        match next {
            Next::Nothing | Next::Check { .. } => {}
            Next::Render => {
                view.render(dialog.phase());
                if failed && let Some(failure) = dialog.phase().failure() {
                    flow.report("rejected", Some(Member("reason", failure.cause.as_str())));
                }
            }
            Next::Load => {
                in_flight = load(&server, &integration);
                view.render(dialog.phase());
            }
            Next::Post { answers, unchecked } => {
                if let Some(form) = view.form.clone() {
                    let (server, connection) = (server.clone(), connection.clone());
                    in_flight = Some(Box::pin(async move {
                        let id = connection.as_deref();
                        Input::Posted(server.post(&form, &answers, id, unchecked).await)
                    }));
                }
                flow.report("submitted", None);
                view.render(dialog.phase());
            }
            Next::Settle(outcome) => {
                finish(outcome, &mut settle, &mut rejection, &flow);
                claim.settled();
                view.render(dialog.phase());
                if let Phase::Connected { .. } = dialog.phase() {
                    keep_draft = false;
                    draft::forget(&integration);
                    let shown = inputs.clone();
                    _confirmation = Some(Timer::new(CONFIRMATION_MS, move || {
                        shown.send(Input::Dialog(Event::Shown));
                    }));
                }
            }
            Next::Finish(outcome) => {
                if keep_draft {
                    view.keep_draft();
                }
                drop(view); // the page is as it was before the promise settles
                drop(claim);
                if let Some(outcome) = outcome {
                    finish(outcome, &mut settle, &mut rejection, &flow);
                }
                flow.report("closed", None);
                return;
            }
        }
    }
}

fn finish(outcome: Outcome, settle: &mut Settle, rejection: &mut Option<Rejection>, flow: &Flow) {
    match outcome {
        Ok(connection) => {
            settle.connected(&connection);
            flow.report("connected", Some(Member("connectionId", &connection.connection_id)));
        }
        Err(code) => {
            let known = rejection.take().filter(|known| known.code == code);
            settle.reject(known.unwrap_or_else(|| code.into()));
        }
    }
}

fn load(server: &Rc<Server>, integration: &str) -> InFlight {
    let server = server.clone();
    let integration = integration.to_owned();
    Some(Box::pin(async move { Input::Loaded(server.load(&integration).await) }))
}

/// A call with `credentials`: the same checks and errors, no dialog.
async fn headless(call: Call, credentials: Js) -> Result<Connection, Rejection> {
    let Call { integration, connection, options } = call;
    let options = Rc::new(options);
    let server = Server::new(&options);
    let form = if options.session().is_none() {
        // A public key may not read the template: the shape of the credential tells the route.
        let key = credentials.get("apiKey").is_truthy();
        let template = object(&[("auth_mode", if key { "API_KEY" } else { "BASIC" }.into())]);
        let integration = object(&[("unique_key", integration.as_str().into())]);
        let (template, integration) = (Js(template.into()), Js(integration.into()));
        Form::build(&template, &integration, &Js(JsValue::UNDEFINED), &options.params)?.into()
    } else {
        server.load(&integration).await.map_err(plain)?.form
    };
    let mut answers = Vec::with_capacity(form.fields.len());
    for field in &form.fields {
        let given = if field.credential { credentials.optional(&field.name) } else { None };
        let value = Value::from(given.unwrap_or_else(|| field.initial.clone()));
        let checked = form.check(field, &value, false);
        if checked.fault.is_some() {
            let object = if field.credential { "credentials" } else { "params" };
            let message = ["`", object, ".", &field.name, "` is missing or cannot be used."];
            return Err(Rejection::new(AuthErrorCode::MissingCredentials, &message.concat()));
        }
        answers.push(match checked.repair {
            Some(repair) => repair.value,
            None => value,
        });
    }
    server.post(&form, &answers, connection.as_deref(), false).await.map_err(plain)
}

/// Without a dialog there is nobody to try again: every failure is a rejection.
fn plain(trouble: Trouble) -> Rejection {
    let (failure, issues) = match trouble {
        Trouble::Ending(rejection) => return rejection,
        Trouble::Failure(failure, issues) => (failure, issues),
    };
    let code = match failure.cause {
        Cause::Refused | Cause::Forbidden | Cause::Address | Cause::Unavailable => {
            AuthErrorCode::ConnectionTestFailed
        }
        Cause::Invalid => AuthErrorCode::MissingCredentials,
        Cause::Offline | Cause::Network | Cause::Timeout | Cause::Limited => {
            AuthErrorCode::NetworkError
        }
        Cause::Server => AuthErrorCode::UnknownError,
        Cause::Expired => AuthErrorCode::ConnectSessionExpired,
    };
    let message = issues.first().map_or("", |issue| issue.message.as_str());
    Rejection::new(code, message).with(&[
        ("status", failure.status.into()),
        ("requestId", failure.request_id.into()),
        ("reason", failure.cause.as_str().into()),
    ])
}
