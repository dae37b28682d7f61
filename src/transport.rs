//! Talking to the server: one request at a time, aborted when nobody waits for it any more.
//!
//! Knows the routes and both dialects: a Keyslot server takes the token in a header and the params
//! in the body, a stock Nango server takes both in the query. Does not know the dialog.

use crate::options::Options;
use crate::outgoing::{Member, outgoing};
use crate::read::{Js, get, merged, own};
use crate::rejection::Rejection;
use crate::timer::Timer;
use gloo_net::http::{Headers, Response};
use js_sys::{Promise, Uint8Array};
use keyslot_core::dialog::Connection;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::failure::Cause;
use keyslot_core::form::{Form, Value};
use keyslot_core::json::Json;
use keyslot_core::text::joined;
use keyslot_core::wire::{Issue, Verification};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// gloo's own `send` panics when `fetch` rejects with something that is not an `Error`, which a
    /// page that wraps `fetch` can do, and its `RequestBuilder` parses each address three times, for
    /// three kilobytes. So the headers and the response are gloo's, the call is ours.
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, init: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = encodeURIComponent)]
    fn encode(text: &str) -> String;

    #[wasm_bindgen(js_name = AbortController)]
    #[derive(Clone)]
    type Controller;
    #[wasm_bindgen(constructor, js_class = "AbortController")]
    fn new() -> Controller;
    #[wasm_bindgen(method)]
    fn abort(this: &Controller);
}

/// An answer of the server.
pub(crate) struct Answer {
    status: u16,
    /// Its `x-request-id`, or what the error envelope says; may be empty.
    pub(crate) request_id: String,
    /// Its `retry-after`; may be empty, and is where the server does not let other origins read it.
    pub(crate) retry_after: String,
    body: Js,
}

/// Why a request came to nothing.
pub(crate) struct Trouble {
    pub(crate) kind: TroubleKind,
    /// What the server said about it, if it came to that.
    pub(crate) answer: Answer,
}

/// Whose it is to mend.
#[derive(Clone, Copy)]
pub(crate) enum TroubleKind {
    /// The person's, or time's.
    Failure(Cause),
    /// It cannot work.
    Ending(AuthErrorCode),
}

impl Trouble {
    fn without_answer(kind: TroubleKind) -> Trouble {
        let (request_id, retry_after) = (String::new(), String::new());
        let answer = Answer { status: 0, request_id, retry_after, body: Js(JsValue::UNDEFINED) };
        Trouble { kind, answer }
    }

    /// What the server found wrong with single fields.
    pub(crate) fn issues(&self) -> Vec<Issue> {
        Issue::read(&self.answer.body.get("error"))
    }

    /// As the end of the call. Without a dialog there is nobody to try again: a failure is one, too.
    pub(crate) fn rejection(&self) -> Rejection {
        let (code, message, reason) = match self.kind {
            TroubleKind::Ending(code) => {
                (code, self.answer.body.get("error").text("message"), JsValue::UNDEFINED)
            }
            TroubleKind::Failure(cause) => {
                let message = self.issues().into_iter().next().map(|issue| issue.message);
                (failed(cause), message.unwrap_or_default(), cause.as_str().into())
            }
        };
        let Answer { status, request_id, .. } = &self.answer;
        let known = |value: JsValue| if value.is_falsy() { JsValue::UNDEFINED } else { value };
        Rejection::new(code, &message).with(&[
            ("status", known(f64::from(*status).into())),
            ("requestId", known(request_id.as_str().into())),
            ("reason", reason),
        ])
    }
}

/// The code of a call that ends with a failure.
fn failed(cause: Cause) -> AuthErrorCode {
    match cause {
        Cause::Refused | Cause::Forbidden | Cause::Address | Cause::Unavailable => {
            AuthErrorCode::ConnectionTestFailed
        }
        Cause::Invalid => AuthErrorCode::MissingCredentials,
        Cause::Offline | Cause::Network | Cause::Timeout | Cause::Limited => {
            AuthErrorCode::NetworkError
        }
        Cause::Server => AuthErrorCode::UnknownError,
        Cause::Expired => AuthErrorCode::ConnectSessionExpired,
    }
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Trouble::without_answer(TroubleKind::Failure(cause))
    }
}

