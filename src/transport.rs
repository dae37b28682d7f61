//! Talking to the server: one request at a time, aborted when nobody waits for it any more.
//!
//! Knows the routes and both dialects: a Keyslot server takes the token in a header and the params
//! in the body, a stock Nango server takes both in the query. Does not know the dialog.

use crate::listener::Listener;
use crate::options::{Access, Options};
use crate::read::{Js, get};
use crate::rejection::Rejection;
use crate::timer::Timer;
use gloo_net::http::{Headers, Response};
use js_sys::{Promise, Uint8Array};
use keyslot_core::dialog::Connection;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::failure::{Cause, Failure};
use keyslot_core::form::{Form, Value};
use keyslot_core::json::Json;
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

/// Why a request came to nothing.
pub(crate) enum Trouble {
    /// The person or time can mend it; the server may have named fields.
    Failure(Failure, Vec<Issue>),
    /// It cannot work.
    Ending(Box<Rejection>),
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Trouble::Failure(Failure::new(cause), Vec::new())
    }
}

impl From<AuthErrorCode> for Trouble {
    fn from(code: AuthErrorCode) -> Self {
        Trouble::Ending(Box::new(code.into()))
    }
}

/// An answer of the server.
struct Answer {
    status: u16,
    body: JsValue,
    request_id: Option<String>,
}

/// The server, as one call sees it.
pub(crate) struct Server {
    host: String,
    access: Access,
    timeout: f64,
    locale: String,
    token: RefCell<Option<String>>,
    /// It said that it is a Keyslot server.
    keyslot: Cell<bool>,
}

/// The form, and what the session says about it.
pub(crate) struct Loaded {
    pub(crate) form: Form,
    pub(crate) session: Js,
}

impl Server {
    /// The server of `options`.
    pub(crate) fn new(options: &Options) -> Server {
        Server {
            host: options.host.clone(),
            access: options.access.clone(),
            timeout: options.timeout,
            locale: options.words.locale.clone(),
            token: RefCell::new(None),
            keyslot: Cell::new(false),
        }
    }

    /// Fetches what is needed to draw the form of `integration`: one request from a Keyslot server
    /// whose session names its integrations, three otherwise.
    pub(crate) async fn load(
        &self,
        integration: &str,
        params: &[(String, String)],
    ) -> Result<Box<Loaded>, Trouble> {
        let session = self.data("/connect/session").await?;
        self.keyslot.set(get(&session, "keyslot").is_truthy());
        let forms = get(&session, "forms");
        if forms.is_object() {
            let parts = get(&forms, integration);
            if parts.is_undefined() {
                return Err(AuthErrorCode::IntegrationNotAllowed.into());
            }
            return loaded(session, get(&parts, "integration"), get(&parts, "provider"), params);
        }
        let list: js_sys::Array = self.data("/integrations").await?.unchecked_into();
        let found = list
            .iter()
            .find(|one| get(one, "unique_key").as_string().as_deref() == Some(integration));
        let Some(found) = found else { return Err(AuthErrorCode::UnknownIntegration.into()) };
        let provider = get(&found, "provider").as_string().unwrap_or_default();
        let template = self.data(&["/providers/", &encode(&provider)].concat()).await?;
        loaded(session, found, template, params)
    }

    /// Posts the filled form.
    pub(crate) async fn post(
        &self,
        form: &Form,
        answers: &[Value],
        connection: Option<&str>,
        unchecked: bool,
    ) -> Result<Connection, Trouble> {
        let body = form.body(answers, self.keyslot.get(), connection, unchecked);
        let path = self.path(form, answers, connection);
        let answer = self.ask(&path, Some(&body)).await?;
        connected(answer)
    }

    /// The route that takes the form, with what a stock server wants in the query.
    fn path(&self, form: &Form, answers: &[Value], connection: Option<&str>) -> String {
        let mut path = ["/api-auth/", form.mode.route(), "/", &encode(&form.integration)].concat();
        if self.keyslot.get() {
            return path;
        }
        for (name, value) in form.params(answers) {
            parameter(&mut path, &["params[", name, "]"].concat(), value);
        }
        if let Access::Public { key, hmac } = &self.access {
            parameter(&mut path, "public_key", key);
            parameter(&mut path, "hmac", hmac);
            parameter(&mut path, "connection_id", connection.unwrap_or_default());
        }
        path
    }

