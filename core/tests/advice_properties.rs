//! What holds for every paste, tried on thousands that nobody thought of.

use keyslot_core::advice::{FieldShape, KeyShape, Kind, recognise, refuse, repair};
use proptest::prelude::*;
use proptest::sample::select;

fn field(kind: Kind) -> FieldShape<'static> {
    FieldShape { name: "apiKey", kind, prefix: "", suffix: "" }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    select(vec![
        Kind::Key,
        Kind::Password,
        Kind::Username,
        Kind::Subdomain,
        Kind::Hostname,
        Kind::Url,
        Kind::Plain,
    ])
}

fn any_field() -> impl Strategy<Value = FieldShape<'static>> {
    let prefix = select(vec!["https://", "https://api.", "act_", "a", ""]);
    let suffix = select(vec![".acme.example", ".acme.example/api", "/v2", "-x.example", ""]);
    (any_kind(), prefix, suffix).prop_map(|(kind, prefix, suffix)| FieldShape {
        name: "apiKey",
        kind,
        prefix,
        suffix,
    })
}

/// Keys as vendors make them: a prefix or none, and a random part of a usual alphabet.
fn well_formed_key() -> impl Strategy<Value = String> {
    let prefix = select(vec![
        "",
        "",
        "",
        "sk_live_",
        "sk-",
        "sk-proj-",
        "sk-ant-api03-",
        "ghp_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "SG.",
        "key-",
        "AKIA",
        "AIza",
        "shpat_",
        "ntn_",
        "secret_",
        "lin_api_",
        "pat-na1-",
        "re_",
        "hvs.",
        "dp.pt.",
        "tskey-api-",
        "sk.eyJ",
        "Bearer-",
        "token_",
        "api_key_",
        "1/12000:",
        "123456789:",
        "live_",
        "dop_v1_",
        "NRAK-",
        "api-",
        "basic_",
        "pk.",
        "auth.",
    ]);
    let body = prop_oneof![
        "[0-9A-Za-z]{12,64}",
        "[0-9A-Za-z_-]{12,64}",
        "[0-9a-f]{16,64}",
        "[0-9A-Za-z+/]{12,64}={0,2}",
        "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "eyJ[0-9A-Za-z_-]{10,40}\\.[0-9A-Za-z_-]{10,40}\\.[0-9A-Za-z_-]{10,40}",
        "[0-9a-f]{32}-us[0-9]{1,2}",
        "[0-9A-Za-z]{6,12}:[0-9A-Za-z]{12,40}",
        "[0-9A-Za-z|~!*.]{12,40}",
    ];
    (prefix, body).prop_map(|(prefix, body)| format!("{prefix}{body}"))
}

