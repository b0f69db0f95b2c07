//! A training method as the registry knows it: what it sets in a job, what it cannot go with, and the
//! machine that its workers run.

use thalweg_common::config::{JobConfig, Optimizer, PullExtent};
use thalweg_common::consistency::{Staleness, StalenessRate};
use thalweg_common::message::Kind;
use thalweg_common::optimizer::{AtRead, Facts, Lasting, optimizer};
use thalweg_common::push_format::PushFormat;
use thalweg_common::registry::{self, Named, SettingError};
use toml::{Table, Value};

use super::{METHODS, MethodSettings, TrainingMethod, elastic, threads};
use crate::hogwild::Scheme;

/// A worker's machine, at its start.
pub type Machine = fn(&MethodSettings) -> Box<dyn TrainingMethod>;

/// Where `[optimizer]` turns gradients into steps.
#[derive(Clone, Copy, Debug)]
pub enum Place {
    /// On the servers, which get gradients from workers with this machine.
    Servers(Machine),
    /// In every worker, which has parameters of its own. The servers get how far it came. The machine needs
    /// [`MethodSettings::local`].
    Workers(Machine),
    /// In threads of one process, without servers: the scheme that keeps them apart.
    Threads(fn(&JobConfig) -> Scheme),
}

/// A value that a method stands on.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// The key of the job.
    pub key: &'static str,
    /// Its value, as TOML.
    pub value: &'static str,
    /// Why no other.
    pub why: &'static str,
}

/// What a method keeps, in words for people: beside what every job has.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// In each worker.
    pub worker: &'static str,
    /// On the servers together.
    pub servers: &'static str,
}

/// A method as the registry knows it.
#[derive(Clone, Copy, Debug)]
pub struct MethodEntry {
    /// The name that a job file writes.
    pub name: &'static str,
    /// One line for `thalweg list`.
    pub about: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What it sets where the job does not, as TOML.
    pub recipe: &'static str,
    /// What it cannot do without.
    pub fixed: &'static [Fixed],
    /// What it keeps.
    pub memory: Use,
    /// Where the optimizer runs, and what runs there.
    pub place: Place,
    /// What its workers push; threads push nothing.
    pub pushes: Kind,
}

/// What most methods keep: a copy of what a batch touches, and a gradient.
pub(super) const COPY_AND_GRADIENT: &str = "8 bytes per parameter that a batch touches, its copy and its gradient, \
                                            and 4 for each pull asked ahead (method.prefetch)";

/// What a method keeps on the servers that has nothing of its own there.
pub(super) const OPTIMIZER_ALONE: &str = "its optimizer's state: see `thalweg list optimizers`";

/// What a method keeps on servers that it does not have.
pub(super) const NO_SERVERS: &str = "nothing: there are none";

