//! Settings: what an environment has been set to, and what this server is.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    environment_keys::KeyView,
    form::Form,
    page::{Frame, Section, Visit, html, version_of},
    shown_once::{self, Shown},
};
use crate::{
    api::environment::objection, appearance, environment_key::Purpose, error::ApiError,
    model::EnvironmentSettings, origin::Origin, query::Query, store::SettingsOutcome,
};

/// The provider with which the dialog is shown while there is no integration.
const EXAMPLE: &str = "private-api-bearer";

/// The tabs of the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// What the environment has been set to.
    Environment,
    /// The keys of backends.
    SecretKeys,
    /// All environments.
    Environments,
}

#[derive(Template)]
#[template(path = "dashboard/settings.html")]
struct Page {
    frame: Frame,
    tab: Tab,
    version: &'static str,
    providers: usize,
    encryption_key: String,
    /// An older key under which there still are records.
    older_key: Option<String>,
    dev: bool,
    notice: Option<&'static str>,
    settings: EnvironmentSettings,
    /// The versions of the parts, as the forms that are being filled in see them.
    versions: Versions,
    /// Whether somebody else saved the same part meanwhile.
    conflict: bool,
    /// The provider with which the dialog is shown.
    provider: String,
    /// The allowed origins as they are typed.
    origins: String,
    /// What is wrong with a field, by its name.
    problems: Vec<(&'static str, String)>,
    /// The key of webhooks.
    signing_key: KeyView,
    /// The key by which a backend vouches for a connection id.
    hmac_key: KeyView,
    /// One of them that was made just now.
    shown: Shown,
}

impl Page {
    async fn of(visit: &Visit, settings: EnvironmentSettings) -> Result<Self, ApiError> {
        let server = &visit.state;
        let stored = visit.settings().await?;
        let integrations = server.store.integrations(&visit.environment).await?;
        let catalogue = server.catalogues.of(&visit.environment);
        let known = |name: &&String| catalogue.get(name).is_some();
        let provider = integrations.iter().map(|one| &one.provider).find(known);
        let current = server.vault.current().to_string();
        let others = server.store.sealed_under_other_keys(&current, 0, 1).await?;
        Ok(Self {
            older_key: others.into_iter().next().map(|record| record.sealed.key_id),
            versions: Versions::of(&stored)?,
            conflict: false,
            provider: provider.map_or_else(|| EXAMPLE.to_owned(), Clone::clone),
            frame: visit.frame(Section::Settings),
            tab: Tab::Environment,
            version: env!("CARGO_PKG_VERSION"),
            providers: catalogue.len(),
            encryption_key: current,
            dev: server.dev,
            notice: None,
            origins: settings.allowed_origins.join("\n"),
            settings,
            problems: Vec::new(),
            signing_key: KeyView::of(visit, Purpose::WebhookSigning).await?,
            hmac_key: KeyView::of(visit, Purpose::ConnectionHmac).await?,
            shown: Shown::default(),
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
    page.notice = match query.first("notice") {
        Some("saved") => Some("Saved."),
        Some("ended") => Some("Only the newest key counts now."),
        Some("unsure") => Some("Nothing was ended: tick the box first."),
        _ => None,
    };
    page.shown = shown_once::take(&visit, &query).await?;
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/settings/webhooks`: `version`, `webhook_url`, `webhook_url_secondary`,
/// `on_auth_creation`, `on_auth_refresh_error`.
///
/// # Errors
/// Those of the store. What can be mended is said on the page.
pub async fn webhooks(visit: Visit, form: Form) -> Result<Response, ApiError> {
    save(&visit, &form, Part::Webhooks).await
}

/// What is wrong with fields, by their names.
type Problems = Vec<(&'static str, String)>;

async fn put_webhooks(visit: &Visit, form: &Form, settings: &mut EnvironmentSettings) -> Problems {
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
    problems
}

/// What end users see of the environment's product, as it was typed.
pub struct Appearance {
    product_name: Option<String>,
    accent: Option<String>,
    logo_url: Option<String>,
    dialog_title: Option<String>,
    dialog_submit: Option<String>,
    connect_intro: Option<String>,
}

/// That, and what is wrong with it.
pub struct Looks {
    /// As it was typed; what can be used is in the form in which it is stored.
    pub given: Appearance,
    /// What is wrong, by the name of the field.
    pub problems: Vec<(&'static str, String)>,
}

impl Appearance {
    /// Reads it out of a form.
    pub fn read(form: &Form) -> Looks {
        let mut problems = Vec::new();
        let mut judged = |field, judge: &dyn Fn(&str) -> Option<String>, expected: &str| {
            let text = form.filled(field)?;
            let usable = judge(text);
            if usable.is_none() {
                problems.push((field, expected.to_owned()));
            }
            Some(usable.unwrap_or_else(|| text.to_owned()))
        };
        let label = |text: &str| appearance::line(text, appearance::LABEL_MAX);
        let short = "Use at most 80 characters.";
        let given = Self {
            product_name: judged("product_name", &label, short),
            accent: judged("accent", &appearance::accent, "Expected a colour such as #4338ca."),
            logo_url: judged(
                "logo_url",
                &appearance::logo,
                "Expected an https address such as https://cdn.example.com/logo.svg.",
            ),
            dialog_title: judged("dialog_title", &label, short),
            dialog_submit: judged("dialog_submit", &label, short),
            connect_intro: judged(
                "connect_intro",
                &|text| appearance::line(text, appearance::INTRO_MAX),
                "Use at most 400 characters, in one line.",
            ),
        };
        Looks { given, problems }
    }

    /// Puts it in the place of what was.
    pub fn put_into(self, settings: &mut EnvironmentSettings) {
        let Self { product_name, accent, logo_url, dialog_title, dialog_submit, connect_intro } =
            self;
        settings.product_name = product_name;
        settings.accent = accent;
        settings.logo_url = logo_url;
        settings.dialog_title = dialog_title;
        settings.dialog_submit = dialog_submit;
        settings.connect_intro = connect_intro;
    }
}

/// `POST /dashboard/{environment}/settings/connect`: `version`, `product_name`, `accent`, `logo_url`,
/// `dialog_title`, `dialog_submit`, `connect_intro`, `allowed_origins` (one a line).
///
/// # Errors
/// Those of the store. What can be mended is said on the page.
pub async fn connect(visit: Visit, form: Form) -> Result<Response, ApiError> {
    save(&visit, &form, Part::Connect).await
}

fn put_connect(form: &Form, settings: &mut EnvironmentSettings) -> Problems {
    let Looks { given, mut problems } = Appearance::read(form);
    given.put_into(settings);
    settings.allowed_origins.clear();
    for line in form.text("allowed_origins").split_whitespace() {
        match Origin::parse(line) {
            Some(origin) => settings.allowed_origins.push(origin.to_string()),
            None => problems.push(("allowed_origins", Origin::objection(line))),
        }
    }
    if settings.allowed_origins.len() > appearance::ORIGINS_MAX {
        problems.push(("allowed_origins", "Name at most 20 sites.".to_owned()));
    }
    problems
}

/// `POST /dashboard/{environment}/settings/legacy`: `version`, `public_keys`: `off`, `hmac` or `open`.
///
/// # Errors
/// Those of the store.
pub async fn legacy(visit: Visit, form: Form) -> Result<Response, ApiError> {
    save(&visit, &form, Part::Legacy).await
}

fn put_legacy(form: &Form, settings: &mut EnvironmentSettings) -> Problems {
    let (on, hmac) = match form.text("public_keys") {
        "hmac" => (true, Some(true)),
        "open" => (true, Some(false)),
        _ => (false, None),
    };
    settings.switch_public_keys(Some(on), hmac);
    Vec::new()
}

/// The parts of the settings, each with a form of its own.
#[derive(Clone, Copy)]
enum Part {
    Webhooks,
    Connect,
    Legacy,
}

/// What tells whether a part of the settings is still what a form has seen.
struct Versions {
    webhooks: String,
    connect: String,
    legacy: String,
}

impl Versions {
    fn of(settings: &EnvironmentSettings) -> Result<Self, ApiError> {
        let Value::Object(all) = serde_json::to_value(settings).map_err(ApiError::internal)? else {
            return Err(ApiError::internal("settings are not an object"));
        };
        let version = |part: &[&str]| {
            let values: Vec<&Value> = part.iter().filter_map(|name| all.get(*name)).collect();
            version_of(&json!(values))
        };
        Ok(Self {
            webhooks: version(&[
                "webhook_url",
                "webhook_url_secondary",
                "on_auth_creation",
                "on_auth_refresh_error",
            ]),
            connect: version(&[
                "product_name",
                "accent",
                "logo_url",
                "dialog_title",
                "dialog_submit",
                "connect_intro",
                "allowed_origins",
            ]),
            legacy: version(&["public_key_enabled", "hmac_enabled"]),
        })
    }
}

/// Stores a part of the settings as it was typed, unless there are problems with it or it is not what the
/// form has seen.
async fn save(visit: &Visit, form: &Form, part: Part) -> Result<Response, ApiError> {
    loop {
        let seen = visit.settings().await?;
        let current = Versions::of(&seen)?;
        let mut settings = seen.clone();
        let (current, problems) = match part {
            Part::Webhooks => (current.webhooks, put_webhooks(visit, form, &mut settings).await),
            Part::Connect => (current.connect, put_connect(form, &mut settings)),
            Part::Legacy => (current.legacy, put_legacy(form, &mut settings)),
        };
        let conflict = form.text("version") != current;
        if problems.is_empty() && !conflict {
            let name = visit.environment.as_str();
            let audit = visit.audit("environment.updated", format!("environment:{name}"));
            let put = visit.state.store.put_environment_settings(name, seen, settings, audit);
            match put.await? {
                SettingsOutcome::Stored => return Ok(visit.to("settings?notice=saved")),
                // Another part, which stays what it now is; or this one, and the operator is told.
                SettingsOutcome::Changed => continue,
                SettingsOutcome::Unknown => {
                    return Err(ApiError::NotFound("There is no such environment.".into()));
                }
            }
        }
        let mut page = Page::of(visit, settings).await?;
        page.problems = problems;
        page.conflict = conflict;
        if form.has("allowed_origins") {
            page.origins = form.text("allowed_origins").to_owned();
        }
        let status = if conflict { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        return html(status, &page);
    }
}
