//! Decimal numbers to f32: short paths for the numbers that fill such files, and the standard library
//! for all others. All round correctly, so they agree in every bit.

use std::ops::Range;

/// The number that `word` spells, finite or not; `None` when it spells none.
pub(super) fn parse(word: &[u8]) -> Option<f32> {
    parse_within(word, 0..word.len())
}

/// The number that stands at this place of a text. What follows it makes it quick: eight bytes are then read
/// at once, however few of them are the number's.
pub(super) fn parse_within(text: &[u8], place: Range<usize>) -> Option<f32> {
    parse_short(text, place.clone()).or_else(|| str::from_utf8(&text[place]).ok()?.parse().ok())
}

/// The finite number at this place, where few digits and a small exponent make it cheap.
#[inline]
pub(super) fn parse_short(text: &[u8], place: Range<usize>) -> Option<f32> {
    match begins(text, place.start) {
        Some((number, end)) if end == place.end => Some(number),
        _ => of_digits(&text[place]),
    }
}

/// 10⁰ … 10²², which f64 holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Bits that f64 has and f32 has not.
const LOST_BITS: u64 = (1 << 29) - 1;

/// The middle between two neighbours of f32, in these bits.
const MIDDLE: u64 = 1 << 28;

/// How near to the middle a result of two roundings does not tell the side: each is off by half a unit,
/// of which two are at most two of the last place.
const NEAR_MIDDLE: u64 = 4;

/// The finite f32 nearest to a whole number times a power of ten. Number and product are rounded to f64 once
/// each, so that the f32 nearest to the result is the one nearest to the number, unless the result lies near
/// the middle of two.
#[inline]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the roundings that are reckoned with"
)]
fn nearest(mantissa: u64, exponent: i32, is_negative: bool) -> Option<f32> {
    let power = *POWERS_OF_TEN.get(exponent.unsigned_abs() as usize)?;
    let wide = match exponent {
        ..0 => mantissa as f64 / power,
        _ => mantissa as f64 * power,
    };
    if (wide.to_bits() & LOST_BITS).abs_diff(MIDDLE) <= NEAR_MIDDLE {
        return None;
    }
    let sign = u32::from(is_negative) << 31;
    let number = f32::from_bits((wide as f32).to_bits() | sign);
    number.is_finite().then_some(number)
}

