//! Activity: the audit log, and what became of webhooks.

use std::{collections::BTreeMap, time::Duration};

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use tokio::time;

use super::{
    form::Form,
    page::{Frame, Section, Visit, ago, html, moment, query_of},
};
use crate::{
    error::ApiError,
    model::{Operation, Webhook, WebhookStatus},
    query::Query,
    store::{AuditFilter, StoredAuditEvent, WebhookFilter},
};

/// How many lines are on one page.
const PAGE: u32 = 50;

/// The value of `changes` with which what was only read or used is left out.
pub const CHANGES_ONLY: &str = "only";

/// What actions are done to, as they begin, and as a person says it.
const KINDS: [(&str, &str); 8] = [
    ("connection", "Connections"),
    ("integration", "Integrations"),
    ("connect_session", "Connect sessions"),
    ("secret_key", "Secret keys"),
    ("provider", "Providers of your own"),
    ("environment", "Environments and settings"),
    ("webhook", "Webhooks"),
    ("operator", "Signing in and out"),
];

/// Who does things, as actors begin, and as a person says it.
const ACTORS: [(&str, &str); 7] = [
    ("operator", "Operators"),
    ("secret_key", "Backends"),
    ("connect_session", "End users"),
    ("public_key", "Old pages"),
    ("server", "The server"),
    ("command_line", "The command line"),
    ("anonymous", "Wrong passwords"),
];

/// An event as pages show it.
pub struct Line {
    /// What was done.
    pub what: String,
    object: String,
    /// The query of everything that was done to the object.
    history: String,
    /// Who did it.
    pub actor: String,
    /// From which address, when it came over the network.
    address: Option<String>,
    request: String,
    /// How long ago.
    pub ago: String,
    /// When.
    pub at: String,
}

impl Line {
    fn of(event: StoredAuditEvent, keys: &BTreeMap<String, String>, now: Timestamp) -> Self {
        let name = |whole: &str| whole.split_once(':').map_or(whole, |(_, name)| name).to_owned();
        let known = event.actor.strip_prefix("secret_key:").and_then(|id| keys.get(id));
        Self {
            what: event.action.replace(['.', '_'], " "),
            object: name(&event.object),
            history: query_of(&[("object", &event.object)]),
            actor: match known {
                Some(key) => format!("secret key {key}"),
                None => event.actor.replace(['_', ':'], " "),
            },
            address: event.address,
            request: event.request_id,
            ago: ago(event.at, now),
            at: moment(event.at),
        }
    }
}

#[derive(Template)]
#[template(path = "dashboard/activity.html")]
struct AuditPage {
    frame: Frame,
    /// Which of the two tabs.
    audit: bool,
    lines: Vec<Line>,
    kinds: [(&'static str, &'static str); 8],
    actors: [(&'static str, &'static str); 7],
    kind: String,
    actor: String,
    search: String,
    /// Whether what was only read or used is left out.
    changes: bool,
    /// The one object that everything shown was done to.
    object: String,
    /// Whether the newest are not shown.
    later: bool,
    /// Whether nothing is asked for but the newest.
    whole: bool,
    /// The query of the page with the newest.
    newest: String,
    /// The query of the page after this one.
    older: Option<String>,
}

/// `GET /dashboard/{environment}/activity?kind=&actor=&search=&changes=&object=&before=`; `changes=only` leaves out
/// what was only read or used.
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let given = |name| query.first(name).unwrap_or_default().trim().to_owned();
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let (kind, actor, search, object) =
        (given("kind"), given("actor"), given("search"), given("object"));
    let changes = given("changes");
    let before: Option<i64> = given("before").parse().ok();
    let filter = AuditFilter {
        before,
        kind: filled(&kind),
        actor: filled(&actor),
        changes_only: changes == CHANGES_ONLY,
        object: filled(&object),
        search: filled(&search),
        // One more than is shown tells whether there is another page.
        limit: PAGE + 1,
    };
    // What this server has handed out a moment ago as well.
    visit.state.write_reads().await;
    let store = &visit.state.store;
    let mut events = store.audit_events(&visit.environment, filter).await?;
    let more = events.len() > PAGE as usize;
    events.truncate(PAGE as usize);
    let older = events.last().filter(|_| more).map(|last| last.id.to_string());
    let page = |before: &str| {
        query_of(&[
            ("kind", &kind),
            ("actor", &actor),
            ("search", &search),
            ("changes", &changes),
            ("object", &object),
            ("before", before),
        ])
    };
    let shown = AuditPage {
        frame: visit.frame(Section::Activity),
        audit: true,
        kinds: KINDS,
        actors: ACTORS,
        later: before.is_some(),
        whole: before.is_none() && page("").is_empty(),
        newest: page(""),
        older: older.map(|before| page(&before)),
        lines: lines(&visit, events).await?,
        changes: changes == CHANGES_ONLY,
        kind,
        actor,
        search,
        object,
    };
    html(StatusCode::OK, &shown)
}

/// The last `limit` things that were done to an object; `reads` when also what was only read or used.
///
/// # Errors
/// Those of the store.
pub async fn history(
    visit: &Visit,
    object: &str,
    reads: bool,
    limit: u32,
) -> Result<Vec<Line>, ApiError> {
    let object = Some(object.to_owned());
    let filter = AuditFilter { object, changes_only: !reads, limit, ..AuditFilter::default() };
    visit.state.write_reads().await;
    let events = visit.state.store.audit_events(&visit.environment, filter).await?;
    lines(visit, events).await
}

