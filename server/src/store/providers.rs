//! An environment's own providers, and the version of its catalogue.

use async_trait::async_trait;

use crate::{
    model::{AuditEvent, OwnProvider},
    store::{error::Result, outcome::Outcome},
};

/// The outcome of deleting something that others may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// It is gone.
    Deleted,
    /// There was none of that name.
    Unknown,
    /// Something needs it, and it is still there.
    InUse,
}

impl Outcome for Deletion {
    fn has_changed(&self) -> bool {
        *self == Self::Deleted
    }
}

/// Providers of an environment's own, and the version of its catalogue.
#[async_trait]
pub trait Providers: Send + Sync + 'static {
    /// For each environment, the number that changes of its own providers count up.
    async fn catalogue_versions(&self) -> Result<Vec<(String, i64)>>;
    /// The environment's own providers, by name.
    async fn own_providers(&self, environment: &str) -> Result<Vec<OwnProvider>>;
    /// Stores providers of the environment's own, each with the event that tells of it, in the place of
    /// those that have their names.
    async fn put_own_providers(
        &self,
        environment: &str,
        providers: Vec<(OwnProvider, AuditEvent)>,
    ) -> Result<()>;
    /// Deletes a provider of the environment's own, unless it is in use; `even_if_used` when another one
    /// of that name takes its place. The version counts up when something was deleted.
    async fn delete_own_provider(
        &self,
        environment: &str,
        name: &str,
        even_if_used: bool,
        audit: AuditEvent,
    ) -> Result<Deletion>;
}
