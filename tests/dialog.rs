//! The DOM of each state.
#![cfg(target_arch = "wasm32")]

mod common;

use common::*;
use serde_json::json;
use wasm_bindgen_test::*;

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn the_shell_is_there_before_the_form_and_has_the_focus() {
    serve(&json!({"/connect/session": {"hang": true}}).to_string());
    let call = auth("acme", None, options(&[]));
    until("the shell", || hosts() == 1).await;
    assert!(shown(".skeleton") && focused("[part=title]"));
    assert_eq!(attribute("dialog", "aria-busy"), "true");
    assert_eq!(attribute("dialog", "aria-labelledby"), "title");
    assert_eq!(text("[role=status]"), "Loading…");
    close_all().await;
    assert_eq!(call.code(), "window_closed");
}

#[wasm_bindgen_test]
async fn an_api_key_form_has_label_help_mask_and_the_focus() {
    let _call = open(api_key(), stored(), &[]).await;
    assert_eq!(text("[part=title]"), "Connect Acme");
    assert_eq!(text("label"), "Key");
    assert_eq!(attribute("label", "for"), attribute("input", "id"));
    assert_eq!(attribute("input", "type"), "password");
    assert_eq!(attribute("input", "autocomplete"), "off");
    assert_eq!(attribute("input", "placeholder"), "k_1");
    assert!(attribute("input", "aria-describedby").contains("help-apiKey"));
    assert!(!shown(".skeleton") && focused("input"));
    click(".toggle");
    until("shown", || attribute("input", "type") == "text").await;
    assert_eq!(attribute(".toggle", "aria-label"), "Hide Key");
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_basic_form_asks_for_both_unless_the_password_is_hidden() {
    let _call = open(json!({"auth_mode": "BASIC"}), stored(), &[]).await;
    assert_eq!(count("input"), 2);
    assert_eq!(attribute("[name=username]", "autocomplete"), "username");
    assert_eq!(attribute("[name=password]", "autocomplete"), "current-password");
    close_all().await;
    let hidden = json!({"auth_mode": "BASIC", "credentials": {"password": {"hidden": true, "default_value": "X"}}});
    let _call = open(hidden, stored(), &[]).await;
    assert_eq!(count("input"), 1);
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_form_with_nothing_to_type_is_a_sentence_and_a_button() {
    let hidden = json!({"auth_mode": "API_KEY",
        "credentials": {"apiKey": {"hidden": true, "default_value": "anonymous"}},
        "connection_config": {"region": {"hidden": true, "default_value": "eu"}}});
    let call = open(hidden, stored(), &[]).await;
    assert_eq!(count("input, select"), 0);
    assert!(text("[part=help]").contains("Press Connect"), "{}", text("[part=help]"));
    submit();
    until("resolved", || call.state() == "resolved").await;
    let post = requests().pop().unwrap();
    let body: serde_json::Value = serde_json::from_str(post["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, json!({"apiKey": "anonymous", "params": {"region": "eu"}}));
    close_all().await;
}

#[wasm_bindgen_test]
async fn every_secret_can_be_shown_and_only_secrets() {
    let provider = json!({"auth_mode": "BASIC",
        "connection_config": {"token": {"secret": true}, "site": {}}});
    let _call = open(provider, stored(), &[]).await;
    for (name, secret) in
        [("username", false), ("password", true), ("token", true), ("site", false)]
    {
        let row = format!(".field:has([name={name}])");
        assert_eq!(shown(&format!("{row} .toggle")), secret, "{name}");
        let masked = attribute(&format!("[name={name}]"), "type") == "password";
        assert_eq!(masked, secret, "{name}");
    }
    close_all().await;
}

#[wasm_bindgen_test]
async fn managers_keep_away_from_a_key_unless_they_are_wanted_and_replays_from_everything() {
    const OPT_OUTS: [&str; 4] =
        ["data-1p-ignore", "data-lpignore", "data-bwignore", "data-form-type"];
    let has = |name: &str, attribute: &str| exists(&format!("[name={name}][{attribute}]"));
    let _call = open(api_key(), stored(), &[]).await;
    assert!(OPT_OUTS.iter().all(|opt_out| has("apiKey", opt_out)));
    close_all().await;
    let _call = open(api_key(), stored(), &[("passwordManagers", "allow".into())]).await;
    assert!(!OPT_OUTS.iter().any(|opt_out| has("apiKey", opt_out)));
    assert_eq!(attribute("[name=apiKey]", "autocomplete"), "off");
    close_all().await;
    // A login is a manager's business.
    let _call = open(json!({"auth_mode": "BASIC"}), stored(), &[]).await;
    for name in ["username", "password"] {
        assert!(!OPT_OUTS.iter().any(|opt_out| has(name, opt_out)), "{name}");
        for mark in ["data-sentry-mask", "data-private", "data-clarity-mask"] {
            assert!(has(name, mark), "{name} {mark}");
        }
        assert_eq!(attribute(&format!("[name={name}]"), "spellcheck"), "false");
    }
    close_all().await;
}

#[wasm_bindgen_test]
async fn saving_without_a_check_is_not_offered_where_the_session_forbids_it() {
    let mut session = keyslot_session(api_key());
    session["body"]["data"]["keyslot"]["allow_unverified"] = json!(false);
    let post = failing(400, json!({"code": "connection_test_failed", "reason": "unavailable"}));
    serve(&json!({"/connect/session": session, "/api-auth/api-key/acme": post}).to_string());
    let _call = auth("acme", None, options(&[]));
    until("the form", || count("input") == 1).await;
    type_in("input", "abcdefgh12");
    submit();
    until("the failure", || text("[role=alert]").contains("not answering")).await;
    assert!(!shown(".unchecked"));
    close_all().await;
}

#[wasm_bindgen_test]
async fn affixes_choices_and_steps_are_drawn() {
    let provider = json!({"auth_mode": "API_KEY", "where": ["Open settings.", "Copy it."],
        "docs_connect": "https://docs.example/key",
        "connection_config": {"subdomain": {"title": "Site", "prefix": "https://", "suffix": ".acme.com"},
                              "region": {"enum": ["eu", "us"]}}});
    let _call = open(provider, stored(), &[]).await;
    assert_eq!(count(".affix"), 2);
    assert_eq!(value("select"), "eu");
    assert_eq!(count("details li"), 2);
    assert_eq!(attribute("details a", "href"), "https://docs.example/key");
    assert_eq!(attribute("details a", "rel"), "noopener noreferrer");
    close_all().await;
}

#[wasm_bindgen_test]
async fn nothing_stands_between_the_user_name_and_the_password() {
    let provider = json!({"auth_mode": "BASIC", "where": ["Open settings.", "Copy both."]});
    let _call = open(provider, stored(), &[]).await;
    assert_eq!(count("[name=username] ~ details, div:has([name=username]) + details"), 0);
    assert_eq!(count("div:has([name=password]) + details"), 1);
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_link_that_is_not_http_is_not_drawn() {
    let provider = json!({"auth_mode": "API_KEY", "docs_connect": "javascript:alert(1)"});
    let _call = open(provider, stored(), &[]).await;
    assert_eq!(count("a"), 0);
    close_all().await;
}

#[wasm_bindgen_test]
async fn connect_on_an_empty_form_says_what_is_missing_and_sends_nothing() {
    let call = open(api_key(), stored(), &[]).await;
    submit();
    until("the fault", || !text(".fault").is_empty()).await;
    assert_eq!(text(".fault"), "Fill this in to connect.");
    assert_eq!(attribute("input", "aria-invalid"), "true");
    assert!(focused("input"));
    assert_eq!(requests().len(), 1, "only the session was asked for");
    assert_eq!(call.state(), "pending");
    type_in("input", "k");
    until("the fault goes when the text changes", || text(".fault").is_empty()).await;
    close_all().await;
}

#[wasm_bindgen_test]
async fn each_class_of_failure_has_its_words_and_keeps_the_text() {
    for (reason, words) in [
        ("refused", "did not accept"),
        ("forbidden", "lacks permission"),
        ("address", "Nothing answers"),
        ("unavailable", "not answering"),
    ] {
        let post = failing(
            400,
            json!({"code": "connection_test_failed", "reason": reason, "request_id": "r-7"}),
        );
        let call = open(api_key(), post, &[]).await;
        type_in("input", "abcdefgh12");
        submit();
        until(reason, || text("[role=alert]").contains(words)).await;
        assert_eq!(value("input"), "abcdefgh12");
        assert!(focused("input"), "{reason}");
        assert!(text(".reference").contains("r-7"));
        assert_eq!(shown(".unchecked"), reason == "unavailable");
        assert_eq!(call.state(), "pending");
        close_all().await;
    }
}

#[wasm_bindgen_test]
async fn success_names_the_account_and_the_promise_does_not_wait_for_it() {
    let call = open(api_key(), stored(), &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("resolved", || call.state() == "resolved").await;
    assert!(shown(".success") && !shown("form"));
    assert!(
        text(".success").contains("Acme is connected") && text(".success").contains("Acme Ltd")
    );
    assert!(text("[role=status]").contains("Acme is connected"));
    assert!(focused(".done"));
    until("it closes by itself", || hosts() == 0).await;
}

#[wasm_bindgen_test]
async fn a_paste_is_repaired_visibly_and_can_be_undone() {
    let _call = open(api_key(), stored(), &[]).await;
    assert!(paste("input", "  Bearer abcdefgh12345678  "));
    until("repaired", || value("input") == "abcdefgh12345678").await;
    assert!(text(".note").contains("Bearer"), "{}", text(".note"));
    click(".note button");
    until("undone", || value("input") == "  Bearer abcdefgh12345678  ").await;
    assert!(text(".note").is_empty());
    close_all().await;
}

#[wasm_bindgen_test]
async fn a_paste_that_no_text_field_takes_goes_to_the_first_secret_that_is_empty_or_selected() {
    let provider = json!({"auth_mode": "BASIC", "connection_config": {"token": {"secret": true}}});
    let _call = open(provider, stored(), &[]).await;
    assert!(paste(".submit", "hunter2hunter2"));
    until("the first", || value("[name=password]") == "hunter2hunter2").await;
    assert!(focused("[name=password]"));
    assert!(paste("[part=title]", "Bearer abcdefgh12345678"));
    until("the next", || value("[name=token]") == "abcdefgh12345678").await;
    assert!(text(".field:has([name=token]) .note").contains("Bearer"));
    assert_eq!(
        (value("[name=username]"), value("[name=password]")),
        (String::new(), "hunter2hunter2".into())
    );
    // All are full, and nothing is selected.
    assert!(!paste(".toggle", "another"));
    settle().await;
    assert_eq!(value("[name=token]"), "abcdefgh12345678");
    close_all().await;
    // A refused key is all selected; meanwhile the focus went elsewhere.
    let refused = failing(400, json!({"code": "connection_test_failed", "reason": "refused"}));
    let _call = open(api_key(), refused, &[]).await;
    type_in("input", "abcdefgh12");
    submit();
    until("refused", || text("[role=alert]").contains("did not accept")).await;
    assert!(paste(".submit", "abcdefgh34"));
    until("replaced", || value("input") == "abcdefgh34").await;
    close_all().await;
}

#[wasm_bindgen_test]
async fn only_what_was_checked_has_a_green_mark() {
    for (verification, neutral, said) in [
        (json!({"status": "verified"}), false, ""),
        (json!({"status": "unverified"}), true, "did not answer"),
        (json!({"status": "unchecked"}), true, "Saved. Acme offers no way to check a key."),
    ] {
        let mut stored = stored();
        stored["body"]["verification"] = verification.clone();
        let call = open(api_key(), stored, &[]).await;
        type_in("input", "abcdefgh12");
        submit();
        until("resolved", || call.state() == "resolved").await;
        assert_eq!(exists(".tick[data-unchecked]"), neutral, "{verification}");
        assert!(text(".success").contains(said), "{}", text(".success"));
        let result = get(&get(&call.result_value(), "verification"), "status");
        assert_eq!(result.as_string().as_deref(), verification["status"].as_str());
        close_all().await;
    }
}

#[wasm_bindgen_test]
async fn a_clean_paste_is_left_to_the_browser() {
    let _call = open(api_key(), stored(), &[]).await;
    assert!(!paste("input", "abcdefgh12345678"));
    close_all().await;
}

#[wasm_bindgen_test]
async fn another_language_sets_lang_and_dir_and_one_word_can_be_overridden() {
    let words = js_sys::JSON::parse(r#"{"submit": "וצל", "title": "{provider}!"}"#).unwrap();
    let strings = js_sys::JSON::parse(r#"{"submit": "Go"}"#).unwrap();
    let more = [("locale", "he".into()), ("words", words), ("strings", strings)];
    let _call = open(api_key(), stored(), &more).await;
    assert_eq!(
        (attribute("dialog", "dir"), attribute("dialog", "lang")),
        ("rtl".into(), "he".into())
    );
    assert_eq!((text("[part=submit]"), text("[part=title]")), ("Go".into(), "Acme!".into()));
    close_all().await;
}
