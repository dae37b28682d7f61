//! Signing in and out.

use std::sync::LazyLock;

use askama::Template;
use axum::{
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderValue, StatusCode, Uri, header};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::{PREFIX, form::Form, page};
use crate::{
    access::same_origin, client_address::ClientAddress, error::ApiError, query::Query,
    state::AppState, state::Server,
};

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
        let problem = "This is not the password. It is the value of KEYSLOT_ADMIN_PASSWORD.";
        let page = SignIn::of(&state, &next, Some(problem.to_owned()));
        return page::html(StatusCode::UNAUTHORIZED, &page);
    }
    state.limits.signed_in(store, address).await?;
    let cookie = state
        .operators
        .cookie(state.clock.now())
        .ok_or_else(|| ApiError::internal("the operating system gave no random bytes"))?;
    let target =
        inside(&next).map_or_else(|| start(&state), |next| format!("{}{next}", state.base_path()));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&target)).into_response())
}

/// `POST /dashboard/sign-out`
pub async fn sign_out(State(state): State<AppState>, _: Form) -> Response {
    let page = format!("{}{PREFIX}/sign-in", state.base_path());
    ([(header::SET_COOKIE, state.operators.no_cookie())], Redirect::to(&page)).into_response()
}

fn start(server: &Server) -> String {
    format!("{}{PREFIX}", server.base_path())
}

/// A page of the dashboard, and nothing else: the address comes from outside.
fn inside(next: &str) -> Option<&str> {
    let rest = next.strip_prefix(PREFIX)?;
    let fits = rest.starts_with('/')
        && !rest.contains("//")
        && rest.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
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
        ] {
            assert!(inside(elsewhere).is_none(), "{elsewhere:?}");
        }
    }
}
