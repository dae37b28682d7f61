//! Talking to the server: one request at a time, each aborted when nobody waits for it any more.
//!
//! Knows the routes and both dialects (a Keyslot server takes the token in a header and the params
//! in the body, a stock Nango server takes both in the query). Does not know the dialog.

use crate::dom::Dom;
use crate::listener::Listener;
use crate::options::{Access, Options};
use crate::read::{get, read};
use crate::rejection::Rejection;
use crate::timer::Timer;
use gloo_net::http::{Method, RequestBuilder, Response};
use js_sys::{Promise, Uint8Array};
use keyslot_core::dialog::Connection;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::failure::{Cause, Failure};
use keyslot_core::form::{Form, Value};
use keyslot_core::template::Template;
use keyslot_core::wire::{Connected, Data, Envelope, ErrorBody, Integration, Issue, Session};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReferrerPolicy, RequestCache, RequestCredentials, RequestRedirect};

#[wasm_bindgen]
extern "C" {
    /// gloo's own `send` panics when `fetch` rejects with something that is not an `Error`, which a
    /// page that wraps `fetch` can do; so the request is gloo's, the call is ours.
    #[wasm_bindgen(catch)]
    fn fetch(request: &web_sys::Request) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = encodeURIComponent)]
    fn encode(text: &str) -> String;
}

/// Why a request came to nothing.
pub(crate) enum Trouble {
    /// The person or time can mend it.
    Failure(Failure),
    /// It cannot work.
    Ending(Rejection),
    /// The server names fields.
    Issues(Failure, Vec<Issue>),
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

/// The form and what the session says about it.
pub(crate) struct Loaded {
    pub(crate) form: Form,
    pub(crate) allow_unverified: bool,
    pub(crate) settings: Option<keyslot_core::wire::Settings>,
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
    ) -> Result<Loaded, Trouble> {
        let session: Data<Session> = self.fetch_json("/connect/session").await?;
        let mut session = session.data;
        self.keyslot.set(session.keyslot.is_some());

        let at = session.forms.0.iter().position(|(key, _)| key == integration);
        let (integration, template) = if let Some(at) = at {
            let (_, parts) = session.forms.0.swap_remove(at);
            (parts.integration, parts.provider)
        } else if session.forms.0.is_empty() {
            let list: Data<Vec<Integration>> = self.fetch_json("/integrations").await?;
            let mut list = list.data.into_iter();
            let found = list
                .find(|one| one.unique_key == integration)
                .ok_or_else(|| Trouble::Ending(AuthErrorCode::UnknownIntegration.into()))?;
            let mut path = String::from("/providers/");
            path.push_str(&encode(&found.provider));
            let template: Data<Template> = self.fetch_json(&path).await?;
            (found, template.data)
        } else {
            return Err(Trouble::Ending(AuthErrorCode::IntegrationNotAllowed.into()));
        };

        let key = integration.unique_key.clone();
        let guide = session.overrides.get(&key).and_then(|o| o.docs_connect.clone());
        let presets = session.integrations_config_defaults.get(&key);
        let form = Form::build(template, integration, presets, params, guide)
            .map_err(|code| Trouble::Ending(code.into()))?;
        let allow_unverified = session.keyslot.is_some_and(|server| server.allow_unverified);
        Ok(Loaded { form, allow_unverified, settings: session.settings })
    }

    /// Posts the filled form.
    pub(crate) async fn post(
        &self,
        form: &Form,
        answers: &[Value],
        connection: Option<&str>,
        unchecked: bool,
    ) -> Result<Connection, Trouble> {
        let keyslot = self.keyslot.get();
        let body = form.body(answers, keyslot, connection, unchecked);
        let mut path = String::from("/api-auth/");
        path.push_str(form.mode.route());
        path.push('/');
        path.push_str(&encode(&form.integration));
        if !keyslot {
            for (name, value) in form.params(answers) {
                parameter(&mut path, &["params[", name, "]"].concat(), value);
            }
            if let Access::Public { key, hmac } = &self.access {
                parameter(&mut path, "public_key", key);
                for (name, value) in [("hmac", hmac.as_deref()), ("connection_id", connection)] {
                    if let Some(value) = value {
                        parameter(&mut path, name, value);
                    }
                }
            }
        }
        let answer = self.ask(&path, Some(&body)).await?;
        let connected: Connected = parse(&answer)?;
        Ok(Connection {
            connection_id: connected.connection_id,
            provider_config_key: connected.provider_config_key,
            verification: connected.verification,
        })
    }

