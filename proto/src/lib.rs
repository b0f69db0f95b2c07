//! The wire, and nothing else: schema, conversion, frames, statuses.
//!
//! Drivers on both sides speak in the domain's types (`thalweg_common::message`). For the session
//! stream they cut messages into frames with [`codec`]; for unary calls they convert whole messages
//! with `From` and `TryFrom` of [`convert`]; errors cross as [`status`].

pub mod v1;
pub mod convert;
pub mod codec;
pub mod status;
pub mod security;
pub mod transport;

pub use v1::parameter_server_client::ParameterServerClient;
pub use v1::parameter_server_server::{ParameterServer, ParameterServerServer};

/// The compiled schema, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/thalweg_descriptor.bin"));
