//! From findings to sentences. The findings are `core`'s, the sentences the language's.

use crate::options::Words;
use keyslot_core::advice::{Notice, Removed, Repair};
use keyslot_core::failure::Cause;
use keyslot_core::words::Word;

/// What happened, and what to do next.
pub(super) fn failure(cause: Cause) -> (Word, Word) {
    match cause {
        Cause::Refused => (Word::Refused, Word::RefusedNext),
        Cause::Forbidden => (Word::Forbidden, Word::ForbiddenNext),
        Cause::Address => (Word::Address, Word::AddressNext),
        Cause::Unavailable => (Word::Unavailable, Word::UnavailableNext),
        Cause::Invalid => (Word::Invalid, Word::InvalidNext),
        Cause::Offline => (Word::Offline, Word::OfflineNext),
        Cause::Network => (Word::Network, Word::NetworkNext),
        Cause::Timeout => (Word::Timeout, Word::AgainNext),
        Cause::Server => (Word::Server, Word::AgainNext),
        Cause::Limited => (Word::Limited, Word::LimitedNext),
        Cause::Expired => (Word::Expired, Word::ExpiredNext),
    }
}

/// One sentence for a repair that was made.
pub(super) fn repaired(repair: &Repair, words: &Words) -> String {
    if repair.removed.is_empty() && repair.added_scheme {
        return words.fill(Word::Added, &[("what", "https://")]);
    }
    words.fill(Word::Removed, &[("what", &parts(repair, words))])
}

/// The removed things, listed; the names among them as one.
pub(super) fn parts(repair: &Repair, words: &Words) -> String {
    let mut list = String::new();
    let mut named = false;
    for what in repair.removed.iter() {
        let plain = match what {
            Removed::Blanks => Word::RemovedBlanks,
            Removed::Invisible => Word::RemovedInvisible,
            Removed::LineBreaks => Word::RemovedLineBreaks,
            Removed::Quotes => Word::RemovedQuotes,
            Removed::HeaderName | Removed::VariableName | Removed::Scheme if named => continue,
            Removed::HeaderName | Removed::VariableName | Removed::Scheme => {
                named = true;
                Word::RemovedName
            }
            Removed::OtherLines => Word::RemovedOtherLines,
            Removed::Json => Word::RemovedJson,
            Removed::Curl => Word::RemovedCurl,
            Removed::Address => Word::RemovedAddress,
            Removed::Encoding => Word::RemovedEncoding,
            Removed::Trailing => Word::RemovedTrailing,
        };
        if !list.is_empty() {
            list.push_str(words.get(Word::Separator));
        }
        if matches!(plain, Word::RemovedName) && !repair.words.is_empty() {
            list.push_str(&words.fill(Word::RemovedNamed, &[("text", &repair.words)]));
        } else {
            list.push_str(words.get(plain));
        }
    }
    list
}

/// One sentence for what a value looks like.
pub(super) fn notice(notice: &Notice<'_>, provider: &str, words: &Words) -> String {
    let (word, name, value) = match *notice {
        // The catalogue's own sentence knows more than a general one.
        Notice::WrongKind { note, .. } if !note.is_empty() => return note.to_owned(),
        Notice::WrongKind { kind, .. } => (Word::NoticeWrongKind, "kind", kind),
        Notice::WrongField { .. } => (Word::NoticeWrongField, "", ""),
        Notice::OtherVendor { vendor } => (Word::NoticeOtherVendor, "vendor", vendor),
        Notice::TestKey => (Word::NoticeTest, "", ""),
        Notice::LiveKey => (Word::NoticeLive, "", ""),
        Notice::Checksum => (Word::NoticeChecksum, "", ""),
        Notice::Email => (Word::NoticeEmail, "", ""),
        Notice::Url => (Word::NoticeUrl, "", ""),
        Notice::OtherAddress => (Word::NoticeOtherAddress, "", ""),
        Notice::PrivateKeyFile => (Word::NoticeFile, "", ""),
        Notice::Masked => (Word::NoticeMasked, "", ""),
        Notice::Placeholder => (Word::NoticePlaceholder, "", ""),
        Notice::Blank => (Word::NoticeBlank, "", ""),
        Notice::TooShort { .. } => (Word::NoticeShort, "", ""),
        Notice::TooLong { .. } => (Word::NoticeLong, "", ""),
        Notice::Alphabet => (Word::NoticeAlphabet, "", ""),
        Notice::Prefix { expected } => (Word::NoticePrefix, "prefix", expected),
        Notice::Pattern => (Word::NoticePatternPlain, "", ""),
    };
    words.fill(word, &[("provider", provider), (name, value)])
}
