//! Decimal numbers to f32: a short path for the numbers that fill such files, and the standard
//! library for all others. Both round correctly, so they agree in every bit.

/// The number that `word` spells, finite or not; `None` when it spells none.
pub(super) fn parse(word: &[u8]) -> Option<f32> {
    parse_short(word).or_else(|| str::from_utf8(word).ok()?.parse().ok())
}

/// 10⁰ … 10¹⁷, which f64 holds exactly.
const WIDE_POWERS_OF_TEN: [f64; 18] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17,
];

/// Longest number of the short path, in characters: its digits fit a u64.
const SHORT_BYTES_MAX: usize = 17;

/// Integers up to this are exact in f64.
const WIDE_EXACT_MAX: u64 = 1 << 53;

/// Bits that f64 has and f32 has not.
const LOST_BITS: u64 = (1 << 29) - 1;

/// The middle between two neighbours of f32, in these bits.
const MIDDLE: u64 = 1 << 28;

/// Digits with at most one point, of which mantissa and power of ten are exact in f64. Their quotient,
/// rounded once to f64, rounds to the f32 that is nearest to the true quotient unless it lies in the
/// middle of two: only there could the first rounding have decided the second.
#[expect(
    clippy::cast_precision_loss,
    reason = "integers up to 2^53 are exact in f64"
)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the rounding that is asked for"
)]
pub(super) fn parse_short(word: &[u8]) -> Option<f32> {
    let (negative, digits) = match word.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, word),
    };
    if SHORT_BYTES_MAX < digits.len() {
        return None;
    }
    let (mut mantissa, mut point) = (0, None);
    for (place, byte) in digits.iter().enumerate() {
        match byte.wrapping_sub(b'0') {
            digit @ 0..=9 => mantissa = mantissa * 10 + u64::from(digit),
            _ if *byte == b'.' && point.is_none() => point = Some(place),
            _ => return None,
        }
    }
    let decimals = point.map_or(0, |point| digits.len() - point - 1);
    let has_digits = usize::from(point.is_some()) < digits.len();
    if !has_digits || WIDE_EXACT_MAX < mantissa {
        return None;
    }
    let quotient = mantissa as f64 / WIDE_POWERS_OF_TEN[decimals];
    if quotient.to_bits() & LOST_BITS == MIDDLE {
        return None;
    }
    let magnitude = quotient as f32;
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{parse, parse_short};

    fn agrees(word: &str) {
        let standard = word.parse::<f32>().ok().map(f32::to_bits);
        let ours = parse_short(word.as_bytes()).map(f32::to_bits);
        assert!(
            ours.is_none() || ours == standard,
            "{word}: {ours:?}, {standard:?}"
        );
    }

    #[test]
    fn numbers_take_the_short_path_unless_they_lie_in_the_middle_of_two() {
        for word in [
            "0.095842101",
            "-1.2345678901234",
            "12345678.25",
            "9007199254740992",
        ] {
            assert!(parse_short(word.as_bytes()).is_some(), "{word}");
            agrees(word);
        }
        // Each lies in the middle of two neighbours of f32.
        assert_eq!(parse_short(b"12345678.5"), None);
        assert_eq!(parse_short(b"16777217"), None);
        assert_eq!(parse(b"16777217"), Some(16_777_216.0));
        for word in [
            "",
            "+",
            ".",
            "1e3",
            "1.2.3",
            "9007199254740993",
            "0.12345678901234567",
        ] {
            assert!(parse_short(word.as_bytes()).is_none(), "{word}");
        }
    }

    #[test]
    fn short_numbers_take_the_short_path_and_agree_with_the_standard_library() {
        for word in [
            "1", "-1", "+1", "0", "-0", "0.5", ".5", "5.", "16777216", "0.0613", "1.234567",
        ] {
            assert!(parse_short(word.as_bytes()).is_some(), "{word}");
            agrees(word);
        }
        for word in ["", "+", ".", "-.", "1e3", "16777217", "1.2.3", "--1", "nan"] {
            assert!(parse_short(word.as_bytes()).is_none(), "{word}");
        }
    }

    #[test]
    fn other_numbers_take_the_long_one() {
        assert_eq!(parse(b"1e-3"), Some(0.001));
        assert_eq!(parse(b"0.095842101"), Some(0.095_842_1));
        assert_eq!(parse(b"1e39"), Some(f32::INFINITY));
        assert!(parse(b"NaN").is_some_and(f32::is_nan));
        for word in [&b"one"[..], b"", b"0x1", b"1,5", b"\xff", b"1 "] {
            assert_eq!(parse(word), None);
        }
    }

    proptest! {
        #[test]
        fn every_number_agrees(word in "[+-]?[0-9]{0,9}[.]?[0-9]{0,9}") {
            agrees(&word);
        }
    }
}
