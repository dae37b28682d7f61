//! Proxied requests: a backend calls a provider's API through the server, which adds the credential.
//!
//! Made by the same [`build_request`] as the check of a credential, so that a check means
//! something. Bodies stream both ways; only what may have to be sent again is held, up to a limit.
//!
//! | Header of the caller | Meaning |
//! |---|---|
//! | `Nango-Proxy-<Name>` | sent to the provider as `<name>`, over the template's own |
//! | `Content-Type`, `Content-Encoding`, `Accept-Encoding` | describe what streams through; sent where neither the template nor a `Nango-Proxy-` header says otherwise |
//! | `Base-Url-Override` | another base URL, under the rules of [`Base::fixed`] |
//! | `Retries`, `Retry-On` | how often to try again, and after which statuses besides the usual ones |
//! | `Forward-Headers-On-Redirect` | send the caller's own headers along to another host, too |
//! | `Decompress` | accepted; bytes are passed on as they are, with their `Content-Encoding` |
//!
//! JSON that arrives for a provider that is to get a form (its content type says so, by the template or a
//! `Nango-Proxy-` header) goes out as that form: see `form_body`.
//!
//! No other header goes out, so the secret key of the server, its cookies and the addresses of
//! whoever called it stay here. On the way back everything passes but what belongs to a connection
//! or would act on the server's own origin (cookies, CORS, HSTS and the like), and a policy is added
//! under which a browser runs nothing of it.
//!
//! Redirects are followed where the body can be sent again, five at most. The credential goes along
//! only to the same scheme, host and port; elsewhere a redirect is followed as a plain download
//! (many APIs answer with the address of a file). Addresses are judged anew at each step.
//!
//! What it is not: it stores nothing and decides nothing about who may call.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE,
    EXPECT, HOST, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use keyslot_egress::{Body, Cleartext, Egress, EgressError, Limits, ResponseBody};
use tokio::time::sleep;
use url::Url;

use crate::base_url::Base;
use crate::form_body;
use crate::issue::Issue;
use crate::provider::{Provider, Retry};
use crate::request::{Call, Endpoint, Payload, Prepared, RequestError, Target, build_request};
use crate::text::Text;

const PREFIX: &str = "nango-proxy-";
/// How often a request is sent again at most, whatever the caller asks for.
const MAX_RETRIES: u32 = 10;
const MAX_REDIRECTS: usize = 5;

/// What a backend asks for.
pub struct ProxyRequest {
    /// The method.
    pub method: Method,
    /// Path and query below the provider's base URL, as they arrived (percent-encoded). May hold
    /// `${connectionConfig.…}`, and may begin with the base URL itself.
    pub endpoint: String,
    /// All headers that arrived; what goes out of them is decided here.
    pub headers: HeaderMap,
    /// The body; it is sent with POST, PUT, PATCH and DELETE.
    pub body: Body,
}

/// What a backend says about how it wants the request made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    /// How often to try again.
    pub retries: u32,
    /// Statuses that are worth another try, besides the provider's or the usual ones.
    pub retry_on: Vec<u16>,
    /// Another base URL.
    pub base_url_override: Option<String>,
    /// Whether the caller's own headers go along when a redirect leads to another host. The
    /// credential never does, nor do `authorization` and `cookie`.
    pub forward_on_redirect: bool,
}

/// What proxied requests may cost.
#[derive(Debug, Clone, Copy)]
pub struct ProxyLimits {
    /// Of each exchange with the provider.
    pub exchange: Limits,
    /// The first wait before another try; it doubles.
    pub first_wait: Duration,
    /// The longest wait. Where a provider asks for a longer one, its answer is passed on instead.
    pub longest_wait: Duration,
    /// How much of a body is held so that it can be sent again or added to.
    pub held_body: usize,
}

impl Default for ProxyLimits {
    fn default() -> Self {
        Self {
            exchange: Limits::PROXY,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
            held_body: 1 << 20,
        }
    }
}

