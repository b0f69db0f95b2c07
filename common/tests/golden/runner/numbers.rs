//! Numbers of a file, how they are compared, and what comparisons found.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// A row of numbers for each step.
pub(super) type Rows = Vec<Vec<f64>>;

/// What the comparisons of one file found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many lists of numbers were compared.
    pub(super) count: usize,
    pub(super) failures: Vec<String>,
}

impl Findings {
    /// A file that could not be read to its end.
    pub(super) fn unreadable(why: String) -> Self {
        Self {
            count: 1,
            failures: vec![why],
        }
    }

    /// The same, and a failure if nothing was compared.
    pub(super) fn of_something(mut self) -> Self {
        if self.count == 0 {
            self.failures.push("it holds nothing to compare".to_owned());
        }
        self
    }

    /// Counts a comparison, and what it found wrong.
    pub(super) fn note(&mut self, difference: Option<String>) {
        self.count += 1;
        self.failures.extend(difference);
    }

    /// Adds others.
    pub(super) fn join(&mut self, others: Self) {
        self.count += others.count;
        self.failures.extend(others.failures);
    }

    /// Adds those of one of the file's runs.
    pub(super) fn add(&mut self, of_run: &str, run: Result<Self, String>) {
        let run = run.unwrap_or_else(Self::unreadable).of_something();
        self.count += run.count;
        let named = |failure| format!("{of_run} {failure}");
        self.failures.extend(run.failures.iter().map(named));
    }
}

/// The value of `key`.
pub(super) fn field<T: DeserializeOwned>(from: &Value, key: &str) -> Result<T, String> {
    let value = from.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    T::deserialize(value).map_err(|error| format!("`{key}`: {error}"))
}

/// The rows of numbers at `key`.
pub(super) fn rows(from: &Value, key: &str) -> Result<Rows, String> {
    let rows: Vec<Value> = field(from, key)?;
    let rows: Result<_, String> = rows.iter().map(list).collect();
    rows.map_err(|error| format!("`{key}`: {error}"))
}

/// The numbers at `key`.
pub(super) fn numbers(from: &Value, key: &str) -> Result<Vec<f64>, String> {
    let value = from.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
    list(value).map_err(|error| format!("`{key}`: {error}"))
}

/// Numbers, of which those that JSON does not have are words.
fn list(value: &Value) -> Result<Vec<f64>, String> {
    let list = value.as_array().ok_or("a list of numbers is missing")?;
    let number = |value: &Value| match value.as_str() {
        None => value
            .as_f64()
            .ok_or_else(|| format!("{value} is no number")),
        Some("NaN") => Ok(f64::NAN),
        Some("Infinity") => Ok(f64::INFINITY),
        Some("-Infinity") => Ok(f64::NEG_INFINITY),
        Some(other) => Err(format!("{other} is no number")),
    };
    list.iter().map(number).collect()
}

/// Singles, as the files hold them.
#[expect(clippy::cast_possible_truncation, reason = "the files hold singles")]
pub(super) fn singles(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|number| *number as f32).collect()
}

/// Doubles of singles.
pub(super) fn doubles(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().copied().map(f64::from).collect()
}

/// How far two numbers are apart. Equal NaNs and equal infinities are not; a NaN and a number are
/// infinitely far.
pub(super) fn distance(found: f64, expected: f64) -> f64 {
    if found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    let distance = (found - expected).abs();
    if distance.is_nan() {
        f64::INFINITY
    } else {
        distance
    }
}

/// What no file may exceed: the loosest that any reference needs is a tenth of it.
const TOLERANCE_MAX: f64 = 1e-2;

/// What is wrong with the rows of all steps, if anything: an error above tolerance · max(1, the
/// largest size of that number on the way).
pub(super) fn difference(
    what: &str,
    tolerance: f64,
    found: &[Vec<f64>],
    expected: &[Vec<f64>],
) -> Option<String> {
    if TOLERANCE_MAX < tolerance {
        return Some(format!(
            "[{what}]: a tolerance of {tolerance:e}, above {TOLERANCE_MAX:e}, checks nothing"
        ));
    }
    if found.len() != expected.len() {
        let (found, expected) = (found.len(), expected.len());
        return Some(format!("[{what}]: {expected} rows for {found} steps"));
    }
    let width = found.first().map_or(0, Vec::len);
    let mut largest = vec![1.0_f64; width];
    let mut errors = vec![0.0_f64; width];
    for (step, (found, expected)) in (1..).zip(found.iter().zip(expected)) {
        if expected.len() != width {
            let count = expected.len();
            return Some(format!("[{what}] step {step}: {count} numbers for {width}"));
        }
        for (element, (found, expected)) in found.iter().zip(expected).enumerate() {
            if expected.is_finite() {
                largest[element] = largest[element].max(expected.abs());
            }
            errors[element] = errors[element].max(distance(*found, *expected));
        }
    }
    let relative = errors
        .iter()
        .zip(&largest)
        .map(|(error, size)| error / size);
    let (element, worst) =
        (0..).zip(relative).fold(
            (0, 0.0),
            |worst, next| if worst.1 < next.1 { next } else { worst },
        );
    (tolerance < worst).then(|| {
        format!("[{what}]: error {worst:.2e} in element {element}, tolerance {tolerance:.0e}")
    })
}

/// What is wrong with one row, if anything: an error above tolerance · max(1, size).
pub(super) fn row_difference(
    what: &str,
    tolerance: f64,
    found: &[f64],
    expected: &[f64],
) -> Option<String> {
    let near = |(found, expected): (&f64, &f64)| {
        let size = if expected.is_finite() {
            expected.abs()
        } else {
            1.0
        };
        distance(*found, *expected) <= tolerance * size.max(1.0)
    };
    let right = found.len() == expected.len() && found.iter().zip(expected).all(near);
    (!right).then(|| format!("[{what}]: {found:?}, expected {expected:?}"))
}
