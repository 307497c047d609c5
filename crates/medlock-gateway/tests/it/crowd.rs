//! Many who may be in, all at once, and some who take their time.

use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use testkit::{MODEL, Say, Server, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

const STREAMS: usize = 1_000;

fn ask(content: &str) -> String {
    json!({"model": MODEL, "stream": true, "messages": [{"role": "user", "content": content}]}).to_string()
}

/// What a stream says, put together.
fn said(stream: &str) -> String {
    let data = stream.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap())
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_at_once_are_each_whole_and_their_own() {
    let server = Server::builder()
        .limits(|l| (l.connections, l.connections_per_source, l.in_flight) = (2 * STREAMS, 2 * STREAMS, STREAMS))
        .quotas(|q| {
            (q.caller.requests_at_once, q.source.requests_at_once) = (0, 0);
            (q.caller.requests_per_minute, q.source.requests_per_minute) = (0, 0);
        })
        .start()
        .await;
    // Nobody is done before all have begun.
    server.script().pause(Duration::from_secs(2));
    let server = Arc::new(server);
    let key = server.key("clinician");
    let connector = server.connector(&[]);
    let mut streams = JoinSet::new();
    for n in 0..STREAMS {
        let (server, connector, key) = (server.clone(), connector.clone(), key.clone());
        streams.spawn(async move {
            let mut stream = server.tls_from(&connector, [127, 0, 0, 1].into()).await.unwrap();
            let body = ask(&format!("Patient John Smith, MRN {}.", 10_000_000 + n));
            let head = format!(
                "POST /v1/chat/completions HTTP/1.0\r\nhost: localhost\r\nauthorization: Bearer {key}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).await.unwrap();
            let mut answer = String::new();
            let _unclean = stream.read_to_string(&mut answer).await;
            let (head, events) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.0 200 "), "{head}");
            assert!(events.ends_with("data: [DONE]\n\n"), "stream {n} broke off: {events}");
            assert_eq!(said(events), format!("Patient John Smith, MRN {}.", 10_000_000 + n));
        });
    }
    let most = async {
        let mut most = 0;
        loop {
            let text = server.metrics().await;
            let line = text.lines().find_map(|line| line.strip_prefix("medlock_chats_in_flight ")).unwrap();
            most = line.parse::<usize>().unwrap().max(most);
            if most >= STREAMS * 9 / 10 {
                return most;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let most = tokio::time::timeout(Duration::from_secs(120), most).await;
    assert!(most.is_ok(), "they were not at work at once");
    while let Some(done) = streams.join_next().await {
        done.unwrap();
    }
    eventually("every record is closed", || async { server.count("close") == STREAMS }).await;
    assert!(server.records("close").iter().all(|close| close.facts.word("closed") == Some("clean")));
}

#[tokio::test]
async fn whoever_reads_a_byte_at_a_time_holds_nobody_up_and_is_cut_off() {
    let server =
        Server::builder().limits(|l| (l.in_flight, l.write_timeout) = (2, Duration::from_secs(2))).start().await;
    // More than fits between the two.
    server.script().say(Say::Pieces(vec!["All is as well as it can be. ".into(); 40_000]));
    let mut slow = server.tls_narrow().await;
    let body = ask("Hi");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        server.key("clinician"),
        body.len()
    );
    slow.write_all((head + &body).as_bytes()).await.unwrap();
    eventually("the model is at work", || async { !server.script().given().is_empty() }).await;
    server.script().say(Say::text("Drink water."));
    let reader = tokio::spawn(async move {
        while slow.read_u8().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    for _ in 0..5 {
        let answer = server.chat(&json!({"model": MODEL, "messages": [{"role": "user", "content": "A cough?"}]})).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    eventually("it is cut off and the model stopped", || async { server.script().cancelled() == 1 }).await;
    eventually("its record is closed", || async {
        server.records("close").iter().any(|close| close.facts.word("closed") == Some("early"))
    })
    .await;
    reader.abort();
}
