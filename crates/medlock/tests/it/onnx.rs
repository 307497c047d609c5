//! A token classifier of the user's own, from the configuration to what is found and served.

use crate::support::{Ran, Serving, medlock, models};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The runtime that setup fetched; where it is neither there nor asked for, what needs it is skipped.
fn library() -> Option<PathBuf> {
    let asked = std::env::var_os("MEDLOCK_TEST_ONNX_LIBRARY").map(PathBuf::from);
    let must = asked.is_some() || std::env::var_os("CI").is_some();
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/onnxruntime/libonnxruntime.so");
    let path = asked.unwrap_or_else(default);
    assert!(path.exists() || !must, "no ONNX Runtime at {}: run `make setup`", path.display());
    path.exists().then_some(path)
}

/// An installation's directory whose configuration has `lines` under `[detector]`.
fn configured(data: &Path, lines: &str) {
    let file = data.join("medlock.toml");
    let text = fs::read_to_string(&file).unwrap_or_default();
    fs::create_dir_all(data).unwrap();
    fs::write(file, format!("{text}\n[detector]\n{lines}\n")).unwrap();
}

fn onnx(library: &Path) -> String {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../medlock-onnx/tests/data/tiny");
    format!("preset = \"rules\"\nonnx = {{ dir = {model:?}, library = {library:?}, threshold = 0.5 }}")
}

const NOTE: &str = "a note of the zwirbel quast, née cough\n";

#[test]
fn the_commands_use_the_configured_detector() {
    let Some(library) = library() else { return };
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], stdin: &str| -> Ran { medlock(dir.path(), stdin, &[&["deid"], args].concat()) };
    let plain = tempfile::tempdir().unwrap();
    configured(plain.path(), "preset = \"rules\"");
    let nothing = medlock(plain.path(), NOTE, &["deid", "explain"]).code(0);
    assert!(nothing.err.contains("nothing was found"), "the rules know it: {}", nothing.out);
    configured(dir.path(), &onnx(&library));

    let json = run(&["explain", "--show-values", "--json"], NOTE).code(0).json();
    let found = &json["findings"][0];
    assert_eq!((&found["value"], &found["class"]), (&"zwirbel quast".into(), &"NAME".into()));
    assert_eq!(found["detectors"][0], "onnx:tiny");
    let version = json["detector"].as_str().unwrap().to_owned();
    assert!(version.contains("+rules+onnx:tiny@"), "{version}");

    let gold = r#"{"id":"1","text":"a note of the zwirbel","spans":[{"start":14,"end":21,"label":"NAME"}]}"#;
    assert_eq!(run(&["eval", "-", "--json"], gold).code(0).json()["docs_clean_rate"], 1.0);
    assert_eq!(medlock(plain.path(), gold, &["deid", "eval", "-", "--json"]).code(0).json()["docs_clean_rate"], 0.0);

    let notes = dir.path().join("notes.jsonl");
    fs::write(&notes, gold).unwrap();
    let certify = ["certify", notes.to_str().unwrap(), "--unsigned", "--json"];
    let own = run(&certify, "").code(0).json();
    assert_eq!(own["statement"]["detector"]["version"], version.as_str());
    let other = medlock(plain.path(), "", &[&["deid"], &certify[..]].concat()).code(0).json();
    let digest = |v: &serde_json::Value| v["statement"]["detector"]["sha256"]["rules_and_lists"].clone();
    assert!(digest(&own) != digest(&other) && digest(&own).is_string());
}

#[test]
fn what_cannot_be_loaded_stops_every_command() {
    let dir = tempfile::tempdir().unwrap();
    configured(dir.path(), &onnx(Path::new("/nowhere/libonnxruntime.so")));
    let ran = medlock(dir.path(), NOTE, &["deid", "explain"]).code(2);
    assert!(ran.err.contains("cannot read /nowhere/libonnxruntime.so"), "{}", ran.err);
    assert!(ran.out.is_empty());
    let serve = medlock(dir.path(), "", &["serve"]).code(2);
    assert!(serve.err.contains("/nowhere/libonnxruntime.so"), "{}", serve.err);
}

/// Under the server's confinement, which begins after the model has been loaded.
#[test]
fn a_server_finds_with_it() {
    let (Some(library), Some(models)) = (library(), models()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    medlock(data, "", &["init", "--json"]).code(0);
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", &format!("127.0.0.1:{port}"));
    fs::write(&config, format!("{text}dir = {:?}\n", models.to_str().unwrap())).unwrap();
    configured(data, &onnx(&library));
    medlock(data, "another fine passphrase\n", &["user", "add", "dr-lee", "--role", "clinician"]).code(0);
    let create = ["token", "create", "notes", "--owner", "dr-lee", "--role", "clinician", "--purpose", "treatment"];
    let key = medlock(data, "", &create).code(0).out;
    let mut server = Serving::start(data, &["serve"], "+onnx:tiny@");
    let body = serde_json::json!({
        "model": "smollm2-135m-instruct", "max_tokens": 8, "messages": [{"role": "user", "content": NOTE}],
    });
    let found = found_in(&fs::read(data.join("tls/ca.pem")).unwrap(), port, key.trim(), &body.to_string());
    assert_eq!(found, "NAME=1");
    assert_eq!(server.stop("-TERM"), 0);
    let permits = medlock(data, "", &["audit", "show", "--kind", "permit"]).code(0).out;
    assert!(permits.contains("+rules+onnx:tiny@") && permits.contains("found_classes=NAME=1"), "{permits}");
}

/// What the server says that it found in a request.
#[tokio::main(flavor = "current_thread")]
async fn found_in(ca: &[u8], port: u16, key: &str, body: &str) -> String {
    let _already = medlock_gateway::provider().install_default();
    let ca = reqwest::Certificate::from_pem(ca).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
    for _ in 0..100 {
        let request = client.post(format!("https://localhost:{port}/v1/chat/completions")).bearer_auth(key);
        let sent = request.header("content-type", "application/json").body(body.to_owned()).send().await;
        match sent {
            Ok(response) if response.status().as_u16() == 200 => {
                return response.headers()["x-medlock-findings"].to_str().unwrap().to_owned();
            }
            Ok(response) => panic!("{}: {}", response.status(), response.text().await.unwrap()),
            // It is not there yet.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
    panic!("the server did not answer");
}
