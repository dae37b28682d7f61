//! The dashboard without a browser: who gets in, what a form must carry, what is written down.

use std::sync::Arc;

use axum::body::Body;
use futures_util::future::join_all;
use http::{Method, Request, StatusCode, header};
use keyslot_server::{
    access::Access,
    client_address::ClientAddress,
    endpoint::Endpoint,
    model::{AuditEvent, EnvironmentSettings},
    routes,
    store::{Store, postgres::PostgresStore, sqlite::SqliteStore},
    vault::Sealed,
};
use serde_json::json;

use crate::{
    harness::{Answer, GOOD, Harness, SECRET, event, newest, user},
    postgres::Schema,
};

const PASSWORD: &str = "a password of the operators";
/// What is typed for a new secret key.
const NEW_KEY: [(&str, &str); 2] = [("name", "Billing"), ("scope", "full")];

/// A browser of an operator: keeps the cookie and knows the token of its forms.
struct Browser<'a> {
    server: &'a Harness,
    cookie: String,
    csrf: String,
}

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "keyslot.test")
        .header("accept", "text/html")
        .header("sec-fetch-site", "same-origin")
}

fn form(path: &str) -> http::request::Builder {
    request(Method::POST, path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn encoded(fields: &[(&str, &str)]) -> Body {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into()
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.bytes.clone()).unwrap()
}

impl<'a> Browser<'a> {
    async fn signed_in(server: &'a Harness) -> Self {
        let fields = [("password", PASSWORD), ("next", "")];
        let posted = form("/dashboard/sign-in").body(encoded(&fields)).unwrap();
        let answer = server.send(posted).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", text(&answer));
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let mut browser = Self { server, cookie, csrf: String::new() };
        let page = text(&browser.get("/dashboard/dev/integrations").await);
        browser.csrf = page.split("data-csrf=\"").nth(1).unwrap()[..64].to_owned();
        browser
    }

    async fn get(&self, path: &str) -> Answer {
        let got = request(Method::GET, path).header("cookie", &self.cookie);
        self.server.send(got.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields = [fields, &[("csrf", &self.csrf)]].concat();
        let posted = form(path).header("cookie", &self.cookie);
        self.server.send(posted.body(encoded(&fields)).unwrap()).await
    }
}

impl Browser<'_> {
    /// The page that shows what a form has made.
    async fn made(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let made = self.post(path, fields).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{path}: {}", text(&made));
        text(&self.get(made.headers["location"].to_str().unwrap()).await)
    }

    /// What the form for a new key of this purpose carries.
    async fn key_version(&self, purpose: &str) -> String {
        let page = text(&self.get(&format!("/dashboard/dev/settings/key?purpose={purpose}")).await);
        let version = page.split("name=\"version\" value=\"").nth(1).unwrap();
        version.split('"').next().unwrap().to_owned()
    }

    /// Posts a part of the settings as the form on the page has it.
    async fn save_settings(&self, part: &str, fields: &[(&str, &str)]) -> Answer {
        let page = text(&self.get("/dashboard/dev/settings").await);
        self.save_settings_seen(part, &version_of(&page, part), fields).await
    }

    async fn save_settings_seen(
        &self,
        part: &str,
        version: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let fields = [fields, &[("version", version)]].concat();
        self.post(&format!("/dashboard/dev/settings/{part}"), &fields).await
    }
}

/// The version of a part of the settings that a page has in its form.
fn version_of(page: &str, part: &str) -> String {
    let form = page.split(&format!("/settings/{part}\"")).nth(1).unwrap();
    let field = form.split("name=\"version\" value=\"").nth(1).unwrap();
    field.split('"').next().unwrap().to_owned()
}

async fn locked() -> Harness {
    Harness::with("http://keyslot.test", Some(PASSWORD)).await
}

fn of_operators() -> Vec<Endpoint> {
    routes::endpoints(true).into_iter().filter(|one| one.access == Access::Operator).collect()
}

fn address(endpoint: &Endpoint) -> String {
    endpoint.path.replace("{environment}", "dev")
}

#[tokio::test]
async fn nobody_sees_a_page_or_posts_a_form_without_signing_in() {
    let server = locked().await;
    for endpoint in of_operators() {
        let path = address(&endpoint);
        let mut visit = request(endpoint.method.clone(), &path);
        // Neither a key of the API nor a cookie of somebody's own making is a sign-in.
        visit = visit.header("authorization", format!("Bearer {}", crate::harness::SECRET));
        visit = visit.header("cookie", "keyslot_operator=9999999999.00.00");
        let answer = server.send(visit.body(Body::empty()).unwrap()).await;
        if endpoint.method == Method::GET {
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}");
            let target = answer.headers["location"].to_str().unwrap();
            assert!(target.starts_with("/dashboard/sign-in?next=%2Fdashboard"), "{target}");
        } else {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(text(&answer).contains("not_signed_in"), "{path}");
        }
        assert_eq!(answer.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn every_form_needs_the_token_of_its_session_and_a_page_of_ours() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    for endpoint in of_operators().into_iter().filter(|one| one.method == Method::POST) {
        let path = address(&endpoint);
        for csrf in ["", "0", &"0".repeat(64)] {
            let fields = [("csrf", csrf), ("integration", "demo"), ("key", "demo")];
            let posted = form(&path).header("cookie", &browser.cookie);
            let answer = server.send(posted.body(encoded(&fields)).unwrap()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
            assert!(text(&answer).contains("stale_form"), "{path}");
        }
        let fields = [("csrf", browser.csrf.as_str())];
        for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site")] {
            let mut posted = form(&path).header("cookie", &browser.cookie);
            posted.headers_mut().unwrap().insert(name, value.parse().unwrap());
            let answer = server.send(posted.body(encoded(&fields)).unwrap()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {value}");
        }
    }
    let others = Browser::signed_in(&server).await;
    assert_ne!(others.csrf, browser.csrf, "each session has its own");
    let fields = [("csrf", others.csrf.as_str()), ("name", "x")];
    let posted = form("/dashboard/dev/secret-keys").header("cookie", &browser.cookie);
    let answer = server.send(posted.body(encoded(&fields)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "and no other's will do");
    // Of all that is posted below /dashboard, only signing in has no session yet.
    let others: Vec<&str> = routes::endpoints(true)
        .into_iter()
        .filter(|one| one.path.starts_with("/dashboard") && one.method != Method::GET)
        .filter(|one| one.access != Access::Operator || one.method != Method::POST)
        .map(|one| one.path)
        .collect();
    assert_eq!(others, ["/dashboard/sign-in"]);
    for site in ["cross-site", "same-site"] {
        let mut posted = form("/dashboard/sign-in");
        posted.headers_mut().unwrap().insert("sec-fetch-site", site.parse().unwrap());
        let posted = posted.body(encoded(&[("password", PASSWORD)])).unwrap();
        let answer = server.send(posted).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{site}");
        assert!(!answer.headers.contains_key("set-cookie"), "nobody is signed in from {site}");
    }
}

#[tokio::test]
async fn signing_in_makes_a_session_of_its_own_whatever_the_browser_brings() {
    let server = locked().await;
    let before = Browser::signed_in(&server).await;
    let mut seen = vec![before.cookie.clone()];
    for brought in [&before.cookie, "keyslot_operator=9999999999.planted.00", "keyslot_operator="] {
        let posted = form("/dashboard/sign-in").header("cookie", brought);
        let answer = server.send(posted.body(encoded(&[("password", PASSWORD)])).unwrap()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        let made = answer.headers["set-cookie"].to_str().unwrap();
        let made = made.split(';').next().unwrap().to_owned();
        assert!(!seen.contains(&made) && made != *brought, "{brought} is not taken over");
        seen.push(made);
    }
    for planted in &["keyslot_operator=9999999999.planted.00", "keyslot_operator="] {
        let visit = request(Method::GET, "/dashboard/dev/integrations").header("cookie", *planted);
        let answer = server.send(visit.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{planted} opens nothing afterwards");
    }
}

#[tokio::test]
async fn five_wrong_passwords_and_the_right_one_has_to_wait() {
    let server = locked().await;
    let attempt = async |password: &str| {
        let fields = [("password", password)];
        let posted = form("/dashboard/sign-in").body(encoded(&fields)).unwrap();
        server.send(posted).await
    };
    for _ in 0..5 {
        let answer = attempt("wrong").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    let answer = attempt(PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.headers["retry-after"], "60", "the first one is regained");
    server.advance(1);
    assert_eq!(attempt(PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_of_scripts_and_other_sites() {
    let server = Harness::with("https://keyslot.test/base", Some(PASSWORD)).await;
    let fields = [("password", PASSWORD), ("next", "/dashboard/prod/settings")];
    let posted = form("/base/dashboard/sign-in").body(encoded(&fields)).unwrap();
    let answer = server.send(posted).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for part in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/base/dashboard", "Max-Age=43200"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert_eq!(answer.headers["location"], "/base/dashboard/prod/settings");
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_and_by_signing_out() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    server.advance(12 * 60 - 1);
    assert_eq!(browser.get("/dashboard/dev/activity").await.status, StatusCode::OK);
    server.advance(1);
    assert_eq!(browser.get("/dashboard/dev/activity").await.status, StatusCode::SEE_OTHER);
    let browser = Browser::signed_in(&server).await;
    let left = browser.post("/dashboard/sign-out", &[]).await;
    assert!(left.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(browser.get("/dashboard/dev/activity").await.status, StatusCode::SEE_OTHER);
}

/// With two servers on one store: what one ends is ended on the other.
async fn signed_out_on_one_of_two(stores: [Arc<dyn Store>; 2]) {
    let [first, second] = stores;
    let first = Harness::sharing(first, PASSWORD).await;
    let second = Harness::sharing(second, PASSWORD).await;
    let here = Browser::signed_in(&first).await;
    let copied = Browser { server: &second, cookie: here.cookie.clone(), csrf: here.csrf.clone() };
    let path = "/dashboard/dev/connections";
    assert_eq!(copied.get(path).await.status, StatusCode::OK, "they know each other's sessions");
    let other = Browser::signed_in(&second).await;
    let made = copied.post("/dashboard/dev/secret-keys", &NEW_KEY).await;
    let shown = made.headers["location"].to_str().unwrap();

    assert_eq!(here.post("/dashboard/sign-out", &[]).await.status, StatusCode::SEE_OTHER);
    for browser in [&here, &copied] {
        assert_eq!(
            browser.get(path).await.status,
            StatusCode::SEE_OTHER,
            "a copy is worth nothing"
        );
        let posted = browser.post("/dashboard/dev/secret-keys", &NEW_KEY).await;
        assert_eq!(posted.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(other.get(path).await.status, StatusCode::OK, "another session goes on");
    let page = text(&other.get(shown).await);
    assert!(page.contains("shown only once") && !page.contains("made-key"), "{page}");
}

#[tokio::test]
async fn signing_out_ends_the_session_on_every_server_of_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("keyslot.db")).unwrap());
    signed_out_on_one_of_two([store.clone(), store]).await;
}

#[tokio::test]
async fn signing_out_ends_the_session_on_every_server_of_postgresql() {
    let Some(schema) = Schema::new().await else { return };
    let open = async || Arc::new(PostgresStore::open(schema.url(), None).await.unwrap());
    let (first, second) = (open().await, open().await);
    signed_out_on_one_of_two([first.clone(), second.clone()]).await;
    first.close().await;
    second.close().await;
    schema.remove().await;
}

#[tokio::test]
async fn who_signs_in_and_out_and_who_fails_to_is_written_down_and_never_the_password() {
    let server = locked().await;
    let wrong = [("password", "not the password at all"), ("next", "")];
    let mut limited = 0;
    for _ in 0..7 {
        let mut posted = form("/dashboard/sign-in").body(encoded(&wrong)).unwrap();
        posted.extensions_mut().insert(ClientAddress([192, 0, 2, 7].into()));
        limited += usize::from(server.send(posted).await.status == 429);
    }
    let browser = Browser::signed_in(&server).await;
    browser.post("/dashboard/sign-out", &[]).await;
    let events = server.state.store.audit_events("prod", newest(20)).await.unwrap();
    let lines: Vec<String> = events
        .iter()
        .filter(|event| event.action.starts_with("operator."))
        .map(|event| {
            let address = event.address.as_deref().unwrap_or("unknown");
            format!("{} {} {address}", event.actor, event.action)
        })
        .collect();
    let refused = vec!["anonymous operator.sign_in_refused 192.0.2.7"; 7 - limited];
    let expected: Vec<&str> =
        ["operator operator.signed_out unknown", "operator operator.signed_in unknown"]
            .into_iter()
            .chain(refused)
            .collect();
    assert_eq!(lines, expected);
    assert_eq!(limited, 2, "the limit on wrong passwords bounds the log");
    assert_eq!(events[0].object, events[1].object, "of the same session");
    assert!(events.iter().all(|event| !event.request_id.is_empty() || event.actor == "test"));
    let all = format!("{events:?}");
    assert!(!all.contains("not the password") && !all.contains(PASSWORD));
}

#[tokio::test]
async fn reloading_after_something_secret_was_made_makes_no_second_one() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let forms: [(&str, &[(&str, &str)]); 6] = [
        ("dev/secret-keys", &NEW_KEY),
        ("dev/secret-keys/rotate", &[("id", "full"), ("grace", "3600")]),
        ("dev/environments", &[("name", "later")]),
        ("dev/settings/key", &[("purpose", "webhooks"), ("before", "day")]),
        ("dev/settings/key", &[("purpose", "hmac"), ("before", "end")]),
        ("dev/invite", &[("integration", "demo"), ("hours", "1")]),
    ];
    for (path, fields) in forms {
        let version = match fields {
            [("purpose", purpose), ..] => browser.key_version(purpose).await,
            _ => String::new(),
        };
        let fields = [fields, &[("version", version.as_str())]].concat();
        let made = browser.post(&format!("/dashboard/{path}"), &fields).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{path}: {}", text(&made));
        let location = made.headers["location"].to_str().unwrap().to_owned();
        let stranger = Browser::signed_in(&server).await;
        assert!(text(&stranger.get(&location).await).contains("shown only once"), "{path}");

        let shown = browser.get(&location).await;
        assert_eq!(shown.headers["cache-control"], "no-store");
        let id = if path == "dev/invite" { "link" } else { "made-key" };
        let secret = value_of(&text(&shown), id);
        assert!(secret.len() > 40 && !location.contains(&secret), "{path}: {secret}");
        let again = text(&browser.get(&location).await);
        assert!(again.contains("shown only once") && !again.contains(&secret), "{path}");
    }
    let late = browser.post("/dashboard/dev/secret-keys", &NEW_KEY).await;
    server.advance(1);
    let page = text(&browser.get(late.headers["location"].to_str().unwrap()).await);
    assert!(page.contains("shown only once"), "a minute is all there is");
}

#[tokio::test]
async fn what_is_to_be_shown_once_is_kept_sealed() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    browser.post("/dashboard/dev/secret-keys", &NEW_KEY).await;
    let mut files = Vec::new();
    for name in ["keyslot.db", "keyslot.db-wal"] {
        files.extend(std::fs::read(server.database().with_file_name(name)).unwrap_or_default());
    }
    let holds = |text: &str| files.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("shown_once"), "the files are those of the store");
    assert!(!holds("The key of Billing") && !holds("KEYSLOT_SECRET_KEY"));
}

#[tokio::test]
async fn in_development_only_names_of_this_machine_reach_it() {
    let server = Harness::new().await;
    for (host, status) in [
        ("127.0.0.1:3003", StatusCode::OK),
        ("localhost:3003", StatusCode::OK),
        ("keyslot.test", StatusCode::OK),
        ("rebound.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let visit = Request::get("/dashboard/dev/integrations").header("host", host);
        let answer = server.send(visit.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{host}");
    }
}

#[tokio::test]
async fn every_page_has_a_strict_policy_and_no_script_of_its_own() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let session = server.session(user("u1")).await;
    let id = server.connected(&session, "demo", json!({ "apiKey": GOOD })).await;
    for path in [
        "integrations".to_owned(),
        "integrations/new".to_owned(),
        "integrations/new?provider=freshdesk".to_owned(),
        "integration?key=demo".to_owned(),
        "integration/add?key=demo".to_owned(),
        "integration/settings?key=demo".to_owned(),
        "invite?integration=demo".to_owned(),
        "connections".to_owned(),
        format!("connection?integration=demo&id={id}"),
        "activity".to_owned(),
        "webhooks".to_owned(),
        "activity?object=connection%3Ademo%2Fx&before=1".to_owned(),
        "settings".to_owned(),
        "environments".to_owned(),
        "secret-keys".to_owned(),
        "nothing".to_owned(),
    ] {
        let page = browser.get(&format!("/dashboard/dev/{path}")).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"));
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
        let html = text(&page);
        assert!(html.starts_with("<!doctype html>"), "{path}");
        for inline in ["<style", "style=\"", "<script>", " onclick=", "javascript:"] {
            assert!(!html.contains(inline), "{inline} in {path}");
        }
        assert!(!html.contains(GOOD), "{path}");
    }
}

#[tokio::test]
async fn to_reveal_a_credential_is_written_down_before_it_is_shown() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let session = server.session(user("u1")).await;
    let id = server.connected(&session, "demo", json!({ "apiKey": GOOD })).await;
    let shown =
        text(&browser.get(&format!("/dashboard/dev/connection?integration=demo&id={id}")).await);
    assert!(shown.contains("••••2mX9") && !shown.contains(GOOD));

    let fields = [("integration", "demo"), ("id", id.as_str())];
    let revealed = browser.post("/dashboard/dev/connection/reveal", &fields).await;
    assert!(text(&revealed).contains(GOOD));
    let newest = server.state.store.audit_events("dev", newest(1)).await.unwrap().remove(0);
    assert_eq!(
        (newest.actor.as_str(), newest.action.as_str(), newest.object.as_str()),
        ("operator", "connection.revealed", format!("connection:demo/{id}").as_str())
    );
    assert_eq!(newest.request_id, revealed.headers["x-request-id"].to_str().unwrap());

    server.state.store.close().await;
    let refused = browser.post("/dashboard/dev/connection/reveal", &fields).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!text(&refused).contains(GOOD));
}

#[tokio::test]
async fn what_is_typed_is_shown_as_text() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let evil = "<img src=x onerror=alert(1)>\"'";
    let fields = [("provider", "openai"), ("key", "evil"), ("name", evil)];
    let made = browser.post("/dashboard/dev/integrations/new", &fields).await;
    assert_eq!(made.headers["location"], "/dashboard/dev/integration?key=evil&notice=made");
    for path in ["integrations", "integration?key=evil", "integration/settings?key=evil"] {
        let html = text(&browser.get(&format!("/dashboard/dev/{path}")).await);
        assert!(!html.contains("<img src=x") && html.contains("img src=x"), "{path}");
    }
    let found = browser.get("/dashboard/dev/integrations?search=%3Cscript%3E").await;
    assert!(!text(&found).contains("<script>"));
}

#[tokio::test]
async fn the_second_of_two_operators_is_told_and_overwrites_nothing() {
    let server = locked().await;
    let (first, second) = (Browser::signed_in(&server).await, Browser::signed_in(&server).await);
    let page = text(&second.get("/dashboard/dev/integration/settings?key=demo").await);
    let version =
        page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    server.advance(1);
    let path = "/dashboard/dev/integration/settings";
    let theirs = [("key", "demo"), ("version", version), ("name", "Theirs")];
    assert_eq!(first.post(path, &theirs).await.status, StatusCode::SEE_OTHER);
    let ours = [("key", "demo"), ("version", version), ("name", "Ours")];
    let answer = second.post(path, &ours).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    let html = text(&answer);
    assert!(html.contains("value=\"Ours\"") && html.contains("in the meantime"));
    let kept = server.state.store.integration("dev", "demo").await.unwrap().unwrap();
    assert_eq!(kept.display_name.as_deref(), Some("Theirs"));
    let version =
        html.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let again = [("key", "demo"), ("version", version), ("name", "Ours")];
    assert_eq!(second.post(path, &again).await.status, StatusCode::SEE_OTHER, "now they know");
}

#[tokio::test]
async fn the_second_of_two_operators_at_the_settings_is_told_and_loses_nothing() {
    let server = locked().await;
    let (first, second) = (Browser::signed_in(&server).await, Browser::signed_in(&server).await);
    let settings = async || server.state.store.environments().await.unwrap()[0].settings.clone();
    for (part, field, theirs, ours) in [
        ("connect", "product_name", "Theirs", "Ours"),
        ("webhooks", "webhook_url", "https://theirs.example/", "https://ours.example/"),
        ("legacy", "public_keys", "hmac", "off"),
    ] {
        let seen = version_of(&text(&second.get("/dashboard/dev/settings").await), part);
        let saved = first.save_settings(part, &[(field, theirs)]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER, "{part}");
        let before = settings().await;
        let told = second.save_settings_seen(part, &seen, &[(field, ours)]).await;
        assert_eq!(told.status, StatusCode::CONFLICT, "{part}");
        let html = text(&told);
        assert!(html.contains("in the meantime") && html.contains(ours), "{part}");
        assert_eq!(settings().await, before, "{part}");
        let now = version_of(&html, part);
        let again = second.save_settings_seen(part, &now, &[(field, ours)]).await;
        assert_eq!(again.status, StatusCode::SEE_OTHER, "now they know: {part}");
    }
    // Another part of the page is no reason to stop.
    let seen = version_of(&text(&second.get("/dashboard/dev/settings").await), "webhooks");
    first.save_settings("connect", &[("product_name", "Once more")]).await;
    let saved = second.save_settings_seen("webhooks", &seen, &[]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    assert_eq!(settings().await.product_name.as_deref(), Some("Once more"));
}

#[tokio::test]
async fn who_switches_public_keys_on_chooses_about_the_hmac_and_is_told_why() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let page = async || text(&browser.get("/dashboard/dev/settings").await);
    let chosen = |html: &str| {
        let radios = html.split("name=\"public_keys\" value=\"").skip(1);
        let mut on = radios.filter(|rest| rest.split('>').next().unwrap().contains("checked"));
        on.next().unwrap().split('"').next().unwrap().to_owned()
    };
    let html = page().await;
    assert_eq!(chosen(&html), "off");
    assert!(html.contains("could replace anybody"));
    for (choice, expected) in
        [("hmac", (true, true)), ("open", (true, false)), ("off", (false, false))]
    {
        let saved = browser.save_settings("legacy", &[("public_keys", choice)]).await;
        assert_eq!(saved.status, StatusCode::SEE_OTHER);
        let settings = server.state.store.environments().await.unwrap()[0].settings.clone();
        assert_eq!((settings.public_key_enabled, settings.hmac_enabled), expected, "{choice}");
        assert_eq!(chosen(&page().await), choice);
    }
}

#[tokio::test]
async fn of_operators_who_save_the_same_at_once_one_does_and_the_others_are_told() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    for round in 0..5 {
        let page = text(&browser.get("/dashboard/dev/settings").await);
        let seen = version_of(&page, "connect");
        let names: Vec<String> = (0..8).map(|number| format!("{round}-{number}")).collect();
        let saved = join_all(names.iter().map(|name| async {
            let fields = [("product_name", name.as_str())];
            browser.save_settings_seen("connect", &seen, &fields).await.status
        }));
        // Somebody else at another part of the page, and a backend at one more.
        let webhooks = version_of(&page, "webhooks");
        let address = format!("https://hooks.example/{round}");
        let fields = [("webhook_url", address.as_str())];
        let other = browser.save_settings_seen("webhooks", &webhooks, &fields);
        let patch = json!({ "hmac_enabled": round % 2 == 0 });
        let patch = server.call(Method::PATCH, "/environment", Some(SECRET), Some(patch));
        let (saved, other, patched) = futures_util::future::join3(saved, other, patch).await;
        let done = saved.iter().filter(|status| **status == StatusCode::SEE_OTHER).count();
        let told = saved.iter().filter(|status| **status == StatusCode::CONFLICT).count();
        assert_eq!((done, told), (1, 7), "{saved:?}");
        assert_eq!((other.status, patched.status), (StatusCode::SEE_OTHER, StatusCode::OK));
        let settings = server.state.store.environments().await.unwrap().remove(0).settings;
        let winner = saved.iter().position(|status| *status == StatusCode::SEE_OTHER).unwrap();
        assert_eq!(settings.product_name, Some(names[winner].clone()));
        assert_eq!(settings.webhook_url, Some(address.clone()), "nobody undid the other");
        assert_eq!(settings.hmac_enabled, round % 2 == 0);
    }
    let page = text(&browser.get("/dashboard/dev/integration/settings?key=demo").await);
    let version =
        page.split("name=\"version\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let browser = &browser;
    let saved = join_all((0..8).map(|number| async move {
        let name = number.to_string();
        let fields = [("key", "demo"), ("version", version), ("name", name.as_str())];
        browser.post("/dashboard/dev/integration/settings", &fields).await.status
    }))
    .await;
    assert_eq!(saved.iter().filter(|status| **status == StatusCode::SEE_OTHER).count(), 1);
    assert_eq!(saved.iter().filter(|status| **status == StatusCode::CONFLICT).count(), 7);
}

#[tokio::test]
async fn an_operator_makes_renames_and_deletes_environments() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let path = "/dashboard/dev/environments";
    let page = text(&browser.get(path).await);
    assert!(page.contains("comes with the server and stays") && !page.contains("<details"));

    for (name, said) in [("Not a name", "Use up to 64 of"), ("prod", "of this name already.")] {
        let refused = browser.post(path, &[("name", name)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let html = text(&refused);
        assert!(html.contains(said) && html.contains(&format!("value=\"{name}\"")), "{name}");
    }
    let html = browser.made(path, &[("name", "staging")]).await;
    assert!(html.contains("The first key of staging") && html.contains("/dashboard/staging/"));
    let key = html.split("id=\"made-key\" class=\"code\" value=\"").nth(1).unwrap();
    let key = key.split('"').next().unwrap();
    let opens = async || server.call(Method::GET, "/environment", Some(key), None).await;
    assert_eq!(opens().await.json()["data"]["name"], "staging");
    assert!(!text(&browser.get(path).await).contains(key), "shown once");

    // From where it is itself, and from elsewhere.
    let renamed = [("of", "staging"), ("name", "stage")];
    let answer = browser.post("/dashboard/staging/environments/rename", &renamed).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", text(&answer));
    assert_eq!(answer.headers["location"], "/dashboard/stage/environments?notice=renamed");
    assert!(
        text(&browser.get("/dashboard/stage/environments?notice=renamed").await)
            .contains("work on.")
    );
    assert_eq!(opens().await.json()["data"]["name"], "stage", "its key works on");
    let newest = server.state.store.audit_events("stage", newest(1)).await.unwrap().remove(0);
    assert_eq!(
        (newest.actor.as_str(), newest.action.as_str(), newest.object.as_str()),
        ("operator", "environment.renamed", "environment:stage")
    );

    // Somebody else was faster.
    let told = browser.post(&format!("{path}/rename"), &[("of", "staging"), ("name", "x")]).await;
    assert_eq!(told.status, StatusCode::CONFLICT);
    assert!(text(&told).contains("There is no environment “staging” any more"));
    for (of, name, said) in [
        ("stage", "prod", "of this name already."),
        ("stage", "A B", "Use up to 64 of"),
        ("dev", "x", "comes with the server and stays."),
    ] {
        let refused = browser.post(&format!("{path}/rename"), &[("of", of), ("name", name)]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{of} {name}");
        let html = text(&refused);
        assert!(html.contains(said), "{of} {name}");
        assert!(of == "dev" || html.contains(&format!("value=\"{name}\"")), "{name}");
    }

    let delete = format!("{path}/delete");
    let integration = json!({ "provider": "keyslot-demo", "unique_key": "a" });
    let made = server.call(Method::POST, "/integrations", Some(key), Some(integration)).await;
    assert_eq!(made.status, StatusCode::OK);
    for action in [
        browser.post(&delete, &[("of", "stage"), ("confirm", "stage")]).await,
        browser.post(&format!("{path}/rename"), &[("of", "stage"), ("name", "y")]).await,
    ] {
        assert_eq!(action.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text(&action).contains("Nothing was done: integrations were made"));
    }
    let page = text(&browser.get(path).await);
    assert!(page.contains("1 integration\n") && !page.contains("name=\"of\""), "no form for it");
    server.call(Method::DELETE, "/integrations/a", Some(key), None).await;
    let unsure = browser.post(&delete, &[("of", "stage"), ("confirm", "stag")]).await;
    assert_eq!(unsure.status, StatusCode::UNPROCESSABLE_ENTITY);
    let html = text(&unsure);
    assert!(html.contains("type “stage” to confirm") && html.contains("value=\"stag\""));
    assert_eq!(opens().await.status, StatusCode::OK);
    let stays = browser.post(&delete, &[("of", "dev"), ("confirm", "dev")]).await;
    assert_eq!(stays.status, StatusCode::UNPROCESSABLE_ENTITY);
    let there = [("of", "stage"), ("confirm", "stage")];
    let gone = browser.post("/dashboard/stage/environments/delete", &there).await;
    assert_eq!(gone.headers["location"], "/dashboard/dev/environments?notice=deleted");
    assert_eq!(opens().await.status, StatusCode::UNAUTHORIZED);
    let again = browser.post(&delete, &there).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "the second of two operators is told");
}

#[tokio::test]
async fn the_dialog_is_shown_as_it_would_be_and_nothing_is_stored_for_it() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let count = server.state.store.integrations("dev").await.unwrap().len();
    let preview = async |fields: &[(&str, &str)]| {
        let answer = browser.post("/dashboard/dev/preview", fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", text(&answer));
        answer.json()
    };
    let generic = ("provider", "private-api-bearer");
    let shown = preview(&[
        generic,
        ("name", "Our billing"),
        ("config.baseUrl", "https://api.example.com"),
        ("config.keyLabel", "Access token"),
        ("config.headers", "{\"x-secret\": \"s3cret\"}"),
    ])
    .await;
    let form = &shown["session"]["data"]["forms"]["preview"];
    assert_eq!(form["integration"]["display_name"], "Our billing");
    assert_eq!(form["integration"]["credentials_label"], json!({ "apiKey": "Access token" }));
    assert!(!shown.to_string().contains("s3cret"), "no form needs it: {shown}");
    let problem = preview(&[generic, ("config.baseUrl", "nonsense")]).await;
    assert!(problem["problem"].as_str().unwrap().starts_with("Base URL: "), "{problem}");
    let looks = preview(&[
        ("provider", "openai"),
        ("accent", "#AA3355"),
        ("logo_url", "https://cdn.example/logo.svg"),
        ("dialog_title", "Link {provider}"),
        ("dialog_submit", ""),
    ])
    .await;
    let theme = json!({ "accent": "#aa3355", "logo": "https://cdn.example/logo.svg" });
    assert_eq!(looks["theme"], theme);
    assert_eq!(looks["strings"], json!({ "title": "Link {provider}" }));
    let problem = preview(&[("provider", "openai"), ("accent", "red")]).await;
    assert_eq!(problem["problem"], "Expected a colour such as #4338ca.");
    let unknown = browser.post("/dashboard/dev/preview", &[("provider", "no-such")]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(server.state.store.integrations("dev").await.unwrap().len(), count);
    let frame = browser.get("/dashboard/dev/preview").await;
    let policy = frame.headers["content-security-policy"].to_str().unwrap();
    for part in ["default-src 'none'", "frame-ancestors 'self'", "connect-src 'none'"] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_by_one_press() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let session = server.session(user("u1")).await;
    let id = server.connected(&session, "demo", json!({ "apiKey": GOOD })).await;
    let fields = [("integration", "demo"), ("id", id.as_str())];
    let path = "/dashboard/dev/connection/delete";
    assert_eq!(browser.post(path, &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(server.connection("demo", &id).await.status, StatusCode::OK);
    let confirmed = [&fields[..], &[("confirm", "yes")]].concat();
    assert_eq!(browser.post(path, &confirmed).await.status, StatusCode::SEE_OTHER);
    assert_eq!(server.connection("demo", &id).await.status, StatusCode::NOT_FOUND);

    let path = "/dashboard/dev/integration/delete";
    for (confirm, status) in [
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        ("other", StatusCode::UNPROCESSABLE_ENTITY),
        ("demo", StatusCode::SEE_OTHER),
    ] {
        let fields = [("key", "demo"), ("confirm", confirm)];
        assert_eq!(browser.post(path, &fields).await.status, status);
    }
    assert!(server.state.store.integration("dev", "demo").await.unwrap().is_none());
}

/// The address behind a link of the page, if there is one.
fn link(html: &str, text: &str) -> Option<String> {
    let before = html.split(&format!(">{text}</a>")).next().filter(|before| *before != html)?;
    let href = before.rsplit("href=\"").next()?.split('"').next()?;
    Some(href.replace("&amp;", "&").replace("&#38;", "&"))
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page_and_by_what_is_asked_for() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    for number in 0..130 {
        let event = AuditEvent {
            action: if number % 2 == 0 { "connection.created" } else { "connection.deleted" },
            actor: if number < 120 { "secret_key:full" } else { "operator" }.to_owned(),
            object: format!("connection:demo/n{number:03}"),
            ..event(server.state.clock.now(), "dev")
        };
        server.state.store.record(event).await.unwrap();
    }
    let names = |html: &str| -> Vec<String> {
        let lines = html.split("<code>demo/n").skip(1);
        lines.map(|rest| rest.chars().take(3).collect()).collect()
    };
    let pages = async |first: &str| {
        let (mut seen, mut next) = (Vec::new(), Some(first.to_owned()));
        let mut sizes = Vec::new();
        while let Some(path) = next {
            let html = text(&browser.get(&path).await);
            let found = names(&html);
            sizes.push(found.len());
            seen.extend(found);
            assert_eq!(link(&html, "Newest").is_some(), sizes.len() > 1, "{path}");
            next = link(&html, "Older");
        }
        (seen, sizes)
    };
    let search = "search=DEMO%2Fn";
    let (seen, sizes) = pages(&format!("/dashboard/dev/activity?{search}")).await;
    assert_eq!(sizes, [50, 50, 30]);
    let expected: Vec<String> = (0..130).rev().map(|number| format!("{number:03}")).collect();
    assert_eq!(seen, expected);
    let (seen, sizes) =
        pages("/dashboard/dev/activity?kind=connection&actor=secret_key&search=demo").await;
    assert_eq!((sizes, seen[0].as_str()), (vec![50, 50, 20], "119"), "the filter goes along");
    let (seen, _) = pages("/dashboard/dev/activity?object=connection%3Ademo%2Fn007").await;
    assert_eq!(seen, ["007"]);
    let html = text(&browser.get("/dashboard/dev/activity?actor=secret_key").await);
    assert!(html.contains("by secret key full"), "the name of the key");
    let html = text(&browser.get("/dashboard/dev/activity?kind=webhook").await);
    assert!(html.contains("Nothing like that."));
    let read = AuditEvent {
        action: "connection.read",
        object: "connection:demo/n131".to_owned(),
        ..event(server.state.clock.now(), "dev")
    };
    server.state.store.record(read).await.unwrap();
    let (seen, sizes) = pages(&format!("/dashboard/dev/activity?{search}")).await;
    assert_eq!((sizes, seen[0].as_str()), (vec![50, 50, 31], "131"));
    let (seen, sizes) = pages(&format!("/dashboard/dev/activity?{search}&changes=only")).await;
    assert_eq!((sizes, seen), (vec![50, 50, 30], expected), "the choice goes along");
    assert_eq!(
        browser.get("/dashboard/dev/activity?before=x&kind=%00").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_page_of_a_connection_has_its_history() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let session = server.session(user("u1")).await;
    let id = server.connected(&session, "demo", json!({ "apiKey": GOOD })).await;
    let fields = [("integration", "demo"), ("id", id.as_str())];
    browser.post("/dashboard/dev/connection/reveal", &fields).await;
    let path = format!("/dashboard/dev/connection?integration=demo&id={id}");
    let html = text(&browser.get(&path).await);
    let history = html.split("id=\"history\"").nth(1).unwrap();
    assert!(history.contains("connection created") && !history.contains("connection revealed"));
    let html = text(&browser.get(&link(&html, "Show reads too").unwrap()).await);
    let history = html.split("id=\"history\"").nth(1).unwrap();
    let (revealed, created) =
        (history.find("connection revealed"), history.find("connection created"));
    assert!(revealed.is_some() && revealed < created, "newest first: {history}");
    let html = text(&browser.get(&link(&html, "Changes only").unwrap()).await);
    assert!(link(&html, "Show reads too").is_some());
    let all = link(&html, "All of it").unwrap();
    let html = text(&browser.get(&all).await);
    assert!(html.contains("connection revealed") && !html.contains("connect session created"));
}

#[tokio::test]
async fn connections_are_counted_and_chosen_by_health() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let none = text(&browser.get("/dashboard/dev/connections").await);
    assert!(none.contains("No connections yet"));
    for number in 0..60 {
        let session = server.session(user(&format!("u{number}"))).await;
        server.connected(&session, "demo", json!({ "apiKey": GOOD })).await;
    }
    let html = text(&browser.get("/dashboard/dev/connections?integration=demo").await);
    for (title, count) in [("All", 60), ("Works", 60), ("Needs attention", 0), ("Not checked", 0)] {
        assert!(html.contains(&format!("{title} <span class=\"count\">{count}</span>")), "{title}");
    }
    assert!(html.contains("1 to 50 of 60"));
    let chosen = "/dashboard/dev/connections?integration=demo&health=healthy";
    let html = text(&browser.get(chosen).await);
    assert!(html.contains("<input type=\"hidden\" name=\"health\" value=\"healthy\""));
    let older = link(&html, "Older").unwrap();
    assert!(older.contains("health=healthy") && older.contains("integration=demo"), "{older}");
    let html = text(&browser.get(&older).await);
    assert!(html.contains("51 to 60 of 60") && link(&html, "Older").is_none());
    let html = text(&browser.get("/dashboard/dev/connections?health=needs_attention").await);
    assert!(html.contains("There is none like that."));
}

#[tokio::test]
async fn an_invite_link_without_an_id_makes_a_new_connection_and_takes_nobodys() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("integration", "demo"), ("name", "Ada"), ("hours", "24")];
    let html = browser.made("/dashboard/dev/invite", &fields).await;
    let token = html.split("?session_token=").nth(1).unwrap().split('"').next().unwrap();
    let body = json!({ "apiKey": GOOD, "connection_id": "user-42" });
    let answer = server.connect(token, "demo", body).await;
    assert_eq!(answer.error(), "403 connection_id_not_allowed");
    let id = server.connected(token, "demo", json!({ "apiKey": GOOD })).await;
    assert!(uuid::Uuid::parse_str(&id).is_ok());
}

#[tokio::test]
async fn an_invite_link_for_a_new_id_does_not_replace_the_connection_of_somebody_else() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let import = async |id: &str| {
        let body = json!({
            "provider_config_key": "demo", "connection_id": id, "end_user": { "id": "somebody-else" },
            "credentials": { "type": "API_KEY", "apiKey": GOOD },
        });
        assert_eq!(server.post("/connections", body).await.status, 201);
    };
    import("victim").await;
    let path = "/dashboard/dev/invite";
    let taken = browser.post(path, &[("integration", "demo"), ("id", "victim")]).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    let page = text(&taken);
    assert!(page.contains("already a connection <code>victim</code>"), "{page}");
    assert!(
        page.contains("/dashboard/dev/invite?integration=demo&amp;connection=victim"),
        "{page}"
    );

    let html =
        browser.made(path, &[("integration", "demo"), ("id", "later"), ("hours", "24")]).await;
    let token = html.split("?session_token=").nth(1).unwrap().split('"').next().unwrap();
    import("later").await;
    let answer = server.connect(token, "demo", json!({ "apiKey": GOOD })).await;
    assert_eq!(answer.error(), "403 connection_id_not_allowed");
    let kept = server.connection("demo", "later").await.json();
    assert_eq!(kept["end_user"]["id"], "somebody-else");
}

#[tokio::test]
async fn an_invite_link_is_for_one_connection_and_one_integration() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("integration", "demo"), ("id", "user-42"), ("name", "Ada"), ("hours", "168")];
    let html = browser.made("/dashboard/dev/invite", &fields).await;
    let token = html.split("?session_token=").nth(1).unwrap().split('"').next().unwrap();
    let shown = server.call(Method::GET, "/connect/session", Some(token), None).await.json();
    assert_eq!(shown["data"]["allowed_integrations"], json!(["demo"]));
    assert_eq!(shown["data"]["keyslot"]["connection_id"], "user-42");
    server.advance(7 * 24 * 60 - 1);
    let body = json!({ "apiKey": GOOD });
    assert_eq!(server.connected(token, "demo", body.clone()).await, "user-42");
    server.advance(1);
    let late = server.connect(token, "demo", body).await;
    assert_eq!(late.error(), "401 unknown_connect_session_token");
    let path = format!("/connect/?session_token={token}");
    let page = server.call(Method::GET, &path, None, None).await;
    assert_eq!(page.status, StatusCode::GONE);
    assert!(text(&page).contains("It has expired, or it was used already."));
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
}

#[tokio::test]
async fn settings_are_saved_for_one_environment_and_a_bad_one_saves_nothing() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let settings = async |name: &str| {
        let all = server.state.store.environments().await.unwrap();
        all.into_iter().find(|environment| environment.name == name).unwrap().settings
    };
    for (field, value, said) in [
        ("accent", "red", "Expected a colour"),
        ("allowed_origins", "https://a.example/path", "is not an origin"),
        ("logo_url", "http://cdn.example/logo.svg", "Expected an https address"),
        ("dialog_title", &"t".repeat(81), "Use at most 80"),
        ("connect_intro", "a\u{7}b", "in one line"),
        ("allowed_origins", "https://a.example\n*", "is not an origin"),
    ] {
        let fields = [("product_name", "Northlight"), (field, value)];
        let answer = browser.save_settings("connect", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{value}");
        let html = text(&answer);
        assert!(html.contains(said) && html.contains("value=\"Northlight\""), "{value}");
    }
    assert_eq!(settings("dev").await.product_name, None);
    let fields = [
        ("product_name", "Northlight"),
        ("accent", "#AA3355"),
        ("allowed_origins", "https://A.example/\nhttp://localhost:8080"),
    ];
    let saved = browser.save_settings("connect", &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let saved = settings("dev").await;
    assert_eq!(saved.product_name.as_deref(), Some("Northlight"));
    assert_eq!(saved.accent.as_deref(), Some("#aa3355"));
    assert_eq!(saved.allowed_origins, ["https://a.example", "http://localhost:8080"]);
    assert_eq!(settings("prod").await.product_name, None);

    let fields = [("webhook_url", "https://10.0.0.1/x"), ("on_auth_creation", "yes")];
    let bad = browser.save_settings("webhooks", &fields).await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&bad).contains("not public"));
    let emptied = browser.save_settings("webhooks", &[]).await;
    assert_eq!(emptied.status, StatusCode::SEE_OTHER);
    let saved = settings("dev").await;
    assert!(!saved.on_auth_creation && saved.product_name.is_some(), "the rest stays");
}

#[tokio::test]
async fn a_key_of_an_environment_is_shown_once_when_it_is_made() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    for (purpose, prefix) in [("webhooks", "whsec_"), ("hmac", "hmac_")] {
        let path = "/dashboard/dev/settings/key";
        let ask = browser.get(&format!("{path}?purpose={purpose}")).await;
        assert!(text(&ask).contains("Counts for 24 hours more"), "{purpose}");
        let unsure = browser.post(path, &[("purpose", purpose)]).await;
        assert_eq!(unsure.status, StatusCode::UNPROCESSABLE_ENTITY, "{purpose}");
        let made = {
            let version = browser.key_version(purpose).await;
            let fields = [("purpose", purpose), ("before", "day"), ("version", &version)];
            browser.made(path, &fields).await
        };
        assert!(made.contains(&format!("value=\"{prefix}")), "{purpose}");
        let page = text(&browser.get("/dashboard/dev/settings").await);
        assert!(!page.contains(&format!("value=\"{prefix}")), "{purpose}");
    }
    let other = browser.post("/dashboard/dev/settings/key", &[("purpose", "x")]).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_for_a_new_key_makes_none_when_another_was_made_meanwhile() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let path = "/dashboard/dev/settings/key";
    let version = browser.key_version("hmac").await;
    let fields = [("purpose", "hmac"), ("before", "day"), ("version", &version)];
    browser.made(path, &fields).await;
    let again = browser.post(path, &fields).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(text(&again).contains("there is a newer key"));
    let without = browser.post(path, &fields[..2]).await;
    assert_eq!(without.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn what_is_shown_once_is_taken_by_get_in_its_own_environment_only() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let fields = [("name", "Reports"), ("scope", "read_only")];
    let made = browser.post("/dashboard/prod/secret-keys", &fields).await;
    let page = made.headers["location"].to_str().unwrap().to_owned();
    let head =
        request(Method::HEAD, &page).header("cookie", &browser.cookie).body(Body::empty()).unwrap();
    assert_eq!(server.send(head).await.status, StatusCode::OK);
    let elsewhere = browser.get(&page.replace("/prod/", "/dev/")).await;
    assert_eq!(elsewhere.status, StatusCode::OK);
    assert!(!text(&elsewhere).contains("made-key"));
    assert!(value_of(&text(&browser.get(&page).await), "made-key").starts_with("ksk_"));
}

#[tokio::test]
async fn a_secret_key_is_shown_once_and_does_what_its_scope_says() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let path = "/dashboard/prod/secret-keys";
    let fields = [("name", "Reports"), ("scope", "read_only")];
    let key = value_of(&browser.made(path, &fields).await, "made-key");
    assert!(key.starts_with("ksk_") && key.len() == 53, "{key}");
    let list =
        async |key: &str| server.call(Method::GET, "/connections", Some(key), None).await.status;
    assert_eq!(list(&key).await, StatusCode::OK);
    let beyond = server.call(Method::GET, "/secret-keys", Some(&key), None).await;
    assert_eq!(beyond.error(), "403 forbidden");

    server.state.flush_notes().await.unwrap();
    let page = text(&browser.get(path).await);
    assert!(page.contains(&format!("<code>{}…</code>", &key[..8])) && page.contains("Read only"));
    assert!(page.contains("used just now") && !page.contains(&key[..9]), "{page}");
    assert!(!text(&browser.get("/dashboard/dev/secret-keys").await).contains("Reports"));
    for (fields, said) in [
        ([("name", " "), ("scope", "full")], "Give it a name"),
        ([("name", &"n".repeat(256)), ("scope", "full")], "at most 255"),
        ([("name", "Kept"), ("scope", "root")], "choose what the key may do"),
    ] {
        let refused = browser.post(path, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(text(&refused).contains(said), "{said}");
    }
    assert_eq!(
        server.state.store.secret_keys("prod", server.state.clock.now()).await.unwrap().len(),
        2
    );
    let newest = server.state.store.audit_events("prod", newest(1)).await.unwrap().remove(0);
    assert_eq!((newest.actor.as_str(), newest.action.as_str()), ("operator", "secret_key.created"));
}

/// The value of the field with this id.
fn value_of(html: &str, id: &str) -> String {
    let field = html.split(&format!("id=\"{id}\"")).nth(1).unwrap();
    field.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_secret_key_is_rotated_with_a_grace_period_and_revoked_by_two_presses() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let path = "/dashboard/dev/secret-keys";
    let fields = [("name", "Billing"), ("scope", "full")];
    let first = value_of(&browser.made(path, &fields).await, "made-key");
    let id = async |index: usize| {
        let keys = server.state.store.secret_keys("dev", server.state.clock.now()).await.unwrap();
        let mut ours = keys.into_iter().filter(|record| record.key.name == "Billing");
        ours.nth(index).unwrap().key.id
    };
    let works = async |key: &str| {
        server.call(Method::GET, "/connections", Some(key), None).await.status == StatusCode::OK
    };
    let old = id(0).await;
    let rotate = [("id", old.as_str()), ("grace", "3600")];
    let rotated = browser.made("/dashboard/dev/secret-keys/rotate", &rotate).await;
    assert!(rotated.contains("The one before works for 1 hour more."));
    let second = value_of(&rotated, "made-key");
    assert!(works(&first).await && works(&second).await);
    assert!(text(&browser.get(path).await).contains("works until"));
    server.advance(60);
    assert!(!works(&first).await && works(&second).await);
    let again = browser.post("/dashboard/dev/secret-keys/rotate", &rotate).await;
    assert_eq!(again.status, StatusCode::NOT_FOUND, "it has ended");

    let new = id(0).await;
    let revoke = [("id", new.as_str())];
    let unsure = browser.post("/dashboard/dev/secret-keys/revoke", &revoke).await;
    assert_eq!(unsure.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(works(&second).await);
    let sure = [&revoke[..], &[("confirm", "yes")]].concat();
    let elsewhere = browser.post("/dashboard/prod/secret-keys/revoke", &sure).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND, "of another environment");
    let revoked = browser.post("/dashboard/dev/secret-keys/revoke", &sure).await;
    assert_eq!(revoked.headers["location"], "/dashboard/dev/secret-keys?notice=revoked");
    assert!(!works(&second).await);

    let fixed = [("id", "operator"), ("grace", "0")];
    let fixed = browser.post("/dashboard/dev/secret-keys/rotate", &fixed).await;
    assert_eq!(fixed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&fixed).contains("comes from KEYSLOT_SECRET_KEY"));
}

#[tokio::test]
async fn an_older_encryption_key_is_said_to_be_in_use_until_nothing_is_under_it() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let page = async || text(&browser.get("/dashboard/prod/settings").await);
    assert!(page().await.contains("Everything is under the one above."));
    let sealed = Sealed { key_id: "k0".into(), blob: vec![1] };
    server.state.store.server_secret("old", sealed).await.unwrap();
    assert!(page().await.contains("There still are records under <code>k0</code>"));
}

#[tokio::test]
async fn the_connect_page_is_framed_by_the_sites_of_its_environment_only() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let token = server.session(user("u1")).await;
    let policy = async |query: &str| {
        let page = server.call(Method::GET, &format!("/connect/{query}"), None, None).await;
        page.headers["content-security-policy"].to_str().unwrap().to_owned()
    };
    let query = format!("?session_token={token}");
    assert!(policy(&query).await.contains("frame-ancestors 'none';"));
    let fields = [("allowed_origins", "https://a.example https://b.example")];
    browser.save_settings("connect", &fields).await;
    let framed = policy(&query).await;
    assert!(framed.contains("frame-ancestors https://a.example https://b.example;"), "{framed}");
    assert!(policy("").await.contains("frame-ancestors 'none';"), "it belongs to no environment");
}

