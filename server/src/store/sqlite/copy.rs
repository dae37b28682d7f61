//! Everything out of one file, and everything into a new one. Both run on a thread of their own.

use std::path::{Path, PathBuf};

use rusqlite::{
    Connection as Db, OpenFlags, Row, params_from_iter,
    types::{Value as SqlValue, ValueRef},
};
use tokio::sync::mpsc::{Receiver, Sender};

use super::{
    engine::{connect, file_error, lock},
    migrations,
    sealed_records::sealed_under_other_keys,
};
use crate::{
    private_file,
    store::{
        error::{Result, StoreError},
        tables::{
            Cell, Counts, Observer, PIECE, Piece, TABLES, Table, cut_short, miscounted, samples,
            under_way,
        },
    },
};

/// Reads everything in `path` as it is at one moment, beside a server that may be using it; or, when
/// `alone`, only if there is none.
///
/// # Errors
/// [`StoreError::Refused`] when there is no such file, it is of another program or another version, or a
/// server has it although it must not.
pub fn export(path: &Path, alone: bool, pieces: &Sender<Piece>) -> Result<()> {
    if !path.exists() {
        return Err(StoreError::Refused(format!("{}: there is no such file", path.display())));
    }
    let _lock = alone.then(|| lock(path)).transpose()?;
    let db = Db::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    db.busy_timeout(std::time::Duration::from_secs(5))?;
    db.pragma_update(None, "query_only", true)?;
    migrations::must_be_current(&db, path)?;
    let snapshot = db.unchecked_transaction()?;
    for (index, table) in TABLES.iter().enumerate() {
        let count: i64 =
            snapshot
                .query_row(&format!("select count(*) from {}", table.name), [], |row| row.get(0))?;
        give(pieces, Piece::Table(index, u64::try_from(count).unwrap_or(0)))?;
        let mut statement =
            snapshot.prepare(&format!("select {} from {}", table.column_list(), table.name))?;
        let mut rows = statement.query([])?;
        let mut piece = Vec::with_capacity(PIECE);
        while let Some(row) = rows.next()? {
            piece.push(cells(row, table)?);
            if piece.len() == PIECE {
                give(pieces, Piece::Rows(std::mem::take(&mut piece)))?;
            }
        }
        give(pieces, Piece::Rows(piece))?;
        if table.numbered {
            let sql = format!(
                "select coalesce((select seq from sqlite_sequence where name = ?1), (select max(id) from {}), 0)",
                table.name
            );
            let number = snapshot.query_row(&sql, [table.name], |row| row.get(0))?;
            give(pieces, Piece::Number(number))?;
        }
    }
    give(pieces, Piece::End)
}

fn give(pieces: &Sender<Piece>, piece: Piece) -> Result<()> {
    // The other side has stopped, and says why itself.
    pieces.blocking_send(piece).map_err(|_| StoreError::Busy)
}

fn cells(row: &Row<'_>, table: &Table) -> Result<Vec<Cell>> {
    let unreadable = || StoreError::Corrupt(table.name);
    (0..table.columns.len())
        .map(|index| {
            Ok(match row.get_ref(index)? {
                ValueRef::Null => Cell::Null,
                ValueRef::Integer(number) => Cell::Integer(number),
                ValueRef::Text(text) => {
                    Cell::Text(std::str::from_utf8(text).map_err(|_| unreadable())?.to_owned())
                }
                ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
                ValueRef::Real(_) => return Err(unreadable()),
            })
        })
        .collect()
}

