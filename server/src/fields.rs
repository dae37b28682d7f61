//! Reading a JSON object field by field against a strict schema: every field is taken out by name with
//! the type it must have, all issues are collected, and whatever is left over at the end is an unknown
//! key. The result says the same as the zod schemas that existing clients were written against.

use serde_json::{Map, Value};

use crate::{
    error::{ApiError, Place},
    issue::Issue,
    model::{Object, Tags},
};

/// A JSON object that is being read.
pub struct Fields {
    object: Map<String, Value>,
    path: Vec<String>,
    issues: Vec<Issue>,
}

/// How many characters a string may have.
#[derive(Clone, Copy)]
pub struct Length {
    /// The fewest.
    pub min: usize,
    /// The most.
    pub max: usize,
}

/// One to 255 characters: the length of most strings of this API.
pub const SHORT: Length = Length { min: 1, max: 255 };

impl Fields {
    /// Starts to read a request body; `None` is a request without one.
    ///
    /// # Errors
    /// `invalid_body` when it is not an object.
    pub fn of_body(body: Option<Value>) -> Result<Self, ApiError> {
        match body {
            Some(Value::Object(object)) => {
                Ok(Self { object, path: Vec::new(), issues: Vec::new() })
            }
            other => Err(ApiError::body(Issue::invalid_type(vec![], "object", other.as_ref()))),
        }
    }

    /// Whether the field is there and not `undefined`.
    pub fn has(&self, key: &str) -> bool {
        self.object.contains_key(key)
    }

    /// Notes an issue with the field `key`.
    pub fn refuse(&mut self, issue: Issue) {
        self.issues.push(issue);
    }

    /// The path of the field `key`, for an issue with it.
    pub fn path_of(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    /// A string that must be there.
    pub fn string(&mut self, key: &str, length: Length) -> Option<String> {
        let value = self.object.shift_remove(key);
        self.check_string(key, value, length)
    }

    /// A string that may be missing.
    pub fn optional_string(&mut self, key: &str, length: Length) -> Option<String> {
        let value = self.object.shift_remove(key)?;
        self.check_string(key, Some(value), length)
    }

    /// A string that may be missing, or null, which means to take away what is there.
    pub fn nullable_string(&mut self, key: &str, length: Length) -> Option<Option<String>> {
        match self.object.shift_remove(key)? {
            Value::Null => Some(None),
            value => self.check_string(key, Some(value), length).map(Some),
        }
    }

    fn check_string(&mut self, key: &str, value: Option<Value>, length: Length) -> Option<String> {
        let path = self.path_of(key);
        let Some(Value::String(text)) = value else {
            self.refuse(Issue::invalid_type(path, "string", value.as_ref()));
            return None;
        };
        let characters = text.chars().count();
        if characters < length.min {
            self.refuse(Issue::too_short(path, length.min));
            None
        } else if characters > length.max {
            self.refuse(Issue::too_long(path, length.max));
            None
        } else {
            Some(text)
        }
    }

    /// A boolean that may be missing.
    pub fn optional_bool(&mut self, key: &str) -> Option<bool> {
        match self.object.shift_remove(key)? {
            Value::Bool(value) => Some(value),
            other => {
                self.refuse(Issue::invalid_type(self.path_of(key), "boolean", Some(&other)));
                None
            }
        }
    }

    /// A whole number within `range` that may be missing.
    pub fn optional_number(
        &mut self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Option<u64> {
        let value = self.object.shift_remove(key)?;
        let path = self.path_of(key);
        let issue = match value.as_u64() {
            None => Issue::invalid_type(path, "number", Some(&value)),
            Some(number) if number < *range.start() => Issue::too_small(path, *range.start()),
            Some(number) if number > *range.end() => Issue::too_big(path, *range.end()),
            Some(number) => return Some(number),
        };
        let (min, max) = range.into_inner();
        self.refuse(Issue {
            message: format!("must be a whole number from {min} to {max}"),
            ..issue
        });
        None
    }

    /// An object of any content that may be missing.
    pub fn optional_object(&mut self, key: &str) -> Option<Object> {
        match self.object.shift_remove(key)? {
            Value::Object(object) => Some(object),
            other => {
                self.refuse(Issue::invalid_type(self.path_of(key), "object", Some(&other)));
                None
            }
        }
    }

    /// An object of any content that must be there.
    pub fn object(&mut self, key: &str) -> Option<Object> {
        if !self.has(key) {
            self.refuse(Issue::invalid_type(self.path_of(key), "object", None));
        }
        self.optional_object(key)
    }

    /// An object of strings that may be missing.
    pub fn optional_strings(&mut self, key: &str, length: Length) -> Option<Tags> {
        let object = self.optional_object(key)?;
        let mut strings = Tags::new();
        for (name, value) in object {
            let mut path = self.path_of(key);
            path.push(name.clone());
            match value {
                Value::String(text) if text.chars().count() > length.max => {
                    self.refuse(Issue::too_long(path, length.max));
                }
                Value::String(text) if text.chars().count() < length.min => {
                    self.refuse(Issue::too_short(path, length.min));
                }
                Value::String(text) => {
                    strings.insert(name, text);
                }
                other => self.refuse(Issue::invalid_type(path, "string", Some(&other))),
            }
        }
        Some(strings)
    }

    /// A list of strings that may be missing.
    pub fn optional_list(&mut self, key: &str, length: Length) -> Option<Vec<String>> {
        let items = match self.object.shift_remove(key)? {
            Value::Array(items) => items,
            other => {
                self.refuse(Issue::invalid_type(self.path_of(key), "array", Some(&other)));
                return None;
            }
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let mut path = self.path_of(key);
            path.push(index.to_string());
            match item {
                Value::String(text)
                    if (length.min..=length.max).contains(&text.chars().count()) =>
                {
                    list.push(text)
                }
                Value::String(text) if text.is_empty() => {
                    self.refuse(Issue::too_short(path, length.min))
                }
                Value::String(_) => self.refuse(Issue::too_long(path, length.max)),
                other => self.refuse(Issue::invalid_type(path, "string", Some(&other))),
            }
        }
        Some(list)
    }

    /// An object with a schema of its own that may be missing: it is read by `read`, and its issues
    /// and unknown keys are noted here.
    pub fn optional_fields<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let object = self.optional_object(key)?;
        let mut inner = Fields { object, path: self.path_of(key), issues: Vec::new() };
        let value = read(&mut inner);
        self.absorb(inner);
        value
    }

    /// An object whose values have one schema, by keys that the client chooses.
    pub fn optional_records<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&str, &mut Fields) -> Option<T>,
    ) -> Option<Vec<(String, T)>> {
        let object = self.optional_object(key)?;
        let mut records = Vec::with_capacity(object.len());
        for (name, value) in object {
            let mut path = self.path_of(key);
            path.push(name.clone());
            match value {
                Value::Object(object) => {
                    let mut inner = Fields { object, path, issues: Vec::new() };
                    if let Some(value) = read(&name, &mut inner) {
                        records.push((name, value));
                    }
                    self.absorb(inner);
                }
                other => self.refuse(Issue::invalid_type(path, "object", Some(&other))),
            }
        }
        Some(records)
    }

    fn absorb(&mut self, inner: Fields) {
        let Fields { object, path, issues } = inner;
        self.issues.extend(issues);
        if !object.is_empty() {
            let keys: Vec<String> = object.keys().cloned().collect();
            self.issues.push(Issue::unrecognized(path, &keys));
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `invalid_body` with all issues, unknown keys last.
    pub fn finish(mut self) -> Result<(), ApiError> {
        if !self.object.is_empty() {
            let keys: Vec<String> = self.object.keys().cloned().collect();
            self.issues.push(Issue::unrecognized(self.path, &keys));
        }
        if self.issues.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Invalid(Place::Body, self.issues))
        }
    }
}

