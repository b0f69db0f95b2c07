//! `thalweg bench tls`: what encryption costs, beside the rate at which this machine encrypts at all.
//!
//! The real server runs twice, in the open and with keys, and the same session transfers are made with both in
//! turn. Then the job `steady` is trained by processes in the open and with certificates in turns, as it is, and
//! without the sleep that stands for computing. What TLS costs of the time of the job as it is has a bound.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use clap::Args;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::Serialize;
use thalweg_proto::security::Credentials;

use super::child::report_of;
use super::probe::LARGE_BYTES;
use super::real::{RealSession, serve_real};
use super::sample::{millis_since, now};
use crate::command::Ending;
use crate::command::certs::make_certificates;
use crate::command::credentials::{server_keys, shown_by};
use crate::progress::say_out;
use crate::view::{Cell, Edge, Look, Table};

/// Options of `bench tls`.
#[derive(Args, Debug)]
pub(super) struct TlsArgs {
    /// Two rounds of transfers instead of nine, a twentieth of the job, once each way, and nothing judged.
    #[arg(long)]
    quick: bool,
    /// For programs: print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Bytes of a TLS record.
const RECORD_BYTES: usize = 16 << 10;

/// Bytes that are encrypted to see how fast that is.
const SEALED_BYTES: usize = 512 << 20;

/// Small pushes of a round.
const PINGS: usize = 200;

/// Batches that the job is trained on: a quarter of a minute with its sleep.
const BATCHES: u64 = 2_400;

/// Without the sleep more are needed to see anything.
const QUICK_BATCHES_FACTOR: u64 = 10;

/// Trainings of a job each way; the medians are told.
const PAIRS: usize = 3;

/// Of the time of the job `steady`, what TLS may cost.
const COST_MOST: f64 = 0.15;

/// What was found.
#[derive(Debug, Serialize)]
struct Results {
    /// AES-256-GCM on one core, records of 16 KiB, bytes per second.
    seal_bytes_per_second: f64,
    /// The same, opened.
    open_bytes_per_second: f64,
    transfers: Vec<Pair>,
    jobs: Vec<Pair>,
    /// Of a short run there is none: a second says nothing of percentages.
    verdict: Option<Verdict>,
}

/// Whether TLS costs as little as it is to.
#[derive(Clone, Copy, Debug, Serialize)]
struct Verdict {
    /// Of the time of the job `steady` in the open, what TLS adds to it.
    cost: f64,
    cost_most: f64,
    holds: bool,
}

impl Verdict {
    fn of(steady: &Pair) -> Self {
        let cost = steady.tls / steady.open - 1.0;
        Self {
            cost,
            cost_most: COST_MOST,
            holds: cost <= COST_MOST,
        }
    }

    fn words(self) -> String {
        format!(
            "TLS costs at most {:.0} % of the time of the job `steady`: {}; found {:.1} %",
            100.0 * self.cost_most,
            if self.holds { "holds" } else { "does not hold" },
            100.0 * self.cost
        )
    }
}

/// The same in the open and with TLS.
#[derive(Debug, Serialize)]
struct Pair {
    what: &'static str,
    unit: &'static str,
    open: f64,
    tls: f64,
}

/// How a job is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    Tls,
}

/// Runs the measurement and prints what it found.
pub(super) fn run(arguments: &TlsArgs) -> anyhow::Result<Ending> {
    let folder = tempfile::tempdir().context("no folder for certificates")?;
    let certs = folder.path().join("certs");
    make_certificates(&certs)?;
    let (seal, open) = encrypt()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let rounds = if arguments.quick { 2 } else { 9 };
    let transfers = runtime.block_on(transfers(&certs, rounds))?;
    runtime.shutdown_background();
    let (batches, pairs) = if arguments.quick {
        (BATCHES / 20, 1)
    } else {
        (BATCHES, PAIRS)
    };
    let place = (pairs, folder.path());
    let steady = train("steady", ("20ms", batches), place)?;
    let verdict = (!arguments.quick).then(|| Verdict::of(&steady));
    let sleepless = ("0ms", batches * QUICK_BATCHES_FACTOR);
    let results = Results {
        seal_bytes_per_second: seal,
        open_bytes_per_second: open,
        transfers,
        jobs: vec![steady, train("steady, no sleep", sleepless, place)?],
        verdict,
    };
    say_out(&match arguments.json {
        true => serde_json::to_string_pretty(&results)?,
        false => text(&results)?,
    });
    Ok(match verdict {
        Some(Verdict { holds: false, .. }) => Ending::Failed,
        Some(_) | None => Ending::Done,
    })
}

