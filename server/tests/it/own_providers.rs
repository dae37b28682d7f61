//! Providers of an environment's own: stored, used like those of the catalogue, and deleted.

use axum::body::Body;
use http::{Method, Request};
use keyslot_server::model::OwnProvider;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness, PROD_SECRET, READ_ONLY, SECRET, event};

async fn send(server: &Harness, method: Method, path: &str, kind: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "keyslot.test")
        .header("authorization", format!("Bearer {SECRET}"))
        .header("content-type", kind)
        .body(Body::from(body.to_owned()))
        .unwrap();
    server.send(request).await
}

async fn put(server: &Harness, name: &str, template: &Value) -> Answer {
    let path = format!("/providers/{name}");
    server.call(Method::PUT, &path, Some(SECRET), Some(template.clone())).await
}

async fn delete(server: &Harness, name: &str) -> Answer {
    server.call(Method::DELETE, &format!("/providers/{name}"), Some(SECRET), None).await
}

/// A provider that the harness's upstream plays.
fn acme(server: &Harness) -> Value {
    json!({
        "display_name": "Acme",
        "auth_mode": "API_KEY",
        "credentials": { "apiKey": { "type": "string", "title": "Acme key" } },
        "proxy": {
            "base_url": server.upstream.url(),
            "headers": { "x-acme": "${apiKey}", "x-static": "internal" },
            "verification": { "endpoints": ["/me"] },
        },
    })
}

