//! A machine: how long does a gradient take on it that would take so long by itself?

use std::time::Duration;

use super::straggler::turn_of;
use super::{Draws, Straggler, Stream};
use crate::seed::unit;
use crate::time::Time;

/// The machine of one worker among all workers, or of one server among all servers.
#[derive(Clone, Debug)]
pub struct Machine {
    number: u32,
    count: u32,
    stragglers: Vec<Straggler>,
    draws: Draws,
}

impl Machine {
    /// The machine of `worker`, one of `workers`, with those of the stragglers that are about it.
    #[must_use]
    pub fn new(stragglers: &[Straggler], (worker, workers): (u32, u32), job_seed: u64) -> Self {
        let draws = Draws::new(job_seed, Stream::Worker(worker));
        Self::of(stragglers, (worker, workers), draws)
    }

    /// The machine of `server`, one of `servers`, with those of the stragglers that are about it: what they
    /// say of a worker's batches holds of a server's requests.
    #[must_use]
    pub fn of_server(
        stragglers: &[Straggler],
        (server, servers): (u32, u32),
        job_seed: u64,
    ) -> Self {
        let draws = Draws::new(job_seed, Stream::Server(server));
        Self::of(stragglers, (server, servers), draws)
    }

    fn of(stragglers: &[Straggler], (number, count): (u32, u32), draws: Draws) -> Self {
        let about = |straggler: &&Straggler| straggler.named().is_none_or(|named| named == number);
        Self {
            number,
            count: count.max(1),
            stragglers: stragglers.iter().filter(about).copied().collect(),
            draws,
        }
    }

    /// A word for the draw of a time.
    pub fn word(&mut self) -> u64 {
        self.draws.next()
    }

    /// Whether gradients take what they take by themselves.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.stragglers.is_empty()
    }

    /// How long work takes that begins at `now` and by itself takes `alone`.
    pub fn takes(&mut self, now: Time, alone: Duration) -> Duration {
        let mut factor = 1.0;
        let now = now.since_origin();
        for straggler in &self.stragglers {
            factor *= match straggler {
                Straggler::Always { factor, .. } => *factor,
                Straggler::Sometimes { factor, share, .. } => {
                    match unit(self.draws.next()) < share.get() {
                        true => *factor,
                        false => 1.0,
                    }
                }
                Straggler::Rotating { factor, turn } => {
                    let (turn, _) = turn_of(now, turn.0);
                    match turn % u128::from(self.count) == u128::from(self.number) {
                        true => *factor,
                        false => 1.0,
                    }
                }
                Straggler::Pause { .. } => 1.0,
            };
        }
        let seconds = alone.as_secs_f64() * factor;
        let slowed = match factor > 1.0 {
            true => Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX / 4),
            false => alone,
        };
        slowed + self.paused(now, slowed)
    }

    /// How long the machine stands still in work of this length that begins at `now`.
    fn paused(&self, now: Duration, work: Duration) -> Duration {
        let mut paused = Duration::ZERO;
        for straggler in &self.stragglers {
            let Straggler::Pause { length, every, .. } = straggler else {
                continue;
            };
            let works = every.0 - length.0;
            let (_, into) = turn_of(now, every.0);
            // What remains of a pause that has begun, then one for each time that the work goes through.
            let at = into.min(works);
            if works <= into {
                paused += every.0 - into;
            }
            let (pauses, _) = turn_of(at + work, works);
            let pauses = u32::try_from(pauses).unwrap_or(u32::MAX);
            // Work that begins in a pause begins the next turn.
            let begun = u32::from(works <= into);
            paused += length.0.saturating_mul(pauses.saturating_sub(begun));
        }
        paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn machine(worker: u32, stragglers: &[&str]) -> Machine {
        let read: Vec<Straggler> = stragglers
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        Machine::new(&read, (worker, 4), 1)
    }

    fn at(ms: u64) -> Time {
        Time::from_origin(Duration::from_millis(ms))
    }

    #[test]
    fn a_machine_is_slowed_by_what_is_about_it() {
        let mut slow = machine(1, &["1:10x", "2:3x"]);
        assert_eq!(slow.takes(at(0), MS * 3), MS * 30);
        let mut other = machine(0, &["1:10x", "2:3x"]);
        assert!(other.is_plain());
        assert_eq!(other.takes(at(0), MS * 3), MS * 3);
        assert_eq!(machine(2, &["any:2x", "2:3x"]).takes(at(0), MS), MS * 6);
    }

    #[test]
    fn a_server_is_slowed_by_what_is_about_it_and_draws_for_itself() {
        let slow: [Straggler; 1] = ["1:10x".parse().unwrap()];
        let mut servers = [0, 1].map(|server| Machine::of_server(&slow, (server, 2), 1));
        assert_eq!(
            servers.each_mut().map(|s| s.takes(at(0), MS)),
            [MS, MS * 10]
        );
        let mut worker = Machine::new(&slow, (1, 2), 1);
        assert_ne!(servers[1].word(), worker.word());
    }

    #[test]
    fn rotating_stragglers_take_turns() {
        let slow: Vec<u32> = [0, 99, 100, 250, 399, 400]
            .map(|ms| {
                let is =
                    |worker: &u32| machine(*worker, &["rotating:4x:100ms"]).takes(at(ms), MS) > MS;
                let mut found = (0..4).filter(is);
                let one = found.next().unwrap();
                assert_eq!(found.next(), None);
                one
            })
            .to_vec();
        assert_eq!(slow, [0, 0, 1, 2, 3, 0]);
    }

    #[test]
    fn a_share_of_the_batches_is_slow() {
        let mut machine = machine(3, &["any:10x:25%"]);
        let slow = (0..8_000).filter(|_| machine.takes(at(0), MS) > MS).count();
        assert!((1_850..2_150).contains(&slow), "{slow}");
    }

    #[test]
    fn work_stands_still_in_pauses() {
        // Works for 80 ms, stands still for 20.
        let mut paused = machine(0, &["0:pause:20ms:100ms"]);
        assert_eq!(paused.takes(at(0), MS * 50), MS * 50);
        assert_eq!(paused.takes(at(70), MS * 20), MS * 40, "through one pause");
        assert_eq!(paused.takes(at(0), MS * 170), MS * 210, "through two");
        assert_eq!(paused.takes(at(90), MS * 5), MS * 15, "begun in a pause");
        assert_eq!(paused.takes(at(80), MS * 5), MS * 25, "begun as it begins");
    }
}
