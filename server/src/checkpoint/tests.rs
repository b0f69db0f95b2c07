//! Checkpoints under attack: flipped bits, kills between any two steps on files, and every optimizer
//! there is.

mod attacks;
mod failures;
mod optimizers;
mod support;
