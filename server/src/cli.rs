//! The command line and what its options mean. A contract: scripts rely on it, and each option has an
//! environment variable.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use ipnet::IpNet;
use keyslot_providers::{Catalogue, Report};
use url::Url;

use crate::{keyring::KeyRing, logging, openapi, serve};

/// The Keyslot backend: hands out connect sessions, checks the credentials that end users type, keeps
/// them sealed, and gives them to the backends that hold a secret key.
#[derive(Parser)]
#[command(name = "keyslot-server", version, about, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, the widget's files and, with --dev, the demo. The default.
    Serve(Settings),
    /// Put every stored record under the first encryption key. Can be stopped and started again at any
    /// time; when it is done, the older keys may be removed.
    RotateKeys(Settings),
    /// Check the settings and the catalogue, and print the providers. Nothing is started or changed.
    Check(Settings),
    /// Print the API document (OpenAPI 3.1) as JSON.
    Openapi,
}

/// Where to listen, where to keep what, and what to trust.
#[derive(Args, Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes any free one.
    #[arg(
        long,
        env = "KEYSLOT_LISTEN",
        value_name = "ADDR:PORT",
        default_value = "127.0.0.1:3003"
    )]
    pub listen: SocketAddr,
    /// Where the database and, with --dev, the keys are kept.
    #[arg(long, env = "KEYSLOT_DATA_DIR", value_name = "DIR", default_value = ".keyslot")]
    pub data_dir: PathBuf,
    /// The database: sqlite:PATH. Without it, keyslot.db in the data directory.
    #[arg(long, env = "KEYSLOT_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// A file with the encryption keys, in the form of KEYSLOT_ENCRYPTION_KEYS:
    /// id:base64[,id:base64…], each of 32 bytes. The first one seals, all of them open.
    #[arg(long, value_name = "FILE")]
    pub encryption_key_file: Option<PathBuf>,
    /// Where clients reach this server; a path in it is the base path. Without it, the address that is
    /// listened on.
    #[arg(long, env = "KEYSLOT_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<Url>,
    /// A file with further providers, or a folder of such files. May be repeated.
    #[arg(long, env = "KEYSLOT_CATALOG", value_name = "PATH", value_delimiter = ',')]
    pub catalog: Vec<PathBuf>,
    /// An address range that providers may be at although it is not public, for APIs on the premises.
    /// May be repeated.
    #[arg(long, env = "KEYSLOT_ALLOW_NETS", value_name = "CIDR", value_delimiter = ',')]
    pub allow_net: Vec<IpNet>,
    /// For a first look: makes an encryption key and a secret key, adds demo integrations and a demo
    /// API, and listens on loopback only.
    #[arg(long)]
    pub dev: bool,
}

/// Why the server did not start or a command did not finish; a sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// A refusal that says `what` failed and why.
    pub fn because(what: &str, why: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {why}"))
    }
}

/// Runs the command of this process.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    logging::start();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&Refusal::because("cannot start", error)),
    };
    let outcome = match cli.command {
        None => runtime.block_on(serve::serve(cli.serve)),
        Some(Command::Serve(settings)) => runtime.block_on(serve::serve(settings)),
        Some(Command::RotateKeys(settings)) => runtime.block_on(serve::rotate_keys(settings)),
        Some(Command::Check(settings)) => check(&settings),
        Some(Command::Openapi) => print_openapi(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => complain(&refusal),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the last word to the operator, also when the log is filtered"
)]
fn complain(refusal: &Refusal) -> ExitCode {
    eprintln!("keyslot-server: {refusal}");
    ExitCode::FAILURE
}

