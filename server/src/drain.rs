//! Connections that are told to finish what they are at and are waited for: hyper-util's `GracefulShutdown`,
//! which has none of the kind that can become a WebSocket ([`crate::popup_socket`]).

use std::{error::Error, future::Future, pin::pin};

use hyper::{
    body::{Body, Incoming},
    rt::{Read, Write},
    server::conn::http1::UpgradeableConnection,
    service::HttpService,
};
use tokio::sync::watch;

/// All connections of a listener.
pub struct Drain(watch::Sender<()>);

impl Default for Drain {
    /// None yet.
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Drain {
    /// The connection, which [`Drain::shutdown`] reaches.
    pub fn watch<I, B, S>(
        &self,
        connection: UpgradeableConnection<I, S>,
    ) -> impl Future<Output = hyper::Result<()>> + use<I, B, S>
    where
        S: HttpService<Incoming, ResBody = B>,
        S::Error: Into<Box<dyn Error + Send + Sync>>,
        I: Read + Write + Unpin + Send + 'static,
        B: Body + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut told = self.0.subscribe();
        async move {
            let mut connection = pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                _ = told.changed() => connection.as_mut().graceful_shutdown(),
            }
            connection.await
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.receiver_count()
    }

    /// Tells all of them, and waits until they have ended.
    pub async fn shutdown(self) {
        // There is nobody to tell when there is none.
        let _ = self.0.send(());
        self.0.closed().await;
    }
}
