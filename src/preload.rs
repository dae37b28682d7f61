//! Fetching a form ahead of the click, so that the dialog opens with it.
//!
//! At most one form is kept, for the same integration, server and session, for a minute: long enough
//! for a pointer that hovers over a button, too short for the form to age.

use crate::options::{Access, Options};
use crate::timer::Timer;
use crate::transport::{Loaded, Server};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::JsValue;

const LIFE_MS: f64 = 60_000.0;

struct Ready {
    integration: String,
    host: String,
    session: JsValue,
    server: Rc<Server>,
    loaded: Box<Loaded>,
    _expiry: Timer,
}

thread_local! {
    static READY: RefCell<Option<Ready>> = const { RefCell::new(None) };
}

/// Fetches the form of `integration`. What goes wrong is left for the real call to say.
pub(crate) async fn fetch(integration: String, options: Options) {
    let Access::Session(session) = &options.access else {
        return;
    };
    let server = Rc::new(Server::new(&options));
    if let Ok(loaded) = server.load(&integration, &options.params).await {
        let ready = Ready {
            integration,
            host: options.host.clone(),
            session: session.clone(),
            server,
            loaded,
            _expiry: Timer::new(LIFE_MS, expire),
        };
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
pub(crate) fn take(integration: &str, options: &Options) -> Option<(Rc<Server>, Box<Loaded>)> {
    let Access::Session(session) = &options.access else {
        return None;
    };
    READY
        .with_borrow_mut(|slot| {
            let fits = slot.as_ref().is_some_and(|ready| {
                ready.integration == integration
                    && ready.host == options.host
                    && ready.session == *session
                    && ready.loaded.form.fixed == options.params
            });
            if fits { slot.take() } else { None }
        })
        .map(|ready| (ready.server, ready.loaded))
}
