//! What every engine's store must do. Each behaviour is a function over `dyn Store`; the macro at the
//! end runs all of them on each engine.

use std::{path::PathBuf, sync::Arc};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use keyslot_providers::{AuthMode, Reason};
use keyslot_server::{
    allowance::Quota,
    audit_chain::{AuditChain, ChainReport, Removable},
    ids::{ConnectionId, IntegrationKey},
    model::{
        AuditEvent, ConnectSession, EndUser, EnvironmentSettings, FIRST_ENVIRONMENTS, Health,
        IntegrationChange, NewIntegration, NewSecretKey, NewSession, Object, Operation,
        Organization, OwnProvider, Owner, Role, SecretKey, SessionTerms, Slot, Tags, Target,
        Verdict, Verified, Webhook, WebhookStatus,
    },
    store::{
        AuditFilter, CheckRecord, Checked, ConnectionChange, ConnectionFilter, Created, Deletion,
        EnvironmentOutcome, Environments, Found, IntegrationUpdate, Integrations, MetadataMode,
        Outbox, SealedOwner, SettingsOutcome, Settlement, ShownOnce, Store, StoreError,
        WebhookFilter, Write, Writer, Written, postgres::PostgresStore, sqlite::SqliteStore,
    },
    token::TokenHash,
    vault::Sealed,
};
use serde_json::json;

use crate::{
    harness::{event, newest},
    postgres::Schema,
};

fn moment(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + minutes * 60).unwrap()
}

fn hash(byte: u8) -> TokenHash {
    TokenHash::from_bytes([byte; 32])
}

fn id(text: &str) -> ConnectionId {
    ConnectionId::parse(text, vec![]).unwrap()
}

fn key(text: &str) -> IntegrationKey {
    IntegrationKey::parse(text, vec![]).unwrap()
}

fn sealed(key_id: &str, content: &str) -> Sealed {
    Sealed { key_id: key_id.into(), blob: content.as_bytes().to_vec() }
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
}

fn object(value: serde_json::Value) -> Object {
    value.as_object().unwrap().clone()
}

/// Settings of a generic provider: one of each kind of JSON value.
fn private_api() -> Object {
    object(json!({
        "baseUrl": "https://${connectionConfig.team}.a.example",
        "keyLabel": "Schlüssel \"A\"",
        "fields": { "team": { "type": "string", "optional": true, "order": 1, "enum": ["b", "a"] } },
        "verificationBody": [null, 1.5, { "z": "'", "a": "" }],
    }))
}

async fn integration(store: &dyn Store, environment: &str, unique_key: &str) -> i64 {
    let new = NewIntegration {
        environment: environment.into(),
        unique_key: key(unique_key),
        provider: "openai".into(),
        display_name: None,
        config: private_api(),
        forward_webhooks: false,
        own_provider: false,
    };
    match store.create_integration(new, event(moment(0), environment)).await.unwrap() {
        Created::New(made) => made.id,
        other => panic!("{unique_key}: {other:?}"),
    }
}

fn write(integration: &str, connection: &str) -> Write {
    Write {
        environment: "dev".into(),
        integration: key(integration),
        connection: id(connection),
        writer: Writer::Backend,
        auth_mode: AuthMode::ApiKey,
        sealed: sealed("k1", "one"),
        verified: Verified { verdict: Verdict::Verified, account: Some("Acme".into()) },
        end_user: None,
        owner: None,
        tags: None,
        metadata: None,
        webhook_url_override: None,
        at: moment(1),
    }
}

async fn stored(store: &dyn Store, write: Write) -> (bool, i64) {
    match store.write_connection(write, event(moment(1), "dev")).await.unwrap() {
        Written::Stored { created, connection } => (created, connection.summary.id),
        other => panic!("{other:?}"),
    }
}

fn terms(target: Target) -> SessionTerms {
    SessionTerms {
        target,
        allowed_integrations: Some(vec!["a".into()]),
        multiple: false,
        allow_unverified: false,
        end_user: Some(EndUser {
            id: "u1".into(),
            email: None,
            display_name: None,
            tags: None,
            organization: None,
        }),
        tags: Some(tags(&[("end_user_id", "u1")])),
        docs_connect: [("a".to_owned(), "https://docs.example".to_owned())].into(),
        webhook_url_override: None,
    }
}

async fn session(store: &dyn Store, byte: u8, target: Target) -> ConnectSession {
    let session = ConnectSession {
        id: format!("session-{byte}"),
        environment: "dev".into(),
        terms: terms(target),
        presets: Some(sealed("k1", "presets")),
        expires_at: moment(30),
    };
    let new = NewSession { hash: hash(byte), session: session.clone() };
    store.create_session(new, event(moment(0), "dev")).await.unwrap();
    session
}

fn by_session(write: Write, byte: u8, requested: Option<&str>) -> Write {
    let writer = Writer::Session { hash: hash(byte), requested: requested.map(id) };
    let owner = Some(Owner { end_user: "u1".into(), organization: None });
    Write { writer, owner, ..write }
}

fn named(byte: u8, name: &str) -> NewSecretKey {
    let key = SecretKey {
        id: name.into(),
        environment: "dev".into(),
        name: "a name".into(),
        role: Role::ReadOnly,
        prefix: format!("ksk_{byte:04}"),
    };
    NewSecretKey { key, hash: hash(byte) }
}

async fn actions(store: &dyn Store) -> Vec<String> {
    store
        .audit_events("dev", newest(100))
        .await
        .unwrap()
        .into_iter()
        .map(|event| event.action)
        .collect()
}

async fn list(store: &dyn Store, filter: ConnectionFilter) -> String {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    let found = store.connections("dev", ConnectionFilter { limit, ..filter }).await.unwrap();
    found.iter().map(|c| c.connection_id.to_string()).collect::<Vec<_>>().join(" ")
}

async fn environments_may_be_ensured_again(store: &dyn Store) {
    store.ensure_environments(&FIRST_ENVIRONMENTS, moment(5)).await.unwrap();
    store.ping().await.unwrap();
}

async fn the_first_candidate_of_a_server_secret_wins(store: &dyn Store) {
    let first = store.server_secret("s", sealed("k1", "first")).await.unwrap();
    let second = store.server_secret("s", sealed("k2", "second")).await.unwrap();
    assert_eq!((first.blob.as_slice(), &second), (&b"first"[..], &first));
}

async fn a_secret_key_is_found_by_hash_replaced_by_id_and_removed(store: &dyn Store) {
    store.put_secret_key(named(1, "one"), event(moment(0), "dev")).await.unwrap();
    assert_eq!(store.secret_key(hash(1), moment(0)).await.unwrap(), Some(named(1, "one").key));
    assert_eq!(store.secret_key(hash(2), moment(0)).await.unwrap(), None);
    store.put_secret_key(named(2, "one"), event(moment(0), "dev")).await.unwrap();
    assert_eq!(store.secret_key(hash(1), moment(0)).await.unwrap(), None, "replaced");
    assert_eq!(store.secret_key(hash(2), moment(0)).await.unwrap(), Some(named(2, "one").key));
    assert_eq!(store.secret_keys("dev", moment(0)).await.unwrap().len(), 1);
    let remove = async |environment: &str| {
        store.remove_secret_key(environment, "one", event(moment(0), "dev")).await.unwrap()
    };
    assert!(!remove("prod").await, "of another environment");
    assert!(remove("dev").await);
    assert!(!remove("dev").await);
    assert_eq!(store.secret_key(hash(2), moment(0)).await.unwrap(), None);
}

async fn a_rotated_key_works_until_its_grace_ends_and_the_new_one_has_its_name(store: &dyn Store) {
    store.put_secret_key(named(1, "one"), event(moment(0), "dev")).await.unwrap();
    let rotate = async |environment: &str, id: &str, byte: u8, ends_at| {
        let new = NewSecretKey {
            key: SecretKey { name: String::new(), role: Role::Full, ..named(byte, "two").key },
            hash: hash(byte),
        };
        let audit = event(moment(1), environment);
        store.rotate_secret_key(environment, id, new, ends_at, audit).await.unwrap()
    };
    assert_eq!(rotate("prod", "one", 2, moment(9)).await, None, "of another environment");
    assert_eq!(rotate("dev", "none", 2, moment(9)).await, None);
    let made = rotate("dev", "one", 2, moment(9)).await.unwrap();
    assert_eq!((made.key.name.as_str(), made.key.role), ("a name", Role::ReadOnly));
    assert_eq!((made.created_at, made.expires_at), (moment(1), None));
    assert_eq!(made.key.prefix, "ksk_0002", "that of the new one");
    let is_there =
        async |byte: u8, at| store.secret_key(hash(byte), at).await.unwrap().map(|key| key.id);
    let just_before = moment(9) - SignedDuration::from_millis(1);
    assert_eq!(is_there(1, just_before).await.as_deref(), Some("one"));
    assert_eq!(is_there(1, moment(9)).await, None);
    assert_eq!(is_there(2, moment(9)).await.as_deref(), Some("two"));

    let used = vec![("two".to_owned(), moment(5)), ("gone".to_owned(), moment(5))];
    store.note_used(used).await.unwrap();
    store.note_used(vec![("two".to_owned(), moment(4))]).await.unwrap();
    let keys = async |at| store.secret_keys("dev", at).await.unwrap();
    let [old, new] = &keys(moment(2)).await[..] else { panic!() };
    assert_eq!((old.key.id.as_str(), old.expires_at), ("one", Some(moment(9))));
    assert_eq!((new.key.id.as_str(), new.last_used_at), ("two", Some(moment(5))));
    assert_eq!(keys(moment(9)).await.len(), 1);
    // Rotating it once more does not lengthen what was said first.
    let new = NewSecretKey { key: named(3, "three").key, hash: hash(3) };
    let audit = event(moment(2), "dev");
    store.rotate_secret_key("dev", "one", new, moment(99), audit).await.unwrap().unwrap();
    assert_eq!(keys(moment(2)).await[0].expires_at, Some(moment(9)));
    assert_eq!(store.purge_secret_keys(moment(9)).await.unwrap(), 1);
    assert_eq!(keys(moment(2)).await.len(), 2);
    assert!(store.secret_keys("prod", moment(2)).await.unwrap().is_empty());
}

async fn audit_events_are_chained_by_environment_and_paged(store: &dyn Store) {
    let chain = AuditChain::new(b"a secret");
    for number in 0..7 {
        let environment = if number % 3 == 0 { "prod" } else { "dev" };
        let name = format!("n{number}");
        integration(store, environment, &name).await;
    }
    assert_eq!(store.link_audit_events(chain.clone(), 5).await.unwrap(), 5);
    assert_eq!(store.link_audit_events(chain.clone(), 5).await.unwrap(), 2);
    assert_eq!(store.link_audit_events(chain.clone(), 5).await.unwrap(), 0);
    for (environment, count) in [("dev", 4), ("prod", 3), ("nope", 0)] {
        let report = chain.check(store, environment).await.unwrap();
        assert_eq!(
            report,
            ChainReport { checked: count, ..ChainReport::default() },
            "{environment}"
        );
    }
    let forged = AuditChain::new(b"another secret").check(store, "dev").await.unwrap();
    assert_eq!(forged.checked, 0);
    assert!(forged.broken_at.is_some());

    let page = async |before| {
        store.audit_events("dev", AuditFilter { before, ..newest(3) }).await.unwrap()
    };
    let first = page(None).await;
    assert!(first[0].id > first[1].id && first.len() == 3);
    let second = page(Some(first[2].id)).await;
    assert_eq!(second.len(), 1);
    assert!(second[0].id < first[2].id);
    let places: Vec<i64> =
        first.iter().chain(&second).map(|event| event.chained.as_ref().unwrap().0).collect();
    assert_eq!(places, [4, 3, 2, 1]);

    // Several at once are in their chains at once, behind what was not.
    integration(store, "dev", "n7").await;
    let several = vec![event(moment(1), "dev"), event(moment(2), "prod"), event(moment(3), "dev")];
    store.record_all(chain.clone(), several).await.unwrap();
    assert_eq!(store.link_audit_events(chain.clone(), 5).await.unwrap(), 0);
    for (environment, count) in [("dev", 7), ("prod", 4)] {
        let report = chain.check(store, environment).await.unwrap();
        assert_eq!(
            report,
            ChainReport { checked: count, ..ChainReport::default() },
            "{environment}"
        );
    }
    let newest = store
        .audit_events("dev", AuditFilter { limit: 3, ..AuditFilter::default() })
        .await
        .unwrap();
    assert_eq!(newest.iter().map(|e| e.at).collect::<Vec<_>>()[..2], [moment(3), moment(1)]);
    integration(store, "dev", "n8").await;
    assert_eq!(store.link_audit_events(chain.clone(), 5).await.unwrap(), 1, "numbers go on");
    assert_eq!(chain.check(store, "dev").await.unwrap().checked, 8);
}

