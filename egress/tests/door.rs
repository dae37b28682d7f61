//! What goes through the door, and what does not: redirects, rebinding, proxies, plain HTTP, TLS.

mod common;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{door, get, limits, say, server, server_on};
use http::Request;
use keyslot_egress::{
    Body, Cleartext, ConnectLimits, Egress, EgressError, Limits, Phase, Policy, Resolve, Resolving,
    TlsFault,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

async fn answers_ok(mut stream: TcpStream, _head: String) {
    say(&mut stream, OK).await;
}

/// Answers with another list of addresses each time it is asked.
struct Flipping<F>(AtomicUsize, F);

impl<F: Fn(usize) -> Vec<IpAddr> + Send + Sync + 'static> Resolve for Flipping<F> {
    fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
        let answer = (self.1)(self.0.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(answer) })
    }
}

/// A server that may be reached and a canary that may not, on the same port of two addresses of
/// this machine: the only difference is the address.
async fn open_and_canary() -> (SocketAddr, Arc<AtomicUsize>, SocketAddr, Arc<AtomicUsize>) {
    for _ in 0..50 {
        let (canary, canary_hits) = server(answers_ok).await;
        for open in ["127.0.0.2", "[::1]"] {
            if let Ok((open, open_hits)) =
                server_on(&format!("{open}:{}", canary.port()), answers_ok).await
            {
                return (open, open_hits, canary, canary_hits);
            }
        }
    }
    panic!("no port is free on two addresses of this machine");
}

#[tokio::test]
async fn a_name_that_changes_its_answer_a_thousand_times_never_reaches_the_canary() {
    let (open, open_hits, canary, canary_hits) = open_and_canary().await;
    let (good, bad) = (open.ip(), canary.ip());
    // Between the check and the connection, and in every other rhythm of three.
    type Rhythm = fn(usize, IpAddr, IpAddr) -> Vec<IpAddr>;
    let rhythms: [Rhythm; 4] = [
        |turn, good, bad| vec![if turn.is_multiple_of(2) { good } else { bad }],
        |turn, good, bad| vec![if turn.is_multiple_of(3) { bad } else { good }],
        |turn, good, bad| {
            if turn.is_multiple_of(2) { vec![good, bad] } else { vec![bad, good] }
        },
        |turn, good, bad| vec![[good, bad, good, good, bad][turn % 5]],
    ];
    for rhythm in rhythms {
        let egress = Egress::builder(Policy::default().allow_socket(open))
            .resolver(Flipping(AtomicUsize::new(0), move |turn| rhythm(turn, good, bad)))
            .build();
        let url = format!("http://rebind.test:{}/", open.port());
        let uri = url.parse().expect("a URL");
        for _ in 0..250 {
            egress.check(&uri, Cleartext::OpenedOnly).await.ok();
            match get(&egress, &url, limits()).await {
                Ok(answer) => assert_eq!(answer.status(), 200),
                Err(error) => assert!(matches!(error, EgressError::Denied { .. }), "{error:?}"),
            }
        }
    }
    assert_eq!(canary_hits.load(Ordering::SeqCst), 0, "connections to the canary");
    assert!(open_hits.load(Ordering::SeqCst) > 250, "the open server was really asked");
}

