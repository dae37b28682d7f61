//! What `/metrics` counts, and who may read it.

use axum::body::Body;
use http::Request;
use keyslot_server::listener::Peer;
use serde_json::json;

use crate::harness::{Answer, GOOD, Harness, user};

async fn scrape(server: &Harness, peer: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get("/metrics");
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "127.0.0.1:3003");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(peer.parse().unwrap()));
    server.send(request).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.bytes.clone()).unwrap()
}

#[tokio::test]
async fn requests_checks_and_commits_are_counted() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
    for _ in 0..3 {
        assert_eq!(server.connection("demo", &id).await.status, 200);
    }
    assert_eq!(server.connection("demo", "no-such-connection").await.status, 404);
    server.connect(&token, "demo", json!({ "apiKey": "not-one-of-theirs" })).await;
    assert_eq!(server.get("/a/path/that/somebody/made-up").await.status, 404);

    let answer = scrape(&server, "127.0.0.1", &[]).await;
    assert_eq!(answer.status, 200);
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let text = text(&answer);
    let reads = r#"method="GET",route="/connections/{connectionId}""#;
    for line in [
        format!(r#"keyslot_requests_total{{{reads},status="2xx"}} 3"#),
        format!(r#"keyslot_requests_total{{{reads},status="4xx"}} 1"#),
        format!("keyslot_request_duration_seconds_count{{{reads}}} 4"),
        r#"keyslot_requests_total{method="GET",route="(none)",status="4xx"} 1"#.into(),
        r#"keyslot_checks_total{outcome="verified"} 1"#.into(),
        r#"keyslot_checks_total{outcome="refused"} 1"#.into(),
        "keyslot_outbox_depth 0".into(),
        "# TYPE keyslot_store_commit_duration_seconds histogram".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    let value = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("keyslot_store_commit_duration_seconds_count") >= 8.0, "integrations and more");
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(text.ends_with("# EOF\n"));
    assert!(!text.contains("made-up") && !text.contains(&id), "no path and no id");
}

#[tokio::test]
async fn without_a_token_only_this_machine_reads_it() {
    let server = Harness::new().await;
    assert_eq!(scrape(&server, "::1", &[("host", "localhost:3003")]).await.status, 200);
    for (why, peer, headers) in [
        ("from elsewhere", "192.0.2.7", vec![]),
        ("through a proxy", "127.0.0.1", vec![("x-forwarded-for", "192.0.2.7")]),
        ("through another proxy", "127.0.0.1", vec![("via", "1.1 proxy")]),
        ("by the public name", "127.0.0.1", vec![("host", "keyslot.test")]),
    ] {
        let answer = scrape(&server, peer, &headers).await;
        assert!([403, 421].contains(&answer.status.as_u16()), "{why}: {}", answer.status);
    }
}

#[tokio::test]
async fn with_a_token_it_is_the_token_that_counts() {
    let server = Harness::watched("a-token-for-the-scraper").await;
    let read = async |authorization: &str| {
        let headers = [("authorization", authorization), ("x-forwarded-for", "192.0.2.7")];
        scrape(&server, "192.0.2.7", &headers).await
    };
    assert_eq!(read("Bearer a-token-for-the-scraper").await.status, 200);
    for wrong in ["Bearer a-token-for-the-scrapes", "Bearer a-token-for-the-scraper2"] {
        assert_eq!(read(wrong).await.error(), "401 invalid_metrics_token");
    }
    let none = scrape(&server, "127.0.0.1", &[]).await;
    assert_eq!(none.error(), "401 missing_auth_header", "from this machine neither");
}
