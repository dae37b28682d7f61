//! The store in a PostgreSQL database (14 or newer), which several servers may share. It commits what
//! arrives together in one flush by itself, so there is no writer of ours; each method is a transaction
//! on a connection of a pool. Each file has one aggregate: the methods, and under them their SQL, as in
//! `sqlite/`.
//!
//! What changes something runs inside one transaction and may run again from the start. Isolation is read
//! committed, so each takes the row locks that its decision rests on. Locks are taken in one order
//! everywhere: integration, session, connections by number.
//!
//! Why `tokio-postgres` and not `sqlx`: the SQLite driver of the latter cannot be in one dependency
//! graph with `rusqlite`, and nothing else of it would be used.

mod audit;
mod audited;
mod checks;
mod connections;
pub mod copy;
mod engine;
mod environments;
mod gathered;
mod integrations;
mod look_ups;
mod migrations;
mod operators;
mod outbox;
mod pool;
mod providers;
mod rate_limits;
mod rows;
mod sealed_records;
mod secret_keys;
mod server_secrets;
mod sessions;
mod sql;
mod transaction;

pub use self::engine::PostgresStore;
