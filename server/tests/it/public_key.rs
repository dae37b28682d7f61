//! Public keys and the proof of connection ids, for pages that have no connect session.

use aws_lc_rs::hmac;
use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, GOOD, Harness, PROD_SECRET, SECRET, newest};

async fn set(server: &Harness, token: &str, settings: Value) -> Value {
    let answer = server.call(Method::PATCH, "/environment", Some(token), Some(settings)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["data"].take()
}

/// A server whose environment `dev` accepts its public key without HMAC, and that key.
async fn accepting() -> (Harness, String) {
    let server = Harness::new().await;
    let on = json!({ "public_key_enabled": true, "hmac_enabled": false });
    let settings = set(&server, SECRET, on).await;
    let key = settings["public_key"].as_str().unwrap().to_owned();
    (server, key)
}

/// A new HMAC key of environment `dev`, as what signs with it.
async fn signer(server: &Harness) -> impl Fn(&str) -> String {
    let made = server.call(Method::POST, "/environment/hmac-key", Some(SECRET), None).await;
    assert_eq!(made.status, 201);
    let key = made.json()["data"]["hmac_key"].as_str().unwrap().to_owned();
    assert!(!server.get("/environment").await.json().to_string().contains(&key), "shown once");
    move |text: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let tag = hmac::sign(&key, text.as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    }
}

async fn connect(server: &Harness, query: &str) -> Answer {
    let path = format!("/api-auth/api-key/demo?{query}");
    server.call(Method::POST, &path, None, Some(json!({ "apiKey": GOOD }))).await
}

#[tokio::test]
async fn public_keys_are_off_until_an_environment_switches_its_own_on() {
    let server = Harness::new().await;
    let some = "public_key=11111111-2222-4333-8444-555555555555";
    assert_eq!(connect(&server, some).await.error(), "401 deprecated_authentication");
    assert_eq!(server.get("/environment").await.json()["data"]["public_key"], Value::Null);

    let on = json!({ "public_key_enabled": true, "hmac_enabled": false });
    let settings = set(&server, SECRET, on).await;
    let own = format!("public_key={}", settings["public_key"].as_str().unwrap());
    let answer = connect(&server, &own).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
    assert!(uuid::Uuid::parse_str(&id).is_ok());
    assert_eq!(server.connection("demo", &id).await.json()["credentials"]["apiKey"], GOOD);
    let event = &server.state.store.audit_events("dev", newest(1)).await.unwrap()[0];
    assert_eq!((event.actor.as_str(), event.action.as_str()), ("public_key", "connection.created"));

    assert_eq!(connect(&server, some).await.error(), "401 unknown_account");
    assert_eq!(connect(&server, "public_key=nonsense").await.error(), "401 invalid_public_key");
    let prod = set(&server, PROD_SECRET, json!({ "public_key_enabled": true })).await;
    assert_ne!(prod["public_key"], settings["public_key"]);
    let off = set(&server, SECRET, json!({ "public_key_enabled": false })).await;
    assert_eq!(off["public_key"], settings["public_key"], "it is the same when switched on again");
    assert_eq!(connect(&server, &own).await.error(), "401 deprecated_authentication");
}

#[tokio::test]
async fn a_public_key_that_is_switched_on_asks_for_hmac_unless_that_is_declined() {
    let server = Harness::new().await;
    let hmac = async |change: Value| set(&server, SECRET, change).await["hmac_enabled"].take();
    assert_eq!(hmac(json!({ "public_key_enabled": true })).await, true);
    assert_eq!(hmac(json!({ "hmac_enabled": false })).await, false, "said in so many words");
    assert_eq!(hmac(json!({ "public_key_enabled": true })).await, false, "it was on already");
    assert_eq!(hmac(json!({ "public_key_enabled": false })).await, false);
    assert_eq!(hmac(json!({ "on_auth_creation": true })).await, false);
    assert_eq!(hmac(json!({ "public_key_enabled": true })).await, true);
    assert_eq!(hmac(json!({ "public_key_enabled": false })).await, true);
    let declined = json!({ "public_key_enabled": true, "hmac_enabled": false });
    assert_eq!(hmac(declined).await, false);
}

#[tokio::test]
async fn without_hmac_a_public_key_makes_new_connections_and_names_none() {
    let (server, key) = accepting().await;
    let token = server.session(json!({ "end_user": { "id": "user-2" } })).await;
    let both = format!("public_key={key}&connect_session_token={token}&connection_id=user-2");
    assert_eq!(connect(&server, &both).await.json()["connectionId"], "user-2", "the session wins");

    let mut answers = std::collections::HashSet::new();
    for id in ["user-1", "user-2"] {
        for integration in ["demo", "unknown"] {
            let path = format!("/api-auth/api-key/{integration}?public_key={key}");
            let named = format!("{path}&connection_id={id}");
            let queried = json!({ "apiKey": GOOD });
            let posted = json!({ "apiKey": GOOD, "connection_id": id });
            for (path, body) in [(&named, queried), (&path, posted)] {
                let answer = server.call(Method::POST, path, None, Some(body)).await;
                assert_eq!(answer.error(), "403 connection_id_not_allowed", "{id}");
                let mut shown = answer.json();
                shown["error"]["request_id"].take();
                answers.insert(shown.to_string());
            }
        }
    }
    assert_eq!(answers.len(), 1, "whether it exists or not: {answers:?}");
    assert!(answers.into_iter().next().unwrap().contains("HMAC"), "what to do");

    let mut ids = std::collections::HashSet::new();
    for _ in 0..2 {
        let answer = connect(&server, &format!("public_key={key}")).await;
        let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok());
        assert!(ids.insert(id), "another one each time");
    }
    let body = json!({ "apiKey": GOOD, "store_unverified": true });
    let path = format!("/api-auth/api-key/demo?public_key={key}");
    let answer = server.call(Method::POST, &path, None, Some(body)).await;
    assert_eq!(answer.error(), "403 unverified_not_allowed");
}

