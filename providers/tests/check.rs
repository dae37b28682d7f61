//! What a provider's answer to a check means, against a real server under invented names.

mod common;

use std::net::SocketAddr;
use std::sync::Arc;

use common::{Arrived, answer, api, config, door, provider};
use keyslot_providers::{Credential, IntegrationConfig, Provider, Reason, Verification, verify};
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
    verify(&door(to), &fixed(to, ""), &IntegrationConfig::default(), &key, &config([])).await
}

async fn check_templated(text: String, sub: &str) -> Verification {
    let (to, _arrived) = api(move |_, _| text.clone()).await;
    let key = Credential::basic("KEY-1", "X");
    let provider = templated(to, "");
    verify(&door(to), &provider, &IntegrationConfig::default(), &key, &config([("sub", sub)])).await
}

fn failed(reason: Reason, provider_status: impl Into<Option<u16>>) -> Verification {
    Verification::Failed { reason, provider_status: provider_status.into() }
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
    let said = verify(&egress, &provider, &IntegrationConfig::default(), &key, &config([])).await;
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
    let nothing = IntegrationConfig::default();
    let key = Credential::api_key("KEY-1");
    let said = verify(&door(to), &fixed(to, ""), &nothing, &key, &config([])).await;
    assert_eq!(said, failed(Reason::Unavailable, None));
    let basic = Credential::basic("KEY-1", "X");
    let sub = config([("sub", "acme")]);
    let said = verify(&door(to), &templated(to, ""), &nothing, &basic, &sub).await;
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
        let nothing = IntegrationConfig::default();
        let said = verify(&door(to), &provider, &nothing, &key, &config([])).await;
        assert_eq!(said, Verification::Verified { account }, "{body}");
    }
}

#[tokio::test]
async fn a_web_page_where_json_was_expected_is_no_success() {
    let (to, _arrived) = api(|_, _| answer(200, "content-type: text/html\r\n", "<html>")).await;
    let nothing = IntegrationConfig::default();
    let basic = Credential::basic("KEY-1", "X");
    let provider = templated(to, "  identity: /name");
    let said = verify(&door(to), &provider, &nothing, &basic, &config([("sub", "acme")])).await;
    assert_eq!(said, failed(Reason::Address, 200));
    let key = Credential::api_key("KEY-1");
    let provider = fixed(to, "  identity: /name");
    let said = verify(&door(to), &provider, &nothing, &key, &config([])).await;
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
        let nothing = IntegrationConfig::default();
        assert_eq!(verify(&door(to), &provider, &nothing, &key, &config([])).await, said);
        assert_eq!(arrived.try_recv().expect("a").line, "GET /v1/a?key=K%261 HTTP/1.1");
        assert_eq!(arrived.try_recv().expect("b").line, "GET /v1/b?key=K%261 HTTP/1.1");
    }
}

#[tokio::test]
async fn a_provider_without_a_check_is_not_asked() {
    let provider = provider("none:\n  display_name: None\n  auth_mode: API_KEY\n");
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let key = Credential::api_key("KEY-1");
    let nothing = IntegrationConfig::default();
    let said = verify(&door(to), &provider, &nothing, &key, &config([])).await;
    assert_eq!(said, Verification::NoCheck);
    assert!(arrived.try_recv().is_err());
}

#[tokio::test]
async fn a_key_that_no_header_can_carry_is_refused_without_a_request() {
    let (to, mut arrived) = api(|_, _| answer(200, "", "")).await;
    let key = Credential::api_key("KEY\r\nx: y");
    let nothing = IntegrationConfig::default();
    let said = verify(&door(to), &fixed(to, ""), &nothing, &key, &config([])).await;
    assert_eq!(said, failed(Reason::Refused, None));
    assert!(arrived.try_recv().is_err());
}

fn settings(value: Value) -> IntegrationConfig {
    IntegrationConfig::from_json(value.as_object().expect("an object"))
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
    let said = verify(&door(to), &provider, &settings(with(to)), &credential, &values).await;
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

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let catalogue = keyslot_providers::Catalogue::embedded();
    let provider = catalogue.get("private-api-generic").expect("in the catalogue");
    for (value, name) in [
        (json!({ "baseUrl": "ftp://x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://u:p@x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://${apiKey}.x.test" }), "baseUrl"),
        (json!({ "keyPlacement": "body" }), "keyPlacement"),
        (json!({ "keyName": "bad name" }), "keyName"),
        (json!({ "keyName": "x", "valueTemplate": "nothing" }), "valueTemplate"),
        (json!({ "verificationPath": "https://evil.test" }), "verificationPath"),
        (json!({ "verificationPath": "//evil.test" }), "verificationPath"),
        (json!({ "headers": "[1]" }), "headers"),
        (json!({ "headers": { "bad name": "x" } }), "headers"),
        (json!({ "fields": { "bad name": {} } }), "fields"),
        (json!({ "colour": "red" }), "colour"),
    ] {
        let issues = provider.configured(&settings(value.clone())).err().unwrap_or_default();
        let named = issues.iter().any(|issue| issue.path == ["integration_config", name]);
        assert!(named, "{value}: {issues:?}");
    }
}
