//! Proxied requests, against real servers of this machine: what goes out, what comes back, when it
//! is tried again, and where redirects lead.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{Arrived, answer, api, config, door, provider};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response};
use http_body_util::{BodyExt, StreamBody};
use keyslot_egress::{Body, Egress, EgressError, Limits, Policy, ResponseBody};
use keyslot_providers::{
    ConnectionConfig, Credential, Provider, ProxyError, ProxyLimits, ProxyOptions, ProxyRequest,
    RequestError, Target, proxy,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn plain(to: SocketAddr, more: &str) -> Arc<Provider> {
    provider(&format!(
        "one:\n  display_name: One\n  auth_mode: API_KEY\n  proxy:\n    base_url: \
         http://api.one.test:{}/v1\n    headers: {{authorization: 'Bearer ${{apiKey}}'}}\n{more}",
        to.port()
    ))
}

fn request(method: Method, endpoint: &str, headers: &[(&str, &str)], body: &str) -> ProxyRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().expect("a name");
        map.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    let body = match body {
        "" => Body::empty(),
        text => Body::full(text.to_owned()),
    };
    ProxyRequest { method, endpoint: endpoint.to_owned(), headers: map, body }
}

fn quick() -> ProxyLimits {
    ProxyLimits { first_wait: Duration::from_millis(20), ..ProxyLimits::default() }
}

async fn send_with(
    egress: &Egress,
    provider: &Provider,
    config: &ConnectionConfig,
    request: ProxyRequest,
) -> Result<Response<ResponseBody>, ProxyError> {
    let options = ProxyOptions::from_headers(&request.headers).expect("options");
    let credential = Credential::api_key("KEY-1");
    let target = Target { provider, credential: &credential, config, policy: egress.policy() };
    proxy(egress, target, request, &options, &quick()).await
}

async fn send(
    to: SocketAddr,
    provider: &Provider,
    request: ProxyRequest,
) -> Result<Response<ResponseBody>, ProxyError> {
    send_with(&door(to), provider, &config([]), request).await
}

async fn text(answer: Response<ResponseBody>) -> String {
    String::from_utf8(answer.into_body().collect().await.expect("a body").to_vec()).expect("text")
}

#[tokio::test]
async fn an_object_for_a_provider_that_wants_a_form_goes_out_as_one() {
    let form = "application/x-www-form-urlencoded";
    let json = r#"{"to":"+49 30","list":["a","b"],"meta":{"k":"v"}}"#;
    let as_form = "to=%2B49+30&list%5B%5D=a&list%5B%5D=b&meta%5Bk%5D=v";
    let own = "    headers: {content-type: application/x-www-form-urlencoded}\n";
    let body = "    body: {key: '${apiKey}'}\n";
    let of_json = ("content-type", "application/json");
    for (more, headers, sent, expected) in [
        // What `@nangohq/node` sends for `{data: {…}, headers: {"content-type": form}}`.
        ("", vec![of_json, ("nango-proxy-content-type", form)], json, as_form.to_owned()),
        ("OWN", vec![of_json], json, as_form.to_owned()),
        (
            body,
            vec![of_json, ("nango-proxy-content-type", form)],
            json,
            format!("{as_form}&key=KEY-1"),
        ),
        // No object, or already a form, or JSON for a provider that wants JSON: as it is.
        ("", vec![of_json, ("nango-proxy-content-type", form)], "\"a=b\"", "\"a=b\"".to_owned()),
        (
            "",
            vec![("content-type", form), ("nango-proxy-content-type", form)],
            "a=b",
            "a=b".to_owned(),
        ),
        ("", vec![of_json], json, json.to_owned()),
    ] {
        let (to, mut arrived) = api(|_, _| answer(200, "", "{}")).await;
        let mut provider = plain(to, if more == "OWN" { "" } else { more });
        if more == "OWN" {
            provider = common::provider(&format!(
                "one:\n  display_name: One\n  auth_mode: API_KEY\n  proxy:\n    base_url: \
                 http://api.one.test:{}/v1\n{own}",
                to.port()
            ));
        }
        let answered = send(to, &provider, request(Method::POST, "/messages", &headers, sent))
            .await
            .expect("an answer");
        assert_eq!(answered.status(), 200);
        let arrived = arrived.recv().await.expect("a request");
        assert_eq!(arrived.body, expected);
        let kind = if expected == json { "application/json" } else { form };
        assert_eq!(arrived.header("content-type"), Some(kind));
    }
}

