//! How much somebody may ask for: requests, wrong credentials; alone and through several servers.

use std::{net::IpAddr, sync::Arc};

use axum::body::Body;
use http::{Method, Request, StatusCode};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use keyslot_server::{
    allowance::{FullAt, Quota},
    client_address::ClientAddress,
    error::ApiError,
    limits::{Caller, Limits, Rates},
    listener::Peer,
    store::{RateLimits, Store, postgres::PostgresStore, sqlite::SqliteStore},
};
use serde_json::json;

use crate::{
    harness::{Answer, GOOD, Harness, PROD_SECRET, SECRET, user},
    postgres::Schema,
};

/// A request as if it had come by a socket.
async fn from(
    server: &Harness,
    peer: &str,
    forwarded: Option<&str>,
    path: &str,
    token: Option<&str>,
) -> Answer {
    let mut request = Request::get(path).header("host", "keyslot.test");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(peer.parse().unwrap()));
    server.send(request).await
}

fn start() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

#[tokio::test]
async fn a_key_that_has_used_its_minute_waits_and_others_do_not() {
    // The harness has made its integrations with this key: six requests.
    let server = Harness::limited(Rates { secret_key: 12, ..Rates::default() }).await;
    for left in (0..6).rev() {
        let answer = server.get("/integrations").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["x-ratelimit-limit"], "12");
        assert_eq!(answer.headers["x-ratelimit-remaining"], left.to_string());
        let reset: i64 = answer.headers["x-ratelimit-reset"].to_str().unwrap().parse().unwrap();
        assert!((1_790_000_000..=1_790_000_061).contains(&reset), "{reset}");
    }
    let refused = server.get("/integrations").await;
    assert_eq!(refused.error(), "429 too_many_request");
    assert_eq!(refused.headers["retry-after"], "5", "one is regained in five seconds");
    assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
    let other = server.call(Method::GET, "/integrations", Some(PROD_SECRET), None).await;
    assert_eq!(other.status, 200, "another key");
    assert_eq!(server.get("/health").await.status, 200, "what watches the server");
    server.advance(1);
    assert_eq!(server.get("/integrations").await.status, 200);
}

#[tokio::test]
async fn a_session_has_a_limit_of_its_own_and_0_is_none() {
    let server = Harness::limited(Rates { session: 3, secret_key: 0, ..Rates::default() }).await;
    let (one, two) = (server.session(user("u1")).await, server.session(user("u2")).await);
    let show =
        async |token: &str| server.call(Method::GET, "/connect/session", Some(token), None).await;
    for _ in 0..3 {
        assert_eq!(show(&one).await.status, 200);
    }
    assert_eq!(show(&one).await.error(), "429 too_many_request");
    assert_eq!(show(&two).await.status, 200);
    let answer = server.get("/integrations").await;
    assert!(!answer.headers.contains_key("x-ratelimit-limit"), "keys have none here");
}

#[tokio::test]
async fn guessing_tokens_ends_by_address_and_right_ones_go_on() {
    let server = Harness::limited(Rates { address: 90, ..Rates::default() }).await;
    let guess = async |peer: &str| {
        let token = "a-secret-key-that-nobody-has-made-000000";
        from(&server, peer, None, "/integrations", Some(token)).await
    };
    for _ in 0..9 {
        assert_eq!(guess("198.51.100.4").await.error(), "401 unknown_account");
    }
    assert_eq!(guess("198.51.100.4").await.error(), "429 too_many_request");
    assert_eq!(guess("198.51.100.5").await.error(), "401 unknown_account", "another address");
    let page = from(&server, "198.51.100.4", None, "/providers.json", None).await;
    assert_eq!(page.error(), "429 too_many_request", "what is for anybody");
    let right = from(&server, "198.51.100.4", None, "/integrations", Some(SECRET)).await;
    assert_eq!(right.status, 200, "a valid key from there is not cut off");
}

#[tokio::test]
async fn a_forwarded_address_counts_only_from_a_named_proxy() {
    let net: IpNet = "10.0.0.0/8".parse().unwrap();
    let rates = Rates { address: 2, trusted_proxies: vec![net], ..Rates::default() };
    let server = Harness::limited(rates).await;
    let ask = async |peer: &str, forwarded: &str| {
        let path = "/providers.json";
        from(&server, peer, Some(forwarded), path, None).await.status
    };
    for client in ["198.51.100.1", "198.51.100.2", "198.51.100.3"] {
        for _ in 0..2 {
            assert_eq!(ask("10.0.0.9", client).await, 200);
        }
        assert_eq!(ask("10.0.0.9", client).await, 429, "a client behind the proxy");
        let spoofed = format!("203.0.113.77, {client}");
        assert_eq!(ask("10.0.0.9", &spoofed).await, 429, "whatever it sends itself");
    }
    for spoofed in ["203.0.113.1", "203.0.113.2"] {
        assert_eq!(ask("192.0.2.50", spoofed).await, 200);
    }
    assert_eq!(ask("192.0.2.50", "203.0.113.3").await, 429, "not a proxy: its own address counts");
}

