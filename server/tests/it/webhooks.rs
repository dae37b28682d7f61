//! Webhooks as a receiver and as a backend see them. The outbox itself is tested in `store`, what a dying
//! server does in `process`.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::Method;
use serde_json::{Value, json};

use crate::{
    harness::{GOOD, Harness, PROD_SECRET, SECRET},
    upstream::Seen,
};

/// A server that sends webhooks to its upstream, under `/hook`, and its signing key.
async fn announcing() -> (Harness, String) {
    let server = Harness::new().await;
    let settings = json!({ "webhook_url": format!("{}/hook", server.upstream.url()) });
    let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(settings)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let made = server.call(Method::POST, "/environment/webhook-signing-key", Some(SECRET), None);
    let key = made.await.json()["data"]["signing_key"].as_str().unwrap().to_owned();
    (server, key)
}

/// What the upstream got as webhooks.
fn hooks(server: &Harness) -> Vec<Seen> {
    server.upstream.seen().into_iter().filter(|seen| seen.target.starts_with("/hook")).collect()
}

fn hmac_of(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

async fn list(server: &Harness, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/webhooks{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_connection_is_announced_as_existing_receivers_know_it() {
    let (server, key) = announcing().await;
    let user = json!({
        "end_user": { "id": "u1", "email": "a@b.co", "tags": { "plan": "pro" } },
        "organization": { "id": "o1" },
    });
    let token = server.session(user).await;
    let id = server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
    assert_eq!(server.connected(&token, "demo", json!({ "apiKey": GOOD })).await, id);
    assert_eq!(server.deliver().await, 2);
    let seen = hooks(&server);
    let expected = format!(
        "{{\"authMode\":\"API_KEY\",\"connectionId\":\"{id}\",\
         \"endUser\":{{\"endUserEmail\":\"a@b.co\",\"endUserId\":\"u1\",\"organizationId\":\"o1\",\"tags\":{{\"plan\":\"pro\"}}}},\
         \"environment\":\"dev\",\"from\":\"nango\",\"operation\":\"creation\",\"provider\":\"keyslot-demo\",\
         \"providerConfigKey\":\"demo\",\"success\":true,\
         \"tags\":{{\"end_user_email\":\"a@b.co\",\"end_user_id\":\"u1\",\"organization_id\":\"o1\",\"plan\":\"pro\"}},\
         \"type\":\"auth\"}}"
    );
    let mut bodies: Vec<String> =
        seen.iter().map(|seen| String::from_utf8(seen.body.clone()).unwrap()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies[0], expected);
    assert_eq!(bodies[1], expected.replace("creation", "override"));

    for seen in seen {
        let body = std::str::from_utf8(&seen.body).unwrap();
        assert_eq!(seen.header("content-type"), "application/json");
        let hex: String =
            hmac_of(key.as_bytes(), body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(seen.header("x-nango-hmac-sha256"), hex);
        let signed =
            format!("{}.{}.{body}", seen.header("webhook-id"), seen.header("webhook-timestamp"));
        let secret = STANDARD.decode(key.strip_prefix("whsec_").unwrap()).unwrap();
        let expected = format!("v1,{}", STANDARD.encode(hmac_of(&secret, &signed)));
        assert_eq!(seen.header("webhook-signature"), expected);
        assert_eq!(seen.header("webhook-timestamp"), "1790000000");
        assert!(list(&server, "").await.iter().any(|w| w["id"] == seen.header("webhook-id")));
    }
}

#[tokio::test]
async fn what_is_refused_is_not_announced() {
    let (server, _) = announcing().await;
    let token = server.session(json!({ "tags": {} })).await;
    assert_eq!(server.connect(&token, "demo", json!({ "apiKey": "wrong" })).await.status, 400);
    assert_eq!(server.deliver().await, 0);
    assert!(list(&server, "").await.is_empty());
}

#[tokio::test]
async fn the_address_of_a_session_takes_the_place_of_the_environments() {
    let (server, _) = announcing().await;
    let own = format!("{}/hook-of-session", server.upstream.url());
    let token = server.session(json!({ "tags": {}, "webhook_url_override": own })).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    server.deliver().await;
    let targets: Vec<String> = hooks(&server).into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/hook-of-session"]);
}

#[tokio::test]
async fn the_address_of_a_connection_can_be_set_and_taken_away_by_a_backend() {
    let (server, _) = announcing().await;
    let own = |path: &str| format!("{}{path}", server.upstream.url());
    let import = async |url: Option<String>| {
        let mut body = json!({
            "provider_config_key": "unchecked", "connection_id": "c1",
            "credentials": { "type": "API_KEY", "apiKey": "k" },
        });
        if let Some(url) = url {
            body["webhook_url_override"] = url.into();
        }
        assert_eq!(server.post("/connections", body).await.status, 201);
        server.deliver().await;
        hooks(&server).pop().unwrap().target
    };
    let environments = import(None).await;
    assert_eq!(import(Some(own("/hook-of-import"))).await, "/hook-of-import");
    let change = async |url: String| {
        let path = "/connections/c1?provider_config_key=unchecked";
        let body = json!({ "webhook_url_override": url });
        let answer = server.call(Method::PATCH, path, Some(SECRET), Some(body)).await;
        assert_eq!(answer.status, 200);
    };
    change(own("/hook-of-change")).await;
    assert_eq!(import(None).await, "/hook-of-change");
    change(String::new()).await;
    assert_eq!(import(None).await, environments);
}

#[tokio::test]
async fn creations_are_announced_only_where_that_is_wanted() {
    let (server, _) = announcing().await;
    let off = json!({ "on_auth_creation": false });
    let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(off)).await;
    assert_eq!(answer.json()["data"]["on_auth_creation"], false);
    let token = server.session(json!({ "tags": {} })).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    assert_eq!(server.deliver().await, 0);
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    assert_eq!(server.deliver().await, 1, "a replaced credential always is");
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_for_a_day_and_the_event_can_be_sent_again() {
    let (server, _) = announcing().await;
    let token = server.session(json!({ "tags": {} })).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    let mut tries = 0;
    loop {
        server.upstream.then_status(500);
        tries += server.deliver().await;
        let webhook = &list(&server, "").await[0];
        assert_eq!(webhook["last_status"], 500);
        if webhook["status"] == "failed" {
            break;
        }
        assert_eq!(server.deliver().await, 0, "not before its time");
        assert!(tries < 60);
        server.advance(61);
    }
    // One hour apart at the most, and the first ones closer.
    assert!((22..60).contains(&tries), "{tries}");
    let failed = list(&server, "?status=failed").await;
    assert_eq!(failed[0]["next_attempt_at"], Value::Null);
    let id = failed[0]["id"].as_str().unwrap();
    let replay = format!("/webhooks/{id}/replay");
    assert_eq!(server.call(Method::POST, &replay, Some(SECRET), None).await.status, 200);
    // What was queued for tries that did not come is used up first.
    while server.deliver().await > 0 {
        server.advance(61);
    }
    let delivered = list(&server, "?status=delivered").await;
    assert_eq!(delivered[0]["id"], id, "under the same id");
    let one = server.get(&format!("/webhooks/{id}")).await.json();
    assert_eq!(one["data"]["body"]["operation"], "creation");
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_not_asked_again() {
    let (server, _) = announcing().await;
    let token = server.session(json!({ "tags": {} })).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    server.upstream.then_status(410);
    server.deliver().await;
    assert_eq!(list(&server, "?status=failed").await.len(), 1);
}

#[tokio::test]
async fn a_redirect_is_no_delivery_and_is_not_followed() {
    let (server, _) = announcing().await;
    let token = server.session(json!({ "tags": {} })).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    server.upstream.then(
        axum::response::Response::builder()
            .status(302)
            .header("location", "/elsewhere")
            .body(String::new().into())
            .unwrap(),
    );
    server.deliver().await;
    assert_eq!(server.upstream.seen().len(), 1);
    assert_eq!(list(&server, "?status=pending").await[0]["last_status"], 302);
}

#[tokio::test]
async fn addresses_are_judged_when_they_are_set_and_again_when_something_is_sent() {
    let server = Harness::new().await;
    for (url, expected) in [
        ("nonsense", "400 invalid_body custom [webhook_url]"),
        ("ftp://a.example", "400 invalid_body custom [webhook_url]"),
        ("https://169.254.169.254/x", "400 invalid_body custom [webhook_url]"),
        ("http://127.0.0.1:9/x", "400 invalid_body custom [webhook_url]"),
        ("http://93.184.215.14/x", "400 invalid_body custom [webhook_url]"),
    ] {
        let body = json!({ "webhook_url": url });
        let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(body)).await;
        assert_eq!(answer.error(), expected, "{url}");
    }
    let terms = json!({ "tags": {}, "webhook_url_override": "http://127.0.0.1:9/internal" });
    let token = server.session(terms).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    assert_eq!(server.deliver().await, 1);
    let webhook = &list(&server, "").await[0];
    assert!(webhook["last_error"].as_str().unwrap().contains("not public"), "{webhook}");
}

#[tokio::test]
async fn settings_change_only_where_they_are_given() {
    let (server, key) = announcing().await;
    let before = server.get("/environment").await.json();
    assert_eq!(before["data"]["name"], "dev");
    assert_eq!(before["data"]["on_auth_refresh_error"], true);
    assert!(!before.to_string().contains(&key), "the signing key is shown once");
    let body = json!({ "webhook_url_secondary": before["data"]["webhook_url"] });
    let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(body)).await;
    assert_eq!(answer.json()["data"]["webhook_url"], before["data"]["webhook_url"]);
    let body = json!({ "webhook_url": null, "webhook_url_secondary": "" });
    let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(body)).await;
    assert_eq!(answer.json()["data"]["webhook_url"], Value::Null);
    assert_eq!(answer.json()["data"]["webhook_url_secondary"], Value::Null);
    let prod = server.call(Method::GET, "/environment", Some(PROD_SECRET), None).await.json();
    assert_eq!(prod["data"]["name"], "prod");
    for (body, expected) in [
        (json!({ "x": 1 }), "400 invalid_body unrecognized_keys []"),
        (json!({ "on_auth_creation": "yes" }), "400 invalid_body invalid_type [on_auth_creation]"),
        (json!([]), "400 invalid_body invalid_type []"),
    ] {
        let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(body)).await;
        assert_eq!(answer.error(), expected);
    }
}

#[tokio::test]
async fn webhooks_are_listed_page_by_page_and_only_to_their_environment() {
    let (server, _) = announcing().await;
    let token = server.session(json!({ "tags": {}, "multiple": true })).await;
    for _ in 0..3 {
        server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    }
    let first = list(&server, "?limit=2").await;
    assert_eq!(first.len(), 2);
    let before = first[1]["id"].as_str().unwrap();
    assert_eq!(list(&server, &format!("?limit=2&before={before}")).await.len(), 1);
    for (path, expected) in [
        ("/webhooks?status=lost", "400 invalid_query_params invalid_value [status]"),
        ("/webhooks?limit=0", "400 invalid_query_params too_small [limit]"),
        ("/webhooks?limit=201", "400 invalid_query_params too_big [limit]"),
        ("/webhooks/nope", "404 not_found"),
    ] {
        assert_eq!(server.get(path).await.error(), expected);
    }
    let one = format!("/webhooks/{before}");
    let foreign = server.call(Method::GET, &one, Some(PROD_SECRET), None).await;
    assert_eq!(foreign.error(), "404 not_found");
    let replay = format!("/webhooks/{before}/replay");
    let foreign = server.call(Method::POST, &replay, Some(PROD_SECRET), None).await;
    assert_eq!(foreign.error(), "404 not_found");
}

#[tokio::test]
async fn while_two_keys_count_a_receiver_with_either_takes_the_first_or_the_second_try() {
    let (server, old) = announcing().await;
    let made = server.call(Method::POST, "/environment/webhook-signing-key", Some(SECRET), None);
    let made = made.await.json();
    assert_eq!(made["data"]["previous_key_ends_at"], "2026-09-22T14:13:20.000Z");
    let new = made["data"]["signing_key"].as_str().unwrap().to_owned();
    // A receiver that refuses everything sees every try.
    server.upstream.then_status(401);
    server.upstream.then_status(401);
    let token = server.session(json!({ "tags": {} })).await;
    server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    assert_eq!(server.deliver().await, 1);
    server.advance(1);
    assert_eq!(server.deliver().await, 1);
    let tries = hooks(&server);
    assert_eq!(tries[0].header("webhook-id"), tries[1].header("webhook-id"));
    for (seen, key) in tries.iter().zip([&old, &new]) {
        let body = std::str::from_utf8(&seen.body).unwrap();
        let hex: String =
            hmac_of(key.as_bytes(), body).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(seen.header("x-nango-hmac-sha256"), hex);
        let signed =
            format!("{}.{}.{body}", seen.header("webhook-id"), seen.header("webhook-timestamp"));
        let by = |key: &str| {
            let secret = STANDARD.decode(key.strip_prefix("whsec_").unwrap()).unwrap();
            format!("v1,{}", STANDARD.encode(hmac_of(&secret, &signed)))
        };
        assert_eq!(seen.header("webhook-signature"), format!("{} {}", by(&new), by(&old)));
    }
}
