//! Sending a request and getting its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{
    CONNECTION, HOST, HeaderMap, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::{Instant, sleep_until};
use url::Url;

use crate::body::{Body, Progress, ResponseBody};
use crate::connect::{Connector, Resolve, SystemResolver};
use crate::error::{EgressError, Phase};
use crate::limits::{Cleartext, ConnectLimits, Limits};
use crate::policy::Policy;

type HttpClient = Client<Connector, Body>;

/// The door out. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Egress {
    policy: Arc<Policy>,
    connector: Connector,
    /// Two, because a connection does not know which request it is opened for.
    opened_cleartext: HttpClient,
    any_cleartext: HttpClient,
}

/// Makes an [`Egress`] with more than a policy.
pub struct Builder {
    policy: Policy,
    resolver: Arc<dyn Resolve>,
    connect: ConnectLimits,
    roots: RootCertStore,
}

impl Egress {
    /// Makes the door: public certificate authorities, the system's resolver, no proxies.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::builder(policy).build()
    }

    /// Starts a door with other certificate authorities, resolver or connect limits.
    #[must_use]
    pub fn builder(policy: Policy) -> Builder {
        Builder {
            policy,
            resolver: Arc::new(SystemResolver),
            connect: ConnectLimits::default(),
            roots: RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        }
    }

    /// The addresses that this door opens to.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Resolves a URL and judges its addresses as [`Egress::send`] would, without connecting: for
    /// telling someone early that a target they enter cannot be used. It decides nothing, since
    /// the name may resolve to something else later.
    ///
    /// Returns the addresses that may be connected to.
    ///
    /// # Errors
    /// Those of [`Egress::send`] that come before a connection.
    pub async fn check(
        &self,
        uri: &Uri,
        cleartext: Cleartext,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let connector = Connector { cleartext, ..self.connector.clone() };
        connector.admit(&target(uri)?).await
    }

    /// Sends a request and returns the head of the answer, with the body still to be read.
    ///
    /// The URL is read as browsers read it (WHATWG) and that reading is what is sent, so there is
    /// no second opinion about its host. `Host` and the hop-by-hop headers are set here, whatever
    /// the request says. Redirects are returned, not followed.
    ///
    /// # Errors
    /// See [`EgressError`]; after [`EgressError::Denied`], [`EgressError::Cleartext`] and
    /// [`EgressError::BadUrl`] nothing was sent.
    pub async fn send(
        &self,
        request: Request<Body>,
        limits: Limits,
    ) -> Result<Response<ResponseBody>, EgressError> {
        let start = Instant::now();
        let deadline = start + limits.total;
        let (mut head, body) = request.into_parts();
        head.uri = target(&head.uri)?;
        head.version = http::Version::default();
        strip_connection_headers(&mut head.headers);
        let progress = Progress::new(start);
        let request = Request::from_parts(head, body.watched(Arc::clone(&progress)));

        let client = match limits.cleartext {
            Cleartext::OpenedOnly => &self.opened_cleartext,
            Cleartext::Anywhere => &self.any_cleartext,
        };
        let mut answer = client.request(request);
        let answer = loop {
            let first_byte = (progress.last() + limits.first_byte).min(deadline);
            tokio::select! {
                answer = &mut answer => break answer,
                () = sleep_until(first_byte) => {
                    let now = Instant::now();
                    if now >= deadline || now >= progress.last() + limits.first_byte {
                        return Err(EgressError::Timeout(Phase::FirstByte));
                    }
                }
            }
        }
        .map_err(|error| EgressError::from_client(&error))?;
        Ok(answer.map(|body| ResponseBody::new(body, &limits, deadline)))
    }
}

impl Builder {
    /// Uses another resolver.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// Uses other limits for opening connections.
    #[must_use]
    pub fn connect_limits(mut self, limits: ConnectLimits) -> Self {
        self.connect = limits;
        self
    }

    /// Trusts one more certificate authority, for providers on the operator's own network.
    ///
    /// # Errors
    /// When the bytes are not a certificate in DER form.
    pub fn trust(mut self, certificate: CertificateDer<'static>) -> Result<Self, rustls::Error> {
        self.roots.add(certificate)?;
        Ok(self)
    }

    /// Makes the door.
    #[must_use]
    pub fn build(self) -> Egress {
        let Self { policy, resolver, connect, roots } = self;
        let policy = Arc::new(policy);
        let connector = Connector {
            policy: Arc::clone(&policy),
            resolver,
            tls: Arc::new(tls_config(roots)),
            limits: connect,
            cleartext: Cleartext::OpenedOnly,
        };
        let client = |cleartext| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(std::time::Duration::from_secs(30))
                .pool_max_idle_per_host(8)
                // The head of an answer: 64 KiB and 128 fields are far above what any API sends.
                .http1_max_buf_size(64 * 1024)
                .http1_max_headers(128)
                .http2_max_header_list_size(64 * 1024)
                .build(Connector { cleartext, ..connector.clone() })
        };
        Egress {
            opened_cleartext: client(Cleartext::OpenedOnly),
            any_cleartext: client(Cleartext::Anywhere),
            connector,
            policy,
        }
    }
}

fn tls_config(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        // Fails only for a provider without a suite of either version; this one has both.
        .expect("aws-lc-rs has suites for TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

/// Reads the URL as browsers do and gives back that reading.
fn target(uri: &Uri) -> Result<Uri, EgressError> {
    let url = Url::parse(&uri.to_string()).map_err(|_| EgressError::BadUrl("it is not a URL"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(EgressError::BadUrl("its scheme is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(EgressError::BadUrl("it carries a user name or password"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(EgressError::BadUrl("it has no host"));
    }
    if url.port() == Some(0) {
        return Err(EgressError::BadUrl("its port is 0"));
    }
    url.as_str()
        .parse()
        .map_err(|_| EgressError::BadUrl("it holds characters that HTTP does not carry"))
}

/// Removes what belongs to a connection (RFC 9110 §7.6.1) and what would speak to another host.
fn strip_connection_headers(headers: &mut HeaderMap) {
    let named: Vec<_> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| http::HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [CONNECTION, HOST, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection"] {
        headers.remove(name);
    }
}
