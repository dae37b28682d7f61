//! Loading catalogue files: what can be used is, and what cannot is named with its reason.

mod common;

use common::provider;
use keyslot_providers::{AuthMode, Catalogue, CatalogueError, Report};
use proptest::prelude::*;

fn load(yaml: &str) -> (Catalogue, Report) {
    let mut catalogue = Catalogue::default();
    let report = catalogue.extend_from_yaml(yaml).expect("YAML");
    (catalogue, report)
}

/// The reason why the only entry is skipped, as `field: reason`.
fn reason(template: &str) -> String {
    let (catalogue, report) = load(&format!("only:\n  display_name: Only\n{template}"));
    assert!(catalogue.is_empty(), "{template}");
    assert_eq!(report.skipped.len(), 1, "{report:?}");
    assert_eq!(report.skipped[0].name, "only");
    report.skipped[0].reason.to_string()
}

#[test]
fn entries_of_other_modes_are_named_and_the_rest_is_used() {
    let (catalogue, report) = load(
        "one: {display_name: One, auth_mode: API_KEY, proxy: {base_url: 'https://one.test'}}
two: {display_name: Two, auth_mode: OAUTH2, authorization_url: 'https://two.test'}
three: {display_name: Three, auth_mode: BASIC}
four: {display_name: Four, auth_mode: TWO_STEP}
five: {display_name: Five}
six: just a text
'se ven': {display_name: Seven, auth_mode: API_KEY}",
    );
    let names: Vec<_> = catalogue.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!(catalogue.get("three").expect("loaded").auth_mode, AuthMode::Basic);
    let skipped: Vec<_> =
        report.skipped.iter().map(|entry| format!("{}: {}", entry.name, entry.reason)).collect();
    assert_eq!(
        skipped,
        [
            "two: auth_mode: OAUTH2 is not supported; Keyslot has API_KEY and BASIC",
            "four: auth_mode: TWO_STEP is not supported; Keyslot has API_KEY and BASIC",
            "five: auth_mode: it is missing; expected API_KEY or BASIC",
            "six: template: expected a map",
            "se ven: name: use only letters, digits, - and _, at most 255",
        ]
    );
}

