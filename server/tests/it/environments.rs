//! Making, renaming and deleting environments, and that one shows nothing of another.

use http::Method;
use keyslot_server::{
    environment_key::{EnvironmentKeys, Purpose},
    routes,
    store::AuditFilter,
};
use serde_json::{Value, json};

use crate::harness::{Answer, GOOD, Harness, PROD_SECRET, READ_ONLY, SECRET, user};

/// A new environment; its key.
async fn made(server: &Harness, name: &str) -> String {
    let answer = server.post("/environments", json!({ "name": name })).await;
    assert_eq!(answer.status, 201, "{}", answer.json());
    let body = answer.json();
    assert_eq!(body["data"]["name"], name);
    body["data"]["secret_key"]["secret_key"].as_str().unwrap().to_owned()
}

async fn call(server: &Harness, method: Method, path: &str, key: &str, body: Value) -> Answer {
    let body = if body.is_null() { None } else { Some(body) };
    server.call(method, path, Some(key), body).await
}

fn integration() -> Value {
    json!({ "provider": "keyslot-demo", "unique_key": "demo" })
}

#[tokio::test]
async fn an_environment_is_made_used_renamed_and_deleted() {
    let server = Harness::new().await;
    let key = made(&server, "branch-42").await;
    let names = server.get("/environments").await.json();
    assert_eq!(
        names["data"],
        json!([{ "name": "branch-42" }, { "name": "dev" }, { "name": "prod" }])
    );
    let empty = call(&server, Method::GET, "/integrations", &key, Value::Null).await;
    assert_eq!(empty.json()["data"], json!([]));
    let hmac = call(&server, Method::POST, "/environment/hmac-key", &key, Value::Null).await;
    assert_eq!(hmac.status, 201);

    let renamed =
        call(&server, Method::PATCH, "/environments/branch-42", &key, json!({ "name": "b43" }))
            .await;
    assert_eq!(renamed.status, 200, "{}", renamed.json());
    let given = hmac.json()["data"]["hmac_key"].as_str().unwrap().to_owned();
    let kept = EnvironmentKeys::of(&server.state, "b43", Purpose::ConnectionHmac).await.unwrap();
    assert_eq!(kept.current().expose(), given, "sealed anew under the new name");
    let shown = call(&server, Method::GET, "/environment", &key, Value::Null).await;
    assert_eq!(shown.json()["data"]["name"], "b43", "its key goes along");

    assert_eq!(call(&server, Method::POST, "/integrations", &key, integration()).await.status, 200);
    for (method, path, body) in [
        (Method::PATCH, "/environments/b43", json!({ "name": "b44" })),
        (Method::DELETE, "/environments/b43", Value::Null),
    ] {
        let refused = call(&server, method, path, &key, body).await;
        assert_eq!(refused.error(), "409 environment_stays", "in use");
    }
    let path = "/integrations/demo";
    assert_eq!(call(&server, Method::DELETE, path, &key, Value::Null).await.status, 200);
    let deleted = call(&server, Method::DELETE, "/environments/b43", &key, Value::Null).await;
    assert_eq!(deleted.status, 200, "{}", deleted.json());
    let after = call(&server, Method::GET, "/integrations", &key, Value::Null).await;
    assert_eq!(after.error(), "401 unknown_account", "its keys end with it");
    assert_eq!(server.get("/environments").await.json()["data"].as_array().unwrap().len(), 2);
    let events = server
        .state
        .store
        .audit_events("b43", AuditFilter { limit: 10, ..AuditFilter::default() })
        .await
        .unwrap();
    assert_eq!(events[0].action, "environment.deleted");
    // The name is free again, and nothing of the old one comes back.
    made(&server, "b43").await;
}

#[tokio::test]
async fn what_cannot_be_done_with_an_environment_is_said() {
    let server = Harness::new().await;
    let key = made(&server, "mine").await;
    for (name, error) in [
        (json!("Not A Name"), "400 invalid_body invalid_format [name]"),
        (json!("dev"), "400 invalid_body custom [name]"),
        (json!("mine"), "400 invalid_body custom [name]"),
    ] {
        let answer = server.post("/environments", json!({ "name": name })).await;
        assert_eq!(answer.error(), error, "{name}");
    }
    let rename = json!({ "name": "other" });
    for (who, method, path, body, error) in [
        (SECRET, Method::DELETE, "/environments/dev", Value::Null, "409 environment_stays"),
        (SECRET, Method::PATCH, "/environments/dev", rename.clone(), "409 environment_stays"),
        (SECRET, Method::DELETE, "/environments/mine", Value::Null, "403 forbidden"),
        (SECRET, Method::PATCH, "/environments/mine", rename, "403 forbidden"),
        (SECRET, Method::DELETE, "/environments/nowhere", Value::Null, "403 forbidden"),
        (
            &key,
            Method::PATCH,
            "/environments/mine",
            json!({ "name": "prod" }),
            "400 invalid_body custom [name]",
        ),
        (READ_ONLY, Method::GET, "/environments", Value::Null, "403 forbidden"),
    ] {
        let answer = call(&server, method.clone(), path, who, body).await;
        assert_eq!(answer.error(), error, "{method} {path}");
    }
}

/// The status and the body without what differs from request to request, with the id taken out.
fn told(answer: &Answer, id: &str) -> (u16, String) {
    let mut body = answer.json();
    if let Some(error) = body["error"].as_object_mut() {
        error.remove("request_id");
    }
    (answer.status.as_u16(), body.to_string().replace(id, "ID"))
}

