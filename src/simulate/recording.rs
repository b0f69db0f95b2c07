//! A recording of a real run: what each gradient took, and each answered request. A simulation plays it again,
//! for as many workers as are asked for.
//!
//! The file is JSON lines (docs/DELAY.md): a header, then one line per gradient and per request, worker by
//! worker, in the order in which they ended.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thalweg_common::seed::{Purpose, derive};
use thiserror::Error;

use super::timings::Replayed;

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// A time is no longer than that: a day, in seconds.
const LONGEST: f64 = 24.0 * 3_600.0;

/// Streams of draws, beside those of links and machines: of computing and of the way.
const COMPUTING: u64 = 5;
const ON_THE_WAY: u64 = 6;

/// A line of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    /// The first.
    Recording(Header),
    /// A gradient.
    Gradient {
        /// Who computed it.
        worker: u32,
        /// Since the worker began.
        begin_seconds: f64,
        /// What it took, without the job's `compute`.
        took_seconds: f64,
    },
    /// A request that was answered.
    Request {
        /// Who asked.
        worker: u32,
        /// Whom.
        server: u32,
        /// What for.
        request: Asked,
        /// Of the request, as a simulation counts them.
        bytes: u64,
        /// Since the worker began.
        begin_seconds: f64,
        /// Until the worker had the answer.
        round_trip_seconds: f64,
    },
}

/// What a recording is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// Of the format.
    pub(crate) schema_version: u32,
    /// The job's name.
    pub(crate) job: String,
    /// The hash of the resolved job, hexadecimal.
    pub(crate) fingerprint: String,
    /// Workers of the run.
    pub(crate) workers: u32,
    /// Servers of the run.
    pub(crate) servers: u32,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Asked {
    /// A push: no gate holds its answer.
    Push,
    /// A pull, which a gate may hold.
    Pull,
    /// Anything else.
    Other,
}

/// Why a recording cannot be played.
#[derive(Debug, Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("cannot read the recording {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not of a recording.
    #[error(
        "{}:{line}: {problem}; expected a file that `thalweg train --record` wrote",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// There is nothing to play.
    #[error(
        "the recording {} has no {what}: record a run that trains to its end",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
        /// `gradient` or `push`.
        what: &'static str,
    },
}

/// What gradients and pushes took in a real run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    header: Header,
    /// What each worker's gradients took, in their order.
    gradients: Vec<Arc<[Duration]>>,
    any_gradient: Arc<[Duration]>,
    /// What the round trips of pushes took, by worker and server: `worker × servers + server`.
    pushes: Vec<Arc<[Duration]>>,
}

impl Recording {
    /// Reads the recording at `path`.
    ///
    /// # Errors
    /// [`RecordingError`] with the line that is wrong.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let unreadable = |source| RecordingError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        Self::read(&mut io::BufReader::new(file), path)
    }

    /// Reads a recording that is called `path` in errors.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn read(text: &mut dyn BufRead, path: &Path) -> Result<Self, RecordingError> {
        let malformed = |line: usize, problem: String| RecordingError::Malformed {
            path: path.to_owned(),
            line: line + 1,
            problem,
        };
        let mut gathered: Option<Gathered> = None;
        for (number, line) in text.lines().enumerate() {
            let line = line.map_err(|source| RecordingError::Unreadable {
                path: path.to_owned(),
                source,
            })?;
            let line: Line = serde_json::from_str(&line)
                .map_err(|error| malformed(number, format!("no line of a recording ({error})")))?;
            let taken = match (&mut gathered, line) {
                (None, Line::Recording(header)) => {
                    Gathered::of(header).map(|new| gathered = Some(new))
                }
                (None, _) => Err("the first line is no header".to_owned()),
                (Some(gathered), line) => gathered.take(&line),
            };
            taken.map_err(|problem| malformed(number, problem))?;
        }
        let gathered = gathered.ok_or_else(|| malformed(0, "it is empty".to_owned()))?;
        gathered.whole().map_err(|what| RecordingError::Empty {
            path: path.to_owned(),
            what,
        })
    }

    /// What the run was, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let Header {
            job,
            workers,
            servers,
            ..
        } = &self.header;
        let gradients = self.any_gradient.len();
        format!(
            "job {job} on {workers} workers and {servers} servers, {}",
            crate::view::units::counted(gradients as u64, "gradient")
        )
    }

    /// What gradients take `worker`: as recorded, or any of all if it was not there.
    pub(super) fn computing(&self, worker: usize, seed: u64) -> Replayed {
        let own = self.gradients.get(worker);
        replayed(own, &self.any_gradient, (seed, COMPUTING, worker as u64))
    }

    /// How long messages are on the way, one way, if serving one takes `serve` of a round trip.
    pub(super) fn ways(&self, serve: Duration) -> Ways {
        let half = |times: &Arc<[Duration]>| -> Arc<[Duration]> {
            let way = |time: &Duration| time.saturating_sub(serve) / 2;
            times.iter().map(way).collect()
        };
        let links: Vec<_> = self.pushes.iter().map(half).collect();
        Ways {
            any: links
                .iter()
                .flat_map(|times| times.iter().copied())
                .collect(),
            links,
            servers: self.header.servers as usize,
        }
    }
}

