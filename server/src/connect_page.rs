//! The page that a `connect_link` leads to: the widget for whoever has the link and no page of a product
//! around it. Served to end users, so it needs nothing of the dashboard.

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use crate::{
    api::credentials::checks,
    appearance, connect_frame, content_policy,
    error::ApiError,
    model::{ConnectSession, Target},
    query::Query,
    state::AppState,
    token,
};

/// An API that the link is for.
struct Choice {
    key: String,
    name: String,
    provider: String,
    /// Whether the vendor is asked about what is typed.
    checked: bool,
}

#[derive(Template)]
#[template(path = "connect.html")]
struct Page<'a> {
    root: &'a str,
    /// Who asks.
    product: Option<String>,
    /// Its logo.
    logo: Option<String>,
    /// What it says to whoever opens the link.
    intro: Option<String>,
    /// The dialog's options `theme` and `strings`, as JSON.
    looks: String,
    /// What can be connected; nothing when the link is of no use any more.
    choices: Vec<Choice>,
    /// Whether a key is to be replaced.
    renews: bool,
    /// Whether the address has a token at all.
    complete: bool,
}

/// `GET /connect/?session_token=`, or what the stock SDK frames. The page takes the token out of the address at once; the log never
/// has it, and nothing that the page loads is told of it.
///
/// # Errors
/// Those of the store.
pub async fn show(
    State(state): State<AppState>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if connect_frame::is_asked_for(&query) {
        return connect_frame::show(&state, &headers).await;
    }
    let token = query.first("session_token").filter(|text| token::is_session_token(text));
    let session = match token {
        Some(token) => state.store.session(state.hasher.hash(token), state.clock.now()).await?,
        None => None,
    };
    let choices = match &session {
        Some(session) => choices(&state, session).await?,
        None => Vec::new(),
    };
    let settings = match &session {
        Some(session) => {
            let all = state.store.environments().await?;
            all.into_iter().find(|one| one.name == session.environment).map(|one| one.settings)
        }
        None => None,
    };
    let settings = settings.unwrap_or_default();
    let renews = session.is_some_and(|one| matches!(one.terms.target, Target::Reconnect { .. }));
    let status = match (token, choices.is_empty()) {
        (None, _) => StatusCode::BAD_REQUEST,
        (Some(_), true) => StatusCode::GONE,
        (Some(_), false) => StatusCode::OK,
    };
    let policy = content_policy::connect_page(&settings);
    let page = Page {
        root: state.base_path(),
        looks: json!({
            "theme": appearance::theme(&settings),
            "strings": appearance::strings(&settings),
        })
        .to_string(),
        logo: appearance::usable_logo(&settings),
        product: settings.product_name,
        intro: settings.connect_intro,
        choices,
        renews,
        complete: token.is_some(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8".to_owned()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer".to_owned()),
    ];
    let text = page.render().map_err(ApiError::internal)?;
    Ok((status, headers, text).into_response())
}

/// The integrations that the session may be used for and that this server can connect.
async fn choices(state: &AppState, session: &ConnectSession) -> Result<Vec<Choice>, ApiError> {
    let all = state.store.integrations(&session.environment).await?;
    let catalogue = state.catalogues.of(&session.environment);
    let known = all.into_iter().filter(|one| session.terms.allows(one.unique_key.as_str()));
    Ok(known
        .filter_map(|integration| {
            let provider = catalogue.get(&integration.provider)?;
            Some(Choice {
                key: integration.unique_key.to_string(),
                checked: checks(state, &integration),
                name: integration.display_name.unwrap_or_else(|| provider.display_name.clone()),
                provider: integration.provider,
            })
        })
        .collect())
}
