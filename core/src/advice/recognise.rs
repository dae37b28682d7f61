//! What a value looks like when it does not look like what the field wants.
//!
//! A notice never stops anybody: patterns and prefixes age, and the provider's live answer decides.

use super::characters::{after, has_blank};
use super::{FieldShape, KeyShape, Kind, checksum, vendors};

/// Keys shorter than this are hardly complete, whoever the vendor is.
const SHORTEST_KEY: u16 = 8;

/// What stands out about a value. Holds words of the catalogue and numbers, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The vendor's own key, of a kind that the field does not want.
    WrongKind {
        /// What it is: `publishable`, `webhook`, …
        kind: &'a str,
        /// A sentence of the catalogue about it.
        note: Option<&'a str>,
    },
    /// It belongs into another field of this form.
    WrongField {
        /// The other field's key in the template.
        field: &'a str,
    },
    /// Another vendor's key.
    OtherVendor {
        /// The vendor's name.
        vendor: &'a str,
    },
    /// A key for a system without real data.
    TestKey,
    /// A key for real data where a test key is wanted.
    LiveKey,
    /// A character is wrong or missing: the checksum in the key does not fit.
    Checksum,
    /// An e-mail address.
    Email,
    /// A web address.
    Url,
    /// An address at another domain than the field's.
    OtherAddress,
    /// A private key or certificate file.
    PrivateKeyFile,
    /// Dots, stars or an ellipsis where the vendor's page hides the key.
    Masked,
    /// A sample from a manual, or the name of a variable.
    Placeholder,
    /// A blank in the middle: more than the key, or two of them.
    Blank,
    /// Shorter than the vendor's keys.
    TooShort {
        /// The fewest characters to expect.
        expected: u16,
    },
    /// Longer than the vendor's keys.
    TooLong {
        /// The most characters to expect.
        expected: u16,
    },
    /// A character that the vendor's keys do not have.
    Alphabet,
    /// None of the vendor's known prefixes.
    Prefix {
        /// One of them.
        expected: &'a str,
    },
    /// The template's `pattern` does not match. Never returned from here: the caller has the engine for it,
    /// and uses it when [`recognise`] has nothing to say.
    Pattern,
}

/// Says what stands out about `value`, the most telling thing first; `None` when nothing does.
///
/// `own` are the `key_shapes` of the template, all fields' together; `own_vendor` is the provider's name, so
/// that a vendor's own key is not announced as another's.
#[must_use]
pub fn recognise<'a>(
    field: &FieldShape<'_>,
    value: &str,
    own: &'a [KeyShape],
    own_vendor: &str,
) -> Option<Notice<'a>> {
    if value.is_empty() {
        return None;
    }
    if field.kind == Kind::Subdomain && is_foreign_address(value) {
        return Some(Notice::OtherAddress);
    }
    if field.kind != Kind::Password && is_placeholder(field.kind, value) {
        return Some(Notice::Placeholder);
    }
    if field.kind.is_structural() || field.kind == Kind::Plain {
        return None;
    }
    if is_masked(field.kind, value) {
        return Some(Notice::Masked);
    }

    match by_prefix(field.name, value, own) {
        Some(shape) if shape.is_for(field.name) => return judge(shape, value),
        Some(shape) => {
            return Some(Notice::WrongField { field: shape.field.as_deref().unwrap_or("apiKey") });
        }
        None => {}
    }
    let of_field = || own.iter().filter(|shape| shape.is_for(field.name));
    let without_prefix = || of_field().filter(|shape| shape.prefix().is_empty());
    if let Some(shape) = without_prefix().find(|shape| misfit(shape, value).is_none()) {
        return judge(shape, value);
    }

    if field.kind == Kind::Key {
        if value.starts_with("-----BEGIN ") {
            return Some(Notice::PrivateKeyFile);
        }
        if after(value, "https://")
            .or_else(|| after(value, "http://"))
            .or_else(|| after(value, "www."))
            .is_some()
        {
            return Some(Notice::Url);
        }
        if is_email(value) {
            return Some(Notice::Email);
        }
        if has_blank(value) {
            return Some(Notice::Blank);
        }
    }
    if let Some(row) = vendors::find(value) {
        if !row.is_of(own_vendor) {
            return Some(Notice::OtherVendor { vendor: row.vendor() });
        }
        return row.wrong_kind().map(|kind| Notice::WrongKind { kind, note: None });
    }

    if let Some(notice) = without_prefix().find_map(|shape| misfit(shape, value)) {
        return Some(notice);
    }
    if let Some(shape) = of_field().find(|shape| !shape.wrong && !shape.prefix().is_empty()) {
        return Some(Notice::Prefix { expected: shape.prefix() });
    }
    (field.kind == Kind::Key && value.len() < usize::from(SHORTEST_KEY))
        .then_some(Notice::TooShort { expected: SHORTEST_KEY })
}