    async fn fetch_json<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        parse(&self.ask(path, None).await?)
    }

    /// One request, once more with a new token when the session has ended and can be renewed.
    async fn ask(&self, path: &str, body: Option<&[u8]>) -> Result<Answer, Trouble> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            let answer = self.send(path, body, token.as_deref()).await?;
            if answer.status < 300 {
                return Ok(answer);
            }
            let error = read::<Envelope>(answer.body.clone()).map(|e| e.error).unwrap_or_default();
            let ended = AuthErrorCode::ending(&error.code);
            if ended == Some(AuthErrorCode::ConnectSessionExpired) && self.can_renew() && !renewed {
                renewed = true;
                self.token.replace(None);
                continue;
            }
            return Err(trouble(answer, error, ended));
        }
    }

    fn can_renew(&self) -> bool {
        matches!(&self.access, Access::Session(session) if session.is_function())
    }

    /// The session token: the caller's string, or what the caller's function returned last.
    async fn token(&self) -> Result<Option<String>, Trouble> {
        let Access::Session(session) = &self.access else {
            return Ok(None);
        };
        if let Some(token) = self.token.borrow().as_ref() {
            return Ok(Some(token.clone()));
        }
        let value = match session.dyn_ref::<js_sys::Function>() {
            None => Ok(session.clone()),
            Some(provide) => match provide.call0(&JsValue::UNDEFINED) {
                Ok(value) => JsFuture::from(Promise::resolve(&value)).await,
                Err(error) => Err(error),
            },
        };
        // The caller's own backend is down, most likely: the person can only try again.
        let value = value.map_err(|_| Trouble::Failure(Failure::new(Cause::Server)))?;
        let token = value.as_string().map(|token| token.trim().to_owned());
        // What goes into a header must be header-safe; anything else is no token of any server.
        let token =
            token.filter(|token| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
        let Some(token) = token else {
            let expected = "a connect session token (or return one)";
            return Err(Trouble::Ending(Rejection::argument("session", expected, &value)));
        };
        self.token.replace(Some(token.clone()));
        Ok(Some(token))
    }

    async fn send(
        &self,
        path: &str,
        body: Option<&[u8]>,
        token: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let failed = |cause| Trouble::Failure(Failure::new(cause));
        let mut url = [self.host.as_str(), path].concat();
        let in_query = body.is_some() && !self.keyslot.get();
        if let Some(token) = token.filter(|_| in_query) {
            parameter(&mut url, "connect_session_token", token);
        }

        let abort = Abort::new(self.timeout).ok_or_else(|| failed(Cause::Network))?;
        let mut builder = RequestBuilder::new(&url)
            .cache(RequestCache::NoStore)
            .credentials(RequestCredentials::Omit)
            .referrer_policy(ReferrerPolicy::NoReferrer)
            .redirect(RequestRedirect::Error)
            .abort_signal(Some(&abort.controller.signal()));
        if let Some(token) = token.filter(|_| !in_query) {
            builder = builder.header("authorization", &["Bearer ", token].concat());
        }
        // The wire of the rival translates templates by this header; ours does too.
        if path.starts_with("/providers/") {
            builder = builder.header("accept-language", &self.locale);
        }
        let bytes = body.map(Uint8Array::from);
        let request = match &bytes {
            None => builder.build(),
            Some(bytes) => builder
                .method(Method::POST)
                .header("content-type", "application/json")
                .body(bytes.clone()),
        };
        let request = request.map_err(|_| failed(Cause::Network))?;
        let response = match fetch(&request.into()) {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        // `Request` has copied the body by now: wipe our copy of what was typed.
        if let Some(bytes) = &bytes {
            bytes.fill(0, 0, bytes.length());
        }
        let lost = |abort: &Abort| {
            failed(if abort.timed_out.get() {
                Cause::Timeout
            } else if crate::session::is_online() {
                Cause::Network
            } else {
                Cause::Offline
            })
        };
        let Ok(response) = response else {
            return Err(lost(&abort));
        };
        let response = Response::from(response.unchecked_into::<web_sys::Response>());
        let status = response.status();
        let request_id = response.headers().get("x-request-id");
        let text = match web_sys::Response::from(response).text() {
            Ok(text) => JsFuture::from(text).await,
            Err(error) => Err(error),
        };
        let Ok(text) = text else {
            return Err(lost(&abort));
        };
        // An HTML 502 of some proxy is no JSON; then there is only the status to go by.
        let body = js_sys::JSON::parse(&text.as_string().unwrap_or_default());
        Ok(Answer { status, body: body.unwrap_or(JsValue::UNDEFINED), request_id })
    }
}

fn parse<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Trouble> {
    read(answer.body.clone()).map_err(|_| {
        let request_id = answer.request_id.clone();
        Trouble::Failure(Failure { request_id, ..Failure::new(Cause::Server) })
    })
}

/// Sorts an error answer: ending, failure, or a list of fields.
fn trouble(answer: Answer, error: ErrorBody, ended: Option<AuthErrorCode>) -> Trouble {
    let request_id = error.request_id.or(answer.request_id);
    if let Some(code) = ended {
        return Trouble::Ending(Rejection {
            message: error.message,
            status: Some(answer.status),
            request_id,
            ..code.into()
        });
    }
    let cause = match error.code.as_str() {
        "connection_test_failed" => Cause::from_reason(error.reason.as_deref()),
        "too_many_request" => Cause::Limited,
        "invalid_body" | "invalid_query_params" | "invalid_connection_config" => Cause::Invalid,
        _ if answer.status == 429 => Cause::Limited,
        _ => Cause::Server,
    };
    let failure = Failure { cause, request_id, provider_status: error.provider_status };
    if cause == Cause::Invalid && !error.errors.is_empty() {
        Trouble::Issues(failure, error.errors)
    } else {
        Trouble::Failure(failure)
    }
}

fn parameter(url: &mut String, name: &str, value: &str) {
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(&encode(name));
    url.push('=');
    url.push_str(&encode(value));
}

/// Aborts the request on drop, and after the time limit.
struct Abort {
    controller: AbortController,
    timed_out: Rc<Cell<bool>>,
    _timer: Timer,
}

impl Abort {
    fn new(timeout: f64) -> Option<Abort> {
        let controller = AbortController::new().ok()?;
        let timed_out = Rc::new(Cell::new(false));
        let (abort, late) = (controller.clone(), timed_out.clone());
        let timer = Timer::new(timeout, move || {
            late.set(true);
            abort.abort();
        });
        Some(Abort { controller, timed_out, _timer: timer })
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
    let target: &Dom = if signal.is_object() { signal.unchecked_ref() } else { return None };
    Some(Listener::new(target, "abort", move |_| fired()))
}

/// Whether the caller's signal has fired already.
pub(crate) fn is_aborted(signal: &JsValue) -> bool {
    get(signal, "aborted").is_truthy()
}