/// Whatever takes an id, by every route there is: what belongs to another environment is answered as what
/// never existed.
#[tokio::test]
async fn ids_of_another_environment_are_answered_as_unknown_ones() {
    let server = Harness::new().await;
    // Everything that has an id, in dev; prod has an integration of the same key.
    let token = server.session(user("u1")).await;
    let connection = server.connected(&token, "unchecked", json!({ "apiKey": GOOD })).await;
    let webhook = {
        let settings = json!({ "webhook_url": server.upstream.url() });
        assert_eq!(
            call(&server, Method::PATCH, "/environment", SECRET, settings).await.status,
            200
        );
        server.connected(&token, "unchecked", json!({ "apiKey": GOOD })).await;
        let listed = server.get("/webhooks").await.json();
        listed["data"][0]["id"].as_str().unwrap().to_owned()
    };
    let keys = server.get("/secret-keys").await.json();
    let secret_key = keys["data"][0]["id"].as_str().unwrap().to_owned();
    let environment = made(&server, "elsewhere").await;
    drop(environment);

    let mut compared = 0;
    for endpoint in routes::endpoints(false) {
        let key_only = endpoint.path.contains('{')
            && !endpoint.path.starts_with("/dashboard")
            && !endpoint.path.starts_with("/assets")
            && !endpoint.path.starts_with("/images")
            && !endpoint.path.starts_with("/api-auth")
            && !endpoint.path.starts_with("/providers");
        if !key_only {
            continue;
        }
        let (name, theirs) = match endpoint.path {
            path if path.contains("{connectionId}") => ("{connectionId}", connection.as_str()),
            path if path.contains("{webhookId}") => ("{webhookId}", webhook.as_str()),
            path if path.contains("{secretKeyId}") => ("{secretKeyId}", secret_key.as_str()),
            // An integration that prod does not have.
            path if path.contains("{uniqueKey}") => ("{uniqueKey}", "demo"),
            path if path.contains("{environment}") => ("{environment}", "elsewhere"),
            path if path.contains("{*path}") => ("{*path}", ""),
            path => panic!("{path}: say which id this is"),
        };
        let body = match *endpoint.method.as_str().as_bytes() {
            [b'P', b'A' | b'O' | b'U', ..] => Some(json!({ "name": "n", "display_name": "n" })),
            _ => None,
        };
        let mut answers = Vec::new();
        for id in [theirs, "never-existed"] {
            if name == "{*path}" {
                let id = if id.is_empty() { connection.as_str() } else { id };
                let request = http::Request::builder()
                    .method(endpoint.method.clone())
                    .uri("/proxy/x")
                    .header("host", "keyslot.test")
                    .header("authorization", format!("Bearer {PROD_SECRET}"))
                    .header("provider-config-key", "unchecked")
                    .header("connection-id", id);
                let answer = server.send(request.body("".into()).unwrap()).await;
                answers.push(told(&answer, id));
                continue;
            }
            let path = endpoint.path.replace(name, id);
            let query =
                if path.contains("connection") { "?provider_config_key=unchecked" } else { "" };
            let answer = server
                .call(
                    endpoint.method.clone(),
                    &format!("{path}{query}"),
                    Some(PROD_SECRET),
                    body.clone(),
                )
                .await;
            answers.push(told(&answer, id));
        }
        assert!(answers[0].0 >= 400, "{} {}: {:?}", endpoint.method, endpoint.path, answers[0]);
        assert_eq!(answers[0], answers[1], "{} {}", endpoint.method, endpoint.path);
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
    assert_eq!(server.connection("unchecked", &connection).await.status, 200, "and it is there");
}

#[tokio::test]
async fn a_new_environment_has_providers_of_its_own_and_none_of_one_that_had_its_name() {
    let server = Harness::new().await;
    let template = json!({
        "display_name": "Acme",
        "auth_mode": "API_KEY",
        "credentials": { "apiKey": { "type": "string", "title": "Acme key" } },
        "proxy": {
            "base_url": server.upstream.url(),
            "headers": { "x-acme": "${apiKey}" },
            "verification": { "endpoints": ["/me"] },
        },
    });
    let key = made(&server, "b42").await;
    let put = call(&server, Method::PUT, "/providers/acme", &key, template).await;
    assert_eq!(put.status, 200, "{}", put.json());
    let integration = json!({ "unique_key": "acme", "provider": "acme" });
    let enabled = call(&server, Method::POST, "/integrations", &key, integration).await;
    assert_eq!(enabled.status, 200, "{}", enabled.json());
    let elsewhere = server.call(Method::GET, "/providers/acme", Some(SECRET), None).await;
    assert_eq!(elsewhere.error(), "404 not_found");

    for path in ["/integrations/acme", "/environments/b42"] {
        let gone = call(&server, Method::DELETE, path, &key, Value::Null).await;
        assert_eq!(gone.status, 200, "{path}: {}", gone.json());
    }
    server.advance(1);
    let key = made(&server, "b42").await;
    server.state.catalogues.refresh(server.state.store.as_ref()).await.unwrap();
    let again = call(&server, Method::GET, "/providers/acme", &key, Value::Null).await;
    assert_eq!(again.error(), "404 not_found");
}
