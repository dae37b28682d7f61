//! The keys that an environment shares with its backend: making a new one, after saying what that does, and
//! ending the one before it.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use jiff::SignedDuration;

use super::{
    form::Form,
    page::{Frame, Section, Visit, html, moment},
    settings::Tab,
    shown_once::{self, Made},
};
use crate::{
    environment_key::{EnvironmentKeys, GRACE, Purpose},
    error::ApiError,
    query::Query,
};

/// A kind of key, as pages show it.
pub struct KeyView {
    /// Its name in forms and addresses.
    pub purpose: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is for.
    pub help: &'static str,
    /// What tells whether it is still the same.
    pub version: String,
    /// Until when the one before it counts.
    pub former_until: Option<String>,
}

impl KeyView {
    /// The kind of this purpose.
    ///
    /// # Errors
    /// Those of store and vault.
    pub async fn of(visit: &Visit, purpose: Purpose) -> Result<Self, ApiError> {
        let keys = EnvironmentKeys::of(&visit.state, &visit.environment, purpose).await?;
        let (version, former_until) = (keys.version(), keys.former_until().map(moment));
        Ok(match purpose {
            Purpose::WebhookSigning => Self {
                purpose: "webhooks",
                title: "signing key",
                help: "With it your backend knows that a webhook is ours.",
                version,
                former_until,
            },
            Purpose::ConnectionHmac => Self {
                purpose: "hmac",
                title: "HMAC key",
                help: "With it your backend vouches for a connection ID.",
                version,
                former_until,
            },
        })
    }
}

fn purpose(word: &str) -> Result<Purpose, ApiError> {
    match word {
        "webhooks" => Ok(Purpose::WebhookSigning),
        "hmac" => Ok(Purpose::ConnectionHmac),
        _ => Err(ApiError::NotFound("There is no such key.".into())),
    }
}

#[derive(Template)]
#[template(path = "dashboard/environment_key_new.html")]
struct Page {
    frame: Frame,
    tab: Tab,
    key: KeyView,
    problem: Option<String>,
}

impl Page {
    async fn of(visit: &Visit, purpose: Purpose) -> Result<Self, ApiError> {
        Ok(Self {
            frame: visit.frame(Section::Settings),
            tab: Tab::Environment,
            key: KeyView::of(visit, purpose).await?,
            problem: None,
        })
    }
}

/// `GET /dashboard/{environment}/settings/key?purpose=`: what a new key means for who has the one before.
///
/// # Errors
/// 404 `not_found` for another purpose.
pub async fn ask(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let purpose = purpose(query.first("purpose").unwrap_or_default())?;
    html(StatusCode::OK, &Page::of(&visit, purpose).await?)
}

/// `POST /dashboard/{environment}/settings/key`: `purpose`, `webhooks` or `hmac`; `before`, `day` or `end`, says
/// what becomes of the key before it. The page after it shows the new key, once.
///
/// # Errors
/// 404 `not_found` for another purpose. 409 on the page: `version` is not that of the newest key, or two count
/// beside it.
pub async fn renew(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let purpose = purpose(form.text("purpose"))?;
    let grace = match form.text("before") {
        "day" => GRACE,
        "end" => SignedDuration::ZERO,
        _ => {
            let mut page = Page::of(&visit, purpose).await?;
            page.problem =
                Some("Nothing was made: choose what becomes of the key before.".to_owned());
            return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    let name = visit.environment.as_str();
    let audit = visit.audit(purpose.renewed(), format!("environment:{name}"));
    let seen = Some(form.text("version"));
    let keys = match EnvironmentKeys::renew(&visit.state, name, purpose, grace, seen, audit).await {
        Ok(keys) => keys,
        Err(error @ (ApiError::KeyChanged | ApiError::PreviousKeysInUse)) => {
            let mut page = Page::of(&visit, purpose).await?;
            page.problem = Some(error.to_string());
            return html(error.status(), &page);
        }
        Err(error) => return Err(error),
    };
    let until = keys.former_until().map(moment);
    let made = Made {
        title: format!("The new {}", KeyView::of(&visit, purpose).await?.title),
        // EXPOSE: shown this once to the operator who made it.
        secret: keys.current().expose().to_owned(),
        variable: None,
        note: Some(match until {
            Some(until) => format!("The one before counts until {until}."),
            None => "No other counts.".to_owned(),
        }),
    };
    Ok(visit.to(&format!("settings?{}", shown_once::keep(&visit, &made).await?)))
}

/// `POST /dashboard/{environment}/settings/key/end`: `purpose`, and `confirm` when the person has read what it
/// means. From then on only the newest key counts.
///
/// # Errors
/// 404 `not_found` for another purpose.
pub async fn end(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let purpose = purpose(form.text("purpose"))?;
    if form.text("confirm").is_empty() {
        return Ok(visit.to("settings?notice=unsure"));
    }
    let name = visit.environment.as_str();
    let audit = visit.audit(purpose.ended(), format!("environment:{name}"));
    EnvironmentKeys::end_former(&visit.state, name, purpose, audit).await?;
    Ok(visit.to("settings?notice=ended"))
}
