//! The catalogue: loading provider templates and finding them by name.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use keyslot_egress::{Cleartext, Policy};
use rust_embed::RustEmbed;
use serde_json::{Map, Value};

use crate::base_url::{Base, BaseUrl};
use crate::link;
use crate::provider::{Provider, Unusable};

/// The templates in the repository's `catalog/`. A debug build reads them from there when it
/// starts; a release holds them.
#[derive(RustEmbed)]
#[folder = "../catalog"]
#[allow_missing = true]
struct Files;

/// All providers, in the order in which they were first named.
#[derive(Clone, Default)]
pub struct Catalogue {
    providers: IndexMap<String, Arc<Provider>>,
}

/// What became of the entries of one file.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The entries that can be used.
    pub loaded: Vec<Loaded>,
    /// The entries that cannot.
    pub skipped: Vec<Skipped>,
}

/// An entry that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The provider.
    pub name: String,
    /// Whether it takes the place of one that was there.
    pub replaced: bool,
    /// Parts of it that are not used, and why.
    pub notes: Vec<String>,
}

/// An entry that cannot be used.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// The provider, as the file names it.
    pub name: String,
    /// Why.
    pub reason: Unusable,
}

/// An entry that comes over the API, and can be used.
#[derive(Clone)]
pub struct Adopted {
    /// The entry by itself: what it takes from another one by `alias` is in it.
    pub entry: Map<String, Value>,
    /// What it makes.
    pub provider: Arc<Provider>,
    /// Parts of it that are not used, and why.
    pub notes: Vec<String>,
}

/// The largest entry that is taken over the API, written as JSON, in bytes; the largest of the built-in
/// ones has less than a tenth of it.
const MAX_ENTRY: usize = 64 * 1024;

/// Why a whole file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is not YAML, or too deep or too large for a catalogue.
    #[error("the file is not readable YAML: {0}")]
    Yaml(String),
    /// It is something else than a map from provider names to templates.
    #[error("expected a map from provider names to templates, found {0}")]
    NotAMap(&'static str),
}

impl Catalogue {
    /// The catalogue that is built in, with a report of its entries. Nothing in it is skipped: a
    /// test of this crate sees to that.
    #[must_use]
    pub fn embedded() -> Self {
        Self::embedded_with_report().0
    }

    /// As [`Catalogue::embedded`], with the report.
    #[must_use]
    pub fn embedded_with_report() -> (Self, Report) {
        let mut catalogue = Self::default();
        let mut report = Report::default();
        let mut entries = IndexMap::new();
        let mut names: Vec<_> = Files::iter().filter(|name| name.ends_with(".yaml")).collect();
        names.sort();
        for file in names {
            let Some(content) = Files::get(&file) else {
                continue;
            };
            let parsed = std::str::from_utf8(&content.data)
                .map_err(|error| CatalogueError::Yaml(error.to_string()))
                .and_then(parse);
            match parsed {
                Ok(parsed) => entries.extend(parsed),
                Err(error) => report.skipped.push(Skipped {
                    name: file.into_owned(),
                    reason: Unusable::new("file", error),
                }),
            }
        }
        catalogue.extend(entries, &mut report);
        (catalogue, report)
    }

    /// Adds the providers of a YAML file, in the format of the embedded ones: a map from names to
    /// templates. A name that is there already is replaced. An entry may name another, in the file
    /// or in the catalogue, as its `alias` and then only says what differs.
    ///
    /// Returns what became of each entry; entries that cannot be used are left out and named.
    ///
    /// # Errors
    /// When the file as a whole cannot be read; then the catalogue is as before.
    pub fn extend_from_yaml(&mut self, yaml: &str) -> Result<Report, CatalogueError> {
        let mut report = Report::default();
        self.extend(parse(yaml)?, &mut report);
        Ok(report)
    }

