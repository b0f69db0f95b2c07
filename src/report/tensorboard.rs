//! TensorBoard event files: `tensorboard --logdir runs` shows a run beside others while it trains.
//!
//! ```text
//! record: length u64 | masked CRC of the length u32 | event | masked CRC of the event u32
//! ```
//!
//! The steps of TensorBoard are examples committed here, so that runs with batches of other sizes and
//! other numbers of workers lie on one axis. Tags: `loss/train`, `metric/test/NAME`,
//! `staleness/p50`, `examples_per_second`.
//!
//! Source: `tensorflow/core/util/event.proto` and `lib/io/record_writer.h`; the mask is
//! `((crc >> 15) | (crc << 17)) + 0xa282ead8`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::{EvaluationPoint, FileError};
use crate::view::{ClusterView, Staleness};

/// The growing event file of one run.
#[derive(Debug)]
pub struct EventLog {
    file: File,
    path: PathBuf,
}

/// The first event of every file says this.
const FILE_VERSION: &str = "brain.Event:2";

impl EventLog {
    /// Makes the file in the folder of a run. Its name is what TensorBoard looks for.
    pub(super) fn create(folder: &Path, now: SystemTime) -> Result<Self, FileError> {
        let seconds = seconds(now);
        let path = folder.join(format!("events.out.tfevents.{seconds:.0}.thalweg"));
        let file = File::create(&path).map_err(FileError::at(&path))?;
        let mut log = Self { file, path };
        let mut event = Vec::new();
        put_double(&mut event, 1, seconds);
        put_bytes(&mut event, 3, FILE_VERSION.as_bytes());
        log.record(&event)?;
        Ok(log)
    }

    /// Adds an evaluation.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn evaluation(
        &mut self,
        now: SystemTime,
        point: &EvaluationPoint,
    ) -> Result<(), FileError> {
        let scores = point.test.into_iter();
        let scores: Vec<_> = scores
            .flat_map(|test| {
                let telling = test.telling();
                telling
                    .map(|(name, value)| (format!("metric/test/{name}"), value))
                    .collect::<Vec<_>>()
            })
            .collect();
        self.scalars(now, point.examples, &scores)
    }

    /// Adds how training stands.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    #[expect(clippy::cast_precision_loss, reason = "a number of steps, for a plot")]
    pub fn status(&mut self, now: SystemTime, view: &ClusterView) -> Result<(), FileError> {
        let loss = view.train_loss.map(|loss| ("loss/train".to_owned(), loss));
        let staleness = Staleness::from(&view.staleness).p50 as f64;
        let rate = view.examples_per_second;
        let scalars: Vec<_> = loss
            .into_iter()
            .chain([("staleness/p50".to_owned(), staleness)])
            .chain(rate.map(|rate| ("examples_per_second".to_owned(), rate)))
            .collect();
        self.scalars(now, view.progress, &scalars)
    }

    fn scalars(
        &mut self,
        now: SystemTime,
        examples: u64,
        scalars: &[(String, f64)],
    ) -> Result<(), FileError> {
        if scalars.is_empty() {
            return Ok(());
        }
        let mut summary = Vec::new();
        for (tag, value) in scalars {
            let mut scalar = Vec::new();
            put_bytes(&mut scalar, 1, tag.as_bytes());
            put_float(&mut scalar, 2, *value);
            put_bytes(&mut summary, 1, &scalar);
        }
        let mut event = Vec::new();
        put_double(&mut event, 1, seconds(now));
        put_varint(&mut event, 2 << 3);
        put_varint(&mut event, examples);
        put_bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    fn record(&mut self, event: &[u8]) -> Result<(), FileError> {
        let written = write_record(&mut self.file, event);
        written.map_err(FileError::at(&self.path))
    }
}

/// Every record goes to the system whole, at once.
fn write_record(to: &mut impl Write, event: &[u8]) -> io::Result<()> {
    let length = (event.len() as u64).to_le_bytes();
    let mut record = length.to_vec();
    record.extend(masked(&length).to_le_bytes());
    record.extend(event);
    record.extend(masked(event).to_le_bytes());
    to.write_all(&record)
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

fn seconds(now: SystemTime) -> f64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

// The four forms of protobuf that an event needs.

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while 0x80 <= value {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

fn put_bytes(to: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_varint(to, field << 3 | 2);
    put_varint(to, bytes.len() as u64);
    to.extend(bytes);
}

fn put_double(to: &mut Vec<u8>, field: u64, value: f64) {
    put_varint(to, field << 3 | 1);
    to.extend(value.to_le_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "the format has 32 bits")]
fn put_float(to: &mut Vec<u8>, field: u64, value: f64) {
    put_varint(to, field << 3 | 5);
    to.extend((value as f32).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::report::fixtures::point;

    /// The events of a file, their checks judged.
    fn events(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut rest = bytes;
        let mut events = Vec::new();
        while let Some((length, behind)) = rest.split_at_checked(8) {
            let size = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
            let number = |at: usize| u32::from_le_bytes(behind[at..at + 4].try_into().unwrap());
            assert_eq!(number(0), masked(length));
            let event = &behind[4..4 + size];
            assert_eq!(number(4 + size), masked(event));
            events.push(event.to_vec());
            rest = &behind[8 + size..];
        }
        assert!(rest.is_empty());
        events
    }

    #[test]
    fn records_are_checked_and_events_are_what_tensorboard_reads() {
        let folder = tempfile::tempdir().unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let mut log = EventLog::create(folder.path(), now).unwrap();
        log.evaluation(now, &point()).unwrap();
        let path = folder.path().join("events.out.tfevents.1000000000.thalweg");
        let events = events(&fs::read(path).unwrap());
        // double 1e9 in field 1, then field 3 with the version.
        let mut first = vec![0x09];
        first.extend(1e9_f64.to_le_bytes());
        first.extend([0x1a, 13]);
        first.extend(b"brain.Event:2");
        assert_eq!(events[0], first);
        let text = String::from_utf8_lossy(&events[1]).into_owned();
        assert!(text.contains("metric/test/auc") && text.contains("metric/test/log_loss"));
        // 21,168 examples as a varint in field 2.
        assert_eq!(events[1][9..13], [0x10, 0xb0, 0xa5, 0x01]);
    }

    #[test]
    fn the_check_is_castagnolis_with_the_mask() {
        // RFC 3720, B.4: 32 bytes of zeros have 0x8a9136aa.
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
        let expected = 0x8a91_36aa_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked(&[0; 32]), expected);
    }
}
