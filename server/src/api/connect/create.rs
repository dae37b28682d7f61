//! `POST /connect/sessions`: a backend makes a session for one end user.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::presets::Presets;
use crate::{
    access::Key,
    api::{
        credentials::{address_left_open, provider_of},
        end_user::Whose,
        json,
    },
    body::JsonBody,
    clock::on_the_wire,
    error::ApiError,
    fields::{Fields, Length, SHORT},
    ids::ConnectionId,
    issue::Issue,
    model::{AuditEvent, ConnectSession, Integration, NewSession, SessionTerms, Target},
    query::Query,
    state::{AppState, Server},
    token::{PlainToken, new_session_token},
    webhooks,
};

/// How long a session lasts.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// The field with the presets.
const PRESETS: &str = "integrations_config_defaults";
/// The most ids in `connection_ids`.
const CONNECTION_IDS_MAX: usize = 100;

/// Makes a session.
///
/// Besides the fields that existing clients know: `connection_id` binds the session to one connection id,
/// `connection_ids` to several, `multiple` lets one without either make several for one integration,
/// `allow_unverified` lets the end user store what the provider could not check.
///
/// # Errors
/// 400 `invalid_body`: the schema, or an integration that does not exist.
pub async fn create(
    State(state): State<AppState>,
    key: Key,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    query.only(&[], &[])?;
    let mut fields = Fields::of_body(body)?;
    if !fields.has("end_user") && !fields.has("tags") {
        let path = fields.path_of("end_user");
        fields.refuse(Issue::invalid_type(path, "object", None));
    }
    let mut terms = Terms::read(&mut fields);
    let allowed =
        fields.optional_list("allowed_integrations", SHORT).filter(|list| !list.is_empty());
    let multiple = fields.optional_bool("multiple").unwrap_or(false);
    let target = target(&mut fields, multiple);
    terms.check_integrations(&mut fields, &state, key.environment(), allowed.as_deref()).await?;
    fields.finish()?;

    let session = terms.into_session(target, allowed, multiple);
    let minted = mint(&state, key.environment(), session, |object, at| {
        key.audit("connect_session.created", object, at)
    })
    .await?;
    Ok(minted.answer(&state))
}

/// Reads which connections the session may write: `connection_id`, `connection_ids`, or neither.
fn target(fields: &mut Fields, multiple: bool) -> Target {
    const ANY: Length = Length { min: 0, max: usize::MAX };
    let one = fields.optional_string("connection_id", ANY);
    let one = one.and_then(|text| connection_id(fields, &text, fields.path_of("connection_id")));
    let several = fields.optional_list("connection_ids", ANY).map(|list| ids(fields, &list));
    if multiple && (one.is_some() || several.is_some()) {
        fields.refuse(Issue::custom(
            fields.path_of("multiple"),
            "A session with connection_id or connection_ids writes those. Leave multiple out, or leave the ids out.",
        ));
    }
    match (one, several) {
        (Some(_), Some(_)) => {
            fields.refuse(Issue::custom(
                fields.path_of("connection_ids"),
                "Give connection_id or connection_ids, not both",
            ));
            Target::Unbound
        }
        (Some(id), None) => Target::Bound(id),
        (None, Some(ids)) => Target::AnyOf(ids),
        (None, None) => Target::Unbound,
    }
}

/// The ids of `connection_ids`: at least one, each once.
fn ids(fields: &mut Fields, list: &[String]) -> Vec<String> {
    if list.is_empty() {
        fields.refuse(Issue::custom(
            fields.path_of("connection_ids"),
            "Name at least one connection id, or leave connection_ids out",
        ));
    } else if list.len() > CONNECTION_IDS_MAX {
        fields.refuse(Issue::custom(
            fields.path_of("connection_ids"),
            format!("At most {CONNECTION_IDS_MAX} connection ids are allowed"),
        ));
        return Vec::new();
    }
    let mut ids = Vec::with_capacity(list.len());
    for (index, text) in list.iter().enumerate() {
        let mut path = fields.path_of("connection_ids");
        path.push(index.to_string());
        if ids.contains(text) {
            fields.refuse(Issue::custom(path, "This connection id is in the list twice"));
        } else {
            ids.extend(connection_id(fields, text, path));
        }
    }
    ids
}

