//! The parts `hogwild_*` of `psgold-strategies/1`: values, slopes of single terms and a serial pass of
//! each objective, against an independent program.
//!
//! They are in `golden/hogwild_1.json`, or in `strategies_1.json` of the folder that `THALWEG_GOLDEN` names.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thalweg_worker::data::{InMemory, Rows, Task};
use thalweg_worker::hogwild::graph_cut::{Edge, GraphCut};
use thalweg_worker::hogwild::matrix_completion::{Entry, MatrixCompletion};
use thalweg_worker::hogwild::objective::{Objective, Point, value};
use thalweg_worker::hogwild::points::Recorder;
use thalweg_worker::hogwild::rows::Bias;
use thalweg_worker::hogwild::sparse_svm::SparseSvm;

/// What a number of f32 may differ by, of 1 or of its size.
const SINGLE: f64 = 5e-6;

/// The file, or a line that it is not there.
#[expect(clippy::print_stderr, reason = "a skipped test has to be seen")]
fn golden() -> Option<Value> {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/hogwild_1.json");
    let folder = std::env::var_os("THALWEG_GOLDEN").map(PathBuf::from);
    let path = folder.map_or_else(own, |folder| folder.join("strategies_1.json"));
    match fs::read_to_string(&path) {
        Ok(text) => Some(serde_json::from_str(&text).expect("the golden file is JSON")),
        Err(error) => {
            eprintln!("SKIPPED hogwild_golden: {}: {error}", path.display());
            None
        }
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(number).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn matrix(value: &Value) -> Vec<f64> {
    list(value).iter().flat_map(numbers).collect()
}

fn index(value: &Value) -> u32 {
    let number = value.as_u64().expect("an index");
    u32::try_from(number).expect("of 32 bits")
}

#[expect(clippy::cast_possible_truncation, reason = "rounding is meant")]
fn single(number: f64) -> f32 {
    number as f32
}

fn singles(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|number| single(*number)).collect()
}

fn agree(what: &str, found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs() / expected.abs().max(1.0);
        assert!(error < SINGLE, "{what}, {place}: {found}, {expected}");
    }
}

/// The value in f64 at the file's own numbers, and the slopes of every term.
fn value_and_slopes<O: Objective>(
    objective: &O,
    x: &[f64],
    (expected, tolerance): (f64, f64),
    slopes: &dyn Fn(usize) -> Vec<f64>,
) {
    let at = |v: usize| x[v];
    let found: f64 = (0..objective.terms())
        .map(|term| objective.loss(term, &at))
        .sum();
    assert!(
        (found / expected - 1.0).abs() < tolerance,
        "{found}, {expected}"
    );
    let x = singles(x);
    assert!((value(objective, &x) / expected - 1.0).abs() < SINGLE);
    for term in 0..objective.terms() {
        let mut recorder = Recorder::new(|v| x[v]);
        objective.slopes(term, &mut recorder);
        let mut found = vec![0.0; x.len()];
        recorder.add_to(&mut found);
        agree(&format!("slopes of term {term}"), &found, &slopes(term));
    }
}

/// Steps of plain SGD on a vector, by the slopes of one term after the other.
struct Steps<'a>(&'a mut [f32], f32);

impl Point for Steps<'_> {
    fn read(&self, v: usize) -> f32 {
        self.0[v]
    }

    fn slope(&mut self, v: usize, gradient: f32) {
        self.0[v] -= self.1 * gradient;
    }

    fn slopes_on_simplex(&mut self, first: usize, x: &[f32], gradient: &[f32]) {
        // The independent way: sort, find the threshold, cut.
        let mut moved: Vec<f32> = x
            .iter()
            .zip(gradient)
            .map(|(x, g)| x - self.1 * g)
            .collect();
        let mut sorted = moved.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let (mut sum, mut theta) = (0.0, 0.0);
        for (count, u) in (1_u8..).zip(sorted) {
            sum += u;
            let next = (sum - 1.0) / f32::from(count);
            if 0.0 < u - next {
                theta = next;
            }
        }
        for (place, x) in moved.iter_mut().enumerate() {
            self.0[first + place] = (*x - theta).max(0.0);
        }
    }
}

