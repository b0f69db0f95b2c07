//! What a proxy is told.

use thalweg_common::physics::{HalfOpen, LinkPhysics, Outage, Span, Way};
use thalweg_common::time::Time;

/// Bytes that may be under way in each direction of each connection, if nothing else is said: what 1 Gbit/s
/// takes for 130 ms.
pub const WINDOW_BYTES: u32 = 16 << 20;

/// No bound may be lower: it is what one read may take.
pub const WINDOW_BYTES_MIN: u32 = 64 << 10;

/// What happens to connections, by the time since the proxy started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// Times in which nothing gets through. What is sent in them arrives after them, as TCP would send it
    /// again.
    pub blackholes: Vec<Outage>,
    /// Sides of connections that are silently gone.
    pub half_open: Vec<HalfOpen>,
    /// When the connections that are open are reset.
    pub resets: Vec<Span>,
    /// Bytes, both ways together, after which a connection is reset.
    pub reset_after: Option<u64>,
    /// Times in which new connections are reset at once.
    pub refusals: Vec<Outage>,
}

impl Faults {
    /// Until when nothing gets through, if nothing does at `now`.
    pub(super) fn silent_until(&self, now: Time) -> Option<Time> {
        let outages = self.blackholes.iter();
        outages.filter_map(|outage| outage.until(now)).max()
    }

    /// Whether what is sent this way at `now` is lost.
    pub(super) fn loses(&self, way: Way, (opened, now): (Time, Time)) -> bool {
        let mut gone = self.half_open.iter();
        gone.any(|side| side.loses(way, (opened, now)))
    }

    /// When a connection that was `opened` then is reset, if it is still there.
    pub(super) fn reset_at(&self, opened: Time) -> Option<Time> {
        let times = self.resets.iter().map(|at| Time::from_origin(at.0));
        times.filter(|at| opened < *at).min()
    }

    /// Whether connections are refused at `now`.
    pub(super) fn refuses(&self, now: Time) -> bool {
        self.refusals
            .iter()
            .any(|outage| outage.until(now).is_some())
    }
}

/// What a proxy is told.
#[derive(Clone, Debug)]
pub struct ProxyOptions {
    /// Whom it connects with (HOST:PORT).
    pub to: String,
    /// What each direction takes.
    pub physics: LinkPhysics,
    /// The seed of its draws.
    pub seed: u64,
    /// Whose link it is: worker and server, which have draws of their own.
    pub link: (u32, u32),
    /// Bytes that may be under way in each direction of each connection, at least [`WINDOW_BYTES_MIN`]. Who
    /// sends more waits, as at a full socket.
    pub window_bytes: u32,
    /// What happens to connections.
    pub faults: Faults,
}

impl ProxyOptions {
    /// A proxy that only passes on.
    #[must_use]
    pub fn plain(to: impl Into<String>) -> Self {
        Self {
            to: to.into(),
            physics: LinkPhysics::default(),
            seed: 0,
            link: (0, 0),
            window_bytes: WINDOW_BYTES,
            faults: Faults::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Time {
        Time::from_origin(Duration::from_secs(seconds))
    }

    #[test]
    fn faults_say_what_happens_when() {
        let faults = Faults {
            blackholes: vec!["10s:5s".parse().unwrap(), "12s:9s".parse().unwrap()],
            half_open: vec!["back@30s".parse().unwrap()],
            resets: vec!["40s".parse().unwrap(), "20s".parse().unwrap()],
            reset_after: None,
            refusals: vec!["50s:1s".parse().unwrap()],
        };
        assert_eq!(faults.silent_until(at(9)), None);
        assert_eq!(faults.silent_until(at(11)), Some(at(15)));
        assert_eq!(faults.silent_until(at(13)), Some(at(21)), "the longer");
        assert!(faults.loses(Way::Back, (at(0), at(30))));
        assert_eq!(faults.reset_at(at(0)), Some(at(20)));
        assert_eq!(faults.reset_at(at(20)), Some(at(40)), "opened later");
        assert_eq!(faults.reset_at(at(40)), None);
        assert!(faults.refuses(at(50)) && !faults.refuses(at(51)));
    }
}
