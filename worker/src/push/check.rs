//! Judging a whole gradient before it is cut, so that a bad one is pushed to no shard at all.

use thalweg_common::non_finite::NonFinite;

/// What is wrong with a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Fault {
    /// The first position, in values.
    pub(crate) position: usize,
    /// The value there.
    pub(crate) value: f32,
}

/// Applies the policy for NaN and infinity.
pub(crate) fn check(gradient: &mut [f32], policy: NonFinite) -> Result<(), Fault> {
    match policy {
        NonFinite::Propagate => Ok(()),
        NonFinite::Zero => {
            for value in gradient {
                if !value.is_finite() {
                    *value = 0.0;
                }
            }
            Ok(())
        }
        NonFinite::Reject => {
            if all_finite(gradient) {
                return Ok(());
            }
            let fault = gradient
                .iter()
                .enumerate()
                .find(|(_, value)| !value.is_finite());
            fault.map_or(Ok(()), |(position, value)| {
                Err(Fault {
                    position,
                    value: *value,
                })
            })
        }
    }
}

/// Looks at blocks without leaving early, which the compiler turns into vector instructions.
fn all_finite(values: &[f32]) -> bool {
    values.chunks(1024).all(|block| {
        block
            .iter()
            .fold(true, |finite, value| finite & value.is_finite())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_value_is_found_at_every_length() {
        for len in [1, 2, 67, 1023, 1024, 1025, 3000] {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut gradient = vec![f32::MAX; len];
                assert_eq!(check(&mut gradient, NonFinite::Reject), Ok(()));
                gradient[len - 1] = bad;
                let fault = check(&mut gradient, NonFinite::Reject).unwrap_err();
                assert_eq!(fault.position, len - 1);
                assert_eq!(fault.value.to_bits(), bad.to_bits());
                check(&mut gradient, NonFinite::Propagate).unwrap();
                assert_eq!(gradient[len - 1].to_bits(), bad.to_bits());
                check(&mut gradient, NonFinite::Zero).unwrap();
                assert_eq!(gradient[len - 1].to_bits(), 0);
            }
        }
    }
}
