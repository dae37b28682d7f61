//! The dashboard: pages for the people who run this server, made on the server, usable without
//! JavaScript except where the widget itself is opened. Not for end users: theirs is
//! [`crate::connect_page`]. Pages work on the store as the REST API does, and know no SQL.

pub mod activity;
pub mod connections;
pub mod environment_keys;
pub mod environments;
pub mod form;
pub mod integrations;
pub mod operator;
pub mod page;
pub mod preview;
pub mod secret_keys;
pub mod settings;
pub mod shown_once;
pub mod sign_in;
pub mod snippets;
pub mod widget_session;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, Method, Uri, header};

use crate::{
    access::{own_host, same_origin},
    envelope::RequestId,
    error::ApiError,
    state::{AppState, Server},
};

/// The start of every address of the dashboard.
pub const PREFIX: &str = "/dashboard";

/// `GET /dashboard`: the first page after signing in.
pub async fn start(State(state): State<AppState>) -> Redirect {
    Redirect::to(&format!("{}{PREFIX}/dev/integrations", state.base_path()))
}

/// Whether an address is of the dashboard, with the base path or without.
pub fn is_of(server: &Server, uri: &Uri) -> bool {
    let path = uri.path();
    [path.strip_prefix(server.base_path()).unwrap_or(path), path]
        .iter()
        .any(|path| path.starts_with(PREFIX))
}

/// The answer to an address below [`PREFIX`] that is no page.
pub async fn nowhere(state: &AppState, request: Request) -> Response {
    let error = ApiError::NotFound("There is no such page.".into());
    let (head, _) = request.into_parts();
    if !wants_page(&head.headers) {
        return error.into_response();
    }
    let operator = admit(state, &head.headers, true).await.ok().flatten();
    let id = RequestId::of(&head.extensions);
    page::error(state, error, &id, operator.as_ref(), head.uri.path()).await
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

/// The layer of every route that is for operators: lets them in, sends others to the sign-in page, and
/// turns errors into pages for whoever reads HTML.
pub async fn enter(state: &AppState, mut request: Request, next: Next) -> Response {
    let wants_page = wants_page(request.headers());
    let id = RequestId::of(request.extensions());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let admitted = admit(state, request.headers(), reads).await;
    let path = request.uri().path().to_owned();
    let mut known = None;
    let mut response = match admitted {
        Ok(Some(operator)) => {
            known = Some(operator.clone());
            request.extensions_mut().insert(operator);
            next.run(request).await
        }
        Ok(None) if reads => return sign_in::redirect(state, request.uri()),
        Ok(None) => ApiError::NotSignedIn.into_response(),
        Err(error) => error.into_response(),
    };
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = if wants_page {
            page::error(state, error, &id, known.as_ref(), &path).await
        } else {
            error.into_response()
        };
    }
    response
}

async fn admit(
    state: &AppState,
    headers: &HeaderMap,
    reads: bool,
) -> Result<Option<operator::Operator>, ApiError> {
    // Without a password the address is all that protects it, so no name that somebody else may
    // point here (DNS rebinding) will do.
    if state.operators.open() {
        own_host(&state.public_url, headers)?;
    }
    if !reads {
        same_origin(headers)?;
    }
    let now = state.clock.now();
    let Some(operator) = state.operators.operator(headers, now) else { return Ok(None) };
    let stored =
        state.operators.open() || state.store.has_operator_session(&operator.session, now).await?;
    Ok(stored.then_some(operator))
}
