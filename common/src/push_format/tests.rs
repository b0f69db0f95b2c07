//! Laws of the formats: what an error is bounded by, what is exact, what is refused.

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use proptest::{prop_assert, prop_assert_eq};

use super::*;

const NARROW: [PushFormat; 2] = [PushFormat::Bf16, PushFormat::Int8];

/// Singles of any bits, and of a like size.
fn values() -> impl Strategy<Value = Vec<f32>> {
    let like = (-30_i32..30, vec(-1.0_f32..1.0, 0..600));
    let like = like.prop_map(|(e, list)| list.iter().map(|x| x * 2_f32.powi(e)).collect());
    prop_oneof![vec(any::<u32>().prop_map(f32::from_bits), 0..600), like]
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn there_and_back(format: PushFormat, values: &[f32]) -> Vec<f32> {
    let payload = Payload::from_bytes(format.encode(values));
    let decoded = format.decode(&payload, values.len()).unwrap();
    decoded.iter().collect()
}

proptest! {
    #[test]
    fn what_was_rounded_once_is_the_same_bits_for_ever(values in values()) {
        for format in PushFormat::ALL {
            let bytes = format.encode(&values);
            prop_assert_eq!(bytes.len() as u64, format.bytes(values.len() as u64));
            let once = there_and_back(format, &values);
            prop_assert_eq!(format.encode(&once), bytes);
            let mut rounded = values.clone();
            format.round(&mut rounded);
            prop_assert_eq!(bits(&rounded), bits(&once));
        }
    }

    #[test]
    fn f32_is_every_bit(values in values()) {
        prop_assert_eq!(bits(&there_and_back(PushFormat::F32, &values)), bits(&values));
    }

    #[test]
    fn a_value_errs_by_no_more_than_its_format_says(values in values()) {
        let bf16 = there_and_back(PushFormat::Bf16, &values);
        for (x, y) in values.iter().zip(&bf16).filter(|(x, _)| x.is_finite()) {
            let (x, y) = (f64::from(*x), f64::from(*y));
            let bound = (x.abs() / 256.0).max(2_f64.powi(-134));
            prop_assert!((x - y).abs() <= bound || (y.is_infinite() && 3.396e38 < x.abs()), "{x} {y}");
        }
        let int8 = there_and_back(PushFormat::Int8, &values);
        for (x, y) in values.chunks(int8::BLOCK).zip(int8.chunks(int8::BLOCK)) {
            let finite = || x.iter().zip(y).filter(|(x, _)| x.is_finite());
            let greatest = finite().map(|(x, _)| f64::from(x.abs())).fold(0.0, f64::max);
            let bound = greatest / 254.0 * (1.0 + 2_f64.powi(-16)) + 2_f64.powi(-149);
            let bound = if greatest < 1.5e-36 { greatest } else { bound };
            for (x, y) in finite() {
                let (x, y) = (f64::from(*x), f64::from(*y));
                prop_assert!((x - y).abs() <= bound, "{x} {y} under {greatest}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_is_not_finite_at_its_place_and_nowhere_else(values in values()) {
        let largest = f32::from_bits(0x7f7f_0000);
        for format in NARROW {
            let arrived = there_and_back(format, &values);
            for (x, y) in values.iter().zip(&arrived).filter(|(x, _)| x.abs() <= largest || !x.is_finite()) {
                prop_assert_eq!(x.is_finite(), y.is_finite(), "{} as {} in {}", x, y, format);
            }
        }
    }

    #[test]
    fn what_was_sent_and_what_it_lacks_are_what_was_meant_exactly(values in values()) {
        let sent = there_and_back(PushFormat::Int8, &values);
        for (x, y) in values.iter().zip(&sent).filter(|(x, _)| x.is_finite()) {
            let lacks = f64::from(*x) - f64::from(*y);
            prop_assert_eq!(f64::from(x - y).to_bits(), lacks.to_bits());
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused_in_one_line(
        bytes in vec(any::<u8>(), 0..1400),
        len in 0_usize..400,
        exact in any::<bool>(),
        cuts in vec(1_usize..300, 0..4),
    ) {
        for format in PushFormat::ALL {
            let mut bytes = Bytes::from(bytes.clone());
            if exact {
                bytes.truncate(usize::try_from(format.bytes(len as u64)).unwrap());
            }
            let mut payload = Payload::default();
            for cut in &cuts {
                payload.push(bytes.split_to((*cut).min(bytes.len())));
            }
            payload.push(bytes);
            match format.decode(&payload, len) {
                Ok(decoded) => prop_assert_eq!(decoded.values(), len),
                Err(line) => prop_assert!(!line.contains('\n') && line.contains(';') | line.contains("but")),
            }
        }
    }
}

#[test]
fn bf16_rounds_to_nearest_even_and_keeps_what_is_not_finite() {
    let rounded = |bits: u32| bf16::to_bits(f32::from_bits(bits));
    for (bits, expected) in [
        (0x3f80_0000, 0x3f80),
        (0x3f80_8000, 0x3f80),
        (0x3f80_8001, 0x3f81),
        (0x3f81_8000, 0x3f82),
        (0xbf81_8000, 0xbf82),
        (0x8000_0000, 0x8000),
        (0x7f7f_ffff, 0x7f80),
        (0x7f80_0000, 0x7f80),
        (0xff80_0000, 0xff80),
        (0x7f80_0001, 0x7fc0),
        (0xffff_ffff, 0xffff),
    ] {
        assert_eq!(rounded(bits), expected, "{bits:#x}");
    }
}

#[test]
fn int8_rounds_ties_to_even_under_the_scale_of_the_block() {
    // The largest magnitude makes a scale of 1.
    let values = [
        127.0,
        0.5,
        1.5,
        2.5,
        -0.5,
        -1.5,
        -126.5,
        0.499,
        f32::INFINITY,
    ];
    let arrived = there_and_back(PushFormat::Int8, &values);
    assert_eq!(
        &arrived[..8],
        [127.0, 0.0, 2.0, 2.0, 0.0, -2.0, -126.0, 0.0]
    );
    assert!(arrived[8].is_nan(), "what is not finite arrives as NaN");
    // A block of its own scale each; the last one is short.
    let mut values = vec![1e-3_f32; 600];
    values[0] = 1e6;
    let arrived = there_and_back(PushFormat::Int8, &values);
    assert!(arrived[1..256].iter().all(|x| *x == 0.0));
    assert!(arrived[256..].iter().all(|x| (x - 1e-3).abs() < 1e-7));
}

#[test]
fn so_many_values_take_so_many_bytes() {
    for (values, expected) in [
        (0, [0, 0, 0]),
        (1, [4, 4, 8]),
        (2, [8, 4, 8]),
        (3, [12, 8, 8]),
        (256, [1024, 512, 260]),
        (257, [1028, 516, 268]),
        (1 << 20, [4 << 20, 2 << 20, (1 << 20) + (4 << 12)]),
    ] {
        assert_eq!(PushFormat::ALL.map(|format| format.bytes(values)), expected);
    }
}

#[test]
fn what_cannot_be_is_named_with_what_was_expected_and_found() {
    let scale = |scale: f32| {
        let mut bytes = scale.to_le_bytes().to_vec();
        bytes.extend([1, 2, 3, 0]);
        PushFormat::Int8
            .decode(&Payload::from_bytes(bytes.into()), 3)
            .map(|_| ())
    };
    assert_eq!(scale(0.5), Ok(()));
    for (bad, found) in [
        (-1.0, "-1.0"),
        (-0.0, "-0.0"),
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
    ] {
        let expected = format!(
            "has the scale {found} in block 0 of int8; expected a finite number, 0 or above"
        );
        assert_eq!(scale(bad), Err(expected));
    }
    for (format, bytes, expected) in [
        (
            PushFormat::Bf16,
            vec![0; 12],
            "names 3 elements, 8 bytes of bf16, but carries 12 bytes",
        ),
        (
            PushFormat::Int8,
            vec![0; 4],
            "names 3 elements, 8 bytes of int8, but carries 4 bytes",
        ),
        (
            PushFormat::Int8,
            vec![0, 0, 0, 0, 0, 0, 0, 7],
            "has padding of int8 that is not 0; found 7",
        ),
        (
            PushFormat::Bf16,
            vec![0, 0, 0, 0, 0, 0, 0, 9],
            "has padding of bf16 that is not 0; found 9",
        ),
    ] {
        let payload = Payload::from_bytes(bytes.into());
        assert_eq!(format.decode(&payload, 3).unwrap_err(), expected);
    }
}

#[test]
fn only_the_words_of_one_format_go_together() {
    for format in PushFormat::ALL {
        assert_eq!(PushFormat::of(format.dtype(), format.codec()), Some(format));
    }
    for (dtype, codec) in [
        (Dtype::F32, Codec::BlockScaled),
        (Dtype::Bf16, Codec::BlockScaled),
        (Dtype::Int8, Codec::Raw),
    ] {
        assert_eq!(PushFormat::of(dtype, codec), None);
    }
}
