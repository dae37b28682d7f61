//! What a vendor's keys look like, as a template's `key_shapes` says it.

use alloc::string::String;

use crate::json::Json;
use crate::text::{DIGIT, HEX, LETTER, Part, Text, set};

/// One kind of key of one vendor. Everything in it advises; nothing refuses.
///
/// Read from a template's `key_shapes` list; its `source` stays on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyShape {
    /// The field it belongs into. Left out: `apiKey`.
    pub field: Option<String>,
    /// What the key begins with.
    pub prefix: Option<String>,
    /// What the key is: `secret`, `publishable`, `restricted`, `test`, `live`, or any other word.
    pub kind: String,
    /// The fewest characters of the whole key, prefix included.
    pub min: Option<u16>,
    /// The most characters of the whole key, prefix included.
    pub max: Option<u16>,
    /// The characters after the prefix: `base62`, `base64url`, `base64`, `hex` or `digits`. Others pass.
    pub alphabet: Option<String>,
    /// The checksum at the key's end: `github-crc32`. Others pass.
    pub checksum: Option<String>,
    /// Whether this is a key that the field does *not* want.
    pub wrong: bool,
    /// A sentence about it, in the catalogue's language.
    pub note: Option<String>,
}

impl KeyShape {
    /// Reads one entry of `key_shapes`; what is not understood is left out.
    #[must_use]
    pub fn read(json: &impl Json) -> Self {
        let length =
            |name: &str| json.get(name).as_number().and_then(|number| number.try_into().ok());
        Self {
            field: json.optional("field"),
            prefix: json.optional("prefix"),
            kind: json.text("kind"),
            min: length("min"),
            max: length("max"),
            alphabet: json.optional("alphabet"),
            checksum: json.optional("checksum"),
            wrong: json.get("wrong").is_truthy(),
            note: json.optional("note"),
        }
    }

    /// Whether the shape is about the field called `name`.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.field() == name
    }

    /// The field it belongs into.
    pub(super) fn field(&self) -> &str {
        self.field.as_deref().unwrap_or("apiKey")
    }

    /// The prefix, empty when there is none.
    pub(super) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    /// Whether every character of `body`, what follows the prefix, is in the alphabet.
    pub(super) fn allows(&self, text: &Text<'_>, body: Part) -> bool {
        let set = match self.alphabet.as_deref().unwrap_or_default() {
            "base64url" => LETTER | DIGIT | set!("-_="),
            "base64" => LETTER | DIGIT | set!("+/="),
            "base62" => LETTER | DIGIT,
            "hex" => HEX | DIGIT,
            "digits" => DIGIT,
            _ => return true,
        };
        text.all_of(body, set)
    }

    /// Whether this is a key for a system without real data.
    pub(super) fn is_test(&self) -> bool {
        matches!(self.kind.as_str(), "test" | "sandbox")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_from_a_template_and_what_is_unknown_is_skipped() {
        let template = serde_json::json!({"key_shapes": [
            {"prefix": "sk_test_", "kind": "test", "min": 32, "source": "https://docs.example"},
            {"field": "username", "kind": "secret", "alphabet": "hex", "min": 32, "max": 32, "wrong": true}
        ]});
        let shapes = Json::get(&template, "key_shapes");
        let shapes: Vec<KeyShape> = shapes.items().iter().map(KeyShape::read).collect();
        assert_eq!(shapes[0].prefix(), "sk_test_");
        assert!(shapes[0].is_for("apiKey") && shapes[0].is_test() && !shapes[0].wrong);
        assert!(shapes[1].is_for("username") && !shapes[1].is_for("apiKey") && shapes[1].wrong);
    }

    fn allows(alphabet: &str, body: &str) -> bool {
        let shape = KeyShape { alphabet: Some(alphabet.into()), ..KeyShape::default() };
        shape.allows(&Text(body), Text(body).all())
    }

    #[test]
    fn alphabets_judge_what_follows_the_prefix() {
        for (alphabet, right, wrong) in [
            ("hex", "09afAF", "0g"),
            ("digits", "0123", "0x1"),
            ("base62", "azAZ09", "a-b"),
            ("base64url", "a-b_c=", "a+b"),
            ("base64", "a+b/c=", "a-b"),
        ] {
            assert!(allows(alphabet, right), "{alphabet}");
            assert!(!allows(alphabet, wrong), "{alphabet}");
        }
        assert!(allows("emoji", "anything"));
    }
}
