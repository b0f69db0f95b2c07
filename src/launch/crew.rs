//! What the workers of a cluster are told, and the way that they go to the servers: the same for those that
//! are there from the start and those that come late.

use std::io;
use std::time::{Duration, SystemTime};

use thalweg_common::physics::Conditions;

use crate::proxy::{Carried, ProxyThread};

/// The workers of a cluster, before they are started.
#[derive(Debug)]
pub struct Crew {
    further: Vec<String>,
    links: Option<ProxyThread>,
}

impl Crew {
    /// Workers with these arguments beside those that each needs, under `conditions`: slow machines are played
    /// by the workers themselves, and links by a proxy between each of `workers` and each of `servers`
    /// (HOST:PORT). Links on which nothing was asked for have none.
    ///
    /// # Errors
    /// If the proxies cannot be started.
    pub fn new(
        mut further: Vec<String>,
        (conditions, seed): (&Conditions, u64),
        workers: u32,
        servers: &[String],
    ) -> io::Result<Self> {
        for straggler in &conditions.stragglers {
            further.extend(["--slow".to_owned(), straggler.to_string()]);
        }
        if !conditions.stragglers.is_empty() {
            let since = unix_time().as_secs_f64();
            further.extend(["--slow-since".to_owned(), since.to_string()]);
        }
        let is_plain = conditions.link == Default::default();
        let links =
            (!is_plain).then(|| ProxyThread::start(conditions.link, seed, workers, servers));
        let links = links.transpose()?;
        Ok(Self { further, links })
    }

    /// The arguments of one worker of servers that listen at `servers`.
    #[must_use]
    pub fn arguments(&self, worker: u32, servers: &[String]) -> Vec<String> {
        let links = self.links.as_ref();
        let join = links.map_or(servers, |links| links.addresses(worker));
        let own = [
            "worker",
            "--join",
            &join.join(","),
            "--worker",
            &worker.to_string(),
        ];
        let own = own.into_iter().map(str::to_owned);
        own.chain(self.further.iter().cloned()).collect()
    }

    /// Ends the links and says what went through all of them; `None` where there were none.
    #[must_use]
    pub fn end(self) -> Option<Carried> {
        self.links.map(ProxyThread::end)
    }
}

/// The time since 1970.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the processes of a cluster agree on the time by the clock on the wall"
)]
pub fn unix_time() -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crew(conditions: &Conditions) -> Crew {
        let servers = ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
        Crew::new(
            vec!["--data-from-server".to_owned()],
            (conditions, 1),
            2,
            &servers,
        )
        .unwrap()
    }

    #[test]
    fn under_no_conditions_a_worker_goes_straight_to_the_servers() {
        let crew = crew(&Conditions::default());
        let servers = ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
        assert_eq!(
            crew.arguments(1, &servers),
            [
                "worker",
                "--join",
                "127.0.0.1:1,127.0.0.1:2",
                "--worker",
                "1",
                "--data-from-server"
            ]
        );
    }

    #[test]
    fn each_worker_has_links_of_its_own_and_hears_of_all_slow_machines() {
        let mut conditions = Conditions {
            stragglers: vec!["1:10x".parse().unwrap(), "any:2x:1%".parse().unwrap()],
            ..Conditions::default()
        };
        conditions.link.latency = "20ms".parse().unwrap();
        let crew = crew(&conditions);
        let servers = ["127.0.0.1:1".to_owned(), "127.0.0.1:2".to_owned()];
        let [first, second] = [0, 1].map(|worker| crew.arguments(worker, &servers));
        assert_ne!(first[2], second[2]);
        assert_eq!(first[2].split(',').count(), 2);
        assert!(!first[2].contains("127.0.0.1:1,"), "{first:?}");
        let slow = ["--slow", "1:10x", "--slow", "any:2x:1%", "--slow-since"];
        assert_eq!(first[6..11], slow);
    }
}
