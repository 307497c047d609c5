//! The first bytes of a connection: somebody who speaks plain HTTP to the HTTPS port is told so
//! in words that a person can read, and a client of an older TLS by the alert that names it.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER: &str = "this port speaks HTTPS: use an address that begins with https://\n";

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Tls,
    /// A client that knows nothing newer than TLS 1.1, with the version that it knows.
    OldTls([u8; 2]),
    PlainHttp,
    /// Closed without a word, or something else altogether.
    Other,
}

/// Looks without taking.
pub(crate) async fn opening(socket: &TcpStream) -> io::Result<Opening> {
    let mut first = [0u8; 11];
    let n = socket.peek(&mut first).await?;
    Ok(classify(&first[..n]))
}

/// A TLS record of the handshake begins with 22; every method of HTTP with a capital letter. In a
/// client hello the highest version below 1.3 comes as the tenth and eleventh byte; 1.2 and newer
/// say 3.3 there.
fn classify(first: &[u8]) -> Opening {
    match first {
        [0x16, _, _, _, _, 1, _, _, _, 3, minor @ 0..=2] => Opening::OldTls([3, *minor]),
        [0x16, ..] => Opening::Tls,
        [b'A'..=b'Z', ..] => Opening::PlainHttp,
        _ => Opening::Other,
    }
}

/// Answers an older TLS: a fatal alert, "protocol version".
pub(crate) async fn refuse_old(socket: TcpStream, version: [u8; 2]) -> io::Result<()> {
    let [major, minor] = version;
    close_after(socket, &[0x15, major, minor, 0, 2, 2, 70]).await
}

/// Answers plain HTTP.
pub(crate) async fn refuse_plain(socket: TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        ANSWER.len()
    );
    close_after(socket, (head + ANSWER).as_bytes()).await
}

/// Says a last word. What the client still sends is read and thrown away for a moment: closing on
/// unread bytes would reset the connection and take the answer with it.
async fn close_after(mut socket: TcpStream, answer: &[u8]) -> io::Result<()> {
    socket.write_all(answer).await?;
    socket.shutdown().await?;
    let mut waste = [0u8; 4096];
    let rest = async {
        for _ in 0..64 {
            if socket.read(&mut waste).await.unwrap_or(0) == 0 {
                break;
            }
        }
    };
    let _out_of_time = tokio::time::timeout(Duration::from_secs(1), rest).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_told_by_its_first_bytes() {
        for http in ["GET / HTTP/1.1", "POST /", "PRI * HTTP/2.0", "G"] {
            assert_eq!(classify(http.as_bytes()), Opening::PlainHttp, "{http}");
        }
        let hello = |minor| [0x16, 3, 1, 0, 60, 1, 0, 0, 56, 3, minor];
        assert_eq!(classify(&hello(3)), Opening::Tls);
        assert_eq!(classify(&hello(2)), Opening::OldTls([3, 2]));
        assert_eq!(classify(&hello(0)), Opening::OldTls([3, 0]));
        assert_eq!(classify(&hello(2)[..4]), Opening::Tls);
        for other in [&b""[..], b"\0", b"ssh"] {
            assert_eq!(classify(other), Opening::Other);
        }
    }
}