#[tokio::test]
async fn no_origin_and_no_logo_adds_to_the_policy_of_the_connect_page() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let token = server.session(user("u1")).await;
    let policy = async || {
        let path = format!("/connect/?session_token={token}");
        let page = server.call(Method::GET, &path, None, None).await;
        page.headers["content-security-policy"].to_str().unwrap().to_owned()
    };
    let usual = policy().await;
    for bad in ["https://a;sandbox", "https://a,b", "https://*.example.com", "http://[::1]:8080"] {
        let body = json!({ "allowed_origins": [bad] });
        let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(body)).await;
        assert_eq!(answer.error(), "400 invalid_body custom [allowed_origins]", "{bad}");
        let saved = browser.save_settings("connect", &[("allowed_origins", bad)]).await;
        assert_eq!(saved.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        let body = json!({ "logo_url": format!("{bad}/logo.svg") });
        let answer = server.call(Method::PATCH, "/environment", Some(SECRET), Some(body)).await;
        assert_eq!(answer.error(), "400 invalid_body custom [logo_url]", "{bad}");
        let saved =
            browser.save_settings("connect", &[("logo_url", &format!("{bad}/logo.svg"))]).await;
        assert_eq!(saved.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    // As an older server would have stored them.
    let seen = EnvironmentSettings::default();
    let old = EnvironmentSettings {
        allowed_origins: vec!["https://a;sandbox".into(), "https://b.example".into()],
        logo_url: Some("https://c;report-uri /logo.svg".into()),
        ..seen.clone()
    };
    let audit = event(server.state.clock.now(), "dev");
    server.state.store.put_environment_settings("dev", seen, old, audit).await.unwrap();
    let expected = usual.replace("frame-ancestors 'none'", "frame-ancestors https://b.example");
    assert_eq!(policy().await, expected);
    let path = format!("/connect/?session_token={token}");
    let page = text(&server.call(Method::GET, &path, None, None).await);
    assert!(!page.contains("c;report-uri"), "nor is the logo drawn");
}

#[tokio::test]
async fn a_page_that_is_not_there_keeps_the_sidebar_for_an_operator() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    for (path, here) in [
        ("/dashboard/prod/nothing", "/dashboard/prod/connections"),
        ("/dashboard/prod/integration?key=nothing", "/dashboard/prod/connections"),
        ("/dashboard/gone/connections", "/dashboard/dev/connections"),
        ("/dashboard/nothing", "/dashboard/dev/connections"),
    ] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let page = text(&answer);
        assert!(page.contains(&format!("href=\"{here}\"")), "{path}: {page}");
        assert!(page.contains("Sign out") && page.contains("That did not work"), "{path}");
        assert!(!page.contains("aria-current=\"page\""), "it is none of the parts");
    }
    let nobody = request(Method::GET, "/dashboard/prod/nothing").body(Body::empty()).unwrap();
    let page = text(&server.send(nobody).await);
    assert!(!page.contains("Sign out") && !page.contains("Connections"), "{page}");
}

