//! The smaller forms of the built-in files, made once, after the server has started: the widget is
//! fetched far more often than it changes, so it is worth the slowest setting. Until they are ready, and
//! for files that changed on disk since (a development build), the plain form is sent.

use std::{collections::HashMap, io::Write, sync::OnceLock};

use bytes::Bytes;
use http::{HeaderMap, header};

/// Brotli's best. A development build compresses slowly, and its files are fetched over loopback.
const QUALITY: i32 = if cfg!(debug_assertions) { 4 } else { 11 };
/// A window of 256 kB: no file is much larger, and memory follows the window.
const WINDOW: i32 = 18;

/// The SHA-256 of a file's content.
pub type ContentHash = [u8; 32];

/// How an answer is encoded (RFC 9110 §8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 7932.
    Brotli,
    /// RFC 1952.
    Gzip,
}

impl Encoding {
    /// The word in `Content-Encoding`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

struct Forms {
    brotli: Bytes,
    gzip: Bytes,
}

/// The smaller forms by the content they are of.
#[derive(Default)]
pub struct Compressed(OnceLock<HashMap<ContentHash, Forms>>);

impl Compressed {
    /// Makes all forms of `files`. Takes seconds of computing, so it belongs on a thread of its own. A
    /// second call changes nothing.
    pub fn prepare(&self, files: impl Iterator<Item = (ContentHash, Bytes)>) {
        self.0.get_or_init(|| {
            files.filter_map(|(hash, content)| Some((hash, Forms::of(&content)?))).collect()
        });
    }

    /// The smallest form that the client takes, if there is one.
    pub fn form(&self, content: &ContentHash, request: &HeaderMap) -> Option<(Encoding, Bytes)> {
        let forms = self.0.get()?.get(content)?;
        if accepts(request, Encoding::Brotli) {
            Some((Encoding::Brotli, forms.brotli.clone()))
        } else if accepts(request, Encoding::Gzip) {
            Some((Encoding::Gzip, forms.gzip.clone()))
        } else {
            None
        }
    }
}

impl Forms {
    /// Both forms; `None` when one of them is no smaller than the plain one.
    fn of(content: &[u8]) -> Option<Self> {
        let mut brotli = Vec::new();
        let parameters = brotli::enc::BrotliEncoderParams {
            quality: QUALITY,
            lgwin: WINDOW,
            size_hint: content.len(),
            ..Default::default()
        };
        brotli::BrotliCompress(&mut &*content, &mut brotli, &parameters).ok()?;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(content).ok()?;
        let gzip = gzip.finish().ok()?;
        let smaller = brotli.len() < content.len() && gzip.len() < content.len();
        smaller.then(|| Self { brotli: brotli.into(), gzip: gzip.into() })
    }
}

/// Whether `Accept-Encoding` names the encoding without forbidding it (RFC 9110 §12.5.3).
fn accepts(request: &HeaderMap, encoding: Encoding) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|word| word.eq_ignore_ascii_case(encoding.word()));
            let forbidden =
                parts.filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
                    name.trim().eq_ignore_ascii_case("q") && value.trim().parse() == Ok(0.0_f32)
                });
            named && !forbidden
        })
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const HASH: ContentHash = [7; 32];

    fn request(accept: &'static str) -> HeaderMap {
        [(header::ACCEPT_ENCODING, http::HeaderValue::from_static(accept))].into_iter().collect()
    }

    fn prepared(content: &[u8]) -> Compressed {
        let compressed = Compressed::default();
        compressed.prepare([(HASH, Bytes::copy_from_slice(content))].into_iter());
        compressed
    }

    #[test]
    fn the_smallest_form_that_the_client_takes_is_chosen() {
        let text = "a text that repeats itself ".repeat(100);
        let compressed = prepared(text.as_bytes());
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some(Encoding::Brotli)),
            ("BR;q=0.1, gzip", Some(Encoding::Brotli)),
            ("gzip;q=1.0, br;q=0", Some(Encoding::Gzip)),
            ("br; q=0.000,gzip", Some(Encoding::Gzip)),
            ("identity", None),
            ("brotli", None),
            ("", None),
        ] {
            let form = compressed.form(&HASH, &request(accept)).map(|(encoding, _)| encoding);
            assert_eq!(form, expected, "{accept}");
        }
        assert!(compressed.form(&HASH, &HeaderMap::new()).is_none());
        assert!(compressed.form(&[8; 32], &request("br")).is_none(), "a file that changed");
    }

    #[test]
    fn both_forms_decode_to_what_they_are_of() {
        let text = "a text that repeats itself ".repeat(100);
        let compressed = prepared(text.as_bytes());
        let (_, brotli) = compressed.form(&HASH, &request("br")).unwrap();
        let (_, gzip) = compressed.form(&HASH, &request("gzip")).unwrap();
        assert!(brotli.len() < 200 && gzip.len() < 200);
        let mut plain = String::new();
        brotli::Decompressor::new(&*brotli, 4096).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text);
        plain.clear();
        flate2::read::GzDecoder::new(&*gzip).read_to_string(&mut plain).unwrap();
        assert_eq!(plain, text);
    }

    #[test]
    fn what_does_not_get_smaller_stays_plain() {
        assert!(prepared(b"x").form(&HASH, &request("br, gzip")).is_none());
        assert!(Compressed::default().form(&HASH, &request("br")).is_none(), "not ready yet");
    }
}
