//! Which servers cannot be reached, since when, and what is said of it while the worker tries on.

use std::collections::BTreeMap;
use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::time::Time;

/// A connection that stands again within this is not worth a word, and is still waited for.
const GRACE: Duration = Duration::from_secs(1);

/// Between two reminders of the same server.
const REMINDER: Duration = Duration::from_secs(10);

/// A server that cannot be reached.
#[derive(Clone, Debug)]
struct Outage {
    since: Time,
    /// What the transport said last.
    cause: String,
    /// When people are told next.
    next_word: Time,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) server: ServerId,
    pub(super) since: Time,
    pub(super) cause: String,
}

/// The servers that cannot be reached.
#[derive(Debug, Default)]
pub(super) struct Reach {
    outages: BTreeMap<ServerId, Outage>,
}

impl Reach {
    /// The connection with a server broke, or another try failed.
    pub(super) fn lose(&mut self, now: Time, server: ServerId, cause: String) {
        let outage = self.outages.entry(server).or_insert_with(|| Outage {
            since: now,
            cause: String::new(),
            next_word: now + GRACE,
        });
        outage.cause = cause;
    }

    /// There is a connection again. Answers since when there was none, if people were told.
    pub(super) fn restore(&mut self, server: ServerId) -> Option<Time> {
        let outage = self.outages.remove(&server)?;
        (outage.since + GRACE < outage.next_word).then_some(outage.since)
    }

    /// Whether there is no connection with a server.
    pub(super) fn is_lost(&self, server: ServerId) -> bool {
        self.outages.contains_key(&server)
    }

    /// Whether a server has been lost for so long that who is told to stop does not wait for it.
    pub(super) fn is_gone(&self, now: Time, server: ServerId) -> bool {
        self.outages
            .get(&server)
            .is_some_and(|outage| outage.since + GRACE <= now)
    }

    /// What the transport last said of a server that is lost.
    pub(super) fn cause(&self, server: ServerId) -> Option<&str> {
        self.outages
            .get(&server)
            .map(|outage| outage.cause.as_str())
    }

    /// The servers that are lost, with since when.
    pub(super) fn lost(&self) -> impl Iterator<Item = (ServerId, Time)> {
        self.outages
            .iter()
            .map(|(server, outage)| (*server, outage.since))
    }

    /// Nobody could have come back for so long.
    pub(super) fn slept(&mut self, time: Duration) {
        for outage in self.outages.values_mut() {
            outage.since = outage.since + time;
        }
    }

    /// What is to be told now: a server that has become lost, or a reminder.
    pub(super) fn words(&mut self, now: Time) -> Vec<Word> {
        let due = self
            .outages
            .iter_mut()
            .filter(|(_, outage)| outage.next_word <= now);
        due.map(|(server, outage)| {
            outage.next_word = now + REMINDER;
            Word {
                server: *server,
                since: outage.since,
                cause: outage.cause.clone(),
            }
        })
        .collect()
    }

    /// When there is something to be told.
    pub(super) fn wake(&self) -> Option<Time> {
        self.outages.values().map(|outage| outage.next_word).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: ServerId = ServerId(1);

    fn at(millis: u64) -> Time {
        Time::from_origin(Duration::from_millis(millis))
    }

    #[test]
    fn a_lost_server_is_told_once_then_every_ten_seconds_with_its_last_cause() {
        let mut reach = Reach::default();
        reach.lose(at(500), SERVER, "reset".into());
        reach.lose(at(700), SERVER, "refused".into());
        assert!(reach.is_lost(SERVER) && !reach.is_gone(at(1_499), SERVER));
        assert!(reach.words(at(1_499)).is_empty());
        assert_eq!(reach.wake(), Some(at(1_500)));
        let word = Word {
            server: SERVER,
            since: at(500),
            cause: "refused".into(),
        };
        assert_eq!(reach.words(at(1_500)), [word]);
        assert!(reach.is_gone(at(1_500), SERVER));
        assert!(reach.words(at(11_499)).is_empty());
        assert_eq!(reach.words(at(11_500)).len(), 1);
        assert_eq!(reach.restore(SERVER), Some(at(500)));
        assert_eq!((reach.wake(), reach.restore(SERVER)), (None, None));
    }

    #[test]
    fn a_connection_that_is_soon_back_is_not_worth_a_word() {
        let mut reach = Reach::default();
        reach.lose(at(0), SERVER, "reset".into());
        assert_eq!(reach.restore(SERVER), None);
        assert!(reach.words(at(5_000)).is_empty());
    }
}
