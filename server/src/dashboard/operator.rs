//! Who may use the dashboard: one password for the people who run the server
//! (`KEYSLOT_ADMIN_PASSWORD`), and a signed cookie after it. It counts while its session is in the store, so
//! signing out ends it on every server; another password ends them all.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use aws_lc_rs::{hmac, rand};
use cookie::{Cookie, SameSite, time::Duration};
use http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::PREFIX;

/// The fewest characters of the password.
pub const PASSWORD_MIN: usize = 12;
/// The most bytes of a password that are looked at.
pub const PASSWORD_MAX: usize = 1024;
/// How long a sign-in lasts.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
const COOKIE: &str = "keyslot_operator";
/// The session of everybody when no password is asked for.
const OPEN: &str = "open";

/// What a visitor needs.
enum Door {
    /// Nothing: `--dev`, on loopback.
    Open,
    /// The password of this Argon2id hash.
    Password(String),
    /// It is not to be used: no password is set.
    Closed,
}

/// Why the password of the environment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It is short.
    #[error(
        "KEYSLOT_ADMIN_PASSWORD: expected at least {PASSWORD_MIN} characters, or an Argon2id hash ($argon2id$…)"
    )]
    Short,
    /// It starts as a hash does and is none.
    #[error("KEYSLOT_ADMIN_PASSWORD: starts with $argon2 and is not an Argon2 hash in PHC form")]
    NotAHash,
    /// It could not be hashed.
    #[error("KEYSLOT_ADMIN_PASSWORD: it could not be hashed")]
    Hashing,
}

/// The people who run this server.
pub struct Operators {
    door: Door,
    key: hmac::Key,
    secure: bool,
    path: String,
}

/// Somebody who is let in.
#[derive(Clone)]
pub struct Operator {
    /// The session, which the store must know unless no password is asked for.
    pub session: String,
    /// What every form and every request that changes something must carry.
    pub csrf: String,
}

/// A session that is about to begin.
pub struct NewSession {
    /// Its name in the store. Without the tag in the cookie it opens nothing.
    pub session: String,
    /// When it ends by itself.
    pub ends_at: Timestamp,
    /// The cookie, as `Set-Cookie` has it.
    pub cookie: String,
}

impl Operators {
    /// With the password of the environment: itself, or its Argon2id hash in PHC form. Without one, open
    /// when `dev`, else closed. `secret` is a secret of this installation, `public_url` where browsers
    /// see it.
    ///
    /// # Errors
    /// When the password cannot be used.
    pub fn new(
        password: Option<&SecretString>,
        dev: bool,
        secret: &[u8],
        public_url: &Url,
    ) -> Result<Self, PasswordError> {
        // EXPOSE: to hash it; the text itself is not kept.
        let text = password.map(ExposeSecret::expose_secret);
        let door = match text {
            None if dev => Door::Open,
            None => Door::Closed,
            Some(hash) if hash.starts_with("$argon2") => {
                PasswordHash::new(hash).map_err(|_| PasswordError::NotAHash)?;
                Door::Password(hash.to_owned())
            }
            Some(short) if short.chars().count() < PASSWORD_MIN => {
                return Err(PasswordError::Short);
            }
            Some(text) => {
                let hash: PasswordHash = Argon2::default()
                    .hash_password(text.as_bytes())
                    .map_err(|_| PasswordError::Hashing)?;
                Door::Password(hash.to_string())
            }
        };
        // The password is part of the key, so that another one ends all sessions.
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let key = hmac::sign(&secret, text.unwrap_or_default().as_bytes());
        let local = public_url.host().is_some_and(|host| crate::access::is_loopback(&host));
        Ok(Self {
            door,
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            secure: public_url.scheme() == "https" || !local,
            path: format!("{}{PREFIX}", public_url.path().trim_end_matches('/')),
        })
    }

    /// Whether everybody on this machine is let in.
    pub fn open(&self) -> bool {
        matches!(self.door, Door::Open)
    }

    /// Whether nobody is let in, because no password is set.
    pub fn closed(&self) -> bool {
        matches!(self.door, Door::Closed)
    }

    /// Whether the cookie needs https.
    pub fn needs_https(&self) -> bool {
        self.secure
    }

    /// Whether this is the password. Takes a while and 19 MB on purpose: run it on a blocking thread.
    pub fn is_password(&self, text: &SecretString) -> bool {
        let Door::Password(hash) = &self.door else { return false };
        let Ok(hash) = PasswordHash::new(hash) else { return false };
        // EXPOSE: to be compared.
        let text = text.expose_secret();
        text.len() <= PASSWORD_MAX
            && Argon2::default().verify_password(text.as_bytes(), &hash).is_ok()
    }

    /// Who sends these headers, if it is somebody.
    pub fn operator(&self, headers: &HeaderMap, now: Timestamp) -> Option<Operator> {
        let session = match self.door {
            Door::Closed => return None,
            Door::Open => OPEN.to_owned(),
            Door::Password(_) => self.session(headers, now)?,
        };
        Some(Operator { csrf: self.tag("csrf", &session), session })
    }

