//! Integrations: the APIs that an environment has enabled.

mod create;
mod delete;
mod get;
mod list;
mod update;

pub use create::create;
pub use delete::delete;
pub use get::get;
pub use list::list;
pub use update::update;

use keyslot_providers::{IntegrationConfig, Provider};
use serde_json::{Value, json};

use crate::{
    api::providers::logo_url,
    clock::on_the_wire,
    error::ApiError,
    fields::Fields,
    issue::Issue,
    model::{Integration, Object},
    state::Server,
};

/// An integration as clients read it.
pub fn view(server: &Server, integration: &Integration) -> Value {
    let provider = server.catalogue.get(&integration.provider);
    let display_name = integration
        .display_name
        .as_deref()
        .or_else(|| provider.map(|provider| provider.display_name.as_str()))
        .unwrap_or(&integration.provider);
    let mut view = json!({
        "unique_key": integration.unique_key.as_str(),
        "provider": integration.provider,
        "display_name": display_name,
        "logo": logo_url(server, &integration.provider),
        "forward_webhooks": integration.forward_webhooks,
        "created_at": on_the_wire(integration.created_at),
        "updated_at": on_the_wire(integration.updated_at),
    });
    let label = integration
        .config
        .get("keyLabel")
        .and_then(Value::as_str)
        .filter(|label| !label.is_empty());
    if let (Some(label), Value::Object(view)) = (label, &mut view) {
        view.insert("credentials_label".into(), json!({ "apiKey": label }));
    }
    view
}

/// The issue of an address with an impossible integration key.
fn unknown(key: &str) -> ApiError {
    ApiError::NotFound(format!("Integration \"{key}\" does not exist"))
}

/// Reads what API-key and Basic integrations have no use for, and refuses it when it is there: storing
/// it would pretend that it does something.
fn refuse_oauth_settings(fields: &mut Fields) {
    for key in ["credentials", "custom"] {
        if fields.optional_object(key).is_some_and(|object| !object.is_empty()) {
            let path = fields.path_of(key);
            fields.refuse(Issue::custom(
                path,
                "Integrations that use an API key or Basic auth have no such settings",
            ));
        }
    }
}

/// Checks settings against what the provider lets be set.
pub(crate) fn check_config(provider: &Provider, config: &Object) -> Vec<Issue> {
    match provider.configured(&IntegrationConfig::from_json(config)) {
        Ok(_) => Vec::new(),
        Err(issues) => issues.into_iter().map(Issue::from).collect(),
    }
}
