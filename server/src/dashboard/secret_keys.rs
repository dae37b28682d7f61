//! Secret keys: the list, a new one, another in the place of one, the end of one. What each does is
//! [`crate::secret_keys`], as for the REST API.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::{
    form::Form,
    page::{Frame, Section, Visit, ago, html, moment},
    settings::Tab,
    shown_once::{self, Shown},
};
use crate::{
    error::ApiError,
    fields::SHORT,
    model::{AuditEvent, Role, SecretKeyRecord},
    query::Query,
    secret_keys::{Desk, GRACE_DEFAULT, Made, OPERATOR, SecretKeyError},
};

/// For how long a rotated key may work on: seconds, and as a person says it.
const GRACES: [(u64, &str); 5] = [
    (0, "Not at all"),
    (60 * 60, "1 hour"),
    (GRACE_DEFAULT, "1 day"),
    (7 * GRACE_DEFAULT, "7 days"),
    (30 * GRACE_DEFAULT, "30 days"),
];

/// A key in the list.
struct Row {
    id: String,
    name: String,
    role: Role,
    /// How it starts; empty when that is not known.
    prefix: String,
    made: String,
    used: Option<String>,
    /// When it ends, because another one has taken its place.
    ends: Option<String>,
    /// Whether it comes from the server's own environment.
    from_environment: bool,
    /// Whether `--dev` makes it, again at every start.
    of_development: bool,
}

impl Row {
    fn of(record: SecretKeyRecord, dev: bool, now: Timestamp) -> Self {
        Self {
            from_environment: record.key.id == OPERATOR,
            of_development: dev && record.key.id == crate::demo::KEY_ID,
            id: record.key.id,
            name: record.key.name,
            role: record.key.role,
            prefix: record.key.prefix,
            made: ago(record.created_at, now),
            used: record.last_used_at.map(|at| ago(at, now)),
            ends: record.expires_at.map(moment),
        }
    }

    fn scope(&self) -> &'static str {
        title(self.role)
    }
}

fn title(role: Role) -> &'static str {
    match role {
        Role::Full => "Full access",
        Role::ReadOnly => "Read only",
        Role::SessionsOnly => "Sessions only",
    }
}

/// What a scope allows, in a sentence.
fn meaning(role: Role) -> &'static str {
    match role {
        Role::Full => "everything in this environment, credentials and keys included",
        Role::ReadOnly => "reads everything, credentials included",
        Role::SessionsOnly => "makes connect sessions and nothing else",
    }
}

/// What was typed for a new key.
struct Draft {
    name: String,
    role: Role,
    problem: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "dashboard/secret_keys.html")]