impl Settings {
    /// The key ring; with `--dev` and none given, the one in the data directory, made when missing.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn key_ring(&self) -> Result<KeyRing, Refusal> {
        let from_environment =
            std::env::var("KEYSLOT_ENCRYPTION_KEYS").ok().filter(|text| !text.is_empty());
        let ring = match (&self.encryption_key_file, from_environment) {
            (Some(_), Some(_)) => {
                return Err(Refusal(
                    "both --encryption-key-file and KEYSLOT_ENCRYPTION_KEYS are set; use one of them".into(),
                ));
            }
            (Some(file), None) => KeyRing::from_file(file),
            (None, Some(text)) => KeyRing::parse(&text),
            (None, None) if self.dev => KeyRing::from_file_or_new(
                &self.data_dir.join("encryption.keys"),
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
                return Err(Refusal(
                    "there is no encryption key, and without one nothing is stored. Set KEYSLOT_ENCRYPTION_KEYS to \
                     k1:$(openssl rand -base64 32) and keep it safe: losing it is losing the credentials. \
                     For a first look, start with --dev"
                        .into(),
                ));
            }
        };
        ring.map_err(|error| Refusal(error.to_string()))
    }

    /// The path of the SQLite file.
    ///
    /// # Errors
    /// When the URL is for something else.
    pub fn sqlite_path(&self) -> Result<PathBuf, Refusal> {
        match self.database.as_deref() {
            None => Ok(self.data_dir.join("keyslot.db")),
            Some(url) => match url.strip_prefix("sqlite:") {
                Some(path) if !path.trim_start_matches('/').is_empty() => {
                    Ok(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
                }
                // The rest of the URL may hold a password: name only what was expected.
                _ => Err(Refusal("--database: expected sqlite:PATH".into())),
            },
        }
    }

    /// The built-in catalogue and what `--catalog` adds.
    ///
    /// # Errors
    /// When a path cannot be read or a file is not YAML at all. Single unusable providers are in the
    /// reports.
    pub fn catalogue(&self) -> Result<(Catalogue, Vec<(String, Report)>), Refusal> {
        let (mut catalogue, report) = Catalogue::embedded_with_report();
        let mut reports = vec![("built in".to_owned(), report)];
        for path in self.catalog.iter().flat_map(|path| yaml_files(path)) {
            let path = path?;
            let name = path.display().to_string();
            let yaml =
                std::fs::read_to_string(&path).map_err(|error| Refusal::because(&name, error))?;
            let report = catalogue
                .extend_from_yaml(&yaml)
                .map_err(|error| Refusal::because(&name, error))?;
            reports.push((name, report));
        }
        Ok((catalogue, reports))
    }
}

/// The file itself, or the YAML files of a folder in the order of their names.
fn yaml_files(path: &Path) -> Vec<Result<PathBuf, Refusal>> {
    if !path.is_dir() {
        return vec![Ok(path.to_owned())];
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => return vec![Err(Refusal::because(&path.display().to_string(), error))],
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml" || e == "yml"))
        .collect();
    files.sort();
    files.into_iter().map(Ok).collect()
}

#[expect(clippy::print_stdout, reason = "the document is what was asked for")]
fn print_openapi() -> Result<(), Refusal> {
    print!("{}", openapi::text().map_err(Refusal)?);
    Ok(())
}

/// Prints the catalogue and what of it cannot be used.
#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
fn check(settings: &Settings) -> Result<(), Refusal> {
    let (catalogue, reports) = settings.catalogue()?;
    println!("{:<32} {:<8} {:<34} CHECK", "PROVIDER", "MODE", "NAME");
    for provider in catalogue.iter() {
        let check = provider.check.as_ref().map_or_else(
            || "none: stored unverified".to_owned(),
            |check| {
                format!("{} {}", check.method, check.endpoints.first().map_or("", |e| e.source()))
            },
        );
        println!(
            "{:<32} {:<8} {:<34} {check}",
            provider.name,
            provider.auth_mode.as_str(),
            provider.display_name
        );
    }
    let mut unusable = 0;
    for (origin, report) in &reports {
        for skipped in &report.skipped {
            unusable += 1;
            println!("not usable: {} ({origin}): {}", skipped.name, skipped.reason);
        }
    }
    println!("{} providers, {unusable} not usable", catalogue.len());
    let keys = settings.key_ring().map(|ring| ring.0.len());
    match keys {
        Ok(keys) => println!("encryption keys: {keys}"),
        Err(refusal) => println!("encryption keys: {refusal}"),
    }
    Ok(())
}
