//! Patterns of the catalogue give here the verdict that browsers give.
//!
//! This test writes every (pattern, string, verdict) to `pattern-parity.json` in Cargo's directory
//! for test files and lets Node, whose `RegExp` is a browser's, judge them again. Where there is no
//! Node only the file is written; `npm test` always has one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use keyslot_providers::{Catalogue, Pattern};
use serde_json::json;

/// Strings where regular expressions of the two languages are known to differ, and ordinary ones.
const STRINGS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "z",
    "0",
    "9",
    "-",
    "_",
    ".",
    "/",
    ":",
    "@",
    "#",
    "acme",
    "ACME",
    "Acme-1",
    "acme.example.com",
    "https://acme.example.com",
    "https://acme.example.com/",
    "http://a.b",
    "acme corp",
    " acme",
    "acme ",
    "acme\n",
    "\nacme",
    "acme\r",
    "ac\nme",
    "acme\u{2028}",
    "acme\u{2029}",
    "acme\u{85}",
    "acme\u{a0}",
    "acme\u{feff}",
    "acme\u{200b}",
    "acme\u{180e}",
    "é",
    "É",
    "ß",
    "ſ",
    "\u{212a}",
    "\u{130}",
    "ı",
    "日本",
    "٣",
    "१२३",
    "🙂",
    "a🙂b",
    "123e4567-e89b-12d3-a456-426614174000",
    "deadbeef",
    "DEADBEEF",
    "0123456789",
    "12345678901",
    "user@example.com",
    "us1",
    "us-east-1",
    "eu",
    "sk_test_x",
    "a--b",
    "-a",
    "a-",
    "a_b",
    "a.b",
    "..",
    "a..b",
    "[",
    "]",
    "[a]",
    "{",
    "}",
    "{2}",
    "a{2}",
    "(",
    ")",
    "^",
    "$",
    "a|b",
    "\\",
    "\\d",
    "&&",
    "~~",
    "\0",
    "\t",
    "\u{b}",
    "\u{c}",
    "a\u{301}",
    "abcdefghijklmnopqrstuvwxyz",
    "AKIAABCDEFGHIJKLMNOP",
    "eyJhbGciOi.J9.sig",
    "%2e",
    "a+b=",
    "1.2.3.4",
    "::1",
    "localhost:8080",
];

/// Patterns that the catalogue does not have but an operator's file may.
const MORE: &[&str] = &[
    r"^\d+$",
    r"^\w+$",
    r"\s",
    r"^\S+$",
    r"\bacme\b",
    r"^.$",
    r"^..$",
    r"^.+$",
    r"[^]",
    r"[]",
    r"^[a&&b]+$",
    r"^[[]$",
    r"^[\w-]+$",
    r"^[a-z\d-.]+$",
    r"^[-a]+$",
    r"^[a-]+$",
    r"]",
    r"}",
    r"{",
    r"^a{2}$|\{2\}",
    r"^[^\s]+$",
    r"^\/|\:$",
    r"^(?:a|b)?$",
    r"^[\d.]+$",
    r"^[~]+$",
    r"\D",
    r"^a{2,}$",
    r"^[\]]$",
    r"\x41",
    r"\u0041",
    r"a$",
    r"^$",
    r"\W",
    r"^[\b]$",
    r"\B",
];

fn strings_for(samples: &[String]) -> BTreeSet<String> {
    let mut strings: BTreeSet<String> = STRINGS.iter().map(|text| (*text).to_owned()).collect();
    for sample in samples {
        strings.extend([sample.clone(), format!("{sample}\n"), format!(" {sample}")]);
        strings.extend([sample.to_uppercase(), format!("{sample}é"), format!("{sample}.")]);
    }
    strings
}

#[test]
fn every_pattern_gives_the_verdict_that_a_browser_gives() {
    assert!(STRINGS.len() >= 60);
    let mut cases = Vec::new();
    let mut add = |source: &str, samples: &[String]| {
        let pattern = Pattern::new(source);
        pattern.check().unwrap_or_else(|reason| panic!("{source}: {reason}"));
        for text in strings_for(samples) {
            // Beyond U+FFFF the two count differently, as `Pattern` says; `.` shows it.
            if samples.is_empty() && text.chars().any(|c| c > '\u{ffff}') {
                continue;
            }
            let verdict = pattern.matches(&text).expect("it compiles");
            cases.push(json!({ "pattern": source, "text": text, "verdict": verdict }));
        }
    };
    let mut patterns = 0_usize;
    for provider in Catalogue::embedded().iter() {
        for field in provider.credentials.iter().chain(&provider.connection_config) {
            if let Some(pattern) = &field.pattern {
                patterns += 1;
                let samples = provider.samples.get(&field.name);
                let samples: Vec<_> = samples
                    .iter()
                    .flat_map(|samples| samples.valid.iter().chain(&samples.invalid))
                    .cloned()
                    .collect();
                add(pattern.source(), &samples);
            }
        }
    }
    assert!(patterns > 20, "only {patterns} patterns in the catalogue");
    for pattern in MORE {
        add(pattern, &[]);
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pattern-parity.json");
    std::fs::write(&file, serde_json::to_vec(&cases).expect("JSON")).expect("a file");

    let replay = "const cases = JSON.parse(require('fs').readFileSync(process.argv[1]));\
        const bad = cases.filter(c => new RegExp(c.pattern).test(c.text) !== c.verdict);\
        console.log(cases.length); bad.slice(0, 40).forEach(c => console.log(JSON.stringify(c)));\
        process.exit(bad.length ? 1 : 0);";
    let Ok(output) = Command::new("node").arg("-e").arg(replay).arg(&file).output() else {
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "browsers say otherwise:\n{text}{errors}");
    assert_eq!(text.trim(), cases.len().to_string(), "{errors}");
}

#[test]
fn samples_of_the_catalogue_are_what_its_patterns_say() {
    let mut wrong = Vec::new();
    let mut judged = 0;
    for provider in Catalogue::embedded().iter() {
        for field in provider.credentials.iter().chain(&provider.connection_config) {
            let (Some(pattern), Some(samples)) =
                (&field.pattern, provider.samples.get(&field.name))
            else {
                continue;
            };
            for (texts, verdict) in [(&samples.valid, true), (&samples.invalid, false)] {
                for text in texts {
                    judged += 1;
                    if pattern.matches(text) != Some(verdict) {
                        wrong.push(format!("{} {}: {text:?}", provider.name, field.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {judged}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(judged > 50, "only {judged} samples");
}

#[test]
fn a_pattern_that_only_browsers_can_run_gives_no_verdict() {
    for source in ["^(?=a)b", r"^(a)\1$", "(?<!x)y"] {
        assert_eq!(Pattern::new(source).matches("a"), None, "{source}");
    }
}
