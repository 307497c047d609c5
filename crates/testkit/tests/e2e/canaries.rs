//! Words that occur nowhere else, in everything that a caller can send; then a hunt for them
//! through everything that the server writes.

use crate::common::{by_request, opened, reading_key};
use crate::hunt::Hunt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use testkit::{Answer, MODEL, PASSWORD, Say, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tracing_subscriber::filter::LevelFilter;

/// What was planted so far. Each canary looks like a surname, and is a field name's, a path's or a
/// key's possible part too.
#[derive(Default)]
struct Canaries(Mutex<Vec<String>>);

impl Canaries {
    fn word(&self) -> String {
        let mut all = self.0.lock().unwrap();
        let n = all.len();
        let letters: String = [n / 26, n % 26].map(|d| char::from(b'a' + d as u8)).into_iter().collect();
        all.push(format!("quillon{letters}xawdorf"));
        all[n].clone()
    }

    /// A sentence about somebody of that name.
    fn note(&self) -> String {
        format!("Mrs. {} was seen.", self.word())
    }

    /// A key that a person's name became. What looks like a field name is repeated to its sender.
    fn field(&self) -> String {
        self.word().to_uppercase()
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A request with a canary in every position; what the model is to say goes with it.
fn everywhere(c: &Canaries) -> Value {
    let mut body = json!({
        "model": MODEL,
        "messages": [
            {"role": "system", "content": c.note(), "name": c.word()},
            {"role": "developer", "content": [{"type": "text", "text": c.note()}]},
            {"role": "user", "content": [{"type": "text", "text": c.note()}, {"type": "text", "text": c.note()}], "name": c.word()},
            {"role": "assistant", "content": c.note(), "refusal": c.note(), "name": c.word(), "tool_calls": [{
                "id": c.word(), "type": "function",
                "function": {"name": c.word(), "arguments": json!({c.word(): [c.note(), {"mrn": c.word()}]}).to_string()},
            }]},
            {"role": "tool", "tool_call_id": c.word(), "content": c.note()},
            {"role": "user", "content": c.note()},
        ],
        "tools": [{"type": "function", "function": {
            "name": c.word(), "description": c.note(),
            "parameters": {"title": c.word(), "properties": {c.word(): {"enum": [c.word()], "description": c.note()}}},
        }}],
        "tool_choice": {"type": "function", "function": {"name": c.word()}},
        "response_format": {"type": "json_schema", "json_schema": {
            "name": c.word(), "description": c.note(), "schema": {"title": c.word(), "properties": {c.word(): {}}},
        }},
        "stop": [c.word()],
        "user": c.word(),
    });
    body["metadata"] = json!({c.word(): c.note()});
    body
}

fn with(name: &str, value: Value) -> Vec<u8> {
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "x"}]});
    body[name] = value;
    body.to_string().into()
}

/// Bodies with something wrong in them, and canaries at what is wrong.
fn broken(c: &Canaries) -> Vec<Vec<u8>> {
    let mut bodies = vec![
        format!("{{\"model\": {}}}", c.word()).into_bytes(),
        format!("{{\"{}\": 1, \"{}\": ", c.word(), c.word()).into_bytes(),
        [b"{\"a\": \"", c.word().as_bytes(), b"\xff\"}"].concat(),
        c.word().encode_utf16().flat_map(u16::to_le_bytes).collect(),
        {
            let twice = c.word();
            format!("{{\"{twice}\": 1, \"{twice}\": 2}}").into_bytes()
        },
        format!("[\"{}\"]", c.word()).into_bytes(),
        c.word().into_bytes(),
        with(&c.field(), json!(1)),
        with("surprise", json!(c.word())),
        with("messages", json!([{"role": c.word(), "content": "x"}])),
        with("messages", json!([{"role": "user", "content": "x", c.field(): c.word()}])),
        with("messages", json!([{"role": "user", "content": [{"type": c.word(), "text": "x"}]}])),
        with("messages", json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": c.word()}}]}])),
        with("tools", json!([{"type": c.word()}])),
        with("tools", json!([{"type": "function", "function": {"name": "f", c.field(): 1}}])),
        with("tool_choice", json!(c.word())),
        with("response_format", json!({"type": c.word()})),
        with("metadata", json!({c.word(): {"a": c.word()}})),
    ];
    for field in [
        "model",
        "temperature",
        "n",
        "seed",
        "stream",
        "stream_options",
        "max_tokens",
        "logprobs",
        "logit_bias",
        "store",
        "service_tier",
        "reasoning_effort",
        "modalities",
        "functions",
        "safety_identifier",
        "prompt_cache_key",
        "prediction",
    ] {
        bodies.push(with(field, json!(c.word())));
    }
    bodies
}

/// Collects every line that anything in this process logs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn metrics(server: &Server, path: &str) -> Vec<u8> {
    let mut socket = tokio::net::TcpStream::connect(server.metrics_addr().unwrap()).await.unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = Vec::new();
    socket.read_to_end(&mut text).await.unwrap();
    text
}