/// How long messages are on the way, by link.
#[derive(Debug)]
pub(super) struct Ways {
    links: Vec<Arc<[Duration]>>,
    any: Arc<[Duration]>,
    servers: usize,
}

impl Ways {
    /// Those of the link of `worker` with `server`: as recorded, or any of all if there was no such link.
    pub(super) fn of(&self, (worker, server): (usize, usize), seed: u64) -> Replayed {
        let own = match server < self.servers {
            true => self.links.get(worker * self.servers + server),
            false => None,
        };
        let link = (worker as u64) << 32 | server as u64;
        replayed(own, &self.any, (seed, ON_THE_WAY, link))
    }
}

fn replayed(
    own: Option<&Arc<[Duration]>>,
    any: &Arc<[Duration]>,
    (seed, kind, index): (u64, u64, u64),
) -> Replayed {
    match own.filter(|times| !times.is_empty()) {
        Some(times) => Replayed::InOrder {
            times: times.clone(),
            next: 0,
        },
        None => Replayed::AnyOf {
            times: any.clone(),
            seed: derive(
                derive(seed, Purpose::Physics, kind),
                Purpose::Physics,
                index,
            ),
            drawn: 0,
        },
    }
}

/// A recording as far as it was read.
struct Gathered {
    header: Header,
    gradients: Vec<Vec<Duration>>,
    pushes: Vec<Vec<Duration>>,
}

impl Gathered {
    fn of(header: Header) -> Result<Self, String> {
        /// A header says how much room is made.
        const LINKS_MAX: u64 = 10_000_000;
        let links = u64::from(header.workers) * u64::from(header.servers);
        if header.schema_version != VERSION {
            return Err(format!(
                "`schema_version` is {}, and this version of Thalweg reads {VERSION}",
                header.schema_version
            ));
        }
        if links == 0 || LINKS_MAX < links {
            return Err(format!(
                "{} workers and {} servers are no cluster",
                header.workers, header.servers
            ));
        }
        let links = usize::try_from(links).expect("ten million fit");
        Ok(Self {
            gradients: vec![Vec::new(); header.workers as usize],
            pushes: vec![Vec::new(); links],
            header,
        })
    }

    fn take(&mut self, line: &Line) -> Result<(), String> {
        match *line {
            Line::Recording(_) => Err("a second header".to_owned()),
            Line::Gradient {
                worker,
                took_seconds,
                ..
            } => {
                let times = self.gradients.get_mut(worker as usize);
                let times = times.ok_or_else(|| format!("the header has no worker {worker}"))?;
                times.push(time(took_seconds)?);
                Ok(())
            }
            Line::Request {
                worker,
                server,
                request,
                round_trip_seconds,
                ..
            } => {
                let Header {
                    workers, servers, ..
                } = self.header;
                if workers <= worker || servers <= server {
                    return Err(format!(
                        "the header has no worker {worker} with a server {server}"
                    ));
                }
                let time = time(round_trip_seconds)?;
                let link = worker as usize * servers as usize + server as usize;
                match request {
                    Asked::Push => self.pushes[link].push(time),
                    // A gate may have held it, or it does not come again and again.
                    Asked::Pull | Asked::Other => {}
                }
                Ok(())
            }
        }
    }

    fn whole(self) -> Result<Recording, &'static str> {
        let any_gradient: Arc<[Duration]> = self.gradients.iter().flatten().copied().collect();
        if any_gradient.is_empty() {
            return Err("gradient");
        }
        if self.pushes.iter().all(Vec::is_empty) {
            return Err("push");
        }
        let shared = |lists: Vec<Vec<Duration>>| lists.into_iter().map(Arc::from).collect();
        Ok(Recording {
            header: self.header,
            gradients: shared(self.gradients),
            any_gradient,
            pushes: shared(self.pushes),
        })
    }
}

