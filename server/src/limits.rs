//! How much somebody may ask of this server: requests of a secret key, of a connect session and of an
//! address, wrong credentials and wrong passwords. Several servers on one database count together.
//!
//! **Requests** ([`Limits::request`]) would each cost a write if each were counted in the store. So every
//! server gives away a hundredth of each limit by itself, and for what is beyond that fetches an
//! advance from the store, at most another hundredth, good for `ADVANCE_LASTS`; requests are served
//! out of it. With `n` servers, therefore, never more than the limit and `n` hundredths of it are let
//! through, and up to `n` hundredths may lie unused for some seconds. A limit below 100 is counted
//! exactly. Were the store to fail, requests would pass: they need it anyway.
//!
//! **Wrong credentials** ([`Limits::check`]) are counted in the store before they are checked, in one
//! statement that decides and counts, and given back when they turn out not to be wrong. So however many
//! servers are asked in the same moment, no more are told that they are wrong than the limit says. What
//! is being checked counts as wrong until then, and one whose asker has gone away stays counted. Behind
//! one address, therefore, no more can be checked at once than the limit of the address.
//!
//! **Wrong passwords** ([`Limits::sign_in`]) are counted in the store before they are looked at, of an IPv6
//! address for its site (/48) as well: whoever has one has 65,536 networks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use crate::{
    allowance::{FullAt, Quota, Taken},
    client_address::ClientAddress,
    error::ApiError,
    store::Store,
};

/// For how long an advance is good.
const ADVANCE_LASTS: SignedDuration = SignedDuration::from_secs(5);
/// The part of a limit that each server gives away by itself, and the most of an advance.
const SHARE: u32 = 100;
/// For how long nothing is asked of the store after it had nothing left.
const CLOSED_AT_LEAST: SignedDuration = SignedDuration::from_millis(100);
/// Callers that are remembered; about 20 MB. Beyond that, those that have been quiet are forgotten, or
/// all: what matters of them is in the store.
const CALLERS: usize = 100_000;
/// How much a request without a valid credential counts.
pub(crate) const UNKNOWN_COST: u32 = 10;
/// Within how many minutes wrong credentials are counted: for a session, as long as one lives.
const SESSION_WINDOW: u32 = 30;
const ADDRESS_WINDOW: u32 = 60;
/// Five wrong passwords at once, then one a minute.
const PASSWORDS: (u32, u32) = (5, 5);
/// The same for a site: four times as many.
const SITE_PASSWORDS: (u32, u32) = (20, 5);

/// What is allowed; 0 is no limit.
#[derive(Clone, Debug)]
pub struct Rates {
    /// Requests a minute with one secret key.
    pub secret_key: u32,
    /// Requests a minute with one connect session.
    pub session: u32,
    /// Requests a minute from one address that carry no valid secret key or session; those with an
    /// invalid one count ten times.
    pub address: u32,
    /// Wrong credentials within half an hour with one connect session.
    pub session_failures: u32,
    /// Wrong credentials within an hour from one address.
    pub address_failures: u32,
    /// The proxies whose word about the address of a client is taken.
    pub trusted_proxies: Vec<IpNet>,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            secret_key: 1_200_000,
            session: 60_000,
            address: 6_000,
            session_failures: 20,
            address_failures: 300,
            trusted_proxies: Vec::new(),
        }
    }
}

/// Who is limited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A secret key, by its id.
    SecretKey(String),
    /// A connect session, by its id.
    Session(String),
    /// An address.
    Address(std::net::IpAddr),
}

impl Caller {
    /// Whoever is at this address.
    pub fn at(address: Option<ClientAddress>) -> Self {
        Self::Address(address.unwrap_or_else(ClientAddress::unknown).network())
    }

    /// The name of the bucket in the store.
    fn bucket(&self, purpose: &str) -> String {
        match self {
            Self::SecretKey(id) => format!("{purpose}:secret_key:{id}"),
            Self::Session(id) => format!("{purpose}:session:{id}"),
            Self::Address(network) => format!("{purpose}:address:{network}"),
        }
    }
}

/// Where a caller stands, as the headers of an answer say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests a minute.
    limit: u32,
    /// Requests that are left, as far as this server knows.
    remaining: u32,
    /// When all of them are regained, in seconds since 1970.
    reset: i64,
}

impl Standing {
    /// Puts the headers into an answer; the names are the wire's. Where a vendor's answer has any of
    /// them, they are about the vendor's limit, and stay.
    pub fn tell(self, headers: &mut HeaderMap) {
        const NAMES: [HeaderName; 3] = [
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
        ];
        if NAMES.iter().any(|name| headers.contains_key(name)) {
            return;
        }
        let values = [
            HeaderValue::from(self.limit),
            HeaderValue::from(self.remaining),
            HeaderValue::from(self.reset),
        ];
        for (name, value) in NAMES.into_iter().zip(values) {
            headers.insert(name, value);
        }
    }
}

