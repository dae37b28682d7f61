//! What each property of a template does to the form, and what of the form is sent.

mod common;

use common::Parsed;
use keyslot_core::advice::{Kind, Refusal};
use keyslot_core::form::{Fault, Field, Form, Value};
use serde_json::{Value as Object, json};

fn built(template: &Object, integration: Object, session: Object) -> Form {
    let [template, integration, session] = [template.clone(), integration, session].map(Parsed);
    Form::build(&template, &integration, &session, &[]).expect("a key or a password")
}

fn form(template: Object) -> Form {
    built(&template, json!({"unique_key": "acme", "display_name": "Acme"}), json!({}))
}

/// A form of one connection-config field beside the key.
fn field(spec: Object) -> Field {
    let form = form(json!({"auth_mode": "API_KEY", "connection_config": {"it": spec}}));
    form.fields.into_iter().find(|field| field.name == "it").expect("the field")
}

fn answers(form: &Form, typed: &[(&str, &str)]) -> Vec<Value> {
    let answer = |field: &Field| {
        let typed = typed.iter().find(|(name, _)| *name == field.name);
        typed.map_or(field.initial.as_str(), |(_, value)| value).to_owned().into()
    };
    form.fields.iter().map(answer).collect()
}

fn body(form: &Form, typed: &[(&str, &str)]) -> Object {
    serde_json::from_str(&form.body(&answers(form, typed), &[], true, None, false)).expect("JSON")
}

#[test]
fn a_hidden_password_is_sent_as_the_vendor_wants_it_and_never_asked_for() {
    for hidden in ["X", "x", "", "api", " "] {
        let form = form(json!({"auth_mode": "BASIC", "credentials": {
            "username": {"title": "API key", "secret": true},
            "password": {"hidden": true, "default_value": hidden, "optional": true}
        }}));
        assert!(!form.is_empty());
        let visible: Vec<_> = form.fields.iter().filter(|field| !field.hidden).collect();
        assert_eq!(visible.len(), 1);
        assert_eq!(visible[0].kind, Kind::Key);
        let password = form.fields.iter().find(|field| field.name == "password").unwrap();
        assert!(form.check(password, hidden, false).fault.is_none(), "nobody could mend it");
        assert_eq!(
            body(&form, &[("username", "k1")]),
            json!({"username": "k1", "password": hidden, "params": {}})
        );
    }
}

#[test]
fn a_form_of_hidden_and_preset_fields_has_nothing_to_type_and_sends_the_hidden_ones() {
    let template = json!({"auth_mode": "API_KEY",
        "credentials": {"apiKey": {"hidden": true, "default_value": "anonymous"}},
        "connection_config": {"region": {"hidden": true, "default_value": "eu"}, "site": {},
            "later": {"automated": true}}});
    let session =
        json!({"integrations_config_defaults": {"acme": {"connection_config": {"site": "s"}}}});
    let form = built(&template, json!({"unique_key": "acme"}), session);
    assert!(form.is_empty());
    assert_eq!(body(&form, &[]), json!({"apiKey": "anonymous", "params": {"region": "eu"}}));
}

#[test]
fn an_automated_field_is_neither_asked_for_nor_sent() {
    let form = form(json!({"auth_mode": "API_KEY",
        "connection_config": {"later": {"automated": true, "default_value": "x", "title": "Later"}}}));
    assert_eq!(form.fields.len(), 1);
    assert_eq!(body(&form, &[("apiKey", "k1")]), json!({"apiKey": "k1", "params": {}}));
}

#[test]
fn what_is_drawn_around_a_field_is_never_part_of_its_value() {
    let form = form(json!({"auth_mode": "API_KEY", "connection_config": {
        "subdomain": {"prefix": "https://", "suffix": ".freshdesk.com"},
        "account": {"prefix": "act_"}}}));
    let subdomain = form.fields.iter().find(|field| field.name == "subdomain").unwrap();
    for pasted in [
        "acme",
        "acme.freshdesk.com",
        "https://acme.freshdesk.com",
        "https://acme.freshdesk.com/a/tickets?x=1#top",
        "HTTP://ACME.FRESHDESK.COM/".to_lowercase().as_str(),
    ] {
        let checked = form.check(subdomain, pasted, false);
        assert!(checked.fault.is_none(), "{pasted}");
        let value = checked.repair.map_or(pasted.to_owned(), |repair| repair.value.to_string());
        assert_eq!(value, "acme", "{pasted}");
        let sent = body(&form, &[("apiKey", "k1"), ("subdomain", &value), ("account", "42")]);
        assert_eq!(sent["params"], json!({"subdomain": "acme", "account": "42"}));
    }
}

#[test]
fn the_kind_of_a_field_follows_from_its_template() {
    for (spec, kind) in [
        (json!({"format": "hostname"}), Kind::Hostname),
        (json!({"format": "uri"}), Kind::Url),
        (json!({"suffix": ".acme.example"}), Kind::Subdomain),
        (json!({"prefix": "https://"}), Kind::Hostname),
        (json!({"secret": true}), Kind::Key),
        (json!({"format": "uuid"}), Kind::Plain),
        (json!({"format": "email"}), Kind::Plain),
        (json!({}), Kind::Plain),
    ] {
        assert_eq!(field(spec.clone()).kind, kind, "{spec}");
    }
    let basic = form(json!({"auth_mode": "BASIC"}));
    assert_eq!([basic.fields[0].kind, basic.fields[1].kind], [Kind::Username, Kind::Password]);
}

