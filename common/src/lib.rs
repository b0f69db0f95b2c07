//! What server and worker must agree on: pure, without I/O, clock, entropy, async runtime or protobuf
pub mod permutation;
