//! What stores promise whatever the optimizer.

use thalweg_common::optimizer::{
    AddressError, GradientError, GradientView, GroupSpan, Initial, Reader, RestoreError,
    StepContext, StoreSpec,
};
use thalweg_common::regularizer::Terms;

use super::support::{
    Gradient, Subject, bits, coordinates, element_subjects, one_group, seeded, subject, subjects,
    values,
};

const CONTEXT: StepContext = StepContext {
    lr: 0.1,
    share: 1.0,
    count: 1,
    progress: 0,
    staleness: 0,
    worker: 0,
};

#[test]
fn a_gradient_that_does_not_fit_changes_nothing() {
    let mut store = subject("adam").build(&one_group(10, 0.1));
    let before = bits(store.as_mut());
    let bad = GradientView::Sparse {
        coordinates: &[2, 12],
        values: &[1; 8],
    };
    let error = store.step(&CONTEXT, bad, 1.0).unwrap_err();
    assert_eq!(
        error,
        GradientError::Address(AddressError::OutOfRange { last: 12, len: 10 })
    );
    assert_eq!(
        error.to_string(),
        "element 12 is addressed, but the shard has 10 elements"
    );
    assert_eq!(bits(store.as_mut()), before);
}

#[test]
fn a_read_outside_the_shard_appends_nothing() {
    let mut store = subject("sgd").build(&one_group(10, 0.0));
    let mut out = vec![7];
    assert!(store.read_range(Reader::Worker, 5..11, &mut out).is_err());
    assert!(
        store
            .read_coordinates(Reader::Worker, &[10], &mut out)
            .is_err()
    );
    assert!(
        store
            .read_coordinates(Reader::Worker, &[4, 4], &mut out)
            .is_err()
    );
    assert_eq!(out, [7]);
}

#[test]
fn reads_append_little_endian_singles() {
    let mut store = subject("sgd").build(&one_group(100, 0.0));
    let expected: Vec<u8> = (0..100)
        .flat_map(|at| super::support::initial(at).to_le_bytes())
        .collect();
    let mut out = Vec::new();
    store.read_range(Reader::Worker, 0..100, &mut out).unwrap();
    assert_eq!(out, expected);
    out.clear();
    let every: Vec<u32> = (0..100).collect();
    store
        .read_coordinates(Reader::Worker, &every[1..], &mut out)
        .unwrap();
    assert_eq!(out, expected[4..]);
}

#[test]
fn a_scale_of_a_half_is_half_the_gradient() {
    for subject in subjects() {
        let (mut whole, mut half) = (
            subject.build(&one_group(70, 0.1)),
            subject.build(&one_group(70, 0.1)),
        );
        let gradient = values(&mut seeded(8), 70);
        let bytes = |factor: f32| -> Vec<u8> {
            gradient
                .iter()
                .flat_map(|g| (factor * g).to_le_bytes())
                .collect()
        };
        let (plain, halved) = (bytes(1.0), bytes(0.5));
        let scaled = GradientView::Dense {
            start: 0,
            segments: &[&plain],
        };
        half.step(&CONTEXT, scaled, 0.5).unwrap();
        let already = GradientView::Dense {
            start: 0,
            segments: &[&halved],
        };
        whole.step(&CONTEXT, already, 1.0).unwrap();
        assert_eq!(bits(whole.as_mut()), bits(half.as_mut()), "{}", subject);
    }
}

#[test]
fn zeros_are_the_function_that_is_zero() {
    for subject in subjects() {
        let groups = vec![GroupSpan {
            range: 0..100,
            lr_factor: 1.0,
            terms: Terms::l2(0.1),
            shape: vec![100],
        }];
        let spec = |initial| StoreSpec {
            len: 100,
            initial,
            groups: groups.clone(),
        };
        let mut zeros = subject.build(&spec(Initial::Zeros));
        let mut function = subject.build(&spec(Initial::Function(&|_| 0.0)));
        let mut rng = seeded(9);
        for count in 1..=200 {
            let coordinates = coordinates(&mut rng, 100, 0.01);
            let values = values(&mut rng, coordinates.len());
            let gradient = Gradient::Sparse {
                coordinates,
                values,
            };
            gradient.apply(zeros.as_mut(), count);
            gradient.apply(function.as_mut(), count);
        }
        assert_eq!(bits(zeros.as_mut()), bits(function.as_mut()), "{}", subject);
    }
}

#[test]
fn memory_is_what_the_formula_says() {
    for subject in element_subjects() {
        let len = 10_000;
        let room = subject.entry.room_bytes(&subject.settings).unwrap();
        let mut store = subject.build(&one_group(len, 0.0));
        let gradient = Gradient::Sparse {
            coordinates: (0..3_000).collect(),
            values: vec![0.5; 3_000],
        };
        gradient.apply(store.as_mut(), 1);
        assert_eq!(
            store.bytes(),
            len * bytes_per_element(&subject, false) + room,
            "{}",
            subject
        );
        let mut store = subject.build(&one_group(len, 0.1));
        Gradient::Empty.apply(store.as_mut(), 1);
        let elements = len * bytes_per_element(&subject, true) + room;
        assert!(
            (elements..elements + 10_000).contains(&store.bytes()),
            "{}",
            subject
        );
    }
}

fn bytes_per_element(subject: &Subject, regularised: bool) -> usize {
    let Subject { entry, settings } = subject;
    entry
        .bytes_per_element(settings, regularised)
        .expect("its settings are permitted")
}

#[test]
fn a_state_of_another_optimizer_or_shard_is_refused() {
    let mut store = subject("momentum").build(&one_group(4, 0.0));
    let error = store.restore(&[&[0.0; 4]]).unwrap_err();
    assert_eq!(
        error,
        RestoreError::Columns {
            expected: 2,
            found: 1
        }
    );
    let error = store.restore(&[&[0.0; 4], &[0.0; 5]]).unwrap_err();
    assert_eq!(
        error,
        RestoreError::Length {
            column: 1,
            expected: 4,
            found: 5
        }
    );
}
