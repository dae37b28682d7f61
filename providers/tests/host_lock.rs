//! The host lock: whatever is typed, a request goes to the host that the template declares, or is
//! not made.

mod common;

use http::{HeaderMap, Method};
use keyslot_egress::Policy;
use keyslot_providers::{
    Call, Catalogue, ConnectionConfig, Credential, Endpoint, Field, Format, Payload, Provider,
    Target, build_request, validate_params,
};
use proptest::prelude::*;
use regex::Regex;

/// What someone may type to send the credential elsewhere, or our server astray.
const PAYLOADS: &[&str] = &[
    "evil.test/",
    "evil.test/x",
    "evil.test#",
    "evil.test?",
    "evil.test\\",
    "evil.test%2f",
    "evil.test%23",
    "evil.test:443/",
    "evil.test:443#",
    "x@evil.test",
    "x@evil.test/",
    "x@evil.test#",
    "x:y@evil.test#",
    "@evil.test",
    "a.b@evil.test/..",
    "//evil.test",
    "//evil.test/",
    "\\\\evil.test\\",
    "/\\evil.test",
    "https://evil.test",
    "https://evil.test/",
    "http://evil.test#",
    "https:evil.test",
    "javascript:alert(1)",
    "evil.test\t/",
    "evil.test\n",
    "evil\r\n.test",
    "evil.test\r\nhost: evil.test",
    "evil.test\0",
    " evil.test",
    "evil.test ",
    "evil .test",
    "evil.test\u{a0}",
    "evil\u{2024}test/",
    "evil\u{ff0e}test\u{ff0f}",
    "evil\u{3002}test/",
    "\u{202e}tset.live/",
    "evil\u{200b}.test/",
    "..",
    "../",
    "..%2f",
    "%2e%2e/",
    ".",
    "./",
    "a..b",
    ".evil.test",
    "evil.test.",
    "evil.test./",
    "-",
    "127.0.0.1",
    "127.0.0.1/",
    "127.1",
    "0x7f.1",
    "2130706433",
    "0177.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]/",
    "::1",
    "localhost",
    "localhost/",
    "169.254.169.254",
    "169.254.169.254/latest",
    "metadata.google.internal/",
    "10.0.0.1:80/",
    "${apiKey}.evil.test",
    "${connectionConfig.x}",
    "$(id)",
    "`id`",
    "%00",
    "%0d%0a",
    "a%2eevil.test/",
    "xn--/",
    "xn--a",
    "a,b",
    "a;b",
    "a|b",
    "a^b",
    "a\"b",
    "a'b",
    "<b>",
    "{a}",
    "a=b&c=d",
    "a+b",
    "*",
    "evil.test:0/",
    "evil.test:99999/",
    ":443@evil.test/",
    "a:b",
    "a:443",
    "…",
    "\u{130}.test",
    "ſ.test/",
    "ß.test/",
    "acme.helpdesk.test",
    "https://acme.helpdesk.test/",
    "acme/../../x",
];

fn credential(provider: &Provider) -> Credential {
    match provider.auth_mode {
        keyslot_providers::AuthMode::ApiKey => Credential::api_key("KEY-1"),
        keyslot_providers::AuthMode::Basic => Credential::basic("KEY-1", "X"),
    }
}

/// The base URL as the template writes it.
fn declared(provider: &Provider) -> &str {
    provider.template["proxy"]["base_url"].as_str().expect("a base URL")
}

/// What a URL of this base may look like, worked out from the template's text alone.
fn allowed(base: &str) -> Regex {
    let inner = Regex::new(r"\$\{[^}]*\}").expect("a pattern");
    let alternatives: Vec<String> =
        inner.replace_all(base, "$${x}").split("||").map(|text| one_allowed(text.trim())).collect();
    Regex::new(&format!("^(?:{})$", alternatives.join("|"))).expect("a pattern")
}