async fn old_audit_events_go_and_what_stays_can_be_checked(store: &dyn Store) {
    let chain = AuditChain::new(b"a secret");
    let remove = async |environment: &str, before: i64, limit: u32| {
        let chain = chain.clone();
        store.remove_old_audit_events(environment, chain, moment(before), limit).await.unwrap()
    };
    let report = async |environment: &str| chain.check(store, environment).await.unwrap();
    let ids = async |environment: &str| -> Vec<i64> {
        let events = store.audit_events(environment, newest(100)).await.unwrap();
        events.iter().map(|event| event.id).collect()
    };
    for number in 0..20 {
        // As of several servers, whose clocks differ.
        let at = if number == 7 { 5 } else { number };
        store.record(event(moment(at), "dev")).await.unwrap();
    }
    store.record(event(moment(0), "prod")).await.unwrap();
    assert_eq!(store.audited_environments().await.unwrap(), ["dev", "prod"]);
    assert_eq!(remove("dev", 10, 100).await.events, 0, "none that is not in its chain");
    assert_eq!(store.link_audit_events(chain.clone(), 100).await.unwrap(), 21);
    assert_eq!(remove("dev", 0, 100).await, Removable::default());
    assert_eq!(store.audit_start("dev").await.unwrap(), None);

    assert_eq!(remove("dev", 10, 3).await.events, 3, "no more at once");
    assert_eq!(report("dev").await, ChainReport { checked: 17, removed: 3, broken_at: None });
    assert_eq!(remove("dev", 7, 100).await.events, 5, "oldest first, in the order of the chain");
    assert_eq!(remove("dev", 7, 100).await.events, 0);
    assert_eq!(report("dev").await, ChainReport { checked: 12, removed: 8, broken_at: None });
    assert_eq!(ids("dev").await.len(), 12);
    assert_eq!(report("prod").await.checked, 1, "another environment");
    let forged = AuditChain::new(b"another secret").check(store, "dev").await.unwrap();
    assert_eq!(forged.broken_at, ids("dev").await.last().copied(), "whose seal it is not");

    // What comes after follows, also when nothing else is left.
    assert_eq!(remove("dev", 99, 100).await.events, 12);
    assert_eq!(store.audited_environments().await.unwrap(), ["prod"]);
    assert_eq!(report("dev").await, ChainReport { checked: 0, removed: 20, broken_at: None });
    store.record(event(moment(30), "dev")).await.unwrap();
    store.record_all(chain.clone(), vec![event(moment(31), "dev")]).await.unwrap();
    assert_eq!(report("dev").await, ChainReport { checked: 2, removed: 20, broken_at: None });

    // Two servers at once remove no more than there is, and each event once.
    for number in 0..50 {
        store.record(event(moment(32 + number), "dev")).await.unwrap();
    }
    store.link_audit_events(chain.clone(), 100).await.unwrap();
    let racing = join_all((0..8).map(|_| remove("dev", 60, 10))).await;
    assert_eq!(racing.iter().map(|removed| removed.events).sum::<u64>(), 30);
    assert_eq!(report("dev").await, ChainReport { checked: 22, removed: 50, broken_at: None });
    // And whoever walks along meanwhile finds nothing wrong.
    let (walked, _) = futures_util::future::join(
        join_all((0..20).map(|_| report("dev"))),
        join_all((0..5).map(|_| remove("dev", 80, 4))),
    )
    .await;
    assert!(walked.iter().all(|report| report.broken_at.is_none()), "{walked:?}");
}

async fn audit_events_are_found_by_kind_actor_and_object(store: &dyn Store) {
    for (action, actor, object) in [
        ("connection.created", "connect_session:s1", "connection:acme/User-1"),
        ("connection.revealed", "operator", "connection:acme/User-1"),
        ("connection.deleted", "operator", "connection:acme/user-10"),
        ("connect_session.created", "secret_key:k1", "connect_session:s1"),
        ("secret_key.created", "operator", "secret_key:k1"),
    ] {
        let event = AuditEvent {
            action,
            actor: actor.into(),
            object: object.into(),
            ..event(moment(0), "dev")
        };
        store.record(event).await.unwrap();
    }
    let text = |text: &str| Some(text.to_owned());
    let none = AuditFilter::default;
    for (filter, expected) in [
        (AuditFilter { kind: text("connection"), ..none() }, "deleted revealed created"),
        (AuditFilter { kind: text("connect"), ..none() }, ""),
        (AuditFilter { actor: text("operator"), ..none() }, "created deleted revealed"),
        (AuditFilter { actor: text("secret_key"), ..none() }, "created"),
        (AuditFilter { actor: text("secret_key:k1"), ..none() }, "created"),
        (AuditFilter { actor: text("secret_key:k"), ..none() }, ""),
        (AuditFilter { object: text("connection:acme/User-1"), ..none() }, "revealed created"),
        (AuditFilter { search: text("USER-1"), ..none() }, "deleted revealed created"),
        (AuditFilter { search: text("connection"), ..none() }, ""),
        (AuditFilter { search: text("%"), ..none() }, ""),
        (AuditFilter { changes_only: true, ..none() }, "created created deleted created"),
        (
            AuditFilter {
                changes_only: true,
                object: text("connection:acme/User-1"),
                before: Some(i64::MAX),
                ..none()
            },
            "created",
        ),
        (AuditFilter { kind: text("secret_key"), ..none() }, "created"),
        (
            AuditFilter { kind: text("connection"), actor: text("operator"), ..none() },
            "deleted revealed",
        ),
    ] {
        let shown = format!("{filter:?}");
        let found = store.audit_events("dev", AuditFilter { limit: 9, ..filter }).await.unwrap();
        let actions: Vec<&str> =
            found.iter().map(|event| event.action.split_once('.').unwrap().1).collect();
        assert_eq!(actions.join(" "), expected, "{shown}");
    }
}

