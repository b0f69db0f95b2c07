//! The first ten minutes of a user with a CSV file: look, train, judge, label; and what is refused on the
//! way.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::{Bench, stderr, stdout};

/// Rows of three kinds of flowers that a straight line tells apart, one in ten without a colour.
fn flowers(rows: u32) -> String {
    let mut text = "length,colour,kind\n".to_owned();
    for row in 0..rows {
        let kind = row % 3;
        let length = f64::from(kind) * 2.0 + f64::from(row * 7 % 10) / 10.0;
        let colour = match (row % 10, kind) {
            (9, _) => "",
            (_, 2) => "red",
            _ => "blue",
        };
        writeln!(text, "{length},{colour},k{kind}").unwrap();
    }
    text
}

fn ok(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.run(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        stderr(&output)
    );
    stdout(&output)
}

fn refused(bench: &Bench, arguments: &[&str]) -> String {
    let output = bench.run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    let said = stderr(&output);
    let error = said.lines().find(|line| line.starts_with("error: "));
    error
        .unwrap_or_else(|| panic!("no error: {said}"))
        .to_owned()
}

/// A folder with a job that `init` wrote, and its run.
fn trained() -> Bench {
    let bench = Bench::new();
    fs::write(bench.path("flowers.csv"), flowers(600)).unwrap();
    let said = ok(
        &bench,
        &[
            "init",
            "--data",
            "flowers.csv",
            "--target",
            "kind",
            "-o",
            "mine.toml",
        ],
    );
    assert!(said.contains("mine.toml is written: csv"), "{said}");
    let job = fs::read_to_string(bench.path("mine.toml")).unwrap();
    assert!(
        job.contains("softmax_regression") && job.contains("# column colour"),
        "{job}"
    );
    ok(
        &bench,
        &["train", "-q", "mine.toml", "--epochs", "30", "--out", "run"],
    );
    let report = bench.report();
    assert_eq!(report["status"], "done");
    assert!(
        0.95 < report["final"]["test"]["accuracy"].as_f64().unwrap(),
        "{report}"
    );
    for file in [
        "report.html",
        "curves.svg",
        "encoding.json",
        "best.safetensors",
    ] {
        assert!(bench.path("run").join(file).is_file(), "{file}");
    }
    bench
}

#[test]
fn a_csv_file_becomes_a_job_a_model_and_predictions() {
    let bench = trained();
    fs::write(bench.path("more.csv"), flowers(90)).unwrap();
    let judged: Value = serde_json::from_str(&ok(
        &bench,
        &["evaluate", "run", "--data", "more.csv", "--json"],
    ))
    .unwrap();
    assert_eq!(judged["rows"], 90);
    assert!(
        0.9 < judged["scores"]["accuracy"].as_f64().unwrap(),
        "{judged}"
    );
    // New rows have no target, their columns in another order, and a colour that nobody has seen.
    let unlabelled = "colour,length\nred,4.5\nblue,0.2\ngreen,2.4\n";
    fs::write(bench.path("new.csv"), unlabelled).unwrap();
    ok(
        &bench,
        &["predict", "run", "--data", "new.csv", "-o", "out.csv"],
    );
    let predictions = fs::read_to_string(bench.path("out.csv")).unwrap();
    let lines: Vec<&str> = predictions.lines().collect();
    assert_eq!(
        lines[0],
        "prediction,probability_k0,probability_k1,probability_k2"
    );
    let classes: Vec<&str> = lines[1..].iter().map(|line| &line[..2]).collect();
    assert_eq!(classes, ["k2", "k0", "k1"]);
    let again = refused(
        &bench,
        &["predict", "run", "--data", "new.csv", "-o", "out.csv"],
    );
    assert!(
        again.contains("out.csv: expected no such file, found one"),
        "{again}"
    );
    ok(
        &bench,
        &[
            "predict", "run", "--data", "new.csv", "-o", "out.csv", "--force", "--best",
        ],
    );
    assert!(
        refused(
            &bench,
            &["init", "--data", "flowers.csv", "-o", "mine.toml"]
        )
        .contains("mine.toml")
    );
}

