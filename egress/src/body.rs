//! The bodies of requests and answers: streamed, counted, timed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{BoxError, EgressError, Phase};
use crate::limits::Limits;

/// The body of a request: nothing, bytes, or a stream.
pub struct Body {
    inner: UnsyncBoxBody<Bytes, BoxError>,
    progress: Option<Arc<Progress>>,
}

impl Body {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::stream(Empty::new())
    }

    /// A body of known bytes.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::stream(Full::new(bytes.into()))
    }

    /// A body that is read while it is sent, and never held as a whole.
    #[must_use]
    pub fn stream<B>(body: B) -> Self
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self { inner: body.map_err(Into::into).boxed_unsync(), progress: None }
    }

    pub(crate) fn watched(mut self, progress: Arc<Progress>) -> Self {
        self.progress = Some(progress);
        self
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(progress) = &self.progress {
            progress.touch();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// When the request's body last moved.
pub(crate) struct Progress {
    start: Instant,
    millis: AtomicU64,
}

impl Progress {
    pub(crate) fn new(start: Instant) -> Arc<Self> {
        Arc::new(Self { start, millis: AtomicU64::new(0) })
    }

    fn touch(&self) {
        let millis = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.millis.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn last(&self) -> Instant {
        self.start + Duration::from_millis(self.millis.load(Ordering::Relaxed))
    }
}

/// The body of an answer, as it arrives. It fails with [`EgressError::TooLarge`] or
/// [`EgressError::Timeout`] where a limit is reached; the connection is then dropped.
pub struct ResponseBody {
    inner: Option<Incoming>,
    limit: u64,
    left: u64,
    total: Pin<Box<Sleep>>,
    idle: Pin<Box<Sleep>>,
    idle_for: Duration,
    /// Whether `idle` runs: only while *we* wait for the other side, not while our own reader is
    /// slow to ask.
    waiting: bool,
}

impl ResponseBody {
    pub(crate) fn new(inner: Incoming, limits: &Limits, deadline: Instant) -> Self {
        Self {
            inner: Some(inner),
            limit: limits.max_response,
            left: limits.max_response,
            total: Box::pin(sleep_until(deadline)),
            idle: Box::pin(sleep_until(deadline)),
            idle_for: limits.idle,
            waiting: false,
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// What the stream fails with; see [`ResponseBody`].
    pub async fn collect(self) -> Result<Bytes, EgressError> {
        BodyExt::collect(self).await.map(http_body_util::Collected::to_bytes)
    }

    fn fail(&mut self, error: EgressError) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        self.inner = None;
        Poll::Ready(Some(Err(error)))
    }
}

impl HttpBody for ResponseBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let this = &mut *self;
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        if this.total.as_mut().poll(cx).is_ready() {
            return this.fail(EgressError::Timeout(Phase::Total));
        }
        let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) else {
            if !this.waiting {
                this.waiting = true;
                this.idle.as_mut().reset(Instant::now() + this.idle_for);
            }
            if this.idle.as_mut().poll(cx).is_ready() {
                return this.fail(EgressError::Timeout(Phase::Idle));
            }
            return Poll::Pending;
        };
        this.waiting = false;
        match frame {
            None => Poll::Ready(None),
            Some(Err(error)) => this.fail(EgressError::from_client(&error)),
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, |data| data.len() as u64);
                match this.left.checked_sub(size) {
                    Some(left) => this.left = left,
                    None => return this.fail(EgressError::TooLarge { limit: this.limit }),
                }
                Poll::Ready(Some(Ok(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}
