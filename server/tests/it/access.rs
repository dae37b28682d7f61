//! Who may call what: every endpoint of the route list is called by every kind of caller.

use http::{Method, Request};
use keyslot_server::{access::Access, endpoint::Endpoint, limits::Rates, routes};

use crate::harness::{Harness, PROD_SECRET, READ_ONLY, SECRET, SESSIONS_ONLY, user};

/// What needs no token. A new endpoint has to be put here by hand.
const PUBLIC: &[&str] = &[
    "GET /",
    "GET /assets/{*path}",
    "GET /connect",
    "GET /connect/",
    "GET /dashboard/sign-in",
    "GET /demo",
    "GET /demo-api/v1/basic/me",
    "GET /demo-api/v1/me",
    "GET /demo/",
    "GET /demo/{*path}",
    "GET /health",
    "GET /images/template-logos/{file}",
    "GET /openapi.json",
    "GET /providers.json",
    "GET /ready",
    "POST /connect/telemetry",
    "POST /dashboard/sign-in",
];

/// What a secret key that may only read can call.
const READ: &[&str] = &[
    "GET /audit-events",
    "GET /audit-events/check",
    "GET /config/{uniqueKey}",
    "GET /connection",
    "GET /connection/{connectionId}",
    "GET /connections",
    "GET /connections/{connectionId}",
    "GET /environment",
    "GET /integrations",
    "GET /integrations/{uniqueKey}",
    "GET /providers",
    "GET /providers/{provider}",
    "GET /webhooks",
    "GET /webhooks/{webhookId}",
];

/// What a secret key for connect sessions can call.
const MINT: &[&str] = &["POST /connect/sessions", "POST /connect/sessions/reconnect"];

fn name(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.method, endpoint.path)
}

fn address(endpoint: &Endpoint) -> String {
    let mut address = String::new();
    for part in endpoint.path.split_inclusive('}') {
        address.push_str(part.split('{').next().unwrap());
        if part.ends_with('}') {
            address.push('x');
        }
    }
    address
}

#[test]
fn what_needs_no_token_is_a_list_that_somebody_thought_about() {
    let endpoints = routes::endpoints(true);
    let mut public: Vec<String> =
        endpoints.iter().filter(|e| e.access == Access::Public).map(name).collect();
    public.sort();
    assert_eq!(public, PUBLIC);
}

#[test]
fn nothing_of_the_demo_exists_outside_development() {
    for endpoint in routes::endpoints(false) {
        assert!(!endpoint.path.starts_with("/demo"), "{}", endpoint.path);
        assert_ne!(endpoint.access, Access::DevPage, "{}", endpoint.path);
    }
}

