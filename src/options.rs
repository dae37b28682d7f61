//! The options of a call: read once, checked at once, wrong ones named.

use crate::read::{get, read};
use crate::rejection::Rejection;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::template::Map;
use keyslot_core::words::{ENGLISH, Word};
use serde::Deserialize;
use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

thread_local! {
    /// What `configure()` was given; per call options win over it.
    static DEFAULTS: RefCell<JsValue> = const { RefCell::new(JsValue::UNDEFINED) };
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = URL)]
    type Url;
    #[wasm_bindgen(constructor, catch, js_class = "URL")]
    fn new(url: &str, base: &str) -> Result<Url, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn href(this: &Url) -> String;

    #[wasm_bindgen(thread_local_v2, js_namespace = ["globalThis", "location"], js_name = href)]
    static PAGE: String;
}

/// Merges `options` over what was configured before.
pub(crate) fn configure(options: &JsValue) {
    DEFAULTS.with_borrow_mut(|defaults| *defaults = merged(defaults, options));
}

fn merged(base: &JsValue, over: &JsValue) -> JsValue {
    let all = js_sys::Object::new();
    for options in [base, over] {
        if let Some(options) = options.dyn_ref::<js_sys::Object>() {
            js_sys::Object::assign(&all, options);
        }
    }
    all.into()
}

/// How the caller proves that it may connect.
#[derive(Clone)]
pub(crate) enum Access {
    /// A connect session: a token, or a function that returns one or a promise of one.
    Session(JsValue),
    /// Legacy: the environment's public key, with a signature when it asks for one.
    Public { key: String, hmac: Option<String> },
}

/// Everything of `options` that more than one module needs.
pub(crate) struct Options {
    /// Address of the server, without a trailing slash.
    pub(crate) host: String,
    pub(crate) access: Access,
    /// Presets for connection-config fields.
    pub(crate) params: Vec<(String, String)>,
    /// Milliseconds for each request.
    pub(crate) timeout: f64,
    /// Headless call: `{ apiKey }` or `{ username, password }`.
    pub(crate) credentials: Option<Vec<(String, zeroize::Zeroizing<String>)>>,
    pub(crate) words: Words,
    pub(crate) keep_draft: bool,
    /// Leave the fields to password managers.
    pub(crate) password_managers: bool,
    pub(crate) theme: Theme,
    pub(crate) signal: JsValue,
    pub(crate) on_event: JsValue,
    /// Gets the focus when the opener is gone.
    pub(crate) return_focus: JsValue,
}

/// `theme`: a mode, or an object.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Theme {
    /// `light`, `dark` or `system`; empty: the operator's choice.
    pub(crate) mode: String,
    /// CSS colour; kept legible whatever it is.
    pub(crate) accent: String,
    /// Overrides of the custom properties, names without `--keyslot-`.
    pub(crate) tokens: Map<String>,
    /// Address of the integrator's own logo.
    pub(crate) logo: String,
}

