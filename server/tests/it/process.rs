//! The program itself: its command line, what it prints, how it starts, stops and comes back.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::SignedDuration;
use keyslot_server::{
    audit_chain::ChainReport,
    clock::{Clock, SystemClock},
    demo::api::keys,
    keyring::KeyRing,
    state::audit_chain,
    store::{AuditLog, Connections, Found, Store, sqlite::SqliteStore},
    vault::{Binding, Vault},
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    harness::{KEYS, event},
    moving,
    postgres::Schema,
    upstream::Upstream,
};

const OLD: &str = "old:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEW: &str = "new:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";
/// A secret key of environment `dev`, whether the server runs with `--dev` or not.
pub(crate) const SECRET: &str = "ksk_dev_secret-key-of-tests-of-the-process";
const PATIENCE: Duration = Duration::from_secs(20);

/// A provider that asks nobody.
const PROVIDER: &str = r"
unchecked:
  display_name: Unchecked
  auth_mode: API_KEY
  credentials:
    apiKey: { type: string, title: Key, description: Any key. }
  connection_config:
    second: { type: string, title: Second key, description: Yours., optional: true, secret: true }
  proxy: { base_url: 'https://unchecked.example' }
broken:
  display_name: Broken
  auth_mode: API_KEY
  proxy: { base_url: 5 }
";

/// The program in an empty environment, working in `dir`. It takes any free port: the usual one may be
/// somebody's.
fn program(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyslot-server"));
    command.env_clear().env("KEYSLOT_LISTEN", "127.0.0.1:0");
    command.current_dir(dir).stdin(Stdio::null());
    command
}

fn run<S: AsRef<OsStr>>(dir: &Path, arguments: &[S], environment: &[(&str, &str)]) -> Output {
    let mut command = program(dir);
    command.args(arguments).envs(environment.iter().copied()).output().unwrap()
}

/// A run that ends by itself with failure; what it said to the operator.
fn complaint(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(dir, arguments, environment);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "no ready line");
    let stderr = String::from_utf8(output.stderr).unwrap();
    stderr.lines().find(|line| line.starts_with("keyslot-server: ")).unwrap().to_owned()
}

/// A server in a process of its own.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) address: String,
    log: Option<JoinHandle<Vec<u8>>>,
}

impl Running {
    pub(crate) fn start(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = program(dir)
            .args(["--listen", "127.0.0.1:0"])
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            stderr.read_to_end(&mut log).unwrap();
            log
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("keyslot-server listening on http://");
        let address = address.unwrap_or_else(|| panic!("not the ready line: {line:?}")).to_owned();
        Self { child, address, log: Some(log) }
    }

    fn dev(dir: &Path) -> Self {
        Self::start(
            dir,
            &["--dev", "--catalog", "providers.yaml"],
            &[("KEYSLOT_SECRET_KEY", SECRET)],
        )
    }

    fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to stop and returns its log.
    pub(crate) fn stop(mut self) -> Vec<u8> {
        self.signal("-TERM");
        assert!(self.wait().success());
        self.log.take().unwrap().join().unwrap()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    pub(crate) fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    /// Sends the bytes and reads until the server closes.
    pub(crate) fn raw(&self, request: &[u8]) -> String {
        let mut socket = self.socket();
        socket.write_all(request).unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(crate) fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.raw(
            format!(
                "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                self.address,
                body.len()
            )
            .as_bytes(),
        );
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub(crate) fn session(&self) -> String {
        let body = json!({ "end_user": { "id": "u1" } });
        let (status, body) = self.call("POST", "/connect/sessions", SECRET, &body);
        assert_eq!(status, 201, "{body}");
        body["data"]["token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn connect(&self, integration: &str, body: &Value) -> (u16, Value) {
        let path = format!("/api-auth/api-key/{integration}");
        self.call("POST", &path, &self.session(), body)
    }

    pub(crate) fn key_of(&self, integration: &str, id: &str) -> Value {
        let path = format!("/connections/{id}?provider_config_key={integration}");
        let (status, body) = self.call("GET", &path, SECRET, &Value::Null);
        assert_eq!(status, 200, "{body}");
        body["credentials"]["apiKey"].clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed; one that did not has waited for it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("providers.yaml"), PROVIDER).unwrap();
    dir
}

#[test]
fn without_an_encryption_key_it_says_what_to_do() {
    let dir = folder();
    let said = complaint(dir.path(), &[], &[]);
    assert!(said.contains("KEYSLOT_ENCRYPTION_KEYS") && said.contains("--dev"), "{said}");
}

#[test]
fn what_it_cannot_start_with_is_named() {
    let dir = folder();
    std::fs::write(dir.path().join("no.yaml"), "a: [").unwrap();
    let keys = ("KEYSLOT_ENCRYPTION_KEYS", OLD);
    let any = "127.0.0.1:0";
    for (arguments, environment, expected) in [
        (vec!["--dev", "--listen", "0.0.0.0:0"], vec![], "loopback only"),
        (vec![], vec![("KEYSLOT_ENCRYPTION_KEYS", "k1:short")], "32 bytes"),
        (vec!["--encryption-key-file", "nowhere"], vec![], "nowhere"),
        (vec!["--encryption-key-file", "x"], vec![keys], "use one of them"),
        (
            vec!["--database", "mysql://user:hunter2@db"],
            vec![keys],
            "expected sqlite:PATH or postgres://",
        ),
        (vec!["--public-url", "ftp://x"], vec![keys], "--public-url: expected"),
        (vec!["--otlp", "ftp://hunter2@x"], vec![keys], "--otlp: expected"),
        (vec!["--catalog", "nowhere.yaml"], vec![keys], "nowhere.yaml"),
        (vec!["--catalog", "no.yaml"], vec![keys], "no.yaml"),
        (vec![], vec![keys, ("KEYSLOT_SECRET_KEY", "short")], "at least 32"),
    ] {
        let mut arguments = arguments;
        if !arguments.contains(&"--listen") {
            arguments.extend(["--listen", any]);
        }
        let said = complaint(dir.path(), &arguments, &environment);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_taken_address_is_named() {
    let dir = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let keys = [("KEYSLOT_ENCRYPTION_KEYS", OLD)];
    let said = complaint(dir.path(), &["--listen", &address], &keys);
    assert!(said.contains(&address), "{said}");
}

#[test]
fn the_help_says_what_each_option_is_for_and_shows_no_value_from_the_environment() {
    let dir = folder();
    let url = ("KEYSLOT_DATABASE_URL", "postgres://user:hunter2@db/x");
    let output = run(dir.path(), &["--help"], &[url]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for word in [
        "--listen",
        "--data-dir",
        "--database",
        "--encryption-key-file",
        "--public-url",
        "--catalog",
        "--allow-net",
        "--dev",
        "--trusted-proxies",
        "--rate-limit-key",
        "--failures-session",
        "--connections-address",
        "--audit",
        "--metrics-token-file",
        "environments",
        "rotate-keys",
        "backup",
        "restore",
        "migrate",
        "check",
        "openapi",
        "KEYSLOT_LISTEN",
        "127.0.0.1:3003",
    ] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(!help.contains("hunter2"), "{help}");
}

#[test]
fn check_prints_the_providers_and_what_cannot_be_used() {
    let dir = folder();
    let keys = [("KEYSLOT_ENCRYPTION_KEYS", OLD)];
    let output = run(dir.path(), &["check", "--catalog", "providers.yaml"], &keys);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.lines().any(|line| line.starts_with("openai ") && line.contains("API_KEY")));
    assert!(table.lines().any(|line| line.starts_with("unchecked ") && line.contains("none")));
    assert!(table.contains("not usable: broken (providers.yaml): "), "{table}");
    assert!(table.contains(", 1 not usable"), "{table}");
    assert!(!dir.path().join(".keyslot").exists(), "nothing is made");
}

#[test]
fn settings_may_stand_before_a_command() {
    let dir = folder();
    let check = |arguments: &[&str], environment: &[(&str, &str)]| {
        let environment = [environment, &[("KEYSLOT_ENCRYPTION_KEYS", OLD)]].concat();
        let output = run(dir.path(), arguments, &environment);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let own = |table: &str| table.lines().any(|line| line.starts_with("unchecked "));
    let file = "providers.yaml";
    assert!(own(&check(&["--catalog", file, "check"], &[])));
    assert!(own(&check(&["check", "--catalog", file], &[])));
    assert!(own(&check(&["check"], &[("KEYSLOT_CATALOG", file)])));
    // What is written counts more than what is set, wherever it is written.
    assert!(own(&check(&["--catalog", file, "check"], &[("KEYSLOT_CATALOG", "nowhere.yaml")])));
    assert!(own(&check(&["check", "--catalog", file], &[("KEYSLOT_CATALOG", "nowhere.yaml")])));
    let list = check(&["--data-dir", "elsewhere", "environments", "list"], &[]);
    assert_eq!(list, "dev\nprod\n");
    assert!(dir.path().join("elsewhere/keyslot.db").exists());
    let output = run(dir.path(), &["--catalog", "nowhere.yaml", "check"], &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn check_fails_when_something_is_missing_and_makes_nothing() {
    let dir = folder();
    let key = [("KEYSLOT_ENCRYPTION_KEYS", OLD)];
    let none: [(&str, &str); 0] = [];
    for (arguments, environment, expected) in [
        (vec![], &none[..], "encryption keys: there is no encryption key"),
        (
            vec!["--encryption-key-file", "nowhere"],
            &none,
            "encryption keys: encryption key file nowhere",
        ),
        (vec!["--database", "mysql://u:hunter2@db"], &key, "database: --database: expected"),
        (vec!["--public-url", "ftp://x"], &key, "public URL: --public-url: expected"),
        (vec!["--metrics-token-file", "nowhere"], &key, "metrics: nowhere"),
    ] {
        let output = run(dir.path(), &[vec!["check"], arguments].concat(), environment);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let tail = said.lines().skip_while(|line| !line.contains(" not usable"));
        let tail: Vec<&str> = tail.collect();
        assert!(tail.iter().any(|line| line.starts_with(expected)), "{expected}: {tail:?}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(String::from_utf8(output.stderr).unwrap().contains("would not start"));
    }
    let output = run(dir.path(), &["check", "--dev"], &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(!dir.path().join(".keyslot").exists(), "nothing is made");
}

#[test]
fn what_the_system_was_told_before_the_log_began_is_in_the_log() {
    let dir = folder();
    let environment = [("KEYSLOT_ENCRYPTION_KEYS", OLD), ("KEYSLOT_LOG", "debug")];
    let output = run(dir.path(), &["check"], &environment);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("the memory of this process is closed"), "{log}");
}

/// The soft limit of a shell or container is often 1,024.
#[cfg(target_os = "linux")]
#[test]
fn it_takes_all_the_files_that_it_may_open_and_says_how_many_connections_that_makes() {
    let dir = folder();
    let program = env!("CARGO_BIN_EXE_keyslot-server");
    let started = |soft: &str, hard: &str| {
        let line = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &line, program, "--listen", "127.0.0.1:0", "--dev"])
            .env_clear()
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id()));
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let log = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
        (log, limits.unwrap_or_default())
    };
    for (soft, hard, connections, address) in
        [("256", "1000", 436, 109), ("1000", "1000", 436, 109), ("1024", "20000", 8192, 512)]
    {
        let (log, limits) = started(soft, hard);
        let line = log.lines().find(|line| line.contains("\"ready\"")).unwrap_or_default();
        let said: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{log}"));
        assert_eq!(said["files"].to_string(), hard, "{limits}");
        assert_eq!(said["connections"], connections);
        assert_eq!(said["connections_address"], address);
    }
}

#[test]
fn entries_that_cannot_be_used_are_one_line_at_the_start_and_listed_by_check() {
    let dir = folder();
    let broken = "display_name: Broken\n  auth_mode: API_KEY\n  proxy: { base_url: 5 }\n";
    let own = "openai:\n  display_name: Own\n  auth_mode: API_KEY\n  proxy: { base_url: 'https://api.openai.com' }\n";
    let file = format!("one:\n  {broken}two:\n  {broken}{own}");
    std::fs::write(dir.path().join("more.yaml"), file).unwrap();
    let server = Running::start(dir.path(), &["--dev", "--catalog", "more.yaml"], &[]);
    let log = String::from_utf8(server.stop()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("cannot be used")).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("\"providers\":2") && lines[0].contains("check"), "{lines:?}");
    let table =
        String::from_utf8(run(dir.path(), &["check", "--catalog", "more.yaml"], &[]).stdout);
    let table = table.unwrap();
    for line in ["not usable: one (more.yaml): ", "not usable: two (more.yaml): "] {
        assert!(table.contains(line), "{table}");
    }
    assert!(table.contains("note: openai (more.yaml): it has no check, and takes that"), "{table}");
}

#[test]
fn it_starts_says_where_and_stops_when_told() {
    for signal in ["-TERM", "-INT"] {
        let dir = folder();
        let mut server = Running::dev(dir.path());
        assert_eq!(server.call("GET", "/health", "", &Value::Null).0, 200);
        let address = server.address.clone();
        let ask = ["is-ready", "--listen", &address];
        assert!(run(dir.path(), &ask, &[]).status.success());
        // An idle connection that is kept alive holds nothing up.
        let mut idle = server.socket();
        idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        idle.read_exact(&mut [0; 12]).unwrap();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert!(complaint(dir.path(), &ask, &[]).contains("no answer on"));
        let database = dir.path().join(".keyslot/keyslot.db");
        assert!(database.exists());
        assert!(!dir.path().join(".keyslot/keyslot.db-wal").exists(), "one tidy file is left");
    }
}

#[cfg(unix)]
#[test]
fn what_dev_makes_is_for_its_owner_only_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    let data = dir.path().join(".keyslot");
    let secret = || std::fs::read_to_string(data.join("secret.key")).unwrap();
    let server = Running::dev(dir.path());
    let first = secret();
    assert!(first.starts_with("ksk_"));
    for file in std::fs::read_dir(&data).unwrap().map(Result::unwrap) {
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.file_name());
    }
    assert_eq!(std::fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    server.stop();
    let server = Running::dev(dir.path());
    assert_eq!(secret(), first);
    let (status, list) = server.call("GET", "/integrations", first.trim(), &Value::Null);
    assert_eq!(status, 200);
    let keys: Vec<&str> =
        list["data"].as_array().unwrap().iter().filter_map(|i| i["unique_key"].as_str()).collect();
    assert!(keys.contains(&"demo") && keys.contains(&"demo-basic"), "{keys:?}");
    server.stop();
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let dir = folder();
    let server = Running::dev(dir.path());
    let (status, body) = server.connect("demo", &json!({ "apiKey": keys::WORKS }));
    assert_eq!(status, 200, "{body}");
    let id = body["connectionId"].as_str().unwrap().to_owned();
    server.kill();
    let server = Running::dev(dir.path());
    assert_eq!(server.key_of("demo", &id), keys::WORKS);
    server.stop();
}

/// A runtime for what only asynchronous code can do.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

#[test]
fn servers_that_share_a_postgres_database_are_one() {
    let Some(schema) = block_on(Schema::new()) else { return };
    let dir = folder();
    let start = || {
        let arguments = ["--catalog", "providers.yaml", "--database", schema.url()];
        let environment = [("KEYSLOT_ENCRYPTION_KEYS", OLD), ("KEYSLOT_SECRET_KEY", SECRET)];
        Running::start(dir.path(), &arguments, &environment)
    };
    let (one, two) = (start(), start());
    let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
    assert_eq!(one.call("POST", "/integrations", SECRET, &integration).0, 200);
    let token = one.session();
    let (status, body) =
        two.call("POST", "/api-auth/api-key/unchecked", &token, &json!({ "apiKey": "shared" }));
    assert_eq!(status, 200, "{body}");
    let id = body["connectionId"].as_str().unwrap().to_owned();
    // A provider that one of them is given is known to the other within two seconds.
    let own = json!({ "display_name": "Own", "auth_mode": "API_KEY" });
    assert_eq!(one.call("PUT", "/providers/own", SECRET, &own).0, 200);
    let begun = Instant::now();
    while two.call("GET", "/providers/own", SECRET, &json!(null)).0 != 200 {
        assert!(begun.elapsed() < Duration::from_secs(2), "the other server does not see it");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(one.call("DELETE", "/providers/own", SECRET, &json!(null)).0, 200);
    let begun = Instant::now();
    while two.call("GET", "/providers/own", SECRET, &json!(null)).0 != 404 {
        assert!(begun.elapsed() < Duration::from_secs(2), "the other server still has it");
        std::thread::sleep(Duration::from_millis(50));
    }
    // A key that one of them revokes is refused by the other from the next request on, however busy it is.
    for _ in 0..5 {
        let (status, made) = one.call("POST", "/secret-keys", SECRET, &json!({ "name": "brief" }));
        assert_eq!(status, 201, "{made}");
        let key = made["data"]["secret_key"].as_str().unwrap();
        let revoked = AtomicBool::new(false);
        let path = format!("/connections/{id}?provider_config_key=unchecked");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let begun = Instant::now();
                    loop {
                        let late = revoked.load(Ordering::SeqCst);
                        let (status, _) = two.call("GET", &path, key, &json!(null));
                        if status == 401 {
                            break;
                        }
                        assert_eq!((status, late), (200, false), "it was revoked before that");
                        assert!(begun.elapsed() < Duration::from_secs(10), "never revoked");
                    }
                });
            }
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                let path = format!("/secret-keys/{}", made["data"]["id"].as_str().unwrap());
                assert_eq!(one.call("DELETE", &path, SECRET, &json!(null)).0, 200);
                revoked.store(true, Ordering::SeqCst);
            });
        });
        assert_eq!(two.call("GET", &path, key, &json!(null)).0, 401);
    }
    two.kill();
    assert_eq!(one.key_of("unchecked", &id), "shared");
    one.stop();
    assert!(!dir.path().join(".keyslot/keyslot.db").exists(), "nothing is kept on this machine");
    let again = start();
    assert_eq!(again.key_of("unchecked", &id), "shared");
    again.stop();
    block_on(schema.remove());
}

