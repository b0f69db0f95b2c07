//! What servers do with gradients that arrive late: traces of reads and updates (`psgold-trace/1`), and
//! asynchronous runs on a noisy parabola (`psgold-async/1`), as far as a rule alone makes them. In f64,
//! because that is what these files hold.
//!
//! What takes workers as well, local steps and rounds, is driven end to end by the tests of the root
//! package, over the very same files.

use serde_json::Value;
use thalweg_common::optimizer::{ExactStore, Reader, StepContext, optimizer};
use toml::Table;

use super::numbers::{Findings, field, numbers, row_difference, rows, singles};
use super::run::whole;

/// A rule in the registry's words, and its rate.
struct Rule {
    name: &'static str,
    settings: String,
    lr: f64,
}

/// Each worker's last read: the parameters, what the rule asks of it, and the version.
#[derive(Clone)]
struct Read {
    x: Vec<f64>,
    at_read: Vec<f64>,
    version: u64,
}

/// The server of a file.
struct Server {
    store: Box<dyn ExactStore>,
    lr: f64,
    version: u64,
}

impl Server {
    fn new(rule: &Rule, start: &[f64]) -> Result<Self, String> {
        let near = singles(start);
        let initial = |element: usize| near[element];
        let entry = optimizer(rule.name).map_err(|error| error.to_string())?;
        let settings: Table = rule.settings.parse().expect("settings are TOML");
        let built = entry.build_exact(&settings, &whole(start.len(), 0.0, &initial));
        let mut store = built.map_err(|error| error.to_string())?;
        // Starts need not be singles.
        let mut saved: Vec<Vec<f64>> = store.columns().iter().map(|c| c.to_vec()).collect();
        saved[0] = start.to_vec();
        let columns: Vec<&[f64]> = saved.iter().map(Vec::as_slice).collect();
        store.restore(&columns).expect("the columns are its own");
        Ok(Self {
            store,
            lr: rule.lr,
            version: 0,
        })
    }

    fn read(&self) -> Read {
        Read {
            x: self.store.shown(Reader::Worker),
            at_read: self.store.readable(),
            version: self.version,
        }
    }

    /// Takes a step; answers its staleness.
    fn push(&mut self, gradient: &[Option<f64>], read: &Read, rate: Rate, worker: u32) -> u64 {
        let staleness = self.version - read.version;
        let lr = match rate {
            Rate::AsItIs => self.lr,
            Rate::ByStaleness => self.lr / staleness.max(1) as f64,
        };
        let context = StepContext {
            lr,
            share: 1.0,
            count: self.version + 1,
            progress: 0,
            staleness,
            worker,
        };
        self.store.step_exact_at(&context, gradient, &read.at_read);
        self.version += 1;
        staleness
    }

    fn columns(&mut self) -> Vec<Vec<f64>> {
        self.store.columns().iter().map(|c| c.to_vec()).collect()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Rate {
    AsItIs,
    ByStaleness,
}

/// The columns behind the parameter that a file has, by their keys.
type Columns = &'static [(&'static str, usize)];

fn traced(file: &Value) -> Result<(Rule, Columns), String> {
    let algorithm: String = field(file, "algorithm")?;
    let hyper: Value = field(file, "hyper")?;
    let number = |key: &str| field::<f64>(&hyper, key);
    let z0 = number("z0")?;
    let (name, settings, keys): (_, _, &[_]) = match algorithm.as_str() {
        "adaptive_revision" => (
            "adaptive_revision",
            format!("initial_accumulator_value = {z0:?}"),
            &[("gbar", 1), ("z", 3), ("z_max", 4)],
        ),
        "async_adagrad" => (
            "adagrad",
            format!("eps = 0.0\ninitial_accumulator_value = {z0:?}"),
            &[("z", 1)],
        ),
        "ftrl_adaptive_revision" => (
            "ftrl_adaptive_revision",
            format!(
                "beta = {:?}\nlambda1 = {:?}\nlambda2 = {:?}",
                number("beta")?,
                number("lambda1")?,
                number("lambda2")?
            ),
            &[("gbar", 1), ("n", 3), ("sqrt_n_max", 4), ("z", 5)],
        ),
        other => return Err(format!("no rule for the trace of `{other}`")),
    };
    Ok((rule(name, settings, number("alpha")?), keys))
}

