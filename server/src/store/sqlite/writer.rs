//! The one thread that writes. It takes whatever is queued, up to [`BATCH`] operations, commits them as
//! one transaction and only then answers: at `synchronous=FULL` a commit costs a disk flush, and so
//! thirty clients share one instead of waiting for thirty. Each operation has a savepoint of its own,
//! so that one that fails takes nothing else with it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    thread::JoinHandle,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection as Db;
use tokio::sync::oneshot;

use crate::{
    metrics::CommitTimes,
    store::error::{Result, StoreError},
};

/// The most operations in one transaction, unless the operator says otherwise.
pub const BATCH: u16 = 64;
/// The most operations that wait; more are turned away as busy.
const QUEUE: usize = 1024;

pub(super) struct Writer {
    queue: Mutex<Option<Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// `batch`: the most operations in one transaction; at least one is taken.
    pub(super) fn start(db: Db, times: CommitTimes, batch: u16) -> Result<Self> {
        let (sender, receiver) = crossbeam_channel::bounded(QUEUE);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || work(db, &receiver, &times, batch))
            .map_err(|error| StoreError::Engine(Box::new(error)))?;
        Ok(Self { queue: Mutex::new(Some(sender)), thread: Mutex::new(Some(thread)) })
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Operation { work: Some(work), result: None, reply });
        {
            let queue = self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let queue = queue.as_ref().ok_or(StoreError::Busy)?;
            queue.try_send(job).map_err(|_| StoreError::Busy)?;
        }
        answer.await.unwrap_or(Err(StoreError::Busy))
    }

    /// Lets the thread finish what is queued, and waits for it.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// One operation in the queue.
trait Job: Send {
    /// Does the work; tells whether its changes are to be kept.
    fn run(&mut self, db: &Db) -> bool;
    /// Answers whoever waits: with the result when the transaction was committed, else with `failure`.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

struct Operation<T, F> {
    work: Option<F>,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Operation<T, F>
where
    T: Send,
    F: FnOnce(&Db) -> Result<T> + Send,
{
    fn run(&mut self, db: &Db) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = catch_unwind(AssertUnwindSafe(|| work(db)))
            .unwrap_or_else(|_| Err(StoreError::Engine("an operation panicked".into())));
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let answer = match (self.result, failure) {
            // Its own failure says more than that of the transaction.
            (Some(Err(error)), _) | (_, Some(error)) => Err(error),
            (Some(Ok(value)), None) => Ok(value),
            (None, None) => Err(StoreError::Busy),
        };
        // Whoever asked may be gone: a client that hung up.
        let _ = self.reply.send(answer);
    }
}

fn work(db: Db, queue: &Receiver<Box<dyn Job>>, times: &CommitTimes, most: u16) {
    let most = usize::from(most);
    let mut batch = Vec::with_capacity(most);
    while let Ok(first) = queue.recv() {
        batch.push(first);
        batch.extend(queue.try_iter().take(most.saturating_sub(1)));
        let started = Instant::now();
        let failure = commit(&db, &mut batch).err().map(|error| {
            tracing::error!(error = %error, operations = batch.len(), "a transaction was not committed");
            error.to_string()
        });
        times.note(started.elapsed());
        for job in batch.drain(..) {
            job.answer(failure.clone().map(|text| StoreError::Engine(text.into())));
        }
    }
    // Leaves one tidy file behind. Without it the next start reads the log; nothing is lost.
    if let Err(error) = db.query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(())) {
        tracing::warn!(error = %error, "the write-ahead log was not folded in at close");
    }
}

fn commit(db: &Db, batch: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    run(db, "begin immediate")?;
    for job in batch.iter_mut() {
        run(db, "savepoint operation")?;
        if !job.run(db) && !db.is_autocommit() {
            run(db, "rollback to operation")?;
        }
        if db.is_autocommit() {
            // A full disk or an I/O error rolls the whole transaction back
            // (https://www.sqlite.org/lang_transaction.html §3), the operations before this one too.
            return Err(rusqlite::Error::StatementChangedRows(0));
        }
        run(db, "release operation")?;
    }
    run(db, "commit").inspect_err(|_| {
        let _ = run(db, "rollback");
    })
}

fn run(db: &Db, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter() -> Writer {
        let db = Db::open_in_memory().unwrap();
        db.execute_batch("create table n (v integer not null)").unwrap();
        Writer::start(db, CommitTimes::default(), BATCH).unwrap()
    }

    async fn sum(writer: &Writer) -> i64 {
        writer
            .run(|db| Ok(db.query_row("select coalesce(sum(v), 0) from n", [], |row| row.get(0))?))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_failing_operation_leaves_its_neighbours_alone() {
        let writer = std::sync::Arc::new(counter());
        let mut tasks = Vec::new();
        for index in 0..200_i64 {
            let writer = writer.clone();
            tasks.push(tokio::spawn(async move {
                writer
                    .run(move |db| {
                        db.execute("insert into n values (1)", [])?;
                        match index % 4 {
                            0 => Err(StoreError::Corrupt("a test")),
                            1 => panic!("an operation that panics"),
                            _ => Ok(index),
                        }
                    })
                    .await
            }));
        }
        let mut stored = 0;
        for task in tasks {
            stored += i64::from(task.await.unwrap().is_ok());
        }
        assert_eq!(stored, 100);
        assert_eq!(sum(&writer).await, 100);
    }

    #[tokio::test]
    async fn a_closed_writer_finishes_its_queue_and_refuses_more() {
        let writer = std::sync::Arc::new(counter());
        let queued = {
            let writer = writer.clone();
            tokio::spawn(async move {
                writer.run(|db| Ok(db.execute("insert into n values (7)", [])?)).await
            })
        };
        tokio::task::yield_now().await;
        writer.close().await;
        assert!(queued.await.unwrap().is_ok());
        assert!(matches!(writer.run(|_| Ok(())).await, Err(StoreError::Busy)));
    }

    #[tokio::test]
    async fn a_transaction_that_the_engine_rolled_back_fails_every_operation_in_it() {
        let writer = counter();
        let result = writer
            .run(|db| {
                db.execute("insert into n values (1)", [])?;
                // Stands for what SQLite does by itself on a full disk.
                db.execute_batch("rollback")?;
                Ok(())
            })
            .await;
        assert!(matches!(result, Err(StoreError::Engine(_))));
        assert_eq!(sum(&writer).await, 0);
    }
}
