//! Integrations and the catalogue.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Harness, SECRET, user};

#[tokio::test]
async fn an_integration_is_made_read_renamed_and_deleted() {
    let server = Harness::new().await;
    let body = json!({ "provider": "unchecked", "unique_key": "mine", "display_name": "Mine" });
    let made = server.post("/integrations", body).await.json();
    assert_eq!(made["data"]["unique_key"], "mine");
    let asked = json!({ "forward_webhooks": true });
    let said = server.call(Method::PATCH, "/integrations/mine", Some(SECRET), Some(asked)).await;
    assert_eq!(
        said.json()["data"]["forward_webhooks"],
        true,
        "kept, though nothing follows from it"
    );
    let again =
        server.call(Method::PATCH, "/integrations/mine", Some(SECRET), Some(json!({}))).await;
    assert_eq!(again.json()["data"]["forward_webhooks"], true, "and stays");
    assert_eq!(made["data"]["logo"], "http://keyslot.test/images/template-logos/unchecked.svg");
    let read = server.get("/integrations/mine?include=webhook&include=credentials").await.json();
    assert_eq!(read["data"]["display_name"], "Mine");
    assert_eq!(read["data"]["webhook_url"], Value::Null);
    assert!(read["data"].as_object().unwrap().contains_key("credentials"));
    let old = server.get("/config/mine?include=webhook&include=credentials").await.json();
    assert_eq!(old, read, "its name in older clients");
    assert_eq!(server.get("/config/nope").await.error(), "404 not_found");

    let change = json!({ "unique_key": "renamed", "display_name": null });
    let changed =
        server.call(Method::PATCH, "/integrations/mine", Some(SECRET), Some(change)).await;
    assert_eq!(changed.json()["data"]["display_name"], "Unchecked");
    assert_eq!(server.get("/integrations/mine").await.error(), "404 not_found");

    let gone = server.call(Method::DELETE, "/integrations/renamed", Some(SECRET), None).await;
    assert_eq!(gone.json(), json!({ "success": true }));
    let again = server.call(Method::DELETE, "/integrations/renamed", Some(SECRET), None).await;
    assert_eq!(again.error(), "404 not_found");
}

#[tokio::test]
async fn what_cannot_be_an_integration_is_told_by_field() {
    let server = Harness::new().await;
    for (body, expected) in [
        (
            json!({ "provider": "nope", "unique_key": "x" }),
            "400 invalid_body invalid_string [provider]",
        ),
        (
            json!({ "provider": "unchecked", "unique_key": "demo" }),
            "400 invalid_body invalid_string [uniqueKey]",
        ),
        (
            json!({ "provider": "unchecked", "unique_key": "a/b" }),
            "400 invalid_body invalid_format [unique_key]",
        ),
        (json!({ "provider": "unchecked" }), "400 invalid_body invalid_type [unique_key]"),
        (
            json!({ "provider": "unchecked", "unique_key": "x", "integration_config": { "nope": "1" } }),
            "400 invalid_body unrecognized_keys [integration_config.nope]",
        ),
        (
            json!({ "provider": "unchecked", "unique_key": "x", "credentials": { "type": "OAUTH2" } }),
            "400 invalid_body custom [credentials]",
        ),
    ] {
        assert_eq!(server.post("/integrations", body.clone()).await.error(), expected, "{body}");
    }
    let answer = server.get("/integrations?x=1").await;
    assert_eq!(answer.error(), "400 invalid_query_params unrecognized_keys []");
    let answer = server.get("/integrations/demo?include=nope").await;
    assert_eq!(answer.error(), "400 invalid_query_params invalid_value [include]");
}

#[tokio::test]
async fn an_integration_with_connections_keeps_its_key_and_takes_them_with_it() {
    let server = Harness::new().await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    let rename = |key: &str| json!({ "unique_key": key });
    let answer = server
        .call(Method::PATCH, "/integrations/unchecked", Some(SECRET), Some(rename("x")))
        .await;
    assert_eq!(answer.error(), "400 invalid_body");
    let answer = server
        .call(Method::PATCH, "/integrations/demo", Some(SECRET), Some(rename("templated")))
        .await;
    assert_eq!(answer.error(), "400 invalid_body");
    server.call(Method::DELETE, "/integrations/unchecked", Some(SECRET), None).await;
    assert_eq!(server.connection("unchecked", &id).await.error(), "400 unknown_provider_config");
}

