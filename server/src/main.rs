//! The command line; see [`keyslot_server::cli`].

fn main() -> std::process::ExitCode {
    keyslot_server::cli::run()
}
