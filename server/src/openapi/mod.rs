//! The API document (OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1.html>): `GET /openapi.json`,
//! `keyslot-server openapi`, and `server/openapi.json` in the repository, which a test keeps equal to them.
//!
//! The list of routes ([`crate::routes::endpoints`]) is what exists; `api.yaml` says in words and schemas
//! what each of them takes and gives. Here the two are joined, and what follows from the list is added:
//! parameters of the path, who may call, and the errors that come from that.

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{access::Access, body::CREDENTIAL_LIMIT, endpoint::Endpoint};

const SOURCE: &str = include_str!("api.yaml");

/// The document of these endpoints.
///
/// # Errors
/// A sentence that names the operation that is described and does not exist, or the other way round.
pub fn document(endpoints: &[Endpoint]) -> Result<Value, String> {
    let source: Source = serde_saphyr::from_str(SOURCE).map_err(|error| error.to_string())?;
    let mut paths: IndexMap<String, Map<String, Value>> = IndexMap::new();
    let mut known: IndexMap<String, &Endpoint> = IndexMap::new();
    for endpoint in endpoints {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        if !source.not_api.iter().any(|pattern| covers(pattern, endpoint)) {
            known.insert(name, endpoint);
        }
    }
    for (name, described) in &source.operations {
        let Some(endpoint) = known.shift_remove(name) else {
            return Err(format!("api.yaml describes {name}, which is no endpoint"));
        };
        let operation = source.operation(endpoint, described)?;
        let path = endpoint.path.replace("{*", "{");
        let methods = paths.entry(path).or_default();
        methods.insert(endpoint.method.as_str().to_ascii_lowercase(), operation);
    }
    if let Some(name) = known.keys().next() {
        return Err(format!("api.yaml does not describe {name}"));
    }
    Ok(json!({
        "openapi": "3.1.0",
        "info": {
            "title": source.info.title,
            "description": source.info.description,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        // Relative to where the document was fetched, so it is right under any base path.
        "servers": [{ "url": "." }],
        "tags": source.tags.iter()
            .map(|(name, description)| json!({ "name": name, "description": description }))
            .collect::<Vec<_>>(),
        "paths": paths,
        "components": { "schemas": source.schemas, "securitySchemes": security_schemes() },
    }))
}

/// The document as it is kept in the repository.
///
/// # Errors
/// As [`document`].
pub fn text(endpoints: &[Endpoint]) -> Result<String, String> {
    let mut text =
        serde_json::to_string_pretty(&document(endpoints)?).map_err(|error| error.to_string())?;
    text.push('\n');
    Ok(text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    info: Info,
    not_api: Vec<String>,
    tags: IndexMap<String, String>,
    parameters: IndexMap<String, Value>,
    schemas: IndexMap<String, Value>,
    operations: IndexMap<String, Described>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Info {
    title: String,
    description: String,
}

/// What `api.yaml` says about an operation.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Described {
    /// The operation that this is another name of.
    deprecated_name_of: Option<String>,
    deprecated: bool,
    tag: String,
    id: String,
    summary: String,
    /// Parameters of the query, by name.
    query: IndexMap<String, Map<String, Value>>,
    /// Whether any query at all is refused.
    no_query: bool,
    /// Header fields, by name.
    headers: IndexMap<String, Map<String, Value>>,
    /// The schema of the JSON body.
    body: Option<String>,
    /// Whether the body may be YAML as well.
    yaml: bool,
    /// Whether a body of any type is taken.
    any_body: bool,
    /// The schema of each success, by status; null is an empty answer.
    success: IndexMap<String, Option<String>>,
    /// Codes by status, besides those that follow from the rest.
    errors: IndexMap<u16, Vec<String>>,
}

impl Source {
    fn operation(&self, endpoint: &Endpoint, described: &Described) -> Result<Value, String> {
        let mut described = described.clone();
        if let Some(name) = &described.deprecated_name_of {
            let of = self.operations.get(name).ok_or_else(|| format!("{name} is not described"))?;
            described = of.clone();
            described.id.push_str("Deprecated");
            described.deprecated = true;
        }
        let mut operation = Map::new();
        operation.insert("operationId".into(), described.id.as_str().into());
        operation.insert("tags".into(), json!([described.tag]));
        operation.insert("summary".into(), described.summary.as_str().into());
        if described.deprecated {
            operation.insert("deprecated".into(), true.into());
        }
        let security = security(endpoint.access);
        if !security.is_empty() {
            operation.insert("security".into(), json!(security));
        }
        let parameters = self.parameters(endpoint, &described)?;
        if !parameters.is_empty() {
            operation.insert("parameters".into(), json!(parameters));
        }
        if let Some(schema) = &described.body {
            let mut content = json!({ "application/json": { "schema": reference(schema) } });
            if let (true, Value::Object(content)) = (described.yaml, &mut content) {
                let schema = json!({ "schema": reference(schema) });
                content.insert("application/yaml".into(), schema);
            }
            operation.insert("requestBody".into(), json!({ "required": true, "content": content }));
        } else if described.any_body {
            operation.insert("requestBody".into(), json!({ "content": { "*/*": {} } }));
        }
        operation.insert("responses".into(), responses(endpoint, &described));
        Ok(Value::Object(operation))
    }

    fn parameters(&self, endpoint: &Endpoint, described: &Described) -> Result<Vec<Value>, String> {
        let mut parameters = Vec::new();
        for name in path_parameters(endpoint.path) {
            let schema = self
                .parameters
                .get(name)
                .ok_or_else(|| format!("api.yaml does not describe the path parameter {name}"))?;
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "schema": schema,
            }));
        }
        for (place, fields) in [("query", &described.query), ("header", &described.headers)] {
            for (name, rest) in fields {
                let mut parameter = Map::new();
                parameter.insert("name".into(), name.as_str().into());
                parameter.insert("in".into(), place.into());
                parameter.extend(rest.clone());
                parameters.push(Value::Object(parameter));
            }
        }
        Ok(parameters)
    }
}

