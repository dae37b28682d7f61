//! `keyslot-power-loss RECORDING`: fails the power at many moments of a recording, opens what a disk may hold
//! then, and counts what was lost; once as it was recorded, and as controls with the syncs of
//! `synchronous=NORMAL` and `OFF` only. Prints one JSON document. `npm run faults` makes the recording
//! and judges the figures.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use clap::Parser;
use fastrand::Rng;
use keyslot_power_loss::{
    disk::{Disk, Failure},
    promises::{Promises, kept, promise},
    recording::{Event, Synchronous, read, with},
};
use serde_json::{Value, json};

/// The server's database in its data folder.
const DATABASE: &str = "keyslot.db";
/// The most cases that are described.
const DESCRIBED: usize = 5;

/// Replays a recording of a server's writes with power failures.
#[derive(Parser)]
struct Options {
    /// What recorder.c wrote
    recording: PathBuf,
    /// How many power failures are tried with all syncs
    #[arg(long, default_value_t = 1000)]
    states: usize,
    /// How many are tried for each of the controls
    #[arg(long, default_value_t = 200)]
    control: usize,
    /// The same seed tries the same ones
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// So many of the states are left in this folder, for a server to start on: N/data and N/promises.json
    #[arg(long, requires = "kept")]
    into: Option<PathBuf>,
    /// How many
    #[arg(long, default_value_t = 0)]
    kept: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let bytes = fs::read(&options.recording)?;
    let events = read(&bytes)?;
    let folder = tempfile::tempdir()?;
    let mut runs = serde_json::Map::new();
    for (name, synchronous, states) in [
        ("FULL", Synchronous::Full, options.states),
        ("NORMAL", Synchronous::Normal, options.control),
        ("OFF", Synchronous::Off, options.control),
    ] {
        let keep = match &options.into {
            Some(into) if synchronous == Synchronous::Full => Some((into.as_path(), options.kept)),
            _ => None,
        };
        let run = replay(
            &with(&events, synchronous),
            states,
            &mut Rng::with_seed(options.seed),
            folder.path(),
            keep,
        )?;
        runs.insert(name.to_owned(), run);
    }
    let count = |wanted: fn(&Event<'_>) -> bool| events.iter().filter(|e| wanted(e)).count();
    let document = json!({
        "writes": count(|event| matches!(event, Event::Written(..))),
        "syncs": count(|event| matches!(event, Event::Synced(..))),
        "acknowledged": count(|event| matches!(event, Event::Sent(sent) if promise(sent).is_some())),
        "runs": runs,
    });
    #[expect(clippy::print_stdout, reason = "the figures are what was asked for")]
    {
        println!("{document:#}");
    }
    Ok(())
}

/// Fails the power `states` times, at moments drawn from all of the recording.
fn replay<'a>(
    events: &[Event<'a>],
    states: usize,
    rng: &mut Rng,
    folder: &Path,
    keep: Option<(&Path, usize)>,
) -> Result<Value, Box<dyn Error>> {
    // After so many events each; sorted, so that the recording is walked through once.
    let mut cuts: Vec<usize> = (0..states).map(|_| rng.usize(..=events.len())).collect();
    cuts.sort_unstable();
    let keep_every = keep.map_or(usize::MAX, |(_, count)| states / count.max(1));

    let mut disk = Disk::default();
    let mut promises = Promises::new();
    let mut taken = 0;
    let (mut losing, mut lost, mut corrupt) = (0_usize, 0_usize, 0_usize);
    let mut described = Vec::new();
    for (index, cut) in cuts.into_iter().enumerate() {
        for event in events.iter().take(cut).skip(taken) {
            disk.take(event);
            if let Event::Sent(sent) = event
                && let Some((id, written)) = promise(sent)
            {
                promises.insert(id, written);
            }
        }
        taken = cut;
        let failure = rng.choice(Failure::ALL).unwrap_or(Failure::Torn);
        let files = disk.after(failure, rng);
        let place = folder.join("state");
        write(&place, &files)?;
        let finding = kept(&place.join(DATABASE), &promises);
        fs::remove_dir_all(&place)?;
        losing += usize::from(finding.lost > 0);
        lost += finding.lost;
        corrupt += usize::from(finding.corrupt.is_some());
        if (finding.lost > 0 || finding.corrupt.is_some()) && described.len() < DESCRIBED {
            described.push(json!({
                "after_events": cut,
                "failure": format!("{failure:?}"),
                "lost": finding.lost,
                "of": promises.len(),
                "corrupt": finding.corrupt,
            }));
        }
        if let Some((into, _)) = keep
            && (index + 1) % keep_every == 0
        {
            let place = into.join((index / keep_every).to_string());
            write(&place.join("data"), &files)?;
            fs::write(place.join("promises.json"), serde_json::to_vec(&promises)?)?;
        }
    }
    Ok(json!({
        "states": states,
        "losing": losing,
        "lost": lost,
        "corrupt": corrupt,
        "cases": described,
    }))
}

fn write(folder: &Path, files: &BTreeMap<&str, Vec<u8>>) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