/// Why there is no answer of the provider. No variant holds a value of the caller or the credential.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The base URL of the caller cannot be used.
    #[error("Base-Url-Override: {0}")]
    BaseUrl(String),
    /// The request cannot be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The method is not one that is proxied.
    #[error("this method is not proxied")]
    Method,
    /// The provider wants something in the body, or a form instead of JSON, and it is too large to be held
    /// for that.
    #[error("the body is larger than {0} bytes, and it has to be changed for this provider")]
    BodyTooLarge(usize),
    /// The caller's body broke off.
    #[error("the body of the request could not be read")]
    Body,
    /// The provider gave no answer.
    #[error(transparent)]
    Egress(#[from] EgressError),
}

impl ProxyOptions {
    /// Reads the options from a caller's headers; empty values are as good as none.
    ///
    /// # Errors
    /// One [`Issue`] for each header that is not what it should be, with the header's name as path.
    pub fn from_headers(headers: &HeaderMap) -> Result<Self, Vec<Issue>> {
        let mut options = Self::default();
        let mut issues = Vec::new();
        let mut issue = |name: &str, message: &str| {
            issues.push(Issue {
                path: vec![name.to_owned()],
                code: "invalid_format",
                message: message.to_owned(),
            });
        };
        let text = |name: &str| {
            headers
                .get(name)
                .map(|value| value.to_str().unwrap_or("\u{fffd}").trim())
                .filter(|value| !value.is_empty())
        };
        if let Some(value) = text("retries") {
            match value.parse::<u32>() {
                Ok(retries) => options.retries = retries.min(MAX_RETRIES),
                Err(_) => issue("retries", "This must be a number, 0 or more."),
            }
        }
        if let Some(value) = text("retry-on") {
            let statuses: Result<Vec<u16>, _> =
                value.split(',').map(|status| status.trim().parse()).collect();
            match statuses {
                Ok(statuses) => options.retry_on = statuses,
                Err(_) => issue("retry-on", "This must be statuses with commas between them."),
            }
        }
        if let Some(value) = text("base-url-override") {
            match Url::parse(value) {
                Ok(_) => options.base_url_override = Some(value.to_owned()),
                Err(_) => issue("base-url-override", "This must be a URL."),
            }
        }
        for (name, flag) in [
            ("forward-headers-on-redirect", Some(&mut options.forward_on_redirect)),
            ("decompress", None),
        ] {
            match text(name) {
                None => {}
                Some(value @ ("true" | "false")) => {
                    if let Some(flag) = flag {
                        *flag = value == "true";
                    }
                }
                Some(_) => issue(name, "This must be true or false."),
            }
        }
        if issues.is_empty() { Ok(options) } else { Err(issues) }
    }
}

/// Makes a proxied request: sends it, again where that was asked for and is worth it, follows
/// redirects as the module says, and returns the provider's answer with its status, its safe
/// headers and its body as a stream.
///
/// # Errors
/// See [`ProxyError`].
pub async fn proxy(
    egress: &Egress,
    target: Target<'_>,
    request: ProxyRequest,
    options: &ProxyOptions,
    limits: &ProxyLimits,
) -> Result<Response<ResponseBody>, ProxyError> {
    let ProxyRequest { method, endpoint, headers, body } = request;
    if method == Method::CONNECT || method == Method::TRACE {
        return Err(ProxyError::Method);
    }
    let base = options
        .base_url_override
        .as_deref()
        .map(|base| Base::fixed(base, target.policy).map_err(ProxyError::BaseUrl))
        .transpose()?;
    let endpoint = Where::read(&endpoint, base.as_ref(), target);
    let attempt = Attempt {
        egress,
        target,
        headers: outgoing(&headers, target.provider, has_content(&method, &body)),
        method,
        endpoint,
        base,
        limits: limits.exchange,
        forward_on_redirect: options.forward_on_redirect,
    };

    let becomes_form = becomes_form(&headers, &attempt.headers, target.provider);
    let must_change = becomes_form || target.provider.rewrites_body(&attempt.method);
    let mut content = if !has_content(&attempt.method, &body) {
        Content::Held(Bytes::new())
    } else if must_change || options.retries > 0 {
        hold(body, limits.held_body).await?
    } else {
        Content::Passing(body)
    };
    if must_change && matches!(content, Content::Passing(_)) {
        return Err(ProxyError::BodyTooLarge(limits.held_body));
    }
    if let Content::Held(bytes) = &mut content
        && becomes_form
        && let Some(form) = form_body::from_json(bytes)
    {
        *bytes = form.into();
    }

    let mut left = options.retries;
    let mut wait = limits.first_wait;
    loop {
        let (now, again) = content.take();
        let outcome = attempt.send(now).await;
        let Some(again) = again.filter(|_| left > 0) else { return outcome.map(for_the_caller) };
        let pause = match &outcome {
            Err(ProxyError::Egress(error)) if is_passing(error) => Some(wait),
            Ok(answer) if wants_retry(answer, &target.provider.retry, &options.retry_on) => {
                Some(asked_wait(answer, &target.provider.retry).unwrap_or(wait))
            }
            _ => None,
        };
        let Some(pause) = pause.filter(|&pause| pause <= limits.longest_wait) else {
            return outcome.map(for_the_caller);
        };
        // The answer that is given up must not hold its connection meanwhile.
        drop(outcome);
        sleep(pause).await;
        content = Content::Held(again);
        left -= 1;
        wait = (wait * 2).min(limits.longest_wait);
    }
}

