//! The Content-Security-Policy (<https://www.w3.org/TR/CSP3/>) of every page that this server sends. What
//! comes from settings enters as an [`Origin`] only, also where a database holds older or other values.

use url::Url;

use crate::{model::EnvironmentSettings, origin::Origin};

/// Demo pages: no inline script and no foreign one. `wasm-unsafe-eval` is what WebAssembly needs.
pub const DEMO: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Pages of the dashboard: no inline script or style, nothing from elsewhere, in no frame.
pub const DASHBOARD: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The preview of the dialog: in frames of the dashboard only. A logo may come from anywhere, as it does for
/// end users.
pub const PREVIEW: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' https: http: data:; connect-src 'none'; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Logos: pictures, whatever is in them.
pub const LOGO: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// The connect page: as strict as the dashboard; it sends no form anywhere, the widget does. Framed by the
/// sites that the environment names, which makes `X-Frame-Options` moot (CSP Level 3 §6.4.2.2).
pub fn connect_page(settings: &EnvironmentSettings) -> String {
    let logo = settings.logo_url.as_deref().and_then(|logo| Url::parse(logo).ok());
    let images = match logo.as_ref().and_then(Origin::of) {
        Some(logo) => format!("'self' {logo}"),
        None => "'self'".to_owned(),
    };
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src {images}; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors {}; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        frame_ancestors(&settings.allowed_origins)
    )
}

/// The connect page in a frame of the stock SDK: framed by these origins, or, when the site around it is to
/// be told that it may not show it, by any. It says so, because `X-Frame-Options` counts where a policy is silent
/// (CSP Level 3 §6.4.2.2).
pub fn connect_frame(allowed_origins: Option<&[String]>) -> String {
    const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'";
    let ancestors = allowed_origins.map_or_else(|| "*".to_owned(), frame_ancestors);
    format!("{POLICY}; frame-ancestors {ancestors}")
}

fn frame_ancestors(allowed_origins: &[String]) -> String {
    let origins = allowed_origins.iter().filter_map(|text| Origin::parse(text));
    let sources: Vec<String> = origins.map(|origin| origin.to_string()).collect();
    if sources.is_empty() { "'none'".to_owned() } else { sources.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origins: &[&str], logo: Option<&str>) -> String {
        connect_page(&EnvironmentSettings {
            allowed_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            logo_url: logo.map(str::to_owned),
            ..EnvironmentSettings::default()
        })
    }

    #[test]
    fn no_site_may_frame_the_page_unless_it_is_named() {
        assert!(policy(&[], None).contains("frame-ancestors 'none';"));
        let named = policy(&["https://a.example", "https://b.example"], None);
        assert!(named.contains("frame-ancestors https://a.example https://b.example;"), "{named}");
    }

    #[test]
    fn what_a_database_holds_does_not_add_to_the_policy() {
        let usual = policy(&[], None);
        for bad in ["https://a;sandbox", "https://a; script-src *", "*", "https://a,b", ""] {
            assert_eq!(policy(&[bad], None), usual, "{bad}");
            assert_eq!(policy(&[], Some(&format!("{bad}/logo.svg"))), usual, "{bad}");
        }
        let logo = policy(&["https://a;sandbox"], Some("https://cdn.example/a;b,c logo.svg"));
        assert_eq!(logo, usual.replace("img-src 'self';", "img-src 'self' https://cdn.example;"));
    }
}
