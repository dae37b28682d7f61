//! Events for the host's own analytics: what happened, never what was typed.

use crate::outgoing::{Member, outgoing};
use wasm_bindgen::{JsCast, JsValue};

/// Reports to `onEvent`, if there is one.
pub(crate) struct Flow {
    listener: Option<js_sys::Function>,
    id: String,
    integration: String,
}

impl Flow {
    /// Starts a flow; its id is random and means nothing outside the events.
    pub(crate) fn new(listener: JsValue, integration: &str) -> Flow {
        let mut id = String::new();
        let mut random = js_sys::Math::random();
        for _ in 0..12 {
            random *= 26.0;
            // 0..26 by construction; `as` drops the fraction.
            id.push(char::from(b'a' + random as u8));
            random = random.fract();
        }
        Flow { listener: listener.dyn_into().ok(), id, integration: integration.to_owned() }
    }

    /// `open`, `form_shown`, `submitted`, `closed`; with more: `rejected` and the class of the failure,
    /// `connected` and the connection's id.
    pub(crate) fn report(&self, kind: &str, more: Option<Member<'_>>) {
        if let Some(listener) = &self.listener {
            let mut members = vec![
                Member("type", kind),
                Member("flowId", &self.id),
                Member("integrationId", &self.integration),
            ];
            if let Some(more) = more {
                members.push(more);
            }
            // A listener that throws is the page's own affair; the flow goes on.
            let _ = listener.call1(&JsValue::UNDEFINED, &outgoing(&members));
        }
    }
}