#[test]
fn every_secret_is_masked_wherever_it_stands() {
    let form = form(json!({"auth_mode": "BASIC",
        "connection_config": {"token": {"secret": true}, "site": {}}}));
    let masked = |name: &str| form.fields.iter().find(|field| field.name == name).unwrap().secret;
    assert!(masked("password") && masked("token") && !masked("username") && !masked("site"));
}

#[test]
fn title_description_example_and_pattern_are_the_template_s() {
    let it = field(
        json!({"title": "Account", "description": "Where you sign in.", "example": "acme", "pattern": "^a"}),
    );
    assert_eq!(
        [it.title(), it.description(), it.example(), it.pattern()],
        ["Account", "Where you sign in.", "acme", "^a"]
    );
}

#[test]
fn the_integrator_s_label_replaces_title_and_description_together() {
    let template = json!({"auth_mode": "API_KEY",
        "credentials": {"apiKey": {"title": "Key", "description": "Of Acme.", "example": "k_1"}}});
    let integration = json!({"unique_key": "acme", "credentials_label": {"apiKey": "Access code"}});
    let form = built(&template, integration, json!({}));
    let key = &form.fields[0];
    assert_eq!([key.title(), key.description(), key.example()], ["Access code", "", "k_1"]);
}

#[test]
fn a_field_with_a_default_may_be_left_empty_and_sends_it_and_an_optional_one_sends_nothing() {
    let form = form(json!({"auth_mode": "API_KEY", "connection_config": {
        "defaulted": {"default_value": "main"}, "optional": {"optional": true}, "required": {}}}));
    let fault = |name: &str| {
        let field = form.fields.iter().find(|field| field.name == name).unwrap();
        form.check(field, "", false).fault
    };
    assert_eq!(form.fields.iter().find(|field| field.name == "defaulted").unwrap().initial, "main");
    assert_eq!((fault("defaulted"), fault("optional")), (None, None));
    assert_eq!(fault("required"), Some(Fault::Refused(Refusal::Empty)));
    // What is empty is not sent: a stock server would store it.
    let sent = body(&form, &[("apiKey", "k1"), ("defaulted", ""), ("required", "r")]);
    assert_eq!(sent["params"], json!({"defaulted": "main", "required": "r"}));
}

#[test]
fn a_choice_starts_with_the_first_or_with_none_and_takes_no_other() {
    let required = field(json!({"enum": ["eu", "us"]}));
    let optional = field(json!({"enum": ["eu", "us"], "optional": true}));
    let hidden = field(json!({"enum": ["eu", "us"], "hidden": true}));
    assert_eq!([&*required.initial, &*optional.initial, &*hidden.initial], ["eu", "", ""]);
    let form = form(json!({"auth_mode": "API_KEY"}));
    assert_eq!(form.check(&optional, "", false).fault, None);
    assert_eq!(form.check(&optional, "us", false).fault, None);
    assert_eq!(form.check(&optional, "mars", false).fault, Some(Fault::NotAChoice));
    assert_eq!(form.check(&required, "", false).fault, Some(Fault::Refused(Refusal::Empty)));
}

#[test]
fn a_pattern_never_stands_against_sending() {
    let form = form(json!({"auth_mode": "API_KEY",
        "credentials": {"apiKey": {"pattern": "^acme_[0-9]{40}$"}}}));
    assert!(
        form.check(&form.fields[0], "another format that came last week", false).fault.is_none()
    );
}

#[test]
fn a_paste_of_any_length_is_refused_by_its_length_and_not_cut_to_fit() {
    let form = form(json!({"auth_mode": "BASIC", "credentials": {"username": {"secret": true}}}));
    for length in [4097, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 1 << 20] {
        for field in &form.fields {
            let checked = form.check(field, &"k".repeat(length), false);
            assert!(checked.repair.is_none(), "{length}");
            assert_eq!(checked.fault, Some(Fault::Refused(Refusal::TooLong)), "{length}");
        }
    }
}

#[test]
fn a_blank_field_with_a_default_sends_its_default() {
    let form = form(json!({"auth_mode": "BASIC",
        "credentials": {"username": {"default_value": "api"}},
        "connection_config": {
            "region": {"default_value": "eu"},
            "note": {"optional": true},
            "plan": {"enum": ["a", "b"], "optional": true}}}));
    let typed = [("username", ""), ("password", "p"), ("region", ""), ("note", ""), ("plan", "")];
    let sent = body(&form, &typed);
    assert_eq!(sent, json!({"username": "api", "password": "p", "params": {"region": "eu"}}));
    // A stock server gets them in the query, and fills in no defaults itself.
    assert_eq!(form.params(&answers(&form, &typed), &[]), [("region", "eu")]);
}