fn one_allowed(base: &str) -> String {
    let mut out = String::new();
    let mut rest = base.trim_end_matches('/');
    let mut in_path = false;
    if rest.starts_with("${") {
        out.push_str(r"https://[a-z0-9_.-]+(?::[0-9]+)?(?:/[^?#]*)?");
        rest = rest.split_once('}').expect("closed").1;
        in_path = true;
    }
    while let Some((literal, after)) = rest.split_once("${") {
        in_path |= literal.trim_start_matches("https://").contains('/');
        out.push_str(&regex::escape(literal));
        rest = after.split_once('}').expect("closed").1;
        out.push_str(if in_path {
            "[^/?#]+"
        } else if rest.is_empty() || rest.starts_with('/') {
            // Nothing of the template's is left to the host: a port and a path may follow.
            "[a-z0-9_.-]+(?::[0-9]+)?(?:/[a-zA-Z0-9_.~,:;=+$!/-]+)?"
        } else {
            "[a-z0-9_.-]+"
        });
    }
    out.push_str(&regex::escape(rest));
    out.push_str("/probe");
    out
}

/// A harmless value for a field.
fn benign(provider: &Provider, field: &Field) -> String {
    if let Some(choice) = field.choices.first() {
        return choice.clone();
    }
    if let Some(sample) =
        provider.samples.get(&field.name).and_then(|samples| samples.valid.first())
    {
        return sample.clone();
    }
    if let Some(default) = field.default_value.as_ref().filter(|value| !value.is_empty()) {
        return default.clone();
    }
    let whole = declared(provider).starts_with(&format!("${{connectionConfig.{}}}", field.name));
    match field.format {
        _ if whole => "https://api.example.test".to_owned(),
        Some(Format::Hostname) => "api.example.test".to_owned(),
        Some(Format::Uri) => "https://api.example.test".to_owned(),
        Some(Format::Uuid) => "123e4567-e89b-12d3-a456-426614174000".to_owned(),
        Some(Format::Email) => "a@example.test".to_owned(),
        None => "acme".to_owned(),
    }
}

fn url(provider: &Provider, config: &ConnectionConfig) -> Option<String> {
    let credential = credential(provider);
    let policy = Policy::default();
    let target = Target { provider, credential: &credential, config, policy: &policy };
    let call = Call {
        method: Method::GET,
        endpoint: Endpoint::Literal("/probe"),
        base: None,
        headers: HeaderMap::new(),
        payload: Payload::Empty,
    };
    build_request(target, call).ok().map(|prepared| {
        let uri = prepared.request.uri();
        // A key in the query is the template's, after the path that is judged here.
        let text = uri.to_string();
        text.split('?').next().expect("a path").to_owned()
    })
}

/// All templated providers: those of the catalogue and one for each shape.
fn templated() -> Vec<std::sync::Arc<Provider>> {
    let all = Catalogue::embedded();
    let shapes = common::catalogue(common::SHAPES);
    all.iter()
        .chain(shapes.iter())
        .filter(|provider| provider.base_url.as_ref().is_some_and(|base| !base.is_fixed()))
        .cloned()
        .collect()
}

#[test]
fn no_payload_in_any_templated_provider_leaves_the_declared_host() {
    assert!(PAYLOADS.len() >= 60, "{} payloads", PAYLOADS.len());
    let providers = templated();
    assert!(providers.len() >= 12, "{} templated providers", providers.len());
    let (mut made, mut refused) = (0, 0);
    let mut escaped = Vec::new();
    for provider in &providers {
        let allowed = allowed(declared(provider));
        let good: ConnectionConfig = provider
            .connection_config
            .iter()
            .map(|field| (field.name.clone(), benign(provider, field)))
            .collect();
        let harmless = url(provider, &good)
            .unwrap_or_else(|| panic!("{}: harmless values are refused", provider.name));
        assert!(allowed.is_match(&harmless), "{}: {harmless} against {allowed}", provider.name);
        for field in &provider.connection_config {
            for payload in PAYLOADS {
                let mut bad = good.clone();
                bad.insert(field.name.clone(), *payload);
                match url(provider, &bad) {
                    None => refused += 1,
                    Some(url) if allowed.is_match(&url) => made += 1,
                    Some(url) => {
                        escaped
                            .push(format!("{} {}={payload:?}: {url}", provider.name, field.name));
                    }
                }
            }
        }
    }
    assert!(escaped.is_empty(), "{} escapes:\n{}", escaped.len(), escaped.join("\n"));
    // Both must happen, or nothing was tried.
    assert!(made > 0 && refused > 500, "{made} made, {refused} refused");
}

