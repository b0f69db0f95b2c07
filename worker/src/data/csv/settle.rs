//! From training files to an encoding, and with it to rows: in memory, or block by block with the files
//! read again for each step.

use std::{sync::Arc, vec};

use super::{
    FEATURES_MAX, dialect,
    encode::{Encoder, Unseen},
    input::Input,
    keys::{Keys, LabelKeys, TargetScale},
    learn::{Distinct, Learnt, learn, refused, target_of},
    moments::Moments,
    reading::Reading,
    table::{Column, Spec, Table, Want, words},
    typed,
};
use crate::data::{
    ColumnEncoding, DataError, Encoding, LabelsIn, Target,
    alike::{Alike, named},
    encoding::Scaling,
    in_memory::{Columns, RowSink},
    in_order::{InOrder, in_order},
    labels::Labels,
};

/// Training rows whose encoding is known.
#[derive(Debug)]
pub(super) struct Settled<'a> {
    reading: Reading<'a>,
    pub(super) encoding: Encoding,
    rule: LabelRule,
}

/// How the target's values become labels of the task.
#[derive(Debug)]
enum LabelRule {
    /// They are.
    None,
    /// As judged.
    Judged(Labels),
    /// Words by their ids.
    Words(Vec<f32>),
    /// As the values themselves have said.
    Numbers(Target),
}

/// The columns of the training files: those that are features, then the target.
fn specs(inputs: &[Input], keys: &Keys) -> Result<Vec<Spec>, DataError> {
    let opened = inputs[0].open(keys)?;
    // A number may name a column that has a name, too.
    let resolve = |name: &String| match name.parse::<usize>() {
        Ok(number @ 1..) if number <= opened.names.len() && !opened.names.contains(name) => {
            opened.names[number - 1].clone()
        }
        _ => name.clone(),
    };
    let resolved = |names: &[String]| names.iter().map(resolve).collect::<Vec<_>>();
    let wanted = keys.target.as_ref().map(resolve);
    let target = opened.names
        [dialect::target_of(keys.format.dataset(), wanted.as_deref(), &opened)?]
    .clone();
    let ignored = resolved(&keys.ignore);
    let categorical = keys.categorical.as_deref().map(resolved);
    dialect::places(&ignored, &opened)?;
    dialect::places(categorical.as_deref().unwrap_or_default(), &opened)?;
    let want = |name: &String| match &categorical {
        None => Want::Auto,
        Some(list) if list.contains(name) => words(keys),
        Some(_) => Want::Numbers,
    };
    let features = opened.names.iter();
    let features = features.filter(|name| **name != target && !ignored.contains(name));
    let mut specs: Vec<Spec> = features
        .map(|name| Spec {
            name: name.clone(),
            want: want(name),
        })
        .collect();
    specs.push(Spec {
        name: target,
        want: Want::AutoTarget,
    });
    typed::settle_specs(inputs, keys, &mut specs)?;
    Ok(specs)
}

/// Learns the encoding from the training rows.
pub(super) fn settle<'a>(
    inputs: &'a [Input],
    keys: &'a Keys,
    is_to_hold: bool,
    notes: &mut Vec<String>,
) -> Result<Settled<'a>, DataError> {
    let dataset = keys.format.dataset();
    let mut specs = specs(inputs, keys)?;
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let last = specs.len() - 1;
    let labels = want_target(&keys.labels, &mut specs[last]);
    let reading = Reading::of(inputs, keys, specs, labels, is_to_hold)?;
    let known = known_target(&reading, keys)?;
    let judges = match keys.holdout {
        Some(holdout) => Some(holdout.judges(dataset, reading.found.rows)?),
        None => None,
    };
    let (mut distinct, mut alike) = (Distinct::default(), Alike::default());
    let mut moments = Moments::default();
    let learnt = learn(&reading, keys, judges.as_deref(), |column| {
        if let (TargetScale::Standard, Column::Numbers(values)) = (keys.target_scale, column) {
            moments.see(values);
        }
        match (&known, column) {
            (Some((_, rule)), column) => alike.see(&rule.labels(column)),
            (None, Column::Numbers(values)) => distinct.see(values),
            (None, _) => {}
        }
        Ok(())
    })?;
    let column = (&names[last][..], &*named(inputs.iter().map(Input::path)));
    let (target, rule) = match known {
        Some(known) => known,
        None => target_of_values(dataset, column, &reading, &distinct, notes)?,
    };
    let (target, rule) = match keys.target_scale {
        TargetScale::None => (target, rule),
        TargetScale::Standard => standard(dataset, column, &target, &moments)?,
    };
    if let Some(only) = alike.only() {
        let found = format!("only {}", target.shown_label(only));
        return Err(refused(dataset, column, &found));
    }
    notes.extend(note_columns(&names, &reading, &learnt));
    let encoding = encoding_of(&names, &learnt, &reading, keys, target)?;
    Ok(Settled {
        reading,
        encoding,
        rule,
    })
}