#[tokio::test]
async fn a_session_sees_only_what_it_is_limited_to() {
    let server = Harness::new().await;
    let token = server.session(json!({ "tags": {}, "allowed_integrations": ["demo"] })).await;
    let list = server.call(Method::GET, "/integrations", Some(&token), None).await.json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!(list["data"][0]["unique_key"], "demo");
    let all = server.get("/integrations").await.json();
    assert!(all["data"].as_array().unwrap().len() > 1);
}

#[tokio::test]
async fn the_catalogue_is_listed_searched_and_read() {
    let server = Harness::new().await;
    let all = server.get("/providers").await.json();
    assert!(all["data"].as_array().unwrap().len() >= 4);
    let found = server.get("/providers?search=TEMPLAT").await.json();
    assert_eq!(found["data"][0]["name"], "templated");
    let one = server.get("/providers/templated").await.json();
    assert_eq!(
        one["data"]["proxy"]["base_url"],
        "https://${connectionConfig.subdomain}.templated.example"
    );
    assert_eq!(one["data"]["logo_url"], "http://keyslot.test/images/template-logos/templated.svg");
    assert_eq!(server.get("/providers/nope").await.error(), "404 not_found");
    let raw = server.call(Method::GET, "/providers.json", None, None).await.json();
    assert_eq!(raw["templated"]["auth_mode"], "API_KEY");
}

/// Settings of a private API that the harness's upstream plays.
fn private_api(server: &Harness) -> Value {
    json!({
        "baseUrl": format!("{}/v1/${{connectionConfig.team}}", server.upstream.url()),
        "keyPlacement": "header", "keyName": "X-Own-Key", "valueTemplate": "Token ${apiKey}",
        "keyLabel": "Access token",
        "headers": "{\"x-version\": \"2\"}",
        "fields": { "team": { "type": "string", "title": "Team", "order": 1 } },
        "verificationPath": "/me", "verificationStatuses": "204",
    })
}

