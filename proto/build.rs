//! Generates the wire's types and service from `schema/`, without protoc.

use std::env;
use std::error::Error;
use std::fs;
use std::path::PathBuf;

use prost::Message;

const SCHEMA: &str = "schema";
const ENTRY: &str = "schema/thalweg/v1/service.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={SCHEMA}");
    let files = protox::compile([ENTRY], [SCHEMA])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("thalweg_descriptor.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        // `bytes` fields come as slices of the receive buffer, not as copies.
        .bytes(".thalweg.v1")
        // By far the largest body of a frame, and the rarest.
        .boxed(".thalweg.v1.ServerFrame.body.status")
        .codec_path("crate::codec::WireCodec")
        .compile_fds(files)?;
    Ok(())
}
