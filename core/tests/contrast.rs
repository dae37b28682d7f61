//! The accent's colours against WCAG's own formula, computed here with `powf`.

use keyslot_core::contrast::{BORDER, Rgb, TEXT, accent, ratio};

/// Ten thousand colours that are the same on every run (xorshift, so that no crate is needed for it).
fn colours() -> impl Iterator<Item = Rgb> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let random = core::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [red, green, blue, ..] = state.to_le_bytes();
        Rgb([red, green, blue])
    });
    let corners = [0, 1, 10, 11, 117, 118, 119, 127, 128, 254, 255];
    let grid = corners.into_iter().flat_map(move |red| {
        corners
            .into_iter()
            .flat_map(move |green| corners.into_iter().map(move |blue| Rgb([red, green, blue])))
    });
    grid.chain(random.take(10_000))
}

fn exact_ratio(one: Rgb, other: Rgb) -> f64 {
    let luminance = |c: Rgb| {
        let linear = |channel: u8| {
            let x = f64::from(channel) / 255.0;
            if x <= 0.04045 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        };
        let [red, green, blue] = c.0;
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    };
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

const SURFACES: [Rgb; 6] = [
    Rgb::WHITE,
    Rgb::BLACK,
    Rgb([0x1b, 0x1b, 0x1f]),
    Rgb([0xf6, 0xf7, 0xf9]),
    // The two worst: neither black nor white stands out well.
    Rgb([117; 3]),
    Rgb([0x80, 0x60, 0xa0]),
];

#[test]
fn the_contrast_is_wcags_to_a_millionth() {
    for colour in colours() {
        for surface in SURFACES {
            assert!(
                (ratio(colour, surface) - exact_ratio(colour, surface)).abs() < 1e-6,
                "{colour:?} on {surface:?}"
            );
        }
    }
}

#[test]
fn every_accent_on_every_surface_keeps_text_readable_and_borders_visible() {
    // A millionth for the arithmetic of the reference.
    let least = |wanted: f64| wanted - 1e-6;
    for colour in colours() {
        for surface in SURFACES {
            let made = accent(colour, surface);
            assert!(
                exact_ratio(made.fill, made.on_fill) >= least(TEXT),
                "text on the fill: {colour:?}"
            );
            assert!(
                exact_ratio(made.border, surface) >= least(BORDER),
                "border: {colour:?} on {surface:?}"
            );
            assert!(
                exact_ratio(made.text, surface) >= least(TEXT),
                "text: {colour:?} on {surface:?}"
            );
        }
    }
}

#[test]
fn an_accent_that_is_legible_already_is_left_as_it_is() {
    let blue = Rgb([0x24, 0x57, 0xd6]);
    let made = accent(blue, Rgb::WHITE);
    assert_eq!((made.fill, made.border, made.text, made.on_fill), (blue, blue, blue, Rgb::WHITE));
}

#[test]
fn a_pale_accent_keeps_its_hue_as_text_and_gets_black_on_its_fill() {
    let yellow = Rgb([0xff, 0xd4, 0]);
    let made = accent(yellow, Rgb::WHITE);
    assert_eq!((made.fill, made.on_fill), (yellow, Rgb::BLACK));
    let [red, green, blue] = made.text.0;
    assert!(red > green && blue == 0, "{:?}", made.text);
    assert_eq!(accent(yellow, Rgb::BLACK).text, yellow);
}

#[test]
fn a_computed_colour_is_read() {
    let colour = Some(Rgb([17, 34, 255]));
    for css in ["rgb(17, 34, 255)", "rgba(17, 34, 255, 0.5)"] {
        assert_eq!(Rgb::computed(css), colour, "{css}");
    }
    for css in
        ["", "#12f", "red", "rgb(1, 2)", "rgb()", "oklch(0.7 0.1 50)", "color(display-p3 1 0 0)"]
    {
        assert_eq!(Rgb::computed(css), None, "{css}");
    }
}

#[test]
fn a_colour_is_written_in_six_digits() {
    assert_eq!(Rgb([0, 10, 255]).to_hex(), "#000aff");
}
