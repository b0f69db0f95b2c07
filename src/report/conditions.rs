//! What a report says of the conditions under which a run was made.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use thalweg_common::physics::Conditions;

use crate::simulate::Physics;

/// The conditions that were asked for, as they are written on the command line; what was not asked for is
/// absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConditionsReport {
    /// One-way latency of each message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<String>,
    /// Added to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    /// Of each direction of each link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<String>,
    /// The share of the messages that were lost and sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// Slow machines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stragglers: Vec<String>,
    /// Processes that were killed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kills: Vec<String>,
    /// Workers that came late.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<String>,
    /// Slow servers, in virtual time alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub slow_servers: Vec<String>,
    /// What was played again of a recording, in words, in virtual time alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<String>,
}

impl ConditionsReport {
    /// What is told of these conditions; `None` if they change nothing.
    #[must_use]
    pub fn of(conditions: &Conditions) -> Option<Self> {
        Self::told(Self::all(conditions))
    }

    /// The same of a simulation, which has more of them.
    #[must_use]
    pub fn in_virtual_time(physics: &Physics) -> Option<Self> {
        Self::told(Self {
            slow_servers: each(&physics.slow_servers),
            replayed: physics.recorded_in_words(),
            ..Self::all(&physics.conditions)
        })
    }

    fn told(all: Self) -> Option<Self> {
        (all != Self::default()).then_some(all)
    }

    fn all(conditions: &Conditions) -> Self {
        let link = conditions.link;
        let delay = |delay: thalweg_common::physics::Distribution| {
            (!delay.is_zero()).then(|| delay.to_string())
        };
        Self {
            latency: delay(link.latency),
            jitter: delay(link.jitter),
            bandwidth: link.bandwidth.map(|bandwidth| bandwidth.to_string()),
            loss: (0.0 < link.loss.get()).then(|| link.loss.to_string()),
            stragglers: each(&conditions.stragglers),
            kills: each(&conditions.kills),
            joins: each(&conditions.joins),
            ..Self::default()
        }
    }

    /// All of them, in words.
    pub(super) fn line(&self) -> String {
        let links = [
            ("latency", &self.latency),
            ("jitter", &self.jitter),
            ("bandwidth", &self.bandwidth),
            ("loss", &self.loss),
        ];
        let links = links
            .into_iter()
            .filter_map(|(what, spec)| Some((what, spec.as_ref()?)));
        let others = [
            ("straggler", &self.stragglers),
            ("kill", &self.kills),
            ("late", &self.joins),
            ("slow server", &self.slow_servers),
        ];
        let others = others
            .into_iter()
            .flat_map(|(what, specs)| specs.iter().map(move |spec| (what, spec)));
        let words: Vec<String> = links
            .chain(others)
            .map(|(what, spec)| format!("{what} {spec}"))
            .chain(self.replayed.clone())
            .collect();
        format!("conditions {}", words.join(", "))
    }
}

fn each<T: Display>(specs: &[T]) -> Vec<String> {
    specs.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_as_they_are_written_and_none_are_not_told() {
        assert_eq!(ConditionsReport::of(&Conditions::default()), None);
        let mut conditions = Conditions {
            stragglers: vec!["1:10x".parse().unwrap(), "any:2x:1%".parse().unwrap()],
            kills: vec!["worker:2@30s".parse().unwrap()],
            ..Conditions::default()
        };
        conditions.link.latency = "lognormal:20ms:0.5".parse().unwrap();
        conditions.link.bandwidth = Some("1gbit".parse().unwrap());
        let told = ConditionsReport::of(&conditions).unwrap();
        assert_eq!(
            told.line(),
            "conditions latency lognormal:20ms:0.5, bandwidth 1gbit, straggler 1:10x, straggler any:2x:1%, \
             kill worker:2@30s"
        );
        let json = serde_json::to_value(&told).unwrap();
        assert_eq!(json["stragglers"][1], "any:2x:1%");
        assert!(json.get("jitter").is_none() && json.get("joins").is_none());
        assert_eq!(
            serde_json::from_value::<ConditionsReport>(json).unwrap(),
            told
        );
    }
}
