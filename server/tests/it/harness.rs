//! A whole server in a temporary folder. Its demo API listens on a real port, so that checks of
//! credentials go through the real client; requests to the server itself need none.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use keyslot_egress::{Egress, Policy};
use keyslot_providers::Catalogue;
use keyslot_server::{
    app,
    audit::{AuditMode, Reads},
    catalogues::Catalogues,
    cli::demo::add_providers,
    clock::{Clock, ManualClock},
    compressed::Compressed,
    dashboard::operator::Operators,
    demo,
    keyring::KeyRing,
    limits::{Limits, Rates},
    listener::{self, Bounds},
    metrics::Metrics,
    model::{AuditEvent, FIRST_ENVIRONMENTS, NewSecretKey, Role, SecretKey},
    recheck::Observations,
    state::{AppState, Fetched, Server, Used, audit_chain, operator_secret, token_hasher},
    store::AuditFilter,
    store::{Store, sqlite::SqliteStore},
    traces::Traces,
    vault::Vault,
    webhooks::delivery,
};
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Notify};
use tower::ServiceExt;
use url::Url;

use crate::upstream::Upstream;

pub(crate) const KEYS: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// A secret key of environment `dev` with every permission.
pub(crate) const SECRET: &str = "test-secret-key-of-environment-dev-000";
/// The same for `prod`.
pub(crate) const PROD_SECRET: &str = "test-secret-key-of-environment-prod-00";
pub(crate) const READ_ONLY: &str = "test-secret-key-that-may-only-read-000";
pub(crate) const SESSIONS_ONLY: &str = "test-secret-key-for-sessions-only-0000";
/// A demo key that the demo API accepts.
pub(crate) const GOOD: &str = demo::api::keys::WORKS;

/// Read once: it is the same for every test.
static EMBEDDED: LazyLock<Catalogue> = LazyLock::new(Catalogue::embedded);

/// Providers that ask nobody, so that forms can be tested by themselves.
const PROVIDERS: &str = r"
unchecked:
  display_name: Unchecked
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  proxy: { base_url: 'https://unchecked.example' }
templated:
  display_name: Templated
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  connection_config:
    subdomain: { type: string, title: Sub-domain, description: Yours. }
    note: { type: string, title: Note, description: Yours., optional: true }
    second: { type: string, title: Second key, description: Yours., optional: true, secret: true }
  proxy: { base_url: 'https://${connectionConfig.subdomain}.templated.example' }
upstream:
  display_name: Upstream
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  proxy:
    base_url: 'http://upstream.invalid/base'
    headers: { authorization: 'Bearer ${apiKey}' }
checked:
  display_name: Checked
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  proxy:
    base_url: 'http://upstream.invalid/base'
    headers: { authorization: 'Bearer ${apiKey}' }
    verification: { method: GET, endpoints: [/check] }
";

pub(crate) struct Harness {
    pub(crate) state: AppState,
    pub(crate) clock: Arc<TestClock>,
    /// What integration `upstream` leads to.
    pub(crate) upstream: Upstream,
    /// Where it listens as well.
    pub(crate) address: std::net::SocketAddr,
    app: Router,
    dir: TempDir,
}

/// A clock that is moved by hand, and can be broken to see what a panicking handler does.
pub(crate) struct TestClock {
    time: ManualClock,
    broken: AtomicBool,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        assert!(!self.broken.load(Ordering::Relaxed), "the clock holds {SECRET}");
        self.time.now()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or(Value::Null)
    }

    /// Status, code and the path of the first issue, as one line.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let error = &body["error"];
        assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()), "a message: {body}");
        assert!(error["request_id"].is_string(), "a request id: {body}");
        let mut line = format!("{} {}", self.status.as_u16(), error["code"].as_str().unwrap());
        if let Some(issue) = error["errors"].get(0) {
            let path: Vec<&str> =
                issue["path"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
            line.push_str(&format!(" {} [{}]", issue["code"].as_str().unwrap(), path.join(".")));
        }
        line
    }
}

impl Harness {
    pub(crate) async fn new() -> Self {
        Self::at("http://keyslot.test").await
    }

