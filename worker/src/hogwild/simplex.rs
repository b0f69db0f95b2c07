//! The nearest point of the probability simplex without memory of its own: the fast twin of the
//! regularizer `simplex`, with which a test compares it.
//!
//! ```text
//! x ← max(x − θ, 0) with Σ x = 1      θ ← (Σ_{x > θ} x − 1) / |{x > θ}|  until the set stays
//! ```
//!
//! Source: Michelot, "A finite algorithm for finding the projection of a point onto the canonical
//! simplex of Rⁿ", Journal of Optimization Theory and Applications 50 (1986).

/// Moves `x` to the nearest point of the simplex. Numbers that are not finite stay.
pub(super) fn project(x: &mut [f32]) {
    if !x.iter().all(|x| x.is_finite()) {
        return;
    }
    let (mut theta, mut kept) = (f64::NEG_INFINITY, usize::MAX);
    loop {
        let above = x.iter().map(|x| f64::from(*x)).filter(|x| theta < *x);
        let (sum, count) = above.fold((0.0, 0_usize), |(sum, count), x| (sum + x, count + 1));
        if count == 0 {
            return;
        }
        theta = (sum - 1.0) / count as f64;
        if count == kept {
            break;
        }
        kept = count;
    }
    for x in x {
        *x = super::single((f64::from(*x) - theta).max(0.0));
    }
}

#[cfg(test)]
mod tests {
    use thalweg_common::regularizer::{Term, regularizer};
    use thalweg_common::seed::{mix, normal};

    use super::project;

    #[test]
    fn the_projection_is_that_of_the_regularizer_for_every_length() {
        let entry = regularizer("simplex").unwrap();
        let Ok(Term::Constraint(plain)) = entry.build(&toml::Table::new()) else {
            panic!("the simplex is a constraint");
        };
        for len in 1..=64_u64 {
            for scale in [0.01, 1.0, 100.0] {
                let draw = |d| crate::hogwild::single(normal(scale, mix(1_000 * len + d)));
                let mut fast: Vec<f32> = (0..len).map(draw).collect();
                let mut expected = fast.clone();
                project(&mut fast);
                plain.project_singles(&mut expected);
                for (fast, expected) in fast.iter().zip(&expected) {
                    assert!((fast - expected).abs() < 1e-6, "{fast}, {expected}");
                }
            }
        }
    }

    #[test]
    fn a_point_that_is_not_finite_stays() {
        let mut x = [f32::NAN, 1.0];
        project(&mut x);
        assert!(x[0].is_nan() && x[1].to_bits() == 1_f32.to_bits());
    }
}
