//! Laws that hold for every regularizer and constraint, alone and together, under every optimizer
//! that they can be combined with.

use thalweg_common::ids::Generation;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::{GradientView, Initial, Reader, StepContext, Store, StoreSpec};
use thalweg_common::regularizer::{
    Chosen, REGULARIZERS, Regularization, RegularizerEntry, Term, refusal,
};
use thalweg_common::shard_map::{Grain, ShardMap};

use super::support::{
    Gradient, Subject, bits, context, coordinates, element_subjects, gradient, initial,
    regularized_groups, seeded, subject, subjects, tensor_subjects, values,
};

/// Regularizers strong enough to show, and what can meet on one tensor.
const CHOICES: &[&[&str]] = &[
    &["name = 'l2'\nl2 = 0.2"],
    &["name = 'decoupled_decay'\ndecay = 0.3"],
    &["name = 'l1_proximal'\nl1 = 0.3"],
    &["name = 'l1_truncated'\nl1 = 0.3\ntheta = 0.8\nevery = 3"],
    &["name = 'l1_smooth'\nl1 = 0.3\neps = 1e-4"],
    &["name = 'elastic_net'\nl1 = 0.3\nl2 = 0.5"],
    &["name = 'max_norm'\nradius = 1.5"],
    &["name = 'l2_ball'\nradius = 2.0"],
    &["name = 'l2_ball'\nradius = 1.5\nover = 'row'"],
    &["name = 'l1_ball'\nradius = 2.5"],
    &["name = 'l1_ball'\nradius = 1.5\nover = 'row'"],
    &["name = 'simplex'"],
    &["name = 'l2'\nl2 = 0.2", "name = 'l1_proximal'\nl1 = 0.1"],
    &[
        "name = 'l1_proximal'\nl1 = 0.2",
        "name = 'max_norm'\nradius = 0.7",
    ],
    &[
        "name = 'elastic_net'",
        "name = 'l1_ball'\nradius = 1.5\nover = 'row'",
    ],
    &["name = 'l2'\nl2 = 0.5", "name = 'simplex'\ntotal = 2.0"],
    &[
        "name = 'l1_smooth'\nl1 = 0.1",
        "name = 'decoupled_decay'",
        "name = 'l2_ball'\nradius = 1.0",
    ],
    &[
        "name = 'l1_proximal'\nl1 = 0.2\ntensors = ['matrix']",
        "name = 'max_norm'\nradius = 0.7\ntensors = ['vector']",
    ],
];

fn choices() -> impl Iterator<Item = Vec<Chosen>> {
    CHOICES.iter().map(|terms| {
        let read = |term: &&str| toml::from_str(term).expect("a regularizer");
        terms.iter().map(read).collect()
    })
}

fn accepts(subject: &Subject, chosen: &[Chosen]) -> bool {
    let facts = subject.facts();
    chosen.iter().all(|chosen| {
        let (entry, _) = built(chosen);
        refusal(subject.entry.name, &facts, entry).is_none()
    })
}

fn built(chosen: &Chosen) -> (&'static RegularizerEntry, Term) {
    chosen.build().expect("its settings are permitted")
}

/// A matrix, a vector, a bias that regularizers spare, and a matrix of higher order: 90 elements.
fn layout() -> ParameterLayout {
    ParameterLayout::new(vec![
        Tensor::trainable("matrix", vec![9, 5]),
        Tensor::trainable("vector", vec![13]),
        Tensor::trainable("bias", vec![8]).unregularized(),
        Tensor::trainable("cube", vec![4, 2, 3]),
    ])
    .expect("four tensors")
}

fn spec(chosen: &[Chosen]) -> StoreSpec<'static> {
    let layout = layout();
    let terms = Regularization::resolve(chosen, &layout).expect("they fit");
    StoreSpec {
        len: 90,
        initial: Initial::Function(&initial),
        groups: regularized_groups(&layout, &terms),
    }
}

/// Requires that every constraint holds everywhere.
fn assert_held(chosen: &[Chosen], store: &mut dyn Store<f32>, what: &str) {
    let spec = spec(chosen);
    let columns = store.columns();
    for group in &spec.groups {
        let Some(unit) = group.terms.unit() else {
            continue;
        };
        for x in columns[0][group.range.clone()].chunks(unit) {
            for chosen in chosen {
                if let Term::Constraint(constraint) = built(chosen).1 {
                    assert!(constraint.holds_singles(x), "{what}: {x:?}");
                }
            }
        }
    }
}

#[test]
fn every_regularizer_is_held_to_these_laws() {
    for entry in REGULARIZERS {
        let mut named = choices().flatten();
        assert!(
            named.any(|chosen| chosen.name == entry.name),
            "{}",
            entry.name
        );
    }
}

