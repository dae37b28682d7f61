//! What is inside a sealed connection: the credential and the connection configuration, everything that
//! a user typed.

use keyslot_providers::{ConnectionConfig, Credential};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    error::ApiError,
    ids::{ConnectionId, IntegrationKey},
    model::Object,
    state::Server,
    store::Write,
    vault::{Binding, Sealed},
};

/// The opened content of a connection.
pub struct Contents {
    /// The credential.
    pub credential: Credential,
    /// The configuration: for what a form asks, strings; an import may hold anything.
    pub config: Object,
}

impl Contents {
    /// The credential as backends read it.
    pub fn credentials(&self) -> Value {
        // EXPOSE: this is the answer that the whole product exists for: the backend reads the credential.
        match &self.credential {
            Credential::ApiKey { api_key } => {
                json!({ "type": "API_KEY", "apiKey": api_key.expose_secret() })
            }
            Credential::Basic { username, password } => json!({
                "type": "BASIC",
                "username": username.expose_secret(),
                "password": password.expose_secret(),
            }),
        }
    }

    /// The configuration as request templates read it.
    pub fn connection_config(&self) -> ConnectionConfig {
        ConnectionConfig::from_json(&self.config)
    }

    /// Seals for one row.
    ///
    /// # Errors
    /// When the vault refuses.
    pub fn seal(
        &self,
        server: &Server,
        environment: &str,
        integration: &IntegrationKey,
        connection: &ConnectionId,
    ) -> Result<Sealed, ApiError> {
        let document =
            json!({ "credentials": self.credentials(), "connection_config": self.config });
        let plaintext = Zeroizing::new(serde_json::to_vec(&document).map_err(ApiError::internal)?);
        Ok(server
            .vault
            .seal(binding(environment, integration.as_str(), connection.as_str()), &plaintext)?)
    }

    /// Opens what was sealed for one row. That it does not open is written into the audit log: somebody
    /// may have changed it in the database.
    ///
    /// # Errors
    /// When it was changed, moved or sealed under a key that this server does not have.
    pub fn open(
        server: &Server,
        environment: &str,
        integration: &str,
        connection: &str,
        sealed: &Sealed,
    ) -> Result<Self, ApiError> {
        Self::opened(server, environment, integration, connection, sealed).inspect_err(|_| {
            let object = format!("connection:{integration}/{connection}");
            server.note_unreadable(environment, object);
        })
    }

    fn opened(
        server: &Server,
        environment: &str,
        integration: &str,
        connection: &str,
        sealed: &Sealed,
    ) -> Result<Self, ApiError> {
        let plaintext =
            server.vault.open(binding(environment, integration, connection), &sealed.blob)?;
        let mut document: Value = serde_json::from_slice(&plaintext).map_err(|_| unreadable())?;
        let mut text =
            |key: &str| match document.pointer_mut(&format!("/credentials/{key}")).map(Value::take)
            {
                Some(Value::String(text)) => Ok(text),
                _ => Err(unreadable()),
            };
        let credential = match text("type")?.as_str() {
            "API_KEY" => Credential::api_key(text("apiKey")?),
            "BASIC" => Credential::basic(text("username")?, text("password")?),
            _ => return Err(unreadable()),
        };
        let config = match document.get_mut("connection_config").map(Value::take) {
            Some(Value::Object(config)) => config,
            _ => return Err(unreadable()),
        };
        Ok(Self { credential, config })
    }
}

/// What the sealed record of a connection is bound to.
pub fn binding<'a>(environment: &'a str, integration: &'a str, connection: &'a str) -> Binding<'a> {
    Binding { purpose: "connection", environment, integration, record: connection }
}

impl Write {
    /// The same write, sealed for another connection id.
    ///
    /// # Errors
    /// When the vault refuses.
    pub fn moved_to(
        self,
        id: ConnectionId,
        contents: &Contents,
        server: &Server,
    ) -> Result<Self, ApiError> {
        let sealed = contents.seal(server, &self.environment, &self.integration, &id)?;
        Ok(Self { connection: id, sealed, ..self })
    }
}

/// Dots and, of a longer secret, the last four characters.
pub fn masked(secret: &str) -> String {
    let count = secret.chars().count();
    let tail: String =
        if count > 8 { secret.chars().skip(count - 4).collect() } else { String::new() };
    format!("••••{tail}")
}

fn unreadable() -> ApiError {
    ApiError::internal("the content of a connection opened, but is not what this server writes")
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_masked_secret_shows_at_most_its_last_four_characters() {
        assert_eq!(masked("demo_live_4cK7pQ2mX9"), "••••2mX9");
        assert_eq!(masked("short"), "••••");
        assert_eq!(masked(""), "••••");
    }
}
