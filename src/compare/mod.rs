//! `thalweg compare`: methods side by side on one job, with the same data, seeds, examples and evaluation.
//!
//! For each method the best rate is searched twice, in virtual time: without delay, and at every place that is
//! compared. What a method is worth at the rate that was best without delay shows what delay does to a job whose
//! rate nobody looks at again; that is where methods that know of delay stand out.

mod contest;
mod ddp;
mod ground;
mod page;
mod plain;
mod real;
mod result;
mod search;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use thalweg_common::physics::{Conditions, Distribution, Fault, Victim};
use thalweg_worker::method::METHODS;

pub(crate) use self::contest::{Arena, Contest};
use self::ddp::Peer;
pub(crate) use self::ground::Ground;
use self::real::train_for_real;
pub(crate) use self::result::Run;
use self::result::{AtPlace, Comparison, MethodResult, PeerResult, Place, Refused, SCHEMA_VERSION};
pub(crate) use self::search::{Next, Search};
use crate::progress::{say_err, say_out};
use crate::report::{RunFolder, write_text};
use crate::simulate::Physics;
use crate::view::Look;

/// What a comparison is told.
#[derive(Clone, Debug)]
pub struct CompareOptions {
    /// The job: a file or a shipped one; `None`: the default.
    pub job: Option<String>,
    /// Assignments to its keys.
    pub sets: Vec<String>,
    /// Names of methods, or `all` alone.
    pub methods: Vec<String>,
    /// Numbers of workers to compare with; empty: the job's.
    pub workers: Vec<u32>,
    /// Latencies to compare at.
    pub latencies: Vec<Distribution>,
    /// All else of the conditions.
    pub conditions: Conditions,
    /// The same as flags of `thalweg train`, but for the latency.
    pub flags: Vec<String>,
    /// What computing one batch takes in virtual time, beside the job's own `compute`.
    pub compute: Distribution,
    /// What serving one request takes there.
    pub serve: Distribution,
    /// Whether final runs are in virtual time, too.
    pub simulated: bool,
    /// The Python whose torch is set beside the methods; `None`: no torch.
    pub python: Option<String>,
    /// True once the user wants no more: what is whole by then is told.
    pub interrupted: Arc<AtomicBool>,
    /// Where the files go; `None`: a folder of its own below `comparisons`.
    pub out: Option<PathBuf>,
    /// Whether to show no progress.
    pub quiet: bool,
    /// Whether to print `result.json` instead of the tables.
    pub json: bool,
}

/// How much worse than one thread's loss still counts as reached.
const TARGET: f64 = 1.01;

/// Runs a comparison and writes its files. Answers whether it came to its end.
///
/// # Errors
/// If the job cannot be resolved, no method is left, or a file cannot be written.
pub fn compare(options: &CompareOptions) -> Result<bool> {
    let begun = now();
    let (ground, notes) = Ground::new(options.job.as_deref(), &options.sets)?;
    for note in notes {
        say_err(&format!("note: {note}"));
    }
    let config = &ground.own.blueprint.config;
    let arenas = arenas(options, config.cluster.workers);
    check(&arenas, config.cluster.servers)?;
    let (methods, mut refused) = choose(options, &ground, &arenas)?;
    let folder = RunFolder::create_or_below(
        (options.out.clone(), "comparisons"),
        &config.name,
        wall_clock(),
    )?;
    let course = Course {
        options,
        ground: &ground,
        arenas: &arenas,
        searched: AtomicU64::new(0),
        left: Mutex::new(methods.len()),
    };
    let mut plain = match course.plain() {
        Ok(plain) => plain,
        Err(_) if course.is_over() => {
            say_err("interrupted before one thread was through: there is nothing to tell yet");
            return Ok(false);
        }
        Err(error) => return Err(error),
    };
    let target = plain.worth() * TARGET;
    plain.aim(target);
    let mut found = course.search(&methods)?;
    let mut peers = Vec::new();
    if !options.simulated {
        course.run_for_real(&mut found, folder.path())?;
        peers = course.run_peers((&plain, &found), &mut refused)?;
    }
    course.tell_what_is_missing(&methods, &found, &mut refused);
    for run in peers.iter_mut().flat_map(|peer| &mut peer.at) {
        run.aim(target);
    }
    for at in found.iter_mut().flat_map(|method| &mut method.at) {
        at.tuned.aim(target);
        at.untuned.aim(target);
    }
    let comparison = Comparison {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        job: config.name.clone(),
        seed: config.seed,
        simulated: options.simulated,
        conditions: options.flags.clone(),
        compute: options.compute.to_string(),
        serve: options.serve.to_string(),
        target,
        workers_to_beat_one_thread: cost(&plain, &found, &arenas),
        places: arenas.iter().map(place).collect(),
        plain,
        methods: found,
        peers,
        refused,
        interrupted: course.is_over(),
        searched_rates: course.searched.into_inner(),
        seconds: (now() - begun).as_secs_f64(),
    };
    tell(&comparison, &folder, options)?;
    Ok(!comparison.interrupted)
}

