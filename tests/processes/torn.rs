//! A server that is killed again and again in the middle of writing a checkpoint.
//!
//! The short form runs always; `THALWEG_TORTURE=1` kills 200 times.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::by_hand::listening;
use crate::support::{Bench, output_of, start, stderr, wait_for};

/// Checkpoints of 16 MB, one after the other.
const SETS: &[&str] = &[
    "data.name=steady",
    "data.rows=300",
    "data.test_rows=10",
    "data.features=2000000",
    "optimizer.name=adagrad",
    "optimizer.lr=0.1",
    "train.batch_size=1",
    "train.epochs=1",
    "train.compute=1ms",
    "cluster.servers=1",
    "cluster.workers=1",
    "checkpoint.every_seconds=0.01",
];

/// The checkpoints in a server's folder, each with whether it is whole: its manifest is written last.
fn saves(folder: &Path) -> BTreeMap<String, bool> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let saves = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("save-"));
    saves
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.path().join("manifest.json").is_file())
        })
        .collect()
}

fn newest_whole(folder: &Path) -> Option<String> {
    let saves = saves(folder).into_iter();
    saves
        .filter(|(_, whole)| *whole)
        .map(|(name, _)| name)
        .next_back()
}

#[test]
fn a_server_killed_while_it_writes_a_checkpoint_returns_from_the_last_whole_one() {
    let kills = match std::env::var_os("THALWEG_TORTURE") {
        Some(_) => 200,
        None => 6,
    };
    let bench = Bench::new();
    let command = || {
        let mut command = bench.command(&["server", "--listen", "127.0.0.1:0"]);
        command.args(["--checkpoints", "kept"]);
        for set in SETS {
            command.args(["--set", set]);
        }
        command
    };
    let folder = bench.path("kept/server-0");
    let (mut torn, mut expected) = (0, None);
    for kill in 0..=kills {
        let (mut server, address) = listening(&mut command());
        if kill == 0 {
            // What is kept is no blank start.
            let worker = output_of(start(&mut bench.command(&["worker", "--join", &address])));
            assert!(worker.status.success(), "{}", stderr(&worker));
        }
        let before = newest_whole(&folder);
        wait_for(
            "a checkpoint that is being written, after a whole one",
            || {
                let saves = saves(&folder);
                let is_torn = saves.last_key_value().is_some_and(|(_, whole)| !whole);
                is_torn && (0 < kill || newest_whole(&folder) > before)
            },
        );
        server.kill().unwrap();
        let output = server.wait_with_output().unwrap();
        let words = stderr(&output);
        if let Some(expected) = expected {
            let place = format!("from kept/server-0/{expected}: 300 examples, ");
            assert!(words.contains(&place), "kill {kill}: {words}");
        }
        let left = saves(&folder);
        torn += u32::from(left.last_key_value().is_some_and(|(_, whole)| !whole));
        expected = newest_whole(&folder);
        assert!(expected.is_some(), "kill {kill}: {left:?}");
    }
    assert!(kills / 2 <= torn, "{torn} of {kills} checkpoints were torn");
}