/// What a client gets to see of a refusal: status, headers and body.
fn seen(answer: &Answer) -> Vec<u8> {
    // The caller's own word for the request is given back to it, and to nobody else.
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-client-request-id");
    let headers: String = headers.map(|(name, value)| format!("{name}: {value:?}\n")).collect();
    format!("{}\n{headers}\n{}", answer.status, answer.text).into_bytes()
}

/// Good traffic. Gives what of the answers is not the caller's own text: their headers.
async fn good(server: &Server, c: &Canaries) -> Vec<Vec<u8>> {
    let mut heard = Vec::new();
    for stream in [false, true] {
        for say in [
            Say::Echo { chunk: 7 },
            Say::text(c.note()),
            Say::Call { name: c.word(), arguments: json!({c.word(): c.note()}).to_string() },
            Say::PiecesThenFail(vec![c.note().repeat(40)]),
        ] {
            server.script().say(say);
            let mut body = everywhere(c);
            body["stream"] = json!(stream);
            let key = server.key("clinician");
            let id = c.word();
            let answer = server
                .request("POST", "/v1/chat/completions", &key, &[("x-request-id", &id)], body.to_string().into())
                .await;
            assert!(answer.status == 200 || answer.code() == "model_unavailable", "{}", answer.text);
            let whole =
                Answer { text: if answer.status == 200 { String::new() } else { answer.text.clone() }, ..answer };
            heard.push(seen(&whole));
        }
    }
    heard
}

