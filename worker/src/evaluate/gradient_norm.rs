//! How steep the mean loss is: the L2 norm of its gradient, for rules that stop a job where it is
//! flat.

use crate::{
    data::{Dataset, Rows},
    model::{Coverage, Located, Model, ModelError},
};

/// Rows per block: fixed, since it decides the order of the sums.
const BLOCK_ROWS: u64 = 1_024;

/// The L2 norm of the gradient, with respect to the parameters, of the mean loss over the first
/// `rows_max` rows at most, weighted as the rows are. Takes one pass and as much memory as the
/// parameters.
///
/// # Errors
/// As [`super::evaluate`].
///
/// # Panics
/// When there are no rows or `x` is not as long as the layout.
pub fn gradient_norm(
    model: &dyn Model,
    data: &dyn Dataset,
    rows_max: u64,
    x: &[f32],
) -> Result<f64, ModelError> {
    let all = data.rows().min(rows_max);
    assert!(0 < all, "a mean needs rows");
    assert_eq!(
        x.len() as u64,
        model.layout().elements(),
        "one value per element"
    );
    let coverage = Coverage::Whole(x.len() as u64);
    let mut gradient = vec![0.0; x.len()];
    let (mut rows, mut located, mut numbers) = (Rows::new(), Located::default(), Vec::new());
    let mut start = 0;
    while start < all {
        let end = all.min(start + BLOCK_ROWS);
        numbers.clear();
        numbers.extend(start..end);
        data.fill(&numbers, &mut rows);
        rows.set_batch_rows(all);
        model.locate(&rows, &coverage, &mut located)?;
        model.gradient(&rows, &located, x, &mut gradient);
        start = end;
    }
    let squares = gradient.iter().map(|slope| f64::from(*slope).powi(2));
    Ok(squares.sum::<f64>().sqrt())
}

#[cfg(test)]
mod tests {
    use super::gradient_norm;
    use crate::{
        data::{InMemory, Rows, Task},
        model::{Shape, build},
    };

    #[test]
    fn the_norm_is_that_of_the_mean_over_all_rows() {
        let mut rows = Rows::new();
        for number in 0..3_000 {
            rows.push(number, 4.0, &[0], &[2.0]);
        }
        let data = InMemory::from_rows(&rows, 1, Task::Real);
        let model = build("linear_regression", &toml::Table::new(), &Shape::of(&data)).unwrap();
        // Of ½(2w + b − 4)² at w = 1, b = 0 the slopes are 2·(−2) and −2.
        let norm = gradient_norm(&*model, &data, u64::MAX, &[1.0, 0.0]).unwrap();
        // The sum of 3,000 rows is one of 32-bit numbers.
        assert!((norm - 20_f64.sqrt()).abs() < 1e-3, "{norm}");
        let flat = gradient_norm(&*model, &data, 10, &[2.0, 0.0]).unwrap();
        assert!(flat.abs() < 1e-6, "{flat}");
    }
}
