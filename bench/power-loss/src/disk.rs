//! What a disk may hold: for certain what was synced, and of the rest whatever the [`Failure`] says.

use std::collections::{BTreeMap, HashMap};

use fastrand::Rng;

use crate::recording::{Event, FileNumber};

/// A disk writes sectors of this size whole or not at all.
pub const SECTOR: u64 = 512;

/// What of the writes that no sync covers has reached the disk when the power fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing.
    Nothing,
    /// The first ones of each file, in their order.
    Prefix,
    /// Any of them.
    Subset,
    /// Any of their sectors.
    Torn,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Nothing, Self::Prefix, Self::Subset, Self::Torn];
}

enum Change<'a> {
    Written(u64, &'a [u8]),
    Truncated(u64),
}

#[derive(Default)]
struct File<'a> {
    certain: Vec<u8>,
    /// Each with the number of events before it.
    uncertain: Vec<(usize, Change<'a>)>,
}

/// A disk after some events of a recording.
#[derive(Default)]
pub struct Disk<'a> {
    files: Vec<File<'a>>,
    names: BTreeMap<&'a str, FileNumber>,
    /// Names given, and names taken away (nothing), that no sync of the folder covers.
    uncertain_names: Vec<(usize, &'a str, Option<FileNumber>)>,
    /// Syncs under way: how many events were before their start.
    begun: HashMap<u64, usize>,
    seen: usize,
}

impl<'a> Disk<'a> {
    /// Takes the next event of the recording.
    pub fn take(&mut self, event: &Event<'a>) {
        let now = self.seen;
        self.seen += 1;
        match *event {
            Event::Named(file, name) => {
                self.uncertain_names.push((now, name, Some(file)));
                if self.files.len() <= file {
                    self.files.resize_with(file + 1, File::default);
                }
            }
            Event::Removed(name) => self.uncertain_names.push((now, name, None)),
            Event::Written(file, offset, bytes) => {
                self.change(file, now, Change::Written(offset, bytes));
            }
            Event::Truncated(file, size) => self.change(file, now, Change::Truncated(size)),
            Event::SyncBegun(_, number) | Event::FolderSyncBegun(number) => {
                self.begun.insert(number, now);
            }
            Event::Synced(file, number) => {
                let Some(begun) = self.begun.remove(&number) else { return };
                let Some(file) = self.files.get_mut(file) else { return };
                let covered = file.uncertain.partition_point(|(at, _)| *at < begun);
                for (_, change) in file.uncertain.drain(..covered) {
                    apply(&mut file.certain, &change);
                }
            }
            Event::FolderSynced(number) => {
                let Some(begun) = self.begun.remove(&number) else { return };
                let covered = self.uncertain_names.partition_point(|(at, ..)| *at < begun);
                for (_, name, file) in self.uncertain_names.drain(..covered) {
                    rename(&mut self.names, name, file);
                }
            }
            Event::Sent(_) => {}
        }
    }

    fn change(&mut self, file: FileNumber, now: usize, change: Change<'a>) {
        if let Some(file) = self.files.get_mut(file) {
            file.uncertain.push((now, change));
        }
    }

    /// One of the things it may hold if the power fails now: files by their names.
    pub fn after(&self, failure: Failure, rng: &mut Rng) -> BTreeMap<&'a str, Vec<u8>> {
        let mut names = self.names.clone();
        let first = rng.usize(..=self.uncertain_names.len());
        for (index, (_, name, file)) in self.uncertain_names.iter().enumerate() {
            let happened = match failure {
                Failure::Nothing => false,
                Failure::Prefix => index < first,
                Failure::Subset | Failure::Torn => rng.bool(),
            };
            if happened {
                rename(&mut names, name, *file);
            }
        }
        names
            .into_iter()
            .filter_map(|(name, file)| Some((name, content(self.files.get(file)?, failure, rng))))
            .collect()
    }
}

fn content(file: &File<'_>, failure: Failure, rng: &mut Rng) -> Vec<u8> {
    let mut bytes = file.certain.clone();
    let first = rng.usize(..=file.uncertain.len());
    // Sometimes most of it is there and sometimes hardly any.
    let share = rng.f64();
    for (index, (_, change)) in file.uncertain.iter().enumerate() {
        match failure {
            Failure::Nothing => {}
            Failure::Prefix if index < first => apply(&mut bytes, change),
            Failure::Prefix => {}
            Failure::Subset if rng.f64() < share => apply(&mut bytes, change),
            Failure::Subset => {}
            Failure::Torn => match change {
                Change::Written(offset, data) => {
                    for (at, sector) in sectors(*offset, data) {
                        if rng.f64() < share {
                            apply(&mut bytes, &Change::Written(at, sector));
                        }
                    }
                }
                Change::Truncated(_) if rng.f64() < share => apply(&mut bytes, change),
                Change::Truncated(_) => {}
            },
        }
    }
    bytes
}

