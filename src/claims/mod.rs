//! `thalweg claims`: what papers say of training methods, and whether it is so here, in virtual time.
//!
//! Every claim is an experiment of real jobs, run as `thalweg simulate` runs them, and criteria with their bounds:
//! these decide, nobody else. A paper's problem is not ours, so that what is compared is the shape of its curves;
//! `docs/DELAY.md` says where we disagree, and why.

mod claim;
mod experiments;
mod lab;
mod result;
mod text;
mod verdict;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};

use self::claim::{Claim, Found};
use self::experiments::CLAIMS;
use self::lab::Extent;
use self::result::{Checked, Claims, SCHEMA_VERSION};
use crate::progress::{say_err, say_out};
use crate::report::{RunFolder, write_text};
use crate::view::Look;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ClaimsOptions {
    /// Names of claims; empty: all.
    pub names: Vec<String>,
    /// Whether to run as little as shows that it runs.
    pub quick: bool,
    /// Where the files go; `None`: a folder of its own below `claims`.
    pub out: Option<PathBuf>,
    /// Whether to show no progress.
    pub quiet: bool,
    /// Whether to print `claims.json` instead of the tables.
    pub json: bool,
    /// True once the user wants no more: what is whole by then is told.
    pub interrupted: Arc<AtomicBool>,
}

/// From one look for an interruption to the next.
const LOOK: Duration = Duration::from_millis(100);

/// Runs the experiments and writes their files. Answers whether all came to their end.
///
/// # Errors
/// If a name is unknown, a job cannot be run, or a file cannot be written.
pub fn claims(options: &ClaimsOptions) -> Result<bool> {
    let begun = now();
    let chosen = choose(&options.names)?;
    let place = (options.out.clone(), "claims");
    let folder = RunFolder::create_or_below(place, "claims", wall_clock())?;
    let extent = match options.quick {
        true => Extent::Quick,
        false => Extent::Whole,
    };
    let mut checked = Vec::new();
    for claim in chosen {
        if !options.quiet {
            say_err(&format!("{}: {}", claim.name, claim.paper));
        }
        let started = now();
        let Some(found) = run_until(&options.interrupted, claim, extent)? else {
            break;
        };
        if let Some(svg) = found.chart.svg() {
            write_text(&folder.path().join(format!("{}.svg", claim.name)), &svg)?;
        }
        let took = (now() - started).as_secs_f64();
        checked.push(Checked::new(claim, found, took));
    }
    let claims = Claims {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        quick: options.quick,
        claims: checked,
        interrupted: options.interrupted.load(Ordering::Relaxed),
        seconds: (now() - begun).as_secs_f64(),
    };
    let json = serde_json::to_string_pretty(&claims)?;
    write_text(&folder.path().join("claims.json"), &json)?;
    say_out(&match options.json {
        true => json,
        false => format!(
            "{}files      {}",
            text::render(&claims, Look::of_stdout()),
            folder.path().display()
        ),
    });
    Ok(!claims.interrupted)
}

/// Runs a claim's experiment on a thread of its own, which an interruption leaves behind: nothing of an experiment
/// that is not whole is told.
fn run_until(
    interrupted: &AtomicBool,
    claim: &'static Claim,
    extent: Extent,
) -> Result<Option<Found>> {
    let (whole, found) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name(format!("claim {}", claim.name))
        .spawn(move || {
            // Whoever waited may have been interrupted.
            whole.send((claim.run)(extent)).ok();
        })
        .context("cannot start a thread")?;
    loop {
        match found.recv_timeout(LOOK) {
            Ok(found) => return found.map(Some),
            Err(RecvTimeoutError::Timeout) if interrupted.load(Ordering::Relaxed) => {
                return Ok(None);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                bail!("the experiment of {} broke off", claim.name)
            }
        }
    }
}

/// The claims of these names, in the registry's order; all if none is named.
fn choose(names: &[String]) -> Result<Vec<&'static Claim>> {
    let known = |name: &&String| CLAIMS.iter().any(|claim| claim.name == **name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<_> = CLAIMS.iter().map(|claim| claim.name).collect();
        bail!(
            "there is no claim `{unknown}`; the claims are: {}",
            all.join(", ")
        );
    }
    let named = |claim: &&Claim| names.is_empty() || names.iter().any(|name| name == claim.name);
    Ok(CLAIMS.iter().filter(named).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_come_in_the_order_of_the_registry_and_an_unknown_one_is_answered_with_all() {
        let all = choose(&[]).unwrap();
        assert_eq!(all.len(), CLAIMS.len());
        let one = choose(&["adaptive_revision".to_owned()]).unwrap();
        assert_eq!(one[0].name, "adaptive_revision");
        let error = choose(&["adaptive".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("`adaptive`") && error.contains("adaptive_revision"),
            "{error}"
        );
    }

    #[test]
    fn no_two_claims_share_a_name() {
        for (number, claim) in CLAIMS.iter().enumerate() {
            let others = CLAIMS[number + 1..].iter();
            assert!(
                others.clone().all(|other| other.name != claim.name),
                "{}",
                claim.name
            );
        }
    }
}
