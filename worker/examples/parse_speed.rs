//! How fast text files are read: `cargo run --release -p thalweg-worker --example parse_speed [--peers PYTHON] NAME KEYS…`.
//!
//! Prints the best of five loads and, on Linux, the most memory that the process has held (with
//! `cache=true` the first load also makes the cache: remove it to measure that). With `--peers`, that
//! Python reads the same rows between our loads, so that what else the machine does disturbs all alike:
//! scikit-learn's `load_svmlight_file` for `libsvm`, pandas' `read_csv` and `numpy.loadtxt` for `csv`, and for
//! both Vowpal Wabbit, which reads them in its own text form and learns nothing (`--noop`); where one
//! cannot, a line says so. The keys are those of a job's `[data]` table, each `key=value` in TOML, and
//! `train` is one plain file.

#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::{
    env,
    error::Error,
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use thalweg_worker::data;

/// Loads of ours, and of each peer.
const ROUNDS: usize = 5;

/// Answers each name of a peer on standard input with the seconds of one reading, or with what is wrong.
const PEERS: &str = r##"
import os, sys, tempfile, time

kind, path, target = sys.argv[1:]
folder = tempfile.TemporaryDirectory()
wabbit = os.path.join(folder.name, "rows.vw")


def write_for_wabbit():
    with open(path) as rows, open(wabbit, "w") as out:
        if kind == "libsvm":
            for row in rows:
                label, _, pairs = row.split("#")[0].strip().partition(" ")
                if label:
                    out.write(f"{label} | {pairs}\n")
            return
        names = next(rows).strip().split(",")
        wanted = [target] if target else ["label", "target", "y", "class"]
        at = names.index(next(name for name in wanted if name in names))
        heads = [f" {name}:" for name in names[:at] + names[at + 1:]]
        for row in rows:
            fields = row.strip().split(",")
            label = fields.pop(at)
            out.write(label + " |" + "".join(map(str.__add__, heads, fields)) + "\n")


def reader(name):
    if name == "scikit-learn":
        from sklearn.datasets import load_svmlight_file
        return lambda: load_svmlight_file(path)
    if name == "pandas":
        from pandas import read_csv
        return lambda: read_csv(path)
    if name == "numpy":
        from numpy import loadtxt
        return lambda: loadtxt(path, delimiter=",", skiprows=1)
    from vowpalwabbit import Workspace
    if not os.path.exists(wabbit):
        write_for_wabbit()
    return lambda: Workspace(arg_list=["--noop", "--quiet", "--data", wabbit]).finish()


for line in sys.stdin:
    try:
        read = reader(line.strip())
        start = time.perf_counter()
        read()
        print(time.perf_counter() - start, flush=True)
    except Exception as error:
        print(type(error).__name__, str(error).replace("\n", " "), flush=True)
"##;

/// Others who read such files.
fn peers(name: &str) -> &'static [&'static str] {
    match name {
        "libsvm" => &["scikit-learn", "Vowpal Wabbit"],
        "csv" => &["pandas", "numpy", "Vowpal Wabbit"],
        _ => &[],
    }
}

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
    let text = |key: &str| keys.get(key).and_then(toml::Value::as_str);
    let path = text("train").ok_or("expected the key `train`")?;
    let bytes = fs::metadata(path)?.len();
    let mut python = match python {
        Some(python) => Some(Python::start(
            &python,
            &[&name, path, text("target").unwrap_or("")],
        )?),
        None => None,
    };
    let peers = peers(&name);
    let mut theirs: Vec<Result<f64, String>> = vec![Ok(f64::INFINITY); peers.len()];
    let (mut best, mut rows) = (f64::INFINITY, 0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let loaded = data::load(&name, &keys, Path::new("."))?;
        best = best.min(start.elapsed().as_secs_f64());
        rows = loaded.train.rows();
        drop(loaded);
        for (peer, best) in peers.iter().zip(&mut theirs) {
            if let (Some(python), Ok(so_far)) = (&mut python, &*best) {
                *best = python.read(peer)?.map(|seconds| seconds.min(*so_far));
            }
        }
    }
    println!(
        "{name}: {rows} rows, {best:.3} s, {:.0} MB/s",
        rate(bytes, best)
    );
    if let Some(peak) = peak_memory() {
        println!("most memory held: {peak}");
    }
    for (peer, theirs) in peers.iter().zip(theirs).filter(|_| python.is_some()) {
        match theirs {
            Ok(seconds) => println!(
                "{peer}: {seconds:.3} s, {:.0} MB/s; ours is {:.2} times as fast",
                rate(bytes, seconds),
                seconds / best
            ),
            Err(problem) => println!("SKIPPED the comparison with {peer}: {problem}"),
        }
    }
    Ok(())
}

/// Megabytes of our file per second, also for those who read the same rows in another form.
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

/// A Python that reads files when it is told to.
struct Python {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn start(python: &str, words: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(python)
            .args(["-c", PEERS])
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            questions: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().ok_or("expected a pipe")?),
            child,
        })
    }

    /// Seconds of one reading by this peer, or why there is none.
    fn read(&mut self, peer: &str) -> Result<Result<f64, String>, Box<dyn Error>> {
        let questions = self.questions.as_mut().ok_or("expected a pipe")?;
        writeln!(questions, "{peer}")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        let answer = answer.trim();
        Ok(answer.parse().map_err(|_| answer.to_owned()))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // Without questions it ends.
        self.questions = None;
        drop(self.child.wait());
    }
}
