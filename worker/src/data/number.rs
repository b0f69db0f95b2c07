//! Decimal numbers to f32: a short path for the short numbers that fill such files, and the standard
//! library for all others. Both round correctly, so they agree in every bit.

/// 10⁰ … 10¹⁰: the powers of ten that f32 holds exactly.
const POWERS_OF_TEN: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// Integers up to this are exact in f32.
const EXACT_MAX: u32 = 1 << 24;

/// The number that `word` spells, finite or not; `None` when it spells none.
pub(super) fn parse(word: &[u8]) -> Option<f32> {
    parse_short(word).or_else(|| str::from_utf8(word).ok()?.parse().ok())
}

/// Digits with at most one point, few enough that mantissa and power of ten are exact: then one
/// division rounds once, which is correct rounding.
fn parse_short(word: &[u8]) -> Option<f32> {
    let (negative, digits) = match word.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, word),
    };
    // Nine characters hold at most nine digits, which fit u32.
    if 9 < digits.len() {
        return None;
    }
    let (mut mantissa, mut count, mut point) = (0_u32, 0, None);
    for (place, &byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => {
                mantissa = mantissa * 10 + u32::from(byte - b'0');
                count += 1;
            }
            b'.' if point.is_none() => point = Some(place),
            _ => return None,
        }
    }
    if count == 0 || EXACT_MAX < mantissa {
        return None;
    }
    let decimals = point.map_or(0, |place| digits.len() - 1 - place);
    let magnitude = exact(mantissa) / POWERS_OF_TEN[decimals];
    Some(if negative { -magnitude } else { magnitude })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "integers up to 2^24 are exact in f32"
)]
fn exact(mantissa: u32) -> f32 {
    debug_assert!(mantissa <= EXACT_MAX);
    mantissa as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::{parse, parse_short};

    fn agrees(word: &str) {
        let ours = parse_short(word.as_bytes()).map(f32::to_bits);
        let standard = word.parse::<f32>().ok().map(f32::to_bits);
        assert!(
            ours.is_none() || ours == standard,
            "{word}: {ours:?}, {standard:?}"
        );
    }

    #[test]
    fn short_numbers_take_the_short_path_and_agree_with_the_standard_library() {
        for word in [
            "1", "-1", "+1", "0", "-0", "0.5", ".5", "5.", "16777216", "0.0613", "1.234567",
        ] {
            assert!(parse_short(word.as_bytes()).is_some(), "{word}");
            agrees(word);
        }
        for word in [
            "",
            "+",
            ".",
            "-.",
            "1e3",
            "0.095842101",
            "16777217",
            "1.2.3",
            "--1",
            "nan",
        ] {
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
        fn every_number_agrees(word in "[+-]?[0-9]{0,7}[.]?[0-9]{0,7}") {
            agrees(&word);
        }
    }
}
