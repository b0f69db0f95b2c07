//! The board and its document: what is shown, that it is bounded, and that its keys are documented.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use thalweg_common::ids::WorkerId;
use thalweg_common::message::Status;
use thalweg_server::ingress::StatusPages;

use super::document::{SENTENCES_MAX, SHARDS_MAX, WORKERS_MAX};
use super::told::EVALUATIONS_MAX;
use super::*;
use crate::report::{ConditionsReport, EvaluationPoint};
use crate::view::fixtures::{two_servers, with_history};

const DOCS: &str = include_str!("../../docs/METRICS.md");

/// Server 0 some seconds into training.
fn own(seconds: u64) -> Status {
    let mut status = with_history().swap_remove(0);
    status.trained = Duration::from_secs(seconds);
    status.up = Duration::from_secs(seconds + 1);
    status.progress = 10_000 * seconds;
    status
}

fn point(seconds: f64) -> EvaluationPoint {
    EvaluationPoint {
        train_seconds: seconds,
        ..crate::report::fixtures::point()
    }
}

fn told() -> Told {
    let points: Vec<_> = (1..=3).map(|second| point(f64::from(second))).collect();
    Told {
        said: vec![Said {
            at: Duration::from_secs(2),
            text: "killed, as asked: worker:2@2s".to_owned(),
        }],
        conditions: Some(ConditionsReport {
            latency: Some("20ms".to_owned()),
            stragglers: vec!["1:10x".to_owned()],
            ..ConditionsReport::default()
        }),
        rows: 49_000,
        ..Told::new(&two_servers(), &points)
    }
}

/// The page of server 0 with all that a launcher tells.
fn full() -> Board {
    let mut board = Board::new(0, 2);
    for second in 1..=4 {
        board.take(own(second));
    }
    board.hear(told());
    board
}

fn json(board: &Board) -> Value {
    serde_json::from_slice(&board.document().to_json()).unwrap()
}

