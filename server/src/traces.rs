//! Traces, for operators who name a collector (`--otlp`): one span for each request, sent by the
//! OpenTelemetry protocol over HTTP (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). Off otherwise.
//!
//! A span says what the log line of the request says, and no more: method, matched route, status, time,
//! request id, code of the error. It is made of these, not of what is logged, so nothing of a path, a query,
//! a header or a body can come into one. Of what a caller sends about its own trace, `traceparent` is
//! taken, whose form leaves no room for anything else, and `tracestate` is not. Nothing about a trace is
//! sent on to providers.
//!
//! Spans are gathered and sent every few seconds. What the collector does not take, and what is too much for
//! the queue, is lost: a trace is worth no request.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use keyslot_egress::{Body, Egress, Limits, Policy};
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator},
    trace::{Span, SpanBuilder, SpanKind, Status, TracerProvider},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider},
};
use tokio::runtime::Handle;
use url::Url;

/// For how long the last spans are tried to be sent when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);
const TRACEPARENT: &str = "traceparent";

/// Where spans go; by default nowhere.
#[derive(Default)]
pub struct Traces(Option<Exported>);

struct Exported {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// A request that has begun.
pub struct Begun {
    at: SystemTime,
    caller: Context,
}

/// What is told of a request that has been answered.
pub struct Answered<'a> {
    /// How it was made.
    pub method: &'a Method,
    /// The route that matched, never the path.
    pub route: &'a str,
    /// What was answered.
    pub status: StatusCode,
    /// Its id.
    pub request_id: &'a str,
    /// The code of the error, if it is one.
    pub code: Option<&'static str>,
}

impl Traces {
    /// Sends spans to the collector at `base`, whose address for traces is `v1/traces` below it. Its own
    /// headers, a token perhaps, are in `OTEL_EXPORTER_OTLP_HEADERS`. To be called within a runtime.
    ///
    /// # Errors
    /// What is wrong with the address or with one of OpenTelemetry's variables, for the operator.
    pub fn to(base: &Url) -> Result<Self, String> {
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err("expected an http or https URL".to_owned());
        }
        let address = format!("{}/v1/traces", base.as_str().trim_end_matches('/'));
        // The operator has named it: it may be anywhere, and is usually beside this server.
        let policy = ["0.0.0.0/0", "::/0"]
            .iter()
            .filter_map(|net| net.parse().ok())
            .fold(Policy::default(), Policy::allow);
        let collector =
            Collector { egress: Arc::new(Egress::new(policy)), runtime: Handle::current() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(address)
            .build()
            .map_err(|error| error.to_string())?;
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource.build(),
            None => resource.with_service_name("keyslot-server").build(),
        };
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        let tracer = provider.tracer("keyslot-server");
        Ok(Self(Some(Exported { provider, tracer })))
    }

    /// Notes that a request begins; `None` when there is nobody to tell.
    pub fn begin(&self, headers: &HeaderMap) -> Option<Begun> {
        self.0.as_ref()?;
        let caller = TraceContextPropagator::new()
            .extract_with_context(&Context::new(), &ParentOnly(headers));
        Some(Begun { at: SystemTime::now(), caller })
    }

    /// Tells of it.
    pub fn end(&self, begun: Option<Begun>, answered: &Answered<'_>) {
        let (Some(Exported { tracer, .. }), Some(begun)) = (&self.0, begun) else { return };
        let status = answered.status;
        // By https://opentelemetry.io/docs/specs/semconv/http/http-spans/.
        let mut attributes = vec![
            KeyValue::new("http.request.method", answered.method.to_string()),
            KeyValue::new("http.route", answered.route.to_owned()),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("keyslot.request_id", answered.request_id.to_owned()),
        ];
        attributes.extend(answered.code.map(|code| KeyValue::new("error.type", code)));
        let builder = SpanBuilder::from_name(format!("{} {}", answered.method, answered.route))
            .with_kind(SpanKind::Server)
            .with_start_time(begun.at)
            .with_attributes(attributes);
        let mut span = builder.start_with_context(tracer, &begun.caller);
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        span.end();
    }

    /// Sends what is gathered, as far as it can be sent within some seconds.
    pub async fn close(&self) {
        let Some(Exported { provider, .. }) = &self.0 else { return };
        let provider = provider.clone();
        // It blocks, and what it waits for is sent by this runtime.
        let closed =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE)).await;
        if !matches!(closed, Ok(Ok(()))) {
            tracing::warn!("the newest traces did not reach the collector");
        }
    }
}

/// The `traceparent` of a request, and nothing else.
struct ParentOnly<'a>(&'a HeaderMap);

impl Extractor for ParentOnly<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = (key == TRACEPARENT).then(|| self.0.get(TRACEPARENT)).flatten();
        value.and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

/// Sends over the one door out. The exporter calls it on a thread of its own, so it is done here.
#[derive(Clone)]
struct Collector {
    egress: Arc<Egress>,
    runtime: Handle,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collector")
    }
}

impl Collector {
    async fn deliver(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.egress.send(request.map(Body::full), Limits::WEBHOOK).await?;
        let (head, body) = answer.into_parts();
        Ok(Response::from_parts(head, body.collect().await?))
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let collector = self.clone();
        let sent = self.runtime.spawn(async move { collector.deliver(request).await }).await?;
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(
                status = answer.status().as_u16(),
                "the collector does not take traces"
            ),
            Err(error) => tracing::warn!(%error, "traces do not reach the collector"),
        }
        sent
    }
}
