//! What an environment says about the pages that its end users see: the product's name, its colour, and
//! the sites that may show the connect page in a frame.

use serde_json::{Value, json};
use url::Url;

use crate::model::EnvironmentSettings;

/// The most characters of a product's name.
pub const NAME_MAX: usize = 80;
/// The most sites that may frame the connect page.
pub const ORIGINS_MAX: usize = 20;

/// A colour as `#rrggbb`; `None` when the text is none.
pub fn accent(text: &str) -> Option<String> {
    let digits = text.trim().strip_prefix('#')?;
    let fits = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| format!("#{}", digits.to_ascii_lowercase()))
}

/// The origin of a site, such as `https://app.example.com`; `None` when the text is no http or https
/// address or says more than an origin.
pub fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    let bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (bare && matches!(url.scheme(), "https" | "http") && url.has_host())
        .then(|| url.origin().ascii_serialization())
}

/// The sources of `frame-ancestors` (CSP Level 3 §6.4.2).
pub fn frame_ancestors(settings: &EnvironmentSettings) -> String {
    if settings.allowed_origins.is_empty() {
        "'none'".to_owned()
    } else {
        settings.allowed_origins.join(" ")
    }
}

/// The settings that existing connect pages ask for with a session.
pub fn view(settings: &EnvironmentSettings) -> Value {
    let (light, dark) = match &settings.accent {
        Some(accent) => (accent.as_str(), accent.as_str()),
        None => ("#4f46e5", "#818cf8"),
    };
    json!({
        "showWatermark": false,
        "defaultTheme": "system",
        "theme": { "light": { "primary": light }, "dark": { "primary": dark } },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port_only() {
        for (text, expected) in [
            ("https://app.example.com", Some("https://app.example.com")),
            (" HTTPS://App.Example.com:443/ ", Some("https://app.example.com")),
            ("http://localhost:8080", Some("http://localhost:8080")),
            ("https://app.example.com/path", None),
            ("https://user@app.example.com", None),
            ("https://app.example.com?x", None),
            ("javascript:alert(1)", None),
            ("app.example.com", None),
            ("*", None),
            ("https://a.example; script-src *", None),
        ] {
            assert_eq!(origin(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        assert_eq!(accent(" #AbCdEf ").as_deref(), Some("#abcdef"));
        for bad in ["", "abcdef", "#abc", "#gggggg", "red", "#abcdef;"] {
            assert_eq!(accent(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_site_may_frame_the_page_unless_it_is_named() {
        let mut settings = EnvironmentSettings::default();
        assert_eq!(frame_ancestors(&settings), "'none'");
        settings.allowed_origins = vec!["https://a.example".into(), "https://b.example".into()];
        assert_eq!(frame_ancestors(&settings), "https://a.example https://b.example");
    }
}
