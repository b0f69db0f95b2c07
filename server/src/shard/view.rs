//! A judged part as an optimizer sees it.

use std::borrow::Cow;

use thalweg_common::message::{Address, Payload};
use thalweg_common::optimizer::GradientView;

/// Shows a judged part as an optimizer sees it.
pub(super) fn with_view(address: &Address, payload: &Payload, show: impl FnOnce(GradientView<'_>)) {
    match address {
        _ if address.is_empty() => show(GradientView::Empty),
        Address::Range(range) => {
            let segments: Vec<&[u8]> = payload.segments().iter().map(|s| &s[..]).collect();
            show(GradientView::Dense {
                start: range.start as usize,
                segments: &segments,
            });
        }
        Address::Coordinates(coordinates) => show(GradientView::Sparse {
            coordinates: coordinates.as_slice(),
            values: &joined(payload),
        }),
        Address::Rows { .. } => unreachable!("rows were refused by the judge"),
    }
}

/// What a payload holds in one piece, which it nearly always is already.
pub(super) fn joined(payload: &Payload) -> Cow<'_, [u8]> {
    match payload.segments() {
        [one] => Cow::Borrowed(one),
        many => Cow::Owned(many.concat()),
    }
}
