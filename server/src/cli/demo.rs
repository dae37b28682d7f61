//! What `--dev` stores for a first look: two providers whose API is this very server ([`crate::demo`]), a secret
//! key, and integrations to connect.

use std::path::Path;

use keyslot_providers::Catalogue;
use secrecy::SecretString;

use super::{
    error::StartupError,
    startup_keys::{event_in, put_secret_key},
};
use crate::{
    demo::{ENVIRONMENT, INTEGRATIONS, KEY_ID},
    ids::IntegrationKey,
    model::NewIntegration,
    private_file,
    state::Server,
    token,
};

/// Adds the providers whose API is the server at `origin`.
///
/// # Errors
/// When the catalogue refuses them, which is a fault of this file.
pub fn add_providers(catalogue: &mut Catalogue, origin: &str) -> Result<(), StartupError> {
    let yaml = include_str!("../demo/providers.yaml").replace("http://demo.invalid", origin);
    let report = catalogue
        .extend_from_yaml(&yaml)
        .map_err(|error| StartupError::because("demo providers", error))?;
    match report.skipped.first() {
        Some(skipped) => Err(StartupError::because(&skipped.name, &skipped.reason)),
        None => Ok(()),
    }
}

/// Makes the secret key and the integrations, unless they are there.
///
/// # Errors
/// When a file or the store fails.
pub(super) async fn prepare(server: &Server, data_dir: &Path) -> Result<(), StartupError> {
    let path = data_dir.join("secret.key");
    let file = path.display().to_string();
    if !path.exists() {
        let made = token::new_secret_key().map_err(|_| StartupError("no random bytes".into()))?;
        // EXPOSE: the developer needs it; the file is for its owner only.
        private_file::create(&path, made.expose().as_bytes())
            .map_err(|e| StartupError::because(&file, e))?;
    }
    let text =
        std::fs::read_to_string(&path).map_err(|error| StartupError::because(&file, error))?;
    let secret = SecretString::from(text.trim());
    put_secret_key(server, ENVIRONMENT, KEY_ID, "made by --dev", &secret).await?;
    for (key, provider, name) in INTEGRATIONS {
        if server.catalogues.shared().get(provider).is_none() {
            continue;
        }
        let unique_key = IntegrationKey::parse(key, vec![])
            .map_err(|_| StartupError(format!("bad key {key}")))?;
        let new = NewIntegration {
            environment: ENVIRONMENT.to_owned(),
            unique_key,
            provider: provider.to_owned(),
            display_name: Some(name.to_owned()),
            config: serde_json::Map::new(),
            forward_webhooks: false,
            own_provider: false,
        };
        let audit = event_in(server, ENVIRONMENT, "integration.created", key);
        let made = server.store.create_integration(new, audit);
        made.await.map_err(|error| StartupError::because("demo integrations", error))?;
    }
    banner(&file);
    Ok(())
}

/// Where to find what was made. The key itself is shown by the file only: a log is kept for longer than
/// anybody thinks.
#[expect(clippy::print_stderr, reason = "for the developer who just typed --dev")]
fn banner(file: &str) {
    eprintln!("keyslot-server --dev: for a first look on this machine only.");
    eprintln!("  secret key of environment dev: in the file {file}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_page_says_is_checked_with_the_vendor_is() {
        let mut catalogue = Catalogue::embedded();
        add_providers(&mut catalogue, "http://127.0.0.1:1").unwrap();
        for (_, provider, _) in INTEGRATIONS {
            assert!(catalogue.get(provider).unwrap().check.is_some(), "{provider}");
        }
    }
}