#[tokio::test]
async fn a_redirect_to_a_private_address_is_returned_and_not_followed() {
    let (canary, hits) = server(answers_ok).await;
    for status in [301, 302, 303, 307, 308] {
        let (to, _) = server(move |mut stream, _| async move {
            let head = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: http://{canary}/\r\ncontent-length: 0\r\n\r\n"
            );
            say(&mut stream, head).await;
        })
        .await;
        let answer = get(&door(to), &format!("http://{to}/"), limits()).await.expect("an answer");
        assert_eq!(answer.status(), status);
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_environments_proxies_are_not_used() {
    const CHILD: &str = "KEYSLOT_TEST_TARGET";
    if let Ok(target) = std::env::var(CHILD) {
        let to = target.parse().expect("a socket");
        let answer = get(&door(to), &format!("http://{to}/"), limits()).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        return;
    }
    let (proxy, proxy_hits) = server(answers_ok).await;
    let (target, target_hits) = server(answers_ok).await;
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args(["--exact", "the_environments_proxies_are_not_used"]).env(CHILD, target.to_string());
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
    {
        child.env(name, format!("http://{proxy}"));
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY");
    let output = tokio::task::spawn_blocking(move || child.output().expect("the child runs"))
        .await
        .expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(target_hits.load(Ordering::SeqCst), 1);
    assert_eq!(proxy_hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn plain_http_to_a_public_address_needs_the_templates_word() {
    let egress = Egress::builder(Policy::default())
        .resolver(Flipping(AtomicUsize::new(0), |_| vec![IpAddr::from([8, 8, 8, 8])]))
        .build();
    let error = get(&egress, "http://api.test/", limits()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Cleartext), "{error:?}");
    let uri = "http://api.test/".parse().expect("a URL");
    assert!(egress.check(&uri, Cleartext::Anywhere).await.is_ok());
    let uri = "https://api.test/".parse().expect("a URL");
    assert!(egress.check(&uri, Cleartext::OpenedOnly).await.is_ok());
}

#[tokio::test]
async fn an_internal_name_is_used_at_its_opened_address_only() {
    let (open, open_hits, canary, canary_hits) = open_and_canary().await;
    let (good, bad) = (open.ip(), canary.ip());
    let egress = Egress::builder(Policy::default().allow(good.into()))
        .resolver(Flipping(AtomicUsize::new(0), move |_| vec![bad, good]))
        .build();
    let answer = get(&egress, &format!("http://n8n:{}/", open.port()), limits()).await;
    assert_eq!(answer.expect("an answer").status(), 200);
    assert_eq!(open_hits.load(Ordering::SeqCst), 1);
    assert_eq!(canary_hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_host_header_and_hop_by_hop_headers_are_not_the_callers() {
    let (sender, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let (to, _) = server(move |mut stream, head| {
        let sender = sender.clone();
        async move {
            sender.send(head).expect("someone listens");
            say(&mut stream, OK).await;
        }
    })
    .await;
    let request = Request::get(format!("http://{to}/path?query"))
        .header("host", "evil.test")
        .header("connection", "x-secret, upgrade")
        .header("x-secret", "1")
        .header("keep-alive", "timeout=5")
        .header("proxy-authorization", "Basic eDp5")
        .header("proxy-connection", "keep-alive")
        .header("te", "trailers")
        .header("transfer-encoding", "gzip")
        .header("upgrade", "websocket")
        .header("x-kept", "2")
        .body(Body::empty())
        .expect("a request");
    door(to).send(request, limits()).await.expect("an answer");
    let head = heads.recv().await.expect("the request's head").to_ascii_lowercase();
    let mut lines: Vec<_> = head.trim_end().split("\r\n").collect();
    lines.sort_unstable();
    let host = format!("host: {to}");
    assert_eq!(lines, ["get /path?query http/1.1", host.as_str(), "x-kept: 2"]);
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_a_connect_error() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let error =
        get(&door(free), &format!("http://{free}/"), limits()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Connect(io::ErrorKind::ConnectionRefused)), "{error:?}");
}

#[tokio::test]
async fn the_next_address_of_a_name_is_tried_when_one_refuses() {
    let (open, _, canary, _) = open_and_canary().await;
    let (first, second) = (IpAddr::from([127, 0, 0, 3]), open.ip());
    let egress = Egress::builder(
        Policy::default().allow(first.into()).allow(second.into()).allow(canary.ip().into()),
    )
    .resolver(Flipping(AtomicUsize::new(0), move |_| vec![first, second]))
    .build();
    let start = Instant::now();
    let answer = get(&egress, &format!("http://two.test:{}/", open.port()), limits()).await;
    assert_eq!(answer.expect("an answer").status(), 200);
    assert!(start.elapsed() < Duration::from_millis(200), "a refusal is not waited for");
}

#[tokio::test]
async fn a_name_without_an_address_is_a_dns_error() {
    let egress = Egress::builder(Policy::default())
        .resolver(Flipping(AtomicUsize::new(0), |_| Vec::new()))
        .build();
    let error = get(&egress, "https://nowhere.test/", limits()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Dns), "{error:?}");
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_is_left_after_its_limit() {
    struct Silent;
    impl Resolve for Silent {
        fn resolve<'a>(&'a self, _host: &'a str) -> Resolving<'a> {
            Box::pin(std::future::pending())
        }
    }
    let connect = ConnectLimits { resolve: Duration::from_millis(100), ..ConnectLimits::default() };
    let egress =
        Egress::builder(Policy::default()).resolver(Silent).connect_limits(connect).build();
    let error = get(&egress, "https://slow.test/", limits()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Timeout(Phase::Resolve)), "{error:?}");
}

struct Tls {
    door: Egress,
    to: SocketAddr,
}

/// A TLS server for `name` whose certificate the door trusts or not, reached as `api.test`.
async fn tls_server(name: &str, trusted: bool) -> Tls {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt, AsyncWriteExt};
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut buffer = [0_u8; 4096];
                if stream.read(&mut buffer).await.is_err() {
                    return;
                }
                stream.write_all(OK.as_bytes()).await.ok();
                stream.shutdown().await.ok();
            });
        }
    });
    let mut builder = Egress::builder(Policy::default().allow_socket(to))
        .resolver(Flipping(AtomicUsize::new(0), move |_| vec![to.ip()]));
    if trusted {
        builder = builder.trust(made.cert.der().clone()).expect("a certificate");
    }
    Tls { door: builder.build(), to }
}