/// Refuses conditions that do not fit a place, or leave nothing to compare.
fn check(arenas: &[Arena], servers: u32) -> Result<()> {
    for arena in arenas {
        let conditions = &arena.physics.conditions;
        conditions.check(arena.workers, servers)?;
        let is_server = |kill: &&Fault| matches!(kill.victim, Victim::Server(_));
        if let Some(kill) = conditions.kills.iter().find(is_server) {
            bail!(
                "--kill {kill}: no job goes on without one of its servers, so that there would be nothing to \
                 compare; kill workers"
            );
        }
    }
    Ok(())
}

fn tell(comparison: &Comparison, folder: &RunFolder, options: &CompareOptions) -> Result<()> {
    let json = serde_json::to_string_pretty(comparison)?;
    write_text(&folder.path().join("result.json"), &json)?;
    write_text(
        &folder.path().join("report.html"),
        &page::render(comparison),
    )?;
    for (name, svg) in page::plots(comparison) {
        write_text(&folder.path().join(name), &svg)?;
    }
    say_out(&match options.json {
        true => json,
        false => format!(
            "{}files      {}",
            text::render(comparison, Look::of_stdout()),
            folder.path().display()
        ),
    });
    Ok(())
}

/// Every number of workers at every latency.
fn arenas(options: &CompareOptions, usual: u32) -> Vec<Arena> {
    let workers = match options.workers.is_empty() {
        true => vec![usual],
        false => options.workers.clone(),
    };
    let latencies = match options.latencies.is_empty() {
        true => vec![Distribution::default()],
        false => options.latencies.clone(),
    };
    let pairs = workers
        .iter()
        .flat_map(|workers| latencies.iter().map(move |latency| (*workers, *latency)));
    let mut each_once: Vec<(u32, Distribution)> = Vec::new();
    for pair in pairs {
        if !each_once.contains(&pair) {
            each_once.push(pair);
        }
    }
    each_once
        .into_iter()
        .map(|(workers, latency)| {
            let mut conditions = options.conditions.clone();
            conditions.link.latency = latency;
            Arena {
                workers,
                physics: Physics {
                    conditions,
                    compute: options.compute,
                    serve: options.serve,
                    ..Physics::default()
                },
            }
        })
        .collect()
}

fn place(arena: &Arena) -> Place {
    Place {
        workers: arena.workers,
        latency: arena.physics.conditions.link.latency.to_string(),
    }
}

/// The methods that can be, and those that cannot, with the reason.
fn choose<'a>(
    options: &'a CompareOptions,
    ground: &Ground,
    arenas: &[Arena],
) -> Result<(Vec<&'a str>, Vec<Refused>)> {
    let all = || METHODS.iter().map(|entry| entry.name).collect();
    let mut named: Vec<&str> = options.methods.iter().map(|name| name.trim()).collect();
    named.retain(|name| !name.is_empty());
    if named.is_empty() {
        bail!(
            "--methods names no method; give names (`thalweg list methods`), or `all`, which is also what \
             is taken without it"
        );
    }
    if named == ["all"] {
        named = all();
    }
    let (mut methods, mut refused) = (Vec::new(), Vec::new());
    for method in named {
        let contest = Contest {
            ground,
            method,
            interrupted: None,
        };
        let why = match thalweg_worker::method::MethodEntry::find(method)?.machine() {
            None => Some("it runs on threads of one process, without links".to_owned()),
            Some(_) => arenas
                .iter()
                .find_map(|arena| contest.at_any_rate(arena).err())
                .map(|error| error.to_string()),
        };
        match why {
            Some(why) => refused.push(Refused {
                method: method.to_owned(),
                why,
            }),
            None => methods.push(method),
        }
    }
    if methods.is_empty() {
        let list: Vec<_> = refused
            .iter()
            .map(|r| format!("{} ({})", r.method, r.why))
            .collect();
        bail!(
            "no method is left to compare: {}; name others with --methods, or change the job",
            list.join("; ")
        );
    }
    Ok((methods, refused))
}