/// The parts of a write that lie in one sector each.
fn sectors(mut offset: u64, mut data: &[u8]) -> Vec<(u64, &[u8])> {
    let mut parts = Vec::new();
    while !data.is_empty() {
        let room = usize::try_from(SECTOR - offset % SECTOR).unwrap_or(usize::MAX);
        let (part, rest) = data.split_at(room.min(data.len()));
        parts.push((offset, part));
        offset += part.len() as u64;
        data = rest;
    }
    parts
}

fn apply(bytes: &mut Vec<u8>, change: &Change<'_>) {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    match change {
        Change::Truncated(to) => bytes.resize(size(*to), 0),
        Change::Written(offset, data) => {
            let start = size(*offset);
            let end = start.saturating_add(data.len());
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            if let Some(place) = bytes.get_mut(start..end) {
                place.copy_from_slice(data);
            }
        }
    }
}

fn rename<'a>(names: &mut BTreeMap<&'a str, FileNumber>, name: &'a str, file: Option<FileNumber>) {
    match file {
        Some(file) => names.insert(name, file),
        None => names.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk<'a>(events: &[Event<'a>]) -> Disk<'a> {
        let mut disk = Disk::default();
        for event in events {
            disk.take(event);
        }
        disk
    }

    const NAMED: [Event<'static>; 3] =
        [Event::Named(0, "a"), Event::FolderSyncBegun(1), Event::FolderSynced(1)];

    #[test]
    fn what_a_finished_sync_covers_is_there_whatever_fails() {
        let mut events = NAMED.to_vec();
        events.extend([
            Event::Written(0, 0, b"certain"),
            Event::SyncBegun(0, 2),
            Event::Written(0, 7, b"while it ran"),
            Event::Synced(0, 2),
            Event::Written(0, 0, b"UNCERTAIN"),
        ]);
        let disk = disk(&events);
        let mut rng = Rng::with_seed(1);
        assert_eq!(disk.after(Failure::Nothing, &mut rng)["a"], b"certain");
        let all: Vec<_> =
            (0..200).map(|_| disk.after(Failure::Subset, &mut rng).remove("a").unwrap()).collect();
        for expected in
            [&b"certain"[..], b"certainwhile it ran", b"UNCERTAIN", b"UNCERTAINile it ran"]
        {
            assert!(all.iter().any(|bytes| bytes == expected));
        }
        assert!(all.iter().all(|bytes| bytes.starts_with(b"certain") || bytes.starts_with(b"UNC")));
    }

    #[test]
    fn a_sync_that_has_not_ended_promises_nothing_and_a_name_needs_one_of_its_folder() {
        let mut rng = Rng::with_seed(2);
        let begun = disk(&[
            Event::Named(0, "a"),
            Event::Written(0, 0, b"x"),
            Event::SyncBegun(0, 1),
            Event::Synced(0, 1),
        ]);
        assert!(begun.after(Failure::Nothing, &mut rng).is_empty());
        let mut events = NAMED.to_vec();
        events.extend([Event::Written(0, 0, b"x"), Event::SyncBegun(0, 2), Event::Removed("a")]);
        let begun = disk(&events);
        assert_eq!(begun.after(Failure::Nothing, &mut rng)["a"], b"");
        assert!((0..50).any(|_| begun.after(Failure::Subset, &mut rng).is_empty()));
    }

    #[test]
    fn a_write_is_torn_at_sectors_and_a_hole_is_zeros() {
        let data: Vec<u8> = [[1_u8; 412], [2; 412]].concat();
        let mut events = NAMED.to_vec();
        events.push(Event::Written(0, 200, &data));
        let disk = disk(&events);
        let mut rng = Rng::with_seed(3);
        let all: Vec<_> =
            (0..200).map(|_| disk.after(Failure::Torn, &mut rng).remove("a").unwrap()).collect();
        // Sector 0 ends 312 bytes into the write, sector 1 at its end.
        assert!(all.iter().any(|bytes| bytes.len() == 512));
        let second = all.iter().find(|bytes| bytes.len() == 1024 && bytes[200] == 0).unwrap();
        assert!(
            second[..512].iter().all(|byte| *byte == 0) && second[512..].iter().all(|b| *b != 0)
        );
    }
}
