//! The catalogue that is built in: every entry can be used, and says what it promises.

use keyslot_core::advice::{FieldShape, KeyShape, Kind, Notice, recognise};
use keyslot_providers::{Catalogue, parse};
use serde_json::Value;
use url::Url;

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

/// Every entry of every file of the catalogue, as it is written.
fn entries() -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalog");
    let mut entries = Vec::new();
    for file in std::fs::read_dir(folder).expect("the catalogue") {
        let path = file.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = std::fs::read_to_string(&path).expect("text");
            entries.extend(parse(&text).expect("YAML"));
        }
    }
    assert!(entries.len() >= 150, "only {} entries", entries.len());
    entries
}

#[test]
fn every_entry_says_from_which_pages_it_was_written() {
    for (name, entry) in entries() {
        let sources = entry["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert!(!sources.is_empty(), "{name} cites nothing");
        for source in sources {
            let url = Url::parse(source.as_str().unwrap_or_default());
            let cited = url.is_ok_and(|url| url.scheme() == "https" && url.host_str().is_some());
            assert!(cited, "{name}: {source} is not the address of a page");
        }
    }
}

/// The key shapes of an entry, as the widget reads them.
fn key_shapes(entry: &Value) -> Vec<KeyShape> {
    let text = |shape: &Value, name: &str| shape[name].as_str().unwrap_or_default().to_owned();
    let length = |shape: &Value, name: &str| {
        shape[name].as_u64().unwrap_or_default().try_into().expect("a length")
    };
    let shapes = entry["key_shapes"].as_array().map(Vec::as_slice).unwrap_or_default();
    shapes
        .iter()
        .map(|shape| KeyShape {
            field: shape["field"].as_str().unwrap_or("apiKey").to_owned(),
            prefix: text(shape, "prefix"),
            kind: text(shape, "kind"),
            min: length(shape, "min"),
            max: length(shape, "max"),
            alphabet: text(shape, "alphabet"),
            checksum: text(shape, "checksum"),
            wrong: shape["wrong"] == true,
            note: text(shape, "note"),
        })
        .collect()
}

/// The advice that the dialog gives rests on the shapes; a good key that draws a notice, or a wrong one
/// that draws none, is a fault of the file.
#[test]
fn key_shapes_know_the_valid_samples_and_no_invalid_one() {
    let catalogue = Catalogue::embedded();
    let (mut wrong, mut shaped) = (Vec::new(), 0);
    for (name, entry) in entries() {
        let shapes = key_shapes(&entry);
        let provider = catalogue.get(&name).expect("an entry that loads");
        let mut fields: Vec<&str> =
            shapes.iter().filter(|shape| !shape.wrong).map(|shape| shape.field.as_str()).collect();
        fields.sort_unstable();
        fields.dedup();
        shaped += usize::from(!fields.is_empty());
        for field in fields {
            let samples = provider.samples.get(field).cloned().unwrap_or_default();
            if samples.valid.is_empty() || samples.invalid.len() < 3 {
                wrong.push(format!(
                    "{name} {field}: expected a valid sample and three invalid ones"
                ));
            }
            let pattern = provider
                .credentials
                .iter()
                .chain(&provider.connection_config)
                .find(|one| one.name == field)
                .and_then(|one| one.pattern.as_ref());
            let as_key = FieldShape { name: field, kind: Kind::Key, prefix: "", suffix: "" };
            let notice = |text: &str| {
                // That it is a key for tests is no complaint.
                recognise(&as_key, text, &shapes, &name).filter(|it| *it != Notice::TestKey)
            };
            for text in &samples.valid {
                if let Some(notice) = notice(text) {
                    wrong.push(format!("{name} {field}: valid {text:?} draws {notice:?}"));
                }
            }
            for text in &samples.invalid {
                let by_pattern = pattern.is_some_and(|it| it.matches(text) == Some(false));
                let refused = text.is_empty() || recognise(&as_key, text, &shapes, &name).is_some();
                if !by_pattern && !refused {
                    wrong.push(format!("{name} {field}: invalid {text:?} draws nothing"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(shaped >= 50, "only {shaped} providers have shapes");
}
