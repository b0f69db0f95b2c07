//! Thalweg.
use clap::Parser;
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    c: C,
}
#[derive(clap::Subcommand)]
enum C {
    Bench(thalweg::command::bench::BenchCommand),
}
fn main() -> anyhow::Result<()> {
    let C::Bench(b) = Cli::parse().c;
    thalweg::command::bench::run(&b)
}
