//! The command line. A contract: scripts rely on it, and each option has an environment variable.
//!
//! Each command is a file: its options, and what it does. The settings that all of them take are in
//! `config`; `open` opens what those name.

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{hardening::Hardening, logging};

mod check;
mod config;
pub mod demo;
mod environments;
mod error;
mod is_ready;
mod keys;
mod open;
mod openapi;
mod rotate_keys;
mod serve;
mod startup_keys;
mod transfer;

pub use error::StartupError;

/// The Keyslot backend: hands out connect sessions, checks the credentials that end users type, keeps
/// them sealed, and gives them to the backends that hold a secret key.
#[derive(Parser)]
#[command(name = "keyslot-server", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    settings: config::Settings,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, the widget's files and, with --dev, the demo. The default.
    Serve,
    /// Put every stored record under the first encryption key. Can be stopped and started again at any
    /// time; when it is done, the older keys may be removed.
    RotateKeys,
    #[command(subcommand)]
    Keys(keys::KeyAction),
    #[command(subcommand)]
    Environments(environments::EnvironmentAction),
    /// Ask the server on this machine whether it can do its work, and exit with 0 if so. For health checks
    /// where there is no other program to ask with.
    IsReady,
    Backup(transfer::Backup),
    Restore(transfer::Restore),
    Migrate(transfer::Migrate),
    /// Check the settings and the catalogue, and print the providers. Nothing is started or changed. Exits
    /// with 1 when something is missing that the server needs to start.
    Check,
    /// Print the API document (OpenAPI 3.1) as JSON.
    Openapi,
}

/// What this process was started with. The settings may stand before a command and behind it.
fn parsed() -> Cli {
    let command = Cli::command().mut_args(|argument| argument.global(true));
    Cli::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
}

/// Runs the command of this process, and writes down how closing its memory went.
pub fn run(hardening: Option<Hardening>) -> ExitCode {
    let Cli { command, settings } = parsed();
    logging::start();
    if let Some(hardening) = hardening {
        hardening.log();
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&StartupError::because("cannot start", error)),
    };
    let outcome = match command.unwrap_or(Command::Serve) {
        Command::Serve => runtime.block_on(serve::run(settings)),
        Command::RotateKeys => runtime.block_on(rotate_keys::run(&settings)),
        Command::Keys(action) => runtime.block_on(keys::run(action, &settings)),
        Command::Environments(action) => runtime.block_on(environments::run(action, &settings)),
        Command::IsReady => is_ready::run(settings.listen),
        Command::Backup(options) => runtime.block_on(transfer::backup(options, &settings)),
        Command::Restore(options) => runtime.block_on(transfer::restore(options, &settings)),
        Command::Migrate(options) => runtime.block_on(transfer::migrate(&options, &settings)),
        Command::Check => check::run(&settings),
        Command::Openapi => openapi::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the last word to the operator, also when the log is filtered"
)]
fn report(error: &StartupError) -> ExitCode {
    eprintln!("keyslot-server: {error}");
    ExitCode::FAILURE
}
