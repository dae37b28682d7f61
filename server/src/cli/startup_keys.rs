//! Secret keys that are stored at every start: the one in `KEYSLOT_SECRET_KEY`, and that of `--dev`.

use secrecy::{ExposeSecret, SecretString};

use super::error::StartupError;
use crate::{
    model::{AuditEvent, DEVELOPMENT, NewSecretKey, PRODUCTION, Role, SecretKey},
    secret_keys::OPERATOR,
    state::Server,
    store::StoreError,
    token::{self, DEV_SECRET_KEY_PREFIX},
};

/// `KEYSLOT_SECRET_KEY` is a secret key of environment `prod`, or of `dev` with `--dev` or when it begins
/// with `ksk_dev_`. Unset it to revoke the key at the next start.
pub(super) async fn store_given(state: &Server) -> Result<(), StartupError> {
    let given = std::env::var("KEYSLOT_SECRET_KEY")
        .ok()
        .filter(|key| !key.is_empty())
        .map(SecretString::from);
    let Some(given) = given else {
        for environment in [DEVELOPMENT, PRODUCTION] {
            let audit = event_in(state, environment, "secret_key.removed", OPERATOR);
            let removed = state.store.remove_secret_key(environment, OPERATOR, audit);
            removed.await?;
        }
        return Ok(());
    };
    if !token::is_secret_key(given.expose_secret()) {
        return Err(StartupError(
            "KEYSLOT_SECRET_KEY: expected at least 32 visible characters".into(),
        ));
    }
    // EXPOSE: only its first characters are looked at.
    let of_development = given.expose_secret().starts_with(DEV_SECRET_KEY_PREFIX);
    let environment = if state.dev || of_development { DEVELOPMENT } else { PRODUCTION };
    tracing::info!(environment, "KEYSLOT_SECRET_KEY is a secret key of this environment");
    put_secret_key(state, environment, OPERATOR, "KEYSLOT_SECRET_KEY", &given).await?;
    Ok(())
}

/// Stores a secret key with every permission.
///
/// # Errors
/// What the store says.
pub(super) async fn put_secret_key(
    state: &Server,
    environment: &str,
    id: &str,
    name: &str,
    secret: &SecretString,
) -> Result<(), StoreError> {
    let key = SecretKey {
        id: id.to_owned(),
        environment: environment.to_owned(),
        name: name.to_owned(),
        role: Role::Full,
        // EXPOSE: its hash is stored, and the start of one that this server made.
        prefix: token::shown_prefix(secret.expose_secret()),
    };
    let new = NewSecretKey { key, hash: state.hasher.hash(secret.expose_secret()) };
    let audit = event_in(state, environment, "secret_key.stored", id);
    state.store.put_secret_key(new, audit).await
}

/// What the server itself did in an environment.
pub(super) fn event_in(
    state: &Server,
    environment: &str,
    action: &'static str,
    object: &str,
) -> AuditEvent {
    AuditEvent {
        at: state.clock.now(),
        environment: environment.to_owned(),
        actor: "server".to_owned(),
        action,
        object: object.to_owned(),
        request_id: String::new(),
        address: None,
    }
}
