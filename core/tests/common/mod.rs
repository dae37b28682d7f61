//! What several tests need.

use keyslot_core::json::Json;
use serde_json::Value;

/// An answer of a server; the widget reads the browser's objects.
pub(crate) struct Parsed(pub(crate) Value);

impl Json for Parsed {
    fn get(&self, name: &str) -> Self {
        Parsed(self.0.get(name).cloned().unwrap_or_default())
    }
    fn as_text(&self) -> Option<String> {
        self.0.as_str().map(ToOwned::to_owned)
    }
    fn as_number(&self) -> Option<i32> {
        self.0.as_i64().and_then(|number| number.try_into().ok())
    }
    fn is_truthy(&self) -> bool {
        !matches!(self.0, Value::Null | Value::Bool(false)) && self.0.as_str() != Some("")
    }
    fn names(&self) -> Vec<String> {
        self.0.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default()
    }
    fn items(&self) -> Vec<Self> {
        self.0.as_array().map(|a| a.iter().cloned().map(Parsed).collect()).unwrap_or_default()
    }
}
