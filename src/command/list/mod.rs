//! `thalweg list`: what a job may name, from the registries, and the runs that there were.

mod markdown;

use std::path::Path;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use thalweg_common::feedback::FEEDBACKS;
use thalweg_common::optimizer::OPTIMIZERS;
use thalweg_common::registry::Entry;
use thalweg_common::regularizer::REGULARIZERS;
use thalweg_common::schedule::SCHEDULES;
use thalweg_worker::data::DATASETS;
use thalweg_worker::method::METHODS;
use thalweg_worker::model::MODELS;
use thalweg_worker::transform::TRANSFORMS;

use super::{Ending, runs, say};
use crate::job::SHIPPED;
use crate::report::RUNS;

/// Arguments of `thalweg list`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What to list; everything if not given.
    kind: Option<Kind>,

    /// Print the optimizers as Markdown, with their differences from papers and libraries: the
    /// generated part of docs/OPTIMIZERS.md.
    #[arg(long)]
    markdown: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Jobs,
    Datasets,
    Models,
    Transforms,
    Methods,
    Optimizers,
    Schedules,
    Feedbacks,
    Regularizers,
    Runs,
}

/// One thing with its name, what it is, and its keys.
struct Line {
    name: &'static str,
    about: &'static str,
    keys: &'static str,
    /// Where it comes from; empty where that is all ours.
    source: &'static str,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    if arguments.markdown {
        if arguments.kind != Some(Kind::Optimizers) {
            bail!("--markdown goes with `thalweg list optimizers`");
        }
        say(markdown::optimizers()?.trim_end());
        return Ok(Ending::Done);
    }
    for kind in Kind::value_variants() {
        if arguments.kind.is_none_or(|wanted| wanted == *kind) {
            if let Some((title, lines)) = section(*kind) {
                say(&render(title, &lines));
            } else if let Some(text) = runs::list(Path::new(RUNS)) {
                say(&text);
            } else if arguments.kind.is_some() {
                say("no runs below the folder `runs`");
            }
        }
    }
    Ok(Ending::Done)
}

/// What a registry holds; `None` of what is no registry.
fn section(kind: Kind) -> Option<(&'static str, Vec<Line>)> {
    let line = |name, about, keys| Line {
        name,
        about,
        keys,
        source: "",
    };
    Some(match kind {
        Kind::Runs => return None,
        Kind::Jobs => ("shipped jobs", rows(SHIPPED, |e| line(e.name, e.about, ""))),
        Kind::Datasets => (
            "[data] name",
            rows(DATASETS, |e| line(e.name, e.about, e.keys)),
        ),
        Kind::Models => (
            "[model] name",
            rows(MODELS, |e| line(e.name, e.about, e.keys)),
        ),
        Kind::Transforms => ("[gradient] transforms, each by its name", made(TRANSFORMS)),
        Kind::Methods => (
            "[method] name",
            rows(METHODS, |e| line(e.name, e.about, "")),
        ),
        Kind::Optimizers => (
            "[optimizer] name",
            rows(OPTIMIZERS, |e| Line {
                source: e.about.source,
                ..line(e.name, e.about.formula, e.about.defaults)
            }),
        ),
        Kind::Schedules => (
            "[schedule] name; also [schedules.HYPER_PARAMETER] name, whose value at the beginning then \
             stands for lr",
            made(SCHEDULES),
        ),
        Kind::Feedbacks => ("[feedback] name", made(FEEDBACKS)),
        Kind::Regularizers => (
            "[regularizer] terms, name",
            rows(REGULARIZERS, |e| Line {
                source: e.source,
                ..line(e.name, e.formula, e.defaults)
            }),
        ),
    })
}

/// The rows of a registry whose entries are made from their settings.
fn made<T: ?Sized>(registry: &[Entry<T>]) -> Vec<Line> {
    rows(registry, |e| Line {
        name: e.name,
        about: e.formula,
        keys: e.defaults,
        source: e.source,
    })
}

fn rows<E>(registry: &[E], row: impl Fn(&E) -> Line) -> Vec<Line> {
    registry.iter().map(row).collect()
}

fn render(title: &str, lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let mut text = format!("{title}\n");
    for line in lines {
        let Line {
            name,
            about,
            keys,
            source,
        } = line;
        text.push_str(&format!("  {name:width$}  {about}\n"));
        if !keys.trim().is_empty() {
            let keys = keys
                .trim()
                .split('\n')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join(", ");
            text.push_str(&format!("  {:width$}  keys: {keys}\n", ""));
        }
        if !source.is_empty() {
            text.push_str(&format!("  {:width$}  from: {source}\n", ""));
        }
    }
    text
}
