//! What every error looks like on the wire, and the errors that belong to no endpoint.

use axum::response::IntoResponse;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use keyslot_egress::{EgressError, Phase, special};
use keyslot_providers::{ProxyError, Reason, RequestError};
use keyslot_server::{
    error::{ApiError, Place},
    issue::Issue,
};
use serde_json::{Value, json};

use crate::harness::{Harness, SECRET, user};

/// One of each variant, with what the wire shows. Without a wildcard below, a new variant does not
/// compile until it has its number here.
fn number(error: &ApiError) -> usize {
    match error {
        ApiError::Invalid(Place::Body, _) => 0,
        ApiError::Invalid(Place::Query, _) => 1,
        ApiError::Invalid(Place::Uri, _) => 2,
        ApiError::Invalid(Place::Headers, _) => 3,
        ApiError::InvalidBody(_) => 4,
        ApiError::InvalidJson(_) => 5,
        ApiError::InvalidContentType => 6,
        ApiError::PayloadTooLarge(_) => 7,
        ApiError::RequestTimeout => 8,
        ApiError::BadRequest(_) => 9,
        ApiError::MissingAuthHeader => 10,
        ApiError::MalformedAuthHeader => 11,
        ApiError::InvalidSecretKeyFormat => 12,
        ApiError::UnknownAccount => 13,
        ApiError::InvalidConnectSessionTokenFormat => 14,
        ApiError::UnknownConnectSessionToken => 15,
        ApiError::MissingPublicKey => 16,
        ApiError::DeprecatedAuthentication => 17,
        ApiError::InsufficientScope(_) => 18,
        ApiError::CrossOrigin => 19,
        ApiError::ConnectionIdNotAllowed => 20,
        ApiError::UnverifiedNotAllowed => 21,
        ApiError::UnknownProviderConfig(_) => 22,
        ApiError::UnknownProviderTemplate(_) => 23,
        ApiError::InvalidAuthMode { .. } => 24,
        ApiError::IntegrationNotAllowed(_) => 25,
        ApiError::InvalidConnection => 26,
        ApiError::ConnectionTestFailed { .. } => 27,
        ApiError::NotFound(_) => 28,
        ApiError::UnknownConnection => 29,
        ApiError::NothingToDelete => 30,
        ApiError::MethodNotAllowed(_) => 31,
        ApiError::Unavailable => 32,
        ApiError::Internal(_) => 33,
        ApiError::NoIntegrationOfQuery(_) => 34,
        ApiError::ForeignHost => 35,
        ApiError::ConnectionNotFetched => 36,
        ApiError::Proxy(error) => match error.as_ref() {
            ProxyError::BaseUrl(_) => 37,
            ProxyError::Request(RequestError::NoBaseUrl) => 38,
            ProxyError::Request(RequestError::WrongMode) => 39,
            ProxyError::Request(_) => 40,
            ProxyError::Method => 41,
            ProxyError::BodyTooLarge(_) => 42,
            ProxyError::Body => 43,
            ProxyError::Egress(EgressError::Denied { .. }) => 44,
            ProxyError::Egress(EgressError::Timeout(_)) => 45,
            ProxyError::Egress(_) => 46,
        },
        ApiError::InvalidPublicKey => 47,
        ApiError::MissingHmac => 48,
        ApiError::InvalidHmac => 49,
        ApiError::NotSignedIn => 50,
        ApiError::StaleForm => 51,
        ApiError::InvalidTemplateType => 52,
        ApiError::ProviderInUse(_) => 53,
        ApiError::TooManyRequests { .. } => 54,
        ApiError::InvalidMetricsToken => 55,
        ApiError::MetricsClosed => 56,
        ApiError::OtherEnvironment => 57,
        ApiError::EnvironmentStays(_) => 58,
        ApiError::ConnectionIdNotVouchedFor => 59,
        ApiError::AmbiguousHmac(_) => 60,
        ApiError::KeyChanged => 61,
        ApiError::PreviousKeysInUse => 62,
    }
}

