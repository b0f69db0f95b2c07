//! A group: consecutive iterations that compute at one pull.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use thalweg_common::config::PullExtent;
use thalweg_common::ids::Sequence;
use thalweg_common::message::{DataRange, Holder};
use thalweg_common::permutation::{Permutation, rows_checksum};

use crate::data::{Dataset, Rows};
use crate::model::{Coverage, Located, Model};
use crate::pull::Gather;
use crate::replica::Vector;
use crate::worker::failure::Failure;
use crate::worker::feed::Portion;

/// Elements beyond which [`PullExtent::Auto`] never asks for all.
const WHOLE_ELEMENTS_MAX: u64 = 4 << 20;

/// A batch that is ready to be computed.
#[derive(Debug)]
pub(super) struct Batch {
    /// Its rows, in order; never empty.
    pub(super) pieces: Vec<Piece>,
    /// What its gradient covers.
    pub(super) coverage: Arc<Coverage>,
    pub(super) range: DataRange,
}

/// Rows of a batch that a model is shown at once.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) rows: Rows,
    pub(super) located: Located,
}

/// Consecutive iterations that compute at one pull.
#[derive(Debug)]
pub(super) struct Group {
    /// Numbers groups in their order, for the errands of their pulls.
    pub(super) number: u64,
    /// Iterations before it.
    pub(super) first: u64,
    /// Iterations in it.
    pub(super) iterations: u64,
    /// Those that are not computed yet. None from the start: an iteration without data.
    pub(super) batches: VecDeque<Batch>,
    pub(super) gather: Gather,
    pub(super) replica: Vector,
    /// Own pushes up to here were acknowledged when the pull was planned.
    pub(super) settled: Sequence,
    /// Whether the method has seen what arrived.
    pub(super) begun: bool,
    /// Who holds the gate, as last heard.
    pub(super) holders: Vec<Holder>,
}

impl Group {
    /// Whether it can be computed.
    pub(super) fn is_ready(&self) -> bool {
        self.gather.is_complete()
    }

    /// The iteration that the gate is asked about: the last that uses the pull, or the first, where the
    /// group is a period of the worker's own.
    pub(super) fn asked_for(&self, own_period: bool) -> u64 {
        if own_period {
            self.first
        } else {
            self.first + self.iterations.max(1) - 1
        }
    }
}

/// Turns granted portions into batches, and keeps the memory of batches that are done.
#[derive(Debug)]
pub(super) struct Reader {
    seed: u64,
    extent: PullExtent,
    whole: Arc<Coverage>,
    elements: u64,
    /// Pieces per batch, ≥ 1.
    accumulate: u64,
    permutation: Option<(u64, Permutation)>,
    spare: Vec<Piece>,
    rows: Vec<u64>,
}

