//! Whether stored credentials still work: how it is found out, shown and announced.

use http::Method;
use jiff::Timestamp;
use keyslot_server::recheck;
use serde_json::{Value, json};

use crate::harness::{Harness, READ_ONLY, SECRET, newest};

/// A server with a connection to its upstream as `integration`, and webhooks going there too.
async fn connected(integration: &str) -> Harness {
    let server = Harness::new().await;
    let settings = json!({ "webhook_url": format!("{}/hook", server.upstream.url()) });
    assert_eq!(
        server.call(Method::PATCH, "/environment", Some(SECRET), Some(settings)).await.status,
        200
    );
    let body = json!({
        "provider_config_key": integration,
        "connection_id": "c1",
        "credentials": { "type": "API_KEY", "apiKey": "k" },
    });
    assert_eq!(server.post("/connections", body).await.status, 201);
    server.deliver().await;
    server
}

async fn health(server: &Harness, integration: &str) -> Value {
    server.connection(integration, "c1").await.json()["health"].take()
}

/// What was announced since it was last asked, the newest last.
async fn announced(server: &Harness) -> Vec<Value> {
    let before = server.upstream.seen().len();
    server.deliver().await;
    let seen = server.upstream.seen();
    seen[before..].iter().map(|seen| serde_json::from_slice(&seen.body).unwrap()).collect()
}

async fn verify(server: &Harness) -> Value {
    let path = "/connections/c1/verify?provider_config_key=checked";
    let answer = server.call(Method::POST, path, Some(SECRET), None).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

async fn proxied(server: &Harness, integration: &str, status: u16) {
    server.upstream.then_status(status);
    let request = http::Request::get("/proxy/v1")
        .header("host", "keyslot.test")
        .header("authorization", format!("Bearer {SECRET}"))
        .header("provider-config-key", integration)
        .header("connection-id", "c1");
    let answer = server.send(request.body("".into()).unwrap()).await;
    assert_eq!(answer.status, status);
}

#[tokio::test]
async fn a_key_in_use_is_checked_once_a_day_and_its_loss_is_announced() {
    let server = connected("checked").await;
    assert_eq!(health(&server, "checked").await["status"], "healthy");
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 0, "it was checked just now");

    server.advance(26 * 60);
    server.upstream.then_status(401);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 1);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 0, "once a day");
    let lost = health(&server, "checked").await;
    assert_eq!(lost["status"], "needs_attention");
    assert_eq!(lost["reason"], "refused");
    let since: Timestamp = lost["since"].as_str().unwrap().parse().unwrap();
    assert_eq!(since, server.state.clock.now());
    let connection = server.connection("checked", "c1").await.json();
    assert_eq!(connection["errors"][0]["type"], "auth");
    assert_eq!(connection["credentials"]["apiKey"], "k", "it can still be read");
    let news = announced(&server).await;
    assert_eq!(news.len(), 1);
    assert_eq!(news[0]["operation"], "refresh");
    assert_eq!(news[0]["success"], false);
    assert_eq!(news[0]["error"]["type"], "refused");
    assert_eq!(news[0]["health"]["status"], "needs_attention");

    server.advance(26 * 60);
    server.upstream.then_status(403);
    recheck::run_once(&server.state).await.unwrap();
    let still = health(&server, "checked").await;
    assert_eq!((&still["reason"], &still["since"]), (&json!("forbidden"), &lost["since"]));
    assert!(announced(&server).await.is_empty(), "that is known");

    server.advance(26 * 60);
    recheck::run_once(&server.state).await.unwrap();
    assert_eq!(health(&server, "checked").await["status"], "healthy");
    let news = announced(&server).await;
    assert_eq!((news.len(), &news[0]["success"]), (1, &json!(true)));
    assert_eq!(server.connection("checked", "c1").await.json()["errors"], json!([]));
}

#[tokio::test]
async fn a_provider_that_is_down_changes_nothing_and_is_asked_again_within_the_hour() {
    let server = connected("checked").await;
    server.advance(26 * 60);
    server.upstream.then_status(503);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 1);
    assert_eq!(health(&server, "checked").await["status"], "healthy");
    server.advance(61);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 1);
    assert!(announced(&server).await.is_empty());
}

