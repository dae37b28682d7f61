//! A socket that lets no request through of which it is unclear where it ends. What one server takes for a
//! body another takes for the next request (RFC 9112 §11.2), and a proxy before us may read it the other way.
//!
//! Refused are what RFC 9112 §6.3 calls an error, and what it leaves to good will: lines that end with a
//! bare LF (§2.2), folded lines (§5.2), a blank before a colon (§5.1), and more than one header that says
//! how long the body is, equal ones and a length beside chunks (§6.1) included. A `Transfer-Encoding` is the
//! word `chunked`, after one blank at most: whoever does not know it with a tab before it sees no body. A
//! `Content-Length` is digits, with blanks around. Either stands within the first [`LOOKED_AT`] bytes of its
//! line.
//!
//! A head that is refused gets a NUL and an end, which makes the HTTP library answer 400 and close. In a
//! chunked body the connection ends where the framing does. After either, nothing is read any more.
//!
//! A client that does not read its answers is let go when it has been waited for [`PATIENCE`] in all; what it reads
//! earns it more. The library would wait for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::listener::Pace;

/// How long writes may wait for the client to read, in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same for a client in a hurry ([`Pace::Hurried`]), who earns no more.
const LITTLE_PATIENCE: Duration = Duration::from_secs(1);
/// The patience that each byte earns: a second for 4 KiB.
const EARNED: Duration = Duration::from_nanos(1_000_000_000 / 4096);
/// So much of a line is looked at.
const LOOKED_AT: usize = 128;
/// What ends a head that is refused.
const END: &[u8] = b"\r\n\r\n";

/// What the next byte belongs to.
enum Place {
    Head,
    /// A body of which so many bytes are to come.
    Body(u64),
    /// The line with the size of a chunk: what it says so far, and whether there were digits only.
    Size(u64, SizeLine),
    /// A chunk of which so many bytes are to come, the line end after it included.
    Chunk(u64),
    /// A line after the last chunk.
    Trailer,
    /// To nothing: a head was refused, and this much of its end is still to be handed on.
    RefusedHead(&'static [u8]),
    /// To nothing: a body was refused.
    RefusedBody,
}

#[derive(Clone, Copy, PartialEq)]
enum SizeLine {
    Nothing,
    Digits,
    Extension,
}

/// What the head says about the body.
#[derive(Clone, Copy)]
enum Framing {
    Nothing,
    Length(u64),
    Chunked,
}

/// It is not clear where the request ends.
struct Unclear;

/// Follows the bytes of a connection from heads to bodies and back.
struct Follower {
    place: Place,
    /// The start of the line.
    line: Vec<u8>,
    length: usize,
    after_cr: bool,
    first_line: bool,
    framing: Framing,
}

impl Follower {
    fn new() -> Self {
        Self {
            place: Place::Head,
            line: Vec::with_capacity(LOOKED_AT),
            length: 0,
            after_cr: false,
            first_line: true,
            framing: Framing::Nothing,
        }
    }

    /// Looks at what was read; tells how much of it may be handed on.
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get_mut(at..)
            && let Some(byte) = rest.first_mut()
        {
            let outcome = match self.place {
                Place::Head => match self.head(*byte) {
                    Ok(()) => Ok(1),
                    Err(Unclear) => {
                        *byte = 0;
                        self.place = Place::RefusedHead(END);
                        return at + 1;
                    }
                },
                Place::Body(left) | Place::Chunk(left) => {
                    let here = u64::try_from(rest.len()).unwrap_or(u64::MAX).min(left);
                    let passed = usize::try_from(here).unwrap_or(rest.len());
                    self.place = match (&self.place, left - here) {
                        (Place::Body(_), 0) => self.next_head(),
                        (Place::Body(_), left) => Place::Body(left),
                        (_, 0) => Place::Size(0, SizeLine::Nothing),
                        (_, left) => Place::Chunk(left),
                    };
                    Ok(passed)
                }
                Place::Size(size, line) => self.size(size, line, *byte).map(|()| 1),
                Place::Trailer => self.trailer(*byte).map(|()| 1),
                Place::RefusedHead(_) | Place::RefusedBody => return at,
            };
            match outcome {
                Ok(passed) => at += passed,
                Err(Unclear) => {
                    self.place = Place::RefusedBody;
                    return at;
                }
            }
        }
        at
    }

