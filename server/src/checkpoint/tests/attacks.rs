//! Flipped bits, lost files, kills: a good checkpoint is found or the start is refused. Nobody is killed: a disk
//! dies, and leaves what a killed server would.
//!
//! The short forms run always. `THALWEG_TORTURE=1` runs the long ones: 2,000 flipped bits and 200 deaths of the disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::support::{Mortal, Rotten, about, checkpoints, read, shards, write};
use crate::checkpoint::{About, CheckpointError, Number, RealDisk};
use thalweg_common::ids::{Fingerprint, ServerId};
use thalweg_common::seed::mix;

fn times(short: u64, long: u64) -> u64 {
    match std::env::var_os("THALWEG_TORTURE") {
        Some(_) => long,
        None => short,
    }
}

/// Every file of the checkpoints in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push(path),
            }
        }
    }
    files.sort();
    files
}

fn flip(path: &Path, bit: u64) {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(bit / 8 % bytes.len() as u64).unwrap();
    bytes[at] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_is_found_wherever_it_is_and_the_one_before_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let kept = checkpoints(folder.path(), RealDisk);
    for step in 1..=3 {
        write(&kept, step).unwrap();
    }
    let files = files(folder.path());
    assert_eq!(files.len(), 9);
    let (mut older, mut refused) = (0, 0);
    for round in 0..times(200, 2_000) {
        let chance = mix(round);
        // One of the newest; now and then one of each.
        let hit: Vec<&PathBuf> = match chance % 8 {
            0 => vec![&files[1], &files[4], &files[8]],
            _ => vec![&files[6 + usize::try_from(chance % 3).unwrap()]],
        };
        let before: Vec<Vec<u8>> = hit.iter().map(|path| fs::read(path).unwrap()).collect();
        for (number, path) in (0_u64..).zip(&hit) {
            flip(path, mix(chance ^ number));
        }
        match read(folder.path()) {
            Ok(step) => {
                assert_eq!(step, Some(2), "round {round}: the newest does not verify");
                older += 1;
            }
            Err(CheckpointError::NoneGood { skipped, .. }) => {
                assert_eq!(skipped.len(), 3, "round {round}");
                refused += 1;
            }
            Err(other) => panic!("round {round}: {other}"),
        }
        for (path, bytes) in hit.iter().zip(before) {
            fs::write(path, bytes).unwrap();
        }
    }
    assert!(0 < older && 0 < refused, "{older} {refused}");
    assert_eq!(read(folder.path()).unwrap(), Some(3));
}

#[test]
fn a_kill_between_any_two_steps_leaves_the_last_good_checkpoint_or_a_refusal() {
    let mut ends = [0; 3];
    for round in 0..times(60, 200) {
        let folder = tempfile::tempdir().unwrap();
        let whole = round % 4;
        for step in 1..=whole {
            write(&checkpoints(folder.path(), RealDisk), step).unwrap();
        }
        let disk = Mortal::new(mix(round) % 16, mix(round + 1) % 257);
        let written = write(&checkpoints(folder.path(), disk), whole + 1);
        match (read(folder.path()), written) {
            (Ok(found), Ok(_)) => {
                assert_eq!(found, Some(whole + 1), "round {round}");
                ends[0] += 1;
            }
            // It was killed after the manifest had its name, or before.
            (Ok(Some(found)), Err(_)) => {
                assert!(
                    found == whole || found == whole + 1,
                    "round {round}: {found}"
                );
                ends[1] += 1;
            }
            (Ok(None), Err(_)) => {
                assert_eq!(whole, 0, "round {round}");
                let begun = files(folder.path());
                assert!(begun.is_empty(), "round {round}: {begun:?}");
            }
            (Err(CheckpointError::NoneGood { .. }), Err(_)) => {
                assert_eq!(whole, 0, "round {round}: there was a good one");
                ends[2] += 1;
            }
            (Err(error), _) => panic!("round {round}: {error}"),
        }
        // Whoever goes on after it writes another one beside what is left.
        write(&checkpoints(folder.path(), RealDisk), 50).unwrap();
        assert_eq!(read(folder.path()).unwrap(), Some(50), "round {round}");
    }
    assert!(ends.iter().all(|times| 0 < *times), "{ends:?}");
}