/// The shape with the longest prefix that `value` begins with; the field's own before another field's.
fn by_prefix<'a>(field: &str, value: &str, own: &'a [KeyShape]) -> Option<&'a KeyShape> {
    own.iter()
        .filter(|shape| {
            !shape.prefix().is_empty()
                && value.starts_with(shape.prefix())
                && (shape.is_for(field) || !shape.wrong)
        })
        .max_by_key(|shape| (shape.is_for(field), shape.prefix().len()))
}

/// What to say about a value of this shape.
fn judge<'a>(shape: &'a KeyShape, value: &str) -> Option<Notice<'a>> {
    if shape.wrong {
        return Some(match shape.kind.as_str() {
            _ if shape.is_test() => Notice::TestKey,
            "live" | "production" => Notice::LiveKey,
            kind => Notice::WrongKind { kind, note: shape.note.as_deref() },
        });
    }
    misfit(shape, value).or_else(|| shape.is_test().then_some(Notice::TestKey))
}

/// Where `value` departs from the shape, prefix apart.
fn misfit(shape: &KeyShape, value: &str) -> Option<Notice<'static>> {
    let body = value.strip_prefix(shape.prefix()).unwrap_or(value);
    let longer_than = |limit: u16| value.len() > usize::from(limit);
    match (shape.min, shape.max) {
        (Some(expected), _) if value.len() < usize::from(expected) => {
            Some(Notice::TooShort { expected })
        }
        (_, Some(expected)) if longer_than(expected) => Some(Notice::TooLong { expected }),
        _ if !shape.allows(body) => Some(Notice::Alphabet),
        _ if !checksum::is_right(shape, body) => Some(Notice::Checksum),
        _ => None,
    }
}

/// `name@host.tld` and nothing else.
fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !name.contains([':', '/'])
            && host.contains('.')
            && !host.contains(['@', ':', '/'])
            && !has_blank(value)
    })
}

/// A whole host name where a part of one is wanted. By the common endings alone: a sub-domain may have dots.
fn is_foreign_address(value: &str) -> bool {
    let ending = value.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["com", "net", "org", "io", "app", "dev", "cloud", "ai"].contains(&ending)
}

/// Whether a part of the value is hidden.
fn is_masked(kind: Kind, value: &str) -> bool {
    let dot =
        |c: char| matches!(c, '•' | '●' | '∙' | '⋅' | '·' | '∗' | '⁎' | '＊' | '…' | '█' | '▪');
    if kind == Kind::Password {
        // A password may hold three stars, but is not made of nothing else.
        return value.chars().all(|c| dot(c) || c == '*');
    }
    value.contains(dot) || has_run(value, '*', 3) || has_run(value, '.', 3)
}

/// Whether `c` stands `length` times in a row in `value`.
fn has_run(value: &str, wanted: char, length: usize) -> bool {
    let mut run = 0;
    value.chars().any(|c| {
        run = if c.eq_ignore_ascii_case(&wanted) { run + 1 } else { 0 };
        run == length
    })
}

/// Whether the value stands for one: `YOUR_API_KEY`, `<token>`, `${TOKEN}`, `sk_live_xxxxxxxx`.
fn is_placeholder(kind: Kind, value: &str) -> bool {
    let enclosed = |open, close| value.starts_with(open) && value.ends_with(close);
    enclosed('<', '>')
        || enclosed('{', '}')
        || enclosed('[', ']')
        || enclosed('%', '%')
        || value.strip_prefix('$').is_some_and(|name| {
            name.starts_with(['{', '(']) || name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        })
        || has_run(value, 'x', 8)
        // A company may be called so; a key is not.
        || (kind == Kind::Key
            && (PLACEHOLDERS.split('|').any(|words| contains(value, words))
                || value.ends_with("EXAMPLE")
                || value.ends_with("EXAMPLEKEY")))
}

/// What manuals write where a key belongs.
const PLACEHOLDERS: &str = "your-|your_|your |my-api|my_api|-here|_here| here|changeme|change-me|replace|insert-|insert_|process.env";

/// Whether `value` holds `words`, without regard to ASCII case.
fn contains(value: &str, words: &str) -> bool {
    value
        .char_indices()
        .any(|(at, _)| value.get(at..).is_some_and(|tail| after(tail, words).is_some()))
}
