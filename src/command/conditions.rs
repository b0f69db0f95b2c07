//! The flags by which conditions are given: what links take, which machines are slow, what happens to
//! processes.

use clap::Args;
use thalweg_common::physics::{
    Bandwidth, Conditions, Distribution, Fault, LinkPhysics, Share, Straggler,
};

/// What each direction of a link takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct LinkFlags {
    /// One-way latency of every message between a worker and a server: 20ms, uniform:10ms:30ms,
    /// exponential:20ms, lognormal:20ms:0.5 (median, sigma of the logarithm) or pareto:20ms:2.5
    /// (least, shape).
    #[arg(long, value_name = "DELAY", allow_hyphen_values = true)]
    latency: Option<Distribution>,

    /// Added to each latency: a delay as above.
    #[arg(long, value_name = "DELAY", allow_hyphen_values = true)]
    jitter: Option<Distribution>,

    /// Of each direction of each link: 100mbit, 1gbit.
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    bandwidth: Option<Bandwidth>,

    /// Share of the messages that are lost and sent again: 1% or 0.01.
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    loss: Option<Share>,
}

impl LinkFlags {
    /// What was given.
    pub(super) fn physics(&self) -> LinkPhysics {
        LinkPhysics {
            latency: self.latency.unwrap_or_default(),
            jitter: self.jitter.unwrap_or_default(),
            bandwidth: self.bandwidth,
            loss: self.loss.unwrap_or_default(),
        }
    }
}

/// Conditions of a run.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Conditions")]
pub(super) struct ConditionFlags {
    #[command(flatten)]
    link: LinkFlags,

    /// A slow machine: 1:10x (worker 1, ten times slower), any:10x:1% (that share of all batches),
    /// rotating:10x:5s (one worker after the other) or 1:pause:2s:30s (2 s in every 30 s). May be given
    /// several times.
    #[arg(long, value_name = "STRAGGLER", allow_hyphen_values = true)]
    straggler: Vec<Straggler>,

    /// Kill a process: worker:2@30s or server:0@30s, from the start of training. May be given several
    /// times.
    #[arg(long, value_name = "PROCESS@TIME", allow_hyphen_values = true)]
    kill: Vec<Fault>,

    /// Let a worker come late: worker:3@10s. May be given several times.
    #[arg(long, value_name = "WORKER@TIME", allow_hyphen_values = true)]
    join_late: Vec<Fault>,
}

impl ConditionFlags {
    /// The conditions that were given.
    pub(super) fn conditions(&self) -> Conditions {
        Conditions {
            link: self.link.physics(),
            stragglers: self.straggler.clone(),
            kills: self.kill.clone(),
            joins: self.join_late.clone(),
        }
    }

    /// Whether the latency was given.
    pub(super) fn says_latency(&self) -> bool {
        self.link.latency.is_some()
    }

    /// What was given, but for the latency, as arguments of another command.
    pub(super) fn arguments_without_latency(&self) -> Vec<String> {
        let mut given: Vec<(&str, String)> = Vec::new();
        given.extend(
            self.link
                .jitter
                .map(|jitter| ("--jitter", jitter.to_string())),
        );
        given.extend(
            self.link
                .bandwidth
                .map(|rate| ("--bandwidth", rate.to_string())),
        );
        given.extend(self.link.loss.map(|loss| ("--loss", loss.to_string())));
        given.extend(
            self.straggler
                .iter()
                .map(|s| ("--straggler", s.to_string())),
        );
        given.extend(self.kill.iter().map(|kill| ("--kill", kill.to_string())));
        given.extend(
            self.join_late
                .iter()
                .map(|join| ("--join-late", join.to_string())),
        );
        let words = given
            .into_iter()
            .flat_map(|(flag, value)| [flag.to_owned(), value]);
        words.collect()
    }
}
