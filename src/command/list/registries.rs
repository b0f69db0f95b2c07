//! What the registries hold, as lines of a list.

use anyhow::Result;
use thalweg_common::feedback::FEEDBACKS;
use thalweg_common::optimizer::{OPTIMIZERS, OptimizerEntry};
use thalweg_common::registry::Entry;
use thalweg_common::regularizer::REGULARIZERS;
use thalweg_common::schedule::SCHEDULES;
use thalweg_common::shard_map::Grain;
use thalweg_worker::data::DATASETS;
use thalweg_worker::method::{METHODS, MethodEntry};
use thalweg_worker::model::MODELS;
use thalweg_worker::transform::TRANSFORMS;
use toml::Table;

use super::Kind;
use super::entry::{Fullest, Keeps, Line, MethodLine, State};
use crate::job::SHIPPED;

/// What a registry is called in a job, and what it holds; `None` of what is no registry.
pub(super) fn section(kind: Kind) -> Result<Option<(&'static str, Vec<Line>)>> {
    Ok(Some(match kind {
        Kind::Runs => return Ok(None),
        Kind::Jobs => ("shipped jobs", rows(SHIPPED, |e| line(e.name, e.about, ""))),
        Kind::Datasets => (
            "[data] name",
            rows(DATASETS, |e| line(e.name, e.about, e.keys)),
        ),
        Kind::Models => (
            "[model] name",
            rows(MODELS, |e| line(e.name, e.about, e.keys)),
        ),
        Kind::Transforms => (
            "[gradient] transforms, each by its name; they keep nothing",
            made(TRANSFORMS),
        ),
        Kind::Methods => ("[method] name", rows(METHODS, method)),
        Kind::Optimizers => ("[optimizer] name", optimizers()?),
        Kind::Schedules => (
            "[schedule] name; also [schedules.HYPER_PARAMETER] name, whose value at the beginning then \
             stands for lr; they keep nothing",
            made(SCHEDULES),
        ),
        Kind::Feedbacks => ("[feedback] name", made(FEEDBACKS)),
        Kind::Regularizers => (
            "[regularizer] terms, name; they keep nothing, but where there is one a parameter may owe \
             steps: 1 byte",
            rows(REGULARIZERS, |e| Line {
                source: e.source,
                differences: e.differences,
                ..line(e.name, e.formula, e.defaults)
            }),
        ),
    }))
}

fn method(entry: &MethodEntry) -> Line {
    let needs = entry.fixed.iter();
    let needs = needs.map(|fixed| format!("{} = {}: {}", fixed.key, fixed.value, fixed.why));
    Line {
        method: Some(MethodLine {
            sets: entry.recipe,
            needs: needs.collect(),
            follows: entry.keys(),
            worker_memory: entry.memory.worker,
            servers_memory: entry.memory.servers,
        }),
        source: entry.source,
        ..line(entry.name, entry.about, "")
    }
}

/// The optimizers, with what each keeps under its defaults.
pub(super) fn optimizers() -> Result<Vec<Line>> {
    OPTIMIZERS.iter().map(optimizer).collect()
}

fn optimizer(entry: &OptimizerEntry) -> Result<Line> {
    let keeps = |settings: &Table| {
        anyhow::Ok(Keeps {
            slots: entry.facts(settings)?.slot_names,
            bytes_per_parameter: entry.bytes_per_element(settings, false)?,
        })
    };
    let fullest = match entry.fullest {
        "" => None,
        settings => Some(Fullest {
            settings,
            keeps: keeps(&settings.parse()?)?,
        }),
    };
    let facts = entry.facts(&Table::new())?;
    Ok(Line {
        state: Some(State {
            keeps: keeps(&Table::new())?,
            fullest,
            needs_whole_tensors: facts.grain == Grain::Tensors,
        }),
        surveys: entry.about.survey.unwrap_or_default(),
        source: entry.about.source,
        differences: entry.about.differences,
        ..line(entry.name, entry.about.formula, entry.about.defaults)
    })
}

fn line(name: &'static str, about: &'static str, keys: &'static str) -> Line {
    Line {
        name,
        about,
        keys,
        ..Line::default()
    }
}

/// The rows of a registry whose entries are made from their settings.
fn made<T: ?Sized>(registry: &[Entry<T>]) -> Vec<Line> {
    rows(registry, |e| Line {
        source: e.source,
        differences: e.differences,
        ..line(e.name, e.formula, e.defaults)
    })
}

fn rows<E>(registry: &[E], row: impl Fn(&E) -> Line) -> Vec<Line> {
    registry.iter().map(row).collect()
}
