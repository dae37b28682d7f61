//! The connect dialog as end users will meet it, beside a form that is being filled in: the real widget in
//! a frame that nobody can operate. It gets what a session would tell it, made of what is typed, so
//! nothing has to be stored first. What is typed travels in the body of a request, never in an address.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::header;
use serde_json::{Value, json};

use super::{
    form::Form,
    integrations::{Problems, config_of, known},
    page::Visit,
    settings::Appearance,
};
use crate::{
    api::{connect::session_of_preview, ok},
    content_policy,
    error::ApiError,
    ids::IntegrationKey,
    issue::at,
    model::Integration,
};

/// The key of the integration that is shown.
const KEY: &str = "preview";

#[derive(Template)]
#[template(path = "dashboard/preview.html")]
struct Page<'a> {
    root: &'a str,
}

/// `GET /dashboard/{environment}/preview`: the page in the frame, which waits to be told what to show.
///
/// # Errors
/// When the template fails, which is a fault of ours.
pub async fn frame(visit: Visit) -> Result<Response, ApiError> {
    let text = Page { root: visit.state.base_path() }.render().map_err(ApiError::internal)?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, content_policy::PREVIEW),
    ];
    Ok((headers, text).into_response())
}

/// `POST /dashboard/{environment}/preview`: `provider`, `name`, settings as for an integration, the looks
/// as for the connect page. Answers `{ "integration", "session", "theme", "strings" }` for the widget, or
/// `{ "problem" }` when the settings cannot be used as they are.
///
/// # Errors
/// 404 `not_found` for a provider that the catalogue does not have.
pub async fn content(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let server = &visit.state;
    let provider = known(&visit, form.text("provider"))?;
    let mut problems = Problems::default();
    let config = problems.settings(server, &provider, &config_of(&provider, &form));
    if let Some(problem) = problems.first(&provider) {
        return Ok(ok(&json!({ "problem": problem })));
    }
    let now = server.clock.now();
    let integration = Integration {
        id: 0,
        environment: visit.environment.clone(),
        unique_key: IntegrationKey::parse(KEY, at(["key"])).map_err(ApiError::query)?,
        provider: provider.name.clone(),
        display_name: form.filled("name").map(str::to_owned),
        config,
        forward_webhooks: false,
        created_at: now,
        updated_at: now,
    };
    let mut settings = visit.settings().await?;
    // A form that is about the looks shows those that are typed.
    if form.has("accent") {
        let looks = Appearance::read(&form);
        if let Some((_, problem)) = looks.problems.into_iter().next() {
            return Ok(ok(&json!({ "problem": problem })));
        }
        looks.given.put_into(&mut settings);
    }
    let session: Value = session_of_preview(server, &settings, &integration);
    Ok(ok(&json!({
        "integration": KEY,
        "session": session,
        "theme": crate::appearance::theme(&settings),
        "strings": crate::appearance::strings(&settings),
    })))
}
