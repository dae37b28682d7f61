//! `keyslot-server environments`. The rules are those of [`crate::environments`].

use clap::Subcommand;
use jiff::Timestamp;

use super::{config::Settings, error::StartupError, open};
use crate::{
    clock::{Clock, SystemClock},
    environments::{EnvironmentError, Registry},
    model::{AuditEvent, FIRST_ENVIRONMENTS},
    store::Store,
    vault::Vault,
};

/// Make, list, rename and delete environments. With SQLite the server must be stopped meanwhile; the
/// address /environments does the same while it runs.
#[derive(Subcommand)]
pub(super) enum EnvironmentAction {
    /// Make one. Its first secret key comes from `keys create --environment NAME`.
    Create {
        /// Up to 64 of a-z, 0-9, - and _.
        name: String,
    },
    /// Print the names of all.
    List,
    /// Give another name to one that has no integrations.
    Rename {
        /// What it is called.
        from: String,
        /// What it shall be called.
        to: String,
    },
    /// Delete one that has no integrations, with its secret keys.
    Delete {
        /// Its name.
        name: String,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// A sentence that says why it cannot be done.
pub(super) async fn run(
    action: EnvironmentAction,
    settings: &Settings,
) -> Result<(), StartupError> {
    let vault = open::vault(settings)?;
    let store = open::store(settings).await?;
    let now = SystemClock.now();
    store.ensure_environments(&FIRST_ENVIRONMENTS, now).await?;
    let done = act(store.as_ref(), &vault, now, &action).await;
    store.close().await;
    done
}

async fn act(
    store: &dyn Store,
    vault: &Vault,
    now: Timestamp,
    action: &EnvironmentAction,
) -> Result<(), StartupError> {
    let audit = |action, name: &str| event(name, action, now);
    let registry = Registry { store, vault, audit: &audit };
    let (outcome, name, new) = match action {
        EnvironmentAction::List => {
            for environment in store.environments().await? {
                show(&environment.name);
            }
            return Ok(());
        }
        EnvironmentAction::Create { name } => (registry.create(name).await, name, name),
        EnvironmentAction::Rename { from, to } => (registry.rename(from, to).await, from, to),
        EnvironmentAction::Delete { name } => (registry.delete(name).await, name, name),
    };
    outcome.map_err(|error| match error {
        EnvironmentError::NotAName => StartupError(format!("{new:?}: {error}")),
        EnvironmentError::NameTaken => {
            StartupError(format!("there is an environment {new} already"))
        }
        EnvironmentError::Unknown => StartupError(format!("there is no environment {name}")),
        EnvironmentError::Permanent => {
            StartupError(format!("environment {name} comes with the server and stays"))
        }
        EnvironmentError::InUse => StartupError(format!(
            "environment {name} has integrations; delete them first, with their connections"
        )),
        EnvironmentError::Store(error) => error.into(),
        error => StartupError(error.to_string()),
    })
}

fn event(environment: &str, action: &'static str, at: Timestamp) -> AuditEvent {
    AuditEvent {
        at,
        environment: environment.to_owned(),
        actor: "command_line".to_owned(),
        action,
        object: format!("environment:{environment}"),
        request_id: String::new(),
        address: None,
    }
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
fn show(name: &str) {
    println!("{name}");
}
