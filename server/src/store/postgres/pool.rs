//! Connections to PostgreSQL: what a URL means, how a connection is secured, and what is asked of the
//! server behind it.

use std::{path::Path, sync::Arc, time::Duration};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
    error::SqlState,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::{Result, StoreError};

/// Connections of one server at a time. PostgreSQL has 100 by default, for all its clients.
const CONNECTIONS: usize = 16;
/// How long a request waits for a connection before it is turned away as busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// PostgreSQL 14, as `server_version_num` counts.
const OLDEST_SERVER: i32 = 140_000;

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if error.code() == Some(&SqlState::CHARACTER_NOT_IN_REPERTOIRE) {
            return Self::Unstorable("a text with the character U+0000");
        }
        let stopping = [
            &SqlState::ADMIN_SHUTDOWN,
            &SqlState::CRASH_SHUTDOWN,
            &SqlState::CANNOT_CONNECT_NOW,
            &SqlState::TOO_MANY_CONNECTIONS,
            &SqlState::LOCK_NOT_AVAILABLE,
        ];
        if error.is_closed() || error.code().is_some_and(|code| stopping.contains(&code)) {
            tracing::warn!(error = %Detailed(&error), "PostgreSQL is not available");
            return Self::Busy;
        }
        Self::Engine(Box::new(Failure(error)))
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Timeout(_) | PoolError::Closed => Self::Busy,
            PoolError::Backend(error) => {
                tracing::warn!(error = %Detailed(&error), "no connection to PostgreSQL");
                Self::Busy
            }
            PoolError::PostCreateHook(HookError::Backend(error)) => error.into(),
            other => Self::Engine(Box::new(other)),
        }
    }
}

/// An error of the database without its details: those may quote values.
#[derive(Debug)]
pub(super) struct Failure(pub(super) tokio_postgres::Error);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_db_error() {
            Some(error) => write!(f, "{} ({})", error.message(), error.code().code()),
            None => Detailed(&self.0).fmt(f),
        }
    }
}

impl std::error::Error for Failure {}

/// An error with its causes: this library's own text is often only "db error".
struct Detailed<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Detailed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Makes the pool and its first connection.
///
/// # Errors
/// [`StoreError::Refused`] with a sentence for the operator; never any part of the URL but host names.
pub(super) async fn connect(url: &str, authority: Option<&Path>) -> Result<Pool> {
    let mut config: Config = standard_words(url).parse().map_err(|error| {
        StoreError::Refused(format!(
            "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE: {}",
            Detailed(&error)
        ))
    })?;
    if config.get_ssl_mode() == SslMode::Prefer {
        config.ssl_mode(if is_local(&config) { SslMode::Disable } else { SslMode::Require });
    }
    if config.get_application_name().is_none() {
        config.application_name("keyslot-server");
    }
    config.connect_timeout(PATIENCE);
    let secured = config.get_ssl_mode() != SslMode::Disable;

    let manager = Manager::from_config(
        config,
        MakeRustlsConnect::new(tls(authority)?),
        ManagerConfig { recycling_method: RecyclingMethod::Fast },
    );
    let pool = Pool::builder(manager)
        .max_size(CONNECTIONS)
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .recycle_timeout(Some(PATIENCE))
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(
                async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) },
            )
        }))
        .build()
        .map_err(|error| StoreError::Engine(Box::new(error)))?;

    let client = pool.get().await.map_err(|error| {
        let hint = if secured {
            " (the connection is encrypted and the certificate is checked: name the authority with \
             --database-ca, or say sslmode=disable in the URL if the network between is yours)"
        } else {
            ""
        };
        StoreError::Refused(format!("cannot connect: {}{hint}", Detailed(&error)))
    })?;
    let row = client
        .query_one(
            "select current_setting('server_version_num')::int, current_setting('server_encoding')",
            &[],
        )
        .await?;
    let (version, encoding): (i32, String) = (row.try_get(0)?, row.try_get(1)?);
    if version < OLDEST_SERVER {
        return Err(StoreError::Refused(format!(
            "PostgreSQL 14 or newer is needed, this is {}",
            version / 10_000
        )));
    }
    if encoding != "UTF8" {
        return Err(StoreError::Refused(format!(
            "the database must be encoded in UTF8, this one is in {encoding}"
        )));
    }
    Ok(pool)
}

/// Of each connection. `synchronous_commit` is raised when the operator of the database has turned it
/// off: an acknowledged write must be on disk. Any other value is left, for it may ask for more.
const SETTINGS: &str = "
    select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off';
    set statement_timeout = '30s';
    set lock_timeout = '10s';
    set idle_in_transaction_session_timeout = '30s';
    set default_transaction_isolation = 'read committed';
";

/// Certificates are always checked in full here, so libpq's words for less and for more mean the same.
fn standard_words(url: &str) -> String {
    url.replace("sslmode=verify-full", "sslmode=require")
        .replace("sslmode=verify-ca", "sslmode=require")
}

/// Whether what is sent stays on this machine.
fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn tls(authority: Option<&Path>) -> Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = authority {
        let failed = |error: &dyn std::fmt::Display| {
            StoreError::Refused(format!("--database-ca {}: {error}", path.display()))
        };
        roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| failed(&error))? {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
        if roots.is_empty() {
            return Err(failed(&"there is no certificate in it"));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Engine(Box::new(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(url: &str) -> bool {
        is_local(&url.parse().unwrap())
    }

    #[test]
    fn only_loopback_and_sockets_are_spared_encryption() {
        assert!(local("postgres://u@localhost/db"));
        assert!(local("postgres://u@127.0.0.1:5433/db"));
        assert!(local("postgres://u@[::1]/db"));
        assert!(local("postgres:///db?host=/run/postgresql"));
        assert!(!local("postgres://u@db/db"));
        assert!(!local("postgres://u@10.0.0.1/db"));
        assert!(!local("postgres://u@localhost,db/db"));
        assert!(!local("postgres://u@localhost.example/db"));
    }

    #[test]
    fn words_of_other_clients_for_checked_certificates_are_understood() {
        for word in ["verify-full", "verify-ca", "require"] {
            let url = standard_words(&format!("postgres://u@db/db?sslmode={word}"));
            assert_eq!(url.parse::<Config>().unwrap().get_ssl_mode(), SslMode::Require, "{word}");
        }
    }

    #[tokio::test]
    async fn a_url_that_cannot_be_read_is_refused_without_being_shown() {
        let refused = connect("postgres://u:hunter2@db:port/x?sslmode=maybe", None).await;
        let Err(StoreError::Refused(why)) = refused else { panic!("it was accepted") };
        assert!(why.contains("expected postgres://") && !why.contains("hunter2"), "{why}");
    }

    #[tokio::test]
    async fn an_authority_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = connect("postgres://u@db/x", Some(file.path())).await;
        let Err(StoreError::Refused(why)) = refused else { panic!("it was accepted") };
        assert!(why.contains("--database-ca") && why.contains("no certificate"), "{why}");
    }
}
