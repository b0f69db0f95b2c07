//! Equalities of the system, bit for bit: the drivers are three, the rules are one.

mod support;
mod drivers;
mod overlap;