#[test]
fn the_form_is_refused_with_a_sentence_before_the_address_is() {
    // Whatever `build_request` would refuse for the host, the form hears about it first.
    for provider in templated() {
        let good: ConnectionConfig = provider
            .connection_config
            .iter()
            .map(|field| (field.name.clone(), benign(&provider, field)))
            .collect();
        validate_params(&provider, &good)
            .unwrap_or_else(|issues| panic!("{}: {issues:?}", provider.name));
        for field in provider.address_fields() {
            for payload in PAYLOADS {
                let mut bad = good.clone();
                bad.insert(field, *payload);
                if url(&provider, &bad).is_none() {
                    let issues = validate_params(&provider, &bad).expect_err(&format!(
                        "{} {field}={payload:?} passes the form",
                        provider.name
                    ));
                    assert!(
                        issues.iter().any(|issue| issue.path == ["params", field]),
                        "{} {field}={payload:?}: {issues:?}",
                        provider.name
                    );
                    // A short payload may be an ordinary word of the sentence.
                    for issue in issues.iter().filter(|_| payload.len() > 8) {
                        assert!(!issue.message.contains(payload), "{issue:?} repeats the value");
                    }
                }
            }
        }
    }
}

/// A provider of this base URL, whose only field `host` is described so.
fn with_host(base_url: &str, field: &str) -> std::sync::Arc<Provider> {
    common::provider(&format!(
        "one:\n  display_name: One\n  auth_mode: API_KEY\n  connection_config:\n    host: {{type: string, \
         title: Host{field}}}\n  proxy:\n    base_url: {base_url}\n"
    ))
}

const WHOLE_HOST: &str = "https://${connectionConfig.host}";

#[test]
fn a_host_field_holds_the_port_and_the_path_that_its_template_leaves_room_for() {
    let choices = ", enum: [api.vendor.test/b2b, api.preprod.vendor.test/pprd/b2b]";
    let port = ", pattern: '^[a-zA-Z0-9.-]+(:[0-9]+)?$', example: 'my.splunk.test:8089'";
    let path = r", pattern: '^[a-zA-Z0-9.-]+\/scim\/.+$'";
    let scheme = r", pattern: '^https?:\/\/[a-z0-9.-]+(:\d+)?(\/.*)?$'";
    for (field, value, expected) in [
        (choices, "api.vendor.test/b2b", "https://api.vendor.test/b2b/probe"),
        (
            choices,
            "api.preprod.vendor.test/pprd/b2b",
            "https://api.preprod.vendor.test/pprd/b2b/probe",
        ),
        ("", "acme.myfreshworks.test/crm/sales", "https://acme.myfreshworks.test/crm/sales/probe"),
        ("", "dev.azure.test/myorg/", "https://dev.azure.test/myorg/probe"),
        ("", "Dev.Azure.test/MyOrg", "https://dev.azure.test/MyOrg/probe"),
        ("", "https://shop.test", "https://shop.test/probe"),
        (port, "splunk.example.test:8089", "https://splunk.example.test:8089/probe"),
        (port, "splunk.example.test", "https://splunk.example.test/probe"),
        (path, "api.workos.test/scim/v2.0/acme", "https://api.workos.test/scim/v2.0/acme/probe"),
        (scheme, "https://a1.hosting.test/sub", "https://a1.hosting.test/sub/probe"),
        (", format: hostname", "h.example.test:8443", "https://h.example.test:8443/probe"),
        (", format: hostname", "h.example.test:443", "https://h.example.test/probe"),
    ] {
        let provider = with_host(WHOLE_HOST, field);
        let config = common::config([("host", value)]);
        assert_eq!(validate_params(&provider, &config), Ok(()), "{field} {value}");
        assert_eq!(url(&provider, &config).as_deref(), Some(expected), "{field} {value}");
    }
}

#[test]
fn a_pattern_choices_and_a_format_say_what_a_host_field_does_not_hold() {
    for (field, value) in [
        (", enum: [api.vendor.test/b2b]", "api.vendor.test"),
        (", pattern: '^[a-zA-Z0-9.-]+(:[0-9]+)?$'", "splunk.test/path"),
        (", pattern: '^[a-zA-Z0-9.-]+$'", "scim.test:8443"),
        (", pattern: '^[a-zA-Z0-9.-]+$'", "https://scim.test"),
        (", format: hostname", "h.example.test/path"),
        (", format: hostname", "https://h.example.test"),
        ("", "http://shop.test"),
        ("", "h.test:0"),
        ("", "h.test:65536"),
        ("", "h.test:"),
        ("", "h.test:8a"),
    ] {
        let provider = with_host(WHOLE_HOST, field);
        let config = common::config([("host", value)]);
        assert!(validate_params(&provider, &config).is_err(), "{field} {value}");
    }
}

