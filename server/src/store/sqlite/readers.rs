//! A few threads that read, each with a connection of its own, all from one queue: in write-ahead-log
//! mode they see the last committed state and never wait for the writer.

use std::{sync::Mutex, thread::JoinHandle};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection as Db;
use tokio::sync::oneshot;

use crate::store::error::{Result, StoreError};

/// The most reads that wait; more are turned away as busy.
const QUEUE: usize = 4096;

type Job = Box<dyn FnOnce(&Db) + Send>;

pub(super) struct Readers {
    queue: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Readers {
    pub(super) fn start(count: usize, connect: impl Fn() -> Result<Db>) -> Result<Self> {
        let (sender, receiver) = crossbeam_channel::bounded(QUEUE);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let db = connect()?;
            let receiver: Receiver<Job> = receiver.clone();
            let thread = std::thread::Builder::new()
                .name(format!("sqlite-reader-{number}"))
                .spawn(move || {
                    for job in receiver {
                        job(&db);
                    }
                })
                .map_err(|error| StoreError::Engine(Box::new(error)))?;
            threads.push(thread);
        }
        Ok(Self { queue: Mutex::new(Some(sender)), threads: Mutex::new(threads) })
    }

    /// Runs `work` in a read transaction, so that several statements see one state.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| in_snapshot(db, work)))
                    .unwrap_or_else(|_| Err(StoreError::Engine("a read panicked".into())));
            // Whoever asked may be gone: a client that hung up.
            let _ = reply.send(result);
        });
        {
            let queue = self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let queue = queue.as_ref().ok_or(StoreError::Busy)?;
            queue.try_send(job).map_err(|_| StoreError::Busy)?;
        }
        answer.await.unwrap_or(Err(StoreError::Busy))
    }

    pub(super) async fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        let threads = std::mem::take(
            &mut *self.threads.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let _ = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        })
        .await;
    }
}

fn in_snapshot<T>(db: &Db, work: impl FnOnce(&Db) -> Result<T>) -> Result<T> {
    let snapshot = db.unchecked_transaction()?;
    let result = work(&snapshot)?;
    snapshot.commit()?;
    Ok(result)
}
