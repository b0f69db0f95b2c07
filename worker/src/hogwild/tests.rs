//! What holds for every objective and every scheme.

mod problems;
mod gradients;
mod schemes;
mod contention;
mod quality;
