//! One `auth()` call, start to finish.
//!
//! Everything that the call opens is a local of [`run`]: the view, its listeners, the request in
//! flight, the claim. Every way out, `?` included, closes all of it. Listeners report [`Input`]s;
//! only this loop acts on them.

use crate::claim::Claim;
use crate::dom::{is_online, object};
use crate::draft;
use crate::flow::Flow;
use crate::options::Options;
use crate::preload;
use crate::read::Js;
use crate::rejection::Rejection;
use crate::timer::Timer;
use crate::transport::{self, Loaded, Server, Trouble};
use crate::view::{Ui, View};
use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender};
use futures_core::Stream;
use js_sys::Function;
use keyslot_core::dialog::{Connection, Dialog, Event, Next, Outcome, Phase};
use keyslot_core::error::AuthErrorCode;
use keyslot_core::failure::Cause;
use keyslot_core::form::{Form, Value};
use keyslot_core::wire::Verification;
use serde::Serialize;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use wasm_bindgen::JsValue;

/// How long the confirmation stays. Long enough to read, short enough not to be in the way; the
/// promise has settled before.
const CONFIRMATION_MS: f64 = 1_800.0;

/// What the loop reacts to.
pub(crate) enum Input {
    /// Something the state machine knows.
    Dialog(Event<Vec<Value>>),
    /// Something about one field or button, with no bearing on the state.
    Ui(Ui),
    /// The form arrived, or not.
    Loaded(Result<Box<Loaded>, Trouble>),
    /// The post was answered, or not.
    Posted(Result<Connection, Trouble>),
    /// The page goes away; nothing may stay behind.
    Leaving,
}

/// Where listeners report.
#[derive(Clone)]
pub(crate) struct Inputs(pub(crate) UnboundedSender<Input>);

impl Inputs {
    /// Reports. After the call has ended nobody listens, and that is fine.
    pub(crate) fn send(&self, input: Input) {
        let _ = self.0.unbounded_send(input);
    }
}

/// The arguments of a call, checked.
pub(crate) struct Call {
    pub(crate) integration: String,
    pub(crate) connection: Option<String>,
    pub(crate) options: Options,
}

/// The two ends of the promise. Rejects with `unknown_error` if it is dropped unsettled.
pub(crate) struct Settle {
    pub(crate) resolve: Function,
    pub(crate) reject: Function,
    pub(crate) done: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Resolution<'a> {
    connection_id: &'a str,
    provider_config_key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<Checked<'a>>,
}

#[derive(Serialize)]
struct Checked<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
}

impl Settle {
    pub(crate) fn resolve(&mut self, connection: &Connection) {
        let verification = connection.verification.as_ref();
        let resolution = Resolution {
            connection_id: &connection.connection_id,
            provider_config_key: &connection.provider_config_key,
            verification: verification.map(|Verification { status, account }| Checked {
                status,
                account: account.as_deref(),
            }),
        };
        match serde_wasm_bindgen::to_value(&resolution) {
            Ok(value) => {
                self.done = true;
                let _ = self.resolve.call1(&JsValue::UNDEFINED, &value);
            }
            // Two strings and an object of strings always convert; if not, `drop` rejects.
            Err(_) => self.reject(AuthErrorCode::UnknownError.into()),
        }
    }

