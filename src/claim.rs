//! At most one dialog at a time, and the same call while it is open gets the same promise.

use crate::input::Input;
use crate::inputs::Inputs;
use js_sys::Promise;
use keyslot_core::dialog::Event;
use std::cell::{Cell, RefCell};

/// One open call.
struct Open {
    serial: u32,
    integration: String,
    connection: Option<String>,
    promise: Option<Promise>,
    inputs: Inputs,
    settled: bool,
}

thread_local! {
    static OPEN: RefCell<Option<Open>> = const { RefCell::new(None) };
    static SERIAL: Cell<u32> = const { Cell::new(0) };
}

/// What another call meets.
pub(crate) enum Taken {
    /// The same call is open: its promise.
    Same(Promise),
    /// Another call is open.
    Other,
}

/// Held by the session of the open dialog; gives the place up on drop.
pub(crate) struct Claim(u32);

impl Claim {
    /// Takes the place, unless a call that is not settled holds it. A dialog that only still shows
    /// its confirmation makes room.
    pub(crate) fn take(
        integration: &str,
        connection: Option<&str>,
        inputs: &Inputs,
    ) -> Result<Claim, Taken> {
        OPEN.with_borrow_mut(|open| {
            if let Some(open) = open.as_ref() {
                if open.settled {
                    open.inputs.send(Input::Dialog(Event::Dismissed));
                } else if open.integration == integration
                    && open.connection.as_deref() == connection
                {
                    return Err(open.promise.clone().map_or(Taken::Other, Taken::Same));
                } else {
                    return Err(Taken::Other);
                }
            }
            let serial = SERIAL.get().wrapping_add(1);
            SERIAL.set(serial);
            *open = Some(Open {
                serial,
                integration: integration.to_owned(),
                connection: connection.map(ToOwned::to_owned),
                promise: None,
                inputs: inputs.clone(),
                settled: false,
            });
            Ok(Claim(serial))
        })
    }

    /// Names the call to [`remember`].
    pub(crate) fn serial(&self) -> u32 {
        self.0
    }

    /// From now on another call may have the place.
    pub(crate) fn settled(&self) {
        change(self.0, |open| open.settled = true);
    }
}

/// Remembers the promise of a call for the next same call.
pub(crate) fn remember(serial: u32, promise: &Promise) {
    change(serial, |open| open.promise = Some(promise.clone()));
}

fn change(serial: u32, change: impl FnOnce(&mut Open)) {
    OPEN.with_borrow_mut(|open| {
        if let Some(open) = open.as_mut().filter(|open| open.serial == serial) {
            change(open);
        }
    });
}

impl Drop for Claim {
    fn drop(&mut self) {
        OPEN.with_borrow_mut(|open| {
            if open.as_ref().is_some_and(|open| open.serial == self.0) {
                *open = None;
            }
        });
    }
}

/// Closes what is open, as the close button would.
pub(crate) fn close() {
    OPEN.with_borrow(|open| {
        if let Some(open) = open.as_ref() {
            open.inputs.send(Input::Dialog(Event::Dismissed));
        }
    });
}
