//! The catalogue: loading provider templates and finding them by name.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use keyslot_egress::Cleartext;
use rust_embed::RustEmbed;
use serde_json::{Map, Value};

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
            let read = self
                .resolve(name, &entries)
                .and_then(|entry| Provider::read(name, &entry, Cleartext::Anywhere));
            match read {
                Ok((provider, notes)) => {
                    let replaced =
                        self.providers.insert(name.clone(), Arc::new(provider)).is_some();
                    report.loaded.push(Loaded { name: name.clone(), replaced, notes });
                }
                Err(reason) => report.skipped.push(Skipped { name: name.clone(), reason }),
            }
        }
    }

    /// Follows `alias`: the named template, with this entry's own top-level keys over it.
    fn resolve(
        &self,
        name: &str,
        entries: &IndexMap<String, Value>,
    ) -> Result<Map<String, Value>, Unusable> {
        let mut layers = Vec::new();
        let mut next = name.to_owned();
        loop {
            if layers.len() > 8 {
                return Err(Unusable::new(
                    "alias",
                    "it leads through too many others, or in a circle",
                ));
            }
            let layer = match entries.get(&next) {
                Some(Value::Object(entry)) => entry.clone(),
                Some(_) => return Err(Unusable::new("template", "expected a map")),
                None => match self.providers.get(&next).map(|provider| &provider.template) {
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
                Some(alias) => next = alias,
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

/// Reads the YAML of a catalogue file. Empty files are empty catalogues.
fn parse(yaml: &str) -> Result<IndexMap<String, Value>, CatalogueError> {
    let options = serde_saphyr::options! {
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