/// Writes everything that comes into a new file at `path`. Until all of it is there and checked, it has
/// another name, so that whatever happens there is either the whole file or none.
///
/// # Errors
/// [`StoreError::Refused`] when there is a file already, or the copy is not what the source was.
pub fn import(
    path: &Path,
    pieces: &mut Receiver<Piece>,
    observer: &mut dyn Observer,
) -> Result<Counts> {
    let taken = || StoreError::Refused(format!("{}: there is a file already", path.display()));
    if path.exists() {
        return Err(taken());
    }
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        private_file::directory(directory).map_err(|error| file_error(directory, &error))?;
    }
    let partial = Partial::new(path)?;
    let mut db = connect(&partial.0)?;
    migrations::run(&mut db, &partial.0)?;
    let counts = fill(&mut db, pieces, observer)?;
    db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))?;
    db.close().map_err(|(_, error)| error)?;
    let failed = |error: std::io::Error| file_error(path, &error);
    std::fs::File::open(&partial.0).and_then(|file| file.sync_all()).map_err(failed)?;
    // A link, unlike a renaming, does not take the place of a file that appeared meanwhile.
    std::fs::hard_link(&partial.0, path).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => taken(),
        _ => failed(error),
    })?;
    drop(partial);
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = std::fs::File::open(directory.unwrap_or(Path::new("."))).map_err(failed)?;
    directory.sync_all().map_err(failed)?;
    Ok(counts)
}

/// The file under its temporary name; removed in any case.
struct Partial(PathBuf);

impl Partial {
    fn new(path: &Path) -> Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let partial = Self(PathBuf::from(name));
        partial.remove();
        private_file::ensure(&partial.0).map_err(|error| file_error(&partial.0, &error))?;
        Ok(partial)
    }

    fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = self.0.as_os_str().to_owned();
            name.push(suffix);
            // That there is none is the usual case; one that cannot be removed fails the next step.
            let _ = std::fs::remove_file(PathBuf::from(name));
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.remove();
    }
}

fn fill(db: &mut Db, pieces: &mut Receiver<Piece>, observer: &mut dyn Observer) -> Result<Counts> {
    let transaction = db.transaction()?;
    let mut counts = Counts::new();
    let mut written = 0;
    loop {
        match pieces.blocking_recv().ok_or_else(cut_short)? {
            Piece::Table(_, total) => {
                counts.push(total);
                written = 0;
            }
            Piece::Rows(rows) => {
                let (index, total) = under_way(&counts)?;
                let table = &TABLES[index];
                let marks = vec!["?"; table.columns.len()].join(", ");
                let mut insert = transaction.prepare_cached(&format!(
                    "insert into {} ({}) values ({marks})",
                    table.name,
                    table.column_list()
                ))?;
                written += rows.len() as u64;
                for row in rows {
                    insert.execute(params_from_iter(row.into_iter().map(value)))?;
                }
                observer.progress(table.name, written, total);
            }
            Piece::Number(number) => {
                let (index, _) = under_way(&counts)?;
                keep_number(&transaction, TABLES[index].name, number)?;
            }
            Piece::End => break,
        }
    }
    for (table, expected) in TABLES.iter().zip(&counts) {
        let sql = format!("select count(*) from {}", table.name);
        let found: i64 = transaction.query_row(&sql, [], |row| row.get(0))?;
        let found = u64::try_from(found).unwrap_or(0);
        if found != *expected {
            return Err(miscounted(table, *expected, found));
        }
    }
    let last: i64 =
        transaction
            .query_row("select coalesce(max(id), 0) from connections", [], |row| row.get(0))?;
    for after in samples(last) {
        for record in sealed_under_other_keys(&transaction, "", after, 1)? {
            observer.check(&record)?;
        }
    }
    transaction.commit()?;
    Ok(counts)
}

/// Sees to it that no number of the source is given again here.
fn keep_number(db: &Db, table: &str, number: i64) -> Result<()> {
    let kept = db.execute(
        "update sqlite_sequence set seq = max(seq, ?2) where name = ?1",
        (table, number),
    )?;
    if kept == 0 {
        db.execute(
            "insert into sqlite_sequence (name, seq) select ?1, ?2
             where exists (select 1 from sqlite_schema where name = ?1 and sql like '%autoincrement%')",
            (table, number),
        )?;
    }
    Ok(())
}

fn value(cell: Cell) -> SqlValue {
    match cell {
        Cell::Null => SqlValue::Null,
        Cell::Integer(number) => SqlValue::Integer(number),
        Cell::Text(text) => SqlValue::Text(text),
        Cell::Bytes(bytes) => SqlValue::Blob(bytes),
    }
}
