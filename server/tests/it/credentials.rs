//! `POST /api-auth/*`: what a browser posts, and what becomes of it.

use http::{Method, Request, header};
use keyslot_server::demo::api::keys;
use serde_json::{Value, json};

use crate::harness::{GOOD, Harness, SECRET, user};

#[tokio::test]
async fn a_good_key_is_checked_stored_and_read_by_the_backend() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let answer = server.connect(&token, "demo", json!({ "apiKey": GOOD })).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    assert_eq!(body["providerConfigKey"], "demo");
    assert_eq!(body["verification"], json!({ "status": "verified", "account": "Acme Ltd" }));
    let id = body["connectionId"].as_str().unwrap();

    let read = server.connection("demo", id).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.headers["cache-control"], "no-store");
    let read = read.json();
    assert_eq!(read["credentials"], json!({ "type": "API_KEY", "apiKey": GOOD }));
    assert_eq!(read["end_user"]["id"], "u1");
    assert_eq!(read["tags"], json!({ "end_user_id": "u1" }));
    assert_eq!(read["metadata"], json!({}));
    assert_eq!(read["health"]["status"], "healthy");
    assert_eq!(read["last_fetched_at"], "2026-09-21T14:13:20.000Z");
    assert!(read["id"].is_i64());
}

#[tokio::test]
async fn a_user_name_and_a_password_are_checked_stored_and_read() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let body = json!({ "username": keys::USERNAME, "password": keys::PASSWORD });
    let answer =
        server.call(Method::POST, "/api-auth/basic/demo-basic", Some(&token), Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(
        server.connection("demo-basic", &id).await.json()["credentials"],
        json!({ "type": "BASIC", "username": keys::USERNAME, "password": keys::PASSWORD })
    );
}

#[tokio::test]
async fn each_class_of_failure_has_its_reason_and_stores_nothing() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    for (key, reason, status) in [
        ("nonsense", "refused", json!(401)),
        (keys::LIMITED, "forbidden", json!(403)),
        (keys::DOWN, "unavailable", json!(503)),
    ] {
        let answer = server.connect(&token, "demo", json!({ "apiKey": key })).await;
        assert_eq!(answer.error(), "400 connection_test_failed");
        assert_eq!(answer.json()["error"]["reason"], reason);
        assert_eq!(answer.json()["error"]["provider_status"], status);
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(key), "the key is not repeated");
    }
    assert_eq!(server.get("/connections").await.json(), json!({ "connections": [] }));
}

#[tokio::test]
async fn what_could_not_be_checked_is_stored_only_where_the_session_allows_it() {
    let server = Harness::new().await;
    let strict = server.session(user("u1")).await;
    let body = json!({ "apiKey": keys::DOWN, "store_unverified": true });
    let answer = server.connect(&strict, "demo", body.clone()).await;
    assert_eq!(answer.error(), "403 unverified_not_allowed");

    let mut terms = user("u1");
    terms["allow_unverified"] = json!(true);
    let lenient = server.session(terms).await;
    let answer = server.connect(&lenient, "demo", body).await;
    assert_eq!(answer.json()["verification"], json!({ "status": "unverified" }));
    let refused = json!({ "apiKey": "nonsense", "store_unverified": true });
    let answer = server.connect(&lenient, "demo", refused).await;
    assert_eq!(answer.json()["error"]["reason"], "refused", "a refusal is an answer");
}

#[tokio::test]
async fn existing_clients_send_token_and_parameters_in_the_query() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let path = format!(
        "/api-auth/api-key/templated?connect_session_token={token}&params[subdomain]=acme\
         &params%5Bnote%5D=a%20b&params[webhook_url]=x&user_scope=a&authorization_params[x]=y"
    );
    let answer = server.call(Method::POST, &path, None, Some(json!({ "apiKey": "k" }))).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
    let read = server.connection("templated", &id).await.json();
    assert_eq!(read["connection_config"], json!({ "subdomain": "acme", "note": "a b" }));
    assert_eq!(read["verification"]["status"], "unchecked", "this provider has no check");
    let check = format!("/connections/{id}/verify?provider_config_key=templated");
    let said = server.post(&check, json!({})).await.json();
    assert_eq!(said["status"], "unchecked", "nobody was asked");
}

