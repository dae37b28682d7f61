//! An object as the body of an HTML form. The stock SDK's callers hand an object over and name the form's
//! content type; its JSON text is what arrives.
//!
//! Nested members are named as the clients of that SDK expect it: `a[b]=1`, `list[]=1` for a list of plain
//! values at the top, `list[0][b]=1` for every other; what is `null` is left out.
//!
//! Source: <https://axios-http.com/docs/urlencoded>, "Automatic serialization".

use http::HeaderValue;
use serde_json::Value;
use url::form_urlencoded::Serializer;

/// Whether a content type is that of a form.
pub(crate) fn is_form(kind: &str) -> bool {
    essence(kind).eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether a content type is JSON.
pub(crate) fn is_json(kind: &HeaderValue) -> bool {
    let kind = kind.to_str().unwrap_or_default();
    essence(kind).eq_ignore_ascii_case("application/json")
        || essence(kind).to_ascii_lowercase().ends_with("+json")
}

/// A content type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

/// The form of a JSON text; nothing where it is no object, so that the text is meant as it is.
pub(crate) fn from_json(text: &[u8]) -> Option<String> {
    let Ok(Value::Object(object)) = serde_json::from_slice(text) else { return None };
    let mut form = Serializer::new(String::new());
    for (name, value) in &object {
        match value {
            Value::Array(items) if items.iter().all(|item| !is_nested(item)) => {
                for item in items.iter().filter(|item| !item.is_null()) {
                    form.append_pair(&format!("{name}[]"), &plain(item));
                }
            }
            value => append(&mut form, name, value),
        }
    }
    Some(form.finish())
}

fn append(form: &mut Serializer<'_, String>, name: &str, value: &Value) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (member, value) in object {
                append(form, &format!("{name}[{member}]"), value);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                append(form, &format!("{name}[{index}]"), value);
            }
        }
        value => {
            form.append_pair(name, &plain(value));
        }
    }
}

const fn is_nested(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_becomes_the_form_that_the_stock_sdk_s_callers_expect() {
        for (json, form) in [
            (r#"{"To":"+49 30","Body":"a & b=c"}"#, "To=%2B49+30&Body=a+%26+b%3Dc"),
            (r#"{"n":1,"yes":true,"no":null,"e":""}"#, "n=1&yes=true&e="),
            (r#"{"list":[1,"b",null],"none":[],"o":{}}"#, "list%5B%5D=1&list%5B%5D=b"),
            (
                r#"{"a":{"b":{"c":1},"d":[2,3]}}"#,
                "a%5Bb%5D%5Bc%5D=1&a%5Bd%5D%5B0%5D=2&a%5Bd%5D%5B1%5D=3",
            ),
            (r#"{"items":[{"price":"p"}]}"#, "items%5B0%5D%5Bprice%5D=p"),
            ("{}", ""),
        ] {
            assert_eq!(from_json(json.as_bytes()).as_deref(), Some(form), "{json}");
        }
        for text in ["a=b", "[1]", "\"a=b\"", ""] {
            assert_eq!(from_json(text.as_bytes()), None, "{text}");
        }
    }
}