#[test]
fn a_fault_is_named_with_its_place_in_the_file() {
    let api_key = "  auth_mode: API_KEY\n";
    for (template, expected) in [
        (
            "  connection_config: {sub: {type: string, format: host}}",
            "connection_config.sub.format: unknown variant `host`, expected one of `hostname`, `uri`, \
             `uuid`, `email`",
        ),
        (
            "  connection_config: {sub: {type: number}}",
            "connection_config.sub.type: `number` is not supported; the only type is string",
        ),
        (
            "  connection_config: {sub: {optional: maybe}}",
            "connection_config.sub.optional: invalid type: string \"maybe\", expected a boolean",
        ),
        ("  connection_config: [sub]", "connection_config: invalid type: sequence, expected a map"),
        (
            "  proxy: {base_url: 'https://${connectionConfig.sub'}",
            "proxy.base_url: a placeholder is not closed",
        ),
        (
            "  proxy: {base_url: 'https://${apiKey}.test'}",
            "proxy.base_url: only ${connectionConfig.…} may be part of the host",
        ),
        (
            "  proxy: {base_url: 'https://user@one.test'}",
            "proxy.base_url: a user name, a query or a fragment may not be part of it",
        ),
        (
            "  proxy: {base_url: 'https://one.test?x=${apiKey}'}",
            "proxy.base_url: a user name, a query or a fragment may not be part of it",
        ),
        (
            "  proxy: {base_url: one.test}",
            "proxy.base_url: it must begin with https://, http:// or one ${connectionConfig.…} that \
             holds the whole address",
        ),
        ("  proxy: {base_url: 'https:///x'}", "proxy.base_url: its host is empty"),
        ("  proxy: {base_url: 'https://one test'}", "proxy.base_url: it is not a URL"),
        (
            "  proxy: {headers: {'bad name': x}}",
            "proxy.headers.bad name: this is not a header name",
        ),
        (
            "  proxy: {headers: {x-sig: '${hmacSha1Hex(${now}, ${apiKey})}'}}",
            "proxy.headers.x-sig: the placeholder ${hmacSha1Hex(…)} is not supported",
        ),
        (
            "  proxy: {headers: {x-m: '${method}'}}",
            "proxy.headers.x-m: the placeholder ${method} is not supported",
        ),
        (
            "  proxy: {headers: {date: '${now:Q}'}}",
            "proxy.headers.date: the placeholder ${now:Q} is not supported",
        ),
        (
            "  proxy: {query: {key: '${secret}'}}",
            "proxy.query.key: the placeholder ${secret} is unknown",
        ),
        (
            "  proxy: {body: {auth: {key: ['${x}']}}}",
            "proxy.body.auth.key.0: the placeholder ${x} is unknown",
        ),
        (
            "  proxy: {verification: {endpoints: ['/${x}']}}",
            "proxy.verification.endpoints: the placeholder ${x} is unknown",
        ),
        (
            "  proxy: {verification: {endpoints: [/], method: PUT}}",
            "proxy.verification.method: expected GET or POST",
        ),
        (
            "  proxy: {verification: {endpoints: [/], expect: {ok: true}}}",
            "proxy.verification.expect: `ok` is not a JSON pointer; it begins with /, as /data/name",
        ),
        (
            "  proxy: {verification: {endpoints: [/], statuses: 403}}",
            "proxy.verification.statuses: `403` does not say that a credential works",
        ),
        (
            "  proxy: {verification: {endpoints: [/], refused: wrong}}",
            "proxy.verification.refused: `wrong` is not a status; expected 429, 5xx or 500-502",
        ),
        (
            "  proxy: {verification: {endpoints: [/], statuses: [200, 404], refused: [403, 404]}}",
            "proxy.verification.refused: `404` also counts as the answer to a good credential",
        ),
        (
            "  proxy: {verification: {endpoints: [/], refused: [200-204]}}",
            "proxy.verification.refused: `200-204` also counts as the answer to a good credential",
        ),
        (
            "  proxy: {verification: {endpoints: [/], refused: 4xx}}",
            "proxy.verification.refused: `4xx` does not say that a credential is wrong",
        ),
        (
            "  proxy: {verification: {endpoints: [/], recognised: {statuses: 401}}}",
            "proxy.verification.recognised.statuses: `401` says by itself nothing about a credential; add \
             `expect`",
        ),
        (
            "  proxy: {verification: {endpoints: [/], recognised: {statuses: [403, 429]}}}",
            "proxy.verification.recognised.statuses: `429` does not say that a credential is known",
        ),
        (
            "  proxy: {verification: {endpoints: [/], recognised: {statuses: 500}}}",
            "proxy.verification.recognised.statuses: `500` is not a status from 400 to 499",
        ),
        (
            "  proxy: {verification: {endpoints: [/], refused: 403, recognised: {statuses: 403}}}",
            "proxy.verification.recognised.statuses: `403` is also among those that say that a credential \
             is wrong",
        ),
        (
            "  proxy: {retry: {error_code: [429, often]}}",
            "proxy.retry.error_code: `often` is not a status; expected 429, 5xx or 500-502",
        ),
        (
            "  identity: data.name",
            "identity: `data.name` is not a JSON pointer; it begins with /, as /data/name",
        ),
        ("  key_shapes: [{prefix: sk_}]", "key_shapes[0]: missing field `kind`"),
        ("  where: ['', x]", "where: a step is empty"),
        (
            "  connection_config: {id: {type: string, automated: true}}\n  proxy: {base_url: \
             'https://${connectionConfig.id}.one.test'}",
            "connection_config.id: the base URL needs it, but it is filled by a script that does not \
             exist here",
        ),
    ] {
        assert_eq!(reason(&format!("{api_key}{template}")), expected, "{template}");
    }
    let (_, report) = load("only: {auth_mode: API_KEY}");
    assert_eq!(report.skipped[0].reason.to_string(), "template: missing field `display_name`");
}