fn covers(pattern: &str, endpoint: &Endpoint) -> bool {
    let Some((method, path)) = pattern.split_once(' ') else { return false };
    (method == "*" || method == endpoint.method.as_str())
        && match path.strip_suffix('*') {
            Some(start) => endpoint.path.starts_with(start),
            None => endpoint.path == path,
        }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next())
        .map(|name| name.trim_start_matches('*'))
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn security_schemes() -> Value {
    let query = |name: &str, description: &str| json!({ "type": "apiKey", "in": "query", "name": name, "description": description });
    json!({
        "secretKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "A secret key of the environment. For backends only.",
        },
        "sessionToken": {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of a connect session. For browsers.",
        },
        "sessionTokenInQuery": query(
            "connect_session_token",
            "The token of a connect session, where existing pages send it. The header keeps it out of logs.",
        ),
        "publicKey": query(
            "public_key",
            "The public key of an environment that accepts it. Anybody may know it.",
        ),
    })
}

fn security(access: Access) -> Vec<Value> {
    let schemes: &[&str] = match access {
        // No token of the API opens the dashboard, and none of it is described.
        Access::Public | Access::DevPage | Access::Metrics | Access::Operator => &[],
        Access::SecretKey(_) => &["secretKey"],
        Access::Session => &["sessionToken"],
        Access::SessionOrKey(_) => &["secretKey", "sessionToken"],
        Access::Intake => &["sessionToken", "sessionTokenInQuery", "publicKey"],
    };
    schemes.iter().map(|scheme| json!({ *scheme: [] })).collect()
}

/// Successes as described; errors as described, and those that follow from who may call, from what the
/// request holds, and from being a request at all.
fn responses(endpoint: &Endpoint, described: &Described) -> Value {
    let mut errors: IndexMap<u16, Vec<&str>> = IndexMap::new();
    let mut add = |status: u16, codes: &[&'static str]| {
        errors.entry(status).or_default().extend(codes);
    };
    add(400, &["invalid_headers"]);
    if described.no_query || !described.query.is_empty() {
        add(400, &["invalid_query_params"]);
    }
    if endpoint.path.contains('{') {
        add(400, &["invalid_uri_params"]);
    }
    if described.body.is_some() {
        add(400, &["invalid_body", "invalid_json"]);
        add(408, &["request_timeout"]);
        add(413, &["payload_too_large"]);
        add(415, &["invalid_content_type"]);
    }
    match endpoint.access {
        Access::Public | Access::DevPage | Access::Metrics | Access::Operator => {
            add(421, &["misdirected_request"]);
        }
        Access::SecretKey(_) => add(401, &[&TOKEN[..], &SECRET_KEY].concat()),
        Access::Session => add(401, &[&TOKEN[..], &SESSION].concat()),
        Access::SessionOrKey(_) => add(401, &[&TOKEN[..], &SECRET_KEY, &SESSION].concat()),
        Access::Intake => add(401, &[&INTAKE[..], &SESSION].concat()),
    }
    if matches!(endpoint.access, Access::SecretKey(_) | Access::SessionOrKey(_)) {
        add(403, &["forbidden"]);
    }
    let asks_nobody = matches!(endpoint.access, Access::Public);
    if endpoint.counted || !asks_nobody {
        add(429, &["too_many_request"]);
    }
    add(500, &["server_error"]);
    add(503, &["service_unavailable"]);
    for (status, codes) in &described.errors {
        errors.entry(*status).or_default().extend(codes.iter().map(String::as_str));
    }
    errors.sort_unstable_keys();

    let mut responses = Map::new();
    for (status, schema) in &described.success {
        let mut response = Map::new();
        let what = if status == "default" { "The provider's own answer." } else { "Success." };
        response.insert("description".into(), what.into());
        if let Some(schema) = schema {
            let content = json!({ "application/json": { "schema": reference(schema) } });
            response.insert("content".into(), content);
        }
        responses.insert(status.clone(), Value::Object(response));
    }
    for (status, mut codes) in errors {
        codes.sort_unstable();
        codes.dedup();
        let mut description = String::new();
        for (index, code) in codes.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(description, "{separator}`{code}`");
        }
        if status == 413 && endpoint.body_limit == CREDENTIAL_LIMIT {
            description.push_str(" (64 KiB)");
        }
        // A provider's answer of the same status looks as the provider likes.
        let schema =
            if described.success.contains_key("default") { json!({}) } else { error(&codes) };
        let content = if described.success.contains_key("default") {
            json!({ "*/*": { "schema": schema } })
        } else {
            json!({ "application/json": { "schema": schema } })
        };
        responses
            .insert(status.to_string(), json!({ "description": description, "content": content }));
    }
    Value::Object(responses)
}

const TOKEN: [&str; 2] = ["missing_auth_header", "malformed_auth_header"];
const SECRET_KEY: [&str; 2] = ["invalid_secret_key_format", "unknown_account"];
const SESSION: [&str; 2] =
    ["invalid_connect_session_token_format", "unknown_connect_session_token"];
const INTAKE: [&str; 5] = [
    "missing_public_key",
    "malformed_auth_header",
    "invalid_public_key",
    "unknown_account",
    "deprecated_authentication",
];

fn error(codes: &[&str]) -> Value {
    json!({
        "allOf": [
            reference("Error"),
            { "properties": { "error": { "properties": { "code": { "enum": codes } } } } },
        ],
    })
}
