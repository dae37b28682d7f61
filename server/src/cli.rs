//! The command line and what its options mean. A contract: scripts rely on it, and each option has an
//! environment variable.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use ipnet::IpNet;
use keyslot_providers::{Catalogue, Report};
use secrecy::SecretString;
use url::Url;

use crate::{
    audit::AuditMode,
    environments,
    hardening::Hardening,
    keyring::KeyRing,
    keys,
    limits::Rates,
    listener::Bounds,
    logging,
    model::Role,
    moving::{self, Source},
    openapi,
    secret_keys::{GRACE_DEFAULT, GRACE_MAX},
    serve,
    store::sqlite::WRITES_PER_COMMIT,
    vault::Vault,
};

/// Where `--dev` keeps the encryption key that it makes.
const DEV_KEYS: &str = "encryption.keys";
/// The fewest characters of the token for the metrics.
const METRICS_TOKEN_MIN: usize = 16;

/// The Keyslot backend: hands out connect sessions, checks the credentials that end users type, keeps
/// them sealed, and gives them to the backends that hold a secret key.
#[derive(Parser)]
#[command(name = "keyslot-server", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, the widget's files and, with --dev, the demo. The default.
    Serve,
    /// Put every stored record under the first encryption key. Can be stopped and started again at any
    /// time; when it is done, the older keys may be removed.
    RotateKeys,
    /// Make, list, rotate and revoke secret keys. With SQLite the server must be stopped meanwhile; the
    /// address /secret-keys does the same while it runs.
    Keys {
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Make, list, rename and delete environments. With SQLite the server must be stopped meanwhile; the
    /// address /environments does the same while it runs.
    Environments {
        #[command(subcommand)]
        action: EnvironmentAction,
    },
    /// Ask the server on this machine whether it can do its work, and exit with 0 if so. For health checks
    /// where there is no other program to ask with.
    IsReady,
    /// Write everything into one file, while servers may be running. It is a database of its own, complete
    /// and checked or not there at all, and needs the same encryption keys.
    Backup {
        /// The file to make; there must be none of this name.
        file: PathBuf,
    },
    /// Fill an empty database with everything from a file that `backup` made.
    Restore {
        /// The file.
        file: PathBuf,
    },
    /// Move everything from one database to another, empty one. Stop the servers first.
    Migrate {
        /// Where everything is: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE.
        #[arg(long, value_name = "URL")]
        from: String,
        /// Where it shall be.
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Check the settings and the catalogue, and print the providers. Nothing is started or changed. Exits
    /// with 1 when something is missing that the server needs to start.
    Check,
    /// Print the API document (OpenAPI 3.1) as JSON.
    Openapi,
}

/// What `environments` does.
#[derive(Subcommand)]
pub(crate) enum EnvironmentAction {
    /// Make one. Its first secret key comes from `keys create --environment NAME`.
    Create {
        /// Up to 64 of a-z, 0-9, - and _.
        name: String,
    },
    /// Print the names of all.
    List,
    /// Give another name to one that has no integrations.
    Rename {
        /// What it is called.
        from: String,
        /// What it shall be called.
        to: String,
    },
    /// Delete one that has no integrations, with its secret keys.
    Delete {
        /// Its name.
        name: String,
    },
}

/// What `keys` does.
#[derive(Subcommand)]
pub(crate) enum KeyAction {
    /// Make a key and print it: the only time that it is shown.
    Create {
        /// A name for people.
        #[arg(long)]
        name: String,
        /// The environment that it opens.
        #[arg(long, default_value = "dev")]
        environment: String,
        /// What it may do: full, read_only or sessions_only.
        #[arg(long, default_value = "full", value_parser = scope)]
        scope: Role,
    },
    /// Print the keys of an environment: id, scope, when made, last used and ending, name.
    List {
        /// The environment.
        #[arg(long, default_value = "dev")]
        environment: String,
    },
    /// Make a key in the place of another, which works on for a grace period, and print it.
    Rotate {
        /// The id of the other.
        id: String,
        /// The environment.
        #[arg(long, default_value = "dev")]
        environment: String,
        /// For how many seconds the other one works on; at most 30 days.
        #[arg(long, value_name = "SECONDS", default_value_t = GRACE_DEFAULT,
              value_parser = clap::value_parser!(u64).range(0..=GRACE_MAX))]
        grace: u64,
    },
    /// End a key at once.
    Revoke {
        /// Its id.
        id: String,
        /// The environment.
        #[arg(long, default_value = "dev")]
        environment: String,
    },
}