/// A body on its way out.
enum Content {
    /// All of it; it can be sent again.
    Held(Bytes),
    /// It goes through once.
    Passing(Body),
}

impl Content {
    /// What to send now, and what to send again if that fails.
    fn take(self) -> (Payload, Option<Bytes>) {
        match self {
            Self::Held(bytes) if bytes.is_empty() => (Payload::Empty, Some(bytes)),
            Self::Held(bytes) => (Payload::Bytes(bytes.clone()), Some(bytes)),
            Self::Passing(body) => (Payload::Stream(body), None),
        }
    }
}

/// Reads a body to its end, or up to the limit; then it goes on as a stream, with what was read
/// first.
async fn hold(mut body: Body, limit: usize) -> Result<Content, ProxyError> {
    let mut held = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ProxyError::Body)?;
        if let Ok(data) = frame.into_data() {
            held.extend_from_slice(&data);
        }
        if held.len() > limit {
            return Ok(Content::Passing(body.after(held.freeze())));
        }
    }
    Ok(Content::Held(held.freeze()))
}

fn has_content(method: &Method, body: &Body) -> bool {
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method)
        && !body.is_end_stream()
}

/// The caller's endpoint, with placeholders read.
enum Where {
    Plain(String),
    Template(Text),
}

impl Where {
    fn read(endpoint: &str, base: Option<&Base>, target: Target<'_>) -> Self {
        let stripped = without_base(endpoint, base, target);
        // Clients encode braces on the way here.
        let text = stripped.replace("%7B", "{").replace("%7b", "{");
        let text = text.replace("%7D", "}").replace("%7d", "}");
        if text.contains("${") && !text.contains("||") {
            // A placeholder that is none stays what it was, encoded.
            if let Ok(text) = Text::parse(&text) {
                return Self::Template(text);
            }
        }
        Self::Plain(stripped.to_owned())
    }

    fn endpoint(&self) -> Endpoint<'_> {
        match self {
            Self::Plain(text) => Endpoint::Literal(text),
            Self::Template(text) => Endpoint::Template(text),
        }
    }
}

/// Takes the base URL off an endpoint that is a whole URL under it.
fn without_base<'a>(endpoint: &'a str, base: Option<&Base>, target: Target<'_>) -> &'a str {
    let absolute = endpoint.trim_start_matches('/');
    if !absolute.starts_with("https://") && !absolute.starts_with("http://") {
        return endpoint;
    }
    let own = match base {
        Some(base) => Some(base.clone()),
        None => target.base().ok(),
    };
    own.and_then(|base| absolute.strip_prefix(base.text.as_str()))
        .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        .unwrap_or(endpoint)
}

/// The headers of the caller that go out.
fn outgoing(arrived: &HeaderMap, provider: &Provider, has_content: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in arrived {
        let Some(name) = name.as_str().strip_prefix(PREFIX) else { continue };
        let Ok(name) = HeaderName::try_from(name) else { continue };
        // The client sets these itself; `keyslot-egress` removes the rest of their kind.
        if ![HOST, CONTENT_LENGTH, EXPECT].contains(&name) {
            headers.append(name, value.clone());
        }
    }
    let of_content = [CONTENT_TYPE, CONTENT_ENCODING];
    for name in of_content.iter().filter(|_| has_content).chain([&ACCEPT_ENCODING]) {
        let said =
            headers.contains_key(name) || provider.headers.iter().any(|(own, _)| own == name);
        if let Some(value) = arrived.get(name)
            && !said
        {
            headers.insert(name, value.clone());
        }
    }
    headers
}

