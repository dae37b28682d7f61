//! The sheet, the theme, the accent.

use crate::dom::{Dom, document, window};
use crate::options::{Options, record};
use crate::read::Js;
use js_sys::Array;
use keyslot_core::contrast::{Rgb, accent};
use keyslot_core::json::Json;
use keyslot_core::text::joined;
use std::cell::RefCell;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

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

    #[wasm_bindgen(js_name = getComputedStyle)]
    fn computed_style(element: &Dom) -> Dom;
}

/// Dark tokens, used under the media query and for `theme: "dark"`. The surface is `--bg`.
const DARK: &str = "dialog{--bg:#191b20;--fg:#eceef2;--dim:#a4abb8;--line:#757d8c;--hair:#33363e;\
--soft:#25282f;--bad:#ff9c94;--bad-soft:#35211f;--good:#3fb56f;--note:#e6b85c;\
--fill:var(--ks-fill-dark,#7b98ff);--on-fill:var(--ks-on-fill-dark,#000);\
--ring:var(--ks-ring-dark,#8ea6ff);--link:var(--ks-link-dark,#a9bcff);color-scheme:dark}";
/// `--bg` of them; in light it is white.
const DARK_SURFACE: Rgb = Rgb([0x19, 0x1b, 0x20]);

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
        let dark: JsValue = sheet(&joined(&[open, DARK, close]))?.into();
        sheets.push(&dark);
    }
    root.set_sheets(&sheets);
    Ok(())
}

/// Sets the integrator's tokens and accent. `probe`: as in [`accent_of`].
pub(super) fn paint(host: &Dom, probe: &Dom, options: &Options) {
    for (name, value) in record(&options.theme("tokens")) {
        styles(host).set_property(&joined(&["--keyslot-", &name]), &value);
    }
    let accent = options.theme("accent").as_text().unwrap_or_default();
    accent_of(host, probe, &accent, &accent);
}

/// Sets an accent, light and dark, in the shades that keep text at 4.5:1 and edges at 3:1 on both surfaces
/// (WCAG 2.2, 1.4.3 and 1.4.11). What is no colour changes nothing. `probe`, an element on the page, reads
/// the notations of CSS for us.
pub(super) fn accent_of(host: &Dom, probe: &Dom, light: &str, dark: &str) {
    for (name, surface, css) in &[("light", Rgb::WHITE, light), ("dark", DARK_SURFACE, dark)] {
        let probed = styles(probe);
        probed.set_property("color", css);
        let computed = Js(computed_style(probe).get("color")).as_text().unwrap_or_default();
        let is_colour = probed.get("color").is_truthy();
        probed.set_property("color", "");
        let Some(colour) = Rgb::computed(&computed).filter(|_| is_colour) else { continue };
        let accent = accent(colour, *surface);
        for (role, shade) in &[
            ("--ks-fill-", accent.fill),
            ("--ks-on-fill-", accent.on_fill),
            ("--ks-ring-", accent.border),
            ("--ks-link-", accent.text),
        ] {
            styles(host).set_property(&joined(&[*role, name]), &shade.to_hex());
        }
    }
}

fn styles(element: &Dom) -> Dom {
    element.get("style").unchecked_into()
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