    /// Takes in a byte of a line; the length of the line when it has ended.
    fn line_with(&mut self, byte: u8) -> Result<Option<usize>, Unclear> {
        if byte == b'\n' {
            if !std::mem::take(&mut self.after_cr) {
                return Err(Unclear);
            }
            let length = self.length - 1;
            self.line.truncate(length);
            self.length = 0;
            return Ok(Some(length));
        }
        if self.length == 0 {
            self.line.clear();
        }
        self.after_cr = byte == b'\r';
        self.length += 1;
        if self.line.len() < LOOKED_AT {
            self.line.push(byte);
        }
        Ok(None)
    }

    fn head(&mut self, byte: u8) -> Result<(), Unclear> {
        match self.line_with(byte)? {
            None => {}
            // Empty lines before a request are passed over by the library too.
            Some(0) if self.first_line => {}
            Some(0) => {
                self.place = match self.framing {
                    Framing::Nothing | Framing::Length(0) => self.next_head(),
                    Framing::Length(length) => Place::Body(length),
                    Framing::Chunked => Place::Size(0, SizeLine::Nothing),
                };
            }
            Some(_) if self.first_line => self.first_line = false,
            Some(length) => self.header(length)?,
        }
        Ok(())
    }

    /// Takes in a header of so many bytes, the first of which are in `line`.
    fn header(&mut self, length: usize) -> Result<(), Unclear> {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        if self.line.first().is_some_and(is_blank) {
            return Err(Unclear);
        }
        // A name that does not end within what is looked at is none of the two.
        let Some(colon) = self.line.iter().position(|byte| *byte == b':') else { return Ok(()) };
        let (name, value) = self.line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        if name.last().is_some_and(is_blank) {
            return Err(Unclear);
        }
        let framing = if name.eq_ignore_ascii_case(b"content-length") {
            Framing::Length(content_length(value)?)
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if !value.strip_prefix(b" ").unwrap_or(value).eq_ignore_ascii_case(b"chunked") {
                return Err(Unclear);
            }
            Framing::Chunked
        } else {
            return Ok(());
        };
        if length > LOOKED_AT || !matches!(self.framing, Framing::Nothing) {
            return Err(Unclear);
        }
        self.framing = framing;
        Ok(())
    }

    fn size(&mut self, size: u64, line: SizeLine, byte: u8) -> Result<(), Unclear> {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        self.place = match (line, digit, byte) {
            (SizeLine::Nothing | SizeLine::Digits, Some(digit), _) if !self.after_cr => {
                let size = size.checked_mul(16).and_then(|size| size.checked_add(digit));
                Place::Size(size.ok_or(Unclear)?, SizeLine::Digits)
            }
            (SizeLine::Nothing, ..) => return Err(Unclear),
            (_, _, b'\n') if self.after_cr => {
                self.after_cr = false;
                match size {
                    0 => Place::Trailer,
                    size => Place::Chunk(size.checked_add(2).ok_or(Unclear)?),
                }
            }
            (.., b'\n') => return Err(Unclear),
            _ if self.after_cr => return Err(Unclear),
            (.., b'\r') => {
                self.after_cr = true;
                Place::Size(size, line)
            }
            _ => Place::Size(size, SizeLine::Extension),
        };
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<(), Unclear> {
        if self.line_with(byte)? == Some(0) {
            self.place = self.next_head();
        }
        Ok(())
    }

    fn next_head(&mut self) -> Place {
        self.first_line = true;
        self.framing = Framing::Nothing;
        Place::Head
    }
}

/// Digits with blanks around (RFC 9110 §5.5 and §8.6); not what `parse` takes besides, such as a sign.
fn content_length(value: &[u8]) -> Result<u64, Unclear> {
    let text = std::str::from_utf8(value).map_err(|_| Unclear)?.trim_matches([' ', '\t']);
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unclear);
    }
    text.parse().map_err(|_| Unclear)
}

/// The socket.
pub(crate) struct StrictLines<S> {
    inner: S,
    follower: Follower,
    pace: Pace,
    /// For how long writes may still wait for the client.
    patience: Duration,
    /// Runs while a write waits, since when.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> StrictLines<S> {
    pub(crate) fn new(inner: S, pace: Pace) -> Self {
        let patience = match pace {
            Pace::Usual => PATIENCE,
            Pace::Hurried => LITTLE_PATIENCE,
        };
        Self { inner, follower: Follower::new(), pace, patience, waiting: None }
    }

