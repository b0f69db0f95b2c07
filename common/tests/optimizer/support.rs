//! Gradients made from seeds, and stores to apply them to.

use std::fmt::{self, Display, Formatter};
use std::ops::Range;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thalweg_common::layout::{ParameterLayout, Tensor};
use thalweg_common::optimizer::{
    AtReadView, Facts, GradientView, GroupSpan, Initial, OPTIMIZERS, OptimizerEntry, StepContext,
    Store, StoreSpec, optimizer,
};
use thalweg_common::regularizer::{Regularization, Terms};
use thalweg_common::shard_map::Grain;
use toml::Table;

/// A gradient that owns its bytes.
#[derive(Clone, Debug)]
pub(crate) enum Gradient {
    Dense {
        start: usize,
        values: Vec<f32>,
    },
    Sparse {
        coordinates: Vec<u32>,
        values: Vec<f32>,
    },
    Empty,
}

impl Gradient {
    /// Applies the gradient at step `count`, dense values in three unaligned segments.
    pub(crate) fn apply(&self, store: &mut dyn Store<f32>, count: u64) {
        self.apply_at(store, AtReadView::AsItIs, count);
    }

    /// The same of a worker that had read something.
    pub(crate) fn apply_at(&self, store: &mut dyn Store<f32>, at_read: AtReadView<'_>, count: u64) {
        let context = context(count);
        let mut bytes = vec![0];
        bytes.extend(self.values().iter().flat_map(|value| value.to_le_bytes()));
        let values = &bytes[1..];
        let (third, two_thirds) = (values.len() / 12 * 4, values.len() / 12 * 8);
        let segments = [
            &values[..third],
            &values[third..two_thirds],
            &values[two_thirds..],
        ];
        let view = match self {
            Gradient::Dense { start, .. } => GradientView::Dense {
                start: *start,
                segments: &segments,
            },
            Gradient::Sparse { coordinates, .. } => GradientView::Sparse {
                coordinates,
                values,
            },
            Gradient::Empty => GradientView::Empty,
        };
        let done = store.step_at(&context, view, at_read, 1.0);
        done.expect("the gradient fits");
    }

    /// The same gradient with a zero for every absent element.
    pub(crate) fn to_dense(&self, len: usize) -> Self {
        let mut dense = vec![0.0; len];
        match self {
            Gradient::Dense { start, values } => {
                dense[*start..start + values.len()].copy_from_slice(values);
            }
            Gradient::Sparse {
                coordinates,
                values,
            } => {
                for (coordinate, value) in coordinates.iter().zip(values) {
                    dense[*coordinate as usize] = *value;
                }
            }
            Gradient::Empty => {}
        }
        Gradient::Dense {
            start: 0,
            values: dense,
        }
    }

    /// How many values it has.
    pub(crate) fn len(&self) -> usize {
        self.values().len()
    }

    /// The elements that it has values for.
    pub(crate) fn elements(&self) -> Vec<usize> {
        match self {
            Gradient::Dense { start, values } => (*start..start + values.len()).collect(),
            Gradient::Sparse { coordinates, .. } => coordinates
                .iter()
                .map(|&element| element as usize)
                .collect(),
            Gradient::Empty => Vec::new(),
        }
    }

    pub(crate) fn values(&self) -> &[f32] {
        match self {
            Gradient::Dense { values, .. } | Gradient::Sparse { values, .. } => values,
            Gradient::Empty => &[],
        }
    }
}

/// The context of step `count`, from 1.
pub(crate) fn context(count: u64) -> StepContext {
    StepContext {
        lr: lr(count),
        share: if count.is_multiple_of(7) { 0.3 } else { 1.0 },
        count,
        progress: 0,
        staleness: 0,
        worker: u32::try_from(count % 3).expect("below 3"),
    }
}

/// A rate that changes from step to step.
pub(crate) fn lr(count: u64) -> f64 {
    [0.05, 0.02, 0.03][usize::try_from(count % 3).expect("below 3")]
}

/// A generator that gives the same numbers in every run.
pub(crate) fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Gradient values between −1 and 1.
pub(crate) fn values(rng: &mut impl Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Each coordinate of a shard with the given chance.
pub(crate) fn coordinates(rng: &mut impl Rng, len: usize, chance: f64) -> Vec<u32> {
    let len = u32::try_from(len).expect("a small shard");
    (0..len).filter(|_| rng.random_bool(chance)).collect()
}

/// A gradient of some kind.
pub(crate) fn gradient(rng: &mut impl Rng, len: usize) -> Gradient {
    match rng.random_range(0..8) {
        0 => Gradient::Empty,
        1 => Gradient::Dense {
            start: 0,
            values: values(rng, len),
        },
        2 => {
            let start = rng.random_range(0..=len);
            let count = rng.random_range(0..=len - start);
            Gradient::Dense {
                start,
                values: values(rng, count),
            }
        }
        _ => {
            let chance = rng.random_range(0.0..0.3);
            let coordinates = coordinates(rng, len, chance);
            let values = values(rng, coordinates.len());
            Gradient::Sparse {
                coordinates,
                values,
            }
        }
    }
}

/// Initial parameters; every third is zero, so that some elements are at rest.
pub(crate) fn initial(element: usize) -> f32 {
    if element.is_multiple_of(3) {
        0.0
    } else {
        (element % 17) as f32 * 0.25 - 2.0
    }
}

/// A shard of one group.
pub(crate) fn one_group(len: usize, l2: f64) -> StoreSpec<'static> {
    let groups = vec![GroupSpan {
        range: 0..len,
        lr_factor: 1.0,
        terms: Terms::l2(l2),
        shape: vec![len],
    }];
    StoreSpec {
        len,
        initial: Initial::Function(&initial),
        groups,
    }
}

