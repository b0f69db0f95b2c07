//! What the page of a server shows, put together from its own status and what the launcher told.

use std::time::Duration;

use thalweg_common::message::Status;

use super::curve::{Curve, Point};
use super::document::{
    CurveView, Document, Incident, LeftOut, SCHEMA_VERSION, SENTENCES_MAX, SHARDS_MAX, WORKERS_MAX,
};
use super::told::{EVALUATIONS_MAX, Told, thinned};
use crate::view::units::{grouped, share};
use crate::view::{ClusterView, RecentRates, history, who_is_gone, who_waits};

/// All that the page of one server remembers. Bounded, however long the job.
#[derive(Debug)]
pub struct Board {
    server: u32,
    servers: u32,
    latest: Option<Status>,
    rates: RecentRates,
    curve: Curve,
    /// The launcher's last word, and how long this server was up then.
    told: Option<(Duration, Told)>,
}

impl Board {
    /// The board of server `server` of `servers`.
    #[must_use]
    pub fn new(server: u32, servers: u32) -> Self {
        Self {
            server,
            servers,
            latest: None,
            rates: RecentRates::default(),
            curve: Curve::default(),
            told: None,
        }
    }

    /// Takes in how things stand on this server, with its last events.
    pub fn take(&mut self, mut status: Status) {
        // Pushes and waits are in the tables.
        status.history.retain(|event| !event.what.is_frequent());
        let view = ClusterView {
            trained: self.trained(&status),
            ..ClusterView::from(&[status.clone()][..])
        };
        self.rates.observe(&view);
        if !view.trained.is_zero() {
            self.curve.take(Point {
                seconds: view.trained.as_secs_f64(),
                examples: view.progress,
                train_loss: view.train_loss,
                examples_per_second: self.rates.job(),
            });
        }
        self.latest = Some(status);
    }

    /// Takes in the launcher's word.
    pub fn hear(&mut self, mut told: Told) {
        // What this server knows of itself is later.
        told.others.retain(|status| status.server.0 != self.server);
        told.evaluations = thinned(&told.evaluations, EVALUATIONS_MAX);
        self.told = Some((self.up(), told));
    }

    /// How long there has been training. Server 0 alone deals out data; another counts from its first step.
    fn trained(&self, status: &Status) -> Duration {
        match self.server {
            0 => status.trained,
            _ if status.progress == 0 => Duration::ZERO,
            _ => status.up,
        }
    }

    fn up(&self) -> Duration {
        self.latest.as_ref().map_or(Duration::ZERO, |own| own.up)
    }

    /// What the page shows now.
    #[must_use]
    pub fn document(&self) -> Document {
        let told = self.told.as_ref().map(|(_, told)| told);
        let others = told.into_iter().flat_map(|told| &told.others);
        let statuses: Vec<Status> = self.latest.iter().chain(others).cloned().collect();
        let whole = ClusterView::from(&statuses[..]);
        let (waiting, gone) = (who_waits(&whole), who_is_gone(&whole));
        let recent = self.rates.job();
        let rest = whole.rest(recent).map(|rest| rest.as_secs_f64());
        let rows = told.map_or(0, |told| told.rows);
        let (cluster, left_out) = cut(whole);
        Document {
            schema_version: SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            server: self.server,
            servers: self.servers,
            told_seconds: self
                .told
                .as_ref()
                .map(|(at, _)| self.up().saturating_sub(*at).as_secs_f64()),
            unknown: self.unknown(),
            epoch: share(cluster.progress as f64, rows as f64),
            recent_examples_per_second: recent,
            rest_seconds: rest,
            waiting: first(waiting),
            gone,
            conditions: told.and_then(|told| told.conditions.clone()),
            incidents: self.incidents(),
            curve: CurveView::from(&self.curve),
            evaluations: told.map_or_else(Vec::new, |told| told.evaluations.clone()),
            cluster,
            left_out,
        }
    }

    /// What this server cannot know, and who does.
    fn unknown(&self) -> Vec<String> {
        let mut unknown = Vec::new();
        if self.server != 0 {
            unknown.push(
                "The training loss, the time of training and each worker's examples: server 0 counts them, and \
                 its page shows them."
                    .to_owned(),
            );
        }
        if self.told.is_some() {
            return unknown;
        }
        unknown.push(
            "Evaluations on test data: the trainer makes them, and shows them where it runs."
                .to_owned(),
        );
        if 1 < self.servers {
            unknown.push(format!(
                "Shards, bytes and staleness of {}: each server has a page of its own, if it has --metrics; \
                 thalweg status shows all of them.",
                match self.servers {
                    2 => format!("server {}", 1 - self.server.min(1)),
                    _ => "the other servers".to_owned(),
                }
            ));
        }
        unknown
    }

    /// The rare events of this server and the launcher's messages, oldest first.
    fn incidents(&self) -> Vec<Incident> {
        // Of this server alone, so that their times are told from one start.
        let own = self.latest.as_slice();
        let events = history(own, usize::MAX).into_iter();
        let events = events.map(|event| Incident {
            at_seconds: event.at.as_secs_f64(),
            text: match event.worker {
                Some(worker) => format!("worker {worker}: {}", event.text),
                None => format!("somebody without a slot: {}", event.text),
            },
        });
        let said = self.told.iter().flat_map(|(_, told)| &told.said);
        let said = said.map(|said| Incident {
            at_seconds: said.at.as_secs_f64(),
            text: said.text.clone(),
        });
        let mut incidents: Vec<Incident> = events.chain(said).collect();
        incidents.sort_by(|a, b| a.at_seconds.total_cmp(&b.at_seconds));
        let old = incidents.len().saturating_sub(SENTENCES_MAX);
        incidents.split_off(old)
    }
}

/// The view within the page's bounds, and what went.
fn cut(mut view: ClusterView) -> (ClusterView, LeftOut) {
    let mut left_out = LeftOut {
        workers: view.workers.len().saturating_sub(WORKERS_MAX),
        shards: 0,
    };
    view.workers.truncate(WORKERS_MAX);
    for server in &mut view.servers {
        left_out.shards += server.shards.len().saturating_sub(SHARDS_MAX);
        server.shards.truncate(SHARDS_MAX);
    }
    // The report has them; a page that is asked for every second does without.
    view.epochs.clear();
    (view, left_out)
}

/// The first sentences, and how many more there are.
fn first(mut sentences: Vec<String>) -> Vec<String> {
    let more = sentences.len().saturating_sub(SENTENCES_MAX);
    if 0 < more {
        sentences.truncate(SENTENCES_MAX);
        sentences.push(format!("{} more wait", grouped(more as u64)));
    }
    sentences
}
