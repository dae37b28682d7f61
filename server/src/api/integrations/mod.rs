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

use std::sync::Arc;

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
    let catalogue = server.catalogues.of(&integration.environment);
    let provider = catalogue.get(&integration.provider);
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
        // Clients of other servers set and read it. This one takes no webhooks of providers to pass on.
        "forward_webhooks": integration.forward_webhooks,
        "created_at": on_the_wire(integration.created_at),
        "updated_at": on_the_wire(integration.updated_at),
    });
    // Settings that no longer read are named when they are used; a list is no place for that.
    if let Ok(config) = IntegrationConfig::from_json(&integration.config)
        && let Value::Object(view) = &mut view
    {
        let labels: Object =
            config.labels().into_iter().map(|(name, label)| (name.into(), label.into())).collect();
        if !labels.is_empty() {
            view.insert("credentials_label".into(), Value::Object(labels));
        }
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

/// Judges settings that are about to be stored, and gives them in the form in which they are.
pub(crate) fn accept_config(
    server: &Server,
    provider: &Arc<Provider>,
    config: &Object,
) -> Result<Object, Vec<Issue>> {
    let settings = IntegrationConfig::from_json(config);
    settings
        .and_then(|settings| {
            provider.accept(&settings, server.egress.policy()).map(|_| settings.to_json())
        })
        .map_err(|issues| issues.into_iter().map(Issue::from).collect())
}
