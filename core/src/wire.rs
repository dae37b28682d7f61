//! The answers of the server that the widget reads: Nango's shapes, Keyslot's additions optional.
//!
//! Unknown keys are ignored, missing ones read as empty: the same types read both servers.

use crate::template::Map;
use serde::Deserialize;

/// `GET /connect/session`
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Session {
    /// Presets of the session, by integration.
    pub integrations_config_defaults: Map<Presets>,
    /// Links that replace a provider's own guide, by integration.
    pub overrides: Map<Override>,
    /// How the operator wants the dialog to look.
    #[serde(rename = "connectUISettings")]
    pub settings: Settings,
    /// What a Keyslot server says of itself; all absent on a stock one.
    pub keyslot: Server,
}

/// What a Keyslot server says of itself.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Server {
    /// The session may store a credential that could not be checked.
    pub allow_unverified: bool,
}

/// `integrations_config_defaults[key]`
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Presets {
    /// Connection-config values that the person is not asked for.
    pub connection_config: Map<String>,
}

/// `overrides[key]`
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Override {
    /// The integrator's own guide.
    pub docs_connect: String,
}

/// `connectUISettings`
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Settings {
    /// `light`, `dark` or `system`.
    #[serde(rename = "defaultTheme")]
    pub default_theme: String,
    /// Accent colours.
    pub theme: Theme,
    /// Keyslot only: the operator set the accent on purpose (Nango's default is its own brand).
    pub branded: bool,
}

/// `connectUISettings.theme`
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Theme {
    /// For a light surface.
    pub light: Accent,
    /// For a dark surface.
    pub dark: Accent,
}

/// One accent.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Accent {
    /// A CSS colour.
    pub primary: String,
}

/// One entry of `GET /integrations`.
#[derive(Deserialize, Default, Clone)]
#[serde(default)]
pub struct Integration {
    /// The id that `auth()` is called with.
    pub unique_key: String,
    /// The integration's own name, or the provider's.
    pub display_name: String,
    /// Address of a logo.
    pub logo: String,
    /// Labels that replace the template's, by credential.
    pub credentials_label: Map<String>,
    /// Connection-config fields that the server fills.
    pub preconfigured_connection_config: Vec<String>,
}

/// The answer to a successful `POST /api-auth/…`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connected {
    /// The connection's id.
    pub connection_id: String,
    /// The integration's id.
    pub provider_config_key: String,
    /// Keyslot only.
    #[serde(default)]
    pub verification: Option<Verification>,
}

/// What the check said.
#[derive(Deserialize, Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// `verified` or `unverified`.
    pub status: String,
    /// The account's name, when the provider told it.
    #[serde(default)]
    pub account: Option<String>,
}

/// The server's error, all parts but the code optional.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct ErrorBody {
    /// The word to match on.
    pub code: String,
    /// For people; a stock server leaves it out of validation errors.
    pub message: Option<String>,
    /// Validation issues.
    pub errors: Vec<Issue>,
    /// Keyslot only: the class of a failed check.
    pub reason: Option<String>,
    /// Keyslot only: for support.
    pub request_id: Option<String>,
}

/// One validation issue.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Issue {
    /// For people.
    pub message: String,
    /// Where: `["params", "subdomain"]` or `["apiKey"]`.
    pub path: Vec<String>,
}
