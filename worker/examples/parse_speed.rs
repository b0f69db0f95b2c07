//! How fast text files are read: `cargo run --release -p thalweg-worker --example parse_speed [--peers PYTHON] NAME KEYS…`.
//!
//! Prints the best of three loads and, on Linux, the most memory that the process has held (with
//! `cache=true` the first load also makes the cache: remove it to measure that). With `--peers`, that Python then reads the same file: scikit-learn's
//! `load_svmlight_file` for `libsvm`, pandas' `read_csv` for `csv`; where it cannot, a line says so. The
//! keys are those of a job's `[data]` table, each `key=value` in TOML, and `train` is one plain file.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{env, error::Error, fs, path::Path, process::Command, time::Instant};

use thalweg_worker::data;

/// Reads the file of its second argument as the first says, and prints the best of three in seconds.
const PEERS: &str = r#"
import sys, time
name, path = sys.argv[1:]
if name == "libsvm":
    from sklearn.datasets import load_svmlight_file as read
else:
    from pandas import read_csv as read
best = float("inf")
for _ in range(3):
    start = time.perf_counter()
    read(path)
    best = min(best, time.perf_counter() - start)
print(best)
"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<String> = env::args().skip(1).collect();
    let mut python = None;
    if words.first().is_some_and(|word| word == "--peers") {
        python = words.drain(..words.len().min(2)).nth(1);
        python.as_ref().ok_or("expected a Python after --peers")?;
    }
    if words.is_empty() {
        return Err("expected the name of a data set".into());
    }
    let name = words.remove(0);
    let keys: toml::Table = words.join("\n").parse()?;
    let path = keys.get("train").and_then(toml::Value::as_str);
    let path = path.ok_or("expected the key `train`")?;
    let bytes = fs::metadata(path)?.len();
    let (mut best, mut rows) = (f64::INFINITY, 0);
    for _ in 0..3 {
        let start = Instant::now();
        let loaded = data::load(&name, &keys, Path::new("."))?;
        best = best.min(start.elapsed().as_secs_f64());
        rows = loaded.train.rows();
    }
    println!(
        "{name}: {rows} rows, {best:.3} s, {:.0} MB/s",
        rate(bytes, best)
    );
    if let Some(peak) = peak_memory() {
        println!("most memory held: {peak}");
    }
    if let Some(python) = python {
        match peer(&python, &name, path) {
            Ok(seconds) => println!(
                "{}: {seconds:.3} s, {:.0} MB/s; ours takes {:.2} of that time",
                if name == "libsvm" {
                    "scikit-learn"
                } else {
                    "pandas"
                },
                rate(bytes, seconds),
                best / seconds
            ),
            Err(problem) => println!("SKIPPED the comparison: {python}: {problem}"),
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a file's size")]
fn rate(bytes: u64, seconds: f64) -> f64 {
    bytes as f64 / seconds / 1e6
}

/// The high-water mark of resident memory, as Linux tells it.
fn peak_memory() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}

/// Seconds that the other library needs.
fn peer(python: &str, name: &str, path: &str) -> Result<f64, Box<dyn Error>> {
    let output = Command::new(python)
        .args(["-c", PEERS, name, path])
        .output()?;
    if !output.status.success() {
        let problem = String::from_utf8_lossy(&output.stderr);
        return Err(problem.lines().last().unwrap_or("it failed").into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
