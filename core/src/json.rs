//! Reading a parsed JSON document, whoever parsed it.
//!
//! The widget has the browser's objects, tests have `serde_json`'s values; what is read out of them is
//! written once, here in `core`, and costs the module one instance. What is absent or of another type
//! reads as empty, so the same code reads the answers of both servers.

/// One value of a JSON document.
pub trait Json: Sized {
    /// A member; an absent value for what has none of that name.
    #[must_use]
    fn get(&self, name: &str) -> Self;
    /// The text of a string.
    fn as_text(&self) -> Option<String>;
    /// A number, cut to a whole one.
    fn as_number(&self) -> Option<i32>;
    /// JavaScript's idea of true.
    fn is_truthy(&self) -> bool;
    /// The names of an object's members, in the document's order.
    fn names(&self) -> Vec<String>;
    /// The items of a list.
    fn items(&self) -> Vec<Self>;

    /// The text of a member; empty when there is none.
    fn text(&self, name: &str) -> String {
        self.get(name).as_text().unwrap_or_default()
    }

    /// The text of a member, if it is there.
    fn optional(&self, name: &str) -> Option<String> {
        self.get(name).as_text()
    }

    /// A member that is a number, cut to a whole one; 0 when there is none.
    fn number(&self, name: &str) -> i32 {
        self.get(name).as_number().unwrap_or_default()
    }

    /// The texts of a list.
    fn texts(&self, name: &str) -> Vec<String> {
        texts(&self.get(name))
    }
}

/// The texts of a list.
pub fn texts(list: &impl Json) -> Vec<String> {
    let mut texts = Vec::new();
    for item in list.items() {
        if let Some(text) = item.as_text() {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::Value;

    impl Json for Value {
        fn get(&self, name: &str) -> Self {
            Value::get(self, name).cloned().unwrap_or_default()
        }
        fn as_text(&self) -> Option<String> {
            self.as_str().map(ToOwned::to_owned)
        }
        fn as_number(&self) -> Option<i32> {
            self.as_i64().and_then(|number| number.try_into().ok())
        }
        fn is_truthy(&self) -> bool {
            !matches!(self, Value::Null | Value::Bool(false)) && self.as_str() != Some("")
        }
        fn names(&self) -> Vec<String> {
            self.as_object().map(|o| o.keys().cloned().collect()).unwrap_or_default()
        }
        fn items(&self) -> Vec<Self> {
            self.as_array().cloned().unwrap_or_default()
        }
    }
}
