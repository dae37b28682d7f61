//! Talking to the server: one request at a time, aborted when nobody waits for it any more.
//!
//! Knows the routes and both dialects: a Keyslot server takes the token in a header and the params
//! in the body, a stock Nango server takes both in the query. Does not know the dialog.

use crate::options::Options;
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
    Ending(Rejection),
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Trouble::Failure(Failure::new(cause), Vec::new())
    }
}

impl From<AuthErrorCode> for Trouble {
    fn from(code: AuthErrorCode) -> Self {
        Trouble::Ending(code.into())
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
        let session = self.data("/connect/session").await?;
        self.keyslot.set(get(&session, "keyslot").is_truthy());
        let forms = get(&session, "forms");
        let (found, template) = if forms.is_object() {
            let parts = get(&forms, integration);
            if parts.is_undefined() {
                return Err(AuthErrorCode::IntegrationNotAllowed.into());
            }
            (get(&parts, "integration"), get(&parts, "provider"))
        } else {
            let list = Js(self.data("/integrations").await?).items();
            let found = list.into_iter().find(|one| get(&one.0, "unique_key") == *integration);
            let Some(Js(found)) = found else {
                return Err(AuthErrorCode::UnknownIntegration.into());
            };
            let provider = get(&found, "provider").as_string().unwrap_or_default();
            let template = self.data(&["/providers/", &encode(&provider)].concat()).await?;
            (found, template)
        };
        let session = Js(session);
        let form = Form::build(&Js(template), &Js(found), &session, &self.options.params)?;
        Ok(Loaded { form: Rc::new(form), session })
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
        if self.options.session().is_none() {
            parameter(&mut path, "public_key", &self.options.text("publicKey"));
            parameter(&mut path, "hmac", &self.options.text("hmac"));
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
            match trouble(answer) {
                Trouble::Ending(Rejection {
                    code: AuthErrorCode::ConnectSessionExpired, ..
                }) if renewable => {
                    renewable = false;
                    self.token.replace(String::new());
                }
                trouble => return Err(trouble),
            }
        }
    }

    async fn send(&self, path: &str, body: Option<&[u8]>) -> Result<Answer, Trouble> {
        let abort = Abort::new(self.options.timeout());
        let sent = settled(self.begin(path, body, &abort)).await;
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
    fn begin(&self, path: &str, body: Option<&[u8]>, abort: &Abort) -> Result<Promise, JsValue> {
        let token = self.token.borrow();
        let mut url = [self.options.host.as_str(), path].concat();
        let headers = Headers::new();
        if body.is_some() && !self.keyslot.get() {
            parameter(&mut url, "connect_session_token", &token);
        } else if !token.is_empty() {
            headers.set("authorization", &["Bearer ", &token].concat());
        }
        // Templates are translated by the one header, on the rival's wire too.
        let (method, name, value) = match body {
            None => ("GET", "accept-language", self.options.words.locale.as_str()),
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

/// A session token as it came from the caller.
fn header_safe(given: &JsValue) -> Result<String, Trouble> {
    let token = given.as_string().unwrap_or_default().trim().to_owned();
    if token.is_empty() {
        let expected = "a connect session token (or return one)";
        Err(Trouble::Ending(Rejection::argument("session", expected, given)))
    } else if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        // What goes into a header must be header-safe; anything else is no token of any server.
        Err(AuthErrorCode::ConnectSessionExpired.into())
    }
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
        let rejection = Rejection::new(code, &error.text("message"));
        let details = [("status", answer.status.into()), ("requestId", request_id.into())];
        return Trouble::Ending(rejection.with(&details));
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
