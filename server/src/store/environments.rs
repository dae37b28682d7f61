//! Environments and their settings.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    model::{AuditEvent, Environment, EnvironmentSettings, NewSecretKey},
    store::{error::Result, outcome::Outcome},
    vault::Sealed,
};

/// The outcome of renaming or deleting an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnvironmentOutcome {
    /// It was.
    Done,
    /// There is none of that name.
    Unknown,
    /// The new name belongs to another.
    NameTaken,
    /// It has integrations.
    InUse,
}

impl Outcome for EnvironmentOutcome {
    fn has_changed(&self) -> bool {
        *self == Self::Done
    }
}

/// The outcome of replacing the settings of an environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsOutcome {
    /// They were.
    Stored,
    /// They are no longer what was seen, and stay.
    Changed,
    /// There is no environment of that name.
    Unknown,
}

impl Outcome for SettingsOutcome {
    fn has_changed(&self) -> bool {
        *self == Self::Stored
    }
}

/// Environments: made, renamed, deleted; their settings.
#[async_trait]
pub trait Environments: Send + Sync + 'static {
    /// Makes sure that these environments exist.
    async fn ensure_environments(&self, names: &[&str], at: Timestamp) -> Result<()>;
    /// All environments, by name.
    async fn environments(&self) -> Result<Vec<Environment>>;
    /// Makes an environment, and its first secret key when one is given; tells whether there was none of
    /// that name.
    async fn create_environment(
        &self,
        name: &str,
        key: Option<NewSecretKey>,
        audit: AuditEvent,
    ) -> Result<bool>;
    /// Renames an environment without integrations, and stores these sealed secrets. Its settings and
    /// secret keys go along; its connect sessions and webhooks go.
    async fn rename_environment(
        &self,
        from: &str,
        to: &str,
        secrets: Vec<(String, Sealed)>,
        audit: AuditEvent,
    ) -> Result<EnvironmentOutcome>;
    /// Deletes an environment without integrations and all that belongs to it but its audit events.
    async fn delete_environment(&self, name: &str, audit: AuditEvent)
    -> Result<EnvironmentOutcome>;
    /// Replaces the settings of an environment while they are `seen`: who changes them has read them before,
    /// and of two at once the second must not undo what the first did.
    async fn put_environment_settings(
        &self,
        name: &str,
        seen: EnvironmentSettings,
        settings: EnvironmentSettings,
        audit: AuditEvent,
    ) -> Result<SettingsOutcome>;
}
