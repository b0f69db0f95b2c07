//! A judged part as an optimizer sees it.

use std::borrow::Cow;

use thalweg_common::message::{Address, Payload};
use thalweg_common::optimizer::GradientView;

/// Shows a judged part as an optimizer sees it.
pub(super) fn with_view(address: &Address, payload: &Payload, show: impl FnOnce(GradientView<'_>)) {
    let segments: Vec<&[u8]> = payload.segments().iter().map(|bytes| &bytes[..]).collect();
    let joined;
    show(match address {
        _ if address.is_empty() => GradientView::Empty,
        Address::Range(range) => GradientView::Dense {
            start: range.start as usize,
            segments: &segments,
        },
        Address::Coordinates(coordinates) => {
            joined = join(&segments);
            GradientView::Sparse {
                coordinates: coordinates.as_slice(),
                values: &joined,
            }
        }
        Address::Rows { .. } => unreachable!("rows were refused by the judge"),
    });
}

pub(super) fn join<'a>(segments: &[&'a [u8]]) -> Cow<'a, [u8]> {
    match segments {
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.concat()),
    }
}
