//! Which vendor a key comes from, by its beginning: the table behind "this looks like a key of …".
//!
//! A beginning is here when it is the vendor's alone, by the vendor's own pages. Those that several vendors
//! share (`sk_live_`, `pk_`, `live_`, `sk-`) are narrowed by length or left out: a wrong guess costs more trust
//! than a missing one. A template's own `key_shapes` are looked at before this table, so it need not say
//! which of a vendor's keys is which.

use alloc::string::String;

use crate::text::{LINE, Part, Text, set};

/// Writes the table as one text, one row a line: in WebAssembly that is a third of what an array of structs
/// takes.
macro_rules! table {
    ($($names:literal $prefixes:literal)*) => {
        concat!($($names, ";", $prefixes, "\n"),*)
    };
}

/// The vendor's name, with other names and products of its after a `|`, and what its keys begin with. `=32`
/// after a beginning is the length of the whole key; without it, at least [`REST`] characters follow.
#[rustfmt::skip]
const TABLE: &str = table! {
    // Payments
    "Stripe|Svix" "sk_live_51|sk_test_51|sk_live_=32|sk_test_=32|rk_live_|rk_test_|pk_live_51|pk_test_51|pk_live_=32|pk_test_=32|whsec_" // https://docs.stripe.com/keys, https://docs.stripe.com/keys/restricted-api-keys, https://docs.stripe.com/webhooks, https://docs.svix.com/receiving/verifying-payloads/how
    "Square" "sq0atp-|sq0csp-|sq0idp-" // https://developer.squareup.com/docs/build-basics/access-tokens, https://developer.squareup.com/docs/devtools/sandbox/overview
    "Razorpay" "rzp_live_|rzp_test_" // https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/
    "Flutterwave" "FLWSECK|FLWPUBK" // https://developer.flutterwave.com/docs/authentication
    "Mollie" "live_=35|test_=35" // https://docs.mollie.com/reference/authentication
    "Paddle" "pdl_live_apikey_|pdl_sdbx_apikey_" // https://developer.paddle.com/api-reference/about/api-keys
    "Braintree|PayPal" "access_token$" // https://developer.paypal.com/braintree/docs/guides/authorization/gateway-credentials
    "Checkout.com" "sk_sbox_|pk_sbox_" // https://www.checkout.com/docs/developer-resources/api/api-authentication/api-keys
    "Plaid" "access-production-|access-sandbox-" // https://plaid.com/docs/quickstart/glossary/#access-token
    // Code and infrastructure
    "GitHub" "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_" // https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    "GitLab" "glpat-|gldt-|glrt-|glptt-" // https://docs.gitlab.com/security/tokens/#token-prefixes
    "Atlassian|Jira|Confluence|Trello|Bitbucket" "ATATT3x|ATCTT3x" // https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/, https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/
    "Bitbucket|Atlassian" "ATBB" // https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/
    "npm" "npm_=40" // https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/
    "RubyGems" "rubygems_" // https://guides.rubygems.org/api-key-scopes/
    "Docker" "dckr_pat_" // https://docs.docker.com/security/access-tokens/
    "AWS|Amazon" "AKIA=20|ASIA=20" // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    "Google|Gemini|Firebase|YouTube|Maps|Gmail" "AIza=39|GOCSPX-|ya29." // https://cloud.google.com/docs/authentication/api-keys, https://developers.google.com/identity/protocols/oauth2, https://cloud.google.com/docs/authentication/token-types
    "DigitalOcean" "dop_v1_|doo_v1_|dor_v1_" // https://docs.digitalocean.com/reference/api/create-personal-access-token/, https://docs.digitalocean.com/reference/api/oauth/
    "Heroku" "HRKU-" // https://devcenter.heroku.com/articles/authentication
    "Render" "rnd_" // https://render.com/docs/api
    "Netlify" "nfp_" // https://docs.netlify.com/api/get-started/
    "Fly.io" "FlyV1 " // https://fly.io/docs/security/tokens/
    "Supabase" "sbp_|sb_secret_|sb_publishable_" // https://supabase.com/docs/reference/api/introduction, https://supabase.com/docs/guides/api/api-keys
    "PlanetScale" "pscale_tkn_" // https://planetscale.com/docs/api/reference/service-tokens
    "Neon" "napi_" // https://neon.com/docs/manage/api-keys
    "MongoDB" "mdb_sa_sk_" // https://www.mongodb.com/docs/atlas/configure-api-access/
    "Databricks" "dapi" // https://docs.databricks.com/aws/en/dev-tools/auth/pat
    "HashiCorp Vault" "hvs.|hvb." // https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
    "Pulumi" "pul-" // https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/
    "Doppler" "dp.pt.|dp.st." // https://docs.doppler.com/reference/auth-token-formats
    "1Password" "ops_eyJ" // https://developer.1password.com/docs/service-accounts/
    "Tailscale" "tskey-api-|tskey-auth-|tskey-client-" // https://tailscale.com/kb/1277/key-prefixes
    "Buildkite" "bkua_" // https://buildkite.com/docs/apis/managing-api-tokens
    "CircleCI" "CCIPAT_" // https://circleci.com/docs/managing-api-tokens/
    "Sourcegraph" "sgp_" // https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token
    "SonarQube|SonarCloud" "squ_|sqp_" // https://docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens/
    "Postman" "PMAK-" // https://learning.postman.com/docs/developer/postman-api/authentication/
    "ReadMe" "rdme_" // https://docs.readme.com/main/reference/intro/authentication
    "Trigger.dev" "tr_prod_|tr_dev_" // https://trigger.dev/docs/apikeys
    "Apify" "apify_api_" // https://docs.apify.com/platform/integrations/api
    // Watching and measuring
    "New Relic" "NRAK-|NRJS-|NRII-" // https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/
    "Grafana" "glsa_|glc_" // https://grafana.com/docs/grafana/latest/administration/service-accounts/, https://grafana.com/docs/grafana-cloud/security-and-account-management/authentication-and-permissions/access-policies/
    "Sentry" "sntrys_|sntryu_" // https://docs.sentry.io/security-legal-pii/security/token-formats/
    "Dynatrace" "dt0c01." // https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens
    "PostHog" "phx_|phc_" // https://posthog.com/docs/api
    "LaunchDarkly" "sdk-=40|mob-=40" // https://launchdarkly.com/docs/sdk/concepts/client-side-server-side
    // Models
    "OpenAI" "sk-proj-|sk-svcacct-|sk-admin-" // https://developers.openai.com/api/docs/guides/api-keys, https://developers.openai.com/api/docs/guides/admin-apis
    "Anthropic|Claude" "sk-ant-api|sk-ant-admin" // https://platform.claude.com/docs/en/get-api-key, https://platform.claude.com/docs/en/build-with-claude/administration-api
    "OpenRouter" "sk-or-v1-" // https://openrouter.ai/docs/api-reference/authentication
    "Langfuse" "sk-lf-|pk-lf-" // https://langfuse.com/docs/api-and-data-platform/features/public-api
    "LangSmith|LangChain" "lsv2_" // https://docs.langchain.com/langsmith/create-account-api-key
    "Hugging Face" "hf_" // https://huggingface.co/docs/hub/security-tokens
    "Replicate" "r8_" // https://replicate.com/docs/topics/security/api-tokens
    "Groq" "gsk_" // https://console.groq.com/docs/quickstart
    "Perplexity" "pplx-" // https://docs.perplexity.ai/getting-started/quickstart
    "xAI|Grok" "xai-" // https://docs.x.ai/docs/tutorial
    "NVIDIA" "nvapi-" // https://docs.nvidia.com/nim/large-language-models/latest/getting-started.html
    "Pinecone" "pcsk_" // https://docs.pinecone.io/guides/projects/manage-api-keys
    "Tavily" "tvly-" // https://docs.tavily.com/documentation/quickstart
    "Firecrawl" "fc-=35" // https://docs.firecrawl.dev/introduction
    "E2B" "e2b_" // https://e2b.dev/docs/api-key
    // Mail, messages, customers
    "SendGrid|Twilio" "SG.=69" // https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
    "Brevo|Sendinblue" "xkeysib-|xsmtpsib-" // https://developers.brevo.com/docs/getting-started, https://developers.brevo.com/docs/send-transactional-email-smtp
    "MailerSend" "mlsn." // https://developers.mailersend.com/general.html#authentication
    "Mailgun" "key-=36" // https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/rbac-mgmt
    "OneSignal" "os_v2_app_|os_v2_org_" // https://documentation.onesignal.com/docs/en/keys-and-ids
    "Slack" "xoxb-|xoxp-|xapp-|xoxe." // https://docs.slack.dev/authentication/tokens
    "HubSpot" "pat-na|pat-eu" // https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
    "Cal.com" "cal_" // https://cal.com/docs/api-reference/v2/introduction
    "Typeform" "tfp_" // https://www.typeform.com/developers/get-started/personal-access-token/
    // Documents, design, work
    "Notion" "ntn_|secret_=50" // https://developers.notion.com/page/changelog, https://developers.notion.com/docs/authorization
    "Linear" "lin_api_|lin_oauth_" // https://linear.app/developers/graphql, https://linear.app/developers/oauth-2-0-authentication
    "Figma" "figd_" // https://developers.figma.com/docs/rest-api/authentication/
    "Contentful" "CFPAT-" // https://www.contentful.com/developers/docs/references/authentication/
    "Frame.io" "fio-u-" // https://developer.frame.io/docs/getting-started/authentication
    "Mapbox" "sk.eyJ|pk.eyJ" // https://docs.mapbox.com/help/dive-deeper/access-tokens/
    // Shops and parcels
    "Shopify" "shpat_|shpca_|shppa_|shpss_" // https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing, https://shopify.dev/changelog/app-secret-key-length-has-increased
    "Shippo" "shippo_live_|shippo_test_" // https://docs.goshippo.com/docs/guides_general/authentication/
    "EasyPost" "EZAK|EZTK" // https://docs.easypost.com/docs/authentication
    "Duffel" "duffel_live_|duffel_test_" // https://duffel.com/docs/api/overview/authentication
};