impl MethodEntry {
    /// The entry called `name`.
    ///
    /// # Errors
    /// [`SettingError::UnknownName`] with the names that there are.
    pub fn find(name: &str) -> Result<&'static Self, SettingError> {
        registry::find("training method", METHODS, name)
    }

    /// What the method of this name sets where the job does not; nothing for an unknown one.
    ///
    /// # Panics
    /// If the entry's recipe is no TOML, which a test excludes.
    #[must_use]
    pub fn recipe_of(name: &str) -> Table {
        let recipe = Self::find(name).map_or("", |entry| entry.recipe);
        recipe.parse().expect("a recipe is TOML")
    }

    /// The machine of its workers; `None` if it has none, but threads.
    #[must_use]
    pub fn machine(&self) -> Option<Machine> {
        match self.place {
            Place::Servers(machine) | Place::Workers(machine) => Some(machine),
            Place::Threads(_) => None,
        }
    }

    /// Keys of `[method]` that it follows; it refuses the others where they are not as usual.
    ///
    /// # Panics
    /// If the entry's recipe is no TOML, which a test excludes.
    #[must_use]
    pub fn keys(&self) -> Vec<&'static str> {
        let keys: &[&str] = match (self.place, self.pushes) {
            (Place::Servers(_), _) => &[
                "n_push",
                "n_pull",
                "local_lr",
                "retake",
                "overlap",
                "prefetch",
                "solo_phase",
            ],
            (Place::Workers(_), Kind::Delta) => &[
                "communication_period",
                "elastic_rate",
                "push_format",
                "solo_phase",
            ],
            (Place::Workers(_), _) => &["communication_period", "push_format", "solo_phase"],
            (Place::Threads(_), _) if self.name == "hogwild" => &["sampling", "updates"],
            (Place::Threads(_), _) => &["sampling"],
        };
        let recipe: Table = self.recipe.parse().expect("a recipe is TOML");
        let says = |section: &str, key: &str| recipe.get(section)?.get(key)?.as_str();
        let is_fixed = |key: &str| {
            let path = format!("method.{key}");
            self.fixed.iter().any(|fixed| fixed.key == path)
        };
        let (of_rounds, of_reads) = (
            ["n_push", "n_pull", "local_lr", "retake", "solo_phase"],
            ["n_push", "local_lr", "retake"],
        );
        let is_in_rounds = says("consistency", "model") == Some("bsp");
        let looks_back = says("optimizer", "name")
            .and_then(|name| optimizer(name).ok()?.facts(&Table::new()).ok())
            .is_some_and(|facts| facts.at_read != AtRead::Nothing);
        keys.iter()
            .copied()
            .filter(|key| !is_fixed(key))
            .filter(|key| !(is_in_rounds && of_rounds.contains(key)))
            .filter(|key| !(looks_back && of_reads.contains(key)))
            .collect()
    }

    /// Refuses a job in which the method cannot do what it is for, naming both, and how to mend it.
    ///
    /// # Errors
    /// One line.
    pub fn check(&self, settings: &MethodSettings, job: &JobConfig) -> Result<(), String> {
        if let Some((_, refusal)) = self.broken(job).into_iter().next() {
            return Err(refusal);
        }
        match self.place {
            Place::Servers(_) => self.check_servers(settings, job)?,
            Place::Workers(_) => self.check_workers(job)?,
            Place::Threads(scheme) => return threads::check(self, scheme, job),
        }
        threads::check_is_not_asked_for(self, job)
    }

    /// What it stands on and a job has otherwise: the keys, and a refusal of each.
    #[must_use]
    pub fn broken(&self, job: &JobConfig) -> Vec<(&'static str, String)> {
        let whole = written(job);
        let broken = self.fixed.iter().filter_map(|Fixed { key, value, why }| {
            let found = other_than(&whole, key, value)?;
            let cure = format!("{why}; set `{key}` = {value}");
            Some((*key, self.cannot_go(key, &found, &cure)))
        });
        broken.collect()
    }

    fn check_servers(&self, settings: &MethodSettings, job: &JobConfig) -> Result<(), String> {
        if let Some(outer) = &job.outer {
            let why = "the servers run [optimizer] itself, and nothing is pushed that an outer optimizer \
                       could take; remove [outer], or use a method with local steps, such as local_sgd";
            return Err(self.cannot_go("outer.name", &quoted(&outer.name), why));
        }
        let period = job.method.communication_period;
        if period != 1 {
            let why = "its workers take no steps of their own between exchanges; set `method.n_push` and \
                       `method.n_pull` instead, or use a method with local steps, such as easgd";
            return Err(self.cannot_go("method.communication_period", &period.to_string(), why));
        }
        self.check_push_format_is_f32(job)?;
        self.check_elastic_rate_is_not_set(job)?;
        let combines = job.consistency.aggregation.combines();
        if combines && job.consistency.model.lag() != Some(0) && 0.0 < settings.local_lr {
            let found = settings.local_lr.to_string();
            let why = format!(
                "with [consistency] {} a worker would step by its own gradients while the servers wait to \
                 step by a mean; set `method.local_lr` = 0, or `consistency.aggregation` = \"push\"",
                job.consistency.model
            );
            return Err(self.cannot_go("method.local_lr", &found, &why));
        }
        Ok(())
    }

    fn check_workers(&self, job: &JobConfig) -> Result<(), String> {
        for (key, count) in [
            ("method.n_push", job.method.n_push),
            ("method.n_pull", job.method.n_pull),
        ] {
            if count != 1 {
                let why = format!(
                    "its workers exchange with the servers once in `method.communication_period` \
                     iterations; set that, and `{key}` = 1"
                );
                return Err(self.cannot_go(key, &count.to_string(), &why));
            }
        }
        if let Some(rate) = job.method.local_lr {
            let why = "its workers step at the rate of [optimizer]; remove it";
            return Err(self.cannot_go("method.local_lr", &rate.to_string(), why));
        }
        if job.train.pull == PullExtent::Sparse {
            let why = "its workers hold every parameter; set `train.pull` = \"whole\" or \"auto\"";
            return Err(self.cannot_go("train.pull", "\"sparse\"", why));
        }
        if let Some(name) = job.schedules.keys().next() {
            let why = "hyper-parameters that move are the servers' affair, and here the workers run \
                       [optimizer]; remove it ([schedule] for lr is followed)";
            return Err(self.cannot_go(&format!("schedules.{name}"), "a schedule", why));
        }
        let facts = facts_of(&job.optimizer);
        if facts.at_read != AtRead::Nothing {
            let why = "the rule corrects what was missed between a read and a push, and a worker that \
                       steps by itself misses nothing; use the rule that it grew from, such as sgd or \
                       adagrad";
            return Err(self.cannot_go("optimizer.name", &quoted(&job.optimizer.name), why));
        }
        if facts.lasting == Lasting::ComputedAnew {
            let why = "the rule computes parameters anew from its own sums at every step, so that what an \
                       exchange moves would be lost; use a rule whose parameters last, such as sgd or adam";
            return Err(self.cannot_go("optimizer.name", &quoted(&job.optimizer.name), why));
        }
        match self.pushes {
            Kind::Delta => self.check_elastic(job),
            Kind::Gradient | Kind::Statistic => {
                self.check_elastic_rate_is_not_set(job)?;
                self.check_outer(job)
            }
        }
    }

    /// An outer optimizer steps by what is pushed, so it must be one that can.
    fn check_outer(&self, job: &JobConfig) -> Result<(), String> {
        let Some(outer) = &job.outer else {
            return Ok(());
        };
        if facts_of(outer).at_read == AtRead::Nothing {
            return Ok(());
        }
        let why = "the rule corrects a gradient for what its worker could not see, and what is pushed here \
                   is the way of many steps; use sgd, nesterov or delayed_nesterov";
        Err(self.cannot_go("outer.name", &quoted(&outer.name), why))
    }

    /// What holds worker and centre together, and must not throw them apart.
    fn check_elastic(&self, job: &JobConfig) -> Result<(), String> {
        self.check_elastic_waits(job)?;
        self.check_differences_are_taken_whole(job)?;
        elastic::check(self, job)
    }

    /// A worker tells its clock once in a period.
    fn check_elastic_waits(&self, job: &JobConfig) -> Result<(), String> {
        let period = job.method.communication_period;
        let needed = period - 1;
        if job.consistency.model.lag().is_none_or(|lag| needed <= lag) {
            return Ok(());
        }
        let why = format!(
            "a worker tells its clock at the first iteration of a period, so that with [consistency] {} \
             all would wait for each other; set [consistency] model = \"asp\", or \"ssp\" with lag = \
             {needed} or more, or `method.communication_period` = 1",
            job.consistency.model
        );
        Err(self.cannot_go("method.communication_period", &period.to_string(), &why))
    }

    /// What a worker gives up the centre must get: no more, no less, and never nothing.
    fn check_differences_are_taken_whole(&self, job: &JobConfig) -> Result<(), String> {
        let Staleness { rate, limit, .. } = job.consistency.staleness;
        let why = "a worker has given up its difference when it pushes it, and a centre that leaves it out or takes \
                   a part of it would lose the rest; remove it";
        if rate != StalenessRate::Constant {
            return Err(self.cannot_go("consistency.staleness_rate", "\"inverse\"", why));
        }
        if let Some(limit) = limit {
            return Err(self.cannot_go("consistency.staleness_limit", &limit.to_string(), why));
        }
        match job.consistency.aggregation.backup_workers() {
            0 => Ok(()),
            some => Err(self.cannot_go("consistency.backup_workers", &some.to_string(), why)),
        }
    }

    /// Rounding is made up for where a worker knows what it lacks: in methods with local steps.
    fn check_push_format_is_f32(&self, job: &JobConfig) -> Result<(), String> {
        let format = job.method.push_format;
        if format == PushFormat::F32 {
            return Ok(());
        }
        let why = "its workers push gradients, which the rule on the servers takes as they are; set \
                   `method.push_format` = \"f32\", or use a method with local steps, such as local_sgd";
        Err(self.cannot_go("method.push_format", &quoted(&format.to_string()), why))
    }

    pub(super) fn check_elastic_rate_is_not_set(&self, job: &JobConfig) -> Result<(), String> {
        match job.method.elastic_rate {
            None => Ok(()),
            Some(rate) => {
                let why = "only elastic averaging has it; remove it, or use easgd or eamsgd";
                Err(self.cannot_go("method.elastic_rate", &rate.to_string(), why))
            }
        }
    }

    pub(super) fn cannot_go(&self, key: &str, found: &str, why_and_cure: &str) -> String {
        format!(
            "`method.name` = \"{}\" cannot go with `{key}` = {found}: {why_and_cure}",
            self.name
        )
    }
}

/// The job as it would be written.
pub(super) fn written(job: &JobConfig) -> Table {
    job.to_toml().parse().expect("a job is written as TOML")
}

/// What a key of a written job has, if that is another value than this one, which is TOML.
pub(super) fn other_than(whole: &Table, key: &str, value: &str) -> Option<String> {
    let expected: Table = format!("v = {value}").parse().expect("a value is TOML");
    let mut path = key.split('.');
    let first = path.next().and_then(|section| whole.get(section));
    let found = path.fold(first, |found, key| found?.as_table()?.get(key));
    let words = || found.map_or_else(|| "nothing".to_owned(), Value::to_string);
    (found != expected.get("v")).then(words)
}

fn facts_of(rule: &Optimizer) -> Facts {
    let facts = optimizer(&rule.name).and_then(|entry| entry.facts(&rule.options));
    facts.expect("a checked job's optimizer and its settings are permitted")
}

pub(super) fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}

impl Named for MethodEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}
