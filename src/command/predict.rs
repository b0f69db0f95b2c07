//! `thalweg predict`: what a trained model says of rows, labelled or not, as CSV.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use thalweg_worker::data::{Dataset, LabelsIn, Rows};
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
    let predictor = Predictor::new(&trained);
    match &arguments.output {
        Some(path) => {
            write_with(path, |file| predictor.write(rows.as_ref(), file))?;
            let count = grouped(rows.rows());
            say_error(&format!("{count} predictions are in {}", path.display()));
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
}

impl<'a> Predictor<'a> {
    fn new(trained: &'a TrainedModel) -> Self {
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
        }
    }

    fn write(&self, rows: &dyn Dataset, to: &mut dyn Write) -> std::io::Result<()> {
        writeln!(to, "{}", self.head())?;
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
                self.line(scores, &mut text);
            }
            to.write_all(text.as_bytes())?;
            start = end;
        }
        to.flush()
    }

    fn head(&self) -> String {
        match self.model.output() {
            Output::Logit => "prediction,probability,margin".to_owned(),
            Output::Logits(_) => {
                let named = |name: &String| format!(",{}", quoted(&format!("probability_{name}")));
                "prediction".to_owned() + &self.classes.iter().map(named).collect::<String>()
            }
            Output::Margin => "prediction,margin".to_owned(),
            Output::Value => "prediction".to_owned(),
        }
    }

    /// One row's prediction: its class or number, then probabilities and the margin.
    fn line(&self, scores: &[f32], text: &mut String) {
        let class = |class: usize| quoted(self.classes.get(class).map_or("", String::as_str));
        match self.model.output() {
            Output::Logit => {
                let margin = f64::from(scores[0]);
                let probability = 1.0 / (1.0 + (-margin).exp());
                let class = class(usize::from(0.0 < margin));
                text.push_str(&format!("{class},{probability},{margin}\n"));
            }
            Output::Logits(_) => {
                let probabilities = softmax(scores);
                let likeliest = (0..scores.len()).fold(0, |best, class| {
                    if scores[best] < scores[class] {
                        class
                    } else {
                        best
                    }
                });
                text.push_str(&class(likeliest));
                for probability in probabilities {
                    text.push_str(&format!(",{probability}"));
                }
                text.push('\n');
            }
            Output::Margin => {
                let class = class(usize::from(0.0 < scores[0]));
                text.push_str(&format!("{class},{}\n", scores[0]));
            }
            Output::Value => text.push_str(&format!("{}\n", scores[0])),
        }
    }
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

/// A field of CSV.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}
