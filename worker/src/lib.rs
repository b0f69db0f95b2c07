//! The stations before and after the wire: data, model, method, push, pull, transport
pub mod data;
pub mod model;
pub mod evaluate;
pub mod transport;