#[test]
fn the_page_of_a_job_shows_all_servers_the_curve_and_what_the_launcher_says() {
    let page = json(&full());
    assert_eq!(page["unknown"], serde_json::json!([]));
    assert_eq!(page["told_seconds"], 0.0);
    let servers = page["cluster"]["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 2);
    assert_eq!(
        page["curve"]["seconds"],
        serde_json::json!([1.0, 2.0, 3.0, 4.0])
    );
    assert_eq!(page["curve"]["train_loss"][3], 0.5);
    assert_eq!(page["evaluations"].as_array().unwrap().len(), 3);
    assert_eq!(page["epoch"], 40_000.0 / 49_000.0);
    let waiting = page["waiting"][0].as_str().unwrap();
    assert!(
        waiting.starts_with("worker 2 waits for worker 0 at server 0 since 1.4 s"),
        "{waiting}"
    );
    assert_eq!(
        page["gone"][0],
        "worker 3 is lost: gave no sign of life for 10.0 s"
    );
    let incidents = page["incidents"].as_array().unwrap();
    let texts: Vec<_> = incidents
        .iter()
        .map(|i| i["text"].as_str().unwrap())
        .collect();
    assert!(
        texts[0].starts_with("worker 1: joined as session 2"),
        "{texts:?}"
    );
    assert!(texts.contains(&"killed, as asked: worker:2@2s"));
    assert!(
        !texts.iter().any(|text| text.contains("push 118")),
        "{texts:?}"
    );
    let times: Vec<_> = incidents
        .iter()
        .map(|i| i["at_seconds"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn a_server_by_itself_says_what_it_does_not_know() {
    let mut first = Board::new(0, 2);
    first.take(own(1));
    let page = json(&first);
    assert_eq!(page["told_seconds"], Value::Null);
    let unknown = page["unknown"].as_array().unwrap();
    assert_eq!(unknown.len(), 2);
    assert!(
        unknown[0]
            .as_str()
            .unwrap()
            .starts_with("Evaluations on test data")
    );
    assert!(
        unknown[1].as_str().unwrap().contains("of server 1:"),
        "{unknown:?}"
    );
    let mut second = Board::new(1, 2);
    second.take(two_servers().swap_remove(1));
    let page = json(&second);
    let unknown = page["unknown"].as_array().unwrap();
    assert!(
        unknown[0]
            .as_str()
            .unwrap()
            .contains("server 0 counts them")
    );
    assert!(unknown[2].as_str().unwrap().contains("of server 0:"));
    assert_eq!(page["cluster"]["servers"][0]["server"], 1);
    assert!(0.0 < page["recent_examples_per_second"].as_f64().unwrap());
    let before = json(&Board::new(0, 1));
    assert_eq!(before["cluster"]["phase"], "joining");
    assert_eq!(before["unknown"].as_array().unwrap().len(), 1);
}

#[test]
fn a_job_of_any_size_and_length_has_a_bounded_document() {
    let mut board = Board::new(0, 2);
    let mut status = own(1);
    let worker = status.workers[2].clone();
    let slot = |worker_id| thalweg_common::message::WorkerStatus {
        worker: WorkerId(worker_id),
        ..worker.clone()
    };
    status.workers = (0..2_000).map(slot).collect();
    status.shards = vec![status.shards[0].clone(); 2_000];
    let event = status.history[0].clone();
    status.history = vec![event; 2_000];
    for second in 1..600 {
        status.trained = Duration::from_secs(second);
        status.progress = second;
        board.take(status.clone());
    }
    let points: Vec<_> = (0..10_000).map(|second| point(f64::from(second))).collect();
    let mut told = Told::new(
        &[
            status.clone(),
            Status {
                server: thalweg_common::ids::ServerId(1),
                ..status
            },
        ],
        &points,
    );
    assert_eq!(told.others[0].workers.len(), WORKERS_MAX);
    told.evaluations = points;
    board.hear(told);
    let text = board.document().to_json();
    let page: Value = serde_json::from_slice(&text).unwrap();
    let length = |value: &Value| value.as_array().unwrap().len();
    assert_eq!(length(&page["cluster"]["workers"]), WORKERS_MAX);
    assert_eq!(page["left_out"]["workers"], 2_000 - WORKERS_MAX);
    assert_eq!(length(&page["cluster"]["servers"][0]["shards"]), SHARDS_MAX);
    assert_eq!(page["left_out"]["shards"], 2_000 - SHARDS_MAX);
    assert_eq!(length(&page["waiting"]), SENTENCES_MAX + 1);
    assert_eq!(length(&page["incidents"]), SENTENCES_MAX);
    assert!(length(&page["evaluations"]) <= EVALUATIONS_MAX);
    let last = page["evaluations"].as_array().unwrap().last().unwrap();
    assert_eq!(last["train_seconds"], 9_999.0);
    assert!(length(&page["curve"]["seconds"]) <= curve::POINTS_MAX);
    assert!(text.len() < 1 << 20, "{} bytes", text.len());
}

#[test]
fn what_the_launcher_tells_arrives_as_it_was_and_another_line_changes_nothing() {
    let told = told();
    let line = told.to_line();
    assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(Told::read(&line).unwrap(), told);
    let pages = LivePages::new(0, 2);
    let shown = || pages.page("/status.json").unwrap().body;
    let before = shown();
    pages.hear(b"{\"others\": 3}");
    assert_eq!(shown(), before);
    pages.hear(&line);
    assert_ne!(shown(), before);
}

#[test]
fn evaluations_are_thinned_from_the_last_one_on() {
    let thin = |count: u32, max| thinned(&(0..count).collect::<Vec<_>>(), max);
    assert!(thin(0, 4).is_empty());
    assert_eq!(thin(4, 4), [0, 1, 2, 3]);
    assert_eq!(thin(9, 4), [2, 5, 8]);
    assert_eq!(thin(5, 1), [4]);
}

#[test]
fn the_page_and_what_belongs_to_it_come_from_here_and_no_markup_is_made_of_text() {
    let pages = LivePages::new(0, 1);
    let text = |path: &str| {
        let page = pages.page(path).unwrap();
        String::from_utf8(page.body.to_vec()).unwrap()
    };
    let (html, style, script) = (text("/"), text("/page.css"), text("/page.js"));
    for file in [&html, &style, &script] {
        let own = file.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains("http://") && !own.contains("https://") && !own.contains("//cdn"));
    }
    // The policy of the server forbids these in any case.
    for inline in ["<style", " style=", "onclick", "onload"] {
        assert!(!html.contains(inline), "{inline}");
    }
    for markup in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
    ] {
        assert!(!script.contains(markup), "{markup}");
    }
    assert!(style.contains("prefers-color-scheme: dark"));
    assert!(pages.page("/report").is_none() && pages.page("/../page.js").is_none());
}

/// The keys of the table behind `<!-- keys: page -->`; of one that ends in `{a, b}`, one for each word.
fn documented() -> BTreeSet<String> {
    let (_, rest) = DOCS.split_once("<!-- keys: page -->").unwrap();
    let section = rest.split("\n#").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split_once('`').unwrap().0.to_owned())
        .collect()
}

#[test]
fn every_key_of_the_document_is_documented_and_no_other() {
    let page = json(&full());
    let keys: BTreeSet<String> = page.as_object().unwrap().keys().cloned().collect();
    let told = |key: &str| {
        documented()
            .iter()
            .any(|row| row.split('.').next().unwrap().trim_end_matches("[]") == key)
    };
    for key in &keys {
        assert!(told(key), "docs/METRICS.md: `{key}` is not there");
    }
    for row in documented() {
        let (stem, words) = row.split_once('{').unwrap_or((&row, ""));
        let words = words.trim_end_matches('}').split(", ");
        for word in words {
            let path = format!("{stem}{word}");
            let mut value = &page;
            for name in path.split('.').filter(|name| !name.is_empty()) {
                value = match name.strip_suffix("[]") {
                    Some(name) => &value[name][0],
                    None => &value[name],
                };
            }
            assert!(
                !value.is_null(),
                "docs/METRICS.md: `{path}` is not in the document"
            );
        }
    }
    for bound in [
        WORKERS_MAX,
        SHARDS_MAX,
        SENTENCES_MAX,
        EVALUATIONS_MAX,
        curve::POINTS_MAX,
    ] {
        assert!(DOCS.contains(&bound.to_string()), "{bound}");
    }
}
