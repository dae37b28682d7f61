//! Connections as backends read, import, change and delete them.

use http::Method;
use serde_json::{Value, json};

use crate::harness::{GOOD, Harness, PROD_SECRET, SECRET, newest, user};

fn import(id: &str, key: &str) -> Value {
    json!({
        "provider_config_key": "unchecked",
        "connection_id": id,
        "credentials": { "type": "API_KEY", "apiKey": key },
    })
}

#[tokio::test]
async fn an_import_is_checked_stored_and_replaced_by_its_next_one() {
    let server = Harness::new().await;
    let mut body = import("c1", "one");
    body["metadata"] = json!({ "a": 1 });
    body["connection_config"] = json!({ "nested": { "any": [1, 2] } });
    let answer = server.post("/connections", body).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.json()["credentials"]["apiKey"], "one");
    let id = answer.json()["id"].clone();

    let again = server.post("/connections", import("c1", "two")).await.json();
    assert_eq!(again["id"], id);
    assert_eq!(again["metadata"], json!({ "a": 1 }), "what is not given stays");
    assert_eq!(again["connection_config"], json!({ "nested": { "any": [1, 2] } }));

    let refused = json!({
        "provider_config_key": "demo",
        "credentials": { "type": "API_KEY", "apiKey": "nonsense" },
    });
    assert_eq!(server.post("/connections", refused).await.error(), "400 connection_test_failed");
}

#[tokio::test]
async fn an_import_without_an_id_gets_one() {
    let server = Harness::new().await;
    let mut body = import("x", "k");
    body.as_object_mut().unwrap().shift_remove("connection_id");
    let answer = server.post("/connections", body).await.json();
    assert!(uuid::Uuid::parse_str(answer["connection_id"].as_str().unwrap()).is_ok());
}

#[tokio::test]
async fn a_bad_import_is_told_by_field() {
    let server = Harness::new().await;
    for (body, expected) in [
        (json!({ "provider_config_key": "demo" }), "400 invalid_body invalid_type [credentials]"),
        (
            json!({ "provider_config_key": "demo", "credentials": { "type": "OAUTH2" } }),
            "400 invalid_body invalid_value [credentials.type]",
        ),
        (
            json!({ "provider_config_key": "demo", "credentials": { "type": "BASIC", "username": "u" } }),
            "400 invalid_body invalid_type [credentials.password]",
        ),
        (
            json!({ "provider_config_key": "nope", "credentials": { "type": "API_KEY", "apiKey": "k" } }),
            "404 not_found",
        ),
        (
            json!({ "provider_config_key": "demo", "credentials": { "type": "BASIC", "username": "u", "password": "" } }),
            "400 invalid_body",
        ),
    ] {
        assert_eq!(server.post("/connections", body.clone()).await.error(), expected, "{body}");
    }
}

#[tokio::test]
async fn reading_what_is_not_there_is_told_apart() {
    let server = Harness::new().await;
    server.post("/connections", import("c1", "k")).await;
    for (path, expected) in [
        ("/connections/c1", "400 invalid_query_params invalid_type [provider_config_key]"),
        ("/connections/c1?provider_config_key=nope", "400 unknown_provider_config"),
        ("/connections/c2?provider_config_key=unchecked", "404 not_found"),
        ("/connections/c1?provider_config_key=demo", "404 not_found"),
        (
            "/connections/%C3%A9?provider_config_key=demo",
            "400 invalid_uri_params invalid_format [connectionId]",
        ),
        ("/connections/%FF?provider_config_key=demo", "400 invalid_uri_params custom []"),
        (
            "/connections/c1?provider_config_key=unchecked&x=1",
            "400 invalid_query_params unrecognized_keys []",
        ),
        (
            "/connections/c1?provider_config_key=unchecked&force_refresh=maybe",
            "400 invalid_query_params invalid_value [force_refresh]",
        ),
    ] {
        assert_eq!(server.get(path).await.error(), expected, "{path}");
    }
    let nowhere = "/connections/c1?provider_config_key=nope";
    for (method, body) in [(Method::PATCH, Some(json!({ "tags": {} }))), (Method::DELETE, None)] {
        let answer = server.call(method, nowhere, Some(SECRET), body).await;
        assert_eq!(answer.error(), "400 unknown_provider_config");
    }
    let metadata = json!({ "connection_id": "c1", "provider_config_key": "nope", "metadata": {} });
    let answer = server.post("/connections/metadata", metadata).await;
    assert_eq!(answer.error(), "404 unknown_connection");
    let long = format!("/connections/{}?provider_config_key=unchecked", "x".repeat(256));
    assert_eq!(server.get(&long).await.error(), "400 invalid_uri_params too_big [connectionId]");
    // As the stock Node package asks.
    let path = "/connections/c1?provider_config_key=unchecked&force_refresh=false&refresh_token=false\
                &refresh_github_app_jwt_token=false";
    assert_eq!(server.get(path).await.status, 200);
}

