//! Where the log goes and what is in it: standard error, as JSON lines when it is not a terminal.
//! `KEYSLOT_LOG` sets the level (`info` by default) in the syntax of `RUST_LOG`. Whatever the level,
//! nothing logs a body, a query string, a header or a credential.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for this process.
pub fn start() {
    let filter = EnvFilter::try_from_env("KEYSLOT_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second call, in a test, changes nothing.
    let _ = if std::io::stderr().is_terminal() {
        log.try_init()
    } else {
        log.json().flatten_event(true).try_init()
    };
    std::panic::set_hook(Box::new(note_panic));
}

/// Notes where a panic happened. The message is left out: a formatted one may hold a value.
fn note_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let message =
        panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("(message withheld)");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, message, "panic");
}
