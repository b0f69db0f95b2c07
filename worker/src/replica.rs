//! A worker's local copy of parameters, and vectors of the same form (gradients, sums of them).
//!
//! Before this station: [`crate::pull`] gathers what servers answered. After it: [`crate::model`]
//! computes a gradient at these values. A sparse vector holds the elements of its list and nothing
//! else, so that its memory follows the batches, not the number of features.

use std::ops::Range;
use std::sync::Arc;

use crate::model::Coverage;

/// Values of some or all elements of the layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    /// Which elements, shared with everything that speaks of the same ones.
    pub coverage: Arc<Coverage>,
    /// Their values, in the order of the coverage.
    pub values: Vec<f32>,
}

impl Vector {
    /// Zeros on these elements.
    #[must_use]
    pub fn zeros(coverage: Arc<Coverage>) -> Self {
        let values = vec![0.0; index(coverage.elements())];
        Self { coverage, values }
    }

    /// Adds `other` element by element. The sum covers what either covers.
    pub fn add(&mut self, other: &Self) {
        if self.coverage == other.coverage {
            for (sum, value) in self.values.iter_mut().zip(&other.values) {
                *sum += value;
            }
            return;
        }
        match (&*self.coverage, &*other.coverage) {
            (Coverage::Whole(_), _) => {
                for (element, value) in other.entries(0..u64::MAX) {
                    self.values[index(element)] += value;
                }
            }
            (Coverage::Coordinates(_), Coverage::Whole(_)) => {
                let mut sum = other.clone();
                for (element, value) in self.entries(0..u64::MAX) {
                    // The left operand stays the left one, as in every other case.
                    sum.values[index(element)] = value + sum.values[index(element)];
                }
                *self = sum;
            }
            (Coverage::Coordinates(mine), Coverage::Coordinates(theirs)) => {
                *self = merged((mine, &self.values), (theirs, &other.values));
            }
        }
    }

    /// Takes a step of plain gradient descent on the elements in `within` that both cover:
    /// `x ← x − rate · g`.
    pub fn descend(&mut self, within: Range<u64>, gradient: &Self, rate: f32) {
        if self.coverage == gradient.coverage {
            let range = self.positions(within);
            let steps = &gradient.values[range.clone()];
            for (x, g) in self.values[range].iter_mut().zip(steps) {
                *x -= rate * g;
            }
            return;
        }
        match &*self.coverage {
            Coverage::Whole(_) => {
                for (element, g) in gradient.entries(within) {
                    self.values[index(element)] -= rate * g;
                }
            }
            Coverage::Coordinates(mine) => {
                let range = self.positions(within.clone());
                let mut steps = gradient.entries(within).peekable();
                for (element, x) in mine[range.clone()].iter().zip(&mut self.values[range]) {
                    while steps.next_if(|(other, _)| other < element).is_some() {}
                    if let Some((_, g)) = steps.next_if(|(other, _)| other == element) {
                        *x -= rate * g;
                    }
                }
            }
        }
    }

    /// The positions of the elements in `within`.
    fn positions(&self, within: Range<u64>) -> Range<usize> {
        match &*self.coverage {
            Coverage::Whole(elements) => {
                index(within.start.min(*elements))..index(within.end.min(*elements))
            }
            Coverage::Coordinates(list) => {
                let start = list.partition_point(|element| *element < within.start);
                start..list.partition_point(|element| *element < within.end)
            }
        }
    }

    /// Elements in `within` and their values, in order.
    fn entries(&self, within: Range<u64>) -> impl Iterator<Item = (u64, f32)> {
        let range = self.positions(within);
        let first = range.start as u64;
        let list = match &*self.coverage {
            Coverage::Whole(_) => None,
            Coverage::Coordinates(list) => Some(&list[range.clone()]),
        };
        (0_usize..).zip(&self.values[range]).map(move |(i, value)| {
            (
                list.map_or_else(|| first + i as u64, |list| list[i]),
                *value,
            )
        })
    }
}

