//! Which vendor a key comes from, by its beginning: the table behind "this looks like a key of …".
//!
//! A row is here when the vendor's keys begin in a way that no other vendor's do, by the vendor's own pages.
//! Beginnings that several vendors share (`sk_live_` of short keys, `pk_`, `live_`, `sk-`) are narrowed by
//! length or left out: a wrong guess costs more trust than a missing one. A template's own `key_shapes` are
//! looked at before this table.

/// Writes the table as one text, one row a line: in WebAssembly that is a third of what an array of structs
/// takes.
macro_rules! table {
    ($($prefix:literal $min:literal $max:literal $vendor:literal $kind:literal)*) => {
        concat!($($prefix, "\t", $min, "\t", $max, "\t", $vendor, "\t", $kind, "\n"),*)
    };
}

/// prefix, fewest and most characters of the whole key, the vendor with other names of its products (parted
/// by `|`, the first one is shown), and what the key is when an API does not want it.
#[rustfmt::skip]
const TABLE: &str = table! {
    // Payments
    "sk_live_51" 40 255 "Stripe" ""                // https://docs.stripe.com/keys
    "sk_test_51" 40 255 "Stripe" ""                // https://docs.stripe.com/keys
    "sk_live_" 32 32 "Stripe" ""                   // https://docs.stripe.com/keys (keys made before 2019 are 32 long)
    "sk_test_" 32 32 "Stripe" ""                   // https://docs.stripe.com/keys
    "rk_live_" 32 255 "Stripe" ""                  // https://docs.stripe.com/keys/restricted-api-keys
    "rk_test_" 32 255 "Stripe" ""                  // https://docs.stripe.com/keys/restricted-api-keys
    "pk_live_51" 40 255 "Stripe" "publishable"     // https://docs.stripe.com/keys
    "pk_test_51" 40 255 "Stripe" "publishable"     // https://docs.stripe.com/keys
    "pk_live_" 32 32 "Stripe" "publishable"        // https://docs.stripe.com/keys
    "pk_test_" 32 32 "Stripe" "publishable"        // https://docs.stripe.com/keys
    "whsec_" 32 255 "Stripe|Svix" "webhook"        // https://docs.stripe.com/webhooks, https://docs.svix.com/receiving/verifying-payloads/how
    "sq0atp-" 24 40 "Square" ""                    // https://developer.squareup.com/docs/build-basics/access-tokens
    "sq0csp-" 40 60 "Square" "oauth"               // https://developer.squareup.com/docs/devtools/sandbox/overview
    "sq0idp-" 24 40 "Square" "oauth"               // https://developer.squareup.com/docs/build-basics/access-tokens
    "rzp_live_" 20 30 "Razorpay" ""                // https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/
    "rzp_test_" 20 30 "Razorpay" ""                // https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/
    "FLWSECK" 30 80 "Flutterwave" ""               // https://developer.flutterwave.com/docs/authentication
    "FLWPUBK" 30 80 "Flutterwave" "publishable"    // https://developer.flutterwave.com/docs/authentication
    "live_" 35 35 "Mollie" ""                      // https://docs.mollie.com/reference/authentication
    "test_" 35 35 "Mollie" ""                      // https://docs.mollie.com/reference/authentication
    "pdl_live_apikey_" 50 90 "Paddle" ""           // https://developer.paddle.com/api-reference/about/api-keys
    "pdl_sdbx_apikey_" 50 90 "Paddle" ""           // https://developer.paddle.com/api-reference/about/api-keys
    "access_token$" 40 120 "Braintree|PayPal" ""   // https://developer.paypal.com/braintree/docs/guides/authorization/gateway-credentials
    "sk_sbox_" 20 60 "Checkout.com" ""             // https://www.checkout.com/docs/developer-resources/api/api-authentication/api-keys
    "pk_sbox_" 20 60 "Checkout.com" "publishable"  // https://www.checkout.com/docs/developer-resources/api/api-authentication/api-keys
    "access-production-" 40 80 "Plaid" ""          // https://plaid.com/docs/quickstart/glossary/#access-token
    "access-sandbox-" 40 80 "Plaid" ""             // https://plaid.com/docs/quickstart/glossary/#access-token
    // Code and infrastructure
    "ghp_" 40 255 "GitHub" ""                      // https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github
    "gho_" 40 255 "GitHub" ""                      // the same
    "ghu_" 40 255 "GitHub" ""                      // the same
    "ghs_" 40 999 "GitHub" ""                      // the same
    "ghr_" 40 255 "GitHub" "refresh"               // the same
    "github_pat_" 60 255 "GitHub" ""               // the same
    "glpat-" 20 300 "GitLab" ""                    // https://docs.gitlab.com/security/tokens/#token-prefixes
    "gldt-" 20 60 "GitLab" "deploy"                // https://docs.gitlab.com/security/tokens/#token-prefixes
    "glrt-" 20 300 "GitLab" "runner"               // https://docs.gitlab.com/security/tokens/#token-prefixes
    "glptt-" 40 60 "GitLab" "trigger"              // https://docs.gitlab.com/security/tokens/#token-prefixes
    "ATATT3x" 100 300 "Atlassian|Jira|Confluence|Trello|Bitbucket" ""  // https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/
    "ATCTT3x" 100 300 "Atlassian|Bitbucket" ""     // https://support.atlassian.com/bitbucket-cloud/docs/access-tokens/
    "ATBB" 30 40 "Bitbucket|Atlassian" ""          // https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/
    "npm_" 40 40 "npm" ""                          // https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/
    "rubygems_" 50 70 "RubyGems" ""                // https://guides.rubygems.org/api-key-scopes/
    "dckr_pat_" 30 50 "Docker" ""                  // https://docs.docker.com/security/access-tokens/
    "AKIA" 20 20 "AWS|Amazon" ""                   // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    "ASIA" 20 20 "AWS|Amazon" ""                   // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    "AIza" 39 39 "Google|Gemini|Firebase|YouTube|Maps" ""  // https://cloud.google.com/docs/authentication/api-keys
    "GOCSPX-" 35 35 "Google|Gemini|Firebase|YouTube|Gmail" "oauth"  // https://developers.google.com/identity/protocols/oauth2
    "ya29." 40 999 "Google|Gemini|Firebase|YouTube|Gmail" "oauth"   // https://cloud.google.com/docs/authentication/token-types
    "dop_v1_" 71 71 "DigitalOcean" ""              // https://docs.digitalocean.com/reference/api/create-personal-access-token/
    "doo_v1_" 71 71 "DigitalOcean" ""              // https://docs.digitalocean.com/reference/api/oauth/
    "dor_v1_" 71 71 "DigitalOcean" "refresh"       // https://docs.digitalocean.com/reference/api/oauth/
    "HRKU-" 40 80 "Heroku" ""                      // https://devcenter.heroku.com/articles/authentication
    "rnd_" 20 60 "Render" ""                       // https://render.com/docs/api
    "nfp_" 30 60 "Netlify" ""                      // https://docs.netlify.com/api/get-started/
    "FlyV1 " 40 999 "Fly.io" ""                    // https://fly.io/docs/security/tokens/
    "sbp_" 40 80 "Supabase" ""                     // https://supabase.com/docs/reference/api/introduction
    "sb_secret_" 30 80 "Supabase" ""               // https://supabase.com/docs/guides/api/api-keys
    "sb_publishable_" 30 80 "Supabase" "publishable"  // https://supabase.com/docs/guides/api/api-keys
    "pscale_tkn_" 40 80 "PlanetScale" ""           // https://planetscale.com/docs/api/reference/service-tokens
    "napi_" 40 90 "Neon" ""                        // https://neon.com/docs/manage/api-keys
    "mdb_sa_sk_" 40 80 "MongoDB" ""                // https://www.mongodb.com/docs/atlas/configure-api-access/
    "dapi" 36 40 "Databricks" ""                   // https://docs.databricks.com/aws/en/dev-tools/auth/pat
    "hvs." 28 300 "HashiCorp Vault" ""             // https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
    "hvb." 28 400 "HashiCorp Vault" ""             // https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
    "pul-" 44 44 "Pulumi" ""                       // https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/
    "dp.pt." 40 60 "Doppler" ""                    // https://docs.doppler.com/reference/auth-token-formats
    "dp.st." 40 80 "Doppler" ""                    // https://docs.doppler.com/reference/auth-token-formats
    "ops_eyJ" 200 2000 "1Password" ""              // https://developer.1password.com/docs/service-accounts/
    "tskey-api-" 30 80 "Tailscale" ""              // https://tailscale.com/kb/1277/key-prefixes
    "tskey-auth-" 30 80 "Tailscale" "device"       // https://tailscale.com/kb/1277/key-prefixes
    "tskey-client-" 30 80 "Tailscale" "oauth"      // https://tailscale.com/kb/1277/key-prefixes
    "bkua_" 45 45 "Buildkite" ""                   // https://buildkite.com/docs/apis/managing-api-tokens
    "CCIPAT_" 40 90 "CircleCI" ""                  // https://circleci.com/docs/managing-api-tokens/
    "sgp_" 44 70 "Sourcegraph" ""                  // https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token
    "squ_" 44 44 "SonarQube|SonarCloud" ""         // https://docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens/
    "sqp_" 44 44 "SonarQube|SonarCloud" ""         // https://docs.sonarsource.com/sonarqube-server/latest/user-guide/managing-tokens/
    "PMAK-" 60 70 "Postman" ""                     // https://learning.postman.com/docs/developer/postman-api/authentication/
    "rdme_" 60 90 "ReadMe" ""                      // https://docs.readme.com/main/reference/intro/authentication
    "tr_prod_" 20 60 "Trigger.dev" ""              // https://trigger.dev/docs/apikeys
    "tr_dev_" 20 60 "Trigger.dev" ""               // https://trigger.dev/docs/apikeys
    "apify_api_" 40 60 "Apify" ""                  // https://docs.apify.com/platform/integrations/api
    // Watching and measuring
    "NRAK-" 32 32 "New Relic" ""                   // https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/
    "NRJS-" 20 30 "New Relic" "browser"            // https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/
    "NRII-" 32 40 "New Relic" "insert"             // https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/
    "glsa_" 46 46 "Grafana" ""                     // https://grafana.com/docs/grafana/latest/administration/service-accounts/
    "glc_" 40 400 "Grafana" ""                     // https://grafana.com/docs/grafana-cloud/security-and-account-management/authentication-and-permissions/access-policies/
    "sntrys_" 60 400 "Sentry" ""                   // https://docs.sentry.io/security-legal-pii/security/token-formats/
    "sntryu_" 71 71 "Sentry" ""                    // https://docs.sentry.io/security-legal-pii/security/token-formats/
    "dt0c01." 96 96 "Dynatrace" ""                 // https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens
    "phx_" 40 60 "PostHog" ""                      // https://posthog.com/docs/api
    "phc_" 40 60 "PostHog" "publishable"           // https://posthog.com/docs/api
    "sdk-" 40 40 "LaunchDarkly" "sdk"              // https://launchdarkly.com/docs/sdk/concepts/client-side-server-side
    "mob-" 40 40 "LaunchDarkly" "mobile"           // https://launchdarkly.com/docs/sdk/concepts/client-side-server-side
    // Models
    "sk-proj-" 40 255 "OpenAI" ""                  // https://developers.openai.com/api/docs/guides/api-keys
    "sk-svcacct-" 40 255 "OpenAI" ""               // https://developers.openai.com/api/docs/guides/api-keys
    "sk-admin-" 40 255 "OpenAI" "admin"            // https://developers.openai.com/api/docs/guides/admin-apis
    "sk-ant-api" 60 255 "Anthropic|Claude" ""      // https://platform.claude.com/docs/en/get-api-key
    "sk-ant-admin" 60 255 "Anthropic|Claude" "admin"  // https://platform.claude.com/docs/en/build-with-claude/administration-api
    "sk-or-v1-" 60 90 "OpenRouter" ""              // https://openrouter.ai/docs/api-reference/authentication
    "sk-lf-" 30 50 "Langfuse" ""                   // https://langfuse.com/docs/api-and-data-platform/features/public-api
    "pk-lf-" 30 50 "Langfuse" "public"             // https://langfuse.com/docs/api-and-data-platform/features/public-api
    "lsv2_" 40 70 "LangSmith|LangChain" ""         // https://docs.langchain.com/langsmith/create-account-api-key
    "hf_" 34 50 "Hugging Face" ""                  // https://huggingface.co/docs/hub/security-tokens
    "r8_" 37 45 "Replicate" ""                     // https://replicate.com/docs/topics/security/api-tokens
    "gsk_" 50 70 "Groq" ""                         // https://console.groq.com/docs/quickstart
    "pplx-" 40 70 "Perplexity" ""                  // https://docs.perplexity.ai/getting-started/quickstart
    "xai-" 60 100 "xAI|Grok" ""                    // https://docs.x.ai/docs/tutorial
    "nvapi-" 60 90 "NVIDIA" ""                     // https://docs.nvidia.com/nim/large-language-models/latest/getting-started.html
    "pcsk_" 60 90 "Pinecone" ""                    // https://docs.pinecone.io/guides/projects/manage-api-keys
    "tvly-" 20 70 "Tavily" ""                      // https://docs.tavily.com/documentation/quickstart
    "fc-" 35 35 "Firecrawl" ""                     // https://docs.firecrawl.dev/introduction
    "e2b_" 40 60 "E2B" ""                          // https://e2b.dev/docs/api-key
    // Mail, messages, customers
    "SG." 69 69 "SendGrid|Twilio" ""               // https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys
    "xkeysib-" 80 95 "Brevo|Sendinblue" ""         // https://developers.brevo.com/docs/getting-started
    "xsmtpsib-" 80 95 "Brevo|Sendinblue" "smtp"    // https://developers.brevo.com/docs/send-transactional-email-smtp
    "mlsn." 60 80 "MailerSend" ""                  // https://developers.mailersend.com/general.html#authentication
    "key-" 36 36 "Mailgun" ""                      // https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/rbac-mgmt
    "os_v2_app_" 80 130 "OneSignal" ""             // https://documentation.onesignal.com/docs/en/keys-and-ids
    "os_v2_org_" 80 130 "OneSignal" "organisation" // https://documentation.onesignal.com/docs/en/keys-and-ids
    "xoxb-" 40 255 "Slack" ""                      // https://docs.slack.dev/authentication/tokens
    "xoxp-" 40 255 "Slack" ""                      // https://docs.slack.dev/authentication/tokens
    "xapp-" 40 255 "Slack" "app-level"             // https://docs.slack.dev/authentication/tokens
    "xoxe." 40 400 "Slack" "configuration"         // https://docs.slack.dev/authentication/tokens
    "pat-na" 40 60 "HubSpot" ""                    // https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
    "pat-eu" 40 60 "HubSpot" ""                    // https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview
    "cal_" 30 80 "Cal.com" ""                      // https://cal.com/docs/api-reference/v2/introduction
    "tfp_" 50 90 "Typeform" ""                     // https://www.typeform.com/developers/get-started/personal-access-token/
    // Documents, design, work
    "ntn_" 50 60 "Notion" ""                       // https://developers.notion.com/page/changelog
    "secret_" 50 50 "Notion" ""                    // https://developers.notion.com/docs/authorization
    "lin_api_" 40 60 "Linear" ""                   // https://linear.app/developers/graphql
    "lin_oauth_" 40 90 "Linear" "oauth"            // https://linear.app/developers/oauth-2-0-authentication
    "figd_" 40 60 "Figma" ""                       // https://developers.figma.com/docs/rest-api/authentication/
    "CFPAT-" 40 60 "Contentful" ""                 // https://www.contentful.com/developers/docs/references/authentication/
    "fio-u-" 50 90 "Frame.io" ""                   // https://developer.frame.io/docs/getting-started/authentication
    "sk.eyJ" 60 300 "Mapbox" ""                    // https://docs.mapbox.com/help/dive-deeper/access-tokens/
    "pk.eyJ" 60 300 "Mapbox" "public"              // https://docs.mapbox.com/help/dive-deeper/access-tokens/
    // Shops and parcels
    "shpat_" 38 38 "Shopify" ""                    // https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
    "shpca_" 38 38 "Shopify" ""                    // https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
    "shppa_" 38 38 "Shopify" ""                    // https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing
    "shpss_" 38 38 "Shopify" "secret"              // https://shopify.dev/changelog/app-secret-key-length-has-increased
    "shippo_live_" 50 60 "Shippo" ""               // https://docs.goshippo.com/docs/guides_general/authentication/
    "shippo_test_" 50 60 "Shippo" ""               // https://docs.goshippo.com/docs/guides_general/authentication/
    "EZAK" 50 70 "EasyPost" ""                     // https://docs.easypost.com/docs/authentication
    "EZTK" 50 70 "EasyPost" ""                     // https://docs.easypost.com/docs/authentication
    "duffel_live_" 50 60 "Duffel" ""               // https://duffel.com/docs/api/overview/authentication
    "duffel_test_" 50 60 "Duffel" ""               // https://duffel.com/docs/api/overview/authentication
};

