//! Which vendor a key comes from, by its beginning: the table behind "this looks like a key of …".
//!
//! A beginning is here when a page or a repository of the vendor's own shows it, or for some of a vendor's kinds of
//! key a second source that the tests name, that place is cited, and the beginning is the vendor's alone. What several vendors share (`sk_live_`, `pk_`, `live_`, `whsec_`, `sk-`) is narrowed or left
//! out: a wrong guess costs more trust than a missing one. A template's own `key_shapes` say which of a vendor's
//! keys is which.

use crate::text::{LINE, Text, set};

/// Writes the table as one text, one row a line: in WebAssembly that is a third of what an array of structs
/// takes. The pages are for the reader and the tests; they are not compiled into anything else.
macro_rules! table {
    ($($names:literal $beginnings:literal $($page:literal)+;)*) => {
        /// The vendor's name, with other names and products of its after a `|`, and after the `;` what its keys
        /// begin with. At least [`REST`] characters follow a beginning.
        const TABLE: &str = concat!($($names, ";", $beginnings, "\n"),*);

        #[cfg(test)]
        const PAGES: &[&[&str]] = &[$(&[$($page),+]),*];
    };
}

#[rustfmt::skip]
table! {
    // Payments. Paystack and Clerk have `sk_live_` too; Stripe's are followed by `51`, as the keys in its kits show.
    "Stripe" "sk_live_51|sk_test_51|rk_live_|rk_test_|pk_live_51|pk_test_51" "https://docs.stripe.com/keys" "https://github.com/stripe/stripe-android/blob/master/payments-core/src/test/java/com/stripe/android/ApiKeyFixtures.kt";
    "Flutterwave" "FLWSECK|FLWPUBK" "https://developer.flutterwave.com/v3.0/docs/authentication";
    "Paddle" "pdl_" "https://developer.paddle.com/api-reference/api-keys" "https://developer.paddle.com/api-reference/about/authentication";
    "Plaid" "access-production-|access-sandbox-" "https://plaid.com/docs/quickstart/glossary/";
    "Xendit" "xnd_" "https://github.com/xendit/xendit-node/blob/master/README.md";
    "Mercury" "secret-token:mercury_" "https://docs.mercury.com/reference/getting-started-with-your-api";
    // Code and infrastructure
    "GitHub" "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_" "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats";
    "GitLab" "glpat-|gldt-|glrt-|glptt-" "https://docs.gitlab.com/security/tokens/#token-prefixes";
    "npm" "npm_" "https://github.blog/security/announcing-npms-new-access-token-format";
    "RubyGems" "rubygems_" "https://guides.rubygems.org/rubygems-org-api/";
    "AWS|Amazon" "AKIA|ASIA" "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes";
    "Google|Gemini|Firebase|YouTube|Maps" "AIza" "https://cloud.google.com/docs/authentication/api-keys";
    "DigitalOcean" "dop_v1_|doo_v1_|dor_v1_" "https://docs.digitalocean.com/notes/2022/api-token-format";
    "Heroku" "HRKU-" "https://devcenter.heroku.com/changelog-items/3175";
    "Cloudflare" "cfut_|cfat_|cfk_" "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats";
    "Supabase" "sb_secret_|sb_publishable_|sbp_" "https://supabase.com/docs/guides/getting-started/api-keys" "https://supabase.com/docs/guides/platform/personal-access-tokens";
    "HashiCorp Vault" "hvs.|hvb.|hvr." "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-formats";
    "Doppler" "dp.st.|dp.pt.|dp.ct." "https://docs.doppler.com/docs/service-tokens" "https://docs.gitguardian.com/secrets-detection/secrets-detection-engine/detectors/specifics/doppler_apikey";
    "Tailscale" "tskey-" "https://tailscale.com/docs/reference/key-prefixes";
    "CircleCI" "CCIPAT_|CCIPRJ_" "https://circleci.com/changelog/new-format-for-api-access-tokens/";
    "Buildkite" "bkua_|bkaa_|bkaj_" "https://buildkite.com/docs/platform/security/tokens";
    "Trigger.dev" "tr_prod_|tr_preview_" "https://trigger.dev/docs/apikeys";
    // Watching and measuring
    "Grafana" "glsa_" "https://grafana.com/docs/grafana/latest/developers/http_api/serviceaccount/";
    "Sentry" "sntrys_|sntryu_" "https://docs.sentry.io/security-legal-pii/security/token-formats/";
    "Dynatrace" "dt0c|dt0s" "https://docs.dynatrace.com/docs/dynatrace-api/basics/dynatrace-api-authentication" "https://docs.dynatrace.com/managed/discover-dynatrace/references/dynatrace-api/basics/deprecation-migration-guides/tokens-v1-to-v2";
    // Models. OpenAI's pages show the beginning of one kind of key only.
    "OpenAI" "sk-proj-|sk-svcacct-|sk-admin-" "https://developers.openai.com/api/reference/resources/organization/subresources/audit_logs/subresources/admin_api_keys/methods/create" "https://github.com/gitleaks/gitleaks/blob/master/cmd/generate/config/rules/openai.go";
    "Anthropic|Claude" "sk-ant-" "https://platform.claude.com/docs/en/get-api-key";
    "OpenRouter" "sk-or-v1-" "https://openrouter.ai/docs/guides/overview/auth/api-keys";
    "Langfuse" "sk-lf-|pk-lf-" "https://langfuse.com/docs/observability/sdk/python/setup";
    "LangSmith|LangChain" "lsv2_" "https://docs.langchain.com/langsmith/llm-gateway-authentication";
    "Hugging Face|HuggingFace" "hf_" "https://huggingface.co/docs/hub/security-tokens";
    "Replicate" "r8_" "https://replicate.com/docs/topics/security/api-tokens";
    "NVIDIA" "nvapi-" "https://nvidia.github.io/NeMo-Retriever/extraction/api-keys/";
    "Tavily" "tvly-" "https://github.com/tavily-ai/tavily-python/blob/master/README.md";
    "E2B" "e2b_" "https://github.com/e2b-dev/E2B/blob/main/packages/js-sdk/README.md";
    "LlamaCloud|LlamaIndex|LlamaParse" "llx-" "https://github.com/run-llama/llama_cloud_services/blob/main/parse.md";
    // Mail, messages, documents
    "SendGrid|Twilio" "SG." "https://github.com/twilio/sendgrid-oai/blob/main/spec/json/tsg_api_keys_v3.json";
    "Slack" "xoxb-|xoxp-|xapp-|xoxe." "https://docs.slack.dev/authentication/tokens" "https://docs.slack.dev/reference/methods/tooling.tokens.rotate";
    "Cal.com" "cal_live_" "https://cal.com/docs/api-reference/v2/introduction";
    "Notion" "ntn_" "https://github.com/makenotion/notion-mcp-server/blob/main/README.md";
    "Mapbox" "sk.eyJ|pk.eyJ" "https://docs.mapbox.com/help/dive-deeper/access-tokens";
    // Shops, parcels, journeys
    "Shopify" "shpat_|shpca_|shppa_|shpss_" "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing" "https://shopify.dev/changelog/app-secret-key-length-has-increased";
    "Shippo" "shippo_live_|shippo_test_" "https://docs.goshippo.com/guides/authentication";
    "Duffel" "duffel_" "https://duffel.com/docs/api/overview/test-mode";
}