    /// The `data` of a GET. Every answer that is read here has an object or a list there.
    async fn data(&self, path: &str) -> Result<JsValue, Trouble> {
        let answer = self.ask(path, None).await?;
        let data = get(&answer.body, "data");
        if data.is_object() { Ok(data) } else { Err(unreadable(answer)) }
    }

    /// One request, once more with a new token when the session has ended and can be renewed.
    async fn ask(&self, path: &str, body: Option<&[u8]>) -> Result<Answer, Trouble> {
        let mut renewed = !matches!(&self.access, Access::Session(s) if s.is_function());
        loop {
            let token = self.token().await?;
            let answer = self.send(path, body, token).await?;
            if answer.status < 300 {
                return Ok(answer);
            }
            let trouble = trouble(answer);
            if !renewed
                && let Trouble::Ending(ending) = &trouble
                && ending.code == AuthErrorCode::ConnectSessionExpired
            {
                renewed = true;
                self.token.replace(None);
                continue;
            }
            return Err(trouble);
        }
    }

    /// The session token: the caller's string, or what the caller's function returned last. Empty
    /// for a public key.
    async fn token(&self) -> Result<String, Trouble> {
        let Access::Session(session) = &self.access else { return Ok(String::new()) };
        if let Some(token) = self.token.borrow().as_ref() {
            return Ok(token.clone());
        }
        let mut value = session.clone();
        if let Some(provide) = session.dyn_ref::<js_sys::Function>() {
            // The caller's own backend is down, most likely: the person can only try again.
            let provided = provide.call0(&JsValue::UNDEFINED).map_err(|_| Cause::Server)?;
            let promise = Promise::resolve(&provided);
            value = JsFuture::from(promise).await.map_err(|_| Cause::Server)?;
        }
        let token = value.as_string().unwrap_or_default().trim().to_owned();
        if token.is_empty() {
            let expected = "a connect session token (or return one)";
            let rejection = Rejection::argument("session", expected, &value);
            return Err(Trouble::Ending(Box::new(rejection)));
        }
        // What goes into a header must be header-safe; anything else is no token of any server.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AuthErrorCode::ConnectSessionExpired.into());
        }
        self.token.replace(Some(token.clone()));
        Ok(token)
    }

    async fn send(
        &self,
        path: &str,
        body: Option<&[u8]>,
        token: String,
    ) -> Result<Answer, Trouble> {
        let abort = Abort::new(self.timeout);
        let sent = settled(self.begin(path, body, &token, &abort)).await;
        let response: web_sys::Response = sent.map_err(|_| abort.cause())?.unchecked_into();
        let body = match settled(response.json()).await {
            // An HTML 502 of some proxy is no JSON; then there is only the status to go by.
            Err(error) if get(&error, "name") != "SyntaxError" => return Err(abort.cause().into()),
            body => body.unwrap_or(JsValue::UNDEFINED),
        };
        let response = Response::from(response);
        Ok(Answer {
            status: response.status(),
            body,
            request_id: response.headers().get("x-request-id"),
        })
    }

    /// Builds the request and sends it on its way.
    fn begin(
        &self,
        path: &str,
        body: Option<&[u8]>,
        token: &str,
        abort: &Abort,
    ) -> Result<Promise, JsValue> {
        let mut url = [self.host.as_str(), path].concat();
        let headers = Headers::new();
        if body.is_some() && !self.keyslot.get() {
            parameter(&mut url, "connect_session_token", token);
        } else if !token.is_empty() {
            headers.set("authorization", &["Bearer ", token].concat());
        }
        // Templates are translated by the one header, on the rival's wire too.
        let (method, name, value) = match body {
            None => ("GET", "accept-language", self.locale.as_str()),
            Some(_) => ("POST", "content-type", "application/json"),
        };
        headers.set(name, value);
        let body = body.map(Uint8Array::from);
        let init = crate::dom::object(&[
            ("method", method.into()),
            ("headers", headers.into_raw().into()),
            ("body", body.as_ref().into()),
            ("signal", get(abort.controller.as_ref(), "signal")),
            ("cache", "no-store".into()),
            ("credentials", "omit".into()),
            ("redirect", "error".into()),
            ("referrerPolicy", "no-referrer".into()),
        ]);
        let sent = fetch(&url, &init);
        if let Some(body) = body {
            // The request has its own copy by now: wipe ours of what was typed.
            body.fill(0, 0, body.length());
        }
        sent
    }
}

