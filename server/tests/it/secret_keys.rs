//! Keys of the API and the audit log, by REST.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness, PROD_SECRET, READ_ONLY, SECRET};

async fn make(server: &Harness, body: Value) -> Value {
    let answer = server.post("/secret-keys", body).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    answer.json()["data"].clone()
}

async fn with(server: &Harness, key: &Value, path: &str) -> Answer {
    server.call(Method::GET, path, Some(key["secret_key"].as_str().unwrap()), None).await
}

#[tokio::test]
async fn a_key_is_shown_once_and_can_do_what_its_scope_says() {
    let server = Harness::new().await;
    let full = make(&server, json!({ "name": "billing" })).await;
    let reader = make(&server, json!({ "name": "reports", "scope": "read_only" })).await;
    assert_eq!(full["scope"], "full");
    assert!(full["secret_key"].as_str().unwrap().starts_with("ksk_"));
    assert_eq!(with(&server, &full, "/secret-keys").await.status, 200);
    assert_eq!(with(&server, &reader, "/connections").await.status, 200);
    assert_eq!(with(&server, &reader, "/secret-keys").await.error(), "403 forbidden");

    server.state.flush_notes().await.unwrap();
    let list = server.get("/secret-keys").await.json()["data"].clone();
    let named = |name: &str| {
        list.as_array().unwrap().iter().find(|key| key["name"] == name).unwrap().clone()
    };
    assert_eq!(named("billing")["last_used_at"], "2026-09-21T14:13:20.000Z");
    assert_eq!(named("reports")["id"], reader["id"]);
    let token = full["secret_key"].as_str().unwrap();
    assert_eq!(named("billing")["prefix"], token[..8]);
    assert_eq!(named("full")["prefix"], "", "the operator chose it");
    assert!(!list.to_string().contains(&token[..9]), "{list}");
    let elsewhere = server.call(Method::GET, "/secret-keys", Some(PROD_SECRET), None).await;
    assert!(!elsewhere.json().to_string().contains("billing"));
}

#[tokio::test]
async fn a_rotated_key_works_for_the_grace_period_and_a_revoked_one_ends_at_once() {
    let server = Harness::new().await;
    let first = make(&server, json!({ "name": "billing", "scope": "read_only" })).await;
    let path = format!("/secret-keys/{}/rotate", first["id"].as_str().unwrap());
    let answer = server.post(&path, json!({ "grace_period_seconds": 120 })).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    let second = answer.json()["data"].clone();
    assert_eq!((&second["name"], &second["scope"]), (&json!("billing"), &json!("read_only")));
    assert_ne!(second["secret_key"], first["secret_key"]);
    server.advance(1);
    assert_eq!(with(&server, &first, "/connections").await.status, 200);
    server.advance(1);
    assert_eq!(with(&server, &first, "/connections").await.error(), "401 unknown_account");
    assert_eq!(server.post(&path, json!({})).await.error(), "404 not_found", "it has ended");
    assert_eq!(with(&server, &second, "/connections").await.status, 200);

    let path = format!("/secret-keys/{}", second["id"].as_str().unwrap());
    let other = server.call(Method::DELETE, &path, Some(PROD_SECRET), None).await;
    assert_eq!(other.error(), "404 not_found", "of another environment");
    assert_eq!(server.call(Method::DELETE, &path, Some(SECRET), None).await.status, 200);
    assert_eq!(with(&server, &second, "/connections").await.error(), "401 unknown_account");
    let again = server.call(Method::DELETE, &path, Some(SECRET), None).await;
    assert_eq!(again.error(), "404 not_found");
}

#[tokio::test]
async fn what_does_not_fit_is_named() {
    let server = Harness::new().await;
    for (path, body, error) in [
        ("/secret-keys", json!({}), "400 invalid_body invalid_type [name]"),
        ("/secret-keys", json!({ "name": "" }), "400 invalid_body too_small [name]"),
        (
            "/secret-keys",
            json!({ "name": "x", "scope": "root" }),
            "400 invalid_body invalid_value [scope]",
        ),
        (
            "/secret-keys/x/rotate",
            json!({ "grace_period_seconds": -1 }),
            "400 invalid_body invalid_type [grace_period_seconds]",
        ),
        (
            "/secret-keys/x/rotate",
            json!({ "grace_period_seconds": 2_592_001 }),
            "400 invalid_body too_big [grace_period_seconds]",
        ),
        ("/secret-keys/x/rotate", json!({}), "404 not_found"),
        ("/secret-keys/operator/rotate", json!({}), "400 invalid_uri_params custom [secretKeyId]"),
    ] {
        assert_eq!(server.post(path, body).await.error(), error, "{path}");
    }
}

#[tokio::test]
async fn the_audit_log_is_paged_and_its_chain_holds() {
    let server = Harness::new().await;
    let made = make(&server, json!({ "name": "billing" })).await;
    let first = server.get("/audit-events?limit=2").await.json();
    let newest = &first["data"][0];
    assert_eq!(newest["action"], "secret_key.created");
    assert_eq!(newest["actor"], "secret_key:full");
    assert_eq!(newest["object"], format!("secret_key:{}", made["id"].as_str().unwrap()));
    let mut seen = vec![];
    let mut next = json!(null);
    loop {
        let path = match next.as_i64() {
            None => "/audit-events?limit=2".to_owned(),
            Some(before) => format!("/audit-events?limit=2&before={before}"),
        };
        let page = server.get(&path).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|e| e["id"].as_i64().unwrap()));
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    let all = server.get("/audit-events").await.json();
    let all: Vec<i64> =
        all["data"].as_array().unwrap().iter().map(|event| event["id"].as_i64().unwrap()).collect();
    assert_eq!(seen, all);
    let check = server.get("/audit-events/check").await.json();
    let expected = json!({ "intact": true, "checked": all.len(), "removed": 0, "broken_at": null });
    assert_eq!(check["data"], expected);
    let db = rusqlite::Connection::open(server.database()).unwrap();
    db.execute("update audit_events set actor = 'nobody' where id = ?1", [all[1]]).unwrap();
    let read = server.call(Method::GET, "/audit-events/check", Some(READ_ONLY), None).await.json();
    assert_eq!(
        (&read["data"]["intact"], &read["data"]["broken_at"]),
        (&json!(false), &json!(all[1]))
    );
    assert!(server.get("/audit-events?limit=0").await.error().starts_with("400 invalid_query"));
}
