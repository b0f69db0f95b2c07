//! Laws that hold for every optimizer, bit for bit.

use thalweg_common::optimizer::{GroupSpan, Initial, Reader, StoreSpec};
use thalweg_common::regularizer::Terms;

use super::support::{
    Gradient, bits, coordinates, element_subjects, four_groups, gradient, initial, one_group,
    seeded, subjects, values,
};

#[test]
fn any_length_gives_the_bits_of_the_plain_twin() {
    for subject in element_subjects() {
        // Every tail of every vector, and both sides of the edges of a block.
        for len in (0..=67).chain([1_023, 1_024, 1_025, 2_049]) {
            let mut rng = seeded(1);
            let spec = one_group(len, 0.0);
            let (mut fast, mut slow) = (subject.build(&spec), subject.plain(&spec));
            for count in 1..=3 {
                let dense = Gradient::Dense {
                    start: 0,
                    values: values(&mut rng, len),
                };
                dense.apply(fast.as_mut(), count);
                dense.apply(slow.as_mut(), count);
            }
            assert_eq!(
                bits(fast.as_mut()),
                bits(slow.as_mut()),
                "{} of {len}",
                subject
            );
        }
    }
}

#[test]
fn any_history_of_pushes_and_reads_gives_the_bits_of_the_plain_twin() {
    for subject in element_subjects() {
        for seed in 0..40 {
            let mut rng = seeded(seed);
            let len = usize::try_from(seed).unwrap() * 5;
            let spec = four_groups(len);
            let (mut fast, mut slow) = (subject.build(&spec), subject.plain(&spec));
            for count in 1..=200 {
                let next = gradient(&mut rng, len);
                next.apply(fast.as_mut(), count);
                next.apply(slow.as_mut(), count);
                let some = coordinates(&mut rng, len, 0.02);
                let (mut a, mut b) = (Vec::new(), Vec::new());
                fast.read_coordinates(Reader::Worker, &some, &mut a)
                    .unwrap();
                slow.read_coordinates(Reader::Worker, &some, &mut b)
                    .unwrap();
                if count % 70 == 0 {
                    fast.read_range(Reader::Worker, len / 4..len, &mut a)
                        .unwrap();
                    slow.read_range(Reader::Worker, len / 4..len, &mut b)
                        .unwrap();
                    fast.read_range(Reader::Observer, 0..len, &mut a).unwrap();
                    slow.read_range(Reader::Observer, 0..len, &mut b).unwrap();
                }
                assert_eq!(a, b, "{} seed {seed} step {count}", subject);
            }
            assert_eq!(
                bits(fast.as_mut()),
                bits(slow.as_mut()),
                "{} seed {seed}",
                subject
            );
        }
    }
}

#[test]
fn with_an_l2_term_sparse_and_dense_pushes_give_the_same_bits() {
    for subject in subjects() {
        let (len, mut rng) = (150, seeded(2));
        let (mut sparse, mut dense) = (
            subject.build(&one_group(len, 0.05)),
            subject.build(&one_group(len, 0.05)),
        );
        // More steps than a backlog holds.
        for count in 1..=300 {
            let coordinates = coordinates(&mut rng, len, 0.02);
            let values = values(&mut rng, coordinates.len());
            let gradient = Gradient::Sparse {
                coordinates,
                values,
            };
            gradient.apply(sparse.as_mut(), count);
            gradient.to_dense(len).apply(dense.as_mut(), count);
        }
        assert_eq!(bits(sparse.as_mut()), bits(dense.as_mut()), "{}", subject);
    }
}

#[test]
fn without_an_l2_term_absent_elements_keep_parameter_and_slots() {
    for subject in element_subjects() {
        let (len, mut rng) = (50, seeded(3));
        let mut store = subject.build(&one_group(len, 0.0));
        for count in 1..=5 {
            Gradient::Dense {
                start: 0,
                values: values(&mut rng, len),
            }
            .apply(store.as_mut(), count);
        }
        let before = bits(store.as_mut());
        let coordinates = vec![3, 17, 40];
        let values = values(&mut rng, 3);
        Gradient::Sparse {
            coordinates: coordinates.clone(),
            values,
        }
        .apply(store.as_mut(), 6);
        Gradient::Empty.apply(store.as_mut(), 7);
        for (before, after) in before.iter().zip(bits(store.as_mut())) {
            for element in (0..50).filter(|element| !coordinates.contains(element)) {
                assert_eq!(
                    before[element as usize], after[element as usize],
                    "{}",
                    subject
                );
            }
        }
    }
}

#[test]
fn any_partition_of_a_vector_gives_the_same_bits() {
    for subject in element_subjects() {
        let (len, mut rng) = (131, seeded(4));
        let history: Vec<Vec<f32>> = (0..20).map(|_| values(&mut rng, len)).collect();
        let run = |start: usize, end: usize| {
            let value = |element: usize| initial(start + element);
            let groups = vec![GroupSpan {
                range: 0..end - start,
                lr_factor: 1.0,
                terms: Terms::l2(0.1),
                shape: Vec::new(),
            }];
            let initial = Initial::Function(&value);
            let mut store = subject.build(&StoreSpec {
                len: end - start,
                initial,
                groups,
            });
            for (count, values) in (1..).zip(&history) {
                let values = values[start..end].to_vec();
                Gradient::Dense { start: 0, values }.apply(store.as_mut(), count);
            }
            bits(store.as_mut())
        };
        let whole = run(0, len);
        for cut in [0, 1, 31, 32, 33, 64, 100, 130, 131] {
            let (left, right) = (run(0, cut), run(cut, len));
            for ((whole, left), right) in whole.iter().zip(left).zip(right) {
                assert_eq!(*whole, [left, right].concat(), "{} cut at {cut}", subject);
            }
        }
    }
}

#[test]
fn save_load_and_go_on_is_never_having_stopped() {
    for subject in subjects() {
        let (len, mut rng) = (90, seeded(5));
        let spec = four_groups(len);
        let mut through = subject.build(&spec);
        for count in 1..=30 {
            gradient(&mut rng, len).apply(through.as_mut(), count);
        }
        let saved: Vec<Vec<f32>> = through
            .columns()
            .iter()
            .map(|column| column.to_vec())
            .collect();
        let columns: Vec<&[f32]> = saved.iter().map(Vec::as_slice).collect();
        let mut resumed = subject.build(&spec);
        // What it did before must not matter.
        for count in 1..=7 {
            gradient(&mut seeded(6), len).apply(resumed.as_mut(), count);
        }
        resumed.restore(&columns).unwrap();
        for count in 31..=60 {
            let next = gradient(&mut rng, len);
            next.apply(through.as_mut(), count);
            next.apply(resumed.as_mut(), count);
        }
        assert_eq!(
            bits(through.as_mut()),
            bits(resumed.as_mut()),
            "{}",
            subject
        );
    }
}

#[test]
fn bounded_gradients_keep_parameters_finite() {
    for subject in subjects() {
        let (len, mut rng) = (64, seeded(7));
        let mut store = subject.build(&one_group(len, 0.01));
        for count in 1..=2000 {
            let mut values = values(&mut rng, len);
            values[..8].copy_from_slice(&[0.0, -0.0, 1.0, -1.0, 1e-40, 1e-20, 1e6, -1e6]);
            if count % 2 == 0 {
                values.truncate(len / 2);
            }
            Gradient::Dense { start: 0, values }.apply(store.as_mut(), count);
        }
        let finite = store.columns()[0].iter().all(|x| x.is_finite());
        assert!(finite, "{}", subject);
    }
}