/// How many characters follow the beginning of a key, at least.
const REST: usize = 16;

/// The names of the vendor that `value` is a key of, parted by `|`, the one to be shown first; empty when none
/// is known. When several beginnings fit, the longest one decides.
pub(super) fn names(value: &str) -> &'static str {
    let table = Text(TABLE);
    let (mut best, mut longest) = (Part::NONE, 0);
    let mut rest = table.all();
    while !rest.is_empty() {
        let row = table.until(rest, LINE);
        let names = table.until(row, set!(";"));
        let mut prefixes = row.after(names);
        while !prefixes.is_empty() {
            prefixes = prefixes.skip(1);
            let prefix = table.until(prefixes, set!("|"));
            let start = table.until(prefix, set!("="));
            prefixes = prefixes.after(prefix);
            // The table is right, by its test; a length that could not be read would fit nothing.
            let mut length = 0;
            for digit in table.str(prefix.after(start)).bytes().skip(1) {
                length = length * 10 + usize::from(digit & 15);
            }
            let fits =
                if length > 0 { value.len() == length } else { value.len() >= start.len() + REST };
            if fits && start.len() > longest && value.starts_with(table.str(start)) {
                (best, longest) = (names, start.len());
            }
        }
        rest = rest.after(row).skip(1);
    }
    table.str(best)
}