impl From<AuthErrorCode> for Trouble {
    fn from(code: AuthErrorCode) -> Self {
        Trouble::without_answer(TroubleKind::Ending(code))
    }
}

/// The server, as one call sees it.
pub(crate) struct Server {
    options: Rc<Options>,
    token: RefCell<String>,
    /// It said that it is a Keyslot server.
    keyslot: Cell<bool>,
}

/// The form, and what the session says about it.
pub(crate) struct Loaded {
    pub(crate) form: Rc<Form>,
    pub(crate) session: Js,
}

impl Server {
    /// The server of `options`.
    pub(crate) fn new(options: &Rc<Options>) -> Server {
        Server { options: options.clone(), token: RefCell::default(), keyslot: Cell::new(false) }
    }

    /// Fetches what is needed to draw the form of `integration`: one request from a Keyslot server
    /// whose session names its integrations, three otherwise.
    pub(crate) async fn load(&self, integration: &str) -> Result<Loaded, Trouble> {
        let (mut session, mut found) = (JsValue::UNDEFINED, JsValue::UNDEFINED);
        let mut path = String::from("/connect/session");
        let template = loop {
            let answer = self.ask(&path, None).await?;
            // Every answer that is read here has an object or a list there.
            let data = answer.body.get("data").0;
            if !data.is_object() {
                return Err(unreadable(answer));
            }
            if session.is_undefined() {
                session = data;
                self.keyslot.set(own(&session, "keyslot").is_truthy());
                let forms = own(&session, "forms");
                if forms.is_object() {
                    let parts = own(&forms, integration);
                    if parts.is_undefined() {
                        return Err(AuthErrorCode::IntegrationNotAllowed.into());
                    }
                    found = own(&parts, "integration");
                    break own(&parts, "provider");
                }
                path = String::from("/integrations");
            } else if found.is_undefined() {
                for Js(one) in Js(data).items() {
                    if own(&one, "unique_key") == *integration {
                        found = one;
                    }
                }
                if found.is_undefined() {
                    // The list has only what the session allows.
                    let allowed = Js(session).texts("allowed_integrations");
                    return Err(
                        if allowed.is_empty() || allowed.iter().any(|id| id == integration) {
                            AuthErrorCode::UnknownIntegration
                        } else {
                            AuthErrorCode::IntegrationNotAllowed
                        }
                        .into(),
                    );
                }
                let provider = own(&found, "provider").as_string().unwrap_or_default();
                path = joined(&["/providers/", &encode(&provider)]);
                if self.keyslot.get() {
                    // The form of a generic provider is made by its integration's settings.
                    parameter(&mut path, "integration", integration);
                }
            } else {
                break data;
            }
        };
        let session = Js(session);
        let form = Form::build(&Js(template), &Js(found), &session, &self.options.params)?;
        Ok(Loaded { form: Rc::new(form), session })
    }

    /// Whether a connection can get the id that the caller wants. With a session token a stock server makes the
    /// id itself, and refuses one; a session for reconnecting names the connection already.
    pub(crate) fn admits(&self, loaded: &Loaded, connection: Option<&str>) -> bool {
        connection.is_none()
            || self.keyslot.get()
            || loaded.session.get("isReconnecting").is_truthy()
    }

    /// Posts the filled form.
    pub(crate) async fn post(
        &self,
        form: &Form,
        answers: &[Value],
        connection: Option<&str>,
        unchecked: bool,
    ) -> Result<Connection, Trouble> {
        let body =
            form.body(answers, &self.options.params, self.keyslot.get(), connection, unchecked);
        let path = self.path(form, answers, connection);
        connected(self.ask(&path, Some(body.as_bytes())).await?)
    }

