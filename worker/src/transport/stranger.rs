//! What stands at an address where no session could be opened: asked once that has failed, so that
//! a wrong port is named as such and not by what a gRPC library makes of foreign bytes.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How every HTTP/2 client begins: the preface, and a SETTINGS frame without settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Bytes of an HTTP/2 frame's head.
const FRAME_HEAD_BYTES: usize = 9;

/// The type of a SETTINGS frame, with which every HTTP/2 server begins.
const SETTINGS: u8 = 4;

/// How the record begins with which a TLS server answers what is no TLS: an alert, of version 3.
const TLS_ALERT: u8 = 21;
const TLS_MAJOR: u8 = 3;

/// Bytes of a stranger's answer that are looked at.
const ANSWER_BYTES_MAX: usize = 80;

/// Who is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nobody takes the connection.
    Nobody,
    /// An HTTP/2 server.
    Http2,
    /// Somebody who speaks TLS.
    Tls,
    /// Somebody who says nothing that could be judged, and how.
    Mute(String),
    /// Somebody who speaks otherwise, and how it began.
    Other(String),
}

/// Greets whoever listens at `address` (HOST:PORT), and waits for the answer `within` a time.
pub(super) async fn find_out(address: &str, within: Duration) -> Found {
    let Ok(Ok(mut stream)) = tokio::time::timeout(within, TcpStream::connect(address)).await else {
        return Found::Nobody;
    };
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(GREETING).await?;
        while answer.len() < FRAME_HEAD_BYTES {
            let mut bytes = [0; ANSWER_BYTES_MAX];
            match stream.read(&mut bytes).await? {
                0 => break,
                read => answer.extend_from_slice(&bytes[..read]),
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let ended = tokio::time::timeout(within, exchange).await;
    judge(&answer, ended.is_err())
}

fn judge(answer: &[u8], is_late: bool) -> Found {
    match answer {
        [] if is_late => Found::Mute("takes connections and says nothing".to_owned()),
        [] => Found::Mute("takes connections and closes them without a word".to_owned()),
        [_, _, _, SETTINGS, _, 0, 0, 0, 0, ..] => Found::Http2,
        [TLS_ALERT, TLS_MAJOR, ..] => Found::Tls,
        _ => {
            let text = String::from_utf8_lossy(answer);
            let line = text.lines().next().unwrap_or_default();
            Found::Other(line.escape_debug().to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http2_server_begins_with_settings_and_nobody_else_does() {
        assert_eq!(judge(b"\0\0\x12\x04\0\0\0\0\0\0\x03", false), Found::Http2);
        assert_eq!(judge(b"\x15\x03\x03\0\x02\x02\x46", false), Found::Tls);
        let other = |text: &str| Found::Other(text.to_owned());
        assert_eq!(
            judge(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n", false),
            other("HTTP/1.1 400 Bad Request")
        );
        assert_eq!(judge(b"SSH-2.0-x\x07", true), other("SSH-2.0-x\\u{7}"));
        assert!(matches!(judge(b"", true), Found::Mute(how) if how.ends_with("says nothing")));
        assert!(matches!(judge(b"", false), Found::Mute(how) if how.ends_with("a word")));
    }
}