pub(crate) fn table() -> Vec<(ApiError, u16, &'static str)> {
    let issue = || vec![Issue::custom(vec!["a".into(), "0".into()], "does not fit")];
    vec![
        (ApiError::Invalid(Place::Body, issue()), 400, "invalid_body"),
        (ApiError::Invalid(Place::Query, issue()), 400, "invalid_query_params"),
        (ApiError::Invalid(Place::Uri, issue()), 400, "invalid_uri_params"),
        (ApiError::Invalid(Place::Headers, issue()), 400, "invalid_headers"),
        (ApiError::InvalidBody("No.".into()), 400, "invalid_body"),
        (ApiError::InvalidJson("line 1".into()), 400, "invalid_json"),
        (ApiError::InvalidContentType, 415, "invalid_content_type"),
        (ApiError::PayloadTooLarge(65536), 413, "payload_too_large"),
        (ApiError::RequestTimeout, 408, "request_timeout"),
        (ApiError::BadRequest("No."), 400, "invalid_headers"),
        (ApiError::MissingAuthHeader, 401, "missing_auth_header"),
        (ApiError::MalformedAuthHeader, 401, "malformed_auth_header"),
        (ApiError::InvalidSecretKeyFormat, 401, "invalid_secret_key_format"),
        (ApiError::UnknownAccount, 401, "unknown_account"),
        (ApiError::InvalidConnectSessionTokenFormat, 401, "invalid_connect_session_token_format"),
        (ApiError::UnknownConnectSessionToken, 401, "unknown_connect_session_token"),
        (ApiError::MissingPublicKey, 401, "missing_public_key"),
        (ApiError::DeprecatedAuthentication, 401, "deprecated_authentication"),
        (ApiError::InsufficientScope("environment:proxy"), 403, "forbidden"),
        (ApiError::CrossOrigin, 403, "forbidden"),
        (ApiError::ConnectionIdNotAllowed, 403, "connection_id_not_allowed"),
        (ApiError::UnverifiedNotAllowed, 403, "unverified_not_allowed"),
        (ApiError::UnknownProviderConfig("x".into()), 404, "unknown_provider_config"),
        (ApiError::UnknownProviderTemplate("x".into()), 404, "unknown_provider_template"),
        (
            ApiError::InvalidAuthMode { expected: "BASIC", called: "API_KEY" },
            400,
            "invalid_auth_mode",
        ),
        (ApiError::IntegrationNotAllowed("x".into()), 400, "integration_not_allowed"),
        (ApiError::InvalidConnection, 400, "invalid_connection"),
        (
            ApiError::ConnectionTestFailed { reason: Reason::Refused, provider_status: Some(401) },
            400,
            "connection_test_failed",
        ),
        (ApiError::NotFound("Nothing.".into()), 404, "not_found"),
        (ApiError::UnknownConnection, 404, "unknown_connection"),
        (ApiError::NothingToDelete, 400, "unknown_connection"),
        (ApiError::MethodNotAllowed(Method::PUT), 405, "method_not_allowed"),
        (ApiError::Unavailable, 503, "service_unavailable"),
        (ApiError::internal("a cause that names host db-7"), 500, "server_error"),
        (ApiError::NoIntegrationOfQuery("x".into()), 400, "unknown_provider_config"),
        (ApiError::ForeignHost, 421, "misdirected_request"),
        (ApiError::ConnectionNotFetched, 400, "server_error"),
        (
            ProxyError::BaseUrl("it is not a URL".into()).into(),
            400,
            "base_url_override_not_allowed",
        ),
        (ProxyError::Request(RequestError::NoBaseUrl).into(), 400, "unsupported_provider"),
        (ProxyError::Request(RequestError::WrongMode).into(), 400, "unsupported_auth"),
        (ProxyError::Request(RequestError::Body("JSON")).into(), 400, "invalid_request"),
        (ProxyError::Method.into(), 405, "method_not_allowed"),
        (ProxyError::BodyTooLarge(1).into(), 413, "payload_too_large"),
        (ProxyError::Body.into(), 400, "invalid_body"),
        (
            ProxyError::Egress(EgressError::Denied {
                address: "10.0.0.7".parse().unwrap(),
                block: special("10.0.0.7".parse().unwrap()).unwrap(),
            })
            .into(),
            400,
            "address_not_allowed",
        ),
        (
            ProxyError::Egress(EgressError::Timeout(Phase::FirstByte)).into(),
            504,
            "provider_timeout",
        ),
        (ProxyError::Egress(EgressError::Dns).into(), 502, "provider_unreachable"),
        (ApiError::InvalidPublicKey, 401, "invalid_public_key"),
        (ApiError::MissingHmac, 400, "missing_hmac"),
        (ApiError::InvalidHmac, 400, "invalid_hmac"),
        (ApiError::NotSignedIn, 401, "not_signed_in"),
        (ApiError::StaleForm, 403, "stale_form"),
        (ApiError::InvalidTemplateType, 415, "invalid_content_type"),
        (ApiError::ProviderInUse("a".into()), 409, "provider_in_use"),
        (ApiError::TooManyRequests { retry_after: 7, standing: None }, 429, "too_many_request"),
        (ApiError::InvalidMetricsToken, 401, "invalid_metrics_token"),
        (ApiError::MetricsClosed, 403, "forbidden"),
        (ApiError::OtherEnvironment, 403, "forbidden"),
        (ApiError::EnvironmentStays("It stays.".into()), 409, "environment_stays"),
        (ApiError::ConnectionIdNotVouchedFor, 403, "connection_id_not_allowed"),
        (ApiError::AmbiguousHmac("there is a colon in it"), 400, "invalid_hmac"),
        (ApiError::KeyChanged, 409, "key_changed"),
        (ApiError::PreviousKeysInUse, 409, "previous_keys_in_use"),
    ]
}

