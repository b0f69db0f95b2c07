//! One direction of a connection: when do bytes arrive that are sent now?
//!
//! ```text
//! begins  = max(now, free)
//! free    = begins + bytes·8 / bandwidth
//! arrives = max(free + latency + jitter + retransmissions, the arrival before)
//! ```
//!
//! Bytes arrive in the order in which they were sent, as over TCP. A message that is lost is sent again
//! after 200 ms, and after twice the time at each further loss; what was sent behind it waits, too.
//!
//! Source: RFC 6298 (retransmission timer: at least 1 s there, 200 ms in Linux, doubled at each expiry).

use std::time::Duration;

use super::{Bandwidth, Distribution, Draws, Share, Stream};
use crate::seed::unit;
use crate::time::Time;

/// The first wait for an acknowledgement before a message is sent again.
const RETRANSMISSION: Duration = Duration::from_millis(200);

/// A connection that lost a message so often in a row delivers it then.
const RETRANSMISSIONS_MAX: u32 = 8;

/// What one direction of a connection takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LinkPhysics {
    /// On the way, each message.
    pub latency: Distribution,
    /// Added to it.
    pub jitter: Distribution,
    /// Bits per second; `None`: no bound.
    pub bandwidth: Option<Bandwidth>,
    /// Of messages that are lost, and sent again.
    pub loss: Share,
}

/// One direction of a connection.
#[derive(Clone, Debug)]
pub struct Link {
    physics: LinkPhysics,
    draws: Draws,
    /// When the last byte is sent that was given to it.
    free: Time,
    /// When the last byte arrives that was given to it.
    last: Time,
    retransmissions: u64,
    busy: Duration,
}

impl Link {
    /// A link that was never used, with the draws of `stream`.
    #[must_use]
    pub fn new(physics: LinkPhysics, job_seed: u64, stream: Stream) -> Self {
        Self {
            physics,
            draws: Draws::new(job_seed, stream),
            free: Time::ZERO,
            last: Time::ZERO,
            retransmissions: 0,
            busy: Duration::ZERO,
        }
    }

    /// When `bytes` arrive that are sent at `now`, which never goes back.
    pub fn send(&mut self, now: Time, bytes: u64) -> Time {
        self.send_with(now, bytes, Duration::ZERO)
    }

    /// The same if they are on the way for `further`, beside the latency.
    pub fn send_with(&mut self, now: Time, bytes: u64, further: Duration) -> Time {
        let takes = self
            .physics
            .bandwidth
            .map_or(Duration::ZERO, |b| b.takes(bytes));
        self.busy += takes;
        self.free = now.max(self.free) + takes;
        let drawn = self.draw(self.physics.latency) + self.draw(self.physics.jitter);
        let on_the_way = drawn + further + self.retransmit();
        self.last = self.last.max(self.free + on_the_way);
        self.last
    }

    /// How long the link was sending so far, which the bandwidth decides.
    #[must_use]
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// Messages that were sent again so far.
    #[must_use]
    pub fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    fn draw(&mut self, distribution: Distribution) -> Duration {
        // A constant takes no word, so that turning jitter off changes no other draw.
        match distribution {
            Distribution::Constant(span) => span.0,
            other => other.draw(self.draws.next()),
        }
    }

    fn retransmit(&mut self) -> Duration {
        let loss = self.physics.loss.get();
        let (mut waited, mut timer) = (Duration::ZERO, RETRANSMISSION);
        if loss == 0.0 {
            return waited;
        }
        for _ in 0..RETRANSMISSIONS_MAX {
            if loss <= unit(self.draws.next()) {
                break;
            }
            self.retransmissions += 1;
            waited += timer;
            timer *= 2;
        }
        waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream::ToServer {
        worker: 0,
        server: 0,
    };

    fn at(ms: u64) -> Time {
        Time::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn bytes_take_their_turn_their_bandwidth_and_the_latency() {
        let physics = LinkPhysics {
            latency: "20ms".parse().unwrap(),
            bandwidth: Some("8kbit".parse().unwrap()),
            ..LinkPhysics::default()
        };
        let mut link = Link::new(physics, 1, STREAM);
        assert_eq!(link.send(at(0), 100), at(120));
        assert_eq!(link.send(at(10), 100), at(220), "behind the first");
        assert_eq!(link.send(at(900), 50), at(970));
        assert_eq!(link.busy(), Duration::from_millis(250));
        let further = Duration::from_millis(5);
        assert_eq!(link.send_with(at(2_000), 50, further), at(2_075));
    }

    #[test]
    fn what_is_sent_later_never_arrives_earlier() {
        let physics = LinkPhysics {
            latency: "exponential:20ms".parse().unwrap(),
            jitter: "uniform:0ms:50ms".parse().unwrap(),
            loss: "10%".parse().unwrap(),
            bandwidth: None,
        };
        let mut link = Link::new(physics, 7, STREAM);
        let arrivals: Vec<Time> = (0..2_000).map(|ms| link.send(at(ms), 10)).collect();
        assert!(arrivals.is_sorted());
        assert!(link.retransmissions() > 100);
    }

    #[test]
    fn a_seed_and_a_stream_repeat_and_others_differ() {
        let physics = LinkPhysics {
            latency: "lognormal:20ms:0.5".parse().unwrap(),
            ..LinkPhysics::default()
        };
        let first = |seed, stream| Link::new(physics, seed, stream).send(at(0), 1);
        let back = Stream::ToWorker {
            worker: 0,
            server: 0,
        };
        assert_eq!(first(1, STREAM), first(1, STREAM));
        assert_ne!(first(1, STREAM), first(2, STREAM));
        assert_ne!(first(1, STREAM), first(1, back));
    }

    #[test]
    fn loss_is_as_frequent_as_was_asked_for() {
        let physics = LinkPhysics {
            loss: "5%".parse().unwrap(),
            ..LinkPhysics::default()
        };
        let mut link = Link::new(physics, 3, STREAM);
        for _ in 0..20_000 {
            link.send(at(0), 1);
        }
        // 5 % of first attempts, and 5 % of those again.
        let expected = 20_000.0 * 0.05 / 0.95;
        let found = f64::from(u32::try_from(link.retransmissions()).unwrap());
        assert!((found / expected - 1.0).abs() < 0.1, "{found}");
    }
}
