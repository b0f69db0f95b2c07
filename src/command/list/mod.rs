//! `thalweg list`: what a job may name, from the registries, and the runs that there were.

mod entry;
mod markdown;
mod registries;

use std::path::Path;

use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use thalweg_common::registry::most_similar;

use self::entry::Line;
use self::registries::section;
use super::{Ending, runs, say};
use crate::report::RUNS;

/// Arguments of `thalweg list`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// What to list; everything if not given.
    kind: Option<Kind>,

    /// One entry of that kind: everything that there is to say of it, such as what it does otherwise
    /// than its source and other libraries.
    name: Option<String>,

    /// Print JSON: for each kind its entries, with all that there is to say of them.
    #[arg(long)]
    json: bool,

    /// Print the optimizers as Markdown, with their differences from papers and libraries: the
    /// generated part of docs/OPTIMIZERS.md.
    #[arg(long, conflicts_with_all = ["json", "name"])]
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
    #[value(alias = "feedback")]
    Feedbacks,
    Regularizers,
    Runs,
}

impl Kind {
    /// What a reader of this list may look for, and where a job has it.
    fn elsewhere(self) -> Option<&'static str> {
        (self == Self::Transforms).then_some(
            "also done to a batch's gradient, by keys of their own: accumulation by [train] accumulate, \
             class weights by\n[train] class_weight, weights of single rows by [data] train_weights\n",
        )
    }

    /// The word of the command line.
    fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    if arguments.markdown {
        if arguments.kind != Some(Kind::Optimizers) {
            bail!("--markdown goes with `thalweg list optimizers`");
        }
        say(markdown::optimizers()?.trim_end());
        return Ok(Ending::Done);
    }
    let wanted = |kind: &&Kind| arguments.kind.is_none_or(|wanted| wanted == **kind);
    let mut objects = Map::new();
    for kind in Kind::value_variants().iter().filter(wanted) {
        let Some((title, mut lines)) = section(*kind)? else {
            list_runs(arguments, &mut objects)?;
            continue;
        };
        if let Some(name) = &arguments.name {
            lines = vec![find(*kind, lines, name)?];
        }
        if arguments.json {
            objects.insert(kind.word(), serde_json::to_value(lines)?);
        } else if arguments.name.is_some() {
            lines.iter().for_each(|line| say(line.full().trim_end()));
        } else {
            say(&render(title, &lines));
            kind.elsewhere().into_iter().for_each(say);
        }
    }
    if arguments.json {
        say(&serde_json::to_string_pretty(&Value::Object(objects))?);
    }
    Ok(Ending::Done)
}

/// The runs below this folder.
fn list_runs(arguments: &Arguments, objects: &mut Map<String, Value>) -> Result<()> {
    let is_asked_for = arguments.kind.is_some();
    if arguments.name.is_some() {
        if is_asked_for {
            bail!("`thalweg list runs` takes no name: each run folder has its report.json");
        }
        return Ok(());
    }
    if arguments.json {
        let runs = runs::for_programs(Path::new(RUNS));
        objects.insert(Kind::Runs.word(), runs.into());
        return Ok(());
    }
    match runs::list(Path::new(RUNS)) {
        Some(text) => say(&text),
        None if is_asked_for => say("no runs below the folder `runs`"),
        None => {}
    }
    Ok(())
}

/// The line called `name`.
fn find(kind: Kind, lines: Vec<Line>, name: &str) -> Result<Line> {
    let similar = most_similar(name, lines.iter().map(|line| line.name));
    let found = lines.into_iter().find(|line| line.name == name);
    found.ok_or_else(|| {
        let kind = kind.word();
        let hint = similar.map_or_else(String::new, |word| format!(" (did you mean `{word}`?)"));
        anyhow!("`{name}` is none of the {kind}{hint}; `thalweg list {kind}` shows them all")
    })
}

fn render(title: &str, lines: &[Line]) -> String {
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let rows = lines.iter().map(|line| line.short(width));
    format!("{title}\n{}", rows.collect::<String>())
}
