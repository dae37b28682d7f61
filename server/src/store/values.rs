//! How the values of the domain are kept in columns; the same on every engine.

use jiff::Timestamp;
use keyslot_providers::AuthMode;
use serde::{Serialize, de::DeserializeOwned};

use super::error::{Result, StoreError};
use crate::model::{Health, Verdict, Verified};

/// Milliseconds since 1970.
pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn moment(millis: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(millis).map_err(|_| StoreError::Corrupt("a time"))
}

/// A document as JSON text.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Engine(Box::new(error)))
}

pub(super) fn document<T: DeserializeOwned>(text: &str, column: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt(column))
}

pub(super) fn auth_mode(word: &str) -> Result<AuthMode> {
    [AuthMode::ApiKey, AuthMode::Basic]
        .into_iter()
        .find(|mode| mode.as_str() == word)
        .ok_or(StoreError::Corrupt("connections.auth_mode"))
}

/// How a connection is when its credential was just stored.
pub(super) fn health_after(verified: &Verified) -> Health {
    match verified.verdict {
        Verdict::Verified => Health::Healthy,
        Verdict::Unverified | Verdict::Unchecked => Health::Unknown,
    }
}
