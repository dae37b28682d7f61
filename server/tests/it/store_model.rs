//! Every engine against a model in memory: random orders of operations, small alphabets so that they
//! collide, and after each step the same answer from both.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicU64, Ordering},
};

use jiff::Timestamp;
use keyslot_providers::AuthMode;
use keyslot_server::{
    ids::{ConnectionId, IntegrationKey},
    model::{
        ConnectSession, EndUser, IntegrationChange, NewIntegration, NewSession, Object, Owner,
        SessionTerms, Tags, Target, Verdict, Verified,
    },
    ownership::{Decision, Situation, decide, named},
    store::{
        ConnectionChange, ConnectionFilter, Created, Found, IntegrationUpdate, MetadataMode, Store,
        Write, Writer, Written, postgres::PostgresStore, sqlite::SqliteStore,
    },
    token::TokenHash,
    vault::Sealed,
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use crate::{harness::event, postgres::Schema};

const INTEGRATIONS: [&str; 3] = ["a", "b", "c"];
/// Two of them are ids of end users.
const CONNECTIONS: [&str; 4] = ["c0", "c1", "u0", "u1"];
const SESSIONS: u8 = 4;

#[derive(Clone, Debug)]
enum Operation {
    CreateIntegration(usize),
    RenameIntegration(usize, usize),
    DeleteIntegration(usize),
    CreateSession { session: u8, user: u8, bound: Option<usize>, multiple: bool },
    EndSession(u8),
    Expire,
    WriteAsBackend { integration: usize, connection: usize, tags: Option<u8>, note: Option<u8> },
    WriteAsSession { session: u8, integration: usize, connection: usize, requested: bool },
    SetTags { integration: usize, connection: usize, tags: u8 },
    SetMetadata { integration: usize, connections: (usize, usize), note: u8, merge: bool },
    Delete { integration: usize, connection: usize },
    List { tags: Option<u8>, user: Option<u8>, search: Option<u8>, offset: u64 },
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let i = 0..INTEGRATIONS.len();
    let c = 0..CONNECTIONS.len();
    let s = 0..SESSIONS;
    let some = |range: std::ops::Range<u8>| proptest::option::of(range);
    prop_oneof![
        3 => i.clone().prop_map(O::CreateIntegration),
        1 => (i.clone(), i.clone()).prop_map(|(from, to)| O::RenameIntegration(from, to)),
        1 => i.clone().prop_map(O::DeleteIntegration),
        4 => (s.clone(), 0..2_u8, proptest::option::of(c.clone()), any::<bool>()).prop_map(
            |(session, user, bound, multiple)| O::CreateSession { session, user, bound, multiple }
        ),
        1 => s.clone().prop_map(O::EndSession),
        1 => Just(O::Expire),
        6 => (i.clone(), c.clone(), some(0..3), some(0..3)).prop_map(
            |(integration, connection, tags, note)| O::WriteAsBackend { integration, connection, tags, note }
        ),
        8 => (s, i.clone(), c.clone(), any::<bool>()).prop_map(
            |(session, integration, connection, requested)| O::WriteAsSession { session, integration, connection, requested }
        ),
        2 => (i.clone(), c.clone(), 0..3_u8)
            .prop_map(|(integration, connection, tags)| O::SetTags { integration, connection, tags }),
        2 => (i.clone(), (c.clone(), c.clone()), 0..3_u8, any::<bool>()).prop_map(
            |(integration, connections, note, merge)| O::SetMetadata { integration, connections, note, merge }
        ),
        2 => (i, c).prop_map(|(integration, connection)| O::Delete { integration, connection }),
        3 => (some(0..3), some(0..3), some(0..4), 0..3_u64)
            .prop_map(|(tags, user, search, offset)| O::List { tags, user, search, offset }),
    ]
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Row {
    /// Later ones are greater.
    number: u64,
    sealed: Vec<u8>,
    tags: Tags,
    metadata: Object,
    user: Option<EndUser>,
    owner: Option<Owner>,
}

struct Session {
    id: String,
    terms: SessionTerms,
    /// Integration, by the number it has for good, and connection id.
    made: BTreeSet<(u64, String)>,
}

#[derive(Default)]
struct Model {
    steps: u64,
    /// Key to a number that stays when the key changes.
    integrations: BTreeMap<String, u64>,
    connections: BTreeMap<(u64, String), Row>,
    sessions: BTreeMap<u8, Session>,
}

/// One run: the model, and the store in an environment of its own.
struct Run<'a> {
    store: &'a dyn Store,
    environment: String,
    number: u64,
    model: Model,
}

fn moment(step: u64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + i64::try_from(step).unwrap()).unwrap()
}

