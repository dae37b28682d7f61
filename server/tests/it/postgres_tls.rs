//! PostgreSQL over TLS. The cluster of the tests is given a certificate of an authority made here, through
//! SQL: it lies in a folder, and belongs to a user, that the tests need not know. Other tests do not
//! notice: they ask for no encryption.

use std::{io::Write, path::Path};

use keyslot_server::store::{StoreError, postgres::PostgresStore};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio_postgres::NoTls;

use crate::postgres::{Schema, url};

/// An authority, and what it says of the server at 127.0.0.1; in PEM.
struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn made() -> Made {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = KeyPair::generate().unwrap();
    let authority = params.self_signed(&own).unwrap().pem();
    let issuer = Issuer::new(params, own);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap()
        .pem();
    Made { authority, certificate, key: key.serialize_pem() }
}

/// Gives the cluster its certificate; tells whether that was possible.
async fn turned_on(database: &str, made: &Made) -> bool {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let sql = "select rolsuper from pg_roles where rolname = current_user";
    let able: bool = client.query_one(sql, &[]).await.unwrap().get(0);
    if able {
        for (file, pem) in [("test.crt", &made.certificate), ("test.key", &made.key)] {
            // Lines of PEM hold no quote and nothing that COPY would escape.
            let sql = format!(
                "copy (select regexp_split_to_table('{}', '\n')) to program 'umask 077; cat > {file}'",
                pem.trim()
            );
            client.batch_execute(&sql).await.unwrap();
        }
        for setting in ["ssl_cert_file = 'test.crt'", "ssl_key_file = 'test.key'", "ssl = 'on'"] {
            client.batch_execute(&format!("alter system set {setting}")).await.unwrap();
        }
        client.batch_execute("select pg_reload_conf()").await.unwrap();
        // The postmaster reads it a moment later.
        let on = "select current_setting('ssl') = 'on'";
        while !client.query_one(on, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    } else {
        let text = "SKIPPED: PostgreSQL over TLS, because the user of KEYSLOT_TEST_POSTGRES is no superuser";
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    drop(client);
    connection.await.unwrap().unwrap();
    able
}

async fn refusal(url: &str, authority: Option<&Path>) -> String {
    match PostgresStore::open(url, authority).await {
        Err(StoreError::Refused(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("connected to a server that proves nothing"),
    }
}

#[tokio::test]
async fn an_encrypted_connection_is_made_only_to_a_server_that_proves_who_it_is() {
    let Some(database) = url() else { return };
    let made = made();
    if !turned_on(&database, &made).await {
        return;
    }
    let Some(schema) = Schema::new().await else { return };
    let dir = tempfile::tempdir().unwrap();
    let authority = dir.path().join("authority.pem");
    std::fs::write(&authority, &made.authority).unwrap();
    let encrypted = format!("{}&application_name=over_tls&sslmode=", schema.url());

    for word in ["require", "verify-ca", "verify-full"] {
        let url = format!("{encrypted}{word}");
        let store = PostgresStore::open(&url, Some(&authority)).await.unwrap();
        let sql = "select ssl from pg_stat_ssl join pg_stat_activity using (pid)
                   where application_name = 'over_tls'";
        let (client, connection) = tokio_postgres::connect(&database, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let rows = client.query(sql, &[]).await.unwrap();
        assert!(!rows.is_empty() && rows.iter().all(|row| row.get::<_, bool>(0)), "{word}");
        drop((store, client));
        connection.await.unwrap().unwrap();
    }

    // Nobody vouches for it; another authority does not; and it is not who was asked for.
    let url = format!("{encrypted}require");
    let why = refusal(&url, None).await;
    assert!(why.contains("--database-ca") && why.contains("UnknownIssuer"), "{why}");
    let other = dir.path().join("other.pem");
    std::fs::write(&other, self::made().authority).unwrap();
    let why = refusal(&url, Some(&other)).await;
    assert!(why.contains("certificate"), "{why}");
    let named = url.replacen("127.0.0.1", "localhost", 1);
    assert_ne!(named, url);
    let why = refusal(&named, Some(&authority)).await;
    assert!(why.contains("not valid for name"), "{why}");
    schema.remove().await;
}
