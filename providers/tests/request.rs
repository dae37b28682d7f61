//! Where things go in a request: header, query, body and path; whose value wins; what is left out.

mod common;

use std::sync::Arc;

use common::{config, provider};
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use keyslot_egress::{Cleartext, Policy};
use keyslot_providers::base_url::Base;
use keyslot_providers::{
    Call, ConnectionConfig, Credential, Endpoint, Payload, Prepared, Provider, RequestError,
    Target, build_request,
};
use serde_json::{Value, json};

fn with(proxy: &str) -> Arc<Provider> {
    provider(&format!(
        "one:\n  display_name: One\n  auth_mode: API_KEY\n  connection_config:\n    version: {{type: \
         string, optional: true}}\n    team: {{type: string, default_value: main}}\n  proxy:\n    \
         base_url: https://one.test/api\n{proxy}"
    ))
}

fn call(endpoint: &str) -> Call<'_> {
    Call {
        method: Method::GET,
        endpoint: Endpoint::Literal(endpoint),
        base: None,
        headers: HeaderMap::new(),
        payload: Payload::Empty,
    }
}

fn build(
    provider: &Provider,
    config: &ConnectionConfig,
    call: Call<'_>,
) -> Result<Prepared, RequestError> {
    let credential = match provider.auth_mode {
        keyslot_providers::AuthMode::ApiKey => Credential::api_key("K/1 ä&"),
        keyslot_providers::AuthMode::Basic => Credential::basic("us er", "pä:ss"),
    };
    let policy = Policy::default();
    build_request(Target { provider, credential: &credential, config, policy: &policy }, call)
}

fn ascii(provider: &Provider, config: &ConnectionConfig, call: Call<'_>) -> Prepared {
    let credential = Credential::api_key("KEY-1");
    let policy = Policy::default();
    build_request(Target { provider, credential: &credential, config, policy: &policy }, call)
        .expect("a request")
}

fn header<'a>(prepared: &'a Prepared, name: &str) -> Option<&'a str> {
    prepared.request.headers().get(name).map(|value| value.to_str().expect("text"))
}

