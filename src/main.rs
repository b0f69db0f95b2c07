//! The one binary: parse the command line, run a subcommand, say what went wrong in one line.

use std::process::ExitCode;

fn main() -> ExitCode {
    thalweg::command::main()
}
