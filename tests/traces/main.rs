//! Training methods against the numbers of independent references, end to end: the servers are real and
//! spoken to over gRPC, the workers are the loop that processes run, and only the order of events is
//! held to that of a golden file.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod cluster;
mod consistency;
mod file;
mod script;
mod delays;
mod parabola;

use std::fs;

use file::{File, folder, own_folder, say};

/// Every file of a folder that is driven here: all of the formats of methods.
#[test]
fn every_golden_file_of_a_method_is_followed_over_grpc() {
    let folder = folder();
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    let (mut driven, mut failures) = (0, Vec::new());
    for path in paths {
        let file = File::read(&path);
        let checked = match file.text("format") {
            Some("psgold-trace/1") => delays::follow(&file),
            Some("psgold-async/1") => parabola::follow(&file),
            Some("psgold-consistency/1") => consistency::follow(&file),
            _ => continue,
        };
        match checked {
            Ok(comparisons) => {
                say(&format!("{}: {comparisons} comparisons", file.name));
                driven += 1;
            }
            Err(why) => failures.push(format!("{}: {why}", file.name)),
        }
    }
    say(&format!("driven {driven} files of {}", folder.display()));
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(0 < driven, "no golden file in {}", folder.display());
}

#[test]
fn a_golden_file_with_a_flaw_is_a_failure() {
    let flaws: &[(&str, &str, f64)] = &[
        ("adarev_3_random", "/events/81/w/2", 0.25),
        ("adarev_4_random_sparse", "/hyper/alpha", 0.51),
        ("dc_asgd_a_2_per_worker", "/events/47/w/1", 0.25),
        ("easgd_async_2_tau4_rr", "/events/40/center/3", 0.25),
        ("eamsgd_async_1", "/hyper/delta", 0.8),
        ("diloco_1", "/events/2/outer/0", 0.25),
        ("n_softsync_1", "/events/31/w/5", 0.25),
        ("downpour_2_adagrad", "/events/47/server/2", 0.25),
        ("consistency_1", "/runs/1/finish/2/7", 1.0),
    ];
    for (name, place, value) in flaws {
        let mut file = File::read(&own_folder().join(format!("{name}.json")));
        let found = file.value.pointer_mut(place);
        *found.unwrap_or_else(|| panic!("{name}: {place}")) = (*value).into();
        let checked = match file.text("format") {
            Some("psgold-trace/1") => delays::follow(&file),
            Some("psgold-async/1") => parabola::follow(&file),
            _ => consistency::follow(&file),
        };
        assert!(checked.is_err(), "{name}{place} is {value}: {checked:?}");
    }
}
