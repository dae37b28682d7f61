//! After each ending: no dialog, no listener, no request, the focus back, the page as it was.
#![cfg(target_arch = "wasm32")]

mod common;

use common::*;
use serde_json::json;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

async fn assert_gone(call: &Call, code: &str) {
    until(code, || call.state() == "rejected" && hosts() == 0).await;
    assert_eq!(call.code(), code);
    assert!(scrolls());
    assert_eq!(sheets(), 0, "the page's own style sheets are as before");
    // A second Escape belongs to the page again.
    press("Escape");
    settle().await;
    assert_eq!(call.state(), "rejected");
}

#[wasm_bindgen_test]
async fn escape_closes_and_gives_the_focus_back() {
    add_opener();
    let call = open(api_key(), stored(), &[]).await;
    assert!(!scrolls(), "the page behind does not scroll");
    press("Escape");
    assert_gone(&call, "window_closed").await;
    assert!(opener_focused());
}

#[wasm_bindgen_test]
async fn the_close_button_closes() {
    let call = open(api_key(), stored(), &[]).await;
    click("[part=close]");
    assert_gone(&call, "window_closed").await;
}

#[wasm_bindgen_test]
async fn a_click_outside_closes_only_while_nothing_was_typed() {
    let call = open(api_key(), stored(), &[]).await;
    type_in("input", "a");
    settle().await;
    click("dialog");
    settle().await;
    assert_eq!(hosts(), 1);
    close_all().await;
    assert_gone(&call, "window_closed").await;
    let call = open(json!({"auth_mode": "BASIC"}), stored(), &[]).await;
    click("dialog");
    assert_gone(&call, "window_closed").await;
}

#[wasm_bindgen_test]
async fn escape_while_the_request_hangs_aborts_it() {
    let call = open(api_key(), json!({"hang": true}), &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("sent", || requests().len() == 2).await;
    press("Escape");
    assert_gone(&call, "window_closed").await;
    until("aborted", || aborted_count() == 1).await;
}

#[wasm_bindgen_test]
async fn a_page_that_removes_the_dialog_ends_the_call() {
    let call = open(api_key(), stored(), &[]).await;
    remove_host();
    assert_gone(&call, "window_closed").await;
}

#[wasm_bindgen_test]
async fn a_page_that_goes_away_ends_the_call_and_forgets_the_draft() {
    let keep = [("keepDraft", JsValue::TRUE)];
    let call = open(api_key(), stored(), &keep).await;
    type_in("input", "abcdefgh12");
    hide();
    assert_gone(&call, "window_closed").await;
    let _call = open(api_key(), stored(), &keep).await;
    assert_eq!(value("input"), "");
    close_all().await;
}

#[wasm_bindgen_test]
async fn the_caller_s_signal_ends_the_call() {
    let controller = controller();
    let call = open(api_key(), stored(), &[("signal", get(&controller, "signal"))]).await;
    let abort: js_sys::Function = get(&controller, "abort").into();
    abort.call0(&controller).unwrap();
    assert_gone(&call, "aborted").await;
    let call = auth("acme", None, options(&[("signal", get(&controller, "signal"))]));
    assert_gone(&call, "aborted").await;
}

#[wasm_bindgen_test]
async fn the_same_call_while_open_is_the_same_promise_and_another_one_is_refused() {
    let call = open(api_key(), stored(), &[]).await;
    let same = auth("acme", None, options(&[]));
    assert!(js_sys::Object::is(&call.promise, &same.promise));
    let other = auth("acme", Some("user-2"), options(&[]));
    settle().await;
    assert_eq!(
        (other.code().as_str(), hosts(), call.state().as_str()),
        ("already_open", 1, "pending")
    );
    press("Escape");
    assert_gone(&call, "window_closed").await;
    let again = auth("acme", None, options(&[]));
    assert!(!js_sys::Object::is(&call.promise, &again.promise));
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_dialog_that_only_shows_its_confirmation_makes_room() {
    let first = open(api_key(), stored(), &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("resolved", || first.state() == "resolved").await;
    let second = auth("acme", Some("user-2"), options(&[]));
    until("the second form", || hosts() == 1 && count("input") == 1).await;
    assert_eq!(second.state(), "pending");
    close_all().await;
}

#[wasm_bindgen_test]
async fn what_was_typed_is_there_again_after_escape_and_gone_after_success() {
    let keep = [("keepDraft", JsValue::TRUE)];
    let _call = open(api_key(), stored(), &keep).await;
    type_in("input", "abcdefgh12");
    press("Escape");
    until("closed", || hosts() == 0).await;
    let call = open(api_key(), stored(), &keep).await;
    assert_eq!(value("input"), "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    close_all().await;
    let _call = open(api_key(), stored(), &[]).await;
    assert_eq!(value("input"), "");
    type_in("input", "never kept");
    close_all().await;
    let _call = open(api_key(), stored(), &keep).await;
    assert_eq!(value("input"), "");
    close_all().await;
}

#[wasm_bindgen_test]
async fn the_focus_goes_to_the_fallback_when_the_opener_is_gone() {
    add_opener();
    let call = open(api_key(), stored(), &[("returnFocus", add_fallback())]).await;
    remove_opener();
    press("Escape");
    assert_gone(&call, "window_closed").await;
    assert!(fallback_focused());
}

#[wasm_bindgen_test]
async fn a_preloaded_form_needs_no_request_when_the_dialog_opens() {
    serve(&json!({"/connect/session": keyslot_session(api_key()), "/api-auth/api-key/acme": stored()}).to_string());
    let preload = keyslot_rlib::preload(&"acme".into(), &options(&[]));
    wasm_bindgen_futures::JsFuture::from(preload).await.unwrap();
    assert_eq!(requests().len(), 1);
    let _call = auth("acme", None, options(&[]));
    until("the form", || count("input") == 1).await;
    assert_eq!(requests().len(), 1);
    close_all().await;
}

#[wasm_bindgen_test]
fn nothing_has_trapped() {
    assert!(!keyslot_rlib::trapped());
}
