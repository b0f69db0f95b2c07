//! How fast text files are read: `cargo run --release -p thalweg-worker --example parse_speed NAME KEYS…`.
//!
//! Prints the best of three loads, to be compared with other loaders on the same file. The keys are
//! those of a job's `[data]` table, each `key=value` in TOML, and `train` is one plain file.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{env, error::Error, fs, path::Path, time::Instant};

use thalweg_worker::data;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let name = words.next().ok_or("expected the name of a data set")?;
    let keys: toml::Table = words.collect::<Vec<_>>().join("\n").parse()?;
    let path = keys.get("train").and_then(toml::Value::as_str);
    let bytes = fs::metadata(path.ok_or("expected the key `train`")?)?.len();
    let mut best = f64::INFINITY;
    let mut rows = 0;
    for _ in 0..3 {
        let start = Instant::now();
        let loaded = data::load(&name, &keys, Path::new("."))?;
        best = best.min(start.elapsed().as_secs_f64());
        rows = loaded.train.rows();
    }
    #[expect(clippy::cast_precision_loss, reason = "a file's size")]
    let rate = bytes as f64 / best / 1e6;
    println!("{name}: {rows} rows, {best:.3} s, {rate:.0} MB/s");
    Ok(())
}
