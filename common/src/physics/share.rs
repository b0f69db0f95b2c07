//! A share of all: `1%`, `0.01`.

use std::fmt;
use std::str::FromStr;

use super::SpecError;

const KIND: (&str, &str) = ("share", "0 to below 100 percent, such as 1% or 0.01");

/// A share in [0, 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// The share as a number in [0, 1).
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Share {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let (number, unit) = match text.strip_suffix('%') {
            Some(number) => (number, 100.0),
            None => (text, 1.0),
        };
        let number: f64 = number
            .parse()
            .map_err(|_| SpecError::new(KIND, text, "it is no number"))?;
        let share = number / unit;
        if (0.0..1.0).contains(&share) {
            return Ok(Self(share));
        }
        Err(SpecError::new(KIND, text, "it is not in that range"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A percentage where that reads the same number and is the shorter one.
        let (share, percent) = (self.0.to_string(), format!("{}%", self.0 * 100.0));
        let same = percent.parse() == Ok(*self);
        f.write_str(match same && percent.len() < share.len() {
            true => &percent,
            false => &share,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Share;

    #[test]
    fn a_share_is_a_percentage_or_a_number_below_one() {
        for (text, share) in [("1%", 0.01), ("0.25", 0.25), ("0", 0.0), ("99.5%", 0.995)] {
            let read: Share = text.parse().unwrap();
            assert!((read.get() - share).abs() < 1e-12);
            assert_eq!(read.to_string().parse(), Ok(read));
        }
        let shortest = |text: &str| text.parse::<Share>().unwrap().to_string();
        assert_eq!(shortest("0.05"), "5%");
        assert_eq!(shortest("0.5"), "0.5");
        for text in ["1", "100%", "-1%", "a", "", "NaN", "5 %"] {
            assert!(text.parse::<Share>().is_err(), "{text:?}");
        }
    }
}