fn connection_id(fields: &mut Fields, text: &str, path: Vec<String>) -> Option<String> {
    match ConnectionId::parse(text, path) {
        Ok(id) => Some(id.to_string()),
        Err(issue) => {
            fields.refuse(issue);
            None
        }
    }
}

/// The part of a request that is the same for new and for reconnect sessions.
pub(crate) struct Terms {
    whose: Whose,
    presets: Presets,
    /// The integrations that presets and overrides name, with the paths at which they do.
    named: Vec<(String, Vec<String>)>,
    docs_connect: BTreeMap<String, String>,
    /// Whether what the provider could not check may be stored.
    pub(crate) allow_unverified: bool,
    webhook_url_override: Option<String>,
}

impl Terms {
    /// Nothing but whose session it is.
    pub(crate) fn of(whose: Whose) -> Self {
        Self {
            whose,
            presets: Presets::default(),
            named: Vec::new(),
            docs_connect: BTreeMap::new(),
            allow_unverified: false,
            webhook_url_override: None,
        }
    }

    pub(super) fn read(fields: &mut Fields) -> Self {
        const ANY: Length = Length { min: 0, max: 8192 };
        let mut terms = Self::of(Whose::read(fields));
        let mut lifted = None;
        let defaults = fields.optional_records(PRESETS, |_, inner| {
            inner.optional_string("user_scopes", ANY);
            inner.optional_strings("authorization_params", ANY);
            let config = inner.optional_object("connection_config").unwrap_or_default();
            let mut values = BTreeMap::new();
            for (field, value) in config {
                match value {
                    // Deprecated place of what is a setting of the session.
                    Value::String(url) if field == "webhook_url" => lifted = Some(url),
                    Value::String(text) => {
                        values.insert(field, text);
                    }
                    _ => {}
                }
            }
            Some(values)
        });
        for (integration, values) in defaults.into_iter().flatten() {
            let mut path = fields.path_of(PRESETS);
            path.push(integration.clone());
            terms.named.push((integration.clone(), path));
            if !values.is_empty() {
                terms.presets.0.insert(integration, values);
            }
        }
        let overrides = fields.optional_records("overrides", |_, inner| {
            Some(inner.optional_string("docs_connect", ANY))
        });
        for (integration, docs) in overrides.into_iter().flatten() {
            let mut path = fields.path_of("overrides");
            path.push(integration.clone());
            if let Some(docs) = docs {
                if webhooks::address(&docs).is_some() {
                    terms.docs_connect.insert(integration.clone(), docs);
                } else {
                    let mut path = path.clone();
                    path.push("docs_connect".into());
                    fields.refuse(Issue::format(path, "URL"));
                }
            }
            terms.named.push((integration, path));
        }
        terms.webhook_url_override = webhook_url(fields).flatten().or(lifted);
        terms.allow_unverified = fields.optional_bool("allow_unverified").unwrap_or(false);
        terms
    }

    /// Notes an issue for each integration that does not exist.
    pub(super) async fn check_integrations(
        &mut self,
        fields: &mut Fields,
        server: &Server,
        environment: &str,
        allowed: Option<&[String]>,
    ) -> Result<(), ApiError> {
        let mut named = std::mem::take(&mut self.named);
        for (index, integration) in allowed.unwrap_or_default().iter().enumerate() {
            let mut path = fields.path_of("allowed_integrations");
            path.push(index.to_string());
            named.push((integration.clone(), path));
        }
        for (integration, path) in named {
            match server.store.integration(environment, &integration).await? {
                None => fields.refuse(Issue::custom(path, "Integration does not exist")),
                Some(found) => {
                    // Once for each: overrides and the list of allowed ones may name it too.
                    if path.first().is_some_and(|place| place == PRESETS) {
                        self.check_presets(fields, server, &found);
                    }
                }
            }
        }
        Ok(())
    }