/// Bad traffic. Gives everything that came back.
async fn bad(server: &Server, c: &Canaries) -> Vec<Vec<u8>> {
    let (key, chat) = (server.key("clinician"), "/v1/chat/completions");
    let mut heard = Vec::new();
    let mut refused = |answer: Answer| {
        assert!(!answer.status.is_success(), "{}", answer.text);
        heard.push(seen(&answer));
    };
    for body in broken(c) {
        refused(server.post(chat, &key, body).await);
    }
    let body = everywhere(c).to_string().into_bytes();
    for name in ["x-medlock-purpose", "x-medlock-protection", "x-medlock-patient", "content-encoding"] {
        refused(server.request("POST", chat, &key, &[(name, &c.word())], body.clone()).await);
    }
    refused(server.request("POST", chat, &key, &[("x-medlock-protection", "block")], body.clone()).await);
    refused(server.post(chat, &key, everywhere(c).to_string().repeat(4000).into()).await);
    refused(server.post(chat, &server.key("admin"), everywhere(c).to_string().into()).await);
    for (method, path) in [
        ("GET", format!("/{}", c.word())),
        ("GET", format!("/v1/models/{}", c.word())),
        ("GET", format!("/v1/nothing?name={}", c.word())),
        ("DELETE", format!("/admin/v1/keys/{}", c.word())),
        ("DELETE", format!("/v1/models?name={}", c.word())),
        ("QUILLON", format!("/{}", c.word())),
    ] {
        refused(
            server
                .request(
                    method,
                    &path,
                    &key,
                    &[
                        ("x-request-id", &c.word()),
                        ("cookie", &c.word()),
                        ("user-agent", &c.word()),
                        ("referer", &c.word()),
                    ],
                    vec![],
                )
                .await,
        );
    }
    for credential in
        [c.word(), format!("sk-medlock-{}", c.word()), format!("ses-{}", c.word()), format!("{key}{}", c.word())]
    {
        refused(server.post(chat, &credential, everywhere(c).to_string().into()).await);
        refused(server.send("GET", "/v1/models", &[("x-api-key", &credential)], vec![]).await);
        refused(server.send("GET", "/v1/models", &[("authorization", &format!("Basic {credential}"))], vec![]).await);
    }
    for body in [
        json!({"username": c.word(), "password": c.word(), "otp": "123456"}),
        json!({"username": "clinician", "password": c.word(), "otp": c.word()}),
        json!({"username": "clinician", "password": PASSWORD, "otp": c.word()}),
        json!({"username": "clinician", "password": PASSWORD, c.field(): c.word()}),
        json!({"username": c.note(), "password": {c.word(): 1}}),
    ] {
        refused(server.send("POST", "/admin/v1/login", &[], body.to_string().into()).await);
    }
    let officer = server.session("admin").await;
    for (path, body) in [
        ("/admin/v1/users", json!({"username": c.note(), "password": c.word(), "roles": ["clinician"]})),
        ("/admin/v1/users", json!({"username": "new-one", "password": "short", "roles": [c.word()]})),
        ("/admin/v1/users", json!({"username": "new-one", "password": c.word(), c.field(): 1})),
        ("/admin/v1/keys", json!({"name": "k", "roles": [c.word()], "purposes": [c.word()], "expires_in_days": 3})),
    ] {
        refused(server.post(path, &officer, body.to_string().into()).await);
        refused(server.post(path, &key, body.to_string().into()).await);
    }
    for (target, headers) in
        [(format!("/{}%ff", c.word()), String::new()), ("/v1/models".into(), format!("{}: {}\r\n", c.word(), c.word()))]
    {
        heard.push(server.raw("GET", &target, &headers).await.into_bytes());
    }
    let mut socket = tokio::net::TcpStream::connect(server.addr()).await.unwrap();
    let plain = format!("POST /{} HTTP/1.1\r\nhost: {}\r\n\r\n{}", c.word(), c.word(), c.word());
    socket.write_all(plain.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _reset = socket.read_to_end(&mut answer).await;
    heard.push(answer);
    heard
}

#[tokio::test]
async fn no_word_of_a_callers_is_written_in_the_clear_anywhere() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    subscriber.try_init().unwrap();
    let mut server = Server::builder().limits(|l| l.failed_auth_per_minute = 10_000).start().await;
    let c = Canaries::default();
    let mut heard = good(&server, &c).await;
    heard.extend(bad(&server, &c).await);
    heard.push(metrics(&server, "/metrics").await);
    heard.push(metrics(&server, &format!("/{}", c.word())).await);
    let key = reading_key(&server);
    let hunt = Hunt::new(c.all());
    let (files, bytes, found) = hunt.through(server.dir());
    assert_eq!(found, [""; 0], "while it runs");
    assert!(files > 8 && bytes > 200_000, "only {files} files with {bytes} bytes were looked through");
    server.auth().flush().await.unwrap();
    server.stop().await;
    server.log().close().await;
    assert_eq!(hunt.through(server.dir()).2, [""; 0], "after it has stopped");
    for bytes in &heard {
        assert_eq!(hunt.found(bytes), BTreeSet::new(), "in {}", String::from_utf8_lossy(bytes));
    }
    let logged = lines.0.lock().unwrap().clone();
    assert!(logged.len() > 1000, "nothing was logged at all");
    for line in String::from_utf8_lossy(&logged).lines() {
        assert_eq!(hunt.found(line.as_bytes()), BTreeSet::new(), "logged: {line}");
    }

    // The hunt can find: what was sealed is all there, for who has the reading key.
    let requests = by_request(server.entries());
    let entries = requests.values().flatten().filter(|e| e.content.is_some());
    let clear: Vec<u8> = entries.flat_map(|e| opened(&server, e, &key)).collect();
    let sealed = hunt.found(&clear);
    assert!(sealed.len() > 300, "only {} canaries were recorded", sealed.len());
    let first = Canaries::default();
    let _same_words = everywhere(&first);
    for canary in first.all() {
        assert!(sealed.contains(canary.as_str()), "{canary} was in a request and is in no record of it");
    }
}
