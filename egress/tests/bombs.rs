//! Memory under answers that would fill it. One test, so that nothing else in this process moves
//! the figure.

mod common;

use common::{get, limits, say, server};
use keyslot_egress::{Egress, EgressError, Limits, Policy};

/// The memory of this process, in bytes, where the system tells.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[tokio::test]
async fn endless_and_compressed_answers_do_not_fill_the_memory() {
    // Ten gigabytes of zeros in gzip are ten megabytes of this; without decompression it is just
    // an endless body.
    let (gzip, _) = server(|mut stream, _| async move {
        say(&mut stream, "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n").await;
        let block = [0_u8; 8192];
        while say(&mut stream, block).await {}
    })
    .await;
    let (chunks, _) = server(|mut stream, _| async move {
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        while say(&mut stream, &chunk).await {}
    })
    .await;
    let (extensions, _) = server(|mut stream, _| async move {
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;").await;
        while say(&mut stream, "x".repeat(4096)).await {}
    })
    .await;
    let (heads, _) = server(|mut stream, _| async move {
        say(&mut stream, "HTTP/1.1 200 OK\r\n").await;
        while say(&mut stream, format!("x: {}\r\n", "y".repeat(4096))).await {}
    })
    .await;
    let (trailers, _) = server(|mut stream, _| async move {
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n").await;
        while say(&mut stream, format!("x: {}\r\n", "y".repeat(4096))).await {}
    })
    .await;
    let (informational, _) = server(|mut stream, _| async move {
        while say(&mut stream, "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").await {}
    })
    .await;

    let targets = [gzip, chunks, extensions, heads, trailers, informational];
    let policy = targets.iter().fold(Policy::default(), |policy, &to| policy.allow_socket(to));
    let egress = Egress::new(policy);
    let limits = Limits { total: std::time::Duration::from_secs(2), ..limits() };
    let run = async || {
        for to in targets {
            let error = match get(&egress, &format!("http://{to}/"), limits).await {
                Err(error) => error,
                Ok(answer) => answer.into_body().collect().await.expect_err("an error"),
            };
            assert!(
                matches!(
                    error,
                    EgressError::TooLarge { .. }
                        | EgressError::Protocol(_)
                        | EgressError::Timeout(_)
                ),
                "{error:?}"
            );
        }
    };
    // The first round fills buffers and pools that stay.
    run().await;
    let Some(before) = resident() else { return };
    for _ in 0..3 {
        run().await;
    }
    let after = resident().expect("it was there before");
    let grown = after.saturating_sub(before);
    assert!(grown < 5 << 20, "the process grew by {grown} bytes");
}
