//! Integrations: the list, a new one from the catalogue, and the pages of one.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use http::StatusCode;
use keyslot_providers::{AuthMode, Field, Provider};
use serde_json::{Value, json};

use super::{
    connections::{self, Row as ConnectionRow},
    form::Form,
    page::{Frame, Section, Visit, ago, html, query_of, version_of},
    snippets::{Snippet, snippets},
};
use crate::{
    api::{
        credentials::{checks, provider_of},
        integrations::accept_config,
    },
    error::ApiError,
    ids::IntegrationKey,
    model::{Integration, IntegrationChange, NewIntegration, Object},
    query::Query,
    state::Server,
    store::{ConnectionFilter, Created, IntegrationUpdate},
};

/// How many connections the page of an integration shows.
const RECENT: u32 = 10;

/// An integration as pages show it.
pub struct Shown {
    /// Its key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its provider in the catalogue.
    pub provider: String,
    /// How its provider is called; the key of the provider when the catalogue does not have it.
    pub provider_name: String,
    /// How it authorises; nothing when the catalogue does not have its provider.
    pub kind: Option<&'static str>,
    /// Whether its provider offers a check.
    pub checks: bool,
    /// When it was made.
    pub made: String,
}

impl Shown {
    /// Everything but the time comes from the integration and the catalogue.
    pub fn of(server: &Server, integration: &Integration) -> Self {
        let catalogue = server.catalogues.of(&integration.environment);
        let provider = catalogue.get(&integration.provider);
        let provider_name = provider.map_or(&integration.provider, |found| &found.display_name);
        Self {
            key: integration.unique_key.to_string(),
            name: integration.display_name.clone().unwrap_or_else(|| provider_name.clone()),
            provider: integration.provider.clone(),
            provider_name: provider_name.clone(),
            kind: provider.map(|provider| kind(provider.auth_mode)),
            checks: checks(server, integration),
            made: ago(integration.created_at, server.clock.now()),
        }
    }
}

fn kind(mode: AuthMode) -> &'static str {
    match mode {
        AuthMode::ApiKey => "API key",
        AuthMode::Basic => "Basic auth",
    }
}

#[derive(Template)]
#[template(path = "dashboard/integrations.html")]
struct ListPage {
    frame: Frame,
    search: String,
    any: bool,
    found: Vec<Shown>,
}

/// `GET /dashboard/{environment}/integrations?search=`
///
/// # Errors
/// Those of the store.
pub async fn list(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let search = query.first("search").unwrap_or_default().trim().to_owned();
    let all = visit.state.store.integrations(&visit.environment).await?;
    let wanted = search.to_lowercase();
    let found = all
        .iter()
        .rev()
        .map(|integration| Shown::of(&visit.state, integration))
        .filter(|shown| {
            [&shown.key, &shown.name, &shown.provider_name]
                .iter()
                .any(|text| text.to_lowercase().contains(&wanted))
        })
        .collect();
    let frame = visit.frame(Section::Integrations);
    html(StatusCode::OK, &ListPage { frame, search, any: !all.is_empty(), found })
}

/// A provider in the catalogue's list.
struct Card<'a> {
    provider: &'a str,
    name: &'a str,
    kind: &'static str,
    checks: bool,
    categories: Vec<&'a str>,
}

impl<'a> Card<'a> {
    fn of(provider: &'a Provider) -> Self {
        let categories = provider.template.get("categories").and_then(Value::as_array);
        Self {
            provider: &provider.name,
            name: &provider.display_name,
            kind: kind(provider.auth_mode),
            // A generic one is told its check by the integration.
            checks: provider.check.is_some() || provider.is_configurable(),
            categories: categories.into_iter().flatten().filter_map(Value::as_str).collect(),
        }
    }

    fn fits(&self, search: &str, category: &str) -> bool {
        (category.is_empty() || self.categories.contains(&category))
            && (self.name.to_lowercase().contains(search) || self.provider.contains(search))
    }