    /// The route that takes the form, with what a stock server wants in the query.
    fn path(&self, form: &Form, answers: &[Value], connection: Option<&str>) -> String {
        let mut path = joined(&["/api-auth/", form.mode.route(), "/", &encode(&form.integration)]);
        if self.keyslot.get() {
            return path;
        }
        for (name, value) in form.params(answers, &self.options.params) {
            parameter(&mut path, &joined(&["params[", name, "]"]), value);
        }
        if self.options.session().is_none() {
            parameter(&mut path, "public_key", &self.options.text("publicKey"));
            parameter(&mut path, "hmac", &self.options.text("hmac"));
            parameter(&mut path, "connection_id", connection.unwrap_or_default());
        }
        path
    }

    /// One request, once more with a new token when the session has ended and can be renewed.
    async fn ask(&self, path: &str, body: Option<&[u8]>) -> Result<Answer, Trouble> {
        let session = self.options.session();
        let provide: Option<&js_sys::Function> = session.as_ref().and_then(JsCast::dyn_ref);
        let mut renewable = provide.is_some();
        loop {
            if let Some(session) = &session
                && self.token.borrow().is_empty()
            {
                let token = match provide {
                    None => session.clone(),
                    // The caller's own backend is down, most likely: the person can only try again.
                    Some(provide) => {
                        let provided = provide.call0(&JsValue::UNDEFINED);
                        let promise = provided.map(|token| Promise::resolve(&token));
                        settled(promise).await.map_err(|_| Cause::Server)?
                    }
                };
                self.token.replace(header_safe(&token)?);
            }
            let answer = self.send(path, body).await?;
            if answer.status < 300 {
                return Ok(answer);
            }
            let trouble = trouble(answer);
            if let TroubleKind::Ending(AuthErrorCode::ConnectSessionExpired) = trouble.kind
                && renewable
            {
                renewable = false;
                self.token.replace(String::new());
            } else {
                return Err(trouble);
            }
        }
    }

    async fn send(&self, path: &str, body: Option<&[u8]>) -> Result<Answer, Trouble> {
        // Declared before `abort`, so dropped after it: whoever still holds the body has been told to stop.
        let body = Posted(body.map(Uint8Array::from));
        let abort = Abort::new(self.options.timeout());
        let sent = settled(self.begin(path, body.0.as_ref(), &abort)).await;
        let response: web_sys::Response = sent.map_err(|_| abort.cause())?.unchecked_into();
        let body = match settled(response.json()).await {
            // An HTML 502 of some proxy is no JSON; then there is only the status to go by.
            Err(error) if get(&error, "name") != "SyntaxError" => return Err(abort.cause().into()),
            body => body.unwrap_or(JsValue::UNDEFINED),
        };
        let response = Response::from(response);
        let headers = response.headers();
        let [request_id, retry_after] =
            ["x-request-id", "retry-after"].map(|name| headers.get(name).unwrap_or_default());
        Ok(Answer { status: response.status(), body: Js(body), request_id, retry_after })
    }

    /// Builds the request and sends it on its way.
    fn begin(
        &self,
        path: &str,
        body: Option<&Uint8Array>,
        abort: &Abort,
    ) -> Result<Promise, JsValue> {
        let token = self.token.borrow();
        let mut url = joined(&[self.options.host.as_str(), path]);
        let headers = Headers::new();
        if body.is_some() && !self.keyslot.get() {
            parameter(&mut url, "connect_session_token", &token);
        } else if !token.is_empty() {
            headers.set("authorization", &joined(&["Bearer ", &token]));
        }
        // Templates are translated by the one header, on the rival's wire too.
        let (method, name, value) = match body {
            None => ("GET", "accept-language", self.options.words.locale.as_str()),
            Some(_) => ("POST", "content-type", "application/json"),
        };
        headers.set(name, value);
        let fixed = outgoing(&[
            Member("method", method),
            Member("cache", "no-store"),
            Member("credentials", "omit"),
            Member("redirect", "error"),
            Member("referrerPolicy", "no-referrer"),
        ]);
        let own = crate::dom::object(&[
            ("headers", headers.into_raw().into()),
            ("body", body.into()),
            ("signal", abort.signal()),
        ]);
        // What the browser does not find here it takes from nowhere else.
        fetch(&url, &merged(&fixed, &own))
    }
}

