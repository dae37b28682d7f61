//! The catalogue that is built in: every entry can be used, and says what it promises.

use keyslot_providers::Catalogue;

#[test]
fn every_embedded_provider_loads_and_nothing_in_it_is_left_out() {
    let (catalogue, report) = Catalogue::embedded_with_report();
    let skipped: Vec<_> =
        report.skipped.iter().map(|entry| format!("{}: {}", entry.name, entry.reason)).collect();
    assert!(skipped.is_empty(), "{} skipped:\n{}", skipped.len(), skipped.join("\n"));
    let notes: Vec<_> = report
        .loaded
        .iter()
        .flat_map(|entry| entry.notes.iter().map(move |note| format!("{}: {note}", entry.name)))
        .collect();
    assert!(notes.is_empty(), "{} notes:\n{}", notes.len(), notes.join("\n"));
    let replaced: Vec<_> =
        report.loaded.iter().filter(|entry| entry.replaced).map(|entry| &entry.name).collect();
    assert!(replaced.is_empty(), "named twice: {replaced:?}");
    assert!(catalogue.len() >= 150, "only {} providers", catalogue.len());
    assert_eq!(catalogue.len(), report.loaded.len());
}