    pub(crate) async fn at(public_url: &str) -> Self {
        Self::with(public_url, None).await
    }

    /// A server whose dashboard asks for this password.
    pub(crate) async fn with(public_url: &str, password: Option<&str>) -> Self {
        Self::built(public_url, password, Rates::default(), None, AuditMode::Batched).await
    }

    /// A server whose metrics ask for this token.
    pub(crate) async fn watched(token: &str) -> Self {
        Self::built(
            "http://keyslot.test",
            None,
            Rates::default(),
            Some(token.into()),
            AuditMode::Batched,
        )
        .await
    }

    /// A server with these limits.
    pub(crate) async fn limited(rates: Rates) -> Self {
        Self::built("http://keyslot.test", None, rates, None, AuditMode::Batched).await
    }

    /// A server that hands out nothing that it cannot record.
    pub(crate) async fn strict() -> Self {
        let rates = Rates::default();
        Self::built("http://keyslot.test", None, rates, None, AuditMode::Strict).await
    }

    async fn built(
        public_url: &str,
        password: Option<&str>,
        rates: Rates,
        metrics_token: Option<SecretString>,
        audit: AuditMode,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("keyslot.db")).unwrap());
        Self::on(store, dir, public_url, password, rates, metrics_token, audit).await
    }

    /// One of several servers on a store; its dashboard asks for this password.
    pub(crate) async fn sharing(store: Arc<dyn Store>, password: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (url, rates) = ("http://keyslot.test", Rates::default());
        Self::on(store, dir, url, Some(password), rates, None, AuditMode::Batched).await
    }

    async fn on(
        store: Arc<dyn Store>,
        dir: TempDir,
        public_url: &str,
        password: Option<&str>,
        rates: Rates,
        metrics_token: Option<SecretString>,
        audit: AuditMode,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut catalogue = EMBEDDED.clone();
        add_providers(&mut catalogue, &format!("http://{address}")).unwrap();
        let upstream = Upstream::start().await;
        let providers = PROVIDERS.replace("http://upstream.invalid", &upstream.url());
        let report = catalogue.extend_from_yaml(&providers).unwrap();
        assert!(report.skipped.is_empty(), "{report:?}");

        let time = ManualClock::new(Timestamp::from_second(1_790_000_000).unwrap());
        let clock = Arc::new(TestClock { time, broken: AtomicBool::new(false) });
        let vault = Vault::new(&KeyRing::parse(KEYS).unwrap()).unwrap();
        store.ensure_environments(&FIRST_ENVIRONMENTS, clock.now()).await.unwrap();
        let hasher = token_hasher(store.as_ref(), &vault).await.unwrap();
        for (id, token, environment, role) in [
            ("full", SECRET, "dev", Role::Full),
            ("prod", PROD_SECRET, "prod", Role::Full),
            ("reader", READ_ONLY, "dev", Role::ReadOnly),
            ("minter", SESSIONS_ONLY, "dev", Role::SessionsOnly),
        ] {
            let key = SecretKey {
                id: id.into(),
                environment: environment.into(),
                name: id.into(),
                role,
                prefix: String::new(),
            };
            let new = NewSecretKey { key, hash: hasher.hash(token) };
            store.put_secret_key(new, event(clock.now(), environment)).await.unwrap();
        }
        let secret = operator_secret(store.as_ref(), &vault).await.unwrap();
        let password = password.map(SecretString::from);
        let public_url: Url = public_url.parse().unwrap();
        let operators = Operators::new(password.as_ref(), true, &secret, &public_url).unwrap();
        let audit_chain = audit_chain(store.as_ref(), &vault).await.unwrap();
        let metrics = Metrics::new(store.commit_times());
        let state = AppState::new(Server {
            store,
            vault,
            hasher,
            catalogues: Catalogues::new(catalogue),
            egress: Egress::new(
                Policy::default().allow_socket(address).allow_socket(upstream.address),
            ),
            clock: clock.clone(),
            public_url,
            dev: true,
            fetched: Fetched::default(),
            operators,
            used: Used::default(),
            audit_chain,
            compressed: Compressed::default(),
            outbox: Notify::new(),
            reads: Reads::new(audit),
            limits: Limits::new(rates),
            metrics,
            traces: Traces::default(),
            metrics_token,
            observations: Observations::default(),
        });
        let app = app(state.clone());
        tokio::spawn(listener::serve(
            listener,
            app.clone(),
            Bounds::default(),
            std::future::pending(),
        ));
        let harness = Self { state, clock, upstream, address, app, dir };
        if !harness.state.store.integrations("dev").await.unwrap().is_empty() {
            return harness;
        }
        for (environment, key, provider) in [
            (SECRET, "demo", "keyslot-demo"),
            (SECRET, "demo-basic", "keyslot-demo-basic"),
            (SECRET, "unchecked", "unchecked"),
            (SECRET, "templated", "templated"),
            (SECRET, "upstream", "upstream"),
            (SECRET, "checked", "checked"),
            (PROD_SECRET, "unchecked", "unchecked"),
        ] {
            let body = json!({ "provider": provider, "unique_key": key });
            let made =
                harness.call(Method::POST, "/integrations", Some(environment), Some(body)).await;
            assert_eq!(made.status, 200, "{}", made.json());
        }
        harness
    }

    pub(crate) fn advance(&self, minutes: i64) {
        self.clock.time.advance(SignedDuration::from_mins(minutes));
    }

    /// Sends the webhooks that are due; tells how many.
    pub(crate) async fn deliver(&self) -> usize {
        let due = delivery::claim(&self.state, 100).await.unwrap();
        let count = due.len();
        for webhook in due {
            delivery::deliver(&self.state, webhook).await;
        }
        count
    }

    /// From now on, whoever asks for the time panics.
    pub(crate) fn break_clock(&self) {
        self.clock.broken.store(true, Ordering::Relaxed);
    }

    /// The whole HTTP interface.
    pub(crate) fn app(&self) -> Router {
        self.app.clone()
    }

    pub(crate) fn database(&self) -> std::path::PathBuf {
        self.dir.path().join("keyslot.db")
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let private = request.uri().path().contains("/dashboard");
        let answer = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        if private {
            assert!(!head.headers.contains_key("access-control-allow-origin"), "for its own pages");
        } else {
            assert_eq!(head.headers["access-control-allow-origin"], "*", "CORS on every answer");
        }
        assert!(head.headers.contains_key("x-request-id"), "a request id on every answer");
        assert_eq!(head.headers["x-content-type-options"], "nosniff");
        let bytes = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, bytes }
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let host = self.state.public_url.host_str().unwrap();
        let mut request = Request::builder().method(method).uri(path).header("host", host);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Some(SECRET), None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(SECRET), Some(body)).await
    }

    /// A session token; `terms` is the body of `POST /connect/sessions`.
    pub(crate) async fn session(&self, terms: Value) -> String {
        let answer = self.post("/connect/sessions", terms).await;
        assert_eq!(answer.status, 201, "{}", answer.json());
        answer.json()["data"]["token"].as_str().unwrap().to_owned()
    }

    /// Posts an API key as the widget does.
    pub(crate) async fn connect(&self, token: &str, integration: &str, body: Value) -> Answer {
        let path = format!("/api-auth/api-key/{integration}");
        self.call(Method::POST, &path, Some(token), Some(body)).await
    }

    /// Posts a good key and returns the connection id.
    pub(crate) async fn connected(&self, token: &str, integration: &str, body: Value) -> String {
        let answer = self.connect(token, integration, body).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
        answer.json()["connectionId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn connection(&self, integration: &str, id: &str) -> Answer {
        self.get(&format!("/connections/{id}?provider_config_key={integration}")).await
    }
}

/// The newest audit events.
pub(crate) fn newest(limit: u32) -> AuditFilter {
    AuditFilter { limit, ..AuditFilter::default() }
}

pub(crate) fn event(at: Timestamp, environment: &str) -> AuditEvent {
    AuditEvent {
        at,
        environment: environment.into(),
        actor: "test".into(),
        action: "test",
        object: String::new(),
        request_id: String::new(),
        address: None,
    }
}

/// Terms of a session for one end user.
pub(crate) fn user(id: &str) -> Value {
    json!({ "end_user": { "id": id } })
}
