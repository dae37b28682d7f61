//! Proxied requests, from a backend's request to the vendor and back. What happens to headers, retries,
//! redirects and addresses in between is tested where it is decided, in `keyslot-providers`.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::json;
use tower::ServiceExt;

use crate::harness::{Answer, Harness, PROD_SECRET, READ_ONLY, SECRET};

const KEY: &str = "upstream-key-1";

/// A server with a connection `c1` to its upstream.
async fn connected() -> Harness {
    let server = Harness::new().await;
    let body = json!({
        "provider_config_key": "upstream",
        "connection_id": "c1",
        "credentials": { "type": "API_KEY", "apiKey": KEY },
    });
    assert_eq!(server.post("/connections", body).await.status, 201);
    server
}

fn request(method: Method, path: &str, token: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(format!("/proxy{path}"))
        .header("host", "keyslot.test")
        .header("authorization", format!("Bearer {token}"))
        .header("provider-config-key", "upstream")
        .header("connection-id", "c1")
        // As the stock SDK sends them.
        .header("base-url-override", "")
        .header("nango-activity-log-id", "")
        .header("user-agent", "nango-node-client/0.71.10")
}

async fn send(server: &Harness, method: Method, path: &str, body: &str) -> Answer {
    let request = request(method, path, SECRET).header("content-type", "application/json");
    server.send(request.body(body.to_owned().into()).unwrap()).await
}