fn scope(word: &str) -> Result<Role, String> {
    Role::of(word)
        .ok_or_else(|| format!("expected one of {}", Role::ALL.map(Role::word).join(", ")))
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
    /// The database: sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE. Without it, keyslot.db
    /// in the data directory.
    #[arg(long, env = "KEYSLOT_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database: Option<String>,
    /// A PEM file with the certificates that the PostgreSQL server's may come from, instead of the
    /// public authorities.
    #[arg(long, env = "KEYSLOT_DATABASE_CA", value_name = "FILE")]
    pub database_ca: Option<PathBuf>,
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
    /// An address range of the proxies in front of this server, whose X-Forwarded-For says where a
    /// request comes from. May be repeated. Without it, the other end of the connection counts.
    #[arg(long, env = "KEYSLOT_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpNet>,
    /// Requests a minute that one secret key may make; 0 for no limit.
    #[arg(long, env = "KEYSLOT_RATE_LIMIT_KEY", value_name = "N", default_value_t = Rates::default().secret_key)]
    pub rate_limit_key: u32,
    /// Requests a minute that one connect session may make; 0 for no limit.
    #[arg(long, env = "KEYSLOT_RATE_LIMIT_SESSION", value_name = "N", default_value_t = Rates::default().session)]
    pub rate_limit_session: u32,
    /// Requests a minute that may come from one address without a valid secret key or session; one with
    /// an invalid token counts ten times. 0 for no limit.
    #[arg(long, env = "KEYSLOT_RATE_LIMIT_ADDRESS", value_name = "N", default_value_t = Rates::default().address)]
    pub rate_limit_address: u32,
    /// Credentials that one connect session may bring within half an hour and that the provider does
    /// not accept; 0 for no limit.
    #[arg(long, env = "KEYSLOT_FAILURES_SESSION", value_name = "N", default_value_t = Rates::default().session_failures)]
    pub failures_session: u32,
    /// The same within an hour for one address.
    #[arg(long, env = "KEYSLOT_FAILURES_ADDRESS", value_name = "N", default_value_t = Rates::default().address_failures)]
    pub failures_address: u32,
    /// Connections that may be open from one address, an IPv6 network (/64) being one; as many again are
    /// taken that have a second for each step, the rest is closed. Proxies that --trusted-proxies names
    /// have no limit. 0 for none at all.
    #[arg(long, env = "KEYSLOT_CONNECTIONS_ADDRESS", value_name = "N", default_value_t = Bounds::default().per_address)]
    pub connections_address: usize,
    /// Whether a secret is handed out before or after it is on disk that it was: batched or strict.
    #[arg(long, env = "KEYSLOT_AUDIT", value_name = "MODE", value_enum, default_value_t)]
    pub audit: AuditMode,
    /// For how many days audit events are kept; older ones are removed. Without it, for ever.
    #[arg(long, env = "KEYSLOT_AUDIT_KEEP", value_name = "DAYS",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub audit_keep: Option<u16>,
    /// With SQLite, the most writes that share one commit, and so one flush of the disk. More is faster under
    /// load; 1 gives each its own.
    #[arg(long, env = "KEYSLOT_WRITES_PER_COMMIT", value_name = "N", default_value_t = WRITES_PER_COMMIT,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub writes_per_commit: u16,
    /// A file with the token that GET /metrics asks for as a bearer token; or the token itself in
    /// KEYSLOT_METRICS_TOKEN. Without one, only programs on this machine may read it.
    #[arg(long, value_name = "FILE")]
    pub metrics_token_file: Option<PathBuf>,
    /// The base address of an OpenTelemetry collector: each request is told to it, by OTLP over HTTP.
    /// Without it, nothing is.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", hide_env_values = true)]
    pub otlp: Option<Url>,
    /// For a first look: makes an encryption key and a secret key, adds demo integrations and a demo
    /// API, and listens on loopback only.
    #[arg(long)]
    pub dev: bool,
}

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

