//! Activity: the audit log, and what became of webhooks.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::{
    form::Form,
    page::{Frame, Section, Visit, ago, html, moment},
};
use crate::{
    error::ApiError,
    model::{Webhook, WebhookStatus},
    query::Query,
    store::{StoredAuditEvent, WebhookFilter},
};

/// How many events are shown.
const NEWEST: u32 = 200;
/// How many webhooks are on one page.
const PAGE: u32 = 50;

/// An event as the page shows it.
struct Line {
    what: String,
    object: String,
    actor: String,
    request: String,
    ago: String,
    at: String,
}

#[derive(Template)]
#[template(path = "dashboard/activity.html")]
struct AuditPage {
    frame: Frame,
    /// Which of the two tabs.
    audit: bool,
    lines: Vec<Line>,
    newest: u32,
}

/// `GET /dashboard/{environment}/activity`
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit) -> Result<Response, ApiError> {
    let events = visit.state.store.audit_events(&visit.environment, None, NEWEST).await?;
    let now = visit.state.clock.now();
    let line = |event: StoredAuditEvent| Line {
        what: event.action.replace(['.', '_'], " "),
        object: event
            .object
            .split_once(':')
            .map_or(event.object.as_str(), |(_, name)| name)
            .to_owned(),
        actor: event.actor.replace(['_', ':'], " "),
        request: event.request_id,
        ago: ago(event.at, now),
        at: moment(event.at),
    };
    let lines = events.into_iter().map(line).collect();
    let frame = visit.frame(Section::Activity);
    html(StatusCode::OK, &AuditPage { frame, audit: true, lines, newest: NEWEST })
}

/// A webhook as the page shows it.
struct Delivery {
    id: String,
    what: &'static str,
    connection: String,
    url: String,
    status: WebhookStatus,
    tone: &'static str,
    history: String,
    made: String,
}

impl Delivery {
    fn of(webhook: &Webhook, now: Timestamp) -> Self {
        let tries = match webhook.attempts {
            0 => "not tried yet".to_owned(),
            1 => "tried once".to_owned(),
            count => format!("tried {count} times"),
        };
        let last = match (webhook.last_status, &webhook.last_error) {
            (Some(status), _) => format!(", the last answer was {status}"),
            (None, Some(error)) => format!(", {error}"),
            (None, None) => String::new(),
        };
        let next = webhook.next_at.filter(|_| webhook.status == WebhookStatus::Pending);
        let next = next.map(|at| format!(", next {}", moment(at))).unwrap_or_default();
        Self {
            id: webhook.id.clone(),
            what: webhook.operation.word(),
            connection: format!("{}/{}", webhook.integration, webhook.connection_id),
            url: webhook.url.clone(),
            status: webhook.status,
            tone: match webhook.status {
                WebhookStatus::Pending => "plain",
                WebhookStatus::Delivered => "good",
                WebhookStatus::Failed => "bad",
            },
            history: format!("{tries}{last}{next}"),
            made: ago(webhook.created_at, now),
        }
    }
}

#[derive(Template)]
#[template(path = "dashboard/webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    audit: bool,
    status: Option<WebhookStatus>,
    deliveries: Vec<Delivery>,
    /// The id after which the next page starts.
    older: Option<String>,
    /// Whether there is an address to send anything to.
    addressed: bool,
    replayed: bool,
}

impl WebhooksPage {
    fn statuses(&self) -> [WebhookStatus; 3] {
        WebhookStatus::ALL
    }
}

/// `GET /dashboard/{environment}/webhooks?status=&before=`
///
/// # Errors
/// Those of the store.
pub async fn webhooks(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let status = query.first("status").and_then(WebhookStatus::of);
    let filter = WebhookFilter {
        id: None,
        status,
        before: query.first("before").filter(|id| !id.is_empty()).map(str::to_owned),
        // One more than is shown tells whether there is another page.
        limit: PAGE + 1,
    };
    let mut found = visit.state.store.webhooks(&visit.environment, filter).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let settings = visit.settings().await?;
    let now = visit.state.clock.now();
    let page = WebhooksPage {
        frame: visit.frame(Section::Activity),
        audit: false,
        status,
        older: found.last().filter(|_| more).map(|last| last.id.clone()),
        deliveries: found.iter().map(|webhook| Delivery::of(webhook, now)).collect(),
        addressed: settings.webhook_url.is_some() || settings.webhook_url_secondary.is_some(),
        replayed: query.first("notice") == Some("replayed"),
    };
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/webhooks/replay`: `id`.
///
/// # Errors
/// 404 `not_found`.
pub async fn replay(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let id = form.text("id");
    let audit = visit.audit("webhook.replayed", format!("webhook:{id}"));
    let at = audit.at;
    if !visit.state.store.replay_webhook(&visit.environment, id, at, audit).await? {
        return Err(ApiError::NotFound("There is no such webhook.".into()));
    }
    visit.state.outbox.notify_one();
    Ok(visit.to("webhooks?notice=replayed"))
}
