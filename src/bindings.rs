//! What JavaScript can call. No logic: arguments in, `session` does the work, results out.

use crate::claim::{self, Claim, Taken};
use crate::executor::spawn;
use crate::inputs::Inputs;
use crate::options::{self, Options};
use crate::rejection::{self, Rejection};
use crate::session::{self, Call, Settle, Task};
use crate::trap;
use js_sys::Promise;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::id::{IdFault, check_connection, check_integration};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Opens the dialog for an integration and resolves when a connection is stored.
///
/// * `integrationId`: the integration's key, 1 to 255 of `[a-zA-Z0-9~:.@ _-]`.
/// * `connectionId`: the id to store under; left out, the server makes one.
/// * `options`: see `AuthOptions` in `js/index.d.ts`; what is left out comes from `configure()`.
///
/// Resolves to `{ connectionId, providerConfigKey, verification? }`. Rejects with an `AuthError`
/// (`code` tells why). The same call while its dialog is open returns the same promise.
#[wasm_bindgen(
    unchecked_return_type = "Promise<{ connectionId: string, providerConfigKey: string, verification?: { status: string, account?: string } }>"
)]
pub fn auth(
    #[wasm_bindgen(js_name = integrationId)] integration_id: &JsValue,
    #[wasm_bindgen(js_name = connectionId, unchecked_optional_param_type = "string | null")]
    connection_id: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "object")] options: &JsValue,
) -> Promise {
    begin(integration_id, connection_id, options, false)
}

/// [`auth`] for a session minted by `POST /connect/sessions/reconnect`: replaces the credential of
/// the connection that the session names.
#[wasm_bindgen(
    unchecked_return_type = "Promise<{ connectionId: string, providerConfigKey: string, verification?: { status: string, account?: string } }>"
)]
pub fn reconnect(
    #[wasm_bindgen(js_name = integrationId)] integration_id: &JsValue,
    #[wasm_bindgen(js_name = connectionId, unchecked_optional_param_type = "string | null")]
    connection_id: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "object")] options: &JsValue,
) -> Promise {
    begin(integration_id, connection_id, options, true)
}

/// Sets defaults for later calls; what a call passes itself wins.
#[wasm_bindgen]
pub fn configure(options: &JsValue) {
    options::configure(options);
}

/// Fetches the form of an integration ahead of the click; without one, only the module itself was
/// wanted, and that is loaded by now. Never rejects: the real call says what is wrong.
#[wasm_bindgen(unchecked_return_type = "Promise<void>")]
pub fn preload(
    #[wasm_bindgen(js_name = integrationId)] integration_id: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "object")] options: &JsValue,
) -> Promise {
    let (Some(integration), Ok(options)) = (integration_id.as_string(), Options::read(options))
    else {
        return Promise::resolve(&JsValue::UNDEFINED);
    };
    promise(Call { integration, connection: None, options: options.into() }, Task::Preload)
}

/// Closes the dialog that is open, as its close button would.
#[wasm_bindgen]
pub fn close() {
    claim::close();
}

/// Whether a caught value is an `AuthError`, from whichever copy or realm.
#[wasm_bindgen(js_name = isAuthError)]
pub fn is_auth_error(error: &JsValue) -> bool {
    rejection::is_auth_error(error)
}

/// Whether a WebAssembly trap has left a call of this module unfinished. For `js/index.js`.
#[wasm_bindgen]
pub fn trapped() -> bool {
    trap::trapped()
}

fn begin(
    integration: &JsValue,
    connection: &JsValue,
    options: &JsValue,
    reconnect: bool,
) -> Promise {
    trap::inside(|| {
        start(integration, connection, options, reconnect)
            .unwrap_or_else(|rejection| Promise::reject(&rejection.into_js()))
    })
}

fn start(
    integration: &JsValue,
    connection: &JsValue,
    options: &JsValue,
    reconnect: bool,
) -> Result<Promise, Rejection> {
    let expected = "a string of 1 to 255 letters, digits or ~:.@ _-";
    let integration = id("integrationId", expected, integration, check_integration)?;
    let connection = if connection.is_undefined() || connection.is_null() {
        None
    } else {
        let expected = "a string of 1 to 255 letters, digits or punctuation";
        Some(id("connectionId", expected, connection, check_connection)?)
    };
    let options = Options::read(options)?;
    let by_session = options.session().is_some();
    if !by_session && reconnect {
        return Err(AuthErrorCode::MissingConnectSessionToken.into());
    }
    if !by_session && options.text("publicKey").is_empty() {
        return Err(AuthErrorCode::MissingAuthToken.into());
    }
    if crate::read::get(&options.get("signal"), "aborted").is_truthy() {
        return Err(AuthErrorCode::Aborted.into());
    }
    let call = Call { integration, connection, options: options.into() };
    if let Some(credentials) = call.options.credentials() {
        return Ok(promise(call, Task::Headless(credentials)));
    }
    if !by_session {
        let message = "A public key works with `credentials` only: it may not read the form.";
        return Err(Rejection::new(AuthErrorCode::MissingCredentials, message));
    }

    let inputs = Inputs::default();
    let claim = match Claim::take(&call.integration, call.connection.as_deref(), &inputs) {
        Ok(claim) => claim,
        Err(Taken::Same(promise)) => return Ok(promise),
        Err(Taken::Other) => return Err(AuthErrorCode::AlreadyOpen.into()),
    };
    let serial = claim.serial();
    let promise = promise(call, Task::Dialog(claim, inputs));
    claim::remember(serial, &promise);
    Ok(promise)
}

/// The promise of a call, which is under way when this returns.
fn promise(call: Call, task: Task) -> Promise {
    let mut work = Some((call, task));
    Promise::new(&mut |resolve, reject| {
        if let Some((call, task)) = work.take() {
            let settle = Settle { resolve, reject, done: false };
            spawn(session::run(call, task, settle));
        }
    })
}

fn id(
    name: &str,
    expected: &str,
    value: &JsValue,
    check: fn(&str) -> Result<(), IdFault>,
) -> Result<String, Rejection> {
    let text = value.as_string().filter(|text| check(text).is_ok());
    text.ok_or_else(|| Rejection::argument(name, expected, value))
}
