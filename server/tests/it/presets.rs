//! Secrets that a request does not bring itself, preset or kept, go only to the address that they are for.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Harness, SECRET};

/// An API whose address the end user chooses, and which gets a second secret in a header and in the query.
/// The address and the attacker's are two names of one listener, which notes what it is sent.
struct World {
    server: Harness,
    home: String,
    attacker: String,
}

impl World {
    async fn new() -> Self {
        let server = Harness::new().await;
        let port = server.upstream.address.port();
        let (home, attacker) =
            (format!("http://127.0.0.1:{port}"), format!("http://localhost:{port}"));
        let template = json!({
            "display_name": "Chosen",
            "auth_mode": "API_KEY",
            "credentials": { "apiKey": { "type": "string", "title": "Key", "description": "Any." } },
            "connection_config": {
                "base": { "type": "string", "title": "Address", "default_value": home },
                "partner": {
                    "type": "string", "title": "Partner key", "optional": true, "secret": true
                },
            },
            "proxy": {
                "base_url": "${connectionConfig.base}",
                "headers": {
                    "authorization": "Bearer ${apiKey}",
                    "x-partner": "${connectionConfig.partner}",
                },
                "query": { "partner": "${connectionConfig.partner}" },
                "verification": { "method": "GET", "endpoints": ["/check"] },
            },
        });
        let put = server.call(Method::PUT, "/providers/chosen", Some(SECRET), Some(template)).await;
        assert_eq!(put.status, 200, "{}", put.json());
        let integration = json!({ "provider": "chosen", "unique_key": "chosen" });
        let made = server.post("/integrations", integration).await;
        assert_eq!(made.status, 200, "{}", made.json());
        Self { server, home, attacker }
    }

    async fn connect(&self, token: &str, params: Value) -> Answer {
        self.server.connect(token, "chosen", json!({ "apiKey": "k", "params": params })).await
    }

    /// How often the listener was asked, and the second secret that it was sent last.
    fn seen(&self) -> (usize, String) {
        let seen = self.server.upstream.seen();
        let partner = seen.last().map_or("", |last| last.header("x-partner"));
        (seen.len(), partner.to_owned())
    }

    async fn config(&self, id: &str) -> Value {
        self.server.connection("chosen", id).await.json()["connection_config"].clone()
    }
}

#[tokio::test]
async fn a_preset_secret_is_not_sent_to_an_address_that_the_session_does_not_preset() {
    let world = World::new().await;
    let session = async |config: Value| {
        let presets = json!({ "chosen": { "connection_config": config } });
        let terms = json!({ "tags": {}, "integrations_config_defaults": presets });
        world.server.session(terms).await
    };
    // The address has a default, so that it need not be preset.
    let token = session(json!({ "partner": "planted-secret" })).await;
    for params in [
        json!({ "base": world.attacker }),
        json!({ "base": world.attacker, "partner": "" }),
        json!({ "base": world.attacker, "partner": "the attacker's own" }),
        json!({ "base": format!("{}/", world.attacker) }),
    ] {
        let answer = world.connect(&token, params.clone()).await;
        assert_eq!(answer.error(), "400 invalid_body custom [params.base]", "{params}");
        assert!(!String::from_utf8_lossy(&answer.bytes).contains("planted-secret"));
        assert_eq!(world.seen().0, 0, "nothing was sent: {params}");
    }
    for params in [json!({}), json!({ "base": world.home })] {
        let answer = world.connect(&token, params).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(world.seen().1, "planted-secret");
    }

    // A preset address stands, whatever the request says.
    let both = session(json!({ "base": world.home, "partner": "planted-secret" })).await;
    let answer = world.connect(&both, json!({ "base": world.attacker })).await;
    let id = answer.json()["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(world.config(&id).await["base"], json!(world.home));

    // Without a preset secret the end user's address is nobody else's business.
    let token = world.server.session(json!({ "tags": {} })).await;
    let own = json!({ "base": world.attacker, "partner": "own" });
    assert_eq!(world.connect(&token, own).await.status, 200);
    assert_eq!(world.seen().1, "own");
}

#[tokio::test]
async fn a_preset_that_the_template_does_not_declare_is_treated_as_a_secret() {
    let world = World::new().await;
    let presets = json!({ "chosen": { "connection_config": { "undeclared": "planted-secret" } } });
    let terms = json!({ "tags": {}, "integrations_config_defaults": presets });
    let token = world.server.session(terms).await;
    let shown = world.server.call(Method::GET, "/connect/session", Some(&token), None).await;
    assert_eq!(shown.status, 200);
    assert!(!String::from_utf8_lossy(&shown.bytes).contains("planted-secret"));
    let answer = world.connect(&token, json!({ "base": world.attacker })).await;
    assert_eq!(answer.error(), "400 invalid_body custom [params.base]");
    assert_eq!(world.seen().0, 0, "nothing was sent");
    assert_eq!(world.connect(&token, json!({})).await.status, 200);
}

#[tokio::test]
async fn a_kept_secret_is_not_sent_to_another_address_than_it_was_stored_for() {
    let world = World::new().await;
    let import = json!({
        "provider_config_key": "chosen",
        "connection_id": "c1",
        "credentials": { "type": "API_KEY", "apiKey": "k" },
        "connection_config": { "base": world.home, "partner": "kept-secret", "note": "ours" },
    });
    let made = world.server.post("/connections", import).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let reconnect = json!({ "connection_id": "c1", "integration_id": "chosen" });
    let minted = world.server.post("/connect/sessions/reconnect", reconnect).await.json();
    let reconnecting = minted["data"]["token"].as_str().unwrap().to_owned();
    let bound = world.server.session(json!({ "tags": {}, "connection_id": "c1" })).await;

    for token in [&reconnecting, &bound] {
        let before = world.seen().0;
        let answer = world.connect(token, json!({ "base": world.attacker })).await;
        assert_eq!(answer.error(), "400 invalid_body custom [params.partner]");
        assert_eq!(world.seen().0, before, "nothing was sent");

        let answer = world.connect(token, json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        assert_eq!(world.seen().1, "kept-secret");
    }
    assert_eq!(world.config("c1").await["note"], "ours");

    let moved = json!({ "base": world.attacker, "partner": "new" });
    assert_eq!(world.connect(&bound, moved).await.status, 200);
    assert_eq!(world.seen().1, "new");
    let expected = json!({ "base": world.attacker, "partner": "new" });
    assert_eq!(world.config("c1").await, expected, "what no form asks for is not taken along");
}

#[tokio::test]
async fn presets_with_a_secret_and_without_the_address_are_refused_when_they_are_minted() {
    let server = Harness::new().await;
    let mint = async |config: Value| {
        let presets = json!({ "templated": { "connection_config": config } });
        let terms = json!({
            "tags": {},
            "allowed_integrations": ["templated"],
            "integrations_config_defaults": presets,
        });
        server.post("/connect/sessions", terms).await
    };
    let answer = mint(json!({ "second": "planted-secret" })).await;
    let place = "integrations_config_defaults.templated.connection_config.subdomain";
    assert_eq!(answer.error(), format!("400 invalid_body custom [{place}]"));
    assert_eq!(answer.json()["error"]["errors"].as_array().unwrap().len(), 1, "said once");
    for config in [
        json!({ "second": "planted-secret", "subdomain": "acme" }),
        json!({ "second": "" }),
        json!({ "note": "no secret" }),
    ] {
        assert_eq!(mint(config.clone()).await.status, 201, "{config}");
    }
}