#[test]
fn an_alias_takes_over_what_it_does_not_say_itself() {
    let (mut catalogue, _) = load(
        "base:
  display_name: Base
  auth_mode: OAUTH2
  categories: [crm]
  proxy: {base_url: 'https://base.test', headers: {x-a: '1'}, verification: {endpoints: [/me]}}
",
    );
    // The base itself cannot be used, but entries of the same file may still build on it.
    assert!(catalogue.is_empty());
    let report = catalogue
        .extend_from_yaml(
            "basic: {alias: base, display_name: Basic, auth_mode: BASIC}
own-proxy: {alias: basic, proxy: {base_url: 'https://own.test'}}
base:
  display_name: Base
  auth_mode: OAUTH2
  categories: [crm]
  proxy: {base_url: 'https://base.test', headers: {x-a: '1'}, verification: {endpoints: [/me]}}
nobody: {alias: missing, display_name: Nobody}
round: {alias: trip, display_name: Round}
trip: {alias: round, display_name: Trip}
",
        )
        .expect("YAML");
    let basic = catalogue.get("basic").expect("loaded");
    assert_eq!(basic.display_name, "Basic");
    assert_eq!(basic.template["proxy"]["headers"]["x-a"], "1");
    assert_eq!(basic.template["categories"][0], "crm");
    assert!(basic.template.get("alias").is_none());
    assert!(basic.check.is_some());
    let own = catalogue.get("own-proxy").expect("loaded");
    assert_eq!(own.template["proxy"], serde_json::json!({ "base_url": "https://own.test" }));
    assert!(own.check.is_none(), "an own proxy section replaces the whole one");
    let reasons: Vec<_> =
        report.skipped.iter().map(|entry| format!("{}: {}", entry.name, entry.reason)).collect();
    assert_eq!(
        reasons,
        [
            "base: auth_mode: OAUTH2 is not supported; Keyslot has API_KEY and BASIC",
            "nobody: alias: there is no provider `missing`",
            "round: alias: it leads through too many others, or in a circle",
            "trip: alias: it leads through too many others, or in a circle",
        ]
    );

    // And an alias of what another file loaded.
    let report = catalogue.extend_from_yaml("later: {alias: basic, display_name: Later}");
    assert!(report.expect("YAML").skipped.is_empty());
    let later = catalogue.get("later").expect("loaded");
    assert_eq!(later.template["name"], "later");
    assert_eq!(later.template["proxy"]["base_url"], "https://base.test");
}

#[test]
fn a_name_that_is_there_already_is_replaced_with_a_note_and_keeps_its_place() {
    let (mut catalogue, _) =
        load("a: {display_name: A, auth_mode: API_KEY}\nb: {display_name: B, auth_mode: API_KEY}");
    let report = catalogue
        .extend_from_yaml(
            "c: {display_name: C, auth_mode: BASIC}\na: {display_name: New, auth_mode: BASIC}",
        )
        .expect("YAML");
    let replaced: Vec<_> =
        report.loaded.iter().map(|entry| (&*entry.name, entry.replaced)).collect();
    assert_eq!(replaced, [("c", false), ("a", true)]);
    let names: Vec<_> = catalogue.iter().map(|provider| &*provider.display_name).collect();
    assert_eq!(names, ["New", "B", "C"]);
}

/// A catalogue with one provider that has a check, over which comes a file with one of the same name.
fn over(proxy: &str) -> (Catalogue, Vec<String>) {
    let (mut catalogue, _) = load(
        "one:
  display_name: One
  auth_mode: API_KEY
  proxy:
    base_url: https://api.one.test/v3
    headers: {authorization: 'Bearer ${apiKey}'}
    verification: {endpoints: [/me]}
",
    );
    let report = catalogue
        .extend_from_yaml(&format!("one:\n  display_name: Theirs\n  auth_mode: API_KEY\n{proxy}"))
        .expect("YAML");
    assert!(report.loaded[0].replaced, "{report:?}");
    (catalogue, report.loaded[0].notes.clone())
}

#[test]
fn an_entry_without_a_check_takes_that_of_the_provider_whose_place_it_takes() {
    for (proxy, base_url) in [
        ("  proxy: {base_url: 'https://api.one.test/v3'}", false),
        ("  proxy: {base_url: 'https://api.one.test'}", true),
    ] {
        let (catalogue, notes) = over(proxy);
        let one = catalogue.get("one").expect("loaded");
        assert_eq!(one.display_name, "Theirs");
        let check = one.check.as_ref().expect("a check");
        assert_eq!(check.endpoints[0].source(), "/me");
        assert_eq!(
            check.base_url.is_some(),
            base_url,
            "{proxy}: its path is below the old address"
        );
        assert_eq!(notes, ["it has no check, and takes that of the provider whose place it takes"]);
    }
}

