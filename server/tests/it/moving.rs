//! Everything from one database to another: nothing is left behind, nothing is half there.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use keyslot_providers::AuthMode;
use keyslot_server::{
    database::Database,
    ids::ConnectionId,
    keyring::KeyRing,
    model::{EndUser, FIRST_ENVIRONMENTS, NewIntegration, Object, Tags, Verdict, Verified},
    store::{
        ConnectionFilter, Connections, Store, Write, Writer, Written,
        postgres::{self, PostgresStore},
        sqlite::{self, SqliteStore},
        tables::{Cell, Kind, LEFT_BEHIND, Piece, TABLES},
    },
    transfer::{self, Copied, Source, TransferError},
    vault::{Binding, Sealed, Vault},
};
use serde_json::json;
use tokio::sync::mpsc;

use crate::{
    harness::{KEYS, event},
    postgres::Schema,
};

const OTHER_KEYS: &str = "other:ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=";

pub(crate) fn vault(keys: &str) -> Vault {
    Vault::new(&KeyRing::parse(keys).unwrap()).unwrap()
}

fn moment(second: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_790_000_000 + second).unwrap()
}

fn id(text: &str) -> ConnectionId {
    ConnectionId::parse(text, vec![]).unwrap()
}

/// What a connection holds, sealed.
fn sealed(vault: &Vault, connection: &str) -> Sealed {
    let binding =
        Binding { purpose: "connection", environment: "dev", integration: "a", record: connection };
    vault.seal(binding, b"a credential").unwrap()
}

fn write(vault: &Vault, connection: &str) -> Write {
    Write {
        environment: "dev".into(),
        integration: keyslot_server::ids::IntegrationKey::parse("a", vec![]).unwrap(),
        connection: id(connection),
        writer: Writer::Backend,
        auth_mode: AuthMode::ApiKey,
        sealed: sealed(vault, connection),
        verified: Verified { verdict: Verdict::Unverified, account: None },
        end_user: Some(EndUser {
            id: format!("u-{connection}"),
            email: Some("Ada@acme.example".into()),
            display_name: Some("Ada \u{1F511}".into()),
            tags: None,
            organization: None,
        }),
        owner: None,
        tags: Some(Tags::from([("k".to_owned(), format!("v-{connection}"))])),
        metadata: Some(json!({ "note": "\0 and \u{2028}" }).as_object().unwrap().clone()),
        webhook_url_override: Some(Some("https://hooks.example".into())),
        at: moment(1),
    }
}

async fn stored(store: &dyn Store, write: Write) -> i64 {
    match store.write_connection(write, event(moment(1), "dev")).await.unwrap() {
        Written::Stored { connection, .. } => connection.summary.id,
        other => panic!("{other:?}"),
    }
}

