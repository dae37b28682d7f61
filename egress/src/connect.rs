//! Opening a connection: resolve, judge every address, connect to a judged one.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{DefaultServerNameResolver, MaybeHttpsStream, ResolveServerName};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::error::{EgressError, Phase};
use crate::limits::{Cleartext, ConnectLimits};
use crate::policy::Policy;

/// A pending look-up.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Turns a host name into addresses. The production one asks the operating system; tests give
/// answers of their own, to try what a hostile name server would.
pub trait Resolve: Send + Sync + 'static {
    /// Resolves `host`: a name or the text of an address, without port or brackets. The order of
    /// the answer is the order in which the addresses are tried.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// Asks the operating system (`getaddrinfo`, so `/etc/hosts` and the like count).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let sockets = tokio::net::lookup_host((host, 0)).await?;
            Ok(sockets.map(|socket| socket.ip()).collect())
        })
    }
}

/// Opens connections for the HTTP client, to admitted addresses only.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) policy: Arc<Policy>,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) limits: ConnectLimits,
    pub(crate) cleartext: Cleartext,
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = EgressError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, EgressError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), EgressError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.open(&uri).await })
    }
}

impl Connector {
    async fn open(&self, uri: &Uri) -> Result<MaybeHttpsStream<TokioIo<TcpStream>>, EgressError> {
        let sockets = self.admit(uri).await?;
        let stream = timeout(self.limits.connect, race(sockets))
            .await
            .map_err(|_| EgressError::Timeout(Phase::Connect))?
            .map(TokioIo::new)?;
        if !is_tls(uri) {
            return Ok(MaybeHttpsStream::Http(stream));
        }
        let name = DefaultServerNameResolver::default()
            .resolve(uri)
            .map_err(|_| EgressError::BadUrl("its host cannot be in a certificate"))?;
        let handshake =
            TlsConnector::from(Arc::clone(&self.tls)).connect(name, TokioIo::new(stream));
        let stream = timeout(self.limits.tls, handshake)
            .await
            .map_err(|_| EgressError::Timeout(Phase::Tls))?
            .map_err(|error| EgressError::from_tls(&error))?;
        Ok(MaybeHttpsStream::Https(TokioIo::new(stream)))
    }

    /// Resolves and judges; what it returns may be connected to.
    pub(crate) async fn admit(&self, uri: &Uri) -> Result<Vec<SocketAddr>, EgressError> {
        let tls = is_tls(uri);
        let host = uri.host().ok_or(EgressError::BadUrl("it has no host"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });

        let addresses = timeout(self.limits.resolve, self.resolver.resolve(host))
            .await
            .map_err(|_| EgressError::Timeout(Phase::Resolve))?
            .map_err(|_| EgressError::Dns)?;
        if addresses.is_empty() {
            return Err(EgressError::Dns);
        }
        let sockets = self.policy.admit(addresses, port)?;
        if !tls && self.cleartext == Cleartext::OpenedOnly {
            // The admitted addresses of an internal name may include public ones.
            if !sockets.iter().all(|&socket| self.policy.opens(socket)) {
                return Err(EgressError::Cleartext);
            }
        }
        Ok(sockets)
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme() == Some(&http::uri::Scheme::HTTPS)
}

/// Connects to the first address that answers. A new attempt starts when the last one failed, or
/// after 250 ms of waiting (RFC 8305 §5); those that lose are dropped.
async fn race(sockets: Vec<SocketAddr>) -> Result<TcpStream, EgressError> {
    const STAGGER: Duration = Duration::from_millis(250);
    let mut waiting = sockets.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = io::ErrorKind::AddrNotAvailable;
    loop {
        if let Some(socket) = waiting.next() {
            attempts.spawn(TcpStream::connect(socket));
        } else if attempts.is_empty() {
            return Err(EgressError::Connect(failure));
        }
        tokio::select! {
            Some(ended) = attempts.join_next() => match ended {
                Ok(Ok(stream)) => {
                    // Requests are small and answered at once; a failure only costs speed.
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Ok(Err(error)) => failure = error.kind(),
                Err(_) => failure = io::ErrorKind::Other,
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}