#[tokio::test]
async fn bad_input_is_refused_with_its_own_error() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let long = "x".repeat(4097);
    for (integration, body, expected) in [
        ("demo", json!({}), "400 invalid_body invalid_type [apiKey]"),
        ("demo", json!({ "apiKey": "" }), "400 invalid_body too_small [apiKey]"),
        ("demo", json!({ "apiKey": 5 }), "400 invalid_body invalid_type [apiKey]"),
        ("demo", json!({ "apiKey": null }), "400 invalid_body invalid_type [apiKey]"),
        ("demo", json!({ "apiKey": long }), "400 invalid_body too_big [apiKey]"),
        ("demo", json!({ "apiKey": "a\nb" }), "400 invalid_body invalid_format [apiKey]"),
        (
            "demo",
            json!({ "apiKey": "k", "type": "API_KEY" }),
            "400 invalid_body unrecognized_keys []",
        ),
        ("demo", json!({ "apiKey": "k", "params": "x" }), "400 invalid_body invalid_type [params]"),
        ("demo", json!([]), "400 invalid_body invalid_type []"),
        (
            "demo",
            json!({ "apiKey": "k", "connection_id": "é" }),
            "400 invalid_body invalid_format [connection_id]",
        ),
        (
            "demo",
            json!({ "apiKey": "k", "connection_id": "x".repeat(256) }),
            "400 invalid_body too_big [connection_id]",
        ),
        ("nowhere", json!({ "apiKey": "k" }), "404 unknown_provider_config"),
        (
            "a%2Fb",
            json!({ "apiKey": "k" }),
            "400 invalid_uri_params invalid_format [providerConfigKey]",
        ),
        ("demo-basic", json!({ "apiKey": "k" }), "400 invalid_auth_mode"),
        ("templated", json!({ "apiKey": "k" }), "400 invalid_body invalid_type [params.subdomain]"),
        (
            "templated",
            json!({ "apiKey": "k", "params": { "subdomain": "https://acme.templated.example/" } }),
            "400 invalid_body invalid_format [params.subdomain]",
        ),
        (
            "templated",
            json!({ "apiKey": "k", "params": { "subdomain": "evil.example/x?" } }),
            "400 invalid_body invalid_format [params.subdomain]",
        ),
    ] {
        let answer = server.connect(&token, integration, body.clone()).await;
        assert_eq!(answer.error(), expected, "{integration}");
    }
    let basic = json!({ "username": "u" });
    let answer =
        server.call(Method::POST, "/api-auth/basic/demo-basic", Some(&token), Some(basic)).await;
    assert_eq!(answer.error(), "400 invalid_body invalid_type [password]");
    let limited = server
        .session(json!({ "end_user": { "id": "u" }, "allowed_integrations": ["unchecked"] }))
        .await;
    let answer = server.connect(&limited, "demo", json!({ "apiKey": GOOD })).await;
    assert_eq!(answer.error(), "400 integration_not_allowed");
}

#[tokio::test]
async fn a_body_that_is_not_json_or_too_large_is_told_so() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let send = async |kind: Option<&str>, body: String| {
        let mut request = Request::post("/api-auth/api-key/demo")
            .header("host", "keyslot.test")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        server.send(request.body(body.into()).unwrap()).await.error()
    };
    let json = Some("application/json; charset=utf-8");
    assert_eq!(send(json, "{".into()).await, "400 invalid_json");
    assert_eq!(send(json, "\"text\"".into()).await, "400 invalid_body invalid_type []");
    assert_eq!(send(json, "[".repeat(60_000)).await, "400 invalid_json");
    assert_eq!(send(json, String::new()).await, "400 invalid_body invalid_type []");
    assert_eq!(send(None, "{\"apiKey\":\"k\"}".into()).await, "400 invalid_body invalid_type []");
    assert_eq!(send(Some("text/plain"), "{}".into()).await, "415 invalid_content_type");
    let five_megabytes = format!("{{\"apiKey\":\"{}\"}}", "x".repeat(5_000_000));
    assert_eq!(send(json, five_megabytes).await, "413 payload_too_large");
}

