//! The connect page in a frame: what the stock SDK's `openConnectUI({ baseURL: "<server>/connect" })` lays over a
//! page. It is opened without a token, which comes by message (`server/assets/connect-frame.js`), so it holds
//! nothing of anybody, and is framed by the sites of every environment.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use url::Url;

use crate::{
    appearance, error::ApiError, model::EnvironmentSettings, query::Query, state::AppState,
};

/// As strict as the connect page's.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; form-action 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

#[derive(Template)]
#[template(path = "connect_frame.html")]
struct Page<'a> {
    root: &'a str,
    /// Whether the site around it is none of those that may show it.
    refused: bool,
}

/// Whether the SDK asks: it names an API's address, which a link never does.
pub fn is_asked_for(query: &Query) -> bool {
    query.first("apiURL").is_some() && query.first("session_token").is_none()
}

/// The page. A site that may not show it gets one that says so and can be closed: the SDK's frame covers the
/// whole page, and what `frame-ancestors` stops cannot close it. Who sends no `Referer` is stopped by the browser.
///
/// # Errors
/// Those of the store.
pub async fn show(state: &AppState, headers: &HeaderMap) -> Result<Response, ApiError> {
    let environments = state.store.environments().await?.into_iter();
    let allowed_origins: Vec<_> =
        environments.flat_map(|environment| environment.settings.allowed_origins).collect();
    let known = around(headers).is_none_or(|site| allowed_origins.contains(&site));
    let refused = allowed_origins.is_empty() || !known;
    let everywhere = EnvironmentSettings { allowed_origins, ..EnvironmentSettings::default() };
    // Said of the refusal too: `X-Frame-Options` counts where a policy says nothing (CSP Level 3 §6.4.2.2).
    let ancestors = if refused { "*".to_owned() } else { appearance::frame_ancestors(&everywhere) };
    let policy = format!("{POLICY}; frame-ancestors {ancestors}");
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    let status = if refused { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let page = Page { root: state.base_path(), refused };
    let text = page.render().map_err(ApiError::internal)?;
    Ok((status, headers, text).into_response())
}

/// The site that frames it, as far as its browser says.
fn around(headers: &HeaderMap) -> Option<String> {
    let address = headers.get(header::REFERER)?.to_str().ok()?;
    Some(Url::parse(address).ok()?.origin().ascii_serialization())
}
