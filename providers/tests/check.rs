//! What a provider's answer to a check means, against a real server under invented names.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{Arrived, answer, api, config, door, provider};
use http::{HeaderMap, Method};
use keyslot_egress::Policy;
use keyslot_providers::{
    Call, Credential, Endpoint, IntegrationConfig, Issue, Payload, Provider, Reason, Target,
    Verification, build_request, verify,
};
use serde_json::{Value, json};

/// A provider whose host is fixed.
fn fixed(to: SocketAddr, more: &str) -> Arc<Provider> {
    provider(&format!(
        "fixed:\n  display_name: Fixed\n  auth_mode: API_KEY\n{more}\n  proxy:\n    base_url: \
         http://api.fixed.test:{port}\n    headers: {{authorization: 'Bearer ${{apiKey}}'}}\n    \
         verification: {{endpoints: [/me]}}\n",
        port = to.port(),
    ))
}

/// A provider whose host a user decides.
fn templated(to: SocketAddr, more: &str) -> Arc<Provider> {
    provider(&format!(
        "templated:\n  display_name: Templated\n  auth_mode: BASIC\n{more}\n  connection_config:\n    \
         sub: {{type: string, title: Sub}}\n  proxy:\n    base_url: \
         http://${{connectionConfig.sub}}.desk.test:{port}\n    verification: {{endpoints: [/me]}}\n",
        port = to.port(),
    ))
}

async fn check_fixed(text: String) -> Verification {
    let (to, _arrived) = api(move |_, _| text.clone()).await;
    let key = Credential::api_key("KEY-1");
    verify(&door(to), &fixed(to, ""), &key, &config([])).await
}

async fn check_templated(text: String, sub: &str) -> Verification {
    let (to, _arrived) = api(move |_, _| text.clone()).await;
    let key = Credential::basic("KEY-1", "X");
    let provider = templated(to, "");
    verify(&door(to), &provider, &key, &config([("sub", sub)])).await
}

fn failed(reason: Reason, provider_status: impl Into<Option<u16>>) -> Verification {
    Verification::Failed { reason, provider_status: provider_status.into() }
}

/// Checks a key where `more` of the template is about the check, against this answer.
async fn check_with(more: &str, text: String) -> Verification {
    let (to, _arrived) = api(move |_, _| text.clone()).await;
    let provider = provider(&format!(
        "one:\n  display_name: One\n  auth_mode: API_KEY\n  proxy:\n    base_url: \
         http://api.one.test:{}\n    headers: {{authorization: 'Bearer ${{apiKey}}'}}\n    \
         verification: {{endpoints: [/me], {more}}}\n",
        to.port(),
    ));
    verify(&door(to), &provider, &Credential::api_key("KEY-1"), &config([])).await
}

