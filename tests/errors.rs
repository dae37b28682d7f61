//! Every error code: how it comes about, and what the rejection carries.
#![cfg(target_arch = "wasm32")]

mod common;

use common::*;
use keyslot_core::error::AuthErrorCode;
use serde_json::{Value, json};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

/// A rejection is an `Error` with a name, a code, the same word as `type`, and a sentence.
fn assert_rejected(call: &Call, code: &str) {
    assert_eq!(call.state(), "rejected");
    assert_eq!(call.code(), code);
    assert_eq!(call.error("type"), JsValue::from(code));
    assert_eq!(call.error("name"), JsValue::from("AuthError"));
    assert_eq!(call.error("isError"), JsValue::TRUE);
    assert!(call.error("message").as_string().unwrap().len() > 10);
    assert!(AuthErrorCode::from_wire(code).is_some());
}

#[wasm_bindgen_test]
async fn an_argument_that_cannot_be_used_is_named() {
    let too_long = "a".repeat(256);
    for (integration, connection, more, word) in [
        (JsValue::from(""), None, vec![], "integrationId"),
        (JsValue::from(7), None, vec![], "integrationId"),
        (JsValue::from(too_long.as_str()), None, vec![], "integrationId"),
        (JsValue::from("a/b"), None, vec![], "integrationId"),
        (JsValue::from("acme"), Some(JsValue::from("<")), vec![], "connectionId"),
        (JsValue::from("acme"), Some(JsValue::from("")), vec![], "connectionId"),
        (JsValue::from("acme"), None, vec![("session", JsValue::from(7))], "session"),
        (JsValue::from("acme"), None, vec![("timeout", JsValue::from("1"))], "timeout"),
        (JsValue::from("acme"), None, vec![("timeout", JsValue::from(-1))], "timeout"),
        (JsValue::from("acme"), None, vec![("onEvent", JsValue::from("f"))], "onEvent"),
        (JsValue::from("acme"), None, vec![("params", JsValue::from("x"))], "params"),
        (JsValue::from("acme"), None, vec![("theme", JsValue::from(1))], "theme"),
        (JsValue::from("acme"), None, vec![("signal", JsValue::from(1))], "signal"),
    ] {
        let call = auth_with(integration, connection, Some(options(&more)));
        settle().await;
        assert_rejected(&call, "invalid_argument");
        let message = call.error("message").as_string().unwrap();
        assert!(message.contains(&["`", word, "`"].concat()), "{message}");
    }
    let call = auth_with("acme".into(), None, Some("options".into()));
    settle().await;
    assert_rejected(&call, "invalid_argument");
    assert_eq!(hosts(), 0);
}

#[wasm_bindgen_test]
async fn a_host_that_is_no_http_address_is_invalid_host_url() {
    for host in ["example.com", "ftp://example.com", "http://", "not a url", "//example.com"] {
        let call = auth("acme", None, options(&[("host", host.into())]));
        settle().await;
        assert_rejected(&call, "invalid_host_url");
    }
}

#[wasm_bindgen_test]
async fn without_a_session_there_is_missing_auth_token() {
    let call = auth("acme", None, options(&[("session", JsValue::NULL)]));
    settle().await;
    assert_rejected(&call, "missing_auth_token");
    let none = JsValue::UNDEFINED;
    let options = options(&[("session", JsValue::NULL)]);
    let promise = keyslot_rlib::reconnect(&"acme".into(), &none, &options);
    let error = wasm_bindgen_futures::JsFuture::from(promise).await.unwrap_err();
    assert_eq!(get(&error, "code"), JsValue::from("missing_connect_session_token"));
    assert!(keyslot_rlib::is_auth_error(&error));
    assert!(!keyslot_rlib::is_auth_error(&JsValue::from("AuthError")));
}

#[wasm_bindgen_test]
async fn answers_that_make_the_call_impossible_end_it() {
    let cases: [(Value, &str); 6] = [
        (failing(401, json!({"code": "unknown_connect_session_token"})), "connect_session_expired"),
        (
            failing(401, json!({"code": "invalid_connect_session_token_format"})),
            "connect_session_expired",
        ),
        (
            json!({"body": {"data": {"keyslot": {}, "forms": {"other": {}}}}}),
            "integration_not_allowed",
        ),
        (json!({"body": {"data": {"endUser": null}}}), "unknown_integration"),
        (
            json!({"body": {"data": {"endUser": null, "allowed_integrations": ["other"]}}}),
            "integration_not_allowed",
        ),
        (keyslot_session(json!({"auth_mode": "OAUTH2"})), "invalid_auth_mode"),
    ];
    for (session, code) in cases {
        serve(
            &json!({"/connect/session": session, "/integrations": {"body": {"data": []}}})
                .to_string(),
        );
        let call = auth("acme", None, options(&[]));
        until(code, || call.state() == "rejected").await;
        assert_rejected(&call, code);
        assert_eq!(hosts(), 0, "{code}");
    }
}

