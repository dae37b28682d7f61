//! Keeping an integrator's accent colour legible.
//!
//! A brand's colour is somebody's taste; whether it can be read is arithmetic. From any colour this module
//! makes those that the dialog paints with, so that text keeps 4.5:1 and borders 3:1 (WCAG 2.2, success
//! criteria 1.4.3 and 1.4.11). It does not know about style sheets: the view writes the result into custom
//! properties.
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

/// How far a fill moves under the pointer, of 255.
const HOVER: u8 = 26;

/// An opaque colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb {
    /// Red.
    pub red: u8,
    /// Green.
    pub green: u8,
    /// Blue.
    pub blue: u8,
}

/// The colours that the dialog paints an accent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent {
    /// The ground of a button: the accent as it was given.
    pub fill: Rgb,
    /// The ground of a button under the pointer.
    pub fill_hover: Rgb,
    /// Text on both grounds: white where it can be read, else black.
    pub on_fill: Rgb,
    /// Borders and focus rings on the surface.
    pub border: Rgb,
    /// Text and links on the surface.
    pub text: Rgb,
}

impl Rgb {
    /// White.
    pub const WHITE: Self = Self { red: 255, green: 255, blue: 255 };
    /// Black.
    pub const BLACK: Self = Self { red: 0, green: 0, blue: 0 };

    /// Reads `#rgb`, `#rrggbb`, `rgb(r, g, b)` and their forms with an alpha value, which is ignored: an accent
    /// is painted opaque. `rgb(…)` is also what a browser's computed style makes of every other notation.
    ///
    /// `None` for anything else. Source: CSS Color Module Level 4, §5.
    #[must_use]
    pub fn parse(css: &str) -> Option<Self> {
        let css = css.trim_ascii();
        if let Some(digits) = css.strip_prefix('#') {
            return Self::parse_hex(digits.as_bytes());
        }
        let open = css.bytes().position(|b| b == b'(')?;
        let (name, arguments) = (css.get(..open)?, css.get(open + 1..)?);
        let known = name.eq_ignore_ascii_case("rgb") || name.eq_ignore_ascii_case("rgba");
        if known { Self::parse_channels(arguments.as_bytes()) } else { None }
    }

    /// Numbers, of which the whole part counts, or percentages; up to the closing parenthesis.
    fn parse_channels(text: &[u8]) -> Option<Self> {
        let mut channels = [0_u8; 3];
        let mut found = channels.iter_mut();
        let (mut value, mut number, mut whole) = (0_u32, false, true);
        for &b in text {
            match b {
                b'0'..=b'9' => {
                    number = true;
                    if whole {
                        value = value.saturating_mul(10).saturating_add(u32::from(b - b'0'));
                    }
                }
                b'.' => whole = false,
                b'%' => value = value.min(100) * 255 / 100,
                b' ' | b',' | b'/' | b')' => {
                    if number && let Some(channel) = found.next() {
                        *channel = value.min(255) as u8;
                    }
                    (value, number, whole) = (0, false, true);
                }
                _ => return None,
            }
        }
        let complete = found.len() == 0 && text.last() == Some(&b')');
        let [red, green, blue] = channels;
        complete.then_some(Self { red, green, blue })
    }

    fn parse_hex(digits: &[u8]) -> Option<Self> {
        let mut nibbles = [0_u8; 8];
        for (nibble, &digit) in nibbles.iter_mut().zip(digits) {
            *nibble = char::from(digit).to_digit(16)? as u8;
        }
        // With or without an alpha value.
        let [r, g, b, h, i, j, ..] = nibbles;
        match digits.len() {
            3 | 4 => Some(Self { red: r * 17, green: g * 17, blue: b * 17 }),
            6 | 8 => Some(Self { red: r * 16 + g, green: b * 16 + h, blue: i * 16 + j }),
            _ => None,
        }
    }

    /// The colour as `#rrggbb`.
    #[must_use]
    pub fn to_hex(self) -> String {
        let mut text = String::with_capacity(7);
        text.push('#');
        for channel in [self.red, self.green, self.blue] {
            push_hex(&mut text, channel);
        }
        text
    }

    /// The relative luminance, 0 for black and 1 for white. Source: WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// This colour moved towards `other` by `part` of 255.
    fn towards(self, other: Self, part: u8) -> Self {
        let mix = |from: u8, to: u8| {
            let (from, to, part) = (i32::from(from), i32::from(to), i32::from(part));
            // Between two bytes, so it is one.
            u8::try_from(from + (to - from) * part / 255).unwrap_or(u8::MAX)
        };
        Self {
            red: mix(self.red, other.red),
            green: mix(self.green, other.green),
            blue: mix(self.blue, other.blue),
        }
    }

    /// The nearest colour of this hue that has `least` contrast on `surface`.
    fn legible_on(self, surface: Self, least: f64) -> Self {
        // The better pole has 4.58:1 on any surface, so the last step always passes.
        let pole = if ratio(surface, Self::BLACK) > ratio(surface, Self::WHITE) {
            Self::BLACK
        } else {
            Self::WHITE
        };
        let mut part = 0;
        loop {
            let colour = self.towards(pole, part);
            if part == u8::MAX || ratio(colour, surface) >= least {
                return colour;
            }
            part += 1;
        }
    }
}

/// The contrast of two colours, from 1 to 21. Source: WCAG 2.2, "contrast ratio".
#[must_use]
#[inline(never)]
pub fn ratio(one: Rgb, other: Rgb) -> f64 {
    let (one, other) = (one.luminance() + 0.05, other.luminance() + 0.05);
    if one > other { one / other } else { other / one }
}

/// Makes a legible set of colours from an accent, for a dialog whose ground is `surface`.
#[must_use]
pub fn accent(colour: Rgb, surface: Rgb) -> Accent {
    let on_fill = if ratio(colour, Rgb::WHITE) >= TEXT { Rgb::WHITE } else { Rgb::BLACK };
    let away = if on_fill == Rgb::WHITE { Rgb::BLACK } else { Rgb::WHITE };
    // Nearer to the text shows on any fill, where the text still can be read; else the other way.
    let nearer = colour.towards(on_fill, HOVER);
    let fill_hover =
        if ratio(nearer, on_fill) >= TEXT { nearer } else { colour.towards(away, HOVER) };
    Accent {
        fill: colour,
        fill_hover,
        on_fill,
        border: colour.legible_on(surface, BORDER),
        text: colour.legible_on(surface, TEXT),
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
