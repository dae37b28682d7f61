//! Events for the host's own analytics: what happened, never what was typed.

use serde::Serialize;
use wasm_bindgen::{JsCast, JsValue};

/// Reports to `onEvent`, if there is one.
pub(crate) struct Flow {
    listener: Option<js_sys::Function>,
    id: String,
    integration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    r#type: &'a str,
    flow_id: &'a str,
    integration_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<&'a str>,
}

impl Flow {
    /// Starts a flow; its id is random and means nothing outside the events.
    pub(crate) fn new(listener: JsValue, integration: &str) -> Flow {
        let mut id = String::with_capacity(16);
        let mut random = js_sys::Math::random();
        for _ in 0..12 {
            random *= 36.0;
            // 0..36 by construction; `as` drops the fraction.
            id.push(char::from_digit(random as u32, 36).unwrap_or('0'));
            random = random.fract();
        }
        Flow { listener: listener.dyn_into().ok(), id, integration: integration.to_owned() }
    }

    /// `open`, `form_shown`, `submitted`, `closed`.
    pub(crate) fn report(&self, kind: &str) {
        self.send(kind, None, None);
    }

    /// `rejected`, with the class of the failure.
    pub(crate) fn rejected(&self, reason: &str) {
        self.send("rejected", Some(reason), None);
    }

    /// `connected`.
    pub(crate) fn connected(&self, connection: &str) {
        self.send("connected", None, Some(connection));
    }

    fn send(&self, kind: &str, reason: Option<&str>, connection: Option<&str>) {
        let Some(listener) = &self.listener else {
            return;
        };
        let report = Report {
            r#type: kind,
            flow_id: &self.id,
            integration_id: &self.integration,
            reason,
            connection_id: connection,
        };
        if let Ok(event) = serde_wasm_bindgen::to_value(&report) {
            // A listener that throws is the page's own affair; the flow goes on.
            let _ = listener.call1(&JsValue::UNDEFINED, &event);
        }
    }
}
