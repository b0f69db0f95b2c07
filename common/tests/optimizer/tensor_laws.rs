//! Laws of the optimizers that need whole tensors.

use thalweg_common::optimizer::{GradientView, GroupSpan, Initial, Store, StoreSpec};
use thalweg_common::regularizer::Terms;

use super::support::{
    Gradient, Subject, bits, context, coordinates, initial, one_group, seeded, subject,
    tensor_subjects, values,
};

/// Two matrices and two vectors.
const SHAPES: [&[usize]; 4] = [&[7, 5], &[12], &[2, 3, 4], &[1]];

/// The tensors of [`SHAPES`] from number `from` on, to number `to`.
fn build(subject: &Subject, from: usize, to: usize, l2: f64) -> Box<dyn Store<f32>> {
    let len = |shapes: &[&[usize]]| -> usize {
        shapes
            .iter()
            .map(|shape| shape.iter().product::<usize>())
            .sum()
    };
    let skipped = len(&SHAPES[..from]);
    let value = |element: usize| initial(skipped + element);
    let groups = (from..to).map(|i| GroupSpan {
        range: len(&SHAPES[from..i])..len(&SHAPES[from..=i]),
        lr_factor: 1.0,
        terms: Terms::l2(l2),
        shape: SHAPES[i].to_vec(),
    });
    subject.build(&StoreSpec {
        len: len(&SHAPES[from..to]),
        initial: Initial::Function(&value),
        groups: groups.collect(),
    })
}

#[test]
fn any_deal_of_whole_tensors_gives_the_same_bits() {
    for subject in tensor_subjects() {
        let mut whole = build(&subject, 0, 4, 0.1);
        let mut dealt = [0, 1, 2, 3].map(|i| build(&subject, i, i + 1, 0.1));
        let mut rng = seeded(11);
        for count in 1..=20 {
            let values = values(&mut rng, whole.len());
            let mut rest = values.as_slice();
            for part in &mut dealt {
                let (own, behind) = rest.split_at(part.len());
                rest = behind;
                let values = own.to_vec();
                Gradient::Dense { start: 0, values }.apply(part.as_mut(), count);
            }
            Gradient::Dense { start: 0, values }.apply(whole.as_mut(), count);
        }
        let whole = bits(whole.as_mut());
        let dealt: Vec<_> = dealt.iter_mut().map(|part| bits(part.as_mut())).collect();
        for (column, whole) in whole.into_iter().enumerate() {
            let put_together: Vec<u32> =
                dealt.iter().flat_map(|part| part[column].clone()).collect();
            assert_eq!(whole, put_together, "{subject} column {column}");
        }
    }
}

/// The norms are sums over blocks of a fixed size, however the gradient came.
#[test]
fn any_cut_of_the_gradient_inside_a_tensor_gives_the_same_bits() {
    let len = 9_000;
    for subject in tensor_subjects() {
        let mut rng = seeded(14);
        let history: Vec<Vec<f32>> = (0..3).map(|_| values(&mut rng, len)).collect();
        let run = |cuts: &[usize]| {
            let mut store = subject.build(&one_group(len, 0.1));
            for (count, values) in (1..).zip(&history) {
                let bytes: Vec<u8> = values.iter().flat_map(|g| g.to_le_bytes()).collect();
                let mut rest = bytes.as_slice();
                let mut segments = Vec::new();
                for cut in cuts {
                    let (segment, behind) = rest.split_at(4 * cut);
                    segments.push(segment);
                    rest = behind;
                }
                segments.push(rest);
                let view = GradientView::Dense {
                    start: 0,
                    segments: &segments,
                };
                store.step(&context(count), view, 1.0).unwrap();
            }
            bits(store.as_mut())
        };
        let whole = run(&[]);
        for cuts in [
            &[1][..],
            &[4_095],
            &[4_096],
            &[4_097, 1],
            &[8_191, 808],
            &[0, 9_000],
        ] {
            assert!(run(cuts) == whole, "{subject} cut at {cuts:?}");
        }
        // The same gradient, element by element.
        let mut store = subject.build(&one_group(len, 0.1));
        for (count, values) in (1..).zip(&history) {
            let every = Gradient::Sparse {
                coordinates: (0..9_000).collect(),
                values: values.clone(),
            };
            every.apply(store.as_mut(), count);
        }
        assert!(bits(store.as_mut()) == whole, "{subject}, sparse");
    }
}

#[test]
fn a_tensor_of_any_length_moves_as_in_doubles() {
    for subject in tensor_subjects() {
        for len in 1..=67 {
            let mut rng = seeded(15);
            let spec = one_group(len, 0.1);
            let mut single = subject.build(&spec);
            let built = subject.entry.build_exact(&subject.settings, &spec);
            let mut double = built.unwrap();
            for count in 1..=3 {
                let values = values(&mut rng, len);
                let exact: Vec<Option<f64>> = values.iter().map(|g| Some(f64::from(*g))).collect();
                let dense = Gradient::Dense { start: 0, values };
                dense.apply(single.as_mut(), count);
                double.step_exact(&context(count), &exact);
            }
            for (x, exact) in single.columns()[0].iter().zip(double.columns()[0]) {
                let error = (f64::from(*x) - exact).abs();
                assert!(
                    error <= 1e-5 * exact.abs().max(1.0),
                    "{subject} of {len}: {x}, {exact}"
                );
            }
        }
    }
}

