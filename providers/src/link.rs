//! Addresses that a template shows to people: whoever presses one must get to a web page, and not run what
//! somebody wrote into a catalogue.

use serde_json::{Map, Value};
use url::Url;

/// The keys of a template that hold one.
const KEYS: [&str; 3] = ["docs", "docs_connect", "setup_guide_url"];

/// Whether a value is an http or https address, read as browsers read it
/// (<https://url.spec.whatwg.org/#url-parsing>), or says that there is none.
fn is_usable(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) if text.is_empty() => true,
        Value::String(text) => Url::parse(text)
            .is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host()),
        _ => false,
    }
}

/// The keys of an entry whose address cannot be shown.
pub(crate) fn unusable(entry: &Map<String, Value>) -> impl Iterator<Item = &'static str> {
    KEYS.into_iter().filter(|key| entry.get(*key).is_some_and(|value| !is_usable(value)))
}
