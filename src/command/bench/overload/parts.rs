//! The parts of the measurement: the peak, ten times its sessions, and the floods.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use thalweg_proto::security::Credentials;

use super::bounds::NEWCOMER_MOST;
use super::cores::Cores;
use super::crew::{Crew, Manner, Way};
use super::flooder::Flooder;
use super::floods::Flood;
use super::found::{FloodFound, MemoryFound, Peak, Press, Rate};
use super::ground::{Count, Ground, Job, WINDOW};
use crate::command::bench::sample::now;

/// Numbers of sessions that are tried for the peak.
const TRIED: [usize; 3] = [1, 2, 4];

/// Of the most, what the fewest sessions must bring through that are taken.
const SATURATED: f64 = 0.95;

/// How many times as many sessions an overload has.
const TIMES: usize = 10;

/// Of the peak, what counts as recovered.
const RECOVERED: f64 = 0.9;

/// The stretches in which recovery is looked for.
const STRETCH: Duration = Duration::from_millis(500);

/// Between two words on a long part.
const WORD: Duration = Duration::from_secs(10);

/// Why a part has no result: the user wants no more.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub(super) struct Interrupted;

/// How long the parts are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    /// Before anything is measured: caches, windows and the sizes of buffers settle.
    pub(super) warm_up: Duration,
    /// Each try of the peak.
    pub(super) peak: Duration,
    /// What is measured right before an overload, and after it.
    pub(super) beside: Duration,
    pub(super) press: Duration,
    /// For how long a recovery is looked for.
    pub(super) recovery: Duration,
    pub(super) alone: Duration,
    pub(super) flood: Duration,
}

/// What all parts need.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) job: Arc<Job>,
    pub(super) cores: Cores,
    /// For logs and certificates.
    pub(super) folder: PathBuf,
    /// What good clients show to a server with certificates, and where these are.
    pub(super) certs: (PathBuf, Credentials),
    pub(super) lengths: Lengths,
    pub(super) interrupted: Arc<AtomicBool>,
    /// Hears how things go.
    pub(super) tell: fn(&str),
}

impl Parts {
    async fn ground(&self, tls: bool) -> anyhow::Result<Ground> {
        let place = (&self.cores, &*self.folder);
        let (certs, shown) = &self.certs;
        if tls {
            return Ground::open(&self.job, (Some(certs), shown), place).await;
        }
        Ground::open(&self.job, (None, &Credentials::none()), place).await
    }

    /// Finds what a server does at most.
    pub(super) async fn peak(&self) -> anyhow::Result<Peak> {
        let mut ground = self.ground(false).await?;
        let mut peak = Peak::default();
        let mut found = Vec::new();
        for sessions in TRIED {
            let crew = Crew::start(&ground, good(sessions)).await?;
            self.wait(&mut ground, self.lengths.warm_up).await?;
            let rate = self.measure(&mut ground, &crew, self.lengths.peak).await?;
            let tally = crew.finish().await?;
            (self.tell)(&format!(
                "peak: {sessions} sessions bring through {:.0} pushes a second",
                rate.applied
            ));
            peak.tried.insert(sessions, rate.applied);
            found.push((sessions, rate, tally));
        }
        let most = peak.tried.values().copied().fold(0.0, f64::max);
        let fewest = found
            .into_iter()
            .find(|(_, rate, _)| SATURATED * most <= rate.applied);
        if let Some((sessions, rate, tally)) = fewest {
            (peak.sessions, peak.rate) = (sessions, rate);
            (peak.p50_ms, peak.p99_ms) = (tally.quantile(0.5), tally.quantile(0.99));
        }
        Ok(peak)
    }