#[test]
fn a_backup_restores_to_another_machine_and_moves_to_postgres() {
    let dir = folder();
    let keys = ("KEYSLOT_ENCRYPTION_KEYS", OLD);
    let environment = [keys, ("KEYSLOT_SECRET_KEY", SECRET)];
    let start = |arguments: &[&str]| {
        let mut all = vec!["--catalog", "providers.yaml"];
        all.extend(arguments);
        Running::start(dir.path(), &all, &environment)
    };
    let server = start(&[]);
    let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
    assert_eq!(server.call("POST", "/integrations", SECRET, &integration).0, 200);
    let (_, body) = server.connect("unchecked", &json!({ "apiKey": "kept" }));
    let id = body["connectionId"].as_str().unwrap().to_owned();
    let output = run(dir.path(), &["backup", "b.db"], &[keys]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("connections: 1\n") && said.contains("complete"), "{said}");
    server.stop();
    let said = complaint(dir.path(), &["backup", "c.db"], &[("KEYSLOT_ENCRYPTION_KEYS", NEW)]);
    assert!(said.contains("\"old\"") && !dir.path().join("c.db").exists(), "{said}");

    let output = run(dir.path(), &["restore", "b.db", "--data-dir", "elsewhere"], &[keys]);
    assert!(output.status.success(), "{output:?}");
    let server = start(&["--data-dir", "elsewhere"]);
    assert_eq!(server.key_of("unchecked", &id), "kept");
    server.stop();

    let said = complaint(dir.path(), &["migrate", "--from", "x:y", "--to", "sqlite:z"], &[keys]);
    assert!(said.contains("--from: expected sqlite:PATH or postgres://"), "{said}");
    let Some(schema) = block_on(Schema::new()) else { return };
    let move_there = ["migrate", "--from", "sqlite:elsewhere/keyslot.db", "--to", schema.url()];
    let output = run(dir.path(), &move_there, &[keys]);
    assert!(output.status.success(), "{output:?}");
    let server = start(&["--database", schema.url()]);
    assert_eq!(server.key_of("unchecked", &id), "kept");
    server.stop();
    block_on(schema.remove());
}

