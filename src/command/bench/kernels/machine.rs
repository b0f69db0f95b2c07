//! The machine that a run was made on, in the words that a reader needs to judge the numbers.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::thread;

use serde::Serialize;

/// What a run was made on, and with.
#[derive(Debug, Serialize)]
pub(in crate::command::bench) struct Machine {
    /// The version of the program.
    version: &'static str,
    /// The processor's own name, where the system tells it.
    processor: String,
    /// Threads that run at once.
    threads: usize,
    /// The instruction set that the loops choose here.
    instructions: &'static str,
}

impl Machine {
    /// This machine.
    pub(in crate::command::bench) fn here() -> Self {
        let unknown = || std::env::consts::ARCH.to_owned();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            processor: processor().unwrap_or_else(unknown),
            threads: thread::available_parallelism().map_or(1, usize::from),
            instructions: instructions(),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "thalweg {} on {}, {} threads, {}",
            self.version, self.processor, self.threads, self.instructions
        )
    }
}

/// The name, with family and model as they are: virtual machines often hide the rest.
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let value = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let (name, family, model) = (
        value("model name")?,
        value("cpu family")?,
        value("model\t")?,
    );
    Some(format!("{name} (family {family}, model {model})"))
}

#[cfg(target_arch = "x86_64")]
fn instructions() -> &'static str {
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") {
        "AVX-512 against SSE2"
    } else if is_x86_feature_detected!("avx2") {
        "AVX2 against SSE2"
    } else {
        "SSE2 only"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn instructions() -> &'static str {
    "the platform's baseline only"
}