/// The least number of workers with which some method is there before one thread is.
fn cost(plain: &Run, methods: &[MethodResult], arenas: &[Arena]) -> Option<u32> {
    let alone = plain.seconds_to_target?;
    let at = methods
        .iter()
        .flat_map(|method| method.at.iter().zip(arenas));
    let faster = at.filter(|(at, _)| at.tuned.seconds_to_target.is_some_and(|s| s < alone));
    faster.map(|(_, arena)| arena.workers).min()
}

/// A comparison under way.
struct Course<'a> {
    options: &'a CompareOptions,
    ground: &'a Ground,
    arenas: &'a [Arena],
    searched: AtomicU64,
    /// Methods whose search has not ended.
    left: Mutex<usize>,
}

impl Course<'_> {
    fn say(&self, text: &str) {
        if !self.options.quiet {
            say_err(text);
        }
    }

    fn tried(&self) {
        self.searched.fetch_add(1, Ordering::Relaxed);
    }

    /// One thread at its best rate: rounds of one worker are its very steps.
    fn plain(&self) -> Result<Run> {
        self.say("one thread without a network: searching its rate");
        let contest = Contest {
            ground: self.ground,
            method: "synchronous",
            interrupted: Some(&self.options.interrupted),
        };
        let undelayed = Arena::undelayed(self.options.compute);
        let found = contest.run((&undelayed, &[]), &|| self.tried())?;
        let job = contest.job(&undelayed, Some(found.undelayed_lr))?;
        let virtually = self.options.simulated;
        plain::train_plain(&job, virtually.then(|| self.options.compute.mean()))
    }

    /// Whether the user wants no more.
    fn is_over(&self) -> bool {
        self.options.interrupted.load(Ordering::Relaxed)
    }

    /// Lists methods that an interruption left without a result.
    fn tell_what_is_missing(
        &self,
        asked: &[&str],
        found: &[MethodResult],
        refused: &mut Vec<Refused>,
    ) {
        let is_found = |name: &str| found.iter().any(|method| method.method == name);
        let missing = asked.iter().filter(|name| !is_found(name));
        refused.extend(missing.map(|name| Refused {
            method: (*name).to_owned(),
            why: "interrupted before it was through".to_owned(),
        }));
    }

    /// The methods at their rates, on all cores; the order of ends changes no result.
    fn search(&self, methods: &[&str]) -> Result<Vec<MethodResult>> {
        let pool = rayon::ThreadPoolBuilder::new().build();
        let pool = pool.context("cannot start threads")?;
        let undelayed = Arena::undelayed(self.options.compute);
        let one = |method: &&str| -> Result<Option<MethodResult>> {
            if self.is_over() {
                return Ok(None);
            }
            let contest = Contest {
                ground: self.ground,
                method,
                interrupted: Some(&self.options.interrupted),
            };
            let found = match contest.run((&undelayed, self.arenas), &|| self.tried()) {
                Ok(found) => found,
                Err(_) if self.is_over() => return Ok(None),
                Err(error) => return Err(error),
            };
            let mut left = self
                .left
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            *left -= 1;
            self.say(&format!(
                "{method}: best rate {} without delay; {left} of {} methods to go",
                text::rate(found.undelayed_lr),
                methods.len()
            ));
            Ok((!self.is_over()).then_some(found))
        };
        let found: Result<Vec<_>> = pool.install(|| methods.par_iter().map(one).collect());
        Ok(found?.into_iter().flatten().collect())
    }

    /// Replaces runs in virtual time by runs of processes, one after the other. Methods that an interruption leaves
    /// without them go.
    fn run_for_real(&self, found: &mut Vec<MethodResult>, out: &std::path::Path) -> Result<()> {
        for (whole, method) in found.iter_mut().enumerate() {
            let name = method.method.clone();
            for (number, (at, arena)) in method.at.iter_mut().zip(self.arenas).enumerate() {
                if self.is_over() {
                    found.truncate(whole);
                    return Ok(());
                }
                let place = place(arena);
                self.say(&format!(
                    "{name}: real processes, {} workers, latency {}",
                    place.workers, place.latency
                ));
                let train = |lr: f64, kind: &str| {
                    let folder = out.join(format!("{name}-{number}-{kind}"));
                    train_for_real(&self.arguments(&name, arena, lr), lr, &folder)
                };
                let AtPlace { tuned, untuned } = at;
                let same = tuned.lr.total_cmp(&untuned.lr).is_eq();
                *tuned = train(tuned.lr, "tuned")?;
                *untuned = match same {
                    true => tuned.clone(),
                    false => train(untuned.lr, "undelayed")?,
                };
                // A run that an interruption did not reach is whole.
                if self.is_over() && (tuned.failed.is_some() || untuned.failed.is_some()) {
                    found.truncate(whole);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Torch beside them, at the rates of the methods that do the same.
    fn run_peers(
        &self,
        (plain, found): (&Run, &[MethodResult]),
        refused: &mut Vec<Refused>,
    ) -> Result<Vec<PeerResult>> {
        let Some(python) = self.options.python.as_deref() else {
            return Ok(Vec::new());
        };
        let no_torch = ddp::find_torch(python).err();
        let mut peers = Vec::new();
        for peer in Peer::ALL {
            let ours = found
                .iter()
                .find(|method| method.method == peer.counterpart());
            if ours.is_none() && peer != Peer::Ddp {
                continue;
            }
            match no_torch.clone().map_or_else(
                || self.run_peer((peer, python), plain, ours),
                |why| Ok(Err(why)),
            )? {
                Ok(at) => peers.push(PeerResult {
                    peer: peer.name().to_owned(),
                    at,
                }),
                Err(why) => refused.push(Refused {
                    method: peer.name().to_owned(),
                    why,
                }),
            }
        }
        Ok(peers)
    }

    /// One of them at every place, or the reason why it cannot be.
    fn run_peer(
        &self,
        (peer, python): (Peer, &str),
        plain: &Run,
        ours: Option<&MethodResult>,
    ) -> Result<Result<Vec<Run>, String>> {
        let contest = Contest {
            ground: self.ground,
            method: peer.counterpart(),
            interrupted: None,
        };
        let mut at = Vec::new();
        for (number, arena) in self.arenas.iter().enumerate() {
            let tuned = ours.and_then(|method| Some(method.at.get(number)?.tuned.lr));
            let job = contest.job(arena, Some(tuned.unwrap_or(plain.lr)))?;
            if let Some(why) = ddp::refusal(&job, &arena.physics.conditions) {
                return Ok(Err(why));
            }
            let place = place(arena);
            self.say(&format!(
                "{}: {} processes, latency {}",
                peer.name(),
                place.workers,
                place.latency
            ));
            at.push(peer.train(python, &job, arena)?);
            if self.is_over() {
                return Ok(Err("interrupted before it was through".to_owned()));
            }
        }
        Ok(Ok(at))
    }

    /// Arguments of `thalweg train`.
    fn arguments(&self, method: &str, arena: &Arena, lr: f64) -> Vec<String> {
        let mut arguments: Vec<String> = self.options.job.clone().into_iter().collect();
        let changes = [
            format!("method.name={method}"),
            format!("optimizer.lr={lr}"),
        ];
        for set in self
            .options
            .sets
            .iter()
            .chain(&changes)
            .chain(&arena.sets())
        {
            arguments.extend(["--set".to_owned(), set.clone()]);
        }
        let latency = arena.physics.conditions.link.latency;
        if !latency.is_zero() {
            arguments.extend(["--latency".to_owned(), latency.to_string()]);
        }
        arguments.extend(self.options.flags.iter().cloned());
        arguments
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long it took is told, and decides nothing"
)]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the folder is named by the time")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