impl Options {
    /// Reads and checks `options`, over what was configured.
    pub(crate) fn read(options: &JsValue) -> Result<Options, Rejection> {
        if !(options.is_undefined() || options.is_null() || options.is_object()) {
            return Err(Rejection::argument("options", "an object", options));
        }
        let all = DEFAULTS.with_borrow(|defaults| merged(defaults, options));
        let text = |name: &str| {
            let value = get(&all, name);
            match value.as_string() {
                Some(text) if !text.is_empty() => Ok(Some(text)),
                None if value.is_undefined() || value.is_null() => Ok(None),
                _ => Err(Rejection::argument(name, "a non-empty string", &value)),
            }
        };
        let record = |name: &str| {
            let value = get(&all, name);
            match read::<Map<String>>(value.clone()) {
                Ok(Map(entries)) => Ok(entries),
                Err(_) => Err(Rejection::argument(name, "an object of strings", &value)),
            }
        };
        let flag = |name: &str, default: bool| get(&all, name).as_bool().unwrap_or(default);
        let function = |name: &str| {
            let value = get(&all, name);
            if value.is_undefined() || value.is_null() || value.is_function() {
                Ok(value)
            } else {
                Err(Rejection::argument(name, "a function", &value))
            }
        };

        let session = get(&all, "session");
        let access = if session.is_function() || session.as_string().is_some_and(|t| !t.is_empty())
        {
            Access::Session(session)
        } else if !session.is_undefined() && !session.is_null() {
            let expected = "a connect session token or a function that returns one";
            return Err(Rejection::argument("session", expected, &session));
        } else if let Some(key) = text("publicKey")? {
            Access::Public { key, hmac: text("hmac")? }
        } else {
            return Err(AuthErrorCode::MissingAuthToken.into());
        };

        let timeout = get(&all, "timeout");
        let timeout = match timeout.as_f64() {
            Some(milliseconds) if milliseconds > 0.0 => milliseconds,
            None if timeout.is_undefined() => 30_000.0,
            _ => {
                return Err(Rejection::argument("timeout", "a number of milliseconds", &timeout));
            }
        };

        let credentials = get(&all, "credentials");
        let credentials = if credentials.is_undefined() || credentials.is_null() {
            None
        } else {
            let mut entries = record("credentials")?;
            entries.retain(|(name, _)| name != "type"); // Nango's own SDK accepts and drops it
            Some(entries.into_iter().map(|(name, value)| (name, value.into())).collect())
        };

        let theme = get(&all, "theme");
        let theme = match theme.as_string() {
            Some(mode) => Theme { mode, ..Theme::default() },
            None if theme.is_undefined() => Theme::default(),
            None => read(theme.clone()).map_err(|_| {
                let expected = "\"light\", \"dark\", \"system\" or an object";
                Rejection::argument("theme", expected, &theme)
            })?,
        };

        let signal = get(&all, "signal");
        if !(signal.is_undefined() || signal.is_null() || signal.is_object()) {
            return Err(Rejection::argument("signal", "an AbortSignal", &signal));
        }

        Ok(Options {
            host: host(text("host")?)?,
            access,
            params: record("params")?,
            timeout,
            credentials,
            words: Words {
                locale: text("locale")?.unwrap_or_else(|| "en".to_owned()),
                own: record("strings")?,
                language: record("words")?,
            },
            keep_draft: flag("keepDraft", true),
            password_managers: text("passwordManagers")?.as_deref() == Some("allow"),
            theme,
            signal,
            on_event: function("onEvent")?,
            return_focus: get(&all, "returnFocus"),
        })
    }
}

/// The server's address: absolute, http or https, without query, fragment or trailing slash. Without
/// one, the page's own origin: the widget is often served by the server itself.
fn host(given: Option<String>) -> Result<String, Rejection> {
    let invalid = || Rejection::from(AuthErrorCode::InvalidHostUrl);
    let url = match given {
        // `new URL` would take `example.com` as a path below the page: ask for the scheme first.
        Some(given) if given.starts_with("https://") || given.starts_with("http://") => {
            Url::new(&given, &given).map_err(|_| invalid())?
        }
        Some(_) => return Err(invalid()),
        None => PAGE.with(|page| Url::new("/", page)).map_err(|_| invalid())?,
    };
    let href = url.href();
    let end = href.find(['?', '#']).unwrap_or(href.len());
    let base = href.get(..end).unwrap_or_default();
    Ok(base.trim_end_matches('/').to_owned())
}

/// The texts of one call: the integrator's, then the language's, then English.
pub(crate) struct Words {
    /// BCP 47, for `lang` and `dir`.
    pub(crate) locale: String,
    own: Vec<(String, String)>,
    language: Vec<(String, String)>,
}

impl Words {
    /// One text.
    pub(crate) fn get(&self, word: Word) -> &str {
        let key = word.key();
        let of = |texts: &'_ [(String, String)]| texts.iter().position(|(name, _)| name == key);
        if let Some(at) = of(&self.own) {
            return self.own.get(at).map_or("", |(_, text)| text.as_str());
        }
        if let Some(at) = of(&self.language) {
            return self.language.get(at).map_or("", |(_, text)| text.as_str());
        }
        ENGLISH.get(word as usize).map_or("", |(_, text)| text)
    }

    /// One text, with its placeholders filled.
    pub(crate) fn fill(&self, word: Word, values: &[(&str, &str)]) -> String {
        keyslot_core::words::fill(self.get(word), values)
    }

    /// Whether the language is written from right to left.
    pub(crate) fn is_rtl(&self) -> bool {
        let language = self.locale.split('-').next().unwrap_or_default();
        matches!(language, "ar" | "he" | "fa" | "ur" | "yi")
    }
}
