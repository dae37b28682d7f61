//! The corpus of targets (`targets.txt`): what must be refused is refused and reaches nothing; what
//! is public is allowed.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Uri};
use keyslot_egress::{
    Body, Cleartext, Egress, EgressError, Limits, Policy, Resolve, Resolving, SystemResolver,
};
use tokio::net::TcpListener;
use url::Url;

const CORPUS: &str = include_str!("targets.txt");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Denied,
    Invalid,
    Allowed,
}

struct Target {
    line: usize,
    verdict: Verdict,
    url: String,
    names: HashMap<String, Vec<IpAddr>>,
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let c = rest.chars().next().expect("a character after the backslash");
        rest = &rest[1..];
        match c {
            't' => out.push('\t'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            '\\' => out.push('\\'),
            'u' => {
                let (code, after) = rest[1..].split_once('}').expect("a closed \\u{…}");
                let code = u32::from_str_radix(code, 16).expect("a hexadecimal code point");
                out.push(char::from_u32(code).expect("a code point"));
                rest = after;
            }
            other => panic!("unknown escape \\{other}"),
        }
    }
    out.push_str(rest);
    out
}

fn corpus(port: u16) -> Vec<Target> {
    CORPUS
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let mut words = line.split(' ');
            let verdict = match words.next() {
                Some("denied") => Verdict::Denied,
                Some("invalid") => Verdict::Invalid,
                Some("allowed") => Verdict::Allowed,
                other => panic!("line {}: no verdict {other:?}", index + 1),
            };
            let url = unescape(words.next().expect("a URL")).replace("{port}", &port.to_string());
            let names = words
                .map(|word| {
                    let (name, addresses) = word.split_once('=').expect("name=address");
                    let addresses =
                        addresses.split(',').map(|a| a.parse().expect("an address")).collect();
                    (name.to_owned(), addresses)
                })
                .collect();
            Target { line: index + 1, verdict, url, names }
        })
        .collect()
}

/// Answers for names as the corpus says, and for everything that is not a name (or that only a
/// careless parser takes for one) as the operating system does.
struct CorpusResolver(HashMap<String, Vec<IpAddr>>);

impl Resolve for CorpusResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            if let Some(addresses) = self.0.get(&name) {
                return Ok(addresses.clone());
            }
            if host.chars().any(|c| c.is_ascii_alphabetic() && !c.is_ascii_hexdigit() && c != 'x') {
                return Err(io::ErrorKind::NotFound.into());
            }
            SystemResolver.resolve(host).await
        })
    }
}

/// A listener that counts who comes.
async fn canary() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let hits = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&hits);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    (port, hits)
}

fn limits() -> Limits {
    Limits {
        first_byte: Duration::from_secs(2),
        cleartext: Cleartext::Anywhere,
        ..Limits::VERIFICATION
    }
}

/// The two ways in which a text becomes a request: parsed by the `http` crate, and parsed as
/// browsers do. Nothing when it does not become one.
fn uris(url: &str) -> [Option<Uri>; 2] {
    [url.parse().ok(), Url::parse(url).ok().and_then(|url| url.as_str().parse().ok())]
}

#[test]
fn the_corpus_is_large_and_holds_no_target_twice() {
    let targets = corpus(1);
    let mut seen = std::collections::HashSet::new();
    for target in &targets {
        let key = format!("{} {:?}", target.url, {
            let mut names: Vec<_> = target.names.iter().collect();
            names.sort();
            names
        });
        assert!(seen.insert(key), "line {} is there twice", target.line);
    }
    let refused = targets.iter().filter(|t| t.verdict != Verdict::Allowed).count();
    assert!(refused >= 300, "{refused} targets to refuse");
    assert!(targets.len() - refused >= 50, "{} public controls", targets.len() - refused);
}

#[tokio::test]
async fn no_target_reaches_the_canary_and_all_public_controls_are_allowed() {
    let (port, hits) = canary().await;
    let mut wrong = Vec::new();
    for target in corpus(port) {
        let egress = Egress::builder(Policy::default())
            .resolver(CorpusResolver(target.names.clone()))
            .build();
        for (way, uri) in uris(&target.url).into_iter().enumerate() {
            let outcome = match (uri, target.verdict) {
                (None, _) => Err(EgressError::BadUrl("it is no URL")),
                (Some(uri), Verdict::Allowed) => {
                    egress.check(&uri, Cleartext::Anywhere).await.map(drop)
                }
                (Some(uri), _) => {
                    let request = Request::get(uri).body(Body::empty()).expect("a request");
                    egress.send(request, limits()).await.map(drop)
                }
            };
            // The `http` crate reads less as a URL than browsers do; then nothing happens.
            let right = match (target.verdict, &outcome) {
                (Verdict::Allowed, Ok(())) | (Verdict::Invalid, Err(EgressError::BadUrl(_))) => {
                    true
                }
                (Verdict::Denied, Err(EgressError::Denied { .. })) => true,
                (Verdict::Denied | Verdict::Allowed, Err(EgressError::BadUrl(_))) => way == 0,
                _ => false,
            };
            if !right {
                wrong.push(format!(
                    "line {}: {:?} (way {way}): expected {:?}, got {:?}",
                    target.line, target.url, target.verdict, outcome
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(hits.load(Ordering::SeqCst), 0, "connections to the canary");
}

#[tokio::test]
async fn the_canary_is_reached_when_its_address_is_opened() {
    // Without this, a broken canary would let every other test pass.
    let (port, hits) = canary().await;
    let socket = format!("127.0.0.1:{port}").parse().expect("a socket");
    let egress = Egress::new(Policy::default().allow_socket(socket));
    let request =
        Request::get(format!("http://127.0.0.1:{port}/")).body(Body::empty()).expect("one");
    let error = egress.send(request, limits()).await.err().expect("it closes at once");
    assert!(matches!(error, EgressError::Protocol(_)), "{error:?}");
    assert_eq!(hits.load(Ordering::SeqCst), 1);
}