#[test]
fn every_step_of_writing_is_one_that_a_kill_can_come_before() {
    let folder = tempfile::tempdir().unwrap();
    for step in 1..=4 {
        write(&checkpoints(folder.path(), RealDisk), step).unwrap();
    }
    let disk = Mortal::new(100, 0);
    // Two folders, three files with two steps each, two folders to settle, and one old one to remove.
    let mortal = std::sync::Arc::new(disk);
    let kept = crate::checkpoint::Checkpoints::new(
        folder.path().join("server-1"),
        mortal.clone(),
        about(),
        3,
    );
    write(&kept, 5).unwrap();
    assert_eq!(100 - mortal.left(), 2 + 3 * 2 + 2 + 2);
}

#[test]
fn the_newest_three_stay_and_older_ones_go_once_a_newer_one_was_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let kept = checkpoints(folder.path(), RealDisk);
    for step in 1..=5 {
        assert_eq!(write(&kept, step).unwrap().number, Number(step));
    }
    let numbers = [3, 4, 5].map(Number);
    assert_eq!(kept.numbers().unwrap(), numbers);
    // What is abandoned takes no room.
    drop(kept.begin().unwrap());
    assert_eq!(kept.numbers().unwrap(), numbers);
    // What a killed process has begun is removed with the next one, and its number is not used again.
    std::mem::forget(kept.begin().unwrap());
    assert_eq!(kept.numbers().unwrap(), [3, 4, 5, 6].map(Number));
    assert_eq!(write(&kept, 7).unwrap().number, Number(7));
    assert_eq!(kept.numbers().unwrap(), [4, 5, 7].map(Number));
}

#[test]
fn a_checkpoint_that_does_not_read_back_is_removed_and_the_one_before_stays() {
    let folder = tempfile::tempdir().unwrap();
    write(&checkpoints(folder.path(), RealDisk), 1).unwrap();
    for _ in 0..2 {
        let error = write(&checkpoints(folder.path(), Rotten), 2).unwrap_err();
        assert!(matches!(error, CheckpointError::ReadBack { .. }), "{error}");
        let kept = checkpoints(folder.path(), RealDisk);
        assert_eq!(kept.numbers().unwrap(), [Number(1)]);
    }
    assert_eq!(read(folder.path()).unwrap(), Some(1));
}

#[test]
fn parameters_that_are_no_numbers_make_no_checkpoint_and_leave_the_last_one() {
    let folder = tempfile::tempdir().unwrap();
    let kept = checkpoints(folder.path(), RealDisk);
    write(&kept, 1).unwrap();
    let mut attempt = kept.begin().unwrap();
    let [mut shard, _] = shards(2);
    shard.columns[0].values[4] = f32::NAN;
    let error = attempt.write(&shard).unwrap_err().to_string();
    assert!(
        error.contains("shard 1: element 4 of its parameters is NaN"),
        "{error}"
    );
    assert_eq!(read(folder.path()).unwrap(), Some(1));
}

#[test]
fn checkpoints_of_another_job_or_server_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    write(&checkpoints(folder.path(), RealDisk), 1).unwrap();
    let others = [
        About {
            fingerprint: Fingerprint(6),
            ..about()
        },
        About {
            server: ServerId(0),
            ..about()
        },
        About {
            generation: 2,
            ..about()
        },
    ];
    for other in others {
        let path = folder.path().join("server-1");
        let kept =
            crate::checkpoint::Checkpoints::new(path, std::sync::Arc::new(RealDisk), other, 3);
        let error = kept.newest().unwrap_err();
        assert!(matches!(error, CheckpointError::Foreign { .. }), "{error}");
        let words = error.to_string();
        assert!(words.contains("server 1 of 2 of job `test`"), "{words}");
    }
}

#[test]
fn only_folders_with_the_exact_name_are_checkpoints() {
    for name in ["save-000000000001", "save-999999999999"] {
        let number: Number = name.parse().unwrap();
        assert_eq!(number.to_string(), name);
    }
    for name in [
        "save-1",
        "save-+00000000001",
        "save-0000000000001",
        "save-00000000000a",
        "../save-000000000001",
        "step-000000000001",
        "",
    ] {
        assert!(name.parse::<Number>().is_err(), "{name}");
    }
}
