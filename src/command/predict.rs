//! `thalweg predict`: what a trained model says of rows, labelled or not, as CSV.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use thalweg_worker::data::{Dataset, LabelsIn, Rows, Target};
use thalweg_worker::model::{Coverage, Located, Model, Output};

use super::model_of_run::{ModelOptions, TrainedModel};
use super::{Ending, say_error};
use crate::report::write_with;
use crate::view::units::grouped;

/// Rows that are computed at once.
const BLOCK_ROWS: u64 = 4_096;

/// Arguments of `thalweg predict`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelOptions,

    /// Files with or without labels, read as the training files were; the job's own test data if not
    /// given.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    data: Vec<String>,

    /// Where the predictions go, as CSV with one line per row, in the order of the rows; standard output
    /// if not given. The file must not be there yet.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// For programs: a line of JSON per row instead of CSV, with the columns as keys.
    #[arg(long)]
    json: bool,

    /// Write over a file that is there.
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Ending> {
    if let Some(path) = arguments.output.as_ref().filter(|_| !arguments.force)
        && path.try_exists()?
    {
        bail!(
            "{}: expected no such file, found one; name another one with --output, or write over it with \
             --force",
            path.display()
        );
    }
    let trained = arguments.model.load()?;
    let rows = if arguments.data.is_empty() {
        trained.own_rows()?.0
    } else {
        let again = trained.reopen(&arguments.data, LabelsIn::Optional)?;
        again
            .notes
            .iter()
            .for_each(|note| say_error(&format!("note: {note}")));
        again.rows
    };
    let predictor = Predictor::new(&trained, arguments.json);
    match &arguments.output {
        Some(path) => {
            write_with(path, |file| predictor.write(rows.as_ref(), file))?;
            let count = grouped(rows.rows());
            say_error(&format!(
                "{count} predictions of {} are in {}",
                trained.shown(),
                path.display()
            ));
        }
        None => match predictor.write(rows.as_ref(), &mut std::io::stdout().lock()) {
            // Whoever stops reading has read enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            other => other?,
        },
    }
    Ok(Ending::Done)
}

/// A model that says what it thinks of rows.
struct Predictor<'a> {
    model: &'a dyn Model,
    x: &'a [f32],
    /// The classes' names as the files write them.
    classes: Vec<String>,
    /// What labels are in the files.
    target: Option<&'a Target>,
    as_json: bool,
}

impl<'a> Predictor<'a> {
    fn new(trained: &'a TrainedModel, as_json: bool) -> Self {
        let resolved = &trained.blueprint.resolved;
        let named = trained
            .encoding
            .as_ref()
            .map(|encoding| encoding.target.class_names());
        let numbered = || match resolved.classes {
            2 => vec!["-1".to_owned(), "1".to_owned()],
            classes => (0..classes).map(|class| class.to_string()).collect(),
        };
        Self {
            model: trained.blueprint.model.as_ref(),
            x: &trained.x,
            classes: named.unwrap_or_else(numbered),
            target: trained.encoding.as_ref().map(|encoding| &encoding.target),
            as_json,
        }
    }

    fn write(&self, rows: &dyn Dataset, to: &mut dyn Write) -> std::io::Result<()> {
        let head = self.head();
        if !self.as_json {
            writeln!(to, "{}", csv_line(&head))?;
        }
        let coverage = Coverage::Whole(self.x.len() as u64);
        let (mut block, mut located, mut scores) = (Rows::new(), Located::default(), Vec::new());
        let (mut numbers, mut start) = (Vec::new(), 0);
        let width = self.model.output().scores_per_row();
        while start < rows.rows() {
            let end = rows.rows().min(start + BLOCK_ROWS);
            numbers.clear();
            numbers.extend(start..end);
            rows.fill(&numbers, &mut block);
            self.model
                .locate(&block, &coverage, &mut located)
                .map_err(std::io::Error::other)?;
            self.model.scores(&block, &located, self.x, &mut scores);
            let mut text = String::new();
            for scores in scores.chunks(width) {
                text.push_str(&self.line(&head, scores));
                text.push('\n');
            }
            to.write_all(text.as_bytes())?;
            start = end;
        }
        to.flush()
    }

    /// The names of what is said of a row.
    fn head(&self) -> Vec<String> {
        let named = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        match self.model.output() {
            Output::Logit => named(&["prediction", "probability", "margin"]),
            Output::Logits(_) => {
                let probability = |name: &String| format!("probability_{name}");
                let classes = self.classes.iter().map(probability);
                ["prediction".to_owned()]
                    .into_iter()
                    .chain(classes)
                    .collect()
            }
            Output::Margin => named(&["prediction", "margin"]),
            Output::Value => named(&["prediction"]),
        }
    }

    /// One row's prediction: its class or number, then probabilities and the margin.
    fn said(&self, scores: &[f32]) -> (Option<&str>, Vec<f64>) {
        let class = |class: usize| Some(self.classes.get(class).map_or("", String::as_str));
        let score = shortest(scores[0]);
        match self.model.output() {
            Output::Logit => {
                let probability = 1.0 / (1.0 + (-score).exp());
                (class(usize::from(0.0 < score)), vec![probability, score])
            }
            Output::Logits(_) => {
                let likeliest = (0..scores.len()).fold(0, |best, class| {
                    if scores[best] < scores[class] {
                        class
                    } else {
                        best
                    }
                });
                (class(likeliest), softmax(scores))
            }
            Output::Margin => (class(usize::from(0.0 < score)), vec![score]),
            Output::Value => (None, vec![self.in_file(score)]),
        }
    }

    /// A predicted number in the units of the training file.
    fn in_file(&self, score: f64) -> f64 {
        self.target.map_or(score, |target| target.in_file(score))
    }

    fn line(&self, head: &[String], scores: &[f32]) -> String {
        let (class, numbers) = self.said(scores);
        if self.as_json {
            let class = class.map(serde_json::Value::from);
            let values = class.into_iter().chain(numbers.into_iter().map(Into::into));
            let row: serde_json::Map<_, _> = head.iter().cloned().zip(values).collect();
            return serde_json::Value::Object(row).to_string();
        }
        let class = class.map(str::to_owned);
        let numbers = numbers.iter().map(f64::to_string);
        csv_line(&class.into_iter().chain(numbers).collect::<Vec<_>>())
    }
}

/// The shortest decimal that is this score, as a number of its own: 0.1, not 0.10000000149011612.
fn shortest(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::NAN)
}

fn softmax(scores: &[f32]) -> Vec<f64> {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = scores
        .iter()
        .map(|score| f64::from(score - greatest).exp())
        .collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

fn csv_line(fields: &[String]) -> String {
    let fields: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
    fields.join(",")
}

/// A field of CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
