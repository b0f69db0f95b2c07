//! What workers with local steps push, in fewer bytes: what it saves at the sockets, and what it costs.

use crate::support::{self, Bench, stderr};

/// Bytes of all pushes, and the loss on test data, of the default job under this method and format.
fn flights(bench: &Bench, method: &str, format: &str) -> (f64, f64) {
    let (out, format) = (
        format!("{method}-{format}"),
        format!("method.push_format={format}"),
    );
    let lr = match method {
        "local_sgd" | "easgd" => "0.8",
        _ => "0.0008",
    };
    let mut arguments = vec!["train", "-q", "flights", "--method", method, "--lr", lr];
    for set in ["train.epochs=1", format.as_str()] {
        arguments.extend(["--set", set]);
    }
    arguments.extend(["--out", &out]);
    let run = bench.run(&arguments);
    assert!(run.status.success(), "{out}: {}", stderr(&run));
    let report = support::json(&bench.path(&out).join("report.json"));
    assert_eq!(report["refusals"], serde_json::json!({}), "{out}");
    let loss = report["final"]["test"]["log_loss"].as_f64().unwrap();
    (report["bytes_pushed"].as_f64().unwrap(), loss)
}

#[expect(clippy::print_stdout, reason = "the figures are in docs/METHODS.md")]
fn say(line: &str) {
    println!("{line}");
}

#[test]
fn bf16_pushes_half_of_the_bytes_and_int8_a_quarter_for_the_same_loss() {
    let bench = Bench::new();
    say("| method | push_format | pushed, kB | share | test loss | share |");
    say("|---|---|---|---|---|---|");
    for method in ["local_sgd", "diloco", "async_diloco", "easgd"] {
        let f32 = flights(&bench, method, "f32");
        // What says whose rows a push is of takes the same in all formats, the more the longer a period.
        for (format, most) in [("f32", 1.0), ("bf16", 0.57), ("int8", 0.37)] {
            let (bytes, loss) = match format {
                "f32" => f32,
                _ => flights(&bench, method, format),
            };
            let (of_bytes, of_loss) = (bytes / f32.0, loss / f32.1);
            let kilobytes = bytes / 1e3;
            say(&format!(
                "| `{method}` | `{format}` | {kilobytes:.0} | {of_bytes:.2} | {loss:.5} | {of_loss:.4} |"
            ));
            assert!(
                of_bytes <= most,
                "{method} {format}: {of_bytes} of the bytes"
            );
            // Rounds repeat themselves; without them a run differs from itself by a few per mille, and by
            // some percent where workers must wait for a machine that is busy.
            let most = match method {
                "local_sgd" | "diloco" => 1e-3,
                _ => 5e-2,
            };
            assert!(
                (of_loss - 1.0).abs() < most,
                "{method} {format}: {of_loss} of the loss"
            );
        }
    }
}
