//! Every word that the person with the key reads, in English, by key.
//!
//! Other languages are files of the same keys (`js/locales/*.js`), fetched only when needed; an
//! integrator may override any single word (`strings`). Provider names, field labels and help texts
//! are data of the catalogue and not here.
//!
//! `{provider}` and the like are filled by [`fill`]. The build holds every language against this list
//! (`scripts/languages.mjs`).

use crate::table::{Table, table};
use crate::text::{Text, set};

/// Makes the enum, the keys and the English text from one list.
macro_rules! words {
    ($($name:ident $key:literal $english:literal)*) => {
        /// One text of the dialog.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Word { $(#[doc = $english] $name,)* }

        /// All there are.
        pub const ALL: &[Word] = &[$(Word::$name,)*];

        /// Key and English text, in the order of [`Word`].
        const ENGLISH: Table = table! { $($key $english)* };
    };
}

words! {
    Title "title" "Connect {provider}"
    TitlePlain "title_plain" "Connect your account"
    Close "close" "Close"
    Loading "loading" "Loading…"
    Submit "submit" "Connect"
    Submitting "submitting" "Checking with {provider}…"
    Optional "optional" "optional"
    Choose "choose" "Choose…"
    ApiKey "api_key" "API key"
    Username "username" "User name"
    Password "password" "Password"
    Show "show" "Show"
    Hide "hide" "Hide"
    ShowField "show_field" "Show {field}"
    HideField "hide_field" "Hide {field}"
    Where "where" "Where do I find this?"
    Guide "guide" "Open {provider}’s guide"
    NothingToFill "nothing_to_fill" "Nothing to fill in. Press Connect to finish."

    FaultEmpty "fault_empty" "Fill this in to connect."
    FaultHost "fault_host" "This can’t be part of a web address. Check the spelling."
    FaultHeader "fault_header" "This contains characters that a key can’t have. Copy it again."
    FaultLong "fault_long" "This is longer than 4,096 characters. Copy only the key."
    FaultChoice "fault_choice" "Choose from the list."

    Removed "removed" "Tidied up: {what} removed."
    RemovedBlanks "removed_blanks" "spaces"
    RemovedInvisible "removed_invisible" "invisible characters"
    RemovedLineBreaks "removed_line_breaks" "line breaks"
    RemovedQuotes "removed_quotes" "quotation marks"
    RemovedName "removed_name" "the name before it"
    RemovedNamed "removed_named" "“{text}”"
    RemovedOtherLines "removed_other_lines" "the other lines"
    RemovedJson "removed_json" "the JSON around it"
    RemovedCurl "removed_curl" "the rest of the command"
    RemovedAddress "removed_address" "the rest of the address"
    RemovedEncoding "removed_encoding" "its encoding"
    RemovedTrailing "removed_trailing" "punctuation at the end"
    Added "added" "Added: {what}"
    Separator "separator" ", "
    Undo "undo" "Undo"
    OfferRepair "offer_repair" "There is something around the password: {what}."
    OfferRepairDo "offer_repair_do" "Remove it"
    OfferSplit "offer_split" "This looks like a user name and a password in one."
    OfferSplitDo "offer_split_do" "Fill in both"

    NoticeWrongKind "notice_wrong_kind" "This looks like another kind of key ({kind}) than {provider} needs here."
    NoticeWrongField "notice_wrong_field" "This looks like the value of another field."
    NoticeOtherVendor "notice_other_vendor" "This looks like a key from {vendor}, not {provider}."
    NoticeTest "notice_test" "This is a test key: it won’t reach live data."
    NoticeLive "notice_live" "This is a live key."
    NoticeChecksum "notice_checksum" "A character of this key is wrong or missing. Copy it again."
    NoticeEmail "notice_email" "This looks like an e-mail address, not a key."
    NoticeUrl "notice_url" "This looks like a web address, not a key."
    NoticeOtherAddress "notice_other_address" "This address is not one of {provider}’s."
    NoticeFile "notice_file" "This is a private key or a certificate, not an API key."
    NoticeBlank "notice_blank" "There is a space inside. Check that you copied only the key."
    NoticeAlphabet "notice_alphabet" "Some characters here are unusual for a key of {provider}."
    NoticePrefix "notice_prefix" "Keys of {provider} usually begin with {prefix}. You can still try it."
    NoticeMasked "notice_masked" "These are masking dots, not the key itself."
    NoticePlaceholder "notice_placeholder" "This is the placeholder of an example, not your key."
    NoticeShort "notice_short" "This looks too short. Check that you copied all of it."
    NoticeLong "notice_long" "This looks too long. Check that you copied only the key."
    NoticePattern "notice_pattern" "This doesn’t look as usual (example: {example}). You can still try it."
    NoticePatternPlain "notice_pattern_plain" "This doesn’t look as usual. You can still try it."

    Refused "refused" "{provider} did not accept this."
    RefusedNext "refused_next" "Check that you copied all of it, or create a new key in {provider}."
    Forbidden "forbidden" "{provider} knows this key, but it lacks permission."
    ForbiddenNext "forbidden_next" "Allow it to read in {provider}, or use a key that may."
    Address "address" "Nothing answers at this address."
    AddressNext "address_next" "Check the spelling of the address. Your key was not refused."
    Unavailable "unavailable" "{provider} is not answering right now."
    UnavailableNext "unavailable_next" "Your key is not the cause. Try again in a moment."
    Invalid "invalid" "Something needs another look."
    InvalidNext "invalid_next" "See the marked field."
    Offline "offline" "You are offline."
    OfflineNext "offline_next" "This goes on as soon as you are back online."
    Network "network" "We could not be reached."
    NetworkNext "network_next" "Check your connection and try again."
    Timeout "timeout" "This took too long."
    Server "server" "Something went wrong on our side."
    AgainNext "again_next" "Try again in a moment."
    Limited "limited" "Too many attempts."
    LimitedNext "limited_next" "Wait a minute, then try again."
    LimitedUntil "limited_until" "Try again {when}."
    Expired "expired" "This window was open for too long."
    ExpiredNext "expired_next" "Close it and start again. What you typed is kept for five minutes."
    Retry "retry" "Try again"
    SaveUnchecked "save_unchecked" "Save without checking"
    Reference "reference" "Reference {id}"
    Copy "copy" "Copy"
    Copied "copied" "Copied"

    Connected "connected" "{provider} is connected"
    ConnectedAccount "connected_account" "Account: {account}"
    ConnectedUnchecked "connected_unchecked" "Saved without checking: {provider} did not answer."
    ConnectedNoCheck "connected_no_check" "Saved. {provider} offers no way to check a key."
    Done "done" "Done"
}

