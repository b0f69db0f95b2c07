//! The training rows as one file that goes to another machine: a cache of the rows themselves, whatever
//! they were read from.

use std::{path::Path, sync::Arc};

use super::{
    CachePlan, CacheWriter, MEMORY_MB, cache_error,
    identity::Identity,
    open::{Found, open},
};
use crate::data::{
    DataError, Dataset, Encoding, Rows, Target, Task, encoding::Scaling, in_memory::Columns,
};

/// Rows that are read from the data set at once.
const PIECE_ROWS: u64 = 4_096;

/// Writes all rows of a data set into a file.
///
/// # Errors
/// [`DataError`] if the file cannot be written, or the rows are a stream, which has no last one.
pub fn export_rows(data: &dyn Dataset, path: &Path) -> Result<(), DataError> {
    if data.is_streamed() {
        return Err(cache_error(
            path,
            "expected rows that are all there, found a stream; its workers run where `thalweg train` \
             reads it"
                .into(),
        ));
    }
    let plan = plan(path, data.content_hash());
    let mut writer = CacheWriter::create(&plan, &encoding_of(data))?;
    let mut rows = Rows::new();
    let mut start = 0;
    while start < data.rows() {
        let end = data.rows().min(start + PIECE_ROWS);
        let numbers: Vec<u64> = (start..end).collect();
        data.fill(&numbers, &mut rows);
        if start == 0 {
            writer.begin_part(rows.weights().is_some());
        }
        writer.push(&Columns::of_rows(&rows))?;
        start = end;
    }
    writer.end_part()?;
    writer.finish(&[])
}

/// Opens such a file, which must be of rows with this content hash; what it answers may hash otherwise, as
/// rows that are a part of others do.
///
/// # Errors
/// [`DataError`] if it is damaged or of other rows.
pub fn import_rows(path: &Path, hash: u64) -> Result<Arc<dyn Dataset>, DataError> {
    match open(&plan(path, hash))? {
        Found::Fresh(loaded) => Ok(loaded.train),
        Found::Nothing | Found::Stale(_) => Err(cache_error(
            path,
            "expected the training rows of the job, found others; start the worker again".into(),
        )),
    }
}

fn plan(path: &Path, hash: u64) -> CachePlan {
    CachePlan {
        path: path.to_owned(),
        identity: Identity::of_rows(hash),
        memory_bytes: usize::try_from(MEMORY_MB << 20).unwrap_or(usize::MAX),
    }
}

/// As much of an encoding as the rows themselves say.
#[expect(
    clippy::cast_precision_loss,
    reason = "at most 2^24 classes, which f32 has exactly"
)]
fn encoding_of(data: &dyn Dataset) -> Encoding {
    Encoding {
        dataset: "rows".into(),
        features: data.features(),
        target_name: None,
        target: match data.task() {
            Task::Real => Target::Real,
            Task::Binary => Target::Numbers(vec![-1.0, 1.0]),
            Task::Classes(classes) => {
                Target::Numbers((0..classes).map(|class| class as f32).collect())
            }
        },
        columns: Vec::new(),
        scaling: Scaling::None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::{export_rows, import_rows};
    use crate::data::{Rows, load};

    fn rows(data: &dyn crate::data::Dataset, numbers: &[u64]) -> Rows {
        let mut rows = Rows::new();
        data.fill(numbers, &mut rows);
        rows
    }

    #[test]
    fn rows_of_every_kind_of_data_arrive_as_they_were() {
        let folder = TempDir::new().unwrap();
        let csv = folder.path().join("a.csv");
        let line = |row: u32| format!("{},c{},{}\n", row * 7 % 13, row % 4, row % 3);
        let text: String = (0..9_000).map(line).collect();
        fs::write(&csv, format!("x,z,y\n{text}")).unwrap();
        let train = format!("train = '{}'\nholdout = 0.25\ntarget = 'y'", csv.display());
        for (name, keys) in [
            ("csv", train.as_str()),
            ("flights", ""),
            ("steady", "rows = 5000\nfeatures = 300"),
        ] {
            let data = load(name, &keys.parse().unwrap(), folder.path()).unwrap();
            let data = data.train.as_ref();
            let path = folder.path().join(name);
            export_rows(data, &path).unwrap();
            let there = import_rows(&path, data.content_hash()).unwrap();
            assert_eq!(
                (there.rows(), there.features(), there.task()),
                (data.rows(), data.features(), data.task())
            );
            let numbers = [0, data.rows() - 1, 4_097, 4_095, 17];
            assert_eq!(rows(&*there, &numbers), rows(data, &numbers), "{name}");
            let error = import_rows(&path, 1).unwrap_err().to_string();
            assert!(error.contains("found others"), "{error}");
        }
    }
}