#[test]
fn the_sparse_support_vector_machine_has_the_reference_numbers() {
    let Some(file) = golden() else { return };
    let part = &file["hogwild_svm"];
    let mut rows = Rows::new();
    let dimensions = numbers(&part["x"]).len();
    for ((row, label), at) in list(&part["X"]).iter().zip(numbers(&part["y"])).zip(0..) {
        let dense = (0_u32..).zip(numbers(row));
        let (features, values): (Vec<u32>, Vec<f32>) = dense
            .filter(|(_, value)| *value != 0.0)
            .map(|(feature, value)| (feature, single(value)))
            .unzip();
        rows.push(at, single(label), &features, &values);
    }
    let data = InMemory::from_rows(&rows, dimensions as u64, Task::Binary);
    let objective = SparseSvm::of(&data, Bias::Absent, number(&part["lambda"])).unwrap();
    let degrees: Vec<u32> = list(&part["degree"]).iter().map(index).collect();
    assert_eq!(objective.rows().degrees(), degrees);
    let x = numbers(&part["x"]);
    let gradients = list(&part["term_gradients(without the |E| factor)"]);
    value_and_slopes(
        &objective,
        &x,
        (number(&part["objective"]), 1e-11),
        &|term| numbers(&gradients[term]),
    );
    let mut iterate = singles(&x);
    let step = single(number(&part["serial_epoch_step"]));
    let expected = list(&part["serial_epoch_iterates"]);
    assert_eq!(expected.len(), objective.terms());
    for (term, expected) in expected.iter().enumerate() {
        objective.slopes(term, &mut Steps(&mut iterate, step));
        agree(&format!("after term {term}"), &iterate, &numbers(expected));
    }
}

#[test]
fn matrix_completion_has_the_reference_numbers() {
    let Some(file) = golden() else { return };
    let part = &file["hogwild_matrix_completion"];
    let entries: Vec<Entry> = list(&part["entries"])
        .iter()
        .map(|entry| Entry {
            user: index(&entry[0]),
            item: index(&entry[1]),
            value: single(number(&entry[2])),
        })
        .collect();
    let (users, items) = (list(&part["L"]).len(), list(&part["R"]).len());
    let rank = list(&part["L"][0]).len();
    let counts = [users, items].map(|count| u32::try_from(count).unwrap());
    let objective = MatrixCompletion::new(
        entries.clone(),
        counts.into(),
        rank,
        number(&part["mu"]),
        Bias::Absent,
    )
    .unwrap();
    let x = [matrix(&part["L"]), matrix(&part["R"])].concat();
    let gradients = list(&part["term_gradients"]);
    assert_eq!(gradients.len(), entries.len());
    value_and_slopes(
        &objective,
        &x,
        (number(&part["objective"]), 1e-11),
        &|term| {
            let mut expected = vec![0.0; x.len()];
            let (user, item) = (entries[term].user as usize, entries[term].item as usize);
            for (first, key) in [(user * rank, "gL"), ((users + item) * rank, "gR")] {
                expected[first..first + rank].copy_from_slice(&numbers(&gradients[term][key]));
            }
            expected
        },
    );
}

#[test]
fn the_graph_cut_has_the_reference_numbers() {
    let Some(file) = golden() else { return };
    let part = &file["hogwild_graph_cut"];
    let edges: Vec<Edge> = list(&part["edges"])
        .iter()
        .map(|edge| Edge {
            u: index(&edge[0]),
            v: index(&edge[1]),
            weight: single(number(&edge[2])),
        })
        .collect();
    let classes = list(&part["x"][0]).len();
    let nodes = list(&part["x"]).len();
    let objective = GraphCut::new(edges, classes, vec![None; nodes]).unwrap();
    let x = matrix(&part["x"]);
    let found: f64 = (0..objective.terms())
        .map(|term| objective.loss(term, &|v| x[v]))
        .sum();
    assert!((found / number(&part["objective"]) - 1.0).abs() < 1e-11);
    let step = single(number(&part["step"]));
    let mut iterate = singles(&x);
    for (term, expected) in list(&part["iterates"]).iter().enumerate() {
        objective.slopes(term, &mut Steps(&mut iterate, step));
        agree(&format!("after edge {term}"), &iterate, &matrix(expected));
    }
}
