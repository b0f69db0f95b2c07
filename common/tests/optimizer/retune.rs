//! Laws of hyper-parameters that change while there is state, for every optimizer.

use thalweg_common::optimizer::{AtRead, Reader, RetuneError, Store, optimizer};
use thalweg_common::schedule::{Lengths, Unit, schedule};
use thalweg_common::tuning::{Misfit, Tuning};
use toml::{Table, Value};

use super::support::{
    Gradient, Subject, bits, coordinates, element_subjects, four_groups, gradient, one_group,
    seeded, subject, subjects, values,
};

/// Steps of one example, in a job longer than the laws.
const LENGTHS: Lengths = Lengths {
    epoch: 100,
    step: 1,
    job: 1000,
};

/// Every hyper-parameter of a subject.
fn complete(subject: &Subject) -> Table {
    let complete = subject.entry.complete(&subject.settings);
    complete.expect("its settings are permitted")
}

/// A subject whose hyper-parameters are at rest.
fn still(subject: &Subject) -> Tuning {
    let still = Tuning::new(subject.entry, &subject.settings);
    still.expect("its settings are permitted")
}

/// The names of all numbers among a subject's hyper-parameters, as a job file writes them.
fn numbers(subject: &Subject) -> Vec<String> {
    let complete = complete(subject);
    let names = |(key, value): (&String, &Value)| match value {
        Value::Array(list) => (0..list.len()).map(|at| format!("{key}[{at}]")).collect(),
        Value::Float(_) => vec![key.clone()],
        _ => Vec::new(),
    };
    complete.iter().flat_map(names).collect()
}

/// A subject all of whose hyper-parameters move that may, most of them down to half and back within
/// seven steps.
fn restless(subject: &Subject) -> Tuning {
    let complete = complete(subject);
    let mut tuning = still(subject);
    for name in numbers(subject) {
        let base = number(&complete, &name);
        let ways = [
            (
                "cosine_periodic",
                format!("T_max = 7.0\neta_min = {:?}", 0.5 * base),
            ),
            ("ramp", format!("to = {:?}\nover = 200.0", 2.0 * base)),
            ("exponential", "gamma = 0.999".to_owned()),
        ];
        let build = |(kind, settings): &(&str, String)| {
            let settings = settings.parse().expect("settings are TOML");
            schedule(kind).expect("a known schedule").build(&settings)
        };
        let fits = |way: &&(&str, String)| {
            let mut alone = still(subject);
            // Not every schedule has numbers below zero.
            build(way).is_ok_and(|moving| match alone.add(&name, moving, Unit::Steps) {
                Ok(()) => alone.judge(&LENGTHS).is_empty(),
                Err(why) => {
                    assert_eq!(why, Misfit::ShapesTheStart, "{subject}: {name}");
                    false
                }
            })
        };
        if let Some(way) = ways.iter().find(fits) {
            let moving = build(way).expect("it was built before");
            let added = tuning.add(&name, moving, Unit::Steps);
            added.expect("alone it was added, too");
        }
    }
    assert_eq!(tuning.judge(&LENGTHS), [], "{subject}");
    tuning
}

fn number(complete: &Table, name: &str) -> f64 {
    let (key, index) = match name.split_once('[') {
        Some((key, index)) => (key, index.trim_end_matches(']').parse::<usize>().ok()),
        None => (name, None),
    };
    let value = &complete[key];
    let value = index.map_or(value, |index| &value[index]);
    value.as_float().expect("hyper-parameters are floats")
}

fn retune(store: &mut dyn Store<f32>, tuning: &Tuning, count: u64) {
    let values: Vec<f64> = tuning.values(count, &LENGTHS).collect();
    let rule = tuning.rule(&values).expect("the job was judged");
    store.retune(rule).expect("the job was judged");
}

fn sparse(rng: &mut impl rand::Rng, len: usize) -> Gradient {
    let coordinates = coordinates(rng, len, 0.02);
    let values = values(rng, coordinates.len());
    Gradient::Sparse {
        coordinates,
        values,
    }
}

#[test]
fn a_rule_with_the_same_values_changes_no_bit() {
    for subject in subjects() {
        let (len, mut rng) = (90, seeded(11));
        let (mut still, mut retuned) = (
            subject.build(&one_group(len, 0.05)),
            subject.build(&one_group(len, 0.05)),
        );
        let complete = complete(&subject);
        for count in 1..=60 {
            let next = gradient(&mut rng, len);
            next.apply(still.as_mut(), count);
            let rule = subject.entry.rule(complete.clone()).unwrap();
            retuned.retune(rule).unwrap();
            next.apply(retuned.as_mut(), count);
        }
        assert_eq!(bits(still.as_mut()), bits(retuned.as_mut()), "{subject}");
    }
}

#[test]
fn late_steps_have_the_values_of_their_own_time() {
    let mut moved = 0;
    for subject in subjects() {
        let (len, mut rng) = (150, seeded(12));
        let tuning = restless(&subject);
        let (mut late, mut dense, mut still) = (
            subject.build(&one_group(len, 0.05)),
            subject.build(&one_group(len, 0.05)),
            subject.build(&one_group(len, 0.05)),
        );
        // More steps than a backlog holds.
        for count in 1..=300 {
            let next = sparse(&mut rng, len);
            retune(late.as_mut(), &tuning, count);
            retune(dense.as_mut(), &tuning, count);
            next.apply(late.as_mut(), count);
            next.to_dense(len).apply(dense.as_mut(), count);
            next.apply(still.as_mut(), count);
        }
        assert_eq!(bits(late.as_mut()), bits(dense.as_mut()), "{subject}");
        // Half of a tiny ε is no other number to an f32.
        let between = |count| tuning.values(count, &LENGTHS);
        let moves = between(0)
            .zip(between(3))
            .any(|(a, b)| 1e-4 < (a - b).abs());
        // What weighs a correction for what was missed does nothing here, where nothing was.
        let acts = subject.facts().at_read != AtRead::Parameter;
        if moves && acts {
            assert_ne!(bits(late.as_mut()), bits(still.as_mut()), "{subject}");
            moved += 1;
        }
    }
    assert!(40 < moved, "{moved}");
}

