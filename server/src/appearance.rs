//! What an environment says about the pages that its end users see: the product's name, its colour, its
//! logo, its words, and the sites that may show the connect page in a frame.

use serde_json::{Value, json};
use url::Url;

use crate::{
    model::{EnvironmentSettings, Object},
    origin::Origin,
};

/// The most characters of a product's name.
pub const NAME_MAX: usize = 80;
/// The most characters of the dialog's title and button.
pub const LABEL_MAX: usize = 80;
/// The most characters of what the connect page says first.
pub const INTRO_MAX: usize = 400;
/// The most characters of the logo's address.
pub const LOGO_MAX: usize = 1000;
/// The most sites that may frame the connect page.
pub const ORIGINS_MAX: usize = 20;

/// A colour as `#rrggbb`; `None` when the text is none.
pub fn accent(text: &str) -> Option<String> {
    let digits = text.trim().strip_prefix('#')?;
    let fits = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| format!("#{}", digits.to_ascii_lowercase()))
}

/// The address of a picture: https, or http on this machine, of a host that a policy can name; `None` when
/// the text is none.
pub fn logo(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    let local = url.host().is_some_and(|host| crate::access::is_loopback(&host));
    let fits = url.scheme() == "https" || (url.scheme() == "http" && local);
    let bare = url.username().is_empty() && url.password().is_none();
    (fits && bare && Origin::of(&url).is_some() && url.as_str().len() <= LOGO_MAX)
        .then(|| url.into())
}

/// A text of at most `max` characters in one line; `None` when it is not.
pub fn line(text: &str, max: usize) -> Option<String> {
    let text = text.trim();
    let fits = text.chars().count() <= max && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// The logo, unless the database holds an address that would not be taken today.
pub fn usable_logo(settings: &EnvironmentSettings) -> Option<String> {
    settings.logo_url.as_deref().and_then(logo)
}

/// The widget's option `theme`.
pub fn theme(settings: &EnvironmentSettings) -> Value {
    let mut theme = Object::new();
    for (name, value) in [("accent", settings.accent.clone()), ("logo", usable_logo(settings))] {
        if let Some(value) = value {
            theme.insert(name.into(), value.into());
        }
    }
    Value::Object(theme)
}

/// The widget's option `strings`.
pub fn strings(settings: &EnvironmentSettings) -> Value {
    let mut strings = Object::new();
    if let Some(title) = &settings.dialog_title {
        strings.insert("title".into(), title.as_str().into());
        // The title where the API has no name to put in.
        if !title.contains("{provider}") {
            strings.insert("title_plain".into(), title.as_str().into());
        }
    }
    if let Some(submit) = &settings.dialog_submit {
        strings.insert("submit".into(), submit.as_str().into());
    }
    Value::Object(strings)
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
    fn a_logo_is_fetched_over_https_and_from_nowhere_else() {
        for (text, expected) in [
            (" https://cdn.example/logo.svg ", Some("https://cdn.example/logo.svg")),
            ("http://127.0.0.1:8080/logo.png", Some("http://127.0.0.1:8080/logo.png")),
            ("http://cdn.example/logo.svg", None),
            ("https://user@cdn.example/logo.svg", None),
            ("data:image/svg+xml,x", None),
            ("https://a;sandbox/logo.svg", None),
            ("javascript:alert(1)", None),
            ("logo.svg", None),
        ] {
            assert_eq!(logo(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_dialogs_title_is_the_one_without_a_name_too_when_it_needs_none() {
        let titled = |title: &str| EnvironmentSettings {
            dialog_title: Some(title.into()),
            ..EnvironmentSettings::default()
        };
        assert_eq!(strings(&titled("Link {provider}")), json!({ "title": "Link {provider}" }));
        let expected = json!({ "title": "Your key", "title_plain": "Your key" });
        assert_eq!(strings(&titled("Your key")), expected);
        assert_eq!(strings(&EnvironmentSettings::default()), json!({}));
        assert_eq!(line(" a\tb ", 9), None);
        assert_eq!(line(" ab ", 2).as_deref(), Some("ab"));
    }

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        assert_eq!(accent(" #AbCdEf ").as_deref(), Some("#abcdef"));
        for bad in ["", "abcdef", "#abc", "#gggggg", "red", "#abcdef;"] {
            assert_eq!(accent(bad), None, "{bad}");
        }
    }
}
