//! `keyslot-server check`.

use super::{config::Settings, error::StartupError};

/// Prints the catalogue and what of it cannot be used.
#[expect(clippy::print_stdout, reason = "the table is what was asked for")]
pub(super) fn run(settings: &Settings) -> Result<(), StartupError> {
    let (catalogue, reports) = settings.catalogue()?;
    println!("{:<32} {:<8} {:<34} CHECK", "PROVIDER", "MODE", "NAME");
    for provider in catalogue.iter() {
        let check = provider.check.as_ref().map_or_else(
            || "none: stored unchecked".to_owned(),
            |check| {
                format!("{} {}", check.method, check.endpoints.first().map_or("", |e| e.source()))
            },
        );
        println!(
            "{:<32} {:<8} {:<34} {check}",
            provider.name,
            provider.auth_mode.as_str(),
            provider.display_name
        );
    }
    let mut unusable = 0;
    for (origin, report) in &reports {
        for skipped in &report.skipped {
            unusable += 1;
            println!("not usable: {} ({origin}): {}", skipped.name, skipped.reason);
        }
        for loaded in &report.loaded {
            for note in &loaded.notes {
                println!("note: {} ({origin}): {note}", loaded.name);
            }
        }
    }
    println!("{} providers, {unusable} not usable", catalogue.len());
    let mut missing = Vec::new();
    match settings.key_count() {
        Ok(keys) => println!("encryption keys: {keys}"),
        Err(error) => missing.push(("encryption keys", error)),
    }
    let others = [
        ("database", settings.database().map(drop)),
        ("public URL", settings.public_url().map(drop)),
        ("metrics", settings.metrics_token().map(drop)),
    ];
    missing.extend(others.into_iter().filter_map(|(what, outcome)| Some((what, outcome.err()?))));
    for (what, error) in &missing {
        println!("{what}: {error}");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(what, _)| *what).collect();
    Err(StartupError(format!("the server would not start: {}; see above", names.join(", "))))
}
