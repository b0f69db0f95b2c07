//! Many threads on few words: exact updates lose nothing, and lossy ones say what they lost.

use std::ops::ControlFlow;

use super::problems::rows;
use crate::data::Task;
use crate::hogwild::engine::on_threads;
use crate::hogwild::rows::Bias;
use crate::hogwild::shared::{Counted, SharedVector, Summed};
use crate::hogwild::sparse_logistic::SparseLogistic;
use crate::hogwild::{Counts, Scheme, Settings, run_on};

/// Threads that fight for the same words.
const THREADS: usize = 4;

/// Updates in all: a million, or as many as `THALWEG_CONTENDED_UPDATES` says (10⁸ takes some seconds in
/// a release build).
fn updates() -> u32 {
    let asked = std::env::var("THALWEG_CONTENDED_UPDATES").ok();
    let asked = asked.map(|text| text.replace('_', ""));
    asked.map_or(1_000_000, |text| text.parse().expect("a number of updates"))
}

#[test]
fn exact_updates_of_one_contended_word_are_all_there() {
    let each = updates() / u32::try_from(THREADS).unwrap();
    // Singles count exactly up to 2²⁴, and the count beside the value up to 2³².
    let start = Counted {
        value: 0.0,
        count: 0,
    };
    let counted = SharedVector::new([start]);
    let value = SharedVector::new([0.0_f32]);
    let beside = SharedVector::new([Summed {
        value: 1.0,
        squares: 0.0,
    }]);
    on_threads(&mut [(); THREADS], |thread, ()| {
        let sign = if thread % 2 == 0 { 1.0 } else { -1.0 };
        for _ in 0..each {
            counted.update_exact(0, |cell| Counted {
                value: cell.value + sign,
                count: cell.count + 1,
            });
            value.update_exact(0, |x| x + sign);
            beside.update_exact(0, |cell| Summed {
                value: cell.value,
                squares: cell.squares + sign,
            });
        }
        Counts::default()
    });
    // Whole numbers of singles below 2²⁴ add up exactly: threads of either sign cancel.
    let expected = each * u32::try_from(THREADS).unwrap();
    assert_eq!(counted.load(0).count, expected);
    if each < 1 << 23 {
        assert_eq!(counted.load(0).value.to_bits(), 0_f32.to_bits());
        assert_eq!(value.load(0).to_bits(), 0_f32.to_bits());
        assert_eq!(beside.load(0).squares.to_bits(), 0_f32.to_bits());
    }
    assert_eq!(beside.load(0).value.to_bits(), 1_f32.to_bits());
}

#[test]
fn a_lost_update_is_counted_as_lost() {
    // Two updates whose reads come before either write, one after the other on one thread.
    let x = SharedVector::new([Counted {
        value: 0.0,
        count: 0,
    }]);
    let add = |cell: Counted| Counted {
        value: cell.value + 1.0,
        count: cell.count + 1,
    };
    x.update_lossy(0, |outer| {
        x.update_lossy(0, add);
        x.update_lossy(0, add);
        add(outer)
    });
    assert_eq!(x.load(0).count, 1, "three were made and two lost");
    let x = SharedVector::new([0.0_f32]);
    let tries = std::cell::Cell::new(0);
    x.update_exact(0, |outer| {
        if tries.replace(tries.get() + 1) == 0 {
            x.update_lossy(0, |x| x + 1.0);
        }
        outer + 1.0
    });
    assert_eq!(x.load(0).to_bits(), 2_f32.to_bits(), "none is lost");
    assert!(2 <= tries.get());
}

#[test]
fn a_lossy_run_says_what_it_lost_and_an_exact_one_does_not_count() {
    let data = rows(20_000, 40, Task::Binary);
    let objective = SparseLogistic::of(&data, Bias::Added, 0.0).unwrap();
    let with = |scheme| Settings {
        threads: THREADS,
        epochs: 2,
        scheme,
        ..Settings::default()
    };
    let mut flow = |_: crate::hogwild::Epoch<'_>| ControlFlow::Continue(());
    let counted = run_on(&objective, None, &with(Scheme::HogwildCounted), &mut flow).unwrap();
    let lost = counted.counts.lost.unwrap();
    assert!(lost < counted.counts.updates / 2, "{lost}");
    for scheme in [Scheme::Hogwild, Scheme::HogwildLossy] {
        let found = run_on(&objective, None, &with(scheme), &mut flow).unwrap();
        assert_eq!(found.counts.lost, None);
    }
}
