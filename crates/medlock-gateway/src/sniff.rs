//! The first bytes of a connection: somebody who speaks plain HTTP to the HTTPS port is told so
//! in words that a person can read.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER: &str = "this port speaks HTTPS: use an address that begins with https://\n";

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Tls,
    PlainHttp,
    /// Closed without a word, or something else altogether.
    Other,
}

/// Looks without taking.
pub(crate) async fn opening(socket: &TcpStream) -> io::Result<Opening> {
    let mut first = [0u8; 1];
    Ok(match socket.peek(&mut first).await? {
        0 => Opening::Other,
        _ => classify(first[0]),
    })
}

/// A TLS record of the handshake begins with 22; every method of HTTP with a capital letter.
fn classify(first: u8) -> Opening {
    match first {
        0x16 => Opening::Tls,
        b'A'..=b'Z' => Opening::PlainHttp,
        _ => Opening::Other,
    }
}

/// Answers plain HTTP. What the client still sends is read and thrown away for a moment: closing
/// on unread bytes would reset the connection and take the answer with it.
pub(crate) async fn refuse_plain(mut socket: TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n",
        ANSWER.len()
    );
    socket.write_all(head.as_bytes()).await?;
    socket.write_all(ANSWER.as_bytes()).await?;
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
    fn http_and_tls_are_told_apart_by_one_byte() {
        for http in ["GET / HTTP/1.1", "POST /", "PRI * HTTP/2.0"] {
            assert_eq!(classify(http.as_bytes()[0]), Opening::PlainHttp, "{http}");
        }
        assert_eq!(classify(0x16), Opening::Tls);
        assert_eq!(classify(0x00), Opening::Other);
        assert_eq!(classify(b's'), Opening::Other);
    }
}
