//! Every ciphertext, for the rotation of master keys.

use async_trait::async_trait;

use crate::{store::error::Result, vault::Sealed};

/// Whose ciphertext a sealed record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SealedOwner {
    /// A connection.
    Connection {
        /// The store's own number.
        id: i64,
        /// The environment.
        environment: String,
        /// The integration's key.
        integration: String,
        /// The connection's id.
        connection: String,
    },
    /// The presets of a connect session.
    Session {
        /// The session's id.
        id: String,
        /// The environment.
        environment: String,
    },
    /// A secret of the server.
    Server {
        /// Its name.
        name: String,
    },
}

/// A sealed record and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Whose.
    pub owner: SealedOwner,
    /// The record.
    pub sealed: Sealed,
}

/// All that is sealed, whatever it belongs to.
#[async_trait]
pub trait SealedRecords: Send + Sync + 'static {
    /// Sealed records that are not under `key_id`: up to `limit` connections whose number is greater
    /// than `after`, in order, and before them, when `after` is 0, all of everything else.
    async fn sealed_under_other_keys(
        &self,
        key_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<SealedRecord>>;
    /// Replaces sealed records that still are what they were; tells how many.
    async fn replace_sealed(&self, records: Vec<(SealedRecord, Sealed)>) -> Result<u64>;
}
