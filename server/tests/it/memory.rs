//! What of a credential is left in the memory of the server after it was taken in and handed out, and
//! who else can look.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    os::unix::{
        fs::{FileExt, MetadataExt, chown},
        process::CommandExt,
    },
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::process::{Running, SECRET, folder};

/// How often `needle` is in the writable memory of a process.
fn copies(pid: u32, needle: &[u8]) -> io::Result<usize> {
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut count = 0;
    for line in BufReader::new(File::open(format!("/proc/{pid}/maps"))?).lines() {
        let line = line?;
        let mut parts = line.split_whitespace();
        let (Some(range), Some(rights)) = (parts.next(), parts.next()) else { continue };
        if !rights.starts_with("rw") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let from = u64::from_str_radix(from, 16).unwrap();
        let to = u64::from_str_radix(to, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // Some ranges cannot be read.
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        let mut rest = bytes.as_slice();
        while let Some(at) = rest.windows(needle.len()).position(|window| window == needle) {
            count += 1;
            rest = &rest[at + needle.len()..];
        }
    }
    Ok(count)
}

#[test]
fn no_copy_of_a_credential_stays_in_memory() {
    const KEY: &str = "canary-in-memory-9Zt4kW7pQ1";
    let dir = folder();
    let server = Running::start(
        dir.path(),
        &["--dev", "--catalog", "providers.yaml"],
        &[("KEYSLOT_SECRET_KEY", SECRET)],
    );
    let integration = json!({ "provider": "unchecked", "unique_key": "unchecked" });
    assert_eq!(server.call("POST", "/integrations", SECRET, &integration).0, 200);
    for _ in 0..20 {
        let (status, answer) = server.connect("unchecked", &json!({ "apiKey": KEY }));
        assert_eq!(status, 200, "{answer}");
        assert_eq!(server.key_of("unchecked", answer["connectionId"].as_str().unwrap()), KEY);
    }
    let broken = json!({ "apiKey": KEY, "extra": KEY });
    assert_eq!(server.connect("unchecked", &broken).0, 400);
    // Connections are closed and their buffers given back a moment after the answer.
    std::thread::sleep(Duration::from_secs(1));
    let pid = server.child.id();
    match copies(pid, SECRET.as_bytes()) {
        // It is in the environment of the process, so the search does find what is there.
        Ok(found) => assert!(found > 0, "the search finds nothing at all"),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            // Not root: nobody but root can look, which is the point.
            server.stop();
            return;
        }
        Err(error) => panic!("{error}"),
    }
    let found = copies(pid, KEY.as_bytes()).unwrap();
    println!("plaintext_copies {found}");
    assert_eq!(found, 0, "copies of a credential in memory");
    server.stop();
}

/// A process of the superuser's shows nothing of this: what it has in `/proc` belongs to root anyway.
#[test]
fn a_crash_leaves_no_core_dump_and_other_programs_of_the_user_cannot_look() {
    const NOBODY: u32 = 65_534;
    let dir = folder();
    // Where every user can reach it.
    let program = dir.path().join("keyslot-server");
    std::fs::copy(env!("CARGO_BIN_EXE_keyslot-server"), &program).unwrap();
    let mut command = Command::new(&program);
    command
        .env_clear()
        .current_dir(dir.path())
        .args(["--dev", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command.spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.contains("listening on"), "{ready}");
    let proc = |name: &str| format!("/proc/{}/{name}", child.id());
    let limits = std::fs::read_to_string(proc("limits")).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let numbers: Vec<&str> = line["Max core file size".len()..].split_whitespace().collect();
    assert_eq!(numbers[..2], ["0", "0"], "{line}");
    // The files of a process that is not dumpable belong to root
    // (https://man7.org/linux/man-pages/man5/proc_pid.5.html).
    assert_eq!(std::fs::metadata(proc("mem")).unwrap().uid(), 0);
    child.kill().unwrap();
    child.wait().unwrap();
}
