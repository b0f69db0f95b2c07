//! Lengths of time as a job file writes them.

use std::fmt;
use std::time::Duration;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time in seconds; a key of this type ends in `_seconds`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// More seconds than any job waits: about 31 years.
    const MAX: f64 = 1e9;

    /// Whether this is a length of time at all: finite, not negative, at most 10⁹ s.
    #[must_use]
    pub fn is_valid(self) -> bool {
        (0.0..=Self::MAX).contains(&self.0)
    }

    /// The length of time.
    ///
    /// # Panics
    /// If it [is not valid](Self::is_valid); those of a checked job are.
    #[must_use]
    pub fn duration(self) -> Duration {
        assert!(
            self.is_valid(),
            "a checked job holds valid lengths of time, not {} s",
            self.0
        );
        Duration::from_secs_f64(self.0)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A short wait, written as a whole number with its unit: `"250us"`, `"20ms"`, `"2s"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pause(pub Duration);

const UNITS_MICROS: [(&str, u64); 3] = [("us", 1), ("ms", 1_000), ("s", 1_000_000)];

impl Pause {
    /// Reads `"20ms"`; `None` if it is not a whole number with a unit, or longer than a `u64` of
    /// microseconds.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, unit) = text.split_at(digits);
        let (_, micros) = UNITS_MICROS.iter().find(|(name, _)| *name == unit)?;
        let micros = number.parse::<u64>().ok()?.checked_mul(*micros)?;
        Some(Self(Duration::from_micros(micros)))
    }
}

impl fmt::Display for Pause {
    /// In the largest unit that leaves a whole number, `"0ms"` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros == 0 {
            return f.write_str("0ms");
        }
        let fitting = UNITS_MICROS
            .iter()
            .rev()
            .find(|(_, unit)| micros.is_multiple_of(u128::from(*unit)));
        let (name, unit) = fitting.expect("every whole number is a multiple of one");
        write!(f, "{}{name}", micros / u128::from(*unit))
    }
}

impl Serialize for Pause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(PauseVisitor)
    }
}

/// Names what a pause looks like in every refusal, a wrong type's included.
struct PauseVisitor;

impl Visitor<'_> for PauseVisitor {
    type Value = Pause;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number with us, ms or s in quotes, such as \"20ms\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Pause, E> {
        Pause::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_reads_what_it_writes() {
        for text in ["0ms", "1us", "250us", "20ms", "2s", "1500ms", "1001us"] {
            assert_eq!(
                Pause::parse(text).map(|pause| pause.to_string()).as_deref(),
                Some(text)
            );
        }
        assert_eq!(
            Pause::parse("2000ms")
                .map(|pause| pause.to_string())
                .as_deref(),
            Some("2s")
        );
    }

    #[test]
    fn a_pause_without_number_or_unit_is_refused() {
        for text in [
            "",
            "20",
            "ms",
            "-1ms",
            "1.5ms",
            "20 ms",
            "20min",
            "99999999999999999999s",
        ] {
            assert_eq!(Pause::parse(text), None, "{text:?}");
        }
        assert_eq!(Pause::parse("18446744073709551615s"), None);
    }

    #[test]
    fn only_lengths_of_time_are_valid() {
        assert!(Seconds(0.0).is_valid() && Seconds(1e9).is_valid());
        for bad in [-1.0, f64::NAN, f64::INFINITY, 1e10] {
            assert!(!Seconds(bad).is_valid(), "{bad}");
        }
        assert_eq!(Seconds(0.25).duration(), Duration::from_millis(250));
    }
}
