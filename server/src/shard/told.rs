//! What a worker had read when it computed a gradient: told with the read, or kept here, and needed with
//! the push by rules that correct for what was missed.

use std::borrow::Cow;
use std::sync::Arc;

use thalweg_common::error::Refusal;
use thalweg_common::ids::ShardId;
use thalweg_common::message::{Address, Part, Payload, PushHeader};
use thalweg_common::optimizer::{AtRead, AtReadView, Store};

use super::view::joined;
use super::{PINS_PER_SESSION_MAX, ReadBy, Shard, judge};

/// What a part says of its worker's read.
#[derive(Debug)]
pub(super) enum ToldAtRead<'a> {
    AsItIs,
    Echoed(Cow<'a, [u8]>),
    Pinned(Arc<[u8]>),
}

impl ToldAtRead<'_> {
    pub(super) fn view(&self) -> AtReadView<'_> {
        match self {
            Self::AsItIs => AtReadView::AsItIs,
            Self::Echoed(values) => AtReadView::Echoed(values),
            Self::Pinned(values) => AtReadView::Pinned(values),
        }
    }
}

impl Shard {
    /// What a gradient that is computed at these elements must bring along: nothing, if the rule does
    /// not ask or the shard keeps a copy itself.
    pub(super) fn tell_at_read(&mut self, by: ReadBy, address: &Address) -> Payload {
        if self.at_read == AtRead::Nothing || address.is_empty() {
            return Payload::default();
        }
        let whole = matches!(address, Address::Range(range) if range.len() == self.store.len());
        // A read may still be under way when its session ends: nobody would let a copy go.
        let keeps = whole && self.windows.contains_key(&by.session);
        let store = self.store.as_mut();
        let mut copy = || readable(store, address);
        let hold = (by.session, by.until);
        if keeps && self.pins.pin(hold, self.version, &mut copy) {
            return Payload::default();
        }
        Payload::from_bytes(copy().into())
    }

    /// What the worker of a part had read of its elements, as the rule needs it: what the part brings, or
    /// the shard's own copy.
    ///
    /// # Errors
    /// [`thalweg_common::error::RefusalKind::Invalid`] if it is neither told nor kept, or not one for each
    /// element.
    pub(super) fn told_at_read<'a>(
        &self,
        header: &PushHeader,
        part: &'a Part,
    ) -> Result<ToldAtRead<'a>, Refusal> {
        if self.at_read == AtRead::Nothing || part.address.is_empty() {
            return Ok(ToldAtRead::AsItIs);
        }
        if part.at_read.bytes() != 0 {
            let values = joined(&part.at_read);
            judge::at_read(self.id, part, (self.at_read, &values))?;
            return Ok(ToldAtRead::Echoed(values));
        }
        match self.pins.get(header.session, part.version_read) {
            Some(copy) => Ok(ToldAtRead::Pinned(copy)),
            None if part.version_read == self.version => Ok(ToldAtRead::AsItIs),
            None => Err(nothing_told(self.id, part)),
        }
    }
}

/// What the store has at these elements for a worker that reads them now.
fn readable(store: &mut dyn Store<f32>, address: &Address) -> Vec<u8> {
    let mut out = Vec::new();
    let told = match address {
        Address::Range(range) => {
            store.readable_range(range.start as usize..range.end as usize, &mut out)
        }
        Address::Coordinates(coordinates) => {
            store.readable_coordinates(coordinates.as_slice(), &mut out)
        }
        Address::Rows { .. } => unreachable!("rows were refused by the judge"),
    };
    told.expect("the address was judged");
    out
}

fn nothing_told(shard: ShardId, part: &Part) -> Refusal {
    Refusal::invalid(format!(
        "the part for shard {shard} was computed at version {} and does not say what was read there, \
         which the job's optimizer must know; send the read's value_at_read back with the gradient \
         (the shard itself keeps whole reads only, {PINS_PER_SESSION_MAX} per session)",
        part.version_read
    ))
}
