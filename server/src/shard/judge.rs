//! The judgement of a part: everything that could be wrong with it is found before any of it
//! changes a parameter.

use std::borrow::Cow;

use thalweg_common::error::{Refusal, RefusalKind};
use thalweg_common::ids::ShardId;
use thalweg_common::message::{Address, Part, Payload, PushHeader};
use thalweg_common::non_finite::NonFinite;
use thalweg_common::optimizer::{AtRead, check_coordinates, check_range, first_non_finite};
use thalweg_common::push_format::PushFormat;

use super::Shard;

/// Judges a part's header and address against the shard.
pub(super) fn part(at: &Shard, header: &PushHeader, part: &Part) -> Result<(), Refusal> {
    let (shard, version) = (at.id, at.version);
    if part.kind != at.pushes && !part.address.is_empty() {
        return Err(Refusal::new(
            RefusalKind::Unsupported,
            format!(
                "the methods of this job push {}s; shard {shard} got a {}",
                at.pushes, part.kind
            ),
        ));
    }
    if PushFormat::of(part.dtype, part.codec) != Some(at.format) && !part.address.is_empty() {
        return Err(Refusal::new(
            RefusalKind::Unsupported,
            format!(
                "pushes of this job are {}, {} with {}; shard {shard} got {} with {}",
                at.format,
                at.format.dtype(),
                at.format.codec(),
                part.dtype,
                part.codec
            ),
        ));
    }
    address(shard, &part.address, at.store.len())?;
    if header.weight == 0 && !part.address.is_empty() {
        return Err(Refusal::invalid(format!(
            "the part for shard {shard} carries values but its push weighs 0 examples; state the \
             number of examples behind the gradient"
        )));
    }
    if version < part.version_read {
        return Err(Refusal::invalid(format!(
            "the part says it read version {} of shard {shard}, which is at version {version}",
            part.version_read
        )));
    }
    Ok(())
}

/// Judges what a part says of its worker's read, in one piece: one finite value for each element.
pub(super) fn at_read(
    shard: ShardId,
    part: &Part,
    (rule, bytes): (AtRead, &[u8]),
) -> Result<(), Refusal> {
    let (found, each) = (bytes.len(), rule.bytes());
    let expected = part.address.len() * each;
    if found != expected {
        return Err(Refusal::invalid(format!(
            "the part for shard {shard} names {} elements, {expected} bytes of values at read of {each} \
             bytes each, but carries {found} bytes",
            part.address.len()
        )));
    }
    let finite = match rule {
        AtRead::Sum => {
            let (values, _) = bytes.as_chunks::<8>();
            values.iter().all(|x| f64::from_le_bytes(*x).is_finite())
        }
        AtRead::Parameter | AtRead::Nothing => first_non_finite(bytes).is_none(),
    };
    if finite {
        return Ok(());
    }
    Err(Refusal::new(
        RefusalKind::NonFinite,
        format!(
            "a value at read of the part for shard {shard} is NaN or infinite; send back what was read"
        ),
    ))
}

/// Judges an address against a shard of `len` elements.
pub(super) fn address(shard: ShardId, address: &Address, len: usize) -> Result<(), Refusal> {
    let judged = match address {
        Address::Range(range) => check_range(&(range.start as usize..range.end as usize), len),
        Address::Coordinates(coordinates) => check_coordinates(coordinates.as_slice(), len),
        Address::Rows { table, .. } => {
            return Err(Refusal::new(
                RefusalKind::Unsupported,
                format!(
                    "rows of a table by key (table {table}) are reserved in this protocol version; \
                     address shard {shard} by an element range or a coordinate list"
                ),
            ));
        }
    };
    judged.map_err(|error| Refusal::invalid(format!("shard {shard}: {error}")))
}

/// Reads the values of a part whose address was judged, so that they are as many as it names and no
/// more than the shard holds: f32 from here on.
pub(super) fn decoded<'a>(
    shard: ShardId,
    part: &'a Part,
    format: PushFormat,
) -> Result<Cow<'a, Payload>, Refusal> {
    format
        .decode(&part.payload, part.address.len())
        .map_err(|flaw| Refusal::invalid(format!("the part for shard {shard} {flaw}")))
}

/// Judges the values by the policy and returns them as they are to be applied.
pub(super) fn values<'a>(
    shard: ShardId,
    address: &Address,
    payload: Cow<'a, Payload>,
    policy: NonFinite,
) -> Result<Cow<'a, Payload>, Refusal> {
    if policy == NonFinite::Propagate {
        return Ok(payload);
    }
    let mut before = 0;
    for segment in payload.segments() {
        if let Some(at) = first_non_finite(segment) {
            return match policy {
                NonFinite::Zero => Ok(Cow::Owned(zeroed(&payload))),
                _ => Err(non_finite(shard, address, &payload, before + at)),
            };
        }
        before += segment.len() / Payload::VALUE_BYTES;
    }
    Ok(payload)
}

fn zeroed(payload: &Payload) -> Payload {
    let values: Vec<f32> = payload
        .iter()
        .map(|value| if value.is_finite() { value } else { 0.0 })
        .collect();
    Payload::from_values(&values)
}

fn non_finite(shard: ShardId, address: &Address, payload: &Payload, position: usize) -> Refusal {
    let value = payload.iter().nth(position).unwrap_or(f32::NAN);
    let element = match address {
        Address::Coordinates(coordinates) => coordinates.as_slice()[position] as usize,
        Address::Range(range) => range.start as usize + position,
        Address::Rows { .. } => position,
    };
    Refusal::new(
        RefusalKind::NonFinite,
        format!(
            "the gradient of element {element} of shard {shard} is {value}; expected finite values. \
             Lower the learning rate or look at the data; [train] non_finite = \"zero\" counts such \
             values as 0, \"propagate\" lets them through"
        ),
    )
}