/// Whether a body that arrived as JSON is to go out as a form.
fn becomes_form(arrived: &HeaderMap, outgoing: &HeaderMap, provider: &Provider) -> bool {
    let is_json = arrived.get(CONTENT_TYPE).is_some_and(form_body::is_json);
    is_json
        && !arrived.contains_key(CONTENT_ENCODING)
        && match outgoing.get(CONTENT_TYPE) {
            Some(kind) => form_body::is_form(kind.to_str().unwrap_or_default()),
            None => provider
                .headers
                .iter()
                .any(|(name, text)| name == CONTENT_TYPE && form_body::is_form(text.source())),
        }
}

/// One try.
struct Attempt<'a> {
    egress: &'a Egress,
    target: Target<'a>,
    method: Method,
    endpoint: Where,
    base: Option<Base>,
    headers: HeaderMap,
    limits: Limits,
    forward_on_redirect: bool,
}

impl Attempt<'_> {
    async fn send(&self, payload: Payload) -> Result<Response<ResponseBody>, ProxyError> {
        let may_repeat = match &payload {
            Payload::Empty => Some(Bytes::new()),
            Payload::Bytes(bytes) => Some(bytes.clone()),
            Payload::Json(_) | Payload::Stream(_) => None,
        };
        let call = Call {
            method: self.method.clone(),
            endpoint: self.endpoint.endpoint(),
            base: self.base.clone(),
            headers: self.headers.clone(),
            payload,
        };
        let Prepared { request, cleartext, .. } = build_request(self.target, call)?;
        let mut step = Step {
            method: request.method().clone(),
            url: Url::parse(&request.uri().to_string()).ok(),
            headers: request.headers().clone(),
            content: may_repeat,
            cleartext,
        };
        let mut answer = self.exchange(request, cleartext).await?;
        for _ in 0..MAX_REDIRECTS {
            let Some(next) = self.next_step(&step, &answer) else { break };
            step = next;
            let Some(request) = step.request() else { break };
            answer = self.exchange(request, step.cleartext).await?;
        }
        Ok(answer)
    }

    async fn exchange(
        &self,
        request: Request<Body>,
        cleartext: Cleartext,
    ) -> Result<Response<ResponseBody>, ProxyError> {
        Ok(self.egress.send(request, Limits { cleartext, ..self.limits }).await?)
    }

    /// Where a redirect leads, if it is to be followed.
    fn next_step(&self, step: &Step, answer: &Response<ResponseBody>) -> Option<Step> {
        let here = step.url.as_ref()?;
        let url = here.join(answer.headers().get(LOCATION)?.to_str().ok()?).ok()?;
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() {
            return None;
        }
        let content = step.content.as_ref()?;
        // As the Fetch standard has it (https://fetch.spec.whatwg.org/#http-redirect-fetch).
        let (method, content) = match answer.status() {
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if step.method == Method::POST => {
                (Method::GET, Bytes::new())
            }
            StatusCode::SEE_OTHER if step.method != Method::HEAD => (Method::GET, Bytes::new()),
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => (step.method.clone(), content.clone()),
            _ => return None,
        };
        let same = url.origin() == here.origin();
        let is_download = method == Method::GET || method == Method::HEAD;
        if !same && !is_download {
            return None;
        }
        let headers = if same { step.headers.clone() } else { self.elsewhere(&step.headers) };
        let cleartext = if same { step.cleartext } else { Cleartext::OpenedOnly };
        Some(Step { method, url: Some(url), headers, content: Some(content), cleartext })
    }

    /// The headers that another host gets.
    fn elsewhere(&self, all: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for name in [ACCEPT, ACCEPT_ENCODING, USER_AGENT] {
            headers.extend(all.get(&name).map(|value| (name, value.clone())));
        }
        if self.forward_on_redirect {
            for (name, value) in &self.headers {
                if ![AUTHORIZATION, COOKIE].contains(name) {
                    headers.insert(name, value.clone());
                }
            }
        }
        headers
    }
}

