//! The sheet, the theme, the accent.

use crate::dom::{Dom, document, window};
use crate::options::{Options, record};
use js_sys::Array;
use keyslot_core::contrast::{Rgb, accent};
use keyslot_core::json::Json;
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// Parsed off the page; adopting it is not subject to `style-src`.
    #[wasm_bindgen(extends = Dom, js_name = CSSStyleSheet)]
    #[derive(Clone)]
    type Sheet;
    #[wasm_bindgen(constructor, catch, js_class = "CSSStyleSheet")]
    fn new() -> Result<Sheet, JsValue>;
    #[wasm_bindgen(method, catch, js_name = replaceSync)]
    fn replace(this: &Sheet, css: &str) -> Result<(), JsValue>;
}

/// Dark tokens, used under the media query and for `theme: "dark"`. The surface is `--bg`.
const DARK: &str = "dialog{--bg:#191b20;--fg:#eceef2;--dim:#a4abb8;--line:#757d8c;--hair:#33363e;\
--soft:#25282f;--bad:#ff9c94;--bad-soft:#35211f;--good:#3fb56f;--note:#e6b85c;\
--fill:var(--ks-fill-dark,#7b98ff);--on-fill:var(--ks-on-fill-dark,#000);\
--ring:var(--ks-ring-dark,#8ea6ff);--link:var(--ks-link-dark,#a9bcff);color-scheme:dark}";
/// `--bg` in light and dark, for the contrast of an accent against it.
const SURFACES: [(&str, Rgb); 2] =
    [("light", Rgb::WHITE), ("dark", Rgb { red: 0x19, green: 0x1b, blue: 0x20 })];

thread_local! {
    static SHEET: RefCell<Option<Sheet>> = const { RefCell::new(None) };
}

fn sheet(css: &str) -> Result<Sheet, JsValue> {
    let sheet = Sheet::new()?;
    sheet.replace(css)?;
    Ok(sheet)
}

/// Adopts the sheet, which is parsed once, and the tokens of the mode.
pub(super) fn adopt(root: &Dom, mode: &str) -> Result<(), JsValue> {
    let kept = SHEET.with_borrow(Clone::clone);
    let base = match kept {
        Some(sheet) => sheet,
        None => {
            let made = sheet(include_str!(concat!(env!("OUT_DIR"), "/widget.css")))?;
            SHEET.with_borrow_mut(|slot| *slot = Some(made.clone()));
            made
        }
    };
    let sheets = Array::of1(&base);
    if mode != "light" {
        let always = mode == "dark";
        let (open, close) =
            if always { ("", "") } else { ("@media(prefers-color-scheme:dark){", "}") };
        let dark: JsValue = sheet(&[open, DARK, close].concat())?.into();
        sheets.push(&dark);
    }
    root.set_sheets(&sheets);
    Ok(())
}

/// Sets the integrator's tokens and accent.
pub(super) fn paint(host: &Dom, options: &Options) {
    if let Some(style) = host.object("style") {
        for (name, value) in record(&options.theme("tokens")) {
            style.set_property(&["--keyslot-", &name].concat(), &value);
        }
    }
    let accent = options.theme("accent").as_text().unwrap_or_default();
    accent_of(host, &accent, &accent);
}

/// Sets an accent in the shades that keep text at 4.5:1 and edges at 3:1 on both surfaces (WCAG 2.2,
/// 1.4.3 and 1.4.11). What is no colour changes nothing.
pub(super) fn accent_of(host: &Dom, light: &str, dark: &str) {
    let Some(style) = host.object("style") else { return };
    for ((name, surface), colour) in SURFACES.into_iter().zip([light, dark]) {
        let Some(colour) = Rgb::parse(colour) else { continue };
        let accent = accent(colour, surface);
        for (role, shade) in [
            ("fill", accent.fill),
            ("on-fill", accent.on_fill),
            ("ring", accent.border),
            ("link", accent.text),
        ] {
            style.set_property(&["--ks-", role, "-", name].concat(), &shade.to_hex());
        }
    }
}

/// Keeps the page from scrolling behind the dialog; the page's own styles stay untouched and are
/// exactly as before once this is dropped.
pub(super) struct ScrollLock(Sheet);

impl ScrollLock {
    pub(super) fn new() -> Option<ScrollLock> {
        // `stable` only where a scroll bar takes room: then its room stays, and nothing shifts.
        let page = document().object("documentElement")?;
        let takes_room = window().get("innerWidth").as_f64() > page.get("clientWidth").as_f64();
        let css = if takes_room {
            "html{overflow:hidden!important;scrollbar-gutter:stable!important}"
        } else {
            "html{overflow:hidden!important}"
        };
        let sheet = sheet(css).ok()?;
        let sheets = Array::from(&document().sheets());
        sheets.push(&sheet);
        document().set_sheets(&sheets);
        Some(ScrollLock(sheet))
    }
}

impl Drop for ScrollLock {
    fn drop(&mut self) {
        let (others, own): (_, &JsValue) = (Array::new(), self.0.as_ref());
        for sheet in document().sheets().iter() {
            if sheet != *own {
                others.push(&sheet);
            }
        }
        document().set_sheets(&others);
    }
}