/// What this server knows of a caller.
struct Known {
    /// When the whole limit is regained, as far as this server knows: what it has used itself and what
    /// the store last said.
    full_at: FullAt,
    /// The same of the share that it gives away by itself.
    share_full_at: FullAt,
    /// What is left of the advance.
    advance: u32,
    advance_ends: Timestamp,
    /// How much to ask for next.
    next_advance: u32,
    /// Before this moment the store has nothing.
    closed_until: Timestamp,
    /// Held by the one request that asks the store.
    turn: Option<Arc<tokio::sync::Mutex<()>>>,
}

enum Here {
    Passes(Standing),
    Closed(Standing, SignedDuration),
    Ask { advance: u32, turn: Arc<tokio::sync::Mutex<()>> },
}

impl Known {
    fn new(quota: Quota, now: Timestamp) -> Self {
        Self {
            full_at: FullAt::at(now),
            share_full_at: FullAt::at(now),
            advance: 0,
            advance_ends: now,
            next_advance: (quota.capacity() / SHARE / 10).max(1),
            closed_until: now,
            turn: None,
        }
    }

    fn standing(&self, quota: Quota, now: Timestamp) -> Standing {
        let reset = self.full_at.max(FullAt::at(now)).nanoseconds();
        Standing {
            limit: quota.capacity(),
            remaining: quota.left(Some(self.full_at), now),
            reset: reset.div_euclid(1_000_000_000) + 1,
        }
    }

    /// Decides by what is known here.
    fn decide(&mut self, quota: Quota, cost: u32, now: Timestamp) -> Here {
        let most = (quota.capacity() / SHARE).max(1);
        if now >= self.advance_ends {
            if self.advance > 0 {
                self.next_advance = (self.next_advance / 2).max((most / 10).max(1));
            }
            self.advance = 0;
        }
        if self.advance >= cost {
            self.advance -= cost;
        } else {
            match quota.part(SHARE).map(|share| share.take(Some(self.share_full_at), cost, now)) {
                Some(taken) if taken.granted == cost => self.share_full_at = taken.full_at,
                _ if now < self.closed_until => {
                    let wait = self.closed_until.duration_since(now);
                    return Here::Closed(self.standing(quota, now), wait);
                }
                _ => {
                    let advance = self.next_advance.min(most).max(cost);
                    let turn = Arc::clone(self.turn.get_or_insert_default());
                    return Here::Ask { advance, turn };
                }
            }
        }
        self.full_at = quota.take(Some(self.full_at), cost, now).full_at;
        Here::Passes(self.standing(quota, now))
    }

    /// Takes in what the store has given.
    fn given(&mut self, quota: Quota, taken: Taken, cost: u32, now: Timestamp) {
        self.advance = self.advance.saturating_add(taken.granted);
        self.advance_ends = now + ADVANCE_LASTS;
        self.next_advance = (self.next_advance * 2).min((quota.capacity() / SHARE).max(1)).max(1);
        // What the advance holds is not used yet.
        self.full_at = self.full_at.max(quota.unused(taken.full_at, self.advance));
        if self.advance < cost {
            let wait = SignedDuration::from_nanos(quota.wait(taken.full_at, cost, now));
            self.closed_until = now + wait.max(CLOSED_AT_LEAST);
        }
    }
}

/// The limits of this server.
pub struct Limits {
    rates: Rates,
    known: Mutex<HashMap<Caller, Known>>,
}

impl Limits {
    /// With these rates.
    pub fn new(rates: Rates) -> Self {
        Self { rates, known: Mutex::default() }
    }

    /// The proxies whose word about the address of a client is taken.
    pub fn trusted_proxies(&self) -> &[IpNet] {
        &self.rates.trusted_proxies
    }

    /// Counts a request that costs so much; where the caller stands then, if there is a limit.
    ///
    /// # Errors
    /// 429 `too_many_request`.
    pub async fn request(
        &self,
        store: &dyn Store,
        caller: Caller,
        cost: u32,
        now: Timestamp,
    ) -> Result<Option<Standing>, ApiError> {
        let rate = match &caller {
            Caller::SecretKey(_) => self.rates.secret_key,
            Caller::Session(_) => self.rates.session,
            Caller::Address(_) => self.rates.address,
        };
        if rate == 0 {
            return Ok(None);
        }
        let quota = Quota::per_minute(rate);
        let cost = cost.min(quota.capacity());
        let turn = match self.here(&caller, quota, cost, now) {
            Here::Passes(standing) => return Ok(Some(standing)),
            Here::Closed(standing, wait) => return Err(refused(Some(standing), wait)),
            Here::Ask { turn, .. } => turn,
        };
        // One request asks for all that wait meanwhile.
        let _turn = turn.lock().await;
        let advance = match self.here(&caller, quota, cost, now) {
            Here::Passes(standing) => return Ok(Some(standing)),
            Here::Closed(standing, wait) => return Err(refused(Some(standing), wait)),
            Here::Ask { advance, .. } => advance,
        };
        match store.take_allowance(&caller.bucket("requests"), quota, advance, now).await {
            Ok(taken) => {
                self.with(&caller, quota, now, |known| known.given(quota, taken, cost, now))
            }
            Err(error) => {
                tracing::warn!(%error, "requests are not counted");
                return Ok(None);
            }
        }
        match self.here(&caller, quota, cost, now) {
            Here::Passes(standing) => Ok(Some(standing)),
            Here::Closed(standing, wait) => Err(refused(Some(standing), wait)),
            Here::Ask { .. } => Err(refused(None, CLOSED_AT_LEAST)),
        }
    }