    /// Reads entries that come over the API, as [`Catalogue::extend_from_yaml`] reads a file, but adds
    /// nothing: they are to be stored first. Where they are not trusted as a file is: plain HTTP goes no
    /// further than opened ranges, and a base URL without placeholders must be one that `policy` lets
    /// requests reach.
    ///
    /// An entry that names itself as its `alias` says what differs from the one of `behind`.
    ///
    /// Returns those that can be used, and those that cannot.
    #[must_use]
    pub fn adopt(
        &self,
        entries: &IndexMap<String, Value>,
        behind: &Self,
        policy: &Policy,
    ) -> (Vec<Adopted>, Vec<Skipped>) {
        let (mut adopted, mut skipped) = (Vec::new(), Vec::new());
        for name in entries.keys() {
            match self.adopt_one(name, entries, behind, policy) {
                Ok(one) => adopted.push(one),
                Err(reason) => skipped.push(Skipped { name: name.clone(), reason }),
            }
        }
        (adopted, skipped)
    }

    fn adopt_one(
        &self,
        name: &str,
        entries: &IndexMap<String, Value>,
        behind: &Self,
        policy: &Policy,
    ) -> Result<Adopted, Unusable> {
        let entry = self.resolve(name, entries, behind)?;
        if serde_json::to_string(&entry).map_or(true, |text| text.len() > MAX_ENTRY) {
            return Err(Unusable::new("template", format!("it is larger than {MAX_ENTRY} bytes")));
        }
        if let Some(key) = link::unusable(&entry).next() {
            return Err(Unusable::new(key, "expected an http or https address"));
        }
        let (provider, notes) = Provider::read(name, &entry, Cleartext::OpenedOnly)?;
        let base_url = entry.get("proxy").and_then(|proxy| proxy.get("base_url"));
        if let Some(base_url) = base_url.and_then(Value::as_str)
            && !base_url.is_empty()
            && provider.base_url.as_ref().is_some_and(BaseUrl::is_fixed)
        {
            Base::fixed(base_url, policy)
                .map_err(|problem| Unusable::new("proxy.base_url", problem))?;
        }
        Ok(Adopted { entry, provider: Arc::new(provider), notes })
    }

    /// Adds an entry that was adopted and stored. One of the same name is replaced.
    ///
    /// # Errors
    /// When it can no longer be used; the catalogue is then as before.
    pub fn insert_adopted(
        &mut self,
        name: &str,
        entry: &Map<String, Value>,
    ) -> Result<(), Unusable> {
        let (provider, _) = Provider::read(name, entry, Cleartext::OpenedOnly)?;
        self.providers.insert(name.to_owned(), Arc::new(provider));
        Ok(())
    }

    /// Takes a provider away, if there is one of that name.
    pub fn remove(&mut self, name: &str) {
        self.providers.shift_remove(name);
    }

    /// The provider of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.get(name)
    }

    /// All providers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Provider>> {
        self.providers.values()
    }

    /// How many providers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.providers.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    fn extend(&mut self, entries: IndexMap<String, Value>, report: &mut Report) {
        for name in entries.keys() {
            let mut taken = None;
            let read = self.resolve(name, &entries, self).and_then(|mut entry| {
                taken = self.providers.get(name).and_then(|old| take_check(&mut entry, old));
                Provider::read(name, &entry, Cleartext::Anywhere)
            });
            match read {
                Ok((provider, mut notes)) => {
                    notes.extend(taken);
                    let replaced =
                        self.providers.insert(name.clone(), Arc::new(provider)).is_some();
                    report.loaded.push(Loaded { name: name.clone(), replaced, notes });
                }
                Err(reason) => report.skipped.push(Skipped { name: name.clone(), reason }),
            }
        }
    }

    /// Follows `alias`: the named template, with this entry's own top-level keys over it. An entry that
    /// names itself means the one of `behind` whose place it takes.
    fn resolve(
        &self,
        name: &str,
        entries: &IndexMap<String, Value>,
        behind: &Self,
    ) -> Result<Map<String, Value>, Unusable> {
        let mut layers = Vec::new();
        let mut next = name.to_owned();
        let mut own_name = false;
        loop {
            if layers.len() > 8 {
                return Err(Unusable::new(
                    "alias",
                    "it leads through too many others, or in a circle",
                ));
            }
            let layer = match entries.get(&next).filter(|_| !own_name) {
                Some(Value::Object(entry)) => entry.clone(),
                Some(_) => return Err(Unusable::new("template", "expected a map")),
                None => match if own_name { behind } else { self }
                    .providers
                    .get(&next)
                    .map(|provider| &provider.template)
                {
                    Some(Value::Object(template)) => template.clone(),
                    _ => {
                        return Err(Unusable::new(
                            "alias",
                            format!("there is no provider `{next}`"),
                        ));
                    }
                },
            };
            let alias = match layer.get("alias") {
                None | Some(Value::Null) => None,
                Some(Value::String(alias)) => Some(alias.clone()),
                Some(_) => return Err(Unusable::new("alias", "expected the name of a provider")),
            };
            layers.push(layer);
            match alias {
                Some(alias) => {
                    own_name = alias == next;
                    next = alias;
                }
                None => break,
            }
        }
        let mut entry = Map::new();
        for layer in layers.into_iter().rev() {
            entry.extend(layer);
        }
        entry.shift_remove("alias");
        Ok(entry)
    }
}

