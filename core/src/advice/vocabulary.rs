//! Which names are names of a credential: `STRIPE_SECRET_KEY`, `x-api-key`, `Your API token`.
//!
//! This is what keeps [`repair`](super::repair()) away from the inside of a key: `abc=def` is left alone,
//! `API_KEY=def` is not, because a random string does not spell one of these words by accident.

use super::text::{first, head, in_word, listed, position, tail};

/// Words that name a secret.
const SECRET: &str = "key|token|secret|password|api|auth|authorization|bearer|basic|apikey|apitoken|accesstoken|\
    authtoken|oauthtoken|accesskey|secretkey|passwd|passphrase|pass|pwd|pat|credential|credentials|keys|tokens|ssws|jwt";

/// Words that name the person or the account.
const PERSON: &str = "user|username|userid|login|email|mail|account";

/// Words that stand beside those and name nothing by themselves.
const COMPANY: &str = "x|my|your|the|a|is|new|access|private|personal|client|service|admin|rest|live|test|sandbox|\
    prod|production|id|app|web|http|public|publishable|default|oauth|oauth2|full|name|value";

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// It names a secret.
    pub(super) secret: bool,
    /// It names a person.
    pub(super) person: bool,
    /// Every word of it is known, so nothing in it can be a value.
    pub(super) only_known_words: bool,
}

impl Meaning {
    /// Whether the name says anything about credentials.
    pub(super) const fn is_known(self) -> bool {
        self.secret || self.person
    }

    /// Whether the name is made of credential words alone: `api key`, `Authorization`, `x-api-key`.
    pub(super) const fn is_certain(self) -> bool {
        self.is_known() && self.only_known_words
    }
}

/// Reads the words of `name`, which are parted by punctuation, blanks or a change from lower to upper case.
#[inline(never)]
pub(super) fn meaning(name: &str) -> Meaning {
    let mut meaning = Meaning { secret: false, person: false, only_known_words: true };
    let mut rest = name;
    while !rest.is_empty() {
        let word = head(rest, word_end(rest));
        if listed(SECRET, word) {
            meaning.secret = true;
        } else if listed(PERSON, word) {
            meaning.person = true;
        } else if !word.is_empty() && !listed(COMPANY, word) {
            meaning.only_known_words = false;
        }
        // A word, or the one character that parts two.
        rest = tail(rest, word.len().max(1));
    }
    meaning
}

/// Where the word at the start of `text` ends; 0 when there is none.
fn word_end(text: &str) -> usize {
    let capitals = position(text, |b| !b.is_ascii_uppercase());
    let small =
        capitals + position(tail(text, capitals), |b| !in_word(b) || b.is_ascii_uppercase());
    // `APIKey` is read as one word, as is `API`; `apiKey` as two.
    if capitals == 0 && !in_word(first(text)) { 0 } else { small }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mut name: &str) -> Vec<&str> {
        let mut words = Vec::new();
        while !name.is_empty() {
            let word = head(name, word_end(name));
            words.extend((!word.is_empty()).then_some(word));
            name = tail(name, word.len().max(1));
        }
        words
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
