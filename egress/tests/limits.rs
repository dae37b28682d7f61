//! What a slow, endless or broken answer costs: never more than the limits say.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{door, get, limits, say, server};
use http::Request;
use http_body_util::{BodyExt, StreamBody};
use keyslot_egress::{Body, EgressError, Limits, Phase};
use tokio::io::AsyncReadExt;
use tokio::time::sleep;

const SHORT: Duration = Duration::from_millis(250);
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";

fn short() -> Limits {
    Limits { first_byte: SHORT, idle: SHORT, ..limits() }
}

/// Runs one exchange to its end and returns its error and the time it took.
async fn fails(
    url: &str,
    door: &keyslot_egress::Egress,
    limits: Limits,
) -> (EgressError, Duration) {
    let start = Instant::now();
    let error = match get(door, url, limits).await {
        Err(error) => error,
        Ok(answer) => answer.into_body().collect().await.expect_err("an error"),
    };
    (error, start.elapsed())
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_after_the_first_byte_limit() {
    let (to, _) = server(|stream, _| async move {
        sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let (error, took) = fails(&format!("http://{to}/"), &door(to), short()).await;
    assert!(matches!(error, EgressError::Timeout(Phase::FirstByte)), "{error:?}");
    assert!(took < SHORT * 4, "{took:?}");
}

#[tokio::test]
async fn a_head_that_drips_is_left_after_the_first_byte_limit() {
    let (to, _) = server(|mut stream, _| async move {
        for byte in HEAD.bytes().cycle() {
            if !say(&mut stream, [byte]).await {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let (error, took) = fails(&format!("http://{to}/"), &door(to), short()).await;
    assert!(matches!(error, EgressError::Timeout(Phase::FirstByte)), "{error:?}");
    assert!(took < SHORT * 4, "{took:?}");
}

#[tokio::test]
async fn a_head_without_end_is_an_error_and_not_memory() {
    let (to, _) = server(|mut stream, _| async move {
        say(&mut stream, HEAD).await;
        let field = format!("x-field: {}\r\n", "a".repeat(1000));
        while say(&mut stream, &field).await {}
    })
    .await;
    let (error, _) = fails(&format!("http://{to}/"), &door(to), limits()).await;
    assert!(matches!(error, EgressError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_without_end_stops_at_the_size_limit() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (to, _) = server(move |mut stream, _| {
        let counter = Arc::clone(&counter);
        async move {
            say(&mut stream, format!("{HEAD}connection: close\r\n\r\n")).await;
            let piece = vec![b'x'; 16 * 1024];
            while say(&mut stream, &piece).await {
                counter.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let limits = Limits { max_response: 100_000, ..limits() };
    let (error, _) = fails(&format!("http://{to}/"), &door(to), limits).await;
    assert!(matches!(error, EgressError::TooLarge { limit: 100_000 }), "{error:?}");
    // What was already under way in the sockets, and no more.
    assert!(
        sent.load(Ordering::SeqCst) < 16 << 20,
        "{} bytes were taken",
        sent.load(Ordering::SeqCst)
    );
}

#[tokio::test]
async fn a_body_of_exactly_the_size_limit_is_whole() {
    let (to, _) = server(|mut stream, _| async move {
        say(&mut stream, format!("{HEAD}content-length: 1000\r\n\r\n{}", "x".repeat(1000))).await;
    })
    .await;
    let limits = Limits { max_response: 1000, ..limits() };
    let answer = get(&door(to), &format!("http://{to}/"), limits).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("the body").len(), 1000);
}

#[tokio::test]
async fn a_body_of_one_byte_a_moment_stops_at_the_total_limit() {
    let (to, _) = server(|mut stream, _| async move {
        say(&mut stream, format!("{HEAD}content-length: 1000000\r\n\r\n")).await;
        while say(&mut stream, "x").await {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let limits = Limits { total: SHORT, ..limits() };
    let (error, took) = fails(&format!("http://{to}/"), &door(to), limits).await;
    assert!(matches!(error, EgressError::Timeout(Phase::Total)), "{error:?}");
    assert!(took < SHORT * 4, "{took:?}");
}

#[tokio::test]
async fn a_body_that_falls_silent_stops_at_the_idle_limit() {
    let (to, _) = server(|mut stream, _| async move {
        say(&mut stream, format!("{HEAD}content-length: 10\r\n\r\nx")).await;
        sleep(Duration::from_secs(60)).await;
    })
    .await;
    let (error, took) = fails(&format!("http://{to}/"), &door(to), short()).await;
    assert!(matches!(error, EgressError::Timeout(Phase::Idle)), "{error:?}");
    assert!(took < SHORT * 4, "{took:?}");
}

#[tokio::test]
async fn our_own_reader_may_be_slower_than_the_idle_limit() {
    let (to, _) = server(|mut stream, _| async move {
        say(&mut stream, format!("{HEAD}content-length: 4\r\n\r\n")).await;
        for _ in 0..4 {
            sleep(SHORT / 5).await;
            say(&mut stream, "x").await;
        }
    })
    .await;
    let answer = get(&door(to), &format!("http://{to}/"), short()).await.expect("an answer");
    let mut body = answer.into_body();
    let mut whole = 0;
    while let Some(frame) = body.frame().await {
        whole += frame.expect("a frame").into_data().expect("data").len();
        sleep(SHORT * 2).await;
    }
    assert_eq!(whole, 4);
}

#[tokio::test]
async fn an_upload_that_keeps_moving_may_take_longer_than_the_first_byte_limit() {
    let (to, _) = server(|mut stream, _| async move {
        let mut buffer = [0_u8; 1024];
        let mut taken = Vec::new();
        while !taken.ends_with(b"0\r\n\r\n") {
            match stream.read(&mut buffer).await {
                Ok(count) if count > 0 => taken.extend_from_slice(&buffer[..count]),
                _ => return,
            }
        }
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..6 {
            sleep(SHORT / 2).await;
            if sender.send(Bytes::from_static(b"piece")).await.is_err() {
                break;
            }
        }
    });
    let body = Body::stream(StreamBody::new(Pieces(receiver)));
    let request = Request::post(format!("http://{to}/")).body(body).expect("a request");
    let answer = door(to).send(request, short()).await.expect("an answer");
    assert_eq!(answer.into_body().collect().await.expect("the body"), "ok");
}

#[tokio::test]
async fn an_upload_that_stalls_is_left_after_the_first_byte_limit() {
    let (to, _) = server(|stream, _| async move {
        sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let body = Body::stream(StreamBody::new(Pieces(receiver)));
    let request = Request::post(format!("http://{to}/")).body(body).expect("a request");
    let error = door(to).send(request, short()).await.err().expect("an error");
    assert!(matches!(error, EgressError::Timeout(Phase::FirstByte)), "{error:?}");
    drop(sender);
}

#[tokio::test]
async fn a_large_answer_is_not_read_ahead_of_its_reader() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let (to, _) = server(move |mut stream, _| {
        let counter = Arc::clone(&counter);
        async move {
            say(&mut stream, format!("{HEAD}connection: close\r\n\r\n")).await;
            let piece = vec![b'x'; 64 * 1024];
            while counter.load(Ordering::SeqCst) < 64 << 20 && say(&mut stream, &piece).await {
                counter.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let limits = Limits { max_response: u64::MAX, ..limits() };
    let answer = get(&door(to), &format!("http://{to}/"), limits).await.expect("an answer");
    // The server writes until the sockets are full, then stands still.
    let mut before = usize::MAX;
    while sent.load(Ordering::SeqCst) != before {
        before = sent.load(Ordering::SeqCst);
        sleep(Duration::from_millis(100)).await;
    }
    assert!(before < 32 << 20, "{before} bytes were taken without a reader");
    let whole = answer.into_body().collect().await.expect("the body").len();
    assert_eq!(whole, 64 << 20);
}

#[tokio::test]
async fn a_connection_that_closes_early_is_an_error() {
    for answer in [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        "nonsense\r\n\r\n",
    ] {
        let (to, _) = server(move |mut stream, _| async move {
            say(&mut stream, answer).await;
        })
        .await;
        let (error, _) = fails(&format!("http://{to}/"), &door(to), limits()).await;
        assert!(matches!(error, EgressError::Protocol(_)), "{answer:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_arrives_as_it_was_sent() {
    let (to, _) = server(|mut stream, _| async move {
        let body = [0x1f_u8, 0x8b, 8, 0, 0, 0, 0, 0];
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 8\r\n\r\n")
            .await;
        say(&mut stream, body).await;
    })
    .await;
    let answer = get(&door(to), &format!("http://{to}/"), limits()).await.expect("an answer");
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(
        answer.into_body().collect().await.expect("the body").as_ref(),
        [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
    );
}

/// The receiving end of a channel as the frames of a body.
struct Pieces(tokio::sync::mpsc::Receiver<Bytes>);

impl futures_core::Stream for Pieces {
    type Item = Result<http_body::Frame<Bytes>, std::convert::Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}
