//! What may become of an environment, and `keyslot-server environments`. An environment that is renamed or
//! deleted has no integrations: what is stored under them is sealed to its name. The two of the first start
//! stay, for every start makes sure of them.

use jiff::Timestamp;

use crate::{
    cli::{EnvironmentAction, Refusal, Settings},
    clock::{Clock, SystemClock},
    environment_key::{EnvironmentKey, Purpose},
    model::{AuditEvent, FIRST_ENVIRONMENTS},
    serve::{open, storage, vault},
    store::{EnvironmentOutcome, Store},
    vault::Vault,
};

/// What a name looks like: it stands in addresses.
pub const NAME: &str = "^[a-z0-9][a-z0-9_-]{0,63}$";

/// Whether `name` is as [`NAME`] says.
pub fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 64
        && name.bytes().next().is_some_and(allowed)
        && name.bytes().all(|byte| allowed(byte) || byte == b'_' || byte == b'-')
}

/// Whether it is there from the first start and stays.
pub fn is_permanent(name: &str) -> bool {
    FIRST_ENVIRONMENTS.contains(&name)
}

/// Renames one: its keys go along, the sealed ones sealed anew.
///
/// # Errors
/// What store and vault say, as a sentence.
pub(crate) async fn rename(
    store: &dyn Store,
    vault: &Vault,
    from: &str,
    to: &str,
    audit: AuditEvent,
) -> Result<EnvironmentOutcome, Box<dyn std::error::Error + Send + Sync>> {
    let mut secrets = Vec::new();
    for purpose in [Purpose::WebhookSigning, Purpose::ConnectionHmac] {
        secrets.push(EnvironmentKey::renamed(store, vault, purpose, from, to).await?);
    }
    Ok(store.rename_environment(from, to, secrets, audit).await?)
}

/// Runs one of the commands.
///
/// # Errors
/// A sentence that says why it cannot be done.
pub(crate) async fn run(action: EnvironmentAction) -> Result<(), Refusal> {
    let settings: &Settings = match &action {
        EnvironmentAction::Create { settings, .. }
        | EnvironmentAction::List { settings }
        | EnvironmentAction::Rename { settings, .. }
        | EnvironmentAction::Delete { settings, .. } => settings,
    };
    let vault = vault(settings)?;
    let store = open(settings).await?;
    let now = SystemClock.now();
    store.ensure_environments(&FIRST_ENVIRONMENTS, now).await.map_err(storage)?;
    let done = act(store.as_ref(), &vault, now, &action).await;
    store.close().await;
    done
}

async fn act(
    store: &dyn Store,
    vault: &Vault,
    now: Timestamp,
    action: &EnvironmentAction,
) -> Result<(), Refusal> {
    match action {
        EnvironmentAction::Create { name, .. } => {
            must_be_a_name(name)?;
            let audit = event(name, "environment.created", now);
            let made = store.create_environment(name, None, audit).await.map_err(storage)?;
            if made { Ok(()) } else { Err(taken(name)) }
        }
        EnvironmentAction::List { .. } => {
            for environment in store.environments().await.map_err(storage)? {
                show(&environment.name);
            }
            Ok(())
        }
        EnvironmentAction::Rename { from, to, .. } => {
            must_be_a_name(to)?;
            must_not_be_permanent(from)?;
            // Asked for first: what follows makes keys for whatever it is given.
            must_be_there(store, from).await?;
            let audit = event(to, "environment.renamed", now);
            let outcome = rename(store, vault, from, to, audit).await;
            outcome_of(outcome.map_err(|error| Refusal(error.to_string()))?, from, to)
        }
        EnvironmentAction::Delete { name, .. } => {
            must_not_be_permanent(name)?;
            let audit = event(name, "environment.deleted", now);
            let outcome = store.delete_environment(name, audit).await.map_err(storage)?;
            outcome_of(outcome, name, name)
        }
    }
}

fn outcome_of(outcome: EnvironmentOutcome, name: &str, new: &str) -> Result<(), Refusal> {
    match outcome {
        EnvironmentOutcome::Done => Ok(()),
        EnvironmentOutcome::Unknown => Err(unknown(name)),
        EnvironmentOutcome::NameTaken => Err(taken(new)),
        EnvironmentOutcome::InUse => Err(Refusal(format!(
            "environment {name} has integrations; delete them first, with their connections"
        ))),
    }
}

async fn must_be_there(store: &dyn Store, name: &str) -> Result<(), Refusal> {
    let all = store.environments().await.map_err(storage)?;
    if all.iter().any(|known| known.name == name) { Ok(()) } else { Err(unknown(name)) }
}

fn must_be_a_name(name: &str) -> Result<(), Refusal> {
    if is_name(name) {
        return Ok(());
    }
    Err(Refusal(format!(
        "{name:?}: expected up to 64 of a-z, 0-9, - and _, the first one a letter or digit"
    )))
}

fn must_not_be_permanent(name: &str) -> Result<(), Refusal> {
    if is_permanent(name) {
        return Err(Refusal(format!("environment {name} comes with the server and stays")));
    }
    Ok(())
}

fn unknown(name: &str) -> Refusal {
    Refusal(format!("there is no environment {name}"))
}

fn taken(name: &str) -> Refusal {
    Refusal(format!("there is an environment {name} already"))
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

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_name_can_stand_in_an_address() {
        for name in ["dev", "branch-42", "0", "a_b", &"x".repeat(64)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "_a", "A", "a b", "a/b", "..", "é", &"x".repeat(65)] {
            assert!(!is_name(name), "{name}");
        }
    }
}
