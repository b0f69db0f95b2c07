//! A length of time as people write it on a command line: `20ms`, `1.5s`, `250us`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{SpecError, quantity};

const KIND: (&str, &str) = (
    "length of time",
    "a number with ns, us, ms, s, min or h, such as 20ms or 1.5s",
);

/// Units, the greatest first, in nanoseconds.
const UNITS: [(&str, f64); 6] = [
    ("h", 3.6e12),
    ("min", 6e10),
    ("s", 1e9),
    ("ms", 1e6),
    ("us", 1e3),
    ("ns", 1.0),
];

/// No specification is longer: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// A length of time of at most a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: &str| SpecError::new(KIND, text, why);
        let nanos = quantity::read(text, &UNITS).map_err(error)?;
        let span = Duration::try_from_secs_f64(nanos / 1e9);
        match span {
            Ok(span) if span <= LONGEST => Ok(Self(span)),
            Ok(_) | Err(_) => Err(error("it is longer than a day")),
        }
    }
}

impl fmt::Display for Span {
    /// In the unit in which it is shortest, with as many digits as it takes.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a day of nanoseconds fits 53 bits"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos() as f64;
        if nanos == 0.0 {
            return f.write_str("0ms");
        }
        f.write_str(&quantity::write(nanos, &UNITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_reads_what_it_writes() {
        for text in [
            "0ms", "20ms", "1.5s", "250us", "1ns", "2min", "1.25ms", "100s", "90s", "24h",
        ] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        let odd = Span(Duration::from_nanos(86_399_999_999_999));
        assert_eq!(odd.to_string().parse::<Span>(), Ok(odd));
    }

    #[test]
    fn what_is_no_length_of_time_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "begin with a number"),
            ("ms", "begin with a number"),
            ("-1ms", "begin with a number"),
            ("20", "no unit"),
            ("20 ms", "unit is unknown"),
            ("20MS", "unit is unknown"),
            ("1.2.3s", "number is none"),
            ("25h", "longer than a day"),
        ] {
            let error = text.parse::<Span>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
            assert!(error.contains("such as 20ms"), "{error}");
        }
    }
}
