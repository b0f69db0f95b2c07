//! Laws of all transforms, and what each of them promises.

use thalweg_common::message::DataRange;
use thalweg_common::seed::{mix, unit};
use toml::{Table, Value};

use super::{Numbering, TRANSFORMS, Transforms, transform};
use crate::model::Coverage;

const ELEMENTS: u64 = 4_096;

/// Batches of 10 examples of 100 rows.
fn transforms(list: &str) -> Transforms {
    let numbering = Numbering {
        seed: 3,
        rows: 100,
        batch_size: 10,
    };
    let table: Table = format!("list = {list}").parse().unwrap();
    let entries = table["list"].as_array().unwrap().iter().map(|entry| {
        let mut options = entry.as_table().unwrap().clone();
        let name = options.remove("name").unwrap();
        (name.as_str().unwrap().to_owned(), options)
    });
    let entries: Vec<(String, Table)> = entries.collect();
    let list = entries
        .iter()
        .map(|(name, options)| (name.as_str(), options));
    Transforms::new(numbering, list).unwrap_or_else(|error| panic!("{error}"))
}

fn range(epoch: u64, start: u64) -> DataRange {
    DataRange {
        epoch,
        start,
        end: start + 10,
        checksum: 0,
    }
}

/// Numbers from −3 to 3, a third of them zero.
#[expect(clippy::cast_possible_truncation, reason = "gradients are f32")]
fn gradient() -> Vec<f32> {
    let number = |i| (6.0 * unit(mix(i)) - 3.0) as f32;
    (0..ELEMENTS)
        .map(|i| if i % 3 == 0 { 0.0 } else { number(i) })
        .collect()
}

fn applied_at(list: &str, range: &DataRange, gradient: &[f32]) -> Vec<f32> {
    let mut values = gradient.to_vec();
    let whole = Coverage::Whole(values.len() as u64);
    transforms(list).apply(range, &whole, &mut values);
    values
}

