//! What happens before there is a request.

use serde_json::json;
use std::time::Duration;
use testkit::{MODEL, Say, Server, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn say_and_hear(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(server.addr()).await.unwrap();
    socket.write_all(bytes).await.unwrap();
    let mut heard = Vec::new();
    let _reset = tokio::time::timeout(Duration::from_secs(5), socket.read_to_end(&mut heard)).await.unwrap();
    heard
}

#[tokio::test]
async fn plain_http_is_answered_in_words() {
    let server = Server::start().await;
    let body = "x".repeat(100_000);
    let post = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{body}");
    for request in ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", &post, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let heard = String::from_utf8(say_and_hear(&server, request.as_bytes()).await).unwrap();
        assert!(heard.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{heard}");
        assert!(
            heard.ends_with("\r\n\r\nthis port speaks HTTPS: use an address that begins with https://\n"),
            "{heard}"
        );
    }
}

/// A client hello of TLS 1.1, as a client that knows nothing newer sends it.
fn old_hello() -> Vec<u8> {
    let mut hello = vec![0x03, 0x02];
    hello.extend([7; 32]); // random
    hello.push(0); // no session
    hello.extend([0, 4, 0xc0, 0x13, 0x00, 0x2f]); // two suites of that time
    hello.extend([1, 0]); // no compression
    let mut message = vec![1, 0, 0, hello.len() as u8];
    message.extend(hello);
    let mut record = vec![0x16, 0x03, 0x01, 0, message.len() as u8];
    record.extend(message);
    record
}

#[tokio::test]
async fn old_tls_gets_an_alert_that_says_so() {
    let server = Server::start().await;
    let heard = say_and_hear(&server, &old_hello()).await;
    assert_eq!((heard[0], heard[5], heard[6]), (0x15, 2, 70), "not a fatal protocol_version alert: {heard:?}");
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_just_closed() {
    let server = Server::start().await;
    assert!(say_and_hear(&server, b"\0\0\0\0").await.is_empty());
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_and_others_are_not_trusted() {
    let server = Server::start().await;
    for version in [reqwest::tls::Version::TLS_1_2, reqwest::tls::Version::TLS_1_3] {
        let builder = server.client_builder().tls_version_min(version).tls_version_max(version);
        let answer = builder.build().unwrap().get(server.url("/healthz")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    let other = Server::start().await;
    let stranger = server.client().get(other.url("/healthz")).send().await;
    assert!(stranger.is_err(), "a certificate of another CA was trusted");
}

#[tokio::test]
async fn whoever_says_nothing_is_cut_off() {
    let server = Server::builder()
        .limits(|l| {
            l.handshake_timeout = Duration::from_millis(100);
            l.header_timeout = Duration::from_millis(100);
        })
        .start()
        .await;
    assert!(say_and_hear(&server, b"").await.is_empty());
    assert!(say_and_hear(&server, &[0x16, 0x03]).await.is_empty());
}

#[tokio::test]
async fn connections_over_the_limit_wait_for_a_place() {
    let server = Server::builder().limits(|l| l.connections = 1).start().await;
    let first = TcpStream::connect(server.addr()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await; // it has the place
    let alive = || async {
        let request = server.client_builder().pool_max_idle_per_host(0).build().unwrap().get(server.url("/healthz"));
        request.timeout(Duration::from_millis(300)).send().await.is_ok()
    };
    assert!(!alive().await);
    drop(first);
    eventually("there is a place again", alive).await;
}

#[tokio::test]
async fn a_stop_lets_a_running_answer_end() {
    let mut server = Server::start().await;
    server.script().say(Say::cut("one two three four five six", 3));
    server.script().pause(Duration::from_millis(30));
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "Hi"}]}).to_string();
    let answer = tokio::spawn(
        server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key("clinician")).body(body).send(),
    );
    eventually("the model is at work", || async { !server.script().given().is_empty() }).await;
    server.stop().await;
    assert_eq!(answer.await.unwrap().unwrap().status(), 200);
    assert!(TcpStream::connect(server.addr()).await.is_err(), "it still listens");
}

#[tokio::test]
async fn metrics_have_their_own_door_and_count_without_telling() {
    let server = Server::start().await;
    let note = "Patient John Smith, MRN 48213377.";
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": note}]});
    assert_eq!(server.chat(&body).await.status, 200);
    let _plain = say_and_hear(&server, b"GET /John-Smith HTTP/1.1\r\n\r\n").await;
    let text = server.metrics().await;
    for line in [
        "medlock_requests_total{route=\"/v1/chat/completions\",status=\"200\"} 1",
        "medlock_findings_total{class=\"MRN\",direction=\"in\"} 1",
        "medlock_unauthenticated_total{what=\"plain_http\"} 1",
        "medlock_chats_in_flight 0",
        "medlock_audit_healthy 1",
    ] {
        assert!(text.contains(line), "{line} is missing from\n{text}");
    }
    assert!(!text.contains("Smith") && !text.contains("48213377"));
    assert_eq!(server.get("/metrics", &server.key("clinician")).await.status, 404);
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_asked_for() {
    let server = Server::start().await;
    let mut tls = server.tls(&[b"h2"]).await;
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    // Preface, empty settings, and a request for /healthz in static-table HPACK.
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let block = [&[0x82, 0x87, 0x04, 8][..], b"/healthz", &[0x01, 9], b"localhost"].concat();
    let head = [0, 0, block.len() as u8, 1, 5, 0, 0, 0, 1];
    tls.write_all(&[&head[..], &block].concat()).await.unwrap();
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while !heard.windows(15).any(|w| w == br#"{"status":"ok"}"#) {
        let n = tokio::time::timeout(Duration::from_secs(5), tls.read(&mut buffer)).await.unwrap().unwrap();
        assert_ne!(n, 0, "closed without an answer");
        heard.extend_from_slice(&buffer[..n]);
    }
}

#[tokio::test]
async fn what_is_not_http_inside_tls_is_refused_and_counted() {
    let server = Server::start().await;
    let mut tls = server.tls(&[]).await;
    tls.write_all(b"\x01\x02 nonsense\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    let _unclean = tls.read_to_end(&mut heard).await;
    assert!(heard.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&heard));
    eventually("it is counted", || async { server.metrics().await.contains("what=\"http_invalid\"} 1") }).await;
}
