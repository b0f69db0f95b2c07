//! An optimizer as the registry knows it: its name, its words, and how to build its store.

use toml::{Table, Value};

use super::baseline::{Baseline, ObviousLoop};
use super::column_store::ColumnStore;
use super::columns::room_bytes;
use super::descent::Descent;
use super::family::{Algorithm, Family, RuleUser, TensorAlgorithm};
use super::plain::PlainStore;
use super::retune::ErasedRule;
use super::rule::{AtRead, Decay, Lasting, UpdateRule, slot_names};
use super::store::{ExactStore, Store, StoreSpec};
use super::tensor_rule::TensorRule;
use super::tensor_store::TensorStore;
use crate::registry::{Named, SettingError, judged, laid_over};
use crate::shard_map::Grain;

/// The key that chooses between an optimizer's tables of defaults.
const DEFAULTS_KEY: &str = "defaults";

/// What an optimizer's file says of it, beside the formula itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name that a job file writes.
    pub name: &'static str,
    /// The formula in one line, with the names of the hyper-parameters.
    pub formula: &'static str,
    /// Where the formula comes from.
    pub source: &'static str,
    /// What is otherwise than in the source, or in the library that users would compare with.
    pub differences: &'static [&'static str],
    /// Every hyper-parameter with its default, as TOML: the values of `torch.optim` where it has the
    /// optimizer, else of the source. `lr` and the L2 term are the frame's.
    pub defaults: &'static str,
    /// The values of the surveys where they are others, as TOML.
    pub survey: Option<&'static str>,
    /// What the optimizer is held to on a parabola and on Rosenbrock's function.
    pub descents: [Descent; 2],
}

/// What readers see of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The parameter, all of them.
    Itself,
    /// Another number, some of them: an average, or a point ahead.
    Another,
}

/// What is known of a rule without running it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The names of the slots: one number per parameter each, or fewer for a rule of whole tensors.
    pub slot_names: Vec<String>,
    /// What the rule needs to know of the worker's last read.
    pub at_read: AtRead,
    /// Whether what changes a parameter beside the rule lasts.
    pub lasting: Lasting,
    /// How the job's L2 term enters.
    pub decay: Decay,
    /// What readers see of a parameter.
    pub shown: Shown,
    /// What a shard must hold of a tensor.
    pub grain: Grain,
    /// Numbers that a server keeps for one parameter, the parameter included, at most.
    pub numbers_per_element: usize,
}

/// A line of [`OPTIMIZERS`](super::OPTIMIZERS).
#[derive(Clone, Copy, Debug)]
pub struct OptimizerEntry {
    /// The name that a job file writes.
    pub name: &'static str,
    /// The words of its file.
    pub about: About,
    /// The settings, as TOML, with which it keeps the most; empty where all keep the same.
    pub fullest: &'static str,
    facts: Read<Facts>,
    rule: fn(&OptimizerEntry, Table) -> Result<ErasedRule, SettingError>,
    columns: Build<dyn Store<f32>>,
    plain: Build<dyn Store<f32>>,
    exact: Build<dyn ExactStore>,
    baseline: MakeBaseline,
}

type Read<T> = fn(&OptimizerEntry, &Table) -> Result<T, SettingError>;
type MakeBaseline =
    fn(&OptimizerEntry, &Table, Vec<f32>) -> Result<Option<Box<dyn Baseline>>, SettingError>;
