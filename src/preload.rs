//! Fetching a form ahead of the click, so that the dialog opens with it.
//!
//! At most one form is kept, for the same integration, server and session, for a minute: long enough
//! for a pointer that hovers over a button, too short for the form to age.

use crate::options::Options;
use crate::timer::Timer;
use crate::transport::{Loaded, Server};
use std::cell::RefCell;
use std::rc::Rc;

const LIFE_MS: f64 = 60_000.0;

struct Ready {
    integration: String,
    options: Rc<Options>,
    server: Rc<Server>,
    loaded: Loaded,
    _expiry: Timer,
}

thread_local! {
    static READY: RefCell<Option<Ready>> = const { RefCell::new(None) };
}

/// Fetches the form for a call that will follow. What goes wrong is left for that call to say.
pub(crate) async fn fetch(integration: String, options: Rc<Options>) {
    let server = Rc::new(Server::new(&options));
    if options.session().is_some()
        && let Ok(loaded) = server.load(&integration).await
    {
        let expiry = Timer::new(LIFE_MS, expire);
        let ready = Ready { integration, options, server, loaded, _expiry: expiry };
        READY.with_borrow_mut(|slot| *slot = Some(ready));
    }
}

fn expire() {
    // The timer's own closure is running, so its owner must outlive this call: only the form goes.
    READY.with_borrow_mut(|slot| {
        if let Some(ready) = slot {
            ready.integration.clear();
        }
    });
}

/// Takes what was fetched, if it fits this call. The server comes along: it has a token already.
pub(crate) fn take(integration: &str, options: &Options) -> Option<(Rc<Server>, Loaded)> {
    READY.with_borrow_mut(|slot| {
        let ready = slot.as_ref()?;
        let fits = ready.integration == integration
            && ready.options.host == options.host
            && ready.options.params == options.params
            && ready.options.session() == options.session();
        if fits { slot.take().map(|ready| (ready.server, ready.loaded)) } else { None }
    })
}