#[tokio::test]
async fn each_error_has_its_status_its_code_and_a_sentence() {
    for (index, (error, status, code)) in table().into_iter().enumerate() {
        assert_eq!(number(&error), index, "the table holds one of each, in order");
        let sentence = error.to_string();
        let answer = error.clone().into_response();
        assert_eq!(answer.status().as_u16(), status, "{code}");
        assert_eq!(answer.headers()["content-type"], "application/json; charset=utf-8");
        assert_eq!(answer.headers().contains_key("retry-after"), [429, 503].contains(&status));
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["message"], sentence);
        assert!(sentence.len() > 2, "{code}");
        assert!(!sentence.contains("10.0.0.7"), "no address of the operator's network");
        let mut keys: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
        keys.retain(|key| !matches!(key.as_str(), "code" | "message"));
        let expected: &[&str] = match error {
            ApiError::Invalid(..) => &["errors"],
            ApiError::ConnectionTestFailed { .. } => &["reason", "provider_status"],
            _ => &[],
        };
        assert_eq!(keys, expected, "{code}");
        let with_id = error.document(Some("req-1"));
        assert_eq!(with_id["error"]["request_id"], "req-1");
    }
    assert_eq!(table().len(), 63);
}

#[test]
fn issues_name_their_place_in_the_sentence_and_in_the_list() {
    let error = ApiError::body(Issue::custom(vec!["tags".into(), "0".into()], "does not fit"));
    let body = error.document(None);
    assert_eq!(body["error"]["message"], "The request body is not valid: tags.0: does not fit");
    assert_eq!(
        body["error"]["errors"],
        json!([{ "code": "custom", "message": "does not fit", "path": ["tags", "0"] }])
    );
}

#[test]
fn each_reason_of_a_failed_check_has_its_word_and_its_own_sentence() {
    let mut sentences = std::collections::HashSet::new();
    for (reason, word) in [
        (Reason::Refused, "refused"),
        (Reason::Forbidden, "forbidden"),
        (Reason::Address, "address"),
        (Reason::Unavailable, "unavailable"),
    ] {
        let body = ApiError::ConnectionTestFailed { reason, provider_status: None }.document(None);
        assert_eq!(body["error"]["reason"], word);
        assert!(sentences.insert(body["error"]["message"].as_str().unwrap().to_owned()));
    }
}

#[tokio::test]
async fn causes_inside_the_server_are_not_told() {
    let body = ApiError::internal("a cause that names host db-7").document(Some("r")).to_string();
    assert!(!body.contains("db-7"), "{body}");

    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    server.break_clock();
    let answer = server.call(Method::GET, "/connect/session", Some(&token), None).await;
    assert_eq!(answer.error(), "500 server_error", "a panic is an error like any other");
    assert!(!String::from_utf8_lossy(&answer.bytes).contains(SECRET), "its message is not told");
    assert_eq!(server.get("/health").await.status, 200, "and the server goes on");
}

