//! The options of a call: read once, checked at once, wrong ones named.

use crate::read::Js;
use crate::rejection::Rejection;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::json::Json;
use keyslot_core::words::Word;
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
    Public { key: String, hmac: String },
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
pub(crate) struct Theme {
    /// `light`, `dark` or `system`; empty: the operator's choice.
    pub(crate) mode: String,
    /// CSS colour; kept legible whatever it is.
    pub(crate) accent: String,
    /// Overrides of the custom properties, names without `--keyslot-`.
    pub(crate) tokens: Vec<(String, String)>,
    /// Address of the integrator's own logo, or `provider`.
    pub(crate) logo: String,
}

/// The options as they came, defaults below; says by name what cannot be used.
struct Given(Js);

impl Given {
    fn is_absent(&self, name: &str) -> bool {
        let value = self.0.get(name).0;
        value.is_undefined() || value.is_null()
    }

    /// A value of the expected kind, or nothing; another kind is refused.
    fn checked(
        &self,
        name: &str,
        expected: &str,
        fits: fn(&JsValue) -> bool,
    ) -> Result<Option<JsValue>, Rejection> {
        let value = self.0.get(name).0;
        if self.is_absent(name) {
            Ok(None)
        } else if fits(&value) {
            Ok(Some(value))
        } else {
            Err(Rejection::argument(name, expected, &value))
        }
    }

    fn text(&self, name: &str) -> Result<String, Rejection> {
        let text = self.checked(name, "a non-empty string", is_text)?;
        Ok(text.and_then(|text| text.as_string()).unwrap_or_default())
    }

    fn object(&self, name: &str) -> Result<JsValue, Rejection> {
        Ok(self.checked(name, "an object", JsValue::is_object)?.unwrap_or(JsValue::UNDEFINED))
    }

    /// Names and texts of an object; members that are no text are left out, as on the wire.
    fn record(&self, name: &str) -> Result<Vec<(String, String)>, Rejection> {
        self.object(name).map(|object| record(&Js(object)))
    }
}

fn record(object: &Js) -> Vec<(String, String)> {
    let names = object.names().into_iter();
    names.filter_map(|name| object.optional(&name).map(|text| (name, text))).collect()
}

fn is_text(value: &JsValue) -> bool {
    value.as_string().is_some_and(|text| !text.is_empty())
}

impl Options {
    /// Reads and checks `options`, over what was configured.
    pub(crate) fn read(options: &JsValue) -> Result<Options, Rejection> {
        if !(options.is_undefined() || options.is_null() || options.is_object()) {
            return Err(Rejection::argument("options", "an object", options));
        }
        let given = Given(Js(DEFAULTS.with_borrow(|defaults| merged(defaults, options))));

        let expected = "a connect session token or a function that returns one";
        let session =
            given.checked("session", expected, |value| value.is_function() || is_text(value))?;
        let key = given.text("publicKey")?;
        let access = match session {
            Some(session) => Access::Session(session),
            None if key.is_empty() => return Err(AuthErrorCode::MissingAuthToken.into()),
            None => Access::Public { key, hmac: given.text("hmac")? },
        };
        let timeout = given.checked("timeout", "a number of milliseconds over 0", |value| {
            value.as_f64().is_some_and(|milliseconds| milliseconds > 0.0)
        })?;
        let credentials =
            if given.is_absent("credentials") { None } else { Some(given.record("credentials")?) };
        let on_event = given.checked("onEvent", "a function", JsValue::is_function)?;
        let theme =
            given.checked("theme", "\"light\", \"dark\", \"system\" or an object", |value| {
                is_text(value) || value.is_object()
            })?;
        let theme = Js(theme.unwrap_or(JsValue::UNDEFINED));
        let mut locale = given.text("locale")?;
        if locale.is_empty() {
            locale.push_str("en");
        }
        Ok(Options {
            host: host(given.text("host")?)?,
            access,
            params: given.record("params")?,
            timeout: timeout.and_then(|timeout| timeout.as_f64()).unwrap_or(30_000.0),
            credentials: credentials.map(|entries| {
                entries.into_iter().map(|(name, value)| (name, value.into())).collect()
            }),
            words: Words {
                locale,
                own: given.record("strings")?,
                language: given.record("words")?,
            },
            keep_draft: given.0.get("keepDraft").0 != JsValue::FALSE,
            password_managers: given.0.text("passwordManagers") == "allow",
            theme: Theme {
                mode: theme.as_text().unwrap_or_else(|| theme.text("mode")),
                accent: theme.text("accent"),
                tokens: record(&theme.get("tokens")),
                logo: theme.text("logo"),
            },
            signal: given.object("signal")?,
            on_event: on_event.unwrap_or(JsValue::UNDEFINED),
            return_focus: given.0.get("returnFocus").0,
        })
    }
}

/// The server's address: absolute, http or https, without query, fragment or trailing slash. Without
/// one, the page's own origin: the widget is often served by the server itself.
fn host(given: String) -> Result<String, Rejection> {
    let invalid = || Rejection::from(AuthErrorCode::InvalidHostUrl);
    let url = if given.is_empty() {
        PAGE.with(|page| Url::new("/", page))
    } else if given.starts_with("https://") || given.starts_with("http://") {
        Url::new(&given, &given)
    } else {
        // `new URL` would take `example.com` as a path below the page.
        return Err(invalid());
    };
    let url = url.map_err(|_| invalid())?;
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
        word.english()
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
