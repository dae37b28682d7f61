//! Files for browsers, and what the demo page asks of its backend.

use http::{Method, Request};
use keyslot_server::{demo::api::keys, pages};
use serde_json::{Value, json};

use crate::harness::{GOOD, Harness, SECRET};

#[tokio::test]
async fn the_demo_page_has_a_strict_policy_and_is_asked_for_again() {
    let server = Harness::new().await;
    let page = server.call(Method::GET, "/demo/", None, None).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    let request = Request::get("/demo/")
        .header("host", "keyslot.test")
        .header("if-none-match", &page.headers["etag"]);
    let again = server.send(request.body("".into()).unwrap()).await;
    assert_eq!(again.status, 304);
    assert!(again.bytes.is_empty());
    let root = server.call(Method::GET, "/", None, None).await;
    assert_eq!(
        (root.status.as_u16(), &root.headers["location"]),
        (307, &"/demo/".parse().unwrap())
    );
}

#[tokio::test]
async fn files_are_sent_in_the_smallest_form_that_the_client_takes() {
    let server = Harness::new().await;
    let get = async |accept: &str, tag: &str| {
        let request = Request::get("/demo/")
            .header("host", "keyslot.test")
            .header("accept-encoding", accept)
            .header("if-none-match", tag);
        server.send(request.body("".into()).unwrap()).await
    };
    let plain = get("br", "").await;
    assert!(!plain.headers.contains_key("content-encoding"), "they are not ready yet");
    server.state.compressed.prepare(pages::compressible(true));
    let small = get("gzip, br", "").await;
    assert_eq!(small.headers["content-encoding"], "br");
    assert_eq!(small.headers["vary"], "accept-encoding");
    assert_eq!(small.headers["content-type"], plain.headers["content-type"]);
    assert!(small.bytes.len() * 2 < plain.bytes.len());
    assert_ne!(small.headers["etag"], plain.headers["etag"]);
    assert_eq!(get("gzip", "").await.headers["content-encoding"], "gzip");
    let as_a_proxy_says = format!("\"other\", W/{}", small.headers["etag"].to_str().unwrap());
    assert_eq!(get("br", &as_a_proxy_says).await.status, 304);
    assert_eq!(get("gzip", &as_a_proxy_says).await.status, 200, "another representation");
    assert_eq!(get("identity", "").await.bytes, plain.bytes);
}

#[tokio::test]
async fn no_path_leads_out_of_the_folders_of_files() {
    let server = Harness::new().await;
    for path in [
        "/demo/../Cargo.toml",
        "/demo/..%2FCargo.toml",
        "/demo/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets/pkg/..%2f..%2fCargo.toml",
        "/demo/%2Fetc%2Fpasswd",
        "/demo/%00",
        "/images/template-logos/..%2F..%2Fx.svg",
    ] {
        let answer = server.call(Method::GET, path, None, None).await;
        assert_eq!(answer.error(), "404 not_found", "{path}");
    }
    for path in ["/demo/%ff", "/assets/%C3%28.js", "/images/template-logos/%80.svg"] {
        let answer = server.call(Method::GET, path, None, None).await;
        assert_eq!(answer.error(), "400 invalid_uri_params custom []", "{path}");
    }
}