type Build<S> = fn(&OptimizerEntry, &Table, &StoreSpec<'_>) -> Result<Box<S>, SettingError>;

impl OptimizerEntry {
    /// The entry of the family `S`.
    pub(super) const fn of<S: Family>(about: About) -> Self {
        Self {
            name: about.name,
            about,
            fullest: S::FULLEST,
            facts: |entry, table| Ok(entry.read::<S>(table)?.choose(ReadFacts)),
            rule: |entry, table| Ok(judged::<S>(entry.name, table)?.choose(Erase)),
            columns: |entry, table, spec| Ok(entry.read::<S>(table)?.choose(Columns(spec))),
            plain: |entry, table, spec| Ok(entry.read::<S>(table)?.choose(Plain(spec))),
            exact: |entry, table, spec| Ok(entry.read::<S>(table)?.choose(Exact(spec))),
            baseline: |entry, table, x| Ok(entry.read::<S>(table)?.choose(Obvious(x))),
        }
    }

    /// Judges hyper-parameters; what the table does not have is the default.
    ///
    /// # Errors
    /// [`SettingError`] for an unknown key, a wrong type or a value out of range.
    pub fn check(&self, table: &Table) -> Result<(), SettingError> {
        self.facts(table).map(|_| ())
    }

    /// What is known of the rule that the hyper-parameters mean.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    pub fn facts(&self, table: &Table) -> Result<Facts, SettingError> {
        (self.facts)(self, table)
    }

    /// Builds the store of a shard.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    ///
    /// # Panics
    /// If the groups do not cover the shard, or one of them is no whole tensor and the rule needs
    /// that.
    pub fn build(
        &self,
        table: &Table,
        spec: &StoreSpec<'_>,
    ) -> Result<Box<dyn Store<f32>>, SettingError> {
        (self.columns)(self, table, spec)
    }

    /// Builds the plain twin: slow, obvious, and equal bit for bit. A rule of whole tensors has one
    /// store only.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    ///
    /// # Panics
    /// As [`OptimizerEntry::build`].
    pub fn build_plain(
        &self,
        table: &Table,
        spec: &StoreSpec<'_>,
    ) -> Result<Box<dyn Store<f32>>, SettingError> {
        (self.plain)(self, table, spec)
    }

    /// Builds a plain store that computes in f64, to compare the formula with references and to
    /// draw its paths.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    ///
    /// # Panics
    /// As [`OptimizerEntry::build`].
    pub fn build_exact(
        &self,
        table: &Table,
        spec: &StoreSpec<'_>,
    ) -> Result<Box<dyn ExactStore>, SettingError> {
        (self.exact)(self, table, spec)
    }

    /// Builds what the store is measured against, from the first parameters: the same rule in the
    /// obvious loop. Nothing for a rule of whole tensors, which sees more than a loop does.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    pub fn build_baseline(
        &self,
        table: &Table,
        x: Vec<f32>,
    ) -> Result<Option<Box<dyn Baseline>>, SettingError> {
        (self.baseline)(self, table, x)
    }

    /// Bytes of memory that a server needs for one parameter at most, with or without penalties.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    pub fn bytes_per_element(
        &self,
        table: &Table,
        regularised: bool,
    ) -> Result<usize, SettingError> {
        let facts = self.facts(table)?;
        let owed = match facts.grain {
            Grain::Rows => usize::from(regularised),
            Grain::Tensors => 0,
        };
        Ok(size_of::<f32>() * facts.numbers_per_element + owed)
    }

    /// Bytes of memory that each shard keeps to take steps in.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    pub fn room_bytes(&self, table: &Table) -> Result<usize, SettingError> {
        let facts = self.facts(table)?;
        Ok(match facts.grain {
            Grain::Rows => room_bytes(facts.numbers_per_element, facts.at_read),
            // Counted with each element.
            Grain::Tensors => 0,
        })
    }

    /// Every hyper-parameter: the job's own over the table of defaults that it chose.
    ///
    /// # Errors
    /// As [`OptimizerEntry::check`].
    pub fn complete(&self, table: &Table) -> Result<Table, SettingError> {
        self.check(table)?;
        self.merged(table)
    }

    /// The rule that hyper-parameters mean, to give to a store that runs; `complete` has them all.
    ///
    /// # Errors
    /// [`SettingError`] for a wrong type or a value out of range.
    pub fn rule(&self, complete: Table) -> Result<ErasedRule, SettingError> {
        (self.rule)(self, complete)
    }

    fn read<S: Family>(&self, table: &Table) -> Result<S, SettingError> {
        judged(self.name, self.merged(table)?)
    }

    fn merged(&self, table: &Table) -> Result<Table, SettingError> {
        let mut own = table.clone();
        let mut defaults = self.about.defaults.to_owned();
        match own.remove(DEFAULTS_KEY) {
            None => {}
            Some(Value::String(name)) if name == "torch" => {}
            Some(Value::String(name)) if name == "survey" => defaults = self.survey_defaults(),
            Some(other) => return Err(self.no_such_defaults(&other)),
        }
        laid_over(self.name, &defaults, &own)
    }

    /// Every hyper-parameter with the surveys' value where they have one of their own.
    fn survey_defaults(&self) -> String {
        let parse = |text: &str| text.parse::<Table>().expect("an entry's defaults are TOML");
        let mut table = parse(self.about.defaults);
        table.extend(parse(self.about.survey.unwrap_or_default()));
        table.to_string()
    }

    fn no_such_defaults(&self, found: &Value) -> SettingError {
        SettingError::WrongType {
            entry: self.name,
            message: format!("`{DEFAULTS_KEY}` is {found}, but must be \"torch\" or \"survey\""),
        }
    }
}