#[wasm_bindgen_test]
async fn an_ending_after_typing_is_explained_until_it_is_closed() {
    for (wire, code) in [
        ("unknown_connect_session_token", "connect_session_expired"),
        ("integration_not_allowed", "integration_not_allowed"),
        ("connection_id_not_allowed", "connection_id_not_allowed"),
        ("connection_validation_failed", "connection_validation_failed"),
        ("resource_capped", "resource_capped"),
        ("unknown_provider_config", "unknown_integration"),
    ] {
        let call = open(
            api_key(),
            failing(403, json!({"code": wire, "message": "Words of the server."})),
            &[],
        )
        .await;
        type_in("input", "abcdefgh12");
        submit();
        until(code, || call.state() == "rejected").await;
        assert_rejected(&call, code);
        assert_eq!(call.error("status"), JsValue::from(403));
        assert_eq!(call.error("requestId"), JsValue::from("req-1"));
        assert_eq!((hosts(), text("[part=submit]")), (1, "Close".into()));
        submit();
        until("closed", || hosts() == 0).await;
    }
}

#[wasm_bindgen_test]
async fn what_the_server_should_not_answer_stays_in_the_dialog() {
    for answer in [
        json!({"status": 502, "text": "<html>Bad gateway</html>"}),
        json!({"text": "null"}),
        json!({"text": ""}),
        json!({"body": {"connectionId": 7}}),
        json!({"status": 500, "body": {"error": "text"}}),
        json!({"status": 400, "body": {"error": {"code": "something_new"}}}),
    ] {
        let call = open(api_key(), answer, &[]).await;
        type_in("input", "abcdefgh12");
        submit();
        until("the words", || text("[role=alert]").contains("our side")).await;
        assert_eq!((call.state().as_str(), value("input").as_str()), ("pending", "abcdefgh12"));
        close_all().await;
    }
}

#[wasm_bindgen_test]
async fn a_server_that_cannot_be_reached_stays_in_the_dialog_even_when_fetch_throws_a_text() {
    for fail in ["error", "text"] {
        let call = open(api_key(), json!([{"fail": fail}, stored()]), &[]).await;
        type_in("input", "abcdefgh12");
        submit();
        until("the words", || text("[role=alert]").contains("could not be reached")).await;
        assert_eq!(text("[part=submit]"), "Try again");
        submit();
        until("resolved", || call.state() == "resolved").await;
        close_all().await;
    }
}

