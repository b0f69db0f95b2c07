//! `docs/REPORT.md` against the code: every key that is written is documented, and every key that
//! is documented is written.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::fixtures::{point, report, simulation};
use super::{
    ConditionsReport, Diverged, Divergence, MetricsLog, Resumed, Scores, ServerReturn,
    ThreadsReport,
};
use crate::view::fixtures::{two_servers, with_history};
use crate::view::{ClusterView, history};

const DOCS: &str = include_str!("../../docs/REPORT.md");

/// Keys of these objects are data, not schema.
const MAPS: &[(&str, &str)] = &[
    ("refusals", "refusals.<reason>"),
    (
        "workers[].parts.refusals",
        "workers[].parts.refusals.<reason>",
    ),
];

#[test]
fn every_key_of_the_report_is_documented_and_no_other() {
    let mut report = report();
    for scores in [
        &mut report.final_scores.train.as_mut().unwrap().scores,
        report.final_scores.test.as_mut().unwrap(),
        report.curve[0].test.as_mut().unwrap(),
        report.best.as_mut().unwrap().test.as_mut().unwrap(),
        &mut report.references[0].test,
    ] {
        *scores = all_scores();
    }
    report.divergence = Some(Divergence {
        what: Diverged::TrainLoss,
        since_epoch: 0.5,
    });
    report.stopped = Some("the test auc has reached its target".into());
    report.conditions = Some(all_conditions());
    report.resumed = Some(Resumed {
        examples: 64,
        examples_before: 96,
        seconds: 1.5,
    });
    report.server_returns = vec![ServerReturn {
        server: 1,
        steps: 8,
        examples: 64,
    }];
    report.threads = Some(ThreadsReport::default());
    report.simulation = Some(simulation());
    assert_eq!(keys_of(&report), documented("report"));
}

#[test]
fn every_key_of_the_metrics_is_documented_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.jsonl");
    let mut log = MetricsLog::create(&path).unwrap();
    let mut point = point();
    point.test = Some(all_scores());
    log.evaluation(&point).unwrap();
    log.status(1.0, &ClusterView::from(&two_servers()[..]))
        .unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for (line, section) in text.lines().zip(["evaluation", "status"]) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["kind"], section);
        assert_eq!(keys_of(&line), documented(section));
    }
}

#[test]
fn every_key_of_the_view_is_documented_and_no_other() {
    let mut servers = two_servers();
    servers[1].workers[1].lease_left = Some(Duration::from_millis(600));
    let mut view = ClusterView::from(&servers[..]);
    view.history = Some(history(&with_history(), 100));
    assert_eq!(keys_of(&view), documented("view"));
}

fn all_scores() -> Scores {
    Scores {
        loss: Some(0.5),
        log_loss: Some(0.5),
        accuracy: Some(0.5),
        auc: Some(0.5),
        f1: Some(0.5),
        calibration_error: Some(0.5),
        rmse: Some(0.5),
        mae: Some(0.5),
        r2: Some(0.5),
    }
}

/// The paths of all values that are neither objects nor lists of objects.
fn keys_of(value: &impl Serialize) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    collect("", &serde_json::to_value(value).unwrap(), &mut keys);
    keys
}

fn collect(path: &str, value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let map = MAPS.iter().find(|(map, _)| path == *map);
                let inner = match map {
                    Some((_, shown)) => (*shown).to_owned(),
                    None if path.is_empty() => key.clone(),
                    None => format!("{path}.{key}"),
                };
                collect(&inner, value, keys);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                collect(&format!("{path}[]"), item, keys);
            }
        }
        // Absent for most workers, an object for those that wait.
        Value::Null if path == "workers[].wait" => {}
        _ => {
            keys.insert(path.to_owned());
        }
    }
}

/// The keys in the tables between `<!-- keys: SECTION -->` and the next such mark or heading. A
/// key that ends in `{loss, auc}` stands for one key per word.
fn documented(section: &str) -> BTreeSet<String> {
    documented_keys(section)
        .into_iter()
        .flat_map(|key| match key.split_once('{') {
            Some((stem, words)) => words
                .trim_end_matches('}')
                .split(", ")
                .map(|word| format!("{stem}{word}"))
                .collect(),
            None => vec![key.to_owned()],
        })
        .collect()
}

fn all_conditions() -> ConditionsReport {
    let spec = || Some("20ms".to_owned());
    ConditionsReport {
        latency: spec(),
        jitter: spec(),
        bandwidth: spec(),
        loss: spec(),
        stragglers: vec!["1:10x".into()],
        kills: vec!["worker:2@30s".into()],
        joins: vec!["worker:3@10s".into()],
        slow_servers: vec!["1:10x".into()],
        replayed: spec(),
    }
}

/// The keys of a section as they stand there.
pub(super) fn documented_keys(section: &str) -> BTreeSet<&'static str> {
    let mark = format!("<!-- keys: {section} -->");
    let (_, rest) = DOCS.split_once(&mark).expect("the section is marked");
    let section = rest.split("\n#").next().unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| Some(row.split_once('`')?.0))
        .collect()
}
