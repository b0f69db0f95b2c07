//! Every method of the registry, by its name alone, on a small file: more shards than parameters, rows
//! that do not touch all of them, reads ahead and pushes in flight, so that requests overtake each other.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;
use thalweg_worker::method::METHODS;

use crate::support::{self, Bench, stderr};

/// Prices of flats in three towns.
fn flats(rows: u32) -> String {
    let mut text = "area,rooms,town,price\n".to_owned();
    for row in 0..rows {
        let (area, rooms, town) = (20 + row * 37 % 180, 1 + row % 6, row * 7 % 3);
        let price = 1000 * area + 5000 * rooms + 10_000 * town;
        writeln!(text, "{area},{rooms},town {town},{price}").unwrap();
    }
    text
}

#[test]
fn every_method_trains_a_small_file_whole_and_no_push_is_refused() {
    let bench = Bench::new();
    fs::write(bench.path("flats.csv"), flats(1_200)).unwrap();
    for method in METHODS {
        let (name, on_threads) = (method.name, method.machine().is_none());
        let run = bench.run(&[
            "train",
            "-q",
            "--data",
            "flats.csv",
            "--target",
            "price",
            "--model",
            "linear_regression",
            "--method",
            name,
            "--set",
            "cluster.workers=4",
            "--set",
            if on_threads {
                "seed=1"
            } else {
                "train.batch_size=8"
            },
            "--set",
            "train.epochs=6",
            "--out",
            name,
        ]);
        assert!(run.status.success(), "{name}: {}", stderr(&run));
        let report = support::json(&bench.path(&format!("{name}/report.json")));
        assert_eq!(report["status"], "done", "{name}: {report}");
        assert_eq!(report["refusals"], json!({}), "{name}");
        assert_eq!(report["lost_workers"], json!([]), "{name}");
        assert_eq!(report["examples"], 6 * 1_200, "{name}");
        assert_eq!(report["servers"] == 0, on_threads, "{name}");
    }
}