impl Named for OptimizerEntry {
    fn name(&self) -> &'static str {
        self.name
    }
}

struct ReadFacts;

impl RuleUser for ReadFacts {
    type Output = Facts;

    fn element<R: Algorithm>(self, rule: R) -> Facts {
        Facts {
            slot_names: slot_names::<f32, R>(&rule),
            at_read: <R as UpdateRule<f32>>::AT_READ,
            lasting: <R as UpdateRule<f32>>::LASTING,
            decay: <R as UpdateRule<f32>>::decay(&rule),
            shown: if <R as UpdateRule<f32>>::PUBLISH.is_none()
                && <R as UpdateRule<f32>>::EVALUATE.is_none()
            {
                Shown::Itself
            } else {
                Shown::Another
            },
            grain: Grain::Rows,
            numbers_per_element: 1 + <R as UpdateRule<f32>>::SLOT_NAMES.len()
                * <R as UpdateRule<f32>>::turns(&rule),
        }
    }

    fn tensor<R: TensorAlgorithm>(self, _: R) -> Facts {
        Facts {
            slot_names: <R as TensorRule<f32>>::SLOT_NAMES
                .iter()
                .map(ToString::to_string)
                .collect(),
            at_read: AtRead::Nothing,
            lasting: Lasting::Kept,
            // A rule of whole tensors weighs the term by their norms.
            decay: Decay::Coupled,
            shown: Shown::Itself,
            grain: Grain::Tensors,
            // One more for the gradient, which is put together before the rule sees it.
            numbers_per_element: 2 + <R as TensorRule<f32>>::SLOTS_PER_ELEMENT_MAX,
        }
    }
}

struct Erase;

impl RuleUser for Erase {
    type Output = ErasedRule;

    fn element<R: Algorithm>(self, rule: R) -> ErasedRule {
        ErasedRule::of_elements(rule)
    }

    fn tensor<R: TensorAlgorithm>(self, rule: R) -> ErasedRule {
        ErasedRule::of_tensors(rule)
    }
}

struct Columns<'a>(&'a StoreSpec<'a>);

impl RuleUser for Columns<'_> {
    type Output = Box<dyn Store<f32>>;

    fn element<R: Algorithm>(self, rule: R) -> Self::Output {
        Box::new(ColumnStore::new(rule, self.0))
    }

    fn tensor<R: TensorAlgorithm>(self, rule: R) -> Self::Output {
        Box::new(TensorStore::new(rule, self.0))
    }
}

struct Plain<'a>(&'a StoreSpec<'a>);

impl RuleUser for Plain<'_> {
    type Output = Box<dyn Store<f32>>;

    fn element<R: Algorithm>(self, rule: R) -> Self::Output {
        Box::new(PlainStore::new(rule, self.0))
    }

    fn tensor<R: TensorAlgorithm>(self, rule: R) -> Self::Output {
        Box::new(TensorStore::new(rule, self.0))
    }
}

struct Exact<'a>(&'a StoreSpec<'a>);

impl RuleUser for Exact<'_> {
    type Output = Box<dyn ExactStore>;

    fn element<R: Algorithm>(self, rule: R) -> Self::Output {
        Box::new(PlainStore::<f64, R>::new(rule, self.0))
    }

    fn tensor<R: TensorAlgorithm>(self, rule: R) -> Self::Output {
        Box::new(TensorStore::<f64, R>::new(rule, self.0))
    }
}

struct Obvious(Vec<f32>);

impl RuleUser for Obvious {
    type Output = Option<Box<dyn Baseline>>;

    fn element<R: Algorithm>(self, rule: R) -> Self::Output {
        Some(Box::new(ObviousLoop::new(rule, self.0)))
    }

    fn tensor<R: TensorAlgorithm>(self, _: R) -> Self::Output {
        None
    }
}
