//! A socket whose request heads must have lines that end with CR LF. The HTTP library takes a bare LF for
//! the end of a line, which RFC 9112 §2.2 allows and proxies do not all do: what is one header for a proxy
//! before us could be two for us. It takes a request with both a length and chunks for one with chunks,
//! where a proxy may have gone by the length (RFC 9112 §6.1). Here either becomes a NUL on its way in, which
//! the library refuses with 400. Bodies pass as they are, so where heads begin is followed; should that be lost, which
//! only a request does that the library refuses anyway, everything passes.
//!
//! A client that does not read its answer for [`PATIENCE`] is let go: the library waits for ever.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// How long a write may wait for the client to read.
const PATIENCE: Duration = Duration::from_secs(60);
/// So much of a line is looked at: enough for the names and values that say how long a body is.
const LOOKED_AT: usize = 128;

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
    /// It is not known.
    Lost,
}

#[derive(Clone, Copy, PartialEq)]
enum SizeLine {
    Nothing,
    Digits,
    Extension,
}

/// How the body of the request that is being read is framed.
#[derive(Clone, Copy)]
enum Framing {
    Unsaid,
    Length(u64),
    Chunked,
    Unclear,
}

/// Follows the bytes of a connection from heads to bodies and back.
struct Follower {
    place: Place,
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
            framing: Framing::Unsaid,
        }
    }

    /// Looks at what was read, and makes a NUL out of each bare LF in a head.
    fn pass(&mut self, mut bytes: &mut [u8]) {
        while let Some(byte) = bytes.first_mut() {
            let mut passed = 1;
            match self.place {
                Place::Head => {
                    if *byte == b'\n' && !self.after_cr {
                        *byte = 0;
                    }
                    if let Some(length) = self.line_with(*byte)
                        && !self.head_line(length)
                    {
                        *byte = 0;
                    }
                }
                Place::Body(left) | Place::Chunk(left) => {
                    let here = u64::try_from(bytes.len()).unwrap_or(u64::MAX).min(left);
                    let rest = left - here;
                    passed = usize::try_from(here).unwrap_or(bytes.len());
                    self.place = match (&self.place, rest) {
                        (Place::Body(_), 0) => self.next_head(),
                        (Place::Body(_), rest) => Place::Body(rest),
                        (_, 0) => Place::Size(0, SizeLine::Nothing),
                        (_, rest) => Place::Chunk(rest),
                    };
                }
                Place::Size(size, line) => {
                    let byte = *byte;
                    self.place = self.size(size, line, byte);
                }
                Place::Trailer => {
                    let byte = *byte;
                    if self.line_with(byte).is_some_and(|length| length == 0) {
                        self.place = self.next_head();
                    }
                }
                Place::Lost => return,
            }
            bytes = bytes.get_mut(passed..).unwrap_or_default();
        }
    }

    /// Takes in a byte of a line; the length of the line when it has ended.
    fn line_with(&mut self, byte: u8) -> Option<usize> {
        if byte == b'\n' && self.after_cr {
            self.after_cr = false;
            let length = self.length - 1;
            self.line.truncate(length);
            self.length = 0;
            return Some(length);
        }
        if self.length == 0 {
            self.line.clear();
        }
        self.after_cr = byte == b'\r';
        self.length += 1;
        if self.line.len() < LOOKED_AT {
            self.line.push(byte);
        }
        None
    }

    /// Takes in a line of a head; tells whether the request may go on.
    fn head_line(&mut self, length: usize) -> bool {
        if length == 0 {
            // Empty lines before a request are passed over by the library too.
            if !self.first_line {
                self.place = match self.framing {
                    Framing::Unsaid | Framing::Length(0) => self.next_head(),
                    Framing::Length(left) => Place::Body(left),
                    Framing::Chunked => Place::Size(0, SizeLine::Nothing),
                    Framing::Unclear => Place::Lost,
                };
            }
            return true;
        }
        if std::mem::take(&mut self.first_line) {
            return true;
        }
        let line = self.line.as_slice();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return true };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            self.framing = match (self.framing, length) {
                (Framing::Chunked, _) => return false,
                (Framing::Unsaid, Some(length)) => Framing::Length(length),
                (Framing::Length(before), Some(length)) if before == length => self.framing,
                _ => Framing::Unclear,
            };
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.framing = match self.framing {
                Framing::Length(_) => return false,
                Framing::Unsaid if value.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
                _ => Framing::Unclear,
            };
        }
        true
    }

    fn size(&mut self, size: u64, line: SizeLine, byte: u8) -> Place {
        let digit = char::from(byte).to_digit(16).map(u64::from);
        match (line, digit, byte) {
            (SizeLine::Nothing | SizeLine::Digits, Some(digit), _) if !self.after_cr => {
                match size.checked_mul(16).and_then(|size| size.checked_add(digit)) {
                    Some(size) => Place::Size(size, SizeLine::Digits),
                    None => Place::Lost,
                }
            }
            (SizeLine::Nothing, ..) => Place::Lost,
            (_, _, b'\n') if self.after_cr => {
                self.after_cr = false;
                match size.checked_add(2) {
                    _ if size == 0 => Place::Trailer,
                    Some(size) => Place::Chunk(size),
                    None => Place::Lost,
                }
            }
            (.., b'\n') => Place::Lost,
            _ if self.after_cr => Place::Lost,
            (.., b'\r') => {
                self.after_cr = true;
                Place::Size(size, line)
            }
            _ => Place::Size(size, SizeLine::Extension),
        }
    }

    fn next_head(&mut self) -> Place {
        self.first_line = true;
        self.framing = Framing::Unsaid;
        Place::Head
    }
}

/// The socket.
pub(crate) struct StrictLines<S> {
    inner: S,
    follower: Follower,
    /// Runs while a write waits.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> StrictLines<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, follower: Follower::new(), waiting: None }
    }

    /// Ends a write that has waited too long.
    fn patiently<T>(
        &mut self,
        context: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.waiting = None;
            return outcome;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for StrictLines<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        if let Some(new) = buffer.filled_mut().get_mut(before..) {
            self.follower.pass(new);
        }
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
        self.patiently(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.patiently(context, outcome)
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
        let mut bytes = bytes.to_vec();
        bytes.chunks_mut(piece).for_each(|piece| follower.pass(piece));
        bytes
    }

    #[test]
    fn a_bare_line_feed_in_a_head_becomes_a_nul() {
        for (sent, got) in [
            ("GET / HTTP/1.1\nhost: a\r\n\r\n", "GET / HTTP/1.1\0host: a\r\n\r\n"),
            ("GET / HTTP/1.1\r\nhost: a\n\r\n", "GET / HTTP/1.1\r\nhost: a\0\r\n"),
            ("\nGET / HTTP/1.1\r\n\r\n", "\0GET / HTTP/1.1\r\n\r\n"),
            (
                "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\nx: y\r\n\r\n",
                "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\0x: y\r\n\r\n",
            ),
        ] {
            for piece in 1..sent.len() {
                assert_eq!(passed(sent.as_bytes(), piece), got.as_bytes(), "{sent:?} by {piece}");
            }
        }
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
                    sent.extend(b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding:  chunked\r\n\r\n");
                    for chunk in chunks {
                        sent.extend(format!("{:X};x=\"y\"\r\n", chunk.len()).into_bytes());
                        sent.extend(chunk);
                        sent.extend(b"\r\n");
                    }
                    sent.extend(b"0\r\na: b\r\n\r\n");
                } else {
                    let body = chunks.concat();
                    let head = format!("POST / HTTP/1.1\r\ncontent-LENGTH: {}\r\n\r\n", body.len());
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
