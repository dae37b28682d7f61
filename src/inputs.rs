//! The queue between listeners and the session: they report, the loop takes.
//!
//! A channel crate does the same for several producers on several threads, in a kilobyte more.

use crate::input::Input;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[derive(Default)]
struct Queue {
    waiting: RefCell<Vec<Input>>,
    waker: Cell<Option<Waker>>,
}

/// Where listeners report, and where the session takes from.
#[derive(Clone, Default)]
pub(crate) struct Inputs(Rc<Queue>);

impl Inputs {
    /// Reports. After the call has ended nobody takes, and that is fine.
    pub(crate) fn send(&self, input: Input) {
        self.0.waiting.borrow_mut().push(input);
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
    }

    /// Starts a request now, before anybody waits for it. What it comes to at once is reported.
    pub(crate) fn begin(&self, mut request: Request) -> InFlight {
        match request.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(input) => {
                self.send(input);
                None
            }
            Poll::Pending => Some(request),
        }
    }

    /// The next input: what `in_flight` comes to, or the oldest that was reported.
    pub(crate) async fn next(&self, in_flight: &mut InFlight) -> Input {
        poll_fn(|cx| {
            if let Some(request) = in_flight
                && let Poll::Ready(input) = request.as_mut().poll(cx)
            {
                *in_flight = None;
                return Poll::Ready(input);
            }
            let mut waiting = self.0.waiting.borrow_mut();
            if waiting.is_empty() {
                self.0.waker.set(Some(cx.waker().clone()));
                return Poll::Pending;
            }
            Poll::Ready(waiting.remove(0))
        })
        .await
    }
}

/// A request, and what it comes to.
pub(crate) type Request = Pin<Box<dyn Future<Output = Input>>>;

/// The request under way, if any. Dropping it aborts it.
pub(crate) type InFlight = Option<Request>;