struct Page {
    frame: Frame,
    tab: Tab,
    rows: Vec<Row>,
    scopes: [(Role, &'static str, &'static str); 3],
    graces: [(u64, &'static str); 5],
    draft: Draft,
    notice: Option<&'static str>,
    problem: Option<String>,
    /// One that was made just now.
    shown: Shown,
}

impl Page {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let server = &visit.state;
        let now = server.clock.now();
        let keys = server.store.secret_keys(&visit.environment, now).await?;
        Ok(Self {
            frame: visit.frame(Section::Settings),
            tab: Tab::SecretKeys,
            rows: keys.into_iter().rev().map(|key| Row::of(key, server.dev, now)).collect(),
            scopes: Role::ALL.map(|role| (role, title(role), meaning(role))),
            graces: GRACES,
            draft: Draft { name: String::new(), role: Role::Full, problem: None },
            notice: None,
            problem: None,
            shown: Shown::default(),
        })
    }
}

/// `GET /dashboard/{environment}/secret-keys`
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let mut page = Page::of(&visit).await?;
    page.notice = (query.first("notice") == Some("revoked"))
        .then_some("The key is revoked. Whoever still uses it is refused.");
    page.shown = shown_once::take(&visit, &query).await?;
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/secret-keys`: `name` and `scope`. The page after it shows the
/// new key, once.
///
/// # Errors
/// Those of the store. What can be mended is said on the page.
pub async fn create(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let name = form.text("name");
    let role = Role::of(form.text("scope"));
    let problem = match name.chars().count() {
        0 => Some("Give it a name, such as the service that will use it."),
        length if length > SHORT.max => Some("Use at most 255 characters."),
        _ => None,
    };
    let (Some(role), None) = (role, problem) else {
        let mut page = Page::of(&visit).await?;
        page.draft = Draft { name: name.to_owned(), role: role.unwrap_or(Role::Full), problem };
        if role.is_none() {
            page.problem = Some("Nothing was made: choose what the key may do.".to_owned());
        }
        return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
    };
    let audit = audit_by(&visit);
    let made = desk(&visit, &audit).create(name, role).await;
    answer(&visit, made, None).await
}

/// `POST /dashboard/{environment}/secret-keys/rotate`: `id` and `grace`, the seconds that the key works on
/// for. The page after it shows the key that takes its place, once.
///
/// # Errors
/// 404 `not_found`. The key of the server's own environment is said on the page.
pub async fn rotate(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let wanted = form.text("grace").parse().unwrap_or(GRACE_DEFAULT);
    let grace = GRACES.iter().find(|(seconds, _)| *seconds == wanted);
    let (seconds, words) = grace.copied().unwrap_or((GRACE_DEFAULT, "1 day"));
    let audit = audit_by(&visit);
    let made = desk(&visit, &audit).rotate(form.text("id"), seconds).await;
    let before = if seconds == 0 {
        "The one before no longer works.".to_owned()
    } else {
        format!("The one before works for {words} more.")
    };
    answer(&visit, made, Some(before)).await
}

/// `POST /dashboard/{environment}/secret-keys/revoke`: `id`, and `confirm` when the person has read what it
/// means.
///
/// # Errors
/// 404 `not_found`. The key of the server's own environment is said on the page.
pub async fn revoke(visit: Visit, form: Form) -> Result<Response, ApiError> {
    if form.text("confirm").is_empty() {
        let mut page = Page::of(&visit).await?;
        page.problem = Some("Nothing was revoked: tick the box first.".to_owned());
        return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let audit = audit_by(&visit);
    match desk(&visit, &audit).revoke(form.text("id")).await {
        Ok(()) => Ok(visit.to("secret-keys?notice=revoked")),
        Err(error) => refusal(&visit, error).await,
    }
}

fn audit_by(visit: &Visit) -> impl Fn(&'static str, String) -> AuditEvent + Sync + '_ {
    |action, object| visit.audit(action, object)
}

fn desk<'a>(
    visit: &'a Visit,
    audit: &'a (dyn Fn(&'static str, String) -> AuditEvent + Sync),
) -> Desk<'a> {
    Desk {
        store: visit.state.store.as_ref(),
        hasher: &visit.state.hasher,
        environment: &visit.environment,
        audit,
    }
}

async fn answer(
    visit: &Visit,
    made: Result<Made, SecretKeyError>,
    before: Option<String>,
) -> Result<Response, ApiError> {
    let made = match made {
        Ok(made) => made,
        Err(error) => return refusal(visit, error).await,
    };
    let made = shown_once::Made {
        title: format!("The key of {}", made.record.key.name),
        // EXPOSE: shown this once to the operator who made it.
        secret: made.token.expose().to_owned(),
        variable: Some("KEYSLOT_SECRET_KEY".to_owned()),
        note: before,
    };
    Ok(visit.to(&format!("secret-keys?{}", shown_once::keep(visit, &made).await?)))
}

async fn refusal(visit: &Visit, error: SecretKeyError) -> Result<Response, ApiError> {
    match error {
        SecretKeyError::FromEnvironment => {
            let mut page = Page::of(visit).await?;
            page.problem = Some(format!("{error}."));
            html(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        SecretKeyError::Unknown => Err(ApiError::NotFound(error.to_string())),
        SecretKeyError::NoRandomness(error) => Err(ApiError::internal(error)),
        SecretKeyError::Store(error) => Err(error.into()),
    }
}
