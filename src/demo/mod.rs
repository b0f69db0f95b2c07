//! `thalweg demo`: a race of training methods under the same bad conditions, in real processes.

mod lane;
mod words;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use console::Term;
use serde::Serialize;

use self::lane::{Lane, Racer};
use self::words::Standing;
use crate::progress::{say_err, say_out};
use crate::report::page::{Chart, Line, Scale, document, escaped, table};
use crate::report::{RunFolder, write_text};
use crate::view::Look;
use crate::view::units::score;

/// What the demo is told.
#[derive(Clone, Debug, Default)]
pub struct DemoOptions {
    /// Where its files go; `None`: a folder of its own below `demos`.
    pub out: Option<PathBuf>,
    /// Whether to print the result as JSON instead of the race.
    pub json: bool,
}

/// Half-way through a race of those who wait for the slow worker, and of the others. What a batch takes is slept, so
/// that it is the same on every machine.
const HALF_WAY: [&str; 2] = ["worker:2@20s", "worker:2@3s"];

/// Who runs. Rates are the best of a grid under these conditions (`thalweg compare steady`).
const RACERS: [Racer; 4] = [
    Racer {
        method: "synchronous",
        waits: true,
        sets: &["optimizer.name=adagrad", "optimizer.lr=0.1"],
    },
    Racer {
        method: "downpour",
        waits: false,
        sets: &["optimizer.name=adagrad", "optimizer.lr=0.1"],
    },
    Racer {
        method: "adaptive_revision",
        waits: false,
        sets: &["optimizer.lr=0.8"],
    },
    Racer {
        method: "easgd",
        waits: false,
        sets: &["optimizer.name=adagrad", "optimizer.lr=0.4"],
    },
];

/// The job, the same for all.
const JOB: [&str; 7] = [
    "data.rows=20000",
    "data.test_rows=4000",
    "data.features=5000",
    "evaluate.every=0.02",
    // Rounds end with a lost worker unless they are told to go on.
    "cluster.on_worker_loss=continue",
    "cluster.servers=2",
    "cluster.workers=4",
];

/// The conditions, the same for all; each has a worker killed half-way, too.
const CONDITIONS: [&str; 4] = ["--latency", "lognormal:5ms:0.3", "--straggler", "1:10x"];

/// The test loss to be reached.
const TARGET: f64 = 0.54;

/// From one look at the racers to the next.
const LOOK: Duration = Duration::from_millis(200);

/// Between two lines where the screen cannot be drawn anew.
const LINE: Duration = Duration::from_secs(5);

/// A race that takes longer is ended.
const LONGEST: Duration = Duration::from_secs(180);

