//! What a vendor's keys look like, as a template's `key_shapes` says it.

use alloc::string::String;

use crate::json::Json;
use crate::text::{DIGIT, HEX, LETTER, Part, Text, set};

/// One kind of key of one vendor. Everything in it advises; nothing refuses. What a template leaves out is empty.
///
/// Read from a template's `key_shapes` list; its `source` stays on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyShape {
    /// The field it belongs into: `apiKey`, unless the template says otherwise.
    pub field: String,
    /// What the key begins with.
    pub prefix: String,
    /// What the key is: `secret`, `publishable`, `restricted`, `test`, `live`, or any other word.
    pub kind: String,
    /// The fewest characters of the whole key, prefix included.
    pub min: u16,
    /// The most characters of the whole key, prefix included; 0 when that is not known.
    pub max: u16,
    /// The characters after the prefix: `base62`, `base64url`, `base64`, `hex` or `digits`. Others pass.
    pub alphabet: String,
    /// The checksum at the key's end: `github-crc32`. Others pass.
    pub checksum: String,
    /// Whether this is a key that the field does *not* want.
    pub wrong: bool,
    /// A sentence about it, in the catalogue's language.
    pub note: String,
}

impl KeyShape {
    /// Reads one entry of `key_shapes`; what is not understood is left out.
    #[must_use]
    pub fn read(json: &impl Json) -> Self {
        let length = |name: &str| json.number(name).try_into().unwrap_or_default();
        let mut field = json.text("field");
        if field.is_empty() {
            field.push_str("apiKey");
        }
        Self {
            field,
            prefix: json.text("prefix"),
            kind: json.text("kind"),
            min: length("min"),
            max: length("max"),
            alphabet: json.text("alphabet"),
            checksum: json.text("checksum"),
            wrong: json.get("wrong").is_truthy(),
            note: json.text("note"),
        }
    }

    /// Whether every character of `body`, what follows the prefix, is in the alphabet.
    pub(super) fn allows(&self, text: &Text<'_>, body: Part) -> bool {
        let set = match self.alphabet.as_str() {
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
        assert_eq!(shapes[0].prefix, "sk_test_");
        assert!(shapes[0].field == "apiKey" && shapes[0].is_test() && !shapes[0].wrong);
        assert!(shapes[1].field == "username" && shapes[1].wrong);
    }

    fn allows(alphabet: &str, body: &str) -> bool {
        let shape = KeyShape { alphabet: alphabet.into(), ..KeyShape::default() };
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
