//! Integrations.

use async_trait::async_trait;

use crate::{
    model::{AuditEvent, Integration, IntegrationChange, NewIntegration},
    store::{error::Result, outcome::Outcome},
};

/// The outcome of making something that must be unique.
#[derive(Clone, Debug, PartialEq)]
pub enum Created<T> {
    /// It was made.
    New(T),
    /// There is one of that name already.
    Exists,
    /// What it needs, a provider of the environment's own, is not there any more.
    NoProvider,
}

impl<T> Outcome for Created<T> {
    fn has_changed(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// The outcome of changing an integration.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a return value that is taken apart at once")]
pub enum IntegrationUpdate {
    /// It was changed.
    Changed(Integration),
    /// No such integration.
    Unknown,
    /// Its name or its settings are no longer what was seen.
    NotAsSeen,
    /// The new key belongs to another integration.
    KeyTaken,
    /// The key cannot change while there are connections: they are sealed to it.
    HasConnections,
}

impl Outcome for IntegrationUpdate {
    fn has_changed(&self) -> bool {
        matches!(self, Self::Changed(_))
    }
}

/// Integrations of an environment.
#[async_trait]
pub trait Integrations: Send + Sync + 'static {
    /// Makes an integration.
    async fn create_integration(
        &self,
        new: NewIntegration,
        audit: AuditEvent,
    ) -> Result<Created<Integration>>;
    /// All integrations of an environment, oldest first.
    async fn integrations(&self, environment: &str) -> Result<Vec<Integration>>;
    /// One integration.
    async fn integration(&self, environment: &str, key: &str) -> Result<Option<Integration>>;
    /// Changes an integration.
    async fn update_integration(
        &self,
        environment: &str,
        key: &str,
        change: IntegrationChange,
        audit: AuditEvent,
    ) -> Result<IntegrationUpdate>;
    /// Deletes an integration and all its connections; tells whether there was one.
    async fn delete_integration(
        &self,
        environment: &str,
        key: &str,
        audit: AuditEvent,
    ) -> Result<bool>;
}
