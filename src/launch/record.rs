//! Records of a real run: each worker process writes its own, and the launcher gathers them into one file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thalweg_common::ids::ServerId;
use thalweg_common::message::Request;
use thalweg_common::time::Time;
use thalweg_worker::transport::Witness;
use thalweg_worker::worker::RequestId;

use crate::report::{FileError, write_with};
use crate::simulate::{Asked, Header, Line, of_request};

/// Bytes that wait to be written.
const BUFFER: usize = 1 << 20;

/// Requests whose answers are waited for; of more, the oldest are forgotten.
const OPEN_MAX: usize = 1_024;

/// A request on its way.
struct Open {
    request: Asked,
    bytes: u64,
    begun: Time,
}

/// Writes what one worker does, line by line.
pub(crate) struct Recorder {
    worker: u32,
    path: PathBuf,
    file: BufWriter<File>,
    open: BTreeMap<(ServerId, RequestId), Open>,
    /// The first that went wrong; nothing is written after it.
    failure: Option<io::Error>,
}

impl Recorder {
    /// Begins the record of `worker` in `folder`.
    ///
    /// # Errors
    /// [`FileError`] if the file cannot be made.
    pub(crate) fn create(folder: &Path, worker: u32) -> Result<Self, FileError> {
        let path = record_of(folder, worker);
        let file = File::create(&path).map_err(|source| FileError {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            worker,
            path,
            file: BufWriter::with_capacity(BUFFER, file),
            open: BTreeMap::new(),
            failure: None,
        })
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// [`FileError`] with the first that went wrong.
    pub(crate) fn finish(mut self) -> Result<(), FileError> {
        let ended = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.file.flush(),
        };
        ended.map_err(|source| FileError {
            path: self.path,
            source,
        })
    }

    fn write(&mut self, line: &Line) {
        if self.failure.is_some() {
            return;
        }
        let written = serde_json::to_writer(&mut self.file, line)
            .map_err(io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        self.failure = written.err();
    }
}

impl Witness for Recorder {
    fn computed(&mut self, begun: Time, took: Duration) {
        self.write(&Line::Gradient {
            worker: self.worker,
            begin_seconds: begun.since_origin().as_secs_f64(),
            took_seconds: took.as_secs_f64(),
        });
    }

    fn asked(&mut self, now: Time, server: ServerId, id: RequestId, request: &Request) {
        let open = Open {
            request: match request {
                Request::Push(_) => Asked::Push,
                Request::Pull(_) => Asked::Pull,
                _ => Asked::Other,
            },
            bytes: of_request(request),
            begun: now,
        };
        self.open.insert((server, id), open);
        if OPEN_MAX < self.open.len() {
            self.open.pop_first();
        }
    }

    fn answered(&mut self, now: Time, server: ServerId, id: RequestId) {
        let Some(open) = self.open.remove(&(server, id)) else {
            return;
        };
        self.write(&Line::Request {
            worker: self.worker,
            server: server.0,
            request: open.request,
            bytes: open.bytes,
            begin_seconds: open.begun.since_origin().as_secs_f64(),
            round_trip_seconds: now.since(open.begun).as_secs_f64(),
        });
    }
}

/// Where a worker's own record is.
fn record_of(folder: &Path, worker: u32) -> PathBuf {
    folder.join(format!("worker-{worker}.jsonl"))
}

/// Writes the records of all workers in `folder` into one file, and removes them. A worker that was killed has
/// left none, or lines up to a moment; a line that it did not end is left out.
///
/// # Errors
/// [`FileError`] if the file cannot be written.
pub(crate) fn gather(folder: &Path, header: Header, path: &Path) -> Result<(), FileError> {
    let workers = header.workers;
    write_with(path, |file| {
        write_line(file, &Line::Recording(header))?;
        for worker in 0..workers {
            let Ok(record) = File::open(record_of(folder, worker)) else {
                continue;
            };
            for line in BufReader::new(record).lines() {
                let line = line?;
                if line.ends_with('}') {
                    writeln!(file, "{line}")?;
                }
            }
        }
        Ok(())
    })?;
    // They are in the file now; a folder that stays does no harm.
    std::fs::remove_dir_all(folder).ok();
    Ok(())
}

fn write_line(file: &mut dyn Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *file, line)?;
    file.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use thalweg_common::ids::SessionId;
    use thalweg_common::message::{Leave, LeaveReason};

    use super::*;
    use crate::simulate::{Recording, VERSION};

    fn at(ms: u64) -> Time {
        Time::from_origin(Duration::from_millis(ms))
    }

    fn leave() -> Request {
        Request::Leave(Leave {
            session: SessionId(1),
            worker: thalweg_common::ids::WorkerId(0),
            reason: LeaveReason::Done,
            cause: String::new(),
        })
    }

    #[test]
    fn records_of_workers_become_one_recording() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        std::fs::create_dir(&own).unwrap();
        for worker in [0, 2] {
            let mut recorder = Recorder::create(&own, worker).unwrap();
            recorder.computed(at(10), Duration::from_nanos(1_234_567));
            recorder.asked(at(12), ServerId(1), RequestId(7), &leave());
            recorder.answered(at(19), ServerId(1), RequestId(7));
            recorder.answered(at(20), ServerId(1), RequestId(8));
            recorder.finish().unwrap();
        }
        // Cut off in the middle of a line.
        let cut = "{\"kind\":\"gradient\",\"wor";
        std::fs::write(record_of(&own, 1), cut).unwrap();
        let path = folder.path().join("all.jsonl");
        let header = Header {
            schema_version: VERSION,
            job: "small".to_owned(),
            fingerprint: "0a".to_owned(),
            workers: 3,
            servers: 2,
        };
        gather(&own, header, &path).unwrap();
        assert!(!own.try_exists().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Line> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 5, "{text}");
        let expected = Line::Gradient {
            worker: 0,
            begin_seconds: 0.01,
            took_seconds: 0.001_234_567,
        };
        assert_eq!(lines[1], expected);
        let Line::Request {
            worker,
            server,
            round_trip_seconds,
            ..
        } = lines[4]
        else {
            panic!("{text}");
        };
        assert_eq!((worker, server), (2, 1));
        assert!((round_trip_seconds - 0.007).abs() < 1e-12);
        let error = Recording::open(&path).unwrap_err().to_string();
        assert!(error.contains("has no push"), "{error}");
    }
}
