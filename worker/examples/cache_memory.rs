//! How much memory rows cost that do not fit in it: `cargo run --release -p thalweg-worker --example cache_memory [DATA_MB [CACHE_MEMORY_MB]]`.
//!
//! Writes a libsvm file of some size, has it read through a cache, and goes through its rows as training
//! does, in permuted batches, and as evaluation does, in order. After each step it prints the most memory
//! that the process has held so far, as Linux tells it, beside the sizes of the files and the limit.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]

use std::{
    env,
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use thalweg_common::{permutation::Permutation, seed::mix};
use thalweg_worker::data::{self, Dataset, Rows};

const BATCH: usize = 256;
const FEATURES: u64 = 1_000_000;
const NONZEROS: u64 = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = env::args().skip(1).map(|word| word.parse::<u64>());
    let data_mb = numbers.next().transpose()?.unwrap_or(1_000);
    let memory_mb = numbers.next().transpose()?.unwrap_or(16);
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("rows.svm");
    write_rows(&file, data_mb * 1_000_000)?;
    println!("text {data_mb} MB, cache_memory_mb {memory_mb}");
    show("before it is read")?;
    let keys = format!("train = \"rows.svm\"\ncache = true\ncache_memory_mb = {memory_mb}");
    let loaded = data::load("libsvm", &keys.parse()?, folder.path())?;
    let cache = fs::metadata(folder.path().join("rows.svm.twcache"))?.len();
    println!(
        "rows {}, cache {} MB",
        loaded.train.rows(),
        cache / 1_000_000
    );
    show("converted")?;
    let rows = loaded.train.rows();
    let order = Permutation::new(1, 0, rows);
    sweep(&*loaded.train, (0..rows).map(|at| order.row(at)));
    show("all rows in permuted batches")?;
    sweep(&*loaded.train, 0..rows);
    show("all rows in order")?;
    println!(
        "index and blocks held: {} kB",
        loaded.train.memory_bytes() / 1_000
    );
    Ok(())
}

/// Rows of pseudo-random features and values, up to so many bytes.
fn write_rows(path: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::new(File::create(path)?);
    let (mut written, mut row) = (0, 0_u64);
    while written < bytes {
        let mut line = String::from(if row.is_multiple_of(2) { "+1" } else { "-1" });
        for slot in 0..NONZEROS {
            let chance = mix(row * NONZEROS + slot);
            let width = FEATURES / NONZEROS;
            let feature = 1 + slot * width + chance % width;
            line += &format!(" {feature}:{}", f64::from((chance >> 48) as u16) / 1_024.0);
        }
        line.push('\n');
        file.write_all(line.as_bytes())?;
        written += line.len() as u64;
        row += 1;
    }
    Ok(file.flush()?)
}

fn sweep(data: &dyn Dataset, rows: impl Iterator<Item = u64>) {
    let (mut batch, mut numbers) = (Rows::new(), Vec::with_capacity(BATCH));
    for row in rows {
        numbers.push(row);
        if numbers.len() == BATCH {
            data.fill(&numbers, &mut batch);
            numbers.clear();
        }
    }
    data.fill(&numbers, &mut batch);
}

/// The high-water mark of resident memory.
fn show(step: &str) -> Result<(), Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!(
        "most memory held, {step}: {}",
        peak.unwrap_or("unknown").trim()
    );
    Ok(())
}
