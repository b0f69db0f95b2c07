//! `thalweg evaluate`: what a trained model is worth on data.

use anyhow::{Context, Result};
use clap::Args;
use thalweg_worker::data::LabelsIn;
use thalweg_worker::evaluate::evaluate;

use super::model_of_run::ModelOptions;
use super::{Ending, say, say_error};
use crate::view::units::{grouped, score};
use crate::view::{Cell, Edge, Look, Table};

/// Arguments of `thalweg evaluate`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelOptions,

    /// Files with labels, read as the training files were; the job's own test data if not given.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    data: Vec<String>,

    /// Print JSON: the scores by name, and the number of rows.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    let trained = arguments.model.load()?;
    let (rows, on) = if arguments.data.is_empty() {
        trained.own_rows()?
    } else {
        let again = trained.reopen(&arguments.data, LabelsIn::Needed)?;
        again
            .notes
            .iter()
            .for_each(|note| say_error(&format!("note: {note}")));
        (again.rows, "the given data")
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .build()
        .context("cannot start threads for evaluation")?;
    let model = trained.blueprint.model.as_ref();
    let found = evaluate(model, rows.as_ref(), u64::MAX, &trained.x, &pool)?;
    let run = trained.shown();
    if arguments.json {
        let json = serde_json::json!({ "run": run, "rows": found.rows, "scores": found.scores });
        say(&serde_json::to_string_pretty(&json)?);
        return Ok(Ending::Done);
    }
    let telling: Vec<_> = found.scores.telling().collect();
    let heads = telling.iter().map(|(name, _)| (*name, Edge::Right));
    let mut table = Table::with_heads([(on, Edge::Left)].into_iter().chain(heads));
    let values = telling
        .iter()
        .map(|(_, value)| Cell::from(score(Some(*value))));
    let rows = Cell::from(format!("{} rows", grouped(found.rows)));
    table.row([rows].into_iter().chain(values));
    let mut text = String::new();
    table.write(Look::of_stdout(), &mut text);
    say(&format!("{}\n\nrun  {run}", text.trim_end()));
    Ok(Ending::Done)
}
