//! Whether bytes hold NaN or infinity: looked at before a part is applied, at the speed of memory.

use multiversion::multiversion;

/// Values looked at before the answer is read.
const BLOCK: usize = 64;
/// All bits of the exponent: set in infinities and NaNs, and in nothing else.
const EXPONENT: u32 = 0x7f80_0000;

/// The position, in values from 0, of the first NaN or infinity among f32 values (little-endian, of
/// any alignment). Bytes behind the last whole value are not looked at.
#[must_use]
pub fn first_non_finite(values: &[u8]) -> Option<usize> {
    let block = first_block(values);
    let from = block * BLOCK;
    values[4 * from..]
        .as_chunks::<4>()
        .0
        .iter()
        .position(|bytes| is_non_finite(*bytes))
        .map(|position| from + position)
}

/// The first whole block with a non-finite value, else the number of whole blocks.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
fn first_block(values: &[u8]) -> usize {
    let (blocks, _) = values.as_chunks::<{ 4 * BLOCK }>();
    let found = blocks.iter().position(|block| {
        let (values, _) = block.as_chunks::<4>();
        values
            .iter()
            .fold(false, |found, bytes| found | is_non_finite(*bytes))
    });
    found.unwrap_or(blocks.len())
}

#[inline(always)]
fn is_non_finite(bytes: [u8; 4]) -> bool {
    u32::from_le_bytes(bytes) & EXPONENT == EXPONENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_is_found_at_every_length_and_alignment() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for len in 0..200 {
                for at in 0..len {
                    let mut values = vec![f32::MAX; len];
                    values[at] = bad;
                    values[len - 1] = bad;
                    let mut bytes = vec![0xff];
                    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                    assert_eq!(first_non_finite(&bytes[1..]), Some(at), "{bad} of {len}");
                }
            }
        }
    }

    #[test]
    fn finite_values_of_every_kind_pass() {
        let values = [0.0, -0.0, f32::MIN, f32::MAX, f32::MIN_POSITIVE, 1e-45];
        for len in 0..200 {
            let bytes: Vec<u8> = values
                .iter()
                .cycle()
                .take(len)
                .flat_map(|value| value.to_le_bytes())
                .collect();
            assert_eq!(first_non_finite(&bytes), None);
        }
    }
}
