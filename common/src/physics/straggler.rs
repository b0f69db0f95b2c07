//! Machines that are slow: for ever, at times, one after the other, or that pause.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Share, Span, SpecError};

const KIND: (&str, &str) = (
    "straggler",
    "WORKER:FACTORx (for ever), WORKER:FACTORx:SHARE (that share of its batches), rotating:FACTORx:TURN (one \
     worker after the other) or WORKER:pause:LENGTH:EVERY, where WORKER is a number or any, such as 1:10x, \
     any:10x:1%, rotating:10x:5s, 0:pause:2s:30s",
);

/// Which workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Every one.
    Any,
    /// This one.
    Worker(u32),
}

impl Who {
    /// Whether `worker` is among them.
    #[must_use]
    pub fn is(self, worker: u32) -> bool {
        match self {
            Self::Any => true,
            Self::Worker(this) => this == worker,
        }
    }
}

/// How machines are slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Straggler {
    /// Every gradient takes `factor` times as long.
    Always {
        /// Whose.
        who: Who,
        /// At least 1.
        factor: f64,
    },
    /// A gradient takes `factor` times as long with this probability.
    Sometimes {
        /// Whose.
        who: Who,
        /// At least 1.
        factor: f64,
        /// How often.
        share: Share,
    },
    /// One worker after the other is slow, each for a `turn`.
    Rotating {
        /// At least 1.
        factor: f64,
        /// Not zero.
        turn: Span,
    },
    /// The machine stands still for `length` at the end of each `every`.
    Pause {
        /// Whose.
        who: Who,
        /// Less than `every`.
        length: Span,
        /// From one beginning to the next.
        every: Span,
    },
}

impl Straggler {
    /// The worker that it names, if it names one.
    #[must_use]
    pub fn named(self) -> Option<u32> {
        match self {
            Self::Always { who, .. } | Self::Sometimes { who, .. } | Self::Pause { who, .. } => {
                match who {
                    Who::Worker(worker) => Some(worker),
                    Who::Any => None,
                }
            }
            Self::Rotating { .. } => None,
        }
    }
}

impl FromStr for Straggler {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: String| SpecError::new(KIND, text, why);
        let inside = |e: SpecError| error(e.to_string());
        let factor = |part: &str| -> Result<f64, SpecError> {
            let number: Option<f64> = part.strip_suffix('x').and_then(|n| n.parse().ok());
            let found = number.filter(|factor| (1.0..=1e6).contains(factor));
            found.ok_or_else(|| error(format!("`{part}` is not a factor of at least 1, as 10x")))
        };
        let parts: Vec<&str> = text.split(':').collect();
        Ok(match parts[..] {
            ["rotating", times, turn] => {
                let turn: Span = turn.parse().map_err(inside)?;
                if turn.0.is_zero() {
                    return Err(error("a turn has a length".to_owned()));
                }
                Self::Rotating {
                    factor: factor(times)?,
                    turn,
                }
            }
            [worker, "pause", length, every] => {
                let (length, every): (Span, Span) = (
                    length.parse().map_err(inside)?,
                    every.parse().map_err(inside)?,
                );
                if every <= length {
                    return Err(error(format!(
                        "a pause of {length} leaves nothing of {every}"
                    )));
                }
                Self::Pause {
                    who: who(worker).ok_or_else(|| error(no_worker(worker)))?,
                    length,
                    every,
                }
            }
            [worker, times] => Self::Always {
                who: who(worker).ok_or_else(|| error(no_worker(worker)))?,
                factor: factor(times)?,
            },
            [worker, times, share] => Self::Sometimes {
                who: who(worker).ok_or_else(|| error(no_worker(worker)))?,
                factor: factor(times)?,
                share: share.parse().map_err(inside)?,
            },
            _ => return Err(error("it has not as many parts as any of these".to_owned())),
        })
    }
}

fn who(part: &str) -> Option<Who> {
    match part {
        "any" => Some(Who::Any),
        number => number.parse().ok().map(Who::Worker),
    }
}

fn no_worker(part: &str) -> String {
    format!("`{part}` is no worker")
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Worker(worker) => worker.fmt(f),
        }
    }
}

impl fmt::Display for Straggler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always { who, factor } => write!(f, "{who}:{factor}x"),
            Self::Sometimes { who, factor, share } => write!(f, "{who}:{factor}x:{share}"),
            Self::Rotating { factor, turn } => write!(f, "rotating:{factor}x:{turn}"),
            Self::Pause { who, length, every } => write!(f, "{who}:pause:{length}:{every}"),
        }
    }
}

/// Where `now` lies in turns of this length: which turn, and how far into it.
pub(super) fn turn_of(now: Duration, length: Duration) -> (u128, Duration) {
    let (now, length) = (now.as_nanos(), length.as_nanos().max(1));
    let into = u64::try_from(now % length).unwrap_or(u64::MAX);
    (now / length, Duration::from_nanos(into))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straggler_reads_what_it_writes() {
        for text in [
            "1:10x",
            "any:2.5x",
            "any:10x:1%",
            "rotating:10x:5s",
            "0:pause:2s:30s",
        ] {
            assert_eq!(text.parse::<Straggler>().unwrap().to_string(), text);
        }
        assert_eq!("3:2x".parse::<Straggler>().unwrap().named(), Some(3));
        assert_eq!("any:2x".parse::<Straggler>().unwrap().named(), None);
    }

    #[test]
    fn what_is_no_straggler_is_refused_with_the_grammar() {
        for (text, why) in [
            ("", "as many parts"),
            ("1", "as many parts"),
            ("1:10", "not a factor"),
            ("1:0.5x", "not a factor"),
            ("x:10x", "no worker"),
            ("-1:10x", "no worker"),
            ("any:10x:200%", "no share"),
            ("rotating:10x:0s", "has a length"),
            ("rotating:10x:fast", "no length of time"),
            ("1:pause:30s:2s", "leaves nothing"),
        ] {
            let error = text.parse::<Straggler>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
            assert!(error.contains("rotating:10x:5s"), "{error}");
        }
    }
}
