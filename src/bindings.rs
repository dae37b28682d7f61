//! What JavaScript can call. No logic: arguments in, `session` does the work, results out.

use crate::claim::{self, Claim, Taken};
use crate::options::{self, Access, Options};
use crate::preload as ahead;
use crate::rejection::{self, Rejection};
use crate::session::{self, Call, Inputs, Settle};
use crate::transport;
use crate::trap::{self, Watched};
use js_sys::Promise;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::id::{IdFault, check_connection, check_integration};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

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
    #[wasm_bindgen(js_name = integrationId)] integration_id: JsValue,
    #[wasm_bindgen(js_name = connectionId)] connection_id: Option<JsValue>,
    options: Option<JsValue>,
) -> Promise {
    trap::inside(|| {
        let undefined = JsValue::UNDEFINED;
        let connection_id = connection_id.as_ref().unwrap_or(&undefined);
        let options = options.as_ref().unwrap_or(&undefined);
        start(&integration_id, connection_id, options)
            .unwrap_or_else(|rejection| Promise::reject(&rejection.into_js()))
    })
}

/// [`auth`] for a session minted by `POST /connect/sessions/reconnect`: replaces the credential of
/// the connection that the session names.
#[wasm_bindgen(
    unchecked_return_type = "Promise<{ connectionId: string, providerConfigKey: string, verification?: { status: string, account?: string } }>"
)]
pub fn reconnect(
    #[wasm_bindgen(js_name = integrationId)] integration_id: JsValue,
    #[wasm_bindgen(js_name = connectionId)] connection_id: Option<JsValue>,
    options: Option<JsValue>,
) -> Promise {
    let undefined = JsValue::UNDEFINED;
    let given = options.as_ref().unwrap_or(&undefined);
    match Options::read(given) {
        Ok(Options { access: Access::Session(_), .. })
        | Err(Rejection {
            code: AuthErrorCode::InvalidArgument | AuthErrorCode::InvalidHostUrl,
            ..
        }) => auth(integration_id, connection_id, options),
        _ => Promise::reject(&Rejection::from(AuthErrorCode::MissingConnectSessionToken).into_js()),
    }
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
    #[wasm_bindgen(js_name = integrationId)] integration_id: JsValue,
    options: Option<JsValue>,
) -> Promise {
    let options = Options::read(options.as_ref().unwrap_or(&JsValue::UNDEFINED));
    let (Some(integration), Ok(options)) = (integration_id.as_string(), options) else {
        return Promise::resolve(&JsValue::UNDEFINED);
    };
    future_to_promise(Watched::new(async move {
        ahead::fetch(integration, options).await;
        Ok(JsValue::UNDEFINED)
    }))
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

fn start(
    integration: &JsValue,
    connection: &JsValue,
    options: &JsValue,
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
    if transport::is_aborted(&options.signal) {
        return Err(AuthErrorCode::Aborted.into());
    }
    if options.credentials.is_some() {
        let call = Call { integration, connection, options };
        return Ok(promise(|mut settle| {
            spawn_local(Watched::new(async move {
                match session::headless(call).await {
                    Ok(connection) => settle.resolve(&connection),
                    Err(rejection) => settle.reject(rejection),
                }
            }));
        }));
    }
    if let Access::Public { .. } = options.access {
        let message = "A public key works with `credentials` only: it may not read the form.";
        let code = AuthErrorCode::MissingCredentials;
        return Err(Rejection { message: Some(message.to_owned()), ..code.into() });
    }

    let (send, reported) = futures_channel::mpsc::unbounded();
    let inputs = Inputs(send);
    let claim = match Claim::take(&integration, connection.as_deref(), &inputs) {
        Ok(claim) => claim,
        Err(Taken::Same(promise)) => return Ok(promise),
        Err(Taken::Other) => return Err(AuthErrorCode::AlreadyOpen.into()),
    };
    let call = Call { integration, connection, options };
    let serial = claim.serial();
    let promise = promise(|settle| {
        spawn_local(Watched::new(session::run(call, claim, inputs, reported, settle)));
    });
    claim::remember(serial, &promise);
    Ok(promise)
}

fn promise(begin: impl FnOnce(Settle)) -> Promise {
    let mut begin = Some(begin);
    Promise::new(&mut |resolve, reject| {
        if let Some(begin) = begin.take() {
            begin(Settle { resolve, reject, done: false });
        }
    })
}

fn id(
    name: &str,
    expected: &str,
    value: &JsValue,
    check: fn(&str) -> Result<(), IdFault>,
) -> Result<String, Rejection> {
    let fault = match value.as_string() {
        None => return Err(Rejection::argument(name, expected, value)),
        Some(text) => match check(&text) {
            Ok(()) => return Ok(text),
            Err(fault) => fault,
        },
    };
    let mut rejection = Rejection::argument(name, expected, value);
    if let Some(message) = &mut rejection.message {
        message.push_str(match fault {
            IdFault::Empty => "",
            IdFault::TooLong => " It is longer than 255 characters.",
            IdFault::Character(_) => " It has a character outside that set.",
        });
    }
    Err(rejection)
}