#[tokio::test]
async fn another_environment_sees_nothing() {
    let server = Harness::new().await;
    server.post("/connections", import("c1", "k")).await;
    let as_prod = async |method: Method, path: &str, body: Option<Value>| {
        server.call(method, path, Some(PROD_SECRET), body).await
    };
    let path = "/connections/c1?provider_config_key=unchecked";
    let unknown = "/connections/c2?provider_config_key=unchecked";
    let read = as_prod(Method::GET, path, None).await;
    assert_eq!(read.error(), as_prod(Method::GET, unknown, None).await.error());
    let delete = as_prod(Method::DELETE, path, None).await;
    assert_eq!(delete.error(), as_prod(Method::DELETE, unknown, None).await.error());
    let list = as_prod(Method::GET, "/connections", None).await.json();
    assert_eq!(list, json!({ "connections": [] }));
    assert_eq!(as_prod(Method::GET, "/integrations/demo", None).await.error(), "404 not_found");
    assert_eq!(server.get(path).await.status, 200, "it is still there");
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let server = Harness::new().await;
    for (id, user, team) in [("a1", "ada", "x"), ("a2", "ada", "y"), ("b1", "bob", "x")] {
        let mut body = import(id, "k");
        body["end_user"] =
            json!({ "id": user, "email": format!("{user}@acme.example"), "display_name": "N" });
        body["tags"] = json!({ "Team": team });
        assert_eq!(server.post("/connections", body).await.status, 201);
    }
    let ids = async |query: &str| {
        let body = server.get(&format!("/connections{query}")).await.json();
        let list = body["connections"].as_array().unwrap();
        list.iter()
            .map(|c| c["connection_id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(ids("").await, "b1 a2 a1");
    assert_eq!(ids("?connectionId=a2").await, "a2");
    assert_eq!(ids("?endUserId=ada").await, "a2 a1");
    assert_eq!(ids("?search=BOB%40").await, "b1");
    assert_eq!(ids("?search=%25").await, "");
    assert_eq!(ids("?integrationId=demo,unchecked").await, "b1 a2 a1");
    assert_eq!(ids("?integrationId=demo").await, "");
    assert_eq!(ids("?tags[TEAM]=x").await, "b1 a1");
    assert_eq!(ids("?tags%5Bteam%5D=x&tags[end_user_id]=ada").await, "a1");
    assert_eq!(ids("?limit=2").await, "b1 a2");
    assert_eq!(ids("?limit=2&page=1").await, "a1");
    let entry = &server.get("/connections?connectionId=a1").await.json()["connections"][0];
    assert_eq!(entry["credentials"], Value::Null);
    assert_eq!(entry["connection_config"], Value::Null);
    assert!(entry["created"].is_string());
    for query in
        ["?limit=0", "?limit=2001", "?limit=x", "?page=-1", "?nope=1", "?tags=x", "?search="]
    {
        let answer = server.get(&format!("/connections{query}")).await;
        assert!(answer.error().starts_with("400 invalid_query_params"), "{query}");
    }
}

#[tokio::test]
async fn labels_and_owner_change_and_the_credential_stays() {
    let server = Harness::new().await;
    server.post("/connections", import("c1", "k")).await;
    let path = "/connections/c1?provider_config_key=unchecked";
    let body = json!({ "tags": { "a": "b" }, "webhook_url_override": "https://hooks.example/x" });
    let answer = server.call(Method::PATCH, path, Some(SECRET), Some(body)).await;
    assert_eq!(answer.json(), json!({ "success": true }));
    let read = server.get(path).await.json();
    assert_eq!(read["tags"], json!({ "a": "b" }));
    assert_eq!(read["webhook_url_override"], "https://hooks.example/x");
    assert_eq!(read["credentials"]["apiKey"], "k");
    let cleared = json!({ "webhook_url_override": "" });
    server.call(Method::PATCH, path, Some(SECRET), Some(cleared)).await;
    assert_eq!(server.get(path).await.json()["webhook_url_override"], Value::Null);
    let refused = json!({ "credentials": {} });
    let answer = server.call(Method::PATCH, path, Some(SECRET), Some(refused)).await;
    assert_eq!(answer.error(), "400 invalid_body unrecognized_keys []");
}

#[tokio::test]
async fn metadata_is_replaced_or_merged_for_all_named_connections_or_none() {
    let server = Harness::new().await;
    for id in ["c1", "c2"] {
        server.post("/connections", import(id, "k")).await;
    }
    let body = |ids: Value, metadata: Value| json!({ "connection_id": ids, "provider_config_key": "unchecked", "metadata": metadata });
    let both = body(json!(["c1", "c2"]), json!({ "a": 1, "b": 2 }));
    let answer = server.post("/connections/metadata", both.clone()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (201, both));
    let merge = body(json!("c1"), json!({ "b": 3 }));
    let answer =
        server.call(Method::PATCH, "/connections/metadata", Some(SECRET), Some(merge)).await;
    assert_eq!(answer.status, 200);
    let unknown = body(json!(["c2", "nope"]), json!({}));
    assert_eq!(
        server.post("/connections/metadata", unknown).await.error(),
        "404 unknown_connection"
    );
    assert_eq!(
        server.connection("unchecked", "c1").await.json()["metadata"],
        json!({ "a": 1, "b": 3 })
    );
    assert_eq!(
        server.connection("unchecked", "c2").await.json()["metadata"],
        json!({ "a": 1, "b": 2 })
    );
    let neither = body(json!(5), json!({}));
    assert_eq!(
        server.post("/connections/metadata", neither).await.error(),
        "400 invalid_body invalid_type [connection_id]"
    );
}

#[tokio::test]
async fn a_deleted_connection_is_gone_and_its_id_is_free() {
    let server = Harness::new().await;
    server.post("/connections", import("c1", "k")).await;
    let path = "/connections/c1?provider_config_key=unchecked";
    let answer = server.call(Method::DELETE, path, Some(SECRET), None).await;
    assert_eq!(answer.json(), json!({ "success": true }));
    let again = server.call(Method::DELETE, path, Some(SECRET), None).await;
    assert_eq!(again.error(), "400 unknown_connection");
    let token = server.session(user("c1")).await;
    let body = json!({ "apiKey": "new", "connection_id": "c1" });
    assert_eq!(server.connected(&token, "unchecked", body).await, "c1");
}

#[tokio::test]
async fn the_old_addresses_still_answer() {
    let server = Harness::new().await;
    let body = json!({ "provider_config_key": "demo", "connection_id": "c1", "api_key": GOOD, "metadata": { "a": 1 } });
    let made = server.post("/connection", body).await;
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(
        made.json(),
        json!({ "provider_config_key": "demo", "connection_id": "c1", "metadata": { "a": 1 } })
    );
    let read = server.get("/connection/c1?provider_config_key=demo").await.json();
    assert_eq!(read["credentials"]["apiKey"], GOOD);
    assert_eq!(server.get("/connection").await.json()["connections"].as_array().unwrap().len(), 1);
    let path = "/connection/c1/metadata?provider_config_key=demo";
    assert_eq!(server.post(path, json!({ "b": 2 })).await.json(), json!({ "b": 2 }));
    assert_eq!(server.connection("demo", "c1").await.json()["metadata"], json!({ "b": 2 }));
    let gone = server
        .call(Method::DELETE, "/connection/c1?provider_config_key=demo", Some(SECRET), None)
        .await;
    assert_eq!(gone.status, 200);
}

#[tokio::test]
async fn a_changed_record_is_an_error_of_its_own_and_its_neighbours_work() {
    let server = Harness::new().await;
    for id in ["c1", "c2"] {
        server.post("/connections", import(id, "k")).await;
    }
    let db = rusqlite::Connection::open(server.database()).unwrap();
    // What somebody with the file could try: one row's credential under another row's name.
    db.execute(
        "update connections set sealed = (select sealed from connections where connection_id = 'c2')
         where connection_id = 'c1'",
        [],
    )
    .unwrap();
    assert_eq!(server.connection("unchecked", "c1").await.error(), "500 server_error");
    assert_eq!(server.connection("unchecked", "c2").await.status, 200);
    server.state.write_reads().await;
    let events = server.state.store.audit_events("dev", newest(10)).await.unwrap();
    let unreadable: Vec<_> =
        events.iter().filter(|event| event.action == "connection.unreadable").collect();
    assert_eq!(unreadable.len(), 1);
    assert_eq!(unreadable[0].object, "connection:unchecked/c1");
    // Importing it again heals it.
    server.post("/connections", import("c1", "k")).await;
    assert_eq!(server.connection("unchecked", "c1").await.status, 200);
}
