//! What labels that are numbers mean: several ways of writing them are in use, and one data set must
//! keep to one of them. The same for every file format.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{DataError, LineProblem, Target, Task};

/// Above this, f32 labels would not be exact.
pub(super) const CLASSES_MAX: u32 = 1 << 24;

/// A task that a job can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum NamedTask {
    /// +1/−1 or 0/1.
    Binary,
    /// Any finite number.
    Real,
}

/// How the job wants labels read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// +1/−1 or 0/1.
    Binary,
    /// 0..k−1 or 1..k.
    Classes(u32),
    /// Any finite number.
    Real,
    /// Whole numbers: these are +1, the others −1.
    Positive(BTreeSet<i64>),
}

impl Meaning {
    /// What the three keys `task`, `classes` and `label_positive` say together.
    pub(super) fn of_keys(
        dataset: &'static str,
        task: Option<NamedTask>,
        classes: Option<u32>,
        positive: Option<&[i64]>,
    ) -> Result<Self, DataError> {
        let refuse = |problem: String| Err(DataError::Options { dataset, problem });
        match (task, classes, positive) {
            (_, _, Some([])) => refuse("expected `label_positive` to list labels, found none".into()),
            (None | Some(NamedTask::Binary), None, None) => Ok(Self::Binary),
            (None | Some(NamedTask::Binary), None, Some(list)) => {
                Ok(Self::Positive(list.iter().copied().collect()))
            }
            (Some(NamedTask::Real), None, None) => Ok(Self::Real),
            (None, Some(classes), None) if (2..=CLASSES_MAX).contains(&classes) => {
                Ok(Self::Classes(classes))
            }
            (None, Some(classes), None) => refuse(format!(
                "expected `classes` from 2 to {CLASSES_MAX}, found {classes}"
            )),
            _ => refuse(
                "expected at most one of `task`, `classes` and `label_positive` (`label_positive` goes \
                 with task = \"binary\"), found two of them; remove one"
                    .into(),
            ),
        }
    }

    pub(super) fn task(&self) -> Task {
        match self {
            Self::Binary | Self::Positive(_) => Task::Binary,
            Self::Classes(2) => Task::Binary,
            Self::Classes(classes) => Task::Classes(*classes),
            Self::Real => Task::Real,
        }
    }
}

/// Judges labels one by one, over train and test together, and in the end brings them into the
/// task's own form.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    meaning: Meaning,
    /// Where the lower way of writing (0 and not −1 or k) was seen first.
    zero: Option<String>,
    /// Where the other way of writing (−1 of two classes, k of k) was seen first.
    other: Option<String>,
    has_positive: bool,
    has_negative: bool,
}

impl Labels {
    pub(super) fn new(meaning: Meaning) -> Self {
        Self {
            meaning,
            zero: None,
            other: None,
            has_positive: false,
            has_negative: false,
        }
    }

    /// Judges one label; `place` names where it stands.
    pub(super) fn accept(
        &mut self,
        label: f32,
        place: impl FnOnce() -> String,
    ) -> Result<(), LineProblem> {
        match &self.meaning {
            Meaning::Real => Ok(()),
            Meaning::Positive(positive) => {
                let label = whole(label).ok_or_else(|| out_of_range(&self.meaning, label))?;
                let is_positive = positive.contains(&label);
                self.has_positive |= is_positive;
                self.has_negative |= !is_positive;
                Ok(())
            }
            Meaning::Binary => self.accept_one_way(label, -1, 1, place),
            Meaning::Classes(classes) => {
                let classes = i64::from(*classes);
                self.accept_one_way(label, classes, classes - 1, place)
            }
        }
    }