/// The plain number that begins here, digits with at most one point, and where it ends; `None` where a
/// short path cannot tell. What follows it is for the caller to judge.
#[inline]
pub(super) fn begins(text: &[u8], start: usize) -> Option<(f32, usize)> {
    let first = *text.get(start)?;
    let is_negative = first == b'-';
    let start = start + usize::from(is_negative || first == b'+');
    let (mut mantissa, mut at) = (0_u64, start);
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0'))
        && digit <= 9
    {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
    let mut digits = at - start;
    let mut decimals = 0;
    if text.get(at) == Some(&b'.') {
        at += 1;
        loop {
            let word =
                u64::from_le_bytes(*text.get(at..)?.first_chunk()?) ^ (EACH * u64::from(b'0'));
            let others = not_digits(word);
            let count = (others.trailing_zeros() / u8::BITS) as usize;
            // Those behind the number fall out, and zeros come in before it.
            let last = if count == 0 {
                0
            } else {
                word << (64 - 8 * count)
            };
            let power = WHOLE_POWERS_OF_TEN[count];
            mantissa = mantissa.wrapping_mul(power).wrapping_add(eight(last));
            decimals += count;
            at += count;
            if count < 8 {
                break;
            }
        }
        digits += decimals;
    }
    if digits == 0 || DIGITS_MAX < digits {
        return None;
    }
    let exponent = -i32::try_from(decimals).ok()?;
    Some((nearest(mantissa, exponent, is_negative)?, at))
}

/// Most digits that surely fit a u64.
const DIGITS_MAX: usize = 19;

/// 10⁰ … 10⁸.
const WHOLE_POWERS_OF_TEN: [u64; 9] = {
    let mut powers = [1; 9];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// Each byte of a word, one in eight times.
const EACH: u64 = u64::MAX / 0xff;

/// A word whose lowest bit is the highest of the first byte above 9; 0 if there is none.
#[inline]
fn not_digits(word: u64) -> u64 {
    // Adding 0x76 to what is above 9 sets the highest bit of a byte, or it was set before.
    (word.wrapping_add(EACH * 0x76) | word) & (EACH << 7)
}

/// The number of eight digits, the first one in the lowest byte: neighbours are joined to numbers of two
/// digits, these to numbers of four, these to one of eight.
#[inline]
fn eight(digits: u64) -> u64 {
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    (fours * 10_000 + (fours >> 32)) & 0xffff_ffff
}

/// A whole number below this has room for one digit more.
const ROOM_FOR_ONE: u64 = 1_000_000_000_000_000_000;

/// The finite number of up to nineteen digits with a sign, a point, an exponent, or none; `None` for more,
/// and for what is no number.
fn of_digits(word: &[u8]) -> Option<f32> {
    let (is_negative, word) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let (whole, rest) = take_digits(0, word)?;
    let (mantissa, behind, decimals) = match rest {
        [b'.', rest @ ..] => {
            let (mantissa, behind) = take_digits(whole, rest)?;
            (mantissa, behind, rest.len() - behind.len())
        }
        _ => (whole, rest, 0),
    };
    if word.len() - rest.len() + decimals == 0 {
        return None;
    }
    let exponent = match behind {
        [] => 0,
        [b'e' | b'E', b'-', digits @ ..] => -small(digits)?,
        [b'e' | b'E', b'+', digits @ ..] | [b'e' | b'E', digits @ ..] => small(digits)?,
        _ => return None,
    };
    nearest(
        mantissa,
        exponent - i32::try_from(decimals).ok()?,
        is_negative,
    )
}

/// A number of one to three digits.
fn small(digits: &[u8]) -> Option<i32> {
    let is_small = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let more = |number, digit: &u8| 10 * number + i32::from(digit - b'0');
    is_small.then(|| digits.iter().fold(0, more))
}

/// Adds leading digits to a whole number; `None` if it has no room for them.
fn take_digits(mut number: u64, mut word: &[u8]) -> Option<(u64, &[u8])> {
    while let [digit @ b'0'..=b'9', rest @ ..] = word {
        if ROOM_FOR_ONE <= number {
            return None;
        }
        number = number * 10 + u64::from(digit - b'0');
        word = rest;
    }
    Some((number, word))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{parse, parse_short, parse_within};

    /// What the short paths say of a word, alone and within other text, both being held to the standard
    /// library.
    fn short(word: &str) -> Option<f32> {
        let standard = word.parse::<f32>().ok().map(f32::to_bits);
        let text = format!("12,{word},1234567.890");
        let places = [(word, 0..word.len()), (&text, 3..3 + word.len())];
        let found = places
            .clone()
            .map(|(text, place)| parse_short(text.as_bytes(), place));
        let whole = places.map(|(text, place)| parse_within(text.as_bytes(), place));
        for (found, whole) in found.iter().zip(whole) {
            let bits = found.map(f32::to_bits);
            assert!(
                bits.is_none() || bits == standard,
                "{word}: {found:?}, {standard:?}"
            );
            let is_same = whole.map(f32::to_bits) == standard || whole.is_some_and(f32::is_nan);
            assert!(is_same, "{word}: {whole:?}, {standard:?}");
        }
        assert_eq!(
            found[0].map(f32::to_bits),
            found[1].map(f32::to_bits),
            "{word}"
        );
        found[0]
    }

    #[test]
    fn usual_numbers_take_a_short_path_and_agree_with_the_standard_library() {
        for word in [
            "1",
            "-1",
            "+1",
            "0",
            "-0",
            "0.5",
            ".5",
            "5.",
            "16777216",
            "0.0613",
            "1.234567",
            "0.095842101",
            "-1.2345678901234",
            "12345678.25",
            "9007199254740993",
            "0.12345678901234567",
            "-0.13826430117118466",
            "1234567890123456789",
            "-0.0000000000000000012",
            "1e3",
            "1E-05",
            "-2.5e+20",
            "9e22",
            "123456789012345678e-22",
        ] {
            assert!(short(word).is_some(), "{word}");
        }
    }

    #[test]
    fn what_lies_near_the_middle_of_two_neighbours_takes_the_long_path() {
        for word in [
            "12345678.5",
            "16777217",
            "16777217.000000001",
            "16777216.999999999",
            "1.00000005960464477",
            "1.000000059604644775",
            "1.000000059604644776",
            "1.0000000596046448",
        ] {
            assert_eq!(short(word), None, "{word}");
        }
        assert_eq!(parse(b"16777217"), Some(16_777_216.0));
    }

    #[test]
    fn what_is_long_or_no_finite_number_takes_no_short_path() {
        for word in [
            "",
            "+",
            ".",
            "-.",
            "e",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "1e-",
            "1e0000",
            "1.2.3",
            "1..2",
            "--1",
            "+-1",
            "1-",
            "nan",
            "inf",
            "1e23",
            "9999999999999999999e22",
            "12345678901234567890",
            "1/2",
            "1:2",
            "1\u{80}2",
            "0x1",
            "1_000",
        ] {
            assert_eq!(short(word), None, "{word}");
        }
    }

    #[test]
    fn other_numbers_take_the_long_one() {
        assert_eq!(parse(b"1e-30"), Some(1e-30));
        assert_eq!(parse(b"1e39"), Some(f32::INFINITY));
        assert!(parse(b"NaN").is_some_and(f32::is_nan));
        for word in [&b"one"[..], b"", b"0x1", b"1,5", b"\xff", b"1 "] {
            assert_eq!(parse(word), None);
        }
    }

    proptest! {
        #[test]
        fn every_number_agrees(word in "[+-]?[0-9]{0,20}[.]?[0-9]{0,20}(e[+-]?[0-9]{1,2})?") {
            short(&word);
        }

        #[test]
        fn numbers_of_usual_length_agree(word in "-?[0-9]{0,9}[.]?[0-9]{0,9}") {
            short(&word);
        }

        #[test]
        fn what_is_no_number_is_none(word in "[-+.0-9eE:/ ]{0,18}") {
            short(&word);
        }

        #[test]
        fn middles_of_neighbours_and_what_is_beside_them_agree(
            bits in 0x2000_0000_u32..0x5f00_0000,
            step in -9_i64..9,
            digits in 1_usize..20,
            is_double in any::<bool>(),
        ) {
            let number = f64::from(f32::from_bits(bits));
            let near = (number.to_bits() | u64::from(is_double) << 28).checked_add_signed(step);
            let number = f64::from_bits(near.unwrap());
            short(&format!("{number:.digits$e}"));
            short(&format!("{number}"));
            short(&format!("{number:.digits$}"));
        }
    }
}