#[tokio::test]
async fn a_backend_calls_the_vendor_with_a_credential_that_it_does_not_see() {
    let server = connected().await;
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let answer =
            send(&server, method.clone(), "/v1/things/a%2Fb?q=x%20y&r", r#"{"a":1}"#).await;
        assert_eq!(answer.status, 200);
        let echo = answer.json();
        assert_eq!(echo["method"], method.as_str());
        assert_eq!(echo["target"], "/base/v1/things/a%2Fb?q=x%20y&r");
        assert_eq!(echo["authorization"], format!("Bearer {KEY}"));
        assert_eq!(echo["body"], if method == Method::GET { "" } else { r#"{"a":1}"# });
        let seen = server.upstream.last();
        assert!(!format!("{:?}", seen.headers).contains(SECRET), "the secret key stays here");
    }
    assert_eq!(send(&server, Method::GET, "/", "").await.json()["target"], "/base");
    let read = server.connection("upstream", "c1").await.json();
    assert!(read["last_fetched_at"].is_string());
}

#[tokio::test]
async fn the_base_path_of_the_server_is_not_the_vendors() {
    let server = Harness::at("https://example.test/keys").await;
    let body = json!({
        "provider_config_key": "upstream",
        "connection_id": "c1",
        "credentials": { "type": "API_KEY", "apiKey": KEY },
    });
    assert_eq!(server.post("/keys/connections", body).await.status, 201);
    for prefix in ["/keys", ""] {
        let mut request = request(Method::GET, "/v1/keys/x?y", SECRET).body(Body::empty()).unwrap();
        *request.uri_mut() = format!("{prefix}/proxy/v1/keys/x?y").parse().unwrap();
        assert_eq!(server.send(request).await.json()["target"], "/base/v1/keys/x?y");
    }
}

#[tokio::test]
async fn headers_for_the_vendor_arrive_without_their_prefix() {
    let server = connected().await;
    let request = request(Method::GET, "/v1", SECRET)
        .header("nango-proxy-x-thing", "7")
        .header("cookie", "a=b")
        .header("x-other", "stays");
    assert_eq!(server.send(request.body(Body::empty()).unwrap()).await.status, 200);
    let seen = server.upstream.last();
    assert_eq!(seen.header("x-thing"), "7");
    for gone in ["x-other", "cookie", "connection-id", "provider-config-key", "base-url-override"] {
        assert!(!seen.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn status_and_safe_headers_of_the_vendor_are_kept() {
    let server = connected().await;
    for status in [201, 202, 204, 304, 401, 404, 418, 429, 500] {
        let answer = Response::builder()
            .status(status)
            .header("x-ratelimit-remaining", "3")
            .header("retry-after", "7")
            .header("x-request-id", "vendor-request-id")
            .header("set-cookie", "a=b")
            .header("cache-control", "public, max-age=60")
            .header("access-control-allow-origin", "https://vendor.example");
        server.upstream.then(answer.body(Body::empty()).unwrap());
        let answer = send(&server, Method::POST, "/v1", "{}").await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["x-ratelimit-remaining"], "3");
        assert_eq!(answer.headers["retry-after"], "7");
        assert_eq!(answer.headers["x-request-id"], "vendor-request-id");
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(!answer.headers.contains_key("set-cookie"));
        assert!(answer.headers["content-security-policy"].to_str().unwrap().contains("sandbox"));
    }
}

#[tokio::test]
async fn it_tries_again_as_often_as_the_backend_asks() {
    let server = connected().await;
    for _ in 0..2 {
        server.upstream.then(
            Response::builder().status(503).header("retry-after", "0").body(Body::empty()).unwrap(),
        );
    }
    let request = request(Method::POST, "/v1", SECRET).header("retries", "2");
    let answer = server.send(request.body("again".into()).unwrap()).await;
    assert_eq!(answer.status, 200);
    let bodies: Vec<_> = server.upstream.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies, [b"again", b"again", b"again"]);
}

#[tokio::test]
async fn an_answer_streams_through_as_it_arrives() {
    let server = connected().await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let pieces = body_of(receiver);
    server.upstream.then(Response::builder().body(Body::new(pieces)).unwrap());
    let request = request(Method::GET, "/v1/events", SECRET).body(Body::empty()).unwrap();
    let mut answer = server.app().oneshot(request).await.unwrap();
    for piece in ["one", "two"] {
        // The upstream has not finished; what it has sent is here all the same.
        sender.send(Bytes::from_static(piece.as_bytes())).await.unwrap();
        let frame = answer.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    drop(sender);
    assert!(answer.body_mut().frame().await.is_none());
}

/// A body of what a channel gives.
fn body_of(
    receiver: tokio::sync::mpsc::Receiver<Bytes>,
) -> impl http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static {
    struct Pieces(tokio::sync::mpsc::Receiver<Bytes>);
    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
        }
    }
    Pieces(receiver)
}

#[tokio::test]
async fn what_cannot_be_called_is_told_apart() {
    let server = connected().await;
    let send = async |changes: &[(&'static str, &str)]| {
        let mut request = request(Method::GET, "/v1", SECRET).body(Body::empty()).unwrap();
        for (name, value) in changes {
            request.headers_mut().remove(*name);
            if !value.is_empty() {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
        }
        server.send(request).await.error()
    };
    for (changes, expected) in [
        (
            &[("provider-config-key", ""), ("connection-id", "")][..],
            "400 invalid_headers invalid_type [provider-config-key]",
        ),
        (&[("connection-id", "a<b")], "400 invalid_headers invalid_format [connection-id]"),
        (&[("retries", "many")], "400 invalid_headers invalid_format [retries]"),
        (&[("retry-on", "5xx")], "400 invalid_headers invalid_format [retry-on]"),
        (&[("decompress", "maybe")], "400 invalid_headers invalid_format [decompress]"),
        (&[("base-url-override", "x")], "400 invalid_headers invalid_format [base-url-override]"),
        (&[("provider-config-key", "nope")], "404 unknown_provider_config"),
        (&[("connection-id", "nope")], "400 server_error"),
        (&[("base-url-override", "https://169.254.169.254")], "400 base_url_override_not_allowed"),
        (&[("base-url-override", "ftp://a.example")], "400 base_url_override_not_allowed"),
    ] {
        assert_eq!(send(changes).await, expected, "{changes:?}");
    }
    assert_eq!(server.upstream.seen().len(), 0, "nothing was sent");
    // A name that nobody has, and one that is known to be local.
    assert_eq!(
        send(&[("base-url-override", "https://nobody.invalid")]).await,
        "502 provider_unreachable"
    );
}

#[tokio::test]
async fn only_a_key_of_the_same_environment_that_may_do_so_calls() {
    let server = connected().await;
    let session = server.session(json!({ "tags": {} })).await;
    for (token, expected) in [
        (PROD_SECRET, "404 unknown_provider_config"),
        (READ_ONLY, "403 forbidden"),
        (session.as_str(), "401 invalid_secret_key_format"),
    ] {
        let request = request(Method::GET, "/v1", token).body(Body::empty()).unwrap();
        assert_eq!(server.send(request).await.error(), expected);
    }
    assert!(server.upstream.seen().is_empty());
}