#[test]
fn while_hyper_parameters_move_the_plain_twin_has_the_same_bits_and_shows_them() {
    for subject in element_subjects() {
        let (len, mut rng) = (110, seeded(13));
        let tuning = restless(&subject);
        let spec = four_groups(len);
        let (mut fast, mut slow) = (subject.build(&spec), subject.plain(&spec));
        for count in 1..=200 {
            let next = gradient(&mut rng, len);
            let some = coordinates(&mut rng, len, 0.05);
            let mut shown = [Vec::new(), Vec::new()];
            for (store, shown) in [&mut fast, &mut slow].into_iter().zip(&mut shown) {
                retune(store.as_mut(), &tuning, count);
                next.apply(store.as_mut(), count);
                retune(store.as_mut(), &tuning, count + 1);
                store
                    .read_coordinates(Reader::Worker, &some, shown)
                    .unwrap();
            }
            assert_eq!(shown[0], shown[1], "{subject} step {count}");
        }
        assert_eq!(bits(fast.as_mut()), bits(slow.as_mut()), "{subject}");
    }
}

#[test]
fn a_look_ahead_is_shown_with_the_momentum_of_now() {
    let subject = subject("nag_lookahead");
    let mut store = subject.build(&one_group(1, 0.0));
    let ones = Gradient::Dense {
        start: 0,
        values: vec![1.0],
    };
    ones.apply(store.as_mut(), 1);
    let (x, v) = (store.columns()[0][0], store.columns()[1][0]);
    let rule = |momentum: f64| {
        let table = Table::from_iter([("momentum".to_owned(), Value::Float(momentum))]);
        subject.entry.rule(table).unwrap()
    };
    for momentum in [0.5_f32, 0.25] {
        store.retune(rule(momentum.into())).unwrap();
        let mut shown = Vec::new();
        store.read_range(Reader::Worker, 0..1, &mut shown).unwrap();
        assert_eq!(shown, (x + momentum * v).to_le_bytes(), "{momentum}");
    }
}

#[test]
fn a_rule_with_other_slots_or_another_beginning_is_refused_and_changes_nothing() {
    let rule = |name: &str, settings: &str| {
        let entry = optimizer(name).unwrap();
        let complete = entry.complete(&settings.parse().unwrap()).unwrap();
        entry.rule(complete).unwrap()
    };
    let refused = |of: &str, name: &str, settings: &str| {
        let subject = subject(of);
        let mut store = subject.build(&one_group(20, 0.1));
        let step = Gradient::Dense {
            start: 0,
            values: vec![0.5; 20],
        };
        let mut untouched = subject.build(&one_group(20, 0.1));
        let error = store.retune(rule(name, settings)).unwrap_err();
        for count in 1..=3 {
            step.apply(store.as_mut(), count);
            step.apply(untouched.as_mut(), count);
        }
        assert_eq!(bits(store.as_mut()), bits(untouched.as_mut()));
        error
    };
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let slots = |expected: &[&str], found: &[&str]| RetuneError::Slots {
        expected: owned(expected),
        found: owned(found),
    };
    assert_eq!(
        refused("rmsprop", "rmsprop", "momentum = 0.5"),
        slots(&["square_avg"], &["square_avg", "momentum_buffer"])
    );
    assert_eq!(
        refused("aggmo", "aggmo", "betas = [0.5]"),
        slots(
            &[
                "momentum_buffer_0",
                "momentum_buffer_1",
                "momentum_buffer_2"
            ],
            &["momentum_buffer"]
        )
    );
    assert_eq!(
        refused("momentum", "nesterov", ""),
        slots(&["momentum_buffer"], &["momentum_buffer"])
    );
    assert_eq!(
        refused("adagrad", "adagrad", "initial_accumulator_value = 0.5"),
        RetuneError::Beginning
    );
    assert!(matches!(
        refused("lars", "lamb", ""),
        RetuneError::Slots { .. }
    ));
    assert!(matches!(
        refused("lars", "sgd", ""),
        RetuneError::Slots { .. }
    ));
}

/// What decides where slots begin.
const FIXED: &[(&str, &str)] = &[
    ("adagrad", "initial_accumulator_value"),
    ("adagrad_eps_inside", "initial_accumulator_value"),
    ("adadelta_r0_eps", "eps"),
    ("rmsprop_eps_inside", "initial_scale"),
    ("adam_survey", "eps"),
    ("nadam_survey", "eps"),
    ("ftrl", "initial_accumulator_value"),
    ("adaptive_revision", "initial_accumulator_value"),
    ("ftrl_adaptive_revision", "initial_accumulator_value"),
];

#[test]
fn every_number_can_have_a_schedule_but_those_at_which_slots_begin() {
    for subject in subjects() {
        for name in numbers(&subject) {
            let mut tuning = still(&subject);
            let constant = schedule("constant").unwrap().build(&Table::new()).unwrap();
            let fixed = FIXED.contains(&(subject.entry.name, name.as_str()));
            let expected = if fixed {
                Err(Misfit::ShapesTheStart)
            } else {
                Ok(())
            };
            let found = tuning.add(&name, constant, Unit::Steps);
            assert_eq!(found, expected, "{subject}: {name}");
        }
    }
}