/// Waits for a promise, if there is one.
async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

/// Makes the form of what the server sent.
fn loaded(
    session: JsValue,
    integration: JsValue,
    template: JsValue,
    params: &[(String, String)],
) -> Result<Box<Loaded>, Trouble> {
    let session = Js(session);
    let form = Form::build(&Js(template), &Js(integration), &session, params)?;
    Ok(Box::new(Loaded { form, session }))
}

fn connected(answer: Answer) -> Result<Connection, Trouble> {
    let body = Js(answer.body.clone());
    let connection_id = body.text("connectionId");
    if connection_id.is_empty() {
        return Err(unreadable(answer));
    }
    Ok(Connection {
        connection_id,
        provider_config_key: body.text("providerConfigKey"),
        verification: Verification::read(&body),
    })
}

/// The server answered 2xx with something else than its wire says.
fn unreadable(answer: Answer) -> Trouble {
    let failure = Failure { request_id: answer.request_id, ..Failure::new(Cause::Server) };
    Trouble::Failure(failure, Vec::new())
}

/// Sorts an error answer: ending or failure.
fn trouble(answer: Answer) -> Trouble {
    let error = Js(get(&answer.body, "error"));
    let word = error.text("code");
    let request_id = error.optional("request_id").or(answer.request_id);
    if let Some(code) = AuthErrorCode::ending(&word) {
        return Trouble::Ending(Box::new(Rejection {
            message: error.optional("message"),
            status: Some(answer.status),
            request_id,
            ..code.into()
        }));
    }
    let cause = match word.as_str() {
        "connection_test_failed" => Cause::from_reason(&error.text("reason")),
        "invalid_body" | "invalid_query_params" => Cause::Invalid,
        _ if answer.status == 429 => Cause::Limited,
        _ => Cause::Server,
    };
    let failure = Failure { cause, request_id, status: Some(answer.status) };
    Trouble::Failure(failure, Issue::read(&error))
}

/// Appends a query parameter, unless it is empty.
fn parameter(url: &mut String, name: &str, value: &str) {
    if !value.is_empty() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&encode(name));
        url.push('=');
        url.push_str(&encode(value));
    }
}

/// Aborts the request on drop, and after the time limit.
struct Abort {
    controller: Controller,
    timed_out: Rc<Cell<bool>>,
    _timer: Timer,
}

impl Abort {
    fn new(timeout: f64) -> Abort {
        let controller = Controller::new();
        let timed_out = Rc::new(Cell::new(false));
        let (abort, late) = (controller.clone(), timed_out.clone());
        let timer = Timer::new(timeout, move || {
            late.set(true);
            abort.abort();
        });
        Abort { controller, timed_out, _timer: timer }
    }

    /// Why there is no answer.
    fn cause(&self) -> Cause {
        if self.timed_out.get() {
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

/// Reports when the caller's signal fires; `None` when there is none.
pub(crate) fn watch_signal(
    signal: &JsValue,
    mut fired: impl FnMut() + 'static,
) -> Option<Listener> {
    signal.is_object().then(|| Listener::new(signal.unchecked_ref(), "abort", move |_| fired()))
}

/// Whether the caller's signal has fired already.
pub(crate) fn is_aborted(signal: &JsValue) -> bool {
    get(signal, "aborted").is_truthy()
}
