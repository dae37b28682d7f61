//! A raw TCP server that plays a bad provider.

#![allow(dead_code, reason = "each test binary uses its own part, so `expect` fails in some")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use keyslot_egress::{Body, Cleartext, Egress, EgressError, Limits, Policy, ResponseBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves each connection with `play`, after its request's head was read; returns the address and
/// the number of connections so far.
pub(crate) async fn server<F, P>(play: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream, String) -> P + Send + Sync + 'static,
    P: Future<Output = ()> + Send + 'static,
{
    server_on("127.0.0.1:0", play).await.expect("a free port")
}

/// As [`server`], at an address of one's choice.
pub(crate) async fn server_on<F, P>(
    address: &str,
    play: F,
) -> std::io::Result<(SocketAddr, Arc<AtomicUsize>)>
where
    F: Fn(TcpStream, String) -> P + Send + Sync + 'static,
    P: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    let play = Arc::new(play);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let play = Arc::clone(&play);
            tokio::spawn(async move {
                let head = read_head(&mut stream).await;
                play(stream, head).await;
            });
        }
    });
    Ok((address, connections))
}

async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0_u8; 1];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1) => head.extend(byte),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Writes, and says whether the other side still listens.
pub(crate) async fn say(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) -> bool {
    stream.write_all(bytes.as_ref()).await.is_ok()
}

pub(crate) fn door(to: SocketAddr) -> Egress {
    Egress::new(Policy::default().allow_socket(to))
}

pub(crate) fn limits() -> Limits {
    Limits { cleartext: Cleartext::OpenedOnly, ..Limits::VERIFICATION }
}

pub(crate) async fn get(
    egress: &Egress,
    url: &str,
    limits: Limits,
) -> Result<Response<ResponseBody>, EgressError> {
    egress.send(Request::get(url).body(Body::empty()).expect("a request"), limits).await
}
