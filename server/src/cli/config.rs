//! The settings: where to listen, where to keep what, and what to trust, by options and environment
//! variables.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use ipnet::IpNet;
use keyslot_providers::{Catalogue, Report};
use secrecy::SecretString;
use url::Url;

use super::error::StartupError;
use crate::{
    audit::AuditMode, database::Database, keyring::KeyRing, limits::Rates, listener::Bounds,
    store::sqlite::WRITES_PER_COMMIT,
};

/// Where `--dev` keeps the encryption key that it makes.
const DEV_KEYS: &str = "encryption.keys";
/// The fewest characters of the token for the metrics.
const METRICS_TOKEN_MIN: usize = 16;

/// Where to listen, where to keep what, and what to trust.
#[derive(Args, Clone)]
pub(super) struct Settings {
    /// Where to listen; port 0 takes any free one.
    #[arg(
        long,
        env = "KEYSLOT_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:3003"
    )]
    pub(super) listen: SocketAddr,
    /// Where the database and, with --dev, the keys are kept.
    #[arg(long, env = "KEYSLOT_DATA_DIR", value_name = "DIR", default_value = ".keyslot")]
    pub(super) data_dir: PathBuf,
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE. Without it, keyslot.db
    /// in the data directory.
    #[arg(long, env = "KEYSLOT_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub(super) database: Option<String>,
    /// A PEM file with the certificates that the PostgreSQL server's may come from, instead of the
    /// public authorities.
    #[arg(long, env = "KEYSLOT_DATABASE_CA", value_name = "FILE")]
    pub(super) database_ca: Option<PathBuf>,
    /// A file with the encryption keys, in the form of KEYSLOT_ENCRYPTION_KEYS:
    /// id:base64[,id:base64…], each of 32 bytes. The first one seals, all of them open.
    #[arg(long, value_name = "FILE")]
    pub(super) encryption_key_file: Option<PathBuf>,
    /// Where clients reach this server; a path in it is the base path. Without it, the address that is
    /// listened on.
    #[arg(long, env = "KEYSLOT_PUBLIC_URL", value_name = "URL")]
    pub(super) public_url: Option<Url>,
    /// A file with further providers, or a folder of such files. May be repeated.
    #[arg(long, env = "KEYSLOT_CATALOG", value_name = "PATH", value_delimiter = ',')]
    pub(super) catalog: Vec<PathBuf>,
    /// An address range that providers may be at although it is not public, for APIs on the premises.
    /// May be repeated.
    #[arg(long, env = "KEYSLOT_ALLOW_NETS", value_name = "CIDR", value_delimiter = ',')]
    pub(super) allow_net: Vec<IpNet>,
    /// An address range of the proxies in front of this server, whose X-Forwarded-For says where a
    /// request comes from. May be repeated. Without it, the other end of the connection counts.
    #[arg(long, env = "KEYSLOT_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub(super) trusted_proxies: Vec<IpNet>,
    /// Requests a minute that one secret key may make; 0 for no limit.
    #[arg(long, env = "KEYSLOT_RATE_LIMIT_KEY", value_name = "N", default_value_t = Rates::default().secret_key)]
    pub(super) rate_limit_key: u32,
    /// Requests a minute that one connect session may make; 0 for no limit.
    #[arg(long, env = "KEYSLOT_RATE_LIMIT_SESSION", value_name = "N", default_value_t = Rates::default().session)]
    pub(super) rate_limit_session: u32,
    /// Requests a minute that may come from one address without a valid secret key or session; one with
    /// an invalid token counts ten times. 0 for no limit.
    #[arg(long, env = "KEYSLOT_RATE_LIMIT_ADDRESS", value_name = "N", default_value_t = Rates::default().address)]
    pub(super) rate_limit_address: u32,
    /// Credentials that one connect session may bring within half an hour and that the provider does
    /// not accept; 0 for no limit.
    #[arg(long, env = "KEYSLOT_FAILURES_SESSION", value_name = "N", default_value_t = Rates::default().session_failures)]
    pub(super) failures_session: u32,
    /// The same within an hour for one address.
    #[arg(long, env = "KEYSLOT_FAILURES_ADDRESS", value_name = "N", default_value_t = Rates::default().address_failures)]
    pub(super) failures_address: u32,
    /// Connections that may be open from one address, an IPv6 network (/64) being one; as many again are
    /// taken that have a second for each step, the rest is closed. Proxies that --trusted-proxies names
    /// have no limit. 0 for none at all.
    #[arg(long, env = "KEYSLOT_CONNECTIONS_ADDRESS", value_name = "N", default_value_t = Bounds::default().per_address)]
    pub(super) connections_address: usize,
    /// Whether a secret is handed out before or after it is on disk that it was: batched or strict.
    #[arg(long, env = "KEYSLOT_AUDIT", value_name = "MODE", value_enum, default_value_t)]
    pub(super) audit: AuditMode,
    /// For how many days audit events are kept; older ones are removed. Without it, for ever.
    #[arg(long, env = "KEYSLOT_AUDIT_KEEP", value_name = "DAYS",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) audit_keep: Option<u16>,
    /// With SQLite, the most writes that share one commit, and so one flush of the disk. More is faster under
    /// load; 1 gives each its own.
    #[arg(long, env = "KEYSLOT_WRITES_PER_COMMIT", value_name = "N", default_value_t = WRITES_PER_COMMIT,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) writes_per_commit: u16,
    /// A file with the token that GET /metrics asks for as a bearer token; or the token itself in
    /// KEYSLOT_METRICS_TOKEN. Without one, only programs on this machine may read it.
    #[arg(long, value_name = "FILE")]
    pub(super) metrics_token_file: Option<PathBuf>,
    /// The base address of an OpenTelemetry collector: each request is told to it, by OTLP over HTTP.
    /// Without it, nothing is.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", hide_env_values = true)]
    pub(super) otlp: Option<Url>,
    /// For a first look: makes an encryption key and a secret key, adds demo integrations and a demo
    /// API, and listens on loopback only.
    #[arg(long)]
    pub(super) dev: bool,
}

