//! What the browser tests share: the page, the answers of a server, and how to wait.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use js_sys::{Object, Promise, Reflect};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(module = "/tests/common/page.js")]
extern "C" {
    pub fn serve(answers: &str);
    #[wasm_bindgen(js_name = requestLog)]
    pub fn request_log() -> String;
    #[wasm_bindgen(js_name = wrapFetch)]
    pub fn wrap_fetch();
    #[wasm_bindgen(js_name = keptBytes)]
    pub fn kept_bytes() -> u32;
    #[wasm_bindgen(js_name = bodyCount)]
    pub fn body_count() -> u32;
    #[wasm_bindgen(js_name = abortedCount)]
    pub fn aborted_count() -> u32;
    pub fn hosts() -> u32;
    pub fn exists(selector: &str) -> bool;
    pub fn shown(selector: &str) -> bool;
    pub fn text(selector: &str) -> String;
    pub fn value(selector: &str) -> String;
    pub fn attribute(selector: &str, name: &str) -> String;
    pub fn count(selector: &str) -> u32;
    pub fn focused(selector: &str) -> bool;
    pub fn selected(selector: &str) -> bool;
    #[wasm_bindgen(js_name = "type")]
    pub fn type_in(selector: &str, value: &str);
    pub fn leave(selector: &str);
    pub fn paste(selector: &str, text: &str) -> bool;
    pub fn click(selector: &str);
    pub fn submit();
    pub fn press(key: &str);
    #[wasm_bindgen(js_name = removeHost)]
    pub fn remove_host();
    #[wasm_bindgen(js_name = replaceBody)]
    pub fn replace_body();
    pub fn hide();
    pub fn scrolls() -> bool;
    pub fn sheets() -> u32;
    #[wasm_bindgen(js_name = addOpener)]
    pub fn add_opener();
    #[wasm_bindgen(js_name = openerFocused)]
    pub fn opener_focused() -> bool;
    #[wasm_bindgen(js_name = removeOpener)]
    pub fn remove_opener();
    #[wasm_bindgen(js_name = addFallback)]
    pub fn add_fallback() -> JsValue;
    #[wasm_bindgen(js_name = fallbackFocused)]
    pub fn fallback_focused() -> bool;
    fn watch(promise: &Promise) -> JsValue;
    fn frame() -> Promise;
    pub fn controller() -> JsValue;
    pub fn record() -> JsValue;
    pub fn recorded() -> String;
}

/// A call under test.
pub struct Call {
    pub promise: Promise,
    seen: JsValue,
}

impl Call {
    pub fn state(&self) -> String {
        get(&self.seen, "state").as_string().unwrap()
    }

    pub fn error(&self, member: &str) -> JsValue {
        get(&get(&self.seen, "error"), member)
    }

    pub fn code(&self) -> String {
        self.error("code").as_string().unwrap_or_default()
    }

    pub fn result_value(&self) -> JsValue {
        get(&self.seen, "result")
    }

    pub fn result(&self, member: &str) -> String {
        get(&self.result_value(), member).as_string().unwrap_or_default()
    }
}

pub fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// The options that nearly every test passes, and `more`.
pub fn options(more: &[(&str, JsValue)]) -> JsValue {
    let options = Object::new();
    let usual = [
        ("host", JsValue::from("http://127.0.0.1:9")),
        ("session", "token".into()),
        // What one test typed must not be in the next one's form.
        ("keepDraft", JsValue::FALSE),
    ];
    for (name, value) in usual.iter().chain(more) {
        Reflect::set(&options, &(*name).into(), value).unwrap();
    }
    options.into()
}

pub fn auth(integration: &str, connection: Option<&str>, options: JsValue) -> Call {
    auth_with(integration.into(), connection.map(JsValue::from), Some(options))
}

pub fn auth_with(
    integration: JsValue,
    connection: Option<JsValue>,
    options: Option<JsValue>,
) -> Call {
    let promise = keyslot_rlib::auth(
        &integration,
        &connection.unwrap_or_default(),
        &options.unwrap_or_default(),
    );
    Call { seen: watch(&promise), promise }
}

/// Lets promises and timers of the page run.
pub async fn settle() {
    JsFuture::from(frame()).await.unwrap();
}

/// Waits until `done`, for at most four seconds.
pub async fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..200 {
        if done() {
            return;
        }
        settle().await;
    }
    panic!("never happened: {what}");
}

/// A Keyslot server's answer to `GET /connect/session` for one integration.
pub fn keyslot_session(provider: Value) -> Value {
    json!({"body": {"data": {
        "keyslot": {"version": "0", "allow_unverified": true},
        "forms": {"acme": {
            "integration": {"unique_key": "acme", "display_name": "Acme", "provider": "acme"},
            "provider": provider,
        }},
    }}})
}

pub fn api_key() -> Value {
    json!({"display_name": "Acme", "auth_mode": "API_KEY",
           "credentials": {"apiKey": {"title": "Key", "description": "Help", "example": "k_1", "secret": true}}})
}

pub fn stored() -> Value {
    json!({"body": {"connectionId": "c-1", "providerConfigKey": "acme",
                    "verification": {"status": "verified", "account": "Acme Ltd"}}})
}

pub fn failing(status: u16, error: Value) -> Value {
    json!({"status": status, "body": {"error": error}})
}

/// Serves a form of `provider` and `post` for what is posted, opens the dialog and waits for it.
pub async fn open(provider: Value, post: Value, more: &[(&str, JsValue)]) -> Call {
    serve(
        &json!({"/connect/session": keyslot_session(provider),
                  "/api-auth/api-key/acme": post.clone(), "/api-auth/basic/acme": post})
        .to_string(),
    );
    let call = auth("acme", None, options(more));
    until("the form", || count("input, select") > 0 || exists("[part=help]")).await;
    call
}

pub fn requests() -> Vec<Value> {
    serde_json::from_str(&request_log()).unwrap()
}

/// Ends whatever a test left open, so that the next one starts with a clean page.
pub async fn close_all() {
    settle().await; // a call that has only just begun has no dialog yet
    keyslot_rlib::close();
    until("nothing is open", || hosts() == 0).await;
}
