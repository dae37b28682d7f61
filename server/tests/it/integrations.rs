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
    assert_eq!(made["data"]["logo"], "http://keyslot.test/images/template-logos/unchecked.svg");
    let read = server.get("/integrations/mine?include=webhook&include=credentials").await.json();
    assert_eq!(read["data"]["display_name"], "Mine");
    assert_eq!(read["data"]["webhook_url"], Value::Null);
    assert!(read["data"].as_object().unwrap().contains_key("credentials"));

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
