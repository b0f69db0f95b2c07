//! int8: integers under one scale for each block of 256 values.
//!
//! ```text
//! s = max|x| / 127, rounded up to 17 bits of precision      x: the finite values of a block
//! q = x / s, to the nearest, ties to even                   −127 ≤ q ≤ 127
//! x̂ = q · s
//! ```
//!
//! | symbol | on the wire |
//! |---|---|
//! | s | all scales first: little-endian f32, finite, 0 or above |
//! | q | then all integers, one byte each, two's complement; −128 says "not finite" |
//!
//! **Error.** |x − x̂| ≤ s/2, so at most max|x|/254 (and 2⁻¹⁷ of that). A block whose largest magnitude is
//! below 127·2⁻¹²⁶ = 1.5·10⁻³⁶ has the scale 0 and is all zeros: scales have full precision.
//!
//! **Exact.** With 17 bits of scale and 7 of q a product fits the 24 bits of f32: x̂ is exact, and so is
//! x − x̂. What was sent and what it lacked add up to what was meant, without rounding; and a block that
//! was rounded once is not changed by being rounded again.
//!
//! **Not finite.** NaN and infinity do not enter the scale and arrive as NaN at their place, to be judged
//! there as they would be in f32; the other values of the block are what they are.
//!
//! Source: Alistarh, Grubic, Li, Tomioka, Vojnović, *QSGD: communication-efficient SGD via gradient
//! quantization and encoding*, NIPS 2017, section 3.2, for buckets with a scale of their own.
//! Differs from it: the scale is by the largest magnitude, and rounding is to the nearest instead of at
//! random, so that a repeated run has the same bits. What is lost by that is a bias, which the sender
//! makes up for by error feedback.

/// Values under one scale.
pub const BLOCK: usize = 256;

/// The greatest integer.
const GREATEST: f32 = 127.0;

/// Stands for a value that is not finite.
const NOT_FINITE: i8 = i8::MIN;

/// Bits of an f32 that a scale does not use.
const UNUSED: u32 = 0x7f;

/// The scale of a block.
fn scale(block: &[f32]) -> f32 {
    let finite = block
        .iter()
        .map(|x| if x.is_finite() { x.abs() } else { 0.0 });
    let scale = finite.fold(0.0, f32::max) / GREATEST;
    if scale < f32::MIN_POSITIVE {
        return 0.0;
    }
    // Up, so that no value is beyond the greatest integer.
    f32::from_bits(scale.to_bits().next_multiple_of(UNUSED + 1))
}

/// What rounds a double to an integer, ties to even, when it is added: 1.5·2⁵².
const ROUNDS: f64 = 6_755_399_441_055_744.0;

/// The integer of a value under a scale above 0. In f64, where the quotient of two singles never rounds
/// onto a tie that it is not.
fn quantise(x: f32, scale: f32) -> i8 {
    let [low, ..] = (f64::from(x) / f64::from(scale) + ROUNDS)
        .to_bits()
        .to_le_bytes();
    i8::from_le_bytes([low])
}

fn integer(x: f32, scale: f32) -> i8 {
    if !x.is_finite() {
        NOT_FINITE
    } else if scale > 0.0 {
        quantise(x, scale)
    } else {
        0
    }
}

fn value(q: i8, scale: f32) -> f32 {
    if q == NOT_FINITE {
        f32::NAN
    } else {
        f32::from(q) * scale
    }
}

/// Appends scales and integers.
pub(super) fn encode(values: &[f32], bytes: &mut Vec<u8>) {
    let scales: Vec<f32> = values.chunks(BLOCK).map(scale).collect();
    bytes.extend(scales.iter().flat_map(|scale| scale.to_le_bytes()));
    for (block, scale) in values.chunks(BLOCK).zip(scales) {
        bytes.extend(block.iter().flat_map(|x| integer(*x, scale).to_le_bytes()));
    }
}

/// Reads as many values as `out` holds; answers with the bytes behind them.
///
/// # Errors
/// What was expected of a scale and what was found.
pub(super) fn decode<'a>(bytes: &'a [u8], out: &mut [f32]) -> Result<&'a [u8], String> {
    let (scales, rest) = bytes.split_at(4 * out.len().div_ceil(BLOCK));
    let (integers, padding) = rest.split_at(out.len());
    let scales = scales.as_chunks::<4>().0;
    let blocks = out.chunks_mut(BLOCK).zip(integers.chunks(BLOCK));
    for (number, ((to, from), scale)) in blocks.zip(scales).enumerate() {
        let scale = f32::from_le_bytes(*scale);
        if !scale.is_finite() || scale.is_sign_negative() {
            return Err(format!(
                "has the scale {scale:?} in block {number} of int8; expected a finite number, 0 or above"
            ));
        }
        for (to, from) in to.iter_mut().zip(from) {
            *to = value(i8::from_le_bytes([*from]), scale);
        }
    }
    Ok(padding)
}

pub(super) fn round(values: &mut [f32]) {
    for block in values.chunks_mut(BLOCK) {
        let scale = scale(block);
        for x in block {
            *x = value(integer(*x, scale), scale);
        }
    }
}