#[test]
fn a_gradient_that_counts_half_takes_the_step_of_half_the_rate_penalties_included() {
    for chosen in choices() {
        let (subject, spec) = (subject("sgd"), spec(&chosen));
        let (mut late, mut slow) = (subject.build(&spec), subject.build(&spec));
        let mut rng = seeded(5);
        for count in 1..=12 {
            let push = values(&mut rng, 90);
            let whole = StepContext {
                lr: 0.0625,
                share: 1.0,
                ..context(count)
            };
            let half = StepContext {
                lr: 0.125,
                share: 0.5,
                ..whole
            };
            // Powers of two, so that it does not matter where the factor comes in.
            for (store, context, scale) in [(&mut late, half, 0.5), (&mut slow, whole, 1.0)] {
                let bytes: Vec<u8> = push.iter().flat_map(|g| g.to_le_bytes()).collect();
                let segments = [&bytes[..]];
                let view = GradientView::Dense {
                    start: 0,
                    segments: &segments,
                };
                store.step(&context, view, scale).unwrap();
            }
        }
        assert_eq!(bits(late.as_mut()), bits(slow.as_mut()), "{chosen:?}");
    }
}

#[test]
fn any_history_of_pushes_and_reads_gives_the_bits_of_the_plain_twin_and_keeps_the_constraints() {
    for subject in element_subjects() {
        for chosen in choices().filter(|chosen| accepts(&subject, chosen)) {
            let what = format!("{subject} {chosen:?}");
            let spec = spec(&chosen);
            let mut rng = seeded(21);
            let (mut fast, mut slow) = (subject.build(&spec), subject.plain(&spec));
            assert_held(&chosen, slow.as_mut(), &what);
            for count in 1..=160 {
                let next = gradient(&mut rng, 90);
                next.apply(fast.as_mut(), count);
                next.apply(slow.as_mut(), count);
                assert_held(&chosen, slow.as_mut(), &what);
                let some = coordinates(&mut rng, 90, 0.02);
                let (mut a, mut b) = (Vec::new(), Vec::new());
                for (store, out) in [(&mut fast, &mut a), (&mut slow, &mut b)] {
                    store.read_coordinates(Reader::Worker, &some, out).unwrap();
                    if count % 70 == 0 {
                        store.read_range(Reader::Observer, 3..77, out).unwrap();
                    }
                }
                assert_eq!(a, b, "{what} step {count}");
            }
            assert_eq!(bits(fast.as_mut()), bits(slow.as_mut()), "{what}");
        }
    }
}

#[test]
fn sparse_and_dense_pushes_give_the_same_bits() {
    for subject in subjects() {
        for chosen in choices().filter(|chosen| accepts(&subject, chosen)) {
            // Without a penalty an absent element keeps its slots: only a rule without any sees no
            // difference to a gradient of zero.
            let spec = spec(&chosen);
            let regularized = [0, 1, 3].map(|group| spec.groups[group].terms.act_always());
            if subject.entry.name != "sgd" && regularized != [true; 3] {
                continue;
            }
            let (mut sparse, mut dense) = (subject.build(&spec), subject.build(&spec));
            let mut rng = seeded(22);
            for count in 1..=300 {
                // The bias has no penalty, so every push brings all of it.
                let coordinates: Vec<u32> = coordinates(&mut rng, 90, 0.02)
                    .into_iter()
                    .filter(|coordinate| !(58..66).contains(coordinate))
                    .chain(58..66)
                    .collect();
                let mut coordinates = coordinates;
                coordinates.sort_unstable();
                let values = values(&mut rng, coordinates.len());
                let gradient = Gradient::Sparse {
                    coordinates,
                    values,
                };
                gradient.apply(sparse.as_mut(), count);
                gradient.to_dense(90).apply(dense.as_mut(), count);
            }
            assert_eq!(
                bits(sparse.as_mut()),
                bits(dense.as_mut()),
                "{subject} {chosen:?}"
            );
        }
    }
}