    /// Loads it with ten times the sessions of the peak, and looks how the server comes back from it.
    pub(super) async fn press(&self, peak: &Peak, manner: Manner) -> anyhow::Result<Press> {
        let mut ground = self.ground(false).await?;
        // The speed of a machine drifts: what the overload is held to is measured right before it and right after.
        let crew = Crew::start(&ground, good(peak.sessions)).await?;
        self.wait(&mut ground, self.lengths.warm_up).await?;
        let before = self
            .measure(&mut ground, &crew, self.lengths.beside)
            .await?;
        crew.finish().await?;
        let name = name_of(manner);
        let sessions = TIMES * peak.sessions;
        let way = Way {
            sessions,
            window: WINDOW,
            manner,
        };
        let crew = Crew::start(&ground, way).await?;
        let one = Way {
            sessions: 1,
            window: 1,
            manner: Manner::Polite,
        };
        let one = Crew::start(&ground, one).await?;
        self.wait(&mut ground, self.lengths.warm_up).await?;
        let (press, said) = (self.lengths.press, format!("{name}, {sessions} sessions"));
        let rate = self
            .measure_saying(&mut ground, (&crew, &said), press)
            .await?;
        // The load ends here; those of the peak come at once.
        crew.stop();
        one.stop();
        let ended = now();
        let again = Crew::start(&ground, good(peak.sessions)).await?;
        let recovery_seconds = self.recovery(&mut ground, (ended, before.applied)).await?;
        let one = one.finish().await?;
        let tally = crew.finish().await?;
        let after = self
            .measure(&mut ground, &again, self.lengths.beside)
            .await?;
        again.finish().await?;
        let (applied, acknowledged) = ground.settle().await?;
        Ok(Press {
            name: name.to_owned(),
            sessions,
            rate,
            before,
            after,
            of_peak: rate.applied / f64::midpoint(before.applied, after.applied),
            refusals_hinted: tally.hinted.load(Ordering::Relaxed),
            refusals_bare: tally.bare.load(Ordering::Relaxed),
            p50_ms: one.quantile(0.5),
            p99_ms: one.quantile(0.99),
            memory: memory_of(&ground),
            recovery_seconds,
            applied,
            acknowledged,
        })
    }

    /// Seconds from `ended` to the end of the first stretch in which enough comes through.
    async fn recovery(
        &self,
        ground: &mut Ground,
        (ended, peak): (Instant, f64),
    ) -> anyhow::Result<Option<f64>> {
        let mut before = ground.count().await?;
        while now().duration_since(ended) < self.lengths.recovery {
            self.wait(ground, STRETCH).await?;
            let count = ground.count().await?;
            let rate = self.rate(&before, &count, 0);
            if RECOVERED * peak <= rate.applied {
                return Ok(Some(count.at.duration_since(ended).as_secs_f64()));
            }
            before = count;
        }
        Ok(None)
    }

    /// Floods a server that good clients use.
    pub(super) async fn flood(&self, flood: Flood, sessions: usize) -> anyhow::Result<FloodFound> {
        let mut ground = self.ground(flood.wants_tls()).await?;
        let crew = Crew::start(&ground, good(sessions)).await?;
        self.wait(&mut ground, self.lengths.warm_up).await?;
        // The flooder takes a share of the core that the good clients are on. Without a flood somebody takes the
        // same for nothing, so that what is lost beside the flood is lost at the server.
        let burner = Flooder::burn()?;
        let before = self.measure(&mut ground, &crew, self.lengths.alone).await?;
        burner.stop()?;
        let (address, places) = (ground.server.address, self.job.connections_max);
        let flooder = Flooder::start(flood, address, places)?;
        let begun = ground.count().await?;
        let said = crew.tally.acknowledged.load(Ordering::Relaxed);
        self.wait(&mut ground, self.lengths.flood / 2).await?;
        let within = Duration::from_secs_f64(NEWCOMER_MOST + 1.0);
        let newcomer = tokio::spawn(ground.newcomer(within));
        self.wait_until(&mut ground, begun.at + self.lengths.flood, None)
            .await?;
        while !newcomer.is_finished() {
            ground.look().await?;
        }
        let newcomer = newcomer.await?;
        let ended = ground.count().await?;
        let acknowledged = crew.tally.acknowledged.load(Ordering::Relaxed) - said;
        let did = flooder.stop()?;
        let beside = self.rate(&begun, &ended, acknowledged);
        // The speed of a machine drifts: alone is before and after.
        self.wait(&mut ground, self.lengths.warm_up).await?;
        let burner = Flooder::burn()?;
        let after = self.measure(&mut ground, &crew, self.lengths.alone).await?;
        burner.stop()?;
        crew.finish().await?;
        let (applied, acknowledged) = ground.settle().await?;
        Ok(FloodFound {
            name: flood.name().to_owned(),
            before,
            after,
            beside,
            share: beside.applied / f64::midpoint(before.applied, after.applied),
            did,
            least: flood.least(),
            newcomer_seconds: newcomer.map(|waited| waited.as_secs_f64()),
            memory: memory_of(&ground),
            applied,
            acknowledged,
        })
    }