#[tokio::test]
async fn an_old_signing_key_is_ended_by_two_presses() {
    let server = locked().await;
    let browser = Browser::signed_in(&server).await;
    let path = "/dashboard/dev/settings/key";
    let renewed = async || {
        let version = browser.key_version("webhooks").await;
        let fields = [("purpose", "webhooks"), ("before", "day"), ("version", &version)];
        browser.made(path, &fields).await
    };
    let first = renewed().await;
    assert!(first.contains("No other counts."), "one that nobody has seen does not count: {first}");
    assert!(renewed().await.contains("The one before counts until 2026-09-22"));
    let page = async || text(&browser.get("/dashboard/dev/settings").await);
    assert!(page().await.contains("before this one counts until"));
    browser.post(&format!("{path}/end"), &[("purpose", "webhooks")]).await;
    assert!(page().await.contains("before this one counts until"));
    let ended = [("purpose", "webhooks"), ("confirm", "yes")];
    let ended = browser.post(&format!("{path}/end"), &ended).await;
    assert_eq!(ended.headers["location"], "/dashboard/dev/settings?notice=ended");
    assert!(!page().await.contains("before this one counts until"));
    let newest = server.state.store.audit_events("dev", newest(1)).await.unwrap().remove(0);
    assert_eq!(newest.action, "environment.signing_key_ended");
}
