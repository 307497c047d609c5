//! What is sealed in the log, from the command line: opened, held, erased.

use crate::support::{Serving, medlock, models};
use medlock_keys::totp::TotpSecret;
use serde_json::{Value, json};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

const NOTE: &str = "Patient John Smith, MRN 48213377, was seen for a cough.";

#[test]
fn a_security_officer_opens_holds_and_erases() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path();
    medlock(data, "", &["init"]).code(0);
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let config = data.join("medlock.toml");
    let text = fs::read_to_string(&config).unwrap().replace("127.0.0.1:8443", &address);
    // Another system writes it, beside the data.
    let on_duty = tempfile::tempdir().unwrap();
    let treats = on_duty.path().join("treats.csv");
    fs::write(&treats, "dr-lee, 48213377\n").unwrap();
    let content = "[audit.content]\nbackups = \"nightly 35\"\n";
    let content = format!("{content}[patient]\nrelationships = {:?}\n", treats.to_str().unwrap());
    fs::write(&config, format!("{text}dir = {:?}\n{content}", models.to_str().unwrap())).unwrap();
    let add = ["user", "add", "officer", "--role", "security-officer", "--json"];
    let officer = medlock(data, "a passphrase for officers\n", &add).code(0).json();
    let officer = TotpSecret::from_base32(officer["totp_secret"].as_str().unwrap()).unwrap();
    let add = ["user", "add", "dr-lee", "--role", "clinician", "--json"];
    let lee = medlock(data, "another fine passphrase\n", &add).code(0).json();
    let lee = lee["id"].as_str().unwrap().to_owned();
    let create = ["token", "create", "notes", "--owner", "dr-lee", "--role", "clinician", "--purpose", "treatment"];
    let key = medlock(data, "", &create).code(0).out;

    let mut server = Serving::start(data, &["serve"], " serving ");
    let (status, request) = ask(data, &address, key.trim());
    assert_eq!(status, 200);
    fs::write(on_duty.path().join("new"), "dr-lee, 5550001\n").unwrap();
    fs::rename(on_duty.path().join("new"), &treats).unwrap();
    assert_eq!(ask(data, &address, key.trim()).0, 403, "not theirs any more");
    // One code each, in the order of their time steps: the one before this is good until this one is over.
    while now() % 30 > 10 {
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let code = |step: i64| officer.code_at(now() + 30 * step);
    let input = format!("a passphrase for officers\n{}\n", code(-1));
    medlock(data, &input, &["session", "login", "officer"]).code(0);
    let found = medlock(data, "48213377\n", &["audit", "search", "--patient", "-", "--kind", "permit"]).code(0).out;
    assert!(found.contains(&request) && !found.contains("48213377"), "{found}");
    let reading = data.join("keys/audit-reading.key");
    let open = ["audit", "open", &request, "--reading-key", reading.to_str().unwrap(), "--reason", "review"];
    let once = format!("{}\n", code(0));
    let opened = medlock(data, &once, &open).code(0).out;
    assert!(opened.contains("What came") && opened.contains("48213377"), "{opened}");
    assert!(opened.contains("What the model saw") && opened.contains("MRN-1"), "{opened}");
    let used = medlock(data, &once, &open).code(1);
    assert!(used.err.contains("used before") && used.out.is_empty(), "{}", used.err);
    let hold = ["audit", "hold", "add", "--owner", &lee, "--reason", "legal", "--json"];
    let number = medlock(data, &format!("{}\n", code(1)), &hold).code(0).json()["hold"].to_string();
    assert_eq!(server.stop("-TERM"), 0);

    replays(data);

    // The same on the files, as the local operator.
    let erase = ["audit", "erase", "--patient", "-", "--reason", "patient-request"];
    assert!(medlock(data, "48213377\n", &erase).code(2).err.contains("--yes"));
    let erase = [&erase[..], &["--yes"]].concat();
    let held = medlock(data, "48213377\n", &erase).code(1);
    assert!(held.err.contains(&format!("hold {number}")), "{}", held.err);
    assert!(medlock(data, "", &["audit", "hold", "list"]).code(0).out.contains(&lee));
    medlock(data, "", &["audit", "hold", "lift", &number, "--reason", "legal"]).code(0);
    assert!(medlock(data, "", &["audit", "erase", "--reason", "legal", "--yes"]).code(2).err.contains("say what"));
    let certificate = medlock(data, "48213377\n", &erase).code(0).out;
    let certificate: Value = serde_json::from_str(&certificate).unwrap();
    assert_eq!(certificate["backups"][0]["name"], "nightly");
    let proof = data.join("erased.tlog-proof");
    fs::write(&proof, certificate["proof"].as_str().unwrap()).unwrap();
    medlock(data, "", &["audit", "verify", "--proof", proof.to_str().unwrap()]).code(0);
    let opened = medlock(data, "", &open).code(0).out;
    assert!(opened.contains("erased with the key hld_") && !opened.contains("48213377"), "{opened}");
    medlock(data, "", &["audit", "verify"]).code(0);
    medlock(data, "", &["audit", "index", "check"]).code(0);
    assert!(medlock(data, "48213377\n", &erase).code(1).err.contains("no such"), "they are nobody now");
}