#[test]
fn nothing_that_could_move_the_host_passes_where_a_port_and_a_path_may_stand() {
    for value in [
        "good.test@evil.test",
        "good.test:pw@evil.test",
        "good.test:443@evil.test/x",
        "good.test/@evil.test",
        "good.test\\@evil.test",
        "good.test/\\evil.test",
        "good.test#@evil.test",
        "good.test?@evil.test",
        "good.test//evil.test",
        "//evil.test",
        "https:///evil.test",
        "https://https://evil.test",
        "https:evil.test",
        "good.test%2f@evil.test",
        "good.test/%2e%2e/x",
        "good.test/%2f%2fevil.test",
        "good.test/..",
        "good.test/./x",
        "good.test/a b",
        "good.test/a\tb",
        "good.test/ä",
        "good.test:80:80",
        "[::1]:443",
        "127.0.0.1:80/x",
        "0x7f.1:80",
        "localhost:8080",
        "evil.test:443/../..",
    ] {
        for field in ["", ", pattern: '.*'", ", example: 'a.test/x'"] {
            let provider = with_host(WHOLE_HOST, field);
            let config = common::config([("host", value)]);
            assert!(validate_params(&provider, &config).is_err(), "{field} {value}");
            assert_eq!(url(&provider, &config), None, "{field} {value}");
        }
    }
}

#[test]
fn a_pattern_that_refuses_its_own_example_refuses_nothing() {
    // As a template of the shared format has it: the pattern of a sub-domain, the example of a host.
    let field = ", pattern: '^[a-z0-9_-]+$', example: www.partner.test";
    let config = common::config([("host", "www.acme.test")]);
    let provider = with_host(WHOLE_HOST, field);
    assert_eq!(validate_params(&provider, &config), Ok(()));
    let held = with_host(WHOLE_HOST, ", pattern: '^[a-z.]+$', example: www.partner.test");
    assert!(validate_params(&held, &common::config([("host", "www.acme-1.test")])).is_err());
}

#[test]
fn an_address_needs_no_scheme_where_the_template_asks_for_none() {
    const WHOLE: &str = "${connectionConfig.host}/api";
    let optional = r", pattern: '^(https?:\/\/)?[A-Za-z0-9.-]+(:\d+)?(\/[A-Za-z0-9._-]*)?$'";
    for (field, value, expected) in [
        (optional, "jira.acme.test", Some("https://jira.acme.test/api/probe")),
        (optional, "jira.acme.test:8443/jira", Some("https://jira.acme.test:8443/jira/api/probe")),
        (optional, "https://jira.acme.test", Some("https://jira.acme.test/api/probe")),
        (optional, "http://jira.acme.test", None),
        ("", "jira.acme.test", Some("https://jira.acme.test/api/probe")),
        ("", "javascript:alert(1)", None),
        ("", "user@jira.acme.test", None),
        ("", "//jira.acme.test", None),
        (", format: uri", "jira.acme.test", None),
        (r", pattern: '^https?:\/\/.+$'", "jira.acme.test", None),
    ] {
        let provider = with_host(WHOLE, field);
        let config = common::config([("host", value)]);
        assert_eq!(
            validate_params(&provider, &config).is_ok(),
            expected.is_some(),
            "{field} {value}"
        );
        assert_eq!(url(&provider, &config).as_deref(), expected, "{field} {value}");
    }
}

#[test]
fn a_part_of_a_host_may_have_dots_unless_its_pattern_says_otherwise() {
    for (field, value, allowed) in [
        ("", "acme.api.eu", true),
        ("", "acme.helpdesk.test", false),
        ("", "helpdesk.test", false),
        (", pattern: '^[a-z-]+$'", "acme.api", false),
        (", format: hostname", "xk7mdf.eu-5", true),
        ("", "acme:8080", false),
        ("", "acme/x", false),
    ] {
        let provider = with_host("https://${connectionConfig.host}.helpdesk.test", field);
        let config = common::config([("host", value)]);
        assert_eq!(validate_params(&provider, &config).is_ok(), allowed, "{field} {value}");
    }
}