/// A row of the table.
#[derive(Clone, Copy)]
pub(super) struct Row {
    prefix: &'static str,
    names: &'static str,
    kind: &'static str,
}

impl Row {
    /// The vendor's name, to be shown.
    pub(super) fn vendor(&self) -> &'static str {
        self.names.split('|').next().unwrap_or(self.names)
    }

    /// What the key is, when it is not the one for an API.
    pub(super) fn wrong_kind(&self) -> Option<&'static str> {
        (!self.kind.is_empty()).then_some(self.kind)
    }

    /// Whether the key is `provider`'s own. Providers are called after the vendor, one of its products, and
    /// sometimes the kind of key: `hubspot-private-app`, `GitHub (Personal Access Token)`.
    pub(super) fn is_of(&self, provider: &str) -> bool {
        self.names.split('|').any(|name| {
            provider.char_indices().any(|(at, _)| {
                let mut rest = letters(provider.get(at..).unwrap_or_default());
                letters(name).all(|letter| rest.next() == Some(letter))
            })
        })
    }
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_lowercase())
}

fn rows() -> impl Iterator<Item = (Row, usize, usize)> {
    TABLE.lines().filter_map(|line| {
        let mut cells = line.split('\t');
        let prefix = cells.next()?;
        let (min, max) = (cells.next()?.parse().ok()?, cells.next()?.parse().ok()?);
        Some((Row { prefix, names: cells.next()?, kind: cells.next()? }, min, max))
    })
}