fn id(text: &str) -> ConnectionId {
    ConnectionId::parse(text, vec![]).unwrap()
}

fn key(text: &str) -> IntegrationKey {
    IntegrationKey::parse(text, vec![]).unwrap()
}

fn tags(number: u8) -> Tags {
    match number {
        0 => Tags::new(),
        n => (0..n).map(|n| (format!("k{n}"), "v%_".to_owned())).collect(),
    }
}

fn note(number: u8) -> Object {
    json!({ format!("n{number}"): number, "shared": { "by": number } }).as_object().unwrap().clone()
}

fn user(number: u8) -> EndUser {
    EndUser {
        id: format!("u{number}"),
        email: Some(format!("U{number}@Acme.example")),
        display_name: (number > 0).then(|| format!("Ünal {number}")),
        tags: None,
        organization: None,
    }
}

fn owner(number: u8) -> Owner {
    Owner { end_user: format!("u{number}"), organization: None }
}

impl Run<'_> {
    fn event(&self) -> keyslot_server::model::AuditEvent {
        event(moment(self.model.steps), &self.environment)
    }

    fn hash(&self, session: u8) -> TokenHash {
        let mut bytes = [session; 32];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        TokenHash::from_bytes(bytes)
    }

    fn write(&self, integration: usize, connection: usize) -> Write {
        Write {
            environment: self.environment.clone(),
            integration: key(INTEGRATIONS[integration]),
            connection: id(CONNECTIONS[connection]),
            writer: Writer::Backend,
            auth_mode: AuthMode::ApiKey,
            sealed: Sealed { key_id: "k1".into(), blob: self.model.steps.to_be_bytes().to_vec() },
            verified: Verified { verdict: Verdict::Verified, account: None },
            end_user: None,
            owner: None,
            tags: None,
            metadata: None,
            webhook_url_override: None,
            at: moment(self.model.steps),
        }
    }

    fn row(&mut self, integration: usize, connection: usize) -> Found<&mut Row> {
        match self.model.integrations.get(INTEGRATIONS[integration]) {
            None => Found::UnknownIntegration,
            Some(number) => {
                let wanted = (*number, CONNECTIONS[connection].to_owned());
                self.model
                    .connections
                    .get_mut(&wanted)
                    .map_or(Found::UnknownConnection, Found::Found)
            }
        }
    }

    async fn step(&mut self, operation: &Operation) {
        self.model.steps += 1;
        match operation.clone() {
            Operation::CreateIntegration(at) => self.create_integration(at).await,
            Operation::RenameIntegration(from, to) => self.rename(from, to).await,
            Operation::DeleteIntegration(at) => {
                let name = INTEGRATIONS[at];
                let was = self.model.integrations.remove(name);
                if let Some(number) = was {
                    self.model.connections.retain(|(integration, _), _| *integration != number);
                    for session in self.model.sessions.values_mut() {
                        session.made.retain(|(integration, _)| *integration != number);
                    }
                }
                let deleted =
                    self.store.delete_integration(&self.environment, name, self.event()).await;
                assert_eq!(deleted.unwrap(), was.is_some());
            }
            Operation::CreateSession { session, user, bound, multiple } => {
                self.create_session(session, user, bound, multiple).await;
            }
            Operation::EndSession(session) => {
                let was = self.model.sessions.remove(&session).is_some();
                let ended = self.store.delete_session(self.hash(session), self.event()).await;
                assert_eq!(ended.unwrap(), was);
            }
            Operation::Expire => {
                // They all end an hour after they were made: none yet.
                let at = moment(self.model.steps);
                self.store.purge_sessions(at).await.unwrap();
            }
            Operation::WriteAsBackend { integration, connection, tags: label, note: noted } => {
                let write = Write {
                    tags: label.map(tags),
                    metadata: noted.map(note),
                    ..self.write(integration, connection)
                };
                self.write_and_compare(write).await;
            }
            Operation::WriteAsSession { session, integration, connection, requested } => {
                let hash = self.hash(session);
                let requested = requested.then(|| id(CONNECTIONS[connection]));
                let terms = self.model.sessions.get(&session).map(|session| session.terms.clone());
                let write = Write {
                    writer: Writer::Session { hash, requested },
                    owner: terms.as_ref().and_then(SessionTerms::owner),
                    end_user: terms.and_then(|terms| terms.end_user),
                    ..self.write(integration, connection)
                };
                self.write_and_compare(write).await;
            }
            Operation::SetTags { integration, connection, tags: label } => {
                let expected = match self.row(integration, connection) {
                    Found::Found(row) => {
                        row.tags = tags(label);
                        Found::Found(())
                    }
                    Found::UnknownIntegration => Found::UnknownIntegration,
                    Found::UnknownConnection => Found::UnknownConnection,
                };
                let change = ConnectionChange { tags: Some(tags(label)), ..Default::default() };
                let (name, id) = (INTEGRATIONS[integration], CONNECTIONS[connection]);
                let at = moment(self.model.steps);
                let changed = self
                    .store
                    .update_connection(&self.environment, name, id, change, at, self.event())
                    .await;
                assert_eq!(changed.unwrap(), expected);
            }
            Operation::SetMetadata { integration, connections, note: noted, merge } => {
                self.set_metadata(integration, connections, noted, merge).await;
            }
            Operation::Delete { integration, connection } => {
                let expected = match self.row(integration, connection) {
                    Found::Found(_) => Found::Found(()),
                    Found::UnknownIntegration => Found::UnknownIntegration,
                    Found::UnknownConnection => Found::UnknownConnection,
                };
                let (name, id) = (INTEGRATIONS[integration], CONNECTIONS[connection]);
                if let Some(number) = self.model.integrations.get(name) {
                    self.model.connections.remove(&(*number, id.to_owned()));
                }
                let deleted =
                    self.store.delete_connection(&self.environment, name, id, self.event()).await;
                assert_eq!(deleted.unwrap(), expected);
            }
            Operation::List { tags: label, user, search, offset } => {
                self.list(label, user, search, offset).await;
            }
        }
    }

    async fn create_integration(&mut self, at: usize) {
        let name = INTEGRATIONS[at];
        let expected = !self.model.integrations.contains_key(name);
        if expected {
            self.model.integrations.insert(name.to_owned(), self.model.steps);
        }
        let new = NewIntegration {
            environment: self.environment.clone(),
            unique_key: key(name),
            provider: "openai".into(),
            display_name: None,
            config: Object::new(),
            forward_webhooks: false,
            own_provider: false,
        };
        let made = self.store.create_integration(new, self.event()).await.unwrap();
        assert_eq!(matches!(made, Created::New(_)), expected);
    }

    async fn rename(&mut self, from: usize, to: usize) {
        let (from, to) = (INTEGRATIONS[from], INTEGRATIONS[to]);
        let change = IntegrationChange { unique_key: Some(key(to)), ..Default::default() };
        let expected = match self.model.integrations.get(from).copied() {
            None => "unknown",
            Some(_) if from == to => "changed",
            Some(number) if self.model.connections.keys().any(|(i, _)| *i == number) => "in use",
            Some(_) if self.model.integrations.contains_key(to) => "taken",
            Some(number) => {
                self.model.integrations.remove(from);
                self.model.integrations.insert(to.to_owned(), number);
                "changed"
            }
        };
        let update =
            self.store.update_integration(&self.environment, from, change, self.event()).await;
        let update = match update.unwrap() {
            IntegrationUpdate::Changed(_) => "changed",
            IntegrationUpdate::Unknown => "unknown",
            IntegrationUpdate::KeyTaken => "taken",
            IntegrationUpdate::HasConnections => "in use",
            IntegrationUpdate::NotAsSeen => "not as seen",
        };
        assert_eq!(update, expected);
    }

    async fn create_session(&mut self, session: u8, number: u8, bound: Option<usize>, many: bool) {
        if self.model.sessions.contains_key(&session) {
            return;
        }
        let terms = SessionTerms {
            target: bound.map_or(Target::Unbound, |at| Target::Bound(CONNECTIONS[at].to_owned())),
            allowed_integrations: None,
            multiple: many,
            allow_unverified: false,
            end_user: Some(user(number)),
            tags: None,
            docs_connect: BTreeMap::new(),
            webhook_url_override: None,
        };
        let id = format!("{}-{}", self.environment, self.model.steps);
        let made = NewSession {
            hash: self.hash(session),
            session: ConnectSession {
                id: id.clone(),
                environment: self.environment.clone(),
                terms: terms.clone(),
                presets: None,
                expires_at: moment(self.model.steps + 3600),
            },
        };
        self.store.create_session(made, self.event()).await.unwrap();
        self.model.sessions.insert(session, Session { id, terms, made: BTreeSet::new() });
    }

    /// What the model says about a write, having done it.
    fn written(&mut self, write: &Write) -> String {
        let Some(number) = self.model.integrations.get(write.integration.as_str()).copied() else {
            return "unknown integration".into();
        };
        let name = write.connection.as_str().to_owned();
        if let Writer::Session { hash, requested } = &write.writer {
            let found = (0..SESSIONS).find(|session| self.hash(*session) == *hash);
            let Some(session) = found.and_then(|session| self.model.sessions.get_mut(&session))
            else {
                return "session ended".into();
            };
            let wanted = named(&session.terms, requested.as_ref());
            let owner_of = |id: ConnectionId| {
                let row = self.model.connections.get(&(number, id.as_str().to_owned()));
                row.map(|row| row.owner.clone())
            };
            let situation = Situation {
                named: wanted.and_then(owner_of),
                made: session
                    .made
                    .iter()
                    .filter(|(integration, _)| *integration == number)
                    .map(|(_, id)| id.clone())
                    .collect(),
            };
            match decide(&session.terms, requested.as_ref(), &situation) {
                Decision::Use(id) if id == write.connection => {}
                Decision::Use(id) => return format!("moved to {id}"),
                Decision::Fresh => {}
                Decision::Denied => return "denied".into(),
                Decision::Gone => return "gone".into(),
            }
            session.made.insert((number, name.clone()));
        }
        let steps = self.model.steps;
        let created = !self.model.connections.contains_key(&(number, name.clone()));
        let row = self
            .model
            .connections
            .entry((number, name))
            .or_insert_with(|| Row { number: steps, ..Default::default() });
        row.sealed.clone_from(&write.sealed.blob);
        if let Some(tags) = &write.tags {
            row.tags.clone_from(tags);
        }
        if let Some(metadata) = &write.metadata {
            row.metadata.clone_from(metadata);
        }
        if write.end_user.is_some() {
            row.user.clone_from(&write.end_user);
        }
        if write.owner.is_some() {
            row.owner.clone_from(&write.owner);
        }
        format!("stored, created {created}")
    }

    async fn write_and_compare(&mut self, write: Write) {
        let expected = self.written(&write);
        let written = match self.store.write_connection(write, self.event()).await.unwrap() {
            Written::Stored { created, .. } => format!("stored, created {created}"),
            Written::Moved(id) => format!("moved to {id}"),
            Written::Denied => "denied".into(),
            Written::Gone => "gone".into(),
            Written::SessionEnded => "session ended".into(),
            Written::UnknownIntegration => "unknown integration".into(),
        };
        assert_eq!(written, expected);
    }

    async fn set_metadata(
        &mut self,
        integration: usize,
        (one, two): (usize, usize),
        noted: u8,
        merge: bool,
    ) {
        let mut expected = Found::Found(());
        for connection in [one, two] {
            match self.row(integration, connection) {
                Found::Found(_) => {}
                Found::UnknownIntegration => expected = Found::UnknownIntegration,
                Found::UnknownConnection => expected = Found::UnknownConnection,
            }
        }
        if matches!(expected, Found::Found(())) {
            for connection in [one, two] {
                let Found::Found(row) = self.row(integration, connection) else { unreachable!() };
                if !merge {
                    row.metadata.clear();
                }
                row.metadata.extend(note(noted));
            }
        }
        let mode = if merge { MetadataMode::Merge } else { MetadataMode::Replace };
        let ids = vec![id(CONNECTIONS[one]), id(CONNECTIONS[two])];
        let (name, at) = (INTEGRATIONS[integration], moment(self.model.steps));
        let set = self
            .store
            .write_metadata(&self.environment, name, ids, note(noted), mode, at, self.event())
            .await;
        assert_eq!(set.unwrap(), expected);
    }

    async fn list(
        &mut self,
        label: Option<u8>,
        number: Option<u8>,
        search: Option<u8>,
        offset: u64,
    ) {
        let search = search.map(|n| ["C1", "@aCME", "nal 1", "%"][usize::from(n)].to_owned());
        let wanted = label.map(tags).unwrap_or_default();
        let matches = |name: &str, row: &Row| {
            let lower = |text: Option<&String>| text.map(|t| t.to_ascii_lowercase());
            let user = row.user.as_ref();
            wanted.iter().all(|(key, value)| row.tags.get(key) == Some(value))
                && number.is_none_or(|n| row.owner.as_ref() == Some(&owner(n)))
                && search.as_ref().map(|s| s.to_ascii_lowercase()).is_none_or(|s| {
                    name.contains(&s)
                        || [
                            lower(user.and_then(|user| user.display_name.as_ref())),
                            lower(user.and_then(|user| user.email.as_ref())),
                        ]
                        .into_iter()
                        .flatten()
                        .any(|text| text.contains(&s))
                })
        };
        let mut expected: Vec<(&String, &Row)> = self
            .model
            .connections
            .iter()
            .filter(|((_, name), row)| matches(name, row))
            .map(|((_, name), row)| (name, row))
            .collect();
        expected.sort_by_key(|(_, row)| std::cmp::Reverse(row.number));
        let expected: Vec<String> = expected
            .into_iter()
            .skip(usize::try_from(offset).unwrap())
            .take(5)
            .map(|(name, _)| name.clone())
            .collect();
        let filter = ConnectionFilter {
            tags: wanted.clone(),
            end_user_id: number.map(|n| format!("u{n}")),
            search: search.clone(),
            limit: 5,
            offset,
            ..Default::default()
        };
        let found = self.store.connections(&self.environment, filter).await.unwrap();
        let found: Vec<String> =
            found.into_iter().map(|connection| connection.connection_id.to_string()).collect();
        assert_eq!(found, expected);
    }

    /// Everything that the store holds is what the model holds.
    async fn compare(&self) {
        let integrations = self.store.integrations(&self.environment).await.unwrap();
        let mut expected: Vec<(&String, &u64)> = self.model.integrations.iter().collect();
        expected.sort_by_key(|(_, number)| **number);
        let keys: Vec<&str> = integrations.iter().map(|i| i.unique_key.as_str()).collect();
        assert_eq!(keys, expected.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>());
        for (name, number) in &self.model.integrations {
            for connection in CONNECTIONS {
                let found = self.store.connection(&self.environment, name, connection).await;
                let found = match found.unwrap() {
                    Found::Found(connection) => Some((
                        connection.sealed.blob,
                        connection.summary.tags,
                        connection.summary.metadata,
                        connection.summary.end_user,
                    )),
                    _ => None,
                };
                let row = self.model.connections.get(&(*number, connection.to_owned()));
                let expected = row.cloned().map(|r| (r.sealed, r.tags, r.metadata, r.user));
                assert_eq!(found, expected, "{name}/{connection}");
            }
        }
        for session in 0..SESSIONS {
            let at = moment(self.model.steps);
            let found = self.store.session(self.hash(session), at).await.unwrap();
            let expected = self.model.sessions.get(&session).map(|session| session.id.clone());
            assert_eq!(found.map(|session| session.id), expected);
        }
    }
}

