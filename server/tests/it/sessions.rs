//! Connect sessions: minting, showing, ending.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{GOOD, Harness, user};

#[tokio::test]
async fn a_session_shows_what_the_widget_needs_in_one_answer() {
    let server = Harness::new().await;
    let minted = server
        .post(
            "/connect/sessions",
            json!({
                "end_user": { "id": "u1", "email": "a@b.co", "display_name": "Ada" },
                "organization": { "id": "o1" },
                "allowed_integrations": ["templated"],
                "connection_id": "user-42",
                "overrides": { "templated": { "docs_connect": "https://docs.example/x" } },
            }),
        )
        .await;
    assert_eq!(minted.status, 201);
    let minted = minted.json();
    let token = minted["data"]["token"].as_str().unwrap();
    assert_eq!(minted["data"]["expires_at"], "2026-09-21T14:43:20.000Z");
    assert_eq!(
        minted["data"]["connect_link"],
        format!("http://keyslot.test/connect/?session_token={token}")
    );

    let shown = server.call(Method::GET, "/connect/session", Some(token), None).await;
    assert_eq!(shown.status, 200);
    let body = shown.json();
    let data = &body["data"];
    assert_eq!(data["endUser"]["organization"], json!({ "id": "o1", "display_name": null }));
    assert_eq!(data["allowed_integrations"], json!(["templated"]));
    assert_eq!(data["overrides"]["templated"]["docs_connect"], "https://docs.example/x");
    assert_eq!(data["keyslot"]["connection_id"], "user-42");
    assert_eq!(data["keyslot"]["allow_unverified"], false);
    let form = &data["forms"]["templated"];
    assert_eq!(form["integration"]["unique_key"], "templated");
    assert_eq!(form["provider"]["name"], "templated");
    assert_eq!(form["provider"]["connection_config"]["subdomain"]["title"], "Sub-domain");
    assert_eq!(form["provider"]["proxy"], Value::Null, "no form needs it");
}

#[tokio::test]
async fn a_session_for_all_integrations_carries_no_forms() {
    let server = Harness::new().await;
    let token = server.session(json!({ "tags": {}, "allowed_integrations": [] })).await;
    let data = server.call(Method::GET, "/connect/session", Some(&token), None).await.json();
    assert_eq!(data["data"]["forms"], Value::Null);
    assert_eq!(data["data"]["allowed_integrations"], Value::Null);
    assert_eq!(data["data"]["endUser"], Value::Null);
}

#[tokio::test]
async fn an_expired_a_deleted_and_an_unknown_token_are_the_same() {
    let server = Harness::new().await;
    let unknown = format!("nango_connect_session_{}", "0".repeat(64));
    let deleted = server.session(user("u1")).await;
    let ended = server.call(Method::DELETE, "/connect/session", Some(&deleted), None).await;
    assert_eq!(ended.status, 204);
    assert!(ended.bytes.is_empty());
    let expired = server.session(user("u1")).await;
    server.advance(30);
    for token in [unknown, deleted, expired] {
        let shown = server.call(Method::GET, "/connect/session", Some(&token), None).await;
        assert_eq!(shown.error(), "401 unknown_connect_session_token");
        let posted = server.connect(&token, "demo", json!({ "apiKey": GOOD })).await;
        assert_eq!(posted.error(), "401 unknown_connect_session_token");
    }
}

#[tokio::test]
async fn what_cannot_be_minted_is_told_by_field() {
    let server = Harness::new().await;
    for (body, expected) in [
        (json!({}), "400 invalid_body invalid_type [end_user]"),
        (json!({ "end_user": { "id": 5 } }), "400 invalid_body invalid_type [end_user.id]"),
        (
            json!({ "end_user": { "id": "u", "email": "nope" } }),
            "400 invalid_body invalid_format [end_user.email]",
        ),
        (json!({ "tags": {}, "foo": 1 }), "400 invalid_body unrecognized_keys []"),
        (
            json!({ "tags": {}, "allowed_integrations": ["demo", "nope"] }),
            "400 invalid_body custom [allowed_integrations.1]",
        ),
        (
            json!({ "tags": {}, "integrations_config_defaults": { "nope": {} } }),
            "400 invalid_body custom [integrations_config_defaults.nope]",
        ),
        (
            json!({ "tags": {}, "overrides": { "nope": {} } }),
            "400 invalid_body custom [overrides.nope]",
        ),
        (
            json!({ "tags": {}, "overrides": { "demo": { "docs_connect": "javascript:alert(1)" } } }),
            "400 invalid_body invalid_format [overrides.demo.docs_connect]",
        ),
        (
            json!({ "tags": {}, "webhook_url_override": "nope" }),
            "400 invalid_body invalid_format [webhook_url_override]",
        ),
        (
            json!({ "tags": {}, "connection_id": "é" }),
            "400 invalid_body invalid_format [connection_id]",
        ),
        (
            json!({ "tags": {}, "connection_id": "a", "multiple": true }),
            "400 invalid_body custom [multiple]",
        ),
        (
            json!({ "tags": {}, "connection_ids": ["a"], "multiple": true }),
            "400 invalid_body custom [multiple]",
        ),
        (json!({ "tags": {}, "connection_ids": [] }), "400 invalid_body custom [connection_ids]"),
        (
            json!({ "tags": {}, "connection_ids": "a" }),
            "400 invalid_body invalid_type [connection_ids]",
        ),
        (
            json!({ "tags": {}, "connection_ids": ["a", "b", "a"] }),
            "400 invalid_body custom [connection_ids.2]",
        ),
        (
            json!({ "tags": {}, "connection_ids": ["a", "é"] }),
            "400 invalid_body invalid_format [connection_ids.1]",
        ),
        (
            json!({ "tags": {}, "connection_ids": (0..101).map(|n| n.to_string()).collect::<Vec<_>>() }),
            "400 invalid_body custom [connection_ids]",
        ),
        (
            json!({ "tags": {}, "connection_id": "a", "connection_ids": ["a"] }),
            "400 invalid_body custom [connection_ids]",
        ),
    ] {
        assert_eq!(
            server.post("/connect/sessions", body.clone()).await.error(),
            expected,
            "{body}"
        );
    }
    let answer = server.post("/connect/sessions?x=1", user("u")).await;
    assert_eq!(answer.error(), "400 invalid_query_params unrecognized_keys []");
    let body = json!({ "connection_id": "nope", "integration_id": "demo" });
    assert_eq!(server.post("/connect/sessions/reconnect", body).await.error(), "400 invalid_body");
}

#[tokio::test]
async fn a_session_for_several_ids_shows_them() {
    let server = Harness::new().await;
    let ids: Vec<String> = (0..100).map(|number| format!("c{number}")).collect();
    let token = server.session(json!({ "tags": {}, "connection_ids": ids })).await;
    let shown = server.call(Method::GET, "/connect/session", Some(&token), None).await.json();
    assert_eq!(shown["data"]["keyslot"]["connection_ids"], json!(ids));
    assert_eq!(shown["data"]["keyslot"]["connection_id"], Value::Null);
}

#[tokio::test]
async fn the_beacon_of_the_hosted_page_is_accepted_and_forgotten() {
    let server = Harness::new().await;
    let answer = server
        .call(Method::POST, "/connect/telemetry", None, Some(json!({ "event": "open" })))
        .await;
    assert_eq!(answer.status, 204);
}