/// One exchange on the way through redirects.
struct Step {
    method: Method,
    url: Option<Url>,
    headers: HeaderMap,
    /// What can be sent again.
    content: Option<Bytes>,
    cleartext: Cleartext,
}

impl Step {
    fn request(&self) -> Option<Request<Body>> {
        let content = self.content.clone()?;
        let mut headers = self.headers.clone();
        if content.is_empty() {
            headers.remove(CONTENT_TYPE);
            headers.remove(CONTENT_ENCODING);
        }
        let mut request = Request::new(Body::full(content));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.as_ref()?.as_str().parse().ok()?;
        *request.headers_mut() = headers;
        Some(request)
    }
}

/// Whether a failure may be gone in a moment.
fn is_passing(error: &EgressError) -> bool {
    match error {
        EgressError::Dns
        | EgressError::Connect(_)
        | EgressError::Tls(_)
        | EgressError::Timeout(_)
        | EgressError::Protocol(_) => true,
        EgressError::Denied { .. }
        | EgressError::Cleartext
        | EgressError::TooLarge { .. }
        | EgressError::BadUrl(_) => false,
    }
}

fn wants_retry<B>(answer: &Response<B>, retry: &Retry, caller: &[u16]) -> bool {
    let status = answer.status().as_u16();
    if status < 400 {
        return false;
    }
    let usual = if retry.statuses.is_empty() {
        status == 429 || status >= 500
    } else {
        retry.statuses.iter().any(|range| range.contains(&status))
    };
    let used_up = retry
        .remaining
        .as_ref()
        .and_then(|name| answer.headers().get(name))
        .is_some_and(|left| left == "0");
    usual || used_up || caller.contains(&status)
}

/// How long the provider asks to wait: the longest of what its headers say.
fn asked_wait<B>(answer: &Response<B>, retry: &Retry) -> Option<Duration> {
    let now = Timestamp::now();
    let text = |name: &HeaderName| answer.headers().get(name)?.to_str().ok().map(str::trim);
    let after = retry.after.iter().chain([&RETRY_AFTER]).filter_map(|name| {
        let text = text(name)?;
        seconds(text).or_else(|| until(date(text)?, now))
    });
    let at = retry.at.iter().filter_map(|name| {
        let text = text(name)?;
        let point = match text.parse::<i64>() {
            // Milliseconds since 1970 are beyond any plausible number of seconds.
            Ok(number) if number > 100_000_000_000 => Timestamp::from_millisecond(number).ok(),
            Ok(number) => Timestamp::from_second(number).ok(),
            Err(_) => date(text),
        };
        until(point?, now)
    });
    after.chain(at).max()
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// An HTTP date (RFC 9110 §5.6.7) or an RFC 3339 one.
fn date(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| DateTimeParser::new().parse_timestamp(text).ok())
}

fn until(point: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(point.duration_since(now)).ok().or(Some(Duration::ZERO))
}

/// Headers of a provider that do not go on: those of the connection (RFC 9110 §7.6.1), and those
/// that would act on the server's own origin in a browser.
const NOT_PASSED: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "public-key-pins",
    "expect-ct",
    "clear-site-data",
    "alt-svc",
    "nel",
    "report-to",
    "reporting-endpoints",
    "content-security-policy",
    "content-security-policy-report-only",
    "x-content-type-options",
    "service-worker-allowed",
    "refresh",
    "sourcemap",
];

/// Takes what must not go on from an answer, and adds what keeps a browser from running it.
fn for_the_caller(mut answer: Response<ResponseBody>) -> Response<ResponseBody> {
    let headers = answer.headers_mut();
    let named: Vec<HeaderName> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in NOT_PASSED {
        headers.remove(*name);
    }
    let cross_origin: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            name.as_str().starts_with("access-control-")
                || name.as_str().starts_with("cross-origin-")
        })
        .cloned()
        .collect();
    for name in cross_origin {
        headers.remove(name);
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers
        .insert("content-security-policy", HeaderValue::from_static("sandbox; default-src 'none'"));
    answer
}
