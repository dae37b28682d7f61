//! Preset connection configuration: values that the integrator's backend fixes for a session, so that
//! the end user is not asked for them. They may be secrets, so they are kept sealed, and those of
//! fields that the provider marks secret or does not declare are not shown to the browser.

use std::{collections::BTreeMap, sync::Arc};

use keyslot_providers::Provider;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::{
    api::credentials::is_secret,
    error::ApiError,
    model::ConnectSession,
    state::Server,
    vault::{Binding, Sealed},
};

/// Preset values by integration and field.
#[derive(Default)]
pub struct Presets(pub BTreeMap<String, BTreeMap<String, String>>);

impl Presets {
    /// Seals for one session; nothing when there is nothing to seal.
    ///
    /// # Errors
    /// When the vault refuses.
    pub fn seal(
        &self,
        server: &Server,
        environment: &str,
        session: &str,
    ) -> Result<Option<Sealed>, ApiError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let plaintext = Zeroizing::new(serde_json::to_vec(&self.0).map_err(ApiError::internal)?);
        Ok(Some(server.vault.seal(binding(environment, session), &plaintext)?))
    }

    /// Opens those of a session.
    ///
    /// # Errors
    /// When they were changed, moved or sealed under a key that this server does not have.
    pub fn open(server: &Server, session: &ConnectSession) -> Result<Self, ApiError> {
        let Some(sealed) = &session.presets else { return Ok(Self::default()) };
        let plaintext =
            server.vault.open(binding(&session.environment, &session.id), &sealed.blob)?;
        let presets = serde_json::from_slice(&plaintext).map_err(|_| {
            ApiError::internal(
                "the presets of a session opened, but are not what this server writes",
            )
        })?;
        Ok(Self(presets))
    }

    /// The presets of one integration.
    pub fn of(&self, integration: &str) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .get(integration)
            .into_iter()
            .flatten()
            .map(|(field, value)| (field.as_str(), value.as_str()))
    }

    /// What the browser sees: every preset field, so that it does not ask for it, but no secret value.
    pub fn view(&self, provider_of: impl Fn(&str) -> Option<Arc<Provider>>) -> Option<Value> {
        if self.0.is_empty() {
            return None;
        }
        let mut all = Map::new();
        for (integration, fields) in &self.0 {
            let provider = provider_of(integration);
            let shown: Map<String, Value> = fields
                .iter()
                .map(|(field, value)| {
                    let secret =
                        provider.as_ref().is_none_or(|provider| is_secret(provider, field));
                    (field.clone(), if secret { "".into() } else { value.as_str().into() })
                })
                .collect();
            all.insert(
                integration.clone(),
                json!({ "connection_config": shown, "authorization_params": {} }),
            );
        }
        Some(Value::Object(all))
    }
}

/// What the sealed presets of a session are bound to.
pub fn binding<'a>(environment: &'a str, session: &'a str) -> Binding<'a> {
    Binding { purpose: "session", environment, integration: "", record: session }
}
