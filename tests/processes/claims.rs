//! `thalweg claims`: papers' claims in virtual time.

use std::fs;

use serde_json::Value;

use crate::support::{Bench, json, stderr};

/// Runs these claims, as little of them as there is, into a folder.
fn claims(bench: &Bench, named: &[&str], out: &str) -> Value {
    let flags = ["--quick", "-q", "--json", "--out", out];
    let arguments = [&["claims"], named, &flags].concat();
    let output = bench.command(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_claim_is_judged_by_its_findings_and_drawn() {
    let bench = Bench::new();
    let found = claims(&bench, &[], "all");
    assert_eq!(
        (&found["schema_version"], &found["quick"]),
        (&1.into(), &true.into())
    );
    assert_eq!(json(&bench.path("all/claims.json")), found);
    let all = found["claims"].as_array().unwrap();
    assert_eq!(all.len(), 9);
    for claim in all {
        let name = claim["name"].as_str().unwrap();
        let findings = claim["findings"].as_array().unwrap();
        let holding = findings.iter().filter(|finding| finding["holds"] == true);
        let expected = match holding.count() {
            0 => "disagrees",
            every if every == findings.len() => "agrees",
            _ => "partly",
        };
        assert_eq!(claim["verdict"], expected, "{name}");
        let heads = claim["heads"].as_array().unwrap().len();
        for row in claim["rows"].as_array().unwrap() {
            assert!(row.as_array().unwrap().len() <= heads, "{name}: {row}");
        }
        let svg = fs::read_to_string(bench.path(&format!("all/{name}.svg"))).unwrap();
        let curves = claim["curves"].as_array().unwrap();
        for curve in curves {
            assert!(svg.contains(curve["name"].as_str().unwrap()), "{name}");
        }
        assert!(svg.starts_with("<svg") && 1 < curves.len(), "{name}");
    }
}

#[test]
fn a_claim_is_repeated_to_the_bit() {
    let bench = Bench::new();
    let [first, again] = ["first", "again"].map(|out| claims(&bench, &["elastic_averaging"], out));
    let claim = &first["claims"][0];
    for part in ["name", "findings", "rows", "curves"] {
        assert_eq!(again["claims"][0][part], claim[part], "{part}");
    }
    // Errors are shares of test rows, and a period of 64 ruins Downpour even in a short run.
    let points = claim["curves"][0]["points"].as_array().unwrap();
    let error = |at: usize| points[at][1].as_f64().unwrap();
    assert!(
        0.0 < error(0) && error(0) < error(1) && error(1) <= 1.0,
        "{points:?}"
    );
}

#[test]
fn an_unknown_claim_is_answered_with_the_known_ones() {
    let output = Bench::new().command(&["claims", "easgd"]).output().unwrap();
    assert!(!output.status.success());
    let words = stderr(&output);
    assert!(
        words.contains("there is no claim `easgd`") && words.contains("elastic_averaging"),
        "{words}"
    );
    assert_eq!(words.trim().lines().count(), 1, "{words}");
}
