//! From settings to a running server, and down again: the order of opening and closing things.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use keyslot_egress::{Egress, Policy};
use secrecy::SecretString;
use tokio::{
    net::TcpListener,
    signal::unix,
    sync::{Notify, oneshot},
    time,
};
use url::Url;

use super::{config::Settings, demo, error::StartupError, open, startup_keys};
use crate::{
    audit::{self, Reads},
    audit_retention,
    catalogues::{self, Catalogues},
    clock::{Clock, SystemClock},
    compressed::Compressed,
    dashboard::operator::Operators,
    hardening,
    limits::Limits,
    listener::{self, Bounds},
    metrics::Metrics,
    model::FIRST_ENVIRONMENTS,
    pages, private_file,
    recheck::{self, Observations},
    rotation,
    state::{AppState, Fetched, Server, Used, audit_chain, operator_secret, token_hasher},
    store::Store,
    traces::Traces,
    vault::Vault,
    webhooks::delivery,
};

/// How often what is not urgent is written and what has ended is removed.
const HOUSEKEEPING: Duration = Duration::from_secs(5);
/// How often audit events are put into their chain.
const CHAINING: Duration = Duration::from_secs(1);
/// For how long webhooks can be seen and sent again.
const WEBHOOKS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Serves until SIGTERM or SIGINT, then finishes the requests in flight.
///
/// # Errors
/// A sentence that says why the server cannot start.
pub(super) async fn run(settings: Settings) -> Result<(), StartupError> {
    if settings.dev && !settings.listen.ip().is_loopback() {
        return Err(StartupError(format!(
            "--dev listens on loopback only, and {} is not: its keys and demo pages are for nobody else",
            settings.listen
        )));
    }
    private_file::directory(&settings.data_dir)
        .map_err(|error| StartupError::because(&settings.data_dir.display().to_string(), error))?;
    let files = hardening::raise_file_limit();
    let socket = TcpListener::bind(settings.listen).await.map_err(|error| {
        StartupError::because(&format!("cannot listen on {}", settings.listen), error)
    })?;
    let address =
        socket.local_addr().map_err(|error| StartupError::because("cannot listen", error))?;
    let origin = format!("http://{address}");
    let public_url = match settings.public_url()? {
        Some(url) => url.clone(),
        None => Url::parse(&origin).map_err(|error| StartupError::because(&origin, error))?,
    };

    let mut catalogue = open::catalogue(&settings)?;
    let mut policy =
        settings.allow_net.iter().fold(Policy::default(), |policy, net| policy.allow(*net));
    if settings.dev {
        demo::add_providers(&mut catalogue, &origin)?;
        policy = policy.allow_socket(address);
    }
    let vault = open::vault(&settings)?;
    let store = open::store(&settings).await?;
    let clock = Arc::new(SystemClock);
    store.ensure_environments(&FIRST_ENVIRONMENTS, clock.now()).await?;
    let hasher =
        token_hasher(store.as_ref(), &vault).await.map_err(|e| StartupError(e.to_string()))?;
    let operators = operators(&settings, store.as_ref(), &vault, &public_url).await?;
    let audit_chain =
        audit_chain(store.as_ref(), &vault).await.map_err(|e| StartupError(e.to_string()))?;
    let metrics = Metrics::new(store.commit_times());
    let state = AppState::new(Server {
        store: Arc::clone(&store),
        vault,
        hasher,
        catalogues: Catalogues::new(catalogue),
        egress: Egress::new(policy),
        clock,
        public_url,
        dev: settings.dev,
        fetched: Fetched::default(),
        operators,
        used: Used::default(),
        audit_chain,
        compressed: Compressed::default(),
        outbox: Notify::new(),
        reads: Reads::new(settings.audit),
        limits: Limits::new(settings.rates()),
        metrics,
        traces: match &settings.otlp {
            Some(base) => Traces::to(base).map_err(|why| StartupError(format!("--otlp: {why}")))?,
            None => Traces::default(),
        },
        metrics_token: settings.metrics_token()?,
        observations: Observations::default(),
    });
    state.catalogues.refresh(store.as_ref()).await?;
    startup_keys::store_given(&state).await?;
    if settings.dev {
        demo::prepare(&state, &settings.data_dir).await?;
    }

    {
        let state = state.clone();
        // Not waited for, at the end neither: dropping the runtime would wait for it.
        std::thread::spawn(move || state.compressed.prepare(pages::compressible(state.dev)));
    }
    // Before the ready line: a script may stop the server the moment it reads it.
    let stop = stop_signal()?;
    let housekeeping = tokio::spawn(housekeeping(state.clone()));
    let reads = tokio::spawn(audit::run(state.clone()));
    let chaining = tokio::spawn(chaining(state.clone()));
    let retention = settings.audit_keep.map(|days| {
        let keep = SignedDuration::from_hours(24 * i64::from(days));
        tokio::spawn(audit_retention::run(state.clone(), keep))
    });
    let renewal = tokio::spawn(renewal(state.clone()));
    let watching = tokio::spawn(watching(state.clone()));
    let (stop_delivery, stopped) = oneshot::channel::<()>();
    // Dropping the sender is the signal.
    let delivery = tokio::spawn(delivery::run(state.clone(), async { drop(stopped.await) }));
    let (stop_checks, stopped) = oneshot::channel::<()>();
    let checks = tokio::spawn(recheck::run(state.clone(), async { drop(stopped.await) }));
    ready(&origin);
    let bounds = Bounds {
        per_address: settings.connections_address,
        trusted_proxies: settings.trusted_proxies.clone(),
        crowded: state.metrics.crowded(),
        ..Bounds::default()
    }
    .within(files);
    tracing::info!(
        %address,
        providers = state.catalogues.shared().len(),
        files,
        connections = bounds.connections,
        connections_address = bounds.per_address,
        "ready"
    );
    listener::serve(socket, crate::app(state.clone()), bounds, stop).await;
    housekeeping.abort();
    chaining.abort();
    if let Some(retention) = retention {
        retention.abort();
    }
    renewal.abort();
    watching.abort();
    drop((stop_delivery, stop_checks));
    let _ = tokio::join!(delivery, checks);
    if let Err(error) = state.flush_notes().await {
        tracing::warn!(%error, "when connections and keys were last used is not written down");
    }
    state.write_reads().await;
    reads.abort();
    if let Err(error) = state.link_audit().await {
        tracing::warn!(%error, "the newest audit events are not in their chain yet");
    }
    store.close().await;
    state.traces.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Who may use the dashboard, by `KEYSLOT_ADMIN_PASSWORD`.
async fn operators(
    settings: &Settings,
    store: &dyn Store,
    vault: &Vault,
    public_url: &Url,
) -> Result<Operators, StartupError> {
    let password = std::env::var("KEYSLOT_ADMIN_PASSWORD")
        .ok()
        .filter(|password| !password.is_empty())
        .map(SecretString::from);
    let secret = operator_secret(store, vault).await.map_err(|e| StartupError(e.to_string()))?;
    Operators::new(password.as_ref(), settings.dev, &secret, public_url)
        .map_err(|error| StartupError(error.to_string()))
}

/// Puts what is under an older key of the ring under the first one, once after the start. Several
/// servers may be at it, and it goes on where it was when it is interrupted.
async fn renewal(state: AppState) {
    match rotation::rotate(state.store.as_ref(), &state.vault, |_| ()).await {
        Ok(done) if done.failed > 0 => tracing::error!(
            renewed = done.renewed,
            failed = done.failed,
            "some records do not open and are what they were; keep the older encryption keys"
        ),
        Ok(done) if done.renewed > 0 => tracing::info!(
            renewed = done.renewed,
            key = %state.vault.current(),
            "every record is under this encryption key; the older ones may be removed"
        ),
        Ok(_) => {}
        Err(error) => {
            tracing::warn!(%error, "records are not all under the first encryption key yet; the next start goes on")
        }
    }
}

/// Puts audit events into their chain, soon after they were written.
async fn chaining(state: AppState) {
    let mut tick = time::interval(CHAINING);
    loop {
        tick.tick().await;
        if let Err(error) = state.link_audit().await {
            tracing::warn!(%error, "the newest audit events are not in their chain yet");
        }
    }
}

/// Sees which providers other servers of the same database have stored.
async fn watching(state: AppState) {
    let mut tick = time::interval(catalogues::EVERY);
    tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(error) = state.catalogues.refresh(state.store.as_ref()).await {
            tracing::warn!(%error, "providers that other servers have stored are not known here yet");
        }
    }
}