#[test]
fn flags_alone_make_a_job_and_a_model_goes_on_from_another() {
    let bench = Bench::new();
    let rows: String = (0..400)
        .map(|row| format!("{} {}:1 3:0.5\n", row % 2, row % 2 + 1))
        .collect();
    fs::write(bench.path("a.svm"), rows).unwrap();
    let own = [
        "--data",
        "a.svm",
        "--holdout",
        "0.25",
        "--batch-size",
        "8",
        "--seed",
        "3",
    ];
    let dry = ok(&bench, &[&["train", "--dry-run"], &own[..]].concat());
    assert!(
        dry.contains("name = \"logistic_regression\"") && dry.contains("# server 0:"),
        "{dry}"
    );
    assert!(!bench.path("runs").try_exists().unwrap());
    let train = |out: &str, more: &[&str]| {
        ok(
            &bench,
            &[&["train", "-q", "--out", out], &own[..], more].concat(),
        );
        let text = fs::read(bench.path(out).join("report.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()
    };
    let first = train(
        "one",
        &["--epochs", "4", "--optimizer", "adam", "--lr", "0.05"],
    );
    assert_eq!((&first["rows"], &first["seed"]), (&300.into(), &3.into()));
    assert_eq!(first["optimizer"], "adam");
    let from = [
        "--init-from",
        "one/parameters.safetensors",
        "--epochs",
        "0.1",
        "--lr",
        "0.0001",
    ];
    let second = train("two", &from);
    let loss = |report: &Value| report["final"]["test"]["loss"].as_f64().unwrap();
    assert!(
        (loss(&second) - loss(&first)).abs() < 0.05 * loss(&first),
        "it began where one ended"
    );
    let other = refused(
        &bench,
        &[
            "train",
            "-q",
            "--data",
            "a.svm",
            "--model",
            "linear_svm",
            "--init-from",
            "one/parameters.safetensors",
        ],
    );
    assert!(
        other.contains("found those of `logistic_regression`"),
        "{other}"
    );
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let bench = Bench::new();
    for (text, place) in [
        ("x,y\n1,0\n2,1\n3\n", "bad.csv:4"),
        ("x,y\n1,0\n2,0\n3,0\n", "`y`"),
        ("x,z\n1,0\n2,1\n", "the columns x, z"),
    ] {
        fs::write(bench.path("bad.csv"), text).unwrap();
        let sets = [
            "--set",
            "data.name=csv",
            "--set",
            "data.train=bad.csv",
            "--set",
            "optimizer.lr=0.1",
        ];
        let said = refused(&bench, &[&["check"], &sets[..]].concat());
        assert!(said.contains(place), "{place}: {said}");
    }
    let said = refused(&bench, &["evaluate", "nowhere"]);
    assert!(
        said.contains("nowhere/job.toml: expected the job of a run"),
        "{said}"
    );
    let said = refused(&bench, &["train", "--data", "-", "--lr", "0.1"]);
    assert!(said.contains("standard input"), "{said}");
}

#[test]
fn programs_get_the_same_as_people_as_json() {
    let bench = Bench::new();
    fs::write(bench.path("flowers.csv"), flowers(300)).unwrap();
    let json =
        |arguments: &[&str]| -> Value { serde_json::from_str(&ok(&bench, arguments)).unwrap() };
    let init = [
        "init",
        "--data",
        "flowers.csv",
        "--target",
        "kind",
        "--json",
    ];
    let seen = json(&[&init[..], &["-o", "mine.toml"]].concat());
    assert_eq!(seen["model"], "softmax_regression");
    assert_eq!(seen["classes"], serde_json::json!(["k0", "k1", "k2"]));
    let job = json(&["check", "mine.toml", "--json"]);
    assert_eq!(job["job"]["data"]["resolved"]["rows"], 270);
    assert_eq!(job["servers"].as_array().unwrap().len(), 2);
    assert_eq!(json(&["train", "mine.toml", "--dry-run", "--json"]), job);
    let gradient = json(&["check", "mine.toml", "--gradient", "--json"]);
    let tensors = gradient["tensors"].as_array().unwrap();
    assert!(
        tensors.iter().all(|tensor| tensor["is_right"] == true),
        "{gradient}"
    );
    let report = json(&["train", "-q", "mine.toml", "--json", "--out", "run"]);
    assert_eq!(report, bench.report());
    let lines = ok(
        &bench,
        &["predict", "run", "--data", "flowers.csv", "--json"],
    );
    assert_eq!(lines.lines().count(), 300);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["prediction"], "k0");
    assert!(first["probability_k0"].as_f64().unwrap() > 0.5, "{first}");
    // Rows that are to be labelled may have a label that nobody knows.
    fs::write(bench.path("odd.csv"), "length,colour,kind\n0.2,blue,k9\n").unwrap();
    let odd = ok(&bench, &["predict", "run", "--data", "odd.csv"]);
    assert!(odd.lines().nth(1).unwrap().starts_with("k0,"), "{odd}");
    assert_eq!(
        json(&["list", "runs", "--json"])["runs"],
        serde_json::json!([])
    );
}

#[test]
fn prices_in_thousands_are_learnt_and_predicted_in_their_own_units() {
    let bench = Bench::new();
    let mut text = "size,town,price\n".to_owned();
    for row in 0..600_u32 {
        let (size, town) = (row * 37 % 101, row % 2);
        let price = 2_000 + 15 * size + 700 * town + row % 7;
        writeln!(text, "{size},t{town},{price}").unwrap();
    }
    fs::write(bench.path("prices.csv"), text).unwrap();
    ok(&bench, &["init", "--data", "prices.csv", "-o", "mine.toml"]);
    for (out, arguments) in [
        ("run", vec!["train", "-q", "mine.toml"]),
        (
            "flags",
            vec!["train", "-q", "--data", "prices.csv", "--holdout", "0.1"],
        ),
    ] {
        ok(&bench, &[&arguments[..], &["--out", out]].concat());
        let report = crate::support::json(&bench.path(out).join("report.json"));
        let score = |name: &str| report["final"]["test"][name].as_f64().unwrap();
        assert!(score("r2") > 0.95 && score("rmse") < 120.0, "{report}");
    }
    let predicted = ok(&bench, &["predict", "run", "--data", "prices.csv"]);
    let first: f64 = predicted.lines().nth(1).unwrap().parse().unwrap();
    assert!((1_500.0..2_500.0).contains(&first), "{first}");
    // A table of classes has no such scale, and the file of one model is none of another's.
    let classes = ["check", "mine.toml", "--set", "data.target=town"];
    let said = refused(&bench, &classes);
    assert!(said.contains("target_scale"), "{said}");
    fs::write(bench.path("flowers.csv"), flowers(90)).unwrap();
    let other = [
        "train",
        "-q",
        "--data",
        "flowers.csv",
        "--target",
        "kind",
        "--out",
        "other",
    ];
    let said = refused(
        &bench,
        &[&other[..], &["--init-from", "run/parameters.safetensors"]].concat(),
    );
    assert!(
        said.contains("found those of `linear_regression`"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_trained_on_is_no_reason_to_train_on_something_else() {
    let bench = Bench::new();
    for (text, told) in [
        ("a,b,label\n1,2,1\n3,4,1\n5,6,1\n", "`label`"),
        ("a,b,label\n1,2,1\n3,4,0\n5,6,\n", "own:4:5:"),
        (
            "1 0:2 3:1\n0 0:1 2:1\n",
            "own:1:3: expected an index from 1 on",
        ),
        ("a,a,y\n1,2,0\n3,4,1\n", "found `a` twice"),
        ("a:b:y\n1:2:0\n3:4:1\n", "set `delimiter`"),
    ] {
        fs::write(bench.path("own"), text).unwrap();
        let init = ["init", "--data", "own", "-o", "own.toml"];
        let train = ["train", "-q", "--data", "own"];
        for arguments in [&init[..], &train] {
            let said = refused(&bench, arguments);
            assert!(said.contains(told), "{told}: {said}");
        }
    }
    let colons = [
        "check",
        "--data",
        "own",
        "--delimiter",
        ":",
        "--holdout",
        "0.5",
    ];
    let said = refused(&bench, &colons);
    assert!(!said.contains("delimiter"), "{said}");
}

#[test]
fn a_run_that_ends_in_numbers_that_are_none_has_an_exit_code_of_its_own() {
    let bench = Bench::new();
    let mut text = "x,y\n".to_owned();
    for row in 0..400 {
        writeln!(text, "{},{row}.5", row * 1_000).unwrap();
    }
    fs::write(bench.path("steep.csv"), text).unwrap();
    let flags = ["--data", "steep.csv", "--optimizer", "sgd", "--lr", "5"];
    let raw = ["--set", "data.scale=none", "--epochs", "20", "--out", "run"];
    let output = bench.run(&[&["train", "-q"], &flags[..], &raw].concat());
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let report = bench.report();
    assert_eq!(report["status"], "diverged");
    assert!(
        report["cause"].as_str().unwrap().contains("learning rate"),
        "{report}"
    );
}