fn message(name: &str, field: &str, value: &str) -> String {
    let provider = common::shape(name);
    let issues =
        validate_params(&provider, &common::config([(field, value)])).expect_err("an issue");
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert_eq!(issues[0].path, ["params", field]);
    issues[0].message.clone()
}

#[test]
fn a_whole_address_in_a_sub_domain_field_is_refused_with_what_to_enter() {
    assert_eq!(
        message("shape-subdomain", "subdomain", "https://acme.helpdesk.test/"),
        "Enter only the part before .helpdesk.test: letters, digits and hyphens."
    );
    assert_eq!(
        message("shape-subdomain-free", "subdomain", "acme.helpdesk.test"),
        "Enter only that part of the address: letters, digits and hyphens."
    );
}

#[test]
fn a_host_field_wants_a_public_host_name() {
    let expected = "Enter a host name like example.com, without https:// and without a path.";
    assert_eq!(message("shape-hostname", "hostname", "https://git.example.com"), expected);
    assert_eq!(message("shape-hostname", "hostname", "git.example.com/x"), expected);
    let private = "This address is not on the public internet. Enter the address that you use from \
                   anywhere.";
    for value in ["localhost", "gitlab", "10.0.0.1", "127.0.0.1", "169.254.169.254", "a.localhost"]
    {
        assert_eq!(message("shape-hostname", "hostname", value), private, "{value}");
    }
}

#[test]
fn a_public_address_in_another_spelling_is_not_a_host_name() {
    // To a URL parser each of these is 8.8.8.8; the host would not be the one that was written.
    for value in ["010.8.8.8", "0x8.8.8.8", "8.8.2056", "134744072", "8.8.8.8."] {
        for (name, field) in [("shape-hostname", "hostname"), ("shape-port", "hostname")] {
            let config = common::config([(field, value)]);
            assert!(validate_params(&common::shape(name), &config).is_err(), "{value}");
            assert_eq!(url(&common::shape(name), &config), None, "{value}");
        }
        let config = common::config([("baseUrl", &*format!("https://{value}"))]);
        assert!(validate_params(&common::shape("shape-url"), &config).is_err(), "{value}");
    }
}

#[test]
fn an_address_field_wants_https_and_nothing_else() {
    assert_eq!(
        message("shape-url", "baseUrl", "http://n8n.example.com"),
        "Enter an address that begins with https://."
    );
    for value in
        ["n8n.example.com", "https://", "https://a b.test", "https://a.test/../x", "ftp://a.test"]
    {
        assert_eq!(
            message("shape-url", "baseUrl", value),
            "Enter a full address like https://example.com.",
            "{value}"
        );
    }
    for value in ["https://u:p@n8n.test", "https://n8n.test/?a", "https://n8n.test#a"] {
        assert_eq!(
            message("shape-url", "baseUrl", value),
            "Enter the address without a user name, without ? and without #.",
            "{value}"
        );
    }
}

#[test]
fn good_values_make_the_address_that_one_expects() {
    let cases = [
        ("shape-subdomain", "subdomain", "acme", "https://acme.helpdesk.test/probe"),
        ("shape-subdomain", "subdomain", "Acme", "https://acme.helpdesk.test/probe"),
        ("shape-subdomain-free", "subdomain", "a_b-1", "https://a_b-1.helpdesk.test/api/probe"),
        ("shape-dotted", "cell", "api.eu", "https://api.eu.cells.test/v1/probe"),
        ("shape-choices", "site", "us.two.test", "https://api.us.two.test/v1/probe"),
        ("shape-tail", "domain", "acme.test", "https://api.acme.test/probe"),
        ("shape-glued", "dc", "us-1", "https://api-us-1.glued.test/probe"),
        ("shape-two", "tenant", "acme", "https://acme.eu1.two.test/rest/probe"),
        ("shape-hostname", "hostname", "git.acme.test", "https://git.acme.test/api/probe"),
        ("shape-hostname", "hostname", "8.8.8.8", "https://8.8.8.8/api/probe"),
        ("shape-port", "hostname", "db.acme.test", "https://db.acme.test:8443/probe"),
        ("shape-url", "baseUrl", "https://n8n.acme.test", "https://n8n.acme.test/api/v1/probe"),
        ("shape-url", "baseUrl", "https://n8n.acme.test/", "https://n8n.acme.test/api/v1/probe"),
        (
            "shape-url",
            "baseUrl",
            "HTTPS://N8N.acme.test:5678/sub/",
            "https://n8n.acme.test:5678/sub/api/v1/probe",
        ),
        ("shape-url", "baseUrl", "https://bücher.test", "https://xn--bcher-kva.test/api/v1/probe"),
        ("shape-path", "account", "a/b c%", "https://api.path.test/accounts/a%2Fb%20c%25/v1/probe"),
        (
            "shape-path",
            "account",
            "a@b.test:1",
            "https://api.path.test/accounts/a@b.test:1/v1/probe",
        ),
        ("shape-fallback", "hostname", "", "https://fallback.test/v2/probe"),
        ("shape-fallback", "hostname", "other.test", "https://other.test/probe"),
        ("shape-inner-fallback", "region", "", "https://api.inner.test/probe"),
        ("shape-inner-fallback", "region", "eu", "https://eu.inner.test/probe"),
    ];
    for (name, field, value, expected) in cases {
        let provider = common::shape(name);
        let config = common::config([(field, value)]);
        assert_eq!(validate_params(&provider, &config), Ok(()), "{name} {value}");
        assert_eq!(url(&provider, &config).as_deref(), Some(expected), "{name} {value}");
    }
}

