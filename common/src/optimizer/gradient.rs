//! A gradient as it lies in a part: borrowed bytes, judged whole before any of it is applied.

use std::ops::Range;

use multiversion::multiversion;
use thiserror::Error;

use super::real::Real;

/// The gradient of one shard. Values are f32, little-endian, of any alignment.
#[derive(Clone, Copy, Debug)]
pub enum GradientView<'a> {
    /// Neighbours from `start`; elements of the shard that it does not cover are absent.
    Dense {
        /// The first element, counted in the shard.
        start: usize,
        /// The values, cut anywhere between two of them.
        segments: &'a [&'a [u8]],
    },
    /// Single elements.
    Sparse {
        /// Elements counted in the shard, strictly increasing.
        coordinates: &'a [u32],
        /// One value for each.
        values: &'a [u8],
    },
    /// No element: the step is counted, and that is all.
    Empty,
}

/// What the worker of a gradient had read of its elements, in the form of
/// [`AtRead::bytes`](super::AtRead::bytes).
#[derive(Clone, Copy, Debug, Default)]
pub enum AtReadView<'a> {
    /// Nothing is said: nothing was missed.
    #[default]
    AsItIs,
    /// One for each value of the gradient, in their order.
    Echoed(&'a [u8]),
    /// One for each element of the shard.
    Pinned(&'a [u8]),
}

impl AtReadView<'_> {
    /// Judges whether it goes with `gradient` at a shard of `len` elements, for a rule that needs so
    /// many `bytes` of each.
    ///
    /// # Errors
    /// [`GradientError::AtRead`].
    pub fn check(
        &self,
        gradient: &GradientView<'_>,
        len: usize,
        bytes: usize,
    ) -> Result<(), GradientError> {
        let (found, elements) = match self {
            AtReadView::AsItIs => return Ok(()),
            AtReadView::Echoed(values) => (values.len(), gradient.elements()),
            AtReadView::Pinned(values) => (values.len(), len),
        };
        if found == elements * bytes {
            return Ok(());
        }
        Err(GradientError::AtRead {
            elements,
            bytes,
            found,
        })
    }
}

/// Why elements cannot be addressed in a shard.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// The address ends behind the shard.
    #[error("element {last} is addressed, but the shard has {len} elements")]
    OutOfRange {
        /// The last element addressed.
        last: usize,
        /// The shard's length.
        len: usize,
    },
    /// The coordinates do not increase.
    #[error("coordinate {position} is {found} after {before}; expected strictly increasing ones")]
    Unsorted {
        /// The position in the list, from 0.
        position: usize,
        /// The coordinate before it.
        before: u32,
        /// The coordinate there.
        found: u32,
    },
}

/// Why a gradient cannot be applied to a shard.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GradientError {
    /// The bytes are no whole number of values.
    #[error("segment {segment} has {bytes} bytes; expected a multiple of 4, one f32 each")]
    Torn {
        /// Which segment, from 0.
        segment: usize,
        /// Its length.
        bytes: usize,
    },
    /// Values and coordinates do not match.
    #[error("{coordinates} coordinates came with {bytes} bytes; expected {}", 4 * .coordinates)]
    Unpaired {
        /// The number of coordinates.
        coordinates: usize,
        /// The length of the values.
        bytes: usize,
    },
    /// What was read does not belong to the values.
    #[error(
        "{found} bytes of values at read came with {elements} elements; expected {}",
        .elements * .bytes
    )]
    AtRead {
        /// Elements that there must be one for.
        elements: usize,
        /// Bytes of each.
        bytes: usize,
        /// Bytes that came.
        found: usize,
    },
    /// The elements are not the shard's.
    #[error(transparent)]
    Address(#[from] AddressError),
}

impl GradientView<'_> {
    /// How many values it has.
    #[must_use]
    pub fn elements(&self) -> usize {
        match *self {
            GradientView::Empty => 0,
            GradientView::Dense { start, segments } => covered(start, segments).len(),
            GradientView::Sparse { coordinates, .. } => coordinates.len(),
        }
    }

    /// Judges whether the gradient can be applied to a shard of `len` elements.
    ///
    /// # Errors
    /// The first [`GradientError`] found. Values are not looked at; see
    /// [`first_non_finite`](super::first_non_finite).
    pub fn check(&self, len: usize) -> Result<(), GradientError> {
        match *self {
            GradientView::Empty => Ok(()),
            GradientView::Dense { start, segments } => check_dense(start, segments, len),
            GradientView::Sparse {
                coordinates,
                values,
            } => check_sparse(coordinates, values, len),
        }
    }

    /// Whether it has a value for an element of `range`.
    pub(super) fn touches(&self, range: &Range<usize>) -> bool {
        match *self {
            GradientView::Empty => false,
            GradientView::Dense { start, segments } => {
                !overlap(range, &covered(start, segments)).is_empty()
            }
            GradientView::Sparse { coordinates, .. } => !within(coordinates, range).is_empty(),
        }
    }
}