async fn integration_keys_are_unique_within_their_environment(store: &dyn Store) {
    integration(store, "dev", "b").await;
    integration(store, "dev", "a").await;
    integration(store, "prod", "a").await;
    let new = NewIntegration {
        environment: "dev".into(),
        unique_key: key("a"),
        provider: "github".into(),
        display_name: None,
        config: Object::new(),
        forward_webhooks: false,
        own_provider: false,
    };
    let again = store.create_integration(new, event(moment(0), "dev")).await.unwrap();
    assert_eq!(again, Created::Exists);
    let all = store.integrations("dev").await.unwrap();
    assert_eq!(all.iter().map(|i| i.unique_key.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(all[1].provider, "openai", "what was there is what it was");
    assert_eq!(all[1].config, private_api());
    assert_eq!(store.integration("prod", "b").await.unwrap(), None);
}

async fn an_integration_changes_and_keeps_its_key_while_it_is_in_use(store: &dyn Store) {
    integration(store, "dev", "a").await;
    integration(store, "dev", "b").await;
    let change = async |name: &str, change: IntegrationChange| {
        store.update_integration("dev", name, change, event(moment(9), "dev")).await.unwrap()
    };
    let rename = |to: &str| IntegrationChange { unique_key: Some(key(to)), ..Default::default() };
    let label = IntegrationChange { display_name: Some(Some("A".into())), ..Default::default() };
    let IntegrationUpdate::Changed(changed) = change("a", label).await else { panic!() };
    assert_eq!(changed.display_name.as_deref(), Some("A"));
    assert_eq!((changed.created_at, changed.updated_at), (moment(0), moment(9)));
    assert_eq!(changed.config, private_api(), "what is not named stays");
    let other = object(json!({ "keyLabel": "Token" }));
    let settings = IntegrationChange { config: Some(other.clone()), ..Default::default() };
    let IntegrationUpdate::Changed(changed) = change("a", settings).await else { panic!() };
    assert_eq!(changed.config, other, "settings are replaced whole");
    let forward = IntegrationChange { forward_webhooks: Some(true), ..Default::default() };
    assert!(matches!(change("a", forward).await, IntegrationUpdate::Changed(_)));
    let read = store.integration("dev", "a").await.unwrap().unwrap();
    assert_eq!((read.config, read.forward_webhooks), (other, true));
    assert_eq!(change("nope", rename("c")).await, IntegrationUpdate::Unknown);
    assert_eq!(change("a", rename("b")).await, IntegrationUpdate::KeyTaken);
    stored(store, write("a", "c1")).await;
    assert_eq!(change("a", rename("c")).await, IntegrationUpdate::HasConnections);
    assert!(matches!(change("a", rename("a")).await, IntegrationUpdate::Changed(_)), "no change");
    let IntegrationUpdate::Changed(renamed) = change("b", rename("c")).await else { panic!() };
    assert_eq!(renamed.unique_key, key("c"));
    assert_eq!(store.integration("dev", "b").await.unwrap(), None);
}

async fn own_providers_are_replaced_counted_and_kept_while_they_are_in_use(store: &dyn Store) {
    let own = |name: &str, title: &str, at: i64| OwnProvider {
        name: name.into(),
        template: object(json!({ "display_name": title, "z": { "b": 1, "a": null } })),
        updated_at: moment(at),
    };
    let put = async |environment: &str, providers: Vec<OwnProvider>| {
        let event = event(moment(1), environment);
        let providers = providers.into_iter().map(|one| (one, event.clone())).collect();
        store.put_own_providers(environment, providers).await.unwrap();
    };
    let version = async |environment: &str| {
        let all = store.catalogue_versions().await.unwrap();
        all.into_iter().find(|(name, _)| name == environment).unwrap().1
    };
    let delete = async |name: &str, even_if_used: bool| {
        let event = event(moment(3), "dev");
        store.delete_own_provider("dev", name, even_if_used, event).await.unwrap()
    };
    assert_eq!((version("dev").await, version("prod").await), (0, 0));
    put("dev", vec![own("b", "B", 1), own("a", "A", 1)]).await;
    put("dev", vec![own("b", "B again", 2)]).await;
    assert_eq!((version("dev").await, version("prod").await), (2, 0));
    let all = store.own_providers("dev").await.unwrap();
    assert_eq!(all, [own("a", "A", 1), own("b", "B again", 2)]);
    assert_eq!(store.own_providers("prod").await.unwrap(), []);

    let integration = |provider: &str| NewIntegration {
        environment: "dev".into(),
        unique_key: key(provider),
        provider: provider.into(),
        display_name: None,
        config: Object::new(),
        forward_webhooks: false,
        own_provider: true,
    };
    let made = store.create_integration(integration("a"), event(moment(0), "dev")).await.unwrap();
    assert!(matches!(made, Created::New(_)));
    let made = store.create_integration(integration("c"), event(moment(0), "dev")).await.unwrap();
    assert_eq!(made, Created::NoProvider);
    assert_eq!(store.integration("dev", "c").await.unwrap(), None);

    assert_eq!(delete("c", false).await, Deletion::Unknown);
    assert_eq!(delete("a", false).await, Deletion::InUse);
    assert_eq!(store.own_providers("dev").await.unwrap().len(), 2);
    assert_eq!(version("dev").await, 2, "nothing was deleted, so nobody reads the catalogue again");
    assert_eq!(delete("b", false).await, Deletion::Deleted);
    assert_eq!(version("dev").await, 3);
    assert_eq!(delete("a", true).await, Deletion::Deleted);
    assert_eq!((version("dev").await, version("prod").await), (4, 0));
    assert_eq!(store.own_providers("dev").await.unwrap(), []);
}

async fn an_integration_takes_its_connections_with_it(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let mut labelled = write("a", "c1");
    labelled.tags = Some(tags(&[("k", "v")]));
    stored(store, labelled).await;
    let delete = async |environment: &str| {
        store.delete_integration(environment, "a", event(moment(0), "dev")).await.unwrap()
    };
    assert!(!delete("prod").await);
    assert!(delete("dev").await);
    assert!(!delete("dev").await);
    assert_eq!(list(store, ConnectionFilter::default()).await, "");
    let found = store.connection("dev", "a", "c1").await.unwrap();
    assert_eq!(found, Found::UnknownIntegration);
}

async fn a_session_lives_until_its_end_and_not_a_moment_longer(store: &dyn Store) {
    let made = session(store, 1, Target::Bound("b".into())).await;
    let just_before = moment(30) - SignedDuration::from_millis(1);
    assert_eq!(store.session(hash(1), just_before).await.unwrap(), Some(made));
    assert_eq!(store.session(hash(1), moment(30)).await.unwrap(), None);
    assert_eq!(store.session(hash(2), moment(0)).await.unwrap(), None);
    assert_eq!(store.purge_sessions(just_before).await.unwrap(), 0);
    assert_eq!(store.purge_sessions(moment(30)).await.unwrap(), 1);
    session(store, 3, Target::Unbound).await;
    assert!(store.delete_session(hash(3), event(moment(1), "dev")).await.unwrap());
    assert!(!store.delete_session(hash(3), event(moment(1), "dev")).await.unwrap());
    assert_eq!(store.session(hash(3), moment(1)).await.unwrap(), None);
}

async fn a_write_makes_and_the_next_one_replaces_what_it_says_and_no_more(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let first = Write {
        end_user: terms(Target::Unbound).end_user,
        owner: Some(Owner { end_user: "u1".into(), organization: Some("o1".into()) }),
        tags: Some(tags(&[("k", "v")])),
        metadata: Some(object(json!({ "a": 1 }))),
        webhook_url_override: Some(Some("https://hooks.example".into())),
        ..write("a", "c1")
    };
    let (created, number) = stored(store, first).await;
    assert!(created);
    let second = Write {
        sealed: sealed("k2", "two"),
        auth_mode: AuthMode::Basic,
        verified: Verified { verdict: Verdict::Unverified, account: None },
        at: moment(2),
        ..write("a", "c1")
    };
    assert_eq!(stored(store, second).await, (false, number));
    let Found::Found(read) = store.connection("dev", "a", "c1").await.unwrap() else { panic!() };
    assert_eq!(read.sealed, sealed("k2", "two"));
    assert_eq!(read.auth_mode, AuthMode::Basic);
    let summary = read.summary;
    assert_eq!(summary.tags, tags(&[("k", "v")]));
    assert_eq!(summary.metadata, object(json!({ "a": 1 })));
    assert_eq!(summary.end_user.unwrap().id, "u1");
    assert_eq!(summary.webhook_url_override.as_deref(), Some("https://hooks.example"));
    assert_eq!(summary.verified, Verified { verdict: Verdict::Unverified, account: None });
    for verdict in [Verdict::Unchecked, Verdict::Verified, Verdict::Unchecked] {
        let verified = Verified { verdict, account: None };
        for id in ["c1", verdict.word()] {
            stored(store, Write { verified: verified.clone(), at: moment(2), ..write("a", id) })
                .await;
            let found = store.connection("dev", "a", id).await.unwrap();
            let Found::Found(read) = found else { panic!() };
            assert_eq!(read.summary.verified, verified);
        }
    }
    assert_eq!((summary.health, summary.health_since), (Health::Unknown, moment(2)));
    assert_eq!((summary.created_at, summary.updated_at), (moment(1), moment(2)));
    assert_eq!(summary.last_fetched_at, None);
    assert_eq!((summary.provider.as_str(), summary.integration.as_str()), ("openai", "a"));
    let to_nowhere = store.write_connection(write("nope", "c1"), event(moment(1), "dev"));
    assert_eq!(to_nowhere.await.unwrap(), Written::UnknownIntegration);
}

async fn the_rules_of_a_session_are_asked_again_when_it_writes(store: &dyn Store) {
    integration(store, "dev", "a").await;
    session(store, 1, Target::Unbound).await;
    let attempt =
        async |write: Write| store.write_connection(write, event(moment(1), "dev")).await.unwrap();
    let first = by_session(write("a", "first"), 1, None);
    assert!(stored(store, first.clone()).await.0);
    let moved = attempt(by_session(write("a", "second"), 1, None)).await;
    assert_eq!(moved, Written::Moved(id("first")), "one session, one connection");
    assert!(!stored(store, first).await.0, "replaced");
    let situation =
        store.situation("dev", "a", hash(1), Some(&id("first"))).await.unwrap().unwrap();
    assert_eq!(situation.made, ["first"]);
    assert_eq!(situation.named.unwrap().unwrap().end_user, "u1");
    assert_eq!(store.situation("dev", "nope", hash(1), None).await.unwrap(), None);

    stored(store, write("a", "u1")).await;
    session(store, 2, Target::Unbound).await;
    for denied in ["u1", "first", "free"] {
        let other = attempt(by_session(write("a", denied), 2, Some(denied))).await;
        assert_eq!(other, Written::Denied, "{denied}: without an owner, of another id, not there");
    }

    let listed = Target::AnyOf(vec!["one".into(), "two".into()]);
    let read = session(store, 4, listed).await;
    assert_eq!(store.session(hash(4), moment(1)).await.unwrap(), Some(read));
    for one in ["one", "two"] {
        assert!(stored(store, by_session(write("a", one), 4, Some(one))).await.0);
    }
    let three = attempt(by_session(write("a", "three"), 4, Some("three"))).await;
    assert_eq!(three, Written::Denied);

    let target = Target::Reconnect { integration: "a".into(), connection: "gone".into() };
    session(store, 3, target).await;
    assert_eq!(attempt(by_session(write("a", "gone"), 3, None)).await, Written::Gone);

    let mut late = by_session(write("a", "late"), 2, None);
    late.at = moment(30);
    assert_eq!(attempt(late).await, Written::SessionEnded);
    assert_eq!(list(store, ConnectionFilter::default()).await, "two one u1 first");
}

async fn sessions_that_race_for_one_id_leave_it_to_one(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let mut owners = std::collections::HashSet::new();
    for byte in 1..=8 {
        let mut terms = terms(Target::Unbound);
        let user = terms.end_user.as_mut().unwrap();
        user.id = "wanted".into();
        user.organization = Some(Organization { id: format!("o{byte}"), display_name: None });
        let owner = terms.owner();
        let session = ConnectSession {
            id: format!("session-{byte}"),
            environment: "dev".into(),
            terms,
            presets: None,
            expires_at: moment(30),
        };
        let new = NewSession { hash: hash(byte), session };
        store.create_session(new, event(moment(0), "dev")).await.unwrap();
        let mut attempt = by_session(write("a", "wanted"), byte, Some("wanted"));
        attempt.owner = owner;
        match store.write_connection(attempt, event(moment(1), "dev")).await.unwrap() {
            Written::Stored { .. } => assert!(owners.insert(byte)),
            other => assert_eq!(other, Written::Denied),
        }
    }
    assert_eq!(owners.len(), 1);
}

async fn another_environment_has_no_connections_of_this_one(store: &dyn Store) {
    integration(store, "dev", "a").await;
    integration(store, "prod", "a").await;
    stored(store, write("a", "c1")).await;
    assert_eq!(store.connection("prod", "a", "c1").await.unwrap(), Found::UnknownConnection);
    let all = ConnectionFilter { limit: 10, ..Default::default() };
    assert!(store.connections("prod", all).await.unwrap().is_empty());
    let audit = event(moment(1), "prod");
    let deleted = store.delete_connection("prod", "a", "c1", audit.clone()).await.unwrap();
    assert_eq!(deleted, Found::UnknownConnection);
    let change = ConnectionChange { tags: Some(tags(&[("x", "y")])), ..Default::default() };
    let changed = store.update_connection("prod", "a", "c1", change, moment(1), audit);
    assert_eq!(changed.await.unwrap(), Found::UnknownConnection);
    assert!(matches!(store.connection("dev", "a", "c1").await.unwrap(), Found::Found(_)));
}

async fn lists_are_newest_first_and_every_filter_counts(store: &dyn Store) {
    integration(store, "dev", "a").await;
    integration(store, "dev", "b").await;
    for (integration, name, user, organization, label) in [
        ("a", "one", "u1", Some("o1"), "x"),
        ("b", "two", "u1", None, "y"),
        ("a", "three_50%", "u2", Some("o1"), "x"),
    ] {
        let end_user = EndUser {
            id: user.into(),
            email: Some(format!("{user}@Acme.example")),
            display_name: Some("Ada".into()),
            tags: None,
            organization: None,
        };
        let write = Write {
            owner: Some(Owner {
                end_user: user.into(),
                organization: organization.map(Into::into),
            }),
            end_user: Some(end_user),
            tags: Some(tags(&[("label", label), ("user", user)])),
            ..write(integration, name.replace('%', "=").as_str())
        };
        stored(store, write).await;
    }
    let all = ConnectionFilter::default;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(list(store, all()).await, "three_50= two one");
    assert_eq!(list(store, ConnectionFilter { limit: 1, offset: 1, ..all() }).await, "two");
    assert_eq!(list(store, ConnectionFilter { connection_id: text("one"), ..all() }).await, "one");
    assert_eq!(
        list(store, ConnectionFilter { search: text("U2@acme"), ..all() }).await,
        "three_50="
    );
    assert_eq!(list(store, ConnectionFilter { search: text("_"), ..all() }).await, "three_50=");
    assert_eq!(list(store, ConnectionFilter { search: text("%"), ..all() }).await, "");
    assert_eq!(
        list(store, ConnectionFilter { search: text("ada"), ..all() }).await,
        "three_50= two one"
    );
    assert_eq!(list(store, ConnectionFilter { end_user_id: text("u1"), ..all() }).await, "two one");
    assert_eq!(
        list(store, ConnectionFilter { organization_id: text("o1"), ..all() }).await,
        "three_50= one"
    );
    let only = |keys: &[&str]| Some(keys.iter().map(|key| (*key).to_owned()).collect());
    assert_eq!(
        list(store, ConnectionFilter { integrations: only(&["b", "no"]), ..all() }).await,
        "two"
    );
    assert_eq!(list(store, ConnectionFilter { integrations: only(&[]), ..all() }).await, "");
    assert_eq!(
        list(store, ConnectionFilter { tags: tags(&[("label", "x"), ("user", "u1")]), ..all() })
            .await,
        "one"
    );
}

async fn connections_are_found_and_counted_by_health(store: &dyn Store) {
    for name in ["a", "b"] {
        integration(store, "dev", name).await;
    }
    integration(store, "prod", "a").await;
    stored(store, write("a", "works")).await;
    stored(store, write("b", "works-too")).await;
    let unverified = Verified { verdict: Verdict::Unverified, account: None };
    stored(store, Write { verified: unverified.clone(), ..write("a", "unknown") }).await;
    let (_, broken) = stored(store, write("a", "broken")).await;
    let elsewhere = Write { environment: "prod".into(), ..write("a", "works") };
    stored(store, elsewhere).await;
    let record = CheckRecord {
        connection: broken,
        sealed: sealed("k1", "one"),
        checked: Checked::NeedsAttention(Reason::Refused),
        at: moment(2),
        next_check_at: moment(9),
    };
    store.record_check(record, event(moment(2), "dev")).await.unwrap();
    let all = ConnectionFilter::default;
    for (health, expected) in [
        (Health::Healthy, "works-too works"),
        (Health::NeedsAttention, "broken"),
        (Health::Unknown, "unknown"),
    ] {
        let filter = ConnectionFilter { health: Some(health), ..all() };
        assert_eq!(list(store, filter).await, expected);
    }
    let count = async |filter| {
        let counts = store.count_connections("dev", filter).await.unwrap();
        (counts.total(), counts.healthy, counts.needs_attention, counts.unknown)
    };
    assert_eq!(count(all()).await, (4, 2, 1, 1));
    let of_a = ConnectionFilter { integrations: Some(vec!["a".into()]), ..all() };
    assert_eq!(count(of_a.clone()).await, (3, 1, 1, 1));
    let searched = ConnectionFilter { search: Some("WORKS".into()), ..of_a };
    assert_eq!(count(searched).await, (1, 1, 0, 0));
    let broken = ConnectionFilter { health: Some(Health::NeedsAttention), ..all() };
    assert_eq!(count(broken).await, (1, 0, 1, 0));
    assert_eq!(count(ConnectionFilter { search: Some("nothing".into()), ..all() }).await.0, 0);
}

async fn labels_owner_and_webhook_address_change_together(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let mut first = write("a", "c1");
    first.tags = Some(tags(&[("old", "1")]));
    stored(store, first).await;
    let change = ConnectionChange {
        end_user: terms(Target::Unbound).end_user,
        owner: Some(Owner { end_user: "u1".into(), organization: None }),
        tags: Some(tags(&[("new", "2")])),
        webhook_url_override: Some(Some("https://hooks.example".into())),
    };
    let update = async |change: ConnectionChange, id: &str| {
        let audit = event(moment(3), "dev");
        store.update_connection("dev", "a", id, change, moment(3), audit).await.unwrap()
    };
    assert_eq!(update(change.clone(), "nope").await, Found::UnknownConnection);
    assert_eq!(update(change, "c1").await, Found::Found(()));
    let Found::Found(read) = store.connection("dev", "a", "c1").await.unwrap() else { panic!() };
    assert_eq!(read.summary.tags, tags(&[("new", "2")]));
    assert_eq!(read.summary.updated_at, moment(3));
    assert_eq!(read.sealed, sealed("k1", "one"));
    let by_tag =
        |key, value| ConnectionFilter { tags: tags(&[(key, value)]), ..Default::default() };
    assert_eq!(list(store, by_tag("old", "1")).await, "");
    assert_eq!(list(store, by_tag("new", "2")).await, "c1");
    update(ConnectionChange { webhook_url_override: Some(None), ..Default::default() }, "c1").await;
    let Found::Found(read) = store.connection("dev", "a", "c1").await.unwrap() else { panic!() };
    assert_eq!(read.summary.webhook_url_override, None);
    assert_eq!(read.summary.tags, tags(&[("new", "2")]));
}

async fn metadata_is_written_to_all_or_to_none(store: &dyn Store) {
    integration(store, "dev", "a").await;
    for name in ["c1", "c2"] {
        stored(store, write("a", name)).await;
    }
    let put = async |ids: &[&str], value: serde_json::Value, mode: MetadataMode| {
        let ids = ids.iter().map(|text| id(text)).collect();
        let audit = event(moment(4), "dev");
        store.write_metadata("dev", "a", ids, object(value), mode, moment(4), audit).await.unwrap()
    };
    let read = async |name: &str| match store.connection("dev", "a", name).await.unwrap() {
        Found::Found(connection) => serde_json::Value::from(connection.summary.metadata),
        other => panic!("{other:?}"),
    };
    let both = put(&["c1", "c2"], json!({ "a": 1, "b": { "c": 2 } }), MetadataMode::Replace).await;
    assert_eq!(both, Found::Found(()));
    let before = actions(store).await.len();
    let unknown = put(&["c1", "nope"], json!({}), MetadataMode::Replace).await;
    assert_eq!(unknown, Found::UnknownConnection);
    assert_eq!(actions(store).await.len(), before, "what did not happen is not audited");
    put(&["c1"], json!({ "b": 3 }), MetadataMode::Merge).await;
    assert_eq!(read("c1").await, json!({ "a": 1, "b": 3 }));
    put(&["c2"], json!({ "z": null }), MetadataMode::Replace).await;
    assert_eq!(read("c2").await, json!({ "z": null }));
}

async fn a_number_that_clients_saw_is_never_used_again(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let (_, first) = stored(store, write("a", "c1")).await;
    let delete =
        async || store.delete_connection("dev", "a", "c1", event(moment(2), "dev")).await.unwrap();
    assert_eq!(delete().await, Found::Found(()));
    assert_eq!(delete().await, Found::UnknownConnection);
    let (created, second) = stored(store, write("a", "c1")).await;
    assert!(created && second > first, "{first} {second}");
}

async fn when_it_was_read_is_noted_and_only_moves_forward(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let (_, number) = stored(store, write("a", "c1")).await;
    let read = async || match store.connection("dev", "a", "c1").await.unwrap() {
        Found::Found(connection) => connection.summary.last_fetched_at,
        other => panic!("{other:?}"),
    };
    store.note_fetched(vec![(number, moment(5)), (number + 99, moment(5))]).await.unwrap();
    assert_eq!(read().await, Some(moment(5)));
    store.note_fetched(vec![(number, moment(4))]).await.unwrap();
    assert_eq!(read().await, Some(moment(5)));
}

async fn sealed_records_are_found_in_batches_and_replaced_only_if_unchanged(store: &dyn Store) {
    integration(store, "dev", "a").await;
    store.server_secret("pepper", sealed("k1", "p")).await.unwrap();
    session(store, 1, Target::Unbound).await;
    for n in 0..5 {
        stored(store, write("a", &format!("c{n}"))).await;
    }
    let mut done = write("a", "done");
    done.sealed = sealed("k2", "done");
    stored(store, done).await;

    let first = store.sealed_under_other_keys("k2", 0, 3).await.unwrap();
    let numbers = |records: &[keyslot_server::store::SealedRecord]| -> Vec<i64> {
        let numbers = records.iter().filter_map(|record| match &record.owner {
            SealedOwner::Connection { id, .. } => Some(*id),
            _ => None,
        });
        numbers.collect()
    };
    assert_eq!(numbers(&first).len(), 3);
    assert_eq!(first.len(), 5, "a secret of the server and the presets of a session too");
    let last = *numbers(&first).last().unwrap();
    let second = store.sealed_under_other_keys("k2", last, 3).await.unwrap();
    assert_eq!(numbers(&second).len(), 2);
    assert_eq!(second.len(), 2);

    // Somebody writes one of them in between.
    let mut newer = write("a", "c0");
    newer.sealed = sealed("k2", "newer");
    stored(store, newer).await;
    let renewed = first.into_iter().map(|record| {
        let blob = [record.sealed.blob.as_slice(), b" renewed"].concat();
        (record, Sealed { key_id: "k2".into(), blob })
    });
    assert_eq!(store.replace_sealed(renewed.collect()).await.unwrap(), 4);
    let Found::Found(read) = store.connection("dev", "a", "c0").await.unwrap() else { panic!() };
    assert_eq!(read.sealed, sealed("k2", "newer"));
    let Found::Found(read) = store.connection("dev", "a", "c1").await.unwrap() else { panic!() };
    assert_eq!(read.sealed, sealed("k2", "one renewed"));
    let secret = store.server_secret("pepper", sealed("k9", "x")).await.unwrap();
    assert_eq!(secret, sealed("k2", "p renewed"));
    let presets = store.session(hash(1), moment(1)).await.unwrap().unwrap().presets;
    assert_eq!(presets, Some(sealed("k2", "presets renewed")));
    assert_eq!(store.sealed_under_other_keys("k2", 0, 100).await.unwrap().len(), 2);
}

async fn every_change_leaves_its_audit_event_and_a_refused_one_leaves_none(store: &dyn Store) {
    integration(store, "dev", "a").await;
    stored(store, write("a", "c1")).await;
    stored(store, write("a", "c1")).await;
    assert_eq!(actions(store).await, ["connection.replaced", "connection.created", "test"]);
    let delete = store.delete_connection("dev", "a", "nope", event(moment(1), "dev"));
    assert_eq!(delete.await.unwrap(), Found::UnknownConnection);
    let written = store.write_connection(write("nope", "c1"), event(moment(1), "dev"));
    assert_eq!(written.await.unwrap(), Written::UnknownIntegration);
    assert_eq!(actions(store).await.len(), 3);
    assert_eq!(store.audit_events("dev", newest(1)).await.unwrap().len(), 1);
    assert!(store.audit_events("prod", newest(100)).await.unwrap().is_empty());
    let newest = &store.audit_events("dev", newest(1)).await.unwrap()[0];
    assert_eq!((newest.actor.as_str(), newest.at), ("test", moment(1)));
}

async fn two_hundred_writers_at_once_are_all_stored(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let writes = (0..200).map(|n| {
        let write = write("a", &format!("c{n}"));
        store.write_connection(write, event(moment(1), "dev"))
    });
    for outcome in futures_of(writes).await {
        assert!(matches!(outcome.unwrap(), Written::Stored { created: true, .. }));
    }
    let all = ConnectionFilter { limit: 1000, ..Default::default() };
    assert_eq!(store.connections("dev", all).await.unwrap().len(), 200);
}

/// Polls all of them at once, on this task.
async fn futures_of<T>(
    futures: impl Iterator<Item = std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>>,
) -> Vec<T> {
    let mut waiting: Vec<_> = futures.collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => {
                done.push(value);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

async fn a_closed_store_refuses_and_does_not_hang(store: &dyn Store) {
    store.close().await;
    let read = store.secret_key(hash(1), moment(0)).await;
    assert!(matches!(read, Err(StoreError::Busy)), "{read:?}");
    let written = store.put_secret_key(named(1, "x"), event(moment(0), "dev")).await;
    assert!(matches!(written, Err(StoreError::Busy)), "{written:?}");
    store.close().await;
}

/// Runs each behaviour on each engine, in a store of its own.
async fn send_webhooks_to(store: &dyn Store, primary: Option<&str>, secondary: Option<&str>) {
    let settings = EnvironmentSettings {
        webhook_url: primary.map(Into::into),
        webhook_url_secondary: secondary.map(Into::into),
        ..EnvironmentSettings::default()
    };
    let seen = settings_of(store, "dev").await;
    let put = store.put_environment_settings("dev", seen, settings, event(moment(0), "dev"));
    assert_eq!(put.await.unwrap(), SettingsOutcome::Stored);
}

async fn settings_of(store: &dyn Store, environment: &str) -> EnvironmentSettings {
    let all = store.environments().await.unwrap();
    all.into_iter().find(|each| each.name == environment).unwrap().settings
}

async fn of_those_who_change_the_same_settings_at_once_one_does(store: &dyn Store) {
    let seen = settings_of(store, "dev").await;
    let before = store.audit_events("dev", newest(100)).await.unwrap().len();
    let named = |number: usize| EnvironmentSettings {
        product_name: Some(number.to_string()),
        ..EnvironmentSettings::default()
    };
    let racing = join_all((0..20).map(|number| {
        let audit = event(moment(1), "dev");
        store.put_environment_settings("dev", seen.clone(), named(number), audit)
    }));
    let outcomes: Vec<SettingsOutcome> =
        racing.await.into_iter().map(|outcome| outcome.unwrap()).collect();
    let winners: Vec<usize> =
        (0..20).filter(|number| outcomes[*number] == SettingsOutcome::Stored).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    let others = outcomes.iter().filter(|outcome| **outcome == SettingsOutcome::Changed).count();
    assert_eq!(others, 19, "{outcomes:?}");
    assert_eq!(settings_of(store, "dev").await, named(winners[0]));
    let after = store.audit_events("dev", newest(100)).await.unwrap().len();
    assert_eq!(after, before + 1, "one event, for the one change");
}

async fn of_those_who_change_the_same_integration_at_once_one_does(store: &dyn Store) {
    integration(store, "dev", "a").await;
    let seen = store.integration("dev", "a").await.unwrap().unwrap();
    let seen = (seen.display_name, seen.config);
    // All in one millisecond: a moment would not tell them apart.
    let change = |number: usize| IntegrationChange {
        display_name: Some(Some(number.to_string())),
        seen: Some(seen.clone()),
        ..IntegrationChange::default()
    };
    let racing = join_all((0..20).map(|number| {
        store.update_integration("dev", "a", change(number), event(moment(0), "dev"))
    }));
    let outcomes: Vec<IntegrationUpdate> =
        racing.await.into_iter().map(|outcome| outcome.unwrap()).collect();
    let (mut winners, mut others) = (Vec::new(), 0);
    for outcome in outcomes {
        match outcome {
            IntegrationUpdate::Changed(integration) => winners.push(integration),
            IntegrationUpdate::NotAsSeen => others += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((winners.len(), others), (1, 19));
    let stored = store.integration("dev", "a").await.unwrap().unwrap();
    assert_eq!(stored.display_name, winners[0].display_name);
    let blind = IntegrationChange { seen: None, ..change(99) };
    let update = store.update_integration("dev", "a", blind, event(moment(0), "dev"));
    assert!(matches!(update.await.unwrap(), IntegrationUpdate::Changed(_)), "nothing seen");
}

async fn webhooks(store: &dyn Store, status: Option<WebhookStatus>) -> Vec<Webhook> {
    let filter = WebhookFilter { status, limit: 100, ..WebhookFilter::default() };
    store.webhooks("dev", filter).await.unwrap()
}

async fn settings_are_kept_for_each_environment(store: &dyn Store) {
    let all = store.environments().await.unwrap();
    let names: Vec<&str> = all.iter().map(|environment| environment.name.as_str()).collect();
    assert_eq!(names, ["dev", "prod"]);
    assert!(all.iter().all(|environment| environment.settings == EnvironmentSettings::default()));
    send_webhooks_to(store, Some("https://one.example"), None).await;
    let all = store.environments().await.unwrap();
    assert_eq!(all[0].settings.webhook_url.as_deref(), Some("https://one.example"));
    assert_eq!(all[1].settings, EnvironmentSettings::default());
    let settings = EnvironmentSettings::default();
    let audit = event(moment(0), "nope");
    let unknown = store.put_environment_settings("nope", settings.clone(), settings, audit);
    assert_eq!(unknown.await.unwrap(), SettingsOutcome::Unknown);
    assert!(store.audit_events("nope", newest(1)).await.unwrap().is_empty());
}

async fn a_session_of_an_operator_counts_until_it_ends_or_is_ended(store: &dyn Store) {
    let audit = || event(moment(0), "prod");
    let has = async |session: &str, at| store.has_operator_session(session, at).await.unwrap();
    assert!(!has("a", moment(0)).await);
    for session in ["a", "b"] {
        store.begin_operator_session(session, moment(30), audit()).await.unwrap();
    }
    assert!(has("a", moment(29)).await && !has("a", moment(30)).await);
    assert!(store.end_operator_session("a", audit()).await.unwrap());
    assert!(!store.end_operator_session("a", audit()).await.unwrap());
    assert!(!has("a", moment(1)).await && has("b", moment(1)).await);
    assert_eq!(store.audit_events("prod", newest(10)).await.unwrap().len(), 3);
    store.purge_operator_sessions(moment(30)).await.unwrap();
    assert!(!has("b", moment(1)).await);
}

async fn what_is_shown_once_is_given_once_and_to_its_session_only(store: &dyn Store) {
    let put = async |id: &str| {
        let new = ShownOnce {
            id: id.into(),
            session: "a".into(),
            sealed: id.as_bytes().to_vec(),
            ends_at: moment(5),
        };
        store.put_shown_once(new).await.unwrap();
    };
    let take =
        async |id: &str, session: &str, at| store.take_shown_once(id, session, at).await.unwrap();
    for id in ["one", "two", "three", "four"] {
        put(id).await;
    }
    assert_eq!(take("one", "b", moment(1)).await, None, "another session");
    assert_eq!(take("one", "a", moment(5)).await, None, "too late");
    let (first, second) = tokio::join!(take("one", "a", moment(1)), take("one", "a", moment(1)));
    assert_eq!(first.or(second), Some(b"one".to_vec()));
    assert_eq!(take("one", "a", moment(1)).await, None);
    store.purge_operator_sessions(moment(4)).await.unwrap();
    assert_eq!(take("two", "a", moment(1)).await, Some(b"two".to_vec()));
    store.purge_operator_sessions(moment(5)).await.unwrap();
    assert_eq!(take("three", "a", moment(1)).await, None);
    put("five").await;
    let audit = event(moment(0), "prod");
    store.begin_operator_session("a", moment(30), audit.clone()).await.unwrap();
    store.end_operator_session("a", audit).await.unwrap();
    assert_eq!(take("five", "a", moment(1)).await, None, "signed out");
}

async fn a_secret_of_the_server_is_replaced_while_it_is_what_was_seen(store: &dyn Store) {
    store.server_secret("s", sealed("k1", "one")).await.unwrap();
    let replace = async |seen: &str, new: &str| {
        let (seen, new) = (sealed("k1", seen), sealed("k2", new));
        store.replace_server_secret("s", seen, new, event(moment(0), "dev")).await.unwrap()
    };
    assert!(!replace("other", "lost").await, "it is not what was seen");
    let (one, two) = tokio::join!(replace("one", "two"), replace("one", "two"));
    assert!(one != two, "of two at once, one");
    let logged = store.audit_events("dev", newest(10)).await.unwrap();
    assert_eq!(logged.len(), 1, "what is refused leaves none");
    let kept = store.server_secret("s", sealed("k1", "three")).await.unwrap();
    assert_eq!(kept, sealed("k2", "two"));
}

async fn a_written_connection_is_announced_to_every_address_of_its_environment(store: &dyn Store) {
    integration(store, "dev", "a").await;
    stored(store, write("a", "silent")).await;
    assert!(webhooks(store, None).await.is_empty(), "nobody wants to know");
    send_webhooks_to(store, Some("https://one.example"), Some("https://two.example")).await;
    stored(store, write("a", "c1")).await;
    stored(store, write("a", "c1")).await;
    let own = Some(Some("https://own.example".into()));
    stored(store, Write { webhook_url_override: own, ..write("a", "c2") }).await;
    let all = webhooks(store, None).await;
    let mut shown: Vec<(Operation, Slot, &str, &str)> = all
        .iter()
        .map(|w| (w.operation, w.slot, w.url.as_str(), w.connection_id.as_str()))
        .collect();
    shown.reverse();
    assert_eq!(
        shown,
        [
            (Operation::Creation, Slot::Primary, "https://one.example", "c1"),
            (Operation::Creation, Slot::Secondary, "https://two.example", "c1"),
            (Operation::Override, Slot::Primary, "https://one.example", "c1"),
            (Operation::Override, Slot::Secondary, "https://two.example", "c1"),
            (Operation::Creation, Slot::Connection, "https://own.example", "c2"),
        ]
    );
    for webhook in &all {
        assert_eq!((webhook.status, webhook.attempts), (WebhookStatus::Pending, 0));
        assert_eq!((webhook.created_at, webhook.next_at), (moment(1), Some(moment(1))));
        let body: serde_json::Value = serde_json::from_str(&webhook.body).unwrap();
        assert_eq!(body["operation"], webhook.operation.word());
        assert_eq!(body["connectionId"], webhook.connection_id);
    }
    for (operation, search, count) in [
        (Some(Operation::Creation), None, 3),
        (Some(Operation::Refresh), None, 0),
        (None, Some("A/C1"), 4),
        (Some(Operation::Override), Some("c1"), 2),
        (None, Some("_"), 0),
    ] {
        let search = search.map(str::to_owned);
        let filter = WebhookFilter { operation, search, limit: 9, ..WebhookFilter::default() };
        let shown = format!("{filter:?}");
        assert_eq!(store.webhooks("dev", filter).await.unwrap().len(), count, "{shown}");
    }
    let filter = WebhookFilter { limit: 9, ..WebhookFilter::default() };
    assert!(store.webhooks("prod", filter).await.unwrap().is_empty());
    let page = WebhookFilter { before: Some(all[1].id.clone()), limit: 2, ..Default::default() };
    assert_eq!(store.webhooks("dev", page).await.unwrap(), all[2..4]);
    let one = WebhookFilter { id: Some(all[3].id.clone()), limit: 9, ..Default::default() };
    assert_eq!(store.webhooks("dev", one).await.unwrap(), all[3..4]);
}

async fn a_webhook_is_in_one_hand_at_a_time_until_it_is_settled(store: &dyn Store) {
    integration(store, "dev", "a").await;
    send_webhooks_to(store, Some("https://one.example"), None).await;
    for name in ["c1", "c2", "c3"] {
        stored(store, write("a", name)).await;
    }
    assert!(store.claim_webhooks(moment(0), moment(2), 9).await.unwrap().is_empty(), "not due yet");
    let first = store.claim_webhooks(moment(1), moment(2), 2).await.unwrap();
    assert_eq!(first.len(), 2);
    assert!(first.iter().all(|webhook| webhook.attempts == 1));
    let rest = store.claim_webhooks(moment(1), moment(2), 9).await.unwrap();
    assert_eq!(rest.len(), 1, "the others are in hand");
    let again = store.claim_webhooks(moment(2), moment(3), 9).await.unwrap();
    assert_eq!(again.len(), 3, "a lease ends");
    assert!(again.iter().all(|webhook| webhook.attempts == 2));

    let settle = |webhook: &Webhook, status, next_at| Settlement {
        id: webhook.id.clone(),
        attempts: webhook.attempts,
        status,
        next_at,
        at: moment(2),
        answer: Some(503),
        error: Some("why".into()),
    };
    let (late, known) = (&first[0], again.iter().find(|w| w.id == first[0].id).unwrap());
    store.settle_webhook(settle(late, WebhookStatus::Failed, None)).await.unwrap();
    assert!(webhooks(store, Some(WebhookStatus::Failed)).await.is_empty(), "its lease had ended");
    store.settle_webhook(settle(known, WebhookStatus::Pending, Some(moment(9)))).await.unwrap();
    let others: Vec<&Webhook> = again.iter().filter(|w| w.id != known.id).collect();
    store.settle_webhook(settle(others[0], WebhookStatus::Failed, None)).await.unwrap();
    let delivered = Settlement { attempts: 1, ..settle(others[1], WebhookStatus::Delivered, None) };
    store.settle_webhook(delivered).await.unwrap();
    for (status, id, next_at) in [
        (WebhookStatus::Pending, &known.id, Some(moment(9))),
        (WebhookStatus::Failed, &others[0].id, None),
        (WebhookStatus::Delivered, &others[1].id, None),
    ] {
        let found = webhooks(store, Some(status)).await;
        assert_eq!(found.len(), 1, "{status:?}");
        assert_eq!((&found[0].id, found[0].next_at), (id, next_at));
        assert_eq!((found[0].last_at, found[0].last_status), (Some(moment(2)), Some(503)));
        assert_eq!(found[0].last_error.as_deref(), Some("why"));
    }
    let due = store.claim_webhooks(moment(8), moment(9), 9).await.unwrap();
    assert!(due.is_empty(), "one waits, two are done");
    assert_eq!(store.claim_webhooks(moment(9), moment(10), 9).await.unwrap().len(), 1);
}

async fn a_replayed_webhook_goes_to_the_address_of_today(store: &dyn Store) {
    integration(store, "dev", "a").await;
    send_webhooks_to(store, Some("https://old.example"), None).await;
    stored(store, write("a", "c1")).await;
    let own = Some(Some("https://own.example".into()));
    stored(store, Write { webhook_url_override: own, ..write("a", "c2") }).await;
    for webhook in store.claim_webhooks(moment(1), moment(2), 9).await.unwrap() {
        let settlement = Settlement {
            id: webhook.id,
            attempts: 1,
            status: WebhookStatus::Failed,
            next_at: None,
            at: moment(1),
            answer: Some(410),
            error: None,
        };
        store.settle_webhook(settlement).await.unwrap();
    }
    send_webhooks_to(store, Some("https://new.example"), None).await;
    let failed = webhooks(store, Some(WebhookStatus::Failed)).await;
    for webhook in &failed {
        let replayed = store.replay_webhook("dev", &webhook.id, moment(5), event(moment(5), "dev"));
        assert!(replayed.await.unwrap());
    }
    let due = store.claim_webhooks(moment(5), moment(6), 9).await.unwrap();
    let mut urls: Vec<&str> = due.iter().map(|webhook| webhook.url.as_str()).collect();
    urls.sort_unstable();
    assert_eq!(urls, ["https://new.example", "https://own.example"]);
    assert!(due.iter().all(|w| (w.since, w.attempts, w.created_at) == (moment(5), 1, moment(1))));
    for (environment, id) in [("prod", failed[0].id.as_str()), ("dev", "nope")] {
        let unknown = store.replay_webhook(environment, id, moment(5), event(moment(5), "dev"));
        assert!(!unknown.await.unwrap());
    }
}

async fn only_old_webhooks_that_are_done_are_purged(store: &dyn Store) {
    integration(store, "dev", "a").await;
    send_webhooks_to(store, Some("https://one.example"), None).await;
    stored(store, write("a", "c1")).await;
    stored(store, write("a", "c2")).await;
    let claimed = store.claim_webhooks(moment(1), moment(2), 1).await.unwrap().remove(0);
    let settlement = Settlement {
        id: claimed.id,
        attempts: 1,
        status: WebhookStatus::Delivered,
        next_at: None,
        at: moment(1),
        answer: Some(200),
        error: None,
    };
    store.settle_webhook(settlement).await.unwrap();
    assert_eq!(store.purge_webhooks(moment(1)).await.unwrap(), 0);
    assert_eq!(store.purge_webhooks(moment(2)).await.unwrap(), 1);
    assert_eq!(webhooks(store, None).await.len(), 1, "the pending one stays, however old");
}

async fn due(store: &dyn Store, now: Timestamp, used_since: Timestamp) -> Vec<String> {
    let due = store.claim_checks(now, used_since, now + SignedDuration::from_mins(10), 9).await;
    let mut names: Vec<String> =
        due.unwrap().iter().map(|c| c.summary.connection_id.to_string()).collect();
    names.sort_unstable();
    names
}

async fn checks_come_due_once_a_day_for_what_is_in_use(store: &dyn Store) {
    const DAY: i64 = 24 * 60;
    integration(store, "dev", "a").await;
    let (_, used) = stored(store, write("a", "used")).await;
    stored(store, write("a", "idle")).await;
    let long_ago = moment(-DAY);
    assert!(
        due(store, moment(20 * 60), long_ago).await.is_empty(),
        "they were checked when stored"
    );
    assert_eq!(due(store, moment(27 * 60), long_ago).await, ["idle", "used"]);
    assert!(due(store, moment(27 * 60 + 9), long_ago).await.is_empty(), "they are in hand");
    assert_eq!(due(store, moment(27 * 60 + 10), long_ago).await, ["idle", "used"], "a lease ends");
    store.note_fetched(vec![(used, moment(2 * DAY))]).await.unwrap();
    assert_eq!(due(store, moment(3 * DAY), moment(DAY)).await, ["used"]);
    assert!(due(store, moment(3 * DAY + 11), moment(4 * DAY)).await.is_empty());
    let put_off = due(store, moment(4 * DAY + 12), moment(-DAY)).await;
    assert_eq!(put_off, ["idle", "used"], "what was idle is looked at again a day later");
}

async fn a_check_changes_health_only_of_the_credential_that_was_checked(store: &dyn Store) {
    integration(store, "dev", "a").await;
    send_webhooks_to(store, Some("https://one.example"), None).await;
    let unverified = Verified { verdict: Verdict::Unverified, account: None };
    let (_, id) = stored(store, Write { verified: unverified, ..write("a", "c1") }).await;
    let record = async |checked: Checked, content: &str, minutes: i64| {
        let record = CheckRecord {
            connection: id,
            sealed: sealed("k1", content),
            checked,
            at: moment(minutes),
            next_check_at: moment(minutes + 5),
        };
        let recorded = store.record_check(record, event(moment(minutes), "dev")).await.unwrap();
        recorded.map(|connection| connection.summary)
    };
    let audits = async || store.audit_events("dev", newest(100)).await.unwrap().len();
    let before = audits().await;
    assert!(record(Checked::NeedsAttention(Reason::Refused), "other", 10).await.is_none());
    let same = record(Checked::Unchanged, "one", 11).await.unwrap();
    assert_eq!((same.health, same.checked_at), (Health::Unknown, Some(moment(11))));
    let account = Some("Acme".to_owned());
    let healthy = record(Checked::Healthy { account }, "one", 12).await.unwrap();
    assert_eq!((healthy.health, healthy.health_since), (Health::Healthy, moment(12)));
    assert_eq!(healthy.verified.verdict, Verdict::Verified);
    assert_eq!(healthy.verified.account.as_deref(), Some("Acme"));
    assert_eq!(webhooks(store, None).await.len(), 1, "only its creation was announced");
    for (minutes, reason) in [(13, Reason::Refused), (14, Reason::Forbidden)] {
        let broken = record(Checked::NeedsAttention(reason), "one", minutes).await.unwrap();
        assert_eq!((broken.health, broken.health_since), (Health::NeedsAttention, moment(13)));
        assert_eq!(broken.health_reason.as_deref(), Some(reason.as_str()));
    }
    let healthy = record(Checked::Healthy { account: None }, "one", 15).await.unwrap();
    assert_eq!((healthy.health_since, healthy.health_reason), (moment(15), None));
    assert_eq!(healthy.verified.account.as_deref(), Some("Acme"), "what was known stays");
    let all = webhooks(store, None).await;
    let operations: Vec<Operation> = all.iter().map(|webhook| webhook.operation).collect();
    assert_eq!(operations, [Operation::Refresh, Operation::Refresh, Operation::Creation]);
    assert_eq!(audits().await, before + 3, "one for each change of health");
    assert_eq!(due(store, moment(20), moment(0)).await, ["c1"], "when it was said to be due");
    store.delete_connection("dev", "a", "c1", event(moment(16), "dev")).await.unwrap();
    assert!(record(Checked::Unchanged, "one", 17).await.is_none());
}

macro_rules! on_every_engine {
    ($($behaviour:ident,)*) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let (_dir, store) = super::sqlite_store().await;
                    super::$behaviour(store.as_ref()).await;
                }
            )*
        }

        mod postgres {
            $(
                #[tokio::test]
                async fn $behaviour() {
                    let Some(schema) = $crate::postgres::Schema::new().await else { return };
                    let store = super::postgres_store(&schema).await;
                    super::$behaviour(store.as_ref()).await;
                    store.close().await;
                    schema.remove().await;
                }
            )*
        }
    };
}

on_every_engine! {
    environments_may_be_ensured_again,
    the_first_candidate_of_a_server_secret_wins,
    a_secret_key_is_found_by_hash_replaced_by_id_and_removed,
    a_rotated_key_works_until_its_grace_ends_and_the_new_one_has_its_name,
    audit_events_are_chained_by_environment_and_paged,
    audit_events_are_found_by_kind_actor_and_object,
    old_audit_events_go_and_what_stays_can_be_checked,
    of_those_who_change_the_same_settings_at_once_one_does,
    of_those_who_change_the_same_integration_at_once_one_does,
    connections_are_found_and_counted_by_health,
    an_allowance_is_taken_by_all_together_and_never_twice,
    one_of_each_allowance_is_taken_or_none,
    what_is_looked_up_at_once_is_found_for_each,
    an_environment_is_made_renamed_and_deleted_while_it_is_empty,
    integration_keys_are_unique_within_their_environment,
    an_integration_changes_and_keeps_its_key_while_it_is_in_use,
    an_integration_takes_its_connections_with_it,
    own_providers_are_replaced_counted_and_kept_while_they_are_in_use,
    a_session_lives_until_its_end_and_not_a_moment_longer,
    a_write_makes_and_the_next_one_replaces_what_it_says_and_no_more,
    the_rules_of_a_session_are_asked_again_when_it_writes,
    sessions_that_race_for_one_id_leave_it_to_one,
    another_environment_has_no_connections_of_this_one,
    lists_are_newest_first_and_every_filter_counts,
    labels_owner_and_webhook_address_change_together,
    metadata_is_written_to_all_or_to_none,
    a_number_that_clients_saw_is_never_used_again,
    when_it_was_read_is_noted_and_only_moves_forward,
    sealed_records_are_found_in_batches_and_replaced_only_if_unchanged,
    every_change_leaves_its_audit_event_and_a_refused_one_leaves_none,
    settings_are_kept_for_each_environment,
    a_secret_of_the_server_is_replaced_while_it_is_what_was_seen,
    a_session_of_an_operator_counts_until_it_ends_or_is_ended,
    what_is_shown_once_is_given_once_and_to_its_session_only,
    a_written_connection_is_announced_to_every_address_of_its_environment,
    a_webhook_is_in_one_hand_at_a_time_until_it_is_settled,
    a_replayed_webhook_goes_to_the_address_of_today,
    only_old_webhooks_that_are_done_are_purged,
    checks_come_due_once_a_day_for_what_is_in_use,
    a_check_changes_health_only_of_the_credential_that_was_checked,
    two_hundred_writers_at_once_are_all_stored,
    a_closed_store_refuses_and_does_not_hang,
}

async fn an_environment_is_made_renamed_and_deleted_while_it_is_empty(store: &dyn Store) {
    let names = async || -> Vec<String> {
        store.environments().await.unwrap().into_iter().map(|each| each.name).collect()
    };
    let new = |byte: u8| NewSecretKey {
        key: SecretKey {
            id: format!("key-{byte}"),
            environment: "x".into(),
            name: "First".into(),
            role: Role::Full,
            prefix: "sk_first".into(),
        },
        hash: hash(byte),
    };
    let audit = || event(moment(0), "x");
    assert!(store.create_environment("x", Some(new(90)), audit()).await.unwrap());
    assert!(!store.create_environment("x", Some(new(91)), audit()).await.unwrap());
    assert_eq!(store.secret_key(hash(91), moment(0)).await.unwrap(), None, "nor its key");
    let settings = EnvironmentSettings { product_name: Some("Acme".into()), ..Default::default() };
    let none = EnvironmentSettings::default();
    let put = store.put_environment_settings("x", none, settings.clone(), audit());
    assert_eq!(put.await.unwrap(), SettingsOutcome::Stored);
    store.server_secret("hmac_key:x", sealed("k1", "old")).await.unwrap();

    let rename = async |from: &str, to: &str| {
        let secrets = vec![(format!("hmac_key:{to}"), sealed("k1", "new"))];
        store.rename_environment(from, to, secrets, audit()).await.unwrap()
    };
    let before = store
        .audit_events("x", AuditFilter { limit: 100, ..AuditFilter::default() })
        .await
        .unwrap()
        .len();
    assert_eq!(rename("x", "dev").await, EnvironmentOutcome::NameTaken);
    assert_eq!(rename("nowhere", "y").await, EnvironmentOutcome::Unknown);
    integration(store, "x", "in-use").await;
    assert_eq!(rename("x", "y").await, EnvironmentOutcome::InUse);
    assert_eq!(store.delete_environment("x", audit()).await.unwrap(), EnvironmentOutcome::InUse);
    assert!(store.delete_integration("x", "in-use", audit()).await.unwrap());
    let after = store
        .audit_events("x", AuditFilter { limit: 100, ..AuditFilter::default() })
        .await
        .unwrap()
        .len();
    assert_eq!(after, before + 2, "of the integration; what was refused leaves none");

    assert_eq!(rename("x", "y").await, EnvironmentOutcome::Done);
    assert_eq!(names().await, ["dev", "prod", "y"]);
    let moved = store.secret_key(hash(90), moment(0)).await.unwrap().unwrap();
    assert_eq!(moved.environment, "y");
    let all = store.environments().await.unwrap();
    assert_eq!(all.last().unwrap().settings, settings);
    let kept = store.server_secret("hmac_key:y", sealed("k1", "candidate")).await.unwrap();
    assert_eq!(kept, sealed("k1", "new"));
    let gone = store.server_secret("hmac_key:x", sealed("k1", "candidate")).await.unwrap();
    assert_eq!(gone, sealed("k1", "candidate"), "the one under the old name is gone");

    assert_eq!(store.delete_environment("y", audit()).await.unwrap(), EnvironmentOutcome::Done);
    assert_eq!(store.delete_environment("y", audit()).await.unwrap(), EnvironmentOutcome::Unknown);
    assert_eq!(names().await, ["dev", "prod"]);
    assert_eq!(store.secret_key(hash(90), moment(0)).await.unwrap(), None);
}

async fn one_of_each_allowance_is_taken_or_none(store: &dyn Store) {
    let now = moment(0);
    let (wide, narrow) =
        (("wide".to_owned(), Quota::per_minute(20)), ("narrow".to_owned(), Quota::per_minute(5)));
    let both = [wide.clone(), narrow.clone()];
    let takes = join_all((0..60).map(|_| store.take_one_of_each(&both, now))).await;
    let granted = takes
        .into_iter()
        .filter(|taken| taken.as_ref().unwrap().iter().all(|taken| taken.granted == 1));
    assert_eq!(granted.count(), 5);
    let taken = store.take_allowance("narrow", narrow.1, 1, now).await.unwrap();
    assert_eq!(taken.granted, 0);
    let refused = store.take_one_of_each(&both, now).await.unwrap();
    let empty = refused.iter().find(|taken| taken.granted == 0).unwrap();
    assert_eq!(empty.full_at, taken.full_at, "when it is full again, for who is refused");
    store.put_back(&both).await.unwrap();
    assert_eq!(store.take_allowance("wide", wide.1, 20, now).await.unwrap().granted, 16);
    assert_eq!(store.take_allowance("narrow", narrow.1, 5, now).await.unwrap().granted, 1);
    // They regain one after the other, as those of which several are taken.
    let regained = now + SignedDuration::from_secs(12);
    for granted in [1, 0] {
        let taken = store.take_one_of_each(std::slice::from_ref(&narrow), regained).await.unwrap();
        assert_eq!(taken.iter().map(|taken| taken.granted).collect::<Vec<_>>(), [granted]);
    }
    store.put_back(&[("never used".to_owned(), narrow.1)]).await.unwrap();
    let whole = store.take_allowance("never used", narrow.1, 9, now).await.unwrap();
    assert_eq!(whole.granted, 5, "a full one does not get fuller");
}

/// Look-ups that wait for one another may be asked together: each gets its own answer.
async fn what_is_looked_up_at_once_is_found_for_each(store: &dyn Store) {
    for environment in ["dev", "prod"] {
        integration(store, environment, "a").await;
        for number in 0..20 {
            let write = write("a", &format!("{environment}-{number}"));
            stored(store, Write { environment: environment.into(), ..write }).await;
        }
    }
    let asked: Vec<(&str, &str, String)> = (0..40)
        .flat_map(|number| {
            let dev = format!("dev-{number}");
            [("dev", "a", dev.clone()), ("prod", "a", dev.clone()), ("dev", "b", dev)]
        })
        .collect();
    let found = join_all(
        asked.iter().map(|(environment, key, name)| store.connection(environment, key, name)),
    )
    .await;
    for ((environment, key, name), found) in asked.iter().zip(found) {
        let number: u32 = name.trim_start_matches("dev-").parse().unwrap();
        match found.unwrap() {
            Found::Found(connection) => {
                assert_eq!((*environment, *key), ("dev", "a"), "{name}");
                assert_eq!(connection.summary.connection_id.as_str(), name);
                assert!(number < 20);
            }
            Found::UnknownConnection => {
                assert!(*key == "a" && (*environment == "prod" || number >= 20), "{name}");
            }
            Found::UnknownIntegration => assert_eq!(*key, "b"),
        }
    }
    // One that cannot be asked for spoils nothing for those that go out with it.
    let names: Vec<String> = (0..40)
        .map(|n| if n % 8 == 3 { "nul\0".into() } else { format!("dev-{}", n % 20) })
        .collect();
    let found = join_all(names.iter().map(|name| store.connection("dev", "a", name))).await;
    for (name, found) in names.iter().zip(found) {
        if name.starts_with("dev-") {
            assert!(matches!(found.unwrap(), Found::Found(_)), "{name}");
        } else {
            assert!(!matches!(found, Ok(Found::Found(_))), "there is none of that name");
        }
    }
}

async fn an_allowance_is_taken_by_all_together_and_never_twice(store: &dyn Store) {
    let (quota, now) = (Quota::per_minute(600), moment(0));
    // Sixty at once ask for 20 each, and there are 600.
    let takes = (0..60).map(|_| store.take_allowance("a", quota, 20, now));
    let granted: Vec<u32> =
        join_all(takes).await.into_iter().map(|taken| taken.unwrap().granted).collect();
    assert_eq!(granted.iter().sum::<u32>(), 600);
    let empty = store.take_allowance("a", quota, 1, now).await.unwrap();
    assert_eq!(empty.granted, 0);
    assert_eq!(store.take_allowance("b", quota, 5, now).await.unwrap().granted, 5, "its own");

    assert_eq!(store.purge_allowances(now).await.unwrap(), 0, "both are in use");
    let later = now + SignedDuration::from_secs(30);
    assert_eq!(store.take_allowance("a", quota, 500, later).await.unwrap().granted, 300);
    assert_eq!(store.purge_allowances(later).await.unwrap(), 1, "b is full again");
    store.forget_allowance("a").await.unwrap();
    assert_eq!(store.take_allowance("a", quota, 600, later).await.unwrap().granted, 600);
}

/// What is done, without the key, to a log whose oldest three of ten events were removed, and the place of
/// the event that then does not fit.
const TAMPERING: [(&str, i64); 9] = [
    ("update audit_events set actor = 'nobody' where link = 7", 7),
    ("delete from audit_events where link = 7", 8),
    ("delete from audit_events where link = 4", 5),
    ("delete from audit_starts", 4),
    // As if the server had removed one more.
    (
        "update audit_starts set link = 4, mac = (select mac from audit_events where link = 4);
         delete from audit_events where link = 4",
        5,
    ),
    // The seal of another environment, and that of another time.
    ("update audit_starts set environment = 'dev' where environment = 'prod'", 4),
    ("update audit_starts set link = 2", 4),
    (
        "update audit_events set link = 11 where link = 4; update audit_events set link = 4 where link = 10",
        4,
    ),
    // So that the server removes them itself.
    ("update audit_events set at = 0", 4),
];

/// `run` does something to the database behind the store's back.
async fn an_audit_log_that_lost_its_oldest_events_shows_tampering(
    store: &dyn Store,
    run: impl AsyncFn(&str),
) {
    let chain = AuditChain::new(b"a secret");
    for (tampering, place) in TAMPERING {
        run("delete from audit_events; delete from audit_starts").await;
        for number in 0..10 {
            store.record(event(moment(number), "dev")).await.unwrap();
        }
        store.link_audit_events(chain.clone(), 100).await.unwrap();
        let remove = async |before| {
            store.remove_old_audit_events("dev", chain.clone(), moment(before), 100).await.unwrap()
        };
        assert_eq!(remove(3).await.events, 3);
        if tampering.contains("'prod'") {
            run("delete from audit_starts").await;
            for number in 0..3 {
                store.record(event(moment(number), "prod")).await.unwrap();
            }
            store.link_audit_events(chain.clone(), 100).await.unwrap();
            let prod = store.remove_old_audit_events("prod", chain.clone(), moment(3), 100);
            assert_eq!(prod.await.unwrap().events, 3);
        }
        let ids: Vec<i64> = store
            .audit_events("dev", newest(100))
            .await
            .unwrap()
            .iter()
            .rev()
            .map(|event| event.id)
            .collect();
        run(tampering).await;
        let report = chain.check(store, "dev").await.unwrap();
        // Of a moved one, the number is that of the event that now has the place.
        let expected =
            if tampering.contains("link = 11") { ids[6] } else { ids[place as usize - 4] };
        assert_eq!(report.broken_at, Some(expected), "{tampering}");
        // Nothing of what does not fit, or comes after, is removed.
        let kept = store.audit_events("dev", newest(100)).await.unwrap().len() as u64;
        let removed = remove(1000).await;
        assert_eq!(removed.broken_at, Some(expected), "{tampering}");
        assert_eq!(
            store.audit_events("dev", newest(100)).await.unwrap().len() as u64,
            kept - removed.events
        );
        let report = chain.check(store, "dev").await.unwrap();
        assert_eq!(report.broken_at, Some(expected), "{tampering}, afterwards");
    }
}

async fn sqlite_store() -> (tempfile::TempDir, Arc<dyn Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&dir.path().join("keyslot.db")).unwrap();
    store.ensure_environments(&FIRST_ENVIRONMENTS, moment(0)).await.unwrap();
    (dir, Arc::new(store))
}

async fn postgres_store(schema: &Schema) -> Arc<dyn Store> {
    let store = PostgresStore::open(schema.url(), None).await.unwrap();
    store.ensure_environments(&FIRST_ENVIRONMENTS, moment(0)).await.unwrap();
    Arc::new(store)
}

/// What only the one file of SQLite can do wrong.
mod sqlite_file {
    use super::*;

    fn refused(path: &std::path::Path) -> String {
        match SqliteStore::open(path) {
            Err(StoreError::Refused(why)) => why,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was opened"),
        }
    }

    fn database(dir: &tempfile::TempDir) -> PathBuf {
        dir.path().join("keyslot.db")
    }

    #[tokio::test]
    async fn what_was_stored_is_there_after_opening_again() {
        let (dir, store) = sqlite_store().await;
        integration(store.as_ref(), "dev", "a").await;
        stored(store.as_ref(), write("a", "c1")).await;
        store.close().await;
        drop(store);
        let store = SqliteStore::open(&database(&dir)).unwrap();
        assert_eq!(list(&store, ConnectionFilter::default()).await, "c1");
    }

    #[tokio::test]
    async fn what_a_server_that_died_had_in_hand_is_due_again_at_once() {
        let (dir, store) = sqlite_store().await;
        integration(store.as_ref(), "dev", "a").await;
        send_webhooks_to(store.as_ref(), Some("https://one.example"), None).await;
        stored(store.as_ref(), write("a", "c1")).await;
        assert_eq!(store.claim_webhooks(moment(1), moment(60), 9).await.unwrap().len(), 1);
        store.close().await;
        drop(store);
        let store = SqliteStore::open(&database(&dir)).unwrap();
        assert_eq!(store.claim_webhooks(moment(1), moment(60), 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn an_audit_event_that_was_changed_removed_or_moved_is_found() {
        for (tampering, found) in [
            ("update audit_events set actor = 'nobody' where id = 3", Some(3)),
            ("update audit_events set at = at + 1 where id = 3", Some(3)),
            ("delete from audit_events where id = 3", Some(4)),
            ("update audit_events set link = 99 where id = 3", Some(4)),
            (
                "update audit_events set link = 9 where id = 3;
                 update audit_events set link = 3 where id = 4;
                 update audit_events set link = 4 where id = 3",
                Some(4),
            ),
            ("update audit_events set mac = zeroblob(32) where id = 5", Some(5)),
            ("update audit_events set environment = 'prod' where id = 3", Some(4)),
            ("select 1", None),
        ] {
            let (dir, store) = sqlite_store().await;
            let chain = AuditChain::new(b"a secret");
            for number in 0..5 {
                integration(store.as_ref(), "dev", &format!("n{number}")).await;
            }
            store.link_audit_events(chain.clone(), 100).await.unwrap();
            let db = rusqlite::Connection::open(database(&dir)).unwrap();
            db.execute_batch(tampering).unwrap();
            let report = chain.check(store.as_ref(), "dev").await.unwrap();
            assert_eq!(report.broken_at, found, "{tampering}");
        }
    }

    #[tokio::test]
    async fn tampering_with_a_log_that_lost_its_oldest_events_is_found() {
        let (dir, store) = sqlite_store().await;
        let db = rusqlite::Connection::open(database(&dir)).unwrap();
        an_audit_log_that_lost_its_oldest_events_shows_tampering(store.as_ref(), async |sql| {
            db.execute_batch(sql).unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn a_second_server_is_kept_away() {
        let (dir, _store) = sqlite_store().await;
        let why = refused(&database(&dir));
        assert!(why.contains("in use by another keyslot-server"), "{why}");
    }

    #[tokio::test]
    async fn a_file_of_a_newer_server_is_refused_and_not_touched() {
        let (dir, store) = sqlite_store().await;
        store.close().await;
        drop(store);
        let db = rusqlite::Connection::open(database(&dir)).unwrap();
        db.pragma_update(None, "user_version", 1000).unwrap();
        drop(db);
        let before = std::fs::read(database(&dir)).unwrap();
        let why = refused(&database(&dir));
        assert!(why.contains("has schema 1000"), "{why}");
        assert_eq!(std::fs::read(database(&dir)).unwrap(), before);
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let db = rusqlite::Connection::open(database(&dir)).unwrap();
        db.execute_batch("create table songs (title text)").unwrap();
        drop(db);
        let why = refused(&database(&dir));
        assert!(why.contains("a database of another program"), "{why}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn nobody_else_on_the_machine_can_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, store) = sqlite_store().await;
        integration(store.as_ref(), "dev", "a").await;
        let files = std::fs::read_dir(dir.path()).unwrap();
        let mut names = Vec::new();
        for file in files.map(Result::unwrap) {
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?}", file.file_name());
            names.push(file.file_name().into_string().unwrap());
        }
        assert!(names.iter().any(|name| name.ends_with("-wal")), "{names:?}");
    }
}

/// What only a database that several servers share can do wrong.
mod postgres_database {
    use super::*;

    #[tokio::test]
    async fn tampering_with_a_log_that_lost_its_oldest_events_is_found() {
        let Some(schema) = Schema::new().await else { return };
        let store = postgres_store(&schema).await;
        an_audit_log_that_lost_its_oldest_events_shows_tampering(store.as_ref(), async |sql| {
            schema.run(sql).await;
        })
        .await;
        store.close().await;
        schema.remove().await;
    }

    #[tokio::test]
    async fn a_list_of_changes_passes_no_read_by() {
        let Some(schema) = Schema::new().await else { return };
        let store = postgres_store(&schema).await;
        let many = "insert into audit_events (at, environment, actor, action, object, request_id)
             select n, 'dev', 'secret_key:k', case n % 10000 when 0 then 'connection.updated' else 'connection.read' end,
                 'connection:a/' || n % 7, ''
             from generate_series(1, 200000) n;
             analyze audit_events";
        schema.run(many).await;
        for (index, object) in [
            ("audit_events_changes", None),
            ("audit_events_changes_by_object", Some("connection:a/3".to_owned())),
        ] {
            let filter = AuditFilter { changes_only: true, object, ..newest(50) };
            let found = store.audit_events("dev", filter).await.unwrap();
            assert!(!found.is_empty() && found.iter().all(|e| e.action == "connection.updated"));
            // What PostgreSQL counted, which it says a moment later.
            let used = format!(
                "do $$ begin
                     for attempt in 1..200 loop
                         perform pg_stat_clear_snapshot();
                         perform 1 from pg_stat_user_indexes
                             where schemaname = current_schema and indexrelname = '{index}' and idx_scan > 0;
                         if found then return; end if;
                         perform pg_sleep(0.1);
                     end loop;
                     raise exception '{index} was not used';
                 end $$"
            );
            schema.run(&used).await;
        }
        store.close().await;
        schema.remove().await;
    }

    #[tokio::test]
    async fn servers_that_start_at_once_migrate_once() {
        let Some(schema) = Schema::new().await else { return };
        let starts = (0..6).map(|_| {
            let url = schema.url().to_owned();
            tokio::spawn(async move { PostgresStore::open(&url, None).await })
        });
        let mut stores = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            stores.push(start.await.unwrap().unwrap());
        }
        stores[0].ensure_environments(&FIRST_ENVIRONMENTS, moment(0)).await.unwrap();
        integration(&stores[1], "dev", "a").await;
        assert_eq!(stores[5].integrations("dev").await.unwrap().len(), 1, "one database");
        for store in &stores {
            store.close().await;
        }
        schema.remove().await;
    }

    #[tokio::test]
    async fn a_schema_of_a_newer_server_is_refused() {
        let Some(schema) = Schema::new().await else { return };
        postgres_store(&schema).await.close().await;
        schema.run("update keyslot_schema set version = 1000").await;
        match PostgresStore::open(schema.url(), None).await {
            Err(StoreError::Refused(why)) => assert!(why.contains("has schema 1000"), "{why}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was opened"),
        }
        schema.remove().await;
    }

    #[tokio::test]
    async fn a_session_that_posts_many_times_at_once_makes_one_connection() {
        let Some(schema) = Schema::new().await else { return };
        let store = postgres_store(&schema).await;
        integration(store.as_ref(), "dev", "a").await;
        session(store.as_ref(), 1, Target::Unbound).await;
        let attempts = (0..40).map(|n| {
            let write = by_session(write("a", &format!("c{n}")), 1, None);
            store.write_connection(write, event(moment(1), "dev"))
        });
        let outcomes = futures_of(attempts).await;
        let made = outcomes.iter().filter(|outcome| {
            matches!(outcome.as_ref().unwrap(), Written::Stored { created: true, .. })
        });
        assert_eq!(made.count(), 1);
        let moved = outcomes.iter().filter(|o| matches!(o.as_ref().unwrap(), Written::Moved(_)));
        assert_eq!(moved.count(), 39, "the others are told which one it is");
        store.close().await;
        schema.remove().await;
    }

    #[tokio::test]
    async fn writers_of_one_new_id_make_one_row_and_replace_it() {
        let Some(schema) = Schema::new().await else { return };
        let store = postgres_store(&schema).await;
        integration(store.as_ref(), "dev", "a").await;
        let attempts =
            (0..40).map(|_| store.write_connection(write("a", "same"), event(moment(1), "dev")));
        let outcomes = futures_of(attempts).await;
        let made = outcomes.iter().filter(|outcome| {
            matches!(outcome.as_ref().unwrap(), Written::Stored { created: true, .. })
        });
        assert_eq!(made.count(), 1);
        assert_eq!(list(store.as_ref(), ConnectionFilter::default()).await, "same");
        store.close().await;
        schema.remove().await;
    }

    #[tokio::test]
    async fn an_integration_that_is_deleted_while_connections_are_made_leaves_none_behind() {
        let Some(schema) = Schema::new().await else { return };
        let store = postgres_store(&schema).await;
        integration(store.as_ref(), "dev", "a").await;
        let writes = (0..30)
            .map(|n| store.write_connection(write("a", &format!("c{n}")), event(moment(1), "dev")));
        let delete = async {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            store.delete_integration("dev", "a", event(moment(1), "dev")).await.unwrap()
        };
        let (outcomes, deleted) = tokio::join!(futures_of(writes), delete);
        assert!(deleted);
        for outcome in outcomes {
            let outcome = outcome.unwrap();
            assert!(
                matches!(outcome, Written::Stored { .. } | Written::UnknownIntegration),
                "{outcome:?}"
            );
        }
        let all = ConnectionFilter { limit: 100, ..Default::default() };
        assert!(store.connections("dev", all).await.unwrap().is_empty());
        store.close().await;
        schema.remove().await;
    }

    #[tokio::test]
    async fn what_cannot_be_kept_is_named_and_changes_nothing() {
        let Some(schema) = Schema::new().await else { return };
        let store = postgres_store(&schema).await;
        integration(store.as_ref(), "dev", "a").await;
        let labelled = Write { tags: Some(tags(&[("k", "a\0b")])), ..write("a", "c1") };
        let outcome = store.write_connection(labelled, event(moment(1), "dev")).await;
        assert!(matches!(outcome, Err(StoreError::Unstorable(_))), "{outcome:?}");
        assert_eq!(list(store.as_ref(), ConnectionFilter::default()).await, "");
        // In a document it is an escape, and is kept.
        let noted = Write {
            metadata: Some(object(json!({ "a\0": "b\0", "z": 1, "a": 1.5e300 }))),
            ..write("a", "c1")
        };
        stored(store.as_ref(), noted.clone()).await;
        let Found::Found(read) = store.connection("dev", "a", "c1").await.unwrap() else {
            panic!()
        };
        assert_eq!(Some(read.summary.metadata), noted.metadata);
        store.close().await;
        schema.remove().await;
    }
}
