//! Environments: the list, a new one, another name for one, the end of one. What each does is
//! [`crate::environments`], as for the REST API; only that an operator may do it to any of them.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::{
    form::Form,
    page::{Frame, Section, Visit, html},
    settings::Tab,
    shown_once::{self, Shown},
};
use crate::{
    environments::{EnvironmentError, Registry, is_permanent},
    error::ApiError,
    model::AuditEvent,
    query::Query,
};

/// What was typed into a field, and what is wrong with it.
#[derive(Default)]
struct Draft {
    text: String,
    problem: Option<String>,
}

/// An environment in the list.
struct Row {
    name: String,
    /// How many integrations it has; while there is any, it can be neither renamed nor deleted.
    integrations: usize,
    /// Whether it is of the first start.
    stays: bool,
    /// Its new name.
    rename: Draft,
    /// Its name once more, to delete it.
    confirm: Draft,
}

impl Row {
    fn open(&self) -> bool {
        self.rename.problem.is_some() || self.confirm.problem.is_some()
    }
}

#[derive(Template)]
#[template(path = "dashboard/environments.html")]
struct Page {
    frame: Frame,
    tab: Tab,
    rows: Vec<Row>,
    /// The name of a new one.
    draft: Draft,
    notice: Option<&'static str>,
    problem: Option<String>,
    /// The first key of one that was made just now.
    shown: Shown,
}

impl Page {
    async fn of(visit: &Visit) -> Result<Self, ApiError> {
        let mut rows = Vec::new();
        for environment in visit.state.store.environments().await? {
            let name = environment.name;
            rows.push(Row {
                integrations: visit.state.store.integrations(&name).await?.len(),
                stays: is_permanent(&name),
                rename: Draft::default(),
                confirm: Draft::default(),
                name,
            });
        }
        let mut frame = visit.frame(Section::Settings);
        // As they are now, with one that was made just now.
        frame.environments = rows.iter().map(|row| row.name.clone()).collect();
        Ok(Self {
            frame,
            tab: Tab::Environments,
            rows,
            draft: Draft::default(),
            notice: None,
            problem: None,
            shown: Shown::default(),
        })
    }
}

/// `GET /dashboard/{environment}/environments`
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let mut page = Page::of(&visit).await?;
    page.notice = match query.first("notice") {
        Some("renamed") => Some("The environment has its new name, and its secret keys work on."),
        Some("deleted") => Some("The environment is deleted, and its secret keys with it."),
        _ => None,
    };
    page.shown = shown_once::take(&visit, &query).await?;
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/environments`: `name`. The page after it shows its first secret key,
/// once.
///
/// # Errors
/// Those of the store. What can be mended is said on the page.
pub async fn create(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let name = form.text("name");
    let audit = audit_by(&visit);
    let made = registry(&visit, &audit).create_with_key(name, &visit.state.hasher).await;
    let problem = made.as_ref().err().map(said);
    match made {
        Ok(made) => {
            let made = shown_once::Made {
                title: format!("The first key of {name}"),
                // EXPOSE: shown this once to the operator who made it.
                secret: made.token.expose().to_owned(),
                variable: Some("KEYSLOT_SECRET_KEY".to_owned()),
                note: None,
            };
            Ok(visit.to(&format!("environments?{}", shown_once::keep(&visit, &made).await?)))
        }
        Err(EnvironmentError::NotAName | EnvironmentError::NameTaken) => {
            let mut page = Page::of(&visit).await?;
            page.draft = Draft { text: name.to_owned(), problem };
            html(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(error) => Err(failure(error)),
    }
}

/// `POST /dashboard/{environment}/environments/rename`: `of`, `name`.
///
/// # Errors
/// Those of store and vault. What can be mended, and that somebody else was faster, is said on the page.
pub async fn rename(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let (of, name) = (form.text("of"), form.text("name"));
    let audit = audit_by(&visit);
    match registry(&visit, &audit).rename(of, name).await {
        Ok(()) => {
            let here = if visit.environment == of { name } else { &visit.environment };
            Ok(visit.to_in(here, "environments?notice=renamed"))
        }
        Err(error) => {
            let draft = Draft { text: name.to_owned(), problem: Some(said(&error)) };
            refused(&visit, of, error, |row| row.rename = draft).await
        }
    }
}

/// `POST /dashboard/{environment}/environments/delete`: `of`, and `confirm` with its name once more.
///
/// # Errors
/// Those of the store. What can be mended, and that somebody else was faster, is said on the page.
pub async fn delete(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let (of, confirm) = (form.text("of"), form.text("confirm"));
    if confirm != of {
        let mut page = Page::of(&visit).await?;
        if let Some(row) = page.rows.iter_mut().find(|row| row.name == of) {
            let problem = Some(format!("Nothing was deleted: type “{of}” to confirm."));
            row.confirm = Draft { text: confirm.to_owned(), problem };
        }
        return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let audit = audit_by(&visit);
    match registry(&visit, &audit).delete(of).await {
        Ok(()) => {
            // One that stays, when this one was where the operator stood.
            let here = if visit.environment == of { "dev" } else { &visit.environment };
            Ok(visit.to_in(here, "environments?notice=deleted"))
        }
        Err(error) => {
            let draft = Draft { text: confirm.to_owned(), problem: Some(said(&error)) };
            refused(&visit, of, error, |row| row.confirm = draft).await
        }
    }
}

/// The page with what was typed and why it was not done.
async fn refused(
    visit: &Visit,
    of: &str,
    error: EnvironmentError,
    keep: impl FnOnce(&mut Row),
) -> Result<Response, ApiError> {
    let status = match error {
        EnvironmentError::NotAName
        | EnvironmentError::NameTaken
        | EnvironmentError::Permanent
        | EnvironmentError::InUse => StatusCode::UNPROCESSABLE_ENTITY,
        EnvironmentError::Unknown => StatusCode::CONFLICT,
        error => return Err(failure(error)),
    };
    let mut page = Page::of(visit).await?;
    match page.rows.iter_mut().find(|row| row.name == of) {
        Some(row) if !row.stays => keep(row),
        Some(_) => page.problem = Some(said(&error)),
        None => {
            page.problem = Some(format!(
                "There is no environment “{of}” any more: somebody renamed or deleted it. Nothing was done."
            ));
        }
    }
    html(status, &page)
}

/// The error as a sentence on the page.
fn said(error: &EnvironmentError) -> String {
    match error {
        EnvironmentError::NotAName => {
            "Use up to 64 of a-z, 0-9, - and _, the first one a letter or digit.".to_owned()
        }
        error => format!("{error}."),
    }
}

fn failure(error: EnvironmentError) -> ApiError {
    match error {
        EnvironmentError::Store(error) => error.into(),
        EnvironmentError::Vault(error) => error.into(),
        error => ApiError::internal(error),
    }
}

fn audit_by(visit: &Visit) -> impl Fn(&'static str, &str) -> AuditEvent + Sync + '_ {
    |action, name| {
        let event = visit.audit(action, format!("environment:{name}"));
        AuditEvent { environment: name.to_owned(), ..event }
    }
}

fn registry<'a>(
    visit: &'a Visit,
    audit: &'a (dyn Fn(&'static str, &str) -> AuditEvent + Sync),
) -> Registry<'a> {
    Registry { store: visit.state.store.as_ref(), vault: &visit.state.vault, audit }
}