fn agrees_with_the_model(runtime: &tokio::runtime::Runtime, store: &dyn Store, cases: u32) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let config = ProptestConfig { cases, failure_persistence: None, ..Default::default() };
    let run =
        TestRunner::new(config).run(&proptest::collection::vec(operation(), 1..80), |steps| {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let environment = format!("model-{number}");
            runtime.block_on(async {
                store.ensure_environments(&[&environment], moment(0)).await.unwrap();
                let mut run = Run { store, environment, number, model: Model::default() };
                for operation in &steps {
                    run.step(operation).await;
                }
                run.compare().await;
            });
            Ok(())
        });
    if let Err(error) = run {
        panic!("{error}");
    }
}

#[test]
fn sqlite_agrees_with_the_model_in_every_order_of_operations() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("keyslot.db")).unwrap();
    agrees_with_the_model(&runtime, &store, 64);
    runtime.block_on(store.close());
}

#[test]
fn postgres_agrees_with_the_model_in_every_order_of_operations() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(schema) = runtime.block_on(Schema::new()) else { return };
    let store = runtime.block_on(PostgresStore::open(schema.url(), None)).unwrap();
    agrees_with_the_model(&runtime, &store, 32);
    runtime.block_on(store.close());
    runtime.block_on(schema.remove());
}