impl Settings {
    /// The key ring; with `--dev` and none given, the one in the data directory, made when missing.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(super) fn key_ring(&self) -> Result<KeyRing, StartupError> {
        let from_environment =
            std::env::var("KEYSLOT_ENCRYPTION_KEYS").ok().filter(|text| !text.is_empty());
        let ring = match (&self.encryption_key_file, from_environment) {
            (Some(_), Some(_)) => {
                return Err(StartupError(
                    "both --encryption-key-file and KEYSLOT_ENCRYPTION_KEYS are set; use one of them".into(),
                ));
            }
            (Some(file), None) => KeyRing::from_file(file),
            (None, Some(text)) => KeyRing::parse(&text),
            (None, None) if self.dev => KeyRing::from_file_or_new(
                &self.data_dir.join(DEV_KEYS),
            )
            .map(|(ring, made)| {
                if made {
                    tracing::warn!(
                        "made an encryption key in the data directory; it is for development only"
                    );
                }
                ring
            }),
            (None, None) => {
                return Err(StartupError(
                    "there is no encryption key, and without one nothing is stored. Set KEYSLOT_ENCRYPTION_KEYS to \
                     k1:$(openssl rand -base64 32) and keep it safe: losing it is losing the credentials. \
                     For a first look, start with --dev"
                        .into(),
                ));
            }
        };
        ring.map_err(|error| StartupError(error.to_string()))
    }

    /// How many encryption keys there are, without making one.
    pub(super) fn key_count(&self) -> Result<String, StartupError> {
        let given = self.encryption_key_file.is_some()
            || std::env::var("KEYSLOT_ENCRYPTION_KEYS").is_ok_and(|text| !text.is_empty());
        if self.dev && !given && !self.data_dir.join(DEV_KEYS).exists() {
            return Ok("one is made at the start".to_owned());
        }
        self.key_ring().map(|ring| ring.0.len().to_string())
    }

    /// The public URL, where one is set.
    ///
    /// # Errors
    /// When it is no http or https URL.
    pub(super) fn public_url(&self) -> Result<Option<&Url>, StartupError> {
        match &self.public_url {
            Some(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                Err(StartupError("--public-url: expected an http or https URL".into()))
            }
            url => Ok(url.as_ref()),
        }
    }

    /// What `/metrics` asks for.
    ///
    /// # Errors
    /// When there are two, or the one is short or cannot be read.
    pub(super) fn metrics_token(&self) -> Result<Option<SecretString>, StartupError> {
        let variable = std::env::var("KEYSLOT_METRICS_TOKEN").ok().filter(|t| !t.is_empty());
        let token = match (&self.metrics_token_file, variable) {
            (Some(_), Some(_)) => {
                return Err(StartupError(
                    "both --metrics-token-file and KEYSLOT_METRICS_TOKEN are set; use one of them"
                        .into(),
                ));
            }
            (Some(file), None) => std::fs::read_to_string(file)
                .map_err(|error| StartupError::because(&file.display().to_string(), error))?,
            (None, Some(token)) => token,
            (None, None) => return Ok(None),
        };
        let token = token.trim();
        if token.len() < METRICS_TOKEN_MIN || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(StartupError(format!(
                "the token for the metrics: expected at least {METRICS_TOKEN_MIN} visible characters"
            )));
        }
        Ok(Some(token.into()))
    }

    /// How much somebody may ask for.
    pub(super) fn rates(&self) -> Rates {
        Rates {
            secret_key: self.rate_limit_key,
            session: self.rate_limit_session,
            address: self.rate_limit_address,
            session_failures: self.failures_session,
            address_failures: self.failures_address,
            trusted_proxies: self.trusted_proxies.clone(),
        }
    }

    /// Where everything is kept.
    ///
    /// # Errors
    /// When the URL is for something else.
    pub(super) fn database(&self) -> Result<Database, StartupError> {
        match &self.database {
            None => Ok(Database::Sqlite(self.data_dir.join("keyslot.db"))),
            Some(url) => named("--database", url),
        }
    }

    /// The built-in catalogue and what `--catalog` adds.
    ///
    /// # Errors
    /// When a path cannot be read or a file is not YAML at all. Single unusable providers are in the
    /// reports.
    pub(super) fn catalogue(&self) -> Result<(Catalogue, Vec<(String, Report)>), StartupError> {
        let (mut catalogue, report) = Catalogue::embedded_with_report();
        let mut reports = vec![("built in".to_owned(), report)];
        for path in self.catalog.iter().flat_map(|path| yaml_files(path)) {
            let path = path?;
            let name = path.display().to_string();
            let yaml = std::fs::read_to_string(&path)
                .map_err(|error| StartupError::because(&name, error))?;
            let report = catalogue
                .extend_from_yaml(&yaml)
                .map_err(|error| StartupError::because(&name, error))?;
            reports.push((name, report));
        }
        Ok((catalogue, reports))
    }
}

/// The file itself, or the YAML files of a folder in the order of their names.
fn yaml_files(path: &Path) -> Vec<Result<PathBuf, StartupError>> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return vec![Err(StartupError::because(&path.display().to_string(), error))],
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .collect();
    files.sort();
    files.into_iter().map(Ok).collect()
}

/// The database that an option names.
pub(super) fn named(option: &str, url: &str) -> Result<Database, StartupError> {
    // The rest of the URL may hold a password: name only what was expected.
    Database::parse(url).ok_or_else(|| {
        StartupError(format!(
            "{option}: expected sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE"
        ))
    })
}
