//! What all pages of the dashboard share: the frame around them, their headers, and the visit that a
//! handler is called for.

use askama::Template;
use aws_lc_rs::digest;
use axum::{
    extract::{FromRequestParts, Path},
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderName, Method, StatusCode, header, request::Parts};
use jiff::Timestamp;
use serde_json::Value;

use super::{PREFIX, operator::Operator};
use crate::{
    client_address::ClientAddress,
    content_policy,
    envelope::RequestId,
    error::ApiError,
    model::{AuditEvent, EnvironmentSettings},
    state::{AppState, Server},
};

/// The parts of the dashboard, as its navigation shows them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// APIs that are enabled.
    Integrations,
    /// Credentials that are kept.
    Connections,
    /// Who did what.
    Activity,
    /// The server itself.
    Settings,
}

impl Section {
    /// The word in its address.
    pub fn path(self) -> &'static str {
        match self {
            Self::Integrations => "integrations",
            Self::Connections => "connections",
            Self::Activity => "activity",
            Self::Settings => "settings",
        }
    }

    /// The word in the navigation.
    pub fn title(self) -> &'static str {
        match self {
            Self::Integrations => "Integrations",
            Self::Connections => "Connections",
            Self::Activity => "Activity",
            Self::Settings => "Settings",
        }
    }
}

/// What the frame of a page shows.
pub struct Frame {
    /// The path of the server, without a slash at its end.
    pub root: String,
    /// The path of the dashboard in this environment.
    pub here: String,
    /// Where clients reach the server, without a slash at its end.
    pub host: String,
    /// The environment.
    pub environment: String,
    /// The names of all environments.
    pub environments: Vec<String>,
    /// The part of the dashboard that this is; none for what is not there.
    pub section: Option<Section>,
    /// The token that forms carry.
    pub csrf: String,
    /// Whether it is open without a password.
    pub open: bool,
}

impl Frame {
    fn of(
        server: &Server,
        operator: &Operator,
        environment: String,
        environments: Vec<String>,
        section: Option<Section>,
    ) -> Self {
        Self {
            root: server.base_path().to_owned(),
            here: format!("{}{PREFIX}/{environment}", server.base_path()),
            host: server.public_base().to_owned(),
            environment,
            environments,
            section,
            csrf: operator.csrf.clone(),
            open: server.operators.open(),
        }
    }

    /// The frame of a page that is not there or does not work: in the environment that its path names, else in
    /// the first. `None` when the store does not answer.
    async fn of_error(server: &Server, operator: &Operator, path: &str) -> Option<Self> {
        let all = server.store.environments().await.ok()?;
        let environments: Vec<String> = all.into_iter().map(|each| each.name).collect();
        let path = path.strip_prefix(server.base_path()).unwrap_or(path);
        let named = path.strip_prefix(PREFIX).and_then(|rest| rest.split('/').nth(1));
        let known = environments.iter().find(|name| Some(name.as_str()) == named);
        let environment = known.or(environments.first())?.clone();
        Some(Self::of(server, operator, environment, environments, None))
    }

    /// Where the same part of another environment is.
    pub fn section_path(&self) -> &'static str {
        self.section.unwrap_or(Section::Integrations).path()
    }

    /// What the page is called, unless it says so itself.
    pub fn title(&self) -> &'static str {
        self.section.map_or("Not possible", Section::title)
    }

    /// The path of the dashboard.
    pub fn dashboard(&self) -> String {
        format!("{}{PREFIX}", self.root)
    }

    /// All parts.
    pub fn sections(&self) -> [Section; 4] {
        [Section::Integrations, Section::Connections, Section::Activity, Section::Settings]
    }

    /// Whether there are more environments than have room beside each other.
    pub fn many_environments(&self) -> bool {
        let letters: usize = self.environments.iter().map(String::len).sum();
        self.environments.len() > 3 || letters > 18
    }

    /// The logo of a provider.
    pub fn logo(&self, provider: &str) -> String {
        format!("{}/images/template-logos/{provider}.svg", self.root)
    }
}

/// One request of an operator in one environment.
pub struct Visit {
    /// The server.
    pub state: AppState,
    /// The environment.
    pub environment: String,
    /// The names of all.
    environments: Vec<String>,
    operator: Operator,
    method: Method,
    request: RequestId,
    address: Option<ClientAddress>,
}

impl Visit {
    /// The frame of a page in `section`.
    pub fn frame(&self, section: Section) -> Frame {
        let (environment, all) = (self.environment.clone(), self.environments.clone());
        Frame::of(&self.state, &self.operator, environment, all, Some(section))
    }

    /// The operator's session.
    pub fn session(&self) -> &str {
        &self.operator.session
    }

    /// Whether the answer has no body (HEAD).
    pub fn shows_nothing(&self) -> bool {
        self.method == Method::HEAD
    }