#[tokio::test]
async fn a_logo_is_an_image_that_can_do_nothing() {
    let server = Harness::new().await;
    let logo = server.call(Method::GET, "/images/template-logos/openai.svg", None, None).await;
    assert_eq!(logo.headers["content-type"], "image/svg+xml");
    assert!(logo.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    assert!(String::from_utf8(logo.bytes).unwrap().starts_with("<svg "));
}

#[tokio::test]
async fn the_demo_page_connects_and_sees_its_key_masked() {
    let server = Harness::new().await;
    let body = json!({ "integration": "demo", "connection_id": "user-42" });
    let minted = server.call(Method::POST, "/demo/session", None, Some(body)).await;
    assert_eq!(minted.status, 201);
    let token = minted.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(server.connected(&token, "demo", json!({ "apiKey": GOOD })).await, "user-42");
    let body = json!({ "integration": "demo", "end_user": { "id": "ada", "email": "a@b.co" } });
    let minted = server.call(Method::POST, "/demo/session", None, Some(body)).await;
    let token = minted.json()["token"].as_str().unwrap().to_owned();
    let shown = server.call(Method::GET, "/connect/session", Some(&token), None).await;
    assert_eq!(shown.json()["data"]["endUser"]["id"], "ada");
    let path = "/demo/connection?integration=demo&connection_id=user-42";
    let shown = server.call(Method::GET, path, None, None).await;
    assert_eq!(shown.json()["credentials"]["apiKey"], "••••2mX9");
    assert!(!String::from_utf8_lossy(&shown.bytes).contains(GOOD));
    for (id, expected) in [("user-42", json!(["demo"])), ("user-43", json!([]))] {
        let path = format!("/demo/connections?connection_id={id}");
        let listed = server.call(Method::GET, &path, None, None).await.json();
        let connected = listed["connections"].as_array().unwrap().iter();
        let keys: Value = connected.map(|one| one["provider_config_key"].clone()).collect();
        assert_eq!(keys, expected, "{id}");
        assert!(listed["connections"][0].get("credentials").is_none());
    }

    for (body, expected) in [
        (json!({ "integration": "nope" }), "404 not_found"),
        (json!({}), "400 invalid_body invalid_type [integration]"),
        (
            json!({ "integration": "demo", "connection_id": "é" }),
            "400 invalid_body invalid_format [connection_id]",
        ),
        (json!({ "integration": "demo", "x": 1 }), "400 invalid_body unrecognized_keys []"),
    ] {
        let answer = server.call(Method::POST, "/demo/session", None, Some(body.clone())).await;
        assert_eq!(answer.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn in_development_what_needs_no_token_does_not_answer_to_a_foreign_name() {
    let server = Harness::new().await;
    let send = async |path: &str, host: &str, token: Option<&str>| {
        let mut request = Request::get(path).header("host", host);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        server.send(request.body("".into()).unwrap()).await
    };
    let path = "/demo/connection?integration=demo&connection_id=none";
    for own in ["localhost:3003", "127.0.0.1:3003", "[::1]:3003", "keyslot.test", "a.localhost"] {
        assert_eq!(send(path, own, None).await.error(), "404 not_found", "{own}");
    }
    for foreign in ["evil.example", "127.0.0.1.evil.example", "192.168.0.7", "local host", "@"] {
        for path in [path, "/demo/", "/health"] {
            assert_eq!(send(path, foreign, None).await.error(), "421 misdirected_request");
        }
    }
    assert_eq!(send("/connections", "from.a.container", Some(SECRET)).await.status, 200);
}

#[tokio::test]
async fn the_demo_api_answers_its_documented_keys_and_refuses_all_others() {
    let server = Harness::new().await;
    for (token, status) in [
        (Some(keys::WORKS), 200),
        (Some(keys::LIMITED), 403),
        (Some(keys::DOWN), 503),
        (Some("other"), 401),
        (None, 401),
    ] {
        let answer = server.call(Method::GET, "/demo-api/v1/me", token, None).await;
        assert_eq!(answer.status.as_u16(), status);
    }
}

#[tokio::test]
async fn it_is_healthy_and_ready() {
    let server = Harness::new().await;
    assert_eq!(server.call(Method::GET, "/health", None, None).await.status, 200);
    assert_eq!(server.call(Method::GET, "/ready", None, None).await.status, 200);
    server.state.store.close().await;
    assert_eq!(server.call(Method::GET, "/health", None, None).await.status, 200, "it still runs");
    let ready = server.call(Method::GET, "/ready", None, None).await;
    assert_eq!(ready.error(), "503 service_unavailable");
    assert_eq!(ready.headers["retry-after"], "1");
}