#[tokio::test]
async fn a_key_that_nobody_uses_is_left_alone() {
    let server = connected("checked").await;
    server.advance(31 * 24 * 60);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 0);
    server.connection("checked", "c1").await;
    server.state.flush_notes().await.unwrap();
    server.advance(25 * 60);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 1);
}

#[tokio::test]
async fn a_backend_can_have_a_connection_checked_now() {
    let server = connected("checked").await;
    let fine = verify(&server).await;
    assert_eq!(
        (&fine["status"], &fine["health"]["status"]),
        (&json!("verified"), &json!("healthy"))
    );
    for (status, reason, health) in [
        (403, "forbidden", "needs_attention"),
        (500, "unavailable", "needs_attention"),
        (401, "refused", "needs_attention"),
    ] {
        server.upstream.then_status(status);
        let said = verify(&server).await;
        assert_eq!(said["status"], "failed");
        assert_eq!((&said["reason"], &said["provider_status"]), (&json!(reason), &json!(status)));
        assert_eq!(said["health"]["status"], health);
    }
    let events = server.state.store.audit_events("dev", newest(1)).await.unwrap();
    assert_eq!(events[0].action, "connection.health_changed");
    assert_eq!(events[0].actor, "secret_key:full");

    for (path, token, expected) in [
        ("c1/verify?provider_config_key=nope", SECRET, "400 unknown_provider_config"),
        ("nope/verify?provider_config_key=checked", SECRET, "404 not_found"),
        ("c1/verify", SECRET, "400 invalid_query_params invalid_type [provider_config_key]"),
        ("c1/verify?provider_config_key=checked", READ_ONLY, "403 forbidden"),
    ] {
        let path = format!("/connections/{path}");
        assert_eq!(server.call(Method::POST, &path, Some(token), None).await.error(), expected);
    }
}

#[tokio::test]
async fn a_refused_proxied_request_has_the_credential_checked() {
    let server = connected("checked").await;
    server.advance(2);
    proxied(&server, "checked", 401).await;
    server.upstream.then_status(401);
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 1);
    assert_eq!(health(&server, "checked").await["status"], "needs_attention");
    assert_eq!(announced(&server).await.len(), 1);

    // It works again, and a proxied request is the first to see it.
    server.advance(2);
    proxied(&server, "checked", 200).await;
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 1);
    assert_eq!(health(&server, "checked").await["status"], "healthy");

    // One address that is forbidden says nothing about the credential: the check does.
    server.advance(2);
    proxied(&server, "checked", 403).await;
    recheck::run_once(&server.state).await.unwrap();
    assert_eq!(health(&server, "checked").await["status"], "healthy");

    proxied(&server, "checked", 401).await;
    let asked = server.upstream.seen().len();
    recheck::run_once(&server.state).await.unwrap();
    assert_eq!(server.upstream.seen().len(), asked, "not twice within a minute");
    proxied(&server, "checked", 404).await;
    assert_eq!(recheck::run_once(&server.state).await.unwrap(), 0, "404 is no reason");
}

#[tokio::test]
async fn where_there_is_no_check_proxied_requests_show_it() {
    let server = connected("upstream").await;
    assert_eq!(health(&server, "upstream").await["status"], "unknown");
    for (status, expected) in
        [(403, "unknown"), (401, "needs_attention"), (403, "needs_attention"), (204, "healthy")]
    {
        server.advance(2);
        proxied(&server, "upstream", status).await;
        recheck::run_once(&server.state).await.unwrap();
        assert_eq!(health(&server, "upstream").await["status"], expected, "{status}");
    }
}

#[tokio::test]
async fn a_new_credential_is_healthy_whatever_the_old_one_was() {
    let server = connected("checked").await;
    server.upstream.then_status(401);
    verify(&server).await;
    let body = json!({
        "provider_config_key": "checked",
        "connection_id": "c1",
        "credentials": { "type": "API_KEY", "apiKey": "new" },
    });
    assert_eq!(server.post("/connections", body).await.status, 201);
    let health = health(&server, "checked").await;
    assert_eq!((&health["status"], &health["reason"]), (&json!("healthy"), &Value::Null));
}
