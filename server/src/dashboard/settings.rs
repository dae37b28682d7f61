//! Settings: what an environment has been set to, and what this server is.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{
    form::Form,
    page::{Frame, Section, Visit, html},
};
use crate::{
    api::environment::objection,
    appearance,
    environment_key::{EnvironmentKey, Purpose},
    error::ApiError,
    model::EnvironmentSettings,
    query::Query,
};

#[derive(Template)]
#[template(path = "dashboard/settings.html")]
struct Page {
    frame: Frame,
    version: &'static str,
    providers: usize,
    encryption_key: String,
    secret_keys: u64,
    dev: bool,
    notice: Option<&'static str>,
    settings: EnvironmentSettings,
    /// The allowed origins as they are typed.
    origins: String,
    /// What is wrong with a field, by its name.
    problems: Vec<(&'static str, String)>,
    /// A key that was made just now, with what it is for.
    made: Option<(&'static str, String)>,
}

impl Page {
    async fn of(visit: &Visit, settings: EnvironmentSettings) -> Result<Self, ApiError> {
        let server = &visit.state;
        Ok(Self {
            frame: visit.frame(Section::Settings),
            version: env!("CARGO_PKG_VERSION"),
            providers: server.catalogues.of(&visit.environment).len(),
            encryption_key: server.vault.current().to_string(),
            secret_keys: server.store.count_secret_keys().await?,
            dev: server.dev,
            notice: None,
            origins: settings.allowed_origins.join("\n"),
            settings,
            problems: Vec::new(),
            made: None,
        })
    }

    fn problem(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }
}

/// `GET /dashboard/{environment}/settings`
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let mut page = Page::of(&visit, visit.settings().await?).await?;
    page.notice = (query.first("notice") == Some("saved")).then_some("Saved.");
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/settings/webhooks`: `webhook_url`, `webhook_url_secondary`,
/// `on_auth_creation`, `on_auth_refresh_error`.
///
/// # Errors
/// Those of the store. What can be mended is said on the page.
pub async fn webhooks(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let mut settings = visit.settings().await?;
    let mut problems = Vec::new();
    for (field, address) in [
        ("webhook_url", &mut settings.webhook_url),
        ("webhook_url_secondary", &mut settings.webhook_url_secondary),
    ] {
        *address = form.filled(field).map(str::to_owned);
        if let Some(url) = address
            && let Some(objection) = objection(&visit.state, url).await
        {
            problems.push((field, format!("{objection}.")));
        }
    }
    settings.on_auth_creation = form.filled("on_auth_creation").is_some();
    settings.on_auth_refresh_error = form.filled("on_auth_refresh_error").is_some();
    save(&visit, settings, problems, None).await
}

/// `POST /dashboard/{environment}/settings/connect`: `product_name`, `accent`, `allowed_origins` (one a
/// line).
///
/// # Errors
/// Those of the store. What can be mended is said on the page.
pub async fn connect(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let mut settings = visit.settings().await?;
    let mut problems = Vec::new();
    settings.product_name = form.filled("product_name").map(str::to_owned);
    if settings
        .product_name
        .as_ref()
        .is_some_and(|name| name.chars().count() > appearance::NAME_MAX)
    {
        problems.push(("product_name", "Use at most 80 characters.".to_owned()));
    }
    settings.accent = form.filled("accent").map(|text| {
        appearance::accent(text).unwrap_or_else(|| {
            problems.push(("accent", "Expected a colour such as #4338ca.".to_owned()));
            text.to_owned()
        })
    });
    let typed = form.text("allowed_origins");
    settings.allowed_origins.clear();
    for line in typed.split_whitespace() {
        match appearance::origin(line) {
            Some(origin) => settings.allowed_origins.push(origin),
            None => problems.push((
                "allowed_origins",
                format!("“{line}” is not an origin such as https://app.example.com."),
            )),
        }
    }
    if settings.allowed_origins.len() > appearance::ORIGINS_MAX {
        problems.push(("allowed_origins", "Name at most 20 sites.".to_owned()));
    }
    save(&visit, settings, problems, Some(typed)).await
}

/// `POST /dashboard/{environment}/settings/legacy`: `public_key_enabled`, `hmac_enabled`.
///
/// # Errors
/// Those of the store.
pub async fn legacy(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let mut settings = visit.settings().await?;
    settings.public_key_enabled = form.filled("public_key_enabled").is_some();
    settings.hmac_enabled = form.filled("hmac_enabled").is_some();
    if settings.public_key_enabled {
        settings.public_key.get_or_insert_with(|| uuid::Uuid::new_v4().to_string());
    }
    save(&visit, settings, Vec::new(), None).await
}

async fn save(
    visit: &Visit,
    settings: EnvironmentSettings,
    problems: Vec<(&'static str, String)>,
    origins: Option<&str>,
) -> Result<Response, ApiError> {
    if problems.is_empty() {
        let name = visit.environment.as_str();
        let audit = visit.audit("environment.updated", format!("environment:{name}"));
        visit.state.store.put_environment_settings(name, settings, audit).await?;
        return Ok(visit.to("settings?notice=saved"));
    }
    let mut page = Page::of(visit, settings).await?;
    page.problems = problems;
    if let Some(origins) = origins {
        page.origins = origins.to_owned();
    }
    html(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// `POST /dashboard/{environment}/settings/key`: `purpose`, `webhooks` or `hmac`. Shows the new key, once.
///
/// # Errors
/// 404 `not_found` for another purpose.
pub async fn renew_key(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let (purpose, action, title) = match form.text("purpose") {
        "webhooks" => {
            (Purpose::WebhookSigning, "environment.signing_key_renewed", "Signing key of webhooks")
        }
        "hmac" => (Purpose::ConnectionHmac, "environment.hmac_key_renewed", "HMAC key"),
        _ => return Err(ApiError::NotFound("There is no such key.".into())),
    };
    let name = visit.environment.as_str();
    let audit = visit.audit(action, format!("environment:{name}"));
    let new = EnvironmentKey::renew(&visit.state, name, purpose, audit).await?;
    let mut page = Page::of(&visit, visit.settings().await?).await?;
    // EXPOSE: shown this once to the operator who made it.
    page.made = Some((title, new.expose().to_owned()));
    html(StatusCode::OK, &page)
}
