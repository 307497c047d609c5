//! Models that a site brings: signed, promoted, put back, taken out.

use crate::support::{Serving, medlock, models};
use medlock_keys::totp::TotpSecret;
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn line_with<'o>(out: &'o str, what: &str) -> &'o str {
    out.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what} is not in\n{out}"))
}

#[test]
fn a_model_of_ones_own_is_loaded_when_it_is_signed_and_promoted() {
    let Some(shipped) = models() else { return };
    let place = tempfile::tempdir().unwrap();
    let data = place.path();
    let made = medlock(data, "", &["init", "--json"]).code(0).json();
    let text = |name: &str| made["administrator"][name].as_str().unwrap().to_owned();
    let (password, totp) = (text("password"), text("totp_secret"));
    let file = shipped.join("smollm2-135m-instruct/SmolLM2-135M-Instruct.Q4_1.gguf");
    let path = |name: &str| data.join(name).to_str().unwrap().to_owned();
    let key = |name: &str| medlock(data, "", &["key", "signer", name, data.to_str().unwrap()]).code(0).out;
    let (ada, grace) = (key("ada"), key("grace"));
    let import = |file: &Path, note: &str| {
        let about = ["--licence", "Apache-2.0", "--source", "our share", "--use", "summaries", "--note", note];
        let args = ["model", "import", file.to_str().unwrap(), "--name", "site-1", "--key", &path("ada.key")];
        medlock(data, "", &[&args[..], &about].concat())
    };
    // What is no model is not taken, and leaves nothing behind.
    fs::write(data.join("no.gguf"), "GGUF, or so it says").unwrap();
    assert!(import(&data.join("no.gguf"), "x").code(2).err.contains("GGUF"));
    let brought = import(&file, "not evaluated").code(0).out;
    let first = brought.trim().rsplit(' ').next().unwrap().to_owned();
    assert_eq!(first.len(), 64);
    assert!(import(&file, "two\nlines").code(2).err.contains("one line"));
    for name in ["a/../../b", "quarantine"] {
        let about = ["--licence", "x", "--source", "x", "--use", "x", "--note", "x", "--key", &path("ada.key")];
        let args = ["model", "import", file.to_str().unwrap(), "--name", name];
        assert!(medlock(data, "", &[&args[..], &about].concat()).code(2).err.contains("no slash"));
    }
    assert_eq!(fs::read_dir(data.join("models")).unwrap().count(), 1, "what was not kept leaves nothing");

    let promote = |version: &str| medlock(data, "", &["model", "promote", "site-1", version]);
    assert!(promote(&first).code(1).err.contains("set [model] signers"));
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap();
    let settings = |more: &str| fs::write(&config, format!("{text}\nsigners = {:?}\n{more}", path("signers"))).unwrap();
    fs::write(data.join("signers"), format!("{ada}{grace}")).unwrap();
    settings("signatures = 2\n");
    assert!(promote(&first).code(1).err.contains("1 of 2 have signed: ada"));
    medlock(data, "", &["model", "sign", "site-1", "--key", &path("grace.key")]).code(0);
    promote(&first[..12]).code(0);
    assert!(line_with(&medlock(data, "", &["model", "list"]).code(0).out, "site-1").contains("promoted"));
    settings("");

    // Another version: one byte of the weights.
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let other = data.join("other.gguf");
    fs::write(&other, &bytes).unwrap();
    let second = import(&other, "another").code(0).out.trim().rsplit(' ').next().unwrap().to_owned();
    promote("").code(1);
    promote(&second).code(0);
    let verified = |name: &str| medlock(data, "", &["model", "verify", name]);
    assert!(verified("site-1").code(0).out.contains(&second));
    medlock(data, "", &["model", "rollback", "site-1"]).code(0);
    assert!(verified("site-1").code(0).out.contains(&first));
    medlock(data, "", &["model", "rollback", "site-1"]).code(1);
    medlock(data, "", &["model", "quarantine", "site-1", &second]).code(0);
    assert!(!medlock(data, "", &["model", "list"]).code(0).out.contains(&second));
    promote(&second).code(1);

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    // It serves, under its name; and what is changed on disk does not.
    let named = fs::read_to_string(&config).unwrap().replace("smollm2-135m-instruct", "site-1");
    let named = if named.contains("\"site-1\"") { named } else { format!("{named}\nname = \"site-1\"\n") };
    fs::write(&config, named.replace("127.0.0.1:8443", &address)).unwrap();
    let add = ["user", "add", "dr-lee", "--role", "clinician"];
    medlock(data, "another fine passphrase\n", &add).code(0);
    let create = ["token", "create", "notes", "--owner", "dr-lee", "--role", "clinician", "--purpose", "treatment"];
    let api_key = medlock(data, "", &create).code(0).out;
    let api_key_after = api_key.clone();
    let mut server = Serving::start(data, &["serve"], "serving");
    // Another version takes over while it serves.
    let third = import(&other, "another").code(0).out.trim().rsplit(' ').next().unwrap().to_owned();
    medlock(data, "", &["model", "promote", "site-1", &third]).code(1);
    let admin = TotpSecret::from_base32(&totp).unwrap();
    let login = format!("{password}\n{}\n", admin.code_at(now()));
    medlock(data, &login, &["session", "login", "admin"]).code(0);
    // What runs goes on with the one before, to its end.
    let (begun, wait) = mpsc::channel();
    let (ca, at, api_key) = (fs::read(data.join("tls/ca.pem")).unwrap(), address.clone(), api_key.trim().to_owned());
    let running = thread::spawn(move || stream(&ca, &at, &api_key, || begun.send(()).unwrap()));
    wait.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(medlock(data, "", &["model", "promote", "site-1", &third]).code(0).out.contains("serves from now on"));
    assert!(!running.is_finished(), "the answer was over before: it proves nothing");
    let answer = running.join().unwrap();
    let ended = answer.matches("\"finish_reason\":\"").count();
    assert!(ended == 3 && answer.contains("data: [DONE]"), "{ended} of 3 choices ended: {answer}");
    let serving = medlock(data, "", &["model", "quarantine", "site-1", &third]).code(1).err;
    assert!(serving.contains("it serves"), "{serving}");
    medlock(data, "", &["model", "rollback", "site-1"]).code(0);
    medlock(data, "", &["model", "quarantine", "site-1", &third]).code(0);
    // What is changed on disk while it serves is noticed; what serves is a copy.
    let weights = data.join(format!("models/site-1/versions/{first}.gguf"));
    fs::write(&weights, &bytes).unwrap();
    let noticed = (0..150).any(|_| {
        thread::sleep(Duration::from_millis(200));
        !weights.exists()
    });
    assert!(noticed, "it is moved aside");
    let (ca, api_key) = (fs::read(data.join("tls/ca.pem")).unwrap(), api_key_after.trim().to_owned());
    assert!(stream(&ca, &address, &api_key, || ()).contains("data: [DONE]"));
    assert_eq!(server.stop("-TERM"), 0);
    let drifted = medlock(data, "", &["audit", "show", "--kind", "admin_outcome"]).code(0).out;
    assert!(line_with(&drifted, "model_drifted").contains("failed"), "{drifted}");
    let loaded = medlock(data, "", &["audit", "show", "--kind", "model_loaded"]).code(0).out;
    assert!(loaded.contains("site-1") && loaded.contains(&first), "{loaded}");
    let done = medlock(data, "", &["audit", "show", "--kind", "admin_outcome"]).code(0).out;
    for verb in ["promote_model", "roll_back_model", "quarantine_model"] {
        assert!(line_with(&done, verb).contains("weights="), "{done}");
    }
    fs::write(&weights, &bytes).unwrap();
    let refused = medlock(data, "", &["serve"]).code(1).err;
    assert!(refused.contains("site-1") && refused.contains("SHA-256"), "{refused}");
    assert!(!weights.exists(), "it was moved aside");

    // Nor does what somebody else says of it.
    let note = data.join(format!("models/site-1/versions/{first}.note"));
    let signed = fs::read_to_string(&note).unwrap();
    fs::write(&note, signed.replace("use summaries", "use diagnoses")).unwrap();
    assert!(medlock(data, "", &["serve"]).code(1).err.contains("not signed as it has to be"));
}

#[expect(clippy::disallowed_methods, reason = "the server under test has the real clock")]
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Reads a long answer to its end; says when it has begun.
fn stream(ca: &[u8], address: &str, key: &str, begun: impl Fn()) -> String {
    let _already = medlock_gateway::provider().install_default();
    let ca = reqwest::Certificate::from_pem(ca).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let messages = json!([{"role": "user", "content": "Write a very long story about a lighthouse."}]);
    let body = json!({"model": "site-1", "max_tokens": 200, "n": 3, "stream": true, "seed": 1, "messages": messages});
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let request = client.post(format!("https://{address}/v1/chat/completions")).bearer_auth(key);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let mut answer = request.send().await.unwrap();
        let mut text = String::new();
        while let Some(chunk) = answer.chunk().await.unwrap() {
            if text.is_empty() {
                begun();
            }
            text += std::str::from_utf8(&chunk).unwrap();
        }
        text
    })
}