/// What the race found: the form of `demo.json`.
#[derive(Clone, Debug, Serialize)]
struct Found {
    sentence: String,
    target: f64,
    conditions: Vec<&'static str>,
    /// Who was killed when, by racer.
    kills: [&'static str; 4],
    racers: Vec<RacerFound>,
}

#[derive(Clone, Debug, Serialize)]
struct RacerFound {
    method: &'static str,
    seconds_to_target: Option<f64>,
    seconds: f64,
    loss: Option<f64>,
    every_row_once: bool,
    workers_lost: usize,
    failed: Option<String>,
    curve: Vec<(f64, f64)>,
}

/// Runs the race, shows it, and saves its picture. Answers whether every racer trained to its end.
///
/// # Errors
/// If a process cannot be started, or a file not be written.
pub fn demo(options: &DemoOptions) -> Result<bool> {
    let place = (options.out.clone(), "demos");
    let folder = RunFolder::create_or_below(place, "demo", wall_clock())?;
    say_err(
        "a race under the same conditions: 2 servers and 4 workers each, 5 ms each way, worker 1 ten times \
         slower, worker 2 killed half-way; who reaches a test loss of 0.54 first?",
    );
    let mut lanes = Vec::new();
    for racer in RACERS {
        lanes.push(Lane::start(
            racer,
            &arguments(racer),
            folder.path().join(racer.method),
        )?);
    }
    race(&mut lanes)?;
    let standings: Vec<_> = lanes.iter().map(standing).collect();
    let found = Found {
        sentence: words::sentence(&standings, TARGET),
        target: TARGET,
        conditions: CONDITIONS.to_vec(),
        kills: RACERS.map(|racer| HALF_WAY[usize::from(!racer.waits)]),
        racers: lanes.iter().map(found).collect(),
    };
    let json = serde_json::to_string_pretty(&found)?;
    write_text(&folder.path().join("demo.json"), &json)?;
    write_text(&folder.path().join("demo.html"), &page(&found))?;
    if let Some(svg) = chart(&found).svg() {
        write_text(&folder.path().join("demo.svg"), &svg)?;
    }
    say_out(&match options.json {
        true => json,
        false => format!(
            "\n{}\nfiles      {}",
            found.sentence,
            folder.path().display()
        ),
    });
    Ok(found.racers.iter().all(|racer| racer.failed.is_none()))
}

/// Arguments of `thalweg train` for every racer.
fn arguments(racer: Racer) -> Vec<String> {
    let sets = JOB.iter().flat_map(|set| ["--set", set]);
    let kill = ["--kill", HALF_WAY[usize::from(!racer.waits)]];
    let all = ["steady"].into_iter().chain(sets);
    let all = all.chain(CONDITIONS).chain(kill);
    all.map(str::to_owned).collect()
}

/// Watches until every racer has ended.
fn race(lanes: &mut [Lane]) -> Result<()> {
    let terminal = Term::stderr();
    let live = terminal.is_term();
    let (begun, mut said) = (now(), None::<Instant>);
    let mut drawn = 0;
    loop {
        for lane in lanes.iter_mut() {
            lane.look()?;
        }
        let over = lanes.iter().all(|lane| lane.end.is_some()) || LONGEST < now() - begun;
        let due = live || over || said.is_none_or(|said| LINE <= now() - said);
        if due {
            said = Some(now());
            let standings: Vec<_> = lanes.iter().map(standing).collect();
            terminal.clear_last_lines(drawn)?;
            let lines = words::screen(&standings, TARGET, Look::of_stdout());
            drawn = if live { lines.len() } else { 0 };
            writeln!(&terminal, "{}", lines.join("\n"))?;
        }
        if over {
            lanes
                .iter_mut()
                .filter(|lane| lane.end.is_none())
                .for_each(Lane::kill);
            return Ok(());
        }
        pause();
    }
}

fn standing(lane: &Lane) -> Standing<'_> {
    Standing {
        method: lane.racer.method,
        waits: lane.racer.waits,
        curve: &lane.curve,
        reached: lane.reached(TARGET),
        end: lane.end.as_ref(),
    }
}

fn found(lane: &Lane) -> RacerFound {
    let end = lane.end.as_ref();
    let unended = || Some("it had not ended when the race was".to_owned());
    RacerFound {
        method: lane.racer.method,
        seconds_to_target: lane.reached(TARGET),
        seconds: end.map_or(0.0, |end| end.seconds),
        loss: end.and_then(|end| end.loss),
        every_row_once: end.is_some_and(|end| end.every_row_once),
        workers_lost: end.map_or(0, |end| end.workers_lost),
        failed: end.map_or_else(unended, |end| match end.done {
            true => None,
            false => end.cause.clone().or_else(|| Some("it failed".to_owned())),
        }),
        curve: lane.curve.clone(),
    }
}

fn chart(found: &Found) -> Chart {
    let line = |racer: &RacerFound| Line {
        name: racer.method.to_owned(),
        points: racer.curve.clone(),
    };
    Chart {
        title: "test loss against time; worker 1 ten times slower, worker 2 killed half-way"
            .to_owned(),
        x: "seconds of training",
        scale: Scale::Linear,
        // What guessing costs: a start that is worse is a start.
        ceiling: Some(std::f64::consts::LN_2),
        lines: found.racers.iter().map(line).collect(),
    }
}

fn page(found: &Found) -> String {
    let rows = found.racers.iter().map(|racer| {
        vec![
            racer.method.to_owned(),
            racer
                .seconds_to_target
                .map_or_else(|| "-".to_owned(), |s| format!("{s:.1}")),
            format!("{:.1}", racer.seconds),
            score(racer.loss),
            if racer.every_row_once { "yes" } else { "no" }.to_owned(),
        ]
    });
    let heads = [
        "method",
        "seconds to the target",
        "seconds in all",
        "test loss at the end",
        "every row exactly once",
    ];
    let svg = chart(found).svg().unwrap_or_default();
    document(
        "Thalweg: a race",
        &format!(
            "<h1>A race</h1>\n<p>{}</p>\n<figure>{svg}</figure>\n{}",
            escaped(&found.sentence),
            table(&heads, rows)
        ),
    )
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watcher of processes paces its looks"
)]
fn pause() {
    std::thread::sleep(LOOK);
}

#[expect(
    clippy::disallowed_methods,
    reason = "the watcher of processes bounds their time"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the folder is named by the time")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
