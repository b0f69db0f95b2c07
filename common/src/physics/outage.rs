//! What happens to a link at a stated time: nothing gets through for a while (`10s:5s`), or one side is
//! silently gone (`back@10s`).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Span, SpecError};
use crate::time::Time;

const OUTAGE: (&str, &str) = (
    "outage",
    "AT:LENGTH, counted from the start of the link, such as 10s:5s",
);

const HALF_OPEN: (&str, &str) = (
    "half-open connection",
    "there@TIME (what is sent to the server is lost from then on) or back@TIME (what it answers is), counted \
     from the start of the link, such as back@10s",
);

/// A time in which nothing gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it begins.
    pub at: Span,
    /// How long it lasts; not zero.
    pub length: Span,
}

impl Outage {
    /// When it ends, if `now` is in it.
    #[must_use]
    pub fn until(self, now: Time) -> Option<Time> {
        let begins = Time::from_origin(self.at.0);
        let ends = begins + self.length.0;
        (begins <= now && now < ends).then_some(ends)
    }
}

/// A direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From who connected to whom it connected with: from a worker to a server.
    There,
    /// From whom it connected with.
    Back,
}

/// One side of every connection that is open at a time is gone and nobody is told: what is sent that way is
/// lost, and the connection stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfOpen {
    /// What is lost.
    pub way: Way,
    /// Since when.
    pub at: Span,
}

impl HalfOpen {
    /// Whether bytes are lost that are sent this way at `now` over a connection that was `opened` then.
    #[must_use]
    pub fn loses(self, way: Way, (opened, now): (Time, Time)) -> bool {
        let at = Time::from_origin(self.at.0);
        self.way == way && opened < at && at <= now
    }
}

impl FromStr for Outage {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: String| SpecError::new(OUTAGE, text, why);
        let (at, length) = text
            .split_once(':')
            .ok_or_else(|| error("it has no :LENGTH".to_owned()))?;
        let span = |part: &str| part.parse().map_err(|e: SpecError| error(e.to_string()));
        let (at, length): (Span, Span) = (span(at)?, span(length)?);
        match length.0 {
            Duration::ZERO => Err(error("an outage has a length".to_owned())),
            _ => Ok(Self { at, length }),
        }
    }
}

impl FromStr for HalfOpen {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let error = |why: String| SpecError::new(HALF_OPEN, text, why);
        let (way, at) = text
            .split_once('@')
            .ok_or_else(|| error("it has no @TIME".to_owned()))?;
        let way = match way {
            "there" => Way::There,
            "back" => Way::Back,
            _ => return Err(error(format!("`{way}` is neither there nor back"))),
        };
        let at = at.parse().map_err(|e: SpecError| error(e.to_string()))?;
        Ok(Self { way, at })
    }
}

impl fmt::Display for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.at, self.length)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::There => "there",
            Self::Back => "back",
        })
    }
}

impl fmt::Display for HalfOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.way, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn an_outage_and_a_half_open_connection_read_what_they_write() {
        assert_eq!("10s:5s".parse::<Outage>().unwrap().to_string(), "10s:5s");
        for text in ["there@1.5s", "back@10s"] {
            assert_eq!(text.parse::<HalfOpen>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_outage_lasts_from_its_beginning_to_before_its_end() {
        let outage: Outage = "10s:5s".parse().unwrap();
        assert_eq!(outage.until(at(9)), None);
        assert_eq!(outage.until(at(10)), Some(at(15)));
        assert_eq!(outage.until(at(14)), Some(at(15)));
        assert_eq!(outage.until(at(15)), None);
    }

    #[test]
    fn a_side_is_gone_for_those_who_were_connected_with_it() {
        let gone: HalfOpen = "back@10s".parse().unwrap();
        assert!(gone.loses(Way::Back, (at(1), at(10))));
        assert!(!gone.loses(Way::Back, (at(1), at(9))), "not yet");
        assert!(!gone.loses(Way::There, (at(1), at(10))), "the other way");
        assert!(
            !gone.loses(Way::Back, (at(10), at(11))),
            "a later connection"
        );
    }

    #[test]
    fn what_is_neither_is_refused_with_the_grammar() {
        for (text, why) in [
            ("10s", "no :LENGTH"),
            ("10s:0s", "has a length"),
            ("soon:5s", "no length of time"),
        ] {
            let error = text.parse::<Outage>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
            assert!(error.contains("such as 10s:5s"), "{error}");
        }
        for (text, why) in [
            ("10s", "no @TIME"),
            ("away@10s", "neither there nor back"),
            ("back@soon", "no length of time"),
        ] {
            let error = text.parse::<HalfOpen>().unwrap_err().to_string();
            assert!(error.contains(why), "{text:?}: {error}");
            assert!(error.contains("such as back@10s"), "{error}");
        }
    }
}
