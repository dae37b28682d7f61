//! Connect sessions that operators make: for the widget on their own page, and as invite links for
//! whoever owns the key.

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

use super::{
    form::Form,
    integrations::Shown,
    page::{Frame, Section, Visit, html, moment, query_of},
    shown_once,
};
use crate::{
    api::{
        connect::{LIFETIME, Minted, Terms, mint_for},
        connections::{Named, existing, not_found},
        end_user::Whose,
        ok,
    },
    error::ApiError,
    ids::{ConnectionId, IntegrationKey},
    issue::at,
    model::{EndUser, Target},
    query::Query,
    store::Found,
};

/// How long an invite link may work: hours, and as a person says it.
const LIFETIMES: [(i64, &str); 4] = [(1, "1 hour"), (24, "1 day"), (72, "3 days"), (168, "7 days")];

/// `POST /dashboard/{environment}/session`: `integration`, and `connection` to replace one. Answers the
/// script with `{ "token" }`.
///
/// # Errors
/// 404 `unknown_provider_config`, `not_found`.
pub async fn session(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let (integration, target) =
        target(&visit, form.text("integration"), form.filled("connection")).await?;
    let minted = made(&visit, LIFETIME, integration, target, None, true).await?;
    // EXPOSE: handing out the token is what minting is for.
    Ok(ok(&json!({ "token": minted.token.expose() })))
}

/// The integration, and the connection that is to be replaced, both of which must exist.
async fn target(
    visit: &Visit,
    integration: &str,
    connection: Option<&str>,
) -> Result<(IntegrationKey, Target), ApiError> {
    let store = &visit.state.store;
    let Some(connection) = connection else {
        let key =
            IntegrationKey::parse(integration, at(["integration"])).map_err(ApiError::query)?;
        return match store.integration(&visit.environment, key.as_str()).await? {
            Some(_) => Ok((key, Target::Unbound)),
            None => Err(ApiError::UnknownProviderConfig(key.to_string())),
        };
    };
    let named = Named::of(connection, integration)?;
    let (key, id) = (named.integration.as_str(), named.id.as_str());
    let found = store.connection(&visit.environment, key, id).await?;
    existing(found, &named.integration, not_found())?;
    let target = Target::Reconnect { integration: key.to_owned(), connection: id.to_owned() };
    Ok((named.integration, target))
}

async fn made(
    visit: &Visit,
    lifetime: SignedDuration,
    integration: IntegrationKey,
    target: Target,
    end_user: Option<EndUser>,
    allow_unverified: bool,
) -> Result<Minted, ApiError> {
    let mut terms = Terms::of(Whose { end_user, tags: None });
    terms.allow_unverified = allow_unverified;
    let session = terms.into_session(target, Some(vec![integration.to_string()]), false);
    mint_for(lifetime, &visit.state, &visit.environment, session, |object, _| {
        visit.audit("connect_session.created", object)
    })
    .await
}

#[derive(Template)]
#[template(path = "dashboard/invite.html")]
struct InvitePage {
    frame: Frame,
    shown: Shown,
    /// The connection that is to be replaced; empty for a new one.
    connection: String,
    lifetimes: [(i64, &'static str); 4],
    problem: Option<&'static str>,
    /// Whether there is a connection of this id.
    taken: bool,
    id: String,
    name: String,
    /// The link, once it is made.
    link: shown_once::Shown,
}

impl InvitePage {
    async fn of(visit: &Visit, integration: &str, connection: &str) -> Result<Self, ApiError> {
        let found = visit.state.store.integration(&visit.environment, integration).await?;
        let found = found.ok_or_else(|| ApiError::UnknownProviderConfig(integration.to_owned()))?;
        Ok(Self {
            frame: visit.frame(Section::Integrations),
            shown: Shown::of(&visit.state, &found),
            connection: connection.to_owned(),
            lifetimes: LIFETIMES,
            problem: None,
            taken: false,
            id: String::new(),
            name: String::new(),
            link: shown_once::Shown::default(),
        })
    }
}

/// `GET /dashboard/{environment}/invite?integration=&connection=`
///
/// # Errors
/// 404 `unknown_provider_config`.
pub async fn invite(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let integration = query.first("integration").unwrap_or_default();
    let connection = query.first("connection").unwrap_or_default();
    let mut page = InvitePage::of(&visit, integration, connection).await?;
    page.link = shown_once::take(&visit, &query).await?;
    html(StatusCode::OK, &page)
}

/// `POST /dashboard/{environment}/invite`: `integration`, `connection` to replace one, `id` for a new
/// one, `name` of the person, `hours`. The page after it shows the link, once.
///
/// # Errors
/// 404 `unknown_provider_config`, `not_found`.
pub async fn make_invite(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let (key, replaced) = (form.text("integration"), form.filled("connection"));
    let mut page = InvitePage::of(&visit, key, replaced.unwrap_or_default()).await?;
    let (integration, mut target) = target(&visit, key, replaced).await?;
    if let (Target::Unbound, Some(id)) = (&target, form.filled("id")) {
        page.id = id.to_owned();
        page.name = form.text("name").to_owned();
        let Ok(id) = ConnectionId::parse(id, vec![]) else {
            page.problem =
                Some("Use at most 255 letters, digits and plain punctuation for the ID.");
            return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
        };
        let store = &visit.state.store;
        if let Found::Found(_) = store.connection(&visit.environment, key, id.as_str()).await? {
            page.taken = true;
            return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
        // The link lives for days: who owns the connection by then is asked when it is used.
        target = Target::Free(id.to_string());
    }
    let hours = form.text("hours").parse().unwrap_or(24);
    let hours = LIFETIMES.iter().map(|(hours, _)| *hours).find(|known| *known == hours);
    let lifetime = SignedDuration::from_hours(hours.unwrap_or(24));
    // Without an id the backend could not tell whose it is, so a name alone makes no end user.
    let end_user = form.filled("id").map(|id| EndUser {
        id: id.to_owned(),
        email: None,
        display_name: form.filled("name").map(str::to_owned),
        tags: None,
        organization: None,
    });
    let minted = made(&visit, lifetime, integration, target, end_user, false).await?;
    let ends = moment(visit.state.clock.now() + lifetime);
    let made = shown_once::Made {
        title: "Link".to_owned(),
        secret: minted.link(&visit.state),
        variable: None,
        note: Some(ends),
    };
    let kept = shown_once::keep(&visit, &made).await?;
    let page = query_of(&[("integration", key), ("connection", replaced.unwrap_or_default())]);
    Ok(visit.to(&format!("invite?{page}&{kept}")))
}
