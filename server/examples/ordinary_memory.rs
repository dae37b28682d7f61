//! The server with the allocator and the process settings that every program has: what `npm run
//! bench:memory` compares the real one with. Not for use.

fn main() -> std::process::ExitCode {
    keyslot_server::cli::run(None)
}