#[tokio::test]
async fn an_unknown_address_and_an_unknown_method_are_json_too() {
    let server = Harness::new().await;
    for path in ["/nowhere", "/connections/x/y/z", "/api/v1/x", "//", "/index.php?x=1"] {
        assert_eq!(server.get(path).await.error(), "404 not_found", "{path}");
    }
    let answer = server.call(Method::PUT, "/integrations", Some(SECRET), None).await;
    assert_eq!(answer.error(), "405 method_not_allowed");
    let allowed = answer.headers["allow"].to_str().unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
}

#[tokio::test]
async fn a_browser_may_ask_first_at_every_address() {
    let server = Harness::new().await;
    for path in ["/api-auth/api-key/demo", "/connect/session", "/connections", "/nowhere"] {
        let answer = server.call(Method::OPTIONS, path, None, None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{path}");
        assert!(answer.bytes.is_empty());
        assert_eq!(
            answer.headers["access-control-allow-methods"],
            "GET,HEAD,PUT,PATCH,POST,DELETE"
        );
        assert_eq!(answer.headers["access-control-max-age"], "600");
        let headers = answer.headers["access-control-allow-headers"].to_str().unwrap();
        for needed in ["Authorization", "Content-Type", "X-Request-Id"] {
            assert!(headers.contains(needed), "{needed}");
        }
    }
}

#[tokio::test]
async fn the_request_id_of_a_client_is_kept_when_it_is_sane() {
    let server = Harness::new().await;
    let send = async |id: &str| {
        let request =
            Request::get("/nowhere").header("host", "keyslot.test").header("x-request-id", id);
        server.send(request.body("".into()).unwrap()).await
    };
    let answer = send("client-id_42").await;
    assert_eq!(answer.headers["x-request-id"], "client-id_42");
    assert_eq!(answer.json()["error"]["request_id"], "client-id_42");
    for insane in ["short", "with space in it", &"x".repeat(65), "<script>alert(1)</script>"] {
        let id = send(insane).await.headers["x-request-id"].to_str().unwrap().to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok(), "{insane} became {id}");
    }
}

#[tokio::test]
async fn a_request_without_exactly_one_host_is_refused() {
    let server = Harness::new().await;
    let two = Request::get("/health").header("host", "a.test").header("host", "b.test");
    let none = Request::get("/health");
    let other = Request::get("http://a.test/health").header("host", "b.test");
    for request in [two, none, other] {
        let answer = server.send(request.body("".into()).unwrap()).await;
        assert_eq!(answer.error(), "400 invalid_headers");
    }
}

#[tokio::test]
async fn it_answers_under_its_base_path_and_without_it() {
    let server = Harness::at("https://example.test/connect-it/").await;
    for path in ["/connect-it/integrations", "/integrations"] {
        let list = server.get(path).await;
        assert_eq!(list.status, 200, "{path}");
        let logo = list.json()["data"][0]["logo"].as_str().unwrap().to_owned();
        assert!(logo.starts_with("https://example.test/connect-it/images/"), "{logo}");
    }
    for path in ["/connect-it/nowhere", "/connect-itself", "/connect-it/connect-it/integrations"] {
        assert_eq!(server.get(path).await.error(), "404 not_found", "{path}");
    }
    let root = server.call(Method::GET, "/connect-it/", None, None).await;
    assert_eq!(root.headers["location"], "/connect-it/demo/");
    let bare = server.call(Method::GET, "/connect-it", None, None).await;
    assert_eq!(bare.headers["location"], "/connect-it/demo/");
    let put = server.call(Method::PUT, "/connect-it/integrations", Some(SECRET), None).await;
    assert_eq!(put.error(), "405 method_not_allowed");
    let minted = server.post("/connect-it/connect/sessions", user("u1")).await.json();
    let link = minted["data"]["connect_link"].as_str().unwrap();
    assert!(link.starts_with("https://example.test/connect-it/connect/?session_token="), "{link}");
}

#[tokio::test]
async fn a_base_path_that_is_also_an_address_takes_nothing_away() {
    let server = Harness::at("https://example.test/connect").await;
    let token = server.session(user("u1")).await;
    for path in ["/connect/session", "/connect/connect/session"] {
        let shown = server.call(Method::GET, path, Some(&token), None).await;
        assert_eq!(shown.status, 200, "{path}");
    }
    assert_eq!(server.get("/connect/integrations?x=1").await.status, 400, "the query goes along");
}
