//! Providers from text, and a raw server that plays their API.

#![allow(dead_code, reason = "each test binary uses its own part, so `expect` fails in some")]

use std::net::SocketAddr;
use std::sync::Arc;

use keyslot_egress::{Egress, Policy, Resolve, Resolving};
use keyslot_providers::{Catalogue, ConnectionConfig, Provider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) const SHAPES: &str = include_str!("../fixtures/shapes.yaml");

/// The catalogue of a text whose every entry can be used.
pub(crate) fn catalogue(yaml: &str) -> Catalogue {
    let mut catalogue = Catalogue::default();
    let report = catalogue.extend_from_yaml(yaml).expect("YAML");
    assert!(report.skipped.is_empty(), "{:?}", report.skipped);
    catalogue
}

pub(crate) fn shape(name: &str) -> Arc<Provider> {
    Arc::clone(catalogue(SHAPES).get(name).expect("a shape"))
}

pub(crate) fn provider(yaml: &str) -> Arc<Provider> {
    Arc::clone(catalogue(yaml).iter().next().expect("an entry"))
}

pub(crate) fn config<const N: usize>(values: [(&str, &str); N]) -> ConnectionConfig {
    values.into_iter().collect()
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Answers each request with what `answer` makes of its number and itself, closes the connection,
/// and gives the requests in order.
pub(crate) async fn api(
    answer: impl Fn(usize, &Arrived) -> String + Send + Sync + 'static,
) -> (SocketAddr, UnboundedReceiver<Arrived>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(arrived) = read(&mut stream).await else {
                continue;
            };
            let text = answer(turn, &arrived);
            turn += 1;
            sender.send(arrived).ok();
            stream.write_all(text.as_bytes()).await.ok();
            stream.shutdown().await.ok();
        }
    });
    (address, receiver)
}

async fn read(stream: &mut TcpStream) -> Option<Arrived> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    let (head, length) = loop {
        let count = stream.read(&mut buffer).await.ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break (at, 0_usize);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let wanted = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(length);
    let mut body = bytes.split_off(head + 4);
    while body.len() < wanted {
        let count = stream.read(&mut buffer).await.ok().filter(|&count| count > 0)?;
        body.extend_from_slice(&buffer[..count]);
    }
    Some(Arrived { line, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

/// A door to one server of this machine, under whatever name.
pub(crate) fn door(to: SocketAddr) -> Egress {
    struct Here;
    impl Resolve for Here {
        fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
            Box::pin(async move {
                if host.contains("nowhere") {
                    return Ok(Vec::new());
                }
                if host.contains("private") {
                    return Ok(vec![[10, 0, 0, 1].into()]);
                }
                Ok(vec![host.parse().unwrap_or([127, 0, 0, 1].into())])
            })
        }
    }
    Egress::builder(Policy::default().allow_socket(to)).resolver(Here).build()
}
