//! Connections: the list, one of them with its masked credential, and what can be done about it.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;
use keyslot_providers::{Credential, Reason, Verification};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    activity,
    form::Form,
    integrations::Shown,
    page::{Frame, Section, Visit, ago, html, moment, query_of},
};
use crate::{
    api::connections::{Named, existing, not_found},
    contents::{Contents, masked},
    error::ApiError,
    model::{ConnectionSummary, Health, Verdict},
    query::Query,
    recheck,
    state::Server,
    store::ConnectionFilter,
};

/// Connections on one page of the list.
const PAGE: u32 = 50;

/// A connection in a list.
pub struct Row {
    /// The integration's key.
    pub integration: String,
    /// The integration's provider.
    pub provider: String,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub owner: String,
    /// The account that the provider named.
    pub account: String,
    /// Whether it works.
    pub health: Badge,
    /// When it was made.
    pub made: String,
}

/// A word with a tone.
pub struct Badge {
    /// The word.
    pub word: &'static str,
    /// The class of its tone.
    pub tone: &'static str,
}

impl Badge {
    fn of(summary: &ConnectionSummary) -> Self {
        let (word, tone) = match (summary.health, summary.verified.verdict) {
            (Health::Healthy, _) => (word(Health::Healthy), "good"),
            (Health::NeedsAttention, _) => (word(Health::NeedsAttention), "bad"),
            // Nothing is wrong and nothing is left to do.
            (Health::Unknown, Verdict::Unchecked) => ("No check offered", "plain"),
            (Health::Unknown, _) => (word(Health::Unknown), "plain"),
        };
        Self { word, tone }
    }
}

/// A state of health as a person says it.
fn word(health: Health) -> &'static str {
    match health {
        Health::Healthy => "Works",
        Health::NeedsAttention => "Needs attention",
        Health::Unknown => "Not checked",
    }
}

impl Row {
    /// The row of a connection at the moment `now`.
    pub fn of(summary: &ConnectionSummary, now: Timestamp) -> Self {
        let owner = summary.end_user.as_ref().map(|user| {
            user.display_name.clone().or_else(|| user.email.clone()).unwrap_or(user.id.clone())
        });
        Self {
            integration: summary.integration.clone(),
            provider: summary.provider.clone(),
            id: summary.connection_id.to_string(),
            owner: owner.unwrap_or_default(),
            account: summary.verified.account.clone().unwrap_or_default(),
            health: Badge::of(summary),
            made: ago(summary.created_at, now),
        }
    }

    /// The query that names it.
    pub fn query(&self) -> String {
        name_query(&self.integration, &self.id)
    }
}

/// The query that names a connection.
pub fn name_query(integration: &str, id: &str) -> String {
    query_of(&[("integration", integration), ("id", id)])
}

/// One state of health to choose, and how many connections are in it.
struct HealthChoice {
    title: &'static str,
    count: u64,
    query: String,
    current: bool,
}

#[derive(Template)]
#[template(path = "dashboard/connections.html")]
struct ListPage {
    frame: Frame,
    search: String,
    integration: String,
    /// Keys of all integrations, for the filter.
    integrations: Vec<String>,
    health: Option<Health>,
    choices: Vec<HealthChoice>,
    rows: Vec<Row>,
    /// The first connection on the page, counted from 1.
    first: u64,
    last: u64,
    /// How many there are on all pages.
    total: u64,
    newer: Option<String>,
    older: Option<String>,
}

/// `GET /dashboard/{environment}/connections?search=&integration=&health=&page=`
///
/// # Errors
/// Those of the store.
pub async fn list(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let search = query.first("search").unwrap_or_default().trim().to_owned();
    let integration = query.first("integration").unwrap_or_default().to_owned();
    let number: u64 =
        query.first("page").and_then(|page| page.parse().ok()).unwrap_or(0).min(1_000_000);
    let health = Health::ALL.into_iter().find(|one| query.first("health") == Some(one.word()));
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let anyhow = ConnectionFilter {
        search: given(&search),
        integrations: given(&integration).map(|key| vec![key]),
        ..ConnectionFilter::default()
    };
    let store = &visit.state.store;
    let counts = store.count_connections(&visit.environment, anyhow.clone()).await?;
    let total = health.map_or(counts.total(), |health| counts.of(health));
    let filter =
        ConnectionFilter { health, limit: PAGE, offset: number * u64::from(PAGE), ..anyhow };
    let found = store.connections(&visit.environment, filter).await?;
    let integrations = store.integrations(&visit.environment).await?;
    let now = visit.state.clock.now();
    let page = |health: Option<Health>, number: u64| {
        let number = if number == 0 { String::new() } else { number.to_string() };
        query_of(&[
            ("search", &search),
            ("integration", &integration),
            ("health", health.map(Health::word).unwrap_or_default()),
            ("page", &number),
        ])
    };
    let choice = |title, count, one: Option<Health>| HealthChoice {
        title,
        count,
        query: page(one, 0),
        current: one == health,
    };
    let each = Health::ALL.map(|one| choice(word(one), counts.of(one), Some(one)));
    let offset = number * u64::from(PAGE);
    let last = offset + found.len() as u64;
    let shown = ListPage {
        frame: visit.frame(Section::Connections),
        newer: number.checked_sub(1).map(|number| page(health, number)),
        older: (last < total && !found.is_empty()).then(|| page(health, number + 1)),
        integrations: integrations.iter().map(|one| one.unique_key.to_string()).collect(),
        health,
        choices: [choice("All", counts.total(), None)].into_iter().chain(each).collect(),
        first: offset + 1,
        last,
        total,
        rows: found.iter().map(|summary| Row::of(summary, now)).collect(),
        search,
        integration,
    };
    html(StatusCode::OK, &shown)
}