    fn session(&self, headers: &HeaderMap, now: Timestamp) -> Option<String> {
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == COOKIE)
            .find_map(|cookie| {
                let (session, tag) = cookie.value().rsplit_once('.')?;
                self.verify("session", session, tag).then_some(())?;
                let ends: i64 = session.split_once('.')?.0.parse().ok()?;
                (now.as_second() < ends).then(|| session.to_owned())
            })
    }

    /// A new session; `None` when there is no randomness.
    pub fn begin(&self, now: Timestamp) -> Option<NewSession> {
        let mut id = [0_u8; 16];
        rand::fill(&mut id).ok()?;
        let ends_at = now + LIFETIME;
        let session = format!("{}.{}", ends_at.as_second(), hex(&id));
        let tag = self.tag("session", &session);
        let cookie = self.set(format!("{session}.{tag}"), Duration::seconds(LIFETIME.as_secs()));
        Some(NewSession { session, ends_at, cookie })
    }

    /// The `Set-Cookie` that ends a session in this browser.
    pub fn no_cookie(&self) -> String {
        self.set(String::new(), Duration::ZERO)
    }

    fn set(&self, value: String, age: Duration) -> String {
        Cookie::build((COOKIE, value))
            .path(self.path.clone())
            .http_only(true)
            .secure(self.secure)
            .same_site(SameSite::Lax)
            .max_age(age)
            .to_string()
    }

    fn tag(&self, purpose: &str, text: &str) -> String {
        hex(hmac::sign(&self.key, format!("{purpose}:{text}").as_bytes()).as_ref())
    }

    fn verify(&self, purpose: &str, text: &str, tag: &str) -> bool {
        let Some(tag) = unhex(tag) else { return false };
        hmac::verify(&self.key, format!("{purpose}:{text}").as_bytes(), &tag).is_ok()
    }
}

impl Operator {
    /// Whether a request carries this session's token. Compared in constant time.
    pub fn sent(&self, token: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.csrf.as_bytes(), token.as_bytes())
            .is_ok()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn operators(password: &str) -> Operators {
        let url = Url::parse("https://keys.example/base").unwrap();
        Operators::new(Some(&password.into()), false, b"secret", &url).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_790_000_000).unwrap()
    }

    fn with_cookie(set: &str) -> HeaderMap {
        let pair = set.split(';').next().unwrap();
        let line = format!("other=1; {pair}");
        [(header::COOKIE, HeaderValue::from_str(&line).unwrap())].into_iter().collect()
    }

    #[test]
    fn a_session_lasts_twelve_hours_and_ends_with_the_password() {
        let these = operators("a long password");
        let set = these.begin(now()).unwrap().cookie;
        for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/base/dashboard"] {
            assert!(set.contains(part), "{part} in {set}");
        }
        let headers = with_cookie(&set);
        let operator = these.operator(&headers, now()).unwrap();
        assert!(operator.sent(&operator.csrf) && !operator.sent("") && !operator.sent("00"));
        assert!(these.operator(&headers, now() + LIFETIME).is_none());
        assert!(operators("another password").operator(&headers, now()).is_none());
        assert!(operators("a long password").operator(&headers, now()).is_some(), "a restart");
    }

    #[test]
    fn a_cookie_that_was_changed_is_none() {
        let these = operators("a long password");
        let set = these.begin(now()).unwrap().cookie;
        let later = set.replacen("keyslot_operator=1", "keyslot_operator=2", 1);
        for changed in [later, set.replace('.', ""), set.replacen('=', "=x", 1)] {
            assert!(these.operator(&with_cookie(&changed), now()).is_none(), "{changed}");
        }
        assert!(these.operator(&HeaderMap::new(), now()).is_none());
        assert!(these.operator(&with_cookie(&these.no_cookie()), now()).is_none());
    }

    #[test]
    fn the_password_is_compared_by_its_hash_and_may_be_given_as_one() {
        let plain = operators("correct horse battery");
        assert!(plain.is_password(&"correct horse battery".into()));
        assert!(!plain.is_password(&"correct horse batterx".into()));
        let Door::Password(hash) = &plain.door else { panic!("no hash") };
        let hashed = operators(hash);
        assert!(hashed.is_password(&"correct horse battery".into()));
        assert!(!hashed.is_password(&hash.as_str().into()));
    }

    #[test]
    fn a_password_that_cannot_be_used_is_refused_at_the_start() {
        let url = Url::parse("http://127.0.0.1:3003").unwrap();
        let refusal = |text: &str| {
            let Err(error) = Operators::new(Some(&text.into()), false, b"x", &url) else {
                panic!("{text} was taken");
            };
            error.to_string()
        };
        assert!(refusal("eleven char").contains("at least 12 characters"));
        assert!(refusal("$argon2id$nonsense").contains("PHC form"));
    }

    #[test]
    fn without_a_password_it_is_open_in_development_and_closed_otherwise() {
        let url = Url::parse("http://127.0.0.1:3003").unwrap();
        let open = Operators::new(None, true, b"x", &url).unwrap();
        assert!(open.open() && open.operator(&HeaderMap::new(), now()).is_some());
        assert!(!open.begin(now()).unwrap().cookie.contains("Secure"), "http on loopback");
        let closed = Operators::new(None, false, b"x", &url).unwrap();
        assert!(closed.closed() && closed.operator(&HeaderMap::new(), now()).is_none());
        assert!(!closed.is_password(&"".into()));
    }
}
