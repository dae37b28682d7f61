//! What is posted, to a Keyslot server and to a stock one.
#![cfg(target_arch = "wasm32")]

mod common;

use common::*;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

fn posted() -> Value {
    requests().into_iter().find(|request| request["method"] == "POST").expect("a post")
}

fn body(request: &Value) -> Value {
    serde_json::from_str(request["body"].as_str().unwrap()).unwrap()
}

#[wasm_bindgen_test]
async fn a_keyslot_server_gets_the_token_in_a_header_and_everything_else_in_the_body() {
    serve(
        &json!({"/connect/session": keyslot_session(json!({"auth_mode": "API_KEY",
                    "connection_config": {"subdomain": {"suffix": ".acme.com"}}})),
                  "/api-auth/api-key/acme": stored()})
        .to_string(),
    );
    let call = auth("acme", Some("user-42"), options(&[]));
    until("the form", || count("input") == 2).await;
    type_in("[name=apiKey]", "  abcdefgh12 ");
    type_in("[name=subdomain]", "https://shop.acme.com/");
    submit();
    until("resolved", || call.state() == "resolved").await;
    let post = posted();
    assert_eq!(post["authorization"], "Bearer token");
    assert_eq!(post["query"], json!({}));
    assert_eq!(
        body(&post),
        json!({"apiKey": "abcdefgh12", "params": {"subdomain": "shop"}, "connection_id": "user-42"})
    );
    assert_eq!(
        (call.result("connectionId"), call.result("providerConfigKey")),
        ("c-1".into(), "acme".into())
    );
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_stock_server_gets_token_and_params_in_the_query_and_no_connection_id() {
    serve(&json!({
        "/connect/session": {"body": {"data": {"endUser": null}}},
        "/integrations": {"body": {"data": [{"unique_key": "acme", "provider": "acme-api", "display_name": "Acme"}]}},
        "/providers/acme-api": {"body": {"data": {"auth_mode": "BASIC", "credentials": {
            "username": {"title": "API key", "secret": true},
            "password": {"hidden": true, "default_value": "X"}},
            "connection_config": {"region": {"hidden": true, "default_value": "eu"}}}}},
        "/api-auth/basic/acme": {"body": {"connectionId": "c-1", "providerConfigKey": "acme"}},
    }).to_string());
    let call = auth("acme", None, options(&[]));
    until("the form", || count("input") == 1).await;
    type_in("[name=username]", "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    let post = posted();
    assert_eq!(post["authorization"], Value::Null);
    assert_eq!(post["query"], json!({"connect_session_token": "token", "params[region]": "eu"}));
    assert_eq!(body(&post), json!({"username": "abcdefgh12", "password": "X"}));
    close_all().await;
}

/// A stock server's answers, with `session` for what it says of the session.
fn stock(session: Value) -> Value {
    json!({
        "/connect/session": {"body": {"data": session}},
        "/integrations": {"body": {"data": [{"unique_key": "acme", "provider": "acme-api", "display_name": "Acme"}]}},
        "/providers/acme-api": {"body": {"data": {"auth_mode": "API_KEY"}}},
        "/api-auth/api-key/acme": {"body": {"connectionId": "c-1", "providerConfigKey": "acme"}},
    })
}

#[wasm_bindgen_test]
async fn a_stock_server_that_would_drop_the_connection_id_is_not_asked_to_store_anything() {
    let credentials = js_sys::JSON::parse(r#"{"apiKey": "abcdefgh12"}"#).unwrap();
    for more in [vec![], vec![("credentials", credentials)]] {
        serve(&stock(json!({"endUser": null})).to_string());
        let call = auth("acme", Some("user-42"), options(&more));
        until("rejected", || call.state() == "rejected").await;
        assert_eq!(call.code(), "connection_id_not_allowed");
        let message = call.error("message").as_string().unwrap();
        assert!(message.contains("`connectionId`") && message.contains("mint"), "{message}");
        assert!(requests().iter().all(|request| request["method"] == "GET"));
        assert_eq!(hosts(), 0);
    }
    // Neither does it after the form was fetched ahead.
    serve(&stock(json!({"endUser": null})).to_string());
    let preload = keyslot_rlib::preload(&"acme".into(), &options(&[]));
    wasm_bindgen_futures::JsFuture::from(preload).await.unwrap();
    let call = auth("acme", Some("user-42"), options(&[]));
    until("rejected", || call.state() == "rejected").await;
    assert_eq!(call.code(), "connection_id_not_allowed");
    // A session for reconnecting knows its connection: there the id says nothing new.
    serve(&stock(json!({"endUser": null, "isReconnecting": true})).to_string());
    let call = auth("acme", Some("c-1"), options(&[]));
    until("the form", || count("input") == 1).await;
    close_all().await;
    assert_eq!(call.code(), "window_closed");
}

#[wasm_bindgen_test]
async fn the_body_is_whole_for_as_long_as_the_page_s_own_fetch_works_on_it_and_wiped_after() {
    serve(&json!({"/connect/session": keyslot_session(api_key()), "/api-auth/api-key/acme": stored()}).to_string());
    wrap_fetch();
    let call = auth("acme", None, options(&[]));
    until("the form", || count("input") == 1).await;
    type_in("input", "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    let posts: Vec<Value> = requests().into_iter().filter(|r| r["method"] == "POST").collect();
    assert_eq!(posts.len(), 2);
    for post in &posts {
        assert_eq!(body(post), json!({"apiKey": "abcdefgh12", "params": {}}));
    }
    assert_eq!((body_count(), kept_bytes()), (1, 0));
    close_all().await;
}

#[wasm_bindgen_test]
async fn the_body_is_wiped_when_the_call_ends_before_the_answer() {
    let controller = controller();
    let signal = ("signal", get(&controller, "signal"));
    serve(&json!({"/connect/session": keyslot_session(api_key()), "/api-auth/api-key/acme": {"hang": true}}).to_string());
    wrap_fetch();
    let call = auth("acme", None, options(&[signal]));
    until("the form", || count("input") == 1).await;
    type_in("input", "abcdefgh12");
    submit();
    until("sent", || requests().iter().any(|request| request["method"] == "POST")).await;
    assert!(kept_bytes() > 0, "the page may still need it");
    let abort: js_sys::Function = get(&controller, "abort").into();
    abort.call0(&controller).unwrap();
    until("rejected", || call.state() == "rejected").await;
    assert_eq!((body_count(), kept_bytes()), (1, 0));
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_blank_field_with_a_default_sends_its_default() {
    let provider =
        json!({"auth_mode": "API_KEY", "connection_config": {"region": {"default_value": "eu"}}});
    let call = open(provider, stored(), &[]).await;
    type_in("[name=apiKey]", "abcdefgh12");
    type_in("[name=region]", "");
    submit();
    until("resolved", || call.state() == "resolved").await;
    assert_eq!(body(&posted())["params"], json!({"region": "eu"}));
    close_all().await;
}

#[wasm_bindgen_test]
async fn the_caller_s_params_hide_their_field_and_are_sent() {
    let params = js_sys::JSON::parse(r#"{"subdomain": "shop", "extra": "1"}"#).unwrap();
    let provider = json!({"auth_mode": "API_KEY", "connection_config": {"subdomain": {"suffix": ".acme.com"}}});
    let call = open(provider, stored(), &[("params", params)]).await;
    assert_eq!(count("input"), 1);
    type_in("input", "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    assert_eq!(body(&posted())["params"], json!({"subdomain": "shop", "extra": "1"}));
    close_all().await;
}

#[wasm_bindgen_test]
async fn save_without_checking_says_so_to_the_server() {
    let post = json!([
        failing(400, json!({"code": "connection_test_failed", "reason": "unavailable"})),
        stored()
    ]);
    let call = open(api_key(), post, &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("the offer", || shown(".unchecked")).await;
    click(".unchecked");
    until("resolved", || call.state() == "resolved").await;
    let posts: Vec<Value> = requests().into_iter().filter(|r| r["method"] == "POST").collect();
    assert_eq!(body(&posts[0]).get("store_unverified"), None);
    assert_eq!(body(&posts[1])["store_unverified"], true);
    close_all().await;
}

#[wasm_bindgen_test]
async fn an_ended_session_is_renewed_once_and_the_post_repeated() {
    let tokens = js_sys::Function::new_no_args(
        "globalThis.__n = (globalThis.__n ?? 0) + 1; return `t${globalThis.__n}`;",
    );
    let ended = failing(401, json!({"code": "unknown_connect_session_token"}));
    let call = open(api_key(), json!([ended, stored()]), &[("session", tokens.into())]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    let tokens: Vec<Value> = requests().iter().map(|r| r["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer t1", "Bearer t1", "Bearer t2"]);
    close_all().await;
}

#[wasm_bindgen_test]
async fn headless_posts_without_a_dialog_and_drops_type() {
    serve(&json!({"/connect/session": keyslot_session(api_key()), "/api-auth/api-key/acme": stored()}).to_string());
    let credentials =
        js_sys::JSON::parse(r#"{"apiKey": " abcdefgh12", "type": "API_KEY"}"#).unwrap();
    let call = auth("acme", None, options(&[("credentials", credentials)]));
    until("resolved", || call.state() == "resolved").await;
    assert_eq!(hosts(), 0);
    assert_eq!(body(&posted())["apiKey"], "abcdefgh12");
}

#[wasm_bindgen_test]
async fn a_public_key_goes_into_the_query_with_its_signature() {
    serve(&json!({"/api-auth/basic/acme": stored()}).to_string());
    let credentials = js_sys::JSON::parse(r#"{"username": "u", "password": ""}"#).unwrap();
    let more = [
        ("session", JsValue::UNDEFINED),
        ("publicKey", "pk".into()),
        ("hmac", "h".into()),
        ("credentials", credentials),
    ];
    let call = auth("acme", Some("a@b"), options(&more));
    until("settled", || call.state() != "pending").await;
    // An empty password is what the caller said; a form would have asked for it.
    assert_eq!(call.code(), "missing_credentials");
    let credentials = js_sys::JSON::parse(r#"{"username": "u", "password": "p"}"#).unwrap();
    let more = [
        ("session", JsValue::UNDEFINED),
        ("publicKey", "pk".into()),
        ("hmac", "h".into()),
        ("credentials", credentials),
    ];
    let call = auth("acme", Some("a.b"), options(&more));
    until("resolved", || call.state() == "resolved").await;
    let query = json!({"public_key": "pk", "hmac": "h", "connection_id": "a.b"});
    assert_eq!(posted()["query"], query);
}

#[wasm_bindgen_test]
async fn events_tell_the_story_and_hold_no_value() {
    let call = open(api_key(), stored(), &[("onEvent", record())]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    close_all().await;
    settle().await;
    let events: Vec<Value> = serde_json::from_str(&recorded()).unwrap();
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["open", "form_shown", "submitted", "connected", "closed"]);
    assert!(events.iter().all(|event| event["flowId"] == events[0]["flowId"]));
    assert!(!recorded().contains("abcdefgh12"));
}
