//! More than a server can answer, with the real model.

use crate::support::{Serving, medlock, models};
use serde_json::json;
use std::fs;
use std::time::Duration;

const REQUESTS: usize = 120;

#[test]
fn a_flood_is_answered_or_told_to_come_back_and_then_all_is_as_before() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    medlock(data, "", &["init", "--json"]).code(0);
    let config = data.join("medlock.toml");
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", &address.to_string());
    fs::write(&config, format!("{text}dir = {:?}\n", models.to_str().unwrap())).unwrap();
    let keys = ["dr-lee", "dr-roe"].map(|who| {
        medlock(data, "another fine passphrase\n", &["user", "add", who, "--role", "clinician"]).code(0);
        let create = ["token", "create", who, "--owner", who, "--role", "clinician", "--purpose", "treatment"];
        medlock(data, "", &create).code(0).out.trim().to_owned()
    });
    let mut server = Serving::start(data, &["serve"], " serving ");

    let _already = medlock_gateway::provider().install_default();
    let ca = reqwest::Certificate::from_pem(&fs::read(data.join("tls/ca.pem")).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
    let url = format!("https://{address}/v1/chat/completions");
    let ask = move |key: String| {
        let body = json!({"model": "smollm2-135m-instruct", "max_tokens": 8,
            "messages": [{"role": "user", "content": "What helps against a cough?"}]});
        let request = client.post(&url).bearer_auth(key).timeout(Duration::from_secs(120));
        let request = request.header("content-type", "application/json").body(body.to_string());
        async move {
            let answer = request.send().await.unwrap();
            let wait = answer.headers().get("retry-after").map(|v| v.to_str().unwrap().parse::<u32>().unwrap());
            (answer.status().as_u16(), wait, answer.text().await.unwrap())
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut answered = [0; 2];
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for n in 0..REQUESTS {
            // Of the one ten times as many as of the other.
            let who = usize::from(n % 10 == 9);
            let answer = ask(keys[who].clone());
            all.spawn(async move { (who, answer.await) });
        }
        while let Some(done) = all.join_next().await {
            match done.unwrap() {
                (who, (200, _, text)) => {
                    assert!(text.contains("\"finish_reason\""), "{text}");
                    answered[who] += 1;
                }
                (_, (status @ (429 | 503), wait, text)) => {
                    assert!(wait.is_some_and(|s| (1..=3600).contains(&s)), "{status} {wait:?} {text}");
                    assert!(text.contains("\"capacity\"") || text.contains("rate_limit"), "{text}");
                }
                (_, other) => panic!("{other:?}"),
            }
        }
        assert_eq!(ask(keys[0].clone()).await.0, 200, "it goes on");
    });
    assert!(answered[0] >= 8 && answered[1] >= 8, "each has a part of the places: {answered:?}");
    assert_eq!(server.stop("-TERM"), 0);
    medlock(data, "", &["audit", "verify"]).code(0);
    let said = medlock(data, "", &["audit", "show", "--kind", "close"]).code(0).out;
    assert_eq!(said.lines().count(), answered[0] + answered[1] + 1, "what was answered was recorded to its end");
}