    fn here(&self, caller: &Caller, quota: Quota, cost: u32, now: Timestamp) -> Here {
        self.with(caller, quota, now, |known| known.decide(quota, cost, now))
    }

    fn with<T>(
        &self,
        caller: &Caller,
        quota: Quota,
        now: Timestamp,
        work: impl FnOnce(&mut Known) -> T,
    ) -> T {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get_mut(caller) {
            return work(known);
        }
        if all.len() >= CALLERS {
            let past = FullAt::at(now);
            all.retain(|_, known| known.full_at > past || known.closed_until > now);
            if all.len() >= CALLERS {
                all.clear();
            }
        }
        work(all.entry(caller.clone()).or_insert_with(|| Known::new(quota, now)))
    }

    /// Lets a credential be checked that came from these callers, if they have not brought too many
    /// wrong ones. It counts as wrong until [`Check::not_wrong`].
    ///
    /// # Errors
    /// 429 `too_many_request`; 503 when the store cannot say.
    pub async fn check(
        &self,
        store: &dyn Store,
        callers: Vec<Caller>,
        now: Timestamp,
    ) -> Result<Check, ApiError> {
        let counted: Vec<(String, Quota)> = callers
            .into_iter()
            .filter_map(|caller| Some((caller.bucket("failures"), self.failures(&caller)?)))
            .collect();
        if counted.is_empty() {
            return Ok(Check { counted });
        }
        let taken = store.take_one_of_each(&counted, now).await?;
        all_granted(&counted, &taken, now)?;
        Ok(Check { counted })
    }

    fn failures(&self, caller: &Caller) -> Option<Quota> {
        let (many, minutes) = match caller {
            Caller::Session(_) => (self.rates.session_failures, SESSION_WINDOW),
            Caller::Address(_) => (self.rates.address_failures, ADDRESS_WINDOW),
            Caller::SecretKey(_) => return None,
        };
        (many > 0).then(|| Quota::within(many, minutes))
    }

    /// Counts an attempt to sign in as a wrong one, until [`Limits::signed_in`].
    ///
    /// # Errors
    /// 429 `too_many_request`; 503 when the store cannot say.
    pub async fn sign_in(
        &self,
        store: &dyn Store,
        address: Option<ClientAddress>,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let mut counted = vec![passwords(address)];
        counted.extend(passwords_of_site(address));
        let taken = store.take_one_of_each(&counted, now).await?;
        all_granted(&counted, &taken, now)
    }

    /// The password was right: what was before from this address does not count.
    ///
    /// # Errors
    /// What the store says.
    pub async fn signed_in(
        &self,
        store: &dyn Store,
        address: Option<ClientAddress>,
    ) -> Result<(), ApiError> {
        store.forget_allowance(&passwords(address).0).await?;
        match passwords_of_site(address) {
            Some(site) => Ok(store.put_back(&[site]).await?),
            None => Ok(()),
        }
    }
}

/// Where wrong passwords from this address are counted.
fn passwords(address: Option<ClientAddress>) -> (String, Quota) {
    (Caller::at(address).bucket("passwords"), Quota::within(PASSWORDS.0, PASSWORDS.1))
}

fn passwords_of_site(address: Option<ClientAddress>) -> Option<(String, Quota)> {
    let site = address?.site()?;
    let quota = Quota::within(SITE_PASSWORDS.0, SITE_PASSWORDS.1);
    Some((format!("passwords:site:{site}"), quota))
}

/// Whether one was taken out of each bucket.
fn all_granted(
    buckets: &[(String, Quota)],
    taken: &[Taken],
    now: Timestamp,
) -> Result<(), ApiError> {
    let wait = buckets
        .iter()
        .zip(taken)
        .filter(|(_, taken)| taken.granted == 0)
        .map(|((_, quota), taken)| quota.wait(taken.full_at, 1, now))
        .max();
    wait.map_or(Ok(()), |wait| Err(refused(None, SignedDuration::from_nanos(wait))))
}

fn refused(standing: Option<Standing>, wait: SignedDuration) -> ApiError {
    let whole = u64::try_from(wait.as_secs()).unwrap_or(0);
    let retry_after = whole + u64::from(wait.subsec_nanos() > 0);
    ApiError::TooManyRequests { retry_after: retry_after.max(1), standing }
}

/// A credential that is being checked.
#[must_use]
pub struct Check {
    /// Where it is counted.
    counted: Vec<(String, Quota)>,
}

impl Check {
    /// It did not turn out to be wrong: it is not counted.
    ///
    /// # Errors
    /// What the store says; it stays counted then.
    pub async fn not_wrong(self, store: &dyn Store) -> Result<(), ApiError> {
        if self.counted.is_empty() {
            return Ok(());
        }
        Ok(store.put_back(&self.counted).await?)
    }
}
