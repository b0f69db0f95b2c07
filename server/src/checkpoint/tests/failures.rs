//! The word that a job has failed: which checkpoint says it, and that it is kept where parameters cannot be.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use thalweg_common::ids::{Fingerprint, Life};

use super::super::start::write_failure;
use super::support::{about, checkpoints, shards};
use crate::checkpoint::{About, Checkpoints, Identity, Number, RealDisk};
use crate::saved::{SavedCoordinator, SavedDesk};

const IDENTITY: Identity = Identity {
    life: Life(9),
    returns: 4,
};

/// Writes a checkpoint of a server with a ledger.
fn write(kept: &Checkpoints, step: u64, failed: Option<&str>) {
    let mut attempt = kept.begin().unwrap();
    for shard in &shards(step) {
        attempt.write(shard).unwrap();
    }
    let coordinator = SavedCoordinator {
        trained_us: step,
        failed: failed.map(str::to_owned),
        ..SavedCoordinator::default()
    };
    let desk = SavedDesk {
        coordinator: Some(coordinator),
        ..SavedDesk::default()
    };
    attempt.finish(IDENTITY, desk, step).unwrap();
}

fn of_another_job(folder: &Path) -> Checkpoints {
    let about = About {
        fingerprint: Fingerprint(6),
        ..about()
    };
    Checkpoints::new(folder.join("server-1"), Arc::new(RealDisk), about, 3)
}

#[test]
fn the_newest_checkpoint_of_the_job_says_whether_it_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = checkpoints(folder.path(), RealDisk);
    assert_eq!(kept.failure(), None, "there is none");
    write(&kept, 1, None);
    assert_eq!(kept.failure(), None);
    write(&kept, 2, Some("worker 0 is gone"));
    assert_eq!(kept.failure().as_deref(), Some("worker 0 is gone"));
    assert_eq!(of_another_job(folder.path()).failure(), None);
    // Broken arrays do not take the word back.
    let newest = folder.path().join("server-1").join(Number(2).to_string());
    fs::write(newest.join("shard-0000001.safetensors"), "rot").unwrap();
    assert_eq!(kept.failure().as_deref(), Some("worker 0 is gone"));
    write(&kept, 3, None);
    assert_eq!(kept.failure(), None, "it went on all the same");
}

#[test]
fn where_parameters_cannot_be_kept_the_word_is_and_those_before_stay() {
    let folder = tempfile::tempdir().unwrap();
    let kept = checkpoints(folder.path(), RealDisk);
    write(&kept, 1, None);
    let cause = "worker 0 failed: the gradient is NaN";
    write_failure(&kept, cause.to_owned(), (IDENTITY, 7)).unwrap();
    assert_eq!(kept.failure().as_deref(), Some(cause));
    let found = kept.newest().unwrap().unwrap();
    assert_eq!((found.number, found.manifest.returns), (Number(2), 4));
    assert_eq!(found.manifest.written_unix_ms, 7);
    let loaded: Vec<_> = found.shards().map(Result::unwrap).collect();
    assert_eq!(loaded, shards(1));
    let expected = SavedCoordinator {
        trained_us: 1,
        failed: Some(cause.to_owned()),
        ..SavedCoordinator::default()
    };
    assert_eq!(found.manifest.desk.coordinator, Some(expected));
}

#[test]
fn before_the_first_step_the_word_is_kept_without_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let kept = checkpoints(folder.path(), RealDisk);
    write_failure(&kept, "nothing is there".to_owned(), (IDENTITY, 1)).unwrap();
    assert_eq!(kept.numbers().unwrap(), [], "and none is made");
    let desk = SavedDesk {
        coordinator: Some(SavedCoordinator::default()),
        ..SavedDesk::default()
    };
    let fresh = kept.begin().unwrap();
    fresh.finish(IDENTITY, desk, 1).unwrap();
    write_failure(&kept, "it has diverged".to_owned(), (IDENTITY, 2)).unwrap();
    assert_eq!(kept.failure().as_deref(), Some("it has diverged"));
    assert!(kept.newest().unwrap().unwrap().manifest.is_fresh);
}