/// Text made of everything that means something to a repair.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(vec![
            "Bearer ", "Basic ", "Token ", "token=", "Authorization: ", "X-Api-Key:", "API_KEY=", "export ", "$env:", "set ", "const ", "- ",
            "key", "password: ", "user", "api", ":", "=", "==", "=>", ":=", ",", ";", "\"", "'", "`", "“", "”", "«", "»", "<", ">", "{", "}", "[", "]",
            "curl ", "-H ", "-u ", "--header=", "--user ", "\\\n", "https://", "http:/", "//", "@", "?api_key=", "&", "#", "%41", "%", ".", "/", "acme",
            ".acme.example", "example", "443", "amFuZTpodW50ZXIy", "RkFLRTo=", "-----BEGIN ", "mailto:", "Copy", "Secret key", "•••", "...", "\u{ff1a}",
        ]).prop_map(String::from),
        2 => select(vec![" ", "\n", "\r\n", "\t", "\u{a0}", "\u{200b}", "\u{feff}", "\u{2028}", "\u{202e}", "\u{3000}"]).prop_map(String::from),
        2 => "[0-9A-Za-z_-]{1,20}",
        1 => any::<String>(),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn any_shape() -> impl Strategy<Value = KeyShape> {
    let words = |words: &[&'static str]| select(words.to_vec()).prop_map(str::to_owned);
    (
        words(&["apiKey", "username"]),
        words(&["", "sk_live_", "ghp_", "acme", "é"]),
        select(vec!["secret", "test", "live", "publishable", ""]),
        any::<u16>(),
        any::<u16>(),
        words(&["", "hex", "base62", "base64", "base64url", "digits", "emoji"]),
        words(&["", "github-crc32", "other"]),
        any::<bool>(),
    )
        .prop_map(|(field, prefix, kind, min, max, alphabet, checksum, wrong)| KeyShape {
            field,
            prefix,
            kind: kind.to_owned(),
            min,
            max,
            alphabet,
            checksum,
            wrong,
            note: String::new(),
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_well_formed_key_is_never_touched(key in well_formed_key()) {
        for kind in [Kind::Key, Kind::Password, Kind::Plain] {
            let repaired = repair(&field(kind), &key);
            prop_assert_eq!(&*repaired.value, &key);
            prop_assert!(!repaired.found_something());
        }
        prop_assert_eq!(refuse(&field(Kind::Key), &key, false), None);
        // As a user name it keeps its text, whatever is offered beside it.
        prop_assert_eq!(&*repair(&field(Kind::Username), &key).value, &key);
    }

    #[test]
    fn a_key_comes_out_of_whatever_it_was_copied_with(
        key in well_formed_key(),
        scheme in select(vec!["", "", "Bearer ", "bearer  ", "Token ", "ApiKey\u{a0}"]),
        quotes in select(vec![("", ""), ("\"", "\""), ("'", "'"), ("“", "”"), ("`", "`")]),
        (before, after) in select(vec![
            ("", ""), ("Authorization: ", ""), ("X-Api-Key: ", ""), ("API_KEY=", ""), ("export API_KEY=", ""), ("export API_KEY=", ";"),
            ("$env:API_KEY = ", ""), ("const apiKey = ", ";"), ("api_key: ", ","), ("{\"api_key\": ", "}"), ("Your API key: ", ""),
            ("# .env\nDEBUG=1\nACME_API_KEY=", "\nACME_URL=https://acme.example\n"),
        ]),
        blanks in select(vec!["", " ", "\n", "\u{a0}", "\u{200b}", "\u{feff}\t"]),
    ) {
        // What nobody writes: an unquoted scheme where the syntax needs one value.
        prop_assume!(scheme.is_empty() || !quotes.0.is_empty() || !before.contains("DEBUG"));
        let pasted = format!("{blanks}{before}{}{scheme}{key}{}{after}{blanks}", quotes.0, quotes.1);
        let repaired = repair(&field(Kind::Key), &pasted);
        prop_assert_eq!(&*repaired.value, &key, "{}", pasted);
    }

    #[test]
    fn a_key_comes_out_of_a_curl_line(
        key in well_formed_key(),
        line in select(vec![
            "curl https://acme.example -H \"Authorization: Bearer KEY\"",
            "curl -sS -X POST 'https://acme.example/v1?x=1' \\\n  -H 'Content-Type: application/json' \\\n  -H 'X-Api-Key: KEY' \\\n  -d '{\"key\":1}'",
            "curl --header=\"Api-Token: KEY\" https://acme.example",
            "-H \"Authorization: Token KEY\" \\",
        ]),
    ) {
        let repaired = repair(&field(Kind::Key), &line.replace("KEY", &key));
        prop_assert_eq!(&*repaired.value, &key);
    }

    #[test]
    fn a_repaired_value_needs_no_repair(shape in any_field(), pasted in prop_oneof![soup(), any::<String>()]) {
        let once = repair(&shape, &pasted);
        let twice = repair(&shape, &once.value);
        prop_assert_eq!(&*twice.value, &*once.value);
        prop_assert!(twice.removed.is_empty() && !twice.added_scheme);
    }

    #[test]
    fn what_is_reported_and_what_is_changed_agree(shape in any_field(), pasted in prop_oneof![soup(), any::<String>()]) {
        let repaired = repair(&shape, &pasted);
        let changed = *repaired.value != *pasted;
        prop_assert_eq!(changed, !repaired.removed.is_empty() || repaired.added_scheme);
        prop_assert_eq!(repaired.offer, changed && shape.kind == Kind::Password);
        let added = if repaired.added_scheme { "https://".len() } else { 0 };
        prop_assert!(repaired.value.len() <= pasted.len() + added);
    }

    #[test]
    fn a_split_offers_two_halves_that_were_in_the_paste(shape in any_field(), pasted in soup()) {
        if let Some(split) = repair(&shape, &pasted).split {
            prop_assert!(!split.username.is_empty() && !split.password.is_empty());
        }
    }

    #[test]
    fn no_text_makes_advice_fail(
        shape in any_field(),
        text in prop_oneof![soup(), any::<String>(), well_formed_key()],
        shapes in prop::collection::vec(any_shape(), 0..4),
        vendor in prop_oneof![Just(String::new()), any::<String>(), Just("Stripe".to_owned())],
        optional in any::<bool>(),
    ) {
        let _ = recognise(&shape, &text, &shapes, &vendor);
        let _ = refuse(&shape, &text, optional);
    }

    #[test]
    fn a_key_that_fits_the_vendors_own_shape_raises_no_notice(body in "[0-9A-Za-z]{24,60}") {
        let shape = KeyShape {
            field: "apiKey".into(),
            prefix: "acme_".into(),
            kind: "secret".into(),
            min: 29,
            max: 65,
            alphabet: "base62".into(),
            ..KeyShape::default()
        };
        let shapes = [shape];
        prop_assert_eq!(recognise(&field(Kind::Key), &format!("acme_{body}"), &shapes, "Acme"), None);
    }
}

#[test]
fn a_random_key_is_hardly_ever_taken_for_something_else() {
    // The same keys on every run (xorshift): a beginning of three characters turns up once in 200,000.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let alphabet = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";
    let taken = (0..20_000)
        .filter(|at| {
            let key: String = (0..20 + at % 40)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    char::from(alphabet[(state >> 32) as usize % 64])
                })
                .collect();
            recognise(&field(Kind::Key), &key, &[], "Acme").is_some()
        })
        .count();
    assert!(taken <= 2, "{taken}");
}

#[test]
fn a_paste_of_a_megabyte_is_answered_at_once() {
    let started = std::time::Instant::now();
    for piece in ["\"", "(", "Bearer ", "a=", "{\"a\":", "a\n", "https://a:b@", " -H x"] {
        let text = piece.repeat(1_000_000 / piece.len());
        for kind in [
            Kind::Key,
            Kind::Password,
            Kind::Username,
            Kind::Subdomain,
            Kind::Hostname,
            Kind::Url,
            Kind::Plain,
        ] {
            let repaired = repair(&field(kind), &text);
            let _ = recognise(&field(kind), &repaired.value, &[], "");
            let _ = refuse(&field(kind), &repaired.value, false);
        }
    }
    // 56 megabytes, unoptimised, on a busy machine; what would take minutes is quadratic.
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn the_longest_paste_that_is_looked_into_is_answered_at_once() {
    let started = std::time::Instant::now();
    for piece in [
        "\"",
        "'",
        "Bearer ",
        "a=",
        "{\"a\":",
        "key: ",
        "a\n",
        "https://a:b@",
        "-H x ",
        "curl -u ",
        "%41",
        "[",
        "<",
    ] {
        let text = piece.repeat(16 * 1024 / piece.len());
        for kind in [
            Kind::Key,
            Kind::Password,
            Kind::Username,
            Kind::Subdomain,
            Kind::Hostname,
            Kind::Url,
            Kind::Plain,
        ] {
            let _ = repair(&field(kind), &text);
        }
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}
