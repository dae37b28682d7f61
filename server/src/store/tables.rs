//! The tables that both engines have, as data, and what travels when everything is copied from one
//! database to another. A test holds the list against the schema of each engine, so that no table and no
//! column is left behind.

use super::{error::StoreError, sealed_records::SealedRecord};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A number.
    Integer,
    /// A yes or no; SQLite keeps it as 1 or 0.
    Flag,
    /// Bytes.
    Bytes,
}

/// One table.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// Its columns.
    pub columns: &'static [(&'static str, Kind)],
    /// Whether its `id` is handed out by the database and never twice.
    pub numbered: bool,
}

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// None.
    Null,
    /// A number, or a yes (1) or no (0).
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What a copy is made of: for each table, in the order of [`TABLES`], how many rows there are, the rows,
/// and the greatest number that was ever handed out if it is a numbered one; and at the very end, that
/// this was all.
pub enum Piece {
    /// The table with this index in [`TABLES`], and how many rows it has.
    Table(usize, u64),
    /// Some of its rows.
    Rows(Vec<Vec<Cell>>),
    /// Its greatest number.
    Number(i64),
    /// The source was read to its end. Without it, nothing is kept.
    End,
}

/// The most rows of one piece.
pub(super) const PIECE: usize = 500;

/// How the receiving side of a copy is told about and asked.
pub trait Observer: Send {
    /// So many rows of the table are written.
    fn progress(&mut self, table: &'static str, done: u64, total: u64);
    /// Whether this record, as it was read back from the copy, opens.
    ///
    /// # Errors
    /// A sentence that says which does not, and why.
    fn check(&mut self, record: &SealedRecord) -> Result<(), StoreError>;
}

/// How many rows each table has, in the order of [`TABLES`].
pub type Counts = Vec<u64>;

/// The index of the table that rows belong to now, and how many it will have.
pub(super) fn under_way(counts: &Counts) -> Result<(usize, u64), StoreError> {
    match counts.len().checked_sub(1).map(|index| (index, counts.get(index))) {
        Some((index, Some(total))) if index < TABLES.len() => Ok((index, *total)),
        _ => Err(cut_short()),
    }
}

/// After which numbers a connection is read back from a copy whose last one is `last`: evenly spread.
pub(super) fn samples(last: i64) -> std::collections::BTreeSet<i64> {
    const SAMPLES: i64 = 25;
    (0..SAMPLES).map(|sample| last / SAMPLES * sample + last % SAMPLES * sample / SAMPLES).collect()
}

/// What is said when the source and what was read back from the copy differ.
pub(super) fn miscounted(table: &Table, expected: u64, found: u64) -> StoreError {
    StoreError::Refused(format!(
        "{}: {expected} rows were read and {found} are in the copy; nothing is kept",
        table.name
    ))
}

/// What is said when the copy is given nothing more and was not told that this was all.
pub(super) fn cut_short() -> StoreError {
    StoreError::Refused("the source was not read to its end; nothing is kept".into())
}

/// The secrets of the server that belong to an environment are named so.
pub(super) fn secrets_of(environment: &str) -> [String; 2] {
    use crate::environment_key::Purpose;
    [Purpose::WebhookSigning, Purpose::ConnectionHmac].map(|purpose| purpose.name(environment))
}

use Kind::{Bytes, Flag, Integer, Text};

const fn table(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, numbered: false }
}

const fn numbered(name: &'static str, columns: &'static [(&'static str, Kind)]) -> Table {
    Table { name, columns, numbered: true }
}

/// What is not copied: what has been used of an allowance, which is forgotten within the hour and names
/// addresses of people; and who is signed in to the dashboard, so that no copy brings back a session that was
/// ended.
pub const LEFT_BEHIND: [&str; 3] = ["allowances", "operator_sessions", "shown_once"];

/// All of them but [`LEFT_BEHIND`]; a table comes after those that it refers to.
pub const TABLES: &[Table] = &[
    table(
        "environments",
        &[
            ("name", Text),
            ("created_at", Integer),
            ("settings", Text),
            ("catalogue_version", Integer),
        ],
    ),
    table(
        "own_providers",
        &[("environment", Text), ("name", Text), ("template", Text), ("updated_at", Integer)],
    ),
    table("server_secrets", &[("name", Text), ("key_id", Text), ("sealed", Bytes)]),
    table(
        "secret_keys",
        &[
            ("id", Text),
            ("environment", Text),
            ("name", Text),
            ("role", Text),
            ("hash", Bytes),
            ("created_at", Integer),
            ("last_used_at", Integer),
            ("expires_at", Integer),
            ("prefix", Text),
        ],
    ),
    numbered(
        "integrations",
        &[
            ("id", Integer),
            ("environment", Text),
            ("unique_key", Text),
            ("provider", Text),
            ("display_name", Text),
            ("config", Text),
            ("created_at", Integer),
            ("updated_at", Integer),
            ("forward_webhooks", Flag),
        ],
    ),
    table(
        "connect_sessions",
        &[
            ("id", Text),
            ("environment", Text),
            ("hash", Bytes),
            ("terms", Text),
            ("key_id", Text),
            ("presets", Bytes),
            ("expires_at", Integer),
        ],
    ),
    numbered(
        "connections",
        &[
            ("id", Integer),
            ("environment", Text),
            ("integration_id", Integer),
            ("connection_id", Text),
            ("auth_mode", Text),
            ("key_id", Text),
            ("sealed", Bytes),
            ("metadata", Text),
            ("tags", Text),
            ("end_user", Text),
            ("owner_end_user", Text),
            ("owner_organization", Text),
            ("webhook_url_override", Text),
            ("verified", Flag),
            ("account", Text),
            ("health", Text),
            ("health_since", Integer),
            ("created_at", Integer),
            ("updated_at", Integer),
            ("last_fetched_at", Integer),
            ("health_reason", Text),
            ("checked_at", Integer),
            ("next_check_at", Integer),
            ("unchecked", Flag),
        ],
    ),
    table("connection_tags", &[("connection", Integer), ("key", Text), ("value", Text)]),
    table(
        "session_connections",
        &[("session", Text), ("integration_id", Integer), ("connection_id", Text)],
    ),
    table(
        "webhooks",
        &[
            ("id", Text),
            ("environment", Text),
            ("operation", Text),
            ("integration", Text),
            ("connection_id", Text),
            ("slot", Text),
            ("url", Text),
            ("body", Text),
            ("created_at", Integer),
            ("status", Text),
            ("since", Integer),
            ("attempts", Integer),
            ("next_at", Integer),
            ("leased_until", Integer),
            ("last_at", Integer),
            ("last_status", Integer),
            ("last_error", Text),
        ],
    ),
    numbered(
        "audit_events",
        &[
            ("id", Integer),
            ("at", Integer),
            ("environment", Text),
            ("actor", Text),
            ("action", Text),
            ("object", Text),
            ("request_id", Text),
            ("link", Integer),
            ("mac", Bytes),
            ("address", Text),
        ],
    ),
    table(
        "audit_starts",
        &[("environment", Text), ("link", Integer), ("mac", Bytes), ("seal", Bytes)],
    ),
];

impl Table {
    /// The names of the columns, for SQL.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}
