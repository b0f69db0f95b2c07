//! The messages of unary calls: the first byte chooses which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prost::Message;
use thalweg_common::message::{Heartbeat, Leave, Pull, Push, Register, Registered, Status};
use thalweg_proto::v1;

fn take<M: Message + Default, T: TryFrom<M>>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        drop(T::try_from(message));
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 7 {
        0 => take::<v1::Register, Register>(bytes),
        1 => take::<v1::Push, Push>(bytes),
        2 => take::<v1::Pull, Pull>(bytes),
        3 => take::<v1::Leave, Leave>(bytes),
        4 => take::<v1::Heartbeat, Heartbeat>(bytes),
        5 => take::<v1::Registered, Registered>(bytes),
        _ => take::<v1::Status, Status>(bytes),
    }
});