#[tokio::test]
async fn a_public_key_opens_nothing_else() {
    let (server, key) = accepting().await;
    for path in ["/connect/session", "/integrations", "/connections", "/providers"] {
        let path = format!("{path}?public_key={key}");
        let answer = server.call(Method::GET, &path, None, None).await;
        assert_eq!(answer.error(), "401 missing_auth_header", "{path}");
        assert_eq!(server.call(Method::GET, &path, Some(&key), None).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn where_an_environment_asks_for_it_the_backend_vouches_for_the_connection_id() {
    let (server, public) = accepting().await;
    set(&server, SECRET, json!({ "hmac_enabled": true })).await;
    let sign = signer(&server).await;
    let query = |hmac: &str, id: &str| format!("public_key={public}{id}&hmac={hmac}");
    let good = sign("demo:user-1");
    let answer = connect(&server, &query(&good, "&connection_id=user-1")).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    for (query, expected) in [
        (format!("public_key={public}&connection_id=user-1"), "400 missing_hmac"),
        (query(&good, "&connection_id=user-2"), "400 invalid_hmac"),
        (query(&good.to_uppercase(), "&connection_id=user-1"), "400 invalid_hmac"),
        (query(&sign("demo"), ""), "400 invalid_hmac"),
        (query("", "&connection_id=user-1"), "400 invalid_hmac"),
    ] {
        assert_eq!(connect(&server, &query).await.error(), expected, "{query}");
    }
    let token = server.session(json!({ "tags": {} })).await;
    server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
}

#[tokio::test]
async fn under_hmac_no_id_may_have_a_colon_whichever_integrations_there_are() {
    let (server, public) = accepting().await;
    set(&server, SECRET, json!({ "hmac_enabled": true })).await;
    let sign = signer(&server).await;
    let attempt = async |integration: &str, id: &str| {
        let hmac = sign(&format!("{integration}:{id}"));
        let path = format!(
            "/api-auth/api-key/{integration}?public_key={public}&hmac={hmac}&connection_id={id}"
        );
        server.call(Method::POST, &path, None, Some(json!({ "apiKey": GOOD }))).await
    };
    let add = async |key: &str| {
        let body = json!({ "provider": "keyslot-demo", "unique_key": key });
        assert_eq!(server.post("/integrations", body).await.status, 200);
    };
    add("vend").await;
    let refused = async |integration: &str, id: &str| {
        let answer = attempt(integration, id).await;
        assert_eq!(answer.error(), "400 invalid_hmac", "{integration} {id}");
        let said = answer.json()["error"]["message"].to_string();
        assert!(said.contains("must not contain a colon"), "{said}");
    };
    let both = async || {
        refused("vend", "eu:user-1").await;
        refused("vend:eu", "user-1").await;
    };
    both().await;
    add("vend:eu").await;
    both().await;
    let path = "/integrations/vend:eu";
    assert_eq!(server.call(Method::DELETE, path, Some(SECRET), None).await.status, 200);
    both().await;
    assert_eq!(attempt("vend", "user-1").await.json()["connectionId"], "user-1");
}

#[tokio::test]
async fn for_a_day_a_proof_by_the_key_before_is_accepted_unless_it_is_ended() {
    let (server, public) = accepting().await;
    set(&server, SECRET, json!({ "hmac_enabled": true })).await;
    let renew = async |body: Option<Value>| {
        let path = "/environment/hmac-key";
        let made = server.call(Method::POST, path, Some(SECRET), body).await;
        assert_eq!(made.status, 201, "{}", made.json());
        let ends = made.json()["data"]["previous_key_ends_at"].clone();
        (made.json()["data"]["hmac_key"].as_str().unwrap().to_owned(), ends)
    };
    let status = async |key: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        let tag = hmac::sign(&key, b"demo:user-1");
        let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let query = format!("public_key={public}&connection_id=user-1&hmac={tag}");
        connect(&server, &query).await.status.as_u16()
    };
    let (first, ends) = renew(None).await;
    assert_eq!(ends, Value::Null, "there was none that anybody had seen");
    let (second, ends) = renew(None).await;
    assert_eq!(ends, "2026-09-22T14:13:20.000Z");
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    server.advance(24 * 60 - 1);
    assert_eq!(status(&first).await, 200);
    server.advance(1);
    assert_eq!((status(&first).await, status(&second).await), (400, 200));

    let refused = async || {
        let answer = server.call(Method::POST, "/environment/hmac-key", Some(SECRET), None).await;
        assert_eq!(answer.error(), "409 previous_keys_in_use");
    };
    let (newer, _) = renew(None).await;
    let (newest, _) = renew(None).await;
    refused().await;
    for key in [&second, &newer, &newest] {
        assert_eq!(status(key).await, 200, "none is dropped");
    }
    server.advance(24 * 60);
    let second = newest;

    let (third, _) = renew(Some(json!({ "grace_period_seconds": 3600 }))).await;
    assert_eq!((status(&second).await, status(&third).await), (200, 200));
    let end = async || {
        let path = "/environment/hmac-key/previous";
        server.call(Method::DELETE, path, Some(SECRET), None).await
    };
    assert_eq!(end().await.status, 200);
    assert_eq!((status(&second).await, status(&third).await), (400, 200));
    assert_eq!(end().await.error(), "404 not_found");
    let (fourth, ends) = renew(Some(json!({ "grace_period_seconds": 0 }))).await;
    assert_eq!(ends, Value::Null);
    assert_eq!((status(&third).await, status(&fourth).await), (400, 200));
    let path = "/environment/hmac-key";
    let body = json!({ "grace_period_seconds": 86_401 });
    let long = server.call(Method::POST, path, Some(SECRET), Some(body)).await;
    assert_eq!(long.error(), "400 invalid_body too_big [grace_period_seconds]");
    let said = long.json()["error"]["message"].to_string();
    assert!(said.contains("must be a whole number from 0 to 86400"), "{said}");
}