#[tokio::test]
async fn wrong_credentials_are_bounded_by_session_and_right_ones_are_free() {
    let rates = Rates { session_failures: 3, ..Rates::default() };
    let server = Harness::limited(rates).await;
    let token = server.session(user("u1")).await;
    let wrong = json!({ "apiKey": "not-one-of-theirs" });
    for _ in 0..5 {
        server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
    }
    for _ in 0..3 {
        let answer = server.connect(&token, "demo", wrong.clone()).await;
        assert_eq!(answer.error(), "400 connection_test_failed");
    }
    for body in [wrong, json!({ "apiKey": GOOD })] {
        let answer = server.connect(&token, "demo", body).await;
        assert_eq!(answer.error(), "429 too_many_request", "a right one says which are right too");
        assert_eq!(answer.headers["retry-after"], "600");
    }
    let other = server.session(user("u2")).await;
    server.connected(&other, "demo", json!({ "apiKey": GOOD })).await;
    server.advance(10);
    server.connected(&token, "demo", json!({ "apiKey": GOOD })).await;
}

#[tokio::test]
async fn wrong_credentials_at_once_are_not_more_than_one_after_the_other() {
    let rates = Rates { session_failures: 3, address_failures: 0, ..Rates::default() };
    let server = Arc::new(Harness::limited(rates).await);
    let token = server.session(user("u1")).await;
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (server, token) = (Arc::clone(&server), token.clone());
        tries.spawn(async move {
            let wrong = json!({ "apiKey": "not-one-of-theirs" });
            server.connect(&token, "demo", wrong).await.error()
        });
    }
    let answers = tries.join_all().await;
    let told = answers.iter().filter(|a| a.as_str() == "400 connection_test_failed").count();
    assert_eq!(told, 3, "of 40 were told that they are wrong");
}

#[tokio::test]
async fn wrong_credentials_are_bounded_by_address_too() {
    let rates = Rates { session_failures: 0, address_failures: 4, ..Rates::default() };
    let server = Harness::limited(rates).await;
    let mut answers = Vec::new();
    for number in 0..6 {
        let token = server.session(user(&format!("u{number}"))).await;
        let wrong = json!({ "apiKey": "not-one-of-theirs" });
        answers.push(server.connect(&token, "demo", wrong).await.status);
    }
    assert_eq!(answers[..4], [StatusCode::BAD_REQUEST; 4]);
    assert_eq!(answers[4..], [StatusCode::TOO_MANY_REQUESTS; 2], "a new session does not help");
}

/// How many of `requests`, spread evenly over `seconds` and over servers that share a store, pass.
async fn passed(store: &dyn Store, rates: Rates, servers: u32, requests: u32, seconds: u32) -> u32 {
    let servers: Vec<Limits> = (0..servers).map(|_| Limits::new(rates.clone())).collect();
    let mut passed = 0;
    for number in 0..requests {
        let at = i64::from(number) * i64::from(seconds) * 1000 / i64::from(requests);
        let now = start() + SignedDuration::from_millis(at);
        let server = &servers[number as usize % servers.len()];
        match server.request(store, Caller::SecretKey("k".into()), 1, now).await {
            Ok(Some(_)) => passed += 1,
            Err(ApiError::TooManyRequests { .. }) => {}
            other => panic!("{:?}", other.err()),
        }
    }
    passed
}

/// At five times the limit: between the limit less a fiftieth and the limit more a hundredth for each
/// server, which gives that much away by itself.
async fn the_limit_holds(store: &dyn Store) {
    let rates = Rates { secret_key: 3000, ..Rates::default() };
    for (name, servers) in [("one", 1), ("three", 3)] {
        store.forget_allowance("requests:secret_key:k").await.unwrap();
        // A full bucket and what it regains in 20 seconds.
        let allowed = 3000 + 1000;
        let passed = passed(store, rates.clone(), servers, 5 * allowed, 20).await;
        let most = allowed + allowed * servers / 100;
        assert!(
            (allowed - allowed / 50..=most).contains(&passed),
            "{name}: {passed} of {allowed} passed"
        );
    }
}

#[tokio::test]
async fn servers_on_one_database_keep_one_limit() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("keyslot.db")).unwrap();
    the_limit_holds(&store).await;
    store.close().await;

    let Some(schema) = Schema::new().await else { return };
    let store = PostgresStore::open(schema.url(), None).await.unwrap();
    the_limit_holds(&store).await;
    store.close().await;
    schema.remove().await;
}

