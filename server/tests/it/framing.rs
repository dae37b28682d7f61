//! Requests as bytes on a socket: what is framed as HTTP/1.1 asks is answered, everything else is refused
//! or cut off, and nothing is answered twice, hangs or fails inside.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, routing};
use keyslot_server::listener::{self, Bounds};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, timeout},
};

use crate::harness::{Harness, SECRET, user};

/// A client that waits longer sees a hang.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends the bytes, says that there are no more, and reads to the end. `None` when there is no end.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> Option<Vec<u8>> {
    let talk = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // The server may have refused already, and reset.
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        answer
    };
    timeout(PATIENCE, talk).await.ok()
}

/// The statuses of the answers.
fn statuses(answer: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(answer);
    text.match_indices("HTTP/1.")
        .filter_map(|(at, word)| text.get(at + word.len() + 2..at + word.len() + 5)?.parse().ok())
        .collect()
}

const OK: &[u16] = &[200];
const BAD: &[u16] = &[400];

/// What is sent, and the statuses that come back.
fn corpus() -> Vec<(&'static str, String, &'static [u16])> {
    let long = "x".repeat(200_000);
    let many = "a: b\r\n".repeat(500);
    let get = "GET /health HTTP/1.1\r\nhost: a\r\n";
    let post = "POST /connect/telemetry HTTP/1.1\r\nhost: a\r\n";
    let made = |rest: &str| format!("{get}{rest}\r\n");
    let posted = |rest: &str| format!("{post}{rest}");
    let blanks = " ".repeat(200);
    let bare = "GET /health HTTP/1.1\nhost: a\r\n\r\n";
    vec![
        ("a plain request", made(""), OK),
        ("two requests in one go", format!("{}{}", made(""), made("")), &[200, 200]),
        ("an empty line before", format!("\r\n{}", made("")), OK),
        ("HTTP/1.0", "GET /health HTTP/1.0\r\nhost: a\r\n\r\n".into(), &[200]),
        ("the whole address", "GET http://a/health HTTP/1.1\r\nhost: a\r\n\r\n".into(), OK),
        ("another host in the address", "GET http://b/health HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("a user in the address", "GET http://u@a/health HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("another scheme", "GET ftp://b/health HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("no host", "GET /health HTTP/1.1\r\n\r\n".into(), BAD),
        ("no host in HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n".into(), BAD),
        ("two hosts", made("host: b\r\n"), BAD),
        ("the same host twice", made("host: a\r\n"), BAD),
        ("a host in capitals beside it", made("HOST: b\r\n"), BAD),
        ("bare line feeds", "GET /health HTTP/1.1\nhost: a\n\n".into(), BAD),
        ("one bare line feed in the request line", "GET /health HTTP/1.1\nhost: a\r\n\r\n".into(), BAD),
        ("one bare line feed after a header", "GET /health HTTP/1.1\r\nhost: a\nx: y\r\n\r\n".into(), BAD),
        ("a bare line feed at the end of the head", "GET /health HTTP/1.1\r\nhost: a\r\n\n".into(), BAD),
        ("a bare line feed before", format!("\n{}", made("")), BAD),
        ("a bare carriage return in a value", made("x: a\rb\r\n"), BAD),
        ("a bare line feed in the second request", format!("{}GET /health HTTP/1.1\nhost: a\r\n\r\n", made("")), &[200, 400]),
        ("a bare line feed after a body", posted("content-length: 2\r\n\r\n{}GET /health HTTP/1.1\nhost: a\r\n\r\n"), &[204, 400]),
        ("a body of line feeds", posted("content-length: 4\r\n\r\n\n\n\r\n"), &[204]),
        ("a chunked body of line feeds", posted("transfer-encoding: chunked\r\n\r\n3\r\n\n\n\n\r\n0\r\n\r\n"), &[204]),
        ("a blank before a colon", made("x : y\r\n"), BAD),
        ("a blank before a header", made(" x: y\r\n"), BAD),
        ("a folded header", made("x: y\r\n z\r\n"), BAD),
        ("no name", made(": y\r\n"), BAD),
        ("no colon", made("xy\r\n"), BAD),
        ("a NUL in a name", made("x\0: y\r\n"), BAD),
        ("a NUL in a value", made("x: \0\r\n"), BAD),
        ("a control character in a value", made("x: \x01\r\n"), BAD),
        ("a blank in a name", made("x y: z\r\n"), BAD),
        ("length and chunks", posted("content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("chunks and length", posted("transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n"), BAD),
        ("two lengths", posted("content-length: 2\r\ncontent-length: 3\r\n\r\n{}"), BAD),
        ("lengths in a list", posted("content-length: 2, 3\r\n\r\n{}"), BAD),
        ("a length with a sign", posted("content-length: +2\r\n\r\n{}"), BAD),
        ("a negative length", posted("content-length: -2\r\n\r\n{}"), BAD),
        ("a length in hexadecimal", posted("content-length: 0x2\r\n\r\n{}"), BAD),
        ("a length with a blank in it", posted("content-length: 1 1\r\n\r\n{}"), BAD),
        ("an empty length", posted("content-length:\r\n\r\n"), BAD),
        ("a huge length", posted("content-length: 99999999999999999999\r\n\r\n"), BAD),
        ("an unknown coding", posted("transfer-encoding: xchunked\r\n\r\n0\r\n\r\n"), BAD),
        ("chunked, then something else", posted("transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"), BAD),
        ("a coding with a vertical tab before it", posted("transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a coding with a tab before it", posted("transfer-encoding:\tchunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a coding with two blanks before it", posted("transfer-encoding:  chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a coding with a blank behind it", posted("transfer-encoding: chunked \r\n\r\n0\r\n\r\n"), BAD),
        ("a coding with many blanks before it", posted(&format!("transfer-encoding:{blanks}chunked\r\n\r\n0\r\n\r\n")), BAD),
        ("a coding in quotes", posted("transfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), BAD),
        ("two codings", posted("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("chunked twice", posted("transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("two headers of codings", posted("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a coding, then chunked", posted("transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("two codings and a length", posted("content-length: 5\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a length and a coding behind many blanks", posted(&format!("content-length: 5\r\ntransfer-encoding:{blanks}chunked\r\n\r\n0\r\n\r\n")), BAD),
        ("a folded coding", posted("transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a blank between coding and colon", posted("transfer-encoding : chunked\r\n\r\n0\r\n\r\n"), BAD),
        ("a blank between length and colon", posted("content-length : 2\r\n\r\n{}"), BAD),
        ("the same length twice", posted("content-length: 2\r\ncontent-length: 2\r\n\r\n{}"), BAD),
        ("the same length in a list", posted("content-length: 2, 2\r\n\r\n{}"), BAD),
        ("a length with blanks around it", posted("content-length: \t 2 \t\r\n\r\n{}"), &[204]),
        ("a length with many blanks before it", posted(&format!("content-length:{blanks}2\r\n\r\n{{}}")), BAD),
        ("a length with many zeros", posted(&format!("content-length: {}2\r\n\r\n{{}}", "0".repeat(200))), BAD),
        ("a bare line feed after a padded length", posted(&format!("content-length:  2  \r\n\r\n{{}}{bare}")), &[204, 400]),
        ("a bare line feed after a body that was refused", posted(&format!("content-length:{blanks}2\r\n\r\n{{}}{bare}")), BAD),
        ("a bare line feed after two codings", posted(&format!("transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n{bare}")), BAD),
        ("a bare line feed after chunks", posted(&format!("transfer-encoding: chunked\r\n\r\n0\r\n\r\n{bare}")), &[204, 400]),
        ("a bare line feed after a chunk's size", posted(&format!("transfer-encoding: chunked\r\n\r\n2\n{{}}\r\n0\r\n\r\n{bare}")), BAD),
        ("a bare line feed after the trailers", posted(&format!("transfer-encoding: chunked\r\n\r\n0\r\nx: y\n\r\n{bare}")), BAD),
        ("chunks in HTTP/1.0", "POST /connect/telemetry HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(), BAD),
        ("a 200 kB header", made(&format!("x: {long}\r\n")), &[431]),
        ("a 200 kB address", format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"), &[431]),
        ("500 headers", made(&many), &[431]),
        ("another version", "GET /health HTTP/2.0\r\nhost: a\r\n\r\n".into(), BAD),
        ("no version", "GET /health\r\nhost: a\r\n\r\n".into(), BAD),
        ("a version in small letters", "GET /health http/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("two blanks", "GET  /health HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("a tab for a blank", "GET\t/health HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("a method that is none", "G@T /health HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("a blank in the address", "GET /hea lth HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("a NUL in the address", "GET /hea\0lth HTTP/1.1\r\nhost: a\r\n\r\n".into(), BAD),
        ("HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), &[]),
        ("a pseudo-header", made(":authority: b\r\n"), BAD),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03".into(), BAD),
        ("only a name that nothing answers to", "TRACE /health HTTP/1.1\r\nhost: a\r\n\r\n".into(), &[405]),
        ("a tunnel", "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n".into(), &[404]),
        ("a star", "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n".into(), &[204]),
        ("an upgrade", made("connection: upgrade\r\nupgrade: websocket\r\n"), OK),
        ("half a head", get.into(), &[]),
        ("nothing", String::new(), &[]),
    ]
}

#[tokio::test]
async fn each_way_of_framing_a_request_has_its_answer() {
    let server = Harness::at("http://a").await;
    let corpus = corpus();
    assert!(corpus.len() >= 60, "{}", corpus.len());
    let mut wrong = Vec::new();
    for (name, bytes, expected) in corpus {
        let answer = exchange(server.address, bytes.as_bytes()).await;
        let found = answer.as_deref().map(statuses);
        if found.as_deref() != Some(expected) {
            wrong.push(format!("{name}: {found:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn half_a_head_is_not_waited_for_and_other_clients_have_a_place() {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let app = Router::new().route("/", routing::get(|| async { "ok" }));
    let head_patience = Duration::from_millis(300);
    let bounds = Bounds { head_patience, connections: 4, ..Bounds::default() };
    tokio::spawn(listener::serve(socket, app, bounds, std::future::pending()));

    let started = Instant::now();
    let mut slow = Vec::new();
    for _ in 0..4 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx: ").await.unwrap();
        slow.push(socket);
    }
    // Four are all there is room for, so this one waits until they have been let go.
    let answer = exchange(address, b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert_eq!(statuses(&answer.unwrap()), OK);
    assert!(started.elapsed() >= Duration::from_millis(250), "{:?}", started.elapsed());
    for mut socket in slow {
        let mut rest = Vec::new();
        timeout(PATIENCE, socket.read_to_end(&mut rest)).await.unwrap().unwrap();
    }
}

/// A client that sends slowly gets the same answer, and at once: the rest of its request is not waited for.
#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_refused_where_it_is_wrong() {
    let server = Harness::at("http://a").await;
    let mut socket = TcpStream::connect(server.address).await.unwrap();
    socket.set_nodelay(true).unwrap();
    for byte in b"POST /health HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n" {
        socket.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert_eq!(statuses(&answer), BAD);
}

/// A body that is announced and does not come holds no socket where nobody reads it.
#[tokio::test]
async fn a_request_that_is_answered_without_its_body_is_closed() {
    let server = Harness::at("http://a").await;
    for (line, status) in [
        ("POST /health", 405),
        ("POST /nowhere", 404),
        ("GET /health", 200),
        ("OPTIONS /connect/session", 204),
        ("POST /connect/sessions", 401),
        ("POST /proxy/x", 401),
    ] {
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let head = format!("{line} HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n{{");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let end = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "{line}: it waits for the body");
        assert_eq!(statuses(&answer), [status], "{line}");
    }
}

/// What stopped `/health`: sockets of one address that announce a beacon and never send it.
#[tokio::test]
async fn sockets_that_one_address_holds_leave_room_for_others_and_for_its_own_requests() {
    let server = Harness::at("http://a").await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let crowded = server.state.metrics.crowded();
    let bounds = Bounds { connections: 100, per_address: 10, crowded, ..Bounds::default() };
    tokio::spawn(listener::serve(socket, server.app(), bounds, std::future::pending()));
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let head = b"POST /connect/telemetry HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n";
        let _ = socket.write_all(head).await;
        held.push(socket);
    }
    // From another address at once, as Linux has the whole of 127.0.0.0/8.
    let from = |host: &'static str, request: &'static str| async move {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{host}:0").parse().unwrap()).unwrap();
        let mut socket = socket.connect(address).await.unwrap();
        let ask = format!("GET {request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let _ = socket.write_all(ask.as_bytes()).await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        String::from_utf8(answer).unwrap()
    };
    let ok = |answer: String| answer.starts_with("HTTP/1.1 200");
    if cfg!(target_os = "linux") {
        assert!(ok(from("127.0.0.2", "/health").await));
    }
    // From the same one, as soon as those are gone that were in its way.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(ok(from("127.0.0.1", "/health").await));
    let metrics = from("127.0.0.1", "/metrics").await;
    for outcome in ["hurried", "closed"] {
        let line = format!("keyslot_connections_crowded_total{{outcome=\"{outcome}\"}} ");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

/// SplitMix64 (<https://prng.di.unimi.it/splitmix64.c>): the same seed, the same requests.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// A request with up to six things wrong with it.
    fn broken(&mut self, whole: &[Vec<u8>]) -> Vec<u8> {
        const PIECES: [&[u8]; 16] = [
            b"\r\n",
            b"\n",
            b"\r",
            b"\0",
            b" ",
            b":",
            b"\t",
            b"%",
            b"\xff\xfe",
            b"host: b\r\n",
            b"transfer-encoding: chunked\r\n",
            b"content-length: 7\r\n",
            b"transfer-encoding: gzip, chunked\r\n",
            b"content-length:    7  \r\n",
            b"0\r\n\r\n",
            b"{\"",
        ];
        let mut bytes = whole[self.below(whole.len())].clone();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            let piece = PIECES[self.below(PIECES.len())];
            match self.below(7) {
                0 => bytes[at] = self.next().to_le_bytes()[0],
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..(at + 1 + self.below(20)).min(bytes.len()))),
                3 => drop(bytes.splice(at..at, piece.iter().copied())),
                4 => bytes.truncate(at.max(1)),
                5 => {
                    let again = bytes[at..(at + self.below(60)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, again);
                }
                _ => {
                    let other = &whole[self.below(whole.len())];
                    bytes.truncate(at);
                    bytes.extend(&other[self.below(other.len())..]);
                }
            }
            if bytes.is_empty() {
                bytes.push(b'\n');
            }
        }
        bytes
    }
}

/// 2,000 of them, or as many as `KEYSLOT_MALFORMED` says (`npm run fuzz:http` sends 20,000), from
/// `KEYSLOT_SEED`.
#[tokio::test]
async fn malformed_requests_are_refused_and_nothing_breaks() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap())
    };
    let (count, seed) = (number("KEYSLOT_MALFORMED", 2_000), number("KEYSLOT_SEED", 7));
    let server = Harness::at("http://a").await;
    let token = server.session(user("u1")).await;
    let id = server.connected(&token, "unchecked", json!({ "apiKey": "k" })).await;
    let body = r#"{"apiKey":"a-key","params":{"a":"b"},"connection_id":"c1"}"#;
    let head = |line: &str, token: &str| {
        format!("{line} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n")
    };
    let json = "content-type: application/json\r\n";
    let whole: Vec<Vec<u8>> = [
        "GET /health HTTP/1.1\r\nhost: a\r\n\r\n".into(),
        format!(
            "{}\r\n",
            head(&format!("GET /connections/{id}?provider_config_key=unchecked"), SECRET)
        ),
        format!("{}\r\n", head("GET /connections?limit=2&tags[a]=b&search=%41", SECRET)),
        format!(
            "{}{json}content-length: {}\r\n\r\n{body}",
            head("POST /api-auth/api-key/unchecked?params[x]=y", &token),
            body.len()
        ),
        format!(
            "{}{json}transfer-encoding: chunked\r\n\r\n5\r\n{}\r\n{:x}\r\n{}\r\n0\r\n\r\n",
            head("POST /connect/sessions", SECRET),
            &body[..5],
            body.len() - 5,
            &body[5..]
        ),
        format!("{}{json}content-length: 2\r\n\r\n{{}}", head("PATCH /environment", SECRET)),
        "OPTIONS /connect/session HTTP/1.1\r\nhost: a\r\norigin: https://b\r\n\r\n".into(),
        "GET /dashboard HTTP/1.1\r\nhost: a\r\ncookie: keyslot_operator=1.2.3\r\n\r\n".into(),
    ]
    .map(String::into_bytes)
    .to_vec();

    let mut random = Random(seed);
    let (mut refused, mut served) = (0, 0);
    for number in 0..count {
        if number > 0 && number % 1_000 == 0 {
            println!("malformed_requests {number} of {count}");
        }
        let bytes = random.broken(&whole);
        let answer = exchange(server.address, &bytes).await;
        let shown = String::from_utf8_lossy(&bytes);
        let Some(answer) = answer else { panic!("seed {seed}, {number}: a hang: {shown:?}") };
        for status in statuses(&answer) {
            assert!(status < 500, "seed {seed}, {number}: {status} for {shown:?}");
            if status < 400 { served += 1 } else { refused += 1 }
        }
    }
    println!(
        "malformed_requests {count} seed {seed}: {refused} refused, {served} served, 0 failed"
    );
    assert!(refused > count / 2 && served > count / 50, "both kinds: {refused} and {served}");
    let answer = exchange(server.address, b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(statuses(&answer.unwrap()), OK, "it still works");
}