/// A trace of reads and updates.
pub(super) fn trace(file: &Value) -> Result<Findings, String> {
    let (rule, keys) = traced(file)?;
    let mut server = Server::new(&rule, &numbers(file, "w0")?)?;
    let mut reads: Vec<Option<Read>> = vec![None; field::<usize>(file, "workers")?];
    let tolerance: f64 = field(&field(file, "tolerance")?, "float64")?;
    let mut found = Findings::default();
    for (place, event) in field::<Vec<Value>>(file, "events")?.iter().enumerate() {
        let worker: usize = field(event, "worker")?;
        let what = |key: &str| format!("event {place}, {key}");
        let mut compare = |key: &str, values: &[f64]| {
            let expected = numbers(event, key)?;
            found.note(row_difference(&what(key), tolerance, values, &expected));
            Ok::<(), String>(())
        };
        if field::<String>(event, "op")? == "read" {
            let read = server.read();
            compare("w", &read.x)?;
            if rule.name != "adagrad" {
                compare("gbar", &read.at_read)?;
            }
            reads[worker] = Some(read);
            continue;
        }
        let read = reads[worker].clone().ok_or("an update before any read")?;
        let mask: Vec<u8> = field(event, "mask")?;
        let gradient = numbers(event, "g")?;
        let present = |(g, mask): (f64, u8)| (mask == 1).then_some(g);
        let gradient: Vec<_> = gradient.into_iter().zip(mask).map(present).collect();
        let delay = server.push(&gradient, &read, Rate::AsItIs, 0);
        if delay != field::<u64>(event, "delay")? {
            return Err(format!("event {place}: a delay of {delay}"));
        }
        let columns = server.columns();
        compare("w", &columns[0])?;
        for (key, column) in keys {
            compare(key, &columns[*column])?;
        }
    }
    Ok(found)
}

fn rule(name: &'static str, settings: String, lr: f64) -> Rule {
    Rule { name, settings, lr }
}

/// What a file shows after each event.
struct Shows {
    /// The parameter.
    x: &'static str,
    /// A column behind it.
    column: Option<(&'static str, usize)>,
    /// What is judged and saved, and what workers pull.
    evaluated: Option<&'static str>,
    published: Option<&'static str>,
}

const PLAIN: Shows = Shows {
    x: "w",
    column: None,
    evaluated: None,
    published: None,
};

/// Algorithms of `psgold-async/1` in which workers do more than to push a gradient of what they pulled.
pub(super) const WITH_WORKERS: &[&str] = &[
    "downpour",
    "easgd_async",
    "eamsgd_async",
    "easgd_sync",
    "local_sgd",
    "diloco",
    "n_softsync",
];

/// How a file's algorithm is driven.
struct Plan {
    rule: Rule,
    rate: Rate,
    shows: Shows,
    pulls: Pulls,
}

impl Plan {
    /// Workers that pull after each push; the file shows the parameter alone.
    fn of(rule: Rule) -> Self {
        Self {
            rule,
            rate: Rate::AsItIs,
            shows: PLAIN,
            pulls: Pulls::AfterPush,
        }
    }

    fn shows(self, shows: Shows) -> Self {
        Self { shows, ..self }
    }