/// A shard of four groups, one of them empty, with and without L2 terms and rate factors.
pub(crate) fn four_groups(len: usize) -> StoreSpec<'static> {
    let (a, b) = (len / 3, len / 2);
    let group = |range: Range<usize>, lr_factor, l2| GroupSpan {
        shape: vec![range.len()],
        range,
        lr_factor,
        terms: Terms::l2(l2),
    };
    let groups = vec![
        group(0..a, 1.0, 0.1),
        group(a..a, 1.0, 0.2),
        group(a..b, 0.5, 0.0),
        group(b..len, 2.0, 0.01),
    ];
    StoreSpec {
        len,
        initial: Initial::Function(&initial),
        groups,
    }
}

/// One group for each tensor of a layout, with what acts on it.
pub(crate) fn regularized_groups(
    layout: &ParameterLayout,
    terms: &Regularization,
) -> Vec<GroupSpan> {
    let at = |flat: u64| usize::try_from(flat).expect("a small shard");
    let group = |(number, (span, tensor)): (usize, (Range<u64>, &Tensor))| GroupSpan {
        range: at(span.start)..at(span.end),
        lr_factor: 1.0 + number as f64 / 2.0,
        terms: terms.of_tensor(number),
        shape: tensor.shape.iter().map(|size| at(*size)).collect(),
    };
    layout.spans().enumerate().map(group).collect()
}

/// An optimizer with settings that make a rule of it: what the laws are about.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) entry: &'static OptimizerEntry,
    pub(crate) settings: Table,
}

/// Settings beside the defaults that choose another formula, or other slots.
const VARIANTS: &[(&str, &str)] = &[
    ("momentum", "dampening = 0.5"),
    ("asgd", "t0 = 3.0"),
    ("aggmo", "betas = [0.9]"),
    (
        "aggmo",
        "betas = [0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99]",
    ),
    ("adagrad", "lr_decay = 0.1"),
    ("rmsprop", "centered = true"),
    ("rmsprop", "momentum = 0.9"),
    ("rmsprop", "centered = true\nmomentum = 0.9"),
    ("adamw", "amsgrad = true"),
    ("nadam", "decoupled_weight_decay = true"),
    ("qhadam", "decoupled_weight_decay = true"),
    ("nadamax", "eps_mode = 'add'"),
    ("lars", "nesterov = true"),
    ("ftrl", "lambda1 = 0.0\nbeta = 0.0"),
    ("ftrl_adaptive_revision", "lambda1 = 0.0\nbeta = 0.0"),
    ("averaged_sgd", "rate = 0.25"),
    ("dc_asgd_constant", "guard = false"),
    ("dc_asgd_adaptive", "mean_squares = 3"),
    ("delayed_nesterov", "period = 3\nactivation = 0.25"),
];

/// Every optimizer with its defaults, with the surveys' where they differ, and with what else
/// changes its formula.
pub(crate) fn subjects() -> impl Iterator<Item = Subject> {
    OPTIMIZERS.iter().flat_map(|entry| {
        let survey = entry.about.survey.map(|_| "defaults = 'survey'");
        let variants = VARIANTS.iter().filter(|(name, _)| *name == entry.name);
        std::iter::once("")
            .chain(survey)
            .chain(variants.map(|(_, settings)| *settings))
            .map(|settings| Subject {
                entry,
                settings: settings.parse().expect("settings are TOML"),
            })
    })
}

/// Those of the subjects that see one parameter at a time.
pub(crate) fn element_subjects() -> impl Iterator<Item = Subject> {
    subjects().filter(|subject| subject.grain() == Grain::Rows)
}

/// Those of the subjects that need whole tensors.
pub(crate) fn tensor_subjects() -> impl Iterator<Item = Subject> {
    subjects().filter(|subject| subject.grain() == Grain::Tensors)
}

impl Subject {
    /// What a shard must hold of a tensor.
    fn grain(&self) -> Grain {
        self.facts().grain
    }

    /// What is known of the rule.
    pub(crate) fn facts(&self) -> Facts {
        let facts = self.entry.facts(&self.settings);
        facts.expect("its settings are permitted")
    }

    /// The store that servers run.
    pub(crate) fn build(&self, spec: &StoreSpec<'_>) -> Box<dyn Store<f32>> {
        self.entry
            .build(&self.settings, spec)
            .expect("its settings are permitted")
    }

    /// The plain twin.
    pub(crate) fn plain(&self, spec: &StoreSpec<'_>) -> Box<dyn Store<f32>> {
        self.entry
            .build_plain(&self.settings, spec)
            .expect("its settings are permitted")
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{ {} }}", self.entry.name, self.settings)
    }
}

/// The optimizer called `name` with default settings.
pub(crate) fn subject(name: &str) -> Subject {
    Subject {
        entry: optimizer(name).expect("a known optimizer"),
        settings: Table::new(),
    }
}

/// The bits of parameters and slots.
pub(crate) fn bits(store: &mut dyn Store<f32>) -> Vec<Vec<u32>> {
    let columns = store.columns();
    columns
        .iter()
        .map(|column| column.iter().map(|value| value.to_bits()).collect())
        .collect()
}