#[test]
fn opened_ranges_let_names_without_a_domain_and_plain_http_pass_the_form() {
    let policy = Policy::default().allow("10.0.0.0/8".parse().expect("a range"));
    let provider = common::shape("shape-url");
    for value in ["http://n8n:5678", "https://n8n", "http://10.1.2.3:5678", "http://localhost:1"] {
        let config = common::config([("baseUrl", value)]);
        let issues = keyslot_providers::validate_params_under(&provider, &config, &policy);
        assert_eq!(issues, Ok(()), "{value}");
        assert!(validate_params(&provider, &config).is_err(), "{value}");
    }
    // What is not opened stays refused, where the form can see it.
    let config = common::config([("baseUrl", "http://192.168.1.1")]);
    assert!(keyslot_providers::validate_params_under(&provider, &config, &policy).is_err());
}

#[test]
fn a_missing_value_is_named_and_never_sent_as_a_placeholder() {
    for name in ["shape-subdomain", "shape-hostname", "shape-url", "shape-path", "shape-two"] {
        let provider = common::shape(name);
        let field = provider.connection_config[0].name.clone();
        for config in [common::config([]), common::config([(field.as_str(), "")])] {
            assert_eq!(url(&provider, &config), None, "{name}");
            let issues = validate_params(&provider, &config).expect_err("an issue");
            assert_eq!(issues[0].path, ["params", field.as_str()], "{name}");
            assert!(issues[0].message.ends_with("is missing."), "{issues:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text_in_a_sub_domain_stays_under_the_templates_domain(value in "\\PC{0,40}|[a-z./@:#?%\\\\-]{0,20}") {
        for name in ["shape-subdomain", "shape-subdomain-free", "shape-dotted", "shape-glued"] {
            let provider = common::shape(name);
            let field = provider.connection_config[0].name.clone();
            if let Some(url) = url(&provider, &common::config([(field.as_str(), value.as_str())])) {
                prop_assert!(allowed(declared(&provider)).is_match(&url), "{name}: {url}");
            }
        }
    }

    #[test]
    fn any_text_as_host_or_address_makes_a_plain_https_url_or_none(value in "\\PC{0,40}|(https?://)?[a-z./@:#?%\\\\\\[\\]-]{0,24}") {
        for (name, field) in [("shape-hostname", "hostname"), ("shape-url", "baseUrl"), ("shape-tail", "domain")] {
            let provider = common::shape(name);
            if let Some(url) = url(&provider, &common::config([(field, value.as_str())])) {
                prop_assert!(allowed(declared(&provider)).is_match(&url), "{name}: {url}");
            }
        }
    }

    #[test]
    fn any_text_in_the_path_stays_one_segment(value in "\\PC{1,40}|[a-z./@:#?%\\\\-]{1,20}") {
        let provider = common::shape("shape-path");
        if let Some(url) = url(&provider, &common::config([("account", value.as_str())])) {
            prop_assert!(allowed(declared(&provider)).is_match(&url), "{url}");
        }
    }
}