fn index(element: u64) -> usize {
    usize::try_from(element).expect("a vector in memory has a usize length")
}

/// The sum of two sparse vectors.
fn merged(mine: (&[u64], &[f32]), theirs: (&[u64], &[f32])) -> Vector {
    let room = mine.0.len().max(theirs.0.len());
    let (mut list, mut values) = (Vec::with_capacity(room), Vec::with_capacity(room));
    let mut left = mine.0.iter().zip(mine.1).peekable();
    let mut right = theirs.0.iter().zip(theirs.1).peekable();
    loop {
        let (element, value) = match (left.peek(), right.peek()) {
            (None, None) => break,
            (Some((a, _)), Some((b, _))) if a == b => {
                let sum = left.next().zip(right.next());
                let ((element, x), (_, y)) = sum.expect("both were peeked");
                (element, x + y)
            }
            (Some((a, _)), Some((b, _))) if b < a => take(&mut right),
            (None, Some(_)) => take(&mut right),
            (Some(_), _) => take(&mut left),
        };
        list.push(*element);
        values.push(value);
    }
    Vector {
        coverage: Arc::new(Coverage::Coordinates(list)),
        values,
    }
}

fn take<'a>(side: &mut impl Iterator<Item = (&'a u64, &'a f32)>) -> (&'a u64, f32) {
    let (element, value) = side.next().expect("it was peeked");
    (element, *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(values: &[f32]) -> Vector {
        let coverage = Arc::new(Coverage::Whole(values.len() as u64));
        Vector {
            coverage,
            values: values.to_vec(),
        }
    }

    fn sparse(entries: &[(u64, f32)]) -> Vector {
        let list = entries.iter().map(|(element, _)| *element).collect();
        Vector {
            coverage: Arc::new(Coverage::Coordinates(list)),
            values: entries.iter().map(|(_, value)| *value).collect(),
        }
    }

    #[test]
    fn sums_cover_what_either_covers() {
        let mut sum = sparse(&[(1, 1.0), (4, 2.0)]);
        sum.add(&sparse(&[(0, 8.0), (4, 1.0), (5, 7.0)]));
        assert_eq!(sum, sparse(&[(0, 8.0), (1, 1.0), (4, 3.0), (5, 7.0)]));
        sum.add(&whole(&[1.0; 6]));
        assert_eq!(sum, whole(&[9.0, 2.0, 1.0, 1.0, 4.0, 8.0]));
        sum.add(&sparse(&[(2, 4.0)]));
        assert_eq!(sum, whole(&[9.0, 2.0, 5.0, 1.0, 4.0, 8.0]));
        let mut empty = sparse(&[]);
        empty.add(&sparse(&[(3, 1.0)]));
        assert_eq!(empty, sparse(&[(3, 1.0)]));
    }

    #[test]
    fn a_step_moves_only_what_both_cover_and_the_range_holds() {
        let gradients = [
            sparse(&[(0, 2.0), (2, 4.0), (3, 6.0)]),
            whole(&[2.0, 0.0, 4.0, 6.0]),
        ];
        for gradient in gradients {
            let mut x = whole(&[1.0; 4]);
            x.descend(1..3, &gradient, 0.5);
            assert_eq!(x.values, [1.0, 1.0, -1.0, 1.0]);
            let mut x = sparse(&[(1, 1.0), (2, 1.0), (3, 1.0)]);
            x.descend(0..3, &gradient, 0.5);
            assert_eq!(x.values, [1.0, -1.0, 1.0]);
            x.descend(0..u64::MAX, &gradient, 0.5);
            assert_eq!(x.values, [1.0, -3.0, -2.0]);
        }
        let mut x = sparse(&[(1, 1.0), (2, 1.0)]);
        x.descend(2..9, &sparse(&[(1, 5.0), (2, 5.0)]), 1.0);
        assert_eq!(x.values, [1.0, -4.0]);
    }
}
