//! `thalweg bench`: measurements that decisions rest on, printed by the command that made them.

mod child;
mod delay;
mod echo;
mod grpc;
mod hogwild;
mod kernels;
mod overload;
mod probe;
mod raw;
mod real;
mod report;
mod sample;
mod session;
mod simulate;
mod tls;
mod wire;

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::{Args, Subcommand};

use super::Ending;

/// Measures this build on this machine.
#[derive(Args, Debug)]
pub struct BenchCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// The wire: raw TCP, unary calls and the session stream, at 4 KB and at 64 MB.
    Wire(wire::WireArgs),
    /// The optimizers: large shards, small ones in cache, and sparse steps.
    Kernels(kernels::KernelArgs),
    /// Threads on one model: Hogwild!, its baselines and tiered replicas, beside limits and peers.
    Hogwild(hogwild::HogwildArgs),
    /// A simulation: events per second and memory against the number of workers.
    Simulate(simulate::SimulateArgs),
    /// Delay: what a simulation predicts beside real processes, and whether latency can be hidden.
    Delay(delay::DelayArgs),
    /// Encryption: transfers and the job `steady` with and without TLS, beside the rate of AES-256-GCM.
    Tls(tls::TlsArgs),
    /// Overload: ten times the sessions that saturate a server, and floods, beside its peak, with the bounds that must
    /// hold.
    Overload(overload::OverloadArgs),
    /// The other end of `bench wire`, in a process of its own.
    #[command(hide = true)]
    Echo,
}

/// Runs the measurement and prints its table.
///
/// # Errors
/// If a process or a connection cannot be made, or an answer is not the expected one.
pub(super) fn run(command: &BenchCommand) -> anyhow::Result<Ending> {
    let ran = match &command.what {
        What::Overload(args) => return overload::run(args),
        What::Tls(args) => return tls::run(args),
        What::Wire(args) => wire::run(args),
        What::Kernels(args) => kernels::run(args),
        What::Hogwild(args) => hogwild::run(args),
        What::Simulate(args) => simulate::run(args),
        What::Delay(args) => delay::run(args),
        What::Echo => echo::run(),
    };
    ran.map(|()| Ending::Done)
}

/// Makes the folder for a measurement's pictures, before there is anything to lose.
fn make_folder(plots: Option<&Path>) -> anyhow::Result<()> {
    let Some(folder) = plots else { return Ok(()) };
    fs::create_dir_all(folder)
        .with_context(|| format!("--plots {}: cannot make this folder", folder.display()))
}
