//! A recording, read back: see `recorder.c` for how it is written.

use std::collections::{HashMap, HashSet};

/// Bytes of an event's header.
const HEADER: usize = 24;

/// One of the files of a recording, numbered from 0 in the order of their first appearance. A file that
/// takes the name of a removed one has another number.
pub type FileNumber = usize;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A new file has this name.
    Named(FileNumber, &'a str),
    /// These bytes were written at this offset.
    Written(FileNumber, u64, &'a [u8]),
    /// The file was cut, or extended with zeros, to this size.
    Truncated(FileNumber, u64),
    /// A sync with this number, unique in the recording, was asked for.
    SyncBegun(FileNumber, u64),
    /// It is done.
    Synced(FileNumber, u64),
    /// A sync of the folder, so of its names.
    FolderSyncBegun(u64),
    /// It is done.
    FolderSynced(u64),
    /// The name is gone.
    Removed(&'a str),
    /// Bytes that are about to be sent over a socket.
    Sent(&'a [u8]),
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the recording is not usable at byte {at}: {why}")]
pub struct Unusable {
    at: usize,
    why: &'static str,
}

/// Reads a recording whose folder was empty when it began. A last event that is cut off, since the
/// program was killed while it wrote that, is left out.
///
/// # Errors
/// [`Unusable`] when it is something else, or files of the folder were there before.
pub fn read(bytes: &[u8]) -> Result<Vec<Event<'_>>, Unusable> {
    let mut events = Vec::new();
    let mut files: HashMap<u64, FileNumber> = HashMap::new();
    let mut count = 0;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + HEADER) {
        let unusable = |why| Unusable { at, why };
        let kind = number(header, 0, 4);
        let length = usize::try_from(number(header, 4, 4)).unwrap_or(usize::MAX);
        let (inode, offset) = (number(header, 8, 8), number(header, 16, 8));
        let start = at + HEADER;
        let Some(data) = start.checked_add(length).and_then(|end| bytes.get(start..end)) else {
            break;
        };
        let text = || std::str::from_utf8(data).map_err(|_| unusable("a name is not UTF-8"));
        let file = |files: &HashMap<u64, FileNumber>| {
            files.get(&inode).copied().ok_or_else(|| unusable("a file that was never opened"))
        };
        match kind {
            1 if offset == 1 => {
                files.insert(inode, count);
                events.push(Event::Named(count, text()?));
                count += 1;
            }
            // Opened once more.
            1 => drop(file(&files)?),
            2 => events.push(Event::Written(file(&files)?, offset, data)),
            3 => events.push(Event::Truncated(file(&files)?, offset)),
            4 => events.push(Event::SyncBegun(file(&files)?, offset)),
            5 => events.push(Event::Synced(file(&files)?, offset)),
            6 => events.push(Event::FolderSyncBegun(offset)),
            7 => events.push(Event::FolderSynced(offset)),
            8 => events.push(Event::Removed(text()?)),
            9 => events.push(Event::Sent(data)),
            _ => return Err(unusable("an event of an unknown kind")),
        }
        at = start + length;
    }
    Ok(events)
}

fn number(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes.iter().skip(at).take(length).rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Which syncs a replay believes in: with fewer it must find losses, or it is blind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// All that were recorded.
    Full,
    /// Those that SQLite makes with `synchronous=NORMAL` and a write-ahead log: none at a commit, all at
    /// a checkpoint and before the log is begun again
    /// (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
    Normal,
    /// None, as with `synchronous=OFF`.
    Off,
}

/// The recording as it would be with fewer syncs. A sync changes nothing about what is written, so all
/// the rest is the same; `tests/synchronous.rs` compares with recordings of SQLite itself.
#[must_use]
pub fn with<'a>(events: &[Event<'a>], synchronous: Synchronous) -> Vec<Event<'a>> {
    let mut logs = HashSet::new();
    // Of each file: whether something past the log's header was written since its last sync.
    let mut frames: HashMap<FileNumber, bool> = HashMap::new();
    let mut left_out = HashSet::new();
    let mut kept = Vec::with_capacity(events.len());
    for event in events {
        let keep = match *event {
            _ if synchronous == Synchronous::Full => true,
            Event::FolderSyncBegun(_) | Event::FolderSynced(_) => synchronous != Synchronous::Off,
            Event::SyncBegun(file, number) => {
                let at_commit = frames.insert(file, false) == Some(true) && logs.contains(&file);
                let leave_out = at_commit || synchronous == Synchronous::Off;
                if leave_out {
                    left_out.insert(number);
                }
                !leave_out
            }
            Event::Synced(_, number) => !left_out.contains(&number),
            Event::Named(file, name) => {
                if name.ends_with("-wal") {
                    logs.insert(file);
                }
                true
            }
            Event::Written(file, offset, _) => {
                // The first 32 bytes of a log are its header, which is synced by itself.
                if offset >= 32 {
                    frames.insert(file, true);
                }
                true
            }
            Event::Truncated(..) | Event::Removed(_) | Event::Sent(_) => true,
        };
        if keep {
            kept.push(event.clone());
        }
    }
    kept
}
