//! Connect sessions: how a backend lets a browser make a connection, and what the browser sees of it.

mod create;
mod presets;
mod reconnect;
mod session;
mod telemetry;

pub use create::create;
pub(crate) use create::{LIFETIME, Minted, Terms, mint, mint_for, webhook_url};
pub use presets::{Presets, binding as presets_binding};
pub use reconnect::reconnect;
pub(crate) use session::session_of_preview;
pub use session::{end, show};
pub use telemetry::telemetry;