/// Sets what the keys want of the target; returns who judges its labels.
fn want_target(keys: &LabelKeys, target: &mut Spec) -> Option<Labels> {
    match keys {
        LabelKeys::Auto => None,
        LabelKeys::Words(words) => {
            let words = Arc::new(Target::Words(words.clone()));
            target.want = Want::Known(words, LabelsIn::Needed);
            None
        }
        LabelKeys::Numbers(meaning) => {
            target.want = Want::Judged;
            Some(Labels::new(meaning.clone()))
        }
    }
}

/// The target, if the keys say what it is.
fn known_target(
    reading: &Reading<'_>,
    keys: &Keys,
) -> Result<Option<(Target, LabelRule)>, DataError> {
    match (&keys.labels, &reading.found.state.labels) {
        (LabelKeys::Words(words), _) => Ok(Some((Target::Words(words.clone()), LabelRule::None))),
        (_, Some(labels)) => {
            labels.check_train(keys.format.dataset())?;
            Ok(Some((labels.target(), LabelRule::Judged(labels.clone()))))
        }
        (_, None) => Ok(None),
    }
}

/// The target as its values have it.
fn target_of_values(
    dataset: &'static str,
    column: (&str, &str),
    reading: &Reading<'_>,
    distinct: &Distinct,
    notes: &mut Vec<String>,
) -> Result<(Target, LabelRule), DataError> {
    let words = reading
        .found
        .words
        .last()
        .filter(|words| !words.names.is_empty());
    let (target, note) = target_of(dataset, column, words, distinct)?;
    notes.push(note);
    let label = |name: &String| target.label_of_word(name).expect(MADE_OF_THEM);
    let rule = match words {
        Some(words) => LabelRule::Words(words.names.iter().map(label).collect()),
        None => LabelRule::Numbers(target.clone()),
    };
    Ok((target, rule))
}

/// Real labels at mean 0 and spread 1.
fn standard(
    dataset: &'static str,
    (name, _): (&str, &str),
    target: &Target,
    moments: &Moments,
) -> Result<(Target, LabelRule), DataError> {
    if *target != Target::Real {
        return Err(DataError::Options {
            dataset,
            problem: format!(
                "expected real labels with `target_scale`, found classes in the target column `{name}` ({}); \
                 remove `target_scale`, or set task = \"real\"",
                target.shown()
            ),
        });
    }
    let (mean, spread) = moments.mean_and_spread();
    let target = Target::Standard {
        mean,
        // Labels that are all the same are refused elsewhere.
        spread: if 0.0 < spread { spread } else { 1.0 },
    };
    Ok((target.clone(), LabelRule::Numbers(target)))
}

const MADE_OF_THEM: &str = "the target was made from these values";

