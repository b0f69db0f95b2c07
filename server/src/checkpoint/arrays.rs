//! A shard's arrays as the bytes of a safetensors file, and back.
//!
//! `param` and `slot.NAME` are the columns, in f32. A part that waited for its round has its values in
//! `pending.N.values` and, unless its elements are a run, their places in `pending.N.coordinates`.

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use thalweg_common::ids::{ShardId, Version};
use thalweg_common::message::{Address, Coordinates};

use super::manifest::{PendingEntry, ShardEntry, hash_of, shard_file};
use crate::saved::{Column, SavedPart, SavedShard, bits};

/// The column that is judged to be finite.
const PARAMETERS: &str = "param";

/// The bytes of a shard's file, and what the manifest says of it.
///
/// # Errors
/// If a parameter is no number, or the arrays cannot be written, in words.
pub(super) fn encode(shard: &SavedShard) -> Result<(Vec<u8>, ShardEntry), String> {
    judge_finite(&shard.columns)?;
    let mut arrays: Vec<(String, Dtype, Vec<u8>)> = Vec::new();
    for column in &shard.columns {
        arrays.push((column.name.clone(), Dtype::F32, floats(&column.values)));
    }
    let mut pending = Vec::new();
    for (number, part) in shard.pending.iter().enumerate() {
        arrays.push((values_name(number), Dtype::F32, floats(&part.values)));
        let range = match &part.address {
            Address::Range(range) => Some((range.start, range.end)),
            Address::Coordinates(list) => {
                let places = list.as_slice().iter().flat_map(|at| at.to_le_bytes());
                arrays.push((places_name(number), Dtype::U32, places.collect()));
                None
            }
            Address::Rows { .. } => return Err("a part of rows of a table".to_owned()),
        };
        pending.push(PendingEntry {
            worker: part.worker,
            weight: part.weight,
            rate_factor: bits(part.rate_factor),
            scale: bits(part.scale),
            staleness: part.staleness,
            range,
        });
    }
    let views: Result<Vec<_>, _> = arrays
        .iter()
        .map(|(name, dtype, bytes)| {
            let view = TensorView::new(*dtype, vec![bytes.len() / 4], bytes)?;
            Ok::<_, safetensors::SafeTensorError>((name.as_str(), view))
        })
        .collect();
    let written = views.and_then(|views| safetensors::serialize(views, None));
    let bytes = written.map_err(|error| error.to_string())?;
    let entry = ShardEntry {
        shard: shard.shard.0,
        file: shard_file(shard.shard),
        bytes: bytes.len() as u64,
        hash: hash_of(&bytes),
        version: shard.version.0,
        progress: shard.progress,
        pending,
    };
    Ok((bytes, entry))
}

/// The shard in the bytes of its file.
///
/// # Errors
/// What is wrong with them, in words.
pub(super) fn decode(bytes: &[u8], entry: &ShardEntry) -> Result<SavedShard, String> {
    if bytes.len() as u64 != entry.bytes {
        let (found, expected) = (bytes.len(), entry.bytes);
        return Err(format!("it has {found} bytes, expected {expected}"));
    }
    let hash = hash_of(bytes);
    if hash != entry.hash {
        let expected = &entry.hash;
        return Err(format!("its hash is {hash}, expected {expected}"));
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let array = |name: &str, dtype: Dtype| -> Result<Vec<[u8; 4]>, String> {
        let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
        match (tensor.dtype() == dtype, tensor.data().as_chunks::<4>()) {
            (true, (words, [])) => Ok(words.to_vec()),
            (true, _) | (false, _) => Err(format!("`{name}` is not of {dtype:?}")),
        }
    };
    let floats = |name: &str| -> Result<Vec<f32>, String> {
        let words = array(name, Dtype::F32)?;
        Ok(words.into_iter().map(f32::from_le_bytes).collect())
    };
    // The file lists its arrays by name, the shard wants the parameters first and slots as they stand in
    // the file of a shard of the same optimizer.
    let mut columns = vec![Column {
        name: PARAMETERS.to_owned(),
        values: floats(PARAMETERS)?,
    }];
    let mut slots: Vec<&str> = tensors.names().into_iter().collect();
    slots.retain(|name| name.starts_with("slot."));
    slots.sort_unstable();
    for name in slots {
        columns.push(Column {
            name: name.to_owned(),
            values: floats(name)?,
        });
    }
    judge_finite(&columns)?;
    let mut pending = Vec::new();
    for (number, part) in entry.pending.iter().enumerate() {
        let address = match part.range {
            Some((start, end)) => Address::Range(start..end),
            None => {
                let places = array(&places_name(number), Dtype::U32)?;
                let places: Vec<u32> = places.into_iter().map(u32::from_le_bytes).collect();
                Address::Coordinates(Coordinates::new(places).map_err(|error| error.to_string())?)
            }
        };
        pending.push(SavedPart {
            worker: part.worker,
            weight: part.weight,
            rate_factor: f64::from_bits(part.rate_factor),
            scale: f64::from_bits(part.scale),
            staleness: part.staleness,
            address,
            values: floats(&values_name(number))?,
        });
    }
    Ok(SavedShard {
        shard: ShardId(entry.shard),
        version: Version(entry.version),
        progress: entry.progress,
        columns,
        pending,
    })
}

/// A model that has diverged is nothing to return to.
fn judge_finite(columns: &[Column]) -> Result<(), String> {
    let parameters = columns.iter().filter(|column| column.name == PARAMETERS);
    for column in parameters {
        if let Some(at) = column.values.iter().position(|x| !x.is_finite()) {
            let value = column.values[at];
            return Err(format!("element {at} of its parameters is {value}"));
        }
    }
    Ok(())
}

fn values_name(number: usize) -> String {
    format!("pending.{number}.values")
}

fn places_name(number: usize) -> String {
    format!("pending.{number}.coordinates")
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
