//! `keyslot-server keys`: secret keys by command line, for the first one and for scripts. The rules are
//! those of [`crate::secret_keys`].

use jiff::Timestamp;

use crate::{
    cli::{KeyAction, Refusal, Settings},
    clock::{Clock, SystemClock, on_the_wire},
    model::{AuditEvent, FIRST_ENVIRONMENTS},
    secret_keys::{Desk, SecretKeyError},
    serve::{open, storage, vault},
    state::token_hasher,
    store::Store,
    token::{PlainToken, TokenHasher},
};

/// Runs one of the commands. A new key is the only line on stdout.
///
/// # Errors
/// A sentence that says why it cannot be done.
pub(crate) async fn run(action: KeyAction, settings: &Settings) -> Result<(), Refusal> {
    let vault = vault(settings)?;
    let store = open(settings).await?;
    let now = SystemClock.now();
    store.ensure_environments(&FIRST_ENVIRONMENTS, now).await.map_err(storage)?;
    let hasher = token_hasher(store.as_ref(), &vault).await.map_err(|e| Refusal(e.to_string()))?;
    let done = act(store.as_ref(), &hasher, now, &action).await;
    store.close().await;
    done
}

async fn act(
    store: &dyn Store,
    hasher: &TokenHasher,
    now: Timestamp,
    action: &KeyAction,
) -> Result<(), Refusal> {
    let (KeyAction::Create { environment, .. }
    | KeyAction::List { environment, .. }
    | KeyAction::Rotate { environment, .. }
    | KeyAction::Revoke { environment, .. }) = action;
    known(store, environment).await?;
    let audit = |action, object| event(environment, action, object, now);
    let desk = Desk { store, hasher, environment, audit: &audit };
    let refusal = |error| match error {
        SecretKeyError::Store(error) => storage(error),
        SecretKeyError::Unknown => unknown(action, environment),
        error => Refusal(error.to_string()),
    };
    match action {
        KeyAction::Create { name, scope, .. } => {
            if name.is_empty() || name.chars().count() > 255 {
                return Err(Refusal("--name: expected 1 to 255 characters".into()));
            }
            show(&desk.create(name, *scope).await.map_err(refusal)?.token);
        }
        KeyAction::List { .. } => list(store, environment, now).await?,
        KeyAction::Rotate { id, grace, .. } => {
            show(&desk.rotate(id, *grace).await.map_err(refusal)?.token);
        }
        KeyAction::Revoke { id, .. } => desk.revoke(id).await.map_err(refusal)?,
    }
    Ok(())
}

async fn known(store: &dyn Store, environment: &str) -> Result<(), Refusal> {
    let all = store.environments().await.map_err(storage)?;
    if all.iter().any(|known| known.name == environment) {
        return Ok(());
    }
    let names = all.into_iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
    Err(Refusal(format!("--environment: there is no {environment}; there are: {names}")))
}

fn unknown(action: &KeyAction, environment: &str) -> Refusal {
    let (KeyAction::Rotate { id, .. } | KeyAction::Revoke { id, .. }) = action else {
        return Refusal(SecretKeyError::Unknown.to_string());
    };
    Refusal(format!("there is no secret key {id} in environment {environment}"))
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
async fn list(store: &dyn Store, environment: &str, now: Timestamp) -> Result<(), Refusal> {
    let moment = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), on_the_wire);
    println!(
        "{:<36} {:<8} {:<13} {:<24} {:<24} {:<24} NAME",
        "ID", "PREFIX", "SCOPE", "MADE", "LAST USED", "ENDS"
    );
    for record in store.secret_keys(environment, now).await.map_err(storage)? {
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