/// Whether a vendor of these names makes `provider`. Providers are called after the vendor, one of its
/// products, and sometimes the kind of key: `hubspot-private-app`, `GitHub (Personal Access Token)`.
pub(super) fn is_of(names: &str, provider: &str) -> bool {
    let provider = letters(provider);
    let provider = Text(&provider);
    provider.holds(provider.all(), &letters(names))
}

/// The letters and digits, and what parts two names.
#[inline(never)]
fn letters(text: &str) -> String {
    let mut letters = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '|' {
            letters.push(c);
        }
    }
    letters
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

    #[test]
    fn every_row_of_the_table_names_a_vendor_and_every_beginning_finds_it() {
        for (names_of_row, prefixes) in rows() {
            assert!(!shown(names_of_row).is_empty());
            for prefix in prefixes.split('|') {
                let (start, length) = match prefix.split_once('=') {
                    Some((start, length)) => (start, length.parse::<usize>().unwrap()),
                    None => (prefix, prefix.len() + REST),
                };
                assert!(start.len() >= 3 && length > start.len(), "{prefix}");
                let key = format!("{start}{}", "0".repeat(length - start.len()));
                assert_eq!(names(&key), names_of_row, "{prefix}");
                let short = format!("{start}{}", "0".repeat(length - start.len() - 1));
                assert_eq!(names(&short), "", "{prefix} one character short");
            }
        }
    }

    #[test]
    fn the_table_knows_at_least_eighty_vendors_each_once() {
        let mut vendors: Vec<_> = rows().map(|(names, _)| shown(names)).collect();
        let count = vendors.len();
        vendors.sort_unstable();
        vendors.dedup();
        assert!(vendors.len() == count && count >= 80, "{count}");
    }

    #[test]
    fn the_longest_beginning_wins() {
        let vendor =
            |prefix: &str| shown(names(&format!("{prefix}{}", "0".repeat(80 - prefix.len()))));
        assert_eq!(vendor("sk-or-v1-"), "OpenRouter");
        assert_eq!(vendor("sk-ant-api03-"), "Anthropic");
        assert_eq!(vendor("sk-proj-"), "OpenAI");
        assert_eq!(vendor("sk-"), "");
    }

    #[test]
    fn a_provider_is_the_vendors_by_any_of_its_names() {
        for provider in ["Atlassian", "jira-basic", "Confluence (API Token)", "my-jira"] {
            assert!(is_of("Atlassian|Jira|Confluence", provider), "{provider}");
        }
        for provider in ["", "GitHub", "atlas", "é"] {
            assert!(!is_of("Atlassian|Jira|Confluence", provider), "{provider}");
        }
        assert!(is_of("New Relic", "newrelic-api-key") && is_of("Cal.com", "cal-com"));
    }
}
