//! Real processes on loopback: what a user runs, what a user kills, what a user gets wrong.

mod support;
mod training;
mod sparse;
mod losses;
mod mistakes;
mod by_hand;