    fn pulls(self, pulls: Pulls) -> Self {
        Self { pulls, ..self }
    }
}

fn plan(file: &Value) -> Result<Plan, String> {
    let algorithm: String = field(file, "algorithm")?;
    let hyper: Value = field(file, "hyper")?;
    let number = |key: &str| field::<f64>(&hyper, key);
    let column = |key, place| Shows {
        column: Some((key, place)),
        ..PLAIN
    };
    match algorithm.as_str() {
        "asgd" => Ok(Plan::of(rule("sgd", String::new(), number("eta")?))),
        "staleness_aware" => Ok(Plan {
            rate: Rate::ByStaleness,
            ..Plan::of(rule("sgd", String::new(), number("eta")?))
        }),
        "dc_asgd_c" => {
            let settings = format!("guard = false\ncompensation = {:?}", number("lambda0")?);
            Ok(Plan::of(rule("dc_asgd_constant", settings, number("eta")?)))
        }
        "dc_asgd_a" => {
            let own = hyper.get("mean_square_per_worker") == Some(&Value::Bool(true));
            let count: u64 = if own { field(file, "workers")? } else { 1 };
            let settings = format!(
                "guard = false\ncompensation = {:?}\nmemory = {:?}\neps = {:?}\nmean_squares = {count}",
                number("lambda0")?,
                number("m")?,
                number("eps")?
            );
            // Of each worker's own, the column is its worker's.
            let shows = column("mean_square", 1);
            Ok(Plan::of(rule("dc_asgd_adaptive", settings, number("eta")?)).shows(shows))
        }
        "gap_aware" => {
            let settings = format!("eps = {:?}", number("eps")?);
            let shows = column("avg_step", 1);
            Ok(Plan::of(rule("gap_aware", settings, number("eta")?)).shows(shows))
        }
        "delayed_nesterov" => {
            let settings = format!(
                "momentum = {:?}\nperiod = {}\nactivation = {:?}",
                number("beta")?,
                field::<u64>(&hyper, "N")?,
                number("c")?
            );
            let rule = rule("delayed_nesterov", settings, number("lr")?);
            Ok(Plan::of(rule)
                .shows(column("m", 2))
                .pulls(Pulls::BeforeGradient))
        }
        _ => downpour_plan(&algorithm, &hyper),
    }
}

/// The plans of EASGD's paper, whose files call the parameter `server`.
fn downpour_plan(algorithm: &str, hyper: &Value) -> Result<Plan, String> {
    let number = |key: &str| field::<f64>(hyper, key);
    let server = Shows {
        x: "server",
        ..PLAIN
    };
    match algorithm {
        "adownpour" | "mvadownpour" => {
            let settings = match algorithm {
                "adownpour" => String::new(),
                _ => format!("rate = {:?}", number("alpha_mva")?),
            };
            let shows = Shows {
                evaluated: Some("z"),
                ..server
            };
            Ok(Plan::of(rule("averaged_sgd", settings, number("eta")?))
                .shows(shows)
                .pulls(Pulls::BeforeGradient))
        }
        "mdownpour" => {
            let shows = Shows {
                column: Some(("v", 1)),
                published: Some("sent_to_worker"),
                ..server
            };
            let settings = format!("momentum = {:?}", number("delta")?);
            Ok(Plan::of(rule("nag_lookahead", settings, number("eta")?)).shows(shows))
        }
        other => Err(format!("no rule for `{other}`")),
    }
}

/// An asynchronous run in which every worker pushes the gradient at what it pulled last, and pulls at
/// once after its push.
pub(super) fn run(file: &Value) -> Result<Findings, String> {
    let plan = plan(file)?;
    let server = Server::new(&plan.rule, &numbers(file, "x0")?)?;
    follow(file, server, plan.rate, &plan.shows, plan.pulls)
}

/// When a worker pulls.
#[derive(Clone, Copy, PartialEq)]
enum Pulls {
    AfterPush,
    BeforeGradient,
}

fn follow(
    file: &Value,
    mut server: Server,
    rate: Rate,
    shows: &Shows,
    pulls: Pulls,
) -> Result<Findings, String> {
    let objective: Value = field(file, "objective")?;
    let (a, c) = (numbers(&objective, "a")?, numbers(&objective, "c")?);
    let noise: Vec<Value> = field(&objective, "noise[worker][local_step]")?;
    let tolerance: f64 = field(&field(file, "tolerance")?, "float64")?;
    let own_columns = file.pointer("/hyper/mean_square_per_worker") == Some(&Value::Bool(true));
    let workers: usize = field(file, "workers")?;
    let mut reads = vec![server.read(); workers];
    let mut steps = vec![0_usize; workers];
    let order: Vec<usize> = field(file, "order")?;
    let events: Vec<Value> = field(file, "events")?;
    if order.len() != events.len() {
        return Err("`order` and `events` are of different lengths".to_owned());
    }
    let mut found = Findings::default();
    for (place, (worker, event)) in order.into_iter().zip(&events).enumerate() {
        if pulls == Pulls::BeforeGradient {
            reads[worker] = server.read();
        }
        let noise = rows(
            &Value::Object(
                [("n".to_owned(), noise[worker].clone())]
                    .into_iter()
                    .collect(),
            ),
            "n",
        )?;
        let noise = &noise[steps[worker]];
        let x = &reads[worker].x;
        let gradient: Vec<f64> = (0..x.len())
            .map(|i| a[i] * (x[i] - c[i]) + noise[i])
            .collect();
        let present: Vec<_> = gradient.iter().copied().map(Some).collect();
        let read = reads[worker].clone();
        let number = u32::try_from(worker).map_err(|error| error.to_string())?;
        let staleness = server.push(&present, &read, rate, number);
        steps[worker] += 1;
        if pulls == Pulls::AfterPush {
            reads[worker] = server.read();
        }
        let mut compare = |key: &str, values: &[f64]| {
            let expected = numbers(event, key)?;
            let what = format!("event {place}, {key}");
            found.note(row_difference(&what, tolerance, values, &expected));
            Ok::<(), String>(())
        };
        if event.get("tau").is_some() && field::<u64>(event, "tau")? != staleness {
            return Err(format!("event {place}: a staleness of {staleness}"));
        }
        for key in ["g", "pseudo_gradient"] {
            if event.get(key).is_some() {
                compare(key, &gradient)?;
            }
        }
        let columns = server.columns();
        compare(shows.x, &columns[0])?;
        if let Some((key, column)) = shows.column {
            let column = if own_columns { column + worker } else { column };
            compare(key, &columns[column])?;
        }
        if let Some(key) = shows.evaluated {
            compare(key, &server.store.shown(Reader::Observer))?;
        }
        if let Some(key) = shows.published {
            compare(key, &server.store.shown(Reader::Worker))?;
        }
    }
    Ok(found)
}
