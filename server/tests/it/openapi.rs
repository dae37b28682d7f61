//! The API document: that it is whole, true to the routes, and the one in the repository.

use std::collections::BTreeSet;

use http::Method;
use keyslot_server::{openapi, routes::endpoints};
use serde_json::Value;

use crate::{errors, harness::Harness};

/// Every value under a key of this name, anywhere.
fn values<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match document {
        Value::Object(object) => {
            for (name, value) in object {
                if name == key {
                    found.push(value);
                }
                values(value, key, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, key, found)),
        _ => {}
    }
}

#[test]
fn the_document_in_the_repository_is_the_one_that_the_server_gives() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == openapi::text(&endpoints(true)).unwrap(),
        "server/openapi.json is not up to date: cargo run -p keyslot-server -- openapi > server/openapi.json"
    );
}

#[tokio::test]
async fn it_is_served_to_everybody() {
    let server = Harness::new().await;
    let answer = server.call(Method::GET, "/openapi.json", None, None).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), openapi::document(&endpoints(true)).unwrap());
}

#[test]
fn every_reference_in_it_leads_somewhere_and_every_schema_is_used() {
    let document = openapi::document(&endpoints(true)).unwrap();
    let mut references = Vec::new();
    values(&document, "$ref", &mut references);
    let used: BTreeSet<&str> = references
        .iter()
        .map(|reference| reference.as_str().unwrap().strip_prefix("#/components/schemas/").unwrap())
        .collect();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let known: BTreeSet<&str> = schemas.keys().map(String::as_str).collect();
    assert_eq!(used, known);
}

#[test]
fn operation_ids_are_unique_and_every_tag_is_described() {
    let document = openapi::document(&endpoints(true)).unwrap();
    let mut ids = Vec::new();
    values(&document, "operationId", &mut ids);
    let unique: BTreeSet<&str> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(unique.len(), ids.len());
    let described: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut used = Vec::new();
    values(&document["paths"], "tags", &mut used);
    let used: BTreeSet<&str> =
        used.into_iter().filter_map(|tags| tags.as_array()?.first()?.as_str()).collect();
    assert_eq!(used, described);
}

#[test]
fn every_documented_error_is_one_that_the_server_makes() {
    let made: BTreeSet<(u16, &str)> =
        errors::table().into_iter().map(|(_, status, code)| (status, code)).collect();
    let document = openapi::document(&endpoints(true)).unwrap();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let Ok(status) = status.parse::<u16>() else { continue };
                if status < 400 {
                    continue;
                }
                for code in response["description"].as_str().unwrap().split('`').skip(1).step_by(2)
                {
                    assert!(made.contains(&(status, code)), "{method} {path}: {status} {code}");
                }
            }
        }
    }
}