async fn body(prepared: Prepared) -> String {
    let bytes = prepared.request.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn headers_come_from_the_template_and_leave_out_what_an_optional_field_did_not_give() {
    let provider = with(
        "    headers:
      authorization: 'Token token=${apiKey}'
      x-version: ${connectionConfig.version}
      x-team: 'team ${connectionConfig.team}'
      x-default: ${connectionConfig.version} || 2022-11-28
      x-inner: ${connectionConfig.version || 'none'}
      x-fixed: a || b
      x-packed: ${base64(${apiKey}:${connectionConfig.team})}
",
    );
    let request = ascii(&provider, &config([]), call("/x"));
    assert_eq!(header(&request, "authorization"), Some("Token token=KEY-1"));
    assert_eq!(header(&request, "x-version"), None);
    assert_eq!(header(&request, "x-team"), Some("team main"));
    assert_eq!(header(&request, "x-default"), Some("2022-11-28"));
    assert_eq!(header(&request, "x-inner"), Some("none"));
    assert_eq!(header(&request, "x-fixed"), Some("a || b"));
    assert_eq!(header(&request, "x-packed"), Some("S0VZLTE6bWFpbg=="));
    assert!(header(&request, "user-agent").expect("one").starts_with("Keyslot/"));

    let given = config([("version", "3"), ("team", "")]);
    let request = ascii(&provider, &given, call("/x"));
    assert_eq!(header(&request, "x-version"), Some("3"));
    assert_eq!(header(&request, "x-default"), Some("3"));
    assert_eq!(header(&request, "x-inner"), Some("3"));
    assert_eq!(header(&request, "x-team"), None, "a field that was emptied has no value");
}

#[test]
fn values_that_hold_secrets_are_marked_so_that_no_log_prints_them() {
    let provider = with("    headers: {authorization: 'Bearer ${apiKey}', x-fixed: '1'}\n");
    let request = ascii(&provider, &config([]), call("/x"));
    assert!(request.request.headers()["authorization"].is_sensitive());
    assert!(!request.request.headers()["x-fixed"].is_sensitive());
    assert!(!format!("{:?}", request.request.headers()).contains("KEY-1"));
}

#[test]
fn time_and_randomness_are_the_same_throughout_a_request() {
    let provider = with(
        "    headers: {x-now: '${now}', x-seconds: '${now:X}', x-millis: '${now:x}', x-a: '${random}', \
         x-b: '${random}'}\n",
    );
    let request = ascii(&provider, &config([]), call("/x"));
    let now: jiff::Timestamp = header(&request, "x-now").expect("now").parse().expect("RFC 3339");
    assert_eq!(header(&request, "x-seconds"), Some(&*now.as_second().to_string()));
    assert_eq!(header(&request, "x-millis"), Some(&*now.as_millisecond().to_string()));
    assert_eq!(header(&request, "x-a"), header(&request, "x-b"));
    let other = ascii(&provider, &config([]), call("/x"));
    assert_ne!(header(&request, "x-a"), header(&other, "x-a"));
}

#[test]
fn times_and_digests_are_filled_once() {
    let provider = with(
        "    headers:
      x-date: '${now:YYYY-MM-DDTHH:mm:ss}'
      x-expires: '${now+1:minutes:X}'
      x-hex: '${sha256Hex(${apiKey})}'
      x-digest: 'sha-256=:${sha256Base64(${apiKey}:${connectionConfig.team})}:'
      x-nested: '${sha256Hex(${base64(${apiKey})})}'
",
    );
    let request = ascii(&provider, &config([("team", "${now} || ${apiKey}")]), call("/x"));
    let now = jiff::Timestamp::now().as_second();
    let expires: i64 = header(&request, "x-expires").expect("one").parse().expect("seconds");
    assert!((now + 50..=now + 61).contains(&expires), "{expires} at {now}");
    let date = header(&request, "x-date").expect("one");
    assert!(date.len() == 19 && date.starts_with("20"), "{date}");
    // printf '…' | openssl dgst -sha256
    assert_eq!(
        header(&request, "x-hex"),
        Some("46dfa818ddf64ecd1143515c0ab186d1eb0d78c6a5547304a2957a4035ec0abb")
    );
    // What a value holds is no placeholder: it is hashed as it stands.
    assert_eq!(
        header(&request, "x-digest"),
        Some("sha-256=:VqiJss6axE0a8Vavuv6NFGCCHv8/9SvJs3gp1RQ+xI8=:")
    );
    assert_eq!(
        header(&request, "x-nested"),
        Some("6da63d261d74ed969ef001c312250f80ae04582d68f6b6503a654031dddd27a5")
    );
}

#[tokio::test]
async fn what_a_template_s_body_has_empty_stays_and_what_lacks_a_value_goes() {
    let provider = with(
        "    body:
      key: '${apiKey}'
      capabilities: {}
      query: {match_all: {}}
      list: []
      nothing: null
      gone: {version: '${connectionConfig.version}'}
      items: [{}, '${connectionConfig.version}', 1]
",
    );
    let request = ascii(&provider, &config([]), Call { method: Method::POST, ..call("/x") });
    assert_eq!(
        serde_json::from_str::<Value>(&body(request).await).expect("JSON"),
        json!({
            "key": "KEY-1", "capabilities": {}, "query": {"match_all": {}}, "list": [],
            "nothing": null, "items": [{}, 1],
        })
    );
}

#[test]
fn basic_credentials_travel_as_rfc_7617_says_unless_the_template_has_its_own_header() {
    let plain = provider(
        "one: {display_name: One, auth_mode: BASIC, proxy: {base_url: 'https://one.test'}}",
    );
    let request = build(&plain, &config([]), call("/x")).expect("a request");
    // `us er:pä:ss` in UTF-8.
    assert_eq!(header(&request, "authorization"), Some("Basic dXMgZXI6cMOkOnNz"));
    let own = provider(
        "one: {display_name: One, auth_mode: BASIC, proxy: {base_url: 'https://one.test', headers: \
         {authorization: 'Basic ${base64(${username}/token:${credentials.password})}'}}}",
    );
    let request = build(&own, &config([]), call("/x")).expect("a request");
    assert_eq!(header(&request, "authorization"), Some("Basic dXMgZXIvdG9rZW46cMOkOnNz"));
}

#[test]
fn query_parameters_are_encoded_and_win_over_the_callers() {
    let provider = with("    query: {api_key: '${apiKey}', v: '${connectionConfig.version}'}\n");
    let request = build(&provider, &config([]), call("/x?b=1%2F2&api_key=mine&c=a+b&api%5Fkey=2"))
        .expect("one");
    assert_eq!(
        request.request.uri(),
        "https://one.test/api/x?b=1%2F2&c=a+b&api_key=K%2F1+%C3%A4%26"
    );
    let request = build(&provider, &config([("version", "2")]), call("/x")).expect("a request");
    assert_eq!(request.request.uri(), "https://one.test/api/x?api_key=K%2F1+%C3%A4%26&v=2");
    let none = with("");
    let request = build(&none, &config([]), call("x/?a=%20&b")).expect("a request");
    assert_eq!(request.request.uri(), "https://one.test/api/x/?a=%20&b");
}

#[test]
fn values_in_a_path_or_query_of_the_template_are_percent_encoded() {
    let provider = common::shape("shape-path");
    let check = provider.check.as_ref().expect("a check");
    let credential = Credential::api_key("KEY-1");
    let policy = Policy::default();
    let config = config([("account", "a/b ?&#ä%")]);
    let target =
        Target { provider: &provider, credential: &credential, config: &config, policy: &policy };
    let call = Call { endpoint: Endpoint::Template(&check.endpoints[0]), ..call("") };
    let request = build_request(target, call).expect("a request");
    assert_eq!(
        request.request.uri(),
        "https://api.path.test/accounts/a%2Fb%20%3F&%23%C3%A4%25/v1/users/a%2Fb%20%3F&%23%C3%A4%25\
         ?account=a%2Fb%20%3F%26%23%C3%A4%25&x=1"
    );
}

#[test]
fn a_key_in_the_path_is_part_of_every_request() {
    let provider = common::shape("shape-key-in-path");
    let credential = Credential::api_key("123:AB-c_d");
    let (policy, config) = (Policy::default(), config([]));
    let target =
        Target { provider: &provider, credential: &credential, config: &config, policy: &policy };
    let request = build_request(target, call("/getMe")).expect("a request");
    assert_eq!(request.request.uri(), "https://api.path.test/bot123:AB-c_d/getMe");
    for key in ["../x", "a/../../x", "a\nb"] {
        let credential = Credential::api_key(key);
        let target = Target { credential: &credential, ..target };
        match build_request(target, call("/getMe")) {
            Ok(request) => {
                let path = request.request.uri().path();
                assert!(path.starts_with("/bot") && path.ends_with("/getMe"), "{path}");
                assert_eq!(path.matches('/').count(), 2, "{path}");
            }
            Err(error) => assert!(matches!(error, RequestError::Address(_)), "{error}"),
        }
    }
}

#[tokio::test]
async fn a_body_template_is_merged_into_what_is_sent() {
    let provider = with(
        "    body: {key: '${apiKey}', meta: {team: '${connectionConfig.team}', version: \
         '${connectionConfig.version}'}, empty: {version: '${connectionConfig.version}'}}\n",
    );
    let added = json!({ "key": "KEY-1", "meta": { "team": "main" } });
    let post = |payload| Call { method: Method::POST, payload, ..call("/x") };

    let request = ascii(&provider, &config([]), post(Payload::Empty));
    assert_eq!(header(&request, "content-type"), Some("application/json"));
    assert_eq!(serde_json::from_str::<Value>(&body(request).await).expect("JSON"), added);

    let mine = json!({ "key": "mine", "x": 1, "meta": { "y": 2 } });
    let merged = json!({ "key": "KEY-1", "x": 1, "meta": { "y": 2, "team": "main" } });
    let request = ascii(&provider, &config([]), post(Payload::Json(mine.clone())));
    assert_eq!(serde_json::from_str::<Value>(&body(request).await).expect("JSON"), merged);
    let request = ascii(&provider, &config([]), post(Payload::Bytes(mine.to_string().into())));
    assert_eq!(serde_json::from_str::<Value>(&body(request).await).expect("JSON"), merged);

    let mut form = post(Payload::Bytes("a=1%2B&key=mine".into()));
    form.headers
        .insert("content-type", "application/x-www-form-urlencoded".parse().expect("a value"));
    let request = ascii(&provider, &config([]), form);
    assert!(body(request).await.starts_with("a=1%2B&key=KEY-1"));

    let mut xml = post(Payload::Bytes("<x/>".into()));
    xml.headers.insert("content-type", "application/xml".parse().expect("a value"));
    assert_eq!(body(ascii(&provider, &config([]), xml)).await, "<x/>");

    // A GET has no body to add to.
    assert_eq!(body(ascii(&provider, &config([]), call("/x"))).await, "");
    assert!(provider.rewrites_body(&Method::POST) && !provider.rewrites_body(&Method::GET));

    let policy = Policy::default();
    let (credential, config) = (Credential::api_key("KEY-1"), config([]));
    let target =
        Target { provider: &provider, credential: &credential, config: &config, policy: &policy };
    let error = build_request(target, post(Payload::Bytes("{".into()))).err();
    assert_eq!(error, Some(RequestError::Body("JSON")));
}

#[test]
fn a_callers_headers_win_except_over_the_templates_user_agent() {
    let provider =
        with("    headers: {authorization: 'Bearer ${apiKey}', user-agent: fixed, x-a: '1'}\n");
    let mut mine = call("/x");
    for (name, value) in
        [("authorization", "Bearer mine"), ("user-agent", "mine"), ("x-b", "2"), ("x-b", "3")]
    {
        mine.headers.append(name, value.parse().expect("a value"));
    }
    let request = ascii(&provider, &config([]), mine);
    assert_eq!(header(&request, "authorization"), Some("Bearer mine"));
    assert_eq!(header(&request, "user-agent"), Some("fixed"));
    assert_eq!(header(&request, "x-a"), Some("1"));
    let all: Vec<_> = request.request.headers().get_all("x-b").iter().collect();
    assert_eq!(all, ["2", "3"]);
}

#[test]
fn a_callers_path_stays_below_the_base() {
    let provider = with("");
    for (endpoint, url) in [
        ("", "https://one.test/api"),
        ("/", "https://one.test/api"),
        ("?x=1", "https://one.test/api?x=1"),
        ("//evil.test/x", "https://one.test/api/evil.test/x"),
        ("@evil.test", "https://one.test/api/@evil.test"),
        (":443@evil.test", "https://one.test/api/:443@evil.test"),
        ("https://evil.test/", "https://one.test/api/https://evil.test/"),
        ("\\\\evil.test", "https://one.test/api///evil.test"),
        ("a%2Fb", "https://one.test/api/a%2Fb"),
        ("a?x=../..", "https://one.test/api/a?x=../.."),
    ] {
        let request = build(&provider, &config([]), call(endpoint)).expect(endpoint);
        assert_eq!(request.request.uri(), url, "{endpoint}");
    }
    for endpoint in
        ["..", "../x", "a/../../x", "%2e%2e/x", "a/.%2E/x", "a\\..\\..\\x", "x#y", ".\t./x", "x\n"]
    {
        let error = build(&provider, &config([]), call(endpoint)).err();
        assert!(matches!(error, Some(RequestError::Address(_))), "{endpoint}: {error:?}");
    }
}

#[test]
fn another_base_takes_the_place_of_the_providers_and_keeps_to_the_same_rules() {
    let provider = with("    headers: {authorization: 'Bearer ${apiKey}'}\n");
    let base = |value| Base::fixed(value, &Policy::default());
    let mine = Call { base: Some(base("https://two.test/v2/").expect("a base")), ..call("/x") };
    let request = ascii(&provider, &config([]), mine);
    assert_eq!(request.request.uri(), "https://two.test/v2/x");
    assert!(!request.host_from_config);
    for bad in [
        "http://two.test",
        "two.test",
        "",
        "https://",
        "https://u@two.test",
        "https://two.test?x",
        "ftp://two.test",
        "https://localhost",
        "https://127.0.0.1",
        "https://10.0.0.1",
        "https://0x7f.1",
        "https://[::1]",
        "https://169.254.169.254",
        "https://intranet",
        "https://two.test/../x",
    ] {
        assert!(base(bad).is_err(), "{bad}");
    }
    let opened = Policy::default().allow("10.0.0.0/8".parse().expect("a range"));
    let base = Base::fixed("http://10.1.2.3:8080/x", &opened).expect("opened");
    let request = ascii(&provider, &config([]), Call { base: Some(base), ..call("/y") });
    assert_eq!(request.request.uri(), "http://10.1.2.3:8080/x/y");
    assert_eq!(request.cleartext, Cleartext::OpenedOnly);
}

#[test]
fn what_cannot_be_sent_is_an_error_that_repeats_no_value() {
    let provider = with("    headers: {authorization: 'Bearer ${apiKey}'}\n");
    for key in ["SECRET\r\nx: y", "SECRET\0", "SECRETä"] {
        let credential = Credential::api_key(key);
        let (policy, config) = (Policy::default(), config([]));
        let target = Target {
            provider: &provider,
            credential: &credential,
            config: &config,
            policy: &policy,
        };
        let error = build_request(target, call("/x")).err().expect("an error");
        assert_eq!(error, RequestError::Header("authorization".to_owned()));
        assert!(!format!("{error} {error:?}").contains("SECRET"));
    }
    let none = common::provider("one: {display_name: One, auth_mode: API_KEY}");
    assert_eq!(build(&none, &config([]), call("/x")).err(), Some(RequestError::NoBaseUrl));
    let basic = common::provider("one: {display_name: One, auth_mode: BASIC}");
    let (policy, config) = (Policy::default(), config([]));
    let credential = Credential::api_key("x");
    let target =
        Target { provider: &basic, credential: &credential, config: &config, policy: &policy };
    assert_eq!(build_request(target, call("/x")).err(), Some(RequestError::WrongMode));
}

#[test]
fn debug_texts_hold_no_value() {
    let shown = format!(
        "{:?} {:?} {:?}",
        Credential::api_key("CANARY"),
        Credential::basic("CANARY", "CANARY"),
        config([("field", "CANARY")])
    );
    assert!(!shown.contains("CANARY"), "{shown}");
    assert!(shown.contains("field"));
}
