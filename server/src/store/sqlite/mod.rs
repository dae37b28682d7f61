//! The store in one SQLite file. One thread writes, committing whatever is queued as one transaction;
//! a few threads read beside it. Nothing here blocks an asynchronous task. Each file has one aggregate: the
//! methods, and under them their SQL, as in `postgres/`.
//!
//! Settings, and why: write-ahead log with `synchronous=FULL`, because an acknowledged write must
//! survive a power loss (<https://www.sqlite.org/pragma.html#pragma_synchronous>); SQLite 3.51.3 or
//! newer, because older ones can corrupt a write-ahead log that has several connections
//! (<https://www.sqlite.org/wal.html>, "WAL-reset bug"); no memory mapping; the file is private from
//! the moment it exists; a lock file keeps a second server away.

mod audit;
mod audited;
mod checks;
mod connections;
pub mod copy;
mod engine;
mod environments;
mod integrations;
mod migrations;
mod operators;
mod outbox;
mod providers;
mod rate_limits;
mod readers;
mod rows;
mod sealed_records;
mod secret_keys;
mod server_secrets;
mod sessions;
mod writer;

pub use self::{engine::SqliteStore, writer::BATCH as WRITES_PER_COMMIT};
