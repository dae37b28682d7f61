//! Which database.

use std::path::PathBuf;

/// A database, as `--database` names it.
pub enum Database {
    /// One file.
    Sqlite(PathBuf),
    /// The URL of a PostgreSQL database. It may hold a password, so it is never shown.
    Postgres(String),
}

impl Database {
    /// What a URL names; nothing when it names something else.
    pub fn parse(url: &str) -> Option<Self> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Some(Self::Postgres(url.to_owned()));
        }
        let path = url.strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        (!path.trim_start_matches('/').is_empty()).then(|| Self::Sqlite(PathBuf::from(path)))
    }
}