#[tokio::test]
async fn https_works_with_a_trusted_certificate_of_the_right_name() {
    let Tls { door, to } = tls_server("api.test", true).await;
    let answer = get(&door, &format!("https://api.test:{}/", to.port()), limits()).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.expect("the body"), "ok");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_told_from_an_untrusted_one() {
    let Tls { door, to } = tls_server("other.test", true).await;
    let error = get(&door, &format!("https://api.test:{}/", to.port()), limits()).await;
    let error = error.err().expect("an error");
    assert!(matches!(error, EgressError::Tls(TlsFault::WrongName)), "{error:?}");

    let Tls { door, to } = tls_server("api.test", false).await;
    let error = get(&door, &format!("https://api.test:{}/", to.port()), limits()).await;
    let error = error.err().expect("an error");
    assert!(matches!(error, EgressError::Tls(TlsFault::Untrusted)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_a_tls_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            say(&mut stream, "HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = get(&door(to), &format!("https://{to}/"), limits()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Tls(TlsFault::Other)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_never_finishes_tls_is_left_after_its_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let to = listener.local_addr().expect("bound");
    let connect = ConnectLimits {
        resolve: Duration::from_millis(50),
        connect: Duration::from_millis(50),
        tls: Duration::from_millis(100),
    };
    let egress =
        Egress::builder(Policy::default().allow_socket(to)).connect_limits(connect).build();
    let error = get(&egress, &format!("https://{to}/"), limits()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Timeout(Phase::Tls)), "{error:?}");
    drop(listener);
}

#[tokio::test]
async fn no_error_text_holds_the_path_or_the_query() {
    let canary = "SECRET-IN-THE-URL";
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("bound");
    let (broken, _) = server(|stream, _| async move { drop(stream) }).await;
    let (silent, _) = server(|stream, _| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let egress =
        Egress::new(Policy::default().allow_socket(free).allow_socket(broken).allow_socket(silent));
    let limits = Limits { first_byte: Duration::from_millis(100), ..limits() };
    for url in [
        format!("http://{free}/{canary}?{canary}"),
        format!("http://{broken}/{canary}?{canary}"),
        format!("http://{silent}/{canary}?{canary}"),
        format!("https://{broken}/{canary}?{canary}"),
        format!("http://10.0.0.1/{canary}?{canary}"),
        format!("http://{canary}@10.0.0.1/"),
        format!("ftp://10.0.0.1/{canary}"),
        format!("http://8.8.8.8/{canary}"),
    ] {
        let error = get(&egress, &url, limits).await.err().expect("an error");
        let text = format!("{error} {error:?}");
        assert!(!text.contains(canary), "{text}");
    }
}