/// What was typed, as the browser is given it; wiped when the request is over. Not before: a page that wraps
/// `fetch` may look at the body later, or send it once more.
struct Posted(Option<Uint8Array>);

impl Drop for Posted {
    fn drop(&mut self) {
        if let Some(body) = &self.0 {
            body.fill(0, 0, body.length());
        }
    }
}

/// Waits for a promise, if there is one.
async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

/// A session token as it came from the caller.
fn header_safe(given: &JsValue) -> Result<String, Trouble> {
    let token = given.as_string().unwrap_or_default().trim_ascii().to_owned();
    if token.is_empty() {
        let expected = "a connect session token (or return one)";
        let mut trouble = Trouble::from(AuthErrorCode::InvalidArgument);
        let error = Rejection::argument("session", expected, given).into_js();
        trouble.answer.body = Js(crate::dom::object(&[("error", error)]).into());
        Err(trouble)
    } else if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        // What goes into a header must be header-safe; anything else is no token of any server.
        Err(AuthErrorCode::ConnectSessionExpired.into())
    }
}

fn connected(answer: Answer) -> Result<Connection, Trouble> {
    let body = &answer.body;
    let connection_id = body.text("connectionId");
    if connection_id.is_empty() {
        return Err(unreadable(answer));
    }
    Ok(Connection {
        connection_id,
        provider_config_key: body.text("providerConfigKey"),
        verification: Verification::read(body),
    })
}

/// The server answered 2xx with something else than its wire says.
fn unreadable(answer: Answer) -> Trouble {
    Trouble { kind: TroubleKind::Failure(Cause::Server), answer }
}

/// Sorts an error answer.
fn trouble(mut answer: Answer) -> Trouble {
    let error = answer.body.get("error");
    let word = error.text("code");
    if let Some(id) = error.optional("request_id") {
        answer.request_id = id;
    }
    let kind = match AuthErrorCode::ending(&word) {
        Some(code) => TroubleKind::Ending(code),
        None => TroubleKind::Failure(match word.as_str() {
            "connection_test_failed" => Cause::from_reason(&error.text("reason")),
            "invalid_body" | "invalid_query_params" => Cause::Invalid,
            _ if answer.status == 429 => Cause::Limited,
            _ => Cause::Server,
        }),
    };
    Trouble { kind, answer }
}

/// Appends a query parameter, unless it is empty.
fn parameter(url: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        url.push(if url.bytes().any(|byte| byte == b'?') { '&' } else { '?' });
        url.push_str(&encode(name));
        url.push('=');
        url.push_str(&encode(value));
    }
}

/// Aborts the request on drop, and after the time limit.
struct Abort {
    controller: Controller,
    _timer: Timer,
}

impl Abort {
    fn new(timeout: f64) -> Abort {
        let controller = Controller::new();
        let abort = controller.clone();
        Abort { controller, _timer: Timer::new(timeout, move || abort.abort()) }
    }

    fn signal(&self) -> JsValue {
        get(self.controller.as_ref(), "signal")
    }

    /// Why there is no answer.
    fn cause(&self) -> Cause {
        // Nobody else aborts a request that is still waited for.
        if get(&self.signal(), "aborted").is_truthy() {
            Cause::Timeout
        } else if crate::dom::is_online() {
            Cause::Network
        } else {
            Cause::Offline
        }
    }
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.controller.abort(); // does nothing to a request that is through
    }
}
