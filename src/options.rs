//! The options of a call: read once, checked at once, wrong ones named.

use crate::dom::window;
use crate::read::{Js, get, merged};
use crate::rejection::Rejection;
use keyslot_core::error::AuthErrorCode;
use keyslot_core::json::Json;
use keyslot_core::text::{cut, joined};
use keyslot_core::words::Word;
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

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
}

/// Merges `options` over what was configured before.
pub(crate) fn configure(options: &JsValue) {
    DEFAULTS.with_borrow_mut(|defaults| *defaults = merged(defaults, options));
}

/// Every option, behind the letter of what it takes: see [`fits`].
const OPTIONS: &str = "ksession\nthost\ntpublicKey\nthmac\nmtimeout\nocredentials\noparams\nostrings\nowords\n\
    tlocale\nntheme\nosignal\nfonEvent\n";

/// Whether a value is of a kind, and what is expected of it. Options of no kind (`keepDraft`,
/// `passwordManagers`, `returnFocus`) take anything: what does not fit counts as the default.
fn fits(kind: &str, value: &JsValue) -> (bool, &'static str) {
    let (text, object, function) = (is_text(value), value.is_object(), value.is_function());
    match kind {
        "t" => (text, "a non-empty string"),
        "o" => (object, "an object"),
        "f" => (function, "a function"),
        "k" => (text || function, "a connect session token or a function that returns one"),
        "n" => (text || object, "\"light\", \"dark\", \"system\" or an object"),
        _ => {
            let fits = value.as_f64().is_some_and(|milliseconds| milliseconds > 0.0);
            (fits, "a number of milliseconds over 0")
        }
    }
}

fn is_text(value: &JsValue) -> bool {
    value.is_string() && *value != ""
}

fn is_absent(value: &JsValue) -> bool {
    value.is_undefined() || value.is_null()
}

/// The options of one call, over what was configured. Every one of them is of its kind.
pub(crate) struct Options {
    given: Js,
    /// Address of the server, without a trailing slash.
    pub(crate) host: String,
    /// Presets for connection-config fields.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) words: Words,
}

impl Options {
    /// Reads and checks `options`, over what was configured.
    pub(crate) fn read(options: &JsValue) -> Result<Options, Rejection> {
        if !(is_absent(options) || options.is_object()) {
            return Err(Rejection::argument("options", "an object", options));
        }
        let given = Js(DEFAULTS.with_borrow(|defaults| merged(defaults, options)));
        let mut rows = cut(OPTIONS, b'\n');
        while let Some((kind, name)) = rows.0.split_at_checked(1) {
            let value = given.get(name).0;
            let (fits, expected) = fits(kind, &value);
            if !(fits || is_absent(&value)) {
                return Err(Rejection::argument(name, expected, &value));
            }
            rows = cut(rows.1, b'\n');
        }
        let own = merged(&given.get("words").0, &given.get("strings").0);
        let mut locale = given.text("locale");
        if locale.is_empty() {
            locale.push_str("en");
        }
        Ok(Options {
            host: host(&given.text("host"))?,
            params: record(&given.get("params")),
            words: Words { locale, own: record(&Js(own)) },
            given,
        })
    }

    /// One option as it came.
    pub(crate) fn get(&self, name: &str) -> JsValue {
        self.given.get(name).0
    }

    /// One option as a text; empty when it is something else.
    pub(crate) fn text(&self, name: &str) -> String {
        self.given.text(name)
    }

    /// The connect session: a token, or a function that returns one or a promise of one. Undefined
    /// or null where the caller has the environment's public key instead.
    pub(crate) fn session(&self) -> Option<JsValue> {
        Some(self.get("session")).filter(|session| !is_absent(session))
    }

    /// The credential of a headless call: `{ apiKey }` or `{ username, password }`.
    pub(crate) fn credentials(&self) -> Option<JsValue> {
        Some(self.get("credentials")).filter(|credentials| !is_absent(credentials))
    }

    /// Milliseconds for each request.
    pub(crate) fn timeout(&self) -> f64 {
        self.get("timeout").as_f64().unwrap_or(30_000.0)
    }

    /// Whether what was typed is kept for when the dialog is opened again.
    pub(crate) fn keep_draft(&self) -> bool {
        self.get("keepDraft") != JsValue::FALSE
    }

    /// `light`, `dark` or `system`; empty: the operator's choice.
    pub(crate) fn mode(&self) -> String {
        let theme = self.given.get("theme");
        theme.as_text().unwrap_or_else(|| theme.text("mode"))
    }

    /// A member of `theme`: `accent` (a CSS colour, kept legible whatever it is), `logo` (an address, or
    /// `provider`), `tokens` (overrides of the custom properties, names without `--keyslot-`).
    pub(crate) fn theme(&self, name: &str) -> Js {
        self.given.get("theme").get(name)
    }
}

/// Names and texts of an object; members that are no text are left out, as on the wire.
pub(crate) fn record(object: &Js) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    for name in object.names() {
        if let Some(text) = object.optional(&name) {
            entries.push((name, text));
        }
    }
    entries
}

/// The server's address: absolute, http or https, without query, fragment or trailing slash. Without
/// one, the page's own origin: the widget is often served by the server itself.
fn host(given: &str) -> Result<String, Rejection> {
    let url = if given.is_empty() {
        let page = window().object("location").map(|page| page.get("href"));
        Url::new("/", &page.and_then(|href| href.as_string()).unwrap_or_default())
    } else if given.starts_with("https://") || given.starts_with("http://") {
        Url::new(given, given)
    } else {
        // `new URL` would take `example.com` as a path below the page.
        return Err(AuthErrorCode::InvalidHostUrl.into());
    };
    let Ok(url) = url else { return Err(AuthErrorCode::InvalidHostUrl.into()) };
    let part = |name: &str| get(url.as_ref(), name).as_string().unwrap_or_default();
    let mut address = joined(&[&part("origin"), &part("pathname")]);
    let end = address.bytes().rposition(|byte| byte != b'/').map_or(0, |last| last + 1);
    address.truncate(end);
    Ok(address)
}

/// The texts of one call: the integrator's, then the language's, then English.
pub(crate) struct Words {
    /// BCP 47, for `lang` and `dir`.
    pub(crate) locale: String,
    own: Vec<(String, String)>,
}

impl Words {
    /// One text.
    pub(crate) fn get(&self, word: Word) -> &str {
        let key = word.key();
        for (name, text) in &self.own {
            if name == key {
                return text;
            }
        }
        word.english()
    }

    /// One text, with its placeholders filled.
    pub(crate) fn fill(&self, word: Word, values: &[(&str, &str)]) -> String {
        keyslot_core::words::fill(self.get(word), values)
    }

    /// Whether the language is written from right to left.
    pub(crate) fn is_rtl(&self) -> bool {
        let (language, rest) = self.locale.split_at_checked(2).unwrap_or_default();
        ["ar", "he", "fa", "ur", "yi"].contains(&language)
            && (rest.is_empty() || rest.starts_with('-'))
    }
}
