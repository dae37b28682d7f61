//! Why the store could not do its work.

/// Why the store could not do its work. Never holds a value that a user typed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is overloaded or closing; the same call may succeed in a moment.
    #[error("the store is busy or closing")]
    Busy,
    /// The file belongs to a newer server, to something else, or to another running server.
    #[error("{0}")]
    Refused(String),
    /// What was given cannot be kept by this engine, and nothing was changed.
    #[error("{0} cannot be stored")]
    Unstorable(&'static str),
    /// What was read does not fit what was written.
    #[error("the store holds something unreadable in {0}")]
    Corrupt(&'static str),
    /// The engine failed.
    #[error("the store failed: {0}")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;