    /// Ends a write when the client has been waited for too long: in all, so that reading a byte now and then
    /// does not keep a connection. Time in which there is nothing to write does not count.
    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            if let Some((since, _)) = self.waiting.take() {
                self.patience = self.patience.saturating_sub(since.elapsed());
            }
            return outcome;
        }
        let patience = self.patience;
        let (_, waiting) =
            self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(patience))));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// What was written earns more patience, so that a slow client gets a long answer.
    fn written(&mut self, outcome: &Poll<io::Result<usize>>) {
        if let (Poll::Ready(Ok(bytes)), Pace::Usual) = (outcome, self.pace) {
            let bytes = u32::try_from(*bytes).unwrap_or(u32::MAX);
            self.patience = (self.patience + EARNED * bytes).min(PATIENCE);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictLines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.follower.place {
            Place::RefusedHead(end) => {
                let (now, later) = end.split_at(end.len().min(buffer.remaining()));
                buffer.put_slice(now);
                *end = later;
                return Poll::Ready(Ok(()));
            }
            Place::RefusedBody => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            _ => {}
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        let new = buffer.filled_mut().get_mut(before..).unwrap_or_default();
        let read = new.len();
        let passed = self.follower.pass(new);
        if passed == 0 && read > 0 {
            // Handing on nothing would mean that the client has closed.
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StrictLines<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(context, bytes);
        let outcome = self.patiently(context, outcome);
        self.written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        let outcome = self.patiently(context, outcome);
        self.written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(context);
        self.patiently(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the library gets of `bytes` when they come in pieces of `piece`.
    fn passed(bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut follower = Follower::new();
        let mut got = Vec::new();
        for piece in bytes.to_vec().chunks_mut(piece) {
            let passed = follower.pass(piece);
            got.extend_from_slice(&piece[..passed]);
        }
        got
    }

    /// Whether requests with these headers are handed on.
    fn passes(headers: &str) -> bool {
        let sent = format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n").into_bytes();
        let whole = passed(&sent, sent.len());
        for piece in 1..sent.len() {
            assert_eq!(passed(&sent, piece), whole, "{headers:?} by {piece}");
        }
        assert!(whole == sent || whole.ends_with(&[0]), "{headers:?}");
        whole == sent
    }

    #[test]
    fn a_bare_line_feed_in_a_head_becomes_a_nul_and_nothing_follows() {
        for (sent, got) in [
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", "GET / HTTP/1.1\0"),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", "GET / HTTP/1.1\r\nhost: a\0"),
            ("\nGET / HTTP/1.1\r\n\r\n", "\0"),
            (
                "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\nx: y\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\0",
            ),
        ] {
            for piece in 1..sent.len() {
                assert_eq!(passed(sent.as_bytes(), piece), got.as_bytes(), "{sent:?} by {piece}");
            }
        }
    }

    #[test]
    fn a_head_passes_only_when_it_is_clear_where_its_body_ends() {
        let padded = |blanks: usize| format!("content-length:{}5\r\n", " ".repeat(blanks));
        for clear in [
            "",
            "x: y\r\n",
            "content-length: 0\r\n",
            "Content-Length:5\r\n",
            "content-length: \t 5 \t\r\n",
            "transfer-encoding: chunked\r\n",
            "TRANSFER-ENCODING:Chunked\r\n",
            "x-transfer-encoding: gzip\r\ncontent-length: 1\r\n",
            &padded(112),
        ] {
            assert!(passes(clear), "{clear:?}");
        }
        let long = |name: &str| format!("{name}:{}chunked\r\n", " ".repeat(200));
        for unclear in [
            "transfer-encoding: gzip, chunked\r\n",
            "transfer-encoding: chunked, chunked\r\n",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: identity\r\n",
            "transfer-encoding:\r\n",
            "transfer-encoding:  chunked\r\n",
            "transfer-encoding: chunked \r\n",
            "transfer-encoding:\tchunked\r\n",
            "transfer-encoding: \x0bchunked\r\n",
            "transfer-encoding: \"chunked\"\r\n",
            "transfer-encoding: chunked;q=1\r\n",
            "transfer-encoding : chunked\r\n",
            "transfer-encoding\t: chunked\r\n",
            "x: y\r\n transfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "content-length: 5\r\ncontent-length: 5\r\n",
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: 5, 5\r\n",
            "content-length: 5 5\r\n",
            "content-length: +5\r\n",
            "content-length: -5\r\n",
            "content-length: 5.0\r\n",
            "content-length: \x0b5\r\n",
            "content-length: \u{a0}5\r\n",
            "content-length:\r\n",
            "content-length: 99999999999999999999\r\n",
            &padded(113),
            &format!("content-length: {}5\r\n", "0".repeat(200)),
            &long("transfer-encoding"),
            &format!("content-length: 5\r\n{}", long("transfer-encoding")),
        ] {
            assert!(!passes(unclear), "{unclear:?}");
        }
    }

    #[test]
    fn a_chunked_body_is_cut_off_where_its_framing_ends() {
        let head = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        let next = "GET / HTTP/1.1\r\n\r\n";
        for (clear, unclear) in [
            ("", "\r\n"),
            ("", "x\r\n"),
            ("", ";\r\n"),
            ("3", "\n"),
            ("3\r", "3\r\n"),
            ("3;a", "\n"),
            ("ffffffffffffffff", "f\r\n"),
            ("ffffffffffffffff\r", "\n"),
            ("1\r\na\r\n", "\r\n"),
            ("0\r\na: b", "\n\r\n"),
            ("0\r\n", "\n"),
        ] {
            let sent = format!("{head}{clear}{unclear}{next}");
            for piece in 1..sent.len() {
                let got = passed(sent.as_bytes(), piece);
                assert_eq!(got, format!("{head}{clear}").as_bytes(), "{sent:?} by {piece}");
            }
        }
    }

    /// How much of 64 KiB a client gets that reads a little now and then, from a socket that is patient for so long.
    async fn got(pace: Pace, patience: Duration, a_time: usize) -> usize {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        const ALL: usize = 64 * 1024;
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let writing = tokio::spawn(async move {
            let mut socket = StrictLines::new(ours, pace);
            socket.patience = patience.min(socket.patience);
            let mut sent = 0;
            while sent < ALL {
                match socket.write(&[0; 1024]).await {
                    Ok(bytes) => sent += bytes,
                    Err(_) => break,
                }
            }
            sent
        });
        let mut some = vec![0; a_time];
        while !writing.is_finished() {
            sleep(Duration::from_millis(10)).await;
            if theirs.read(&mut some).await.unwrap_or(0) == 0 {
                break;
            }
        }
        writing.await.unwrap()
    }

    #[tokio::test]
    async fn a_client_that_reads_a_byte_now_and_then_is_let_go() {
        assert!(got(Pace::Usual, Duration::from_millis(200), 1).await < 2048);
        assert!(got(Pace::Hurried, PATIENCE, 8).await < 4096, "a second in all");
    }

    #[tokio::test]
    async fn a_slow_client_gets_a_long_answer() {
        // 64 times ten milliseconds: more than the patience at first.
        assert!(got(Pace::Usual, Duration::from_millis(200), 1024).await >= 64 * 1024);
        assert!(got(Pace::Hurried, Duration::from_millis(200), 1024).await < 64 * 1024);
    }

    proptest! {
        /// Bodies pass untouched, however they are framed and cut, and after them a head is a head again.
        #[test]
        fn bodies_are_left_alone(
            bodies in proptest::collection::vec(
                (proptest::collection::vec(
                    proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 1..40),
                    0..4,
                 ), any::<bool>()),
                1..5,
            ),
            piece in 1_usize..50,
        ) {
            let mut sent = Vec::new();
            for (chunks, chunked) in bodies {
                if chunked {
                    sent.extend(b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                    for chunk in chunks {
                        sent.extend(format!("{:X};x=\"y\"\r\n", chunk.len()).into_bytes());
                        sent.extend(chunk);
                        sent.extend(b"\r\n");
                    }
                    sent.extend(b"0\r\na: b\r\n\r\n");
                } else {
                    let body = chunks.concat();
                    let head = format!("POST / HTTP/1.1\r\ncontent-LENGTH:  {} \r\n\r\n", body.len());
                    sent.extend(head.into_bytes());
                    sent.extend(body);
                }
            }
            prop_assert_eq!(&passed(&sent, piece), &sent);
            sent.extend(b"GET / HTTP/1.1\n");
            prop_assert!(passed(&sent, piece).ends_with(&[0]));
        }
    }
}