async fn housekeeping(state: AppState) {
    let mut tick = time::interval(HOUSEKEEPING);
    loop {
        tick.tick().await;
        if let Err(error) = state.flush_notes().await {
            tracing::warn!(%error, "when connections and keys were last used is not written down");
        }
        if let Err(error) = state.store.purge_secret_keys(state.clock.now()).await {
            tracing::warn!(%error, "secret keys that have ended are not removed");
        }
        if let Err(error) = state.store.purge_sessions(state.clock.now()).await {
            tracing::warn!(%error, "ended sessions are not removed");
        }
        if let Err(error) = state.store.purge_operator_sessions(state.clock.now()).await {
            tracing::warn!(%error, "ended sessions of operators are not removed");
        }
        if let Err(error) = state.store.purge_allowances(state.clock.now()).await {
            tracing::warn!(%error, "allowances that are full again are not removed");
        }
        if let Err(error) = state.store.purge_webhooks(state.clock.now() - WEBHOOKS_KEPT).await {
            tracing::warn!(%error, "old webhooks are not removed");
        }
    }
}

/// The one line that scripts wait for.
#[expect(clippy::print_stdout, reason = "the ready line is part of the command-line contract")]
fn ready(origin: &str) {
    println!("keyslot-server listening on {origin}");
}

/// Resolves at SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()>, StartupError> {
    let failed = |error| StartupError::because("cannot listen for signals", error);
    let mut terminate = unix::signal(unix::SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt()).map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