/// What a field gave when [`Fields::finish`] found no issue with it.
///
/// # Errors
/// [`ApiError::Internal`] when it gave nothing after all, which is a fault of the schema.
pub fn read<T>(field: Option<T>) -> Result<T, ApiError> {
    field.ok_or_else(|| ApiError::internal("a required field passed its schema without a value"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn issues(result: Result<(), ApiError>) -> Vec<(String, String)> {
        match result {
            Ok(()) => vec![],
            Err(ApiError::Invalid(Place::Body, issues)) => {
                issues.into_iter().map(|issue| (issue.path.join("."), issue.code)).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn all_issues_are_collected_and_unknown_keys_come_last() {
        let body = json!({"a": 1, "list": ["x", 2], "inner": {"b": "", "c": 1}, "extra": true});
        let mut fields = Fields::of_body(Some(body)).unwrap();
        fields.string("a", SHORT);
        fields.string("missing", SHORT);
        fields.optional_list("list", SHORT);
        fields.optional_fields("inner", |inner| inner.string("b", SHORT));
        let found = issues(fields.finish());
        let found: Vec<(&str, &str)> =
            found.iter().map(|(path, code)| (path.as_str(), code.as_str())).collect();
        assert_eq!(
            found,
            [
                ("a", "invalid_type"),
                ("missing", "invalid_type"),
                ("list.1", "invalid_type"),
                ("inner.b", "too_small"),
                ("inner", "unrecognized_keys"),
                ("", "unrecognized_keys"),
            ]
        );
    }

    #[test]
    fn lengths_count_characters_not_bytes() {
        let mut fields = Fields::of_body(Some(json!({"a": "é".repeat(255)}))).unwrap();
        assert!(fields.string("a", SHORT).is_some());
        assert!(fields.finish().is_ok());
    }

    #[test]
    fn a_body_that_is_no_object_is_one_issue() {
        for body in [None, Some(json!([])), Some(json!("x")), Some(json!(null))] {
            let Err(error) = Fields::of_body(body) else { panic!() };
            assert_eq!(issues(Err(error)), [(String::new(), "invalid_type".to_owned())]);
        }
    }
}
