//! Many who should not get in, all at once.

use serde_json::json;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{Server, TlsConnector};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CONNECTIONS: usize = 2_000;
const ATTEMPTS: usize = 25;
const ATTACKER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// One answer's status, with what is left of it read.
async fn status(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<u16> {
    let mut answer = Vec::new();
    let head = loop {
        let mut bytes = [0; 2048];
        match stream.read(&mut bytes).await {
            Ok(n) if n > 0 => answer.extend(&bytes[..n]),
            _ => return None,
        }
        if let Some(end) = answer.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length: usize = text.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    let mut rest = vec![0; (head + length).checked_sub(answer.len())?];
    stream.read_exact(&mut rest).await.ok()?;
    text.split(' ').nth(1)?.parse().ok()
}

fn request(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

/// Guesses until it has had its number of answers, however often it is thrown out.
async fn guess(server: &Server, connector: &TlsConnector, n: usize, answered: &AtomicUsize) {
    let body = json!({"username": format!("clinician{}", n % 7), "password": "a guess, a guess", "otp": "000000"});
    let request = request("/admin/v1/login", "", &body.to_string());
    let mut left = ATTEMPTS;
    while left > 0 {
        let Ok(mut stream) = server.tls_from(connector, ATTACKER).await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        while left > 0 {
            if stream.write_all(&request).await.is_err() {
                break;
            }
            let Some(status) = status(&mut stream).await else { break };
            assert!(status == 401 || status == 429, "{status}");
            answered.fetch_add(1, Ordering::Relaxed);
            left -= 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_guesses_over_two_thousand_connections_keep_nobody_out() {
    let server = Arc::new(Server::start().await);
    let (key, answered) = (server.key("clinician"), Arc::new(AtomicUsize::new(0)));
    let attackers: Vec<_> = (0..CONNECTIONS)
        .map(|n| {
            let (server, answered) = (server.clone(), answered.clone());
            let connector = server.connector(&[]);
            tokio::spawn(async move { guess(&server, &connector, n, &answered).await })
        })
        .collect();
    testkit::eventually("the storm is on", || async { answered.load(Ordering::Relaxed) > 1000 }).await;
    let connector = server.connector(&[]);
    let mut served = 0;
    while answered.load(Ordering::Relaxed) < CONNECTIONS * ATTEMPTS * 9 / 10 {
        let mut stream = server.tls_from(&connector, ELSEWHERE).await.expect("a place for somebody else");
        let body = json!({"model": testkit::MODEL, "messages": [{"role": "user", "content": "A cough?"}]}).to_string();
        let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\nconnection: close\r\n");
        stream.write_all(&request("/v1/chat/completions", &headers, &body)).await.unwrap();
        let mut answer = Vec::new();
        let _unclean = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 200 "), "work goes on: {answer}");
        served += 1;
    }
    assert!(served > 0);
    for attacker in attackers {
        attacker.await.unwrap();
    }
    assert_eq!(answered.load(Ordering::Relaxed), CONNECTIONS * ATTEMPTS);
    assert_eq!(server.count("login_ok"), 0);
    assert!(server.entries().len() < 2_000, "the log is not filled by whoever wants to");
    server.clock().advance_ms(16 * 60_000);
    let session = server.session("researcher").await;
    assert_eq!(server.get("/admin/v1/whoami", &session).await.status, 200, "and after the wait all is as before");
}

#[tokio::test]
async fn one_source_that_holds_connections_leaves_places_for_others() {
    let hour = Duration::from_secs(3600);
    let server = Server::builder()
        .limits(|l| {
            (l.connections, l.connections_per_source) = (8, 4);
            (l.header_timeout, l.handshake_timeout) = (hour, hour);
        })
        .start()
        .await;
    let connector = server.connector(&[]);
    let mut held = Vec::new();
    for _ in 0..16 {
        held.extend(server.tls_from(&connector, ATTACKER).await.ok());
    }
    assert_eq!(held.len(), 4, "the others were closed at once");
    let mut stream = server.tls_from(&connector, ELSEWHERE).await.expect("a place for somebody else");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(status(&mut stream).await, Some(200));
}