impl Word {
    /// The key in language files and in `strings`.
    #[must_use]
    pub fn key(self) -> &'static str {
        ENGLISH.name(self as usize)
    }

    /// The English text.
    #[must_use]
    pub fn english(self) -> &'static str {
        ENGLISH.text(self as usize)
    }
}

/// Replaces `{name}` in a text by a value, for each pair. Unknown placeholders stay.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let text = Text(text);
    let mut rest = text.all();
    while !rest.is_empty() {
        let plain = text.until(rest, set!("{"));
        out.push_str(text.str(plain));
        rest = rest.after(plain);
        let name = text.until(rest.skip(1), set!("}"));
        match values.iter().find(|(key, _)| *key == text.str(name)) {
            Some((_, value)) => {
                out.push_str(value);
                rest = rest.after(name).skip(1);
            }
            None => {
                out.push_str(text.str(rest.before(rest.skip(1))));
                rest = rest.skip(1);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_and_snake_case() {
        for (at, word) in ALL.iter().enumerate() {
            let key = word.key();
            assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{key}");
            assert!(!key.is_empty() && !word.english().is_empty(), "{key}");
            assert!(ALL.iter().skip(at + 1).all(|other| other.key() != key), "{key}");
        }
    }

    #[test]
    fn a_word_finds_its_own_row() {
        assert_eq!(Word::Title.key(), "title");
        assert_eq!(Word::Done.key(), "done");
        assert_eq!(Word::Undo.english(), "Undo");
    }

    #[test]
    fn placeholders_are_filled_and_strangers_stay() {
        assert_eq!(fill("Connect {provider}", &[("provider", "Acme {x}")]), "Connect Acme {x}");
        assert_eq!(fill("{a}{b} {c", &[("a", "1")]), "1{b} {c");
    }
}
