//! What one caller may ask.

use crate::content::ask;
use serde_json::json;
use std::time::Duration;
use testkit::{MODEL, Server};

#[tokio::test]
async fn a_caller_who_asks_too_often_is_told_to_wait_and_others_are_not() {
    let server = Server::builder().quotas(|q| q.caller.requests_per_minute = 3).start().await;
    for left in ["2", "1", "0"] {
        let answer = ask(&server, None, "A cough?").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let headers = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests"].map(|name| answer.header(name));
        assert_eq!(headers, ["3", left]);
        assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'));
    }
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "A cough?"}]}).to_string();
    let again = async |role: &str| {
        server.request("POST", "/v1/chat/completions", &server.key(role), &[], body.clone().into()).await
    };
    let (asked, denied) = (server.script().given().len(), server.count("denied"));
    for _ in 0..5 {
        let over = again("clinician").await;
        assert_eq!((over.status.as_u16(), over.code().as_str()), (429, "rate_limit_exceeded"));
        assert_eq!(over.header("retry-after"), "21");
    }
    assert_eq!((server.script().given().len(), server.count("denied")), (asked, denied + 1), "one record of them");
    assert_eq!(again("researcher").await.status, 200, "another has their own");
    // A person over all of their sessions, apart from their keys.
    let session = server.session("clinician").await;
    let headers = [("x-medlock-purpose", "treatment")];
    let person = server.request("POST", "/v1/chat/completions", &session, &headers, body.clone().into()).await;
    assert_eq!((person.status.as_u16(), person.header("x-ratelimit-remaining-requests")), (200, "2"));
    server.clock().advance_ms(20_000);
    assert_eq!(again("clinician").await.status, 200, "twenty seconds are worth one");
}

#[tokio::test]
async fn so_many_of_a_caller_are_at_work_at_once() {
    let server = Server::builder().quotas(|q| q.caller.requests_at_once = 1).start().await;
    server.script().pause(Duration::from_millis(500));
    let running = tokio::spawn({
        let (client, url, key) = (server.client().clone(), server.url("/v1/chat/completions"), server.key("clinician"));
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "A cough?"}]}).to_string();
        async move { client.post(url).bearer_auth(key).header("content-type", "application/json").body(body).send().await }
    });
    testkit::eventually("the first is at work", || async { !server.script().given().is_empty() }).await;
    let body = json!({"model": MODEL, "messages": [{"role": "user", "content": "A cough?"}]}).to_string();
    let second =
        server.request("POST", "/v1/chat/completions", &server.key("clinician"), &[], body.clone().into()).await;
    assert_eq!((second.status.as_u16(), second.code().as_str()), (429, "rate_limit_exceeded"));
    assert_eq!(running.await.unwrap().unwrap().status(), 200);
    testkit::eventually("its place is free", || async {
        server.request("POST", "/v1/chat/completions", &server.key("clinician"), &[], body.clone().into()).await.status
            == 200
    })
    .await;
}

#[tokio::test]
async fn tokens_of_whole_and_streamed_answers_count_and_roles_have_their_own() {
    let server = Server::builder()
        .quotas(|q| {
            q.caller.tokens_per_day = 50;
            let researcher = medlock_gateway::Quota { requests_per_day: 1, ..q.caller };
            q.roles.insert("researcher".parse().unwrap(), researcher);
        })
        .start()
        .await;
    let ask = async |role: &str, stream: bool| {
        let body = json!({"model": MODEL, "stream": stream, "messages": [{"role": "user", "content": "A cough?"}]});
        server.request("POST", "/v1/chat/completions", &server.key(role), &[], body.to_string().into()).await
    };
    let first = ask("clinician", false).await;
    let used = first.json()["usage"]["total_tokens"].as_i64().unwrap();
    assert!(used > 0 && used < 50, "{used}");
    assert_eq!(first.header("x-ratelimit-remaining-tokens"), "50");
    let second = ask("clinician", true).await;
    assert_eq!(second.header("x-ratelimit-remaining-tokens"), (50 - used).to_string());
    testkit::eventually("all tokens are used", || async { ask("clinician", true).await.status == 429 }).await;
    let over = ask("clinician", false).await;
    assert!(over.header("retry-after").parse::<u32>().unwrap() > 60, "of the day");
    assert_eq!(ask("researcher", false).await.status, 200);
    assert_eq!(ask("researcher", false).await.status, 429, "one a day in that role");
}
