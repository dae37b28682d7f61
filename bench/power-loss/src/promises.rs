//! What the server had promised by a moment, read from what it sent, and whether a database keeps it.

use std::{collections::HashMap, path::Path};

use rusqlite::{Connection as Db, config::DbConfig};
use serde_json::Value;

/// The newest write that was acknowledged, by connection id. Each client writes to ids of its own and
/// numbers its writes in `metadata.written`.
pub type Promises = HashMap<String, i64>;

/// The promise in an answer, if it is one: a success that shows a connection with `metadata.written`.
#[must_use]
pub fn promise(sent: &[u8]) -> Option<(String, i64)> {
    let success = sent.starts_with(b"HTTP/1.1 200 ") || sent.starts_with(b"HTTP/1.1 201 ");
    let head = sent.windows(4).position(|four| four == b"\r\n\r\n")?;
    let body: Value = serde_json::from_slice(sent.get(head + 4..)?).ok()?;
    let written = body.get("metadata")?.get("written")?.as_i64()?;
    let id = body.get("connection_id")?.as_str()?;
    success.then(|| (id.to_owned(), written))
}

/// What a database turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// SQLite could not open it, or `integrity_check` or `foreign_key_check` complains.
    pub corrupt: Option<String>,
    /// Promises that it does not keep.
    pub lost: usize,
}

/// Opens the database at `path`, as SQLite opens one after a power loss, and compares.
#[must_use]
pub fn kept(path: &Path, promises: &Promises) -> Finding {
    match examine(path, promises) {
        Ok(finding) => finding,
        Err(error) => Finding { corrupt: Some(error.to_string()), lost: promises.len() },
    }
}

fn examine(path: &Path, promises: &Promises) -> rusqlite::Result<Finding> {
    let db = Db::open(path)?;
    // Nothing of this is kept, so nothing is flushed to a disk; and no memory is shared with anybody.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.pragma_update(None, "locking_mode", "exclusive")?;
    db.pragma_update(None, "synchronous", "off")?;
    let integrity: String = db.query_row("pragma integrity_check(1)", [], |row| row.get(0))?;
    let dangling: i64 =
        db.query_row("select count(*) from pragma_foreign_key_check", [], |row| row.get(0))?;
    let corrupt = match (integrity.as_str(), dangling) {
        ("ok", 0) => None,
        ("ok", _) => Some(format!("{dangling} rows refer to rows that are not there")),
        _ => Some(integrity),
    };
    let has_table = "select count(*) from sqlite_schema where name = 'connections'";
    if db.query_row(has_table, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(Finding { corrupt, lost: promises.len() });
    }
    let mut found: Promises = HashMap::new();
    let mut rows = db.prepare("select connection_id, metadata ->> '$.written' from connections")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        found.insert(row.get(0)?, row.get::<_, Option<i64>>(1)?.unwrap_or(-1));
    }
    // A newer one than was acknowledged may be there: the power failed before the answer.
    let lost =
        promises.iter().filter(|(id, written)| found.get(*id).is_none_or(|w| w < *written)).count();
    Ok(Finding { corrupt, lost })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_successful_answer_with_a_numbered_connection_is_a_promise() {
        let answer = |status: &str, body: &str| {
            promise(format!("HTTP/1.1 {status}\r\ncontent-length: 9\r\n\r\n{body}").as_bytes())
        };
        let body = r#"{"connection_id":"w1-2","metadata":{"written":7}}"#;
        assert_eq!(answer("201 Created", body), Some(("w1-2".to_owned(), 7)));
        assert_eq!(answer("500 Internal Server Error", body), None);
        assert_eq!(answer("200 OK", r#"{"connection_id":"w1-2","metadata":{}}"#), None);
        assert_eq!(promise(b"HTTP/1.1 200 OK\r\n\r\n{"), None);
    }

    #[test]
    fn an_older_value_than_the_acknowledged_one_is_lost_and_a_newer_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.db");
        let db = Db::open(&path).unwrap();
        db.execute_batch(
            "create table connections (connection_id text, metadata text);
             insert into connections values ('a', '{\"written\":4}'), ('b', '{\"written\":4}');",
        )
        .unwrap();
        drop(db);
        let promises = |a, b| Promises::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(kept(&path, &promises(4, 3)), Finding::default());
        assert_eq!(kept(&path, &promises(5, 4)).lost, 1);
        assert_eq!(kept(&path, &Promises::from([("c".to_owned(), 0)])).lost, 1);
        std::fs::write(&path, [7_u8; 4096]).unwrap();
        assert!(kept(&path, &promises(0, 0)).corrupt.is_some());
    }
}
