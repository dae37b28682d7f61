//! Webhooks: telling an integrator's backend what happened to a connection. What is told is decided here
//! and written to the outbox by the store, in the transaction of the change itself; [`delivery`] sends it
//! from there, [`signature`] makes it verifiable.
//!
//! The body is that of existing servers of this API, so that receivers need no change: keys in
//! alphabetical order, `from` is `nango`, never a credential.

pub mod delivery;
pub mod signature;

use http::Uri;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use crate::{
    clock::on_the_wire,
    model::{
        Connection, EndUser, EnvironmentSettings, Health, Object, Operation, Slot, Webhook,
        WebhookStatus,
    },
};

/// The webhooks by which a change of a connection is announced: one for each address, none where the
/// environment does not want to hear of it.
pub fn announcements(
    settings: &EnvironmentSettings,
    connection: &Connection,
    operation: Operation,
    at: Timestamp,
) -> Vec<Webhook> {
    let wanted = match operation {
        Operation::Creation => settings.on_auth_creation,
        Operation::Override => true,
        Operation::Refresh => settings.on_auth_refresh_error,
    };
    if !wanted {
        return Vec::new();
    }
    let summary = &connection.summary;
    let addresses = match &summary.webhook_url_override {
        Some(url) => vec![(Slot::Connection, url)],
        None => [
            settings.webhook_url.as_ref().map(|url| (Slot::Primary, url)),
            settings.webhook_url_secondary.as_ref().map(|url| (Slot::Secondary, url)),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    addresses
        .into_iter()
        .map(|(slot, url)| Webhook {
            id: uuid::Uuid::now_v7().to_string(),
            environment: summary.environment.clone(),
            operation,
            integration: summary.integration.clone(),
            connection_id: summary.connection_id.to_string(),
            slot,
            url: url.clone(),
            body: body(connection, operation),
            created_at: at,
            status: WebhookStatus::Pending,
            since: at,
            attempts: 0,
            next_at: Some(at),
            last_at: None,
            last_status: None,
            last_error: None,
        })
        .collect()
}

/// The address of a webhook as it is requested: an http or https URL with a host, read as browsers read it
/// (WHATWG); `None` when it is none.
pub fn address(text: &str) -> Option<Uri> {
    let url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return None;
    }
    url.as_str().parse().ok()
}

/// What is sent about a connection. Values are inserted in the order of their keys.
fn body(connection: &Connection, operation: Operation) -> String {
    let summary = &connection.summary;
    let failed = operation == Operation::Refresh && summary.health == Health::NeedsAttention;
    let mut body = Object::new();
    body.insert("authMode".into(), connection.auth_mode.as_str().into());
    body.insert("connectionId".into(), summary.connection_id.as_str().into());
    if let Some(user) = &summary.end_user {
        body.insert("endUser".into(), end_user(user));
    }
    body.insert("environment".into(), summary.environment.as_str().into());
    if failed {
        let kind = summary.health_reason.as_deref().unwrap_or("refused");
        let description = match kind {
            "forbidden" => {
                "The provider knows the credential, but no longer allows it what is needed."
            }
            "address" => "The provider is no longer found at the address that was entered.",
            _ => "The provider no longer accepts the credential.",
        };
        body.insert("error".into(), json!({ "description": description, "type": kind }));
    }
    body.insert("from".into(), "nango".into());
    if operation == Operation::Refresh {
        let since = on_the_wire(summary.health_since);
        body.insert("health".into(), json!({ "since": since, "status": summary.health.word() }));
    }
    body.insert("operation".into(), operation.word().into());
    body.insert("provider".into(), summary.provider.as_str().into());
    body.insert("providerConfigKey".into(), summary.integration.as_str().into());
    body.insert("success".into(), (!failed).into());
    body.insert("tags".into(), json!(summary.tags));
    body.insert("type".into(), "auth".into());
    Value::Object(body).to_string()
}

fn end_user(user: &EndUser) -> Value {
    let mut view = Object::new();
    if let Some(email) = &user.email {
        view.insert("endUserEmail".into(), email.as_str().into());
    }
    view.insert("endUserId".into(), user.id.as_str().into());
    if let Some(organization) = &user.organization {
        view.insert("organizationId".into(), organization.id.as_str().into());
    }
    view.insert("tags".into(), json!(user.tags.clone().unwrap_or_default()));
    Value::Object(view)
}