/// Judges whether `range` lies in a shard of `len` elements.
///
/// # Errors
/// [`AddressError::OutOfRange`].
pub fn check_range(range: &Range<usize>, len: usize) -> Result<(), AddressError> {
    if range.start <= range.end && range.end <= len {
        Ok(())
    } else {
        Err(AddressError::OutOfRange {
            last: range.start.max(range.end.saturating_sub(1)),
            len,
        })
    }
}

/// Judges whether `coordinates` are strictly increasing elements of a shard of `len` elements.
///
/// # Errors
/// [`AddressError`].
pub fn check_coordinates(coordinates: &[u32], len: usize) -> Result<(), AddressError> {
    if let Some(at) = coordinates.windows(2).position(|pair| pair[1] <= pair[0]) {
        let (before, found) = (coordinates[at], coordinates[at + 1]);
        return Err(AddressError::Unsorted {
            position: at + 1,
            before,
            found,
        });
    }
    match coordinates.last() {
        Some(&last) if len <= last as usize => Err(AddressError::OutOfRange {
            last: last as usize,
            len,
        }),
        _ => Ok(()),
    }
}

fn check_dense(start: usize, segments: &[&[u8]], len: usize) -> Result<(), GradientError> {
    if let Some(segment) = segments.iter().position(|bytes| bytes.len() % 4 != 0) {
        return Err(GradientError::Torn {
            segment,
            bytes: segments[segment].len(),
        });
    }
    Ok(check_range(&covered(start, segments), len)?)
}

fn check_sparse(coordinates: &[u32], values: &[u8], len: usize) -> Result<(), GradientError> {
    if values.len() != 4 * coordinates.len() {
        let (coordinates, bytes) = (coordinates.len(), values.len());
        return Err(GradientError::Unpaired { coordinates, bytes });
    }
    Ok(check_coordinates(coordinates, len)?)
}

/// The elements that dense segments have values for.
pub(super) fn covered(start: usize, segments: &[&[u8]]) -> Range<usize> {
    let count: usize = segments.iter().map(|bytes| bytes.len() / 4).sum();
    start..start.saturating_add(count)
}

/// The part of each dense segment that lies in `range`, with its first element.
pub(super) fn pieces<'a>(
    start: usize,
    segments: &'a [&'a [u8]],
    range: &Range<usize>,
) -> impl Iterator<Item = (usize, &'a [u8])> {
    let range = range.clone();
    segments
        .iter()
        .scan(start, |next, bytes| {
            let first = *next;
            *next += bytes.len() / 4;
            Some((first..*next, *bytes))
        })
        .map(move |(elements, bytes)| {
            let inside = overlap(&elements, &range);
            let from = inside.start - elements.start;
            (inside.start, &bytes[4 * from..4 * (from + inside.len())])
        })
        .filter(|(_, bytes)| !bytes.is_empty())
}

/// Shows each value with its element.
pub(super) fn each_value(gradient: GradientView<'_>, mut show: impl FnMut(usize, f32)) {
    match gradient {
        GradientView::Empty => {}
        GradientView::Dense { start, segments } => {
            let values = segments.iter().flat_map(|bytes| bytes.as_chunks::<4>().0);
            for (element, bytes) in (start..).zip(values) {
                show(element, f32::from_le_bytes(*bytes));
            }
        }
        GradientView::Sparse {
            coordinates,
            values,
        } => {
            for (&coordinate, bytes) in coordinates.iter().zip(values.as_chunks::<4>().0) {
                show(coordinate as usize, f32::from_le_bytes(*bytes));
            }
        }
    }
}

/// Adds a difference to parameters.
pub(super) fn add_to<F: Real>(x: &mut [F], delta: GradientView<'_>) {
    each_value(delta, |element, value| {
        x[element] = x[element] + F::from_f32(value);
    });
}