#[tokio::test]
async fn a_request_goes_out_with_the_credential_and_comes_back_with_its_status_and_body() {
    let (to, mut arrived) =
        api(|_, _| answer(201, "content-type: text/x\r\nx-own: 1\r\n", "made")).await;
    let answered = send(
        to,
        &plain(to, ""),
        request(
            Method::POST,
            "/things/a%2Fb?x=1&y=%20",
            &[("content-type", "application/json"), ("nango-proxy-x-trace", "t")],
            "{\"a\":1}",
        ),
    )
    .await
    .expect("an answer");
    assert_eq!(answered.status(), 201);
    assert_eq!(answered.headers()["content-type"], "text/x");
    assert_eq!(answered.headers()["x-own"], "1");
    assert_eq!(text(answered).await, "made");
    let asked = arrived.recv().await.expect("a request");
    assert_eq!(asked.line, "POST /v1/things/a%2Fb?x=1&y=%20 HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer KEY-1"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-trace"), Some("t"));
    assert_eq!(asked.header("host"), Some(&*format!("api.one.test:{}", to.port())));
    assert_eq!(asked.body, "{\"a\":1}");
}

#[tokio::test]
async fn every_method_passes_and_only_those_with_a_body_have_one() {
    for (method, body) in [
        (Method::GET, ""),
        (Method::HEAD, ""),
        (Method::OPTIONS, ""),
        (Method::POST, "b"),
        (Method::PUT, "b"),
        (Method::PATCH, "b"),
        (Method::DELETE, "b"),
    ] {
        let (to, mut arrived) = api(|_, _| answer(204, "", "")).await;
        let sent = request(method.clone(), "/x", &[("content-type", "text/plain")], "b");
        let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
        assert_eq!(answered.status(), 204);
        let asked = arrived.recv().await.expect("a request");
        assert!(asked.line.starts_with(method.as_str()), "{}", asked.line);
        assert_eq!(asked.body, body, "{method}");
        assert_eq!(asked.header("content-type").is_some(), !body.is_empty(), "{method}");
    }
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    for method in [Method::CONNECT, Method::TRACE] {
        let error = send(to, &plain(to, ""), request(method, "/x", &[], "")).await.err();
        assert!(matches!(error, Some(ProxyError::Method)));
    }
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn nothing_of_the_callers_own_headers_reaches_the_provider() {
    const SECRET: &str = "ksk_CANARY";
    let own = [
        "authorization",
        "cookie",
        "forwarded",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "via",
        "referer",
        "origin",
        "x-api-key",
        "proxy-authorization",
        "provider-config-key",
        "connection-id",
        "nango-activity-log-id",
        "nango-is-sync",
        "user-agent",
        "accept",
        "host",
        "expect",
        "sec-fetch-site",
        "traceparent",
        "sentry-trace",
        "baggage",
        "x-request-id",
        "if-none-match",
        "range",
        "upgrade-insecure-requests",
        "te",
        "trailer",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "connection",
        "x-keyslot",
        "priority",
        "dnt",
        "x-csrf-token",
        "x-amz-security-token",
        "cf-connecting-ip",
    ];
    assert!(own.len() >= 40);
    // And in the form that is meant for the provider, the connection's own stay out all the same.
    let meant = [
        "nango-proxy-host",
        "nango-proxy-connection",
        "nango-proxy-keep-alive",
        "nango-proxy-te",
        "nango-proxy-transfer-encoding",
        "nango-proxy-upgrade",
        "nango-proxy-content-length",
        "nango-proxy-proxy-authorization",
        "nango-proxy-proxy-connection",
        "nango-proxy-expect",
        "nango-proxy-",
    ];
    for name in own.iter().chain(&meant) {
        let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
        let sent = request(Method::POST, "/x", &[(name, SECRET)], "b");
        send(to, &plain(to, ""), sent).await.expect("an answer");
        let asked = arrived.recv().await.expect("a request");
        assert!(!format!("{asked:?}").contains("CANARY"), "{name}: {asked:?}");
    }
}

#[tokio::test]
async fn the_providers_cookies_and_policies_do_not_act_on_the_servers_origin() {
    let dropped = "set-cookie: a=1\r\nset-cookie: b=2\r\nstrict-transport-security: max-age=1\r\n\
        access-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\n\
        clear-site-data: \"*\"\r\nalt-svc: h3=\":443\"\r\nservice-worker-allowed: /\r\nrefresh: 0\r\n\
        cross-origin-opener-policy: unsafe-none\r\nconnection: x-hop\r\nx-hop: 1\r\n\
        content-security-policy: default-src *\r\nx-content-type-options: off\r\n";
    let kept = "etag: \"1\"\r\nx-ratelimit-remaining: 3\r\nlink: <x>; rel=next\r\nretry-after: 7\r\n\
        content-encoding: gzip\r\ncontent-disposition: attachment\r\nx-request-id: up\r\n";
    let (to, _arrived) = api(move |_, _| answer(200, &format!("{dropped}{kept}"), "x")).await;
    let answered =
        send(to, &plain(to, ""), request(Method::GET, "/x", &[], "")).await.expect("one");
    let mut names: Vec<_> = answered.headers().keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names.join(" "),
        "content-disposition content-encoding content-length content-security-policy etag link \
         retry-after x-content-type-options x-ratelimit-remaining x-request-id"
    );
    assert_eq!(answered.headers()["content-security-policy"], "sandbox; default-src 'none'");
    assert_eq!(answered.headers()["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn an_error_of_the_provider_is_passed_on_as_it_is() {
    for status in [400, 401, 403, 404, 409, 422, 429, 500, 503] {
        let (to, mut arrived) =
            api(move |_, _| answer(status, "content-type: a/b\r\n", "why")).await;
        let answered =
            send(to, &plain(to, ""), request(Method::GET, "/x", &[], "")).await.expect("an answer");
        assert_eq!(answered.status(), status);
        assert_eq!(answered.headers()["content-type"], "a/b");
        assert_eq!(text(answered).await, "why");
        arrived.recv().await.expect("a request");
        assert!(arrived.try_recv().is_err(), "{status} was tried again without being asked for");
    }
}

#[test]
fn options_are_read_and_faults_are_named() {
    let read = |headers: &[(&str, &str)]| {
        ProxyOptions::from_headers(&request(Method::GET, "", headers, "").headers)
    };
    assert_eq!(read(&[]), Ok(ProxyOptions::default()));
    let empty = [("retries", ""), ("base-url-override", ""), ("decompress", ""), ("retry-on", "")];
    assert_eq!(read(&empty), Ok(ProxyOptions::default()));
    assert_eq!(
        read(&[
            ("retries", "3"),
            ("retry-on", "404, 409"),
            ("base-url-override", "https://two.test"),
            ("decompress", "true"),
            ("forward-headers-on-redirect", "true"),
        ]),
        Ok(ProxyOptions {
            retries: 3,
            retry_on: vec![404, 409],
            base_url_override: Some("https://two.test".to_owned()),
            forward_on_redirect: true,
        })
    );
    assert_eq!(read(&[("retries", "1000000")]).expect("bounded").retries, 10);
    let bad = [
        ("retries", "-1"),
        ("retry-on", "5xx"),
        ("base-url-override", "two"),
        ("forward-headers-on-redirect", "yes"),
        ("decompress", "1"),
    ];
    let issues = read(&bad).expect_err("issues");
    let paths: Vec<_> = issues.iter().map(|issue| issue.path.join(".")).collect();
    assert_eq!(paths, bad.map(|(name, _)| name));
}

#[tokio::test]
async fn it_is_tried_again_as_often_as_was_asked_for_and_with_the_same_body() {
    let (to, mut arrived) =
        api(|turn, _| answer([503, 429, 200][turn.min(2)], "", &turn.to_string())).await;
    let sent = request(Method::POST, "/x", &[("retries", "5")], "again");
    let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
    assert_eq!(answered.status(), 200);
    assert_eq!(text(answered).await, "2");
    for _ in 0..3 {
        assert_eq!(arrived.recv().await.expect("a request").body, "again");
    }

    let (to, mut arrived) = api(|_, _| answer(500, "", "last")).await;
    let sent = request(Method::GET, "/x", &[("retries", "2")], "");
    let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
    assert_eq!((answered.status().as_u16(), text(answered).await.as_str()), (500, "last"));
    for _ in 0..3 {
        arrived.recv().await.expect("a request");
    }
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn which_answers_are_tried_again_is_the_providers_and_the_callers_word() {
    let limited = "    retry: {error_code: [418, 5xx], remaining: x-left}\n";
    for (more, on, status, headers, again) in [
        ("", "", 404, "", false),
        ("", "404,409", 404, "", true),
        ("", "", 401, "", false),
        ("", "", 403, "x-left: 0\r\n", false),
        (limited, "", 418, "", true),
        (limited, "", 429, "", false),
        (limited, "", 502, "", true),
        (limited, "", 403, "x-left: 0\r\n", true),
        (limited, "", 403, "x-left: 1\r\n", false),
        (limited, "", 200, "x-left: 0\r\n", false),
    ] {
        let (to, mut arrived) = api(move |_, _| answer(status, headers, "")).await;
        let sent = request(Method::GET, "/x", &[("retries", "1"), ("retry-on", on)], "");
        send(to, &plain(to, more), sent).await.expect("an answer");
        arrived.recv().await.expect("a request");
        assert_eq!(arrived.try_recv().is_ok(), again, "{more} {on} {status} {headers}");
    }
}

#[tokio::test]
async fn it_waits_as_long_as_the_provider_asks_for_but_no_longer_than_a_caller_can_bear() {
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    let date = jiff::fmt::rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&soon)
        .expect("a date");
    for (headers, least) in [
        ("retry-after: 0.3\r\n".to_owned(), 300),
        ("x-wait: 0.3\r\nretry-after: 0\r\n".to_owned(), 300),
        (format!("x-at: {}\r\n", soon.as_millisecond() + 300), 300),
        (format!("retry-after: {date}\r\n"), 0),
    ] {
        let (to, mut arrived) = api(move |_, _| answer(429, &headers, "")).await;
        let sent = request(Method::GET, "/x", &[("retries", "1")], "");
        let provider = plain(to, "    retry: {after: x-wait, at: [x-at]}\n");
        let start = Instant::now();
        send(to, &provider, sent).await.expect("an answer");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(least) && took < Duration::from_secs(4), "{took:?}");
        arrived.recv().await.expect("a request");
        arrived.recv().await.expect("and another");
    }
    for headers in ["retry-after: 3600\r\n", "retry-after: Wed, 01 Jan 2110 00:00:00 GMT\r\n"] {
        let (to, mut arrived) = api(move |_, _| answer(429, headers, "")).await;
        let sent = request(Method::GET, "/x", &[("retries", "3")], "");
        let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
        assert_eq!(answered.status(), 429);
        arrived.recv().await.expect("a request");
        assert!(arrived.try_recv().is_err(), "{headers}: it was tried again before its time");
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_and_a_denied_address_is_not() {
    let (to, mut arrived) =
        api(|turn, _| if turn == 0 { "HTTP/1.1 200".to_owned() } else { answer(200, "", "ok") })
            .await;
    let sent = request(Method::GET, "/x", &[("retries", "1")], "");
    assert_eq!(text(send(to, &plain(to, ""), sent).await.expect("an answer")).await, "ok");
    arrived.recv().await.expect("a request");

    let start = Instant::now();
    let elsewhere = provider(
        "one: {display_name: One, auth_mode: API_KEY, proxy: {base_url: 'https://private.one.test'}}",
    );
    let sent = request(Method::GET, "/x", &[("retries", "10")], "");
    let error = send(to, &elsewhere, sent).await.err().expect("an error");
    assert!(matches!(error, ProxyError::Egress(EgressError::Denied { .. })), "{error}");
    assert!(start.elapsed() < Duration::from_millis(500));
}

#[tokio::test]
async fn a_base_url_override_is_held_to_the_same_rules() {
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let base = format!("http://{to}/v9/");
    let sent = request(Method::GET, "/x", &[("base-url-override", &base)], "");
    send(to, &plain(to, ""), sent).await.expect("an answer");
    let asked = arrived.recv().await.expect("a request");
    assert_eq!(asked.line, "GET /v9/x HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer KEY-1"));
    for bad in ["https://10.0.0.1", "https://u:p@x.test", "http://127.0.0.1:1", "ftp://x.test"] {
        let sent = request(Method::GET, "/x", &[("base-url-override", bad)], "");
        let error = send(to, &plain(to, ""), sent).await.err().expect("an error");
        assert!(matches!(error, ProxyError::BaseUrl(_)), "{bad}: {error}");
    }
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn an_endpoint_may_hold_placeholders_and_may_be_a_whole_url_under_the_base() {
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let provider = plain(to, "");
    let port = to.port();
    for (endpoint, line) in [
        ("/u/${connectionConfig.id}", "/v1/u/a%2Fb"),
        ("/u/$%7BconnectionConfig.id%7D?q=${connectionConfig.id}", "/v1/u/a%2Fb?q=a%2Fb"),
        ("/u/${nothing}", "/v1/u/$%7Bnothing%7D"),
        ("/u/%7Bx%7D", "/v1/u/%7Bx%7D"),
        (&format!("http://api.one.test:{port}/v1/whole?a"), "/v1/whole?a"),
        (&format!("/http://api.one.test:{port}/v1"), "/v1"),
        (
            &format!("http://api.one.test:{port}/v1x"),
            &format!("/v1/http://api.one.test:{port}/v1x"),
        ),
    ] {
        let values = config([("id", "a/b")]);
        let sent = request(Method::GET, endpoint, &[], "");
        send_with(&door(to), &provider, &values, sent).await.expect("an answer");
        let asked = arrived.recv().await.expect("a request");
        assert_eq!(asked.line, format!("GET {line} HTTP/1.1"), "{endpoint}");
    }
    for endpoint in ["/../x", "/a/%2e%2e/%2e%2e/x", "/${connectionConfig.missing}"] {
        let error = send(to, &provider, request(Method::GET, endpoint, &[], "")).await.err();
        assert!(matches!(error, Some(ProxyError::Request(RequestError::Address(_)))), "{endpoint}");
    }
    assert!(arrived.try_recv().is_err());
}

/// Two servers behind one door; the first redirects to the second.
async fn redirecting(
    status: u16,
    sent: ProxyRequest,
) -> (Result<Response<ResponseBody>, ProxyError>, Arrived, Option<Arrived>) {
    let (other, mut others) = api(|_, _| answer(200, "", "file")).await;
    let location = format!("location: http://{other}/file?sig=1\r\n");
    let (to, mut arrived) = api(move |_, _| answer(status, &location, "")).await;
    let egress = Egress::new(Policy::default().allow_socket(to).allow_socket(other));
    let provider = provider(&format!(
        "one:\n  display_name: One\n  auth_mode: API_KEY\n  proxy:\n    base_url: http://{to}\n    \
         headers: {{authorization: 'Bearer ${{apiKey}}', x-key: '${{apiKey}}'}}\n    query: {{key: \
         '${{apiKey}}'}}\n"
    ));
    let answered = send_with(&egress, &provider, &config([]), sent).await;
    let first = arrived.recv().await.expect("a request");
    (answered, first, others.try_recv().ok())
}

#[tokio::test]
async fn a_redirect_to_another_host_is_followed_without_the_credential() {
    for status in [301, 302, 303, 307, 308] {
        let sent = request(
            Method::GET,
            "/x",
            &[("nango-proxy-x-own", "1"), ("nango-proxy-authorization", "Bearer KEY-1")],
            "",
        );
        let (answered, first, second) = redirecting(status, sent).await;
        assert_eq!(text(answered.expect("an answer")).await, "file");
        assert_eq!(first.header("x-key"), Some("KEY-1"));
        let second = second.expect("a second request");
        assert_eq!(second.line, "GET /file?sig=1 HTTP/1.1");
        assert!(!format!("{second:?}").contains("KEY-1"), "{second:?}");
        assert_eq!(second.header("x-own"), None);
    }
    let own = [
        ("forward-headers-on-redirect", "true"),
        ("nango-proxy-x-own", "1"),
        ("nango-proxy-authorization", "Bearer KEY-1"),
        ("nango-proxy-cookie", "KEY-1"),
    ];
    let (_, _, second) = redirecting(302, request(Method::GET, "/x", &own, "")).await;
    let second = second.expect("a second request");
    assert_eq!(second.header("x-own"), Some("1"));
    assert!(!format!("{second:?}").contains("KEY-1"), "{second:?}");
}

#[tokio::test]
async fn a_body_is_not_carried_to_another_host() {
    let sent = || request(Method::POST, "/x", &[("retries", "1")], "KEY-1");
    for status in [301, 302, 303] {
        let (answered, _, second) = redirecting(status, sent()).await;
        assert_eq!(answered.expect("an answer").status(), 200);
        let second = second.expect("a second request");
        assert!(second.line.starts_with("GET ") && second.body.is_empty(), "{second:?}");
    }
    for status in [307, 308] {
        let (answered, _, second) = redirecting(status, sent()).await;
        assert_eq!(answered.expect("an answer").status(), status);
        assert!(second.is_none(), "{status}");
    }
}

#[tokio::test]
async fn a_redirect_on_the_same_host_keeps_everything_and_ends_after_five() {
    let (to, mut arrived) = api(|turn, _| match turn {
        0 => answer(308, "location: /v2/there?x\r\n", ""),
        _ => answer(200, "", "there"),
    })
    .await;
    let sent = request(Method::PUT, "/x", &[("retries", "1"), ("content-type", "a/b")], "body");
    let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
    assert_eq!(text(answered).await, "there");
    arrived.recv().await.expect("the first");
    let second = arrived.recv().await.expect("the second");
    assert_eq!(second.line, "PUT /v2/there?x HTTP/1.1");
    assert_eq!(second.header("authorization"), Some("Bearer KEY-1"));
    assert_eq!(second.header("content-type"), Some("a/b"));
    assert_eq!(second.body, "body");

    let (to, mut arrived) = api(|_, _| answer(302, "location: /again\r\n", "")).await;
    let answered =
        send(to, &plain(to, ""), request(Method::GET, "/x", &[], "")).await.expect("an answer");
    assert_eq!(answered.status(), 302);
    for _ in 0..6 {
        arrived.recv().await.expect("a request");
    }
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_refused_there_too() {
    let (canary, mut hits) = api(|_, _| answer(200, "", "")).await;
    for location in [
        format!("http://{canary}/"),
        format!("http://127.0.0.1.:{}/", canary.port()),
        "http://169.254.169.254/latest/".to_owned(),
        "http://0x7f.1/".to_owned(),
        "http://[::ffff:127.0.0.1]/".to_owned(),
    ] {
        let head = format!("location: {location}\r\n");
        let (to, _arrived) = api(move |_, _| answer(302, &head, "")).await;
        let error = send(to, &plain(to, ""), request(Method::GET, "/x", &[], "")).await.err();
        assert!(
            matches!(error, Some(ProxyError::Egress(EgressError::Denied { .. }))),
            "{location}: {error:?}"
        );
    }
    assert!(hits.try_recv().is_err());
}

#[tokio::test]
async fn a_template_that_adds_to_the_body_does_so_and_refuses_what_is_too_large() {
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let provider = plain(to, "    body: {key: '${apiKey}'}\n");
    let json = [("content-type", "application/json")];
    send(to, &provider, request(Method::POST, "/x", &json, "{\"a\":1}")).await.expect("an answer");
    assert_eq!(arrived.recv().await.expect("a request").body, "{\"a\":1,\"key\":\"KEY-1\"}");
    send(to, &provider, request(Method::POST, "/x", &[], "")).await.expect("an answer");
    assert_eq!(arrived.recv().await.expect("a request").body, "{\"key\":\"KEY-1\"}");
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    let error = send(to, &provider, request(Method::POST, "/x", &json, &large)).await.err();
    assert!(matches!(error, Some(ProxyError::BodyTooLarge(_))));
    let error = send(to, &provider, request(Method::POST, "/x", &json, "{")).await.err();
    assert!(matches!(error, Some(ProxyError::Request(RequestError::Body("JSON")))));
}

#[tokio::test]
async fn a_body_too_large_to_be_held_goes_through_once() {
    let (to, mut arrived) = api(|_, _| answer(503, "", "")).await;
    let large = "x".repeat(3 << 20);
    let sent = request(Method::POST, "/x", &[("retries", "3")], &large);
    let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
    assert_eq!(answered.status(), 503);
    assert_eq!(arrived.recv().await.expect("a request").body.len(), large.len());
    assert!(arrived.try_recv().is_err());
}

/// A server that takes a request of any size and answers with a large body, counting both.
async fn counting(size: usize) -> (SocketAddr, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let to = listener.local_addr().expect("bound");
    let (taken, given) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (takes, gives) = (Arc::clone(&taken), Arc::clone(&given));
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut buffer = vec![0_u8; 64 * 1024];
        let mut tail = Vec::new();
        while !tail.ends_with(b"0\r\n\r\n") {
            let count = stream.read(&mut buffer).await.expect("a request");
            assert!(count > 0, "the request broke off");
            takes.fetch_add(count, Ordering::SeqCst);
            tail.extend_from_slice(&buffer[..count]);
            tail.drain(..tail.len().saturating_sub(5));
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("the head");
        while gives.load(Ordering::SeqCst) < size {
            stream.write_all(&buffer).await.expect("the body");
            gives.fetch_add(buffer.len(), Ordering::SeqCst);
        }
    });
    (to, taken, given)
}

#[tokio::test]
async fn bodies_of_any_size_stream_both_ways() {
    const SIZE: usize = 64 << 20;
    let (to, taken, given) = counting(SIZE).await;
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let produced = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&produced);
    tokio::spawn(async move {
        let piece = Bytes::from(vec![b'x'; 64 * 1024]);
        while counter.load(Ordering::SeqCst) < SIZE && sender.send(piece.clone()).await.is_ok() {
            counter.fetch_add(piece.len(), Ordering::SeqCst);
        }
    });
    let mut sent = request(Method::POST, "/x", &[], "");
    sent.body = Body::stream(StreamBody::new(Pieces(receiver)));
    let answered = send(to, &plain(to, ""), sent).await.expect("an answer");
    assert_eq!(produced.load(Ordering::SeqCst), SIZE);
    assert!(taken.load(Ordering::SeqCst) > SIZE);
    // Nobody reads yet, so the provider comes to a stand.
    let mut before = usize::MAX;
    while given.load(Ordering::SeqCst) != before {
        before = given.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(before < SIZE / 2, "{before} bytes were taken without a reader");
    let mut body = answered.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.expect("a frame").into_data().expect("data").len();
    }
    assert_eq!(read, SIZE);
}

#[tokio::test]
async fn an_answer_without_end_ends_at_the_limit() {
    let (to, _arrived) =
        api(|_, _| format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", "x".repeat(1 << 20)))
            .await;
    let egress = door(to);
    let limits = ProxyLimits {
        exchange: Limits { max_response: 1000, ..Limits::PROXY },
        ..ProxyLimits::default()
    };
    let provider = plain(to, "");
    let (credential, config) = (Credential::api_key("KEY-1"), config([]));
    let target = Target {
        provider: &provider,
        credential: &credential,
        config: &config,
        policy: egress.policy(),
    };
    let sent = request(Method::GET, "/x", &[], "");
    let answered =
        proxy(&egress, target, sent, &ProxyOptions::default(), &limits).await.expect("one");
    let error = answered.into_body().collect().await.expect_err("an error");
    assert!(matches!(error, EgressError::TooLarge { limit: 1000 }), "{error:?}");
}

#[test]
fn a_refused_base_url_is_not_repeated() {
    for base in ["https://CANARY@x.test", "https://x.test/?CANARY", "CANARY", "https://CANARY"] {
        let problem = keyslot_providers::base_url::Base::fixed(base, &Policy::default());
        assert!(!problem.expect_err(base).contains("CANARY"), "{base}");
    }
}

/// The receiving end of a channel as the frames of a body.
struct Pieces(tokio::sync::mpsc::Receiver<Bytes>);

impl futures_core::Stream for Pieces {
    type Item = Result<http_body::Frame<Bytes>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}