    async fn measure(
        &self,
        ground: &mut Ground,
        crew: &Crew,
        length: Duration,
    ) -> anyhow::Result<Rate> {
        self.measure_saying(ground, (crew, ""), length).await
    }

    /// Measures for so long, and says in between how it goes, if it has a name.
    async fn measure_saying(
        &self,
        ground: &mut Ground,
        (crew, said): (&Crew, &str),
        length: Duration,
    ) -> anyhow::Result<Rate> {
        let begun = ground.count().await?;
        let before = crew.tally.acknowledged.load(Ordering::Relaxed);
        let said = (!said.is_empty()).then_some((said, &begun));
        self.wait_until(ground, begun.at + length, said).await?;
        let ended = ground.count().await?;
        let acknowledged = crew.tally.acknowledged.load(Ordering::Relaxed) - before;
        Ok(self.rate(&begun, &ended, acknowledged))
    }

    fn rate(&self, begun: &Count, ended: &Count, acknowledged: u64) -> Rate {
        rate((begun, ended), acknowledged, self.job.shards.len())
    }

    async fn wait(&self, ground: &mut Ground, length: Duration) -> anyhow::Result<()> {
        self.wait_until(ground, now() + length, None).await
    }

    async fn wait_until(
        &self,
        ground: &mut Ground,
        end: Instant,
        said: Option<(&str, &Count)>,
    ) -> anyhow::Result<()> {
        let mut word = now() + WORD;
        while now() < end {
            if self.interrupted.load(Ordering::Relaxed) {
                bail!(Interrupted);
            }
            ground.look().await?;
            if let Some((name, begun)) = said
                && word <= now()
            {
                word = now() + WORD;
                let so_far = self.rate(begun, &ground.count().await?, 0);
                (self.tell)(&format!(
                    "{name}: after {:.0} s {:.0} pushes applied and {:.0} parts refused a second",
                    so_far.seconds, so_far.applied, so_far.refused
                ));
            }
        }
        Ok(())
    }
}

/// The name of an overload.
pub(super) fn name_of(manner: Manner) -> &'static str {
    match manner {
        Manner::Polite => "overload",
        Manner::Rude => "overload-rude",
    }
}

fn good(sessions: usize) -> Way {
    Way {
        sessions,
        window: WINDOW,
        manner: Manner::Polite,
    }
}

fn memory_of(ground: &Ground) -> MemoryFound {
    let found = ground.memory();
    MemoryFound {
        resident_max: found.map(|(resident, _)| resident),
        peak: found.map(|(_, peak)| peak),
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates for people")]
fn rate((begun, ended): (&Count, &Count), acknowledged: u64, shards: usize) -> Rate {
    let seconds = ended.at.duration_since(begun.at).as_secs_f64();
    let per_second = |count: u64| count as f64 / seconds;
    let core_time = |(begun, ended): (Duration, Duration)| (ended - begun).as_secs_f64() / seconds;
    Rate {
        seconds,
        applied: per_second(ended.applied - begun.applied) / shards as f64,
        acknowledged: per_second(acknowledged),
        refused: per_second(ended.overloaded - begun.overloaded),
        core_share: begun.core_time.zip(ended.core_time).map(core_time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_by_its_time() {
        let at = now();
        let begun = Count {
            at,
            applied: 100,
            overloaded: 10,
            core_time: Some(Duration::from_secs(1)),
        };
        let ended = Count {
            at: at + Duration::from_secs(4),
            applied: 500,
            overloaded: 50,
            core_time: Some(Duration::from_secs(3)),
        };
        let expected = Rate {
            seconds: 4.0,
            applied: 50.0,
            acknowledged: 49.0,
            refused: 10.0,
            core_share: Some(0.5),
        };
        assert_eq!(rate((&begun, &ended), 196, 2), expected);
    }
}
