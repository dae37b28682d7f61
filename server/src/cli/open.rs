//! Opening what the settings name: catalogue, vault and store.

use std::sync::Arc;

use keyslot_providers::Catalogue;

use super::{config::Settings, error::StartupError};
use crate::{
    database::Database,
    private_file,
    store::{Store, postgres::PostgresStore, sqlite::SqliteStore},
    vault::Vault,
};

pub(super) fn catalogue(settings: &Settings) -> Result<Catalogue, StartupError> {
    let (catalogue, reports) = settings.catalogue()?;
    let providers: usize = reports.iter().map(|(_, report)| report.skipped.len()).sum();
    if providers > 0 {
        tracing::warn!(
            providers,
            "entries of the catalogue cannot be used; `keyslot-server check` with the same --catalog lists them"
        );
    }
    Ok(catalogue)
}

pub(super) fn vault(settings: &Settings) -> Result<Vault, StartupError> {
    private_file::directory(&settings.data_dir)
        .map_err(|error| StartupError::because(&settings.data_dir.display().to_string(), error))?;
    Vault::new(&settings.key_ring()?)
        .map_err(|error| StartupError::because("encryption keys", error))
}

pub(super) async fn store(settings: &Settings) -> Result<Arc<dyn Store>, StartupError> {
    Ok(match settings.database()? {
        Database::Sqlite(path) => Arc::new(
            SqliteStore::open_committing(&path, settings.writes_per_commit)
                .map_err(|error| StartupError::because(&path.display().to_string(), error))?,
        ),
        Database::Postgres(url) => Arc::new(
            PostgresStore::open(&url, settings.database_ca.as_deref())
                .await
                .map_err(|error| StartupError::because("--database", error))?,
        ),
    })
}