/// How many characters follow the beginning of a key, at least.
const REST: usize = 16;

/// The names of the vendor that the value is a key of, parted by `|`, the one to be shown first, and how long
/// the beginning is that tells; nothing when none is known. The case of letters is not looked at: what was put
/// into capitals by a form or a keyboard is still recognised.
pub(super) fn find(value: &Text<'_>) -> (&'static str, usize) {
    let table = Text(TABLE);
    let mut rest = table.all();
    while !rest.is_empty() {
        let row = table.until(rest, LINE);
        let names = table.until(row, set!(";"));
        let beginning = value.starts(value.all(), table.str(row.after(names).skip(1)));
        if beginning > 0 && value.all().len() >= beginning + REST {
            return (table.str(names), beginning);
        }
        rest = rest.after(row).skip(1);
    }
    ("", 0)
}

/// Whether a vendor of these names makes `provider`. Providers are called after the vendor or one of its products,
/// and sometimes the kind of key: `GitHub (Personal Access Token)`.
pub(super) fn is_of(names: &str, provider: &str) -> bool {
    let provider = Text(provider);
    provider.holds(provider.all(), names)
}

/// The name to be shown.
pub(super) fn shown(names: &'static str) -> &'static str {
    let names = Text(names);
    names.str(names.until(names.all(), set!("|")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
        TABLE.lines().map(|line| line.split_once(';').unwrap())
    }

    fn names(value: &str) -> &'static str {
        find(&Text(value)).0
    }

    #[test]
    fn every_beginning_finds_its_row_and_how_long_it_is() {
        for (names_of_row, beginnings) in rows() {
            assert!(!shown(names_of_row).is_empty());
            for start in beginnings.split('|') {
                assert!(start.len() >= 3, "{start}");
                let key = |rest: usize| format!("{start}{}", "0".repeat(rest));
                assert_eq!(find(&Text(&key(REST))), (names_of_row, start.len()), "{start}");
                assert_eq!(names(&key(REST - 1)), "", "{start} one character short");
                assert_eq!(names(&format!("x{}", key(REST))), "", "{start} not at the start");
            }
        }
    }

    #[test]
    fn no_beginning_hides_another_vendors() {
        let all: Vec<_> = rows()
            .flat_map(|(_, beginnings)| beginnings.split('|'))
            .map(str::to_ascii_lowercase)
            .collect();
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert!(!one.starts_with(other) && !other.starts_with(one), "{one} {other}");
            }
        }
    }

    #[test]
    fn the_table_knows_at_least_forty_vendors_each_once() {
        let mut vendors: Vec<_> = rows().map(|(names, _)| shown(names)).collect();
        let count = vendors.len();
        vendors.sort_unstable();
        vendors.dedup();
        assert!(vendors.len() == count && count >= 40, "{count}");
    }

    /// Vendors that publish under a name which is none of theirs in the table: npm is GitHub's, LlamaCloud is made
    /// by the people of `run-llama`.
    const UNDER_ANOTHER_NAME: [(&str, &str); 2] =
        [("npm", "github.blog"), ("LlamaCloud", "github.com/run-llama")];

    /// What scanners of repositories know. Good for a kind of key that the vendor's pages leave out, not for a row.
    const SECOND_SOURCES: [&str; 2] = ["docs.gitguardian.com", "github.com/gitleaks"];

    /// Who speaks on the page: its host, on GitHub the host and the owner of the repository.
    fn publisher(page: &str) -> String {
        let rest = page.strip_prefix("https://").unwrap();
        let parts = if rest.starts_with("github.com/") { 2 } else { 1 };
        rest.split('/').take(parts).collect::<Vec<_>>().join("/")
    }

    fn is_published_by(names_of_row: &str, publisher: &str) -> bool {
        let letters = |text: &str| text.to_lowercase().replace([' ', '.', '-'], "");
        let owner = letters(publisher);
        names_of_row.split('|').any(|name| {
            name.split(' ').any(|word| owner.contains(&letters(word)))
                || UNDER_ANOTHER_NAME.contains(&(name, publisher))
        })
    }

    #[test]
    fn every_row_cites_its_vendor_and_else_only_named_second_sources() {
        assert_eq!(PAGES.len(), rows().count());
        for ((names_of_row, _), pages) in rows().zip(PAGES) {
            let publishers: Vec<_> = pages.iter().map(|page| publisher(page)).collect();
            let own = |publisher: &String| is_published_by(names_of_row, publisher);
            assert!(publishers.iter().any(own), "{names_of_row}: no page of the vendor's own");
            for publisher in &publishers {
                let known = own(publisher) || SECOND_SOURCES.contains(&publisher.as_str());
                assert!(known, "{names_of_row}: {publisher}");
            }
        }
    }

    #[test]
    fn who_publishes_a_page_is_told_by_host_and_owner() {
        assert_eq!(publisher("https://github.com/acme/kit/blob/main/README.md"), "github.com/acme");
        assert_eq!(publisher("https://docs.acme.example/keys#live"), "docs.acme.example");
        assert!(is_published_by("Acme Cloud|Other", "docs.acme.example"));
        assert!(!is_published_by("Acme", "github.com/somebody"));
        assert!(!is_published_by("GitLab", "github.blog"));
    }

    #[test]
    fn what_several_vendors_begin_their_keys_with_is_nobodys() {
        for start in
            ["sk-", "sk_live_", "sk_test_", "pk_live_", "pk_", "live_", "test_", "key-", "whsec_"]
        {
            assert_eq!(names(&format!("{start}{}", "0".repeat(40))), "", "{start}");
        }
    }

    #[test]
    fn a_provider_is_the_vendors_by_any_of_its_names() {
        for provider in ["Google", "google-maps", "Gemini (API key)", "My FIREBASE"] {
            assert!(is_of("Google|Gemini|Firebase|Maps", provider), "{provider}");
        }
        for provider in ["", "GitHub", "goo", "é"] {
            assert!(!is_of("Google|Gemini|Firebase|Maps", provider), "{provider}");
        }
    }
}
