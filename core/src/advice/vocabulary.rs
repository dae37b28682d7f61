//! Which names are names of a credential: `STRIPE_SECRET_KEY`, `x-api-key`, `Your API token`.
//!
//! This is what keeps [`repair`](super::repair()) away from the inside of a key: `abc=def` is left alone,
//! `API_KEY=def` is not, because a random string does not spell one of these words by accident.

use crate::text::{Part, Text, UPPER, WORD};

/// Words that name a secret.
const SECRET: &str = "key|token|secret|password|api|auth|authorization|bearer|basic|apikey|apitoken|accesstoken|\
    authtoken|oauthtoken|accesskey|secretkey|passwd|passphrase|pass|pwd|pat|credential|credentials|keys|tokens|ssws|jwt";

/// Words that name the person or the account.
const PERSON: &str = "user|username|userid|login|email|mail|account";

/// Words that stand beside those and name nothing by themselves.
const COMPANY: &str = "x|my|your|the|a|is|new|access|private|personal|client|service|admin|rest|live|test|sandbox|\
    prod|production|id|app|web|http|public|publishable|default|oauth|oauth2|full|name|value";

/// What a name says.
#[derive(Clone, Copy)]
pub(super) struct Meaning(u8);

const SAYS_SECRET: u8 = 1;
const SAYS_PERSON: u8 = 2;
const FOREIGN: u8 = 4;

impl Meaning {
    /// It names a secret.
    pub(super) const fn secret(self) -> bool {
        self.0 & SAYS_SECRET != 0
    }

    /// It names a person.
    pub(super) const fn person(self) -> bool {
        self.0 & SAYS_PERSON != 0
    }

    /// Every word of it is known, so nothing in it can be a value.
    pub(super) const fn only_known_words(self) -> bool {
        self.0 & FOREIGN == 0
    }

    /// Whether the name says anything about credentials.
    pub(super) const fn is_known(self) -> bool {
        self.0 & (SAYS_SECRET | SAYS_PERSON) != 0
    }

    /// Whether the name is made of credential words alone: `api key`, `Authorization`, `x-api-key`.
    pub(super) const fn is_certain(self) -> bool {
        self.is_known() && self.only_known_words()
    }
}

/// Reads the words of `name`, which are parted by punctuation, blanks or a change from lower to upper case.
#[inline(never)]
pub(super) fn meaning(text: &Text<'_>, name: Part) -> Meaning {
    let mut meaning = 0;
    let mut rest = name;
    while !rest.is_empty() {
        let word = first_word(text, rest);
        if text.is(word, SECRET) {
            meaning |= SAYS_SECRET;
        } else if text.is(word, PERSON) {
            meaning |= SAYS_PERSON;
        } else if !word.is_empty() && !text.is(word, COMPANY) {
            meaning |= FOREIGN;
        }
        // A word, or the one character that parts two.
        rest = rest.skip(word.len().max(1));
    }
    Meaning(meaning)
}

/// The word at the start, empty when there is none. `APIKey` is read as one word, as is `API`; `apiKey` as two.
fn first_word(text: &Text<'_>, rest: Part) -> Part {
    let capitals = text.run(rest, UPPER);
    let small = text.run(rest.after(capitals), WORD & !UPPER);
    rest.before(rest.after(small))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str) -> Vec<&str> {
        let (text, mut words) = (Text(name), Vec::new());
        let mut rest = text.all();
        while !rest.is_empty() {
            let word = first_word(&text, rest);
            words.extend((!word.is_empty()).then_some(text.str(word)));
            rest = rest.skip(word.len().max(1));
        }
        words
    }

    fn meaning(name: &str) -> Meaning {
        super::meaning(&Text(name), Text(name).all())
    }

    #[test]
    fn words_are_parted_by_punctuation_and_by_camel_case() {
        assert_eq!(words("STRIPE_SECRET_KEY"), ["STRIPE", "SECRET", "KEY"]);
        assert_eq!(words("x-api-key"), ["x", "api", "key"]);
        assert_eq!(words("stripeApiKey"), ["stripe", "Api", "Key"]);
        assert_eq!(words("APIKey"), ["APIKey"]);
        assert_eq!(words(" Your API key "), ["Your", "API", "key"]);
        assert_eq!(words("clé API"), ["clé", "API"]);
        assert_eq!(words("--"), Vec::<&str>::new());
    }

    #[test]
    fn a_name_of_credential_words_alone_is_certain() {
        for name in [
            "api key",
            "Authorization",
            "x-api-key",
            "apiKey",
            "APIKey",
            "Your API token",
            "user name",
            "password",
        ] {
            assert!(meaning(name).is_certain(), "{name}");
        }
    }

    #[test]
    fn a_name_with_a_foreign_word_is_known_but_not_certain() {
        for name in ["STRIPE_SECRET_KEY", "DeepL-Auth-Key", "acme_password"] {
            let meaning = meaning(name);
            assert!(meaning.is_known() && !meaning.is_certain(), "{name}");
        }
    }

    #[test]
    fn the_start_of_a_key_is_no_name() {
        for name in [
            "sk_live_51Ab",
            "ghp_abcdef",
            "xoxb-1-2",
            "dGVzdA",
            "",
            "x",
            "test",
            "1/1201",
            "é",
            "--",
        ] {
            assert!(!meaning(name).is_known(), "{name}");
        }
    }
}
