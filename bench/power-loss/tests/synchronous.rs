//! The controls leave syncs out by a rule. Here SQLite itself runs with `synchronous=NORMAL` under the
//! recorder, and does what the rule makes of its run with `FULL`.
#![cfg(target_os = "linux")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use keyslot_power_loss::{
    disk::{Disk, Failure},
    recording::{Event, Synchronous, read, with},
};
use rusqlite::Connection as Db;

const SETTING: &str = "KEYSLOT_POWER_LOSS_TEST_SYNCHRONOUS";

fn recorder(folder: &Path) -> PathBuf {
    let library = folder.join("recorder.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/recorder.c");
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
        .args([library.as_os_str(), source.as_ref()])
        .status()
        .expect("a C compiler, which building SQLite needs too");
    assert!(status.success());
    library
}

/// Runs [`write_rows`] in a process of its own, under the recorder: the test of this name, which sees the
/// variable.
fn recorded(test: &str, folder: &Path, library: &Path, synchronous: &str) -> Vec<u8> {
    let data = folder.join(synchronous);
    std::fs::create_dir(&data).unwrap();
    let recording = folder.join(format!("{synchronous}.recording"));
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("LD_PRELOAD", library)
        .env("KEYSLOT_RECORD", &recording)
        .env("KEYSLOT_RECORD_FOLDER", &data)
        .env(SETTING, synchronous)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::read(recording).unwrap()
}

/// Writes to a database if this is the process that is recorded.
fn write_rows() -> bool {
    let Ok(synchronous) = std::env::var(SETTING) else { return false };
    let folder = PathBuf::from(std::env::var_os("KEYSLOT_RECORD_FOLDER").unwrap());
    let db = Db::open(folder.join("x.db")).unwrap();
    db.query_row("pragma journal_mode = wal", [], |_| Ok(())).unwrap();
    db.pragma_update(None, "synchronous", synchronous).unwrap();
    db.pragma_update(None, "wal_autocheckpoint", 20).unwrap();
    db.execute_batch("create table t (n integer primary key, v text) strict").unwrap();
    for n in 0..300 {
        db.execute("insert or replace into t values (?1, ?2)", (n % 200, "x".repeat(700))).unwrap();
    }
    true
}

/// Without what differs from run to run: the log's salts and checksums, and the numbers of syncs.
fn shape(events: &[Event<'_>]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Written(file, offset, bytes) => Some(format!("{file} {offset} {}", bytes.len())),
            Event::Synced(file, _) => Some(format!("{file} synced")),
            Event::Truncated(file, size) => Some(format!("{file} is {size}")),
            Event::Named(file, name) => Some(format!("{file} named {name}")),
            Event::FolderSynced(_) => Some("folder synced".to_owned()),
            Event::Removed(name) => Some(format!("{name} removed")),
            Event::SyncBegun(..) | Event::FolderSyncBegun(_) | Event::Sent(_) => None,
        })
        .collect()
}

#[test]
fn the_rule_leaves_out_what_sqlite_leaves_out() {
    if write_rows() {
        return;
    }
    let test = "the_rule_leaves_out_what_sqlite_leaves_out";
    let folder = tempfile::tempdir().unwrap();
    let library = recorder(folder.path());
    let full = recorded(test, folder.path(), &library, "FULL");
    let full = read(&full).unwrap();
    let normal = recorded(test, folder.path(), &library, "NORMAL");
    let normal = read(&normal).unwrap();

    assert!(full.iter().filter(|event| matches!(event, Event::Synced(..))).count() > 300);
    assert_eq!(shape(&with(&full, Synchronous::Normal)), shape(&normal));
    assert_ne!(shape(&full), shape(&normal));
}

#[test]
fn a_recording_replayed_to_its_end_is_what_the_files_are() {
    if write_rows() {
        return;
    }
    let test = "a_recording_replayed_to_its_end_is_what_the_files_are";
    let folder = tempfile::tempdir().unwrap();
    let library = recorder(folder.path());
    let bytes = recorded(test, folder.path(), &library, "FULL");
    let mut disk = Disk::default();
    for event in read(&bytes).unwrap() {
        disk.take(&event);
    }
    // The last connection's close has synced the database and removed the log.
    let files = disk.after(Failure::Nothing, &mut fastrand::Rng::with_seed(1));
    let real = std::fs::read(folder.path().join("FULL/x.db")).unwrap();
    assert!(files.get("x.db").is_some_and(|found| *found == real));
}
