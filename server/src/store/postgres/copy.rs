//! Everything out of one database, and everything into an empty one, each in one transaction.

use std::path::Path;

use deadpool_postgres::Transaction;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio_postgres::{IsolationLevel, Row, types::ToSql};

use super::{migrations, pool, sealed_records::sealed_under_other_keys, sql::execute};
use crate::{
    model::EndUser,
    store::{
        error::{Result, StoreError},
        tables::{
            Cell, Counts, Kind, Observer, PIECE, Piece, TABLES, Table, cut_short, miscounted,
            samples, under_way,
        },
    },
};

/// A copy takes as long as it takes.
const PATIENT: &str =
    "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0";

/// Reads everything as it is at one moment, beside servers that may be using it. `url` and `authority`
/// are as for [`super::PostgresStore::open`].
///
/// # Errors
/// [`StoreError::Refused`] when it cannot be reached or is of another version.
pub async fn export(url: &str, authority: Option<&Path>, pieces: &Sender<Piece>) -> Result<()> {
    let pool = pool::connect(url, authority).await?;
    let mut client = pool.get().await?;
    migrations::must_be_current(&client).await?;
    let snapshot = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    snapshot.batch_execute(PATIENT).await?;
    for (index, table) in TABLES.iter().enumerate() {
        let sql = format!("select count(*) from {}", table.name);
        let count: i64 = snapshot.query_one(&sql, &[]).await?.try_get(0)?;
        give(pieces, Piece::Table(index, u64::try_from(count).unwrap_or(0))).await?;
        let sql = format!("select {} from {}", wide(table), table.name);
        let statement = snapshot.prepare(&sql).await?;
        let rows = snapshot.bind(&statement, &[]).await?;
        loop {
            let piece = snapshot.query_portal(&rows, i32::try_from(PIECE).unwrap_or(1)).await?;
            let last = piece.len() < PIECE;
            let piece = piece.iter().map(|row| cells(row, table)).collect::<Result<_>>()?;
            give(pieces, Piece::Rows(piece)).await?;
            if last {
                break;
            }
        }
        if table.numbered {
            let sql = "select coalesce(pg_sequence_last_value(pg_get_serial_sequence($1, 'id')::regclass), 0)";
            let number = snapshot.query_one(sql, &[&table.name]).await?.try_get(0)?;
            give(pieces, Piece::Number(number)).await?;
        }
    }
    give(pieces, Piece::End).await
}

async fn give(pieces: &Sender<Piece>, piece: Piece) -> Result<()> {
    // The other side has stopped, and says why itself.
    pieces.send(piece).await.map_err(|_| StoreError::Busy)
}

/// The columns, with every number as wide as the widest.
fn wide(table: &Table) -> String {
    let column = |(name, kind): &(&str, Kind)| match kind {
        Kind::Integer => format!("{name}::bigint"),
        _ => (*name).to_owned(),
    };
    table.columns.iter().map(column).collect::<Vec<_>>().join(", ")
}

fn cells(row: &Row, table: &Table) -> Result<Vec<Cell>> {
    let cell = |(index, (_, kind)): (usize, &(&str, Kind))| {
        Ok(match kind {
            Kind::Text => row.try_get::<_, Option<String>>(index)?.map(Cell::Text),
            Kind::Integer => row.try_get::<_, Option<i64>>(index)?.map(Cell::Integer),
            Kind::Flag => {
                row.try_get::<_, Option<bool>>(index)?.map(|yes| Cell::Integer(i64::from(yes)))
            }
            Kind::Bytes => row.try_get::<_, Option<Vec<u8>>>(index)?.map(Cell::Bytes),
        }
        .unwrap_or(Cell::Null))
    };
    table.columns.iter().enumerate().map(cell).collect()
}

/// Writes everything that comes into an empty database: all of it, or nothing.
///
/// # Errors
/// [`StoreError::Refused`] when it cannot be reached or is not empty, or the copy is not what the source
/// was.
pub async fn import(
    url: &str,
    authority: Option<&Path>,
    pieces: &mut Receiver<Piece>,
    observer: &mut dyn Observer,
) -> Result<Counts> {
    let pool = pool::connect(url, authority).await?;
    let mut client = pool.get().await?;
    migrations::run(&mut client).await?;
    let transaction = client.transaction().await?;
    transaction.batch_execute(PATIENT).await?;
    // Servers that use it meanwhile wait, and see all of it or nothing.
    let names = TABLES.iter().map(|table| table.name).collect::<Vec<_>>().join(", ");
    transaction.batch_execute(&format!("lock table {names} in exclusive mode")).await?;
    for table in TABLES {
        let sql = format!("select exists (select 1 from {})", table.name);
        if transaction.query_one(&sql, &[]).await?.try_get(0)? {
            return Err(StoreError::Refused(format!(
                "the database is not empty: there are rows in {}",
                table.name
            )));
        }
    }
    let counts = fill(&transaction, pieces, observer).await?;
    transaction.commit().await?;
    Ok(counts)
}

