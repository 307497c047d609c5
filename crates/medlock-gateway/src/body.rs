//! Reading a request's body within a limit and a time.

use crate::error::{Fault, HttpFault};
use axum::body::Body;
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::Body as _;
use std::time::Duration;
use zeroize::Zeroizing;

/// How much of a refused body is read and thrown away, so that the client, still sending, gets to
/// read why: to close on unread bytes would reset the connection.
const WASTE: usize = 16 << 20;
const WASTE_TIME: Duration = Duration::from_secs(5);

/// Reads all of it, or says why not.
pub(crate) async fn read(
    headers: &HeaderMap,
    mut body: Body,
    limit: usize,
    time: Duration,
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let encoded = headers.get(hyper::header::CONTENT_ENCODING).is_some_and(|e| e != "identity");
    if encoded {
        waste(headers, body).await;
        return Err(HttpFault::BodyEncoded.into());
    }
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        waste(headers, body).await;
        return Err(HttpFault::BodyTooLarge { limit }.into());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(announced));
    let reading = async {
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| HttpFault::BodyBroken)?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > limit {
                return Err(HttpFault::BodyTooLarge { limit });
            }
            bytes.extend_from_slice(&data);
        }
        Ok(())
    };
    let read = tokio::time::timeout(time, reading).await.unwrap_or(Err(HttpFault::BodyBroken));
    match read {
        Ok(()) => Ok(bytes),
        Err(fault) => {
            if matches!(fault, HttpFault::BodyTooLarge { .. }) {
                waste(headers, body).await;
            }
            Err(fault.into())
        }
    }
}

/// Throws away what is left of a body, up to a limit and a time.
pub(crate) async fn waste(headers: &HeaderMap, mut body: Body) {
    // To read is to say "100 Continue": such a client waits to be told, and is told no.
    if body.is_end_stream() || headers.contains_key(hyper::header::EXPECT) {
        return;
    }
    let mut left = WASTE;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let taken = frame.data_ref().map_or(0, |d| d.len());
            match left.checked_sub(taken) {
                Some(l) => left = l,
                None => break,
            }
        }
    };
    let _out_of_time = tokio::time::timeout(WASTE_TIME, reading).await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use bytes::Bytes;
    use futures_util::stream;

    const TIME: Duration = Duration::from_secs(5);

    fn pieces(sizes: &[usize]) -> Body {
        let pieces: Vec<_> = sizes.iter().map(|n| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; *n]))).collect();
        Body::from_stream(stream::iter(pieces))
    }

    async fn code(body: Body) -> Result<usize, &'static str> {
        read(&HeaderMap::new(), body, 10, TIME).await.map(|b| b.len()).map_err(|f| f.code)
    }

    #[tokio::test]
    async fn the_limit_holds_whether_or_not_the_length_is_announced() {
        assert_eq!(code(Body::from(vec![0; 10])).await, Ok(10));
        assert_eq!(code(Body::from(vec![0; 11])).await, Err("body_too_large"));
        assert_eq!(code(pieces(&[5, 5])).await, Ok(10));
        assert_eq!(code(pieces(&[5, 5, 1])).await, Err("body_too_large"));
    }

    #[tokio::test]
    async fn broken_slow_and_compressed_bodies_are_refused() {
        let broken = Body::from_stream(stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]));
        assert_eq!(code(broken).await, Err("invalid_json"));
        let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let slow = read(&HeaderMap::new(), never, 10, Duration::from_millis(20)).await;
        assert_eq!(slow.unwrap_err().code, "invalid_json");
        let gzip = HeaderMap::from_iter([(hyper::header::CONTENT_ENCODING, "gzip".parse().unwrap())]);
        assert_eq!(read(&gzip, Body::empty(), 10, TIME).await.unwrap_err().code, "unsupported_value");
    }
}
