//! The stations before and after the wire: data, model, method, push, pull, transport
//!
//! A gradient walks through the modules in this order: [`data`] gives rows, [`model`] turns them
//! into a gradient at the values of a [`replica`], [`transform`] changes it as the job says,
//! [`method`] decides what is pushed and when, [`push`] cuts it by the shard map, and [`pull`] brings
//! parameters back. [`worker`] is the loop over these, without I/O or clock; [`evaluate`] judges what
//! was learnt.

pub mod data;
pub mod model;
pub mod replica;
pub mod transform;
pub mod method;
pub mod push;
pub mod pull;
pub mod worker;
pub mod transport;
pub mod evaluate;
pub mod hogwild;