/// Some of everything; the last connection is deleted again.
pub(crate) async fn furnish(store: &dyn Store, vault: &Vault, connections: usize) {
    store.ensure_environments(&FIRST_ENVIRONMENTS, moment(0)).await.unwrap();
    let pepper = Binding { purpose: "server", environment: "", integration: "", record: "p" };
    store.server_secret("p", vault.seal(pepper, b"pepper").unwrap()).await.unwrap();
    let integration = NewIntegration {
        environment: "dev".into(),
        unique_key: keyslot_server::ids::IntegrationKey::parse("a", vec![]).unwrap(),
        provider: "openai".into(),
        display_name: Some("A".into()),
        config: Object::new(),
        forward_webhooks: false,
        own_provider: false,
    };
    store.create_integration(integration, event(moment(0), "dev")).await.unwrap();
    let own = keyslot_server::model::OwnProvider {
        name: "own".into(),
        template: json!({ "display_name": "Own \u{1F511}" }).as_object().unwrap().clone(),
        updated_at: moment(0),
    };
    store.put_own_providers("dev", vec![(own, event(moment(0), "dev"))]).await.unwrap();
    let session = keyslot_server::model::ConnectSession {
        id: "s1".into(),
        environment: "dev".into(),
        terms: keyslot_server::model::SessionTerms {
            target: keyslot_server::model::Target::Unbound,
            allowed_integrations: None,
            multiple: true,
            allow_unverified: true,
            end_user: None,
            tags: None,
            docs_connect: BTreeMap::new(),
            webhook_url_override: None,
        },
        presets: None,
        expires_at: moment(3600),
    };
    let hash = keyslot_server::token::TokenHash::from_bytes([7; 32]);
    let new = keyslot_server::model::NewSession { hash, session };
    store.create_session(new, event(moment(0), "dev")).await.unwrap();
    for number in 0..connections {
        stored(store, write(vault, &format!("c{number}"))).await;
    }
    let by_session =
        Write { writer: Writer::Session { hash, requested: None }, ..write(vault, "of-session") };
    stored(store, by_session).await;
    stored(store, write(vault, "gone")).await;
    store.delete_connection("dev", "a", "gone", event(moment(2), "dev")).await.unwrap();
    store.note_fetched(vec![(1, moment(9))]).await.unwrap();
    store
        .put_secret_key(
            keyslot_server::model::NewSecretKey {
                key: keyslot_server::model::SecretKey {
                    id: "k".into(),
                    environment: "prod".into(),
                    name: "Key".into(),
                    role: keyslot_server::model::Role::ReadOnly,
                    prefix: "ksk_abcd".into(),
                },
                hash: keyslot_server::token::TokenHash::from_bytes([8; 32]),
            },
            event(moment(0), "prod"),
        )
        .await
        .unwrap();
    // One audit event was old enough to go.
    let chain = keyslot_server::audit_chain::AuditChain::new(b"a secret");
    store.record_all(chain.clone(), vec![event(moment(0), "gone")]).await.unwrap();
    let removed = store.remove_old_audit_events("gone", chain, moment(1), 1).await.unwrap();
    assert_eq!(removed.events, 1);
}

type Dump = BTreeMap<&'static str, Vec<String>>;

/// Every row of every table, and the numbers that may not be given again.
async fn dump(of: Database) -> Dump {
    let (sender, mut receiver) = mpsc::channel(4);
    let reading = tokio::spawn(async move {
        match of {
            Database::Sqlite(path) => {
                tokio::task::spawn_blocking(move || sqlite::copy::export(&path, false, &sender))
                    .await
                    .unwrap()
            }
            Database::Postgres(url) => postgres::copy::export(&url, None, &sender).await,
        }
    });
    let mut dump = Dump::new();
    let mut name = "";
    while let Some(piece) = receiver.recv().await {
        match piece {
            Piece::Table(index, _) => name = TABLES[index].name,
            Piece::Rows(rows) => {
                let row = |row: Vec<Cell>| format!("{row:?}");
                dump.entry(name).or_default().extend(rows.into_iter().map(row));
            }
            Piece::Number(number) => {
                dump.entry(name).or_default().push(format!("numbers up to {number}"));
            }
            Piece::End => {}
        }
    }
    reading.await.unwrap().unwrap();
    dump.values_mut().for_each(|rows| rows.sort());
    dump
}

/// Copies and tells nobody how far it is.
async fn copy(
    from: Database,
    to: Database,
    authority: Option<&Path>,
    source: Source,
    vault: Vault,
) -> Result<Copied, TransferError> {
    transfer::copy(from, to, authority, source, vault, |_, _, _| ()).await
}