#[tokio::test]
async fn a_private_api_is_all_settings_of_its_integration() {
    let server = Harness::new().await;
    let settings = private_api(&server);
    let body = json!({
        "provider": "private-api-generic", "unique_key": "own", "display_name": "Billing",
        "integration_config": settings,
    });
    let made = server.post("/integrations", body).await.json();
    assert_eq!(made["data"]["credentials_label"], json!({ "apiKey": "Access token" }), "{made}");
    let stored = server.get("/integrations/own").await.json()["data"]["integration_config"].clone();
    assert_eq!(stored["headers"], json!({ "x-version": "2" }), "as JSON, whatever it came as");
    assert_eq!(stored["verificationStatuses"], "204");
    // What is read can be written.
    let same = json!({ "integration_config": stored });
    let changed = server.call(Method::PATCH, "/integrations/own", Some(SECRET), Some(same)).await;
    assert_eq!(changed.status, 200, "{}", changed.json());

    // The form has the label and the added input.
    let token = server.session(json!({ "tags": {}, "allowed_integrations": ["own"] })).await;
    let shown = server.call(Method::GET, "/connect/session", Some(&token), None).await.json();
    let form = &shown["data"]["forms"]["own"];
    assert_eq!(form["integration"]["credentials_label"]["apiKey"], "Access token");
    assert_eq!(form["provider"]["credentials"]["apiKey"]["title"], "Access token");
    assert_eq!(form["provider"]["connection_config"]["team"]["title"], "Team");
    assert!(form["provider"].get("proxy").is_none(), "where and how is not the browser's business");

    // The check is the integration's, with what was typed.
    let missing = server.connect(&token, "own", json!({ "apiKey": "K" })).await;
    assert_eq!(missing.error(), "400 invalid_body invalid_type [params.team]");
    server.upstream.then_status(200);
    let typed = json!({ "apiKey": "K", "params": { "team": "a/b" } });
    let refused = server.connect(&token, "own", typed.clone()).await;
    assert_eq!(refused.json()["error"]["reason"], "refused", "204 was expected");
    server.upstream.then_status(204);
    let id = server.connected(&token, "own", typed).await;
    let asked = server.upstream.last();
    assert_eq!(asked.target, "/v1/a%2Fb/me");
    assert_eq!(asked.header("x-own-key"), "Token K");
    assert_eq!(asked.header("x-version"), "2");
    server.upstream.then_status(401);
    let path = format!("/connections/{id}/verify?provider_config_key=own");
    assert_eq!(server.post(&path, Value::Null).await.json()["reason"], "refused");

    // So is every proxied request.
    let request = http::Request::get("/proxy/items?x=1")
        .header("host", "keyslot.test")
        .header("authorization", format!("Bearer {SECRET}"))
        .header("provider-config-key", "own")
        .header("connection-id", &id)
        .body(axum::body::Body::empty())
        .unwrap();
    assert_eq!(server.send(request).await.status, 200);
    let asked = server.upstream.last();
    assert_eq!(asked.target, "/v1/a%2Fb/items?x=1");
    assert_eq!(asked.header("x-own-key"), "Token K");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named_and_nothing_is_stored() {
    let server = Harness::new().await;
    let new = |settings: &Value| json!({ "provider": "private-api-generic", "unique_key": "own", "integration_config": settings });
    for (settings, path) in [
        (json!({ "baseUrl": "ftp://x.test" }), "baseUrl"),
        (json!({ "baseUrl": "https://10.0.0.1" }), "baseUrl"),
        (json!({ "keyName": "Host" }), "keyName"),
        (json!({ "fields": { "a": { "titel": "A" } } }), "fields.a"),
        (json!({ "verificationPath": "me" }), "verificationPath"),
    ] {
        let error = server.post("/integrations", new(&settings)).await.error();
        assert!(error.starts_with("400 invalid_body "), "{error}");
        assert!(error.ends_with(&format!("[integration_config.{path}]")), "{error}");
    }
    assert_eq!(server.get("/integrations/own").await.error(), "404 not_found");
    let good = json!({ "keyLabel": "Token" });
    assert_eq!(server.post("/integrations", new(&good)).await.status, 200);
    let change = json!({ "integration_config": { "keyPlacement": "body" } });
    let answer = server.call(Method::PATCH, "/integrations/own", Some(SECRET), Some(change)).await;
    assert_eq!(answer.error(), "400 invalid_body invalid_value [integration_config.keyPlacement]");
    let stored = server.get("/integrations/own").await.json();
    assert_eq!(stored["data"]["integration_config"], good);
}

#[tokio::test]
async fn a_browser_gets_the_form_of_its_integration_however_it_asks() {
    let server = Harness::new().await;
    for (key, label) in [("one", "Label of one"), ("two", "Label of two")] {
        let body = json!({
            "provider": "private-api-bearer", "unique_key": key,
            "integration_config": { "keyLabel": label, "baseUrl": server.upstream.url() },
        });
        assert_eq!(server.post("/integrations", body).await.status, 200);
    }
    let title = async |token: &str, path: &str| {
        let answer = server.call(Method::GET, path, Some(token), None).await.json();
        assert!(answer["data"].get("proxy").is_none() || token == SECRET || !path.contains('?'));
        answer["data"]["credentials"]["apiKey"]["title"].as_str().unwrap_or("none").to_owned()
    };
    let one = server.session(json!({ "tags": {}, "allowed_integrations": ["one"] })).await;
    let both = server.session(json!({ "tags": {} })).await;
    // A stock dialog names no integration; where it may see only one of this provider, it is that one.
    assert_eq!(title(&one, "/providers/private-api-bearer").await, "Label of one");
    assert_eq!(title(&both, "/providers/private-api-bearer").await, "API key");
    assert_eq!(title(&both, "/providers/private-api-bearer?integration=two").await, "Label of two");
    assert_eq!(
        title(SECRET, "/providers/private-api-bearer?integration=two").await,
        "Label of two"
    );
    assert_eq!(title(SECRET, "/providers/private-api-bearer").await, "API key");
    for path in
        ["/providers/private-api-bearer?integration=two", "/providers/openai?integration=one"]
    {
        let answer = server.call(Method::GET, path, Some(&one), None).await;
        assert_eq!(answer.error(), "404 not_found", "{path}");
    }
}