#[tokio::test]
async fn every_endpoint_refuses_every_caller_that_it_is_not_for() {
    const UNKNOWN_KEY: &str = "a-secret-key-that-nobody-ever-made-000";
    let unknown_session = format!("nango_connect_session_{}", "0".repeat(64));
    let server = Harness::limited(Rates { address: 0, ..Rates::default() }).await;
    for endpoint in routes::endpoints(true) {
        let (name, address) = (name(&endpoint), address(&endpoint));
        // A new one for each: one of the endpoints ends it.
        let session = server.session(user("u1")).await;
        for (caller, token) in [
            ("nobody", None),
            ("garbage", Some("nonsense")),
            ("unknown key", Some(UNKNOWN_KEY)),
            ("unknown session", Some(unknown_session.as_str())),
            ("session", Some(session.as_str())),
            ("full", Some(SECRET)),
            ("other environment", Some(PROD_SECRET)),
            ("reader", Some(READ_ONLY)),
            ("minter", Some(SESSIONS_ONLY)),
        ] {
            let by_key = match caller {
                "nobody" => "401 missing_auth_header",
                "garbage" | "session" | "unknown session" => "401 invalid_secret_key_format",
                "unknown key" => "401 unknown_account",
                "reader" if !READ.contains(&name.as_str()) => "403 forbidden",
                "minter" if !MINT.contains(&name.as_str()) => "403 forbidden",
                // No environment is called x, and no key opens another than its own.
                _ if endpoint.path == "/environments/{environment}" => "403 forbidden",
                _ => "",
            };
            let by_session = match caller {
                "nobody" => "401 missing_auth_header",
                "unknown session" => "401 unknown_connect_session_token",
                "session" => "",
                _ => "401 invalid_connect_session_token_format",
            };
            let expected = match endpoint.access {
                // No token opens the dashboard; its own tests are in dashboard.rs.
                Access::Operator => continue,
                // Its own tests are in metrics.rs.
                Access::Metrics => continue,
                Access::Public | Access::DevPage => "",
                Access::SecretKey(_) => by_key,
                Access::Session => by_session,
                Access::SessionOrKey(_) if caller.ends_with("session") => by_session,
                Access::SessionOrKey(_) => by_key,
                Access::Intake if caller == "nobody" => "401 missing_public_key",
                Access::Intake => by_session,
            };
            let answer = server.call(endpoint.method.clone(), &address, token, None).await;
            let refused = matches!(answer.status.as_u16(), 401 | 403);
            if endpoint.path.starts_with("/demo-api/") {
                // Answers for itself, as a vendor's API would.
                continue;
            }
            if expected.is_empty() {
                assert!(!refused, "{name} refused {caller}: {}", answer.json());
            } else {
                assert_eq!(answer.error(), expected, "{name} for {caller}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_in_the_query_opens_nothing_but_the_credential_routes() {
    let server = Harness::new().await;
    let session = server.session(user("u1")).await;
    for (path, expected) in [
        (format!("/connect/session?connect_session_token={session}"), "401 missing_auth_header"),
        (format!("/connections?connect_session_token={session}"), "401 missing_auth_header"),
        (format!("/connections?secret_key={SECRET}"), "401 missing_auth_header"),
    ] {
        assert_eq!(server.call(Method::GET, &path, None, None).await.error(), expected);
    }
    for (query, expected) in [
        (
            format!("connect_session_token={session}&connect_session_token={session}"),
            "401 invalid_connect_session_token_format",
        ),
        ("connect_session_token=nonsense".into(), "401 invalid_connect_session_token_format"),
        ("public_key=1b4f5a9a-1111-4222-8333-944444444444".into(), "401 deprecated_authentication"),
    ] {
        let path = format!("/api-auth/api-key/demo?{query}");
        assert_eq!(server.call(Method::POST, &path, None, None).await.error(), expected);
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_use_the_demo_pages_backend() {
    let server = Harness::new().await;
    for path in [
        "/demo/session",
        "/demo/connection?integration=demo&connection_id=x",
        "/demo/connections?connection_id=x",
    ] {
        let method = if path.contains('?') { Method::GET } else { Method::POST };
        for (header, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]
        {
            let request = Request::builder()
                .method(method.clone())
                .uri(path)
                .header("host", "keyslot.test")
                .header(header, value);
            let answer = server.send(request.body("".into()).unwrap()).await;
            assert_eq!(answer.error(), "403 forbidden", "{path} with {header}");
        }
    }
}

#[tokio::test]
async fn every_endpoint_answers_under_a_base_path_as_it_does_without_one() {
    let plain = Harness::new().await;
    let below = Harness::at("https://keys.example/x/y").await;
    for endpoint in routes::endpoints(true) {
        let (name, address) = (name(&endpoint), address(&endpoint));
        for token in [None, Some(SECRET)] {
            let method = || endpoint.method.clone();
            let body = || (endpoint.method != Method::GET).then(|| serde_json::json!({}));
            let expected = plain.call(method(), &address, token, body()).await;
            let path = format!("/x/y{address}");
            let answer = below.call(method(), &path, token, body()).await;
            let code = |answer: &serde_json::Value| answer["error"]["code"].clone();
            assert_eq!(answer.status, expected.status, "{name} with {token:?}");
            assert_eq!(code(&answer.json()), code(&expected.json()), "{name} with {token:?}");
            // Where it sends a browser is below the path too.
            if let Some(location) = answer.headers.get("location") {
                let location = location.to_str().unwrap();
                assert!(location.starts_with("/x/y/"), "{name}: {location}");
            }
        }
    }
}