    /// What an operator did or saw.
    pub fn audit(&self, action: &'static str, object: String) -> AuditEvent {
        AuditEvent {
            at: self.state.clock.now(),
            environment: self.environment.clone(),
            actor: "operator".to_owned(),
            action,
            object,
            request_id: self.request.to_string(),
            address: self.address.map(|ClientAddress(address)| address),
        }
    }

    /// What this environment has been set to.
    ///
    /// # Errors
    /// What the store says.
    pub async fn settings(&self) -> Result<EnvironmentSettings, ApiError> {
        let all = self.state.store.environments().await?;
        let own = all.into_iter().find(|environment| environment.name == self.environment);
        Ok(own.map(|environment| environment.settings).unwrap_or_default())
    }

    /// Goes on to another page of this environment; `path` is what follows the environment.
    pub fn to(&self, path: &str) -> Response {
        self.to_in(&self.environment, path)
    }

    /// Goes on to a page of an environment; `path` is what follows it.
    pub fn to_in(&self, environment: &str, path: &str) -> Response {
        let base = self.state.base_path();
        Redirect::to(&format!("{base}{PREFIX}/{environment}/{path}")).into_response()
    }
}

impl FromRequestParts<AppState> for Visit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let operator = parts.extensions.get().cloned().ok_or_else(|| {
            ApiError::internal("the route does not declare that it is for operators")
        })?;
        let nowhere = || ApiError::NotFound("There is no such environment.".into());
        let Path(name) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| nowhere())?;
        let all = state.store.environments().await?;
        let environments: Vec<String> = all.into_iter().map(|each| each.name).collect();
        if !environments.contains(&name) {
            return Err(nowhere());
        }
        Ok(Self {
            state: state.clone(),
            environment: name,
            environments,
            operator,
            method: parts.method.clone(),
            request: RequestId::of(&parts.extensions),
            address: ClientAddress::of(&parts.extensions),
        })
    }
}

/// A page with its headers.
///
/// # Errors
/// When the template fails, which is a fault of ours.
pub fn html(status: StatusCode, page: &impl Template) -> Result<Response, ApiError> {
    let text = page.render().map_err(ApiError::internal)?;
    Ok((status, headers(), text).into_response())
}

fn headers() -> [(HeaderName, &'static str); 2] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, content_policy::DASHBOARD),
    ]
}

#[derive(Template)]
#[template(path = "dashboard/error.html")]
struct ErrorPage<'a> {
    root: &'a str,
    message: String,
    code: &'static str,
    request: String,
    sign_in: bool,
}

#[derive(Template)]
#[template(path = "dashboard/error_in_frame.html")]
struct ErrorInFrame {
    frame: Frame,
    message: String,
    code: &'static str,
    request: String,
}

/// The page that says an error: for an operator inside the dashboard, else by itself. The error goes along, for
/// the log.
pub async fn error(
    server: &Server,
    error: ApiError,
    request: &RequestId,
    operator: Option<&Operator>,
    path: &str,
) -> Response {
    let (message, code, request) = (error.to_string(), error.code(), request.to_string());
    let frame = match operator {
        Some(operator) => Frame::of_error(server, operator, path).await,
        None => None,
    };
    let page = match frame {
        Some(frame) => html(error.status(), &ErrorInFrame { frame, message, code, request }),
        None => {
            let sign_in = matches!(error, ApiError::NotSignedIn);
            let root = server.base_path();
            html(error.status(), &ErrorPage { root, message, code, request, sign_in })
        }
    };
    match page {
        Ok(mut response) => {
            response.extensions_mut().insert(error);
            response
        }
        Err(error) => error.into_response(),
    }
}

/// A query string of the pairs that have a value.
pub fn query_of(pairs: &[(&str, &str)]) -> String {
    let filled = pairs.iter().filter(|(_, value)| !value.is_empty());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish()
}

/// What tells whether something is still what a form has seen: another text for another value.
pub fn version_of(value: &Value) -> String {
    let digest = digest::digest(&digest::SHA256, value.to_string().as_bytes());
    digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A moment as pages show it: `2026-11-24 07:46 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long ago, in words.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..2_592_000 => (seconds / 86_400, "day"),
        _ => return format!("on {}", at.strftime("%Y-%m-%d")),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn times_are_said_as_a_person_would() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        for (seconds, expected) in [
            (0, "just now"),
            (-5, "just now"),
            (60, "1 minute ago"),
            (7300, "2 hours ago"),
            (90_000, "1 day ago"),
            (40 * 86_400, "on 2026-08-12"),
        ] {
            assert_eq!(ago(now - SignedDuration::from_secs(seconds), now), expected);
        }
        assert_eq!(moment(now), "2026-09-21 14:13 UTC");
    }
}