    /// Accepts 0, `other` or what lies in `1..=common_max`; 0 and `other` exclude each other.
    fn accept_one_way(
        &mut self,
        label: f32,
        other: i64,
        common_max: i64,
        place: impl FnOnce() -> String,
    ) -> Result<(), LineProblem> {
        let whole = whole(label).ok_or_else(|| out_of_range(&self.meaning, label))?;
        if (1..=common_max).contains(&whole) {
            return Ok(());
        }
        let (seen, excluded) = match whole {
            0 => (&mut self.zero, &self.other),
            _ if whole == other => (&mut self.other, &self.zero),
            _ => return Err(out_of_range(&self.meaning, label)),
        };
        if let Some(first_place) = excluded {
            let (zero_way, other_way) = ways(&self.meaning);
            return Err(LineProblem::MixedLabels {
                expected: if whole == 0 { other_way } else { zero_way },
                first_place: first_place.clone(),
                found: label.to_string(),
            });
        }
        seen.get_or_insert_with(place);
        Ok(())
    }

    /// After the train file: a list of positive labels that hits no row, or every row, is a slip.
    pub(super) fn check_train(&self, dataset: &'static str) -> Result<(), DataError> {
        let Meaning::Positive(positive) = &self.meaning else {
            return Ok(());
        };
        let listed: Vec<_> = positive.iter().map(i64::to_string).collect();
        let listed = listed.join(", ");
        let problem = match (self.has_positive, self.has_negative) {
            (true, true) => return Ok(()),
            (false, _) => format!(
                "expected `label_positive` to name labels of the train file, found none of [{listed}] in \
                 it; mend the list"
            ),
            (true, false) => format!(
                "expected `label_positive` to name some labels of the train file, found only [{listed}] in \
                 it; mend the list"
            ),
        };
        Err(DataError::Options { dataset, problem })
    }

    /// How the accepted labels are written, for files that are read later.
    pub(super) fn target(&self) -> Target {
        let span = |first: i64, last: i64| (first..=last).map(exact).collect();
        match &self.meaning {
            Meaning::Real => Target::Real,
            Meaning::Positive(positive) => Target::Positive(positive.clone()),
            Meaning::Binary if self.zero.is_some() => Target::Numbers(span(0, 1)),
            Meaning::Binary => Target::Numbers(vec![-1.0, 1.0]),
            Meaning::Classes(classes) => {
                let first = i64::from(self.zero.is_none());
                Target::Numbers(span(first, first + i64::from(*classes) - 1))
            }
        }
    }

    /// Brings accepted labels into the form of the task: ±1, or classes from 0.
    pub(super) fn settle(&self, labels: &mut [f32]) {
        let first = if self.zero.is_some() { 0.0 } else { 1.0 };
        for label in labels {
            *label = match &self.meaning {
                Meaning::Real => *label,
                Meaning::Binary => sign(0.0 < *label),
                Meaning::Positive(positive) => sign(is_one_of(positive, *label)),
                Meaning::Classes(2) => sign(first < *label),
                Meaning::Classes(_) => *label - first,
            };
        }
    }
}

/// Whether a label is one of these whole numbers.
pub(super) fn is_one_of(positive: &BTreeSet<i64>, label: f32) -> bool {
    whole(label).is_some_and(|label| positive.contains(&label))
}

/// The label of one of two classes.
pub(super) fn sign(is_positive: bool) -> f32 {
    if is_positive { 1.0 } else { -1.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "labels of classes are whole numbers up to 2^24"
)]
fn exact(label: i64) -> f32 {
    label as f32
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the bound is checked first"
)]
pub(super) fn whole(label: f32) -> Option<i64> {
    let is_exact = label.fract() == 0.0 && label.abs() <= 16_777_216.0;
    is_exact.then_some(label as i64)
}

/// The two ways of writing: with a 0, and without.
fn ways(meaning: &Meaning) -> (String, String) {
    match meaning {
        Meaning::Classes(classes) => (
            format!("labels 0 to {}", classes - 1),
            format!("labels 1 to {classes}"),
        ),
        _ => ("labels 0 and 1".into(), "labels +1 and -1".into()),
    }
}

fn out_of_range(meaning: &Meaning, label: f32) -> LineProblem {
    let (zero_way, other_way) = ways(meaning);
    let (expected, mend) = match meaning {
        Meaning::Positive(_) => (
            "a whole number (label_positive is set)".into(),
            "remove label_positive or mend the label",
        ),
        Meaning::Classes(_) => (
            format!("{zero_way}, or {other_way}"),
            "raise `classes` in [data] or mend the label",
        ),
        Meaning::Binary | Meaning::Real => (
            format!("{other_way}, or {zero_way}"),
            "set `classes`, `label_positive` or task = \"real\" in [data], or mend the label",
        ),
    };
    LineProblem::LabelRange {
        expected,
        found: label.to_string(),
        mend,
    }
}

