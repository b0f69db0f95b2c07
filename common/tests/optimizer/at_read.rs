//! Rules that look at what the worker of a gradient had read: fast and plain stores agree on it however
//! it is told, and where nothing was missed they are the rules that they grew from.

use std::collections::BTreeSet;

use rand::RngExt;
use thalweg_common::optimizer::{AtRead, AtReadView, GradientError, GradientView, optimizer};
use toml::Table;

use super::support::{
    Gradient, Subject, bits, context, coordinates, four_groups, gradient, one_group, seeded,
    subjects, values,
};

/// The entries that look at what was read.
fn delay_aware() -> impl Iterator<Item = Subject> {
    subjects().filter(|subject| subject.facts().at_read != AtRead::Nothing)
}

/// What some worker might have read of so many elements, in the rule's form.
fn made_up(rng: &mut impl rand::Rng, at_read: AtRead, len: usize) -> Vec<u8> {
    match at_read {
        AtRead::Nothing => Vec::new(),
        AtRead::Parameter => {
            let values = values(rng, len);
            values.iter().flat_map(|x| x.to_le_bytes()).collect()
        }
        AtRead::Sum => {
            let number = |_| rng.random_range(-2.0_f64..2.0);
            (0..len).map(number).flat_map(f64::to_le_bytes).collect()
        }
    }
}

#[test]
fn fast_and_plain_stores_agree_on_what_was_read() {
    let mut checked = BTreeSet::new();
    for subject in delay_aware() {
        for seed in 0..20 {
            let mut rng = seeded(seed);
            let len = 30 + 90 * usize::try_from(seed).unwrap();
            let spec = four_groups(len);
            let (mut fast, mut slow) = (subject.build(&spec), subject.plain(&spec));
            for count in 1..=60 {
                let next = gradient(&mut rng, len);
                let pinned = made_up(&mut rng, subject.facts().at_read, len);
                let echoed = made_up(&mut rng, subject.facts().at_read, next.len());
                let at_read = match rng.random_range(0..3) {
                    0 => AtReadView::AsItIs,
                    1 => AtReadView::Echoed(&echoed),
                    _ => AtReadView::Pinned(&pinned),
                };
                next.apply_at(fast.as_mut(), at_read, count);
                next.apply_at(slow.as_mut(), at_read, count);
                let some = coordinates(&mut rng, len, 0.1);
                let (mut a, mut b) = (Vec::new(), Vec::new());
                fast.readable_coordinates(&some, &mut a).unwrap();
                slow.readable_coordinates(&some, &mut b).unwrap();
                assert_eq!(a.len(), some.len() * subject.facts().at_read.bytes());
                fast.readable_range(len / 3..len, &mut a).unwrap();
                slow.readable_range(len / 3..len, &mut b).unwrap();
                assert_eq!(a, b, "{subject} seed {seed} step {count}");
            }
            let (a, b) = (bits(fast.as_mut()), bits(slow.as_mut()));
            assert_eq!(a, b, "{subject} seed {seed}");
        }
        checked.insert(subject.entry.name);
    }
    assert_eq!(checked.len(), 5);
}

#[test]
fn what_is_echoed_and_what_is_pinned_are_one() {
    for subject in delay_aware() {
        let (len, mut rng) = (1_500, seeded(11));
        let spec = one_group(len, 0.0);
        let (mut echo, mut pin) = (subject.build(&spec), subject.build(&spec));
        let bytes = subject.facts().at_read.bytes();
        for count in 1..=20 {
            let next = gradient(&mut rng, len);
            let pinned = made_up(&mut rng, subject.facts().at_read, len);
            let of = |element: usize| pinned[element * bytes..][..bytes].iter().copied();
            let echoed: Vec<u8> = next.elements().into_iter().flat_map(of).collect();
            next.apply_at(echo.as_mut(), AtReadView::Echoed(&echoed), count);
            next.apply_at(pin.as_mut(), AtReadView::Pinned(&pinned), count);
        }
        assert_eq!(bits(echo.as_mut()), bits(pin.as_mut()), "{subject}");
    }
}

#[test]
fn a_rule_that_has_missed_nothing_is_the_one_that_it_grew_from() {
    let pairs = [
        (
            "adaptive_revision",
            "initial_accumulator_value = 1.0",
            "adagrad",
            "initial_accumulator_value = 1.0\neps = 0.0",
        ),
        ("dc_asgd_constant", "", "sgd", ""),
        ("dc_asgd_adaptive", "", "sgd", ""),
        ("gap_aware", "", "sgd", ""),
    ];
    for (name, settings, other, others_settings) in pairs {
        let build = |name: &str, settings: &str, len| {
            let settings: Table = settings.parse().unwrap();
            let entry = optimizer(name).unwrap();
            entry.build(&settings, &one_group(len, 0.0)).unwrap()
        };
        let (len, mut rng) = (200, seeded(12));
        let mut aware = build(name, settings, len);
        let mut plain = build(other, others_settings, len);
        for count in 1..=100 {
            let next = gradient(&mut rng, len);
            let mut readable = Vec::new();
            aware.readable_range(0..len, &mut readable).unwrap();
            next.apply_at(aware.as_mut(), AtReadView::Pinned(&readable), count);
            next.apply(plain.as_mut(), count);
            let (aware, plain) = (bits(aware.as_mut()), bits(plain.as_mut()));
            assert_eq!(aware[0], plain[0], "{name} and {other}, step {count}");
        }
    }
}

#[test]
fn workers_that_read_one_version_count_as_one_summed_gradient() {
    // After K updates from one read, z has grown by the square of their sum.
    let entry = optimizer("adaptive_revision").unwrap();
    let (len, mut rng) = (40, seeded(13));
    let mut store = entry.build(&Table::new(), &one_group(len, 0.0)).unwrap();
    let mut read = Vec::new();
    store.readable_range(0..len, &mut read).unwrap();
    let mut sum = vec![0.0_f64; len];
    for count in 1..=6 {
        let next = Gradient::Dense {
            start: 0,
            values: values(&mut rng, len),
        };
        for (sum, g) in sum.iter_mut().zip(next.values()) {
            *sum += f64::from(*g);
        }
        next.apply_at(store.as_mut(), AtReadView::Pinned(&read), count);
    }
    let z = store.columns()[3].to_vec();
    for (z, sum) in z.iter().zip(&sum) {
        let expected = 1.0 + sum * sum;
        assert!(
            (f64::from(*z) - expected).abs() < 1e-5 * expected,
            "{z} and {expected}"
        );
    }
}

#[test]
fn what_was_read_must_belong_to_the_gradient() {
    for subject in delay_aware() {
        let mut store = subject.build(&one_group(10, 0.0));
        let before = bits(store.as_mut());
        let push = GradientView::Sparse {
            coordinates: &[1, 4],
            values: &[0; 8],
        };
        let bytes = subject.facts().at_read.bytes();
        for (view, elements) in [
            (AtReadView::Echoed(&[0; 4]), 2),
            (AtReadView::Echoed(&[0; 80]), 2),
            (AtReadView::Pinned(&[0; 16]), 10),
        ] {
            let found = match view {
                AtReadView::Echoed(values) | AtReadView::Pinned(values) => values.len(),
                AtReadView::AsItIs => 0,
            };
            let refused = store.step_at(&context(1), push, view, 1.0).unwrap_err();
            let expected = GradientError::AtRead {
                elements,
                bytes,
                found,
            };
            assert_eq!(refused, expected, "{subject}");
        }
        assert_eq!(bits(store.as_mut()), before);
    }
}
