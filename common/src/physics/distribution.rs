//! Distributions of lengths of time.
//!
//! ```text
//! constant     d
//! uniform      from + u·(to − from)
//! exponential  −mean·ln(1 − u)
//! lognormal    median·exp(σ·z)
//! pareto       least·(1 − u)^(−1/shape)
//! ```
//!
//! | symbol | meaning, unit |
//! |---|---|
//! | u | uniform in [0, 1) |
//! | z | normal, mean 0, variance 1 |
//! | σ | standard deviation of the logarithm |
//!
//! Source: Devroye, *Non-uniform random variate generation*, Springer 1986, chapter II.2 (inversion).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Span, SpecError};
use crate::seed::{normal, unit};

const KIND: (&str, &str) = (
    "delay",
    "20ms, uniform:10ms:30ms (from, to), exponential:20ms (mean), lognormal:20ms:0.5 (median, σ of the \
     logarithm) or pareto:20ms:2.5 (least, shape above 1)",
);

/// No draw is longer: the tails of two distributions have no end, and every wait has one.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A distribution of lengths of time, of at most an hour each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Distribution {
    /// Always the same.
    Constant(Span),
    /// Between the two, each alike.
    Uniform {
        /// The least.
        from: Span,
        /// The greatest.
        to: Span,
    },
    /// As between events that do not know of each other.
    Exponential {
        /// The mean.
        mean: Span,
    },
    /// Its logarithm is normal.
    LogNormal {
        /// Half of the draws are below.
        median: Span,
        /// The standard deviation of the logarithm, in [0, 5].
        sigma: f64,
    },
    /// A heavy tail.
    Pareto {
        /// The least.
        least: Span,
        /// The tail falls as length^(−shape); above 1, so that there is a mean, at most 100.
        shape: f64,
    },
}

impl Default for Distribution {
    fn default() -> Self {
        Self::Constant(Span::default())
    }
}

impl Distribution {
    /// Always `span`.
    #[must_use]
    pub fn constant(span: Duration) -> Self {
        Self::Constant(Span(span))
    }

    /// Whether every draw is zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.mean().is_zero()
    }

    /// The mean, of the tail without the bound of an hour.
    #[must_use]
    pub fn mean(self) -> Duration {
        let seconds = |span: Span| span.0.as_secs_f64();
        let mean = match self {
            Self::Constant(span) => seconds(span),
            Self::Uniform { from, to } => f64::midpoint(seconds(from), seconds(to)),
            Self::Exponential { mean } => seconds(mean),
            Self::LogNormal { median, sigma } => seconds(median) * (sigma * sigma / 2.0).exp(),
            Self::Pareto { least, shape } => seconds(least) * shape / (shape - 1.0),
        };
        bounded(mean)
    }

    /// The draw of a mixed word; the same word gives the same draw.
    #[must_use]
    pub fn draw(self, word: u64) -> Duration {
        let seconds = |span: Span| span.0.as_secs_f64();
        let drawn = match self {
            Self::Constant(span) => return span.0.min(LONGEST),
            Self::Uniform { from, to } => {
                seconds(from) + unit(word) * (seconds(to) - seconds(from))
            }
            Self::Exponential { mean } => -seconds(mean) * (1.0 - unit(word)).ln(),
            Self::LogNormal { median, sigma } => seconds(median) * normal(sigma, word).exp(),
            Self::Pareto { least, shape } => seconds(least) * (1.0 - unit(word)).powf(-1.0 / shape),
        };
        bounded(drawn)
    }
}

fn bounded(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(LONGEST, |span| span.min(LONGEST))
}

