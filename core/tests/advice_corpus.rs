//! Every line of `corpus/paste.tsv`: what people paste, and what should become of it.

mod common;

use std::fmt::Write as _;

use keyslot_core::advice::{
    FieldShape, KeyShape, Kind, Notice, Refusal, Removed, Repair, recognise, refuse, repair,
};

const CORPUS: &str = include_str!("corpus/paste.tsv");

/// One line of the corpus.
struct Case<'a> {
    number: usize,
    kind: Kind,
    settings: &'a str,
    pasted: String,
    value: String,
    removed: &'a str,
    notice: &'a str,
    more: &'a str,
}

fn cases() -> impl Iterator<Item = Case<'static>> {
    CORPUS.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(
        |(at, line)| {
            let number = at + 1;
            let cells: Vec<&str> = line.split('\t').collect();
            assert!(
                (6..=7).contains(&cells.len()),
                "line {number} has {} columns instead of 6 or 7",
                cells.len()
            );
            let pasted = unescaped(cells[2], number);
            Case {
                number,
                kind: kind(cells[0], number),
                settings: cells[1],
                value: if cells[3] == "=" { pasted.clone() } else { unescaped(cells[3], number) },
                pasted,
                removed: cells[4],
                notice: cells[5],
                more: cells.get(6).copied().unwrap_or("-"),
            }
        },
    )
}

fn kind(word: &str, number: usize) -> Kind {
    match word {
        "key" => Kind::Key,
        "password" => Kind::Password,
        "username" => Kind::Username,
        "subdomain" => Kind::Subdomain,
        "hostname" => Kind::Hostname,
        "url" => Kind::Url,
        "plain" => Kind::Plain,
        _ => panic!("line {number}: {word} is no kind of field"),
    }
}

/// Reads `\n`, `\r`, `\t`, `\\`, `\u{200b}` and `\*{FAKE,9}`, which is FAKE nine times.
fn unescaped(cell: &str, number: usize) -> String {
    let mut text = String::new();
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let (escape, after) = after.split_at(1);
        rest = after;
        match escape {
            "n" => text.push('\n'),
            "r" => text.push('\r'),
            "t" => text.push('\t'),
            "\\" => text.push('\\'),
            "u" | "*" => {
                let (inside, after) = after[1..]
                    .split_once('}')
                    .unwrap_or_else(|| panic!("line {number}: no }} after \\{escape}"));
                rest = after;
                if escape == "u" {
                    text.push(
                        u32::from_str_radix(inside, 16)
                            .ok()
                            .and_then(char::from_u32)
                            .expect("a code point"),
                    );
                } else {
                    let (what, times) = inside.rsplit_once(',').expect("what and how often");
                    text.push_str(&what.repeat(times.parse().expect("a number")));
                }
            }
            _ => panic!("line {number}: \\{escape} is no escape"),
        }
    }
    text + rest
}

/// The settings of a line, as the caller of the advice would have them.
#[derive(Default)]
struct Settings<'a> {
    field: Option<&'a str>,
    prefix: &'a str,
    suffix: &'a str,
    vendor: &'a str,
    optional: bool,
    shapes: Vec<KeyShape>,
}

fn settings(cell: &str) -> Settings<'_> {
    let mut settings = Settings::default();
    for word in cell.split(' ').filter(|&word| word != "-") {
        match word.split_once('=') {
            Some(("field", name)) => settings.field = Some(name),
            Some(("prefix", text)) => settings.prefix = text,
            Some(("suffix", text)) => settings.suffix = text,
            Some(("vendor", name)) => settings.vendor = name,
            _ if word == "optional" => settings.optional = true,
            _ => {
                settings.vendor = word;
                let shapes: Vec<serde_json::Value> =
                    serde_json::from_str(shapes(word)).expect("shapes that can be read");
                settings.shapes =
                    shapes.into_iter().map(|one| KeyShape::read(&common::Parsed(one))).collect();
            }
        }
    }
    settings
}

/// Some templates' `key_shapes`, enough to try every property of one.
fn shapes(vendor: &str) -> &'static str {
    match vendor {
        "stripe" => {
            r#"[{"prefix":"sk_live_","kind":"secret","min":32,"alphabet":"base62"},
                {"prefix":"rk_live_","kind":"restricted","min":32,"alphabet":"base62"},
                {"prefix":"sk_test_","kind":"test","min":32,"alphabet":"base62"},
                {"prefix":"pk_","kind":"publishable","wrong":true,"note":"Publishable keys cannot read data."},
                {"prefix":"whsec_","kind":"webhook","wrong":true}]"#
        }
        "stripe-sandbox" => {
            r#"[{"prefix":"sk_test_","kind":"secret"}, {"prefix":"sk_live_","kind":"live","wrong":true}]"#
        }
        "stripe-live" => {
            r#"[{"prefix":"sk_live_","kind":"secret"}, {"prefix":"sk_test_","kind":"test","wrong":true}]"#
        }
        "github" => {
            r#"[{"prefix":"ghp_","kind":"secret","min":40,"max":40,"alphabet":"base62","checksum":"github-crc32"},
                {"prefix":"github_pat_","kind":"secret","min":82},
                {"prefix":"ghr_","kind":"refresh","wrong":true}]"#
        }
        "hexkey" => r#"[{"kind":"secret","min":32,"max":32,"alphabet":"hex"}]"#,
        "twopart" => {
            r#"[{"field":"username","prefix":"AC","kind":"account","min":34,"max":34},
                {"field":"password","kind":"secret","min":32,"max":32,"alphabet":"hex"},
                {"field":"password","prefix":"SK","kind":"key-id","wrong":true}]"#
        }
        "deepseek" => r#"[{"prefix":"sk-","kind":"secret","min":20}]"#,
        "forty" => r#"[{"kind":"older token","min":40,"max":40}]"#,
        "klaviyo" => r#"[{"prefix":"pk_","kind":"secret"}]"#,
        _ => panic!("the corpus knows no shapes called {vendor}"),
    }
}

