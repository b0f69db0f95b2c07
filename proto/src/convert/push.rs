//! Pushes: header and parts.

use bytes::Bytes;
use thalweg_common::ids::{Clock, Generation, Sequence, SessionId, ShardId, Version, WorkerId};
use thalweg_common::message::{Address, DataRange, Part, Push, PushHeader};

use super::address::{self, OpenAddress, WireAddress};
use super::form::Form;
use super::section::{self, Missing, Opened, Section, SectionKind};
use super::{ConvertError, field};
use crate::v1;
use crate::v1::part::Address as PartAddress;

/// Writes a push without coordinates and values, and lists them.
pub(crate) fn split(push: &Push) -> (v1::Push, Vec<Section>) {
    let header = &push.header;
    let form = push.parts.first().map(Form::from);
    let mut sections = Vec::new();
    let parts = push
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            if let Address::Coordinates(list) = &part.address {
                sections.extend(Section::coordinates(index, list));
            }
            sections.extend(Section::values(index, &part.payload));
            sections.extend(Section::at_read(index, &part.at_read));
            write_part(part, form)
        })
        .collect();
    let head = v1::Push {
        fingerprint: field::fingerprint_bytes(header.fingerprint),
        generation: header.generation.0,
        session: header.session.0,
        worker: header.worker.0,
        clock: header.clock.0,
        weight: header.weight,
        loss_sum: header.loss_sum,
        ranges: header.ranges.iter().map(v1::DataRange::from).collect(),
        form: form.map(v1::Form::from),
        parts,
        rate_factor: field::rate_factor_out(header.rate_factor),
    };
    (head, sections)
}

fn write_part(part: &Part, common: Option<Form>) -> v1::Part {
    let form = Form::from(part);
    let address = match address::close(&part.address) {
        WireAddress::Range(range) if part.address == Address::NONE => {
            debug_assert_eq!(range.count, 0);
            None
        }
        WireAddress::Range(range) => Some(PartAddress::Range(range)),
        WireAddress::Coordinates(list) => Some(PartAddress::Coordinates(list)),
        WireAddress::Rows(rows) => Some(PartAddress::Rows(rows)),
    };
    v1::Part {
        shard: part.shard.0,
        sequence: part.sequence.0,
        version_read: part.version_read.0,
        form: (Some(form) != common).then(|| form.into()),
        address,
        payload_bytes: part.payload.bytes() as u64,
        payload: Bytes::new(),
        value_at_read: Bytes::new(),
        value_at_read_bytes: part.at_read.bytes() as u64,
    }
}

/// Puts a section back into the push that it was split from.
pub(crate) fn inline(head: &mut v1::Push, section: Section) {
    let part = &mut head.parts[section.part];
    match (section.kind, &mut part.address) {
        (SectionKind::Coordinates, Some(PartAddress::Coordinates(list))) => {
            list.offsets = section.joined();
        }
        (SectionKind::Coordinates, _) => {
            unreachable!("only a list of coordinates is split into coordinates")
        }
        (SectionKind::Values, _) => part.payload = section.joined(),
        (SectionKind::AtRead, _) => part.value_at_read = section.joined(),
    }
}

/// Reads a push whose sections may be missing.
pub(crate) fn open(push: v1::Push) -> Result<Opened<Push>, ConvertError> {
    let form = push
        .form
        .map(Form::try_from)
        .transpose()
        .map_err(|error| error.within("form"))?;
    if push.parts.is_empty() {
        let expected = "a part for every shard of the server";
        return Err(ConvertError::invalid("parts", expected, "none"));
    }
    let mut missing = Vec::new();
    let mut parts = Vec::with_capacity(push.parts.len());
    for (index, part) in push.parts.into_iter().enumerate() {
        let part =
            read_part(part, index, form, &mut missing).map_err(|error| error.at("parts", index))?;
        parts.push(part);
    }
    field::distinct_shards(parts.iter().map(|part| part.shard), "parts")?;
    let mut ranges = Vec::with_capacity(push.ranges.len());
    for (index, range) in push.ranges.into_iter().enumerate() {
        ranges.push(DataRange::try_from(range).map_err(|error| error.at("ranges", index))?);
    }
    let header = PushHeader {
        fingerprint: field::fingerprint("fingerprint", &push.fingerprint)?,
        generation: Generation(push.generation),
        session: SessionId(push.session),
        worker: WorkerId(push.worker),
        clock: Clock(push.clock),
        weight: push.weight,
        loss_sum: push.loss_sum,
        rate_factor: field::rate_factor_in(push.rate_factor)?,
        ranges,
    };
    Ok(Opened {
        message: Push { header, parts },
        missing,
    })
}

fn read_part(
    part: v1::Part,
    index: usize,
    common: Option<Form>,
    missing: &mut Vec<Missing>,
) -> Result<Part, ConvertError> {
    let own = part
        .form
        .map(Form::try_from)
        .transpose()
        .map_err(|error| error.within("form"))?;
    let form = field::required(
        "form",
        own.or(common),
        "kind, dtype and codec, here or once in the push",
    )?;
    if part.sequence < Sequence::FIRST.0 {
        return Err(ConvertError::invalid(
            "sequence",
            "a number from 1",
            part.sequence,
        ));
    }
    let open = match part.address {
        None => OpenAddress::Whole(Address::NONE),
        Some(PartAddress::Range(range)) => address::open(WireAddress::Range(range))?,
        Some(PartAddress::Coordinates(list)) => address::open(WireAddress::Coordinates(list))?,
        Some(PartAddress::Rows(rows)) => address::open(WireAddress::Rows(rows))?,
    };
    let elements = open.elements().map(|elements| (elements, form.format()));
    let address = address::place(open, index, missing);
    let (payload, rest) = section::open_values(index, part.payload_bytes, part.payload, elements)?;
    missing.extend(rest);
    let (at_read, rest) =
        section::open_at_read(index, part.value_at_read_bytes, part.value_at_read)?;
    missing.extend(rest);
    Ok(Part {
        shard: ShardId(part.shard),
        sequence: Sequence(part.sequence),
        version_read: Version(part.version_read),
        kind: form.kind,
        dtype: form.dtype,
        codec: form.codec,
        address,
        payload,
        at_read,
    })
}

impl From<&Push> for v1::Push {
    /// With everything inline.
    fn from(push: &Push) -> Self {
        let (mut head, sections) = split(push);
        for section in sections {
            inline(&mut head, section);
        }
        head
    }
}

impl TryFrom<v1::Push> for Push {
    type Error = ConvertError;

    /// Everything must be inline.
    fn try_from(push: v1::Push) -> Result<Self, ConvertError> {
        open(push)?.whole()
    }
}

impl From<&DataRange> for v1::DataRange {
    fn from(range: &DataRange) -> Self {
        Self {
            epoch: range.epoch,
            start: range.start,
            end: range.end,
            checksum: range.checksum,
        }
    }
}

impl TryFrom<v1::DataRange> for DataRange {
    type Error = ConvertError;

    fn try_from(range: v1::DataRange) -> Result<Self, ConvertError> {
        field::ordered(range.start, range.end)?;
        Ok(Self {
            epoch: range.epoch,
            start: range.start,
            end: range.end,
            checksum: range.checksum,
        })
    }
}