async fn fill(
    db: &Transaction<'_>,
    pieces: &mut Receiver<Piece>,
    observer: &mut dyn Observer,
) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut written = 0;
    loop {
        match pieces.recv().await.ok_or_else(cut_short)? {
            Piece::Table(_, total) => {
                counts.push(total);
                written = 0;
            }
            Piece::Rows(rows) => {
                let (index, total) = under_way(&counts)?;
                written += rows.len() as u64;
                let table = &TABLES[index];
                insert(db, table, rows).await?;
                observer.progress(table.name, written, total);
            }
            Piece::Number(number) => {
                let (index, _) = under_way(&counts)?;
                let sql = "select setval(pg_get_serial_sequence($1, 'id'), greatest($2::bigint, 1), $2 > 0)";
                db.query_one(sql, &[&TABLES[index].name, &number]).await?;
            }
            Piece::End => break,
        }
    }
    for (table, expected) in TABLES.iter().zip(&counts) {
        let sql = format!("select count(*) from {}", table.name);
        let found: i64 = db.query_one(&sql, &[]).await?.try_get(0)?;
        let found = u64::try_from(found).unwrap_or(0);
        if found != *expected {
            return Err(miscounted(table, *expected, found));
        }
    }
    let sql = "select coalesce(max(id), 0) from connections";
    let last: i64 = db.query_one(sql, &[]).await?.try_get(0)?;
    for after in samples(last) {
        for record in sealed_under_other_keys(db, "", after, 1).await? {
            observer.check(&record)?;
        }
    }
    Ok(counts)
}

/// One statement for many rows: each column is an array.
async fn insert(db: &Transaction<'_>, table: &Table, rows: Vec<Vec<Cell>>) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns: Vec<Column> =
        table.columns.iter().map(|(_, kind)| Column::of(*kind)).collect();
    let mut names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    if table.name == "connections" {
        // Kept beside the document here, to be searched.
        let user = names.iter().position(|name| *name == "end_user");
        let users = rows.iter().map(|row| match user.and_then(|at| row.get(at)) {
            Some(Cell::Text(text)) => serde_json::from_str(text).ok(),
            _ => None,
        });
        let (users_names, emails) = users
            .map(|user: Option<EndUser>| user.map_or((None, None), |u| (u.display_name, u.email)))
            .unzip();
        names.extend(["end_user_name", "end_user_email"]);
        columns.extend([Column::Text(users_names), Column::Text(emails)]);
    }
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            if !column.push(cell) {
                return Err(StoreError::Corrupt(table.name));
            }
        }
    }
    let arrays: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| format!("${}::{}[]", index + 1, column.type_name()))
        .collect();
    // Numbers are those of the source, not new ones.
    let sql = format!(
        "insert into {} ({}) overriding system value select * from unnest({})",
        table.name,
        names.join(", "),
        arrays.join(", ")
    );
    let values: Vec<&(dyn ToSql + Sync)> = columns.iter().map(Column::value).collect();
    execute(db, &sql, &values).await.map(drop)
}

/// The values of one column.
enum Column {
    Text(Vec<Option<String>>),
    Integer(Vec<Option<i64>>),
    Flag(Vec<Option<bool>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(Vec::new()),
            Kind::Integer => Self::Integer(Vec::new()),
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        }
    }

    /// Tells whether the value is of this column's kind.
    fn push(&mut self, cell: Cell) -> bool {
        match (self, cell) {
            (Self::Text(values), Cell::Text(text)) => values.push(Some(text)),
            (Self::Integer(values), Cell::Integer(number)) => values.push(Some(number)),
            (Self::Flag(values), Cell::Integer(number)) => values.push(Some(number != 0)),
            (Self::Bytes(values), Cell::Bytes(bytes)) => values.push(Some(bytes)),
            (Self::Text(values), Cell::Null) => values.push(None),
            (Self::Integer(values), Cell::Null) => values.push(None),
            (Self::Flag(values), Cell::Null) => values.push(None),
            (Self::Bytes(values), Cell::Null) => values.push(None),
            _ => return false,
        }
        true
    }

    fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "bigint",
            Self::Flag(_) => "boolean",
            Self::Bytes(_) => "bytea",
        }
    }

    fn value(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Text(values) => values,
            Self::Integer(values) => values,
            Self::Flag(values) => values,
            Self::Bytes(values) => values,
        }
    }
}