async fn lines(visit: &Visit, events: Vec<StoredAuditEvent>) -> Result<Vec<Line>, ApiError> {
    let now = visit.state.clock.now();
    let keys = visit.state.store.secret_keys(&visit.environment, now).await?;
    let keys = keys.into_iter().map(|record| (record.key.id, record.key.name)).collect();
    Ok(events.into_iter().map(|event| Line::of(event, &keys, now)).collect())
}

/// A webhook as pages show it.
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
            what: title(webhook.operation),
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

fn title(operation: Operation) -> &'static str {
    match operation {
        Operation::Creation => "Connected",
        Operation::Override => "Key replaced",
        Operation::Refresh => "Health changed",
    }
}

#[derive(Template)]
#[template(path = "dashboard/webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    audit: bool,
    statuses: [WebhookStatus; 3],
    status: Option<WebhookStatus>,
    operations: [(Operation, &'static str); 3],
    operation: Option<Operation>,
    search: String,
    deliveries: Vec<Delivery>,
    /// Whether the newest are not shown.
    later: bool,
    /// Whether nothing is asked for but the newest.
    whole: bool,
    /// The query of the page with the newest.
    newest: String,
    /// The query of the page after this one.
    older: Option<String>,
    /// Whether there is an address to send anything to.
    addressed: bool,
}

/// `GET /dashboard/{environment}/webhooks?status=&operation=&search=&before=`
///
/// # Errors
/// Those of the store.
pub async fn webhooks(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let status = query.first("status").and_then(WebhookStatus::of);
    let operation = query.first("operation").and_then(Operation::of);
    let search = query.first("search").unwrap_or_default().trim().to_owned();
    let before = query.first("before").filter(|id| !id.is_empty()).map(str::to_owned);
    let filter = WebhookFilter {
        id: None,
        status,
        operation,
        search: Some(search.clone()).filter(|text| !text.is_empty()),
        before: before.clone(),
        // One more than is shown tells whether there is another page.
        limit: PAGE + 1,
    };
    let mut found = visit.state.store.webhooks(&visit.environment, filter).await?;
    let more = found.len() > PAGE as usize;
    found.truncate(PAGE as usize);
    let settings = visit.settings().await?;
    let now = visit.state.clock.now();
    let page = |before: &str| {
        query_of(&[
            ("status", status.map(WebhookStatus::word).unwrap_or_default()),
            ("operation", operation.map(Operation::word).unwrap_or_default()),
            ("search", &search),
            ("before", before),
        ])
    };
    let shown = WebhooksPage {
        frame: visit.frame(Section::Activity),
        audit: false,
        statuses: WebhookStatus::ALL,
        status,
        operations: Operation::ALL.map(|operation| (operation, title(operation))),
        operation,
        later: before.is_some(),
        whole: before.is_none() && page("").is_empty(),
        newest: page(""),
        older: found.last().filter(|_| more).map(|last| page(&last.id)),
        deliveries: found.iter().map(|webhook| Delivery::of(webhook, now)).collect(),
        addressed: settings.webhook_url.is_some() || settings.webhook_url_secondary.is_some(),
        search,
    };
    html(StatusCode::OK, &shown)
}

#[derive(Template)]
#[template(path = "dashboard/webhook.html")]
struct WebhookPage {
    frame: Frame,
    delivery: Delivery,
    integration: String,
    connection: String,
    body: String,
    created: String,
    last: Option<String>,
    replayed: bool,
}

async fn one(visit: &Visit, id: &str) -> Result<Webhook, ApiError> {
    let filter = WebhookFilter { id: Some(id.to_owned()), limit: 1, ..WebhookFilter::default() };
    let found = visit.state.store.webhooks(&visit.environment, filter).await?.pop();
    found.ok_or_else(|| ApiError::NotFound("There is no such webhook.".into()))
}

/// `GET /dashboard/{environment}/webhook?id=`: what is sent, and what became of it.
///
/// # Errors
/// 404 `not_found`.
pub async fn webhook(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let webhook = one(&visit, query.first("id").unwrap_or_default()).await?;
    let body: serde_json::Value =
        serde_json::from_str(&webhook.body).map_err(ApiError::internal)?;
    let page = WebhookPage {
        frame: visit.frame(Section::Activity),
        delivery: Delivery::of(&webhook, visit.state.clock.now()),
        body: serde_json::to_string_pretty(&body).map_err(ApiError::internal)?,
        created: moment(webhook.created_at),
        last: webhook.last_at.map(moment),
        integration: webhook.integration,
        connection: webhook.connection_id,
        replayed: query.first("notice") == Some("replayed"),
    };
    html(StatusCode::OK, &page)
}

/// How long an operator waits for the receiver's answer to a replay, in steps.
const STEPS: u32 = 15;
const STEP: Duration = Duration::from_millis(200);

/// `POST /dashboard/{environment}/webhooks/replay`: `id`. Waits up to three seconds for the receiver, so
/// that the page after it tells what came of it.
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
    for _ in 0..STEPS {
        time::sleep(STEP).await;
        let webhook = one(&visit, id).await?;
        let answered = webhook.last_at.is_some_and(|last| last >= at);
        if answered || webhook.status != WebhookStatus::Pending {
            break;
        }
    }
    Ok(visit.to(&format!("webhook?{}", query_of(&[("id", id), ("notice", "replayed")]))))
}
