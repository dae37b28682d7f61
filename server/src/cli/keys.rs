//! `keyslot-server keys`: secret keys by command line, for the first one and for scripts. The rules are
//! those of [`crate::secret_keys`].

use clap::Subcommand;
use jiff::Timestamp;

use super::{config::Settings, error::StartupError, open};
use crate::{
    clock::{Clock, SystemClock, on_the_wire},
    model::{AuditEvent, FIRST_ENVIRONMENTS, Role},
    secret_keys::{Desk, GRACE_DEFAULT, GRACE_MAX, SecretKeyError},
    state::token_hasher,
    store::Store,
    token::{PlainToken, TokenHasher},
};

/// Make, list, rotate and revoke secret keys. With SQLite the server must be stopped meanwhile; the
/// address /secret-keys does the same while it runs.
#[derive(Subcommand)]
pub(super) enum KeyAction {
    /// Make a key and print it: the only time that it is shown.
    Create {
        /// A name for people.
        #[arg(long)]
        name: String,
        /// The environment that it opens.
        #[arg(long, default_value = "dev")]
        environment: String,
        /// What it may do: full, read_only or sessions_only.
        #[arg(long, default_value = "full", value_parser = scope)]
        scope: Role,
    },
    /// Print the keys of an environment: id, scope, when made, last used and ending, name.
    List {
        /// The environment.
        #[arg(long, default_value = "dev")]
        environment: String,
    },
    /// Make a key in the place of another, which works on for a grace period, and print it.
    Rotate {
        /// The id of the other.
        id: String,
        /// The environment.
        #[arg(long, default_value = "dev")]
        environment: String,
        /// For how many seconds the other one works on; at most 30 days.
        #[arg(long, value_name = "SECONDS", default_value_t = GRACE_DEFAULT,
              value_parser = clap::value_parser!(u64).range(0..=GRACE_MAX))]
        grace: u64,
    },
    /// End a key at once.
    Revoke {
        /// Its id.
        id: String,
        /// The environment.
        #[arg(long, default_value = "dev")]
        environment: String,
    },
}

fn scope(word: &str) -> Result<Role, String> {
    Role::of(word)
        .ok_or_else(|| format!("expected one of {}", Role::ALL.map(Role::word).join(", ")))
}

/// Runs one of the commands. A new key is the only line on stdout.
///
/// # Errors
/// A sentence that says why it cannot be done.
pub(super) async fn run(action: KeyAction, settings: &Settings) -> Result<(), StartupError> {
    let vault = open::vault(settings)?;
    let store = open::store(settings).await?;
    let now = SystemClock.now();
    store.ensure_environments(&FIRST_ENVIRONMENTS, now).await?;
    let hasher =
        token_hasher(store.as_ref(), &vault).await.map_err(|e| StartupError(e.to_string()))?;
    let done = act(store.as_ref(), &hasher, now, &action).await;
    store.close().await;
    done
}

async fn act(
    store: &dyn Store,
    hasher: &TokenHasher,
    now: Timestamp,
    action: &KeyAction,
) -> Result<(), StartupError> {
    let (KeyAction::Create { environment, .. }
    | KeyAction::List { environment, .. }
    | KeyAction::Rotate { environment, .. }
    | KeyAction::Revoke { environment, .. }) = action;
    known(store, environment).await?;
    let audit = |action, object| event(environment, action, object, now);
    let desk = Desk { store, hasher, environment, audit: &audit };
    let explained = |error| match error {
        SecretKeyError::Store(error) => error.into(),
        SecretKeyError::Unknown => unknown(action, environment),
        error => StartupError(error.to_string()),
    };
    match action {
        KeyAction::Create { name, scope, .. } => {
            if name.is_empty() || name.chars().count() > 255 {
                return Err(StartupError("--name: expected 1 to 255 characters".into()));
            }
            show(&desk.create(name, *scope).await.map_err(explained)?.token);
        }
        KeyAction::List { .. } => list(store, environment, now).await?,
        KeyAction::Rotate { id, grace, .. } => {
            show(&desk.rotate(id, *grace).await.map_err(explained)?.token);
        }
        KeyAction::Revoke { id, .. } => desk.revoke(id).await.map_err(explained)?,
    }
    Ok(())
}

async fn known(store: &dyn Store, environment: &str) -> Result<(), StartupError> {
    let all = store.environments().await?;
    if all.iter().any(|known| known.name == environment) {
        return Ok(());
    }
    let names = all.into_iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
    Err(StartupError(format!("--environment: there is no {environment}; there are: {names}")))
}

fn unknown(action: &KeyAction, environment: &str) -> StartupError {
    let (KeyAction::Rotate { id, .. } | KeyAction::Revoke { id, .. }) = action else {
        return StartupError(SecretKeyError::Unknown.to_string());
    };
    StartupError(format!("there is no secret key {id} in environment {environment}"))
}

fn event(environment: &str, action: &'static str, object: String, at: Timestamp) -> AuditEvent {
    AuditEvent {
        at,
        environment: environment.to_owned(),
        actor: "command_line".to_owned(),
        action,
        object,
        request_id: String::new(),
        address: None,
    }
}

#[expect(clippy::print_stdout, reason = "the key is what was asked for")]
fn show(token: &PlainToken) {
    // EXPOSE: whoever asked for the key gets it, this once.
    println!("{}", token.expose());
}

#[expect(clippy::print_stdout, reason = "the list is what was asked for")]
async fn list(store: &dyn Store, environment: &str, now: Timestamp) -> Result<(), StartupError> {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), on_the_wire);
    println!(
        "{:<36} {:<8} {:<13} {:<24} {:<24} {:<24} NAME",
        "ID", "PREFIX", "SCOPE", "MADE", "LAST USED", "ENDS"
    );
    for record in store.secret_keys(environment, now).await? {
        println!(
            "{:<36} {:<8} {:<13} {:<24} {:<24} {:<24} {}",
            record.key.id,
            record.key.prefix,
            record.key.role.word(),
            moment(Some(record.created_at)),
            moment(record.last_used_at),
            moment(record.expires_at),
            record.key.name
        );
    }
    Ok(())
}