/// Events that the page of a connection shows.
const RECENT: u32 = 8;

/// A part of a credential or of the connection's configuration.
struct Part {
    label: String,
    value: String,
}

#[derive(Template)]
#[template(path = "dashboard/connection.html")]
struct OnePage {
    frame: Frame,
    shown: Shown,
    row: Row,
    /// The parts of the credential: masked, or in the clear when somebody asked for that.
    secrets: Vec<Part>,
    revealed: bool,
    /// Whether the record opens under the keys of this server.
    opens: bool,
    config: Vec<Part>,
    /// Why nobody can say that the credential works; empty when that is known.
    doubt: &'static str,
    end_user: Vec<Part>,
    tags: Vec<(String, String)>,
    metadata: String,
    created: String,
    updated: String,
    fetched: Option<String>,
    health_since: String,
    health_reason: &'static str,
    checked: Option<String>,
    /// What was done to it last.
    history: Vec<activity::Line>,
    /// Whether what was only read or used is in it.
    reads: bool,
    /// The query of everything that was done to it.
    whole_history: String,
    /// The query of the webhooks about it.
    webhooks: String,
    notice: Option<&'static str>,
    problem: Option<&'static str>,
}

/// `GET /dashboard/{environment}/connection?integration=&id=&reads=`; `reads=shown` also lists, in the history, what
/// was only read or used.
///
/// # Errors
/// 404 `unknown_provider_config`, `not_found`.
pub async fn show(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let named = Named::of(query.required("id")?, query.required("integration")?)?;
    let mut page = page(&visit, &named, false).await?;
    if query.first("reads") == Some("shown") {
        page.reads = true;
        page.history = activity::history(&visit, &named.object(), true, RECENT).await?;
    }
    page.notice = match query.first("notice") {
        Some("connected") => Some("The key was checked and is stored."),
        _ => None,
    };
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/connection/reveal`: `integration`, `id`. Written to the audit log
/// before anything is shown.
///
/// # Errors
/// 404 `unknown_provider_config`, `not_found`.
pub async fn reveal(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let named = Named::of(form.verbatim("id"), form.verbatim("integration"))?;
    let page = page(&visit, &named, true).await?;
    let audit = visit.audit("connection.revealed", named.object());
    visit.state.store.record(audit).await?;
    html(StatusCode::OK, &page)
}

async fn page(visit: &Visit, named: &Named, reveal: bool) -> Result<OnePage, ApiError> {
    let server: &Server = &visit.state;
    let (key, id) = (named.integration.as_str(), named.id.as_str());
    let found = server.store.connection(&visit.environment, key, id).await?;
    let connection = existing(found, &named.integration, not_found())?;
    let integration = server
        .store
        .integration(&visit.environment, key)
        .await?
        .ok_or_else(|| ApiError::UnknownProviderConfig(key.to_owned()))?;
    let summary = &connection.summary;
    let contents = Contents::open(server, &visit.environment, key, id, &connection.sealed);
    if let Err(error) = &contents {
        tracing::warn!(%error, "a connection does not open");
    }
    let catalogue = server.catalogues.of(&integration.environment);
    let provider = catalogue.get(&integration.provider);
    let secret_config = |name: &str| {
        provider.is_some_and(|provider| {
            provider.connection_config.iter().any(|field| field.name == name && field.secret)
        })
    };
    let shown = |secret: &str| if reveal { secret.to_owned() } else { masked(secret) };
    let part = |label: &str, value: String| Part { label: label.to_owned(), value };
    let (mut secrets, mut config) = (Vec::new(), Vec::new());
    if let Ok(contents) = &contents {
        // EXPOSE: masked, or for an operator who asked and is in the audit log.
        match &contents.credential {
            Credential::ApiKey { api_key } => {
                secrets.push(part("API key", shown(api_key.expose_secret())));
            }
            Credential::Basic { username, password } => {
                secrets.push(part("User name", shown(username.expose_secret())));
                secrets.push(part("Password", shown(password.expose_secret())));
            }
        }
        for (name, value) in &contents.config {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if secret_config(name) {
                secrets.push(part(name, shown(&text)));
            } else {
                config.push(part(name, text));
            }
        }
    }
    let mut end_user = Vec::new();
    if let Some(user) = &summary.end_user {
        let organization = user.organization.as_ref();
        let parts = [
            ("ID", Some(user.id.clone())),
            ("Name", user.display_name.clone()),
            ("E-mail", user.email.clone()),
            (
                "Organization",
                organization.map(|one| one.display_name.clone().unwrap_or(one.id.clone())),
            ),
        ];
        end_user.extend(parts.into_iter().filter_map(|(label, value)| Some(part(label, value?))));
    }
    let now = server.clock.now();
    let object = named.object();
    let history = activity::history(visit, &object, false, RECENT).await?;
    Ok(OnePage {
        frame: visit.frame(Section::Connections),
        shown: Shown::of(server, &integration),
        row: Row::of(summary, now),
        secrets,
        revealed: reveal,
        opens: contents.is_ok(),
        config,
        doubt: doubt(summary),
        end_user,
        tags: summary.tags.clone().into_iter().collect(),
        metadata: if summary.metadata.is_empty() {
            String::new()
        } else {
            serde_json::to_string_pretty(&Value::Object(summary.metadata.clone()))
                .map_err(ApiError::internal)?
        },
        created: moment(summary.created_at),
        updated: moment(summary.updated_at),
        fetched: summary.last_fetched_at.map(moment),
        health_since: ago(summary.health_since, now),
        health_reason: match summary.health_reason.as_deref() {
            Some("refused") => "the provider refused the key",
            Some("forbidden") => "the key lacks a permission",
            Some("address") => "the address is not found",
            _ => "",
        },
        checked: summary.checked_at.map(|at| ago(at, now)),
        history,
        reads: false,
        whole_history: query_of(&[("object", &object)]),
        webhooks: query_of(&[("search", &format!("{key}/{id}"))]),
        notice: None,
        problem: None,
    })
}

/// `POST /dashboard/{environment}/connection/verify`: asks the provider now.
///
/// # Errors
/// 404 `unknown_provider_config`, `not_found`, `unknown_provider_template`.
pub async fn verify(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let named = Named::of(form.verbatim("id"), form.verbatim("integration"))?;
    let (key, id) = (named.integration.as_str(), named.id.as_str());
    let found = visit.state.store.connection(&visit.environment, key, id).await?;
    let connection = existing(found, &named.integration, not_found())?;
    let who = visit.audit("connection.verified", named.object());
    visit.state.note_read(who.clone()).await?;
    let outcome = recheck::check(&visit.state, &connection, Some(&who)).await?;
    let mut page = page(&visit, &named, false).await?;
    match outcome.verification {
        Verification::Verified { .. } => page.notice = Some("The provider accepts this key."),
        Verification::NoCheck => page.notice = Some("This API offers no way to check a key."),
        Verification::Failed { reason, .. } => page.problem = Some(failure(reason)),
    }
    html(StatusCode::OK, &page)
}

/// What is not known about a credential that was never shown to work.
fn doubt(summary: &ConnectionSummary) -> &'static str {
    match (summary.health, summary.verified.verdict) {
        (Health::Unknown, Verdict::Unchecked) => {
            "This API offers no way to check a key, so nobody was asked whether this one works."
        }
        (Health::Unknown, _) => {
            "The provider did not answer when this was stored, and has not confirmed it since."
        }
        _ => "",
    }
}

/// What a failed check means and what to do, to the operator.
fn failure(reason: Reason) -> &'static str {
    match reason {
        Reason::Refused => {
            "The provider no longer accepts this key. Replace it, or send an invite link."
        }
        Reason::Forbidden => {
            "The provider knows this key but no longer allows it what is needed. Whoever owns it can give it the permission back."
        }
        Reason::Address => "The provider was not found at the address of this connection.",
        Reason::Unavailable => "The provider could not be asked just now. Nothing has changed.",
    }
}

/// `POST /dashboard/{environment}/connection/delete`: `integration`, `id`, and `confirm` when the
/// person has read what it means.
///
/// # Errors
/// 404 `unknown_provider_config`, `not_found`.
pub async fn delete(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let named = Named::of(form.verbatim("id"), form.verbatim("integration"))?;
    if form.text("confirm").is_empty() {
        let mut page = page(&visit, &named, false).await?;
        page.problem = Some("Nothing was deleted: tick the box first.");
        return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let (key, id) = (named.integration.as_str(), named.id.as_str());
    let audit = visit.audit("connection.deleted", named.object());
    let found = visit.state.store.delete_connection(&visit.environment, key, id, audit).await?;
    existing(found, &named.integration, not_found())?;
    let query = query_of(&[("key", key), ("notice", "deleted")]);
    Ok(visit.to(&format!("integration?{query}")))
}