#[tokio::test]
async fn a_key_that_is_known_but_not_allowed_the_check_counts_where_the_template_knows_its_answer()
{
    let verified = Verification::Verified { account: None };
    let by_status = "recognised: {statuses: 403}";
    let limited = r#"{"name":"restricted_key"}"#;
    let by_name =
        "refused: 403, recognised: {statuses: 401, expect: {/name: [restricted_key, other]}}";
    for (more, status, body, expected) in [
        (by_status, 403, "", verified.clone()),
        (by_status, 401, "", failed(Reason::Refused, 401)),
        (by_status, 200, "{}", verified.clone()),
        (by_name, 401, limited, verified.clone()),
        (by_name, 401, r#"{"name":"missing_key"}"#, failed(Reason::Refused, 401)),
        (by_name, 401, "<html>", failed(Reason::Refused, 401)),
        (by_name, 403, limited, failed(Reason::Refused, 403)),
        (by_name, 400, limited, failed(Reason::Refused, 400)),
    ] {
        let said = check_with(more, answer(status, "", body)).await;
        assert_eq!(said, expected, "{more} {status} {body}");
    }
}

#[tokio::test]
async fn each_status_of_a_fixed_host_has_its_class() {
    use Reason::{Forbidden, Refused, Unavailable};
    for (status, reason) in [
        (400, Refused),
        (401, Refused),
        (402, Forbidden),
        (403, Forbidden),
        (404, Unavailable),
        (405, Unavailable),
        (408, Unavailable),
        (422, Refused),
        (429, Unavailable),
        (451, Forbidden),
        (500, Unavailable),
        (502, Unavailable),
        (503, Unavailable),
    ] {
        assert_eq!(check_fixed(answer(status, "", "{}")).await, failed(reason, status), "{status}");
    }
    for status in [200, 201, 204] {
        let verified = Verification::Verified { account: None };
        assert_eq!(check_fixed(answer(status, "", "")).await, verified, "{status}");
    }
}

#[tokio::test]
async fn where_a_user_decides_the_host_what_is_not_there_is_a_wrong_address() {
    for (status, reason) in [
        (401, Reason::Refused),
        (403, Reason::Forbidden),
        (404, Reason::Address),
        (410, Reason::Address),
        (429, Reason::Unavailable),
        (500, Reason::Unavailable),
    ] {
        let said = check_templated(answer(status, "", ""), "acme").await;
        assert_eq!(said, failed(reason, status), "{status}");
    }
    // No such name; a name whose address is not public; not a name.
    for sub in ["nowhere", "private", "evil.test/"] {
        let said = check_templated(answer(200, "", ""), sub).await;
        assert_eq!(said, failed(Reason::Address, None), "{sub}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed_and_say_where_the_api_is_not() {
    let to = |location: &str| answer(302, &format!("location: {location}\r\n"), "");
    for (location, reason) in [
        ("https://www.desk.test/", Reason::Address),
        ("https://evil.test/login", Reason::Address),
        ("//evil.test/login", Reason::Address),
        ("/login?next=/me", Reason::Refused),
        ("http://acme.desk.test/users/sign_in", Reason::Refused),
    ] {
        let said = check_templated(to(location), "acme").await;
        assert_eq!(said, failed(reason, 302), "{location}");
    }
    assert_eq!(check_fixed(to("https://evil.test/")).await, failed(Reason::Unavailable, 302));
}

#[tokio::test]
async fn a_redirect_carries_the_credential_nowhere() {
    let (other, mut others) = api(|_, _| answer(200, "", "{}")).await;
    let location = format!("location: http://evil.test:{}/\r\n", other.port());
    let (to, mut arrived) = api(move |_, _| answer(307, &location, "")).await;
    let egress = keyslot_egress::Egress::builder(
        keyslot_egress::Policy::default().allow_socket(to).allow_socket(other),
    )
    .build();
    let provider = provider(&format!(
        "here:\n  display_name: Here\n  auth_mode: API_KEY\n  proxy:\n    base_url: http://{to}\n    \
         headers: {{authorization: 'Bearer ${{apiKey}}'}}\n    verification: {{endpoints: [/me]}}\n"
    ));
    let key = Credential::api_key("KEY-1");
    let said = verify(&egress, &provider, &key, &config([])).await;
    assert_eq!(said, failed(Reason::Unavailable, 307));
    let asked = arrived.try_recv().expect("one request");
    assert_eq!(asked.header("authorization"), Some("Bearer KEY-1"));
    assert!(others.try_recv().is_err(), "the redirect was followed");
}

#[tokio::test]
async fn broken_connections_and_refused_ones_are_told_apart_by_who_chose_the_host() {
    // Nothing but the start of an answer.
    let cut = "HTTP/1.1 200 OK\r\ncontent-le".to_owned();
    assert_eq!(check_fixed(cut.clone()).await, failed(Reason::Unavailable, None));
    assert_eq!(check_templated(cut, "acme").await, failed(Reason::Unavailable, None));

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let to = listener.local_addr().expect("bound");
    drop(listener);
    let key = Credential::api_key("KEY-1");
    let said = verify(&door(to), &fixed(to, ""), &key, &config([])).await;
    assert_eq!(said, failed(Reason::Unavailable, None));
    let basic = Credential::basic("KEY-1", "X");
    let sub = config([("sub", "acme")]);
    let said = verify(&door(to), &templated(to, ""), &basic, &sub).await;
    assert_eq!(said, failed(Reason::Address, None));
}

#[tokio::test]
async fn the_account_is_named_by_the_first_pointer_that_finds_something() {
    let long = "x".repeat(500);
    for (body, account) in [
        (
            json!({ "user": { "email": "a@example.test", "id": 7 } }),
            Some("a@example.test".to_owned()),
        ),
        (json!({ "user": { "id": 7 } }), Some("7".to_owned())),
        (json!({ "user": { "email": "", "id": 7 } }), Some("7".to_owned())),
        (json!({ "user": { "email": " a\u{7}b\n" } }), Some("ab".to_owned())),
        (json!({ "user": { "email": long } }), Some("x".repeat(200))),
        (json!({ "other": true }), None),
        (json!([]), None),
    ] {
        let text = answer(200, "", &body.to_string());
        let (to, _arrived) = api(move |_, _| text.clone()).await;
        let key = Credential::api_key("KEY-1");
        let provider = fixed(to, "  identity: [/user/email, /user/id]");
        let said = verify(&door(to), &provider, &key, &config([])).await;
        assert_eq!(said, Verification::Verified { account }, "{body}");
    }
}

#[tokio::test]
async fn a_web_page_where_json_was_expected_is_no_success() {
    let (to, _arrived) = api(|_, _| answer(200, "content-type: text/html\r\n", "<html>")).await;
    let basic = Credential::basic("KEY-1", "X");
    let provider = templated(to, "  identity: /name");
    let said = verify(&door(to), &provider, &basic, &config([("sub", "acme")])).await;
    assert_eq!(said, failed(Reason::Address, 200));
    let key = Credential::api_key("KEY-1");
    let provider = fixed(to, "  identity: /name");
    let said = verify(&door(to), &provider, &key, &config([])).await;
    assert_eq!(said, failed(Reason::Unavailable, 200));
}

#[tokio::test]
async fn of_several_endpoints_the_first_success_counts() {
    for (statuses, said) in [
        ([403, 200], Verification::Verified { account: None }),
        ([401, 403], failed(Reason::Forbidden, 403)),
        ([401, 500], failed(Reason::Unavailable, 500)),
        ([401, 401], failed(Reason::Refused, 401)),
    ] {
        let (to, mut arrived) = api(move |turn, _| answer(statuses[turn], "", "")).await;
        let provider = provider(&format!(
            "two:\n  display_name: Two\n  auth_mode: API_KEY\n  proxy:\n    base_url: \
             http://two.test:{}/v1\n    query: {{key: '${{apiKey}}'}}\n    verification: \
             {{endpoints: [/a, /b]}}\n",
            to.port()
        ));
        let key = Credential::api_key("K&1");
        assert_eq!(verify(&door(to), &provider, &key, &config([])).await, said);
        assert_eq!(arrived.try_recv().expect("a").line, "GET /v1/a?key=K%261 HTTP/1.1");
        assert_eq!(arrived.try_recv().expect("b").line, "GET /v1/b?key=K%261 HTTP/1.1");
    }
}

#[tokio::test]
async fn a_provider_without_a_check_is_not_asked() {
    let provider = provider("none:\n  display_name: None\n  auth_mode: API_KEY\n");
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let key = Credential::api_key("KEY-1");
    let said = verify(&door(to), &provider, &key, &config([])).await;
    assert_eq!(said, Verification::NoCheck);
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_without_a_request() {
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let key = Credential::api_key("KEY\r\nx: y");
    let said = verify(&door(to), &fixed(to, ""), &key, &config([])).await;
    assert_eq!(said, failed(Reason::Refused, None));
    assert!(arrived.try_recv().is_err());
}

fn settings(value: Value) -> IntegrationConfig {
    read(&value).expect("settings that can be used")
}

fn read(value: &Value) -> Result<IntegrationConfig, Vec<Issue>> {
    IntegrationConfig::from_json(value.as_object().expect("an object"))
}

/// The paths of what is wrong with settings, below `integration_config`.
fn faults(provider: &Arc<Provider>, value: &Value) -> Vec<String> {
    let issues = match read(value) {
        Ok(settings) => provider.accept(&settings, &Policy::default()).err().unwrap_or_default(),
        Err(issues) => issues,
    };
    issues
        .into_iter()
        .map(|issue| {
            assert_eq!(issue.path.first().map(String::as_str), Some("integration_config"));
            assert!(issue.message.ends_with('.'), "a sentence: {}", issue.message);
            issue.path.get(1..).unwrap_or_default().join(".")
        })
        .collect()
}

/// Checks a credential with a generic provider of the catalogue, and gives the request. The
/// server is opened as an operator opens a range, since an integration's plain HTTP goes no further.
async fn generic(
    name: &str,
    credential: Credential,
    with: impl FnOnce(SocketAddr) -> Value,
    values: keyslot_providers::ConnectionConfig,
) -> (Verification, Arrived) {
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let catalogue = keyslot_providers::Catalogue::embedded();
    let provider = Arc::clone(catalogue.get(name).expect("in the catalogue"));
    let provider = provider.configured(&settings(with(to))).expect("settings that fit");
    let said = verify(&door(to), &provider, &credential, &values).await;
    (said, arrived.try_recv().expect("a request"))
}

#[tokio::test]
async fn the_generic_providers_ask_the_integrations_own_api() {
    let verified = Verification::Verified { account: None };
    let (said, asked) = generic(
        "private-api-bearer",
        Credential::api_key("KEY-1"),
        |to| json!({ "baseUrl": format!("http://{to}/v1/"), "verificationPath": "/me?x=1" }),
        config([]),
    )
    .await;
    assert_eq!(said, verified);
    assert_eq!(asked.line, "GET /v1/me?x=1 HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer KEY-1"));

    let (said, asked) = generic(
        "private-api-generic",
        Credential::api_key("KEY-1"),
        |to| {
            json!({
                "baseUrl": format!("http://{to}"), "verificationPath": "/me",
                "keyPlacement": "header", "keyName": "X-Own-Key", "valueTemplate": "Token ${apiKey}",
                "headers": { "x-version": "2" },
            })
        },
        config([]),
    )
    .await;
    assert_eq!(said, verified);
    assert_eq!(asked.header("x-own-key"), Some("Token KEY-1"));
    assert_eq!(asked.header("x-version"), Some("2"));
    assert_eq!(asked.header("authorization"), None);

    let (said, asked) = generic(
        "private-api-generic",
        Credential::api_key("K 1"),
        |to| {
            json!({
                "baseUrl": format!("http://{to}/${{connectionConfig.team}}"),
                "verificationPath": "/me", "keyPlacement": "query", "keyName": "api_key",
                "fields": "{\"team\":{\"type\":\"string\",\"title\":\"Team\"}}",
            })
        },
        config([("team", "a/b")]),
    )
    .await;
    assert_eq!(said, verified);
    assert_eq!(asked.line, "GET /a%2Fb/me?api_key=K+1 HTTP/1.1");

    let (said, asked) = generic(
        "private-api-basic",
        Credential::basic("user", ""),
        |to| json!({ "baseUrl": format!("http://{to}"), "verificationPath": "/me" }),
        config([]),
    )
    .await;
    assert_eq!(said, verified);
    assert_eq!(asked.header("authorization"), Some("Basic dXNlcjo="));
}

#[tokio::test]
async fn a_verification_is_what_the_integration_says_it_is() {
    let (said, asked) = generic(
        "private-api-generic",
        Credential::api_key("KEY-1"),
        |to| {
            json!({
                "baseUrl": format!("http://{to}/v1"), "keyName": "X-Key",
                "verificationPath": "/graphql", "verificationMethod": "post",
                "verificationBody": "{\"query\":\"{ viewer { id } }\"}",
            })
        },
        config([]),
    )
    .await;
    assert_eq!(said, Verification::Verified { account: None });
    assert_eq!(asked.line, "POST /v1/graphql HTTP/1.1");
    assert_eq!(asked.body, r#"{"query":"{ viewer { id } }"}"#);
}

#[tokio::test]
async fn only_the_expected_statuses_count() {
    let catalogue = keyslot_providers::Catalogue::embedded();
    let provider = catalogue.get("private-api-bearer").expect("in the catalogue");
    let verified = Verification::Verified { account: None };
    for (expected, answered, outcome) in [
        (json!(""), 204, verified.clone()),
        (json!("200, 204"), 204, verified.clone()),
        (json!([200, "204"]), 204, verified.clone()),
        (json!(404), 404, verified.clone()),
        (json!("302"), 302, verified.clone()),
        (json!("3xx"), 307, verified.clone()),
        (json!("204"), 200, failed(Reason::Refused, Some(200))),
        (json!("204-206"), 401, failed(Reason::Refused, Some(401))),
        (json!("204"), 403, failed(Reason::Forbidden, Some(403))),
        (json!("204"), 503, failed(Reason::Unavailable, Some(503))),
        (json!("204"), 302, failed(Reason::Unavailable, Some(302))),
    ] {
        let (to, _arrived) = api(move |_, _| answer(answered, "", "")).await;
        let integration = settings(json!({
            "baseUrl": format!("http://{to}"), "verificationPath": "/me",
            "verificationStatuses": expected,
        }));
        let provider = provider.configured(&integration).expect("settings that fit");
        let key = Credential::api_key("KEY-1");
        let said = verify(&door(to), &provider, &key, &config([])).await;
        assert_eq!(said, outcome, "{expected} and {answered}");
    }
}

#[tokio::test]
async fn what_a_template_calls_refused_is_no_other_class() {
    for (answered, reason) in [
        (403, Reason::Refused),
        (404, Reason::Refused),
        (503, Reason::Refused),
        (302, Reason::Refused),
        (401, Reason::Refused),
        (402, Reason::Forbidden),
        (405, Reason::Unavailable),
        (500, Reason::Unavailable),
    ] {
        let (to, _arrived) = api(move |_, _| answer(answered, "", "{}")).await;
        let provider = provider(&format!(
            "odd:\n  display_name: Odd\n  auth_mode: API_KEY\n  proxy:\n    base_url: \
             http://odd.test:{}\n    verification: {{endpoints: [/me], statuses: 201, refused: \
             [403-404, 503, 302]}}\n",
            to.port()
        ));
        let key = Credential::api_key("KEY-1");
        let said = verify(&door(to), &provider, &key, &config([])).await;
        assert_eq!(said, failed(reason, answered), "{answered}");
    }
    // What a template says of 404 holds where it would be a wrong address, too.
    let (to, _arrived) = api(|_, _| answer(404, "", "")).await;
    let templated = provider(&format!(
        "odd:\n  display_name: Odd\n  auth_mode: API_KEY\n  connection_config:\n    sub: {{type: \
         string, title: Sub}}\n  proxy:\n    base_url: http://${{connectionConfig.sub}}.desk.test:{}\n    \
         verification: {{endpoints: [/me], refused: 404}}\n",
        to.port()
    ));
    let key = Credential::api_key("KEY-1");
    let said = verify(&door(to), &templated, &key, &config([("sub", "acme")])).await;
    assert_eq!(said, failed(Reason::Refused, 404));
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let catalogue = keyslot_providers::Catalogue::embedded();
    let provider = catalogue.get("private-api-generic").expect("in the catalogue");
    let many: serde_json::Map<String, Value> =
        (0..21).map(|n| (format!("f{n}"), json!({ "title": "F" }))).collect();
    for (value, name) in [
        (json!({ "baseUrl": "ftp://x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://u:p@x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://${apiKey}.x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://${connectionConfig.team}.x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://x.test?a=1" }), "baseUrl"),
        (json!({ "baseUrl": "http://x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://127.0.0.1" }), "baseUrl"),
        (json!({ "baseUrl": "https://[::1]/" }), "baseUrl"),
        (json!({ "baseUrl": "https://0x7f.1" }), "baseUrl"),
        (json!({ "baseUrl": "https://localhost" }), "baseUrl"),
        (json!({ "baseUrl": "https://169.254.169.254/latest" }), "baseUrl"),
        (json!({ "baseUrl": 5 }), "baseUrl"),
        (json!({ "baseUrl": "x".repeat(8193) }), "baseUrl"),
        (json!({ "keyPlacement": "body" }), "keyPlacement"),
        (json!({ "keyPlacement": "query" }), "keyName"),
        (json!({ "valueTemplate": "Token ${apiKey}" }), "keyName"),
        (json!({ "keyName": "bad name" }), "keyName"),
        (json!({ "keyName": "Host" }), "keyName"),
        (json!({ "keyName": "content-length" }), "keyName"),
        (json!({ "keyName": "x", "valueTemplate": "nothing" }), "valueTemplate"),
        (json!({ "keyName": "x", "valueTemplate": "${apiKey}${nope}" }), "valueTemplate"),
        (
            json!({ "keyName": "x", "valueTemplate": "${apiKey}:${connectionConfig.no}" }),
            "valueTemplate",
        ),
        (json!({ "keyLabel": "x".repeat(256) }), "keyLabel"),
        (json!({ "keyLabel": "a\nb" }), "keyLabel"),
        (json!({ "usernameLabel": "Client" }), "usernameLabel"),
        (json!({ "verificationPath": "/me", "keyName": "x" }), "baseUrl"),
        (json!({ "verificationPath": "/me", "baseUrl": "https://x.test" }), "keyName"),
        (json!({ "verificationPath": "https://evil.test" }), "verificationPath"),
        (json!({ "verificationPath": "//evil.test" }), "verificationPath"),
        (json!({ "verificationPath": "/a b" }), "verificationPath"),
        (json!({ "verificationPath": "/a#b" }), "verificationPath"),
        (json!({ "verificationStatuses": "200" }), "verificationPath"),
        (json!({ "verificationMethod": "PUT" }), "verificationMethod"),
        (
            json!({ "verificationPath": "/me", "verificationStatuses": "ok" }),
            "verificationStatuses",
        ),
        (
            json!({ "verificationPath": "/me", "verificationStatuses": "4xx" }),
            "verificationStatuses",
        ),
        (
            json!({ "verificationPath": "/me", "verificationStatuses": [500] }),
            "verificationStatuses",
        ),
        (json!({ "verificationPath": "/me", "verificationStatuses": {} }), "verificationStatuses"),
        (json!({ "verificationPath": "/me", "verificationBody": "{}" }), "verificationBody"),
        (
            json!({ "verificationPath": "/me", "verificationMethod": "POST", "verificationBody": "{" }),
            "verificationBody",
        ),
        (json!({ "headers": "[1]" }), "headers"),
        (json!({ "headers": "{" }), "headers"),
        (json!({ "headers": { "bad name": "x" } }), "headers.bad name"),
        (json!({ "headers": { "x": 1 } }), "headers.x"),
        (json!({ "headers": { "x": "é" } }), "headers.x"),
        (json!({ "headers": { "x": "${nope}" } }), "headers.x"),
        (json!({ "headers": { "x": "${connectionConfig.no}" } }), "headers.x"),
        (json!({ "headers": { "Transfer-Encoding": "chunked" } }), "headers.Transfer-Encoding"),
        (json!({ "fields": { "bad name": {} } }), "fields.bad name"),
        (json!({ "fields": { "a": "text" } }), "fields.a"),
        (json!({ "fields": { "a": { "titel": "A" } } }), "fields.a"),
        (json!({ "fields": { "a": { "type": "number" } } }), "fields.a"),
        (json!({ "fields": { "a": { "format": "colour" } } }), "fields.a"),
        (json!({ "fields": { "a": { "pattern": "(" } } }), "fields.a"),
        (json!({ "fields": many }), "fields"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let found = faults(provider, &value);
        assert!(found.iter().any(|path| path == name), "{value}: {found:?}");
    }
    let basic = catalogue.get("private-api-basic").expect("in the catalogue");
    assert_eq!(faults(basic, &json!({ "keyName": "x" })), ["keyName"]);
}

#[test]
fn settings_read_back_as_they_were_written() {
    let all = json!({
        "baseUrl": "https://${connectionConfig.team}.x.test/v1",
        "keyPlacement": "header",
        "keyName": "X-Key",
        "valueTemplate": "Token ${apiKey}",
        "keyLabel": "Access token",
        "headers": { "x-team": "${connectionConfig.team}" },
        "fields": { "team": { "type": "string", "title": "Team", "suffix": ".x.test" } },
        "verificationPath": "/me",
        "verificationMethod": "POST",
        "verificationStatuses": "200, 204-206, 3xx",
        "verificationBody": { "query": "{ me }" },
    });
    let config = settings(all.clone());
    assert_eq!(Value::Object(config.to_json()), all);
    assert_eq!(settings(Value::Object(config.to_json())), config);
    let texts = settings(json!({
        "headers": "{\"X-Team\":\"a\"}", "fields": " ", "keyLabel": "", "baseUrl": null,
        "verificationMethod": "GET",
    }));
    assert_eq!(Value::Object(texts.to_json()), json!({ "headers": { "x-team": "a" } }));
    assert!(!format!("{config:?}").contains("x.test"), "names only: {config:?}");

    let catalogue = keyslot_providers::Catalogue::embedded();
    let generic = catalogue.get("private-api-generic").expect("in the catalogue");
    let form = generic.accept(&config, &Policy::default()).expect("settings that fit");
    assert_eq!(form.form_template()["credentials"]["apiKey"]["title"], "Access token");
    assert_eq!(form.form_template()["connection_config"]["team"]["title"], "Team");
    assert_eq!(form.address_fields(), ["team"], "and so under the host lock");

    let basic = catalogue.get("private-api-basic").expect("in the catalogue");
    let labels = settings(json!({ "usernameLabel": "Client ID", "passwordLabel": "Secret" }));
    let form =
        basic.accept(&labels, &Policy::default()).expect("settings that fit").form_template();
    assert_eq!(form["credentials"]["username"]["title"], "Client ID");
    assert_eq!(form["credentials"]["password"]["title"], "Secret");
}

#[test]
fn the_host_lock_holds_for_what_an_integration_adds() {
    let catalogue = keyslot_providers::Catalogue::embedded();
    let generic = catalogue.get("private-api-generic").expect("in the catalogue");
    let config_of = |base: &str| {
        settings(
            json!({ "baseUrl": base, "keyName": "x", "fields": { "team": { "title": "Team" } } }),
        )
    };
    let policy = Policy::default();
    let credential = Credential::api_key("KEY-1");
    for base in
        ["https://${connectionConfig.team}.x.test", "https://x.test/${connectionConfig.team}"]
    {
        let mut built = 0;
        let provider = generic.accept(&config_of(base), &policy).expect("settings that fit");
        for payload in [
            "evil.test/",
            "x@evil.test#",
            "evil.test\\",
            "a?b",
            "..",
            "a/../../b",
            "%2e%2e",
            "acme",
            "a.b",
        ] {
            let values = config([("team", payload)]);
            let target = Target {
                provider: &provider,
                credential: &credential,
                config: &values,
                policy: &policy,
            };
            let call = Call {
                method: Method::GET,
                endpoint: Endpoint::Literal("/me"),
                base: None,
                headers: HeaderMap::new(),
                payload: Payload::Empty,
            };
            if let Ok(prepared) = build_request(target, call) {
                built += 1;
                let host = prepared.request.uri().host().unwrap_or_default();
                assert!(
                    host == "x.test" || host.ends_with(".x.test"),
                    "{base} with {payload}: {host}"
                );
            }
        }
        assert!(built > 0, "{base}: nothing was tried");
    }
}
