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

/// What scanners of repositories know of keys: good for a shape where the vendor's own pages show none.
const SECOND_SOURCES: [&str; 3] = [
    "https://docs.gitguardian.com/",
    "https://github.com/gitleaks/gitleaks/",
    "https://github.com/trufflesecurity/trufflehog/",
];

/// The last two labels of a host: enough to tell one vendor's pages from another's.
fn site(address: &str) -> Option<String> {
    let host = Url::parse(address).ok()?.host_str()?.to_owned();
    let labels: Vec<_> = host.rsplit('.').take(2).collect();
    Some(labels.into_iter().rev().collect::<Vec<_>>().join("."))
}

/// A shape that nobody vouches for turns good keys into doubtful ones.
#[test]
fn every_key_shape_cites_the_vendor_or_a_named_second_source() {
    for (name, entry) in entries() {
        let pages = entry["sources"].as_array().into_iter().flatten();
        let own: Vec<_> = [&entry["docs"], &entry["docs_connect"], &entry["proxy"]["base_url"]]
            .into_iter()
            .chain(pages)
            .filter_map(|page| site(page.as_str().unwrap_or_default()))
            .collect();
        let product = name.split('-').next().unwrap_or_default();
        for shape in entry["key_shapes"].as_array().into_iter().flatten() {
            let source = shape["source"].as_str().unwrap_or_default();
            let cited = site(source).unwrap_or_default();
            assert!(source.starts_with("https://") && !cited.is_empty(), "{name}: {shape}");
            // A key of another vendor's that people mistake for one of this vendor's has that vendor's page.
            let anothers = shape["wrong"] == true;
            let second = SECOND_SOURCES.iter().any(|second| source.starts_with(second));
            let repository = cited == "github.com" && source.contains(product);
            let vendors = repository || own.contains(&cited);
            assert!(anothers || second || vendors, "{name}: {source} speaks for neither");
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