/// The row that `value` fits, the one with the longest prefix if several do.
pub(super) fn find(value: &str) -> Option<Row> {
    rows()
        .filter(|(row, min, max)| {
            value.starts_with(row.prefix) && (*min..=*max).contains(&value.len())
        })
        .map(|(row, ..)| row)
        .max_by_key(|row| row.prefix.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_row_that_can_match_and_no_prefix_stands_twice_for_the_same_lengths()
     {
        let all: Vec<_> = rows().collect();
        assert_eq!(all.len(), TABLE.lines().count());
        for (at, (row, min, max)) in all.iter().enumerate() {
            assert!(
                row.prefix.len() >= 2 && row.prefix.len() < *min && min <= max,
                "{}",
                row.prefix
            );
            assert!(!row.vendor().is_empty());
            assert!(
                all.iter().take(at).all(|(other, low, high)| other.prefix != row.prefix
                    || max < low
                    || high < min),
                "{} stands twice",
                row.prefix
            );
        }
    }

    #[test]
    fn the_table_knows_at_least_sixty_vendors() {
        let mut vendors: Vec<_> = rows().map(|(row, ..)| row.vendor()).collect();
        vendors.sort_unstable();
        vendors.dedup();
        assert!(vendors.len() >= 60, "{}", vendors.len());
    }

    #[test]
    fn the_longest_prefix_wins() {
        let vendor = |prefix: &str| {
            find(&(prefix.to_owned() + &"0".repeat(80 - prefix.len()))).map(|row| row.vendor())
        };
        assert_eq!(vendor("sk-or-v1-"), Some("OpenRouter"));
        assert_eq!(vendor("sk-ant-api03-"), Some("Anthropic"));
        assert_eq!(vendor("sk-proj-"), Some("OpenAI"));
        assert_eq!(vendor("sk-"), None);
    }

    #[test]
    fn a_provider_is_the_vendors_by_any_of_its_names() {
        let row = find(&("ATATT3x".to_owned() + &"0".repeat(180))).unwrap();
        for provider in ["Atlassian", "jira-basic", "Confluence (API Token)", "my-jira"] {
            assert!(row.is_of(provider), "{provider}");
        }
        for provider in ["", "GitHub", "atlas"] {
            assert!(!row.is_of(provider), "{provider}");
        }
    }
}
