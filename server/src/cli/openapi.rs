//! `keyslot-server openapi`.

use super::error::StartupError;
use crate::{openapi, routes::endpoints};

/// Prints the API document.
#[expect(clippy::print_stdout, reason = "the document is what was asked for")]
pub(super) fn run() -> Result<(), StartupError> {
    print!("{}", openapi::text(&endpoints(true)).map_err(StartupError)?);
    Ok(())
}
