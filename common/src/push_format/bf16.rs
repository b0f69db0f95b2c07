//! bf16: the upper half of an f32, which keeps its range and 8 of its 24 bits of precision.
//!
//! ```text
//! bits16 = (bits32 + 0x7fff + (bit 16 of bits32)) >> 16     to the nearest, ties to even
//! ```
//!
//! A value errs by at most 2⁻⁸ of the power of two below it, and by 2⁻¹³⁴ below 2⁻¹²⁶. NaN stays NaN and
//! infinity stays infinity; what is beyond the largest bf16 by half a step, above 3.396·10³⁸, becomes
//! infinity, as IEEE 754 rounds, and is judged as that.

/// The upper half of a value, rounded.
#[must_use]
pub fn to_bits(value: f32) -> u16 {
    let bits = value.to_bits();
    // Rounding could carry a NaN whose payload is all ones into another number.
    let rounded = if value.is_nan() {
        bits | 0x0040_0000
    } else {
        bits + 0x7fff + (bits >> 16 & 1)
    };
    let [.., low, high] = rounded.to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// The value of an upper half.
#[must_use]
pub fn from_bits(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Appends the upper halves, little-endian.
pub(super) fn encode(values: &[f32], bytes: &mut Vec<u8>) {
    bytes.extend(
        values
            .iter()
            .flat_map(|value| to_bits(*value).to_le_bytes()),
    );
}

/// Reads as many values as `out` holds; answers with the bytes behind them.
pub(super) fn decode<'a>(bytes: &'a [u8], out: &mut [f32]) -> &'a [u8] {
    let (values, padding) = bytes.split_at(2 * out.len());
    for (to, from) in out.iter_mut().zip(values.as_chunks::<2>().0) {
        *to = from_bits(u16::from_le_bytes(*from));
    }
    padding
}

pub(super) fn round(values: &mut [f32]) {
    for value in values {
        *value = from_bits(to_bits(*value));
    }
}
