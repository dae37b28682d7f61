//! Settings: what this server is, where it is reached and what seals its records.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::page::{Frame, Section, Visit, html};
use crate::error::ApiError;

#[derive(Template)]
#[template(path = "dashboard/settings.html")]
struct Page {
    frame: Frame,
    version: &'static str,
    providers: usize,
    encryption_key: String,
    secret_keys: u64,
    dev: bool,
}

/// `GET /dashboard/{environment}/settings`
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit) -> Result<Response, ApiError> {
    let server = &visit.state;
    let page = Page {
        frame: visit.frame(Section::Settings),
        version: env!("CARGO_PKG_VERSION"),
        providers: server.catalogue.len(),
        encryption_key: server.vault.current().to_string(),
        secret_keys: server.store.count_secret_keys().await?,
        dev: server.dev,
    };
    html(StatusCode::OK, &page)
}
