//! Serving [`crate::app`] on a socket, within bounds that the HTTP library does not set by itself: how
//! long a request head may take, how large it may be, how many connections there may be (`admission`). On the signal
//! to stop, no new connection is taken and requests in flight are finished.

use std::{convert::Infallible, future::Future, io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tower::{Service, ServiceExt};

use crate::{admission::Admission, drain::Drain, metrics::Crowded, strict_lines::StrictLines};

/// The most bytes of a request head.
const HEAD_MAX: usize = 64 * 1024;

/// How long a hurried client may take to send a request head.
const LITTLE_HEAD_PATIENCE: Duration = Duration::from_secs(1);
/// Files that are open besides connections: the database's, a log, the listener.
const OTHER_FILES: usize = 128;

/// What a listener puts up with.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// How long a client may take to send a request head, the pause before it included.
    pub head_patience: Duration,
    /// The most connections at a time; further ones wait to be accepted.
    pub connections: usize,
    /// The most of them from one address; beyond that, as many again have little time each. 0 is no
    /// limit.
    pub per_address: usize,
    /// Addresses of proxies, which have no such limit.
    pub trusted_proxies: Vec<IpNet>,
    /// Where it is counted when an address has too many.
    pub crowded: Crowded,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            head_patience: Duration::from_secs(30),
            connections: 8192,
            per_address: 512,
            trusted_proxies: Vec::new(),
            crowded: Crowded::default(),
        }
    }
}

impl Bounds {
    /// These bounds, as far as so many open files allow: each connection may have one more to a provider.
    /// No address has more than a quarter.
    pub(crate) fn within(self, files: Option<u64>) -> Self {
        let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        let connections = self.connections.min(files.saturating_sub(OTHER_FILES) / 2).max(16);
        Self { connections, per_address: self.per_address.min(connections / 4), ..self }
    }
}

/// How much time a connection gets; in the extensions of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// That of [`Bounds`].
    Usual,
    /// A second for a head, another for a body, and one request only.
    Hurried,
}

/// How long requests in flight may take after the signal to stop.
pub const DRAIN_PATIENCE: Duration = Duration::from_secs(25);

/// The address of the other end of a request's connection: a client, or a proxy in front of us.
#[derive(Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Serves until `stop` resolves, then drains.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    bounds: Bounds,
    stop: impl Future<Output = ()>,
) {
    let head_patience = bounds.head_patience;
    let mut admission = Admission::new(bounds);
    let graceful = Drain::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async { (admission.room().await, listener.accept().await) };
        let (room, stream, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            (room, accepted) = next => match accepted {
                Ok((stream, peer)) => (room, stream, peer.ip()),
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        let Some(place) = room.and_then(|room| admission.admit(peer, room)) else { continue };
        let pace = place.pace;
        let place = Arc::new(place);
        // Answers are small and complete; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        // Freed when the connection has ended, and what a request has made of it (`popup_socket`).
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut app = app.clone();
            let place = Arc::clone(&place);
            async move {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Peer(peer));
                request.extensions_mut().insert(pace);
                request.extensions_mut().insert(place);
                // A router is always ready, and its error is uninhabited.
                let _: Result<_, Infallible> = ServiceExt::<Request>::ready(&mut app).await;
                app.call(request).await
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(match pace {
                Pace::Usual => head_patience,
                Pace::Hurried => LITTLE_HEAD_PATIENCE,
            })
            .keep_alive(pace == Pace::Usual)
            .max_header_size(HEAD_MAX)
            .serve_connection(TokioIo::new(StrictLines::new(stream, pace)), service)
            .with_upgrades();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
        });
    }
    drop(listener);
    tracing::info!(connections = graceful.count(), "stopping: finishing the requests in flight");
    if tokio::time::timeout(DRAIN_PATIENCE, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = DRAIN_PATIENCE.as_secs(), "some requests did not finish in time");
    }
}

/// A connection that is gone before it was accepted is nothing; having no file handle left is a reason
/// to wait for one instead of spinning.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "cannot accept connections");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
