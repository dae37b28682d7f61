//! The providers that Keyslot knows: what to ask a user for, and how to use what they gave.
//!
//! - [`Catalogue`] loads the templates (one YAML map entry a provider), the embedded ones and those
//!   of the operator, and reports by name what it cannot use.
//! - [`Provider`] is one template, read and checked once.
//! - [`validate_params`] judges what was typed besides the credential, [`build_request`] makes a
//!   request to the provider out of it all, [`verify`] asks the provider whether the credential
//!   works, and [`proxy()`] calls its API for a backend.
//!
//! What a user typed can decide *part of an address*, and then only as much of it as the template
//! leaves open: see [`base_url`] for the host lock.
//!
//! What it is not: it stores nothing, knows no sessions and opens no connection itself
//! (`keyslot-egress` does).

pub mod base_url;
mod catalogue;
mod check;
mod configured;
mod credential;
mod field;
mod form_body;
mod host_value;
mod integration;
mod issue;
mod link;
mod moment;
mod params;
mod pattern;
mod provider;
mod proxy;
mod request;
mod status;
mod text;

pub use catalogue::{Adopted, Catalogue, CatalogueError, Loaded, Report, Skipped, parse};
pub use check::{Reason, Verification, verify};
pub use credential::{AuthMode, ConnectionConfig, Credential};
pub use field::{Field, Format};
pub use integration::{IntegrationConfig, KeyPlacement, VerificationMethod, VerificationRequest};
pub use issue::Issue;
pub use params::{validate_params, validate_params_under};
pub use pattern::Pattern;
pub use provider::{Check, Provider, Recognised, Retry, Unusable};
pub use proxy::{ProxyError, ProxyLimits, ProxyOptions, ProxyRequest, proxy};
pub use request::{Call, Endpoint, Payload, Prepared, RequestError, Target, build_request};
pub use text::Text;