/// Gives an entry that has no check that of the provider whose place it takes, where both ask the same host
/// for the same kind of credential; and says so, or why not. An entry that wants none says
/// `verification: null`.
fn take_check(entry: &mut Map<String, Value>, old: &Provider) -> Option<String> {
    old.check.as_ref()?;
    let of = |template: &Value, key: &str| template.pointer(&format!("/proxy/{key}")).cloned();
    let mut check = of(&old.template, "verification")?;
    let old_base = of(&old.template, "base_url")?;
    let same_mode = entry.get("auth_mode") == old.template.get("auth_mode");
    let proxy = entry.get_mut("proxy").and_then(Value::as_object_mut)?;
    if proxy.contains_key("verification") {
        return None;
    }
    let base = proxy.get("base_url").cloned().unwrap_or_default();
    if !same_mode || origin(&base) != origin(&old_base) {
        return Some(
            "it has no check, and that of the provider whose place it takes is for another address or mode: \
             credentials are stored unchecked"
                .to_owned(),
        );
    }
    // The check's paths are below the old base URL.
    if let Some(check) = check.as_object_mut()
        && base != old_base
    {
        check.entry("base_url_override").or_insert(old_base);
    }
    proxy.insert("verification".to_owned(), check);
    Some("it has no check, and takes that of the provider whose place it takes".to_owned())
}

/// The scheme, host and port of a base URL as it is written, placeholders and all.
fn origin(base: &Value) -> Option<&str> {
    let base = base.as_str()?;
    let after = base.find("://").map_or(0, |at| at + 3);
    let end = base.get(after..)?.find('/').map_or(base.len(), |at| after + at);
    base.get(..end)
}

/// Reads the YAML of a catalogue file: a map from names to templates, or of one template: a map of its
/// keys. Empty files are empty catalogues.
///
/// # Errors
/// When it is not YAML, is something else than a map, or has more than a million nodes (aliases counted
/// as often as they are used) or 64 levels.
pub fn parse(yaml: &str) -> Result<IndexMap<String, Value>, CatalogueError> {
    let options = serde_saphyr::options! {
        // YAML 1.2: only `true` and `false` are booleans, `no` is Norway.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        // Room for a thousand providers and more; far below what would hurt.
        budget: serde_saphyr::budget! {
            max_nodes: 1_000_000,
            max_events: 4_000_000,
            max_depth: 64,
        },
    };
    let value: Value = serde_saphyr::from_str_with_options(yaml, options)
        .map_err(|error| CatalogueError::Yaml(error.to_string()))?;
    match value {
        Value::Object(entries) => Ok(entries.into_iter().collect()),
        Value::Null => Ok(IndexMap::new()),
        Value::Array(_) => Err(CatalogueError::NotAMap("a list")),
        Value::String(_) => Err(CatalogueError::NotAMap("a text")),
        Value::Bool(_) | Value::Number(_) => Err(CatalogueError::NotAMap("a single value")),
    }
}

impl Report {
    /// Gives the reason why an entry was skipped, by name.
    #[must_use]
    pub fn skipped_by_name(&self) -> HashMap<&str, &Unusable> {
        self.skipped.iter().map(|skipped| (skipped.name.as_str(), &skipped.reason)).collect()
    }
}