impl Reader {
    pub(super) fn new(seed: u64, extent: PullExtent, elements: u64, accumulate: u64) -> Self {
        Self {
            seed,
            extent,
            whole: Arc::new(Coverage::Whole(elements)),
            elements,
            accumulate: accumulate.max(1),
            permutation: None,
            spare: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Reads the batches of a group; answers with what the whole group covers.
    ///
    /// # Errors
    /// [`Failure::Model`] if the model cannot work on such a replica.
    pub(super) fn read(
        &mut self,
        portions: Vec<Portion>,
        data: &dyn Dataset,
        model: &dyn Model,
    ) -> Result<(VecDeque<Batch>, Arc<Coverage>), Failure> {
        let mut batches = VecDeque::with_capacity(portions.len());
        for portion in portions {
            match portion {
                Portion::Batch { epoch, positions } => {
                    batches.push_back(self.batch(epoch, positions, data));
                }
                Portion::ClockOnly => {}
            }
        }
        let group = self.cover(&mut batches, model);
        for batch in &mut batches {
            for piece in &mut batch.pieces {
                model.locate(&piece.rows, &batch.coverage, &mut piece.located)?;
            }
        }
        Ok((batches, group))
    }

    /// Gives back the memory of a batch.
    pub(super) fn recycle(&mut self, pieces: Vec<Piece>) {
        self.spare.extend(pieces);
    }

    /// Reads a batch piece by piece; what it covers is not settled yet.
    fn batch(&mut self, epoch: u64, positions: Range<u64>, data: &dyn Dataset) -> Batch {
        let rows = positions.end - positions.start;
        let count = self.accumulate.min(rows).max(1);
        let mut range = DataRange {
            epoch,
            start: positions.start,
            end: positions.end,
            checksum: 0,
        };
        // As even as can be: piece i ends at ⌊(i + 1) · rows / count⌋, without overflow.
        let (each, longer) = (rows / count, rows % count);
        let mut start = positions.start;
        let mut pieces = Vec::new();
        for number in 0..count {
            let end = start + each + u64::from(number < longer);
            let mut piece = self.spare.pop().unwrap_or_default();
            let checksum = self.fill(epoch, start..end, data, &mut piece.rows);
            range.checksum = range.checksum.wrapping_add(checksum);
            piece.rows.set_batch_rows(rows);
            pieces.push(piece);
            start = end;
        }
        Batch {
            pieces,
            coverage: Arc::clone(&self.whole),
            range,
        }
    }

    /// Reads the rows at these positions; answers with their checksum.
    fn fill(
        &mut self,
        epoch: u64,
        positions: Range<u64>,
        data: &dyn Dataset,
        out: &mut Rows,
    ) -> u64 {
        self.rows.clear();
        if data.is_streamed() {
            let first = epoch * data.rows();
            self.rows.extend(positions.map(|position| first + position));
        } else {
            let permutation = match self.permutation.take() {
                Some((known, permutation)) if known == epoch => permutation,
                _ => Permutation::new(self.seed, epoch, data.rows()),
            };
            self.rows
                .extend(positions.map(|position| permutation.row(position)));
            self.permutation = Some((epoch, permutation));
        }
        data.fill(&self.rows, out);
        rows_checksum(out.numbers().iter().copied())
    }

    /// Decides what the group asks for, and sets what each batch covers.
    fn cover(&self, batches: &mut VecDeque<Batch>, model: &dyn Model) -> Arc<Coverage> {
        if batches.is_empty() {
            return Arc::new(Coverage::Coordinates(Vec::new()));
        }
        if self.extent == PullExtent::Whole {
            return Arc::clone(&self.whole);
        }
        let touched = batches.iter().map(|batch| {
            let of_piece = |piece: &Piece| {
                let mut list = Vec::new();
                model.touched(&piece.rows, &mut list);
                list
            };
            union(&mut batch.pieces.iter().map(of_piece).collect::<Vec<_>>())
        });
        let mut lists: Vec<_> = touched.collect();
        let union = union(&mut lists);
        let is_sparse = match self.extent {
            // A coordinate costs its value and its offset: half of all is as many bytes as all.
            PullExtent::Auto => {
                WHOLE_ELEMENTS_MAX < self.elements
                    || (union.len() as u64) < self.elements.div_ceil(2)
            }
            PullExtent::Sparse => true,
            PullExtent::Whole => false,
        };
        if !is_sparse {
            return Arc::clone(&self.whole);
        }
        let group = Arc::new(Coverage::Coordinates(union));
        if batches.len() == 1 {
            batches[0].coverage = Arc::clone(&group);
        } else {
            for (batch, list) in batches.iter_mut().zip(lists) {
                batch.coverage = Arc::new(Coverage::Coordinates(list));
            }
        }
        group
    }
}

/// All numbers of these sorted lists, sorted and unique; a single list is moved.
fn union(lists: &mut [Vec<u64>]) -> Vec<u64> {
    match lists {
        [list] => std::mem::take(list),
        lists => {
            let mut union = lists.concat();
            union.sort_unstable();
            union.dedup();
            union
        }
    }
}

/// The values of a batch's coverage out of its group's replica, and back: moved where both are the
/// same, copied where the batch is a part of its group.
pub(super) fn lend(replica: &mut Vector, batch: &Arc<Coverage>) -> Vec<f32> {
    match (&*replica.coverage, &**batch) {
        (Coverage::Coordinates(group), Coverage::Coordinates(list))
            if group.len() != list.len() =>
        {
            let mut values = group.iter().zip(&replica.values);
            let at = |element: &u64| {
                let found = values.find(|(other, _)| *other == element);
                *found.expect("a group covers what its batches touch").1
            };
            list.iter().map(at).collect()
        }
        _ => std::mem::take(&mut replica.values),
    }
}

/// Takes back what [`lend`] gave, unchanged.
pub(super) fn give_back(replica: &mut Vector, values: Vec<f32>) {
    if replica.values.is_empty() {
        replica.values = values;
    }
}
