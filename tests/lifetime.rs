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
async fn escape_while_the_request_hangs_closes_at_once_and_aborts_it_when_no_answer_comes() {
    add_opener();
    let call = open(api_key(), json!({"hang": true}), &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("sent", || requests().len() == 2).await;
    press("Escape");
    settle().await;
    assert_eq!((hosts(), aborted_count()), (0, 0));
    assert!(opener_focused() && scrolls());
    assert_eq!(call.state(), "pending");
    assert_gone(&call, "window_closed").await;
    until("aborted", || aborted_count() == 1).await;
}

#[wasm_bindgen_test]
async fn leaving_while_the_answer_of_a_stored_connection_is_on_its_way_resolves() {
    let ways: [(&str, fn()); 4] = [
        ("Escape", || press("Escape")),
        ("the close button", || click("[part=close]")),
        ("close()", keyslot_rlib::close),
        ("the page", remove_host),
    ];
    for (way, leave) in ways {
        let mut late = stored();
        late["after"] = json!(300);
        let keep = [("keepDraft", JsValue::TRUE), ("onEvent", record())];
        let call = open(api_key(), late, &keep).await;
        type_in("input", "abcdefgh12");
        submit();
        until("sent", || requests().len() == 2).await;
        leave();
        until(way, || hosts() == 0).await;
        assert_eq!(call.state(), "pending", "{way}");
        until("resolved", || call.state() == "resolved").await;
        assert_eq!(call.result("connectionId"), "c-1");
        assert_eq!((hosts(), aborted_count()), (0, 0), "no confirmation of what was left");
        settle().await;
        assert!(recorded().contains("connected") && recorded().contains("closed"));
        let _call = open(api_key(), stored(), &keep).await;
        assert_eq!(value("input"), "", "what was stored is no draft");
        close_all().await;
    }
}

#[wasm_bindgen_test]
async fn another_dialog_may_open_while_the_answer_to_one_that_was_left_is_on_its_way() {
    let mut late = stored();
    late["after"] = json!(300);
    let call = open(api_key(), late, &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("sent", || requests().len() == 2).await;
    press("Escape");
    until("closed", || hosts() == 0).await;
    let other = auth("acme", Some("user-2"), options(&[]));
    until("the other form", || hosts() == 1 && count("input") == 1).await;
    until("resolved", || call.state() == "resolved").await;
    assert_eq!((other.state().as_str(), hosts()), ("pending", 1));
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_signal_ends_a_call_at_once_whatever_is_on_its_way() {
    let controller = controller();
    let signal = ("signal", get(&controller, "signal"));
    let call = open(api_key(), json!({"hang": true}), &[signal]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("sent", || requests().len() == 2).await;
    press("Escape");
    settle().await;
    let abort: js_sys::Function = get(&controller, "abort").into();
    abort.call0(&controller).unwrap();
    settle().await;
    assert_eq!(call.code(), "aborted");
    until("aborted", || aborted_count() == 1).await;
}

#[wasm_bindgen_test]
async fn a_refused_key_is_marked_selected_and_judged_when_the_dialog_is_opened_again() {
    let keep = [("keepDraft", JsValue::TRUE)];
    let refused = failing(400, json!({"code": "connection_test_failed", "reason": "refused"}));
    let _call = open(api_key(), refused, &keep).await;
    type_in("input", "abcdefgh12");
    submit();
    until("refused", || text("[role=alert]").contains("did not accept")).await;
    press("Escape");
    until("closed", || hosts() == 0).await;

    let _call = open(api_key(), stored(), &keep).await;
    assert_eq!(value("input"), "abcdefgh12");
    assert!(focused("input") && selected("input"));
    assert_eq!(attribute("input", "aria-invalid"), "true");
    assert!(text("[role=alert]").contains("did not accept"));
    // Another key has no verdict yet.
    type_in("input", "abcdefgh34");
    press("Escape");
    until("closed", || hosts() == 0).await;
    let call = open(api_key(), stored(), &keep).await;
    assert!(!shown(".alert"), "{}", text("[role=alert]"));
    submit();
    until("resolved", || call.state() == "resolved").await;
    close_all().await;
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