impl LabelRule {
    fn labels(&self, column: &Column) -> Vec<f32> {
        match (self, column) {
            (Self::None, Column::Labels(labels)) => labels.clone(),
            (Self::Judged(judge), Column::Numbers(labels)) => {
                let mut labels = labels.clone();
                judge.settle(&mut labels);
                labels
            }
            (Self::Words(by_id), Column::Words(ids, _)) => {
                ids.iter().map(|id| by_id[*id as usize]).collect()
            }
            (Self::Numbers(target), Column::Numbers(values)) => {
                let label = |value: &f32| target.label_of_number(*value).expect(MADE_OF_THEM);
                values.iter().map(label).collect()
            }
            (rule, column) => unreachable!("{rule:?} was read as {column:?}"),
        }
    }
}

fn encoding_of(
    names: &[String],
    learnt: &[Learnt],
    reading: &Reading<'_>,
    keys: &Keys,
    target: Target,
) -> Result<Encoding, DataError> {
    let words = &reading.found.words;
    let column =
        |((name, learnt), words): ((&String, &Learnt), &super::words::Dictionary)| ColumnEncoding {
            name: name.clone(),
            kind: learnt.kind(&words.names, keys),
        };
    let columns: Vec<_> = names.iter().zip(learnt).zip(words).map(column).collect();
    let features = columns.iter().map(|column| column.kind.features()).sum();
    if FEATURES_MAX < features || features == 0 {
        return Err(DataError::Options {
            dataset: keys.format.dataset(),
            problem: format!(
                "expected columns that become 1 to {FEATURES_MAX} features, found {features}; mend \
                 `ignore` or `hash_bits`"
            ),
        });
    }
    Ok(Encoding {
        dataset: keys.format.dataset().into(),
        features,
        target_name: names.last().cloned(),
        target,
        columns,
        scaling: Scaling::None,
    })
}

/// What the user should know of columns that are not what they seem.
fn note_columns(names: &[String], reading: &Reading<'_>, learnt: &[Learnt]) -> Vec<String> {
    let mut notes = Vec::new();
    for (index, word) in &reading.found.turned {
        if *index < learnt.len() {
            let name = &names[*index];
            notes.push(format!(
                "column `{name}` has numbers, but {word}: all its values are categories; list the word \
                 in `missing` in [data] to read the others as numbers"
            ));
        }
    }
    let missing = |(name, learnt): (&String, &Learnt)| match learnt {
        Learnt::Numbers(numbers) if 0 < numbers.missing => {
            Some(format!("`{name}` {}", numbers.missing))
        }
        Learnt::Numbers(_) | Learnt::Words { .. } | Learnt::Hashed => None,
    };
    let counts: Vec<String> = names.iter().zip(learnt).filter_map(missing).collect();
    if !counts.is_empty() {
        notes.push(format!(
            "missing numbers of the training file are the mean of their column: {}",
            counts.join(", ")
        ));
    }
    notes
}

impl Settled<'_> {
    /// How many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.reading.found.rows
    }

    /// Shows all rows, in order, piece by piece.
    pub(super) fn each(self, sink: &mut RowSink<'_>) -> Result<(), DataError> {
        let Self {
            mut reading,
            encoding,
            rule,
        } = self;
        let mut encoder = Encoder::new(&encoding.columns);
        encoder.learn(&reading.found.words);
        let encode = |table: &Table| {
            let target = table.columns.last().expect("the target is the last column");
            encoder.encode(table, &rule.labels(target))
        };
        match reading.held.take() {
            None => reading.each(|table| sink(encode(table).0)),
            Some(held) => {
                let mut steps = Held {
                    tables: held.into_iter(),
                    sink,
                };
                in_order(&mut steps, |table| encode(&table))
            }
        }
    }
}

/// Tables in memory on their way to rows; each is freed as soon as it is encoded.
struct Held<'h, 's> {
    tables: vec::IntoIter<Table>,
    sink: &'h mut RowSink<'s>,
}

impl InOrder for Held<'_, '_> {
    type Job = Table;
    type Done = (Columns, Unseen);

    fn next(&mut self) -> Result<Option<Table>, DataError> {
        Ok(self.tables.next())
    }

    fn take(&mut self, (rows, _): Self::Done) -> Result<(), DataError> {
        (self.sink)(rows)
    }
}
