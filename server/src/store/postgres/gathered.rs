//! Look-ups that share a query, as writes share a commit: what is asked while one query is under way goes
//! out together with the next. A query costs the database and this server about the same whether it
//! looks for one row or for thirty, so under load this is worth several times as many look-ups; one that
//! is alone leaves at once. Nothing is remembered: every answer was read after its question was asked, so
//! what another server has revoked or replaced by then is revoked and replaced here.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use deadpool_postgres::{Client, Pool};
use tokio::{runtime::Handle, sync::oneshot};

use crate::store::error::{Result, StoreError};

/// The most look-ups of one query.
const TOGETHER: usize = 64;
/// The most queries of one kind at a time. More would leave less for each of them to share.
const LANES: usize = 2;

/// One kind of look-up.
pub(super) trait LookUp: Clone + Send + Sync + 'static {
    /// What it finds.
    type Answer: Send + 'static;

    /// Answers several with one query, in their order.
    fn answer(
        db: &Client,
        asked: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Answer>>> + Send;
}

/// The look-ups of one kind. Cloning shares them.
pub(super) struct Gathered<Q: LookUp> {
    pool: Pool,
    line: Arc<Mutex<Line<Q>>>,
}

impl<Q: LookUp> Clone for Gathered<Q> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone(), line: Arc::clone(&self.line) }
    }
}

struct Line<Q: LookUp> {
    waiting: VecDeque<(Q, oneshot::Sender<Result<Q::Answer>>)>,
    /// Queries under way.
    lanes: usize,
}

impl<Q: LookUp> Gathered<Q> {
    /// On connections of this pool.
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool, line: Arc::new(Mutex::new(Line { waiting: VecDeque::new(), lanes: 0 })) }
    }

    /// Finds what is asked for.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the database is not available; else what is wrong with this look-up,
    /// never with one that went out with it.
    pub(super) async fn ask(&self, question: Q) -> Result<Q::Answer> {
        let answer = {
            let mut line = self.line();
            if line.lanes < LANES {
                line.lanes += 1;
                None
            } else {
                let (reply, answer) = oneshot::channel();
                line.waiting.push_back((question.clone(), reply));
                Some(answer)
            }
        };
        match answer {
            Some(answer) => answer.await.unwrap_or(Err(StoreError::Busy)),
            None => {
                let _lane = Lane { gathered: self, open: true };
                self.find_one(question).await
            }
        }
    }

    fn line(&self) -> MutexGuard<'_, Line<Q>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, in a lane that is open, until nothing is waiting.
    async fn serve(self) {
        let mut lane = Lane { gathered: &self, open: true };
        while let Some((questions, replies)) = lane.next() {
            match self.find(&questions).await {
                Ok(answers) => {
                    for (reply, answer) in replies.into_iter().zip(answers) {
                        // Whoever asked may be gone: a client that hung up.
                        let _ = reply.send(Ok(answer));
                    }
                }
                Err(StoreError::Busy) => {
                    for reply in replies {
                        let _ = reply.send(Err(StoreError::Busy));
                    }
                }
                // What is wrong with one of them is for that one to hear: which is it?
                Err(_) => {
                    for (question, reply) in questions.into_iter().zip(replies) {
                        let _ = reply.send(self.find_one(question).await);
                    }
                }
            }
        }
    }

    async fn find(&self, questions: &[Q]) -> Result<Vec<Q::Answer>> {
        Q::answer(&self.pool.get().await?, questions).await
    }

    async fn find_one(&self, question: Q) -> Result<Q::Answer> {
        self.find(&[question]).await?.pop().ok_or(StoreError::Busy)
    }
}

/// Whose turn it is to ask. However it ends, answered, given up or in a panic, what waits by then is
/// asked for by a task of its own.
struct Lane<'a, Q: LookUp> {
    gathered: &'a Gathered<Q>,
    open: bool,
}

type Waiting<Q> = (Vec<Q>, Vec<oneshot::Sender<Result<<Q as LookUp>::Answer>>>);

impl<Q: LookUp> Lane<'_, Q> {
    /// What goes out together next; `None` closes the lane.
    fn next(&mut self) -> Option<Waiting<Q>> {
        let mut line = self.gathered.line();
        let many = line.waiting.len().min(TOGETHER);
        if many == 0 {
            // In the same moment as nothing was waiting: who comes next opens one.
            line.lanes -= 1;
            self.open = false;
            return None;
        }
        Some(line.waiting.drain(..many).unzip())
    }
}

impl<Q: LookUp> Drop for Lane<'_, Q> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let mut line = self.gathered.line();
        let runtime = Handle::try_current().ok().filter(|_| !line.waiting.is_empty());
        match runtime {
            Some(runtime) => drop(runtime.spawn(self.gathered.clone().serve())),
            None => line.lanes -= 1,
        }
    }
}
