//! What is written about the metrics elsewhere, against the catalogue: the page of the docs, the
//! dashboard and the alerts.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const DOCS: &str = include_str!("../../../../../docs/METRICS.md");
const DASHBOARD: &str = include_str!("../../../../../deploy/grafana/dashboard.json");
const SOURCES: &str =
    include_str!("../../../../../deploy/grafana/provisioning/datasources/prometheus.yml");
const ALERTS: &str = include_str!("../../../../../deploy/prometheus/alerts.yml");
const ALERT_TESTS: &str = include_str!("../../../../../deploy/prometheus/alerts.test.yml");

fn row(family: &Family) -> String {
    let labels = family.labels.iter().map(|label| format!("`{label}`"));
    let labels = labels.collect::<Vec<_>>().join(", ");
    let unit = match family.measure {
        Measure::Number => "-",
        Measure::Seconds => "seconds",
        Measure::Bytes => "bytes",
        Measure::Steps => "steps",
    };
    format!(
        "| `{}` | {} | {} | {unit} | {} |",
        exposed(family),
        format!("{:?}", family.kind).to_lowercase(),
        if labels.is_empty() { "-" } else { &labels },
        family.help
    )
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let (_, table) = DOCS.split_once("<!-- metrics -->").unwrap();
    let (table, _) = table.split_once("<!-- end of metrics -->").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let expected: Vec<_> = ALL.iter().map(|family| row(family)).collect();
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    for max in [WORKERS_MAX, SHARDS_MAX] {
        let words = ["more than", &max.to_string()].map(str::to_owned);
        assert!(words.iter().all(|word| DOCS.contains(word)), "{max}");
        assert!(
            ALL.iter()
                .any(|family| family.help.contains(&words.join(" ")))
        );
    }
}

/// The names of metrics of ours that a query asks for.
fn names(query: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = query.split(|c| !is_part(c));
    words.filter(|word| word.starts_with("thalweg_")).collect()
}

/// The series that a server tells.
fn series() -> BTreeSet<String> {
    let seen = exposition(snapshot(4, 3));
    let samples = seen.families.into_iter().flat_map(|family| family.samples);
    samples.map(|sample| sample.name).collect()
}

fn asks_for_what_there_is(query: &str, told: &BTreeSet<String>) {
    for name in names(query) {
        assert!(told.contains(name), "no server tells `{name}`: {query}");
    }
}

#[test]
fn every_panel_has_a_place_a_unit_and_queries_for_what_a_server_tells() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    for key in ["uid", "title", "refresh"] {
        assert!(dashboard[key].is_string(), "{key}");
    }
    assert!(dashboard["schemaVersion"].is_u64() && dashboard["time"]["from"].is_string());
    let told = series();
    let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
    let mut taken = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its id");
        assert!(titles.insert(title), "{title} twice");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(0 < w && x + w <= 24, "{title} is wider than the page");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{title} lies over another panel");
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].is_string(), "{title}");
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
        assert!(
            unit.is_some_and(|unit| !unit.is_empty()),
            "{title}: no unit"
        );
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{title}: no query");
        let mut references = BTreeSet::new();
        for target in targets {
            assert!(
                references.insert(target["refId"].as_str().unwrap()),
                "{title}"
            );
            for source in [&panel["datasource"], &target["datasource"]] {
                assert_eq!(source["type"], "prometheus", "{title}");
                let uid = source["uid"].as_str().unwrap();
                assert!(SOURCES.contains(&format!("uid: {uid}\n")), "{title}: {uid}");
            }
            let query = target["expr"].as_str().unwrap();
            assert!(!names(query).is_empty(), "{title}: {query}");
            asks_for_what_there_is(query, &told);
        }
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        asks_for_what_there_is(variable["definition"].as_str().unwrap(), &told);
    }
}

#[test]
fn every_alert_asks_for_what_a_server_tells_and_says_what_to_do() {
    let told = series();
    let of = |key: &str| {
        let lines = ALERTS.lines().map(str::trim);
        let found = lines.filter_map(|line| line.trim_start_matches("- ").strip_prefix(key));
        found.map(str::trim).collect::<Vec<_>>()
    };
    let (alerts, queries) = (of("alert:"), of("expr:"));
    assert!(!alerts.is_empty() && alerts.len() == queries.len());
    assert_eq!(of("summary:").len(), alerts.len());
    for query in queries {
        assert!(
            !query.is_empty() && !query.starts_with(['|', '>']),
            "{query}"
        );
        asks_for_what_there_is(query, &told);
    }
    for alert in &alerts {
        let fires = format!("alertname=\"{alert}\"");
        assert!(ALERT_TESTS.contains(&fires), "{alert} is not seen to fire");
    }
    let (_, table) = DOCS.split_once("| alert | when | what to do |").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let documented = rows.map(|row| row.split('`').next().unwrap());
    assert_eq!(documented.collect::<Vec<_>>(), alerts);
}

#[test]
fn the_names_in_a_query_are_found() {
    let query =
        "sum by (worker) (rate(thalweg_a_total{server=~\"$server\"}[1m])) / on (x) thalweg_b";
    assert_eq!(names(query), ["thalweg_a_total", "thalweg_b"].into());
}
