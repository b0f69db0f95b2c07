//! Pulls: what is asked.

use std::time::Duration;

use thalweg_common::ids::{Clock, Generation, SessionId, ShardId, WorkerId};
use thalweg_common::message::{Address, Pull, PullPart};

use super::address::{self, WireAddress};
use super::section::{Missing, Opened, Section, SectionKind};
use super::{ConvertError, field};
use crate::v1;
use crate::v1::pull_part::Address as PartAddress;

/// Writes a pull without coordinates, and lists them.
pub(crate) fn split(pull: &Pull) -> (v1::Pull, Vec<Section>) {
    let mut sections = Vec::new();
    let parts = pull
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            if let Address::Coordinates(list) = &part.address {
                sections.extend(Section::coordinates(index, list));
            }
            let address = match address::close(&part.address) {
                WireAddress::Range(range) => PartAddress::Range(range),
                WireAddress::Coordinates(list) => PartAddress::Coordinates(list),
                WireAddress::Rows(rows) => PartAddress::Rows(rows),
            };
            v1::PullPart {
                shard: part.shard.0,
                address: Some(address),
            }
        })
        .collect();
    let head = v1::Pull {
        fingerprint: field::fingerprint_bytes(pull.fingerprint),
        generation: pull.generation.0,
        session: pull.session.0,
        worker: pull.worker.0,
        clock: pull.clock.0,
        patience_us: field::micros(pull.patience),
        parts,
    };
    (head, sections)
}

/// Puts a section back into the pull that it was split from.
pub(crate) fn inline(head: &mut v1::Pull, section: Section) {
    match (section.kind, &mut head.parts[section.part].address) {
        (SectionKind::Coordinates, Some(PartAddress::Coordinates(list))) => {
            list.offsets = section.joined();
        }
        (SectionKind::Coordinates | SectionKind::Values | SectionKind::AtRead, _) => {
            unreachable!("a pull is split into coordinates only")
        }
    }
}

/// Reads a pull whose sections may be missing.
pub(crate) fn open(pull: v1::Pull) -> Result<Opened<Pull>, ConvertError> {
    let mut missing = Vec::new();
    let mut parts = Vec::with_capacity(pull.parts.len());
    for (index, part) in pull.parts.into_iter().enumerate() {
        let part =
            read_part(part, index, &mut missing).map_err(|error| error.at("parts", index))?;
        parts.push(part);
    }
    field::distinct_shards(parts.iter().map(|part| part.shard), "parts")?;
    let message = Pull {
        fingerprint: field::fingerprint("fingerprint", &pull.fingerprint)?,
        generation: Generation(pull.generation),
        session: SessionId(pull.session),
        worker: WorkerId(pull.worker),
        clock: Clock(pull.clock),
        patience: Duration::from_micros(pull.patience_us),
        parts,
    };
    Ok(Opened { message, missing })
}

fn read_part(
    part: v1::PullPart,
    index: usize,
    missing: &mut Vec<Missing>,
) -> Result<PullPart, ConvertError> {
    let names = "a range, coordinates or rows; an empty range asks only for the version";
    let open = match field::required("address", part.address, names)? {
        PartAddress::Range(range) => address::open(WireAddress::Range(range))?,
        PartAddress::Coordinates(list) => address::open(WireAddress::Coordinates(list))?,
        PartAddress::Rows(rows) => address::open(WireAddress::Rows(rows))?,
    };
    Ok(PullPart {
        shard: ShardId(part.shard),
        address: address::place(open, index, missing),
    })
}

impl From<&Pull> for v1::Pull {
    /// With everything inline.
    fn from(pull: &Pull) -> Self {
        let (mut head, sections) = split(pull);
        for section in sections {
            inline(&mut head, section);
        }
        head
    }
}

impl TryFrom<v1::Pull> for Pull {
    type Error = ConvertError;

    /// Everything must be inline.
    fn try_from(pull: v1::Pull) -> Result<Self, ConvertError> {
        open(pull)?.whole()
    }
}
