//! What is refused of the values beside the credential, and with which words.

mod common;

use std::sync::Arc;

use common::{config, provider};
use keyslot_providers::{ConnectionConfig, Provider, validate_params};

fn form() -> Arc<Provider> {
    provider(
        "one:
  display_name: One
  auth_mode: API_KEY
  connection_config:
    needed: {type: string, title: Account id}
    choice: {type: string, title: Region, enum: [eu, us], optional: true}
    id: {type: string, title: Id, format: uuid, optional: true}
    mail: {type: string, title: E-mail, format: email, optional: true}
    page: {type: string, title: Page, format: uri, optional: true}
    host: {type: string, title: Host, format: hostname, optional: true}
    advice: {type: string, title: Advice, pattern: '^[a-z]+$', optional: true}
    preset: {type: string, title: Preset, default_value: x}
    unseen: {type: string, title: Unseen, hidden: true}
    filled: {type: string, title: Filled, automated: true}
  proxy: {base_url: 'https://one.test'}
",
    )
}

/// Each issue as `field code: message`.
fn issues(provider: &Provider, config: &ConnectionConfig) -> Vec<String> {
    validate_params(provider, config)
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|issue| {
            assert_eq!(issue.path[0], "params");
            format!("{} {}: {}", issue.path[1..].join("."), issue.code, issue.message)
        })
        .collect()
}

#[test]
fn a_required_value_must_be_there_and_others_need_not() {
    assert_eq!(issues(&form(), &config([])), ["needed invalid_type: Account id is missing."]);
    let empty = config([("needed", ""), ("choice", ""), ("preset", "")]);
    assert_eq!(issues(&form(), &empty), ["needed too_small: Account id is missing."]);
    assert!(issues(&form(), &config([("needed", "x")])).is_empty());
}

#[test]
fn choices_and_formats_are_held_and_patterns_only_advise() {
    for (field, good, bad, expected) in [
        ("choice", "eu", "EU", "choice invalid_value: Region is one of: eu, us."),
        (
            "id",
            "123e4567-e89b-12d3-a456-426614174000",
            "123e4567e89b12d3a456426614174000",
            "id invalid_format: Enter an id like 123e4567-e89b-12d3-a456-426614174000.",
        ),
        ("mail", "a@example.com", "a@", "mail invalid_format: Enter an e-mail address."),
        (
            "page",
            "https://example.com/x?y",
            "example.com",
            "page invalid_format: Enter a full address like https://example.com.",
        ),
        (
            "host",
            "a.example.com",
            "https://a.example.com",
            "host invalid_format: Enter a host name like example.com, without https:// and without a \
             path.",
        ),
    ] {
        assert!(issues(&form(), &config([("needed", "x"), (field, good)])).is_empty(), "{field}");
        assert_eq!(issues(&form(), &config([("needed", "x"), (field, bad)])), [expected]);
    }
    assert!(issues(&form(), &config([("needed", "x"), ("advice", "NOT 1 OF THEM")])).is_empty());
}

#[test]
fn the_pattern_of_a_part_of_the_address_is_held_without_regard_to_case() {
    let provider = common::shape("shape-subdomain");
    assert!(issues(&provider, &config([("subdomain", "Acme-1")])).is_empty());
    assert_eq!(
        issues(&provider, &config([("subdomain", "a_b")])),
        ["subdomain invalid_format: Sub-domain does not look right."]
    );
}

#[test]
fn no_value_may_hold_control_characters_or_be_without_end() {
    for text in ["a\nb", "a\0", "\u{85}", "a\tb"] {
        assert_eq!(
            issues(&form(), &config([("needed", text)])),
            [
                "needed invalid_format: This holds line breaks or other control characters. Remove them."
            ],
            "{text:?}"
        );
    }
    assert!(issues(&form(), &config([("needed", &"ä".repeat(4096))])).is_empty());
    let long = "ä".repeat(4097);
    assert_eq!(
        issues(&form(), &config([("needed", &long), ("unknown", &long)])),
        [
            "needed too_big: Use at most 4096 characters.",
            "unknown too_big: Use at most 4096 characters."
        ]
    );
    let name = "n".repeat(256);
    assert_eq!(issues(&form(), &config([("needed", "x"), (&name, "x")])).len(), 1);
    let many: ConnectionConfig =
        (0..101).map(|n| (format!("f{n}"), "x")).chain([("needed".to_owned(), "x")]).collect();
    assert_eq!(issues(&form(), &many), [" too_big: Send at most 100 values."]);
}

#[test]
fn a_value_that_no_field_describes_is_kept_as_the_format_allows() {
    assert!(issues(&form(), &config([("needed", "x"), ("other", "y")])).is_empty());
}
