//! A hand-made run for the tests of reports.

use std::time::Duration;

use thalweg_common::ids::Fingerprint;

use super::{
    Counts, EvaluationPoint, Facts, Final, Host, Outcome, Reference, Report, RunStatus, Scores,
    SimulationReport, TensorCounts, TrainScores, UsageReport,
};
use crate::view::fixtures::two_servers;
use crate::view::{ClusterView, WaitedView};

/// A job of 98,000 rows with one reference result.
pub(crate) fn facts() -> Facts {
    Facts {
        job: "flights".into(),
        fingerprint: Fingerprint(7),
        method: "downpour".into(),
        optimizer: "adagrad".into(),
        regularizers: vec!["l1_proximal".into()],
        seed: 1,
        servers: 2,
        workers: 4,
        consistency: "asp".into(),
        streamed: false,
        rows: 98_000,
        references: vec![Reference {
            name: "sequential AdaGrad".into(),
            test: scores(0.4998, 0.7294),
        }],
        host: Host { cores: 2 },
    }
}

/// A run that was interrupted after 6.2 s.
pub(crate) fn outcome() -> Outcome {
    Outcome {
        status: RunStatus::Interrupted,
        cause: Some("Ctrl-C".into()),
        stopped: None,
        best: Some(point()),
        divergence: None,
        wall: Duration::from_millis(6_200),
        evaluate: Duration::from_millis(300),
        curve: vec![point()],
        final_scores: Final {
            train: Some(TrainScores {
                scores: scores(0.4871, 0.7512),
                objective: Some(0.4902),
            }),
            test: Some(scores(0.5003, 0.7291)),
        },
        parameters: Some(Counts {
            elements: 2_001,
            non_zero: 412,
            tensors: vec![TensorCounts {
                name: "weight".into(),
                elements: 2_000,
                non_zero: 411,
            }],
        }),
    }
}

/// An evaluation in the middle of the run.
pub(crate) fn point() -> EvaluationPoint {
    EvaluationPoint {
        seconds: 3.0,
        train_seconds: 2.0,
        examples: 21_168,
        epoch: 0.216,
        train_loss: Some(0.52),
        objective: Some(0.51),
        gradient_norm: Some(0.02),
        test: Some(scores(0.5003, 0.7291)),
    }
}

/// The report of the run.
pub(crate) fn report() -> Report {
    Report::new(&facts(), outcome(), &ClusterView::from(&two_servers()[..]))
}

/// A simulation in which worker 2 waited for worker 0.
pub(crate) fn simulation() -> SimulationReport {
    SimulationReport {
        trace_hash: "00c0ffee00c0ffee".into(),
        virtual_seconds: 153.0,
        events: 227_268,
        events_per_second: 354_000.0,
        peak_memory_bytes: Some(36_000_000),
        compute: "1ms".into(),
        serve: "20us".into(),
        usage: UsageReport {
            computing: 0.06,
            at_gates: 0.53,
            serving: 0.2,
            busiest_server: 1,
            busiest_serving: 0.35,
            busiest_link: 0.0,
            retransmissions: 3,
        },
        waits: vec![WaitedView {
            worker: 2,
            on: 0,
            count: 3_062,
            seconds: 88.8,
            longest_seconds: 0.029,
        }],
    }
}

fn scores(log_loss: f64, auc: f64) -> Scores {
    Scores {
        loss: Some(log_loss),
        log_loss: Some(log_loss),
        accuracy: Some(0.7634),
        auc: Some(auc),
        ..Scores::default()
    }
}