#[test]
fn a_check_is_not_taken_for_another_address_and_not_where_the_entry_has_or_wants_none() {
    for (proxy, said) in [
        ("  proxy: {base_url: 'https://eu.one.test/v3'}", true),
        ("  proxy: {base_url: 'https://${connectionConfig.host}/v3'}", true),
        ("  proxy: {base_url: 'https://api.one.test/v3', verification: null}", false),
        ("  proxy: {base_url: 'https://api.one.test/v3', verification: {endpoints: []}}", false),
    ] {
        let (catalogue, notes) = over(proxy);
        assert!(catalogue.get("one").expect("loaded").check.is_none(), "{proxy}");
        assert_eq!(notes.iter().any(|note| note.ends_with("stored unchecked")), said, "{notes:?}");
    }
    let own = "  proxy: {base_url: 'https://api.one.test/v3', verification: {endpoints: [/own]}}";
    let (catalogue, notes) = over(own);
    let check = catalogue.get("one").expect("loaded").check.as_ref().expect("a check");
    assert_eq!((check.endpoints[0].source(), notes.len()), ("/own", 0));
}

#[test]
fn what_is_not_used_is_said_in_a_note() {
    let (catalogue, report) = load(
        "one:
  display_name: One
  auth_mode: API_KEY
  credentials_verification_script: check-one
  credentials:
    apiKey: {type: string, pattern: '^(?=x)y'}
",
    );
    assert_eq!(report.loaded[0].notes.len(), 2, "{report:?}");
    assert!(
        report.loaded[0].notes[0].starts_with("credentials.apiKey.pattern is left to the browser")
    );
    assert!(report.loaded[0].notes[1].contains("`check-one` is not run"));
    // The browser still gets the pattern.
    let one = catalogue.get("one").expect("loaded");
    assert_eq!(one.form_template()["credentials"]["apiKey"]["pattern"], "^(?=x)y");
}

#[test]
fn an_address_that_is_no_web_page_is_left_out_with_a_note() {
    let (catalogue, report) = load(
        "one:
  display_name: One
  auth_mode: API_KEY
  docs: 'javascript:alert(1)'
  docs_connect: \"java\\tscript:alert(1)\"
  setup_guide_url: https://docs.example/keys
two: { display_name: Two, auth_mode: API_KEY, docs: 'HTTPS://docs.example', docs_connect: '' }
",
    );
    let notes = &report.loaded[0].notes;
    assert_eq!(notes.len(), 2, "{report:?}");
    assert_eq!(notes[0], "docs is not an http or https address and is not shown");
    assert_eq!(report.loaded[1].notes.len(), 0, "{report:?}");
    let one = &catalogue.get("one").expect("loaded").template;
    assert!(one.get("docs").is_none() && one.get("docs_connect").is_none(), "{one}");
    assert_eq!(one["setup_guide_url"], "https://docs.example/keys");
    assert_eq!(catalogue.get("two").expect("loaded").template["docs"], "HTTPS://docs.example");
}

#[test]
fn a_file_that_is_no_catalogue_is_an_error_and_changes_nothing() {
    let (mut catalogue, _) = load("a: {display_name: A, auth_mode: API_KEY}");
    for (yaml, kind) in [
        ("a: [", "yaml"),
        ("a: 1\na: 2", "yaml"),
        ("a: b: c", "yaml"),
        ("a:\n\tb: c", "yaml"),
        ("a: *nowhere", "yaml"),
        ("- a\n- b", "map"),
        ("text", "map"),
        ("7", "map"),
    ] {
        let error = catalogue.extend_from_yaml(yaml).expect_err(yaml);
        match error {
            CatalogueError::Yaml(_) => assert_eq!(kind, "yaml", "{yaml}"),
            CatalogueError::NotAMap(_) => assert_eq!(kind, "map", "{yaml}"),
        }
        assert_eq!(catalogue.len(), 1);
    }
    for empty in ["", "\n", "# nothing\n", "{}", "~"] {
        let report = catalogue.extend_from_yaml(empty).expect(empty);
        assert!(report.loaded.is_empty() && report.skipped.is_empty(), "{empty:?}");
    }
}

#[test]
fn yaml_that_would_fill_the_memory_is_an_error() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(","));
    }
    let deep = format!("a: {}{}", "[".repeat(5000), "]".repeat(5000));
    for yaml in [bomb, deep] {
        let start = std::time::Instant::now();
        let error = Catalogue::default().extend_from_yaml(&yaml).expect_err("an error");
        assert!(matches!(error, CatalogueError::Yaml(_)), "{error}");
        assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    }
}

