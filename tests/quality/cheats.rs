//! Three planted cheats go through the judge of the honest runs, and each is caught: by the
//! embedded flights alone, so that the proof needs no other file, and by rcv1-small.

use crate::default_job;
use crate::planted::Run;
use crate::table::{Line, Workers};

#[test]
fn every_cheat_misses_the_objective_of_the_flights() {
    for cheat in Run::CHEATS {
        let misses = Line::of("flights")
            .misses(cheat, Workers::Four)
            .expect("the flights are always there");
        assert!(!misses.is_empty(), "{cheat} was not seen");
    }
}

#[test]
fn every_cheat_misses_what_the_default_job_holds() {
    for cheat in Run::CHEATS {
        let (_, held) = default_job::misses(cheat, 1);
        assert!(!held.is_empty(), "{cheat} was not seen");
    }
}

#[test]
fn a_worker_alone_on_its_quarter_misses_what_is_required_of_the_default_job() {
    let (required, _) = default_job::misses(Run::AloneOnAQuarter, 1);
    assert!(!required.is_empty());
}

/// With more features than rows, even the 2 % that are required of four workers tell them all.
#[test]
fn every_cheat_misses_the_objective_of_rcv1_small() {
    for cheat in Run::CHEATS {
        if let Some(misses) = Line::of("rcv1-small").misses(cheat, Workers::Four) {
            assert!(!misses.is_empty(), "{cheat} was not seen");
        }
    }
}
