//! The WebSocket of the stock SDK's `auth(id)` without credentials.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::harness::Harness;

#[tokio::test]
async fn a_popup_for_oauth_is_told_at_once_that_there_is_none() {
    let server = Harness::at("http://a").await;
    // The example of RFC 6455 §1.3.
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let talk = async {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A good-bye of its own: masked, of two bytes.
        while !answer.ends_with(&[0x88, 2, 3, 0xe8]) {
            assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
        }
        client.write_all(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8]).await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(client.read_buf(&mut answer).await.unwrap(), 0, "it ends");
        answer
    };
    let answer = timeout(Duration::from_secs(5), talk).await.unwrap();
    let head_ends = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..head_ends]).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    let (frame, rest) = answer[head_ends..].split_at(4);
    assert_eq!(frame[..2], [0x81, 126]);
    let length = usize::from(u16::from_be_bytes([frame[2], frame[3]]));
    let told: Value = serde_json::from_slice(&rest[..length]).unwrap();
    assert_eq!(told["message_type"], "error");
    assert_eq!(told["error_type"], "auth_mode_err");
    assert!(told["error_desc"].as_str().unwrap().contains("openConnectUI"));
}

#[tokio::test]
async fn the_root_is_a_page_for_everybody_else() {
    let server = Harness::at("http://a").await;
    let answer = server.get("/").await;
    assert_eq!(answer.status, 307);
}

#[tokio::test]
async fn what_rfc_6455_does_not_call_a_request_for_a_websocket_gets_the_page() {
    let server = Harness::at("http://a").await;
    let usual = ["sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="];
    for lines in [
        vec![usual[1]],
        vec!["sec-websocket-version: 8", usual[1]],
        vec![usual[0], "sec-websocket-key: x"],
        vec![usual[0], usual[1], "content-length: 0"],
    ] {
        let request = format!(
            "GET / HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n{}\r\n\r\n",
            lines.join("\r\n")
        );
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(4).any(|four| four == b"\r\n\r\n") {
            assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0, "{lines:?}");
        }
        assert!(answer.starts_with(b"HTTP/1.1 307 "), "{lines:?}: {answer:?}");
    }
}
