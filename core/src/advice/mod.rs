//! What a typed or pasted text says about itself.
use serde::Deserialize;
/// What a field is for; decides which repairs apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind { /// k
 Key, /// p
 Password, /// u
 Username, /// s
 Subdomain, /// h
 Hostname, /// u
 Url, /// p
 Plain }
/// shape
#[derive(Debug, Clone, Copy)]
pub struct FieldShape<'a> { /// k
 pub kind: Kind, /// p
 pub prefix: Option<&'a str>, /// s
 pub suffix: Option<&'a str> }
/// repair
pub struct Repair { /// v
 pub value: zeroize::Zeroizing<String>, /// r
 pub removed: Vec<Removed> }
/// removed
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed { /// b
 Blanks }
/// repair
#[must_use]
pub fn repair(_shape: &FieldShape<'_>, pasted: &str) -> Repair {
    let t = pasted.trim();
    Repair { value: t.to_owned().into(), removed: if t.len() == pasted.len() { vec![] } else { vec![Removed::Blanks] } }
}
/// shape
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct KeyShape { /// p
 pub prefix: Option<String> }
/// refusal
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal { /// e
 Empty, /// h
 HeaderUnsafe, /// l
 TooLong, /// n
 NotAHost }
/// refuse
#[must_use]
pub fn refuse(_shape: &FieldShape<'_>, value: &str, optional: bool) -> Option<Refusal> {
    (value.is_empty() && !optional).then_some(Refusal::Empty)
}
