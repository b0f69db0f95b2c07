//! The command line: one file per subcommand.

mod log;
mod options;
mod credentials;
mod flags;
mod conditions;
mod model_of_run;
mod stop;
mod init;
mod train;
mod simulate;
mod compare;
mod claims;
mod demo;
mod stress;
mod evaluate;
mod predict;
mod server;
mod invitation;
mod worker;
mod proxy;
mod status;
mod certs;
mod checkpoint;
mod list;
mod runs;
mod check;
mod documents;
mod schema;
pub mod bench;

use std::fmt::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::launch::DIVERGED;
use crate::progress::{say_err as say_error, say_out as say};
use crate::train::RunEnd;

/// Exit code of a job that ended early or a command that failed.
const FAILED: u8 = 1;

/// Exit code of a command that was interrupted, as shells have it for Ctrl-C.
const INTERRUPTED: u8 = 130;

/// A distributed parameter server: train sparse and dense models on many uneven machines.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a job on a local cluster of server and worker processes.
    Train(train::Arguments),
    /// Watch a race: four methods, one worker ten times slower, one killed; about a minute.
    Demo(demo::Arguments),
    /// Run a job in virtual time, from one seed: what would delay, stragglers and lost workers do to it?
    Simulate(simulate::Arguments),
    /// Compare training methods on one job: the same data and seeds, each at its best rate, under delay.
    Compare(compare::Arguments),
    /// Look whether what papers say of training methods is so here, in virtual time.
    Claims(claims::Arguments),
    /// Run a matrix of delay, loss, slow machines, methods and consistency on a real cluster, and check what must hold.
    Stress(stress::Arguments),
    /// Write a job file for data of one's own.
    Init(init::Arguments),
    /// Judge a trained model on data.
    Evaluate(evaluate::Arguments),
    /// Let a trained model label rows, as CSV.
    Predict(predict::Arguments),
    /// Run one server of a job.
    Server(server::Arguments),
    /// Run one worker of a job.
    Worker(worker::Arguments),
    /// Put latency, a bandwidth and faults between any two processes: pass on what comes, later.
    Proxy(proxy::Arguments),
    /// Let the servers of a job write checkpoints now.
    Checkpoint(checkpoint::Arguments),
    /// Show how a running job stands: who waits for whom, since when, and why.
    Status(status::Arguments),
    /// Make certificates and tokens for servers and workers on several machines.
    Certs(certs::Arguments),
    /// List optimizers, schedules, methods, models, data sets, shipped jobs, and the runs here.
    List(list::Arguments),
    /// Check a job: print it resolved, with what its servers will need.
    Check(check::Arguments),
    /// Measure, with the physical limit beside it in the same run.
    Bench(bench::BenchCommand),
    /// Print the JSON schema of a job file, for editors.
    Schema,
    /// Print completions for a shell.
    Completions(documents::CompletionArguments),
    /// Write manual pages.
    Man(documents::ManArguments),
}

/// How a command ended, if not in an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Done,
    Diverged,
    Failed,
    Interrupted,
}

impl From<RunEnd> for Ending {
    fn from(end: RunEnd) -> Self {
        match end {
            RunEnd::Done => Self::Done,
            RunEnd::Diverged => Self::Diverged,
            RunEnd::Failed => Self::Failed,
            RunEnd::Interrupted => Self::Interrupted,
        }
    }
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    thalweg_proto::transport::keep_freed_memory();
    if let Err(error) = log::start() {
        complain(&error);
        return ExitCode::from(FAILED);
    }
    let ended = match cli.command {
        Command::Train(arguments) => train::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Claims(arguments) => claims::run(&arguments),
        Command::Stress(arguments) => stress::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Schema => schema::run(),
        Command::Completions(arguments) => documents::completions(&arguments),
        Command::Man(arguments) => documents::man(&arguments),
        Command::Server(arguments) => server::run(&arguments),
        Command::Worker(arguments) => worker::run(&arguments),
        Command::Proxy(arguments) => proxy::run(&arguments),
        Command::Checkpoint(arguments) => checkpoint::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Certs(arguments) => certs::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Diverged) => ExitCode::from(DIVERGED),
        Ok(Ending::Failed) => ExitCode::from(FAILED),
        Ok(Ending::Interrupted) => ExitCode::from(INTERRUPTED),
        Err(error) => {
            complain(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// An error with its causes, each once, in one line per problem.
fn complain(error: &anyhow::Error) {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            // Writing to a string cannot fail.
            write!(text, ": {cause}").ok();
        }
    }
    say_error(&format!("error: {text}"));
}
