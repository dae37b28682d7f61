//! Serving [`crate::app`] on a socket, within bounds that the HTTP library does not set by itself: how
//! long a request head may take, how large it may be, how many connections there may be. On the signal
//! to stop, no new connection is taken and requests in flight are finished.

use std::{convert::Infallible, future::Future, io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore};
use tower::{Service, ServiceExt};

use crate::{drain::Drain, strict_lines::StrictLines};

/// The most bytes of a request head.
const HEAD_MAX: usize = 64 * 1024;

/// What a listener puts up with.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long a client may take to send a request head, the pause before it included.
    pub head_patience: Duration,
    /// The most connections at a time; further ones wait to be accepted.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { head_patience: Duration::from_secs(30), connections: 8192 }
    }
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
    let places = Arc::new(Semaphore::new(bounds.connections));
    let graceful = Drain::default();
    let mut stop = std::pin::pin!(stop);
    loop {
        let next = async {
            // Never closed, so the only outcome is a place.
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, stream, peer) = tokio::select! {
            biased;
            () = &mut stop => break,
            (place, accepted) = next => match accepted {
                Ok((stream, peer)) => (place, stream, peer.ip()),
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
        };
        // Answers are small and complete; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            let mut app = app.clone();
            async move {
                let mut request: Request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Peer(peer));
                // A router is always ready, and its error is uninhabited.
                let _: Result<_, Infallible> = ServiceExt::<Request>::ready(&mut app).await;
                app.call(request).await
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(bounds.head_patience)
            .max_header_size(HEAD_MAX)
            .serve_connection(TokioIo::new(StrictLines::new(stream)), service)
            .with_upgrades();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended badly");
            }
            drop(place);
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
