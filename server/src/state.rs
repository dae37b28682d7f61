//! What every request handler can reach.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use keyslot_egress::Egress;
use secrecy::SecretString;
use tokio::sync::Notify;
use url::Url;
use zeroize::Zeroizing;

use crate::{
    audit::Reads,
    audit_chain::AuditChain,
    catalogues::Catalogues,
    clock::Clock,
    compressed::Compressed,
    dashboard::operator::Operators,
    limits::Limits,
    metrics::Metrics,
    recheck::Observations,
    store::{Store, StoreError},
    token::TokenHasher,
    traces::Traces,
    vault::{Binding, Vault, VaultError},
};

/// The server, shared by all requests.
#[derive(Clone)]
pub struct AppState(Arc<Server>);

impl std::ops::Deref for AppState {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

/// What a server is made of.
pub struct Server {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What seals it.
    pub vault: Vault,
    /// What hashes tokens.
    pub hasher: TokenHasher,
    /// The providers it knows.
    pub catalogues: Catalogues,
    /// The only way out.
    pub egress: Egress,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where clients reach it; the path is the base path.
    pub public_url: Url,
    /// Whether the development conveniences are on.
    pub dev: bool,
    /// When connections were read, until it is written down.
    pub fetched: Fetched,
    /// Who may use the dashboard.
    pub operators: Operators,
    /// When secret keys were used, until it is written down.
    pub used: Used,
    /// What ties the audit log together.
    pub audit_chain: AuditChain,
    /// Smaller forms of the files for browsers.
    pub compressed: Compressed,
    /// Wakes what sends webhooks, when one was written.
    pub outbox: Notify,
    /// Reads of secrets, until they are written down.
    pub reads: Reads,
    /// How much somebody may ask for.
    pub limits: Limits,
    /// How it does, in numbers.
    pub metrics: Metrics,
    /// Who is told of each request.
    pub traces: Traces,
    /// What `/metrics` asks for; without it, only this machine may read it.
    pub metrics_token: Option<SecretString>,
    /// Proxied requests that say something about a credential.
    pub observations: Observations,
}

impl AppState {
    /// Shares a server.
    pub fn new(server: Server) -> Self {
        Self(Arc::new(server))
    }
}

impl Server {
    /// The public URL without a slash at its end.
    pub fn public_base(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }

    /// The path under which the server is reached, without a slash at its end; empty at the root.
    pub fn base_path(&self) -> &str {
        self.public_url.path().trim_end_matches('/')
    }

    /// Writes down when connections were last read and secret keys were last used.
    ///
    /// # Errors
    /// What the store says; the notes are lost then, which does no harm.
    pub async fn flush_notes(&self) -> Result<(), StoreError> {
        let fetched = self.fetched.take();
        if !fetched.is_empty() {
            self.store.note_fetched(fetched).await?;
        }
        let used = self.used.take();
        if used.is_empty() { Ok(()) } else { self.store.note_used(used).await }
    }

    /// Puts the audit events that are not in their chain yet into it.
    ///
    /// # Errors
    /// What the store says; they are put in the next time then.
    pub async fn link_audit(&self) -> Result<(), StoreError> {
        const AT_ONCE: u32 = 1000;
        while self.store.link_audit_events(self.audit_chain.clone(), AT_ONCE).await? == AT_ONCE {}
        Ok(())
    }
}

/// When connections were last read, by their numbers.
pub type Fetched = Noted<i64>;
/// When secret keys were last used, by their ids.
pub type Used = Noted<String>;

/// When things were last used. Written to the store in bulk, every few seconds: a read that had to
/// wait for a disk flush would be a hundred times slower, and losing the last seconds of this note in a
/// crash costs nobody anything.
pub struct Noted<K>(Mutex<HashMap<K, Timestamp>>);

impl<K> Default for Noted<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Noted<K> {
    /// Notes that `id` was used.
    pub fn note(&self, id: K, at: Timestamp) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id, at);
    }

    fn take(&self) -> Vec<(K, Timestamp)> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain().collect()
    }
}

/// Why the vault and the store do not go together.
#[derive(Debug, thiserror::Error)]
pub enum PepperError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The vault failed.
    #[error("the encryption key does not fit this database: {0}")]
    Vault(#[from] VaultError),
}

/// The pepper of this installation's token hashes, made at the first start and kept sealed. Opening it
/// also proves, before anything is served, that the master keys are those of this database.
///
/// # Errors
/// When the store fails, or the pepper does not open.
pub async fn token_hasher(store: &dyn Store, vault: &Vault) -> Result<TokenHasher, PepperError> {
    Ok(TokenHasher::new(&server_secret(store, vault, "token_pepper").await?))
}

/// The secret from which the sessions of the dashboard are signed.
///
/// # Errors
/// When the store fails, or the secret does not open.
pub async fn operator_secret(
    store: &dyn Store,
    vault: &Vault,
) -> Result<Zeroizing<Vec<u8>>, PepperError> {
    server_secret(store, vault, "operator_sessions").await
}

/// What ties this installation's audit log together.
///
/// # Errors
/// When the store fails, or the secret does not open.
pub async fn audit_chain(store: &dyn Store, vault: &Vault) -> Result<AuditChain, PepperError> {
    Ok(AuditChain::new(&server_secret(store, vault, "audit_chain").await?))
}

/// 32 random bytes that are made once for each installation.
async fn server_secret(
    store: &dyn Store,
    vault: &Vault,
    name: &str,
) -> Result<Zeroizing<Vec<u8>>, PepperError> {
    let binding = Binding { purpose: "server", environment: "", integration: "", record: name };
    let mut candidate = Zeroizing::new([0_u8; 32]);
    aws_lc_rs::rand::fill(candidate.as_mut()).map_err(|_| VaultError::Library)?;
    let sealed = store.server_secret(name, vault.seal(binding, candidate.as_ref())?).await?;
    Ok(vault.open(binding, &sealed.blob)?)
}