fn time(seconds: f64) -> Result<Duration, String> {
    let found = (0.0..=LONGEST).contains(&seconds).then_some(seconds);
    found
        .map(Duration::from_secs_f64)
        .ok_or_else(|| format!("{seconds} is no time of at most a day, in seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = r#"{"kind":"recording","schema_version":1,"job":"small","fingerprint":"0a","workers":2,"servers":2}"#;

    fn gradient(worker: u32, ms: u32) -> String {
        let took = f64::from(ms) / 1e3;
        format!(
            r#"{{"kind":"gradient","worker":{worker},"begin_seconds":0.5,"took_seconds":{took}}}"#
        )
    }

    fn request(kind: &str, (worker, server): (u32, u32), ms: u32) -> String {
        let took = f64::from(ms) / 1e3;
        format!(
            r#"{{"kind":"request","worker":{worker},"server":{server},"request":"{kind}","bytes":9,"begin_seconds":0,"round_trip_seconds":{took}}}"#
        )
    }

    fn read(lines: &[String]) -> Result<Recording, String> {
        let text = [&[HEADER.to_owned()], lines].concat().join("\n");
        let read = Recording::read(&mut text.as_bytes(), Path::new("r.jsonl"));
        read.map_err(|error| error.to_string())
    }

    fn ms(of: &mut Replayed, count: usize) -> Vec<u128> {
        (0..count).map(|_| of.next().as_micros() / 1_000).collect()
    }

    #[test]
    fn a_recording_is_played_in_its_order_and_by_those_who_were_there() {
        let lines = [
            gradient(0, 3),
            gradient(1, 7),
            gradient(0, 1),
            gradient(0, 2),
            request("push", (0, 1), 10),
            request("pull", (0, 1), 99),
            request("push", (0, 1), 4),
        ];
        let recording = read(&lines).unwrap();
        assert_eq!(
            recording.describe(),
            "job small on 2 workers and 2 servers, 4 gradients"
        );
        assert_eq!(ms(&mut recording.computing(0, 1), 4), [3, 1, 2, 3]);
        assert_eq!(ms(&mut recording.computing(1, 1), 2), [7, 7]);
        let mut new = recording.computing(2, 1);
        let drawn = ms(&mut new, 60);
        for time in [1, 2, 3, 7] {
            assert!(drawn.contains(&time), "{time} ms");
        }
        let ways = recording.ways(Duration::from_millis(2));
        assert_eq!(ms(&mut ways.of((0, 1), 1), 3), [4, 1, 4]);
        // No push went there: any of those that went elsewhere.
        for link in [(1, 0), (0, 5), (7, 1)] {
            let drawn = ms(&mut ways.of(link, 1), 40);
            assert!(drawn.contains(&4) && drawn.contains(&1), "{link:?}");
        }
    }

    #[test]
    fn what_is_no_recording_is_refused_with_its_line() {
        let push = request("push", (0, 0), 1);
        for (lines, why) in [
            (vec!["{}".to_owned()], "r.jsonl:2: no line of a recording"),
            (vec![HEADER.to_owned()], "r.jsonl:2: a second header"),
            (vec![gradient(2, 1)], "no worker 2"),
            (vec![request("push", (0, 2), 1)], "worker 0 with a server 2"),
            (vec![gradient(0, 1).replace("0.001", "-1")], "-1 is no time"),
            (vec![push], "has no gradient"),
            (vec![gradient(0, 1)], "has no push"),
        ] {
            let error = read(&lines).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let alone = |text: &str| Recording::read(&mut text.as_bytes(), Path::new("r"));
        for (text, why) in [
            ("", "r:1: it is empty"),
            (&gradient(0, 1), "first line is no header"),
            (&HEADER.replace("version\":1", "version\":9"), "reads 1"),
            (&HEADER.replace("servers\":2", "servers\":0"), "no cluster"),
        ] {
            let error = alone(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        let nowhere = Recording::open(Path::new("nowhere.jsonl")).unwrap_err();
        assert!(nowhere.to_string().contains("nowhere.jsonl"), "{nowhere}");
    }

    #[test]
    fn a_line_reads_what_it_writes() {
        let line = Line::Gradient {
            worker: 1,
            begin_seconds: 0.25,
            took_seconds: 1e-9,
        };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(serde_json::from_str::<Line>(&text).unwrap(), line);
    }
}