fn file(path: &Path) -> Database {
    Database::Sqlite(path.to_owned())
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_everything_in_one_private_file() {
    let dir = tempfile::tempdir().unwrap();
    let (home, backup) = (dir.path().join("keyslot.db"), dir.path().join("out/backup.db"));
    let store = SqliteStore::open(&home).unwrap();
    furnish(&store, &vault(KEYS), 1200).await;
    // While the server runs.
    copy(file(&home), file(&backup), None, Source::InUse, vault(KEYS)).await.unwrap();
    assert_eq!(files(&dir.path().join("out")), ["backup.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let before = dump(file(&home)).await;
    assert_eq!(before["connections"].len(), 1202, "rows and the number");
    for table in TABLES {
        assert!(!before[table.name].is_empty(), "{} is filled", table.name);
    }
    assert_eq!(dump(file(&backup)).await, before);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_to_postgres_and_back_is_the_same() {
    let Some(schema) = Schema::new().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let (home, back) = (dir.path().join("keyslot.db"), dir.path().join("back.db"));
    let store = SqliteStore::open(&home).unwrap();
    furnish(&store, &vault(KEYS), 700).await;
    let to = || Database::Postgres(schema.url().to_owned());

    let refused = copy(file(&home), to(), None, Source::AtRest, vault(KEYS)).await.unwrap_err();
    assert!(refused.to_string().contains("in use by another keyslot-server"), "{refused}");
    store.close().await;
    drop(store);
    copy(file(&home), to(), None, Source::AtRest, vault(KEYS)).await.unwrap();
    let before = dump(file(&home)).await;
    assert_eq!(dump(to()).await, before);

    // What is searched for beside the documents is there too, and no number is given again.
    let store = PostgresStore::open(schema.url(), None).await.unwrap();
    let filter = ConnectionFilter { search: Some("ada".into()), limit: 1000, ..Default::default() };
    assert_eq!(store.connections("dev", filter).await.unwrap().len(), 701);
    let new = stored(&store, write(&vault(KEYS), "new")).await;
    assert_eq!(new, 703, "one more than the deleted one had");
    store.delete_connection("dev", "a", "new", event(moment(2), "dev")).await.unwrap();

    let again = copy(file(&home), to(), None, Source::AtRest, vault(KEYS)).await.unwrap_err();
    assert!(again.to_string().contains("not empty"), "{again}");
    let before = dump(to()).await;
    copy(to(), file(&back), None, Source::AtRest, vault(KEYS)).await.unwrap();
    assert_eq!(dump(file(&back)).await, before);
    let back = SqliteStore::open(&back).unwrap();
    let next = stored(&back, write(&vault(KEYS), "next")).await;
    assert_eq!(next, 704, "one more than was ever given on the other engine");
    back.close().await;
    store.close().await;
    schema.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_this_key_ring_cannot_open_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (home, out) = (dir.path().join("keyslot.db"), dir.path().join("out"));
    let store = SqliteStore::open(&home).unwrap();
    furnish(&store, &vault(KEYS), 30).await;
    let refused =
        copy(file(&home), file(&out.join("b")), None, Source::InUse, vault(OTHER_KEYS)).await;
    let said = refused.unwrap_err().to_string();
    assert!(said.contains("\"k1\"") && said.contains("nothing is kept"), "{said}");
    assert!(files(&out).is_empty(), "{:?}", files(&out));

    if let Some(schema) = Schema::new().await {
        let to = Database::Postgres(schema.url().to_owned());
        let refused = copy(file(&home), to, None, Source::InUse, vault(OTHER_KEYS)).await;
        assert!(refused.unwrap_err().to_string().contains("\"k1\""));
        let rows = dump(Database::Postgres(schema.url().to_owned())).await;
        let left: usize =
            rows.values().flatten().filter(|row| !row.starts_with("numbers up to")).count();
        assert_eq!(left, 0, "{rows:?}");
        schema.remove().await;
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_there_is_never_overwritten_and_one_that_is_not_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (home, taken) = (dir.path().join("keyslot.db"), dir.path().join("taken"));
    let store = SqliteStore::open(&home).unwrap();
    furnish(&store, &vault(KEYS), 3).await;
    std::fs::write(&taken, "mine").unwrap();
    let refused = copy(file(&home), file(&taken), None, Source::InUse, vault(KEYS)).await;
    assert!(refused.unwrap_err().to_string().contains("there is a file already"));
    assert_eq!(std::fs::read(&taken).unwrap(), b"mine");
    let missing = dir.path().join("missing");
    let out = dir.path().join("out");
    let refused = copy(file(&missing), file(&out), None, Source::InUse, vault(KEYS)).await;
    assert!(refused.unwrap_err().to_string().contains("there is no such file"));
    let refused = copy(file(&taken), file(&out), None, Source::InUse, vault(KEYS)).await;
    assert!(refused.is_err(), "not a database");
    assert!(!out.exists());
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_has_all_that_was_acknowledged_before_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("keyslot.db");
    let store = Arc::new(SqliteStore::open(&home).unwrap());
    furnish(store.as_ref(), &vault(KEYS), 200).await;
    let acknowledged = Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let (store, acknowledged) = (store.clone(), acknowledged.clone());
            tokio::spawn(async move {
                let vault = vault(KEYS);
                for number in 0.. {
                    let name = format!("w{writer}-{number}");
                    stored(store.as_ref(), write(&vault, &name)).await;
                    acknowledged.lock().unwrap().push(name);
                }
            })
        })
        .collect();
    for round in 0..4 {
        let before = acknowledged.lock().unwrap().clone();
        let backup = dir.path().join(format!("backup-{round}"));
        copy(file(&home), file(&backup), None, Source::InUse, vault(KEYS)).await.unwrap();
        let restored = dir.path().join(format!("restored-{round}/keyslot.db"));
        copy(file(&backup), file(&restored), None, Source::InUse, vault(KEYS)).await.unwrap();
        let restored = SqliteStore::open(&restored).unwrap();
        let filter = ConnectionFilter { limit: u32::MAX, ..Default::default() };
        let names: std::collections::HashSet<String> = restored
            .connections("dev", filter)
            .await
            .unwrap()
            .into_iter()
            .map(|connection| connection.connection_id.to_string())
            .collect();
        for name in before {
            assert!(names.contains(&name), "{name} was acknowledged before backup {round}");
        }
        restored.close().await;
    }
    writers.iter().for_each(tokio::task::JoinHandle::abort);
    for writer in writers {
        // Aborted, or its store closed under it.
        let _ = writer.await;
    }
    assert!(acknowledged.lock().unwrap().len() > 16, "they did write");
}

/// A table or column that a migration adds and the list of what is copied does not have.
#[tokio::test]
async fn the_list_of_what_is_copied_is_the_schema_of_both_engines() {
    let listed: BTreeMap<String, BTreeMap<String, Kind>> = TABLES
        .iter()
        .map(|table| {
            let columns = table.columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind));
            (table.name.to_owned(), columns.collect())
        })
        .collect();

    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("keyslot.db");
    SqliteStore::open(&home).unwrap().close().await;
    let db = rusqlite::Connection::open(&home).unwrap();
    let mut found: BTreeMap<String, BTreeMap<String, Kind>> = BTreeMap::new();
    let mut columns = db
        .prepare(
            "select t.name, c.name, lower(c.type) from sqlite_schema t join pragma_table_info(t.name) c
             where t.type = 'table' and t.name not like 'sqlite_%'",
        )
        .unwrap();
    let rows = columns
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?)))
        .unwrap();
    for row in rows {
        let (table, column, kind): (String, String, String) = row.unwrap();
        let flag = listed.get(&table).and_then(|t| t.get(&column)) == Some(&Kind::Flag);
        let kind = match kind.as_str() {
            // SQLite has no type of its own for it.
            "integer" if flag => Kind::Flag,
            "integer" => Kind::Integer,
            "blob" => Kind::Bytes,
            _ => Kind::Text,
        };
        if !LEFT_BEHIND.contains(&table.as_str()) {
            found.entry(table).or_default().insert(column, kind);
        }
    }
    assert_eq!(found, listed);

    let Some(schema) = Schema::new().await else { return };
    PostgresStore::open(schema.url(), None).await.unwrap().close().await;
    let (client, connection) =
        tokio_postgres::connect(schema.url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let rows = client
        .query(
            "select table_name::text, column_name::text, data_type::text from information_schema.columns
             where table_schema = current_schema()",
            &[],
        )
        .await
        .unwrap();
    let mut found: BTreeMap<String, BTreeMap<String, Kind>> = BTreeMap::new();
    for row in rows {
        let (table, column, kind): (String, String, String) = (row.get(0), row.get(1), row.get(2));
        // Made again out of end_user, and the migrations' own note.
        if table == "keyslot_schema"
            || LEFT_BEHIND.contains(&table.as_str())
            || ["end_user_name", "end_user_email"].contains(&&*column)
        {
            continue;
        }
        let kind = match kind.as_str() {
            "bigint" | "integer" => Kind::Integer,
            "bytea" => Kind::Bytes,
            "boolean" => Kind::Flag,
            _ => Kind::Text,
        };
        found.entry(table).or_default().insert(column, kind);
    }
    assert_eq!(found, listed);
    drop(client);
    schema.remove().await;
}
