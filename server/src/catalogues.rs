//! The providers that an environment has: those of the catalogue, and over them its own, which came over
//! the API and are in the store.
//!
//! Requests read a copy in memory. What another server of the same database stores is seen within
//! [`EVERY`]: each change counts up a number of its environment, and a copy with an older one is read anew.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use keyslot_providers::Catalogue;

use crate::store::{Store, StoreError};

/// How often the store is asked whether another server changed something.
pub const EVERY: Duration = Duration::from_secs(1);
/// How many providers of its own an environment may have. Each is held in memory by each server.
pub const OWN_MAX: usize = 1000;

/// The catalogues of all environments.
pub struct Catalogues {
    shared: Arc<Catalogue>,
    own: RwLock<HashMap<String, Arc<Own>>>,
}

struct Own {
    version: i64,
    catalogue: Arc<Catalogue>,
    names: HashSet<String>,
}

impl Catalogues {
    /// Starts with the catalogue that every environment has; [`Catalogues::refresh`] adds the rest.
    pub fn new(shared: Catalogue) -> Self {
        Self { shared: Arc::new(shared), own: RwLock::default() }
    }

    /// What every environment has.
    pub fn shared(&self) -> &Catalogue {
        &self.shared
    }

    /// What this environment has.
    pub fn of(&self, environment: &str) -> Arc<Catalogue> {
        self.own_of(environment)
            .map_or_else(|| Arc::clone(&self.shared), |own| Arc::clone(&own.catalogue))
    }

    /// Whether a provider is the environment's own.
    pub fn is_own(&self, environment: &str, name: &str) -> bool {
        self.own_of(environment).is_some_and(|own| own.names.contains(name))
    }

    /// How many providers of its own the environment has.
    pub fn own_count(&self, environment: &str) -> usize {
        self.own_of(environment).map_or(0, |own| own.names.len())
    }

    fn own_of(&self, environment: &str) -> Option<Arc<Own>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner).get(environment).map(Arc::clone)
    }

    /// Reads anew what has changed in the store.
    ///
    /// # Errors
    /// What the store says; the copies are as before then.
    pub async fn refresh(&self, store: &dyn Store) -> Result<(), StoreError> {
        for (environment, version) in store.catalogue_versions().await? {
            let known = self.own_of(&environment).map_or(0, |own| own.version);
            if version > known {
                let own = self.read(store, &environment, version).await?;
                let mut all = self.own.write().unwrap_or_else(PoisonError::into_inner);
                // Another call may have been quicker and read something newer.
                if all.get(&environment).is_none_or(|known| known.version < version) {
                    all.insert(environment, Arc::new(own));
                }
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        store: &dyn Store,
        environment: &str,
        version: i64,
    ) -> Result<Own, StoreError> {
        let mut catalogue = Catalogue::clone(&self.shared);
        let mut names = HashSet::new();
        for own in store.own_providers(environment).await? {
            // It could be used when it was stored; this server may be an older one.
            if let Err(why) = catalogue.insert_adopted(&own.name, &own.template) {
                tracing::warn!(environment, provider = own.name, %why, "a provider cannot be used");
                catalogue.remove(&own.name);
            }
            names.insert(own.name);
        }
        Ok(Own { version, catalogue: Arc::new(catalogue), names })
    }
}
