//! Signing in and out.

use std::{convert::Infallible, sync::LazyLock};

use askama::Template;
use axum::{
    Extension,
    extract::{FromRequestParts, Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, Uri, header, request::Parts};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use url::Url;

use super::{PREFIX, form::Form, operator::Operator, page};
use crate::{
    access::same_origin, client_address::ClientAddress, envelope::RequestId, error::ApiError,
    model::AuditEvent, query::Query, state::AppState, state::Server,
};

/// The environment in whose audit log operators sign in and out.
const PERMANENT: &str = "prod";

/// Passwords that are checked at a time: each takes 19 MB and a processor.
static CHECKS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

#[derive(Template)]
#[template(path = "dashboard/sign_in.html")]
struct SignIn<'a> {
    root: &'a str,
    next: &'a str,
    problem: Option<String>,
    closed: bool,
    /// The cookie needs https and browsers come by http.
    insecure: bool,
}

impl<'a> SignIn<'a> {
    fn of(server: &'a Server, next: &'a str, problem: Option<String>) -> Self {
        Self {
            root: server.base_path(),
            next,
            problem,
            closed: server.operators.closed(),
            insecure: server.operators.needs_https() && server.public_url.scheme() != "https",
        }
    }
}

/// To the sign-in page, and from there to where `uri` leads.
pub fn redirect(server: &Server, uri: &Uri) -> Response {
    let next = uri.path_and_query().map_or("", |target| target.as_str());
    let query: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
    let page = format!("{}{PREFIX}/sign-in?{query}", server.base_path());
    Redirect::to(&page).into_response()
}

/// `GET /dashboard/sign-in?next=`
///
/// # Errors
/// When the template fails.
pub async fn show(State(state): State<AppState>, query: Query) -> Result<Response, ApiError> {
    if state.operators.open() {
        return Ok(Redirect::to(&start(&state)).into_response());
    }
    let next = query.first("next").unwrap_or_default();
    page::html(StatusCode::OK, &SignIn::of(&state, next, None))
}

/// `POST /dashboard/sign-in`: `password`, `next`.
///
/// # Errors
/// 403 `forbidden` from a page of another site, and those of the body.
pub async fn sign_in(
    State(state): State<AppState>,
    request: Request,
) -> Result<Response, ApiError> {
    same_origin(request.headers())?;
    let address = ClientAddress::of(request.extensions());
    let id = RequestId::of(request.extensions());
    let form = Form::unguarded(request).await?;
    let next = form.text("next").to_owned();
    let password = SecretString::from(form.verbatim("password"));
    let store = state.store.as_ref();
    match state.limits.sign_in(store, address, state.clock.now()).await {
        Err(ApiError::TooManyRequests { retry_after, .. }) => {
            let problem = format!(
                "Too many wrong passwords from this address. Try again in {}.",
                match retry_after {
                    seconds @ 0..=90 => format!("{seconds} seconds"),
                    seconds => format!("{} minutes", seconds.div_ceil(60)),
                }
            );
            let page = SignIn::of(&state, &next, Some(problem));
            let mut response = page::html(StatusCode::TOO_MANY_REQUESTS, &page)?;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
            return Ok(response);
        }
        outcome => outcome?,
    }
    let place = CHECKS.acquire().await.map_err(ApiError::internal)?;
    let server = state.clone();
    let right = tokio::task::spawn_blocking(move || server.operators.is_password(&password))
        .await
        .map_err(ApiError::internal)?;
    drop(place);
    if !right {
        let audit = event(&state, "anonymous", "operator.sign_in_refused", None, &id, address);
        state.store.record(audit).await?;
        let problem = "This is not the password. It is the value of KEYSLOT_ADMIN_PASSWORD.";
        let page = SignIn::of(&state, &next, Some(problem.to_owned()));
        return page::html(StatusCode::UNAUTHORIZED, &page);
    }
    state.limits.signed_in(store, address).await?;
    let new = state
        .operators
        .begin(state.clock.now())
        .ok_or_else(|| ApiError::internal("the operating system gave no random bytes"))?;
    let audit = event(&state, "operator", "operator.signed_in", Some(&new.session), &id, address);
    state.store.begin_operator_session(&new.session, new.ends_at, audit).await?;
    let target =
        inside(&next).map_or_else(|| start(&state), |next| format!("{}{next}", state.base_path()));
    Ok(([(header::SET_COOKIE, new.cookie)], Redirect::to(&target)).into_response())
}

/// `POST /dashboard/sign-out`: ends the session on every server, so that a copy of the cookie is worth nothing.
///
/// # Errors
/// What the store says.
pub async fn sign_out(
    State(state): State<AppState>,
    Extension(operator): Extension<Operator>,
    origin: RequestOrigin,
    _: Form,
) -> Result<Response, ApiError> {
    let RequestOrigin { id, address } = origin;
    let session = operator.session.as_str();
    let audit = event(&state, "operator", "operator.signed_out", Some(session), &id, address);
    state.store.end_operator_session(session, audit).await?;
    let page = format!("{}{PREFIX}/sign-in", state.base_path());
    let cookie = state.operators.no_cookie();
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&page)).into_response())
}

/// From where and as which a request came.
pub struct RequestOrigin {
    id: RequestId,
    address: Option<ClientAddress>,
}

impl<S: Sync> FromRequestParts<S> for RequestOrigin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let id = RequestId::of(&parts.extensions);
        Ok(Self { id, address: ClientAddress::of(&parts.extensions) })
    }
}

/// The event of somebody who signs in or out, or tries to. Operators belong to no environment: it is in the log of
/// the one that is always there and matters most. How many failures it can hold is bounded by the limit on wrong
/// passwords.
fn event(
    server: &Server,
    actor: &str,
    action: &'static str,
    session: Option<&str>,
    request: &RequestId,
    address: Option<ClientAddress>,
) -> AuditEvent {
    let name = session.and_then(|session| session.split_once('.')).map(|(_, id)| id);
    AuditEvent {
        at: server.clock.now(),
        environment: PERMANENT.to_owned(),
        actor: actor.to_owned(),
        action,
        object: format!("dashboard:{}", name.unwrap_or("sign-in")),
        request_id: request.to_string(),
        address: address.map(|ClientAddress(address)| address),
    }
}

fn start(server: &Server) -> String {
    format!("{}{PREFIX}", server.base_path())
}

/// A page of the dashboard, and nothing else: the address comes from outside.
fn inside(next: &str) -> Option<&str> {
    let rest = next.strip_prefix(PREFIX)?;
    // Browsers resolve `..` and `%2e%2e`: what they would ask for must be what is written.
    let base = Url::parse("http://localhost").ok()?;
    let fits = rest.starts_with('/')
        && !rest.contains("//")
        && rest.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && base.join(next).is_ok_and(|url| url.as_str().ends_with(next));
    fits.then_some(next)
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn signing_in_leads_to_a_page_of_the_dashboard_only() {
        assert!(inside("/dashboard/dev/connection?integration=a&id=b%20c").is_some());
        for elsewhere in [
            "",
            "/",
            "https://evil.example",
            "//evil.example",
            "/dashboard",
            "/dashboard.evil",
            "/dashboard//evil.example",
            "/dashboard/\\evil.example",
            "/dashboard/\r\nx: y",
            "/dashboard/../../x",
            "/dashboard/dev/..",
            "/dashboard/./x",
            "/dashboard/%2e%2e/x",
            "/dashboard/%2E./x?a=b",
        ] {
            assert!(inside(elsewhere).is_none(), "{elsewhere:?}");
        }
    }
}
