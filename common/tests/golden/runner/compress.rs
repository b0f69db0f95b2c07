//! The parts of `psgold-compress/1` that a push is written with: bf16 (`half`), and integers under a
//! scale, rounded to the nearest (`int8`).

use serde_json::Value;
use thalweg_common::push_format::{PushFormat, bf16};

use super::numbers::{Findings, field, numbers, row_difference, singles};

/// What a scale of 17 bits may be larger by than that of the reference.
const SCALE: f64 = 1.0 / 65_536.0;

pub(super) fn parts(file: &Value) -> Result<Findings, String> {
    let mut found = Findings::default();
    found.add("half", half(&field(file, "half")?));
    found.add("int8", int8(&field(file, "int8")?));
    Ok(found)
}

fn half(from: &Value) -> Result<Findings, String> {
    let input: Vec<u32> = field(from, "input_bits")?;
    let expected: Vec<u16> = field(from, "bf16_bits")?;
    let rounded: Vec<u16> = input
        .iter()
        .map(|bits| bf16::to_bits(f32::from_bits(*bits)))
        .collect();
    let mut found = Findings::default();
    let differs = rounded != expected;
    found.note(differs.then(|| format!("[bf16_bits]: {rounded:?}, expected {expected:?}")));
    Ok(found)
}

/// The reference's blocks are shorter than ours: each is written as a part of its own.
fn int8(from: &Value) -> Result<Findings, String> {
    let (block, input): (usize, _) = (field(from, "block")?, singles(&numbers(from, "input")?));
    let (scales, integers) = (numbers(from, "scale")?, numbers(from, "q_nearest_even")?);
    let mut found = Findings::default();
    let mut written = (Vec::new(), Vec::new());
    for block in input.chunks(block.max(1)) {
        let bytes = PushFormat::Int8.encode(block);
        let (scale, rest) = bytes.split_first_chunk::<4>().ok_or("an empty block")?;
        written.0.push(f64::from(f32::from_le_bytes(*scale)));
        let integers = rest[..block.len()].iter();
        written
            .1
            .extend(integers.map(|byte| f64::from(i8::from_le_bytes([*byte]))));
    }
    found.note(row_difference("scale", SCALE, &written.0, &scales));
    found.note(row_difference("q_nearest_even", 0.0, &written.1, &integers));
    Ok(found)
}
