//! Which vendor a key comes from, by its beginning: the table behind "this looks like a key of …".
//!
//! A beginning is here when a page of the vendor's own shows it, that page is cited, and the beginning is the
//! vendor's alone. What several vendors share (`sk_live_`, `pk_`, `live_`, `whsec_`, `sk-`) is narrowed or left
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
    // Payments. Paystack and Clerk have `sk_live_` too; Stripe's are followed by `51`, as its samples show.
    "Stripe" "sk_live_51|sk_test_51|rk_live_|rk_test_|pk_live_51|pk_test_51" "https://docs.stripe.com/keys";
    "Razorpay" "rzp_live_|rzp_test_" "https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/";
    "Flutterwave" "FLWSECK|FLWPUBK" "https://developer.flutterwave.com/v3.0/docs/authentication";
    "Paddle" "pdl_live_|pdl_sdbx_" "https://developer.paddle.com/api-reference/about/authentication";
    "Plaid" "access-production-|access-sandbox-" "https://plaid.com/docs/api/items/#itempublic_tokenexchange";
    "Xendit" "xnd_" "https://help.xendit.co/hc/en-us/articles/16516398053273";
    "Mercury" "secret-token:mercury_" "https://docs.mercury.com/docs/getting-started";
    // Code and infrastructure
    "GitHub" "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_" "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats";
    "GitLab" "glpat-|gldt-|glrt-|glptt-" "https://docs.gitlab.com/security/tokens/#token-prefixes";
    "npm" "npm_" "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/";
    "RubyGems" "rubygems_" "https://guides.rubygems.org/api-key-scopes/";
    "AWS|Amazon" "AKIA|ASIA" "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes";
    "Google|Gemini|Firebase|YouTube|Maps" "AIza" "https://cloud.google.com/docs/authentication/api-keys";
    "DigitalOcean" "dop_v1_|doo_v1_|dor_v1_" "https://docs.digitalocean.com/notes/2022/api-token-format";
    "Cloudflare" "cfut_|cfat_|cfk_|cfoat_" "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/";
    "Supabase" "sb_secret_|sb_publishable_|sbp_" "https://supabase.com/docs/guides/api/api-keys" "https://supabase.com/docs/reference/api/introduction";
    "HashiCorp Vault" "hvs.|hvb.|hvr." "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes";
    "Doppler" "dp.pt.|dp.st.|dp.sa.|dp.ct." "https://docs.doppler.com/reference/auth-token-formats";
    "Tailscale" "tskey-" "https://tailscale.com/docs/reference/key-prefixes";
    "CircleCI" "CCIPAT_|CCIPRJ_" "https://circleci.com/changelog/new-format-for-api-access-tokens/";
    "Buildkite" "bkua_|bkaa_|bkaj_" "https://buildkite.com/docs/platform/security/tokens";
    "Trigger.dev" "tr_prod_|tr_preview_|tr_dev_" "https://trigger.dev/docs/apikeys";
    // Watching and measuring
    "Grafana" "glsa_" "https://grafana.com/docs/grafana/latest/developers/http_api/serviceaccount/";
    "Sentry" "sntrys_|sntryu_" "https://docs.sentry.io/security-legal-pii/security/token-formats/";
    "Dynatrace" "dt0c01.|dt0s01." "https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens";
    // Models. The second page of OpenAI's row is another vendor's: it names what the first shows of one kind only.
    "OpenAI" "sk-proj-|sk-svcacct-|sk-admin-" "https://developers.openai.com/api/reference/resources/organization/subresources/admin_api_keys/methods/create" "https://openrouter.ai/docs/guides/features/guardrails/secret-formats";
    "Anthropic|Claude" "sk-ant-" "https://platform.claude.com/docs/en/build-with-claude/administration-api";
    "OpenRouter" "sk-or-" "https://openrouter.ai/docs/guides/features/guardrails/secret-formats";
    "Langfuse" "sk-lf-|pk-lf-" "https://langfuse.com/docs/observability/get-started";
    "LangSmith|LangChain" "lsv2_" "https://docs.langchain.com/langsmith/administration-overview#api-keys";
    "Hugging Face|HuggingFace" "hf_" "https://huggingface.co/docs/hub/security-tokens";
    "Replicate" "r8_" "https://replicate.com/docs/topics/security/api-tokens";
    "NVIDIA" "nvapi-" "https://github.com/langchain-ai/langchain-nvidia/blob/main/libs/ai-endpoints/README.md";
    "Tavily" "tvly-" "https://docs.tavily.com/documentation/quickstart";
    "E2B" "e2b_" "https://github.com/e2b-dev/E2B/blob/main/packages/js-sdk/README.md";
    "LlamaCloud|LlamaIndex|LlamaParse" "llx-" "https://developers.llamaindex.ai/python/cloud/general/api_key/";
    // Mail, messages, documents
    "SendGrid|Twilio" "SG." "https://www.twilio.com/docs/sendgrid/api-reference/api-keys/create-api-keys";
    "Slack" "xoxb-|xoxp-|xapp-|xoxe." "https://docs.slack.dev/authentication/tokens";
    "Cal.com" "cal_live_" "https://cal.com/docs/api-reference/v2/introduction";
    "Notion" "ntn_" "https://developers.notion.com/page/changelog";
    "Mapbox" "sk.eyJ|pk.eyJ|tk.eyJ" "https://docs.mapbox.com/help/dive-deeper/access-tokens/";
    // Shops, parcels, journeys
    "Shopify" "shpat_|shpca_|shppa_|shpss_" "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing" "https://shopify.dev/changelog/app-secret-key-length-has-increased";
    "Shippo" "shippo_live_|shippo_test_" "https://docs.goshippo.com/docs/guides_general/authentication/";
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

    #[test]
    fn every_row_cites_a_page() {
        assert_eq!(PAGES.len(), rows().count());
        for page in PAGES.iter().copied().flatten() {
            assert!(page.starts_with("https://") && page.matches('/').count() >= 3, "{page}");
        }
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
