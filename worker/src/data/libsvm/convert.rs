//! libsvm files into a cache, in pieces: a first reading settles what labels mean and how many features
//! there are, the last writes the rows. A scale is learnt between them, once it is known which rows judge.
//!
//! Weights are read as a whole: four bytes per row.

use std::path::Path;

use super::{
    Checked, FEATURES_MAX, NAME, check_labels, encoding, judges, labels_of, note_unseen,
    read::{Judge, read},
    scale::Greatest,
    weights,
};
use crate::data::{
    DataError, Files,
    alike::Alike,
    cache::{CachePlan, CacheWriter},
    encoding::Scaling,
    in_memory::{Columns, LeftOut},
    labels::Labels,
};

/// Writes the cache of a plan.
pub(super) fn convert(checked: &Checked, folder: &Path, plan: &CachePlan) -> Result<(), DataError> {
    let keys = &checked.keys;
    let features_max = keys.features.unwrap_or(FEATURES_MAX);
    let mut judge = Judge::Train(Labels::new(checked.meaning.clone()));
    let mut needed = 1;
    let mut alike = Alike::default();
    let count = |files: &Files, judge: &mut Judge, needed: &mut u64, alike: &mut Alike| {
        let mut rows = 0;
        read(files, folder, features_max, judge, &mut |piece| {
            rows += piece.rows();
            *needed = piece.features_needed().max(*needed);
            alike.see(&piece.labels);
            Ok(())
        })?;
        Ok::<usize, DataError>(rows)
    };
    let rows = count(&keys.train, &mut judge, &mut needed, &mut alike)?;
    labels_of(&judge).check_train(NAME)?;
    check_labels(&alike, &keys.train, folder)?;
    let test_rows = match &keys.test {
        Some(files) => count(files, &mut judge, &mut 0, &mut Alike::default())?,
        None => 0,
    };
    // Test rows must not widen a model.
    let features = keys.features.unwrap_or(needed);
    let mut scaling = Scaling::None;
    if checked.divides {
        let mut greatest = Greatest::default();
        let judging = judges(checked.holdout, rows)?;
        read(
            &keys.train,
            folder,
            features_max,
            &mut judge,
            &mut |piece| {
                greatest.see(&piece, judging.as_deref());
                Ok(())
            },
        )?;
        scaling = greatest.scaling()?;
    }
    let encoding = encoding(features, labels_of(&judge), scaling);
    let mut conversion = Conversion {
        writer: CacheWriter::create(plan, &encoding)?,
        scaling: encoding.scaling,
        folder,
        features_max,
        features,
        judge,
    };
    conversion.write(&keys.train, keys.train_weights.as_ref(), rows)?;
    let mut notes = Vec::new();
    if let Some(files) = &keys.test {
        let unseen = conversion.write(files, keys.test_weights.as_ref(), test_rows)?;
        notes.extend(note_unseen("the test rows", features, unseen));
    }
    conversion.writer.finish(&notes)
}

/// The last reading.
struct Conversion<'c> {
    writer: CacheWriter,
    folder: &'c Path,
    features_max: u64,
    features: u64,
    scaling: Scaling,
    judge: Judge,
}

impl Conversion<'_> {
    fn write(
        &mut self,
        files: &Files,
        weights: Option<&Files>,
        rows: usize,
    ) -> Result<LeftOut, DataError> {
        let weights = match weights {
            Some(files) => Some(weights::read(files, self.folder, rows)?),
            None => None,
        };
        let changed = || DataError::Changed {
            path: self.folder.to_owned(),
        };
        let labels = labels_of(&self.judge).clone();
        let mut unseen = LeftOut { values: 0, rows: 0 };
        let (features, scaling) = (self.features, &self.scaling);
        let (writer, mut start) = (&mut self.writer, 0);
        writer.begin_part(weights.is_some());
        let mut sink = |mut piece: Columns| {
            let left_out = piece.leave_out_from(features);
            unseen.values += left_out.values;
            unseen.rows += left_out.rows;
            piece.scale(scaling);
            labels.settle(&mut piece.labels);
            let end = start + piece.rows();
            if let Some(weights) = &weights {
                piece.weights = Some(weights.get(start..end).ok_or_else(changed)?.to_vec());
            }
            start = end;
            writer.push(&piece)
        };
        let judge = &mut self.judge;
        read(files, self.folder, self.features_max, judge, &mut sink)?;
        if start != rows {
            return Err(changed());
        }
        self.writer.end_part()?;
        Ok(unseen)
    }
}
