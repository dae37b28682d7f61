//! A request body that is not waited for endlessly. The layer of every route puts one around what the client
//! sends, so no handler has to see to it.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{BoxError, body::Body, extract::Request};
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::listener::Pace;

/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same on a connection beyond the share of its address.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);

/// How the time is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For the whole body: it is read at once.
    ForAll,
    /// For the next piece of it: it is passed on while it arrives, however long that takes.
    ForMore,
}

/// The client took too long.
#[derive(Debug, thiserror::Error)]
#[error("the request body did not arrive in time")]
pub(crate) struct TooSlow;

impl TooSlow {
    /// Whether this is why a body could not be read.
    pub(crate) fn is(error: axum::Error) -> bool {
        error.into_inner().is::<Self>()
    }
}

/// Puts an end to the wait for the body.
pub(crate) fn bounded(request: Request, waiting: Waiting) -> Request {
    let patience = match request.extensions().get() {
        Some(Pace::Hurried) => LITTLE_PATIENCE,
        Some(Pace::Usual) | None => PATIENCE,
    };
    let timer = Box::pin(sleep_until(Instant::now() + patience));
    request.map(|inner| Body::new(PatientBody { inner, waiting, patience, timer, pending: true }))
}

struct PatientBody {
    inner: Body,
    waiting: Waiting,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether the timer runs.
    pending: bool,
}

impl HttpBody for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            if this.waiting == Waiting::ForMore {
                this.pending = false;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        if !std::mem::replace(&mut this.pending, true) {
            this.timer.as_mut().reset(Instant::now() + this.patience);
        }
        ready!(this.timer.as_mut().poll(context));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        HttpBody::size_hint(&self.inner)
    }
}