/// With ε₁ that no single can square, a row and a column without gradients leave all finite.
#[test]
fn adafactor_stays_finite_whatever_eps1_and_the_gradients_are() {
    let mut subject = subject("adafactor");
    for eps1 in [1e-7, 1e-30, 1e-300] {
        subject.settings.insert("eps1".into(), eps1.into());
        for size in [0.0, 1e-38, 1e-22, 1.0, 1e18] {
            let mut store = build(&subject, 0, 4, 0.0);
            for count in 1..=3 {
                let mut values = vec![0.0; 72];
                // One tiny and one given element in different rows and columns of the matrix.
                (values[6], values[12], values[40]) = (1e-20, size, size);
                Gradient::Dense { start: 0, values }.apply(store.as_mut(), count);
            }
            let finite = store.columns()[0].iter().all(|x| x.is_finite());
            assert!(finite, "eps1 = {eps1}, gradients of {size}");
        }
    }
}

#[test]
fn absent_elements_of_a_tensor_are_zeros_and_absent_tensors_are_left_alone() {
    for subject in tensor_subjects() {
        let (mut sparse, mut dense) = (build(&subject, 0, 4, 0.0), build(&subject, 0, 4, 0.0));
        let mut rng = seeded(12);
        for count in 1..=10 {
            let values = values(&mut rng, 2);
            // Both lie in the first tensor, which has 35 elements.
            let some = Gradient::Sparse {
                coordinates: vec![3, 20],
                values,
            };
            let Gradient::Dense { start, mut values } = some.to_dense(72) else {
                panic!("a dense gradient");
            };
            values.truncate(35);
            some.apply(sparse.as_mut(), count);
            Gradient::Dense { start, values }.apply(dense.as_mut(), count);
            Gradient::Empty.apply(sparse.as_mut(), count);
        }
        assert_eq!(bits(sparse.as_mut()), bits(dense.as_mut()), "{subject}");
        let x = &bits(sparse.as_mut())[0];
        for (element, x) in x.iter().enumerate().skip(35) {
            assert_eq!(*x, initial(element).to_bits(), "{subject}");
        }
        assert_ne!(x[20], initial(20).to_bits(), "{subject}");
    }
}

#[test]
fn memory_is_at_most_what_the_formula_says() {
    for subject in tensor_subjects() {
        let Subject { entry, settings } = &subject;
        let most = entry.bytes_per_element(settings, true).unwrap();
        for store in [
            build(&subject, 0, 4, 0.1),
            subject.build(&one_group(72, 0.1)),
        ] {
            assert!(store.bytes() <= 72 * most, "{subject}");
        }
    }
}

/// A tensor that is twice as large, under gradients of any size, takes steps twice as large.
#[test]
fn lars_and_lamb_take_steps_in_proportion_to_the_tensor() {
    for name in ["lars", "lamb"] {
        let subject = subject(name);
        let run = |size: f32, gradient: f32| -> Vec<f32> {
            let value = |element: usize| size * (element as f32 + 1.0);
            let mut store = subject.build(&StoreSpec {
                initial: Initial::Function(&value),
                ..one_group(8, 0.0)
            });
            let values = (0..8).map(|i| gradient * (i as f32 - 3.5)).collect();
            Gradient::Dense { start: 0, values }.apply(store.as_mut(), 1);
            let moved = store.columns()[0].iter().enumerate();
            moved.map(|(i, x)| (x - value(i)) / size).collect()
        };
        let reference = run(1.0, 1.0);
        for (size, gradient) in [(2.0, 1.0), (64.0, 1.0), (1.0, 1000.0), (0.25, 8.0)] {
            for (a, b) in run(size, gradient).iter().zip(&reference) {
                assert!((a - b).abs() <= 1e-5 * b.abs(), "{name}: {a} and {b}");
            }
        }
    }
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "a small matrix")]
fn adafactor_keeps_a_number_for_each_row_and_column_of_a_matrix() {
    let subject = subject("adafactor");
    let mut store = subject.build(&StoreSpec {
        groups: vec![GroupSpan {
            range: 0..600,
            lr_factor: 1.0,
            terms: Terms::l2(0.0),
            shape: vec![20, 30],
        }],
        ..one_group(600, 0.0)
    });
    assert_eq!(store.slot_names(), ["row_var", "col_var", "variance"]);
    // g² has mean squares 1·(j mean) by row and by column at the first step, whose weight is 1.
    let values = (0..600).map(|i| (i / 30 + 1) as f32).collect();
    Gradient::Dense { start: 0, values }.apply(store.as_mut(), 1);
    let columns = store.columns();
    let rows: Vec<f32> = (1..=20).map(|row| (row * row) as f32).collect();
    assert_eq!(columns[1], rows);
    let mean = rows.iter().sum::<f32>() / 20.0;
    assert_eq!(columns[2], vec![mean; 30]);
    assert!(columns[3].is_empty());
}

#[test]
fn a_saved_state_of_other_lengths_is_refused() {
    for subject in tensor_subjects() {
        let mut rng = seeded(13);
        let mut store = build(&subject, 0, 4, 0.0);
        let some = coordinates(&mut rng, 72, 0.5);
        let values = values(&mut rng, some.len());
        let gradient = Gradient::Sparse {
            coordinates: some,
            values,
        };
        gradient.apply(store.as_mut(), 1);
        let saved: Vec<Vec<f32>> = store.columns().iter().map(|c| c.to_vec()).collect();
        let mut columns: Vec<&[f32]> = saved.iter().map(Vec::as_slice).collect();
        build(&subject, 0, 4, 0.0).restore(&columns).unwrap();
        columns[1] = &columns[1][1..];
        let error = build(&subject, 0, 4, 0.0).restore(&columns).unwrap_err();
        assert!(error.to_string().starts_with("column 1 of"), "{error}");
    }
}
