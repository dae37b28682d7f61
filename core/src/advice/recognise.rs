//! What a value looks like when it does not look like what the field wants.
//!
//! A notice never stops anybody: patterns and prefixes age, and the provider's live answer decides.

use super::{FieldShape, KeyShape, Kind, checksum, vendors};
use crate::text::{BLANK, Part, Text, UPPER, set};

/// Keys shorter than this are hardly complete, whoever the vendor is.
const SHORTEST_KEY: u16 = 8;

/// A beginning that is shorter than this says little about the vendor: `sk-`, `pk_`, `eyJ`.
const ANYBODYS: usize = 4;

/// What stands out about a value. Holds words of the catalogue and numbers, never the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The vendor's own key, of a kind that the field does not want.
    WrongKind {
        /// What it is: `publishable`, `webhook`, …
        kind: &'a str,
        /// A sentence of the catalogue about it; may be empty.
        note: &'a str,
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
    let text = &Text(value);
    let all = text.all();
    if all.is_empty() {
        return None;
    }
    // A whole host name where a part of one is wanted. By the common endings alone: a sub-domain may have dots.
    if field.kind == Kind::Subdomain
        && text.ends(all, ".com|.net|.org|.io|.app|.dev|.cloud|.ai") > 0
    {
        return Some(Notice::OtherAddress);
    }
    if field.kind != Kind::Password && is_placeholder(field.kind, text, all) {
        return Some(Notice::Placeholder);
    }
    if field.kind.is_structural() || field.kind == Kind::Plain {
        return None;
    }
    if is_masked(field.kind, text, all) {
        return Some(Notice::Masked);
    }

    // The vendor's own shapes, in one pass: the longest beginning that fits, and among those without one a shape
    // that fits as a whole, or what is wrong with the first.
    let mut best: Option<&KeyShape> = None;
    let (mut longest, mut expected) = (0, None);
    for shape in own {
        let here = shape.field == field.name;
        let prefix = shape.prefix.as_str();
        if prefix.is_empty() {
            let notice = misfit(shape, value);
            if here && notice.is_none() && best.is_none() {
                best = Some(shape);
            } else if here && !shape.wrong {
                expected = expected.or(notice);
            }
        } else if value.starts_with(prefix) && (here || !shape.wrong) {
            // The field's own shapes come before another field's.
            let rank = prefix.len() + if here { usize::from(u16::MAX) } else { 1 };
            if rank > longest {
                (best, longest) = (Some(shape), rank);
            }
        } else if here && !shape.wrong {
            expected = expected.or(Some(Notice::Prefix { expected: prefix }));
        }
    }
    // A vendor that is known for a longer beginning than these few characters, which anybody may have: `sk-ant-…`
    // where `sk-…` is wanted, a token of GitHub's where any 40 characters are.
    let (names, beginning) = vendors::find(text);
    let own_beginning = best.map_or(0, |shape| shape.prefix.len());
    if own_beginning < beginning.min(ANYBODYS) && !vendors::is_of(names, own_vendor) {
        return Some(Notice::OtherVendor { vendor: vendors::shown(names) });
    }
    if let Some(shape) = best {
        return judge(shape, field.name, value);
    }

    let key = field.kind == Kind::Key;
    if key {
        if text.starts(all, "-----BEGIN ") > 0 {
            return Some(Notice::PrivateKeyFile);
        }
        if text.starts(all, "https://|http://|www.") > 0 {
            return Some(Notice::Url);
        }
        if is_email(text, all) {
            return Some(Notice::Email);
        }
    }
    if beginning > 0 {
        return None;
    }
    if key && text.any(all, BLANK) {
        return Some(Notice::Blank);
    }
    let too_short = key && value.len() < usize::from(SHORTEST_KEY);
    expected.or(too_short.then_some(Notice::TooShort { expected: SHORTEST_KEY }))
}

/// What to say about a value of this shape.
fn judge<'a>(shape: &'a KeyShape, field: &str, value: &str) -> Option<Notice<'a>> {
    if shape.field != field {
        return Some(Notice::WrongField { field: &shape.field });
    }
    if !shape.wrong {
        return misfit(shape, value).or(shape.is_test().then_some(Notice::TestKey));
    }
    Some(match shape.kind.as_str() {
        _ if shape.is_test() => Notice::TestKey,
        "live" | "production" => Notice::LiveKey,
        kind => Notice::WrongKind { kind, note: &shape.note },
    })
}

/// Where `value` departs from the shape, prefix apart.
#[inline(never)]
fn misfit(shape: &KeyShape, value: &str) -> Option<Notice<'static>> {
    let text = &Text(value);
    let body = text.all().skip(shape.prefix.len());
    let length = value.len();
    if length < usize::from(shape.min) {
        Some(Notice::TooShort { expected: shape.min })
    } else if shape.max > 0 && length > usize::from(shape.max) {
        Some(Notice::TooLong { expected: shape.max })
    } else if !shape.allows(text, body) {
        Some(Notice::Alphabet)
    } else if !checksum::is_right(shape, text.str(body)) {
        Some(Notice::Checksum)
    } else {
        None
    }
}

/// `name@host.tld` and nothing else.
fn is_email(text: &Text<'_>, all: Part) -> bool {
    let foreign = BLANK | set!(":/@");
    let name = text.until(all, foreign);
    let host = all.after(name);
    !name.is_empty()
        && text.first(host) == b'@'
        && text.any(host, set!("."))
        && !text.any(host.skip(1), foreign)
}

/// The dots that stand for what is hidden.
const DOTS: &str = "•|●|∙|⋅|·|∗|＊|…|█|▪";

/// Whether a part of the value is hidden.
fn is_masked(kind: Kind, text: &Text<'_>, all: Part) -> bool {
    if kind != Kind::Password {
        return text.holds(all, DOTS) || text.holds(all, "***|...");
    }
    // A password may hold three stars, but is not made of nothing else.
    let mut rest = all;
    while !rest.is_empty() {
        let dot = text.starts(rest, DOTS) + text.starts(rest, "*");
        if dot == 0 {
            return false;
        }
        rest = rest.skip(dot);
    }
    true
}

/// Whether the value stands for one: `YOUR_API_KEY`, `<token>`, `${TOKEN}`, `sk_live_xxxxxxxx`.
fn is_placeholder(kind: Kind, text: &Text<'_>, all: Part) -> bool {
    let enclosed = matches!(
        (text.first(all), text.last(all)),
        (b'<', b'>') | (b'{', b'}') | (b'[', b']') | (b'%', b'%')
    );
    let variable = text.starts(all, "${|$(") > 0
        || (text.starts(all, "$") > 0 && text.all_of(all.skip(1), UPPER | set!("_")));
    // A company may be called so; a key is not.
    enclosed
        || variable
        || text.holds(all, "xxxxxxxx")
        || (kind == Kind::Key && text.holds(all, PLACEHOLDERS))
}

/// What manuals write where a key belongs.
const PLACEHOLDERS: &str = "your-|your_|your |my-api|my_api|-here|_here| here|changeme|change-me|replace|insert-|insert_|process.env|7EXAMPLE";
