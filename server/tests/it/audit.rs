//! That a secret was read leaves its event, as every change does, or the secret is not handed out.

use axum::body::Body;
use http::{Method, Request};
use jiff::SignedDuration;
use keyslot_server::{audit_retention::remove_old, listener::Peer, store::AuditFilter};
use serde_json::{Value, json};

use crate::harness::{Answer, GOOD, Harness, SECRET, event, user};

/// With a secret key, from an address.
async fn ask(server: &Harness, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "keyslot.test")
        .header("authorization", format!("Bearer {SECRET}"))
        .header("x-request-id", "request-of-this-test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer("198.51.100.4".parse().unwrap()));
    server.send(request).await
}

/// Makes writing audit events fail, as a full disk would.
fn break_audit(server: &Harness) {
    let db = rusqlite::Connection::open(server.database()).unwrap();
    let sql = "create trigger broken before insert on audit_events
         begin select raise(abort, 'no room'); end";
    db.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn each_read_of_a_secret_is_one_event_that_says_who_what_and_from_where() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "upstream", json!({ "apiKey": "canary-of-the-log" })).await;
    let before = server.get("/audit-events").await.json()["data"].as_array().unwrap().len();

    let query = format!("{id}?provider_config_key=upstream");
    for path in [format!("/connections/{query}"), format!("/connection/{query}")] {
        assert_eq!(ask(&server, Method::GET, &path, &[]).await.status, 200);
    }
    let named = [("provider-config-key", "upstream"), ("connection-id", id.as_str())];
    assert_eq!(ask(&server, Method::GET, "/proxy/x?secret=y", &named).await.status, 200);
    let verify = format!("/connections/{id}/verify?provider_config_key=upstream");
    assert_eq!(ask(&server, Method::POST, &verify, &[]).await.status, 200);
    let nothing = "/connections/nobody?provider_config_key=upstream";
    assert_eq!(ask(&server, Method::GET, nothing, &[]).await.status, 404);
    assert_eq!(ask(&server, Method::GET, "/connections", &[]).await.status, 200);

    let listed = server.get("/audit-events").await;
    let text = String::from_utf8_lossy(&listed.bytes).into_owned();
    assert!(!text.contains("canary-of-the-log") && !text.contains("secret=y"), "{text}");
    let events = listed.json()["data"].as_array().unwrap().clone();
    assert_eq!(events.len(), before + 4, "one each, and none for what was not read");
    let actions: Vec<&str> = events[..4].iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["connection.verified", "connection.used", "connection.read", "connection.read"]
    );
    for event in &events[..4] {
        assert_eq!(event["actor"], "secret_key:full");
        assert_eq!(event["object"], format!("connection:upstream/{id}"));
        assert_eq!(event["address"], "198.51.100.4");
        assert_eq!(event["request_id"], "request-of-this-test");
    }
    assert_eq!(events.last().unwrap()["address"], Value::Null, "not by a socket");
    let changes = server.get("/audit-events?changes_only=true").await.json();
    assert_eq!(changes["data"].as_array().unwrap()[..], events[4..], "all but those");
    let all = server.get("/audit-events?changes_only=false").await.json();
    assert_eq!(all["data"].as_array().unwrap().len(), events.len());
    let refused = server.get("/audit-events?changes_only=maybe").await;
    assert_eq!(refused.error(), "400 invalid_query_params invalid_value [changes_only]");
    let check = server.get("/audit-events/check").await.json();
    assert_eq!(check["data"]["intact"], true);

    // Where from is part of what the chain protects.
    let db = rusqlite::Connection::open(server.database()).unwrap();
    db.execute(
        "update audit_events set address = '192.0.2.1' where id = ?1",
        [events[0]["id"].as_i64()],
    )
    .unwrap();
    let check = server.get("/audit-events/check").await.json();
    assert_eq!(check["data"]["broken_at"], events[0]["id"]);
}

#[tokio::test]
async fn what_is_older_than_the_operator_keeps_is_removed_and_the_check_says_how_much() {
    let server = Harness::new().await;
    server.state.link_audit().await.unwrap();
    let before = server.get("/audit-events/check").await.json()["data"]["checked"].clone();
    server.advance(40 * 24 * 60);
    // More than are removed at once.
    for _ in 0..1100 {
        server.state.store.record(event(server.state.clock.now(), "gone")).await.unwrap();
    }
    server.state.link_audit().await.unwrap();
    let keep = |days: i64| SignedDuration::from_hours(24 * days);
    assert_eq!(remove_old(&server.state, keep(41)).await.unwrap(), 0);
    let old = remove_old(&server.state, keep(30)).await.unwrap();
    assert!(old > before.as_u64().unwrap(), "of every environment");
    let check = server.get("/audit-events/check").await.json();
    let expected = json!({ "intact": true, "checked": 0, "removed": before, "broken_at": null });
    assert_eq!(check["data"], expected);
    server.advance(31 * 24 * 60);
    assert_eq!(remove_old(&server.state, keep(30)).await.unwrap(), 1100, "of one that is gone too");
}

#[tokio::test]
async fn a_strict_server_hands_out_nothing_that_it_cannot_record() {
    let server = Harness::strict().await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "upstream", json!({ "apiKey": "canary-of-the-log" })).await;
    assert_eq!(server.connection("upstream", &id).await.status, 200);
    let newest = server
        .state
        .store
        .audit_events("dev", AuditFilter { limit: 1, ..AuditFilter::default() })
        .await
        .unwrap()
        .remove(0);
    assert_eq!(newest.action, "connection.read", "it was there before the answer");

    break_audit(&server);
    let named = [("provider-config-key", "upstream"), ("connection-id", id.as_str())];
    for answer in [
        server.connection("upstream", &id).await,
        ask(&server, Method::GET, "/proxy/x", &named).await,
    ] {
        assert_eq!(answer.error(), "503 service_unavailable");
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("canary"));
    }
    assert_eq!(server.upstream.seen().len(), 0, "the vendor was not called");
}

#[tokio::test]
async fn what_cannot_be_recorded_otherwise_is_counted() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
    break_audit(&server);
    for _ in 0..3 {
        assert_eq!(server.connection("demo", &id).await.status, 200);
    }
    server.state.write_reads().await;
    let mut request =
        Request::get("/metrics").header("host", "localhost").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer("127.0.0.1".parse().unwrap()));
    let metrics = server.send(request).await;
    let text = String::from_utf8(metrics.bytes).unwrap();
    assert!(text.contains("keyslot_audit_events_lost_total 3\n"), "{text}");
}