#[tokio::test]
async fn a_provider_of_its_own_works_like_one_of_the_catalogue() {
    let server = Harness::new().await;
    let stored = put(&server, "acme", &acme(&server)).await.json();
    assert_eq!(stored["data"]["own"], true, "{stored}");
    assert_eq!((&stored["replaced"], &stored["notes"]), (&json!(false), &json!([])));
    assert_eq!(put(&server, "acme", &acme(&server)).await.json()["replaced"], true);

    let own = server.get("/providers?own=true").await.json();
    let names: Vec<&str> =
        own["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["acme"]);
    let other = server.call(Method::GET, "/providers/acme", Some(PROD_SECRET), None).await;
    assert_eq!(other.error(), "404 not_found", "it belongs to one environment");
    let public = server.call(Method::GET, "/providers.json", None, None).await.json();
    assert!(public.get("acme").is_none(), "and is nobody else's to see");

    let integration = json!({ "provider": "acme", "unique_key": "acme-prod" });
    assert_eq!(server.post("/integrations", integration).await.status, 200);
    let token = server.session(json!({ "tags": {} })).await;
    let id = server.connected(&token, "acme-prod", json!({ "apiKey": "K" })).await;
    assert_eq!(server.upstream.last().header("x-acme"), "K");
    let form = server.call(Method::GET, "/providers/acme", Some(&token), None).await.json();
    assert_eq!(form["data"]["credentials"]["apiKey"]["title"], "Acme key");
    assert!(form["data"].get("proxy").is_none(), "{form}");
    server.upstream.then_status(401);
    let path = format!("/connections/{id}/verify?provider_config_key=acme-prod");
    assert_eq!(server.post(&path, Value::Null).await.json()["reason"], "refused");

    // In use it stays, and stays usable.
    assert_eq!(delete(&server, "acme").await.error(), "409 provider_in_use");
    let mut basic = acme(&server);
    basic["auth_mode"] = "BASIC".into();
    assert_eq!(put(&server, "acme", &basic).await.error(), "409 provider_in_use");
    server.call(Method::DELETE, "/integrations/acme-prod", Some(SECRET), None).await;
    assert_eq!(delete(&server, "acme").await.json(), json!({ "success": true }));
    assert_eq!(delete(&server, "acme").await.error(), "404 not_found");
    assert_eq!(server.get("/providers/acme").await.error(), "404 not_found");

    let audit = server.get("/audit-events?limit=100").await.json();
    let said = audit.to_string();
    assert!(said.contains("provider.stored") && said.contains("provider.deleted"), "{said}");
}

#[tokio::test]
async fn one_of_the_catalogue_is_replaced_in_one_environment_and_comes_back() {
    let server = Harness::new().await;
    let ours = json!({ "alias": "openai", "display_name": "Our AI" });
    assert_eq!(put(&server, "openai", &ours).await.status, 200);
    let title = async |key: &str| {
        let shown = server.call(Method::GET, "/providers/openai", Some(key), None).await.json();
        shown["data"]["display_name"].as_str().unwrap().to_owned()
    };
    assert_eq!(title(SECRET).await, "Our AI");
    assert_eq!(title(PROD_SECRET).await, "OpenAI");
    let other = json!({ "alias": "openai", "docs": "https://docs.example" });
    assert_eq!(put(&server, "openai", &other).await.json()["replaced"], true);
    assert_eq!(title(SECRET).await, "OpenAI", "it differs from the catalogue's, not from the last");
    assert_eq!(put(&server, "openai", &ours).await.status, 200);
    let shown = server.get("/providers/openai").await.json();
    assert!(shown["data"]["proxy"]["base_url"].is_string(), "the rest is what it was");
    // In use, but the catalogue has one that takes its place.
    let integration = json!({ "provider": "openai", "unique_key": "ai" });
    assert_eq!(server.post("/integrations", integration).await.status, 200);
    assert_eq!(delete(&server, "openai").await.status, 200);
    assert_eq!(title(SECRET).await, "OpenAI");
    assert_eq!(delete(&server, "openai").await.error(), "404 not_found", "it is the catalogue's");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_with_its_place() {
    let server = Harness::new().await;
    for (template, expected) in [
        (json!({}), "auth_mode"),
        (json!({ "display_name": "A", "auth_mode": "OAUTH2" }), "auth_mode"),
        (json!({ "auth_mode": "API_KEY" }), ""),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "proxy": { "base_url": 5 } }),
            "proxy.base_url",
        ),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "proxy": { "base_url": "https://10.0.0.1" } }),
            "proxy.base_url",
        ),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "proxy": { "headers": { "a": "${hmacSha1Hex(a,b)}" } } }),
            "proxy.headers.a",
        ),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "connection_config": { "a": { "type": "number" } } }),
            "connection_config.a.type",
        ),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "docs": "javascript:alert(1)" }),
            "docs",
        ),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "docs_connect": "java\nscript:alert(1)" }),
            "docs_connect",
        ),
        (
            json!({ "display_name": "A", "auth_mode": "API_KEY", "setup_guide_url": "data:text/html,x" }),
            "setup_guide_url",
        ),
        (json!({ "alias": "nobody", "display_name": "A" }), "alias"),
        (json!({ "alias": "bad", "display_name": "A" }), "alias"),
        (json!({ "display_name": "x".repeat(70_000), "auth_mode": "API_KEY" }), ""),
    ] {
        let answer = put(&server, "bad", &template).await;
        let expected = format!("400 invalid_body custom [{expected}]");
        assert_eq!(answer.error(), expected, "{}", answer.json());
    }
    let good = json!({ "display_name": "A", "auth_mode": "API_KEY" });
    assert_eq!(put(&server, "b%20d", &good).await.error(), "400 invalid_body custom [name]");
    assert_eq!(server.get("/providers?own=true").await.json()["data"], json!([]));
    assert_eq!(
        server.get("/providers?own=1").await.error(),
        "400 invalid_query_params invalid_value [own]"
    );
    let reader = server.call(Method::PUT, "/providers/a", Some(READ_ONLY), Some(good)).await;
    assert_eq!(reader.error(), "403 forbidden");
    for (kind, body, expected) in [
        ("text/plain", "a: b", "415 invalid_content_type"),
        ("application/json", "{", "400 invalid_json"),
        ("application/json", "[]", "400 invalid_body invalid_type []"),
        ("application/yaml", "a: [", "400 invalid_body"),
        ("application/yaml", "- a", "400 invalid_body"),
        ("application/yaml", "a: &a [*a]", "400 invalid_body"),
        ("application/yaml", "", "400 invalid_body custom [auth_mode]"),
    ] {
        let answer = send(&server, Method::PUT, "/providers/a", kind, body).await;
        assert_eq!(answer.error(), expected, "{kind}: {body}");
    }
    // A billion laughs.
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for pair in "abcdefghij".as_bytes().windows(2) {
        let (from, to) = (pair[0] as char, pair[1] as char);
        bomb.push_str(&format!("{to}: &{to} [{}]\n", vec![format!("*{from}"); 10].join(",")));
    }
    let answer = send(&server, Method::POST, "/providers", "application/yaml", &bomb).await;
    assert_eq!(answer.error(), "400 invalid_body");
}

