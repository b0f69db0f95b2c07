//! How many bytes a message would take on a wire: values and coordinates as they are, and for everything
//! around them what they take on the real wire on average (`a_simulation_counts_the_bytes_of_real_processes` in
//! `tests/processes` compares the two).

use thalweg_common::message::{Address, PullPart, PullReply, Push, Reply, Request};

/// A frame, with what HTTP/2 and gRPC add to it.
const FRAME: u64 = 30;

/// The header of a push, of a pull, and of any other message.
const PUSH: u64 = 60;
const PULL: u64 = 28;
const REQUEST: u64 = 40;

/// The heads of a part: of a push, its acknowledgement, of a pull, its answer.
const PART: u64 = 18;
const ACK: u64 = 12;
const QUESTION: u64 = 8;
const READ: u64 = 12;

/// A coordinate.
const COORDINATE: u64 = 4;

/// Bytes of a request.
pub(crate) fn of_request(request: &Request) -> u64 {
    FRAME
        + match request {
            Request::Push(push) => of_push(push),
            Request::Pull(pull) => PULL + pull.parts.iter().map(of_question).sum::<u64>(),
            _ => REQUEST,
        }
}

/// Bytes of a reply.
pub(super) fn of_reply(reply: &Reply) -> u64 {
    FRAME
        + match reply {
            Reply::Pushed(acks) => ACK * acks.len() as u64,
            Reply::Pulled(PullReply::Ready(reads)) => reads
                .iter()
                .map(|read| READ + (read.payload.bytes() + read.at_read.bytes()) as u64)
                .sum(),
            _ => REQUEST,
        }
}

fn of_push(push: &Push) -> u64 {
    let parts = push.parts.iter().map(|part| {
        let values = part.payload.bytes() + part.at_read.bytes();
        PART + of_address(&part.address) + values as u64
    });
    PUSH + parts.sum::<u64>()
}

fn of_question(part: &PullPart) -> u64 {
    QUESTION + of_address(&part.address)
}

fn of_address(address: &Address) -> u64 {
    match address {
        Address::Range(_) => 0,
        Address::Coordinates(coordinates) => COORDINATE * coordinates.len() as u64,
        Address::Rows { keys, .. } => 8 * keys.len() as u64,
    }
}
