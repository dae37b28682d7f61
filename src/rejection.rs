//! What a rejected call carries: a real `Error` with a name, a code and what is known.

use crate::dom::object;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::text::joined;
use wasm_bindgen::JsValue;

/// Why a call is rejected, as JavaScript will see it.
pub(crate) struct Rejection {
    pub(crate) code: AuthErrorCode,
    error: js_sys::Error,
}

impl From<AuthErrorCode> for Rejection {
    fn from(code: AuthErrorCode) -> Self {
        Rejection::new(code, code.message())
    }
}

impl Rejection {
    /// A rejection with a message of its own; an empty one leaves the code's.
    pub(crate) fn new(code: AuthErrorCode, message: &str) -> Rejection {
        let message = if message.is_empty() { code.message() } else { message };
        let rejection = Rejection { code, error: js_sys::Error::new(message) };
        let word = code.as_str();
        // `type` is Nango's word for the code, so that code written for it keeps working.
        rejection.with(&[
            ("name", "AuthError".into()),
            ("code", word.into()),
            ("type", word.into()),
        ])
    }

    /// With details: `status` of the server's answer, its `requestId`, `reason` (`refused`, …), and
    /// `cause`, what the browser threw. What is undefined is left out.
    pub(crate) fn with(self, details: &[(&str, JsValue)]) -> Rejection {
        js_sys::Object::assign(&self.error, &object(details));
        self
    }

    /// A rejection whose message names an argument or option, what was expected and what came.
    pub(crate) fn argument(name: &str, expected: &str, received: &JsValue) -> Rejection {
        // The type only: a value could be a secret that was put in the wrong place.
        let kind = received.js_typeof().as_string().unwrap_or_default();
        let what = if received.is_null() {
            "null"
        } else if *received == "" {
            "an empty string"
        } else {
            &kind
        };
        let message = joined(&["`", name, "` must be ", expected, "; received ", what, "."]);
        Rejection::new(AuthErrorCode::InvalidArgument, &message)
    }

    /// The `Error` that JavaScript gets.
    pub(crate) fn into_js(self) -> JsValue {
        self.error.into()
    }
}

/// Whether a caught value is one of ours. By name: `instanceof` fails across realms and copies.
pub(crate) fn is_auth_error(value: &JsValue) -> bool {
    crate::read::get(value, "name") == "AuthError"
}
