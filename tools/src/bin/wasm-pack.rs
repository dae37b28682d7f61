//! `wasm-pack`, at the version that `Cargo.lock` names.
use clap::Parser;

fn main() {
    env_logger::init();
    let cli = wasm_pack::Cli::parse();
    if let Err(error) = wasm_pack::command::run_wasm_pack(cli.cmd) {
        eprintln!("Error: {error:?}");
        std::process::exit(1);
    }
}
