//! Real processes on loopback: what a user runs, what a user kills, what a user gets wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod documents;
mod support;
mod threads;
mod training;
mod compare;
mod claims;
mod demo;
mod stress;
mod overload;
mod simulate;
mod stopping;
mod own_data;
mod standard_input;
mod sparse;
mod losses;
mod checkpoints;
mod torn;
mod resume;
mod mistakes;
mod refusals;
mod lists;
mod by_hand;
mod metrics;
mod logs;
mod security;
mod history;
mod hangs;
mod watch;
mod reach;
mod long_gradient;
mod conditions;
mod proxy;
mod methods;
mod push_formats;
mod python_client;