fn removed(repair: &Repair) -> String {
    let words: Vec<_> = repair
        .removed
        .iter()
        .map(|removed| match removed {
            Removed::Blanks => "blanks",
            Removed::Invisible => "invisible",
            Removed::Quotes => "quotes",
            Removed::Trailing => "trailing",
            Removed::Curl => "curl",
            Removed::OtherLines => "lines",
            Removed::Json => "json",
            Removed::HeaderName => "header",
            Removed::VariableName => "variable",
            Removed::Scheme => "scheme",
            Removed::Encoding => "encoding",
            Removed::Address => "address",
            Removed::LineBreaks => "linebreaks",
        })
        .collect();
    match (words.is_empty(), repair.words.is_empty()) {
        (true, _) => "-".into(),
        (false, true) => words.join(","),
        (false, false) => format!("{} ({})", words.join(","), repair.words),
    }
}

fn notice(notice: Option<Notice<'_>>) -> String {
    match notice {
        None => "-".into(),
        Some(Notice::WrongKind { kind, note: "" }) => format!("wrong-kind:{kind}"),
        Some(Notice::WrongKind { kind, note: _ }) => format!("wrong-kind:{kind}+note"),
        Some(Notice::WrongField { field }) => format!("wrong-field:{field}"),
        Some(Notice::OtherVendor { vendor }) => format!("other-vendor:{vendor}"),
        Some(Notice::TestKey) => "test-key".into(),
        Some(Notice::LiveKey) => "live-key".into(),
        Some(Notice::Checksum) => "checksum".into(),
        Some(Notice::Email) => "email".into(),
        Some(Notice::Url) => "url".into(),
        Some(Notice::OtherAddress) => "other-address".into(),
        Some(Notice::PrivateKeyFile) => "private-key-file".into(),
        Some(Notice::Masked) => "masked".into(),
        Some(Notice::Placeholder) => "placeholder".into(),
        Some(Notice::Blank) => "blank".into(),
        Some(Notice::TooShort { expected }) => format!("too-short:{expected}"),
        Some(Notice::TooLong { expected }) => format!("too-long:{expected}"),
        Some(Notice::Alphabet) => "alphabet".into(),
        Some(Notice::Prefix { expected }) => format!("prefix:{expected}"),
        Some(Notice::Pattern) => "pattern".into(),
    }
}

fn more(repair: &Repair, refusal: Option<Refusal>) -> String {
    let mut words = Vec::new();
    if let Some(split) = &repair.split {
        words.push(format!("split={}|{}", *split.username, *split.password));
    }
    if repair.added_scheme {
        words.push("added".into());
    }
    if repair.offer {
        words.push("offer".into());
    }
    match refusal {
        None => {}
        Some(Refusal::Empty) => words.push("refuse=empty".into()),
        Some(Refusal::HeaderUnsafe(c)) => words.push(format!("refuse=header:{:x}", u32::from(c))),
        Some(Refusal::TooLong) => words.push("refuse=too-long".into()),
        Some(Refusal::NotAHost) => words.push("refuse=not-a-host".into()),
    }
    if words.is_empty() { "-".into() } else { words.join(" ") }
}

#[test]
fn every_paste_of_the_corpus_becomes_what_it_says() {
    let mut wrong = String::new();
    for case in cases() {
        let settings = settings(case.settings);
        let shape = FieldShape {
            name: settings.field.unwrap_or("apiKey"),
            kind: case.kind,
            prefix: settings.prefix,
            suffix: settings.suffix,
        };
        let repaired = repair(&shape, &case.pasted);
        let found = [
            (
                "value",
                repaired.value.escape_debug().to_string(),
                case.value.escape_debug().to_string(),
            ),
            ("removed", removed(&repaired), case.removed.to_owned()),
            (
                "notice",
                notice(recognise(&shape, &repaired.value, &settings.shapes, settings.vendor)),
                case.notice.to_owned(),
            ),
            (
                "more",
                more(&repaired, refuse(&shape, &repaired.value, settings.optional)),
                case.more.to_owned(),
            ),
        ];
        for (what, found, expected) in found {
            if found != expected {
                writeln!(
                    wrong,
                    "line {}: {what} is {found}, expected {expected}  (pasted {:?})",
                    case.number, case.pasted
                )
                .unwrap();
            }
        }
        let again = repair(&shape, &repaired.value);
        if *again.value != *repaired.value {
            writeln!(wrong, "line {}: repaired again it becomes {:?}", case.number, *again.value)
                .unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn the_corpus_holds_at_least_three_hundred_pastes_and_none_twice() {
    let mut seen: Vec<_> =
        cases().map(|case| (format!("{:?}", case.kind), case.settings, case.pasted)).collect();
    let count = seen.len();
    assert!(count >= 300, "{count}");
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "some pastes stand twice");
}
