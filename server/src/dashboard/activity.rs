//! Activity: the audit log, newest first.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use super::page::{Frame, Section, Visit, ago, html, moment};
use crate::{error::ApiError, store::StoredAuditEvent};

/// How many events are shown.
const NEWEST: u32 = 200;

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
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    newest: u32,
}

/// `GET /dashboard/{environment}/activity`
///
/// # Errors
/// Those of the store.
pub async fn show(visit: Visit) -> Result<Response, ApiError> {
    let events = visit.state.store.audit_events(visit.environment, NEWEST).await?;
    let now = visit.state.clock.now();
    let line = |event: StoredAuditEvent| Line {
        what: event.action.replace(['.', '_'], " "),
        object: event.object.split_once(':').map_or(&*event.object, |(_, name)| name).to_owned(),
        actor: event.actor.replace(['_', ':'], " "),
        request: event.request_id,
        ago: ago(event.at, now),
        at: moment(event.at),
    };
    let frame = visit.frame(Section::Activity);
    html(
        StatusCode::OK,
        &Page { frame, lines: events.into_iter().map(line).collect(), newest: NEWEST },
    )
}
