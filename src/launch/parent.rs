//! Ending with the launcher: a child whose launcher is killed must not live on. Both ends of it: what the child
//! listens to, and what the launcher holds. What the launcher has to say to a child comes the same way, line by line.

use std::io::{self, BufRead};
use std::process::{Child, Output};
use std::thread;

use tokio::sync::oneshot;

/// Bytes of a line; a longer one is passed over.
const LINE_BYTES_MAX: usize = 4 << 20;

/// Resolves when standard input ends, which is when the launcher that holds its other end does.
///
/// # Panics
/// If the system cannot start a thread.
pub fn exit_with_parent() -> oneshot::Receiver<()> {
    hear_parent(|_| ())
}

/// The same; until then each line that comes, of at most 4 MiB, goes to `hear`, without its end.
///
/// # Panics
/// If the system cannot start a thread.
pub fn hear_parent(hear: impl FnMut(&[u8]) + Send + 'static) -> oneshot::Receiver<()> {
    let (gone, watch) = oneshot::channel();
    thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(move || {
            listen(io::stdin().lock(), LINE_BYTES_MAX, hear);
            // Whoever waits may have ended on its own.
            gone.send(()).ok();
        })
        .expect("the system can start a thread");
    watch
}

/// Hands over line by line until the input ends, or fails; of a line that is too long nothing.
fn listen(mut input: impl BufRead, max: usize, mut hear: impl FnMut(&[u8])) {
    let mut line = Vec::new();
    let mut is_whole = true;
    loop {
        let (taken, ends) = match input.fill_buf() {
            Ok([]) => return,
            Ok(bytes) => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let piece = &bytes[..end.unwrap_or(bytes.len())];
                is_whole = is_whole && line.len() + piece.len() <= max;
                if is_whole {
                    line.extend_from_slice(piece);
                }
                (piece.len() + usize::from(end.is_some()), end.is_some())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (0, false),
            Err(_) => return,
        };
        input.consume(taken);
        if ends {
            if is_whole {
                hear(&line);
            }
            line.clear();
            is_whole = true;
        }
    }
}

/// What a child prints until it ends. Its standard input stays open so long: its end says that we are gone.
///
/// # Errors
/// If it cannot be waited for.
pub fn output_of(mut child: Child) -> io::Result<Output> {
    let held = child.stdin.take();
    let output = child.wait_with_output();
    drop(held);
    output
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_are_handed_over_whole_and_one_that_is_too_long_or_has_no_end_is_not() {
        let text = "one\n\ntoo long a line\ntwo\n12345\nno end";
        for buffer in [1, 3, 100] {
            let mut heard = Vec::new();
            let input = BufReader::with_capacity(buffer, text.as_bytes());
            listen(input, 5, |line| {
                heard.push(String::from_utf8_lossy(line).into_owned());
            });
            assert_eq!(heard, ["one", "", "two", "12345"], "{buffer}");
        }
    }
}