#[wasm_bindgen_test]
async fn a_form_that_does_not_load_can_be_asked_for_again() {
    serve(&json!({"/connect/session": [{"status": 502, "text": "<html>"}, keyslot_session(api_key())]}).to_string());
    let call = auth("acme", None, options(&[]));
    until("the retry", || text("[part=submit]") == "Try again").await;
    let said = text("[role=alert]");
    assert!(said.contains("on our side") && !said.contains("key"), "nothing was typed yet: {said}");
    submit();
    until("the form", || count("input") == 1).await;
    assert_eq!(call.state(), "pending");
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_request_that_takes_too_long_is_a_timeout() {
    let _call = open(api_key(), json!({"hang": true}), &[("timeout", 60.into())]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("the words", || text("[role=alert]").contains("took too long")).await;
    assert_eq!(aborted_count(), 1);
    close_all().await;
}

#[wasm_bindgen_test]
async fn issues_of_the_server_are_shown_at_their_field() {
    let issues = json!({"code": "invalid_body", "errors": [{"code": "custom", "message": "No such site.", "path": ["params", "subdomain"]}]});
    let provider = json!({"auth_mode": "API_KEY", "connection_config": {"subdomain": {"suffix": ".acme.com"}}});
    let _call = open(provider, failing(400, issues), &[]).await;
    type_in("[name=apiKey]", "abcdefgh12");
    type_in("[name=subdomain]", "shop");
    submit();
    until("the issue", || text("#fault-subdomain") == "No such site.").await;
    assert!(focused("[name=subdomain]"));
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_key_that_is_too_long_for_the_server_is_said_in_the_dialog_s_words() {
    let message = "Too big: expected string to have <=1024 characters";
    let issues = json!({"code": "invalid_body", "errors": [{"code": "too_big", "message": message, "path": ["apiKey"]}]});
    let _call = open(api_key(), failing(400, issues), &[]).await;
    type_in("input", &"k".repeat(2000));
    submit();
    until("the words", || text(".fault").contains("looks too long")).await;
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_public_key_without_a_signature_is_told_so() {
    for code in ["missing_hmac", "invalid_hmac"] {
        serve(&json!({"/api-auth/api-key/acme": failing(400, json!({"code": code}))}).to_string());
        let credentials = js_sys::JSON::parse(r#"{"apiKey": "abcdefgh12"}"#).unwrap();
        let public = [
            ("session", JsValue::UNDEFINED),
            ("publicKey", "pk".into()),
            ("credentials", credentials),
        ];
        let call = auth("acme", Some("a"), options(&public));
        until(code, || call.state() == "rejected").await;
        assert_rejected(&call, code);
        assert!(call.error("message").as_string().unwrap().contains("`hmac`"));
    }
}

#[wasm_bindgen_test]
async fn a_limit_says_for_how_long() {
    for (seconds, said) in [
        ("89", "Try again in 89 seconds."),
        ("1", "Try again in 1 second."),
        ("100", "Try again in 2 minutes."),
        ("0", "Wait a minute, then try again."),
        ("Fri, 31 Dec 1999 23:59:59 GMT", "Wait a minute, then try again."),
    ] {
        let limited = json!({"status": 429, "headers": {"retry-after": seconds},
            "body": {"error": {"code": "too_many_request"}}});
        let _call = open(api_key(), limited, &[]).await;
        type_in("input", "abcdefgh12");
        submit();
        until(said, || text("[role=alert]").contains(said)).await;
        close_all().await;
    }
}

#[wasm_bindgen_test]
async fn what_a_key_looks_like_is_said_beside_a_refusal_and_no_other_verdict() {
    let provider = json!({"auth_mode": "API_KEY", "display_name": "Acme",
        "key_shapes": [{"prefix": "acme_live_", "kind": "secret"}]});
    for (answer, verdict, hinted) in [
        (json!({"code": "connection_test_failed", "reason": "refused"}), "did not accept", true),
        (json!({"code": "connection_test_failed", "reason": "forbidden"}), "permission", false),
        (
            json!({"code": "connection_test_failed", "reason": "unavailable"}),
            "not answering",
            false,
        ),
        (json!({"code": "server_error"}), "our side", false),
    ] {
        let _call = open(provider.clone(), failing(400, answer), &[]).await;
        type_in("input", "abcdefgh1234567890");
        leave("input");
        until("the hint", || text(".note").contains("acme_live_")).await;
        submit();
        until(verdict, || text("[role=alert]").contains(verdict)).await;
        assert_eq!(text(".note").contains("acme_live_"), hinted, "{verdict}");
        close_all().await;
    }
    // What was done to the value, and can be undone, is said beside any.
    let _call = open(provider, failing(500, json!({"code": "server_error"})), &[]).await;
    paste("input", "Bearer acme_live_34567890");
    submit();
    until("the verdict", || text("[role=alert]").contains("our side")).await;
    assert!(text(".note").contains("removed"), "{}", text(".note"));
    close_all().await;
}

#[wasm_bindgen_test]
async fn headless_failures_reject_with_code_reason_and_status() {
    let refused = failing(
        400,
        json!({"code": "connection_test_failed", "reason": "forbidden", "request_id": "r-1"}),
    );
    for (post, credentials, code, reason) in [
        (refused, r#"{"apiKey": "abcdefgh12"}"#, "connection_test_failed", "forbidden"),
        (json!({"fail": "error"}), r#"{"apiKey": "abcdefgh12"}"#, "network_error", "network"),
        (
            json!({"status": 502, "text": "<html>"}),
            r#"{"apiKey": "abcdefgh12"}"#,
            "unknown_error",
            "server",
        ),
        (stored(), r#"{"apiKey": ""}"#, "missing_credentials", ""),
        (stored(), r#"{"username": "a", "password": "b"}"#, "missing_credentials", ""),
    ] {
        serve(&json!({"/connect/session": keyslot_session(api_key()), "/api-auth/api-key/acme": post}).to_string());
        let credentials = js_sys::JSON::parse(credentials).unwrap();
        let call = auth("acme", None, options(&[("credentials", credentials)]));
        until(code, || call.state() == "rejected").await;
        assert_rejected(&call, code);
        assert_eq!(call.error("reason").as_string().unwrap_or_default(), reason);
    }
}

#[wasm_bindgen_test]
async fn a_key_of_five_megabytes_is_a_fault_of_the_field() {
    let _call = open(api_key(), stored(), &[]).await;
    type_in("input", &"k".repeat(5 << 20));
    submit();
    until("the fault", || text(".fault").contains("4,096")).await;
    assert_eq!(requests().len(), 1);
    close_all().await;
}
