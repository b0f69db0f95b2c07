//! What happens to processes at a stated time: `worker:2@30s`.

use std::fmt;
use std::str::FromStr;

use super::{Span, SpecError};

const KIND: (&str, &str) = (
    "fault",
    "worker:NUMBER@TIME or server:NUMBER@TIME, counted from the start of training, such as worker:2@30s",
);

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// A worker, by slot.
    Worker(u32),
    /// A server, by index.
    Server(u32),
}

/// A process, and when something happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// To whom.
    pub victim: Victim,
    /// After the start of training.
    pub at: Span,
}

impl FromStr for Fault {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: String| SpecError::new(KIND, text, why);
        let (whom, at) = text
            .split_once('@')
            .ok_or_else(|| error("it has no @TIME".to_owned()))?;
        let (role, number) = whom
            .split_once(':')
            .ok_or_else(|| error("it names no process".to_owned()))?;
        let number: u32 = number
            .parse()
            .map_err(|_| error(format!("`{number}` is no number of a process")))?;
        let victim = match role {
            "worker" => Victim::Worker(number),
            "server" => Victim::Server(number),
            _ => return Err(error(format!("`{role}` is neither worker nor server"))),
        };
        let at = at.parse().map_err(|e: SpecError| error(e.to_string()))?;
        Ok(Self { victim, at })
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(number) => write!(f, "worker:{number}"),
            Self::Server(number) => write!(f, "server:{number}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.victim, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_what_it_writes() {
        for text in ["worker:2@30s", "server:0@1.5s"] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_grammar() {
        for (text, why) in [
            ("", "no @TIME"),
            ("worker:2", "no @TIME"),
            ("worker@2s", "names no process"),
            ("worker:a@2s", "no number"),
            ("launcher:0@2s", "neither worker nor server"),
            ("worker:2@soon", "no length of time"),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
            assert!(error.contains("worker:2@30s"), "{error}");
        }
    }
}
