//! Keeping an integrator's accent colour legible.
//!
//! A brand's colour is somebody's taste; whether it can be read is arithmetic. From any colour this module
//! makes those that the dialog paints with, so that text keeps 4.5:1 and borders 3:1 (WCAG 2.2, success
//! criteria 1.4.3 and 1.4.11). It does not know about style sheets nor the notations of CSS: the browser reads
//! a colour, the view writes the result into custom properties.
#![deny(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

use alloc::string::String;

use crate::text::push_hex;

/// The least contrast of text (WCAG 2.2, 1.4.3).
pub const TEXT: f64 = 4.5;
/// The least contrast of what marks a control or its focus (WCAG 2.2, 1.4.11).
pub const BORDER: f64 = 3.0;

/// An opaque colour in sRGB: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub [u8; 3]);

/// The colours that the dialog paints an accent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent {
    /// The ground of a button: the accent as it was given.
    pub fill: Rgb,
    /// Text on it: white where it can be read, else black.
    pub on_fill: Rgb,
    /// Borders and focus rings on the surface.
    pub border: Rgb,
    /// Text and links on the surface.
    pub text: Rgb,
}

impl Rgb {
    /// White.
    pub const WHITE: Self = Self([255; 3]);
    /// Black.
    pub const BLACK: Self = Self([0; 3]);

    /// Reads `rgb(r, g, b)` or `rgba(r, g, b, a)` of whole numbers: what a browser's computed style makes of
    /// every notation of sRGB (CSS Color Module Level 4, §15.2). The alpha value is ignored: an accent is painted
    /// opaque.
    ///
    /// `None` for anything else.
    #[must_use]
    pub fn computed(css: &str) -> Option<Self> {
        let mut channels = [0_u8; 4];
        let (mut count, mut inside) = (0, false);
        for byte in css.strip_prefix("rgb")?.bytes() {
            let digit = byte.is_ascii_digit();
            count += usize::from(digit && !inside);
            inside = digit;
            if digit && let Some(channel) = channels.get_mut(count) {
                *channel = channel.wrapping_mul(10).wrapping_add(byte - b'0');
            }
        }
        let [_, red, green, blue] = channels;
        (count >= 3).then_some(Self([red, green, blue]))
    }

    /// The colour as `#rrggbb`.
    #[must_use]
    pub fn to_hex(self) -> String {
        let mut text = String::from("#");
        for channel in self.0 {
            push_hex(&mut text, channel);
        }
        text
    }

    /// The relative luminance, 0 for black and 1 for white. Source: WCAG 2.2, "relative luminance".
    #[inline(never)]
    fn luminance(self) -> f64 {
        self.0
            .into_iter()
            .zip([0.2126, 0.7152, 0.0722])
            .map(|(channel, part)| linear(channel) * part)
            .sum()
    }

    /// This colour moved towards black or white (`pole`) until it has `least` contrast on `surface`.
    fn legible_on(self, surface: Self, pole: u8, least: f64) -> Self {
        let mut part = 0;
        loop {
            let colour = Self(self.0.map(|from| {
                let (from, to) = (i32::from(from), i32::from(pole));
                // Between two bytes, so it is one.
                (from + (to - from) * part / 255) as u8
            }));
            if part == 255 || ratio(colour, surface) >= least {
                return colour;
            }
            part += 1;
        }
    }
}

/// The contrast of two colours, from 1 to 21. Source: WCAG 2.2, "contrast ratio".
#[must_use]
pub fn ratio(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (one.luminance() + 0.05, other.luminance() + 0.05);
    if one > other { one / other } else { other / one }
}

/// Makes a legible set of colours from an accent, for a dialog whose ground is `surface`.
#[must_use]
pub fn accent(colour: Rgb, surface: Rgb) -> Accent {
    // Where black and white have the same contrast: 4.58:1, so the last step always passes.
    let pole = if surface.luminance() > 0.179 { 0 } else { 255 };
    Accent {
        fill: colour,
        on_fill: if ratio(colour, Rgb::WHITE) >= TEXT { Rgb::WHITE } else { Rgb::BLACK },
        border: colour.legible_on(surface, pole, BORDER),
        text: colour.legible_on(surface, pole, TEXT),
    }
}

/// sRGB's curve. `x^2.4` is `x² · (x²)^⅕`, and the fifth root is found by Newton's method: `powf` would bring
/// kilobytes of libm into the WebAssembly.
fn linear(channel: u8) -> f64 {
    let x = f64::from(channel) / 255.0;
    if x <= 0.04045 {
        return x / 12.92;
    }
    let x = (x + 0.055) / 1.055;
    let square = x * x;
    let mut root = 1.0;
    // From 1 down to at least 0.38, the root of the least `square` there is.
    for _ in 0..10 {
        let fourth = root * root * root * root;
        root -= (fourth * root - square) / (5.0 * fourth);
    }
    square * root
}