/// What this process was started with. The settings may stand before a command and behind it.
fn parsed() -> Cli {
    let command = Cli::command().mut_args(|argument| argument.global(true));
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Runs the command of this process, and writes down how closing its memory went.
pub fn run(hardening: Option<Hardening>) -> ExitCode {
    let Cli { command, settings } = parsed();
    logging::start();
    if let Some(hardening) = hardening {
        hardening.log();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&Refusal::because("cannot start", error)),
    };
    let outcome = match command {
        None | Some(Command::Serve) => runtime.block_on(serve::serve(settings)),
        Some(Command::RotateKeys) => runtime.block_on(serve::rotate_keys(settings)),
        Some(Command::Check) => check(&settings),
        Some(Command::IsReady) => is_ready(settings.listen),
        Some(Command::Environments { action }) => {
            runtime.block_on(environments::run(action, &settings))
        }
        Some(Command::Keys { action }) => runtime.block_on(keys::run(action, &settings)),
        Some(Command::Backup { file }) => {
            let from = settings.database();
            let copy = from.map(|from| (from, Database::Sqlite(file)));
            runtime.block_on(copied(copy, &settings, Source::InUse))
        }
        Some(Command::Restore { file }) => {
            let copy = settings.database().map(|to| (Database::Sqlite(file), to));
            runtime.block_on(copied(copy, &settings, Source::InUse))
        }
        Some(Command::Migrate { from, to }) => {
            let copy = named("--from", &from).and_then(|from| Ok((from, named("--to", &to)?)));
            runtime.block_on(copied(copy, &settings, Source::AtRest))
        }
        Some(Command::Openapi) => print_openapi(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => complain(&refusal),
    }
}

/// Asks the server that listens on this port.
fn is_ready(listen: SocketAddr) -> Result<(), Refusal> {
    const PATIENCE: Duration = Duration::from_secs(4);
    let ask = || -> std::io::Result<String> {
        let own = match listen.ip() {
            ip if !ip.is_unspecified() => ip,
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let address = SocketAddr::new(own, listen.port());
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        write!(socket, "GET /ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer =
        ask().map_err(|error| Refusal::because(&format!("no answer on {listen}"), error))?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        other => Err(Refusal(format!("not ready: status {}", other.unwrap_or("unknown")))),
    }
}

/// The database that an option names.
fn named(option: &str, url: &str) -> Result<Database, Refusal> {
    // The rest of the URL may hold a password: name only what was expected.
    Database::parse(url).ok_or_else(|| {
        Refusal(format!(
            "{option}: expected sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE"
        ))
    })
}

async fn copied(
    databases: Result<(Database, Database), Refusal>,
    settings: &Settings,
    source: Source,
) -> Result<(), Refusal> {
    let (from, to) = databases?;
    let vault = Vault::new(&settings.key_ring()?)
        .map_err(|error| Refusal::because("encryption keys", error))?;
    moving::copy(from, to, settings.database_ca.as_deref(), source, vault).await
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

    /// How many encryption keys there are, without making one.
    fn key_count(&self) -> Result<String, Refusal> {
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
    pub fn public_url(&self) -> Result<Option<&Url>, Refusal> {
        match &self.public_url {
            Some(url) if !matches!(url.scheme(), "http" | "https") || !url.has_host() => {
                Err(Refusal("--public-url: expected an http or https URL".into()))
            }
            url => Ok(url.as_ref()),
        }
    }

    /// What `/metrics` asks for.
    ///
    /// # Errors
    /// When there are two, or the one is short or cannot be read.
    pub fn metrics_token(&self) -> Result<Option<SecretString>, Refusal> {
        let variable = std::env::var("KEYSLOT_METRICS_TOKEN").ok().filter(|t| !t.is_empty());
        let token = match (&self.metrics_token_file, variable) {
            (Some(_), Some(_)) => {
                return Err(Refusal(
                    "both --metrics-token-file and KEYSLOT_METRICS_TOKEN are set; use one of them"
                        .into(),
                ));
            }
            (Some(file), None) => std::fs::read_to_string(file)
                .map_err(|error| Refusal::because(&file.display().to_string(), error))?,
            (None, Some(token)) => token,
            (None, None) => return Ok(None),
        };
        let token = token.trim();
        if token.len() < METRICS_TOKEN_MIN || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Refusal(format!(
                "the token for the metrics: expected at least {METRICS_TOKEN_MIN} visible characters"
            )));
        }
        Ok(Some(token.into()))
    }

    /// How much somebody may ask for.
    pub fn rates(&self) -> Rates {
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
    pub fn database(&self) -> Result<Database, Refusal> {
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
            || "none: stored unchecked".to_owned(),
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
        for loaded in &report.loaded {
            for note in &loaded.notes {
                println!("note: {} ({origin}): {note}", loaded.name);
            }
        }
    }
    println!("{} providers, {unusable} not usable", catalogue.len());
    let mut missing = Vec::new();
    match settings.key_count() {
        Ok(keys) => println!("encryption keys: {keys}"),
        Err(refusal) => missing.push(("encryption keys", refusal)),
    }
    let others = [
        ("database", settings.database().map(drop)),
        ("public URL", settings.public_url().map(drop)),
        ("metrics", settings.metrics_token().map(drop)),
    ];
    missing.extend(others.into_iter().filter_map(|(what, outcome)| Some((what, outcome.err()?))));
    for (what, refusal) in &missing {
        println!("{what}: {refusal}");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(what, _)| *what).collect();
    Err(Refusal(format!("the server would not start: {}; see above", names.join(", "))))
}