/// Wrong credentials that are brought to several servers in the same moment, which each check them
/// before the others have an answer.
async fn wrong_ones_are_never_more_than_the_limit(stores: Vec<Arc<dyn Store>>) {
    const LIMIT: u32 = 7;
    let rates = Rates { session_failures: LIMIT, address_failures: 1000, ..Rates::default() };
    for round in 0..10 {
        let callers = vec![Caller::Session(format!("s{round}")), Caller::at(None)];
        let start_all = Arc::new(tokio::sync::Barrier::new(stores.len() * 16));
        let mut tries = tokio::task::JoinSet::new();
        for store in &stores {
            let limits = Arc::new(Limits::new(rates.clone()));
            for _ in 0..16 {
                let (store, limits) = (Arc::clone(store), Arc::clone(&limits));
                let (callers, start_all) = (callers.clone(), Arc::clone(&start_all));
                tries.spawn(async move {
                    start_all.wait().await;
                    match limits.check(store.as_ref(), callers, start()).await {
                        // The provider says that it is wrong: it stays counted.
                        Ok(_check) => 1,
                        Err(ApiError::TooManyRequests { .. }) => 0,
                        Err(other) => panic!("{other:?}"),
                    }
                });
            }
        }
        let told: u32 = tries.join_all().await.iter().sum();
        assert_eq!(told, LIMIT, "in round {round}, on {} servers", stores.len());
    }
    // A right one leaves nothing behind, on whichever server.
    let limits = Limits::new(rates);
    let callers = vec![Caller::Session("right".into())];
    for store in stores.iter().cycle().take(30) {
        let check = limits.check(store.as_ref(), callers.clone(), start()).await.unwrap();
        check.not_wrong(store.as_ref()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_at_once_on_several_servers_are_not_more_than_on_one() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&dir.path().join("keyslot.db")).unwrap());
    wrong_ones_are_never_more_than_the_limit(vec![Arc::clone(&store)]).await;
    store.close().await;

    let Some(schema) = Schema::new().await else { return };
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(PostgresStore::open(schema.url(), None).await.unwrap()));
    }
    wrong_ones_are_never_more_than_the_limit(stores.clone()).await;
    for store in stores {
        store.close().await;
    }
    schema.remove().await;
}

#[tokio::test]
async fn passwords_are_guessed_no_more_often_from_many_networks_of_one_site() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("keyslot.db")).unwrap();
    let limits = Limits::new(Rates::default());
    let guess = async |address: &str| {
        let address = Some(ClientAddress(address.parse().unwrap()));
        limits.sign_in(&store, address, start()).await.is_ok()
    };
    let mut heard = 0;
    for network in 0..100 {
        for host in 0..10 {
            heard += u32::from(guess(&format!("2001:db8:1:{network:x}::{host:x}")).await);
        }
    }
    assert_eq!(heard, 20, "of 1,000 tries from 100 networks of one site");
    assert!(guess("2001:db8:2::1").await, "another site");
    for _ in 0..5 {
        assert!(guess("192.0.2.1").await, "IPv4 has no sites");
    }
    assert!(!guess("192.0.2.1").await);

    // A right one takes nothing away from its site.
    let address = Some(ClientAddress("2001:db8:3::1".parse().unwrap()));
    for _ in 0..50 {
        limits.sign_in(&store, address, start()).await.unwrap();
        limits.signed_in(&store, address).await.unwrap();
    }
    store.close().await;
}

/// Reads are many; what counts them must not write at each.
#[tokio::test]
async fn counting_writes_once_for_many_requests() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("keyslot.db")).unwrap();
    let limits = Limits::new(Rates::default());
    let mut full_at = None;
    let mut writes = 0;
    for number in 0..200_000_i64 {
        let now = start() + SignedDuration::from_micros(number * 50);
        let caller = Caller::SecretKey("k".into());
        assert!(limits.request(&store, caller, 1, now).await.is_ok(), "20,000 a second");
        if number % 100 == 0 {
            let bucket = "requests:secret_key:k";
            let taken = store.take_allowance(bucket, Quota::per_minute(1_200_000), 0, now).await;
            let seen = Some(taken.unwrap().full_at).filter(|full_at| *full_at > FullAt::at(now));
            writes += u32::from(seen != full_at);
            full_at = seen;
        }
    }
    assert!((1..60).contains(&writes), "{writes} writes for 200,000 requests");
    store.close().await;
}

#[tokio::test]
async fn a_million_addresses_do_not_fill_the_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("keyslot.db")).unwrap();
    let limits = Limits::new(Rates::default());
    let before = resident();
    for number in 0..1_000_000_u32 {
        let address = IpAddr::from(number.to_be_bytes());
        limits.request(&store, Caller::Address(address), 1, start()).await.unwrap();
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} kB more");
    store.close().await;
}

/// The memory of this process, in kB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
