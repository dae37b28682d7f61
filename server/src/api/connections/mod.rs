//! Connections: what backends read, import, change and delete.

mod delete;
mod get;
mod import;
mod legacy;
mod list;
mod metadata;
mod update;
mod verify;

pub use delete::delete;
pub use get::get;
pub use import::import;
pub use legacy::{
    import as import_legacy, merge_metadata as merge_metadata_legacy,
    set_metadata as set_metadata_legacy,
};
pub use list::list;
pub use metadata::{merge as merge_metadata, replace as replace_metadata};
pub use update::update;
pub use verify::verify;

pub(crate) use get::read;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    api::end_user,
    clock::on_the_wire,
    contents::Contents,
    error::ApiError,
    ids::{ConnectionId, IntegrationKey},
    issue::at,
    model::{Connection, ConnectionSummary, Health, Object},
    query::Query,
    store::Found,
};

/// A connection with its credential, as backends read it.
pub(crate) fn view(
    connection: &Connection,
    contents: &Contents,
    fetched_at: Option<Timestamp>,
) -> Value {
    let summary = &connection.summary;
    let mut view = Object::new();
    identify(&mut view, summary);
    view.insert("connection_config".into(), Value::Object(contents.config.clone()));
    view.insert("webhook_url_override".into(), json!(summary.webhook_url_override));
    view.insert("created_at".into(), on_the_wire(summary.created_at).into());
    view.insert("updated_at".into(), on_the_wire(summary.updated_at).into());
    view.insert(
        "last_fetched_at".into(),
        json!(fetched_at.or(summary.last_fetched_at).map(on_the_wire)),
    );
    view.insert("credentials".into(), contents.credentials());
    Value::Object(view)
}

/// A connection without its credential, as lists show it.
pub(crate) fn summary_view(summary: &ConnectionSummary) -> Value {
    let mut view = Object::new();
    identify(&mut view, summary);
    view.insert("created".into(), on_the_wire(summary.created_at).into());
    Value::Object(view)
}

fn identify(view: &mut Object, summary: &ConnectionSummary) {
    let mut verification = json!({ "status": summary.verified.verdict.word() });
    if let (Some(account), Value::Object(verification)) =
        (&summary.verified.account, &mut verification)
    {
        verification.insert("account".into(), account.as_str().into());
    }
    view.insert("id".into(), summary.id.into());
    view.insert("connection_id".into(), summary.connection_id.as_str().into());
    view.insert("provider_config_key".into(), summary.integration.as_str().into());
    view.insert("provider".into(), summary.provider.as_str().into());
    let broken = summary.health == Health::NeedsAttention;
    let errors = if broken { json!([{ "type": "auth", "log_id": "" }]) } else { json!([]) };
    view.insert("errors".into(), errors);
    view.insert("end_user".into(), end_user::view(summary.end_user.as_ref()));
    view.insert("tags".into(), json!(summary.tags));
    view.insert("metadata".into(), Value::Object(summary.metadata.clone()));
    view.insert("verification".into(), verification);
    view.insert("health".into(), health_view(summary));
}

/// Whether a connection still works: `status`, since when, why not, and when the provider was last asked.
pub(crate) fn health_view(summary: &ConnectionSummary) -> Value {
    json!({
        "status": summary.health.word(),
        "since": on_the_wire(summary.health_since),
        "reason": summary.health_reason,
        "checked_at": summary.checked_at.map(on_the_wire),
    })
}

/// Which connection an address names: its id in the path, its integration in the query.
pub(crate) struct Named {
    pub(crate) id: ConnectionId,
    pub(crate) integration: IntegrationKey,
}

impl Named {
    pub(crate) fn read(id: &str, query: &Query) -> Result<Self, ApiError> {
        Self::of(id, query.required("provider_config_key")?)
    }

    pub(crate) fn of(id: &str, integration: &str) -> Result<Self, ApiError> {
        let integration = IntegrationKey::parse(integration, at(["provider_config_key"]))
            .map_err(ApiError::query)?;
        let id = ConnectionId::parse(id, at(["connectionId"])).map_err(ApiError::uri)?;
        Ok(Self { id, integration })
    }

    /// The name of the connection in the audit log.
    pub(crate) fn object(&self) -> String {
        object(&self.integration, &self.id)
    }
}

/// The name of a connection in the audit log.
pub(crate) fn object(integration: &IntegrationKey, id: &ConnectionId) -> String {
    format!("connection:{integration}/{id}")
}

/// The object that a look-up found.
///
/// # Errors
/// 400 `unknown_provider_config`, or `missing`.
pub(crate) fn existing<T>(
    found: Found<T>,
    integration: &IntegrationKey,
    missing: ApiError,
) -> Result<T, ApiError> {
    match found {
        Found::Found(value) => Ok(value),
        Found::UnknownIntegration => Err(ApiError::NoIntegrationOfQuery(integration.to_string())),
        Found::UnknownConnection => Err(missing),
    }
}

/// What a read of a connection that does not exist answers.
pub(crate) fn not_found() -> ApiError {
    ApiError::NotFound("Failed to find connection".into())
}
