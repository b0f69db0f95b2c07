//! `thalweg bench overload`: what a server does under ten times the sessions that saturate it, and when it is flooded.
//!
//! The real server is a process of its own on one core; this process loads it from another. The peak is measured the
//! same way as the overload: by the server's own count of what it applied.
//!
//! The sessions are a closed loop: each sends its next push when one of those in flight is answered. An open loop of ten
//! times the peak would be 17 GB/s and more, which no core of a generator can send.

mod frames;
mod floods;
mod flooder;
mod cores;
mod server;
mod ground;
mod crew;
mod found;
mod bounds;
mod parts;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use self::bounds::{judge_flood, judge_press};
use self::cores::Cores;
use self::crew::Manner;
use self::floods::Flood;
use self::found::{Extent, Found, Peak};
use self::ground::{Job, WINDOW};
use self::parts::{Interrupted, Lengths, Parts, name_of};
use crate::command::certs::make_certificates;
use crate::command::credentials::shown_by;
use crate::command::{Ending, INTERRUPTED};
use crate::progress::{say_err, say_out};
use crate::train::listen_beside;

/// Options of `bench overload`.
#[derive(Args, Debug)]
pub(super) struct OverloadArgs {
    /// A few seconds of each part, and no rates judged: a test runs it.
    #[arg(long)]
    quick: bool,
    /// Seconds of each overload: 300, or 1 with --quick.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: Option<u64>,
    /// Seconds of each flood: 60, or 0.8 with --quick.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    flood_seconds: Option<u64>,
    /// Only these parts: overload, overload-rude, or the name of a flood (docs/OVERLOAD.md).
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Show no progress.
    #[arg(long, short)]
    quiet: bool,
    /// For programs: print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the measurement and prints what it found.
pub(super) fn run(arguments: &OverloadArgs) -> anyhow::Result<Ending> {
    check_names(&arguments.only)?;
    let folder = tempfile::tempdir().context("no folder for logs and certificates")?;
    let certs = folder.path().join("certs");
    make_certificates(&certs)?;
    // Before anything else runs: threads inherit what this one is bound to.
    let cores = Cores::share_out();
    let tell: fn(&str) = if arguments.quiet { |_| {} } else { say_err };
    let said = words(&cores);
    tell(&said);
    let parts = Parts {
        job: Arc::new(Job::new()?),
        cores,
        folder: folder.path().to_owned(),
        certs: (certs.clone(), shown_by(&certs.join("worker"))?),
        lengths: lengths(arguments),
        interrupted: listen_beside(INTERRUPTED)?,
        tell,
    };
    let mut found = Found {
        schema_version: 1,
        version: env!("CARGO_PKG_VERSION"),
        extent: match arguments.quick {
            true => Extent::Quick,
            false => Extent::Full,
        },
        cores: said,
        push_bytes: parts.job.push_bytes(),
        window: WINDOW,
        memory_bytes_max: parts.job.memory_bytes_max,
        connections_max: parts.job.connections_max,
        peak: Peak::default(),
        presses: Vec::new(),
        floods: Vec::new(),
        checks: Vec::new(),
        interrupted: false,
        passed: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ran = runtime.block_on(run_parts(&parts, &arguments.only, &mut found));
    runtime.shutdown_background();
    match ran {
        Ok(()) => {}
        Err(error) if error.is::<Interrupted>() => found.interrupted = true,
        // A request that was under way may have failed because of it.
        Err(_) if parts.interrupted.load(Ordering::Relaxed) => found.interrupted = true,
        Err(error) => return Err(error),
    }
    found.passed = !found.interrupted && found.checks.iter().all(|check| check.holds);
    say_out(&match arguments.json {
        true => serde_json::to_string_pretty(&found)?,
        false => text::text(&found)?,
    });
    Ok(match (found.interrupted, found.passed) {
        (true, _) => Ending::Interrupted,
        (false, true) => Ending::Done,
        (false, false) => Ending::Failed,
    })
}

async fn run_parts(parts: &Parts, only: &[String], found: &mut Found) -> anyhow::Result<()> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only == name);
    let (extent, limit) = (found.extent, found.memory_bytes_max);
    found.peak = parts.peak().await?;
    for manner in [Manner::Polite, Manner::Rude] {
        if !wanted(name_of(manner)) {
            continue;
        }
        (parts.tell)(&format!("{}: ten times the sessions", name_of(manner)));
        let press = parts.press(&found.peak, manner).await?;
        found.checks.extend(judge_press(&press, limit, extent));
        found.presses.push(press);
    }
    for flood in Flood::ALL {
        if !wanted(flood.name()) {
            continue;
        }
        let flooded = parts.flood(flood, found.peak.sessions).await?;
        (parts.tell)(&format!(
            "{}: good clients bring through {:.1} % of what they do alone",
            flood.name(),
            100.0 * flooded.share
        ));
        found.checks.extend(judge_flood(&flooded, limit, extent));
        found.floods.push(flooded);
    }
    Ok(())
}

fn lengths(arguments: &OverloadArgs) -> Lengths {
    let millis = Duration::from_millis;
    let usual = match arguments.quick {
        true => Lengths {
            warm_up: millis(150),
            peak: millis(400),
            beside: millis(400),
            press: millis(1_000),
            recovery: millis(2_000),
            alone: millis(300),
            flood: millis(800),
        },
        false => Lengths {
            warm_up: millis(1_000),
            peak: millis(10_000),
            beside: millis(30_000),
            press: millis(300_000),
            recovery: millis(45_000),
            alone: millis(10_000),
            flood: millis(60_000),
        },
    };
    let seconds = |given: Option<u64>, usual| given.map_or(usual, Duration::from_secs);
    Lengths {
        press: seconds(arguments.seconds, usual.press),
        flood: seconds(arguments.flood_seconds, usual.flood),
        ..usual
    }
}

fn words(cores: &Cores) -> String {
    match cores {
        Cores::Apart { server, generator } => {
            format!("the server on core {server}, the load on core {generator}")
        }
        Cores::Shared(why) => format!("server and load share their cores ({why})"),
    }
}

fn check_names(only: &[String]) -> anyhow::Result<()> {
    let mut known: BTreeSet<&str> = Flood::ALL.iter().map(|flood| flood.name()).collect();
    known.extend([name_of(Manner::Polite), name_of(Manner::Rude)]);
    for name in only {
        if !known.contains(&**name) {
            let known: Vec<_> = known.into_iter().collect();
            bail!(
                "--only {name}: there is no such part; expected some of {}",
                known.join(", ")
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_there_is_not_is_named_with_those_that_there_are() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        assert!(check_names(&names(&["overload", "pings", "half-handshakes"])).is_ok());
        let error = check_names(&names(&["pings", "pongs"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("--only pongs: there is no such part"),
            "{error}"
        );
        assert!(error.contains("overload-rude, pings,"), "{error}");
    }
}