impl FromStr for Distribution {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: String| SpecError::new(KIND, text, why);
        let span = |part: &str| -> Result<Span, SpecError> {
            part.parse().map_err(|e: SpecError| error(e.to_string()))
        };
        let number = |part: &str, range: std::ops::RangeInclusive<f64>| {
            let read: Option<f64> = part.parse().ok();
            read.filter(|number| range.contains(number)).ok_or_else(|| {
                let (from, to) = (range.start(), range.end());
                error(format!("`{part}` is not a number from {from} to {to}"))
            })
        };
        let parts: Vec<&str> = text.split(':').collect();
        let found = match parts[..] {
            [constant] | ["constant", constant] if !is_name(constant) => {
                Self::Constant(span(constant)?)
            }
            ["uniform", from, to] => Self::Uniform {
                from: span(from)?,
                to: span(to)?,
            },
            ["exponential", mean] => Self::Exponential { mean: span(mean)? },
            ["lognormal", median, sigma] => Self::LogNormal {
                median: span(median)?,
                sigma: number(sigma, 0.0..=5.0)?,
            },
            ["pareto", least, shape] => Self::Pareto {
                least: span(least)?,
                shape: number(shape, 1.001..=100.0)?,
            },
            [name, ..] if is_name(name) => {
                return Err(error("it has not as many parts as its kind".to_owned()));
            }
            _ => return Err(error("its kind is unknown".to_owned())),
        };
        if let Self::Uniform { from, to } = found
            && to < from
        {
            return Err(error(format!("{to} is less than {from}")));
        }
        Ok(found)
    }
}

fn is_name(part: &str) -> bool {
    ["constant", "uniform", "exponential", "lognormal", "pareto"].contains(&part)
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant(span) => write!(f, "{span}"),
            Self::Uniform { from, to } => write!(f, "uniform:{from}:{to}"),
            Self::Exponential { mean } => write!(f, "exponential:{mean}"),
            Self::LogNormal { median, sigma } => write!(f, "lognormal:{median}:{sigma}"),
            Self::Pareto { least, shape } => write!(f, "pareto:{least}:{shape}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::mix;

    fn all() -> Vec<Distribution> {
        let texts = [
            "20ms",
            "uniform:10ms:30ms",
            "exponential:20ms",
            "lognormal:20ms:0.5",
            "pareto:20ms:2.5",
        ];
        let read = |text: &str| text.parse().unwrap();
        texts.map(read).to_vec()
    }

    #[test]
    fn a_distribution_reads_what_it_writes() {
        for distribution in all() {
            assert_eq!(distribution.to_string().parse(), Ok(distribution));
        }
        assert_eq!(
            "constant:5ms".parse::<Distribution>().unwrap().to_string(),
            "5ms"
        );
    }

    #[test]
    fn draws_have_the_mean_and_the_quantiles_that_were_asked_for() {
        const DRAWS: u32 = 40_000;
        for distribution in all() {
            let mut drawn: Vec<f64> = (0..u64::from(DRAWS))
                .map(|i| distribution.draw(mix(i)).as_secs_f64())
                .collect();
            drawn.sort_by(f64::total_cmp);
            let mean = drawn.iter().sum::<f64>() / f64::from(DRAWS);
            let asked = distribution.mean().as_secs_f64();
            assert!((mean / asked - 1.0).abs() < 0.03, "{distribution}: {mean}");
            let median = drawn[drawn.len() / 2];
            let expected = match distribution {
                Distribution::Exponential { .. } => 0.020 * 2_f64.ln(),
                Distribution::Pareto { .. } => 0.020 * 2_f64.powf(1.0 / 2.5),
                _ => 0.020,
            };
            assert!(
                (median / expected - 1.0).abs() < 0.03,
                "{distribution}: {median}"
            );
        }
    }

    #[test]
    fn what_is_no_distribution_is_refused_with_the_grammar() {
        for (text, why) in [
            ("", "no length of time"),
            ("fast", "no length of time"),
            ("gamma:1ms:2", "kind is unknown"),
            ("uniform:1ms", "as many parts"),
            ("uniform:3ms:1ms", "less than"),
            ("lognormal:20ms:9", "from 0 to 5"),
            ("lognormal:20ms:x", "from 0 to 5"),
            ("pareto:20ms:1", "from 1.001 to 100"),
            ("exponential:20", "no unit"),
            ("lognormal", "as many parts"),
        ] {
            let error = text.parse::<Distribution>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
            assert!(error.contains("pareto:20ms:2.5"), "{error}");
        }
    }

    #[test]
    fn no_draw_is_longer_than_an_hour() {
        let heavy: Distribution = "pareto:1min:1.001".parse().unwrap();
        let longest = (0..100_000).map(|i| heavy.draw(mix(i))).max();
        assert_eq!(longest, Some(LONGEST));
    }
}