#[test]
fn a_database_that_cannot_be_reached_is_named_without_its_password() {
    let dir = folder();
    let keys = [("KEYSLOT_ENCRYPTION_KEYS", OLD)];
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("postgres://u:hunter2@{closed}/db");
    let said = complaint(dir.path(), &["--listen", "127.0.0.1:0", "--database", &url], &keys);
    assert!(said.contains("--database: cannot connect"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Two kinds of trouble at once: a receiver that fails three times out of ten, and a server that is
/// killed again and again while it delivers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_is_delivered_though_receiver_and_server_fail() {
    let receiver = Upstream::start().await;
    for index in 0..2000 {
        receiver.then_status(if index % 10 < 3 { 500 } else { 200 });
    }
    let url = receiver.url();
    let stored = tokio::task::spawn_blocking(move || {
        let dir = folder();
        let arguments = ["--catalog", "providers.yaml", "--allow-net", "127.0.0.0/8"];
        let environment = [("KEYSLOT_ENCRYPTION_KEYS", OLD), ("KEYSLOT_SECRET_KEY", SECRET)];
        let start = || Running::start(dir.path(), &arguments, &environment);
        let server = start();
        let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
        assert_eq!(server.call("POST", "/integrations", SECRET, &integration).0, 200);
        let settings = json!({ "webhook_url": url });
        assert_eq!(server.call("PATCH", "/environment", SECRET, &settings).0, 200);
        let mut stored = Vec::new();
        let mut server = server;
        for round in 0..6_u64 {
            for index in 0..10 {
                let id = format!("c{round}-{index}");
                let body = json!({
                    "provider_config_key": "unchecked",
                    "connection_id": id,
                    "credentials": { "type": "API_KEY", "apiKey": "k" },
                });
                let (status, answer) = server.call("POST", "/connections", SECRET, &body);
                assert_eq!(status, 201, "{answer}");
                stored.push(id);
            }
            // Sometimes right after the last write, sometimes while deliveries are under way.
            std::thread::sleep(Duration::from_millis(round * 7));
            server.kill();
            server = start();
        }
        let started = Instant::now();
        loop {
            let (_, list) = server.call("GET", "/webhooks?status=pending", SECRET, &Value::Null);
            if list["data"].as_array().unwrap().is_empty() {
                break;
            }
            assert!(started.elapsed() < Duration::from_secs(90), "still pending: {list}");
            std::thread::sleep(Duration::from_millis(200));
        }
        server.stop();
        stored
    })
    .await
    .unwrap();
    let taken: std::collections::HashSet<String> = receiver
        .seen()
        .iter()
        .filter(|seen| seen.answered == 200)
        .map(|seen| {
            let body: Value = serde_json::from_slice(&seen.body).unwrap();
            body["connectionId"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(stored.len(), 60);
    for id in stored {
        assert!(taken.contains(&id), "{id} was acknowledged and not delivered");
    }
}

#[test]
fn reads_that_were_served_are_in_the_audit_log_when_it_stops() {
    let dir = folder();
    let server = Running::dev(dir.path());
    let (_, made) = server.connect("demo", &json!({ "apiKey": keys::WORKS }));
    for _ in 0..50 {
        server.key_of("demo", made["connectionId"].as_str().unwrap());
    }
    server.stop();
    let db = rusqlite::Connection::open(dir.path().join(".keyslot/keyslot.db")).unwrap();
    let sql = "select count(*), count(link) from audit_events
         where action = 'connection.read' and address = '127.0.0.1'";
    let counts: (i64, i64) = db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(counts, (50, 50), "written, and in their chain");
}

#[tokio::test]
async fn a_server_that_is_told_to_removes_old_audit_events() {
    const OLDER: usize = 1200;
    let dir = folder();
    let keys = [("KEYSLOT_ENCRYPTION_KEYS", OLD), ("KEYSLOT_SECRET_KEY", SECRET)];
    Running::start(dir.path(), &[], &keys).stop();
    for days in ["0", "soon"] {
        let output = run(dir.path(), &["--audit-keep", days], &keys);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("--audit-keep <DAYS>"));
    }
    // Under the server's own key, in an environment of their own, as if it had run for long.
    let path = dir.path().join(".keyslot/keyslot.db");
    let store = SqliteStore::open(&path).unwrap();
    let vault = Vault::new(&KeyRing::parse(OLD).unwrap()).unwrap();
    let chain = audit_chain(&store, &vault).await.unwrap();
    let at = |days: i64| SystemClock.now() - SignedDuration::from_hours(24 * days);
    let old = (0..OLDER).map(|_| event(at(31), "prod"));
    let young = (0..7).map(|_| event(at(29), "prod"));
    store.record_all(chain, old.chain(young).collect()).await.unwrap();
    store.close().await;
    drop(store);

    let server = Running::start(dir.path(), &["--audit-keep", "30"], &keys);
    let db = rusqlite::Connection::open(&path).unwrap();
    let count = || -> i64 {
        let sql = "select count(*) from audit_events where environment = 'prod'";
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let started = Instant::now();
    while count() > 7 {
        assert!(started.elapsed() < PATIENCE, "{} are left", count());
        std::thread::sleep(Duration::from_millis(20));
    }
    let (_, check) = server.call("GET", "/audit-events/check", SECRET, &Value::Null);
    assert_eq!((&check["data"]["intact"], &check["data"]["removed"]), (&true.into(), &0.into()));
    server.stop();
    assert_eq!(count(), 7);
    let store = SqliteStore::open(&path).unwrap();
    let chain = audit_chain(&store, &vault).await.unwrap();
    let report = chain.check(&store, "prod").await.unwrap();
    assert_eq!(report, ChainReport { checked: 7, removed: OLDER as i64, broken_at: None });
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let dir = folder();
    let server = Running::dev(dir.path());
    let said = complaint(dir.path(), &["--dev", "--listen", "127.0.0.1:0"], &[]);
    assert!(said.contains("in use by another keyslot-server"), "{said}");
    server.stop();
}

#[test]
fn a_secret_key_of_the_environment_ends_with_it() {
    let dir = folder();
    let keys = ("KEYSLOT_ENCRYPTION_KEYS", OLD);
    let server = Running::start(dir.path(), &[], &[keys, ("KEYSLOT_SECRET_KEY", SECRET)]);
    assert_eq!(server.call("GET", "/connections", SECRET, &Value::Null).0, 200);
    assert_eq!(server.call("GET", "/demo/", "", &Value::Null).0, 404, "no demo without --dev");
    server.stop();
    let server = Running::start(dir.path(), &[], &[keys]);
    assert_eq!(server.call("GET", "/connections", SECRET, &Value::Null).0, 401);
    server.stop();
}

#[test]
fn the_secret_key_of_the_environment_is_one_of_prod_unless_it_says_dev() {
    // The line of the README: `ksk_` and 64 hexadecimal digits.
    let plain = format!("ksk_{}", "0123456789abcdef".repeat(4));
    // As long as the keys that this server makes, which have a checksum.
    let of_dev = format!("ksk_dev_{}", "x".repeat(45));
    let dir = folder();
    let keys = ("KEYSLOT_ENCRYPTION_KEYS", OLD);
    let environment_of = |server: &Running, key: &str| {
        let (status, answer) = server.call("GET", "/environment", key, &Value::Null);
        (status, answer["data"]["name"].as_str().map(str::to_owned))
    };
    for (key, environment) in [(&plain, "prod"), (&of_dev, "dev"), (&plain, "prod")] {
        let variables = [keys, ("KEYSLOT_SECRET_KEY", key.as_str())];
        let server = Running::start(dir.path(), &[], &variables);
        assert_eq!(environment_of(&server, key), (200, Some(environment.to_owned())), "{key}");
        let other = if *key == plain { &of_dev } else { &plain };
        assert_eq!(environment_of(&server, other).0, 401, "the key before has ended");
        server.stop();
    }
    let server = Running::start(dir.path(), &[], &[keys]);
    assert_eq!(environment_of(&server, &plain).0, 401, "in every environment");
    server.stop();

    let dir = folder();
    let server = Running::start(dir.path(), &["--dev"], &[("KEYSLOT_SECRET_KEY", &plain)]);
    assert_eq!(environment_of(&server, &plain), (200, Some("dev".to_owned())));
    server.stop();
}

#[test]
fn secret_keys_are_made_listed_rotated_and_revoked_by_command() {
    let dir = folder();
    let keys = [("KEYSLOT_ENCRYPTION_KEYS", OLD)];
    let command = |arguments: &[&str]| {
        let output = run(dir.path(), &[&["keys"], arguments].concat(), &keys);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    let first = command(&["create", "--name", "billing", "--scope", "read_only"]);
    assert!(first.starts_with("ksk_") && !first.contains('\n'), "{first}");
    let list = command(&["list"]);
    let line = list.lines().find(|line| line.ends_with(" billing")).unwrap();
    assert!(line.contains("read_only") && !list.contains(&first), "{list}");
    let id = line.split_whitespace().next().unwrap().to_owned();
    let second = command(&["rotate", &id, "--grace", "0"]);
    let third = command(&["create", "--name", "other", "--environment", "prod"]);

    let server = Running::start(dir.path(), &[], &keys);
    let status = |key: &str| server.call("GET", "/connections", key, &Value::Null).0;
    assert_eq!((status(&first), status(&second), status(&third)), (401, 200, 200));
    let said = complaint(dir.path(), &["keys", "list"], &keys);
    assert!(said.contains("in use by another keyslot-server"), "{said}");
    server.stop();

    let list = command(&["list"]);
    let line = list.lines().find(|line| line.ends_with(" billing")).unwrap();
    command(&["revoke", line.split_whitespace().next().unwrap()]);
    let server = Running::start(dir.path(), &[], &keys);
    assert_eq!(server.call("GET", "/connections", &second, &Value::Null).0, 401);
    server.stop();
    let said = complaint(dir.path(), &["keys", "revoke", &id], &keys);
    assert!(said.contains("no secret key"), "{said}");
    let said = complaint(dir.path(), &["keys", "list", "--environment", "moon"], &keys);
    assert!(said.contains("dev, prod"), "{said}");
}

#[test]
fn environments_are_made_listed_renamed_and_deleted_by_command() {
    let dir = folder();
    let keys = [("KEYSLOT_ENCRYPTION_KEYS", OLD)];
    let done = |arguments: &[&str]| {
        let output = run(dir.path(), arguments, &keys);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    done(&["environments", "create", "staging"]);
    assert_eq!(done(&["environments", "list"]), "dev\nprod\nstaging\n");
    let key = done(&["keys", "create", "--environment", "staging", "--name", "CI"]);
    done(&["environments", "rename", "staging", "stage"]);
    assert!(done(&["keys", "list", "--environment", "stage"]).contains(" CI"));
    let server = Running::start(dir.path(), &[], &keys);
    let (status, shown) = server.call("GET", "/environment", key.trim(), &Value::Null);
    assert_eq!((status, &shown["data"]["name"]), (200, &json!("stage")));
    server.stop();
    done(&["environments", "delete", "stage"]);
    assert_eq!(done(&["environments", "list"]), "dev\nprod\n");
    for (arguments, expected) in [
        (vec!["create", "Not A Name"], "expected up to 64"),
        (vec!["create", "dev"], "already"),
        (vec!["rename", "nowhere", "x"], "no environment nowhere"),
        (vec!["delete", "prod"], "stays"),
        (vec!["delete", "nowhere"], "no environment nowhere"),
    ] {
        let arguments = [vec!["environments"], arguments].concat();
        let said = complaint(dir.path(), &arguments, &keys);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn after_rotate_keys_the_old_key_is_not_needed() {
    let dir = folder();
    std::fs::write(dir.path().join("ring"), format!("{NEW}\n{OLD}\n")).unwrap();
    let secret = ("KEYSLOT_SECRET_KEY", SECRET);
    let start = |keys: &str| {
        let arguments = ["--catalog", "providers.yaml"];
        Running::start(dir.path(), &arguments, &[("KEYSLOT_ENCRYPTION_KEYS", keys), secret])
    };
    let server = start(OLD);
    let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
    assert_eq!(server.call("POST", "/integrations", SECRET, &integration).0, 200);
    let (_, body) = server.connect("unchecked", &json!({ "apiKey": "kept" }));
    let id = body["connectionId"].as_str().unwrap().to_owned();
    server.stop();

    let said =
        complaint(dir.path(), &["--listen", "127.0.0.1:0"], &[("KEYSLOT_ENCRYPTION_KEYS", NEW)]);
    assert!(said.contains("\"old\""), "it says which key is missing: {said}");
    let output = run(dir.path(), &["rotate-keys", "--encryption-key-file", "ring"], &[]);
    assert!(output.status.success(), "{output:?}");
    let server = start(NEW);
    assert_eq!(server.key_of("unchecked", &id), "kept");
    server.stop();
}

#[test]
fn a_server_that_is_started_with_a_new_key_renews_what_is_stored_though_it_is_killed() {
    const COUNT: usize = 4000;
    let dir = folder();
    std::fs::create_dir(dir.path().join(".keyslot")).unwrap();
    block_on(async {
        let store = SqliteStore::open(&dir.path().join(".keyslot/keyslot.db")).unwrap();
        moving::furnish(&store, &moving::vault(KEYS), COUNT).await;
        store.close().await;
    });
    let both = format!("{NEW},{KEYS}");
    let environment = [("KEYSLOT_ENCRYPTION_KEYS", both.as_str()), ("KEYSLOT_SECRET_KEY", SECRET)];
    let under_old = || -> usize {
        let db = rusqlite::Connection::open(dir.path().join(".keyslot/keyslot.db")).unwrap();
        let sql = "select (select count(*) from connections where key_id <> 'new')
             + (select count(*) from server_secrets where key_id <> 'new')";
        let count: i64 = db.query_row(sql, [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    };
    let mut seen = vec![under_old()];
    let started = Instant::now();
    while *seen.last().unwrap() > 0 {
        assert!(started.elapsed() < Duration::from_secs(60), "{seen:?}");
        let server = Running::start(dir.path(), &[], &environment);
        // Reads do not wait for it.
        assert_eq!(server.call("GET", "/connections", SECRET, &Value::Null).0, 200);
        server.kill();
        seen.push(under_old());
    }
    assert!(seen[0] > COUNT, "{seen:?}");
    let new = [("KEYSLOT_ENCRYPTION_KEYS", NEW), ("KEYSLOT_SECRET_KEY", SECRET)];
    let server = Running::start(dir.path(), &[], &new);
    let path = "/connections/c7?provider_config_key=a";
    assert_ne!(server.call("GET", path, SECRET, &Value::Null).0, 404, "it is there");
    server.stop();
    block_on(async {
        let store = SqliteStore::open(&dir.path().join(".keyslot/keyslot.db")).unwrap();
        let Found::Found(one) = store.connection("dev", "a", "c7").await.unwrap() else { panic!() };
        let binding =
            Binding { purpose: "connection", environment: "dev", integration: "a", record: "c7" };
        let content = moving::vault(NEW).open(binding, &one.sealed.blob).unwrap();
        assert_eq!(content.as_slice(), b"a credential", "as it was, without the old key");
        store.close().await;
    });
}

#[test]
fn a_body_that_is_too_large_is_answered_and_not_cut_off() {
    let dir = folder();
    let server = Running::dev(dir.path());
    let (status, body) = server.connect("demo", &json!({ "apiKey": "x".repeat(5_000_000) }));
    assert_eq!((status, &body["error"]["code"]), (413, &json!("payload_too_large")));
    server.stop();
}

#[test]
fn requests_that_are_not_framed_as_http_asks_are_refused() {
    let dir = folder();
    let server = Running::dev(dir.path());
    for (request, status) in [
        ("GET /health HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), "400"),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n".to_owned(),
            "400",
        ),
        (format!("GET /health HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(70_000)), "431"),
        (
            "GET /health HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"
                .to_owned(),
            "400",
        ),
        (
            "GET http://elsewhere.example/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
                .to_owned(),
            "400",
        ),
        ("GET /health HTTP/1.1\r\nhost : a\r\n\r\n".to_owned(), "400"),
        ("GET /health HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n".to_owned(), "400"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = server.raw(request.as_bytes());
        assert_eq!(answer.get(9..12), Some(status), "{:.60} gave {answer}", request);
    }
    assert_eq!(server.call("GET", "/health", "", &Value::Null).0, 200);
    server.stop();
}

#[test]
fn a_request_in_flight_is_finished_before_it_stops() {
    let dir = folder();
    let mut server = Running::dev(dir.path());
    let token = server.session();
    let body = json!({ "apiKey": keys::WORKS }).to_string();
    let (first, rest) = body.split_at(5);
    let mut socket = server.socket();
    write!(
        socket,
        "POST /api-auth/api-key/demo HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{first}",
        server.address,
        body.len()
    )
    .unwrap();
    // Long enough for the head to have been read: a request is in flight from then on.
    std::thread::sleep(Duration::from_millis(300));
    server.signal("-TERM");
    std::thread::sleep(Duration::from_millis(300));
    assert!(server.child.try_wait().unwrap().is_none(), "it waits for the request");
    socket.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    // The demo API is this same server, and it takes no new connection any more.
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("\"unavailable\""), "{answer}");
    assert!(server.wait().success());
}

/// Every form in which a value could turn up.
pub(crate) fn forms(value: &str) -> Vec<Vec<u8>> {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    // Of the three ways in which base64 can fall on it, the middle is the same whatever is around.
    let base64 = (0..3).map(|shift| {
        let text = STANDARD.encode(format!("{}{value}", "x".repeat(shift)));
        text[4..text.len() - 4].to_owned()
    });
    let reversed = value.chars().rev().collect();
    [value.to_owned(), hex, reversed].into_iter().chain(base64).map(String::into_bytes).collect()
}

pub(crate) fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()).collect()
}

/// A canary: values that are put in everywhere, and must come out nowhere but where a backend asks.
#[test]
fn no_planted_secret_is_found_in_any_log_error_or_file() {
    const KEY: &str = "canary-key-7Qx4vN2pW8";
    const REFUSED: &str = "canary-refused-3Lm9sT6y";
    const PASSWORD: &str = "canary-password-5Rk1dZ";
    const PARAMETER: &str = "canary-parameter-8Hf2jB";
    const PRESET: &str = "canary-preset-4Gc7nV0a";
    let dir = folder();
    let server = Running::start(
        dir.path(),
        &["--dev", "--catalog", "providers.yaml"],
        &[("KEYSLOT_SECRET_KEY", SECRET), ("KEYSLOT_LOG", "trace")],
    );
    let answers = std::cell::RefCell::new(String::new());
    let call = |method: &str, path: &str, token: &str, body: Value| {
        let (status, body) = server.call(method, path, token, &body);
        answers.borrow_mut().push_str(&format!("{status} {body}\n"));
        (status, body)
    };
    let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
    assert_eq!(call("POST", "/integrations", SECRET, integration).0, 200);
    let token = server.session();
    let (status, _) = call(
        "POST",
        &format!(
            "/api-auth/api-key/unchecked?connect_session_token={token}&params[second]={PARAMETER}"
        ),
        &token,
        json!({ "apiKey": KEY }),
    );
    assert_eq!(status, 200);
    assert_eq!(call("POST", "/api-auth/api-key/demo", &token, json!({ "apiKey": REFUSED })).0, 400);
    let basic = json!({ "username": "u", "password": PASSWORD });
    assert_eq!(call("POST", "/api-auth/basic/demo-basic", &token, basic).0, 400);
    for broken in [
        json!({ "apiKey": REFUSED, "extra": REFUSED }),
        json!({ "apiKey": { "nested": REFUSED } }),
        json!({ "apiKey": format!("{REFUSED}\n") }),
        json!({ "apiKey": REFUSED, "params": REFUSED }),
        json!([REFUSED]),
        json!(REFUSED),
    ] {
        assert_eq!(call("POST", "/api-auth/api-key/demo", &token, broken).0, 400);
    }
    call("GET", "/connections", REFUSED, Value::Null);
    call("GET", &format!("/nowhere/?key={REFUSED}"), REFUSED, Value::Null);
    let cut = server.raw(
        format!(
            "POST /api-auth/api-key/demo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\ncontent-type: application/json\r\ncontent-length: 40\r\n\r\n{:<40}",
            format!("{{\"apiKey\": \"{REFUSED}\", {REFUSED}"),
        )
        .as_bytes(),
    );
    assert!(cut.contains("invalid_json"), "{cut}");
    answers.borrow_mut().push_str(&cut);
    let presets = json!({
        "end_user": { "id": "u1" },
        "integrations_config_defaults": { "unchecked": { "connection_config": { "second": PRESET } } },
    });
    let (status, minted) = server.call("POST", "/connect/sessions", SECRET, &presets);
    assert_eq!(status, 201);
    call("GET", "/connect/session", minted["data"]["token"].as_str().unwrap(), Value::Null);

    let scraped = server.raw(
        format!("GET /metrics HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address)
            .as_bytes(),
    );
    assert!(scraped.contains("keyslot_checks_total"), "{scraped}");
    answers.borrow_mut().push_str(&scraped);

    // While it runs, so that the write-ahead log is looked at too.
    let data = dir.path().join(".keyslot");
    let mut places: Vec<(String, Vec<u8>)> = files(&data)
        .into_iter()
        .filter(|file| !file.ends_with("secret.key"))
        .map(|file| (file.display().to_string(), std::fs::read(&file).unwrap()))
        .collect();
    assert!(places.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()));
    let dev_key = std::fs::read_to_string(data.join("secret.key")).unwrap();
    places.push(("the answers".into(), answers.into_inner().into_bytes()));
    let log = server.stop();
    assert!(holds(&log, b"connect_session") || holds(&log, b"/api-auth/"), "it did log");
    places.push(("the log".into(), log));
    for file in files(&data).into_iter().filter(|file| !file.ends_with("secret.key")) {
        places.push((file.display().to_string(), std::fs::read(&file).unwrap()));
    }
    for secret in [KEY, REFUSED, PASSWORD, PARAMETER, PRESET, SECRET, &token, dev_key.trim()] {
        for form in forms(secret) {
            for (name, bytes) in &places {
                assert!(
                    !holds(bytes, &form),
                    "{secret} as {:?} in {name}",
                    String::from_utf8_lossy(&form)
                );
            }
        }
    }
}
