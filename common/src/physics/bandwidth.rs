//! Bits per second as people write them: `100mbit`, `1gbit`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{SpecError, quantity};

const KIND: (&str, &str) = (
    "bandwidth",
    "bits per second as a number with bit, kbit, mbit or gbit, such as 100mbit",
);

const UNITS: [(&str, f64); 4] = [("gbit", 1e9), ("mbit", 1e6), ("kbit", 1e3), ("bit", 1.0)];

/// Bits per second, at least one.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Bandwidth(f64);

impl Bandwidth {
    /// How long so many bytes take.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time needs no more than 53 bits"
    )]
    pub fn takes(self, bytes: u64) -> Duration {
        let seconds = bytes as f64 * 8.0 / self.0;
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

impl FromStr for Bandwidth {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: &str| SpecError::new(KIND, text, why);
        let bits = quantity::read(text, &UNITS).map_err(error)?;
        match bits {
            rate if (1.0..=1e15).contains(&rate) => Ok(Self(rate)),
            _ => Err(error("it is not between 1bit and 1000000gbit")),
        }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quantity::write(self.0, &UNITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bandwidth_reads_what_it_writes_and_says_how_long_bytes_take() {
        for text in ["1gbit", "100mbit", "1.5kbit", "1bit"] {
            assert_eq!(text.parse::<Bandwidth>().unwrap().to_string(), text);
        }
        let slow: Bandwidth = "8kbit".parse().unwrap();
        assert_eq!(slow.takes(500), Duration::from_millis(500));
    }

    #[test]
    fn what_is_no_bandwidth_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "begin with a number"),
            ("gbit", "begin with a number"),
            ("100", "no unit"),
            ("100MB", "unit is unknown"),
            ("0mbit", "not between"),
            ("0.5bit", "not between"),
            ("9999999999gbit", "not between"),
        ] {
            let error = text.parse::<Bandwidth>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
        }
    }
}