#[test]
fn rows_give_the_same_bits_in_one_shard_and_in_many() {
    let rows = |from: u64, to: u64| Tensor::trainable("matrix", vec![to - from, 5]);
    for subject in element_subjects() {
        for chosen in choices().filter(|chosen| accepts(&subject, chosen)) {
            let tensor =
                |over: &Chosen| over.options.get("over").is_none() && over.name.ends_with("_ball");
            if chosen
                .iter()
                .any(|chosen| tensor(chosen) || chosen.tensors.is_some())
            {
                continue;
            }
            let run = |from: u64, to: u64| {
                let element = |row: u64| usize::try_from(5 * row).unwrap();
                let (start, end) = (element(from), element(to));
                let layout = ParameterLayout::new(vec![rows(from, to)]).unwrap();
                let terms = Regularization::resolve(&chosen, &layout).unwrap();
                let value = |element: usize| initial(start + element);
                let mut store = subject.build(&StoreSpec {
                    len: end - start,
                    initial: Initial::Function(&value),
                    groups: regularized_groups(&layout, &terms),
                });
                let mut rng = seeded(23);
                for count in 1..=140 {
                    let whole = coordinates(&mut rng, 80, 0.05);
                    let drawn = values(&mut rng, whole.len());
                    let (coordinates, values) = whole
                        .iter()
                        .zip(drawn)
                        .filter(|(at, _)| (start..end).contains(&(**at as usize)))
                        .map(|(at, value)| (at - u32::try_from(start).unwrap(), value))
                        .unzip();
                    Gradient::Sparse {
                        coordinates,
                        values,
                    }
                    .apply(store.as_mut(), count);
                }
                bits(store.as_mut())
            };
            let whole = run(0, 16);
            for cut in [1, 7, 15] {
                let (left, right) = (run(0, cut), run(cut, 16));
                for ((whole, left), right) in whole.iter().zip(left).zip(right) {
                    assert_eq!(*whole, [left, right].concat(), "{subject} {chosen:?} {cut}");
                }
            }
        }
    }
}

#[test]
fn save_load_and_go_on_is_never_having_stopped() {
    for subject in subjects() {
        for chosen in choices().filter(|chosen| accepts(&subject, chosen)) {
            let spec = spec(&chosen);
            let mut rng = seeded(24);
            let mut through = subject.build(&spec);
            for count in 1..=30 {
                gradient(&mut rng, 90).apply(through.as_mut(), count);
            }
            let saved: Vec<Vec<f32>> = through.columns().iter().map(|c| c.to_vec()).collect();
            let columns: Vec<&[f32]> = saved.iter().map(Vec::as_slice).collect();
            let mut resumed = subject.build(&spec);
            for count in 1..=7 {
                gradient(&mut seeded(25), 90).apply(resumed.as_mut(), count);
            }
            resumed.restore(&columns).unwrap();
            for count in 31..=60 {
                let next = gradient(&mut rng, 90);
                next.apply(through.as_mut(), count);
                next.apply(resumed.as_mut(), count);
            }
            assert_eq!(
                bits(through.as_mut()),
                bits(resumed.as_mut()),
                "{subject} {chosen:?}"
            );
        }
    }
}

#[test]
fn constraints_hold_under_the_rules_of_whole_tensors() {
    for subject in tensor_subjects() {
        for chosen in choices().filter(|chosen| accepts(&subject, chosen)) {
            let mut store = subject.build(&spec(&chosen));
            let mut rng = seeded(26);
            for count in 1..=50 {
                gradient(&mut rng, 90).apply(store.as_mut(), count);
                assert_held(&chosen, store.as_mut(), &format!("{subject} {chosen:?}"));
            }
        }
    }
}

#[test]
fn a_parameter_without_a_gradient_becomes_exactly_zero_and_stays() {
    for term in ["l1_proximal", "elastic_net", "l1_truncated"] {
        let chosen: Chosen = toml::from_str(&format!("name = '{term}'\nl1 = 0.5")).unwrap();
        let mut store = subject("sgd").build(&spec(&[chosen]));
        // The greatest parameter is 2, the mean rate 1/30, of which a seventh of the steps
        // have a third: 135 steps take all of it.
        for count in 1..=180 {
            Gradient::Empty.apply(store.as_mut(), count);
        }
        let x = &bits(store.as_mut())[0];
        for (element, x) in x.iter().enumerate() {
            let spared = (58..66).contains(&element);
            let expected = if spared {
                initial(element).to_bits()
            } else {
                0
            };
            assert_eq!(*x, expected, "{term} element {element}");
        }
    }
}

#[test]
fn a_map_that_cuts_what_a_constraint_needs_whole_is_refused() {
    let layout = ParameterLayout::new(vec![Tensor::trainable("matrix", vec![3, 5])]).unwrap();
    let resolve = |term: &str| {
        let chosen = toml::from_str(term).unwrap();
        Regularization::resolve(&[chosen], &layout).unwrap()
    };
    let (row, whole) = (resolve("name = 'simplex'"), resolve("name = 'l2_ball'"));
    assert_eq!(row.grain(&layout), Grain::Rows);
    assert_eq!(whole.grain(&layout), Grain::Tensors);
    let map = |servers| ShardMap::plan(&layout, servers, Generation(1)).unwrap();
    assert_eq!(row.check_cuts(&layout, &map(3)), Ok(()));
    let error = row.check_cuts(&layout, &map(4)).unwrap_err().to_string();
    assert!(
        error.contains("`matrix`") && error.contains("at most 3"),
        "{error}"
    );
    whole.check_cuts(&layout, &map(3)).unwrap_err();
}