#[test]
fn values_without_quotes_are_texts_as_they_are_written() {
    let provider = provider(
        "one:
  display_name: 37signals
  auth_mode: API_KEY
  connection_config:
    version: {type: string, title: 7, enum: [1, 2, true], default_value: 1}
    hidden: {type: string, default_value: yes, hidden: true}
    date: {type: string, default_value: 2022-11-28}
    zeros: {type: string, default_value: 007}
  proxy:
    base_url: https://one.test
    headers: {x-version: 2, authorization: 'Bearer ${apiKey}'}
",
    );
    let version = &provider.connection_config[0];
    assert_eq!(version.title.as_deref(), Some("7"));
    assert_eq!(version.choices, ["1", "2", "true"]);
    assert_eq!(version.default_value.as_deref(), Some("1"));
    // YAML 1.2: `yes` is no boolean, and a date is a text.
    assert_eq!(provider.connection_config[1].default_value.as_deref(), Some("yes"));
    assert_eq!(provider.connection_config[2].default_value.as_deref(), Some("2022-11-28"));
    assert_eq!(provider.connection_config[3].default_value.as_deref(), Some("007"));
    // Clients get texts too.
    let version = &provider.template["connection_config"]["version"];
    assert_eq!(version["title"], "7");
    assert_eq!(version["enum"], serde_json::json!(["1", "2", "true"]));
    assert_eq!(version["default_value"], "1");
}

#[test]
fn the_template_keeps_its_order_and_says_nothing_that_is_the_catalogues_own() {
    let provider = provider(
        "one:
  display_name: One
  categories: [crm]
  auth_mode: API_KEY
  credentials: {apiKey: {type: string, title: Key}}
  zeta: kept
  connection_config:
    zulu: {type: string, title: Z}
    alpha: {type: string, title: A}
  integration_config: {baseUrl: {type: string, title: Base}}
  proxy: {base_url: 'https://one.test'}
  post_connection_script: x
  where: [Open it.]
  key_shapes: [{prefix: sk_, kind: secret}]
  samples: {apiKey: {valid: [a], invalid: [b]}}
  sources: ['https://one.test/docs']
",
    );
    let keys = |value: serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(
        keys(provider.template.clone()).join(" "),
        "name display_name categories auth_mode credentials zeta connection_config \
         integration_config proxy post_connection_script where key_shapes"
    );
    assert_eq!(
        keys(provider.form_template()).join(" "),
        "name display_name categories auth_mode credentials zeta connection_config where key_shapes"
    );
    assert_eq!(keys(provider.template["connection_config"].clone()), ["zulu", "alpha"]);
    let names: Vec<_> = provider.connection_config.iter().map(|field| &*field.name).collect();
    assert_eq!(names, ["zulu", "alpha"]);
    assert_eq!(provider.samples["apiKey"].invalid, ["b"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,80}|[a-z:{}\\[\\],&*!|>'\"#\\n -]{0,120}") {
        Catalogue::default().extend_from_yaml(&text).ok();
    }

    #[test]
    fn no_value_in_any_place_of_a_template_makes_the_loader_panic(
        place in 0_usize..14,
        value in "\\$\\{[a-zA-Z.|()'{} ]{0,20}\\}?[a-z/:@?#]{0,10}|\\PC{0,20}|https?://[a-z.$\\{\\}/:]{0,20}",
    ) {
        let mut places = vec![serde_json::json!("https://x.test"); 14];
        places[place] = value.into();
        let template = serde_json::json!({ "one": {
            "display_name": places[0], "auth_mode": "API_KEY",
            "connection_config": { "a": { "type": "string", "pattern": places[1], "default_value": places[2] } },
            "proxy": {
                "base_url": places[3], "headers": { "x": places[4] }, "query": { "y": places[5] },
                "body": { "z": places[6] }, "retry": { "after": "x", "error_code": places[7] },
                "verification": {
                    "endpoints": [places[8]], "base_url_override": places[9],
                    "headers": { "h": places[10] }, "data": places[11],
                },
            },
            "identity": "/x", "where": [places[12]], "key_shapes": [{ "kind": places[13] }],
        } });
        let mut catalogue = Catalogue::default();
        let report = catalogue.extend_from_yaml(&template.to_string()).expect("JSON is YAML");
        prop_assert_eq!(report.loaded.len() + report.skipped.len(), 1);
    }
}
