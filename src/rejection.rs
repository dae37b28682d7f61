//! What a rejected call carries: a real `Error` with a name, a code and what is known.

use keyslot_core::error::AuthErrorCode;
use serde::Serialize;
use wasm_bindgen::JsValue;

/// Why a call is rejected, with all that JavaScript is told about it.
pub(crate) struct Rejection {
    pub(crate) code: AuthErrorCode,
    /// Replaces the code's own sentence.
    pub(crate) message: Option<String>,
    /// HTTP status of the server's answer.
    pub(crate) status: Option<u16>,
    /// The server's `x-request-id`.
    pub(crate) request_id: Option<String>,
    /// `refused`, `forbidden`, … for a headless call.
    pub(crate) reason: Option<&'static str>,
    /// What the browser threw.
    pub(crate) cause: JsValue,
}

impl From<AuthErrorCode> for Rejection {
    fn from(code: AuthErrorCode) -> Self {
        Rejection {
            code,
            message: None,
            status: None,
            request_id: None,
            reason: None,
            cause: JsValue::UNDEFINED,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    name: &'a str,
    code: &'a str,
    /// Nango's word for the code, so that code written for it keeps working.
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Rejection {
    /// A rejection whose message names an argument or option, what was expected and what came.
    pub(crate) fn argument(name: &str, expected: &str, received: &JsValue) -> Rejection {
        let mut message = String::from("`");
        message.push_str(name);
        message.push_str("` must be ");
        message.push_str(expected);
        message.push_str("; received ");
        // The type only: a value could be a secret that was put in the wrong place.
        if received.is_null() {
            message.push_str("null");
        } else if received.as_string().is_some_and(|text| text.is_empty()) {
            message.push_str("an empty string");
        } else {
            message.push_str(&received.js_typeof().as_string().unwrap_or_default());
        }
        message.push('.');
        Rejection { message: Some(message), ..AuthErrorCode::InvalidArgument.into() }
    }

    /// The `Error` that JavaScript gets.
    pub(crate) fn into_js(self) -> JsValue {
        let message = self.message.as_deref().unwrap_or(self.code.message());
        let error = js_sys::Error::new(message);
        let code = self.code.as_str();
        let details = Details {
            name: "AuthError",
            code,
            r#type: code,
            status: self.status,
            request_id: self.request_id.as_deref(),
            reason: self.reason,
        };
        if let Ok(details) = serde_wasm_bindgen::to_value(&details) {
            js_sys::Object::assign(&error, &details.into());
        }
        if !self.cause.is_undefined() {
            error.set_cause(&self.cause);
        }
        error.into()
    }
}

/// Whether a caught value is one of ours. By name: `instanceof` fails across realms and copies.
pub(crate) fn is_auth_error(value: &JsValue) -> bool {
    crate::read::get(value, "name").as_string().as_deref() == Some("AuthError")
}
