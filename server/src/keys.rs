//! `keyslot-server keys`: secret keys by command line, for the first one and for scripts. The rules are
//! those of [`crate::api::secret_keys`].

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::secret_keys::OPERATOR,
    cli::{KeyAction, Refusal, Settings},
    clock::{Clock, SystemClock, on_the_wire},
    model::{AuditEvent, FIRST_ENVIRONMENTS, NewSecretKey, Role, SecretKey},
    serve::{open, storage, vault},
    state::token_hasher,
    store::Store,
    token::{self, PlainToken, TokenHasher},
};

/// Runs one of the commands. A new key is the only line on stdout.
///
/// # Errors
/// A sentence that says why it cannot be done.
pub(crate) async fn run(action: KeyAction) -> Result<(), Refusal> {
    let settings: &Settings = match &action {
        KeyAction::Create { settings, .. }
        | KeyAction::List { settings, .. }
        | KeyAction::Rotate { settings, .. }
        | KeyAction::Revoke { settings, .. } => settings,
    };
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
    match action {
        KeyAction::Create { name, environment, scope, .. } => {
            known(store, environment).await?;
            if name.is_empty() || name.chars().count() > 255 {
                return Err(Refusal("--name: expected 1 to 255 characters".into()));
            }
            let (new, token) = generate(hasher, environment, name, *scope)?;
            let audit = event(environment, "secret_key.created", &new.key.id, now);
            store.put_secret_key(new, audit).await.map_err(storage)?;
            show(&token);
        }
        KeyAction::List { environment, .. } => {
            known(store, environment).await?;
            list(store, environment, now).await?;
        }
        KeyAction::Rotate { id, environment, grace, .. } => {
            known(store, environment).await?;
            must_be_ours(id)?;
            let (new, token) = generate(hasher, environment, "", Role::Full)?;
            let ends_at = now + SignedDuration::from_secs(i64::try_from(*grace).unwrap_or(0));
            let audit = event(environment, "secret_key.rotated", id, now);
            let rotated = store.rotate_secret_key(environment, id, new, ends_at, audit).await;
            rotated.map_err(storage)?.ok_or_else(|| unknown(id, environment))?;
            show(&token);
        }
        KeyAction::Revoke { id, environment, .. } => {
            known(store, environment).await?;
            must_be_ours(id)?;
            let audit = event(environment, "secret_key.revoked", id, now);
            if !store.remove_secret_key(environment, id, audit).await.map_err(storage)? {
                return Err(unknown(id, environment));
            }
        }
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

fn must_be_ours(id: &str) -> Result<(), Refusal> {
    if id == OPERATOR {
        return Err(Refusal(
            "this key comes from KEYSLOT_SECRET_KEY; change or remove it there".into(),
        ));
    }
    Ok(())
}

fn unknown(id: &str, environment: &str) -> Refusal {
    Refusal(format!("there is no secret key {id} in environment {environment}"))
}

fn generate(
    hasher: &TokenHasher,
    environment: &str,
    name: &str,
    role: Role,
) -> Result<(NewSecretKey, PlainToken), Refusal> {
    let token = token::new_secret_key().map_err(|error| Refusal(error.to_string()))?;
    let key = SecretKey {
        id: uuid::Uuid::now_v7().to_string(),
        environment: environment.to_owned(),
        name: name.to_owned(),
        role,
    };
    Ok((NewSecretKey { key, hash: hasher.hash(token.expose()) }, token))
}

fn event(environment: &str, action: &'static str, id: &str, at: Timestamp) -> AuditEvent {
    AuditEvent {
        at,
        environment: environment.to_owned(),
        actor: "command_line".to_owned(),
        action,
        object: format!("secret_key:{id}"),
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
    println!("{:<36} {:<13} {:<24} {:<24} {:<24} NAME", "ID", "SCOPE", "MADE", "LAST USED", "ENDS");
    for record in store.secret_keys(environment, now).await.map_err(storage)? {
        println!(
            "{:<36} {:<13} {:<24} {:<24} {:<24} {}",
            record.key.id,
            record.key.role.word(),
            moment(Some(record.created_at)),
            moment(record.last_used_at),
            moment(record.expires_at),
            record.key.name
        );
    }
    Ok(())
}
