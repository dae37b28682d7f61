//! Webhooks to be delivered, and those that were.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    model::{AuditEvent, Operation, Webhook, WebhookStatus},
    store::error::Result,
};

/// What came of sending a webhook.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// Which.
    pub id: String,
    /// The number of this try. What a server says whose lease has ended counts only when it is that
    /// the webhook was delivered.
    pub attempts: u32,
    /// What has become of it.
    pub status: WebhookStatus,
    /// When to try again, if at all.
    pub next_at: Option<Timestamp>,
    /// When it was tried.
    pub at: Timestamp,
    /// The status of the receiver's answer.
    pub answer: Option<u16>,
    /// Why there was no answer.
    pub error: Option<String>,
}

/// Which webhooks to list.
#[derive(Clone, Debug, Default)]
pub struct WebhookFilter {
    /// Exactly this one.
    pub id: Option<String>,
    /// What has become of it.
    pub status: Option<WebhookStatus>,
    /// What it tells of.
    pub operation: Option<Operation>,
    /// Part of `integration/connection`, capital letters or not.
    pub search: Option<String>,
    /// Only those older than the one of this id.
    pub before: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// Webhooks: from the change that they tell of to their delivery.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Takes up to `limit` webhooks that are due and in nobody's hand, the longest due first, until
    /// `leased_until`; counts the try.
    async fn claim_webhooks(
        &self,
        now: Timestamp,
        leased_until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Webhook>>;
    /// Writes down what came of sending a webhook, and lets go of it.
    async fn settle_webhook(&self, settlement: Settlement) -> Result<()>;
    /// Webhooks of an environment, newest first.
    async fn webhooks(&self, environment: &str, filter: WebhookFilter) -> Result<Vec<Webhook>>;
    /// Makes a webhook due now, to the address that the environment has by now; tells whether there is
    /// one of that id.
    async fn replay_webhook(
        &self,
        environment: &str,
        id: &str,
        at: Timestamp,
        audit: AuditEvent,
    ) -> Result<bool>;
    /// How many webhooks are still to be delivered.
    async fn outbox_depth(&self) -> Result<u64>;
    /// Removes webhooks older than `before` with which there is nothing more to do; tells how many.
    async fn purge_webhooks(&self, before: Timestamp) -> Result<u64>;
}