    /// The categories as one text, for the script that filters while somebody types.
    fn words(&self) -> String {
        self.categories.join(" ")
    }
}

#[derive(Template)]
#[template(path = "dashboard/catalogue.html")]
struct CataloguePage<'a> {
    frame: Frame,
    search: String,
    category: String,
    categories: Vec<(&'a str, String)>,
    cards: Vec<Card<'a>>,
    total: usize,
}

/// What an end user types into one field of the dialog.
pub struct Asked {
    /// The label.
    pub label: String,
    /// What the label does not say.
    pub description: String,
    /// Text around the value that is not typed, such as `https://…​.freshdesk.com`.
    pub shape: Option<String>,
    /// Whether it may be left empty.
    pub optional: bool,
}

/// The fields of the dialog, in the order of the dialog: address first, then credential.
fn asked(provider: &Provider) -> Vec<Asked> {
    let text = |part: &str, field: &Field, key: &str| {
        let value = provider.template.pointer(&format!("/{part}/{}/{key}", field.name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let visible = |field: &&Field| !field.hidden && !field.automated;
    let shown = |part: &'static str| {
        move |field: &Field| {
            let (prefix, suffix) = (text(part, field, "prefix"), text(part, field, "suffix"));
            Asked {
                label: field.label().to_owned(),
                description: text(part, field, "description"),
                shape: (!prefix.is_empty() || !suffix.is_empty())
                    .then(|| format!("{prefix}…{suffix}")),
                optional: field.optional,
            }
        }
    };
    provider
        .connection_config
        .iter()
        .filter(visible)
        .map(shown("connection_config"))
        .chain(provider.credentials.iter().filter(visible).map(shown("credentials")))
        .collect()
}

/// How a credential is checked before it is stored.
fn check(provider: &Provider) -> Option<String> {
    let check = provider.check.as_ref()?;
    Some(format!("{} {}", check.method, check.endpoints.first()?.source()))
}

/// A setting of a generic provider.
struct Setting {
    name: String,
    label: String,
    description: String,
    example: String,
    value: String,
    required: bool,
    long: bool,
    /// All that it may be; empty when it is any text.
    choices: Vec<String>,
    problem: Option<String>,
}

fn settings(
    provider: &Provider,
    value: impl Fn(&str) -> String,
    problem: impl Fn(&str) -> Option<String>,
) -> Vec<Setting> {
    let text = |field: &Field, key: &str| {
        let value = provider.template.pointer(&format!("/integration_config/{}/{key}", field.name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let choices = |field: &Field| -> Vec<String> {
        let values = provider.template.pointer(&format!("/integration_config/{}/enum", field.name));
        let values = values.and_then(Value::as_array).into_iter().flatten();
        values.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let order = |field: &&Field| {
        let order = provider.template.pointer(&format!("/integration_config/{}/order", field.name));
        order.and_then(Value::as_i64).unwrap_or(i64::MAX)
    };
    let mut fields: Vec<&Field> = provider
        .integration_config
        .iter()
        .filter(|field| !field.hidden && !field.automated)
        .collect();
    fields.sort_by_key(order);
    fields
        .into_iter()
        .map(|field| Setting {
            label: field.label().to_owned(),
            description: text(field, "description"),
            example: text(field, "example"),
            value: Some(value(&field.name)).filter(|text| !text.is_empty()).unwrap_or_else(|| {
                // A choice always has one of its values; a text may be left to its default.
                if choices(field).is_empty() { String::new() } else { text(field, "default_value") }
            }),
            required: field.is_required(),
            long: matches!(field.name.as_str(), "headers" | "fields" | "verificationBody"),
            choices: choices(field),
            problem: problem(&field.name),
            name: field.name.clone(),
        })
        .collect()
}

/// The settings that a form gives, as they are stored: what is empty is left out.
pub(super) fn config_of(provider: &Provider, form: &Form) -> Object {
    provider
        .integration_config
        .iter()
        .filter_map(|field| {
            let value = form.filled(&setting_name(&field.name))?;
            Some((field.name.clone(), Value::String(value.to_owned())))
        })
        .collect()
}

/// Prefixed, so that a setting called `key` is not the integration's key.
fn setting_name(name: &str) -> String {
    format!("config.{name}")
}

fn stored_setting(integration: &Integration, name: &str) -> String {
    match integration.config.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// What is wrong with the fields of a form, by the name of the field.
#[derive(Default)]
pub(super) struct Problems(Vec<(String, String)>);

impl Problems {
    fn note(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push((field.into(), message.into()));
    }

    fn of(&self, field: &str) -> Option<String> {
        self.0.iter().find(|(name, _)| name == field).map(|(_, message)| message.clone())
    }

    /// The first of them, with the name of its setting.
    pub(super) fn first(&self, provider: &Provider) -> Option<String> {
        let (name, message) = self.0.first()?;
        let label = provider
            .integration_config
            .iter()
            .find(|field| setting_name(&field.name) == *name)
            .map_or(name.as_str(), |field| field.label());
        Some(format!("{label}: {message}"))
    }

    /// Judges settings, and gives them as they are stored; what is wrong with them is noted.
    pub(super) fn settings(
        &mut self,
        server: &Server,
        provider: &Arc<Provider>,
        config: &Object,
    ) -> Object {
        match accept_config(server, provider, config) {
            Ok(config) => config,
            Err(issues) => {
                for issue in issues {
                    // The path is `integration_config`, the setting, perhaps an entry of it.
                    let name = issue.path.get(1).cloned().unwrap_or_default();
                    let message = match issue.path.get(2) {
                        Some(entry) => format!("{entry}: {}", issue.message),
                        None => issue.message,
                    };
                    self.note(setting_name(&name), message);
                }
                Object::new()
            }
        }
    }
}

#[derive(Template)]
#[template(path = "dashboard/integration_new.html")]
struct NewPage<'a> {
    frame: Frame,
    provider: &'a str,
    provider_name: &'a str,
    kind: &'static str,
    key: String,
    name: String,
    key_problem: Option<String>,
    settings: Vec<Setting>,
    asked: Vec<Asked>,
    check: Option<String>,
    docs: Option<String>,
}

impl<'a> NewPage<'a> {
    fn of(frame: Frame, provider: &'a Provider, key: String, name: String) -> Self {
        let docs = provider.template.get("docs").and_then(Value::as_str).map(str::to_owned);
        Self {
            frame,
            provider: &provider.name,
            provider_name: &provider.display_name,
            kind: kind(provider.auth_mode),
            key,
            name,
            key_problem: None,
            settings: settings(provider, |_| String::new(), |_| None),
            asked: asked(provider),
            check: check(provider),
            docs,
        }
    }
}

/// `GET /dashboard/{environment}/integrations/new?search=&category=` and, once chosen, `&provider=`.
///
/// # Errors
/// 404 `not_found` for a provider that the catalogue does not have.
pub async fn new(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let frame = visit.frame(Section::Integrations);
    let catalogue = visit.state.catalogues.of(&visit.environment);
    if let Some(name) = query.first("provider") {
        let provider = known(&visit, name)?;
        let key = free_key(&visit, name).await?;
        return html(StatusCode::OK, &NewPage::of(frame, &provider, key, String::new()));
    }
    let search = query.first("search").unwrap_or_default().trim().to_owned();
    let category = query.first("category").unwrap_or_default().to_owned();
    let all: Vec<Card<'_>> = catalogue.iter().map(|provider| Card::of(provider)).collect();
    let mut categories: Vec<(&str, String)> = all
        .iter()
        .flat_map(|card| card.categories.iter())
        .map(|word| (*word, title_of(word)))
        .collect();
    categories.sort_unstable();
    categories.dedup();
    let total = all.len();
    let wanted = search.to_lowercase();
    let mut cards: Vec<Card<'_>> =
        all.into_iter().filter(|card| card.fits(&wanted, &category)).collect();
    cards.sort_by_key(|card| (!card.categories.contains(&"popular"), card.name.to_lowercase()));
    let page = CataloguePage { frame, search, category, categories, cards, total };
    html(StatusCode::OK, &page)
}

/// `dev-tools` as `Dev tools`.
fn title_of(category: &str) -> String {
    match category {
        "crm" | "hr" | "iam" | "cms" | "ats" => category.to_uppercase(),
        "e-commerce" => "E-commerce".to_owned(),
        _ => {
            let words = category.replace('-', " ");
            let mut letters = words.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

pub(super) fn known(visit: &Visit, name: &str) -> Result<Arc<Provider>, ApiError> {
    let catalogue = visit.state.catalogues.of(&visit.environment);
    catalogue.get(name).map(Arc::clone).ok_or_else(gone)
}

fn gone() -> ApiError {
    ApiError::NotFound("The catalogue has no such API.".into())
}

/// The provider's own name, or the first of `name-2`, `name-3`, … that nobody has.
async fn free_key(visit: &Visit, name: &str) -> Result<String, ApiError> {
    let taken: Vec<String> = visit
        .state
        .store
        .integrations(&visit.environment)
        .await?
        .into_iter()
        .map(|integration| integration.unique_key.to_string())
        .collect();
    let mut key = name.to_owned();
    for number in 2.. {
        if !taken.contains(&key) {
            break;
        }
        key = format!("{name}-{number}");
    }
    Ok(key)
}

/// `POST /dashboard/{environment}/integrations/new`: `provider`, `key`, `name`, settings.
///
/// # Errors
/// 404 `not_found` for a provider that the catalogue does not have. What can be mended is said on the
/// page.
pub async fn create(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let server = &visit.state;
    let provider = known(&visit, form.text("provider"))?;
    let mut problems = Problems::default();
    let config = problems.settings(server, &provider, &config_of(&provider, &form));
    let name = form.filled("name").map(str::to_owned);
    match IntegrationKey::parse(form.text("key"), vec![]) {
        Err(_) => {
            problems.note("key", "Use 1 to 255 letters, digits, blanks and ~ : . @ _ - for the ID.")
        }
        Ok(_) if !problems.0.is_empty() => {}
        Ok(key) => {
            let audit = visit.audit("integration.created", format!("integration:{key}"));
            let new = NewIntegration {
                environment: visit.environment.clone(),
                unique_key: key.clone(),
                provider: provider.name.clone(),
                display_name: name.clone(),
                config,
                forward_webhooks: false,
                own_provider: server.catalogues.is_own(&visit.environment, &provider.name),
            };
            match server.store.create_integration(new, audit).await? {
                Created::New(_) => return Ok(visit.to(&page_of(key.as_str(), "made"))),
                Created::NoProvider => return Err(gone()),
                Created::Exists => {
                    problems.note("key", "Another integration has this ID. Choose another one.");
                }
            }
        }
    }
    let frame = visit.frame(Section::Integrations);
    let mut page =
        NewPage::of(frame, &provider, form.text("key").to_owned(), name.unwrap_or_default());
    page.key_problem = problems.of("key");
    page.settings = settings(
        &provider,
        |name| form.text(&setting_name(name)).to_owned(),
        |name| problems.of(&setting_name(name)),
    );
    html(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The path of an integration's page within the environment.
fn page_of(key: &str, notice: &str) -> String {
    format!("integration?{}", query_of(&[("key", key), ("notice", notice)]))
}

/// The tabs of an integration.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// What is connected.
    Connections,
    /// How to connect.
    Add,
    /// Its settings.
    Settings,
}

/// `key` of the query.
async fn asked_for(visit: &Visit, key: &str) -> Result<Integration, ApiError> {
    let found = visit.state.store.integration(&visit.environment, key).await?;
    found.ok_or_else(|| {
        ApiError::NotFound(format!("There is no integration \"{key}\" in {}.", visit.environment))
    })
}

#[derive(Template)]
#[template(path = "dashboard/integration.html")]
struct OnePage {
    frame: Frame,
    shown: Shown,
    tab: Tab,
    notice: Option<&'static str>,
    rows: Vec<ConnectionRow>,
    more: bool,
}

/// `GET /dashboard/{environment}/integration?key=`
///
/// # Errors
/// 404 `not_found`.
pub async fn show(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let integration = asked_for(&visit, query.first("key").unwrap_or_default()).await?;
    let filter = ConnectionFilter {
        integrations: Some(vec![integration.unique_key.to_string()]),
        limit: RECENT + 1,
        ..ConnectionFilter::default()
    };
    let mut found = visit.state.store.connections(&visit.environment, filter).await?;
    let more = found.len() > RECENT as usize;
    found.truncate(RECENT as usize);
    let now = visit.state.clock.now();
    let page = OnePage {
        frame: visit.frame(Section::Integrations),
        shown: Shown::of(&visit.state, &integration),
        tab: Tab::Connections,
        notice: match query.first("notice") {
            Some("made") => Some("The integration is ready. Connect a key of your own to try it."),
            Some("saved") => Some("Saved."),
            Some("deleted") => Some("The connection and its credential are deleted."),
            _ => None,
        },
        rows: found.iter().map(|summary| connections::Row::of(summary, now)).collect(),
        more,
    };
    html(StatusCode::OK, &page)
}

#[derive(Template)]
#[template(path = "dashboard/integration_add.html")]
struct AddPage {
    frame: Frame,
    shown: Shown,
    tab: Tab,
    snippets: Vec<Snippet>,
}

/// `GET /dashboard/{environment}/integration/add?key=`: the lines of code that connect and read.
///
/// # Errors
/// 404 `not_found`.
pub async fn add(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let integration = asked_for(&visit, query.first("key").unwrap_or_default()).await?;
    let frame = visit.frame(Section::Integrations);
    let snippets = snippets(&frame.host, integration.unique_key.as_str());
    let shown = Shown::of(&visit.state, &integration);
    html(StatusCode::OK, &AddPage { frame, shown, tab: Tab::Add, snippets })
}

#[derive(Template)]
#[template(path = "dashboard/integration_settings.html")]
struct SettingsPage {
    frame: Frame,
    shown: Shown,
    tab: Tab,
    /// Which name and settings the form that is being filled in saw.
    version: String,
    name: String,
    settings: Vec<Setting>,
    asked: Vec<Asked>,
    check: Option<String>,
    conflict: bool,
    problem: Option<String>,
}

impl SettingsPage {
    fn of(visit: &Visit, integration: &Integration) -> Self {
        let catalogue = visit.state.catalogues.of(&integration.environment);
        let provider = catalogue.get(&integration.provider);
        // As end users meet it; settings that no longer fit are mended on this page.
        let configured = provider_of(&visit.state, integration).ok();
        Self {
            frame: visit.frame(Section::Integrations),
            shown: Shown::of(&visit.state, integration),
            tab: Tab::Settings,
            version: version_of(&json!([integration.display_name, integration.config])),
            name: integration.display_name.clone().unwrap_or_default(),
            settings: provider.map_or_else(Vec::new, |provider| {
                settings(provider, |name| stored_setting(integration, name), |_| None)
            }),
            asked: configured.as_deref().map_or_else(Vec::new, asked),
            check: configured.as_deref().and_then(check),
            conflict: false,
            problem: None,
        }
    }
}

/// `GET /dashboard/{environment}/integration/settings?key=`
///
/// # Errors
/// 404 `not_found`.
pub async fn edit(visit: Visit, query: Query) -> Result<Response, ApiError> {
    let integration = asked_for(&visit, query.first("key").unwrap_or_default()).await?;
    html(StatusCode::OK, &SettingsPage::of(&visit, &integration))
}

/// `POST /dashboard/{environment}/integration/settings`: `key`, `version`, `name`, settings. When
/// somebody else saved in between, nothing is stored and both versions are shown.
///
/// # Errors
/// 404 `not_found`, also when its provider is not in the catalogue.
pub async fn save(visit: Visit, form: Form) -> Result<Response, ApiError> {
    loop {
        let integration = asked_for(&visit, form.text("key")).await?;
        let provider = known(&visit, &integration.provider)?;
        // What the form does not know (set by REST) stays.
        let declared =
            |name: &String| provider.integration_config.iter().any(|field| field.name == *name);
        let mut config: Object = integration
            .config
            .iter()
            .filter(|(name, _)| !declared(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        config.extend(config_of(&provider, &form));
        let mut problems = Problems::default();
        let config = problems.settings(&visit.state, &provider, &config);
        let mut page = SettingsPage::of(&visit, &integration);
        page.conflict = form.text("version") != page.version;
        if !page.conflict && problems.0.is_empty() {
            let key = integration.unique_key;
            let change = IntegrationChange {
                unique_key: None,
                display_name: Some(form.filled("name").map(str::to_owned)),
                config: Some(config),
                forward_webhooks: None,
                seen: Some((integration.display_name, integration.config)),
            };
            let audit = visit.audit("integration.updated", format!("integration:{key}"));
            let store = &visit.state.store;
            let update = store.update_integration(&visit.environment, key.as_str(), change, audit);
            match update.await? {
                IntegrationUpdate::Changed(_) => {
                    return Ok(visit.to(&page_of(key.as_str(), "saved")));
                }
                IntegrationUpdate::Unknown => {
                    return Err(ApiError::NotFound(
                        "The integration was deleted meanwhile.".into(),
                    ));
                }
                // By somebody else since it was read: the next look sees what they made of it.
                IntegrationUpdate::NotAsSeen => continue,
                // Only another key can fail in these ways, and none is asked for.
                IntegrationUpdate::KeyTaken | IntegrationUpdate::HasConnections => {
                    page.problem = Some("It could not be saved. Load the page again.".into());
                }
            }
        }
        page.name = form.text("name").to_owned();
        page.settings = settings(
            &provider,
            |name| form.text(&setting_name(name)).to_owned(),
            |name| problems.of(&setting_name(name)),
        );
        let status =
            if page.conflict { StatusCode::CONFLICT } else { StatusCode::UNPROCESSABLE_ENTITY };
        return html(status, &page);
    }
}

/// `POST /dashboard/{environment}/integration/delete`: `key`, and `confirm` with the key once more.
///
/// # Errors
/// 404 `not_found`.
pub async fn delete(visit: Visit, form: Form) -> Result<Response, ApiError> {
    let integration = asked_for(&visit, form.text("key")).await?;
    let key = &integration.unique_key;
    if form.text("confirm") != key.as_str() {
        let mut page = SettingsPage::of(&visit, &integration);
        page.problem = Some(format!("Nothing was deleted: type \"{key}\" to confirm."));
        return html(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    let audit = visit.audit("integration.deleted", format!("integration:{key}"));
    visit.state.store.delete_integration(&visit.environment, key.as_str(), audit).await?;
    Ok(visit.to("integrations"))
}

#[cfg(test)]
mod tests {
    use keyslot_providers::Catalogue;

    use super::*;

    #[test]
    fn what_end_users_are_asked_is_what_the_dialog_asks() {
        let catalogue = Catalogue::embedded();
        let fields = asked(catalogue.get("freshdesk").unwrap());
        let labels: Vec<(&str, Option<&str>)> =
            fields.iter().map(|field| (field.label.as_str(), field.shape.as_deref())).collect();
        assert_eq!(
            labels,
            [("Subdomain", Some("https://….freshdesk.com")), ("API key", None)],
            "the hidden password is not asked for"
        );
    }

    #[test]
    fn categories_read_as_words() {
        for (category, title) in
            [("dev-tools", "Dev tools"), ("crm", "CRM"), ("e-commerce", "E-commerce")]
        {
            assert_eq!(title_of(category), title);
        }
    }
}