/// How fast one core encrypts and decrypts records, bytes per second.
fn encrypt() -> anyhow::Result<(f64, f64)> {
    let fails = |_| anyhow::anyhow!("AES-256-GCM does not work here");
    let key = UnboundKey::new(&AES_256_GCM, &[7; 32]).map_err(fails)?;
    let key = LessSafeKey::new(key);
    let mut record = vec![1_u8; RECORD_BYTES];
    let (mut sealing, mut opening) = (0.0, 0.0);
    for _ in 0..SEALED_BYTES / RECORD_BYTES {
        let nonce = || Nonce::assume_unique_for_key([3; 12]);
        let start = now();
        key.seal_in_place_append_tag(nonce(), Aad::empty(), &mut record)
            .map_err(fails)?;
        sealing += millis_since(start);
        let start = now();
        key.open_in_place(nonce(), Aad::empty(), &mut record)
            .map_err(fails)?;
        opening += millis_since(start);
        record.truncate(RECORD_BYTES);
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |millis: f64| SEALED_BYTES as f64 / millis * 1e3;
    Ok((rate(sealing), rate(opening)))
}

/// Transfers with the real server, each the median over the rounds.
async fn transfers(certs: &Path, rounds: usize) -> anyhow::Result<Vec<Pair>> {
    let keys = server_keys(&certs.join("server"))?;
    let mut sessions = Vec::new();
    for (keys, shown) in [
        (None, Credentials::none()),
        (Some(keys), shown_by(&certs.join("worker"))?),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").context("binding a server")?;
        let address = listener.local_addr()?.to_string();
        tokio::spawn(serve_real(listener, keys));
        sessions.push(RealSession::open(&address, &shown).await?);
    }
    let mut millis = [Vec::new(), Vec::new()];
    let mut micros = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (which, session) in sessions.iter_mut().enumerate() {
            millis[which].push(session.transfer(false).await?);
        }
    }
    // After them, as these push to the first shard alone: the others would miss the sequences between.
    for _ in 0..rounds {
        for (which, session) in sessions.iter_mut().enumerate() {
            micros[which].push(session.ping(PINGS).await?);
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = |millis: f64| 2.0 * LARGE_BYTES as f64 / millis * 1e3;
    let [open, tls] = millis.map(median).map(rate);
    let [open_ping, tls_ping] = micros.map(median);
    Ok(vec![
        Pair {
            what: "64 MB pulled, then pushed with Adam",
            unit: "bytes/s",
            open,
            tls,
        },
        Pair {
            what: "4 KB pushed, until its answer",
            unit: "µs",
            open: open_ping,
            tls: tls_ping,
        },
    ])
}

fn median(mut found: Vec<f64>) -> f64 {
    found.sort_by(f64::total_cmp);
    found.get(found.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Ends its process with itself.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// The order of so many trainings each way. Every pair is turned around against the one before it, so that a machine
/// whose speed drifts favours neither.
fn turns(pairs: usize) -> Vec<Way> {
    let pair = |number: usize| match number.is_multiple_of(2) {
        true => [Way::Open, Way::Tls],
        false => [Way::Tls, Way::Open],
    };
    (0..pairs).flat_map(pair).collect()
}

/// Trains the job by processes in the open and with certificates, so many times each; the medians, seconds.
fn train(
    what: &'static str,
    (compute, batches): (&str, u64),
    (pairs, folder): (usize, &Path),
) -> anyhow::Result<Pair> {
    let sets = [
        format!("train.compute={compute}"),
        format!("train.examples={}", 32 * batches),
        "evaluate.every=1.0".to_owned(),
        "cluster.servers=2".to_owned(),
        "cluster.workers=4".to_owned(),
    ];
    let certs = folder.join("certs");
    let (mut open, mut tls) = (Vec::new(), Vec::new());
    for way in turns(pairs) {
        let (certs, seconds) = match way {
            Way::Open => (None, &mut open),
            Way::Tls => (Some(&*certs), &mut tls),
        };
        let out = tempfile::tempdir_in(folder).context("no folder for a run")?;
        seconds.push(train_once(&sets, certs, &out.path().join("run"))?);
    }
    Ok(Pair {
        what,
        unit: "s",
        open: median(open),
        tls: median(tls),
    })
}

fn train_once(sets: &[String], certs: Option<&Path>, out: &Path) -> anyhow::Result<f64> {
    let mut processes = Vec::new();
    let mut addresses = Vec::new();
    for index in ["0", "1"] {
        let mut command = this_program("server", certs)?;
        command.args(["steady", "--index", index, "--listen", "127.0.0.1:0"]);
        for set in sets {
            command.args(["--set", set]);
        }
        let mut server = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = server.stdout.take().context("a server has an output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        if !address.contains(':') {
            bail!("a server did not say where it listens, but: {line}");
        }
        addresses.push(address.to_owned());
        processes.push(Ended(server));
    }
    let addresses = addresses.join(",");
    for _ in 0..4 {
        let mut command = this_program("worker", certs)?;
        command.args(["--join", &addresses]).stdout(Stdio::null());
        processes.push(Ended(command.spawn()?));
    }
    let mut arguments = vec![OsString::from("--join"), addresses.into()];
    if let Some(certs) = certs {
        arguments.extend(["--certs".into(), certs.join("admin").into()]);
    }
    let report = report_of("train", arguments, (out, "a training"))?;
    Ok(report.train_seconds)
}

fn this_program(role: &str, certs: Option<&Path>) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.arg(role).stdin(Stdio::null());
    if let Some(certs) = certs {
        command.arg("--certs").arg(certs.join(role));
    }
    Ok(command)
}

fn text(results: &Results) -> anyhow::Result<String> {
    let mut text = String::new();
    writeln!(
        text,
        "AES-256-GCM on one core, records of 16 KiB: {:.2} GB/s sealed, {:.2} GB/s opened",
        results.seal_bytes_per_second / 1e9,
        results.open_bytes_per_second / 1e9
    )?;
    let mut table = Table::with_heads([
        ("", Edge::Left),
        ("in the open", Edge::Right),
        ("TLS 1.3", Edge::Right),
        ("TLS takes", Edge::Right),
    ]);
    for pair in results.transfers.iter().chain(&results.jobs) {
        let (shown, factor): (fn(f64) -> String, f64) = match pair.unit {
            "bytes/s" => (
                |rate| format!("{:.2} GB/s", rate / 1e9),
                pair.open / pair.tls,
            ),
            "µs" => (|micros| format!("{micros:.0} µs"), pair.tls / pair.open),
            _ => (|seconds| format!("{seconds:.2} s"), pair.tls / pair.open),
        };
        let cells = [
            pair.what.to_owned(),
            shown(pair.open),
            shown(pair.tls),
            format!("{factor:.2} times as long"),
        ];
        table.row(cells.into_iter().map(Cell::from));
    }
    table.write(Look::of_stdout(), &mut text);
    if let Some(verdict) = results.verdict {
        write!(text, "\n{}", verdict.words())?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_up_to_its_bound_holds_and_past_it_or_unknown_does_not() {
        let verdict = |open, tls| {
            Verdict::of(&Pair {
                what: "steady",
                unit: "s",
                open,
                tls,
            })
        };
        assert!(verdict(20.0, 19.0).holds);
        assert!(verdict(20.0, 22.9).holds);
        assert!(!verdict(20.0, 23.1).holds);
        assert!(!verdict(20.0, f64::NAN).holds);
        let words = verdict(20.0, 25.0).words();
        assert!(words.ends_with("does not hold; found 25.0 %"), "{words}");
        let words = verdict(20.0, 21.0).words();
        assert!(words.contains("at most 15 % of"), "{words}");
        assert!(words.ends_with(": holds; found 5.0 %"), "{words}");
    }

    #[test]
    fn trainings_take_turns_and_no_way_always_comes_first() {
        let open_first = [Way::Open, Way::Tls];
        assert_eq!(turns(1), open_first);
        assert_eq!(turns(3)[2..4], [Way::Tls, Way::Open]);
        assert_eq!(turns(3)[4..], open_first);
    }
}