fn applied(list: &str, gradient: &[f32]) -> Vec<f32> {
    applied_at(list, &range(0, 0), gradient)
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn norm(values: &[f32]) -> f64 {
    let squares = values.iter().map(|value| f64::from(*value).powi(2));
    squares.sum::<f64>().sqrt()
}

#[test]
fn every_entry_accepts_its_defaults_and_refuses_minus_one_and_other_keys_by_name() {
    for entry in TRANSFORMS {
        let defaults: Table = entry.defaults.parse().unwrap();
        entry.build(&defaults).unwrap();
        for key in defaults.keys() {
            let bad = Table::from_iter([(key.clone(), Value::Float(-1.0))]);
            let text = entry.build(&bad).unwrap_err().to_string();
            assert!(text.contains(&format!("`{key}` is -1")), "{text}");
        }
        let unknown = Table::from_iter([("no_such_key".to_owned(), Value::Float(1.0))]);
        let text = entry.build(&unknown).unwrap_err().to_string();
        assert!(text.contains("no_such_key"), "{text}");
    }
    let text = transform("clip_by_norm").unwrap_err().to_string();
    assert!(
        text.contains("did you mean `clip_by_global_norm`?"),
        "{text}"
    );
}

#[test]
fn a_transform_that_does_not_bite_changes_no_bit() {
    let gradient = gradient();
    let length = norm(&gradient) + 1e-3;
    for idle in [
        "[]".to_owned(),
        "[{ name = 'clip_by_value', max_value = 3.0 }]".to_owned(),
        format!("[{{ name = 'clip_by_global_norm', max_norm = {length} }}]"),
        "[{ name = 'gaussian_noise', eta = 0.0 }]".to_owned(),
    ] {
        assert_eq!(bits(&applied(&idle, &gradient)), bits(&gradient), "{idle}");
    }
    assert!(transforms("[]").is_empty());
}

#[test]
fn every_transform_gives_a_sparse_gradient_the_bits_of_the_whole_one() {
    let whole_gradient = gradient();
    let list: Vec<u64> = (0..ELEMENTS).filter(|i| i % 3 != 0).collect();
    let at = |values: &[f32]| -> Vec<f32> {
        let pick = |i: &u64| values[usize::try_from(*i).unwrap()];
        list.iter().map(pick).collect()
    };
    let sparse = Coverage::Coordinates(list.clone());
    for entry in TRANSFORMS {
        let name = format!("[{{ name = '{}' }}]", entry.name);
        let mut values = at(&whole_gradient);
        transforms(&name).apply(&range(2, 30), &sparse, &mut values);
        let whole = applied_at(&name, &range(2, 30), &whole_gradient);
        assert_eq!(bits(&values), bits(&at(&whole)), "{name}");
        assert_ne!(bits(&values), bits(&at(&whole_gradient)), "{name}");
    }
}

#[test]
fn clipping_by_value_bounds_every_element_and_leaves_the_small_ones() {
    let gradient = gradient();
    let clipped = applied("[{ name = 'clip_by_value', max_value = 1.5 }]", &gradient);
    for (before, after) in gradient.iter().zip(&clipped) {
        let expected = if before.abs() <= 1.5 {
            *before
        } else {
            1.5 * before.signum()
        };
        assert_eq!(after.to_bits(), expected.to_bits());
    }
}

#[test]
fn clipping_by_norm_gives_the_norm_that_was_asked_for_and_keeps_the_direction() {
    let gradient = gradient();
    let clipped = applied(
        "[{ name = 'clip_by_global_norm', max_norm = 2 }]",
        &gradient,
    );
    assert!((norm(&clipped) / 2.0 - 1.0).abs() < 1e-6);
    let dot: f64 = gradient
        .iter()
        .zip(&clipped)
        .map(|(a, b)| f64::from(a * b))
        .sum();
    assert!((dot / (norm(&gradient) * norm(&clipped)) - 1.0).abs() < 1e-6);
    // torch: total_norm = 5, clip_coef = 1 / (5 + 1e-6).
    let small = applied("[{ name = 'clip_by_global_norm' }]", &[3.0, 4.0]);
    assert!(
        (f64::from(small[0]) - 0.599_999_88).abs() < 1e-7,
        "{small:?}"
    );
    let largest = applied("[{ name = 'clip_by_global_norm' }]", &[f32::MAX; 9]);
    assert!((norm(&largest) - 1.0).abs() < 1e-6);
}

/// Of n = 4,096 standard normal numbers the mean is within 5/√n, the variance within 5·√(2/n).
#[test]
fn noise_has_the_stated_variance_and_fades_with_the_batches() {
    let n = ELEMENTS as f64;
    for (epoch, start, t) in [(0, 0, 0.0), (0, 90, 9.0), (7, 50, 75.0)] {
        let list = "[{ name = 'gaussian_noise', eta = 0.3 }]";
        let noise = applied_at(list, &range(epoch, start), &vec![0.0; 4_096]);
        let sigma = (0.3 / (1.0_f64 + t).powf(0.55)).sqrt();
        let mean = noise.iter().map(|z| f64::from(*z)).sum::<f64>() / n / sigma;
        let variance = norm(&noise).powi(2) / n / sigma.powi(2);
        assert!(mean.abs() < 5.0 / n.sqrt(), "at {t}: mean {mean}");
        assert!(
            (variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
            "at {t}: {variance}"
        );
        let inside = noise.iter().filter(|z| f64::from(z.abs()) < sigma).count();
        assert!(
            (inside as f64 / n - 0.6827).abs() < 0.04,
            "at {t}: {inside}"
        );
    }
}

#[test]
fn noise_is_the_batchs_own_and_that_of_its_place_in_the_list() {
    let list = "[{ name = 'gaussian_noise', gamma = 0.0 }]";
    let zeros = vec![0.0; 4_096];
    let at = |epoch, start| applied_at(list, &range(epoch, start), &zeros);
    assert_eq!(bits(&at(1, 20)), bits(&at(1, 20)));
    let correlation = |a: &[f32], b: &[f32]| {
        let dot: f64 = a
            .iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum();
        dot / (norm(a) * norm(b))
    };
    for (epoch, start) in [(1, 30), (2, 20), (0, 20), (20, 1)] {
        let found = correlation(&at(1, 20), &at(epoch, start));
        assert!(found.abs() < 5.0 / 64.0, "{epoch}, {start}: {found}");
    }
    // Were both transforms to draw the same numbers, the variance would be fourfold.
    let noise = "{ name = 'gaussian_noise', gamma = 0.0 }";
    let twice = applied_at(&format!("[{noise}, {noise}]"), &range(1, 20), &zeros);
    let ratio = (norm(&twice) / norm(&at(1, 20))).powi(2);
    assert!((1.8..2.2).contains(&ratio), "{ratio}");
}

#[test]
fn transforms_run_in_the_order_of_the_job() {
    let (value, length) = (
        "{ name = 'clip_by_value', max_value = 1 }",
        "{ name = 'clip_by_global_norm', max_norm = 1 }",
    );
    let gradient = [3.0, 4.0];
    let first_value = applied(&format!("[{value}, {length}]"), &gradient);
    let first_length = applied(&format!("[{length}, {value}]"), &gradient);
    assert!(
        (first_value[0] - first_value[1]).abs() < 1e-7,
        "{first_value:?}"
    );
    assert!((first_length[1] - 0.8).abs() < 1e-6, "{first_length:?}");
}