#[tokio::test]
async fn a_second_post_of_a_session_replaces_what_the_first_made() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let first = server.connected(&token, "unchecked", json!({ "apiKey": "one" })).await;
    let second = server.connected(&token, "unchecked", json!({ "apiKey": "two" })).await;
    assert_eq!(first, second);
    assert_eq!(server.connection("unchecked", &first).await.json()["credentials"]["apiKey"], "two");
    let elsewhere = server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
    assert_ne!(first, elsewhere, "another integration, another connection");

    let mut terms = user("u2");
    terms["multiple"] = json!(true);
    let several = server.session(terms).await;
    let one = server.connected(&several, "unchecked", json!({ "apiKey": "1" })).await;
    assert_ne!(one, server.connected(&several, "unchecked", json!({ "apiKey": "2" })).await);
}

#[tokio::test]
async fn sixty_four_posts_at_once_with_one_token_make_one_connection() {
    let server = std::sync::Arc::new(Harness::new().await);
    let token = server.session(user("u1")).await;
    let posts = (0..64).map(|n| {
        let (server, token) = (server.clone(), token.clone());
        tokio::spawn(async move {
            server.connected(&token, "unchecked", json!({ "apiKey": format!("key-{n}") })).await
        })
    });
    let mut ids = std::collections::HashSet::new();
    for post in posts.collect::<Vec<_>>() {
        ids.insert(post.await.unwrap());
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
    let list = server.get("/connections").await.json();
    assert_eq!(list["connections"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_unbound_session_may_use_the_id_of_its_end_user_and_gets_one_answer_for_every_other() {
    let server = Harness::new().await;
    let body = |id: &str| json!({ "apiKey": GOOD, "connection_id": id });
    let victim = server.session(user("user-42")).await;
    assert_eq!(server.connected(&victim, "demo", body("user-42")).await, "user-42");
    let again = server.session(user("user-42")).await;
    assert_eq!(server.connected(&again, "demo", body("user-42")).await, "user-42", "their own");
    server
        .post(
            "/connections",
            json!({
                "provider_config_key": "demo",
                "connection_id": "nobodys",
                "credentials": { "type": "API_KEY", "apiKey": GOOD },
            }),
        )
        .await;

    let mut answers = std::collections::HashSet::new();
    for (terms, id) in [
        (user("attacker"), "user-42"),
        (user("attacker"), "user-43"),
        (user("attacker"), "nobodys"),
        (json!({ "end_user": { "id": "attacker" }, "multiple": true }), "user-42"),
        (json!({ "tags": {} }), "user-42"),
        (json!({ "tags": {} }), "user-43"),
        // Whose id it is, but not whose connection.
        (user("nobodys"), "nobodys"),
        (
            json!({ "end_user": { "id": "user-42" }, "organization": { "id": "another" } }),
            "user-42",
        ),
        (json!({ "tags": {}, "connection_id": "attacker" }), "user-42"),
        (json!({ "tags": {}, "connection_ids": ["attacker", "b"] }), "user-43"),
    ] {
        let token = server.session(terms.clone()).await;
        let mut wrong = body(id);
        // Were the vendor asked, a wrong key would say so.
        wrong["apiKey"] = json!("demo_live_wrong");
        let answer = server.connect(&token, "demo", wrong).await;
        assert_eq!(answer.error(), "403 connection_id_not_allowed", "{terms} {id}");
        let mut shown = answer.json();
        shown["error"]["request_id"].take();
        answers.insert(shown.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    let said = answers.into_iter().next().unwrap();
    for word in ["connection_id", "connection_ids", "end_user"] {
        assert!(said.contains(word), "what to do: {said}");
    }
    let list = server.get("/connections").await.json();
    assert_eq!(list["connections"].as_array().unwrap().len(), 2, "nothing was made");
}

#[tokio::test]
async fn the_first_of_several_may_not_take_the_id_that_another_user_will_have() {
    let server = Harness::new().await;
    let attacker = server.session(user("attacker")).await;
    let body = json!({ "apiKey": "the attacker's", "connection_id": "user-42" });
    let answer = server.connect(&attacker, "unchecked", body).await;
    assert_eq!(answer.error(), "403 connection_id_not_allowed");
    let victim = server.session(user("user-42")).await;
    let body = json!({ "apiKey": "the victim's", "connection_id": "user-42" });
    assert_eq!(server.connected(&victim, "unchecked", body).await, "user-42");
    let read = server.connection("unchecked", "user-42").await.json();
    assert_eq!(read["credentials"]["apiKey"], "the victim's");
}

#[tokio::test]
async fn a_session_for_several_ids_writes_each_of_them() {
    let server = Harness::new().await;
    let terms = json!({ "tags": {}, "connection_ids": ["team-1", "team-2"] });
    let token = server.session(terms).await;
    for id in ["team-2", "team-1", "team-2"] {
        let body = json!({ "apiKey": "k", "connection_id": id });
        assert_eq!(server.connected(&token, "unchecked", body).await, id);
    }
    let unnamed = server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    assert_eq!(unnamed, "team-1", "the first");
}

#[tokio::test]
async fn a_bound_session_writes_its_one_connection_and_no_other() {
    let server = Harness::new().await;
    let token = server.session(json!({ "tags": {}, "connection_id": "bound-1" })).await;
    assert_eq!(server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await, "bound-1");
    let other = json!({ "apiKey": "k", "connection_id": "bound-2" });
    let answer = server.connect(&token, "unchecked", other).await;
    assert_eq!(answer.error(), "403 connection_id_not_allowed");
}

#[tokio::test]
async fn reconnecting_keeps_metadata_tags_and_configuration() {
    let server = Harness::new().await;
    let token =
        server.session(json!({ "end_user": { "id": "u1" }, "tags": { "plan": "pro" } })).await;
    let body = json!({ "apiKey": "old", "params": { "subdomain": "acme" } });
    let id = server.connected(&token, "templated", body).await;
    let metadata =
        json!({ "connection_id": id, "provider_config_key": "templated", "metadata": { "a": 1 } });
    assert_eq!(server.post("/connections/metadata", metadata).await.status, 201);

    let body = json!({ "connection_id": id, "integration_id": "templated" });
    let answer = server.post("/connect/sessions/reconnect", body).await;
    assert_eq!(answer.status, 201);
    let token = answer.json()["data"]["token"].as_str().unwrap().to_owned();
    let shown = server.call(Method::GET, "/connect/session", Some(&token), None).await.json();
    assert_eq!(shown["data"]["isReconnecting"], true);
    assert_eq!(server.connected(&token, "templated", json!({ "apiKey": "new" })).await, id);

    let read = server.connection("templated", &id).await.json();
    assert_eq!(read["credentials"]["apiKey"], "new");
    assert_eq!(read["metadata"], json!({ "a": 1 }));
    assert_eq!(read["tags"], json!({ "end_user_id": "u1", "plan": "pro" }));
    assert_eq!(read["connection_config"], json!({ "subdomain": "acme" }));

    let path = format!("/connections/{id}?provider_config_key=templated");
    assert_eq!(server.call(Method::DELETE, &path, Some(SECRET), None).await.status, 200);
    let answer = server.connect(&token, "templated", json!({ "apiKey": "late" })).await;
    assert_eq!(answer.error(), "400 invalid_connection");
}

#[tokio::test]
async fn presets_win_over_what_is_typed_and_secret_ones_stay_on_the_server() {
    let server = Harness::new().await;
    let token = server
        .session(json!({
            "end_user": { "id": "u1" },
            "integrations_config_defaults": {
                "templated": { "connection_config": { "subdomain": "acme", "second": "planted-secret" } }
            },
        }))
        .await;
    let shown = server.call(Method::GET, "/connect/session", Some(&token), None).await;
    assert!(!String::from_utf8_lossy(&shown.bytes).contains("planted-secret"));
    assert_eq!(
        shown.json()["data"]["integrations_config_defaults"]["templated"]["connection_config"],
        json!({ "subdomain": "acme", "second": "" })
    );
    let body = json!({ "apiKey": "k", "params": { "subdomain": "evil", "second": "" } });
    let id = server.connected(&token, "templated", body).await;
    let config: Value =
        server.connection("templated", &id).await.json()["connection_config"].clone();
    assert_eq!(config, json!({ "subdomain": "acme", "second": "planted-secret" }));
}
