//! Which names are names of a credential: `STRIPE_SECRET_KEY`, `x-api-key`, `Your API token`.
//!
//! This is what keeps [`repair`](super::repair()) away from the inside of a key: `abc=def` is left alone,
//! `API_KEY=def` is not, because a random string does not spell one of these words by accident.

/// Words that name a secret.
const SECRET: &str = "key keys apikey apikeys apitoken api token tokens accesstoken authtoken oauthtoken \
    accesskey secretkey privatekey apisecret authkey secret password passwd passphrase pass pwd pw pat \
    auth authorization bearer basic credential credentials ssws jwt";

/// Words that name the person or the account.
const PERSON: &str = "user username userid login email mail account";

/// Words that stand beside those and name nothing by themselves.
const COMPANY: &str = "x my your the a an is this new access private personal client service admin rest live \
    test sandbox prod production id app application server web http public publishable default oauth \
    oauth2 integration security full read write name value";

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
pub(super) fn meaning(name: &str) -> Meaning {
    let mut meaning = Meaning { secret: false, person: false, only_known_words: true };
    let mut rest = name;
    while let Some(word) = next_word(&mut rest) {
        if listed(SECRET, word) {
            meaning.secret = true;
        } else if listed(PERSON, word) {
            meaning.person = true;
        } else if !listed(COMPANY, word) {
            meaning.only_known_words = false;
        }
    }
    meaning
}

/// Takes the next run of letters and digits off `rest`. Characters outside ASCII count as letters.
fn next_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let in_word = |c: char| c.is_ascii_alphanumeric() || !c.is_ascii();
    let text = rest.trim_start_matches(|c| !in_word(c));
    let mut was_lower = false;
    let end = text.find(|c: char| {
        let ends = !in_word(c) || (was_lower && c.is_ascii_uppercase());
        was_lower = c.is_ascii_lowercase();
        ends
    });
    let (word, tail) = text.split_at_checked(end.unwrap_or(text.len()))?;
    *rest = tail;
    (!word.is_empty()).then_some(word)
}

fn listed(words: &str, word: &str) -> bool {
    words.split(' ').any(|known| !known.is_empty() && known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(mut name: &str) -> Vec<&str> {
        core::iter::from_fn(|| next_word(&mut name)).collect()
    }

    #[test]
    fn words_are_parted_by_punctuation_and_by_camel_case() {
        assert_eq!(words("STRIPE_SECRET_KEY"), ["STRIPE", "SECRET", "KEY"]);
        assert_eq!(words("x-api-key"), ["x", "api", "key"]);
        assert_eq!(words("stripeApiKey"), ["stripe", "Api", "Key"]);
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
        for name in ["sk_live_51Ab", "ghp_abcdef", "xoxb-1-2", "dGVzdA", "", "x", "test", "1/1201"]
        {
            assert!(!meaning(name).is_known(), "{name}");
        }
    }
}
