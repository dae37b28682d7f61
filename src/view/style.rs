//! The sheet, the theme, the accent.

use super::dom::document;
use crate::options::Theme;
use js_sys::Array;
use keyslot_core::contrast::{Accent, Surface};
use keyslot_core::wire::Settings;
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use web_sys::{CssStyleSheet, Element, ShadowRoot};

/// Dark tokens, used under the media query and for `theme: "dark"`.
const DARK: &str = "--bg:#191b20;--fg:#eceef2;--dim:#a4abb8;--line:#757d8c;--hair:#33363e;--soft:#25282f;\
--bad:#ff9c94;--bad-soft:#35211f;--good:#3fb56f;--note:#e6b85c;--fill:var(--ks-fill-dark,#7b98ff);\
--on-fill:var(--ks-on-fill-dark,#0b1020);--ring:var(--ks-ring-dark,#8ea6ff);--link:var(--ks-link-dark,#a9bcff);";

thread_local! {
    static SHEET: RefCell<Option<CssStyleSheet>> = const { RefCell::new(None) };
}

/// Adopts the sheet, which is parsed once, and one for this call's theme.
pub(super) fn adopt(root: &ShadowRoot, theme: &str) -> Result<(), JsValue> {
    let sheet = SHEET.with_borrow_mut(|sheet| {
        if let Some(sheet) = sheet {
            return Ok(sheet.clone());
        }
        let made = made(include_str!("widget.css"))?;
        Ok::<_, JsValue>(sheet.insert(made).clone())
    })?;
    let dark = match theme {
        "light" => String::new(),
        "dark" => [":host{", DARK, "}dialog{color-scheme:dark}"].concat(),
        _ => [
            "@media(prefers-color-scheme:dark){:host{",
            DARK,
            "}dialog{color-scheme:dark}}",
        ]
        .concat(),
    };
    let own = made(&dark)?;
    root.set_adopted_style_sheets(&Array::of2(&sheet, &own));
    Ok(())
}

fn made(css: &str) -> Result<CssStyleSheet, JsValue> {
    let sheet = CssStyleSheet::new()?;
    sheet.replace_sync(css)?;
    Ok(sheet)
}

/// The mode to start with: the caller's word, else the operator's, else the system's.
pub(super) fn mode<'a>(theme: &'a Theme, settings: Option<&'a Settings>) -> &'a str {
    let operator = settings.and_then(|settings| settings.default_theme.as_deref());
    theme.mode.as_deref().or(operator).unwrap_or("system")
}

/// Sets the custom properties: the integrator's tokens, and the accent in the shades that keep text
/// at 4.5:1 and edges at 3:1 on both surfaces (WCAG 2.2, 1.4.3 and 1.4.11).
pub(super) fn paint(host: &Element, theme: &Theme, settings: Option<&Settings>) {
    let style = wasm_bindgen::JsCast::unchecked_ref::<web_sys::HtmlElement>(host).style();
    let put = |name: &str, value: &str| {
        let _ = style.set_property(name, value);
    };
    for (name, value) in &theme.tokens.0 {
        put(&["--keyslot-", name].concat(), value);
    }
    let branded = settings.filter(|s| s.branded).and_then(|s| s.theme.as_ref());
    let own = theme.accent.as_deref();
    let light = branded.and_then(|t| t.light.as_ref()?.primary.as_deref());
    let dark = branded.and_then(|t| t.dark.as_ref()?.primary.as_deref());
    for (name, surface, colour) in [
        ("light", Surface::Light, own.or(light)),
        ("dark", Surface::Dark, own.or(dark).or(light)),
    ] {
        let Some(accent) = colour.and_then(|colour| Accent::of(colour, surface)) else { continue };
        for (role, shade) in [
            ("fill", accent.fill),
            ("on-fill", accent.on_fill),
            ("ring", accent.ring),
            ("link", accent.text),
        ] {
            put(&["--ks-", role, "-", name].concat(), &shade.to_css());
        }
    }
}

/// Keeps the page from scrolling behind the dialog; the page's own styles stay untouched and are
/// exactly as before once this is dropped.
pub(super) struct ScrollLock(CssStyleSheet);

impl ScrollLock {
    pub(super) fn new() -> Result<ScrollLock, JsValue> {
        // `stable` only where a scroll bar takes room: then its room stays, and nothing shifts.
        let page = document().document_element();
        let room = page.map_or(0, |page| page.client_width());
        let wide = web_sys::window().and_then(|w| w.inner_width().ok()?.as_f64()).unwrap_or(0.0);
        let css = if wide > f64::from(room) {
            "html{overflow:hidden!important;scrollbar-gutter:stable!important}"
        } else {
            "html{overflow:hidden!important}"
        };
        let sheet = made(css)?;
        let sheets = Array::from(&document().adopted_style_sheets());
        sheets.push(&sheet);
        document().set_adopted_style_sheets(&sheets);
        Ok(ScrollLock(sheet))
    }
}

impl Drop for ScrollLock {
    fn drop(&mut self) {
        let sheets = Array::from(&document().adopted_style_sheets());
        let own: &JsValue = self.0.as_ref();
        let others = sheets.filter(&mut |sheet, _, _| &sheet != own);
        document().set_adopted_style_sheets(&others);
    }
}