/// Asks about a patient; the status, and the request's id.
fn ask(data: &Path, address: &str, key: &str) -> (u16, String) {
    let _already = medlock_gateway::provider().install_default();
    let ca = reqwest::Certificate::from_pem(&fs::read(data.join("tls/ca.pem")).unwrap()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let body = json!({"model": "smollm2-135m-instruct", "max_tokens": 4,
        "messages": [{"role": "user", "content": NOTE}]});
    runtime.block_on(async {
        let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
        let request = client.post(format!("https://{address}/v1/chat/completions")).bearer_auth(key);
        let request = request.header("x-medlock-patient", "MRN 48213377").header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), answer.headers()["x-request-id"].to_str().unwrap().to_owned())
    })
}

#[expect(clippy::disallowed_methods, reason = "the server under test has the real clock")]
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Other policies are asked about the two requests of the past: one that was let through, one that was not.
fn replays(data: &Path) {
    let own = data.join("own");
    let dir = own.to_str().unwrap();
    medlock(data, "", &["policy", "init", dir]).code(0);
    let replay = ["policy", "replay", dir];
    let same = medlock(data, "", &replay).code(0);
    assert!(same.err.contains("2 requests since") && same.out.is_empty(), "{} {}", same.out, same.err);
    let edit = |file: &str, from: &str, to: &str| {
        let path = own.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).unwrap();
    };
    edit("everybody.cedar", "[\"unrelated\", \"unknown\"]", "[\"unknown\"]");
    edit("clinician.cedar", "action == Medlock::Action::\"restore\"", "action == Medlock::Action::\"chat:identified\"");
    let differs = medlock(data, "", &replay).code(1).out;
    let lines: Vec<&str> = differs.lines().collect();
    assert_eq!(lines.len(), 2, "{differs}");
    assert!(
        lines[0]
            .starts_with("+ clinician, key: patient_scope_required -> tokenize for treatment: 1 request, such as req_"),
        "{differs}"
    );
    assert!(
        lines[1].starts_with("+ clinician, key: tokenize for treatment, restored -> tokenize for treatment:"),
        "{differs}"
    );
    edit("clinician.cedar", "Medlock::Action::\"chat:tokenize\",\n", "");
    edit("clinician.cedar", "Medlock::Action::\"chat:redact\",\n", "");
    edit("clinician.cedar", "Medlock::Action::\"chat:block\"\n", "Medlock::Action::\"chat:identified\"\n");
    let gone = medlock(data, "", &[&replay[..], &["--json"]].concat()).code(1).json();
    assert_eq!((&gone["compared"], &gone["left_out"]), (&2.into(), &0.into()), "{gone}");
    assert!(gone["changes"].as_array().unwrap().iter().any(|c| c["permits"] == false), "{gone}");
    let nothing = medlock(data, "", &[&replay[..], &["--since", "2030-01-01T00:00:00Z"]].concat()).code(0);
    assert!(nothing.err.contains("0 requests"), "{}", nothing.err);
    assert!(medlock(data, "", &[&replay[..], &["--since", "soon"]].concat()).code(2).err.contains("--since"));
}
