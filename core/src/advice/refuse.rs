//! What cannot work whatever the provider says. Short on purpose: everything else is advice.

use super::address;
use super::characters::is_blank;
use super::{FieldShape, Kind};

/// The most characters of a value. A server of the original accepts 4,096 for a key.
pub const MAX_LENGTH: usize = 4096;

/// Why a value cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A required field is empty.
    Empty,
    /// A key holds a character that cannot travel in a header: a line break, a control character, or one
    /// outside ASCII. RFC 9110 §5.5 allows visible ASCII, space and tab; what it tolerates beyond that no
    /// HTTP library sends unasked.
    HeaderUnsafe(char),
    /// More than [`MAX_LENGTH`] characters.
    TooLong,
    /// No address can be made of it.
    NotAHost,
}

/// Says why `value` cannot be sent, if so. `optional` fields may be empty.
#[must_use]
pub fn refuse(shape: &FieldShape<'_>, value: &str, optional: bool) -> Option<Refusal> {
    // A password may be made of blanks.
    let empty =
        if shape.kind == Kind::Password { value.is_empty() } else { value.chars().all(is_blank) };
    if empty {
        return (!optional).then_some(Refusal::Empty);
    }
    let (mut length, mut unsafe_one) = (0, None);
    for c in value.chars() {
        length += 1;
        if shape.kind == Kind::Key && !matches!(c, ' '..='~' | '\t') && unsafe_one.is_none() {
            unsafe_one = Some(Refusal::HeaderUnsafe(c));
        }
    }
    if length > MAX_LENGTH {
        return Some(Refusal::TooLong);
    }
    if unsafe_one.is_some() {
        return unsafe_one;
    }
    (!address::is_possible(shape, value)).then_some(Refusal::NotAHost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: Kind, prefix: &'static str, suffix: &'static str) -> FieldShape<'static> {
        FieldShape { name: "field", kind, prefix, suffix }
    }

    #[test]
    fn a_required_field_must_hold_something_and_an_optional_one_need_not() {
        for kind in
            [Kind::Key, Kind::Username, Kind::Subdomain, Kind::Hostname, Kind::Url, Kind::Plain]
        {
            assert_eq!(refuse(&field(kind, "", ""), " \u{a0}\n", false), Some(Refusal::Empty));
            assert_eq!(refuse(&field(kind, "", ""), " ", true), None);
        }
        assert_eq!(refuse(&field(Kind::Password, "", ""), "", false), Some(Refusal::Empty));
        assert_eq!(refuse(&field(Kind::Password, "", ""), " ", false), None);
    }

    #[test]
    fn a_key_must_be_able_to_travel_in_a_header_and_says_which_character_is_not() {
        let key = field(Kind::Key, "", "");
        for (value, c) in
            [("abc\ndef", '\n'), ("abc\u{7f}", '\u{7f}'), ("clé", 'é'), ("sk_••••", '•')]
        {
            assert_eq!(refuse(&key, value, false), Some(Refusal::HeaderUnsafe(c)));
        }
        let visible: String = (' '..='~').collect();
        assert_eq!(refuse(&key, &visible, false), None);
    }

    #[test]
    fn a_password_may_hold_any_character() {
        assert_eq!(refuse(&field(Kind::Password, "", ""), "pä\u{7}ss\nwort ", false), None);
    }

    #[test]
    fn the_limit_counts_characters_and_includes_its_last() {
        let key = field(Kind::Key, "", "");
        assert_eq!(refuse(&key, &"k".repeat(MAX_LENGTH), false), None);
        assert_eq!(refuse(&key, &"k".repeat(MAX_LENGTH + 1), false), Some(Refusal::TooLong));
        assert_eq!(refuse(&field(Kind::Password, "", ""), &"ä".repeat(MAX_LENGTH), false), None);
    }

    #[test]
    fn a_sub_domain_is_labels_that_fit_before_the_suffix() {
        let field = field(Kind::Subdomain, "https://", ".freshdesk.com");
        for good in ["acme", "acme-eu", "acme_2", "eu.acme", "ACME", "müller", "0acme"] {
            assert_eq!(refuse(&field, good, false), None, "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "acme.",
            ".acme",
            "a..b",
            "acme/x",
            "acme:8080",
            "a b",
            "acme?",
            "a@b",
            "a\u{200b}b",
            long.as_str(),
        ] {
            assert_eq!(refuse(&field, bad, false), Some(Refusal::NotAHost), "{bad}");
        }
    }

    #[test]
    fn a_host_name_may_be_an_address_and_may_have_a_port() {
        let field = field(Kind::Hostname, "", "");
        for good in [
            "acme.com",
            "localhost",
            "acme.com:8443",
            "192.168.0.1",
            "192.168.0.1:80",
            "[::1]",
            "[2001:db8::1]:443",
            "münchen.example",
            "a_b.example",
        ] {
            assert_eq!(refuse(&field, good, false), None, "{good}");
        }
        for bad in [
            "acme.com:",
            "acme.com:123456",
            "acme.com:+80",
            "[::1",
            "[]",
            "[g::]",
            "https://acme.com",
            "acme.com/",
            "a..b",
            "a b",
        ] {
            assert_eq!(refuse(&field, bad, false), Some(Refusal::NotAHost), "{bad}");
        }
    }

    #[test]
    fn a_url_has_a_scheme_of_its_own_or_one_that_is_drawn_before_the_field() {
        let plain = field(Kind::Url, "", "");
        for good in [
            "https://acme.com",
            "HTTP://acme.com:8080/a?b=c#d",
            "https://[::1]/",
            "https://acme.com/ä",
        ] {
            assert_eq!(refuse(&plain, good, false), None, "{good}");
        }
        for bad in [
            "acme.com",
            "ftp://acme.com",
            "https://",
            "https:///x",
            "https://user@acme.com",
            "https://acme.com/a b",
            "https://a..b/",
            "javascript:alert(1)",
        ] {
            assert_eq!(refuse(&plain, bad, false), Some(Refusal::NotAHost), "{bad}");
        }
        assert_eq!(refuse(&field(Kind::Url, "https://", ""), "acme.com/api", false), None);
    }
}
