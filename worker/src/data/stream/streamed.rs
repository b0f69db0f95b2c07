//! The rows of a stream as a data set: the head from memory, all others from segments.

use std::{path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use toml::Table;

use super::segments::Segments;
use crate::data::{
    DataError, Dataset, Encoding, Field, Files, Ideal, LabelsIn, Rows, Task,
    registry::{self, Reopening},
};

/// Segments that are kept: batches come in order, and several may lie in between two of one worker.
const HELD_MAX: usize = 4;

/// Rows that arrive while they are trained on.
#[derive(Debug)]
pub(super) struct Streamed {
    segments: Segments,
    head: Arc<dyn Dataset>,
    encoding: Encoding,
    /// The `[data]` table of the head.
    table: Table,
    /// The last segments in use, by their first row, the last used one at the end.
    held: Mutex<Vec<(u64, Arc<dyn Dataset>)>>,
}

/// Why a row that was offered cannot be read.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("row {row} is in none of the segments in {}", folder.display())]
    Row { row: u64, folder: PathBuf },
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Data(#[from] DataError),
}

impl Streamed {
    pub(super) fn new(
        segments: Segments,
        head: Arc<dyn Dataset>,
        encoding: Encoding,
        table: Table,
    ) -> Self {
        Self {
            segments,
            head,
            encoding,
            table,
            held: Mutex::default(),
        }
    }

    /// The rows among which this one is, and the number of the first.
    fn around(&self, row: u64) -> Result<(u64, Arc<dyn Dataset>), Gone> {
        if row < self.head.rows() {
            return Ok((0, Arc::clone(&self.head)));
        }
        let mut held = self.held.lock();
        let has = |(first, rows): &(u64, Arc<dyn Dataset>)| {
            row.checked_sub(*first).is_some_and(|row| row < rows.rows())
        };
        if let Some(place) = held.iter().position(has) {
            let found = held.remove(place);
            held.push(found.clone());
            return Ok(found);
        }
        let firsts = self.segments.list()?;
        let behind = firsts.partition_point(|first| *first <= row);
        let first = behind.checked_sub(1).map(|place| firsts[place]);
        let found = match first {
            Some(first) => (first, self.read(first)?),
            None => return Err(self.gone(row)),
        };
        if !has(&found) {
            return Err(self.gone(row));
        }
        if held.len() == HELD_MAX {
            held.remove(0);
        }
        held.push(found.clone());
        Ok(found)
    }

    fn gone(&self, row: u64) -> Gone {
        let folder = self.segments.folder().to_owned();
        Gone::Row { row, folder }
    }

    fn read(&self, first: u64) -> Result<Arc<dyn Dataset>, DataError> {
        let path = self.segments.path(first);
        read_segment(&path.to_string_lossy(), &self.encoding, &self.table)
    }

    fn append(&self, rows: &[u64], out: &mut Rows) -> Result<(), Gone> {
        let (mut rest, mut piece) = (rows, Rows::new());
        while let Some(row) = rest.first() {
            let (first, segment) = self.around(*row)?;
            let inside = first..first + segment.rows();
            let count = rest.iter().take_while(|row| inside.contains(row)).count();
            let numbers: Vec<_> = rest[..count].iter().map(|row| row - first).collect();
            segment.fill(&numbers, &mut piece);
            for (place, number) in rest[..count].iter().enumerate() {
                let (features, values) = piece.row(place);
                out.push(*number, piece.labels()[place], features, values);
            }
            rest = &rest[count..];
        }
        Ok(())
    }
}

/// Reads a segment in the way in which the head was read.
pub(super) fn read_segment(
    path: &str,
    encoding: &Encoding,
    table: &Table,
) -> Result<Arc<dyn Dataset>, DataError> {
    let reopened = registry::reopen(&Reopening {
        name: &encoding.dataset,
        keys: table,
        encoding,
        files: &Files::new(vec![path.to_owned()]),
        folder: ".".as_ref(),
        labels: LabelsIn::Needed,
    })?;
    Ok(reopened.rows)
}

impl Dataset for Streamed {
    fn rows(&self) -> u64 {
        self.head.rows()
    }

    fn features(&self) -> u64 {
        self.head.features()
    }

    fn task(&self) -> Task {
        self.head.task()
    }

    /// # Panics
    /// When a segment that was offered can no longer be read.
    fn fill(&self, rows: &[u64], out: &mut Rows) {
        out.clear();
        if let Err(gone) = self.append(rows, out) {
            panic!("a row of the stream that was offered cannot be read: {gone}");
        }
    }

    /// That of the head: what follows is not there yet.
    fn content_hash(&self) -> u64 {
        self.head.content_hash()
    }

    fn label_unit(&self) -> f64 {
        self.head.label_unit()
    }

    /// The head and the segments that are held.
    fn memory_bytes(&self) -> u64 {
        let held = self.held.lock();
        let held: u64 = held.iter().map(|(_, rows)| rows.memory_bytes()).sum();
        self.head.memory_bytes() + held
    }

    fn is_streamed(&self) -> bool {
        true
    }

    fn fields(&self) -> &[Field] {
        self.head.fields()
    }

    fn ideal(&self) -> Option<Ideal> {
        None
    }
}