#[tokio::test]
async fn of_a_file_everything_that_can_be_used_is_and_the_rest_is_named() {
    let server = Harness::new().await;
    let file = "
base-of-both:
  display_name: Base
  auth_mode: BASIC
  proxy: { base_url: 'https://${connectionConfig.sub}.base.example' }
  connection_config:
    sub: { type: string, title: Sub, description: Yours, pattern: '^(?=a)' }
of-it: { alias: base-of-both, display_name: Of it }
signed:
  display_name: Signed
  auth_mode: API_KEY
  proxy: { base_url: 'https://signed.example', headers: { authorization: '${awsSigV4(a, b, c, d)}' } }
oauth: { display_name: O, auth_mode: OAUTH2, authorization_url: 'https://o.example' }
scripted: { display_name: S, auth_mode: API_KEY, credentials_verification_script: someScript }
listed: [1, 2]
";
    let answer =
        send(&server, Method::POST, "/providers", "application/yaml; charset=utf-8", file).await;
    let report = answer.json();
    let names = |list: &str, of: &str| -> Vec<String> {
        let list = report["data"][list].as_array().unwrap();
        list.iter().map(|one| one[of].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("loaded", "name"), ["base-of-both", "of-it", "scripted"], "{report}");
    assert_eq!(names("skipped", "name"), ["signed", "oauth", "listed"]);
    assert_eq!(names("skipped", "field"), ["proxy.headers.authorization", "auth_mode", "template"]);
    let notes = &report["data"]["loaded"];
    assert!(notes[0]["notes"][0].as_str().unwrap().contains("connection_config.sub.pattern"));
    assert!(notes[2]["notes"][0].as_str().unwrap().contains("someScript"));
    let of_it = server.get("/providers/of-it").await.json();
    assert_eq!(of_it["data"]["proxy"]["base_url"], "https://${connectionConfig.sub}.base.example");
    // What it took from the other is its own.
    assert_eq!(delete(&server, "base-of-both").await.status, 200);
    assert_eq!(server.get("/providers/of-it").await.json(), of_it);

    let nothing = send(&server, Method::POST, "/providers", "application/yaml", "a: 1\nb: 2").await;
    assert_eq!(nothing.error(), "400 invalid_body custom []", "{}", nothing.json());
    // One entry by itself, with its name around it.
    let one = "solo:\n  display_name: Solo\n  auth_mode: API_KEY\n";
    let answer = send(&server, Method::PUT, "/providers/solo", "application/yaml", one).await;
    assert_eq!(answer.json()["data"]["display_name"], "Solo");
}

#[tokio::test]
async fn a_link_that_an_older_server_stored_is_not_shown_and_its_provider_still_works() {
    let server = Harness::new().await;
    let mut template = acme(&server).as_object().unwrap().clone();
    template.insert("docs".into(), "javascript:alert(1)".into());
    template.insert("docs_connect".into(), "https://docs.acme.example/keys".into());
    let now = server.state.clock.now();
    let own = OwnProvider { name: "acme".into(), template, updated_at: now };
    let stored = vec![(own, event(now, "dev"))];
    server.state.store.put_own_providers("dev", stored).await.unwrap();
    server.state.catalogues.refresh(server.state.store.as_ref()).await.unwrap();
    let shown = server.get("/providers/acme").await.json();
    assert_eq!(shown["data"]["docs"], Value::Null, "{shown}");
    assert_eq!(shown["data"]["docs_connect"], "https://docs.acme.example/keys");
}
