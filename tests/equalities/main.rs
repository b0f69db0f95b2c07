//! Equalities of the system, bit for bit: the drivers are three, the rules are one.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod support;
mod drivers;
mod overlap;
mod methods;
mod virtual_time;