    /// Notes an issue when a secret is preset for an address that the end user chooses.
    fn check_presets(&self, fields: &mut Fields, server: &Server, integration: &Integration) {
        let key = integration.unique_key.as_str();
        let Some(presets) = self.presets.0.get(key) else { return };
        // What is wrong with the provider is said where it is used.
        let Ok(provider) = provider_of(server, integration) else { return };
        if let Some(field) = address_left_open(&provider, presets) {
            let mut path = fields.path_of(PRESETS);
            path.extend([key.to_owned(), "connection_config".into(), field.to_owned()]);
            let message = "Preset this field too: it decides where the preset secret is sent";
            fields.refuse(Issue::custom(path, message));
        }
    }

    pub(crate) fn into_session(
        self,
        target: Target,
        allowed_integrations: Option<Vec<String>>,
        multiple: bool,
    ) -> (SessionTerms, Presets) {
        let terms = SessionTerms {
            target,
            allowed_integrations,
            multiple,
            allow_unverified: self.allow_unverified,
            end_user: self.whose.end_user,
            tags: self.whose.tags,
            docs_connect: self.docs_connect,
            webhook_url_override: self.webhook_url_override,
        };
        (terms, self.presets)
    }
}

/// Reads `webhook_url_override`: a URL, or an empty string to take it away.
pub(crate) fn webhook_url(fields: &mut Fields) -> Option<Option<String>> {
    let url = fields.optional_string("webhook_url_override", Length { min: 0, max: 2048 })?;
    if url.is_empty() {
        return Some(None);
    }
    if webhooks::address(&url).is_none() {
        let path = fields.path_of("webhook_url_override");
        fields.refuse(Issue::format(path, "URL"));
    }
    Some(Some(url))
}

/// A session that was just made.
pub(crate) struct Minted {
    /// Its token, to be shown once.
    pub(crate) token: PlainToken,
    session: ConnectSession,
}

impl Minted {
    /// The address of the hosted page for this session.
    pub(crate) fn link(&self, server: &Server) -> String {
        // EXPOSE: the link is what opens the session; the page takes it out of the address at once.
        format!("{}/connect/?session_token={}", server.public_base(), self.token.expose())
    }

    /// The answer: token, link to the hosted page, end.
    pub(crate) fn answer(&self, server: &Server) -> Response {
        let token = self.token.expose();
        json(
            StatusCode::CREATED,
            &json!({ "data": {
                "token": token,
                "connect_link": self.link(server),
                "expires_at": on_the_wire(self.session.expires_at),
            }}),
        )
    }
}

/// Stores a session under a new token, for [`LIFETIME`].
pub(crate) async fn mint(
    server: &Server,
    environment: &str,
    session: (SessionTerms, Presets),
    audit: impl FnOnce(String, jiff::Timestamp) -> AuditEvent,
) -> Result<Minted, ApiError> {
    mint_for(LIFETIME, server, environment, session, audit).await
}

/// Stores a session under a new token.
pub(crate) async fn mint_for(
    lifetime: SignedDuration,
    server: &Server,
    environment: &str,
    (terms, presets): (SessionTerms, Presets),
    audit: impl FnOnce(String, jiff::Timestamp) -> AuditEvent,
) -> Result<Minted, ApiError> {
    let token = new_session_token().map_err(ApiError::internal)?;
    let id = uuid::Uuid::now_v7().to_string();
    let at = server.clock.now();
    let session = ConnectSession {
        presets: presets.seal(server, environment, &id)?,
        id,
        environment: environment.to_owned(),
        terms,
        expires_at: at + lifetime,
    };
    let event = audit(format!("connect_session:{}", session.id), at);
    let new = NewSession { hash: server.hasher.hash(token.expose()), session: session.clone() };
    server.store.create_session(new, event).await?;
    Ok(Minted { token, session })
}