    pub(crate) fn reject(&mut self, rejection: Rejection) {
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

type InFlight = Option<Pin<Box<dyn Future<Output = Input>>>>;

/// Runs the dialog until it is gone.
pub(crate) async fn run(
    call: Call,
    claim: Claim,
    inputs: Inputs,
    mut reported: UnboundedReceiver<Input>,
    mut settle: Settle,
) {
    let Call { integration, connection, options } = call;
    let flow = Flow::new(options.on_event.clone(), &integration);
    let mut view = match View::mount(&options, &inputs) {
        Ok(view) => view,
        Err(cause) => {
            let code = AuthErrorCode::NotSupported;
            return settle.reject(Rejection { cause, ..code.into() });
        }
    };
    let abort = inputs.clone();
    let _signal = transport::watch_signal(&options.signal, move || {
        abort.send(Input::Dialog(Event::Aborted));
    });
    flow.report("open");

    let (server, preloaded) = match preload::take(&integration, &options) {
        Some((server, loaded)) => (server, Some(loaded)),
        None => (Rc::new(Server::new(&options)), None),
    };
    let mut dialog = Dialog::default();
    let mut form: Option<Rc<Form>> = None;
    let mut rejection: Option<Rejection> = None;
    let mut keep_draft = options.keep_draft;
    let mut _confirmation: Option<Timer> = None;
    let mut in_flight: InFlight = None;
    match preloaded {
        Some(loaded) => inputs.send(Input::Loaded(Ok(loaded))),
        None => in_flight = Some(load(&server, &integration, &options)),
    }
    view.render(dialog.phase(), form.as_deref());

    while let Some(input) = next(&mut reported, &mut in_flight).await {
        let event = match input {
            Input::Dialog(event) => event,
            Input::Ui(ui) => match view.ui(ui, form.as_deref()) {
                Some(event) => event,
                None => continue,
            },
            Input::Leaving => {
                keep_draft = false;
                view.wipe();
                draft::forget_all();
                Event::Gone
            }
            Input::Loaded(Ok(loaded)) => {
                let shown = view.show_form(&loaded, &options);
                form = Some(Rc::new(loaded.form));
                if let Err(cause) = shown {
                    rejection = Some(Rejection { cause, ..AuthErrorCode::UnknownError.into() });
                    Event::Cannot(AuthErrorCode::UnknownError)
                } else {
                    flow.report("form_shown");
                    Event::Loaded
                }
            }
            Input::Loaded(Err(Trouble::Failure(failure, _))) => Event::LoadFailed(failure),
            Input::Posted(Ok(connection)) => Event::Stored(connection),
            Input::Posted(Err(Trouble::Failure(failure, issues))) => {
                view.show_issues(&issues, form.as_deref());
                Event::Failed(failure)
            }
            Input::Loaded(Err(Trouble::Ending(ending)))
            | Input::Posted(Err(Trouble::Ending(ending))) => {
                let code = ending.code;
                rejection = Some(*ending);
                Event::Cannot(code)
            }
        };
        let failed = matches!(event, Event::Failed(_) | Event::LoadFailed(_));

        let mut next = dialog.on(event);
        if let Next::Check { unchecked } = next {
            let checked = form.as_deref().and_then(|form| view.check(form));
            next = dialog.on(match checked {
                Some(answers) => Event::Checked { answers, online: is_online(), unchecked },
                None => Event::Faulty,
            });
        }
        match next {
            Next::Nothing | Next::Check { .. } => {}
            Next::Render => {
                view.render(dialog.phase(), form.as_deref());
                if failed && let Some(failure) = dialog.phase().failure() {
                    flow.rejected(failure.cause.as_str());
                }
            }
            Next::Load => {
                in_flight = Some(load(&server, &integration, &options));
                view.render(dialog.phase(), form.as_deref());
            }
            Next::Post { answers, unchecked } => {
                if let Some(form) = form.clone() {
                    let (server, connection) = (server.clone(), connection.clone());
                    in_flight = Some(Box::pin(async move {
                        let id = connection.as_deref();
                        Input::Posted(server.post(&form, &answers, id, unchecked).await)
                    }));
                }
                flow.report("submitted");
                view.render(dialog.phase(), form.as_deref());
            }
            Next::Settle(outcome) => {
                finish(outcome, &mut settle, &mut rejection, &flow);
                claim.settled();
                view.render(dialog.phase(), form.as_deref());
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
                if keep_draft && let Some(form) = &form {
                    view.keep_draft(form);
                }
                drop(view); // the page is as it was before the promise settles
                drop(claim);
                if let Some(outcome) = outcome {
                    finish(outcome, &mut settle, &mut rejection, &flow);
                }
                flow.report("closed");
                return;
            }
        }
    }
}

fn finish(outcome: Outcome, settle: &mut Settle, rejection: &mut Option<Rejection>, flow: &Flow) {
    match outcome {
        Ok(connection) => {
            settle.resolve(&connection);
            flow.connected(&connection.connection_id);
        }
        Err(code) => {
            let known = rejection.take().filter(|known| known.code == code);
            settle.reject(known.unwrap_or_else(|| code.into()));
        }
    }
}

fn load(
    server: &Rc<Server>,
    integration: &str,
    options: &Options,
) -> Pin<Box<dyn Future<Output = Input>>> {
    let server = server.clone();
    let integration = integration.to_owned();
    let params = options.params.clone();
    Box::pin(async move { Input::Loaded(server.load(&integration, &params).await) })
}

/// The next input: an answer to the request in flight, or something reported. Dropping the request
/// aborts it.
async fn next(reported: &mut UnboundedReceiver<Input>, in_flight: &mut InFlight) -> Option<Input> {
    poll_fn(|cx| {
        if let Some(request) = in_flight
            && let Poll::Ready(input) = request.as_mut().poll(cx)
        {
            *in_flight = None;
            return Poll::Ready(Some(input));
        }
        Pin::new(&mut *reported).poll_next(cx)
    })
    .await
}

/// A call with `credentials`: the same checks and errors, no dialog.
pub(crate) async fn headless(call: Call) -> Result<Connection, Rejection> {
    let Call { integration, connection, options } = call;
    let credentials = options.credentials.as_deref().unwrap_or_default();
    let given = |name: &str| {
        credentials.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    if transport::is_aborted(&options.signal) {
        return Err(AuthErrorCode::Aborted.into());
    }
    let server = Server::new(&options);
    let form = if let crate::options::Access::Public { .. } = options.access {
        // A public key may not read the template: the shape of the credential tells the route.
        let auth_mode = if given("apiKey").is_some() { "API_KEY" } else { "BASIC" };
        let template = object(&[("auth_mode", auth_mode.into())]);
        let integration = object(&[("unique_key", integration.as_str().into())]);
        Form::build(&Js(template), &Js(integration), &Js(JsValue::UNDEFINED), &options.params)?
    } else {
        let loaded = server.load(&integration, &options.params).await;
        loaded.map_err(plain)?.form
    };
    let mut answers = Vec::with_capacity(form.fields.len());
    for field in &form.fields {
        let value = if field.credential { given(&field.name) } else { None };
        let value = value.unwrap_or_else(|| field.initial.clone().into());
        let checked = form.check(field, &value, false);
        if checked.fault.is_some() {
            let mut message = String::from("`");
            message.push_str(if field.credential { "credentials." } else { "params." });
            message.push_str(&field.name);
            message.push_str("` is missing or cannot be used.");
            let code = AuthErrorCode::MissingCredentials;
            return Err(Rejection { message: Some(message), ..code.into() });
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
        Trouble::Ending(rejection) => return *rejection,
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
    let message = issues.into_iter().next().map(|issue| issue.message);
    Rejection {
        message: message.filter(|text| !text.is_empty()),
        status: failure.status,
        request_id: failure.request_id,
        reason: Some(failure.cause.as_str()),
        ..code.into()
    }
}