#[cfg(test)]
mod tests {
    use super::{Labels, Meaning};
    use crate::data::{LineProblem, Task};

    fn settled(meaning: Meaning, labels: &[f32]) -> Result<Vec<f32>, LineProblem> {
        let mut judge = Labels::new(meaning);
        for (row, label) in labels.iter().enumerate() {
            judge.accept(*label, || format!("a.svm:{row}"))?;
        }
        let mut labels = labels.to_vec();
        judge.settle(&mut labels);
        Ok(labels)
    }

    #[test]
    fn both_ways_of_writing_two_classes_mean_the_same() {
        let expected = Ok(vec![1.0, -1.0, 1.0]);
        assert_eq!(settled(Meaning::Binary, &[1.0, -1.0, 1.0]), expected);
        assert_eq!(settled(Meaning::Binary, &[1.0, 0.0, 1.0]), expected);
        let positive = Meaning::Positive([-2, 5].into());
        assert_eq!(settled(positive, &[5.0, 0.0, -2.0]), expected);
    }

    #[test]
    fn classes_count_from_zero_or_from_one() {
        assert_eq!(
            settled(Meaning::Classes(3), &[0.0, 2.0, 1.0]),
            Ok(vec![0.0, 2.0, 1.0])
        );
        assert_eq!(
            settled(Meaning::Classes(3), &[1.0, 3.0, 2.0]),
            Ok(vec![0.0, 2.0, 1.0])
        );
        assert_eq!(settled(Meaning::Real, &[1.5, -3.0]), Ok(vec![1.5, -3.0]));
    }

    #[test]
    fn two_classes_are_the_binary_task_also_when_written_one_and_two() {
        assert_eq!(Meaning::Classes(2).task(), Task::Binary);
        for labels in [[0.0, 1.0], [1.0, 2.0]] {
            assert_eq!(settled(Meaning::Classes(2), &labels), Ok(vec![-1.0, 1.0]));
        }
    }

    #[test]
    fn two_ways_of_writing_in_one_data_set_are_refused() {
        let mixed = |meaning, labels: &[f32]| match settled(meaning, labels) {
            Err(LineProblem::MixedLabels {
                expected,
                first_place,
                ..
            }) => (expected, first_place),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            mixed(Meaning::Binary, &[1.0, -1.0, 0.0]),
            ("labels +1 and -1".into(), "a.svm:1".into())
        );
        assert_eq!(
            mixed(Meaning::Classes(3), &[0.0, 3.0]),
            ("labels 0 to 2".into(), "a.svm:0".into())
        );
    }

    #[test]
    fn labels_outside_the_task_are_refused() {
        for (meaning, label) in [
            (Meaning::Binary, 2.0),
            (Meaning::Binary, 0.5),
            (Meaning::Classes(3), 4.0),
            (Meaning::Classes(3), -1.0),
            (Meaning::Classes(3), 1.5),
            (Meaning::Positive([1].into()), 0.5),
            (Meaning::Positive([1].into()), 1e30),
        ] {
            let problem = settled(meaning, &[label]).unwrap_err();
            assert!(
                matches!(problem, LineProblem::LabelRange { .. }),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn a_positive_list_that_hits_nothing_or_all_is_refused() {
        let checked = |seen: &[f32]| {
            let mut labels = Labels::new(Meaning::Positive([7, 8].into()));
            for label in seen {
                labels.accept(*label, String::new).unwrap();
            }
            let error = labels.check_train("libsvm").err();
            error.map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(checked(&[3.0, 4.0]).contains("found none of [7, 8] in it"));
        assert!(checked(&[7.0, 8.0]).contains("found only [7, 8] in it"));
        assert_eq!(checked(&[3.0, 7.0]), "");
    }
}