/// Replaces parameters.
///
/// # Panics
/// Unless there is a value for every one.
pub(super) fn overwrite<F: Real>(x: &mut [F], values: &[f32]) {
    assert_eq!(values.len(), x.len(), "a value for every parameter");
    for (x, value) in x.iter_mut().zip(values) {
        *x = F::from_f32(*value);
    }
}

/// Computes `scale` times each value, f32, little-endian.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512cd+avx512dq+avx512vl", "x86_64+avx2"))]
pub(super) fn decode<F: Real>(bytes: &[u8], scale: F, out: &mut [F]) {
    let (values, _) = bytes.as_chunks::<4>();
    for (out, bytes) in out.iter_mut().zip(values) {
        *out = scale * F::from_f32(f32::from_le_bytes(*bytes));
    }
}

/// Reads what was read of elements, `bytes` of each, as doubles.
pub(super) fn decode_at_read(values: &[u8], bytes: usize, out: &mut Vec<f64>) {
    out.clear();
    if bytes == size_of::<f32>() {
        let (values, _) = values.as_chunks::<4>();
        out.extend(values.iter().map(|x| f64::from(f32::from_le_bytes(*x))));
    } else {
        let (values, _) = values.as_chunks::<8>();
        out.extend(values.iter().map(|x| f64::from_le_bytes(*x)));
    }
}

/// The elements of both ranges; empty, but inside `a`, if there are none.
pub(super) fn overlap(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let start = b.start.clamp(a.start, a.end);
    start..b.end.clamp(start, a.end)
}

/// Where the sorted `coordinates` that lie in `range` stand in their list.
pub(super) fn within(coordinates: &[u32], range: &Range<usize>) -> Range<usize> {
    let before = |bound: usize| coordinates.partition_point(|&c| (c as usize) < bound);
    before(range.start)..before(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(start: usize, segments: &[&[u8]]) -> Result<(), GradientError> {
        GradientView::Dense { start, segments }.check(10)
    }

    fn sparse(coordinates: &[u32], values: &[u8]) -> Result<(), GradientError> {
        GradientView::Sparse {
            coordinates,
            values,
        }
        .check(10)
    }

    #[test]
    fn what_fits_is_accepted() {
        assert_eq!(dense(8, &[&[0; 4], &[], &[0; 4]]), Ok(()));
        assert_eq!(dense(10, &[]), Ok(()));
        assert_eq!(sparse(&[0, 3, 9], &[0; 12]), Ok(()));
        assert_eq!(sparse(&[], &[]), Ok(()));
        assert_eq!(GradientView::Empty.check(0), Ok(()));
    }

    #[test]
    fn a_torn_value_is_refused_with_its_segment() {
        assert_eq!(
            dense(0, &[&[0; 4], &[0; 6]]),
            Err(GradientError::Torn {
                segment: 1,
                bytes: 6
            })
        );
    }

    #[test]
    fn a_gradient_that_reaches_behind_the_shard_is_refused() {
        let behind = GradientError::from(AddressError::OutOfRange { last: 10, len: 10 });
        assert_eq!(dense(9, &[&[0; 8]]), Err(behind.clone()));
        assert_eq!(sparse(&[10], &[0; 4]), Err(behind));
        assert!(dense(usize::MAX, &[&[0; 8]]).is_err());
    }

    #[test]
    fn pieces_are_the_values_of_a_range_wherever_segments_are_cut() {
        let bytes: Vec<u8> = (0..40).collect();
        let segments = [&bytes[..8], &bytes[8..8], &bytes[8..32], &bytes[32..]];
        for range in [0..0, 0..3, 3..12, 5..6, 7..15, 12..13, 20..30] {
            let mut next = range.start.max(3);
            for (start, piece) in pieces(3, &segments, &range) {
                assert_eq!(start, next);
                assert_eq!(piece, &bytes[4 * (start - 3)..][..piece.len()]);
                next += piece.len() / 4;
            }
            assert_eq!(next, range.end.min(13).max(range.start.max(3)), "{range:?}");
        }
    }

    #[test]
    fn coordinates_must_increase_and_have_one_value_each() {
        let unsorted = AddressError::Unsorted {
            position: 2,
            before: 5,
            found: 5,
        };
        assert_eq!(sparse(&[1, 5, 5], &[0; 12]), Err(unsorted.into()));
        let unpaired = GradientError::Unpaired {
            coordinates: 2,
            bytes: 4,
        };
        assert_eq!(sparse(&[1, 5], &[0; 4]), Err(unpaired));
    }
}
