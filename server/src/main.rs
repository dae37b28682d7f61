//! The command line; see [`keyslot_server::cli`].

use std::alloc::System;

use zeroizing_alloc::ZeroAlloc;

/// Overwrites memory that is given back: requests, answers and what serde makes between them leave no
/// copy of a credential behind, without each of them having to see to it.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> std::process::ExitCode {
    // First of all: arguments and environment hold secrets already.
    let hardening = keyslot_server::hardening::close_memory();
    keyslot_server::cli::run(Some(hardening))
}
