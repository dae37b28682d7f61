//! What the stock SDK's `auth(id)` without credentials meets here. For OAuth it opens a popup and a WebSocket, by
//! which the server says how that ended; on a server that speaks no WebSocket its promise never settles and the
//! popup stays. Nothing here needs a popup, so the socket is told so at once, which rejects the promise with the
//! error that the original has for an integration without OAuth.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::extract::Request;
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, Response, StatusCode, Version, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::admission::Place;

/// How long the client may take to say good-bye.
const PATIENCE: Duration = Duration::from_secs(1);
/// RFC 6455 §1.3.
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// RFC 6455 §4.1: the one version, and how many bytes a key has.
const VERSION: &str = "13";
const NONCE: usize = 16;
/// First bytes of a frame that is a whole text, and one that is a good-bye (RFC 6455 §5.2).
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;
/// "Normal closure" (RFC 6455 §7.4.1).
const NORMAL: u16 = 1000;

/// The answer to a request for a WebSocket; `None` to any other.
pub fn refusal(request: &mut Request) -> Option<Response<axum::body::Body>> {
    let headers = request.headers();
    if !(says(headers, header::UPGRADE, "websocket")
        && says(headers, header::CONNECTION, "upgrade"))
    {
        return None;
    }
    let version = headers.get(header::SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?.as_bytes();
    // What RFC 6455 §4.2.1 asks of a client; without it, this is a request for a page.
    let asked = request.version() == Version::HTTP_11
        && version == VERSION
        && STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == NONCE)
        && !headers.contains_key(header::CONTENT_LENGTH)
        && !headers.contains_key(header::TRANSFER_ENCODING);
    if !asked {
        return None;
    }
    let accepted = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key, ACCEPT.as_bytes()].concat());
    let upgrade = hyper::upgrade::on(&mut *request);
    let place = request.extensions_mut().remove::<Arc<Place>>();
    tokio::spawn(async move {
        // Counted as a connection for as long as it lasts.
        let _place = place;
        if let Ok(socket) = upgrade.await {
            // Whether the client hears it is its own affair.
            let _ = tokio::time::timeout(PATIENCE, tell(TokioIo::new(socket))).await;
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, STANDARD.encode(accepted))
        .body(axum::body::Body::empty())
        .ok()
}

/// Whether a list of words has this one (RFC 9110 §5.6.1).
fn says(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case(word))
}

/// Says the error, says good-bye, and waits for the client to do so.
async fn tell(mut socket: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let error = json!({
        "message_type": "error",
        "error_type": "auth_mode_err",
        "error_desc": "Auth mode not supported: this server connects API keys and Basic auth, for which there is no \
                       popup. Pass `credentials` to auth(), or have them asked for by openConnectUI().",
    });
    socket.write_all(&frame(TEXT, error.to_string().as_bytes())).await?;
    socket.write_all(&frame(CLOSE, &NORMAL.to_be_bytes())).await?;
    socket.flush().await?;
    // Closing with unread bytes would reset the connection, and lose what was said.
    let mut heard = [0; 256];
    while socket.read(&mut heard).await? > 0 {}
    socket.shutdown().await
}

/// A frame from a server, which masks nothing. Its text has fewer than 65,536 bytes.
fn frame(kind: u8, text: &[u8]) -> Vec<u8> {
    let mut frame = vec![kind];
    match u8::try_from(text.len()) {
        Ok(short) if short < 126 => frame.push(short),
        _ => {
            frame.push(126);
            frame.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    frame.extend(text);
    frame
}
