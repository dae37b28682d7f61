//! Bodies that do not arrive: no route waits for one longer than for any other.

use std::{convert::Infallible, time::Duration};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all, stream};
use http::{Method, Request};
use keyslot_server::{access::Access, listener::Pace, routes};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::harness::{Answer, Harness, SECRET, user};

/// Ten times what a hurried request has.
const PATIENCE: Duration = Duration::from_secs(10);

/// So many pieces, one every 600 ms, and then the end or, as here, nothing.
fn pieces(many: usize, ends: bool) -> Body {
    let some = stream::iter(0..many).then(|_| async {
        sleep(Duration::from_millis(600)).await;
        Ok::<_, Infallible>(Bytes::from_static(b" "))
    });
    if ends { Body::from_stream(some) } else { Body::from_stream(some.chain(stream::pending())) }
}

/// A request that has a second for its body.
fn hurried(method: Method, path: &str, token: &str, kind: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "keyslot.test")
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", kind)
        .extension(Pace::Hurried)
        .body(body)
        .unwrap()
}

async fn send(server: &Harness, request: Request<Body>) -> Answer {
    let named = format!("{} {}", request.method(), request.uri());
    timeout(PATIENCE, server.send(request)).await.unwrap_or_else(|_| panic!("{named} waits"))
}

#[tokio::test]
async fn no_route_waits_for_a_body_that_does_not_come() {
    let server = Harness::new().await;
    let sent = routes::endpoints(true).into_iter().map(|endpoint| {
        let server = &server;
        async move {
            let path = endpoint.path.replace(['{', '}', '*'], "");
            let token = match endpoint.access {
                Access::Session | Access::Intake => server.session(user("u1")).await,
                _ => SECRET.to_owned(),
            };
            let kind = match endpoint.access {
                Access::Operator => "application/x-www-form-urlencoded",
                _ => "application/json",
            };
            let request = hurried(endpoint.method.clone(), &path, &token, kind, pieces(0, false));
            let status = send(server, request).await.status.as_u16();
            (format!("{} {}", endpoint.method, endpoint.path), status)
        }
    });
    let answers = join_all(sent).await;
    let waited = answers.iter().filter(|(_, status)| *status == 408).count();
    assert!(waited > 20, "these read a body: {answers:?}");
    for read in [
        "POST /connect/telemetry",
        "POST /connect/sessions",
        "POST /api-auth/api-key/{providerConfigKey}",
        "POST /providers",
        "POST /dashboard/sign-in",
        "POST /dashboard/sign-out",
    ] {
        let (_, status) = answers.iter().find(|(name, _)| name == read).unwrap();
        assert_eq!(*status, 408, "{read}");
    }
}

#[tokio::test]
async fn a_body_that_dribbles_has_as_long_as_any_other() {
    let server = Harness::new().await;
    for (path, ends) in [("/connect/telemetry", true), ("/connect/sessions", false)] {
        let body = pieces(4, ends);
        let request = hurried(Method::POST, path, SECRET, "application/json", body);
        assert_eq!(send(&server, request).await.error(), "408 request_timeout", "{path}");
    }
}

#[tokio::test]
async fn a_beacon_is_no_larger_than_other_small_bodies() {
    let server = Harness::new().await;
    let body = json!({ "event": "x".repeat(70_000) });
    let answer = server.call(Method::POST, "/connect/telemetry", None, Some(body)).await;
    assert_eq!(answer.error(), "413 payload_too_large");
}

#[tokio::test]
async fn a_proxied_body_may_take_its_time_and_not_stand_still() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "upstream", json!({ "apiKey": "k" })).await;
    let proxied = |body| {
        let mut request = hurried(Method::POST, "/proxy/x", SECRET, "text/plain", body);
        let headers = request.headers_mut();
        headers.insert("provider-config-key", "upstream".parse().unwrap());
        headers.insert("connection-id", id.parse().unwrap());
        request
    };
    let answer = send(&server, proxied(pieces(4, true))).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["body"]), (200, &json!("    ")));
    let answer = send(&server, proxied(pieces(2, false))).await;
    assert!(answer.status.is_client_error() || answer.status == 502, "{}", answer.status);
}
